//! Any tool's predictions to a full report: numbers with intervals, pictures, what the rules say.
//!
//! ```sh
//! cargo run --release --example evaluate -- [FILE.csv [FOLDER]]
//! ```
//!
//! The CSV has the columns `y_true`, `y_pred` and, for probabilities, `p_CLASS`. If every value of `y_true` and `y_pred` is a
//! number with a decimal point, it is taken for regression. Without a file it writes one first.

use std::path::{Path, PathBuf};

use prompt_models::core::Dense;
use prompt_models::metrics::report::{Predictions, classification_files, regression_files};
use prompt_models::prelude::*;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().map_or_else(write_one, |path| Ok(path.into()))?;
    let folder = arguments.next().map_or_else(|| std::env::temp_dir().join("prompt-evaluate"), PathBuf::from);
    let table = Table::read(&file)?;
    let title = file.file_stem().map_or_else(|| "predictions".into(), |s| s.to_string_lossy());
    let ctx = FitContext::new(42);
    let (truth, predicted) = (table.column("y_true")?, table.column("y_pred")?);
    let is_regression = truth.iter().chain(&predicted).all(|v| v.contains('.') && v.parse::<f64>().is_ok());
    let files = if is_regression {
        regression_files(&title, &numbers(&truth)?, &numbers(&predicted)?, &[], &ctx)?.1
    } else {
        let with_probability = table.header.iter().filter_map(|name| name.strip_prefix("p_"));
        let named = truth.iter().chain(&predicted).copied().chain(with_probability.clone());
        let classes = Classes::sorted(named);
        let mut matrix = Dense::zeros(truth.len(), classes.len());
        for name in with_probability.clone() {
            let at = classes.encode([name])?[0] as usize;
            for (row, p) in numbers(&table.column(&format!("p_{name}"))?)?.into_iter().enumerate() {
                matrix.row_mut(row)[at] = p;
            }
        }
        let rows = Predictions {
            y_true: &classes.encode(&truth)?,
            y_pred: &classes.encode(&predicted)?,
            classes: classes.names(),
            proba: with_probability.clone().next().is_some().then_some(&matrix),
            columns: &[],
        };
        classification_files(&title, &rows, &ctx)?.1
    };
    std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e))?;
    for file in &files {
        let path = folder.join(&file.name);
        std::fs::write(&path, &file.content).map_err(|e| Error::io("write", &path, e))?;
        if file.name == "report.txt" {
            println!("{}", file.content);
        }
    }
    println!("{} files in {}", files.len(), folder.display());
    Ok(())
}

/// A CSV without quoted cells: labels and numbers have no commas.
struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).map_err(|e| Error::io("read", file, e))?;
        let cells = |line: &str| line.split(',').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let header = cells(lines.next().unwrap_or_default());
        let rows: Vec<Vec<String>> = lines.map(cells).collect();
        if let Some(bad) = rows.iter().position(|row| row.len() != header.len()) {
            let what = format!("{} cells under {} names", rows[bad].len(), header.len());
            return Err(Error::parse(
                file,
                bad as u64 + 2,
                None,
                what,
                "give each row one cell for each column",
            ));
        }
        Ok(Self { header, rows })
    }

    fn column(&self, name: &str) -> Result<Vec<&str>> {
        let at = self.header.iter().position(|h| h == name);
        let at = at.ok_or_else(|| Error::unknown("column", name, self.header.iter()))?;
        Ok(self.rows.iter().map(|row| row[at].as_str()).collect())
    }
}

fn numbers(cells: &[&str]) -> Result<Vec<f64>> {
    let number = |cell: &&str| {
        cell.parse().map_err(|_| {
            Error::input(format!("`{cell}` is no number"), "probabilities are numbers in [0, 1]")
        })
    };
    cells.iter().map(number).collect()
}

/// Predictions of a guard that is right most of the time.
fn write_one() -> Result<PathBuf> {
    let file = std::env::temp_dir().join("prompt-predictions.csv");
    let mut rng = Seed::new(7).rng();
    let mut text = "y_true,y_pred,p_benign,p_malicious,p_suspicious\n".to_owned();
    let names = ["benign", "malicious", "suspicious"];
    for _ in 0..600 {
        let truth = rng.below(3);
        let raw: Vec<f64> =
            (0..3).map(|c| (1.2 * rng.normal() + if c == truth { 2.5 } else { 0.0 }).exp()).collect();
        let sum: f64 = raw.iter().sum();
        let called = (0..3).fold(0, |best, c| if raw[c] > raw[best] { c } else { best });
        let p: Vec<String> = raw.iter().map(|p| format!("{:.6}", p / sum)).collect();
        text += &format!("{},{},{}\n", names[truth], names[called], p.join(","));
    }
    std::fs::write(&file, text).map_err(|e| Error::io("write", &file, e))?;
    Ok(file)
}
