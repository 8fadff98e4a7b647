//! The rules about what a model did on test rows.

use super::{Insight, Rule, Severity, next_step};
use crate::history::Family;
use crate::report::ClassificationReport;

/// What is known beside the report; what is not known keeps its rules silent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Facts {
    /// Macro F1 on the training rows.
    pub train_f1_macro: Option<f64>,
    /// Test rows that are also training rows, exactly or nearly.
    pub leaked_rows: usize,
}

/// What a report says about its model.
///
/// ```
/// use prompt_metrics::ClassificationReport;
/// use prompt_metrics::insight::{Facts, Rule, of_evaluation};
/// use prompt_metrics::Family;
/// let truth: Vec<u32> = (0..110).map(|i| u32::from(i < 10)).collect();
/// let report = ClassificationReport::new(&truth, &vec![0; 110], &["benign", "attack"], None, None)?;
/// let found = of_evaluation("majority", Family::Linear, &report, &Facts::default());
/// assert_eq!(found[0].rule, Rule::Imbalance);
/// assert!(found[0].seen.starts_with("`benign` has 100 rows, `attack` 10"), "{}", found[0]);
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
pub fn of_evaluation(
    model: &str,
    family: Family,
    report: &ClassificationReport,
    facts: &Facts,
) -> Vec<Insight> {
    let mut insights = Vec::new();
    let mut say = |rule: Rule, severity: Severity, seen: String| {
        let next = next_step(rule, family).to_owned();
        insights.push(Insight { model: model.to_owned(), rule, severity, seen, next });
    };
    let there: Vec<_> = report.per_class.iter().filter(|c| c.scores.support > 0.0).collect();
    let largest =
        there.iter().copied().reduce(|a, b| if b.scores.support > a.scores.support { b } else { a });
    let smallest =
        there.iter().copied().reduce(|a, b| if b.scores.support < a.scores.support { b } else { a });
    if let (Some(most), Some(least)) = (largest, smallest) {
        let ratio = most.scores.support / least.scores.support;
        if ratio >= 4.0 {
            let severity = if ratio >= 10.0 { Severity::Warning } else { Severity::Note };
            let seen = format!(
                "`{}` has {} rows, `{}` {} with a recall of {:.2}",
                most.class, most.scores.support, least.class, least.scores.support, least.scores.recall
            );
            say(Rule::Imbalance, severity, seen);
        }
    }
    for class in there.iter().filter(|c| c.scores.support >= 20.0 && c.scores.recall < 0.5) {
        let seen = format!(
            "{:.0}% of the {} rows of `{}` are missed",
            100.0 * (1.0 - class.scores.recall),
            class.scores.support,
            class.class
        );
        say(Rule::WeakClass, Severity::Warning, seen);
    }
    if let Some(ece) = report.probabilities.ece.filter(|&e| e > 0.05 && report.rows >= 200) {
        let severity = if ece > 0.1 { Severity::Warning } else { Severity::Note };
        say(
            Rule::Miscalibration,
            severity,
            format!("confidence and truth are {:.1} points apart on average (ECE)", 100.0 * ece),
        );
    }
    let test = report.f1_macro;
    if facts.leaked_rows > 0 {
        let seen = format!("{} of {} test rows are also training rows", facts.leaked_rows, report.rows);
        say(Rule::LeakageSuspicion, Severity::Serious, seen);
    } else if test >= 0.995 && report.rows >= 100 {
        let seen = format!("a macro F1 of {test:.4} on {} rows is hardly ever honest", report.rows);
        say(Rule::LeakageSuspicion, Severity::Warning, seen);
    } else if let Some(train) = facts.train_f1_macro.filter(|&train| test > train + 0.02) {
        let seen = format!("macro F1 is {test:.4} on test rows and {train:.4} on training rows");
        say(Rule::LeakageSuspicion, Severity::Warning, seen);
    }
    if let Some(train) = facts.train_f1_macro.filter(|&train| train - test >= 0.1) {
        let severity = if train - test >= 0.2 { Severity::Warning } else { Severity::Note };
        let seen = format!("macro F1 is {train:.4} on training rows and {test:.4} on test rows");
        say(Rule::GeneralisationGap, severity, seen);
    }
    insights
}

#[cfg(test)]
mod tests {
    use prompt_core::Dense;

    use super::*;

    fn rules(report: &ClassificationReport, facts: Facts) -> Vec<(Rule, Severity)> {
        let found = of_evaluation("m", Family::Trees, report, &facts);
        found.into_iter().map(|i| (i.rule, i.severity)).collect()
    }

    /// `n` rows of two classes, every `every`-th of them wrong, with this confidence.
    fn report(n: u32, every: u32, sure: f64) -> ClassificationReport {
        let truth: Vec<u32> = (0..n).map(|i| i % 2).collect();
        let pred: Vec<u32> = truth
            .iter()
            .enumerate()
            .map(|(i, t)| if (i as u32).is_multiple_of(every) { 1 - t } else { *t })
            .collect();
        let mut proba = Dense::zeros(n as usize, 2);
        for (i, &p) in pred.iter().enumerate() {
            proba.row_mut(i)[p as usize] = sure;
            proba.row_mut(i)[1 - p as usize] = 1.0 - sure;
        }
        ClassificationReport::new(&truth, &pred, &["a", "b"], Some(&proba), None).unwrap()
    }

    #[test]
    fn each_rule_speaks_for_its_report_and_for_no_other() {
        assert_eq!(rules(&report(400, 5, 0.8), Facts::default()), []);
        assert_eq!(
            rules(&report(400, 5, 0.99), Facts::default()),
            [(Rule::Miscalibration, Severity::Warning)]
        );
        assert_eq!(
            rules(&report(150, 1000, 0.99), Facts { leaked_rows: 3, ..Facts::default() }),
            [(Rule::LeakageSuspicion, Severity::Serious)]
        );
        assert_eq!(
            rules(&report(400, 1000, 0.99), Facts::default()),
            [(Rule::LeakageSuspicion, Severity::Warning)]
        );
        let trained = |f1| Facts { train_f1_macro: Some(f1), ..Facts::default() };
        assert_eq!(rules(&report(400, 5, 0.8), trained(0.7)), [(Rule::LeakageSuspicion, Severity::Warning)]);
        assert_eq!(rules(&report(400, 5, 0.8), trained(0.95)), [(Rule::GeneralisationGap, Severity::Note)]);
        assert_eq!(
            rules(&report(400, 4, 0.75), trained(1.0)),
            [(Rule::GeneralisationGap, Severity::Warning)]
        );
        let truth: Vec<u32> = (0..120).map(|i| u32::from(i < 24)).collect();
        let missed = ClassificationReport::new(&truth, &[0; 120], &["a", "b"], None, None).unwrap();
        assert_eq!(
            rules(&missed, Facts::default()),
            [(Rule::Imbalance, Severity::Note), (Rule::WeakClass, Severity::Warning)]
        );
    }
}
