//! Writes one of each picture into a folder, from drawn predictions: `cargo run --example gallery -- FOLDER`.

use std::path::{Path, PathBuf};

use prompt_core::{Dense, Error, FitContext, Result, Rng, Seed};
use prompt_metrics::plot::{
    ModelBar, comparison_svg, confusion_svg, precision_recall_svg, reliability_svg, roc_svg,
};
use prompt_metrics::{Bootstrap, ClassificationReport, Confusion};

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "gallery".to_owned()));
    std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e))?;
    let classes = ["benign", "suspicious", "malicious"];
    let (truth, pred, proba) = predictions(2000, 3, 2.0);
    println!("{}", ClassificationReport::new(&truth, &pred, &classes, Some(&proba), None)?);
    let confusion = Confusion::new(&truth, &pred, 3, None)?;
    write(&folder, "confusion", &confusion_svg("Confusion on the test rows", &confusion, &classes)?)?;
    write(&folder, "roc", &roc_svg("ROC on the test rows", &truth, &proba, &classes, None)?)?;
    write(&folder, "pr", &precision_recall_svg("Precision and recall", &truth, &proba, &classes, None)?)?;
    write(&folder, "reliability", &reliability_svg("Reliability", &truth, &proba, None)?)?;

    let ctx = FitContext::default();
    let mut bars = Vec::new();
    for (i, name) in ["linear_svm", "logistic_regression", "complement_nb", "majority"].iter().enumerate() {
        let (truth, pred, _) = predictions(800, 3, [3.0, 2.6, 1.5, 0.0][i]);
        let found =
            Bootstrap::default().of_confusion(&truth, &pred, 3, None, |c| Ok(c.f1_macro()), &ctx)?.interval;
        bars.push(ModelBar {
            name: (*name).to_owned(),
            value: found.estimate,
            bounds: Some((found.low, found.high)),
            chosen: i == 0,
        });
    }
    write(&folder, "comparison", &comparison_svg("Models on the test rows", "macro F1", &bars)?)?;

    // Many classes, and names that a page must survive.
    let names: Vec<String> = (0..40)
        .map(|i| match i % 5 {
            0 => format!("intent <{i}> & \"friends\""),
            1 => format!("a rather long intent name that does not fit, number {i}"),
            2 => format!("意図の分類 {i}"),
            _ => format!("intent {i}"),
        })
        .collect();
    for k in [2, 10, 40] {
        let (truth, pred, proba) = predictions(3000, k, 2.5);
        let (names, confusion) = (&names[..k], Confusion::new(&truth, &pred, k, None)?);
        write(&folder, &format!("confusion_{k}"), &confusion_svg("Intents", &confusion, names)?)?;
        write(&folder, &format!("roc_{k}"), &roc_svg("Intents", &truth, &proba, names, None)?)?;
        write(&folder, &format!("pr_{k}"), &precision_recall_svg("Intents", &truth, &proba, names, None)?)?;
        write(&folder, &format!("reliability_{k}"), &reliability_svg("Intents", &truth, &proba, None)?)?;
    }
    Ok(())
}

fn write(folder: &Path, name: &str, svg: &str) -> Result<()> {
    let path = folder.join(format!("{name}.svg"));
    std::fs::write(&path, svg).map_err(|e| Error::io("write", &path, e))
}

/// Labels, predictions and probabilities (too sure by a half) of `n` rows; `skill` moves the true class's score.
fn predictions(n: usize, k: usize, skill: f64) -> (Vec<u32>, Vec<u32>, Dense) {
    let mut rng: Rng = Seed::new(7).rng();
    let mut proba = Dense::zeros(n, k);
    let (mut truth, mut pred) = (Vec::new(), Vec::new());
    for i in 0..n {
        // Later classes are rarer.
        let class = rng.below(k).min(rng.below(k));
        let row = proba.row_mut(i);
        for (c, p) in row.iter_mut().enumerate() {
            let lift = if c == class { skill * (1.0 - 0.3 * c as f64 / k as f64) } else { 0.0 };
            *p = (1.5 * (rng.normal() + lift)).exp();
        }
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|p| *p /= sum);
        let choice = (0..k).fold(0, |best, c| if row[c] > row[best] { c } else { best });
        truth.push(class as u32);
        pred.push(choice as u32);
    }
    (truth, pred, proba)
}
