//! Choosing columns, also by what a learner makes of them.

use prompt_core::{
    Error, Fit, FitContext, FitTransform, Legal, Matrix, Params, Result, Target, Task, Transform, params,
};
use prompt_features::{FittedSelection, SelectKBest};

use crate::forest::{ExtraTreesClassifier, ExtraTreesRegressor};
use crate::learners;

params! {
    /// Which columns are kept, by one of several measures.
    ///
    /// | method | what is measured |
    /// |---|---|
    /// | `f`, `chi2`, `mutual_info`, `correlation` | each column alone: [`SelectKBest`] |
    /// | `rfe` | what a linear learner leaves to the end: [`Rfe`] |
    /// | `tree_importance` | the decrease of impurity in extremely randomised trees: [`TreeImportance`] |
    pub struct Select named "select" {
        /// How columns are judged.
        method: String = "f".to_owned(), Legal::OneOf(&["f", "chi2", "mutual_info", "correlation", "rfe", "tree_importance"]);
        /// How many are kept; all where there are fewer.
        k: usize = 10, Legal::at_least(1);
        /// Neighbours of `mutual_info`.
        n_neighbors: usize = 3, Legal::int(1, 1000);
        /// Share of the columns that each round of `rfe` leaves out.
        step: f64 = 0.1, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: true };
        /// The linear learner of `rfe`; none for `logistic_regression` or `ridge`.
        estimator: Option<String> = None, Legal::Any("a learner's name");
        /// Trees of `tree_importance`.
        n_estimators: usize = 100, Legal::int(1, 10_000);
    }
}

params! {
    /// Recursive feature elimination (Guyon and others, 2002; scikit-learn's `RFE`): a linear learner is fitted, the
    /// columns with the smallest Σ coefficient² over its outputs are left out, and so on until `k` are left. Columns
    /// should have a common unit. Weights are given to the learner, which honours or refuses them.
    ///
    /// The scores are 1 / rank: 1 for the columns that are kept, less for those that went earlier.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Target};
    /// use prompt_models::prepare::Rfe;
    /// let x = Matrix::from(Dense::from_rows(&[[1.0, 0.1], [2.0, -0.2], [3.0, 0.2], [4.0, -0.1]]));
    /// let y = Target::regression(vec![2.0, 4.0, 6.0, 8.0]).unwrap();
    /// let fitted = Rfe::default().k(1).fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!((fitted.kept(), fitted.scores()), (&[0][..], &[1.0, 0.5][..]));
    /// ```
    pub struct Rfe named "rfe" {
        /// How many columns are kept.
        k: usize = 10, Legal::at_least(1);
        /// Share of the columns that each round leaves out, at least one.
        step: f64 = 0.1, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: true };
        /// The linear learner; none for `logistic_regression` or `ridge`.
        estimator: Option<String> = None, Legal::Any("a learner's name");
    }
}

params! {
    /// Keeps the columns with the largest share in the decrease of impurity in extremely randomised trees
    /// (scikit-learn's `SelectFromModel` on `ExtraTreesClassifier` or `ExtraTreesRegressor`, with `max_features`).
    /// Weights count.
    pub struct TreeImportance named "tree_importance" {
        /// How many columns are kept.
        k: usize = 10, Legal::at_least(1);
        /// Number of trees.
        n_estimators: usize = 100, Legal::int(1, 10_000);
    }
}

fn task_of(y: &Target) -> Task {
    if y.as_classes().is_ok() { Task::Classification } else { Task::Regression }
}

impl Fit<Matrix, Target> for Rfe {
    type Fitted = FittedSelection;

    fn fit(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<FittedSelection> {
        self.validate()?;
        let task = task_of(y);
        let usual = if task == Task::Classification { "logistic_regression" } else { "ridge" };
        let learner = learners::estimator(task, self.estimator.as_deref().unwrap_or(usual))?;
        let step = ((self.step * x.cols() as f64) as usize).max(1);
        let mut left: Vec<u32> = (0..x.cols() as u32).collect();
        let mut rounds: Vec<Vec<u32>> = Vec::new();
        while left.len() > self.k {
            ctx.check()?;
            let part = ctx.part("rfe", rounds.len() as u64).unobserved();
            let model = learner.fit_model(&x.select_columns(&left)?, y, &part)?;
            let mut out = vec![0.0; model.output().width()];
            let mut weights = Vec::with_capacity(left.len());
            for column in 0..left.len() {
                if !model.coefficient(column, &mut out) {
                    return Err(Error::unsupported(
                        format!("rfe with {}", learner.name()),
                        "a learner without coefficients",
                        "take a linear learner, or select by tree_importance",
                    ));
                }
                weights.push(out.iter().map(|w| w * w).sum::<f64>());
            }
            let mut order: Vec<usize> = (0..left.len()).collect();
            order.sort_by(|a, b| weights[*a].total_cmp(&weights[*b]));
            order.truncate(step.min(left.len() - self.k));
            rounds.push(order.iter().map(|&i| left[i]).collect());
            left.retain(|j| !rounds.last().is_some_and(|gone| gone.contains(j)));
        }
        let mut scores = vec![1.0; x.cols()];
        for (before_last, gone) in rounds.iter().rev().enumerate() {
            gone.iter().for_each(|&j| scores[j as usize] = 1.0 / (before_last as f64 + 2.0));
        }
        Ok(FittedSelection::best(Self::NAME, scores, self.k))
    }
}

impl Fit<Matrix, Target> for TreeImportance {
    type Fitted = FittedSelection;

    fn fit(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<FittedSelection> {
        self.validate()?;
        let ctx = &ctx.part("tree_importance", 0).unobserved();
        let trees = match task_of(y) {
            Task::Classification => {
                ExtraTreesClassifier::default().n_estimators(self.n_estimators).fit(x, y, ctx)?
            }
            Task::Regression => {
                ExtraTreesRegressor::default().n_estimators(self.n_estimators).fit(x, y, ctx)?
            }
        };
        Ok(FittedSelection::best(Self::NAME, trees.feature_importances().to_vec(), self.k))
    }
}

impl Fit<Matrix, Target> for Select {
    type Fitted = FittedSelection;

    fn fit(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<FittedSelection> {
        self.validate()?;
        match self.method.as_str() {
            "rfe" => Rfe { k: self.k, step: self.step, estimator: self.estimator.clone() }.fit(x, y, ctx),
            "tree_importance" => TreeImportance { k: self.k, n_estimators: self.n_estimators }.fit(x, y, ctx),
            score => {
                let best = SelectKBest::default().score(score.to_owned());
                best.k(self.k).n_neighbors(self.n_neighbors).fit(x, y, ctx)
            }
        }
    }
}

macro_rules! fit_transform {
    ($($selection:ty),*) => {$(
        impl FitTransform<Matrix, Target> for $selection {
            type Output = Matrix;

            fn fit_transform(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<(FittedSelection, Matrix)> {
                let fitted = self.fit(x, y, ctx)?;
                let kept = fitted.transform(x)?;
                Ok((fitted, kept))
            }
        }
    )*};
}

fit_transform!(Rfe, TreeImportance, Select);
