//! From somebody's CSV to a report: odd column names, label codes, duplicates, a bad row.
//!
//! ```sh
//! cargo run --release --example from_csv [-- FILE.csv]
//! ```
//!
//! Without a file it writes one of generated prompts first, with the columns `Ticket`, `Customer wrote` and `Verdict`.

use std::path::PathBuf;

use prompt_models::data::Cleaner;
use prompt_models::data::dedup::NearDuplicates;
use prompt_models::data::read::ReadOptions;
use prompt_models::data::split::HoldOut;
use prompt_models::data::synth::{SynthParams, generate};
use prompt_models::metrics::ClassificationReport;
use prompt_models::prelude::*;
use prompt_models::select::GridSearch;

fn main() -> Result<()> {
    let path = std::env::args().nth(1).map_or_else(write_one, |path| Ok(path.into()))?;
    let ctx = FitContext::new(42);

    // Read: say what the columns are called and what the labels mean. A bad row is reported and loses no other.
    let mut fields = Fields::security();
    fields.text = "Customer wrote".into();
    fields.label = "Verdict".into();
    let loaded = ReadOptions { fields, ..ReadOptions::default() }.read(&path)?;
    for error in &loaded.bad {
        println!("{error}");
    }

    // Clean and split: near-duplicates stay on one side, or the test rows would only repeat the training rows.
    let (data, cleaned) = Cleaner::default().clean(&loaded.dataset, &ctx)?;
    println!("{cleaned}");
    let groups = NearDuplicates::default().groups(&data, &ctx)?;
    let y = data.class_target(None)?;
    let fold =
        HoldOut::default().split(data.len(), Some(y.as_classes()?.0), Some(groups.codes()), ctx.seed())?;
    let (train, test) = (data.select(&fold.train), data.select(&fold.test));

    // Choose: every point of the grid over the same folds of the training rows, the best fitted on all of them.
    let features = Union::new().with("word", Tfidf::default().ngram_range((1, 2)).sublinear_tf(true)).with(
        "char",
        Tfidf::default().analyzer(Analyzer::CharWb).ngram_range((2, 4)).max_features(Some(20_000)),
    );
    let search = GridSearch::new(features, LogisticRegression::default()).values("c", [4.0, 16.0, 64.0]);
    let found = search.folds(3).fit(&train, &y.select(&fold.train), &ctx)?;
    for (params, scores) in &found.points {
        println!("c = {:<5} macro-F1 {:.4} over the folds", params["c"], scores.mean().unwrap_or(f64::NAN));
    }

    // Measure, once, on rows that chose nothing.
    let answer = found.model.predict(&test)?;
    let ((p, classes), truth) = (answer.probabilities()?, y.select(&fold.test));
    println!(
        "\n{}",
        ClassificationReport::new(truth.as_classes()?.0, &answer.codes()?, classes.names(), Some(p), None)?
    );
    Ok(())
}

/// A CSV as it might come from elsewhere.
fn write_one() -> Result<PathBuf> {
    let path = std::env::temp_dir().join("prompt-tickets.csv");
    let mut csv = String::from("Ticket,Customer wrote,Verdict\n");
    for (i, e) in generate(&SynthParams::default().rows(1200), Seed::new(3))?.iter().enumerate() {
        let code = match e.label.as_deref() {
            Some("benign") => 0,
            Some("suspicious") => 1,
            _ => 2,
        };
        csv += &format!("{i},\"{}\",{code}\n", e.text.replace('"', "\"\""));
    }
    csv += "1200,Good morning!,0\n1201,good morning,0\n1202,one cell too many,0,x\n";
    std::fs::write(&path, csv).map_err(|e| Error::io("write", &path, e))?;
    Ok(path)
}
