//! The peers' side: one process a job, the median of several.

use std::path::{Path, PathBuf};
use std::process::Command;

use prompt_models::core::{Error, Result};
use serde_json::Value;

use crate::timing::median;

const CLASSICAL: &str = "benches/peers/classical.py";
const AGREE: &str = "benches/agree.py";

/// The peers' Python on one folder of data.
pub(crate) struct Peers {
    /// The interpreter.
    pub(crate) python: PathBuf,
    /// The folder of the data.
    pub(crate) folder: PathBuf,
    /// Runs of each job.
    pub(crate) repeats: usize,
}

/// What one line of a job's output says.
#[derive(Clone)]
pub(crate) struct Figures {
    /// What was measured.
    pub(crate) name: String,
    runs: Vec<Value>,
}

impl Figures {
    /// The median of a number over the runs.
    pub(crate) fn median(&self, key: &str) -> Option<f64> {
        let mut values: Vec<f64> = self.runs.iter().filter_map(|run| run[key].as_f64()).collect();
        (!values.is_empty()).then(|| median(&mut values))
    }
}

impl Figures {
    /// The smallest of a number over the runs.
    #[allow(dead_code, reason = "the bench of tables uses it, where several engines share a name")]
    pub(crate) fn least(&self, key: &str) -> Option<f64> {
        self.runs.iter().filter_map(|run| run[key].as_f64()).min_by(f64::total_cmp)
    }
}

impl Peers {
    /// Runs a job of the peers' script as often as asked; one [`Figures`] for each line that it prints.
    pub(crate) fn run(&self, job: &str) -> Result<Vec<Figures>> {
        self.run_script(CLASSICAL, job)
    }

    /// As [`run`](Self::run) for another script that takes the folder and a job.
    pub(crate) fn run_script(&self, script: &str, job: &str) -> Result<Vec<Figures>> {
        let mut figures: Vec<Figures> = Vec::new();
        for turn in 1..=self.repeats {
            eprintln!("{job}: the peer's run {turn} of {}", self.repeats);
            for line in self.lines(script, &[&self.folder, job.as_ref()])? {
                let name = line["name"].as_str().unwrap_or_default().to_owned();
                match figures.iter_mut().find(|f| f.name == name) {
                    Some(known) => known.runs.push(line),
                    None => figures.push(Figures { name, runs: vec![line] }),
                }
            }
        }
        Ok(figures)
    }

    /// As [`run`](Self::run) for a job that measures one thing.
    pub(crate) fn run_single(&self, job: &str) -> Result<Figures> {
        let none = || Error::input(format!("{CLASSICAL} printed nothing for {job}"), "run it by hand");
        self.run(job)?.into_iter().next().ok_or_else(none)
    }

    /// What the comparison of our matrix in `dump` with scikit-learn's finds.
    pub(crate) fn agree(&self, job: &str, dump: &Path) -> Result<Value> {
        eprintln!("{job}: comparing the matrices");
        let none = || Error::input(format!("{AGREE} printed nothing for {job}"), "run it by hand");
        self.lines(AGREE, &[&self.folder, job.as_ref(), dump])?.into_iter().next().ok_or_else(none)
    }

    fn lines(&self, script: &str, arguments: &[&Path]) -> Result<Vec<Value>> {
        let output = Command::new(&self.python)
            .env("PYTHONUTF8", "1")
            .arg(script)
            .args(arguments)
            .output()
            .map_err(|e| Error::io("run", &self.python, e))?;
        if !output.status.success() {
            return Err(Error::input(
                format!("{script} ended with {}", output.status),
                String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            ));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let parse = |line: &str| {
            serde_json::from_str(line)
                .map_err(|e| Error::input(format!("{script} printed {line:?}: {e}"), "it should be JSON"))
        };
        text.lines().map(parse).collect()
    }
}
