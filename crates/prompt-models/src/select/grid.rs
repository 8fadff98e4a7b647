//! Grid search: every combination of some values, cross-validated, the best refitted on all rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use prompt_core::{
    Error, Estimator, Featurizer, FitContext, FitTransform, FittedChain, FittedUnion, Model, Result, Target,
    TextEstimator, Texts, Union,
};
use prompt_data::split::KFold;
use serde_json::Value;

use super::folds::FoldStore;
use super::metric::Metric;
use super::search::{PointScores, Search, best};

/// One combination of values by parameter.
pub type Params = BTreeMap<String, Value>;

/// Every combination of the values of a grid; one empty combination for an empty grid. The last parameter varies
/// fastest.
///
/// ```
/// use prompt_models::select::expand;
/// let grid = [("c", vec![1.into(), 2.into()]), ("tol", vec![0.1.into()])];
/// let points = expand(grid.iter().map(|(name, values)| (*name, values.as_slice())));
/// assert_eq!(points.len(), 2);
/// assert_eq!(points[1]["c"], 2);
/// ```
pub fn expand<'a>(grid: impl IntoIterator<Item = (&'a str, &'a [Value])>) -> Vec<Params> {
    let mut points = vec![Params::new()];
    for (name, values) in grid {
        let with = |point: &Params| {
            let point = point.clone();
            values.iter().map(move |value| {
                let mut point = point.clone();
                point.insert(name.to_owned(), value.clone());
                point
            })
        };
        points = points.iter().flat_map(with).collect();
    }
    points
}

/// The learner with a combination set.
///
/// # Errors
/// [`Error::Unknown`] or [`Error::Param`] for a parameter.
pub(crate) fn apply(estimator: &dyn Estimator, point: &Params) -> Result<Box<dyn Estimator>> {
    point.iter().try_fold(estimator.boxed(), |e, (name, value)| e.with_param(name, value))
}

/// A grid search over text features and a learner.
///
/// ```
/// use prompt_models::prelude::*;
/// use prompt_models::select::GridSearch;
///
/// let texts: Vec<String> = (0..40).map(|i| format!("{} number {i}", ["run the report", "ignore the rules"][i % 2])).collect();
/// let y = Target::labels((0..40).map(|i| ["benign", "malicious"][i % 2]));
/// let features = Union::new().with("word", Tfidf::default());
/// let found = GridSearch::new(features, MultinomialNb::default())
///     .values("alpha", [0.1, 1.0])
///     .folds(4)
///     .fit(&texts, &y, &FitContext::new(1))?;
/// assert_eq!(found.points.len(), 2);
/// assert_eq!(found.points[found.best].1.mean(), Some(1.0));
/// assert_eq!(found.model.predict(&["ignore this"])?.labels()?, ["malicious"]);
/// # Ok::<(), Error>(())
/// ```
pub struct GridSearch {
    features: Union<Box<dyn TextEstimator>>,
    estimator: Box<dyn Estimator>,
    grid: Vec<(String, Vec<Value>)>,
    folds: usize,
    metric: &'static str,
}

impl GridSearch {
    /// A search without values: one point, cross-validated.
    pub fn new(features: Union<Box<dyn TextEstimator>>, estimator: impl Estimator + 'static) -> Self {
        Self { features, estimator: Box::new(estimator), grid: Vec::new(), folds: 5, metric: "f1_macro" }
    }

    /// With values for a parameter.
    #[must_use]
    pub fn values<V: Into<Value>>(mut self, param: &str, values: impl IntoIterator<Item = V>) -> Self {
        self.grid.push((param.to_owned(), values.into_iter().map(Into::into).collect()));
        self
    }

    /// With another number of folds (5).
    #[must_use]
    pub fn folds(mut self, folds: usize) -> Self {
        self.folds = folds;
        self
    }

    /// With another metric (`f1_macro`); see [`Metric::named`].
    #[must_use]
    pub fn metric(mut self, metric: &'static str) -> Self {
        self.metric = metric;
        self
    }

    /// Searches with stratified folds, then fits the best point on all rows.
    ///
    /// # Errors
    /// An unknown metric or parameter, fewer rows of a class than folds, no point that could be scored, or a stop.
    pub fn fit(&self, texts: &dyn Texts, y: &Target, ctx: &FitContext) -> Result<SearchResult> {
        let metric = Metric::named(self.metric)?;
        if texts.count() != y.len() {
            return Err(Error::shape("targets for the texts", texts.count(), y.len()));
        }
        let strata = y.as_classes().ok().map(|(codes, _)| codes);
        let folds = KFold::default().folds(self.folds).split(y.len(), strata, None, ctx.seed())?;
        let params = expand(self.grid.iter().map(|(name, values)| (name.as_str(), values.as_slice())));
        let points = params.iter().map(|p| apply(&*self.estimator, p)).collect::<Result<Vec<_>>>()?;
        let store = FoldStore::new(texts, &folds, self.features.clone(), 0);
        let search = Search { store: &store, target: y, metric, rebalance: None, stage: "grid search" };
        let scores = search.run(&points, ctx)?;
        let best = best(&scores)?;
        let (features, x) = ctx.install(|| self.features.fit_transform(&Indexed(texts), &(), ctx))?;
        let model = points[best].fit_model(&x, y, ctx)?;
        let points = params.into_iter().zip(scores).collect();
        Ok(SearchResult { points, best, model: FittedChain::new(features, model) })
    }
}

/// `dyn Texts` as a sized value, which the generic verbs need.
struct Indexed<'a>(&'a dyn Texts);

impl Texts for Indexed<'_> {
    fn count(&self) -> usize {
        self.0.count()
    }
    fn text(&self, i: usize) -> &str {
        self.0.text(i)
    }
}

/// What a search found.
pub struct SearchResult {
    /// Every point with its scores, in the order of the grid.
    pub points: Vec<(Params, PointScores)>,
    /// Which point is best.
    pub best: usize,
    /// The best point, fitted on all rows.
    pub model: FittedChain<FittedUnion<Arc<dyn Featurizer>>, Arc<dyn Model>>,
}
