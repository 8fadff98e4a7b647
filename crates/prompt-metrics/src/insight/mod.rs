//! What the numbers say, in words, by rules that are written down.
//!
//! [`of_training`] reads a run's [`History`](crate::History), [`of_evaluation`] what a model did on test rows. Each
//! [`Insight`] names its rule, what was seen, and what to try next in that family. [`RULES`] is the whole list with its
//! bounds; nothing else is ever said.

mod advice;
mod evaluation;
mod training;

pub use advice::{next_step, next_steps};
pub use evaluation::{Facts, of_evaluation};
pub use training::of_training;

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which rule spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The loss has settled.
    Converged,
    /// The last epoch was the best, and the loss still falls.
    StillImproving,
    /// The training loss hardly moved.
    NotLearning,
    /// Learning by heart.
    Overfitting,
    /// The loss wavers.
    Unstable,
    /// A gradient far above the usual one.
    ExplodingGradient,
    /// Gradients near nothing while there is much to learn.
    VanishingGradient,
    /// Most of the run was needed for 90% of the best.
    SlowStart,
    /// Rare classes.
    Imbalance,
    /// A class of which most rows are missed.
    WeakClass,
    /// Probabilities that do not come true.
    Miscalibration,
    /// Too good to be true.
    LeakageSuspicion,
    /// Much better on training rows than on test rows.
    GeneralisationGap,
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// Worth acting on.
    Warning,
    /// The result should not be relied on before it is looked into.
    Serious,
}

/// A rule as it is written down: what it is called, when it speaks, what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleText {
    /// The rule.
    pub rule: Rule,
    /// Its name in JSON and in the guide.
    pub name: &'static str,
    /// When it speaks.
    pub when: &'static str,
    /// What it means.
    pub means: &'static str,
}

/// All rules.
pub const RULES: [RuleText; 13] = [
    RuleText {
        rule: Rule::Converged,
        name: "converged",
        when: "at least 4 epochs, and over the last 3 the loss moved by less than 2% of its whole fall",
        means: "more epochs of the same will not help",
    },
    RuleText {
        rule: Rule::StillImproving,
        name: "still_improving",
        when: "the last epoch has the best metric, and the loss fell in it by 2% or more of its whole fall",
        means: "training ended too early",
    },
    RuleText {
        rule: Rule::NotLearning,
        name: "not_learning",
        when: "at least 3 epochs, and the training loss fell by less than 5%",
        means: "the model does not learn: rate, labels or input are wrong",
    },
    RuleText {
        rule: Rule::Overfitting,
        name: "overfitting",
        when: "the validation loss ends 10% or more above its lowest (50%: serious) while the training loss fell on",
        means: "what is learned late is learned by heart",
    },
    RuleText {
        rule: Rule::Unstable,
        name: "unstable",
        when: "instability above 0.1 (0.3: serious): mean bend of the loss in the second half over its mean",
        means: "results depend on the epoch at which one stops",
    },
    RuleText {
        rule: Rule::ExplodingGradient,
        name: "exploding_gradient",
        when: "a gradient norm of 10 times the median or more",
        means: "single steps undo what was learned",
    },
    RuleText {
        rule: Rule::VanishingGradient,
        name: "vanishing_gradient",
        when: "the last gradient norm is below a thousandth of the first, and half of the training loss is left",
        means: "early layers stopped learning",
    },
    RuleText {
        rule: Rule::SlowStart,
        name: "slow_start",
        when: "at least 6 epochs, and 90% of the best metric took more than half of them",
        means: "a larger rate or a better start would save time",
    },
    RuleText {
        rule: Rule::Imbalance,
        name: "imbalance",
        when: "the largest class has 4 times the rows of the smallest (10 times: warning)",
        means: "accuracy hides the rare class: look at macro F1 and its recall",
    },
    RuleText {
        rule: Rule::WeakClass,
        name: "weak_class",
        when: "recall below 0.5 in a class of 20 rows or more",
        means: "most of its rows are missed",
    },
    RuleText {
        rule: Rule::Miscalibration,
        name: "miscalibration",
        when: "expected calibration error above 0.05 (0.1: warning) on 200 rows or more",
        means: "thresholds on the probability do not mean what they say",
    },
    RuleText {
        rule: Rule::LeakageSuspicion,
        name: "leakage_suspicion",
        when: "test rows that are also training rows; or a test score of 0.995 or more on 100 rows; or one 0.02 above the training score",
        means: "the test rows may not be new to the model",
    },
    RuleText {
        rule: Rule::GeneralisationGap,
        name: "generalisation_gap",
        when: "the training score is 0.1 or more above the test score (0.2: warning)",
        means: "the model knows its training rows better than the task",
    },
];

impl Rule {
    /// How the rule is written down.
    pub fn text(self) -> &'static RuleText {
        RULES.iter().find(|r| r.rule == self).unwrap_or(&RULES[0])
    }
}

/// What one rule saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Insight {
    /// The model.
    pub model: String,
    /// The rule that spoke.
    pub rule: Rule,
    /// How much it matters.
    pub severity: Severity,
    /// What was seen, with the numbers.
    pub seen: String,
    /// What to try next.
    pub next: String,
}

impl fmt::Display for Insight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.severity {
            Severity::Good => "good",
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Serious => "serious",
        };
        write!(f, "[{mark}] {}, {}: {}. Next: {}.", self.model, self.rule.text().name, self.seen, self.next)
    }
}

/// Insights as a text file: the most serious first, then in the order given.
pub fn to_text(title: &str, insights: &[Insight]) -> String {
    let mut sorted: Vec<&Insight> = insights.iter().collect();
    sorted.sort_by_key(|i| std::cmp::Reverse(i.severity));
    let mut text = format!("{title}\n{}\n\n", "=".repeat(title.chars().count()));
    if sorted.is_empty() {
        text += "No rule has anything to say.\n";
    }
    for insight in sorted {
        text += &format!("{insight}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_written_down_under_its_json_name() {
        for text in &RULES {
            assert_eq!(serde_json::to_value(text.rule).unwrap(), text.name);
            assert_eq!(text.rule.text(), text);
        }
        let guide = include_str!("../../../../docs/guide/metrics.md");
        for text in &RULES {
            let row = format!("| `{}` | {} | {} |", text.name, text.when, text.means);
            assert!(guide.contains(&row), "the guide lacks: {row}");
        }
    }

    #[test]
    fn the_text_puts_the_serious_first() {
        let insight = |severity, seen: &str| Insight {
            model: "cnn".into(),
            rule: Rule::Unstable,
            severity,
            seen: seen.into(),
            next: "halve the rate".into(),
        };
        let text =
            to_text("Insights", &[insight(Severity::Good, "fine"), insight(Severity::Serious, "awful")]);
        assert!(text.starts_with(
            "Insights\n========\n\n[serious] cnn, unstable: awful. Next: halve the rate.\n[good]"
        ));
        assert!(to_text("T", &[]).ends_with("No rule has anything to say.\n"));
    }
}
