//! Learners side by side: every one cross-validated on the same folds of a table, with intervals and times.
//!
//! ```text
//! LoadedTable --train rows--> k folds --each learner: encode, fit, score--> Comparison (a row a learner)
//!             --validation (or test) rows--> each learner fitted on all train rows, scored once
//! ```
//!
//! The encoder and all steps before it are fitted inside each fold; one fold's columns are in memory at a time. A learner that
//! fails or runs out of time keeps its reason and stops no other; a metric that is undefined on a fold takes no other with it.

mod run;
mod table;

use std::time::Duration;

use prompt_core::{Error, Estimator, FitContext, Result, Target, Task};
use prompt_data::Split;
use prompt_data::split::{Fold, sample};
use prompt_data::table::LoadedTable;
use prompt_metrics::plot::{ModelBar, comparison_svg};
use serde::Serialize;

use crate::learners;
use crate::prepare::Prepare;
use crate::select::Metric;
use crate::tabular::{Folding, divided};

/// How learners are compared.
#[derive(Debug, Clone)]
pub struct CompareOptions {
    /// Classes or numbers; by the target column when absent.
    pub task: Option<Task>,
    /// Names of the learners, each once; all of the task's when empty.
    pub models: Vec<String>,
    /// Number of folds.
    pub folds: usize,
    /// How rows are dealt into them.
    pub folding: Folding,
    /// The metrics by name, the first of which orders the table; when empty, accuracy, log loss and macro-F1, or RMSE,
    /// MAE and R².
    pub metrics: Vec<String>,
    /// Most seconds for one learner, all folds and their encoding together.
    pub timeout_s: f64,
    /// Most rows of the folds; a random sample (of each class alike) is taken of more.
    pub max_rows: Option<usize>,
    /// What is done with the table first, learned anew in each fold.
    pub prepare: Prepare,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            task: None,
            models: Vec::new(),
            folds: 5,
            folding: Folding::default(),
            metrics: Vec::new(),
            timeout_s: 120.0,
            max_rows: None,
            prepare: Prepare::default(),
        }
    }
}

/// One number of a learner over the folds.
#[derive(Debug, Clone, Serialize)]
pub struct Scored {
    /// The metric's name.
    pub metric: String,
    /// The value in each fold; NaN where it is undefined, which a note explains.
    pub folds: Vec<f64>,
    /// Their mean; NaN where a fold has none.
    pub mean: f64,
    /// 95% interval of the mean, within what the metric can be; see [`corrected_interval`].
    pub interval: [f64; 2],
    /// On the rows that were held out from everything, where the file has some.
    pub held_out: Option<f64>,
}

/// A learner's row.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    /// The learner.
    pub model: String,
    /// `ok`, or why it has no numbers.
    pub status: String,
    /// One for each metric.
    pub scores: Vec<Scored>,
    /// Mean seconds of a fold's fit, encoding not included.
    pub fit_seconds: Option<f64>,
    /// Microseconds a row of a fold's prediction.
    pub predict_us_per_row: Option<f64>,
}

/// All learners, the best first; those without numbers last.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The file.
    pub data: String,
    /// The target column.
    pub target: String,
    /// `classification` or `regression`.
    pub task: &'static str,
    /// Rows of the folds.
    pub rows: usize,
    /// Number of folds.
    pub folds: usize,
    /// What the held-out rows are called, where there are some.
    pub held_out: Option<&'static str>,
    /// What a person should know of the folds and of the fits, such as a search that did not converge.
    pub notes: Vec<String>,
    /// The learners.
    pub models: Vec<Compared>,
}

impl Comparison {
    /// Bars of the first metric with their intervals; the learner `chosen` (the first of the table otherwise) stands out.
    ///
    /// # Errors
    /// No learner with a score.
    pub fn picture(&self, title: &str, chosen: Option<&str>) -> Result<String> {
        let scored = self.models.iter().filter_map(|m| Some((m, m.scores.first()?)));
        let mut scored = scored.filter(|(_, score)| score.mean.is_finite()).peekable();
        let (metric, chosen) = match scored.peek() {
            Some((first, score)) => (score.metric.as_str(), chosen.unwrap_or(&first.model)),
            None => ("", ""),
        };
        let bars: Vec<ModelBar> = scored
            .map(|(model, score)| ModelBar {
                name: model.model.clone(),
                value: score.mean,
                bounds: score.interval[0].is_finite().then_some((score.interval[0], score.interval[1])),
                chosen: model.model == chosen,
            })
            .collect();
        comparison_svg(title, metric, &bars)
    }
}

/// What a list of learners may be: a second row of one would be the first again.
pub(crate) const ONCE: &str = "learners that are each named once";

/// Cross-validates learners on the training rows of a table (all rows where it has no splits).
///
/// # Errors
/// A table without target, a target of a single class, unknown learners or metrics, a learner that is named twice, rows that cannot be divided into folds, or a cancelled `ctx`.
pub fn compare(data: &LoadedTable, options: &CompareOptions, ctx: &FitContext) -> Result<Comparison> {
    if options.timeout_s.is_nan() || options.timeout_s <= 0.0 {
        return Err(Error::param("compare", "timeout_s", "a number > 0", options.timeout_s));
    }
    if let Some(twice) = learners::named_twice(&options.models) {
        return Err(Error::param("compare", "models", ONCE, twice));
    }
    let (target, y, task) = divided(data, options.task)?;
    let names: Vec<String> = match options.models.as_slice() {
        [] => learners::names(task).into_iter().map(str::to_owned).collect(),
        given => given.to_vec(),
    };
    let estimators: Vec<Box<dyn Estimator>> =
        names.iter().map(|name| learners::estimator(task, name)).collect::<Result<_>>()?;
    let usual: &[&str] = match task {
        Task::Classification => &["accuracy", "log_loss", "f1_macro"],
        Task::Regression => &["rmse", "mae", "r2"],
    };
    let metrics: Vec<Metric> = match options.metrics.as_slice() {
        [] => usual.iter().map(|name| Metric::named(name)).collect::<Result<_>>()?,
        given => given.iter().map(|name| Metric::named(name)).collect::<Result<_>>()?,
    };
    let mut train = match &data.splits {
        Some(_) => data.rows_of(Split::Train),
        None => (0..data.table.rows()).collect(),
    };
    if let Some(most) = options.max_rows {
        train = sampled(train, &y, most, ctx);
    }
    let (held_out, which) = [(Split::Validation, "validation"), (Split::Test, "test")]
        .map(|(split, name)| (data.rows_of(split), name))
        .into_iter()
        .find(|(rows, _)| !rows.is_empty())
        .map_or((Vec::new(), None), |(rows, name)| (rows, Some(name)));
    let rows = train.len();
    let (mut folds, mut notes) = options.folding.folds((data, &y), &train, options.folds, ctx.seed())?;
    // The last "fold" is all training rows against those held out from everything.
    if !held_out.is_empty() {
        folds.push(Fold { train, test: held_out });
    }
    let setting = run::Setting {
        table: &data.table,
        y: &y,
        folds: &folds,
        k: options.folds,
        metrics: &metrics,
        prepare: &options.prepare,
        // A limit beyond all durations is none.
        limit: Duration::try_from_secs_f64(options.timeout_s).ok(),
    };
    let (mut models, found) = setting.run(&estimators, ctx)?;
    notes.extend(found);
    let sign = if metrics.first().is_some_and(|m| m.higher_is_better()) { -1.0 } else { 1.0 };
    let key = |row: &Compared| {
        row.scores
            .first()
            .map_or(f64::INFINITY, |s| if s.mean.is_nan() { f64::INFINITY } else { sign * s.mean })
    };
    models.sort_by(|a, b| key(a).total_cmp(&key(b)));
    Ok(Comparison {
        data: data.path.display().to_string(),
        target,
        task: if task == Task::Classification { "classification" } else { "regression" },
        rows,
        folds: options.folds,
        held_out: which,
        notes,
        models,
    })
}

/// At most so many of the rows, of each class alike, in their order.
fn sampled(mut rows: Vec<usize>, y: &Target, most: usize, ctx: &FitContext) -> Vec<usize> {
    if rows.len() <= most {
        return rows;
    }
    let seed = ctx.seed().derive("max_rows", 0);
    if let Ok((codes, _)) = y.select(&rows).as_classes() {
        return sample(codes, most, seed).into_iter().map(|at| rows[at]).collect();
    }
    seed.rng().shuffle(&mut rows);
    rows.truncate(most);
    rows.sort_unstable();
    rows
}

/// Mean of cross-validated values and its 95% interval: mean ± t₀.₉₇₅,ₖ₋₁ · √((1/k + n_test/n_train)·s²), where the term
/// n_test/n_train makes up for folds that share most of their training rows (Nadeau and Bengio, 2003).
///
/// ```
/// use prompt_models::compare::corrected_interval;
/// let (mean, [low, high]) = corrected_interval(&[0.8, 0.9, 0.85], &[(200, 100); 3]);
/// assert!((mean - 0.85).abs() < 1e-12 && low < 0.85 - 0.1 && high > 0.85 + 0.1);
/// ```
pub fn corrected_interval(values: &[f64], fold_rows: &[(usize, usize)]) -> (f64, [f64; 2]) {
    let k = values.len() as f64;
    let mean = values.iter().sum::<f64>() / k;
    if values.len() < 2 {
        return (mean, [f64::NAN, f64::NAN]);
    }
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (k - 1.0);
    let (train, test) = fold_rows.iter().fold((0, 0), |(a, b), (train, test)| (a + train, b + test));
    let half = student_t_975(values.len() - 1) * ((1.0 / k + test as f64 / train as f64) * variance).sqrt();
    (mean, [mean - half, mean + half])
}

/// The 0.975 quantile of Student's t: exact for the few degrees of freedom that folds have, Cornish–Fisher's expansion
/// (off by less than 1e-5) beyond them.
fn student_t_975(freedom: usize) -> f64 {
    const FEW: [f64; 9] = [
        12.706_204_7,
        4.302_652_7,
        3.182_446_3,
        2.776_445_1,
        2.570_581_8,
        2.446_911_9,
        2.364_624_3,
        2.306_004_1,
        2.262_157_2,
    ];
    if let Some(t) = freedom.checked_sub(1).and_then(|at| FEW.get(at)) {
        return *t;
    }
    let (z, v) = (1.959_963_985_f64, freedom as f64);
    z + (z.powi(3) + z) / (4.0 * v)
        + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * v * v)
        + (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / (384.0 * v.powi(3))
        + (79.0 * z.powi(9) + 776.0 * z.powi(7) + 1482.0 * z.powi(5) - 1920.0 * z.powi(3) - 945.0 * z)
            / (92_160.0 * v.powi(4))
}

#[cfg(test)]
mod tests;
