//! The comparison as a person reads it in a terminal.

use std::fmt;

use super::Comparison;

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} of `{}`, {} rows, {} folds; intervals are 95%{}\n",
            self.data,
            self.task,
            self.target,
            self.rows,
            self.folds,
            self.held_out.map_or(String::new(), |name| format!("; `{name}` rows are scored once"))
        )?;
        for note in &self.notes {
            writeln!(f, "note: {note}\n")?;
        }
        let metrics: Vec<&str> = self
            .models
            .iter()
            .find(|m| !m.scores.is_empty())
            .map(|m| m.scores.iter().map(|s| s.metric.as_str()).collect())
            .unwrap_or_default();
        let width = self.models.iter().map(|m| m.model.len()).max().unwrap_or(0).max(5);
        write!(f, "{:<width$}", "model")?;
        for (i, metric) in metrics.iter().enumerate() {
            write!(f, "  {metric:>10}")?;
            if i == 0 {
                write!(f, " {:>21}", "interval")?;
            }
            if let Some(name) = self.held_out {
                write!(f, " {name:>10}")?;
            }
        }
        writeln!(f, "  {:>8} {:>9}", "fit s", "µs/row")?;
        for model in &self.models {
            write!(f, "{:<width$}", model.model)?;
            if model.scores.is_empty() {
                writeln!(f, "  – {}", model.status)?;
                continue;
            }
            for (i, score) in model.scores.iter().enumerate() {
                write!(f, "  {:>10}", short(score.mean))?;
                if i == 0 {
                    let interval = match score.interval {
                        [low, high] if low.is_finite() && high.is_finite() => {
                            format!("[{}, {}]", short(low), short(high))
                        }
                        _ => "–".to_owned(),
                    };
                    write!(f, " {interval:>21}")?;
                }
                if self.held_out.is_some() {
                    write!(f, " {:>10}", score.held_out.map_or("–".into(), short))?;
                }
            }
            let number = |v: Option<f64>, digits: usize| v.map_or("–".into(), |v| format!("{v:.digits$}"));
            writeln!(f, "  {:>8} {:>9}", number(model.fit_seconds, 3), number(model.predict_us_per_row, 2))?;
        }
        Ok(())
    }
}

/// Four decimals below ten, fewer above; a dash where there is no number.
fn short(value: f64) -> String {
    match value.abs() {
        v if v.is_nan() => "–".to_owned(),
        v if v < 10.0 => format!("{value:.4}"),
        v if v < 1000.0 => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}
