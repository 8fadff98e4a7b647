//! The results as a person reads them in a terminal.

use std::fmt::Write;

use super::result::{ExperimentResults, ModelResult};

/// How many bad lines are shown one by one.
pub(super) const BAD_LINES: usize = 5;

impl ExperimentResults {
    /// Comparison, winner, gates and a few scored prompts, as text of about a hundred columns.
    pub fn summary(&self) -> String {
        let mut out = String::new();
        let d = &self.data;
        let _ = writeln!(out, "Experiment `{}` ({}), seed {}", self.name, self.task, self.seed);
        let _ = writeln!(out, "data      {}", d.origin);
        let _ = writeln!(
            out,
            "rows      {} train, {}{} test ({}), {} blind ({})",
            d.train,
            if d.validation > 0 { format!("{} validation, ", d.validation) } else { String::new() },
            d.test,
            d.split,
            d.external,
            d.external_origin
        );
        for (reason, n) in d.removed.iter().filter(|(_, n)| **n > 0) {
            let _ = writeln!(out, "removed   {n}: {reason}");
        }
        let mut bad = d.bad_line_examples.iter().take(BAD_LINES).peekable();
        if bad.peek().is_some() {
            let (lines, first) = (if d.bad_lines == 1 { "line" } else { "lines" }, d.bad_lines > BAD_LINES);
            let first = if first { "; the first" } else { "" };
            let _ = writeln!(out, "not read  {} {lines}{first}:", d.bad_lines);
            bad.for_each(|line| {
                let _ = writeln!(out, "          {line}");
            });
        }
        out.push('\n');
        self.table(&mut out);
        self.certainty(&mut out);
        if let Some(best) = self.best() {
            self.winner(best, &mut out);
        }
        for note in &self.notes {
            let _ = writeln!(out, "Note: {note}");
        }
        let memory = self.peak_memory_mib.map_or(String::new(), |m| format!(", peak memory {m:.0} MiB"));
        let _ = writeln!(out, "{:.1} s{memory}; everything is in {}", self.wall_seconds, self.dir.display());
        out
    }

    fn table(&self, out: &mut String) {
        let security = self.task == "security";
        let _ = write!(out, "{:<22} {:>8} {:>8}", "model", "accuracy", "f1_macro");
        if security {
            let _ = write!(out, " {:>8} {:>8} {:>8}", "security", "false", "missed");
        }
        let _ =
            writeln!(out, " {:>8} {:>15} {:>8} {:>9} {:>9}", "blind f1", "cv", "fit s", "µs/prompt", "KiB");
        for m in &self.models {
            let _ = write!(out, "{:<22}", m.model);
            let Some(test) = &m.test else {
                let _ = writeln!(out, " {}", m.status);
                continue;
            };
            let _ = write!(out, " {:>8.4} {:>8.4}", test.report.accuracy, test.report.f1_macro);
            if security {
                match &test.security {
                    Some(s) => {
                        let _ = write!(
                            out,
                            " {:>8.4} {:>8.4} {:>8.4}",
                            s.score, s.false_alarm_rate, s.missed_threat_rate
                        );
                    }
                    None => out.push_str("        –        –        –"),
                }
            }
            let blind = m.external.as_ref().map_or("–".into(), |e| format!("{:.4}", e.report.f1_macro));
            let cv = m.cv.as_ref().map_or("–".into(), |c| format!("{:.4} ±{:.4}", c.mean, c.std));
            let number = |v: Option<f64>, digits: usize| v.map_or("–".into(), |v| format!("{v:.digits$}"));
            let size = m.model_bytes.map(|b| b as f64 / 1024.0);
            let _ = writeln!(
                out,
                " {blind:>8} {cv:>15} {:>8} {:>9} {:>9}",
                number(m.fit_seconds, 3),
                number(m.predict_us_per_prompt, 1),
                number(size, 0)
            );
        }
        out.push('\n');
    }

    /// Each model's interval, and its test against the winner; nothing where no intervals were asked for.
    fn certainty(&self, out: &mut String) {
        let with_interval = |m: &'_ ModelResult| m.intervals.get("f1_macro").copied();
        let Some(level) = self.models.iter().find_map(with_interval).map(|i| 100.0 * i.level) else { return };
        let _ = writeln!(
            out,
            "{:<22} {:<26} {:<28} {:>9} {:>8}",
            format!("{level:.0}% intervals"),
            "f1_macro",
            "less the winner's",
            "McNemar p",
            "wall s"
        );
        for m in &self.models {
            let Some(i) = with_interval(m) else { continue };
            let own = format!("{:.4} [{:.4}, {:.4}]", i.estimate, i.low, i.high);
            let wall = m.wall_seconds.map_or_else(|| "–".to_owned(), |s| format!("{s:.1}"));
            let (versus, p) = match &m.versus_best {
                Some(v) => {
                    let d = &v.difference;
                    (
                        format!("{:+.4} [{:+.4}, {:+.4}]", d.estimate, d.low, d.high),
                        format!("{:.4}", v.mcnemar_p),
                    )
                }
                None => ("the winner".to_owned(), "–".to_owned()),
            };
            let _ = writeln!(out, "{:<22} {own:<26} {versus:<28} {p:>9} {wall:>8}", m.model);
        }
        out.push('\n');
    }

    fn winner(&self, best: &ModelResult, out: &mut String) {
        let params: Vec<String> = best.best_params.iter().map(|(k, v)| format!("{k} = {v}")).collect();
        let _ = writeln!(
            out,
            "Chosen: {} {}",
            best.model,
            if params.is_empty() { String::new() } else { format!("({})", params.join(", ")) }
        );
        for (name, i) in &best.intervals {
            let _ = writeln!(
                out,
                "  {name:<18} {:.4}  [{:.4}, {:.4}] at {:.0}%",
                i.estimate,
                i.low,
                i.high,
                i.level * 100.0
            );
        }
        if let Some(test) = &best.test {
            if let Some(d) = &test.detection {
                let _ = writeln!(
                    out,
                    "  detection at ≤ {:.1}% false alarms: {:.4} [{:.4}, {:.4}]{}",
                    d.alpha * 100.0,
                    d.point.tpr.estimate,
                    d.point.tpr.low,
                    d.point.tpr.high,
                    if d.enough_data { "" } else { " (too few benign rows to promise that rate)" }
                );
            }
            let _ = writeln!(out, "\n{}", test.report);
        }
        for gate in &self.gates {
            let _ = writeln!(out, "{gate}");
        }
        self.examples(best, out);
    }

    /// A few prompts with what the winner says: of the blind set where there is one, of the test rows otherwise.
    fn examples(&self, best: &ModelResult, out: &mut String) {
        let Some(held) = &best.held else { return };
        let (set, prediction) = match &held.external {
            Some(prediction) => (&self.external, prediction),
            None => (&self.test, &held.test),
        };
        let Ok(labels) = prediction.labels() else { return };
        let _ = writeln!(out, "\nScored prompts:");
        let step = (set.texts.len() / 6).max(1);
        for i in (0..set.texts.len()).step_by(step).take(6) {
            let shown: String =
                set.texts[i].chars().map(|c| if c.is_control() { ' ' } else { c }).take(64).collect();
            let p = prediction.row(i).iter().copied().fold(0.0, f64::max);
            let truth = self.classes.name(set.codes[i]);
            let mark = if labels[i] == truth { ' ' } else { '✗' };
            let _ = writeln!(out, "  {mark} {:<10} {p:.2}  {shown}", labels[i]);
        }
        out.push('\n');
    }
}
