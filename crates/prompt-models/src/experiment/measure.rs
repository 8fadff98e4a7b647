//! Numbers about predictions, time and memory.

use std::time::Instant;

use prompt_core::{Classes, FitContext, Prediction, Result, Scorer, Scratch};
use prompt_metrics::threshold::tpr_at_fpr;
use prompt_metrics::{ClassificationReport, Confusion, SecurityClasses, SecurityScore};

use super::config::{ExperimentConfig, Task};
use super::result::{LabelledSet, Scores};

/// All numbers about the probabilities of some labelled rows.
pub(super) fn scores(truth: &[u32], prediction: &Prediction, config: &ExperimentConfig) -> Result<Scores> {
    let (probabilities, classes) = prediction.probabilities()?;
    let codes = prediction.codes()?;
    let report = ClassificationReport::new(truth, &codes, classes.names(), Some(probabilities), None)?;
    if config.task != Task::Security {
        return Ok(Scores { report, security: None, detection: None });
    }
    let roles = SecurityClasses::find(classes.names())?;
    let confusion = Confusion::new(truth, &codes, classes.len(), None)?;
    // Both are undefined on rows that lack a class, which a small blind set may; the report's notes say so.
    let security = SecurityScore::new(&confusion, roles).ok();
    let (mut is_malicious, mut score) = (Vec::new(), Vec::new());
    for (i, &code) in truth.iter().enumerate() {
        if code as usize == roles.benign || code as usize == roles.malicious {
            is_malicious.push(code as usize == roles.malicious);
            score.push(probabilities.row(i)[roles.malicious]);
        }
    }
    let detection =
        tpr_at_fpr(&is_malicious, &score, config.evaluation.false_positive_rate, config.evaluation.level)
            .ok();
    Ok(Scores { report, security, detection })
}

/// The classes of the task in their own order: the security task's are ordered by danger, others by name.
pub(super) fn classes_of<'a>(task: Task, labels: impl Iterator<Item = &'a str>) -> Result<Classes> {
    match task {
        Task::Security => Classes::new(prompt_data::synth::SECURITY_CLASSES),
        Task::Text => Ok(Classes::sorted(labels)),
    }
}

/// Median and 99th percentile of the microseconds from one text to its probabilities, each text scored once.
pub(super) fn latency(scorer: &dyn Scorer, set: &LabelledSet, samples: usize) -> Result<Option<(f64, f64)>> {
    let width: usize = scorer.heads().iter().map(|h| h.output.width()).sum();
    let (mut scratch, mut out) = (Scratch::new(), vec![0.0; width]);
    let n = set.texts.len();
    if n == 0 || samples == 0 {
        return Ok(None);
    }
    // Warm up on other texts than the first measured ones where there are enough.
    for text in set.texts.iter().rev().take(20) {
        scorer.score_text(text, &mut scratch, &mut out)?;
    }
    let mut times = Vec::with_capacity(samples.min(n));
    for text in set.texts.iter().take(samples) {
        let start = Instant::now();
        scorer.score_text(text, &mut scratch, &mut out)?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    let at = |q: f64| times[((times.len() - 1) as f64 * q).round() as usize];
    Ok(Some((at(0.5), at(0.99))))
}

/// The most memory this process has had, in MiB; `None` where the system does not tell.
pub(super) fn peak_memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// One prediction for all texts of a set, with the scorer's first head.
pub(super) fn predict(
    scorer: &dyn Scorer,
    set: &LabelledSet,
    ctx: &FitContext,
) -> Result<Option<Prediction>> {
    if set.texts.is_empty() {
        return Ok(None);
    }
    let predictions = ctx.install(|| scorer.score(prompt_core::Batch::Texts(&set.texts)))?;
    Ok(predictions.into_iter().next())
}
