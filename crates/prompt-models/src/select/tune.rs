//! Parameters of a learner by a cross-validated study.
//!
//! ```text
//! folds, features made once for each ─┐
//! a trial's point ─ learner ──────────┴─ fold 1: fit, score ─ fold 2 ─ … ─ mean score
//!                                              └─ below the median of earlier trials: given up
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use prompt_core::{Error, Estimator, FitContext, ParamSpec, Result, Seed, StudyStore, Target, Task, predict};
use prompt_data::split::Fold;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::folds::{FoldFeatures, FoldStore};
use super::metric::Metric;
use super::prune::MedianPruner;
use super::ranges::builtin_space;
use super::sampler::{Sampler, Tpe};
use super::space::{Dimension, Domain, Space, When};
use super::study::{Plan, Study, Trial};
use super::{Params, apply};
use crate::{learners, neural};

/// How points are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Every combination of the learner's built-in grid, or of a space of values.
    #[default]
    Grid,
    /// By chance.
    Random,
    /// Tree-structured Parzen estimator: Bayesian search.
    Tpe,
}

/// A parameter's values as a configuration states them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The values.
    #[serde(flatten)]
    pub domain: Domain,
    /// Where the parameter is chosen at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
}

/// How a learner's parameters are chosen.
///
/// ```
/// use prompt_models::select::{Method, Tune};
/// let tune: Tune = toml::from_str("method = \"tpe\"\ntrials = 30\n\
///     [space.c]\ntype = \"float\"\nlow = 0.01\nhigh = 100.0\nlog = true\n").unwrap();
/// assert_eq!((tune.method, tune.folds), (Method::Tpe, 5));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tune {
    /// How points are chosen.
    pub method: Method,
    /// Number of trials; all points of a grid, else 50, when absent.
    pub trials: Option<usize>,
    /// Number of folds.
    pub folds: usize,
    /// No generation of trials begins after so many seconds.
    pub timeout_s: Option<f64>,
    /// Whether trials below the median of earlier ones are given up between folds.
    pub pruning: bool,
    /// Trials that are chosen together and may run beside each other.
    pub generation: usize,
    /// What is maximised (losses and errors are minimised); macro-F1 or RMSE when absent.
    pub metric: Option<String>,
    /// Whether TPE chooses parameters together (those that depend on others one by one).
    pub multivariate: bool,
    /// The values of each parameter; the built-in ones of the learner when empty.
    pub space: BTreeMap<String, Range>,
}

impl Default for Tune {
    fn default() -> Self {
        Self {
            method: Method::Grid,
            trials: None,
            folds: 5,
            timeout_s: None,
            pruning: true,
            generation: 4,
            metric: None,
            multivariate: true,
            space: BTreeMap::new(),
        }
    }
}

impl Tune {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// [`Error::Param`] naming the key.
    pub fn validate(&self) -> Result<()> {
        let bad =
            |name: &str, expected: &str, given: String| Err(Error::param("tune", name, expected, given));
        if self.trials == Some(0) {
            return bad("trials", "a whole number ≥ 1", "0".to_owned());
        }
        if self.folds < 2 {
            return bad("folds", "a whole number ≥ 2", self.folds.to_string());
        }
        if self.generation == 0 {
            return bad("generation", "a whole number ≥ 1", "0".to_owned());
        }
        if let Some(limit) = self.timeout_s
            && !(limit > 0.0 && Duration::try_from_secs_f64(limit).is_ok())
        {
            return bad("timeout_s", "a number of seconds > 0", limit.to_string());
        }
        if let Some(metric) = &self.metric {
            Metric::named(metric)?;
        }
        self.given().validate()
    }

    /// The space of the configuration: what depends on another parameter comes after it.
    fn given(&self) -> Space {
        let (mut first, mut then) = (Vec::new(), Vec::new());
        for (name, Range { domain, when }) in &self.space {
            let dimension = Dimension { name: name.clone(), domain: domain.clone(), when: when.clone() };
            if when.is_none() { first.push(dimension) } else { then.push(dimension) }
        }
        first.extend(then);
        Space::of(first)
    }

    /// What is searched for a learner: the given space, or its built-in one without the parameters that are `fixed`.
    ///
    /// # Errors
    /// An unknown learner.
    pub fn space_for(&self, task: Task, name: &str, fixed: &[String]) -> Result<Space> {
        if !self.space.is_empty() {
            return Ok(self.given());
        }
        let space = match self.method {
            Method::Grid if neural::is_network(name) => {
                let grid = neural::grid(name);
                Space::of_grid(grid.iter().map(|(name, values)| (*name, values.as_slice())))
            }
            _ if neural::is_network(name) => neural::space(name),
            Method::Grid => {
                let grid = learners::builtin_grid(task, name)?;
                Space::of_grid(grid.iter().map(|(name, values)| (*name, values.as_slice())))
            }
            _ => builtin_space(task, name)?,
        };
        Ok(space.without(fixed))
    }

    fn sampler(&self) -> Sampler {
        match self.method {
            Method::Grid => Sampler::Grid,
            Method::Random => Sampler::Random,
            Method::Tpe => Sampler::Tpe(Tpe { multivariate: self.multivariate, ..Tpe::default() }),
        }
    }
}

/// Where the features of folds come from.
pub trait FoldSource: Sync {
    /// The folds.
    fn folds(&self) -> &[Fold];

    /// The features of fold `i`.
    ///
    /// # Errors
    /// What they cannot be made from, or a stop.
    fn features(&self, i: usize, ctx: &FitContext) -> Result<Arc<FoldFeatures>>;
}

impl FoldSource for FoldStore<'_> {
    fn folds(&self) -> &[Fold] {
        FoldStore::folds(self)
    }

    fn features(&self, i: usize, ctx: &FitContext) -> Result<Arc<FoldFeatures>> {
        self.get(i, ctx)
    }
}

/// Features that were made before.
pub struct MadeFolds {
    folds: Vec<Fold>,
    features: Vec<Arc<FoldFeatures>>,
}

impl MadeFolds {
    /// These, one for each fold.
    pub fn new(folds: Vec<Fold>, features: Vec<FoldFeatures>) -> Self {
        Self { folds, features: features.into_iter().map(Arc::new).collect() }
    }
}

impl FoldSource for MadeFolds {
    fn folds(&self) -> &[Fold] {
        &self.folds
    }

    fn features(&self, i: usize, _: &FitContext) -> Result<Arc<FoldFeatures>> {
        Ok(self.features[i].clone())
    }
}

/// What a study of a learner came to.
#[derive(Debug, Clone, Serialize)]
pub struct Tuned {
    /// What was maximised or minimised.
    pub metric: &'static str,
    /// The best point.
    pub best: Params,
    /// Its value: the mean over the folds, as the metric gives it.
    pub value: f64,
    /// All trials; their scores are larger when better, so that those of losses are negative.
    pub trials: Vec<Trial>,
}

/// Chooses the parameters of a learner by a study. `about` says what the rows are, so that a study is not resumed on
/// others.
///
/// # Errors
/// A space, metric or learner that is none; a study of something else; a stop; no trial with a score.
pub fn tune(
    (estimator, fixed): (&dyn Estimator, &[String]),
    (source, y): (&dyn FoldSource, &Target),
    (options, about): (&Tune, Value),
    store: Box<dyn StudyStore + '_>,
    ctx: &FitContext,
) -> Result<Tuned> {
    options.validate()?;
    let task = estimator.tags().task;
    let metric = options.metric_for(task)?;
    let space = options.space_for(task, estimator.name(), fixed)?;
    check_names(&space, &estimator.specs())?;
    let about = json!({
        "data": about,
        "model": estimator.name(),
        "params": estimator.params(),
        "metric": metric.name(),
        "folds": source.folds().len(),
    });
    let plan = options.plan(space, ctx.seed(), about);
    let several = plan.generation > 1;
    let mut study = Study::open(plan, store)?.of_losses(!metric.higher_is_better());
    let targets: Vec<(Target, Target)> =
        source.folds().iter().map(|f| (y.select(&f.train), y.select(&f.test))).collect();
    let quiet = ctx.unobserved();
    let shared = match options.method {
        Method::Grid => shared_scores(&study, estimator, (source, &targets), metric, &quiet)?,
        _ => None,
    };
    // One level of parallelism at a time: trials beside each other, or all threads for one fit.
    let inner = if several { quiet.serial() } else { quiet };
    let (trials, limit) = options.limits();
    study.run(trials, limit, ctx, &|trial| {
        let learner = apply(estimator, trial.params())?;
        let mut sum = 0.0;
        for (i, (train, test)) in targets.iter().enumerate() {
            sum += match &shared {
                Some(scores) => scores[i][trial.number()],
                None => {
                    let features = source.features(i, &inner)?;
                    let model = learner.fit_model(&features.train, train, &inner.part("fold", i as u64))?;
                    metric.score(test, &predict(&*model, &features.test)?)?
                }
            };
            let mean = sum / (i + 1) as f64;
            if i + 1 < targets.len() && !trial.report(mean) {
                return Ok(None);
            }
        }
        Ok(Some(sum / targets.len() as f64))
    })?;
    Tuned::of(&study, metric)
}

impl Tuned {
    /// What a study that has ended came to.
    ///
    /// # Errors
    /// No trial with a score.
    pub(crate) fn of(study: &Study<'_>, metric: Metric) -> Result<Self> {
        let trials: Vec<Trial> = study.trials().cloned().collect();
        let best = study.best().ok_or_else(|| {
            let why = trials.iter().find_map(|t| t.error.clone());
            let why = why.unwrap_or_else(|| "no trial ended".to_owned());
            let help = "change the space, the parameters or the data";
            Error::input(format!("no trial has a score: {why}"), help)
        })?;
        let sign = if metric.higher_is_better() { 1.0 } else { -1.0 };
        let value = sign * best.score.unwrap_or(f64::NAN);
        Ok(Self { metric: metric.name(), best: best.params.clone(), value, trials })
    }
}

impl Tune {
    /// What is maximised for this task.
    ///
    /// # Errors
    /// A metric that is none.
    pub(crate) fn metric_for(&self, task: Task) -> Result<Metric> {
        let usual = if task == Task::Regression { "rmse" } else { "f1_macro" };
        Metric::named(self.metric.as_deref().unwrap_or(usual))
    }

    /// The plan of a study over `space`.
    pub(crate) fn plan(&self, space: Space, seed: Seed, about: Value) -> Plan {
        Plan {
            space,
            sampler: self.sampler(),
            pruner: self.pruning.then(MedianPruner::default),
            seed,
            generation: self.generation,
            about,
        }
    }

    /// Most trials, and the time after which none begins.
    pub(crate) fn limits(&self) -> (usize, Option<Duration>) {
        let trials = self.trials.unwrap_or(if self.method == Method::Grid { usize::MAX } else { 50 });
        (trials, self.timeout_s.and_then(|s| Duration::try_from_secs_f64(s).ok()))
    }
}

/// Refuses a space with a parameter that the learner has not: no trial could be right about it.
pub(crate) fn check_names(space: &Space, specs: &[ParamSpec]) -> Result<()> {
    for dimension in space.dimensions() {
        if !specs.iter().any(|s| s.name == dimension.name) {
            return Err(Error::unknown("parameter", &dimension.name, specs.iter().map(|s| s.name)));
        }
    }
    Ok(())
}

/// The scores of every point of a grid in every fold, where the points share their work (forests); `None` where they do
/// not, where nothing is left to do, and where a point has something wrong with it, which its own trial then says.
fn shared_scores(
    study: &Study<'_>,
    estimator: &dyn Estimator,
    (source, targets): (&dyn FoldSource, &[(Target, Target)]),
    metric: Metric,
    ctx: &FitContext,
) -> Result<Option<Vec<Vec<f64>>>> {
    let Some(points) = study.plan().space.points() else { return Ok(None) };
    if study.trials().count() >= points.len() {
        return Ok(None);
    }
    let learners: Result<Vec<Box<dyn Estimator>>> = points.iter().map(|p| apply(estimator, p)).collect();
    let Ok(learners) = learners else { return Ok(None) };
    let mut scores = Vec::new();
    for (i, (train, test)) in targets.iter().enumerate() {
        let features = source.features(i, ctx)?;
        let part = ctx.part("fold", i as u64);
        let found = crate::forest::predictions(&learners, (&features.train, train), &features.test, &part);
        let fold = match found {
            Ok(Some(found)) => found.iter().map(|p| metric.score(test, p)).collect::<Result<Vec<f64>>>(),
            Err(stop) if stop.is_stop() => return Err(stop),
            _ => return Ok(None),
        };
        let Ok(fold) = fold else { return Ok(None) };
        scores.push(fold);
    }
    Ok(Some(scores))
}
