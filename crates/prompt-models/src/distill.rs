//! A small model that learns from what a large one says: what `prompt distill` does.
//!
//! ```text
//! texts ─┬─> teacher (encoder, stack, …) ─> probabilities, softened ─┐
//! labels ┴──────────────────────────────────────────────────────────┴─> targets ─> student (features, learner)
//! ```
//!
//! Texts without labels take part: the teacher speaks for them alone.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use prompt_core::artifact::Manifest;
use prompt_core::{
    Batch, Classes, Dense, Error, Estimator, Featurizer, FitContext, FitTransform, Legal, Matrix, Model,
    Params, Prediction, Result, Scorer, Target, Task, TextMap, map_texts, params,
};
use prompt_data::dedup::normalise;
use prompt_data::split::{Parts, given};
use prompt_data::{Balance, Dataset};

use crate::linear::LogisticRegression;
use crate::measured::Report;
use crate::pipeline::{self, FittedFeatures};
use crate::select::apply;
use crate::train::{Candidate, Recipe, TrainOptions, Trained, best, encode, limited};

params! {
    /// How a student learns from a teacher (Hinton, Vinyals and Dean, 2015).
    ///
    /// The target of a row is a distribution over the teacher's classes:
    ///
    /// ```text
    /// soft_c = p_c^(1/T) / Σ_c' p_c'^(1/T)                             p: the teacher's probabilities, T: temperature
    /// q = α·soft + (1 − α)·(1 for the label, 0 for others)             rows with a label
    /// q = soft                                                         rows without one
    /// ```
    ///
    /// and the student minimises Σ_i Σ_c q_ic·(−log student_ic) at its own temperature of 1. Logistic regression takes
    /// distributions as they are ([`LogisticRegression::fit_soft`]). Any other learner that honours sample weights gets a
    /// copy of the row for each of its `most` likeliest classes, with the probability as weight, divided by their sum.
    ///
    /// ```
    /// use prompt_core::{Classes, Dense, Output, Prediction};
    /// use prompt_models::distill::Distill;
    /// let classes = Output::Classes(Classes::new(["benign", "malicious"])?);
    /// let teacher = Prediction::new(classes, Dense::from_rows(&[[0.9, 0.1], [0.9, 0.1]]))?;
    /// let q = Distill::default().temperature(2.0).alpha(0.5).targets(&teacher, &[Some(1), None])?;
    /// // √0.9 and √0.1 are as 3 to 1.
    /// assert!((q.row(0)[1] - (0.5 * 0.25 + 0.5)).abs() < 1e-9);
    /// assert!((q.row(1)[1] - 0.25).abs() < 1e-9);
    /// # Ok::<(), prompt_core::Error>(())
    /// ```
    pub struct Distill named "distill" {
        /// T: above 1 what the teacher thinks of the less likely classes counts more.
        temperature: f64 = 1.0, Legal::positive();
        /// α: the teacher's share of the target of a row that has a label.
        alpha: f64 = 0.5, Legal::between(0.0, 1.0);
        /// Copies of a row at most, for learners that take a class a row; one for learners that calibrate themselves, or stop early,
        /// on rows they keep back.
        most: usize = 4, Legal::at_least(1);
    }
}

impl Distill {
    /// The targets of rows that the teacher has scored; `labels` are positions among its classes.
    ///
    /// # Errors
    /// Parameters out of range, another number of labels than of rows, a label beyond the classes, a teacher of numbers, a
    /// probability that is negative or not finite, a row of zeros.
    pub fn targets(&self, teacher: &Prediction, labels: &[Option<u32>]) -> Result<Prediction> {
        self.validate()?;
        let (p, classes) = teacher.probabilities()?;
        if labels.len() != p.rows() {
            return Err(Error::shape("labels for the rows that the teacher scored", p.rows(), labels.len()));
        }
        let mut q = Dense::zeros(p.rows(), classes.len());
        for (row, label) in labels.iter().enumerate() {
            let out = q.row_mut(row);
            let most = p.row(row).iter().copied().fold(0.0, f64::max);
            if !(most.is_finite() && most > 0.0) || p.row(row).iter().any(|p| p.is_nan() || *p < 0.0) {
                return Err(Error::input(
                    format!("distill: the teacher's probabilities of row {row} are no distribution"),
                    "check the teacher",
                ));
            }
            // Divided by the largest first, so that no power of it vanishes.
            let mut sum = 0.0;
            for (o, p) in out.iter_mut().zip(p.row(row)) {
                *o = (p / most).powf(1.0 / self.temperature);
                sum += *o;
            }
            let share = if label.is_some() { self.alpha } else { 1.0 };
            out.iter_mut().for_each(|o| *o *= share / sum);
            if let Some(label) = label {
                let own = out.get_mut(*label as usize).ok_or_else(|| {
                    Error::input(
                        format!("distill: row {row} has class number {label} of {}", classes.len()),
                        "give labels as positions among the teacher's classes",
                    )
                })?;
                *own += 1.0 - self.alpha;
            }
        }
        Prediction::new(teacher.output().clone(), q)
    }

    /// Fits a learner to targets that are distributions.
    ///
    /// # Errors
    /// As a fit of the learner; [`Error::Unsupported`] for one that neither takes distributions nor honours weights, or that
    /// predicts numbers.
    pub fn fit(
        &self,
        student: &dyn Estimator,
        x: &Matrix,
        targets: &Prediction,
        ctx: &FitContext,
    ) -> Result<Arc<dyn Model>> {
        self.validate()?;
        let tags = student.tags();
        if tags.task != Task::Classification || !tags.weights {
            return Err(Error::unsupported(
                student.name(),
                "a teacher's probabilities as targets",
                "take a classifier that honours sample weights, such as logistic_regression",
            ));
        }
        if student.name() == LogisticRegression::NAME {
            let learner: LogisticRegression = serde_json::from_value(student.params())
                .map_err(|e| Error::input(format!("logistic_regression: {e}"), "correct its parameters"))?;
            return Ok(Arc::new(learner.fit_soft(x, targets, None, ctx)?));
        }
        // A learner that keeps rows back for itself must not find copies of them among those it learns from.
        let keeps =
            |name: &str| student.params().get(name).is_some_and(|v| *v != "none" && *v != false && *v != 0.0);
        let most =
            if ["calibration", "early_stopping"].iter().any(|name| keeps(name)) { 1 } else { self.most };
        let (rows, y) = self.copies(targets, most)?;
        if x.rows() != targets.rows() {
            return Err(Error::shape("targets for the rows of x", x.rows(), targets.rows()));
        }
        student.fit_model(&x.select_rows(&rows), &y, ctx)
    }

    /// The likeliest classes of every row as rows of their own: which rows, and their classes and weights.
    fn copies(&self, targets: &Prediction, most: usize) -> Result<(Vec<usize>, Target)> {
        let (q, classes) = targets.probabilities()?;
        let (mut rows, mut codes, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..q.rows() {
            let q = q.row(row);
            let mut order: Vec<usize> = (0..q.len()).filter(|c| q[*c] > 0.0).collect();
            order.sort_by(|a, b| q[*b].total_cmp(&q[*a]).then(a.cmp(b)));
            order.truncate(most);
            let sum: f64 = order.iter().map(|c| q[*c]).sum();
            for c in order {
                rows.push(row);
                codes.push(c as u32);
                weights.push(q[c] / sum);
            }
        }
        Ok((rows, Target::codes(codes, classes.clone())?.with_weights(weights)?))
    }
}

/// The probabilities that a teacher gives texts: its first head of classes.
///
/// # Errors
/// [`Error::Unsupported`] for a teacher without classes, or what it cannot score.
pub fn ask(teacher: &dyn Scorer, texts: &[&str]) -> Result<Prediction> {
    let (at, _) = head(teacher)?;
    teacher.score(Batch::Texts(&texts.to_vec()))?.into_iter().nth(at).ok_or_else(|| {
        Error::input("distill: the teacher gives no prediction of its head", "check the teacher")
    })
}

/// The first head of classes, and its classes.
fn head(teacher: &dyn Scorer) -> Result<(usize, &Classes)> {
    let mut heads = teacher.heads().iter().enumerate();
    heads.find_map(|(at, head)| head.output.classes().map(|classes| (at, classes))).ok_or_else(|| {
        Error::unsupported("a teacher of numbers", "distillation", "take a classifier of texts as teacher")
    })
}

/// Trains the recipe's pipeline as a student of `teacher`, on the training rows of labelled data (all rows where it has no
/// splits) and on texts without labels, each of them once and none that is among the held-out rows. Points of the learner's grid are compared as [`train`](crate::train::train) does.
/// The student has the teacher's classes; features and sanitiser are the recipe's own.
///
/// # Errors
/// As [`train`](crate::train::train), and: a teacher without classes, a label that the teacher does not know, a learner that
/// cannot be taught so, balanced classes (a row has no single class).
pub fn distill(
    how: &Distill,
    teacher: &dyn Scorer,
    recipe: &Recipe,
    (data, unlabelled): (&Dataset, &[&str]),
    options: &TrainOptions,
    ctx: &FitContext,
) -> Result<Trained> {
    let started = Instant::now();
    how.validate()?;
    let student = recipe.columns()?;
    let (_, classes) = head(teacher)?;
    if options.balance != Balance::None {
        return Err(Error::unsupported("distillation", "balanced classes", "leave `balance` out"));
    }
    encode(classes, data)?;
    let (data, cleaned) = options.cleaner.clean(data, ctx)?;
    let data = &data;
    let parts =
        given(data)?.unwrap_or_else(|| Parts { train: (0..data.len()).collect(), ..Parts::default() });
    if parts.train.is_empty() && unlabelled.is_empty() {
        return Err(Error::input(format!("{} has no rows", data.origin()), "give rows to learn from"));
    }
    let y = Target::labels_among(data.labels()?, classes)?;
    let train_rows = limited(parts.train, &y, options, ctx);
    let (held_out, measured_on) = match (parts.validation, parts.test) {
        (validation, _) if !validation.is_empty() => (validation, "validation rows"),
        (_, test) => (test, "test rows"),
    };

    let texts = data.texts();
    // A text to be measured on is not learned from, whoever gives it once more; one that is repeated counts once.
    let mut seen: HashSet<String> =
        train_rows.iter().chain(&held_out).map(|row| normalise(texts[*row])).collect();
    let unlabelled: Vec<&str> =
        unlabelled.iter().copied().filter(|text| seen.insert(normalise(text))).collect();
    let learned: Vec<&str> =
        train_rows.iter().map(|row| texts[*row]).chain(unlabelled.iter().copied()).collect();
    let (codes, _) = y.as_classes()?;
    let labels: Vec<Option<u32>> = train_rows
        .iter()
        .map(|row| Some(codes[*row]))
        .chain(std::iter::repeat_n(None, unlabelled.len()))
        .collect();
    let targets = how.targets(&ctx.install(|| ask(teacher, &learned))?, &labels)?;
    ctx.check()?;

    let sanitiser: Option<Arc<dyn TextMap>> = match recipe.sanitiser_params() {
        Some(params) => {
            params.validate()?;
            Some(Arc::new(params.clone()))
        }
        None => None,
    };
    let mapped = |texts: &[&str]| match &sanitiser {
        Some(map) => map_texts(&**map, &texts.to_vec()),
        None => texts.iter().map(|text| (*text).to_owned()).collect(),
    };
    let (features, x): (FittedFeatures, Matrix) =
        recipe.feature_set().union().fit_transform(&mapped(&learned), &(), ctx)?;
    let z = match held_out.is_empty() {
        true => None,
        false => Some(features.featurize(&mapped(&held_out.iter().map(|r| texts[*r]).collect::<Vec<_>>()))?),
    };
    let truth = y.select(&held_out);
    let fit = |student: &dyn Estimator, ctx: &FitContext| how.fit(student, &x, &targets, ctx);
    let search = options.search && measured_on == "validation rows";
    let (point, Candidate { model, prediction, .. }) =
        best((recipe, student), search, z.as_ref(), &truth, &fit, ctx)?;

    let validation = prediction.as_ref().map(|p| Report::new(&truth, p)).transpose()?;
    let student = apply(student, &point)?;
    let manifest = Manifest {
        name: options.name.clone().unwrap_or_else(|| student.name().to_owned()),
        task: recipe.task_name().to_owned(),
        params: serde_json::json!({
            "sanitise": recipe.sanitiser_params(),
            "features": recipe.feature_set().to_value(),
            "model": { "type": student.name(), "params": student.params() },
            "distill": { "params": how, "teacher": teacher.kind(), "unlabelled_rows": unlabelled.len() },
        }),
        classes: classes.names().to_vec(),
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
        train_rows: learned.len(),
        cleaned,
        cut_texts: 0,
        fit_seconds: started.elapsed().as_secs_f64(),
    })
}

#[cfg(test)]
mod tests;
