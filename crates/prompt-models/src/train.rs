//! Training one pipeline: what `prompt train` does.
//!
//! A [`Recipe`] says what is trained; [`train`] fits it on the training rows of a data set, chooses parameters on the
//! validation rows where there are some, and gives back the pipeline with its manifest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use prompt_core::artifact::Manifest;
use prompt_core::{
    Classes, Error, Estimator, Featurizer, FitContext, FitTransform, Matrix, Model, Params, Prediction,
    Result, Scorer, Subset, Target, Task, TextMap, Texts, map_texts, predict,
};
use prompt_data::sanitise::Sanitiser;
use prompt_data::split::{Parts, given, sample};
use prompt_data::synth::SECURITY_CLASSES;
use prompt_data::{Balance, CleanReport, Cleaner, Dataset, Fields, balance};
use serde_json::Value;

use crate::learners;
use crate::measured::Report;
use crate::pipeline::{self, Features, FittedFeatures};
use crate::select::{Metric, apply, expand, rebalanced};

/// A pipeline to be trained: sanitiser, features, learner.
///
/// ```
/// use prompt_models::train::Recipe;
/// let recipe = Recipe::of_task("security")?.model("logistic_regression")?.param("c", &4.0.into())?;
/// assert_eq!(recipe.estimator().params()["c"], 4.0);
/// assert!(Recipe::of_task("poetry").is_err());
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recipe {
    task: String,
    sanitiser: Option<Sanitiser>,
    features: Features,
    estimator: Box<dyn Estimator>,
    /// Parameters that the caller set: they are not searched.
    fixed: Vec<String>,
}

/// The task whose classes are known beforehand.
const SECURITY: &str = "security";

/// The tasks with a preset.
const TASKS: [&str; 4] = [SECURITY, "intent", "chat", "text"];

impl Recipe {
    /// The preset of a task: word and character n-grams with a linear SVM, sanitised for `security`.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the tasks that have a preset.
    pub fn of_task(task: &str) -> Result<Self> {
        if !TASKS.contains(&task) {
            return Err(Error::unknown("task", task, TASKS));
        }
        Ok(Self {
            task: task.to_owned(),
            sanitiser: (task == SECURITY).then(Sanitiser::default),
            features: Features::default(),
            estimator: learners::estimator(Task::Classification, "linear_svm")?,
            fixed: Vec::new(),
        })
    }

    /// With another learner.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the known names.
    pub fn model(mut self, name: &str) -> Result<Self> {
        self.estimator = learners::estimator(self.predicts(), name)?;
        self.fixed.clear();
        Ok(self)
    }

    /// For numbers in place of classes: the rows' targets are predicted, by ridge regression unless another learner is named
    /// after this.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a task whose classes are known.
    pub fn numbers(mut self) -> Result<Self> {
        if self.task != "text" {
            return Err(Error::unsupported(
                format!("the task `{}`", self.task),
                "numbers as targets",
                "take the task `text`",
            ));
        }
        self.estimator = learners::estimator(Task::Regression, "ridge")?;
        self.fixed.clear();
        Ok(self)
    }

    /// Classes or numbers.
    pub fn predicts(&self) -> Task {
        self.estimator.tags().task
    }

    /// With a parameter of the learner set.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Param`].
    pub fn param(mut self, name: &str, value: &Value) -> Result<Self> {
        self.estimator = self.estimator.with_param(name, value)?;
        self.fixed.push(name.to_owned());
        Ok(self)
    }

    /// With other features.
    #[must_use]
    pub fn features(mut self, features: Features) -> Self {
        self.features = features;
        self
    }

    /// With another sanitiser, or none.
    #[must_use]
    pub fn sanitiser(mut self, sanitiser: Option<Sanitiser>) -> Self {
        self.sanitiser = sanitiser;
        self
    }

    /// The learner.
    pub fn estimator(&self) -> &dyn Estimator {
        &*self.estimator
    }

    /// How the task's input fields are called.
    pub fn fields(&self) -> Fields {
        if self.task == SECURITY { Fields::security() } else { Fields::default() }
    }

    /// What each row is to be predicted as.
    fn target(&self, data: &Dataset) -> Result<Target> {
        if self.predicts() == Task::Regression {
            return Target::regression(data.targets()?);
        }
        let labels = data.labels()?;
        Target::labels_among(&labels, &self.classes(&labels)?)
    }

    /// The sanitiser, where there is one.
    pub(crate) fn sanitiser_params(&self) -> Option<&Sanitiser> {
        self.sanitiser.as_ref()
    }

    /// The features.
    pub(crate) fn feature_set(&self) -> &Features {
        &self.features
    }

    /// The task's name.
    pub(crate) fn task_name(&self) -> &str {
        &self.task
    }

    /// Parameters that the caller set.
    pub(crate) fn fixed(&self) -> &[String] {
        &self.fixed
    }

    pub(crate) fn classes(&self, labels: &[&str]) -> Result<Classes> {
        if self.task == SECURITY { Classes::new(SECURITY_CLASSES) } else { Ok(Classes::sorted(labels)) }
    }

    /// Every combination of the learner's built-in grid, leaving alone what the caller set.
    fn points(&self) -> Result<Vec<BTreeMap<String, Value>>> {
        let grid = learners::builtin_grid(self.estimator.tags().task, self.estimator.name())?;
        let free = grid.iter().filter(|(name, _)| !self.fixed.iter().any(|f| f == name));
        Ok(expand(free.map(|(name, values)| (*name, values.as_slice()))))
    }

    pub(crate) fn with(&self, point: &BTreeMap<String, Value>) -> Result<Box<dyn Estimator>> {
        apply(&*self.estimator, point)
    }
}

/// How a recipe is trained.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// Whether the learner's grid is searched on the validation rows, where there are some.
    pub search: bool,
    /// The name in the manifest; the learner's when absent.
    pub name: Option<String>,
    /// Which rows are left out first.
    pub cleaner: Cleaner,
    /// Most training rows; a stratified [`sample`] of that size is taken when there are more.
    pub max_train_rows: Option<usize>,
    /// How the classes of the training rows are balanced.
    pub balance: Balance,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            search: true,
            name: None,
            cleaner: Cleaner::default(),
            max_train_rows: None,
            balance: Balance::None,
        }
    }
}

/// A trained pipeline.
pub struct Trained {
    /// The pipeline.
    pub scorer: Arc<dyn Scorer>,
    /// What is known about it, ready to be saved.
    pub manifest: Manifest,
    /// Parameters that were chosen on the validation rows.
    pub chosen: BTreeMap<String, Value>,
    /// What was measured on the validation rows, or on the test rows where there are only those.
    pub validation: Option<Report>,
    /// Which rows those were, in words.
    pub measured_on: &'static str,
    /// Rows it was fitted on.
    pub train_rows: usize,
    /// Which rows were left out first: those whose text another row has, of the training rows before others.
    pub cleaned: CleanReport,
    /// Seconds of fitting, the search included.
    pub fit_seconds: f64,
}

/// Fits a recipe on the training rows of a data set (all rows where it has no splits).
///
/// Points of the learner's grid are compared by macro-F1 (numbers: RMSE) on the validation rows; the winner is the model as it was
/// fitted on training rows alone, so that what was measured is what is saved.
///
/// # Errors
/// Rows without labels (without targets, where numbers are predicted), splits on some rows only, a single class, a label outside a task's classes, or a stop asked for through `ctx`.
pub fn train(recipe: &Recipe, data: &Dataset, options: &TrainOptions, ctx: &FitContext) -> Result<Trained> {
    let started = Instant::now();
    if recipe.task == SECURITY {
        encode(&Classes::new(SECURITY_CLASSES)?, data)?;
    }
    let (data, cleaned) = options.cleaner.clean(data, ctx)?;
    let data = &data;
    let parts =
        given(data)?.unwrap_or_else(|| Parts { train: (0..data.len()).collect(), ..Parts::default() });
    let mut train_rows = parts.train;
    if train_rows.is_empty() {
        return Err(Error::input(format!("{} has no rows", data.origin()), "give labelled rows"));
    }
    let y = recipe.target(data)?;
    train_rows = limited(train_rows, &y, options, ctx);
    if let Ok((codes, classes)) = y.as_classes() {
        let first = codes[train_rows[0]];
        if train_rows.iter().all(|&row| codes[row] == first) {
            return Err(Error::input(
                format!(
                    "the training rows of {} have a single class, `{}`",
                    data.origin(),
                    classes.name(first)
                ),
                "give rows of at least two classes",
            ));
        }
    }

    let sanitiser: Option<Arc<dyn TextMap>> = match &recipe.sanitiser {
        Some(params) => {
            params.validate()?;
            Some(Arc::new(params.clone()))
        }
        None => None,
    };
    let given = data.texts();
    let texts: Box<dyn Texts> = match &sanitiser {
        Some(map) => Box::new(map_texts(&**map, &given)),
        None => Box::new(given),
    };
    let (features, x): (FittedFeatures, Matrix) =
        recipe.features.union().fit_transform(&Subset::new(&*texts, &train_rows), &(), ctx)?;
    let y_train = y.select(&train_rows);
    let (x, y_train) = match options.balance {
        Balance::None => (x, y_train),
        how => {
            let all: Vec<usize> = (0..train_rows.len()).collect();
            let (rows, y) = rebalanced(balance(&all, y_train.as_classes()?.0, how, ctx.seed()), &y_train)?;
            (x.select_rows(&rows), y)
        }
    };

    let (held_out, measured_on) = match (parts.validation, parts.test) {
        (validation, _) if !validation.is_empty() => (validation, "validation rows"),
        (_, test) => (test, "test rows"),
    };
    let z =
        if held_out.is_empty() { None } else { Some(features.featurize(&Subset::new(&*texts, &held_out))?) };
    let truth = y.select(&held_out);

    let fit = |estimator: &dyn Estimator, ctx: &FitContext| estimator.fit_model(&x, &y_train, ctx);
    let search = options.search && measured_on == "validation rows";
    let (point, Candidate { model, prediction, .. }) = best(recipe, search, z.as_ref(), &truth, &fit, ctx)?;

    let validation = prediction.as_ref().map(|p| Report::new(&truth, p)).transpose()?;
    let estimator = recipe.with(&point)?;
    let manifest = Manifest {
        name: options.name.clone().unwrap_or_else(|| estimator.name().to_owned()),
        task: recipe.task.clone(),
        params: serde_json::json!({
            "sanitise": recipe.sanitiser,
            "features": recipe.features.to_value(),
            "model": { "type": estimator.name(), "params": estimator.params() },
        }),
        classes: y.as_classes().map(|(_, c)| c.names().to_vec()).unwrap_or_default(),
        seed: ctx.seed().value(),
        data_digest: data.select(&train_rows).digest(),
        synthetic: data.is_synthetic(),
        metrics: validation.as_ref().map(Report::kept).unwrap_or_default(),
        ..Manifest::default()
    };
    Ok(Trained {
        scorer: pipeline::assemble(sanitiser, features, model),
        manifest,
        chosen: point,
        validation,
        measured_on,
        train_rows: train_rows.len(),
        cleaned,
        fit_seconds: started.elapsed().as_secs_f64(),
    })
}

/// The training rows, or as many of them as are wanted.
pub(crate) fn limited(
    mut rows: Vec<usize>,
    y: &Target,
    options: &TrainOptions,
    ctx: &FitContext,
) -> Vec<usize> {
    let Some(most) = options.max_train_rows.filter(|most| *most < rows.len()) else { return rows };
    match y.select(&rows).as_classes() {
        Ok((codes, _)) => sample(codes, most, ctx.seed()).into_iter().map(|i| rows[i]).collect(),
        Err(_) => {
            ctx.seed().derive("max_train_rows", 0).rng().shuffle(&mut rows);
            rows.truncate(most);
            rows.sort_unstable();
            rows
        }
    }
}

/// Fits every point of the learner's grid where they are searched, and finds the one that scores best on the held-out rows
/// `z`, the first of equals.
pub(crate) fn best(
    recipe: &Recipe,
    search: bool,
    z: Option<&Matrix>,
    truth: &Target,
    fit: &(dyn Fn(&dyn Estimator, &FitContext) -> Result<Arc<dyn Model>> + Sync),
    ctx: &FitContext,
) -> Result<(BTreeMap<String, Value>, Candidate)> {
    let points = match z {
        Some(_) if search => recipe.points()?,
        _ => vec![BTreeMap::new()],
    };
    let metric = Metric::named(if recipe.predicts() == Task::Regression { "rmse" } else { "f1_macro" })?;
    let inner = if points.len() > 1 { ctx.serial() } else { ctx.clone() };
    let fitted = ctx.map(points.len(), |i| -> Result<Candidate> {
        let model = fit(&*recipe.with(&points[i])?, &inner)?;
        let prediction = z.map(|z| predict(&*model, z)).transpose()?;
        let score = match &prediction {
            Some(p) if points.len() > 1 => metric.score(truth, p)?,
            _ => 0.0,
        };
        Ok(Candidate { model, prediction, score })
    });
    let mut best: Option<(usize, Candidate)> = None;
    for (at, candidate) in fitted.into_iter().enumerate() {
        let candidate = candidate?;
        if best.as_ref().is_none_or(|(_, b)| candidate.score > b.score) {
            best = Some((at, candidate));
        }
    }
    let (at, candidate) = best.ok_or_else(|| Error::input("nothing was fitted", "report this as a bug"))?;
    Ok((points[at].clone(), candidate))
}

/// The class of every row; a label outside the classes is told by its line.
///
/// # Errors
/// [`Error::Parse`] or [`Error::Input`] for the first such row, with how many labels of that kind there are.
pub(crate) fn encode(classes: &Classes, data: &Dataset) -> Result<Vec<u32>> {
    let labels = data.labels()?;
    let foreign = |label: &str| !classes.names().iter().any(|name| name == label);
    let Some(row) = labels.iter().position(|label| foreign(label)) else { return classes.encode(labels) };
    let more = match labels.iter().filter(|label| foreign(label)).count() {
        1 => String::new(),
        n => format!(" ({n} rows have such labels)"),
    };
    let label = labels[row];
    Err(data.wrong_row(
        row,
        format!("unknown label `{label}`{more}; known: {}", classes.names().join(", ")),
        format!(
            "correct it, or say what it means with --label-map {label}=CLASS \
             (in a configuration `data.fields.label_map`)"
        ),
    ))
}

/// One point of the search, fitted on the training rows.
pub(crate) struct Candidate {
    pub(crate) model: Arc<dyn Model>,
    /// Of the held-out rows, where there are some.
    pub(crate) prediction: Option<Prediction>,
    score: f64,
}
