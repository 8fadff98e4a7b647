//! One model: search over folds, final fit, scores, saved pipeline.

mod networks;

use std::sync::Arc;
use std::time::Instant;

use prompt_core::artifact::Manifest;
use prompt_core::{
    Error, Estimator, FitContext, FitTransform, Matrix, Prediction, Result, Scorer, Target, Task, Texts,
    Union,
};
use prompt_data::split::{Fold, KFold};
use prompt_data::{Balance, balance};
use serde_json::{Value, json};

use super::config::ExperimentConfig;
use super::families::{Grid, Model, is_planned, networks};
use super::history::Recorder;
use super::output::Folder;
use super::prepare::Prepared;
use super::result::{CrossValidation, Held, LabelledSet, ModelResult, Point, Status};
use super::{bayes, coverage, measure};
use crate::learners;
use crate::pipeline::{self, FittedFeatures, LoadedModel};
use crate::select::{
    FoldStore, Metric, Params, PointScores, Rebalance, Search, apply, best, expand, rebalanced,
};

/// The texts that folds are made of, and how they are divided.
///
/// Where the data gives validation rows, points are compared on those: one fold whose held-out rows they are. The chosen
/// point is then cross-validated on the training rows for its mean and deviation. Otherwise the folds do both.
pub(super) struct Rows {
    /// Training rows, then validation rows.
    texts: Vec<String>,
    target: Target,
    train: Vec<usize>,
    given: Option<Fold>,
}

impl Rows {
    pub(super) fn new(data: &Prepared) -> Result<Self> {
        let train = data.train.texts.len();
        let texts: Vec<String> = data.train.texts.iter().chain(&data.validation.texts).cloned().collect();
        let codes = data.train.codes.iter().chain(&data.validation.codes).copied().collect();
        let given = (texts.len() > train)
            .then(|| Fold { train: (0..train).collect(), test: (train..texts.len()).collect() });
        let mut target = Target::codes(codes, data.classes.clone())?;
        let weights: Vec<f64> = data.train.weights.iter().chain(&data.validation.weights).copied().collect();
        if !weights.is_empty() {
            target = target.with_weights(weights)?;
        }
        Ok(Self { texts, target, train: (0..train).collect(), given })
    }
}

/// Trains the models of one experiment on one set of rows.
pub(super) struct Trainer<'a> {
    config: &'a ExperimentConfig,
    data: &'a Prepared,
    folder: &'a Folder,
    rows: &'a Rows,
    metric: Metric,
    /// The features of the validation fold and of the k-folds, by number of folds.
    given: Option<FoldStore<'a>>,
    folds: Vec<(usize, Result<FoldStore<'a>, String>)>,
    fingerprint: String,
    /// The features of all training rows.
    features: FittedFeatures,
    x: Matrix,
}

/// Folds, or why the rows cannot be divided into that many.
type Folds = Result<Vec<Fold>, String>;

/// The folds of every number that some model asks for. A number that cannot be had fails the models that ask for it.
pub(super) fn all_folds(config: &ExperimentConfig, data: &Prepared, ctx: &FitContext) -> Vec<(usize, Folds)> {
    let family = &config.traditional;
    let mut counts: Vec<usize> = enabled(config).map(|(_, m)| m.folds.unwrap_or(family.folds)).collect();
    let networks = networks(config);
    let shared = networks.iter().any(|network| network.folds.is_none());
    if config.ensembles.voting_soft || config.ensembles.stacking || shared {
        counts.push(family.folds);
    }
    counts.extend(networks.iter().filter_map(|network| network.folds));
    counts.sort_unstable();
    counts.dedup();
    let n = data.train.texts.len();
    let divide = |k: usize| {
        let codes = &data.train.codes;
        let folds = coverage::needs(&data.classes, codes, k, &format!("for {k} folds")).and_then(|()| {
            let groups = data.groups.as_deref();
            let folds = KFold::default().folds(k).split(n, Some(codes), groups, ctx.seed());
            folds.map_err(|e| if groups.is_some() { coverage::blame_groups(e) } else { e })
        });
        (k, folds.map_err(|e| e.to_string()))
    };
    counts.into_iter().map(divide).collect()
}

/// The models that this build can train, in the order of the configuration.
pub(super) fn enabled(config: &ExperimentConfig) -> impl Iterator<Item = (&str, &Model)> {
    let family = &config.traditional;
    let on = |(name, model): &&(String, Model)| family.enabled && model.enabled && !is_planned(name);
    family.models.0.iter().filter(on).map(|(name, model)| (name.as_str(), model))
}

impl<'a> Trainer<'a> {
    pub(super) fn new(
        config: &'a ExperimentConfig,
        data: &'a Prepared,
        rows: &'a Rows,
        folds: &'a [(usize, Folds)],
        folder: &'a Folder,
        fingerprint: String,
        ctx: &FitContext,
    ) -> Result<Self> {
        for bad in data.summary.bad_line_examples.iter().take(super::summary::BAD_LINES) {
            folder.log(format!("not read: {bad}"));
        }
        for note in &data.notes {
            folder.log(note);
        }
        let metric = Metric::named(&config.tuning.metric)?;
        let union = config.features.union();
        let budget = config.tuning.feature_cache_mib << 20;
        let store = |folds: &'a [Fold]| FoldStore::new(&rows.texts, folds, union.clone(), budget);
        let train = Train { texts: &rows.texts, rows: rows.train.len() };
        let (features, x) = ctx.install(|| Union::fit_transform(&union, &train, &(), ctx))?;
        Ok(Self {
            config,
            data,
            folder,
            rows,
            metric,
            given: rows.given.as_ref().map(|fold| store(std::slice::from_ref(fold))),
            folds: folds
                .iter()
                .map(|(k, f)| (*k, f.as_ref().map(|f| store(f)).map_err(Clone::clone)))
                .collect(),
            fingerprint,
            features,
            x,
        })
    }

    /// Makes the features of the folds that a model will use, as far as they are kept.
    pub(super) fn warm(&self, model: &Model, ctx: &FitContext) -> Result<()> {
        for store in
            self.given.iter().chain(self.store(model.folds.unwrap_or(self.config.traditional.folds)).ok())
        {
            store.warm(ctx)?;
        }
        Ok(())
    }

    fn store(&self, k: usize) -> Result<&FoldStore<'a>> {
        let found = self.folds.iter().find(|(n, _)| *n == k).map(|(_, store)| store);
        match found {
            Some(Ok(store)) => Ok(store),
            Some(Err(why)) => Err(Error::input(why.clone(), "change the number of folds")),
            None => Err(Error::input(format!("{k} folds were not made"), "report this as a bug")),
        }
    }

    /// A model that an earlier run of the same experiment on the same rows finished.
    pub(super) fn finished(&self, name: &str) -> Option<ModelResult> {
        let bytes = self.folder.read(&format!("models/{name}/performance.json"))?;
        let mut result: ModelResult = serde_json::from_slice(&bytes).ok()?;
        if result.fingerprint != self.fingerprint {
            return None;
        }
        let scorer = LoadedModel::open(&self.folder.model_dir(name)).ok()?.scorer;
        let test = measure::predict(&*scorer, &self.data.test, &FitContext::default()).ok()??;
        let external = measure::predict(&*scorer, &self.data.external, &FitContext::default()).ok()?;
        result.held = Some(Held { scorer, test, external });
        result.path = Some(self.folder.model_dir(name));
        Some(result)
    }

    /// The test rows.
    pub(super) fn test(&self) -> &LabelledSet {
        &self.data.test
    }

    /// Searches, fits, measures and saves one model.
    pub(super) fn train(&self, name: &str, model: &Model, ctx: &FitContext) -> Result<ModelResult> {
        let started = Instant::now();
        measure::begin_peak();
        let estimator = model.estimator(name)?.ok_or_else(|| {
            Error::unsupported("this build", format!("the model `{name}`"), "take another model")
        })?;
        let k = model.folds.unwrap_or(self.config.traditional.folds);
        let further = match (&model.grid, self.config.tuning.bayesian) {
            (Grid::Builtin, true) => self.config.tuning.bayesian_trials,
            _ => 0,
        };
        let fixed: Vec<String> = model.params.keys().cloned().collect();
        let (point, cv) =
            self.search((name, &*estimator), (points(name, model)?, &fixed, further), k, ctx)?;

        let recorder = Arc::new(Recorder::default());
        let ctx = &ctx.unobserved().with_observer(recorder.clone());
        let fit_started = Instant::now();
        let chosen = apply(&*estimator, &point)?;
        let fitted = match self.rebalance() {
            Some(rebalance) => {
                let y = self.rows.target.select(&self.rows.train);
                let (rows, y) = rebalanced(rebalance(&y, ctx)?, &y)?;
                chosen.fit_model(&self.x.select_rows(&rows), &y, ctx)?
            }
            None => chosen.fit_model(&self.x, &self.rows.target.select(&self.rows.train), ctx)?,
        };
        let fit_seconds = fit_started.elapsed().as_secs_f64();
        let scorer = pipeline::assemble(self.data.sanitiser.clone(), self.features.clone(), fitted);

        let mut result = ModelResult::without_numbers(name, Status::Ok);
        result.params = chosen.params();
        result.fingerprint.clone_from(&self.fingerprint);
        result.best_params = point;
        result.cv = Some(cv);
        result.fit_seconds = Some(fit_seconds);
        result.history = recorder.history(name);
        let params = json!({
            "sanitise": self.config.sanitise,
            "features": self.config.features.to_value(),
            "model": { "type": result.model, "params": result.params },
        });
        self.measure(&mut result, scorer, params, ctx)?;
        result.wall_seconds = Some(started.elapsed().as_secs_f64());
        Ok(result)
    }

    /// The best point and what the folds say about it.
    fn search(
        &self,
        (name, estimator): (&str, &dyn Estimator),
        (mut params, fixed, further): (Vec<Params>, &[String], usize),
        k: usize,
        ctx: &FitContext,
    ) -> Result<(Params, CrossValidation)> {
        let mut points = params.iter().map(|p| apply(estimator, p)).collect::<Result<Vec<_>>>()?;
        let folds = self.store(k)?;
        let rebalance = self.rebalance();
        let run = |store: &FoldStore<'_>, points: &[Box<dyn Estimator>]| {
            let search = Search {
                store,
                target: &self.rows.target,
                metric: self.metric,
                rebalance: rebalance.as_deref(),
                stage: name,
            };
            search.run(points, ctx)
        };
        let choosing = self.given.as_ref().unwrap_or(folds);
        let mut compared = run(choosing, &points)?;
        if further > 0 {
            let one = |point: Box<dyn Estimator>| {
                let scored = run(choosing, &[point])?.into_iter().next();
                scored.ok_or_else(|| Error::input("no fold was scored", "report this as a bug"))
            };
            for (point, scores) in bayes::further(estimator, (fixed, further), ctx, &one)? {
                points.push(apply(estimator, &point)?);
                params.push(point);
                compared.push(scores);
            }
        }
        let at = best(&compared)?;
        let validated = match &self.given {
            Some(_) => run(folds, &points[at..=at])?
                .into_iter()
                .next()
                .ok_or_else(|| Error::input("no fold was scored", "report this as a bug"))?,
            None => compared[at].clone(),
        };
        // What chose the point also compares the models: validation rows where they are given, else the folds.
        let (unseen, rows): (&PointScores, &[usize]) = match &self.rows.given {
            Some(fold) => (&compared[at], &fold.test),
            None => (&compared[at], &self.rows.train),
        };
        let out_of_fold = self.unseen_scores(unseen, rows)?;
        let sign = if self.metric.higher_is_better() { 1.0 } else { -1.0 };
        let cv = CrossValidation {
            metric: self.metric.name().to_owned(),
            mean: sign * validated.mean().unwrap_or(f64::NAN),
            std: validated.std().unwrap_or(f64::NAN),
            folds: validated.folds.iter().map(|v| sign * v).collect(),
            points: params
                .iter()
                .zip(&compared)
                .map(|(params, scores)| Point {
                    params: params.clone(),
                    mean: scores.mean().map(|m| sign * m),
                    std: scores.std(),
                    error: scores.error.clone(),
                })
                .collect(),
            out_of_fold,
        };
        Ok((params[at].clone(), cv))
    }

    fn unseen_scores(&self, point: &PointScores, rows: &[usize]) -> Result<super::result::Scores> {
        let all = point
            .out_of_fold
            .as_ref()
            .ok_or_else(|| Error::input("the best point has no predictions", "report this as a bug"))?;
        let prediction = Prediction::new(all.output().clone(), all.scores().select_rows(rows))?;
        let truth = self.rows.target.select(rows);
        measure::scores(truth.as_classes()?.0, &prediction, self.config)
    }

    fn rebalance(&self) -> Option<Box<Rebalance<'static>>> {
        let how = self.config.clean.balance;
        (how != Balance::None).then(|| {
            Box::new(move |y: &Target, ctx: &FitContext| {
                let (codes, _) = y.as_classes()?;
                let rows: Vec<usize> = (0..codes.len()).collect();
                Ok(balance(&rows, codes, how, ctx.seed()))
            }) as Box<Rebalance<'static>>
        })
    }

    /// Scores test rows and blind set, times single prompts, saves the pipeline.
    fn measure(
        &self,
        result: &mut ModelResult,
        scorer: Arc<dyn Scorer>,
        params: Value,
        ctx: &FitContext,
    ) -> Result<()> {
        let test = measure::predict(&*scorer, &self.data.test, ctx)?
            .ok_or_else(|| Error::input("there are no test rows", "report this as a bug"))?;
        let external = measure::predict(&*scorer, &self.data.external, ctx)?;
        let scores = measure::scores(&self.data.test.codes, &test, self.config)?;
        result.external = external
            .as_ref()
            .map(|p| measure::scores(&self.data.external.codes, p, self.config))
            .transpose()?;
        if let Some((p50, p99)) =
            measure::latency(&*scorer, &self.data.test, self.config.evaluation.latency_samples)?
        {
            result.predict_us_per_prompt = Some(p50);
            result.predict_us_p99 = Some(p99);
        }
        let manifest = Manifest {
            name: result.model.clone(),
            task: self.config.task.name().to_owned(),
            params,
            classes: self.data.classes.names().to_vec(),
            seed: self.config.seed,
            data_digest: self.data.summary.digest.clone(),
            synthetic: self.data.summary.synthetic,
            metrics: crate::measured::numbers(&scores.report)
                .into_iter()
                .chain(scores.security.iter().map(|s| ("security_score".to_owned(), s.score)))
                .collect(),
            ..Manifest::default()
        };
        result.test = Some(scores);
        result.model_bytes = Some(self.folder.save_pipeline(&result.model, &*scorer, manifest)?);
        result.path = Some(self.folder.model_dir(&result.model));
        result.peak_memory_mib = measure::peak_since_begun_mib();
        result.held = Some(Held { scorer, test, external });
        Ok(())
    }
}

/// The training rows among all texts: they come first.
struct Train<'a> {
    texts: &'a [String],
    rows: usize,
}

impl Texts for Train<'_> {
    fn count(&self) -> usize {
        self.rows
    }
    fn text(&self, i: usize) -> &str {
        &self.texts[i]
    }
}

/// What is searched for a model.
fn points(name: &str, model: &Model) -> Result<Vec<Params>> {
    Ok(match &model.grid {
        Grid::None => vec![Params::new()],
        Grid::Explicit(grid) => expand(grid.iter().map(|(name, values)| (name.as_str(), values.as_slice()))),
        Grid::Builtin => {
            let grid = learners::builtin_grid(Task::Classification, name)?;
            // A parameter that the configuration sets is not searched.
            let free = grid.iter().filter(|(param, _)| !model.params.contains_key(*param));
            expand(free.map(|(param, values)| (*param, values.as_slice())))
        }
    })
}
