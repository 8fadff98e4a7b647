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
use crate::neural::{self, FurtherTask, Network, TaskField, Traces};
use crate::pipeline::{self, Features, FittedFeatures};
use crate::score::column_twice;
use crate::select::{Metric, apply, expand, rebalanced};

/// A pipeline to be trained: sanitiser, features, learner; or a network, which reads the texts itself.
///
/// ```
/// use prompt_models::train::Recipe;
/// let recipe = Recipe::of_task("security")?.model("logistic_regression")?.param("c", &4.0.into())?;
/// assert_eq!((recipe.learner(), &recipe.params()["c"]), ("logistic_regression", &4.0.into()));
/// assert!(Recipe::of_task("poetry").is_err());
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recipe {
    task: String,
    sanitiser: Option<Sanitiser>,
    features: Features,
    predicts: Task,
    learner: Learner,
    /// Parameters that the caller set: they are not searched.
    fixed: Vec<String>,
    /// The field of row weights.
    weight_field: Option<String>,
}

/// What learns.
#[derive(Clone, Debug)]
pub(crate) enum Learner {
    /// From columns, which the features make of texts.
    Columns(Box<dyn Estimator>),
    /// From the texts.
    Network(Box<Network>),
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
            predicts: Task::Classification,
            learner: Learner::Columns(learners::estimator(Task::Classification, "linear_svm")?),
            fixed: Vec::new(),
            weight_field: None,
        })
    }

    /// With another learner, by its name in [`learners`] or [`neural`].
    ///
    /// # Errors
    /// [`Error::Unknown`] with the known names, [`Error::Unsupported`] for a network that this build has not.
    pub fn model(mut self, name: &str) -> Result<Self> {
        self.learner = if neural::is_network(name) {
            Learner::Network(Box::new(Network::named(name)?))
        } else {
            Learner::Columns(learners::estimator(self.predicts, name).map_err(with_networks)?)
        };
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
        self.predicts = Task::Regression;
        self.learner = Learner::Columns(learners::estimator(Task::Regression, "ridge")?);
        self.fixed.clear();
        Ok(self)
    }

    /// Classes or numbers.
    pub fn predicts(&self) -> Task {
        self.predicts
    }

    /// With a parameter of the learner set.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Param`].
    pub fn param(mut self, name: &str, value: &Value) -> Result<Self> {
        self.learner = match &self.learner {
            Learner::Columns(estimator) => Learner::Columns(estimator.with_param(name, value)?),
            Learner::Network(network) => Learner::Network(Box::new(network.with_param(name, value)?)),
        };
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

    /// With row weights: numbers ≥ 0 in this field of every row ([`Dataset::weights`]). What is measured is weighted too.
    #[must_use]
    pub fn weight_field(mut self, name: Option<String>) -> Self {
        self.weight_field = name;
        self
    }

    /// The learner's name.
    pub fn learner(&self) -> &'static str {
        match &self.learner {
            Learner::Columns(estimator) => estimator.name(),
            Learner::Network(network) => network.name(),
        }
    }

    /// The learner's parameters.
    pub fn params(&self) -> Value {
        match &self.learner {
            Learner::Columns(estimator) => estimator.params(),
            Learner::Network(network) => network.params(),
        }
    }

    /// The learner of columns.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a network, which reads texts.
    pub(crate) fn columns(&self) -> Result<&dyn Estimator> {
        match &self.learner {
            Learner::Columns(estimator) => Ok(&**estimator),
            Learner::Network(network) => Err(Error::unsupported(
                format!("the network `{}`", network.name()),
                "being a student",
                "take a learner of columns, such as logistic_regression",
            )),
        }
    }

    /// What learns.
    pub(crate) fn chosen(&self) -> &Learner {
        &self.learner
    }

    /// How the task's input fields are called.
    pub fn fields(&self) -> Fields {
        if self.task == SECURITY { Fields::security() } else { Fields::default() }
    }

    /// What each row is to be predicted as.
    pub(crate) fn target(&self, data: &Dataset) -> Result<Target> {
        let target = if self.predicts() == Task::Regression {
            Target::regression(data.targets()?)?
        } else {
            let labels = data.labels()?;
            Target::labels_among(&labels, &self.classes(&labels)?)?
        };
        match &self.weight_field {
            Some(field) => target.with_weights(data.weights(field)?),
            None => Ok(target),
        }
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
        let grid = learners::builtin_grid(self.predicts, self.learner())?;
        let free = grid.iter().filter(|(name, _)| !self.fixed.iter().any(|f| f == name));
        Ok(expand(free.map(|(name, values)| (*name, values.as_slice()))))
    }
}

/// Networks are learners too, where texts are learned from.
fn with_networks(error: Error) -> Error {
    match error {
        Error::Unknown { kind, name, mut known } => {
            known.extend(neural::NAMES.map(str::to_owned));
            Error::Unknown { kind, name, known }
        }
        other => other,
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
    /// Where the training of a network leaves its traces.
    pub traces: Traces,
    /// Fields that an encoder learns beside the label, each as a head of its own; what is measured is the label.
    pub task_fields: Vec<TaskField>,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            search: true,
            name: None,
            cleaner: Cleaner::default(),
            max_train_rows: None,
            balance: Balance::None,
            traces: Traces::default(),
            task_fields: Vec::new(),
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
    /// Training texts whose ends a network did not read, because they are longer than its `max_length`.
    pub cut_texts: usize,
    /// Seconds of fitting, the search included.
    pub fit_seconds: f64,
}

/// Fits a recipe on the training rows of a data set (all rows where it has no splits).
///
/// Points of the learner's grid are compared by macro-F1 (numbers: RMSE) on the validation rows; the winner is the model as it was
/// fitted on training rows alone, so that what was measured is what is saved. A network is fitted as it is told; the rows that
/// choose its best state are some of the training rows (`validation_fraction`).
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
    if let (Some(field), Learner::Columns(_)) = (options.task_fields.first(), &recipe.learner) {
        return Err(Error::unsupported(
            format!("the learner `{}`", recipe.learner()),
            format!("a further field, `{}`", field.name),
            "take the model `encoder`, or leave the further fields out",
        ));
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
    let (held_out, measured_on) = match (parts.validation, parts.test) {
        (validation, _) if !validation.is_empty() => (validation, "validation rows"),
        (_, test) => (test, "test rows"),
    };
    let rows = Rows { texts: &*texts, y: &y, train: &train_rows, held_out: &held_out };
    let search = options.search && measured_on == "validation rows";
    let fit = match &recipe.learner {
        Learner::Columns(estimator) => {
            fit_columns((recipe, &**estimator), &rows, (options, search), sanitiser, ctx)?
        }
        Learner::Network(network) => fit_network((recipe, network), (&rows, data), options, sanitiser, ctx)?,
    };

    let truth = y.select(&held_out);
    let validation = fit.prediction.as_ref().map(|p| Report::new(&truth, p)).transpose()?;
    let manifest = Manifest {
        name: options.name.clone().unwrap_or_else(|| recipe.learner().to_owned()),
        task: recipe.task.clone(),
        params: fit.params,
        classes: y.as_classes().map(|(_, c)| c.names().to_vec()).unwrap_or_default(),
        seed: ctx.seed().value(),
        data_digest: data.select(&train_rows).digest(),
        synthetic: data.is_synthetic(),
        metrics: validation.as_ref().map(Report::kept).unwrap_or_default(),
        ..Manifest::default()
    };
    Ok(Trained {
        scorer: fit.scorer,
        manifest,
        chosen: fit.chosen,
        validation,
        measured_on,
        train_rows: train_rows.len(),
        cleaned,
        cut_texts: fit.cut,
        fit_seconds: started.elapsed().as_secs_f64(),
    })
}

/// The rows of a training.
struct Rows<'a> {
    /// Of all rows, as the learner reads them.
    texts: &'a dyn Texts,
    y: &'a Target,
    train: &'a [usize],
    /// To be measured on; possibly none.
    held_out: &'a [usize],
}

/// What a learner came to.
struct Fit {
    scorer: Arc<dyn Scorer>,
    /// For the manifest.
    params: Value,
    chosen: BTreeMap<String, Value>,
    /// Of the held-out rows.
    prediction: Option<Prediction>,
    cut: usize,
}

fn fit_columns(
    (recipe, estimator): (&Recipe, &dyn Estimator),
    rows: &Rows<'_>,
    (options, search): (&TrainOptions, bool),
    sanitiser: Option<Arc<dyn TextMap>>,
    ctx: &FitContext,
) -> Result<Fit> {
    let (features, x): (FittedFeatures, Matrix) =
        recipe.features.union().fit_transform(&Subset::new(rows.texts, rows.train), &(), ctx)?;
    let y_train = rows.y.select(rows.train);
    let (x, y_train) = match options.balance {
        Balance::None => (x, y_train),
        how => {
            let all: Vec<usize> = (0..rows.train.len()).collect();
            let (rows, y) = rebalanced(balance(&all, y_train.as_classes()?.0, how, ctx.seed()), &y_train)?;
            (x.select_rows(&rows), y)
        }
    };
    let z = match rows.held_out {
        [] => None,
        held_out => Some(features.featurize(&Subset::new(rows.texts, held_out))?),
    };
    let truth = rows.y.select(rows.held_out);

    let fit = |estimator: &dyn Estimator, ctx: &FitContext| estimator.fit_model(&x, &y_train, ctx);
    let (point, Candidate { model, prediction, .. }) =
        best((recipe, estimator), search, z.as_ref(), &truth, &fit, ctx)?;
    let estimator = apply(estimator, &point)?;
    Ok(Fit {
        scorer: pipeline::assemble(sanitiser, features, model),
        params: serde_json::json!({
            "sanitise": recipe.sanitiser,
            "features": recipe.features.to_value(),
            "model": { "type": estimator.name(), "params": estimator.params() },
        }),
        chosen: point,
        prediction,
        cut: 0,
    })
}

fn fit_network(
    (recipe, network): (&Recipe, &Network),
    (rows, data): (&Rows<'_>, &Dataset),
    options: &TrainOptions,
    sanitiser: Option<Arc<dyn TextMap>>,
    ctx: &FitContext,
) -> Result<Fit> {
    network.check()?;
    let y = rows.y.select(rows.train);
    let (train, y) = match options.balance {
        Balance::None => (rows.train.to_vec(), y),
        how => {
            let all: Vec<usize> = (0..rows.train.len()).collect();
            let (picked, y) = rebalanced(balance(&all, y.as_classes()?.0, how, ctx.seed()), &y)?;
            (picked.into_iter().map(|i| rows.train[i]).collect(), y)
        }
    };
    let further = options
        .task_fields
        .iter()
        .map(|field| Ok((field, field.target(data)?.select(&train))))
        .collect::<Result<Vec<_>>>()?;
    let classes = |target: &Target| target.as_classes().is_ok();
    let named = further.iter().map(|(field, target)| (field.name.as_str(), classes(target)));
    if let Some(name) = column_twice(y.as_classes().ok().map(|(_, classes)| classes), named) {
        return Err(Error::input(
            format!("with these further fields two columns of the answers would be called `{name}`"),
            "rename a field in the rows: answers have label, confidence and p_CLASS, or score, and of every \
             further field NAME and, of classes, NAME_confidence",
        ));
    }
    let further: Vec<FurtherTask<'_>> = further
        .iter()
        .map(|(field, target)| FurtherTask { name: &field.name, target, weight: field.weight })
        .collect();
    let (fitted, prediction) = neural::fit_rows_of_tasks(
        network,
        rows.texts,
        (&train, &y, &further),
        rows.held_out,
        (ctx, &options.traces),
    )?;
    let mut params = serde_json::json!({
        "sanitise": recipe.sanitiser,
        "model": { "type": network.name(), "params": network.params() },
    });
    if !options.task_fields.is_empty() {
        params["task_fields"] = serde_json::json!(options.task_fields);
    }
    Ok(Fit {
        scorer: pipeline::mapped(sanitiser, fitted.scorer),
        params,
        chosen: BTreeMap::new(),
        prediction,
        cut: fitted.cut,
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

/// How a learner of one point is fitted on the training rows.
type LearnFrom<'a> = dyn Fn(&dyn Estimator, &FitContext) -> Result<Arc<dyn Model>> + Sync + 'a;

/// Fits every point of the learner's grid where they are searched, and finds the one that scores best on the held-out rows
/// `z`, the first of equals.
pub(crate) fn best(
    (recipe, estimator): (&Recipe, &dyn Estimator),
    search: bool,
    z: Option<&Matrix>,
    truth: &Target,
    fit: &LearnFrom<'_>,
    ctx: &FitContext,
) -> Result<(BTreeMap<String, Value>, Candidate)> {
    let points = match z {
        Some(_) if search => recipe.points()?,
        _ => vec![BTreeMap::new()],
    };
    let metric = Metric::named(if recipe.predicts() == Task::Regression { "rmse" } else { "f1_macro" })?;
    let inner = if points.len() > 1 { ctx.serial() } else { ctx.clone() };
    let fitted = ctx.map(points.len(), |i| -> Result<Candidate> {
        let model = fit(&*apply(estimator, &points[i])?, &inner)?;
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
