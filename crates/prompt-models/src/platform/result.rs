//! What a run came to.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use crate::compare::Comparison;
use crate::measured::Report;
use crate::prepare::Prepare;

/// A run on a table.
#[derive(Debug, Clone, Serialize)]
pub struct PlatformResults {
    /// The name of the run.
    pub name: String,
    /// The file.
    pub data: PathBuf,
    /// Whether the table was generated because there was no file.
    pub generated: bool,
    /// What was predicted.
    pub target: String,
    /// `classification` or `regression`.
    pub task: &'static str,
    /// Rows that were read.
    pub rows: usize,
    /// Lines that are no rows.
    pub bad_lines: usize,
    /// Rows to learn from, to choose by, to measure on.
    pub parts: [usize; 3],
    /// Columns of the file.
    pub columns: usize,
    /// What was done with the table.
    pub prepare: Prepare,
    /// Every learner in cross-validation.
    pub comparison: Comparison,
    /// The learner that was kept.
    pub model: String,
    /// Parameters that were chosen, by the study or on the validation rows.
    pub chosen: BTreeMap<String, Value>,
    /// Trials of the study, where there was one.
    pub trials: Option<usize>,
    /// The mean |contribution| of every column of the model's matrix to its margins on held-out rows, the largest first.
    pub importance: Vec<(String, f64)>,
    /// Rows that it was fitted on.
    pub train_rows: usize,
    /// What was measured on the validation rows, by which the parameters were chosen.
    pub validation: Option<Report>,
    /// What was measured on the test rows.
    pub test: Option<Report>,
    /// What a person should know.
    pub notes: Vec<String>,
    /// Seconds in all.
    pub wall_seconds: f64,
    /// The folder.
    pub dir: PathBuf,
}

impl fmt::Display for PlatformResults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [train, validation, test] = self.parts;
        writeln!(
            f,
            "{}: {} rows, {} columns; {train} to learn from, {validation} to choose by, {test} to measure on",
            self.name, self.rows, self.columns
        )?;
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        writeln!(f, "\n{}", self.comparison)?;
        writeln!(f, "Kept: {}, fitted on {} rows", self.model, self.train_rows)?;
        let by = match self.trials {
            Some(trials) => format!("chosen by {trials} trials"),
            None => "chosen on the validation rows".to_owned(),
        };
        for (name, value) in &self.chosen {
            writeln!(f, "  {by}: {name} = {value}")?;
        }
        for (which, report) in [("validation", &self.validation), ("test", &self.test)] {
            if let Some(report) = report {
                writeln!(f, "\nOn the {which} rows:\n{report}")?;
            }
        }
        const SHOWN: usize = 8;
        if !self.importance.is_empty() {
            writeln!(f, "\nWhat moves its margins most (mean |contribution|):")?;
        }
        for (name, value) in self.importance.iter().take(SHOWN).filter(|part| part.1 > 0.0) {
            writeln!(f, "  {value:>9.4}  {name}")?;
        }
        writeln!(f, "Written to {} in {:.1} s", self.dir.display(), self.wall_seconds)
    }
}
