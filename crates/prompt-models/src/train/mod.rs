//! Training one pipeline: what `prompt train` does.
//!
//! A [`Recipe`] says what is trained; [`train`] fits it on the training rows of a data set, chooses parameters on the
//! validation rows where there are some, and gives back the pipeline with its manifest.

mod columns;
mod network;
mod recipe;
mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use prompt_core::artifact::Manifest;
use prompt_core::{
    Classes, Error, FitContext, Params, Prediction, Result, Scorer, Target, TextMap, Texts, map_texts,
};
use prompt_data::split::{Parts, given};
use prompt_data::synth::SECURITY_CLASSES;
use prompt_data::{Balance, CleanReport, Cleaner, Dataset};
use serde_json::Value;

use self::columns::fit_columns;
pub(crate) use self::columns::{Candidate, best};
use self::network::fit_network;
pub(crate) use self::recipe::Learner;
pub use self::recipe::Recipe;
use self::recipe::SECURITY;
pub(crate) use self::rows::{encode, limited};
use crate::measured::Report;
use crate::neural::{TaskField, Traces};

/// How a recipe is trained.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// Whether the learner's grid is searched on the validation rows, where there are some.
    pub search: bool,
    /// The name in the manifest; the learner's when absent.
    pub name: Option<String>,
    /// Which rows are left out first.
    pub cleaner: Cleaner,
    /// Most training rows; a stratified [`sample`](prompt_data::split::sample) of that size is taken when there are more.
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
    if recipe.task_name() == SECURITY {
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
    if let (Some(field), Learner::Columns(_)) = (options.task_fields.first(), recipe.chosen()) {
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

    let sanitiser: Option<Arc<dyn TextMap>> = match recipe.sanitiser_params() {
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
    let fit = match recipe.chosen() {
        Learner::Columns(estimator) => {
            fit_columns((recipe, &**estimator), &rows, (options, search), sanitiser, ctx)?
        }
        Learner::Network(network) => fit_network((recipe, network), (&rows, data), options, sanitiser, ctx)?,
    };

    let truth = y.select(&held_out);
    let validation = fit.prediction.as_ref().map(|p| Report::new(&truth, p)).transpose()?;
    let manifest = Manifest {
        name: options.name.clone().unwrap_or_else(|| recipe.learner().to_owned()),
        task: recipe.task_name().to_owned(),
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
