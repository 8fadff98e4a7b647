//! Several runs side by side: what `prompt report` shows.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use prompt_core::{Error, FitContext, Result};
use prompt_metrics::significance::{Evidence, is_better};
use prompt_metrics::{ClassificationReport, Interval};
use serde::{Deserialize, Serialize};

use super::result::{DataSummary, ModelResult};

/// Level of the tests between runs.
const LEVEL: f64 = 0.95;

/// What one run left in its folder.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// The folder.
    pub dir: PathBuf,
    /// The experiment's name.
    pub name: String,
    /// The task.
    pub task: String,
    /// The data.
    pub data: DataSummary,
    /// The winner's name.
    pub best: Option<String>,
    /// Its models, best first.
    pub models: Vec<ModelResult>,
    /// Gates that its winner keeps, and all.
    pub gates: (usize, usize),
    /// Seconds of the whole run.
    pub wall_seconds: f64,
    /// Peak memory in MiB, where it is known.
    pub peak_memory_mib: Option<f64>,
    /// Its winner against the best winner of all runs.
    pub versus: Against,
}

/// One run's winner against the best winner of all runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// This is the best one.
    Best,
    /// On the same test rows: the difference of macro F1 and whether it could be chance.
    SameRows {
        /// This one's macro F1 less the best one's.
        difference: f64,
        /// The two-sided p-value of the paired bootstrap.
        p_value: f64,
        /// In a sentence.
        said: String,
    },
    /// The runs were measured on other rows, or their predictions are not there: the difference means little.
    OtherRows,
}

/// The parts of `results.json` that are read.
#[derive(Deserialize)]
struct Results {
    name: String,
    task: String,
    data: DataSummary,
    models: Vec<ModelResult>,
    best: Option<String>,
    #[serde(default)]
    gates: Vec<GatePassed>,
    wall_seconds: f64,
    peak_memory_mib: Option<f64>,
}

#[derive(Deserialize)]
struct GatePassed {
    passed: bool,
}

/// A model's decisions about the test rows.
#[derive(Deserialize)]
struct Validation {
    classes: Vec<String>,
    y_true: Vec<String>,
    y_pred: Vec<String>,
}

impl Run {
    /// The winner.
    pub fn winner(&self) -> Option<&ModelResult> {
        self.models.iter().find(|m| Some(&m.model) == self.best.as_ref())
    }

    /// The winner's report on the test rows.
    pub fn report(&self) -> Option<&ClassificationReport> {
        self.winner()?.test.as_ref().map(|t| &t.report)
    }

    /// The interval of the winner's macro F1.
    pub fn interval(&self) -> Option<&Interval> {
        self.winner()?.intervals.get("f1_macro")
    }

    fn f1(&self) -> f64 {
        self.report()
            .map_or(f64::NEG_INFINITY, |r| if r.f1_macro.is_nan() { f64::NEG_INFINITY } else { r.f1_macro })
    }
}

/// Reads the folders of runs and compares their winners, best first.
///
/// # Errors
/// A folder without a readable `results.json`.
pub fn compare_runs(dirs: &[PathBuf], ctx: &FitContext) -> Result<Vec<Run>> {
    let mut runs = dirs.iter().map(|dir| read(dir)).collect::<Result<Vec<Run>>>()?;
    // Stable: equal runs keep the order in which they were named.
    runs.sort_by(|a, b| b.f1().total_cmp(&a.f1()));
    let Some((best, others)) = runs.split_first_mut() else { return Ok(runs) };
    let theirs = validation(best);
    for run in others.iter_mut() {
        let same = run.data.all_digest == best.data.all_digest;
        if let (true, Some(theirs), Some(ours)) = (same, &theirs, validation(run)) {
            // The same draws for all, so that runs that decide alike are judged alike.
            run.versus = tested([run, best], &ours, theirs, &ctx.part("runs", 0))?;
        }
    }
    best.versus = Against::Best;
    Ok(runs)
}

fn read(dir: &Path) -> Result<Run> {
    let path = dir.join("results.json");
    let bytes = std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
    let found: Results = serde_json::from_slice(&bytes).map_err(|e| {
        let what = format!("this is no result of a run ({e})");
        Error::parse(&path, e.line() as u64, None, what, "name a folder that `prompt run` wrote")
    })?;
    let passed = found.gates.iter().filter(|g| g.passed).count();
    Ok(Run {
        dir: dir.to_path_buf(),
        name: found.name,
        task: found.task,
        data: found.data,
        best: found.best,
        models: found.models,
        gates: (passed, found.gates.len()),
        wall_seconds: found.wall_seconds,
        peak_memory_mib: found.peak_memory_mib,
        versus: Against::OtherRows,
    })
}

fn validation(run: &Run) -> Option<Validation> {
    let path = run.dir.join(format!("validation_{}.json", run.best.as_ref()?));
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn tested(names: [&Run; 2], ours: &Validation, theirs: &Validation, ctx: &FitContext) -> Result<Against> {
    if ours.y_true != theirs.y_true || ours.classes != theirs.classes {
        return Ok(Against::OtherRows);
    }
    let codes: BTreeMap<&str, u32> = ours.classes.iter().map(String::as_str).zip(0..).collect();
    let encode = |labels: &[String]| {
        labels.iter().map(|l| codes.get(l.as_str()).copied()).collect::<Option<Vec<u32>>>()
    };
    let (Some(truth), Some(a), Some(b)) =
        (encode(&ours.y_true), encode(&ours.y_pred), encode(&theirs.y_pred))
    else {
        return Ok(Against::OtherRows);
    };
    let evidence = Evidence::Classes { y_true: &truth, a: &a, b: &b, n_classes: ours.classes.len() };
    let names = names.map(|run| run.dir.display().to_string());
    let found = is_better([&names[0], &names[1]], &evidence, LEVEL, ctx)?;
    Ok(Against::SameRows {
        difference: found.improvement.estimate,
        p_value: found.p_value,
        said: found.sentence,
    })
}

/// The runs as a terminal shows them.
#[derive(Debug, Clone, Copy)]
pub struct RunTable<'a>(pub &'a [Run]);

impl fmt::Display for RunTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width =
            self.0.iter().map(|r| r.dir.display().to_string().chars().count()).max().unwrap_or(3).max(3);
        writeln!(
            f,
            "{:<width$}  {:<10} {:<22} {:<26} {:>8} {:>7} {:>8} {:>7}  against the best",
            "run", "task", "winner", "macro F1", "blind F1", "gates", "wall s", "MiB"
        )?;
        for run in self.0 {
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
            let f1 = run.report().map(|r| match run.interval() {
                Some(i) => format!("{:.4} [{:.4}, {:.4}]", r.f1_macro, i.low, i.high),
                None => format!("{:.4}", r.f1_macro),
            });
            let blind =
                run.winner().and_then(|m| m.external.as_ref()).map(|e| format!("{:.4}", e.report.f1_macro));
            writeln!(
                f,
                "{:<width$}  {:<10} {:<22} {:<26} {:>8} {:>7} {:>8.1} {:>7}  {}",
                run.dir.display().to_string(),
                run.task,
                or_dash(run.best.clone()),
                or_dash(f1),
                or_dash(blind),
                format!("{}/{}", run.gates.0, run.gates.1),
                run.wall_seconds,
                or_dash(run.peak_memory_mib.map(|m| format!("{m:.0}"))),
                run.versus
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Best => f.write_str("best"),
            Self::SameRows { difference, p_value, .. } => write!(f, "{difference:+.4}, p = {p_value:.4}"),
            Self::OtherRows => f.write_str("other rows: no test"),
        }
    }
}
