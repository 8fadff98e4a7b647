//! Any tool's predictions to a full report: numbers with intervals, pictures, lists of rows, what the rules say.
//!
//! ```sh
//! cargo run --release --example evaluate -- [FILE.csv[.gz] [FOLDER]]
//! ```
//!
//! The CSV has the columns `y_true`, `y_pred` and, for probabilities, `p_CLASS`; a column `text` is shown beside mistakes. If
//! every value of `y_true` and `y_pred` is a number with a decimal point, it is taken for regression. Without a file it
//! writes one first.

use std::path::PathBuf;

use prompt_models::data::write::write_folder;
use prompt_models::metrics::report::{PredictedNumbers, Predictions, classification_files, regression_files};
use prompt_models::predictions::Predicted;
use prompt_models::prelude::*;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().map_or_else(write_one, |path| Ok(path.into()))?;
    let folder = arguments.next().map_or_else(|| std::env::temp_dir().join("prompt-evaluate"), PathBuf::from);
    let file = Predicted::read(&path)?;
    let texts = file.column("text").unwrap_or_default();
    let title = path.file_stem().map_or_else(|| "predictions".into(), |s| s.to_string_lossy());
    let ctx = FitContext::new(42);
    let files = if file.is_regression()? {
        let (truth, predicted) = (file.numbers("y_true")?, file.numbers("y_pred")?);
        let rows =
            PredictedNumbers { y_true: &truth, y_pred: &predicted, texts, ..PredictedNumbers::default() };
        regression_files(&title, &rows, &ctx)?.1
    } else {
        let found = file.classes()?;
        found.notes.iter().for_each(|note| eprintln!("note: {note}"));
        let rows = Predictions {
            y_true: &found.truth,
            y_pred: &found.predicted,
            classes: found.classes.names(),
            proba: found.proba.as_ref(),
            texts,
            ..Predictions::default()
        };
        classification_files(&title, &rows, &ctx)?.1
    };
    write_folder(&folder, files.iter().map(|f| (f.name.as_str(), f.content.as_bytes())))?;
    if let Some(report) = files.iter().find(|f| f.name == "report.txt") {
        println!("{}", report.content);
    }
    println!("{} files in {}", files.len(), folder.display());
    Ok(())
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
