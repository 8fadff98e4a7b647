//! Forests for classes.

use prompt_core::{ClassWeight, FitContext, Learner, Legal, Matrix, Params, Result, Tags, Target, params};

use super::plan::{Aim, Plan, Planned, draws};
use super::{Forest, MaxFeatures};
use crate::tree::grow::Options;

params! {
    /// A random forest for classes, as scikit-learn's `RandomForestClassifier`.
    ///
    /// Every tree learns from rows drawn with replacement and chooses each split among a few drawn columns; the
    /// forest's probabilities are the mean of its trees' (soft votes), and [`Forest::spread`] says how far the trees
    /// disagree. Numbers are looked at in bins, of which the trees see the borders only, so that large tables cost
    /// little. Missing numbers and categorical columns are taken as they are.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::forest::RandomForestClassifier;
    ///
    /// let x = Matrix::from(Dense::new(200, 1, (0..200).map(f64::from).collect()).unwrap());
    /// let y = Target::labels((0..200).map(|i| if i < 120 { "low" } else { "high" }));
    /// let forest = RandomForestClassifier::default().n_estimators(20).oob_score(true);
    /// let model = forest.fit(&x, &y, &FitContext::new(0)).unwrap();
    /// let new = Matrix::from(Dense::from_rows(&[[20.0], [180.0]]));
    /// assert_eq!(model.predict(&new).unwrap().labels().unwrap(), ["low", "high"]);
    /// assert!(model.oob_score().unwrap() > 0.95);
    /// ```
    pub struct RandomForestClassifier named "random_forest" checked by RandomForestClassifier::agree {
        /// Number of trees.
        n_estimators: usize = 100, Legal::int(1, 100_000);
        /// What a split should lower.
        criterion: String = "gini".to_owned(), Legal::OneOf(&["gini", "entropy", "log_loss"]);
        /// Most splits between the root and a leaf.
        max_depth: Option<usize> = None, Legal::at_least(1).or_none();
        /// Fewest rows of a node that is split.
        min_samples_split: usize = 2, Legal::at_least(2);
        /// Fewest rows of a leaf.
        min_samples_leaf: usize = 1, Legal::at_least(1);
        /// Columns drawn for each split.
        max_features: MaxFeatures = MaxFeatures::Sqrt, MaxFeatures::legal();
        /// Most leaves of a tree; the split that gains most comes first.
        max_leaf_nodes: Option<usize> = None, Legal::at_least(2).or_none();
        /// A node is split when that lowers the impurity by at least this much, weighted by its share of the rows.
        min_impurity_decrease: f64 = 0.0, Legal::not_negative();
        /// Whether each tree learns from rows drawn with replacement.
        bootstrap: bool = true, Legal::Bool;
        /// Share of the rows that is drawn for each tree; none for as many as there are.
        max_samples: Option<f64> = None, super::plan::share().or_none();
        /// Whether the forest is measured on the rows that its trees did not see.
        oob_score: bool = false, Legal::Bool;
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
        /// Most bins a column.
        max_bins: usize = 255, Legal::int(2, 255);
    }
}

params! {
    /// Extremely randomised trees for classes, as scikit-learn's `ExtraTreesClassifier`.
    ///
    /// As [`RandomForestClassifier`], but one split of every drawn column is drawn evenly between its smallest and
    /// largest number in the node, and the best of these is taken; trees learn from all rows unless told otherwise.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::forest::ExtraTreesClassifier;
    ///
    /// let x = Matrix::from(Dense::new(200, 1, (0..200).map(f64::from).collect()).unwrap());
    /// let y = Target::labels((0..200).map(|i| if i < 120 { "low" } else { "high" }));
    /// let model = ExtraTreesClassifier::default().n_estimators(20).fit(&x, &y, &FitContext::new(0)).unwrap();
    /// let new = Matrix::from(Dense::from_rows(&[[20.0], [180.0]]));
    /// assert_eq!(model.predict(&new).unwrap().labels().unwrap(), ["low", "high"]);
    /// ```
    pub struct ExtraTreesClassifier named "extra_trees" checked by ExtraTreesClassifier::agree {
        /// Number of trees.
        n_estimators: usize = 100, Legal::int(1, 100_000);
        /// What a split should lower.
        criterion: String = "gini".to_owned(), Legal::OneOf(&["gini", "entropy", "log_loss"]);
        /// Most splits between the root and a leaf.
        max_depth: Option<usize> = None, Legal::at_least(1).or_none();
        /// Fewest rows of a node that is split.
        min_samples_split: usize = 2, Legal::at_least(2);
        /// Fewest rows of a leaf.
        min_samples_leaf: usize = 1, Legal::at_least(1);
        /// Columns drawn for each split.
        max_features: MaxFeatures = MaxFeatures::Sqrt, MaxFeatures::legal();
        /// Most leaves of a tree; the split that gains most comes first.
        max_leaf_nodes: Option<usize> = None, Legal::at_least(2).or_none();
        /// A node is split when that lowers the impurity by at least this much, weighted by its share of the rows.
        min_impurity_decrease: f64 = 0.0, Legal::not_negative();
        /// Whether each tree learns from rows drawn with replacement.
        bootstrap: bool = false, Legal::Bool;
        /// Share of the rows that is drawn for each tree; none for as many as there are.
        max_samples: Option<f64> = None, super::plan::share().or_none();
        /// Whether the forest is measured on the rows that its trees did not see.
        oob_score: bool = false, Legal::Bool;
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
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

            const TAGS: Tags = Forest::TAGS;

            fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<Forest> {
                self.plan(x.cols(), y)?.fit((Self::NAME, self), x, y, ctx)
            }
        }

        impl Planned for $name {
            fn plan<'a>(&'a self, columns: usize, y: &'a Target) -> Result<Plan<'a>> {
                Ok(Plan {
                    aim: Aim::classes(y, &self.criterion)?,
                    weights: self.class_weight.row_weights(y)?,
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

forest!(RandomForestClassifier, false);
forest!(ExtraTreesClassifier, true);
