//! Forests for numbers.

use prompt_core::{FitContext, Learner, Legal, Matrix, Params, Result, Tags, Target, Task, params};

use super::plan::{Aim, Plan, Planned, draws};
use super::{Forest, MaxFeatures};
use crate::tree::grow::Options;

params! {
    /// A random forest for numbers, as scikit-learn's `RandomForestRegressor`.
    ///
    /// Every tree learns from rows drawn with replacement; the forest's value is the mean of its trees', and
    /// [`Forest::spread`] says how far the trees disagree. Numbers are looked at in bins; missing numbers and
    /// categorical columns are taken as they are.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::forest::RandomForestRegressor;
    ///
    /// let x = Matrix::from(Dense::new(200, 1, (0..200).map(f64::from).collect()).unwrap());
    /// let y = Target::regression((0..200).map(f64::from).collect()).unwrap();
    /// let model = RandomForestRegressor::default().n_estimators(20).fit(&x, &y, &FitContext::new(0)).unwrap();
    /// let value = model.predict(&Matrix::from(Dense::from_rows(&[[50.0]]))).unwrap().values().unwrap()[0];
    /// assert!((value - 50.0).abs() < 3.0);
    /// ```
    pub struct RandomForestRegressor named "random_forest" checked by RandomForestRegressor::agree {
        /// Number of trees.
        n_estimators: usize = 100, Legal::int(1, 100_000);
        /// What a split should lower.
        criterion: String = "squared_error".to_owned(), Legal::OneOf(&["squared_error"]);
        /// Most splits between the root and a leaf.
        max_depth: Option<usize> = None, Legal::at_least(1).or_none();
        /// Fewest rows of a node that is split.
        min_samples_split: usize = 2, Legal::at_least(2);
        /// Fewest rows of a leaf.
        min_samples_leaf: usize = 1, Legal::at_least(1);
        /// Columns drawn for each split.
        max_features: MaxFeatures = MaxFeatures::All, MaxFeatures::legal();
        /// Most leaves of a tree; the split that gains most comes first.
        max_leaf_nodes: Option<usize> = None, Legal::at_least(2).or_none();
        /// A node is split when that lowers the error by at least this much, weighted by its share of the rows.
        min_impurity_decrease: f64 = 0.0, Legal::not_negative();
        /// Whether each tree learns from rows drawn with replacement.
        bootstrap: bool = true, Legal::Bool;
        /// Share of the rows that is drawn for each tree; none for as many as there are.
        max_samples: Option<f64> = None, super::plan::share().or_none();
        /// Whether the forest is measured on the rows that its trees did not see.
        oob_score: bool = false, Legal::Bool;
        /// Most bins a column.
        max_bins: usize = 255, Legal::int(2, 255);
    }
}

params! {
    /// Extremely randomised trees for numbers, as scikit-learn's `ExtraTreesRegressor`.
    ///
    /// As [`RandomForestRegressor`], but one split of every drawn column is drawn evenly between its smallest and
    /// largest number in the node, and the best of these is taken; trees learn from all rows unless told otherwise.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::forest::ExtraTreesRegressor;
    ///
    /// let x = Matrix::from(Dense::new(200, 1, (0..200).map(f64::from).collect()).unwrap());
    /// let y = Target::regression((0..200).map(f64::from).collect()).unwrap();
    /// let model = ExtraTreesRegressor::default().n_estimators(20).fit(&x, &y, &FitContext::new(0)).unwrap();
    /// let value = model.predict(&Matrix::from(Dense::from_rows(&[[50.0]]))).unwrap().values().unwrap()[0];
    /// assert!((value - 50.0).abs() < 3.0);
    /// ```
    pub struct ExtraTreesRegressor named "extra_trees" checked by ExtraTreesRegressor::agree {
        /// Number of trees.
        n_estimators: usize = 100, Legal::int(1, 100_000);
        /// What a split should lower.
        criterion: String = "squared_error".to_owned(), Legal::OneOf(&["squared_error"]);
        /// Most splits between the root and a leaf.
        max_depth: Option<usize> = None, Legal::at_least(1).or_none();
        /// Fewest rows of a node that is split.
        min_samples_split: usize = 2, Legal::at_least(2);
        /// Fewest rows of a leaf.
        min_samples_leaf: usize = 1, Legal::at_least(1);
        /// Columns drawn for each split.
        max_features: MaxFeatures = MaxFeatures::All, MaxFeatures::legal();
        /// Most leaves of a tree; the split that gains most comes first.
        max_leaf_nodes: Option<usize> = None, Legal::at_least(2).or_none();
        /// A node is split when that lowers the error by at least this much, weighted by its share of the rows.
        min_impurity_decrease: f64 = 0.0, Legal::not_negative();
        /// Whether each tree learns from rows drawn with replacement.
        bootstrap: bool = false, Legal::Bool;
        /// Share of the rows that is drawn for each tree; none for as many as there are.
        max_samples: Option<f64> = None, super::plan::share().or_none();
        /// Whether the forest is measured on the rows that its trees did not see.
        oob_score: bool = false, Legal::Bool;
        /// Most bins a column.
        max_bins: usize = 255, Legal::int(2, 255);
    }
}

macro_rules! forest {
    ($name:ident, $random:literal) => {
        impl $name {
            fn agree(&self) -> Result<()> {
                self.max_features.check(Self::NAME)?;
                super::plan::check(Self::NAME, self.bootstrap, self.max_samples, self.oob_score)
            }
        }

        impl Learner for $name {
            type Fitted = Forest;

            const TAGS: Tags = Tags { task: Task::Regression, ..Forest::TAGS };

            fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<Forest> {
                self.plan(x.cols(), y)?.fit((Self::NAME, self), x, y, ctx)
            }
        }

        impl Planned for $name {
            fn plan<'a>(&'a self, columns: usize, y: &'a Target) -> Result<Plan<'a>> {
                Ok(Plan {
                    aim: Aim::numbers(y)?,
                    weights: y.weights().map(<[f64]>::to_vec),
                    options: Options {
                        max_depth: self.max_depth,
                        min_samples_split: self.min_samples_split,
                        min_samples_leaf: self.min_samples_leaf,
                        max_features: self.max_features.count(columns),
                        max_leaf_nodes: self.max_leaf_nodes,
                        min_impurity_decrease: self.min_impurity_decrease,
                        random: $random,
                        shuffled: true,
                        inner: false,
                    },
                    max_bins: self.max_bins,
                    trees: self.n_estimators,
                    draws: draws(self.bootstrap, self.max_samples),
                    oob: self.oob_score,
                })
            }
        }
    };
}

forest!(RandomForestRegressor, false);
forest!(ExtraTreesRegressor, true);
