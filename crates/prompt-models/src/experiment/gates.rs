//! Limits that a winner must keep, printed as pass or fail.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::config::{ExperimentConfig, Task};
use super::result::ModelResult;

/// One limit and what was measured against it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// What is measured.
    pub name: String,
    /// What was found; absent when it was not measured.
    pub value: Option<f64>,
    /// The limit.
    pub limit: f64,
    /// Whether the value must be above (`true`) or below (`false`) the limit.
    pub at_least: bool,
    /// Whether the limit itself does not pass.
    #[serde(default)]
    pub strict: bool,
    /// What it should reach beyond the limit.
    pub target: Option<f64>,
    /// Whether the limit is kept. A value that was not measured keeps no limit.
    pub passed: bool,
}

impl Gate {
    fn new(
        name: &str,
        value: Option<f64>,
        limit: f64,
        at_least: bool,
        strict: bool,
        target: Option<f64>,
    ) -> Self {
        let passed = value.is_some_and(|v| match (at_least, strict) {
            (true, true) => v > limit,
            (true, false) => v >= limit,
            (false, true) => v < limit,
            (false, false) => v <= limit,
        });
        Self { name: name.to_owned(), value, limit, at_least, strict, target, passed }
    }

    /// How a value that passes stands to the limit: `>`, `≥`, `<` or `≤`.
    pub fn sign(&self) -> &'static str {
        match (self.at_least, self.strict) {
            (true, true) => ">",
            (true, false) => "≥",
            (false, true) => "<",
            (false, false) => "≤",
        }
    }

    /// Whether the target beyond the limit is reached too, where there is one.
    pub fn on_target(&self) -> Option<bool> {
        let (value, target) = (self.value?, self.target?);
        Some(if self.at_least { value >= target } else { value <= target })
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passed { "pass" } else { "FAIL" };
        let sign = self.sign();
        match self.value {
            Some(value) => write!(f, "{verdict}  {:<22} {value:>10.4} {sign} {}", self.name, self.limit)?,
            None => write!(f, "{verdict}  {:<22} {:>10} {sign} {}", self.name, "unmeasured", self.limit)?,
        }
        match (self.target, self.on_target()) {
            (Some(target), Some(true)) => write!(f, "  (target {target}: reached)"),
            (Some(target), _) => write!(f, "  (target {target}: missed)"),
            (None, _) => Ok(()),
        }
    }
}

/// The winner against the limits.
pub(super) fn judge(
    config: &ExperimentConfig,
    best: &ModelResult,
    peak_memory_mib: Option<f64>,
) -> Vec<Gate> {
    let limits = &config.gates;
    let is_security = config.task == Task::Security;
    let test = best.test.as_ref();
    let security = test.and_then(|t| t.security.as_ref());
    let external = best.external.as_ref();
    let rows = [
        ("security_score", security.map(|s| s.score), limits.min_security_score, true, None),
        (
            "recall_malicious",
            security.map(|s| s.recall_malicious),
            limits.min_recall_malicious,
            true,
            limits.target_recall_malicious,
        ),
        (
            "false_alarm_rate",
            security.map(|s| s.false_alarm_rate),
            limits.max_false_alarm_rate,
            false,
            limits.target_false_alarm_rate,
        ),
        (
            "missed_threat_rate",
            security.map(|s| s.missed_threat_rate),
            limits.max_missed_threat_rate,
            false,
            limits.target_missed_threat_rate,
        ),
        (
            "precision_suspicious",
            security.map(|s| s.precision_suspicious),
            limits.min_precision_suspicious,
            true,
            None,
        ),
        ("f1_external", external.map(|e| e.report.f1_macro), limits.min_f1_external, true, None),
        ("accuracy", test.map(|t| t.report.accuracy), limits.min_accuracy, true, None),
        ("f1_macro", test.map(|t| t.report.f1_macro), limits.min_f1_macro, true, None),
        ("latency_ms", best.predict_us_per_prompt.map(|us| us / 1000.0), limits.max_latency_ms, false, None),
        ("memory_mib", peak_memory_mib, limits.max_memory_mib, false, None),
        ("cv_std", best.cv.as_ref().map(|cv| cv.std), limits.max_cv_std, false, None),
    ];
    rows.into_iter()
        .filter_map(|(name, value, limit, at_least, target)| {
            // What another task, a run without a blind set or a system without that number cannot have is no failure;
            // what this task should have and these rows could not show is.
            let applies = match name {
                "f1_external" => external.is_some(),
                "memory_mib" | "latency_ms" | "cv_std" => value.is_some(),
                "accuracy" | "f1_macro" => true,
                _ => is_security,
            };
            let strict = !matches!(name, "accuracy" | "f1_macro");
            limit.filter(|_| applies).map(|limit| Gate::new(name, value, limit, at_least, strict, target))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_says_whether_limit_and_target_are_kept() {
        let gate = Gate::new("false_alarm_rate", Some(0.015), 0.02, false, true, Some(0.01));
        assert!(gate.passed && gate.on_target() == Some(false));
        assert_eq!(gate.to_string(), "pass  false_alarm_rate           0.0150 < 0.02  (target 0.01: missed)");
        let gate = Gate::new("recall_malicious", None, 0.85, true, true, None);
        assert!(
            !gate.passed && gate.to_string().starts_with("FAIL  recall_malicious       unmeasured > 0.85")
        );
    }
}
