//! Writes one of each picture into a folder, from drawn predictions: `cargo run --example gallery -- FOLDER`; with
//! `--features png` as pixels too.

use std::path::{Path, PathBuf};

use prompt_core::{Dense, Error, FitContext, Result, Rng, Seed};
use prompt_metrics::fairness::{Groups, by_group};
use prompt_metrics::plot::{
    self, ColumnPicture, ColumnValues, CurvePoint, Importance, ModelBar, ModelLine, ParallelAxis, Resources,
    Setting, StudyPicture, StudyTrial, TrialEnd,
};
use prompt_metrics::significance::{friedman, nemenyi};
use prompt_metrics::{Bootstrap, ClassificationReport, Confusion, Epoch, Family, History};

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "gallery".to_owned()));
    std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e))?;
    classification(&folder)?;
    many_classes(&folder)?;
    regression(&folder)?;
    models(&folder)?;
    searching(&folder)?;
    training(&folder)
}

fn write(folder: &Path, name: &str, svg: &str) -> Result<()> {
    let path = folder.join(format!("{name}.svg"));
    std::fs::write(&path, svg).map_err(|e| Error::io("write", &path, e))?;
    #[cfg(feature = "png")]
    {
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, plot::png(svg, 1.0)?).map_err(|e| Error::io("write", &path, e))?;
    }
    Ok(())
}

fn classification(folder: &Path) -> Result<()> {
    let classes = ["benign", "suspicious", "malicious"];
    let (truth, pred, proba) = predictions(2000, 3, 2.0);
    println!("{}", ClassificationReport::new(&truth, &pred, &classes, Some(&proba), None)?);
    let confusion = Confusion::new(&truth, &pred, 3, None)?;
    write(folder, "confusion", &plot::confusion_svg("Confusion on the test rows", &confusion, &classes)?)?;
    write(folder, "roc", &plot::roc_svg("ROC on the test rows", &truth, &proba, &classes, None)?)?;
    write(
        folder,
        "pr",
        &plot::precision_recall_svg("Precision and recall", &truth, &proba, &classes, None)?,
    )?;
    write(folder, "det", &plot::det_svg("Errors of both kinds", &truth, &proba, &classes, None)?)?;
    write(folder, "reliability", &plot::reliability_svg("Reliability", &truth, &proba, None)?)?;
    write(folder, "confidence", &plot::confidence_svg("Confidence", &truth, &proba)?)?;
    let attack: Vec<bool> = truth.iter().map(|&t| t == 2).collect();
    let score = proba.column(2);
    write(folder, "threshold", &plot::threshold_svg("Threshold on P(malicious)", &attack, &score, None)?)?;
    write(folder, "gain", &plot::gain_svg("Gain on P(malicious)", &attack, &score, None)?)?;
    let language: Vec<&str> =
        (0..2000).map(|i| ["English", "Deutsch", "a language whose name goes on and on"][i % 3]).collect();
    let accuracy =
        |rows: &[usize]| Ok(rows.iter().filter(|&&i| truth[i] == pred[i]).count() as f64 / rows.len() as f64);
    let boot = Bootstrap::default().resamples(300);
    let report = by_group(&Groups::new(&language)?, accuracy, &boot, &FitContext::default())?;
    write(folder, "fairness", &plot::fairness_svg("Accuracy by language", "accuracy", &report)?)
}

/// Many classes, and names that a page must survive.
fn many_classes(folder: &Path) -> Result<()> {
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
        write(folder, &format!("confusion_{k}"), &plot::confusion_svg("Intents", &confusion, names)?)?;
        write(folder, &format!("roc_{k}"), &plot::roc_svg("Intents", &truth, &proba, names, None)?)?;
        write(folder, &format!("det_{k}"), &plot::det_svg("Intents", &truth, &proba, names, None)?)?;
    }
    Ok(())
}

fn regression(folder: &Path) -> Result<()> {
    for n in [300, 20_000] {
        let mut rng = Seed::new(3).rng();
        let truth: Vec<f64> = (0..n).map(|_| 100.0 * rng.unit()).collect();
        let pred: Vec<f64> = truth.iter().map(|t| 8.0 + 0.85 * t + (2.0 + 0.08 * t) * rng.normal()).collect();
        write(folder, &format!("predicted_{n}"), &plot::predicted_actual_svg("Quality", &truth, &pred)?)?;
        write(
            folder,
            &format!("residuals_{n}"),
            &plot::residuals_svg("Quality, what is left", &truth, &pred)?,
        )?;
    }
    Ok(())
}

const MODELS: [&str; 9] = [
    "linear_svm",
    "logistic_regression",
    "random_forest",
    "a stacking of everything there is, with a name to match",
    "complement_nb",
    "hist_gradient_boosting",
    "cnn",
    "bilstm",
    "majority",
];

fn models(folder: &Path) -> Result<()> {
    let (ctx, mut rng) = (FitContext::default(), Seed::new(5).rng());
    let mut bars = Vec::new();
    for (i, name) in MODELS.iter().enumerate() {
        let (truth, pred, _) = predictions(800, 3, 3.0 - 0.35 * i as f64);
        let found =
            Bootstrap::default().of_confusion(&truth, &pred, 3, None, |c| Ok(c.f1_macro()), &ctx)?.interval;
        bars.push(ModelBar {
            name: (*name).to_owned(),
            value: found.estimate,
            bounds: Some((found.low, found.high)),
            chosen: i == 0,
        });
    }
    write(folder, "comparison", &plot::comparison_svg("Models on the test rows", "macro F1", &bars)?)?;
    let line = |name: &&str, values: Vec<f64>| ModelLine { name: (*name).to_owned(), values };
    let axes = [
        "accuracy",
        "macro F1",
        "recall of malicious prompts",
        "precision of suspicious prompts",
        "1 − false alarms",
        "1 − missed",
    ];
    let lines: Vec<ModelLine> =
        MODELS.iter().map(|m| line(m, (0..6).map(|_| 0.6 + 0.4 * rng.unit()).collect())).collect();
    write(folder, "radar", &plot::radar_svg("Models", &axes, &lines)?)?;
    write(folder, "radar_few", &plot::radar_svg("Models", &axes[..4], &few(&lines[..2], 4))?)?;
    let parallel: Vec<ParallelAxis> =
        ["accuracy", "macro F1", "recall of malicious", "false alarms", "latency, ms", "peak memory, MiB"]
            .iter()
            .enumerate()
            .map(|(i, name)| ParallelAxis { name: (*name).to_owned(), lower_is_better: i > 2 })
            .collect();
    write(folder, "parallel", &plot::parallel_svg("Models", &parallel, &lines)?)?;
    let blocks: Vec<Vec<f64>> =
        (0..12).map(|_| (0..9).map(|m| 1.0 - 0.1 * f64::from(m) + 0.25 * rng.normal()).collect()).collect();
    let blocks: Vec<&[f64]> = blocks.iter().map(Vec::as_slice).collect();
    let test = friedman(&blocks)?;
    let svg = plot::critical_difference_svg("Models over data sets", &MODELS, &test, &nemenyi(&test, 0.05)?)?;
    write(folder, "critical_difference", &svg)?;
    let features: Vec<Importance> = (0..50)
        .map(|i| Importance {
            name: match i % 7 {
                3 => format!("char 5-gram \"ignore all previous instructions {i}\""),
                _ => format!("word {i}"),
            },
            value: (1.0 - 0.05 * f64::from(i)) * if i % 4 == 1 { -1.0 } else { 1.0 },
            deviation: Some(0.05),
        })
        .collect();
    write(folder, "importance", &plot::importance_svg("What speaks for an attack", "weight", &features)?)?;
    let curve = |x: f64, train: f64, validation: f64, rng: &mut Rng| CurvePoint {
        x,
        train: (0..5).map(|_| train + 0.005 * rng.normal()).collect(),
        validation: (0..5).map(|_| validation + 0.012 * rng.normal()).collect(),
    };
    let learning: Vec<CurvePoint> = (1..=7)
        .map(|i| {
            curve(500.0 * f64::from(1 << i), 0.99 - 0.005 * f64::from(i), 0.93 - 0.3 / f64::from(i), &mut rng)
        })
        .collect();
    write(folder, "learning", &plot::learning_curve_svg("More data", "macro F1", &learning)?)?;
    let validation: Vec<CurvePoint> = (-4..=3)
        .map(|i| {
            curve(10.0_f64.powi(i), 0.8 + 0.02 * f64::from(i + 4), 0.86 - 0.012 * f64::from(i * i), &mut rng)
        })
        .collect();
    write(
        folder,
        "validation",
        &plot::validation_curve_svg("Strength", "macro F1", "c", &validation, true)?,
    )?;
    let resources: Vec<Resources> = MODELS
        .iter()
        .enumerate()
        .map(|(i, m)| Resources {
            name: (*m).to_owned(),
            seconds: Some(0.4 * 2.3_f64.powi(i as i32)),
            memory_mib: Some(90.0 + 60.0 * i as f64),
            accelerator_mib: (i > 5).then_some(2000.0),
            latency_ms: (i != 4).then_some(0.002 * (1.0 + i as f64)),
        })
        .collect();
    write(folder, "resources", &plot::resources_svg("What models take", &resources)?)
}

/// What a search and a table look like.
fn searching(folder: &Path) -> Result<()> {
    let mut rng = Seed::new(13).rng();
    let trials: Vec<StudyTrial> = (0..60)
        .map(|number| {
            let rate = 10.0_f64.powf(-3.0 + 2.5 * rng.unit());
            let kind = ["leaf_wise", "depth_wise", "a kind with a long name"][number % 3];
            let value = 0.3 + 0.1 * (rate.log10() + 1.5).powi(2) + 0.02 * rng.unit();
            let end = match number % 11 {
                7 => TrialEnd::Pruned,
                9 => TrialEnd::Failed,
                _ => TrialEnd::Complete,
            };
            let params = vec![
                ("learning_rate".to_owned(), Setting::Number(rate)),
                ("growth".to_owned(), Setting::Name(kind.to_owned())),
                ("max_leaf_nodes".to_owned(), Setting::Number((7.0 + 120.0 * rng.unit()).floor())),
            ];
            StudyTrial { number, end, value: (end != TrialEnd::Failed).then_some(value), params }
        })
        .collect();
    let importance =
        [("learning_rate", 0.83), ("growth", 0.1), ("max_leaf_nodes", 0.07)].map(|(n, s)| (n.to_owned(), s));
    let study = StudyPicture {
        metric: "log loss",
        higher_is_better: false,
        trials: &trials,
        importance: &importance,
    };
    write(folder, "study", &plot::study_svg("Tuning", &study)?)?;
    let column = |name: &str, kind: &str, missing, values| ColumnPicture {
        name: name.to_owned(),
        kind: kind.to_owned(),
        missing,
        values,
    };
    let columns = [
        column("age", "number", 0.0, ColumnValues::Numbers([17.0, 28.0, 37.0, 48.0, 90.0])),
        column(
            "income, in cents per year",
            "number",
            0.31,
            ColumnValues::Numbers([-4e6, 0.0, 2e6, 4e6, 9e8]),
        ),
        column(
            "town",
            "category",
            0.002,
            ColumnValues::Names("about 12041".into(), "Ulm & Neu-Ulm".into(), 0.07),
        ),
        column("since", "time", 1.0, ColumnValues::Text("2019-01-02 to 2026-11-30".into())),
    ];
    write(folder, "columns", &plot::columns_svg("people.csv", "48842 rows, 4 columns", &columns)?)
}

fn few(lines: &[ModelLine], axes: usize) -> Vec<ModelLine> {
    lines.iter().map(|l| ModelLine { name: l.name.clone(), values: l.values[..axes].to_vec() }).collect()
}

fn training(folder: &Path) -> Result<()> {
    let mut rng = Seed::new(9).rng();
    let mut runs = Vec::new();
    for (i, (name, family)) in [
        ("cnn", Family::Cnn),
        ("bilstm", Family::Lstm),
        ("transformer with a long name of its own", Family::Transformer),
        ("distilbert", Family::Encoder),
    ]
    .into_iter()
    .enumerate()
    {
        let epochs = (1..=15 + 5 * i)
            .map(|e| {
                let t = e as f64 / (3.0 + i as f64);
                let train = 1.1 * (-t).exp() + 0.02 * rng.unit();
                Epoch {
                    epoch: e,
                    train_loss: train,
                    validation_loss: Some(
                        train + 0.05 + 0.02 * t * (1.0 + i as f64 % 2.0) + 0.03 * rng.unit(),
                    ),
                    metric: Some(0.93 - 0.02 * i as f64 - 0.5 * (-1.2 * t).exp() + 0.01 * rng.normal()),
                    learning_rate: Some(1e-3 * 0.5 * (1.0 + (0.15 * e as f64).cos())),
                    gradient_norm: Some(2.0 * (-0.5 * t).exp() + 0.3 * rng.unit()),
                    seconds: Some(12.0),
                }
            })
            .collect();
        runs.push(History::new(name, family, "macro F1", epochs)?);
    }
    write(folder, "training", &plot::training_svg("Training", &runs[0]))?;
    write(folder, "training_six", &plot::training_six_svg("Training", &runs[2]))?;
    let bare = vec![Epoch { epoch: 1, train_loss: 0.7, ..Epoch::default() }];
    let bare = History::new("one epoch", Family::Linear, "accuracy", bare)?;
    write(folder, "training_bare", &plot::training_six_svg("Hardly any training", &bare))?;
    write(folder, "convergence", &plot::convergence_svg("Convergence", &runs)?)?;
    write(folder, "overfitting", &plot::overfitting_svg("Overfitting", &runs)?)?;
    write(folder, "stability", &plot::stability_svg("Stability", &runs)?)?;
    write(folder, "architectures", &plot::architecture_svg("Architectures", &runs)?)
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
