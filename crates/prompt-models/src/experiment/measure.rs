//! Numbers about predictions, time and memory.

use std::sync::{Mutex, MutexGuard, PoisonError};
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

/// The most memory before the count last began anew, in KiB. One for the process, as the count is.
static BEFORE_KIB: Mutex<u64> = Mutex::new(0);

/// The most memory that this process has had, in MiB; `None` where the system does not tell.
pub(super) fn peak_memory_mib() -> Option<f64> {
    peak_mib(*before_kib())
}

/// Lets the system count the most memory anew, where it can (Linux, with a writable `/proc`).
pub(super) fn begin_peak() {
    begin(&mut before_kib());
}

/// The count is a number: a thread that panicked left it whole.
fn before_kib() -> MutexGuard<'static, u64> {
    BEFORE_KIB.lock().unwrap_or_else(PoisonError::into_inner)
}

fn peak_mib(before: u64) -> Option<f64> {
    Some(high_water_kib()?.max(before) as f64 / 1024.0)
}

fn begin(before: &mut u64) {
    if let Some(kib) = high_water_kib() {
        *before = kib.max(*before);
        // Where it is refused, the count goes on from where it was.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
    }
}

/// The most memory since [`begin_peak`], in MiB.
pub(super) fn peak_since_begun_mib() -> Option<f64> {
    high_water_kib().map(|kib| kib as f64 / 1024.0)
}

fn high_water_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_s_peak_is_not_that_of_the_process() {
        let Some(_) = high_water_kib() else { return };
        // Held throughout, so that no other test begins anew in between.
        let mut before = before_kib();
        let large = vec![1u8; 64 << 20];
        assert!(large.iter().map(|&b| u64::from(b)).sum::<u64>() > 0);
        let with = peak_mib(*before).unwrap();
        drop(large);
        begin(&mut before);
        // The system counts in batches per processor, so two readings may differ by some pages.
        let kept = peak_mib(*before).unwrap();
        assert!(kept >= with - 8.0, "the whole process keeps its own: {with} MiB, then {kept}");
        assert!(peak_since_begun_mib().unwrap() <= peak_mib(*before).unwrap());
    }
}
