//! One tree.

use prompt_core::{ClassWeight, FitContext, Learner, Legal, Matrix, Params, Result, Tags, Target, params};

use super::grow::Options;
use crate::forest::{Aim, Forest, MaxFeatures, Plan};

params! {
    /// A decision tree for classes, as scikit-learn's `DecisionTreeClassifier`.
    ///
    /// Each node is parted where the impurity falls most, weighted by the rows on both sides:
    ///
    /// ```text
    /// gini = Σ_c p_c·(1 − p_c)          entropy, log_loss = −Σ_c p_c·log₂ p_c
    /// ```
    ///
    /// A row gets the class shares of its leaf. Columns marked as categorical are parted by sets of levels, and missing
    /// numbers go to the side where they help. Up to 10,000 rows the tree is scikit-learn's where no two splits are
    /// equally good (of those it takes the first column's, scikit-learn one by lot); beyond it columns of many values
    /// are looked at in 255 quantile bins.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::tree::DecisionTreeClassifier;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[1.0], [2.0], [3.0], [f64::NAN]]));
    /// let y = Target::labels(["a", "a", "b", "b"]);
    /// let model = DecisionTreeClassifier::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// let new = Matrix::from(Dense::from_rows(&[[2.4], [2.6], [f64::NAN]]));
    /// assert_eq!(model.predict(&new).unwrap().labels().unwrap(), ["a", "b", "b"]);
    /// ```
    pub struct DecisionTreeClassifier named "decision_tree" checked by DecisionTreeClassifier::agree {
        /// What a split should lower.
        criterion: String = "gini".to_owned(), Legal::OneOf(&["gini", "entropy", "log_loss"]);
        /// Whether the best split of each column is looked for, or one is drawn at random.
        splitter: String = "best".to_owned(), Legal::OneOf(&["best", "random"]);
        /// Most splits between the root and a leaf.
        max_depth: Option<usize> = None, Legal::at_least(1).or_none();
        /// Fewest rows of a node that is split.
        min_samples_split: usize = 2, Legal::at_least(2);
        /// Fewest rows of a leaf.
        min_samples_leaf: usize = 1, Legal::at_least(1);
        /// Columns drawn for each split.
        max_features: MaxFeatures = MaxFeatures::All, MaxFeatures::legal();
        /// Most leaves; the split that gains most comes first.
        max_leaf_nodes: Option<usize> = None, Legal::at_least(2).or_none();
        /// A node is split when that lowers the impurity by at least this much, weighted by its share of the rows.
        min_impurity_decrease: f64 = 0.0, Legal::not_negative();
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
        /// Most bins a column; none for a bin each value up to 10,000 rows, and 255 bins beyond.
        max_bins: Option<usize> = None, Legal::int(2, 65_535).or_none();
    }
}

params! {
    /// A decision tree for numbers, as scikit-learn's `DecisionTreeRegressor`.
    ///
    /// Each node is parted where the squared error around the means of both sides is least; a row gets the mean of its
    /// leaf. Bins, categories and missing numbers are as in [`DecisionTreeClassifier`].
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::tree::DecisionTreeRegressor;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[1.0], [2.0], [3.0], [4.0]]));
    /// let y = Target::regression(vec![1.0, 1.0, 5.0, 7.0]).unwrap();
    /// let model = DecisionTreeRegressor::default().max_depth(Some(1)).fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!(model.predict(&x).unwrap().values().unwrap(), [1.0, 1.0, 6.0, 6.0]);
    /// ```
    pub struct DecisionTreeRegressor named "decision_tree" checked by DecisionTreeRegressor::agree {
        /// What a split should lower.
        criterion: String = "squared_error".to_owned(), Legal::OneOf(&["squared_error"]);
        /// Whether the best split of each column is looked for, or one is drawn at random.
        splitter: String = "best".to_owned(), Legal::OneOf(&["best", "random"]);
        /// Most splits between the root and a leaf.
        max_depth: Option<usize> = None, Legal::at_least(1).or_none();
        /// Fewest rows of a node that is split.
        min_samples_split: usize = 2, Legal::at_least(2);
        /// Fewest rows of a leaf.
        min_samples_leaf: usize = 1, Legal::at_least(1);
        /// Columns drawn for each split.
        max_features: MaxFeatures = MaxFeatures::All, MaxFeatures::legal();
        /// Most leaves; the split that gains most comes first.
        max_leaf_nodes: Option<usize> = None, Legal::at_least(2).or_none();
        /// A node is split when that lowers the error by at least this much, weighted by its share of the rows.
        min_impurity_decrease: f64 = 0.0, Legal::not_negative();
        /// Most bins a column; none for a bin each value up to 10,000 rows, and 255 bins beyond.
        max_bins: Option<usize> = None, Legal::int(2, 65_535).or_none();
    }
}

/// Rows up to which a lone tree gives every value a bin.
const EXACT_ROWS: usize = 10_000;

/// The bins that `max_bins` asks for.
pub(crate) fn bins_for(max_bins: Option<usize>, rows: usize) -> usize {
    max_bins.unwrap_or(if rows <= EXACT_ROWS { EXACT_ROWS } else { 255 })
}

macro_rules! options {
    ($params:expr, $x:expr) => {
        Options {
            max_depth: $params.max_depth,
            min_samples_split: $params.min_samples_split,
            min_samples_leaf: $params.min_samples_leaf,
            max_features: $params.max_features.count($x.cols()),
            max_leaf_nodes: $params.max_leaf_nodes,
            min_impurity_decrease: $params.min_impurity_decrease,
            random: $params.splitter == "random",
            shuffled: false,
            inner: false,
        }
    };
}

impl DecisionTreeClassifier {
    fn agree(&self) -> Result<()> {
        self.max_features.check(Self::NAME)
    }
}

impl DecisionTreeRegressor {
    fn agree(&self) -> Result<()> {
        self.max_features.check(Self::NAME)
    }
}

impl Learner for DecisionTreeClassifier {
    type Fitted = Forest;

    const TAGS: Tags = Forest::TAGS;

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<Forest> {
        let plan = Plan {
            aim: Aim::classes(y, &self.criterion)?,
            weights: self.class_weight.row_weights(y)?,
            options: options!(self, x),
            max_bins: bins_for(self.max_bins, x.rows()),
            trees: 1,
            draws: None,
            oob: false,
        };
        plan.fit((Self::NAME, self), x, y, ctx)
    }
}

impl Learner for DecisionTreeRegressor {
    type Fitted = Forest;

    const TAGS: Tags = Tags { task: prompt_core::Task::Regression, ..Forest::TAGS };

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<Forest> {
        let plan = Plan {
            aim: Aim::numbers(y)?,
            weights: y.weights().map(<[f64]>::to_vec),
            options: options!(self, x),
            max_bins: bins_for(self.max_bins, x.rows()),
            trees: 1,
            draws: None,
            oob: false,
        };
        plan.fit((Self::NAME, self), x, y, ctx)
    }
}
