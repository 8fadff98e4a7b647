//! Classic gradient boosting: shallow trees by least squares, leaves by a Newton step.

use prompt_core::{
    ClassWeight, FitContext, Learner, Legal, Matrix, Output, Params, Result, Tags, Target, params,
};

use super::fit::{Data, Early, Plan, Rows, boost};
use super::fitted::BoostedTrees;
use super::grow::Shape;
use super::hist::{TREE_TAGS, classes};
use super::loss::{Goal, Loss};
use super::split::Rules;
use crate::linear::Problem;
use crate::tree::bins::BinOptions;

/// A number in (0, 1].
const SHARE: Legal = Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: false };
/// A number in (0, 1).
const PART: Legal = Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: true };

/// Both learners have these parameters; `$more` are those of one of them.
macro_rules! classic_params {
    ($(#[$meta:meta])* $name:ident { $($more:tt)* }) => {
        params! {
            $(#[$meta])*
            pub struct $name named "gradient_boosting" {
                $($more)*
                /// What each tree's values are multiplied by.
                learning_rate: f64 = 0.1, Legal::positive();
                /// Rounds; each adds a tree (for more than two classes a tree a class).
                n_estimators: usize = 100, Legal::at_least(1);
                /// Share of the rows that a round learns from, drawn anew for each.
                subsample: f64 = 1.0, SHARE;
                /// Fewest rows of a leaf; weighted rows count by their weight over the mean weight.
                min_samples_leaf: usize = 1, Legal::at_least(1);
                /// Most splits between root and leaf; none for no limit.
                max_depth: Option<usize> = Some(3), Legal::at_least(1).or_none();
                /// Most leaves of a tree; none for no limit.
                max_leaf_nodes: Option<usize> = None, Legal::at_least(2).or_none();
                /// Share of the columns that a tree may split on, drawn anew for each.
                max_features: f64 = 1.0, SHARE;
                /// Rounds without a better loss of held-out rows before it stops; none to hold none out. The rounds
                /// after the best are forgotten.
                n_iter_no_change: Option<usize> = None, Legal::at_least(1).or_none();
                /// Share of the rows to hold out.
                validation_fraction: f64 = 0.1, PART;
                /// How much lower a loss must be to count as better.
                tol: f64 = 1e-4, Legal::not_negative();
            }
        }

        impl $name {
            fn plan(&self, loss: Loss) -> Plan {
                Plan {
                    loss,
                    least_squares: true,
                    rounds: self.n_estimators,
                    learning_rate: self.learning_rate,
                    rules: Rules {
                        min_child_weight: 0.0,
                        min_samples_leaf: self.min_samples_leaf as f64,
                        ..Rules::default()
                    },
                    shape: Shape {
                        max_leaves: self.max_leaf_nodes.unwrap_or(usize::MAX),
                        max_depth: self.max_depth.unwrap_or(usize::MAX),
                        leaf_wise: true,
                    },
                    bins: BinOptions::default(),
                    max_features: self.max_features,
                    rows: Rows::Share(self.subsample),
                    monotone: Vec::new(),
                    early: self.n_iter_no_change.map(|patience| Early {
                        validation_fraction: self.validation_fraction,
                        patience,
                        tol: self.tol,
                    }),
                }
            }
        }
    };
}

classic_params! {
    /// Gradient boosting for classes, as scikit-learn's `GradientBoostingClassifier`.
    ///
    /// Trees of depth 3 are fitted to what the probabilities miss, by least squares, over at most 255 bins a column
    /// (every distinct value, where there are no more). Leaves hold Σ(y − p) / Σp(1 − p), for K > 2 classes times
    /// (K − 1) / K. Slower than [`HistGradientBoostingClassifier`](super::HistGradientBoostingClassifier) for the
    /// same quality on large tables; NaN and categories are taken alike.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::boost::GradientBoostingClassifier;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[1.0], [2.0], [3.0], [4.0]]));
    /// let y = Target::labels(["low", "low", "high", "high"]);
    /// let model = GradientBoostingClassifier::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!(model.predict(&x).unwrap().labels().unwrap(), ["low", "low", "high", "high"]);
    /// ```
    GradientBoostingClassifier {
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
    }
}

classic_params! {
    /// Gradient boosting for numbers, as scikit-learn's `GradientBoostingRegressor`.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::boost::GradientBoostingRegressor;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[1.0], [2.0], [3.0], [4.0]]));
    /// let y = Target::regression(vec![0.0, 0.0, 1.0, 5.0]).unwrap();
    /// let model = GradientBoostingRegressor::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert!((model.predict(&x).unwrap().values().unwrap()[3] - 5.0).abs() < 0.01);
    /// ```
    GradientBoostingRegressor {
        /// What is minimised; with the last two, leaves hold the median or that quantile of what is left.
        loss: String = "squared_error".to_owned(),
            Legal::OneOf(&["squared_error", "absolute_error", "quantile"]);
        /// The quantile that loss `quantile` predicts.
        alpha: f64 = 0.9, PART;
    }
}

impl Learner for GradientBoostingClassifier {
    type Fitted = BoostedTrees;

    const TAGS: Tags = TREE_TAGS;

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<BoostedTrees> {
        let (problem, loss): (Problem, Loss) = classes(Self::NAME, y, &self.class_weight)?;
        let data = Data { x, goal: Goal::Codes(&problem.codes), weights: problem.weights.as_deref() };
        let fitted = boost(&self.plan(loss), &data, ctx)?;
        let settings = serde_json::to_value(self).unwrap_or_default();
        let output = (Output::Classes(problem.classes), problem.present);
        Ok(BoostedTrees::new((Self::NAME, settings), output, loss.link(), fitted))
    }
}

impl Learner for GradientBoostingRegressor {
    type Fitted = BoostedTrees;

    const TAGS: Tags = Tags { task: Tags::REGRESSOR.task, min_rows: 1, ..TREE_TAGS };

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<BoostedTrees> {
        let loss = match self.loss.as_str() {
            "absolute_error" => Loss::Absolute,
            "quantile" => Loss::Quantile(self.alpha),
            _ => Loss::Squared,
        };
        let data = Data { x, goal: Goal::Numbers(y.as_regression()?), weights: y.weights() };
        let fitted = boost(&self.plan(loss), &data, ctx)?;
        let settings = serde_json::to_value(self).unwrap_or_default();
        let output = (Output::Values(vec!["value".to_owned()]), Vec::new());
        Ok(BoostedTrees::new((Self::NAME, settings), output, loss.link(), fitted))
    }
}
