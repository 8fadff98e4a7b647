//! An experiment as a library call: a configuration made in code, the comparison printed as a table.
//!
//! ```sh
//! cargo run --release --example compare
//! ```
//!
//! This is what `prompt run CONFIG` does, without a configuration file. Everything that it writes goes to a folder
//! under the system's temporary one.

use prompt_models::experiment::{Experiment, ExperimentConfig, Grid, Model};
use prompt_models::prelude::*;

fn main() -> Result<()> {
    let mut config = ExperimentConfig { name: "compare".into(), seed: 7, ..ExperimentConfig::default() };
    config.data.synthetic = config.data.synthetic.rows(1500);
    config.traditional.folds = 3;
    config.output.dir = std::env::temp_dir().join("prompt-compare");
    config.output.registry = None;

    // One model with its built-in grid, one with a grid of ours, one as it is.
    let own = [("alpha".to_owned(), vec![0.05.into(), 0.2.into()])].into();
    config.traditional.models.0 = vec![
        ("linear_svm".into(), Model::default()),
        ("multinomial_nb".into(), Model { grid: Grid::Explicit(own), ..Model::default() }),
        ("majority".into(), Model { grid: Grid::None, ..Model::default() }),
    ];

    let results = Experiment::new(config)?.run(&FitContext::default())?;

    println!("{:<16} {:>8} {:>8} {:>8}  against the winner (McNemar)", "model", "cv", "test f1", "blind f1");
    for model in &results.models {
        let number = |v: Option<f64>| v.map_or("–".into(), |v| format!("{v:.4}"));
        let versus = model.versus_best.as_ref().map_or("–".into(), |v| format!("p = {:.4}", v.mcnemar_p));
        println!(
            "{:<16} {:>8} {:>8} {:>8}  {versus}",
            model.model,
            number(model.cv.as_ref().map(|cv| cv.mean)),
            number(model.test.as_ref().map(|t| t.report.f1_macro)),
            number(model.external.as_ref().map(|e| e.report.f1_macro)),
        );
    }
    for note in &results.notes {
        println!("note: {note}");
    }
    println!("report: {}", results.dir.join("report.html").display());
    Ok(())
}
