//! Learners side by side: every one cross-validated on the same folds of a table, with intervals and times.
//!
//! ```text
//! LoadedTable --train rows--> k folds --each learner: encode, fit, score--> Comparison (a row a learner)
//!             --validation (or test) rows--> each learner fitted on all train rows, scored once
//! ```
//!
//! The encoder and all steps before it are fitted inside each fold. A learner that fails or runs out of time keeps its reason and stops no other.

mod table;

use std::time::{Duration, Instant};

use prompt_core::{
    Error, Estimator, FitContext, Matrix, Result, Table, Tags, Target, Task, Transform, predict,
};
use prompt_data::Split;
use prompt_data::split::{Fold, KFold};
use prompt_data::table::LoadedTable;
use prompt_features::TableEncoder;
use serde::Serialize;

use crate::learners;
use crate::prepare::{Prepare, Prepared};
use crate::select::Metric;
use crate::tabular::divided;

/// How learners are compared.
#[derive(Debug, Clone)]
pub struct CompareOptions {
    /// Classes or numbers; by the target column when absent.
    pub task: Option<Task>,
    /// Names of the learners; all of the task's when empty.
    pub models: Vec<String>,
    /// Number of folds.
    pub folds: usize,
    /// The metrics by name, the first of which orders the table; when empty, accuracy, log loss and macro-F1, or RMSE,
    /// MAE and R².
    pub metrics: Vec<String>,
    /// Most seconds for one learner, all folds together.
    pub timeout_s: f64,
    /// What is done with the table first, learned anew in each fold.
    pub prepare: Prepare,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            task: None,
            models: Vec::new(),
            folds: 5,
            metrics: Vec::new(),
            timeout_s: 120.0,
            prepare: Prepare::default(),
        }
    }
}

/// One number of a learner over the folds.
#[derive(Debug, Clone, Serialize)]
pub struct Scored {
    /// The metric's name.
    pub metric: String,
    /// The value in each fold.
    pub folds: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// 95% interval of the mean; see [`corrected_interval`].
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
    /// The learners.
    pub models: Vec<Compared>,
}

/// Cross-validates learners on the training rows of a table (all rows where it has no splits).
///
/// # Errors
/// A table without target, unknown learners or metrics, rows that cannot be divided into folds, or a cancelled `ctx`.
pub fn compare(data: &LoadedTable, options: &CompareOptions, ctx: &FitContext) -> Result<Comparison> {
    if options.timeout_s.is_nan() || options.timeout_s <= 0.0 {
        return Err(Error::param("compare", "timeout_s", "a number > 0", options.timeout_s));
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
    let train = match &data.splits {
        Some(_) => data.rows_of(Split::Train),
        None => (0..data.table.rows()).collect(),
    };
    let (held_out, which) = [(Split::Validation, "validation"), (Split::Test, "test")]
        .map(|(split, name)| (data.rows_of(split), name))
        .into_iter()
        .find(|(rows, _)| !rows.is_empty())
        .map_or((Vec::new(), None), |(rows, name)| (rows, Some(name)));
    let y_train = y.select(&train);
    let strata = y_train.as_classes().ok().map(|(codes, _)| codes.to_vec());
    let mut folds =
        KFold::default().folds(options.folds).split(train.len(), strata.as_deref(), None, ctx.seed())?;
    for fold in &mut folds {
        fold.train.iter_mut().chain(&mut fold.test).for_each(|row| *row = train[*row]);
    }
    // The last "fold" is all training rows against those held out from everything.
    if !held_out.is_empty() {
        folds.push(Fold { train, test: held_out });
    }
    let setting = Setting {
        table: &data.table,
        y: &y,
        folds: &folds,
        k: options.folds,
        metrics: &metrics,
        prepare: &options.prepare,
    };
    let mut models = Vec::with_capacity(names.len());
    let mut encoded = Vec::new();
    for (i, estimator) in estimators.iter().enumerate() {
        let inputs = setting.encoded(&estimator.tags(), &mut encoded, ctx);
        let part = ctx.part("compare", i as u64);
        // A limit beyond all durations is none.
        let limited = match Duration::try_from_secs_f64(options.timeout_s) {
            Ok(limit) => part.with_timeout(limit),
            Err(_) => part,
        };
        let row = inputs.and_then(|inputs| setting.model(&**estimator, inputs, &limited));
        models.push(match row {
            Ok(row) => row,
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => Compared {
                model: estimator.name().to_owned(),
                status: error.to_string(),
                scores: Vec::new(),
                fit_seconds: None,
                predict_us_per_row: None,
            },
        });
        ctx.report(&prompt_core::Event {
            stage: estimator.name(),
            step: i + 1,
            total: Some(names.len()),
            values: &[],
        })?;
    }
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
        rows: y_train.len(),
        folds: options.folds,
        held_out: which,
        models,
    })
}

/// What all learners share.
struct Setting<'a> {
    table: &'a Table,
    y: &'a Target,
    folds: &'a [Fold],
    /// How many of the folds are cross-validation.
    k: usize,
    metrics: &'a [Metric],
    prepare: &'a Prepare,
}

/// A fold as a learner takes it.
struct Ready {
    train: Matrix,
    /// The targets of the rows that the steps left.
    y: Target,
    test: Matrix,
}

/// Every fold, made ready with one kind of encoder.
type Encoded = Vec<Ready>;

impl Setting<'_> {
    /// The folds as a learner with these tags takes them; learners of one kind share them.
    fn encoded<'e>(
        &self,
        tags: &Tags,
        made: &'e mut Vec<(TableEncoder, Encoded)>,
        ctx: &FitContext,
    ) -> Result<&'e Encoded> {
        let encoder = self.prepare.encoder(tags);
        let at = match made.iter().position(|(known, _)| *known == encoder) {
            Some(at) => at,
            None => {
                let of = |(i, fold): (usize, &Fold)| -> Result<Ready> {
                    let (train, y) = (self.table.select_rows(&fold.train), self.y.select(&fold.train));
                    let ctx = ctx.part("prepare", i as u64).unobserved();
                    let Prepared { fitted, x, rows } =
                        self.prepare.fit_transform(&train, &y, &encoder, &ctx)?;
                    let test = fitted.transform(&self.table.select_rows(&fold.test))?;
                    Ok(Ready { train: x, y: y.select(&rows), test })
                };
                let folds = self.folds.iter().enumerate().map(of).collect::<Result<_>>()?;
                made.push((encoder, folds));
                made.len() - 1
            }
        };
        Ok(&made[at].1)
    }

    fn model(&self, estimator: &dyn Estimator, inputs: &Encoded, ctx: &FitContext) -> Result<Compared> {
        let mut scores: Vec<Vec<f64>> = vec![Vec::new(); self.metrics.len()];
        let (mut fit, mut scoring, mut scored_rows) = (0.0, 0.0, 0_usize);
        for (i, (fold, ready)) in self.folds.iter().zip(inputs).enumerate() {
            let started = Instant::now();
            let part = ctx.part("fold", i as u64).unobserved();
            let model = estimator.fit_model(&ready.train, &ready.y, &part)?;
            let fitted = started.elapsed().as_secs_f64();
            let prediction = predict(&*model, &ready.test)?;
            if i < self.k {
                fit += fitted;
                scoring += started.elapsed().as_secs_f64() - fitted;
                scored_rows += fold.test.len();
            }
            let truth = self.y.select(&fold.test);
            for (metric, values) in self.metrics.iter().zip(&mut scores) {
                let sign = if metric.higher_is_better() { 1.0 } else { -1.0 };
                values.push(sign * metric.score(&truth, &prediction)?);
            }
        }
        let fold_rows: Vec<(usize, usize)> =
            self.folds.iter().take(self.k).map(|f| (f.train.len(), f.test.len())).collect();
        let scores = self
            .metrics
            .iter()
            .zip(scores)
            .map(|(metric, mut values)| {
                let held_out = (values.len() > self.k).then(|| values.pop()).flatten();
                let (mean, interval) = corrected_interval(&values, &fold_rows);
                Scored { metric: metric.name().to_owned(), folds: values, mean, interval, held_out }
            })
            .collect();
        Ok(Compared {
            model: estimator.name().to_owned(),
            status: "ok".to_owned(),
            scores,
            fit_seconds: Some(fit / self.k as f64),
            predict_us_per_row: Some(scoring * 1e6 / scored_rows.max(1) as f64),
        })
    }
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
