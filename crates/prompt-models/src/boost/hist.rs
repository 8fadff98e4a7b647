//! Histogram gradient boosting.

use std::collections::BTreeMap;

use prompt_core::{
    ClassWeight, Error, FitContext, Learner, Legal, Matrix, Output, Params, Result, Tags, Target, params,
};

use super::fit::{Data, Early, Plan, Rows, boost};
use super::fitted::BoostedTrees;
use super::grow::Shape;
use super::loss::{Goal, Loss};
use super::split::Rules;
use crate::linear::Problem;
use crate::tree::bins::BinOptions;

/// A number in (0, 1].
const SHARE: Legal = Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: false };
/// A number in (0, 1).
const PART: Legal = Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: true };

/// Both learners have these parameters; `$more` are those of one of them.
macro_rules! hist_params {
    ($(#[$meta:meta])* $name:ident { $($more:tt)* }) => {
        params! {
            $(#[$meta])*
            pub struct $name named "hist_gradient_boosting" checked by $name::agree {
                $($more)*
                /// What each tree's values are multiplied by.
                learning_rate: f64 = 0.1, Legal::positive();
                /// Rounds; each adds a tree (for more than two classes a tree a class).
                max_iter: usize = 100, Legal::at_least(1);
                /// Most leaves of a tree; none for no limit.
                max_leaf_nodes: Option<usize> = Some(31), Legal::at_least(2).or_none();
                /// Most splits between root and leaf; none for no limit.
                max_depth: Option<usize> = None, Legal::at_least(1).or_none();
                /// Fewest rows of a leaf. Rows are counted by their share of the node's second derivatives, which is
                /// exact for unweighted squared, absolute and quantile loss, and an estimate elsewhere.
                min_samples_leaf: usize = 20, Legal::at_least(1);
                /// Least sum of second derivatives of a leaf.
                min_child_weight: f64 = 1e-3, Legal::not_negative();
                /// Least gain of a split.
                min_gain: f64 = 0.0, Legal::not_negative();
                /// L1 penalty of the leaves' values.
                l1_regularization: f64 = 0.0, Legal::not_negative();
                /// L2 penalty of the leaves' values.
                l2_regularization: f64 = 0.0, Legal::not_negative();
                /// Most bins of a column, without that of missing numbers.
                max_bins: usize = 255, Legal::int(2, 255);
                /// `leaf_wise` splits the leaf that gains most, `depth_wise` one of the lowest depth.
                growth: String = "leaf_wise".to_owned(), Legal::OneOf(&["leaf_wise", "depth_wise"]);
                /// Share of the columns that a tree may split on, drawn anew for each.
                max_features: f64 = 1.0, SHARE;
                /// Share of the rows that a round learns from, drawn anew for each.
                subsample: f64 = 1.0, SHARE;
                /// Gradient-based one-side sampling: after the first 1 / `learning_rate` rounds a round sees the rows
                /// with the largest gradients (`top_rate`) and some others (`other_rate`), which count for the rest.
                goss: bool = false, Legal::Bool;
                /// Share of the rows with the largest gradients, for `goss`.
                top_rate: f64 = 0.2, PART;
                /// Share of the other rows, for `goss`.
                other_rate: f64 = 0.1, PART;
                /// Column name → 1 (the prediction must not fall as the column rises) or −1 (must not rise); for numbers and
                /// two classes, where it is the probability of the second.
                monotonic_cst: BTreeMap<String, i8> = BTreeMap::new(),
                    Legal::Any("a table column → 1 or −1");
                /// Categories with fewer rows than this say nothing in a node; also added to second derivatives when
                /// categories are put in order.
                cat_smooth: f64 = 10.0, Legal::not_negative();
                /// L2 penalty of the leaves below a set of categories.
                cat_l2: f64 = 10.0, Legal::not_negative();
                /// Most categories of a set.
                max_cat_threshold: usize = 32, Legal::at_least(1);
                /// Up to this many categories, each is tried against all others.
                max_cat_to_onehot: usize = 4, Legal::at_least(1);
                /// Fewest rows by which a set of categories grows, and that stay outside it.
                min_data_per_group: usize = 100, Legal::at_least(1);
                /// Whether to hold rows out and stop when their loss falls no more; the rounds after the best are
                /// forgotten.
                early_stopping: bool = false, Legal::Bool;
                /// Share of the rows to hold out.
                validation_fraction: f64 = 0.1, PART;
                /// Rounds without a better loss before it stops.
                n_iter_no_change: usize = 10, Legal::at_least(1);
                /// How much lower a loss must be to count as better.
                tol: f64 = 1e-7, Legal::not_negative();
            }
        }

        impl $name {
            fn agree(&self) -> Result<()> {
                if self.goss && self.top_rate + self.other_rate > 1.0 {
                    let legal = format!("at most 1 − top_rate = {}", 1.0 - self.top_rate);
                    return Err(Error::param(Self::NAME, "other_rate", legal, self.other_rate));
                }
                if self.goss && self.subsample < 1.0 {
                    return Err(Error::param(Self::NAME, "subsample", "1 with goss", self.subsample));
                }
                match self.monotonic_cst.iter().find(|(_, way)| ![-1, 0, 1].contains(*way)) {
                    Some((name, way)) => {
                        let what = format!("{name}: {way}");
                        Err(Error::param(Self::NAME, "monotonic_cst", "−1, 0 or 1 for each column", what))
                    }
                    None => Ok(()),
                }
            }

            fn plan(&self, loss: Loss, x: &Matrix) -> Result<Plan> {
                Ok(Plan {
                    loss,
                    least_squares: false,
                    rounds: self.max_iter,
                    learning_rate: self.learning_rate,
                    rules: Rules {
                        l1: self.l1_regularization,
                        l2: self.l2_regularization,
                        min_child_weight: self.min_child_weight,
                        min_samples_leaf: self.min_samples_leaf as f64,
                        min_gain: self.min_gain,
                        cat_smooth: self.cat_smooth,
                        cat_l2: self.cat_l2,
                        max_cat_threshold: self.max_cat_threshold,
                        max_cat_to_onehot: self.max_cat_to_onehot,
                        min_data_per_group: self.min_data_per_group as f64,
                    },
                    shape: Shape {
                        max_leaves: self.max_leaf_nodes.unwrap_or(usize::MAX),
                        max_depth: self.max_depth.unwrap_or(usize::MAX),
                        leaf_wise: self.growth == "leaf_wise",
                    },
                    bins: BinOptions { max_bins: self.max_bins, ..BinOptions::default() },
                    max_features: self.max_features,
                    rows: if self.goss {
                        Rows::OneSide { top: self.top_rate, other: self.other_rate }
                    } else {
                        Rows::Share(self.subsample)
                    },
                    monotone: monotone(Self::NAME, x, &self.monotonic_cst)?,
                    early: self.early_stopping.then_some(Early {
                        validation_fraction: self.validation_fraction,
                        patience: self.n_iter_no_change,
                        tol: self.tol,
                    }),
                })
            }
        }
    };
}

hist_params! {
    /// Histogram gradient boosting for classes, after LightGBM and scikit-learn's `HistGradientBoostingClassifier`.
    ///
    /// Log loss; for more than two classes a tree a class and round. Columns are cut into bins, trees grow leaf by
    /// leaf, NaN goes where it lowers the loss (to the larger side where the fit saw none), and columns marked as
    /// categories ([`Dense::with_categorical`](prompt_core::Dense::with_categorical)) are split into sets.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::boost::HistGradientBoostingClassifier;
    ///
    /// let x = Matrix::from(Dense::new(200, 1, (0..200).map(f64::from).collect()).unwrap());
    /// let y = Target::labels((0..200).map(|i| if (50..120).contains(&i) { "in" } else { "out" }));
    /// let model = HistGradientBoostingClassifier::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// let p = model.predict(&x).unwrap();
    /// assert!(p.row(80)[0] > 0.99 && p.row(10)[0] < 0.01);
    /// ```
    HistGradientBoostingClassifier {
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
    }
}

hist_params! {
    /// Histogram gradient boosting for numbers, after LightGBM and scikit-learn's `HistGradientBoostingRegressor`.
    ///
    /// `squared_error` predicts the mean, `absolute_error` the median, `quantile` that quantile (with both the leaves
    /// hold quantiles of what is left), `poisson` the mean of counts through e^z.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::boost::HistGradientBoostingRegressor;
    ///
    /// let x = Matrix::from(Dense::new(200, 1, (0..200).map(f64::from).collect()).unwrap());
    /// let y = Target::regression((0..200).map(|i| f64::from(i / 50)).collect()).unwrap();
    /// let model = HistGradientBoostingRegressor::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert!((model.predict(&x).unwrap().values().unwrap()[125] - 2.0).abs() < 0.01);
    /// ```
    HistGradientBoostingRegressor {
        /// What is minimised.
        loss: String = "squared_error".to_owned(),
            Legal::OneOf(&["squared_error", "absolute_error", "quantile", "poisson"]);
        /// The quantile that loss `quantile` predicts.
        quantile: f64 = 0.5, PART;
    }
}

/// The direction of every column; empty when none is bound.
fn monotone(who: &str, x: &Matrix, wanted: &BTreeMap<String, i8>) -> Result<Vec<i8>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut ways = vec![0; x.cols()];
    for (name, &way) in wanted {
        let Some(at) = x.names().iter().position(|n| n == name.as_str()) else {
            let known = x.names().iter().take(20).map(std::borrow::Cow::into_owned).collect::<Vec<_>>();
            return Err(Error::unknown("column in monotonic_cst", name, known));
        };
        let levels = if let Matrix::Dense(x) = x { x.categorical().map_or(0, |l| l[at]) } else { 0 };
        if way != 0 && levels > 0 {
            return Err(Error::unsupported(
                who,
                format!("a direction for the categories of column `{name}`"),
                "take it out of monotonic_cst",
            ));
        }
        ways[at] = way;
    }
    Ok(ways)
}

/// What trees take.
pub(super) const TREE_TAGS: Tags =
    Tags { missing: true, categorical: true, scale_free: true, ..Tags::CLASSIFIER };

/// The classes of a fit as boosting sees them.
pub(super) fn classes(who: &str, y: &Target, weight: &ClassWeight) -> Result<(Problem, Loss)> {
    let problem = Problem::new(who, y, weight, 2)?;
    let loss = if problem.present.len() == 2 { Loss::Binary } else { Loss::Softmax(problem.present.len()) };
    Ok((problem, loss))
}

/// Refuses targets that e^z cannot reach.
fn check_counts(who: &str, values: &[f64]) -> Result<()> {
    if let Some(row) = values.iter().position(|v| *v < 0.0) {
        return Err(Error::input(
            format!("{who}: loss `poisson`, but the target of row {row} is {}", values[row]),
            "give it numbers ≥ 0, or take another loss",
        ));
    }
    if values.iter().all(|v| *v == 0.0) {
        return Err(Error::input(
            format!("{who}: loss `poisson`, but every target is 0"),
            "give it some number above 0, or take another loss",
        ));
    }
    Ok(())
}

impl Learner for HistGradientBoostingClassifier {
    type Fitted = BoostedTrees;

    const TAGS: Tags = TREE_TAGS;

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<BoostedTrees> {
        let (problem, loss) = classes(Self::NAME, y, &self.class_weight)?;
        if problem.present.len() > 2 && self.monotonic_cst.values().any(|way| *way != 0) {
            // A margin may rise with a column and its share of all margins still fall.
            return Err(Error::unsupported(
                Self::NAME,
                format!("monotonic_cst with {} classes", problem.present.len()),
                "take it out, or learn two classes",
            ));
        }
        let plan = self.plan(loss, x)?;
        let data = Data { x, goal: Goal::Codes(&problem.codes), weights: problem.weights.as_deref() };
        let fitted = boost(&plan, &data, ctx)?;
        let settings = serde_json::to_value(self).unwrap_or_default();
        let output = (Output::Classes(problem.classes), problem.present);
        Ok(BoostedTrees::new((Self::NAME, settings), output, loss.link(), fitted))
    }
}

impl Learner for HistGradientBoostingRegressor {
    type Fitted = BoostedTrees;

    const TAGS: Tags = Tags { task: Tags::REGRESSOR.task, min_rows: 1, ..TREE_TAGS };

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<BoostedTrees> {
        let values = y.as_regression()?;
        let loss = match self.loss.as_str() {
            "absolute_error" => Loss::Absolute,
            "quantile" => Loss::Quantile(self.quantile),
            "poisson" => Loss::Poisson,
            _ => Loss::Squared,
        };
        if loss == Loss::Poisson {
            check_counts(Self::NAME, values)?;
        }
        let plan = self.plan(loss, x)?;
        let data = Data { x, goal: Goal::Numbers(values), weights: y.weights() };
        let fitted = boost(&plan, &data, ctx)?;
        let settings = serde_json::to_value(self).unwrap_or_default();
        let output = (Output::Values(vec!["value".to_owned()]), Vec::new());
        Ok(BoostedTrees::new((Self::NAME, settings), output, loss.link(), fitted))
    }
}
