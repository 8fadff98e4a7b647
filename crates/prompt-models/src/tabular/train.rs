//! Training one model on a table: what `prompt train --task tabular` does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use prompt_core::artifact::Manifest;
use prompt_core::{
    Error, Estimator, FitContext, Matrix, Model, Prediction, Result, Role, Scorer, Table, Target, Task,
    Transform, predict,
};
use prompt_data::Split;
use prompt_data::table::LoadedTable;
use prompt_features::TableEncoder;
use serde_json::{Value, json};

use super::{Folding, TASK, TableSchema, TableScorer, target_of, task_of};
use crate::learners;
use crate::measured::Report;
use crate::prepare::{Prepare, Prepared};
use crate::select::{Metric, apply, expand};
use crate::train::TrainOptions;

/// What is trained on a table.
///
/// ```
/// use prompt_core::FitContext;
/// use prompt_data::table::TableOptions;
/// use prompt_models::tabular::{TableRecipe, train};
/// let mut csv = "size,colour,price\n".to_owned();
/// for i in 0..60 {
///     csv += &format!("{i},{},{}\n", ["red", "blue"][i % 2], 3 * i + 10 * (i % 2));
/// }
/// let data = TableOptions::default().target("price").from_bytes("shop.csv", csv.as_bytes())?;
/// let recipe = TableRecipe { model: Some("ridge".into()), ..TableRecipe::default() };
/// let trained = train(&recipe, &data, &Default::default(), &FitContext::new(1))?;
/// assert_eq!(trained.manifest.task, "tabular");
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct TableRecipe {
    /// Classes or numbers; by the target column when absent.
    pub task: Option<Task>,
    /// The learner; [`DEFAULT`] when absent.
    pub model: Option<String>,
    /// Parameters of the learner: they are not searched.
    pub params: Vec<(String, Value)>,
    /// The encoder; what the learner and the steps need when absent.
    pub encoder: Option<TableEncoder>,
    /// What is done with the table first.
    pub prepare: Prepare,
    /// How rows are dealt into folds where its parameters are tuned.
    pub folding: Folding,
}

/// The learner that is trained when none is named.
pub const DEFAULT: &str = "hist_gradient_boosting";

impl TableRecipe {
    /// The learner with its parameters.
    pub(crate) fn estimator(&self, task: Task) -> Result<Box<dyn Estimator>> {
        let name = self.model.as_deref().unwrap_or(DEFAULT);
        self.params
            .iter()
            .try_fold(learners::estimator(task, name)?, |e, (param, value)| e.with_param(param, value))
    }
}

/// A trained model of tables.
pub struct TrainedTable {
    /// The pipeline.
    pub scorer: Arc<dyn Scorer>,
    /// What is known about it, ready to be saved.
    pub manifest: Manifest,
    /// Parameters that were chosen on the validation rows.
    pub chosen: BTreeMap<String, Value>,
    /// What was measured on the validation rows, or on the test rows where there are only those.
    pub report: Option<Report>,
    /// Which rows those were, in words.
    pub measured_on: &'static str,
    /// Rows it was fitted on.
    pub train_rows: usize,
    /// Seconds of fitting, the search included.
    pub fit_seconds: f64,
}

/// Rows of a table for fitting and measuring.
struct Rows {
    train: Vec<usize>,
    held_out: Vec<usize>,
    measured_on: &'static str,
}

impl Rows {
    fn of(data: &LoadedTable) -> Result<Self> {
        let Some(splits) = &data.splits else {
            let train = (0..data.table.rows()).collect();
            return Ok(Self { train, held_out: Vec::new(), measured_on: "no rows" });
        };
        let of = |split: Split| -> Vec<usize> { data.rows_of(split) };
        let (train, validation, test) = (of(Split::Train), of(Split::Validation), of(Split::Test));
        if train.is_empty() {
            return Err(Error::input(
                format!("none of the {} rows of {} is for training", splits.len(), data.path.display()),
                "write `train` in the column of splits",
            ));
        }
        if validation.is_empty() {
            return Ok(Self { train, held_out: test, measured_on: "test rows" });
        }
        Ok(Self { train, held_out: validation, measured_on: "validation rows" })
    }
}

/// The table without its target, and the target, with the weights of the rows where the table has some.
pub(crate) fn divided(data: &LoadedTable, task: Option<Task>) -> Result<(String, Target, Task)> {
    let (name, column) = data.table.with_role(Role::Target).next().ok_or_else(|| {
        Error::input(
            format!("{}: no column is the target", data.path.display()),
            format!("name one of {}", names(&data.table)),
        )
    })?;
    let task = task.unwrap_or_else(|| task_of(column));
    let mut y = target_of(name, column, task)?;
    if let Ok((_, classes)) = y.as_classes()
        && classes.len() == 1
    {
        return Err(Error::input(
            format!("{}: the target `{name}` has a single class, `{}`", data.path.display(), classes.name(0)),
            "give rows of at least two classes; numbers to be predicted as such need the target kind `numbers`",
        ));
    }
    if let Some(weights) = &data.weights {
        y = y.with_weights(weights.clone())?;
    }
    Ok((name.to_owned(), y, task))
}

fn names(table: &Table) -> String {
    table.columns().map(|(name, _, _)| name).collect::<Vec<_>>().join(", ")
}

/// Fits a recipe on the training rows of a table (all rows where it has no splits). Points of the learner's grid are
/// compared on the validation rows, by macro-F1 or RMSE; the winner is kept as it was fitted on training rows alone.
///
/// # Errors
/// A table without target or training rows, a target of a single class, an unknown learner or parameter, data that the learner refuses, or a stop asked
/// for through `ctx`.
pub fn train(
    recipe: &TableRecipe,
    data: &LoadedTable,
    options: &TrainOptions,
    ctx: &FitContext,
) -> Result<TrainedTable> {
    let started = Instant::now();
    let (target, y, task) = divided(data, recipe.task)?;
    let rows = Rows::of(data)?;
    let estimator = recipe.estimator(task)?;
    let encoder = recipe.encoder.clone().unwrap_or_else(|| recipe.prepare.encoder(&estimator.tags()));
    let train_table = data.table.select_rows(&rows.train);
    let y_train = y.select(&rows.train);
    let Prepared { fitted: prepare, x, rows: kept } =
        recipe.prepare.fit_transform(&train_table, &y_train, &encoder, ctx)?;
    let y_train = y_train.select(&kept);
    let held_out = (!rows.held_out.is_empty())
        .then(|| {
            prepare.transform(&data.table.select_rows(&rows.held_out)).map(|z| (z, y.select(&rows.held_out)))
        })
        .transpose()?;

    let points = if options.search && rows.measured_on == "validation rows" {
        let grid = learners::builtin_grid(task, estimator.name())?;
        let free = grid.iter().filter(|(name, _)| !recipe.params.iter().any(|(given, _)| given == name));
        expand(free.map(|(name, values)| (*name, values.as_slice())))
    } else {
        vec![BTreeMap::new()]
    };
    let metric = Metric::named(if task == Task::Regression { "rmse" } else { "f1_macro" })?;
    let Best { at, model, prediction } =
        best(&*estimator, &points, &x, &y_train, held_out.as_ref(), metric, ctx)?;
    let report = match (&prediction, &held_out) {
        (Some(p), Some((_, truth))) => Some(Report::new(truth, p)?),
        _ => None,
    };
    let chosen = apply(&*estimator, &points[at])?;
    let read: Vec<String> = prepare.columns().into_iter().map(str::to_owned).collect();
    let manifest = Manifest {
        name: options.name.clone().unwrap_or_else(|| chosen.name().to_owned()),
        task: TASK.to_owned(),
        params: json!({
            "table": TableSchema::of(&data.table, &read, &target),
            "prepare": recipe.prepare,
            "model": { "type": chosen.name(), "params": chosen.params() },
        }),
        classes: model.output().classes().map(|c| c.names().to_vec()).unwrap_or_default(),
        seed: ctx.seed().value(),
        data_digest: data.digest.clone(),
        metrics: report.as_ref().map(Report::kept).unwrap_or_default(),
        ..Manifest::default()
    };
    Ok(TrainedTable {
        scorer: Arc::new(TableScorer::new(prepare, model)?),
        manifest,
        chosen: points[at].clone(),
        report,
        measured_on: rows.measured_on,
        train_rows: kept.len(),
        fit_seconds: started.elapsed().as_secs_f64(),
    })
}

struct Best {
    at: usize,
    model: Arc<dyn Model>,
    /// Of the held-out rows, where there are some.
    prediction: Option<Prediction>,
}

/// Fits every point and keeps the one that is best on the held-out rows, the first of equals.
fn best(
    estimator: &dyn Estimator,
    points: &[BTreeMap<String, Value>],
    x: &Matrix,
    y: &Target,
    held_out: Option<&(Matrix, Target)>,
    metric: Metric,
    ctx: &FitContext,
) -> Result<Best> {
    let inner = if points.len() > 1 { ctx.serial() } else { ctx.clone() };
    let fitted = ctx.map(points.len(), |at| -> Result<(Best, f64)> {
        let model = apply(estimator, &points[at])?.fit_model(x, y, &inner)?;
        let prediction = held_out.map(|(z, _)| predict(&*model, z)).transpose()?;
        let score = match (&prediction, held_out) {
            (Some(p), Some((_, truth))) if points.len() > 1 => metric.score(truth, p)?,
            _ => 0.0,
        };
        Ok((Best { at, model, prediction }, score))
    });
    let mut best: Option<(Best, f64)> = None;
    for candidate in fitted {
        let candidate = candidate?;
        if best.as_ref().is_none_or(|(_, score)| candidate.1 > *score || score.is_nan()) {
            best = Some(candidate);
        }
    }
    best.map(|(best, _)| best).ok_or_else(|| Error::input("nothing was fitted", "report this as a bug"))
}
