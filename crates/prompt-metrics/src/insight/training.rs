//! The rules about training runs.

use super::{Insight, Rule, Severity, next_step};
use crate::history::History;

/// What a training run says. Rules whose numbers were not recorded are silent.
///
/// ```
/// use prompt_metrics::insight::{Rule, Severity, of_training};
/// use prompt_metrics::{Epoch, Family, History};
/// let losses = [(1.0, 1.0), (0.6, 0.7), (0.3, 0.6), (0.15, 0.8), (0.05, 1.1)];
/// let epochs = losses.iter().enumerate().map(|(i, &(train, validation))| Epoch {
///     epoch: i + 1, train_loss: train, validation_loss: Some(validation), ..Epoch::default()
/// });
/// let run = History::new("cnn", Family::Cnn, "macro F1", epochs.collect())?;
/// let found = of_training(&run);
/// assert!(found.iter().any(|i| i.rule == Rule::Overfitting && i.severity == Severity::Serious));
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
pub fn of_training(run: &History) -> Vec<Insight> {
    let mut insights = Vec::new();
    let mut say = |rule: Rule, severity: Severity, seen: String| {
        insights.push(Insight {
            model: run.name.clone(),
            rule,
            severity,
            seen,
            next: next_step(rule, run.family).to_owned(),
        });
    };
    let losses = run.losses();
    let (first, last) = (losses[0].1, losses[losses.len() - 1]);
    let lowest = losses.iter().copied().fold(losses[0], |a, b| if b.1 < a.1 { b } else { a });
    let fall = first - lowest.1;
    if losses.len() >= 4 && fall > 0.0 {
        let tail = &losses[losses.len() - 3..];
        let (low, high) =
            tail.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), t| (l.min(t.1), h.max(t.1)));
        if high - low < 0.02 * fall {
            say(
                Rule::Converged,
                Severity::Good,
                format!("the loss moved by {:.4} over the last 3 of {} epochs", high - low, losses.len()),
            );
        }
    }
    if let (Some(best), [.., before, end]) = (run.best(), losses.as_slice())
        && best.epoch == end.0
        && fall > 0.0
        && before.1 - end.1 >= 0.02 * fall
    {
        let seen = format!(
            "the last epoch ({}) has the best {}, {:.4}, and the loss still falls",
            best.epoch, run.metric, best.value
        );
        say(Rule::StillImproving, Severity::Note, seen);
    }
    let (start, end) = (run.epochs[0].train_loss, run.epochs[run.epochs.len() - 1].train_loss);
    if run.epochs.len() >= 3 && start > 0.0 && end > 0.95 * start {
        say(
            Rule::NotLearning,
            Severity::Serious,
            format!("the training loss went from {start:.4} to {end:.4}"),
        );
    }
    if let Some((severity, seen)) = overfitting(run, last, lowest) {
        say(Rule::Overfitting, severity, seen);
    }
    if let Some(instability) = run.instability().filter(|&i| i > 0.1) {
        let severity = if instability > 0.3 { Severity::Serious } else { Severity::Warning };
        say(
            Rule::Unstable,
            severity,
            format!("the loss bends by {:.0}% of its mean from epoch to epoch", 100.0 * instability),
        );
    }
    let norms: Vec<f64> = run.epochs.iter().filter_map(|e| e.gradient_norm).collect();
    if let (Some(&first), Some(&last)) = (norms.first(), norms.last()) {
        let mut sorted = norms.clone();
        sorted.sort_by(f64::total_cmp);
        let (median, most) = (sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
        if median > 0.0 && most >= 10.0 * median {
            say(
                Rule::ExplodingGradient,
                Severity::Warning,
                format!("a gradient norm of {most:.3} beside a median of {median:.3}"),
            );
        }
        if norms.len() > 1 && last < first / 1000.0 && end > 0.5 * start {
            let seen = format!(
                "the gradient norm fell from {first:.2e} to {last:.2e} with a training loss of {end:.4} left"
            );
            say(Rule::VanishingGradient, Severity::Warning, seen);
        }
    }
    if let Some(place) = run.epochs_to(0.9).and_then(|e| run.epochs.iter().position(|x| x.epoch == e))
        && run.epochs.len() >= 6
        && 2 * (place + 1) > run.epochs.len()
    {
        say(
            Rule::SlowStart,
            Severity::Note,
            format!("90% of the best {} took {} of {} epochs", run.metric, place + 1, run.epochs.len()),
        );
    }
    insights
}

/// Whether the validation loss rose from its lowest while the training loss fell on.
fn overfitting(run: &History, last: (usize, f64), lowest: (usize, f64)) -> Option<(Severity, String)> {
    let at = |epoch: usize| run.epochs.iter().find(|e| e.epoch == epoch);
    let (then, now) = (at(lowest.0)?, at(last.0)?);
    then.validation_loss?;
    let rise = last.1 / lowest.1 - 1.0;
    if lowest.1 <= 0.0 || rise < 0.1 || now.train_loss >= then.train_loss {
        return None;
    }
    let severity = if rise >= 0.5 { Severity::Serious } else { Severity::Warning };
    Some((
        severity,
        format!(
            "the validation loss rose by {:.0}% after epoch {}, from {:.4} to {:.4}, while the training loss fell to {:.4}",
            100.0 * rise,
            lowest.0,
            lowest.1,
            last.1,
            now.train_loss
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Epoch, Family};

    fn rules(epochs: &[Epoch]) -> Vec<Rule> {
        let epochs = epochs.iter().enumerate().map(|(i, e)| Epoch { epoch: i + 1, ..*e }).collect();
        let run = History::new("m", Family::Lstm, "macro F1", epochs).unwrap();
        of_training(&run).into_iter().map(|i| i.rule).collect()
    }

    fn losses(values: &[f64]) -> Vec<Epoch> {
        values
            .iter()
            .map(|&l| Epoch { train_loss: l, validation_loss: Some(l), ..Epoch::default() })
            .collect()
    }

    #[test]
    fn each_rule_speaks_for_its_run_and_for_no_other() {
        assert_eq!(rules(&losses(&[1.0, 0.4, 0.2, 0.101, 0.1, 0.099])), [Rule::Converged]);
        assert_eq!(rules(&losses(&[1.0, 0.99, 0.98])), [Rule::NotLearning]);
        assert!(rules(&losses(&[1.0, 0.5, 0.9, 0.4, 0.8, 0.3])).contains(&Rule::Unstable));
        assert_eq!(rules(&losses(&[1.0, 0.7, 0.5])), []);

        let mut epochs = losses(&[1.0, 0.7, 0.5]);
        for (e, m) in epochs.iter_mut().zip([0.5, 0.6, 0.7]) {
            e.metric = Some(m);
        }
        assert_eq!(rules(&epochs), [Rule::StillImproving]);

        let mut epochs = losses(&[1.0, 0.7, 0.5]);
        for (e, (t, v)) in epochs.iter_mut().zip([(1.0, 1.0), (0.5, 0.8), (0.3, 0.95)]) {
            (e.train_loss, e.validation_loss) = (t, Some(v));
        }
        assert_eq!(rules(&epochs), [Rule::Overfitting]);

        let with_norms = |norms: [f64; 3], values: [f64; 3]| {
            let mut epochs = losses(&values);
            epochs.iter_mut().zip(norms).for_each(|(e, n)| e.gradient_norm = Some(n));
            rules(&epochs)
        };
        assert_eq!(with_norms([1.0, 50.0, 1.2], [1.0, 0.7, 0.5]), [Rule::ExplodingGradient]);
        assert_eq!(with_norms([1.0, 0.5, 0.0005], [1.0, 0.9, 0.8]), [Rule::VanishingGradient]);

        let mut epochs = losses(&[1.0, 0.9, 0.8, 0.7, 0.6, 0.55]);
        for (e, m) in epochs.iter_mut().zip([0.1, 0.2, 0.3, 0.4, 0.9, 0.89]) {
            e.metric = Some(m);
        }
        assert_eq!(rules(&epochs), [Rule::SlowStart]);
    }
}
