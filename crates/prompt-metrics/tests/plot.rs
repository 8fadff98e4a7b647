//! Pictures: complete, safe to put into a page, the same every time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test builds, it unwraps as the test does")]

use prompt_core::{Dense, FitContext};
use prompt_metrics::fairness::{Groups, by_group};
use prompt_metrics::plot::{
    ColumnPicture, ColumnValues, CurvePoint, Importance, ModelBar, ModelLine, ParallelAxis, Resources,
    Setting, StudyPicture, StudyTrial, TrialEnd, architecture_svg, columns_svg, comparison_svg,
    confidence_svg, confusion_svg, convergence_svg, critical_difference_svg, det_svg, fairness_svg, gain_svg,
    importance_svg, learning_curve_svg, overfitting_svg, parallel_svg, precision_recall_svg,
    predicted_actual_svg, radar_svg, reliability_svg, residuals_svg, resources_svg, roc_svg, stability_svg,
    study_svg, threshold_svg, training_six_svg, training_svg, validation_curve_svg,
};
use prompt_metrics::significance::{friedman, nemenyi};
use prompt_metrics::{Bootstrap, Confusion, Epoch, Family, History};

const TRUTH: [u32; 6] = [0, 0, 1, 1, 2, 2];

fn proba() -> Dense {
    Dense::from_rows(&[
        [0.7, 0.2, 0.1],
        [0.4, 0.5, 0.1],
        [0.2, 0.7, 0.1],
        [0.1, 0.6, 0.3],
        [0.2, 0.2, 0.6],
        [0.5, 0.1, 0.4],
    ])
}

fn pictures(classes: &[&str; 3]) -> Vec<String> {
    let confusion = Confusion::new(&TRUTH, &[0, 1, 1, 1, 2, 0], 3, None).unwrap();
    let bar = |name: &str, value| ModelBar {
        name: name.to_owned(),
        value,
        bounds: Some((value - 0.1, value + 0.05)),
        chosen: value > 0.7,
    };
    let mut pictures = vec![
        confusion_svg("Confusion", &confusion, classes).unwrap(),
        roc_svg("ROC", &TRUTH, &proba(), classes, None).unwrap(),
        precision_recall_svg("PR", &TRUTH, &proba(), classes, None).unwrap(),
        reliability_svg("Reliability", &TRUTH, &proba(), None).unwrap(),
        comparison_svg("Models", "macro F1", &[bar(classes[0], 0.8), bar(classes[1], 0.6)]).unwrap(),
    ];
    pictures.extend(of_predictions(classes));
    pictures.extend(of_models(classes));
    pictures.extend(of_training(classes));
    pictures.extend(of_searching(classes));
    pictures
}

fn of_searching(classes: &[&str; 3]) -> Vec<String> {
    let trial = |number: usize, end: TrialEnd| StudyTrial {
        number,
        end,
        value: (end != TrialEnd::Failed).then_some(0.5 / (number + 1) as f64),
        params: vec![
            (classes[number % 3].to_owned(), Setting::Number(10.0_f64.powi(number as i32))),
            ("kind".to_owned(), Setting::Name(classes[number % 2].to_owned())),
        ],
    };
    let ends =
        [TrialEnd::Complete, TrialEnd::Pruned, TrialEnd::Failed, TrialEnd::Complete, TrialEnd::Complete];
    let trials: Vec<StudyTrial> = ends.iter().enumerate().map(|(number, end)| trial(number, *end)).collect();
    let study = StudyPicture { metric: classes[2], trials: &trials, ..StudyPicture::default() };
    let column =
        |values| ColumnPicture { name: classes[0].into(), kind: classes[1].into(), missing: 0.5, values };
    let columns = [
        column(ColumnValues::Numbers([1.0, 2.0, 3.0, 4.0, 5.0])),
        column(ColumnValues::Names("3".into(), classes[2].into(), 0.5)),
        column(ColumnValues::Text(classes[2].into())),
    ];
    vec![study_svg(classes[0], &study).unwrap(), columns_svg(classes[0], classes[1], &columns).unwrap()]
}

fn of_predictions(classes: &[&str; 3]) -> Vec<String> {
    let attack = TRUTH.map(|t| t == 2);
    let score = proba().column(2);
    let right = [1.0, 0.0, 1.0, 1.0, 1.0, 0.0];
    let accuracy = |rows: &[usize]| Ok(rows.iter().map(|&i| right[i]).sum::<f64>() / rows.len() as f64);
    let groups =
        Groups::new(&[classes[0], classes[1], classes[0], classes[1], classes[0], classes[1]]).unwrap();
    let report =
        by_group(&groups, accuracy, &Bootstrap::default().resamples(20), &FitContext::new(1)).unwrap();
    let (truth, predicted) = ([10.0, 40.0, 70.0, 90.0], [14.0, 35.0, 71.0, 70.0]);
    vec![
        det_svg("DET", &TRUTH, &proba(), classes, None).unwrap(),
        confidence_svg("Confidence", &TRUTH, &proba()).unwrap(),
        threshold_svg(classes[0], &attack, &score, None).unwrap(),
        gain_svg(classes[0], &attack, &score, None).unwrap(),
        fairness_svg("Groups", "accuracy", &report).unwrap(),
        predicted_actual_svg(classes[0], &truth, &predicted).unwrap(),
        residuals_svg(classes[0], &truth, &predicted).unwrap(),
        // The largest numbers there are.
        predicted_actual_svg("Wide", &[-1e308, 0.0, 1e308], &[1e308, 0.0, -1e308]).unwrap(),
        residuals_svg("Wide", &[-1e307, 0.0, 1e307], &[1e307, 0.0, -1e307]).unwrap(),
    ]
}

fn of_models(classes: &[&str; 3]) -> Vec<String> {
    let line = |name: &&str, values: &[f64]| ModelLine { name: (*name).to_owned(), values: values.to_vec() };
    let lines: Vec<ModelLine> = classes.iter().map(|c| line(c, &[0.9, 0.7, 0.8])).collect();
    let axes: Vec<ParallelAxis> = classes
        .iter()
        .map(|name| ParallelAxis { name: (*name).to_owned(), lower_is_better: *name == classes[2] })
        .collect();
    let blocks: [&[f64]; 4] = [&[0.9, 0.8, 0.7], &[0.8, 0.9, 0.6], &[0.9, 0.7, 0.5], &[0.95, 0.8, 0.6]];
    let test = friedman(&blocks).unwrap();
    let features: Vec<Importance> = classes
        .iter()
        .zip([0.5, -0.4, 0.1])
        .map(|(name, value)| Importance { name: (*name).to_owned(), value, deviation: Some(0.05) })
        .collect();
    let point = |x: f64| CurvePoint { x, train: vec![0.9, 0.95], validation: vec![0.7, 0.8] };
    let taken: Vec<Resources> = classes
        .iter()
        .map(|name| Resources {
            name: (*name).to_owned(),
            seconds: Some(3.0),
            memory_mib: Some(200.0),
            accelerator_mib: None,
            latency_ms: Some(0.01),
        })
        .collect();
    vec![
        radar_svg("Radar", classes, &lines).unwrap(),
        parallel_svg("Parallel", &axes, &lines).unwrap(),
        critical_difference_svg("Ranks", classes, &test, &nemenyi(&test, 0.05).unwrap()).unwrap(),
        importance_svg("Weights", "weight", &features).unwrap(),
        learning_curve_svg(classes[0], "macro F1", &[point(100.0), point(1000.0)]).unwrap(),
        validation_curve_svg("Strength", "macro F1", classes[0], &[point(0.1), point(10.0)], true).unwrap(),
        resources_svg("What models take", &taken).unwrap(),
    ]
}

fn of_training(classes: &[&str; 3]) -> Vec<String> {
    let epoch = |e: usize| Epoch {
        epoch: e,
        train_loss: 1.0 / e as f64,
        validation_loss: Some(0.4 + 0.1 * (e as f64 - 3.0).abs()),
        metric: Some(1.0 - 0.5 / e as f64),
        learning_rate: Some(1e-3 / e as f64),
        gradient_norm: Some(2.0 / e as f64),
        seconds: Some(1.0),
    };
    let run =
        |name: &&str| History::new(name, Family::Cnn, "macro F1", (1..=6).map(epoch).collect()).unwrap();
    let runs: Vec<History> = classes.iter().map(run).collect();
    vec![
        training_svg(classes[0], &runs[0]),
        training_six_svg(classes[0], &runs[0]),
        convergence_svg("Convergence", &runs).unwrap(),
        overfitting_svg("Overfitting", &runs).unwrap(),
        stability_svg("Stability", &runs).unwrap(),
        architecture_svg("Architectures", &runs).unwrap(),
    ]
}

/// Every element that is opened is closed, in order.
fn assert_well_formed(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').unwrap();
        let tag = &rest[start + 1..end];
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{svg}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

#[test]
fn pictures_are_complete_repeatable_and_stand_alone() {
    let classes = ["benign", "suspicious", "malicious"];
    for svg in pictures(&classes) {
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.ends_with("</svg>\n"));
        assert!(!svg.contains("NaN") && !svg.contains("\"inf") && !svg.contains("-inf"), "{svg}");
        assert!(svg.contains("prefers-color-scheme:dark") && svg.contains("aria-label"));
        assert!(!svg.contains("href") && !svg.contains("<script") && !svg.contains(" id="));
        assert_well_formed(&svg);
    }
    assert_eq!(pictures(&classes), pictures(&classes));
}

#[test]
fn training_pictures_show_what_they_are_read_for() {
    let svgs = of_training(&["cnn", "bilstm", "bert"]);
    for panel in [
        "Loss and its change",
        "Metric",
        "Learning rate",
        "Gradient",
        "Train–validation gap",
        "Rolling deviation of the loss",
    ] {
        assert!(svgs[1].contains(panel), "{panel}");
    }
    // 90% of the best (0.9167) is 0.825, reached at epoch 3.
    assert!(svgs[5].contains("90%") && svgs[5].contains("bilstm"), "{}", svgs[5]);
}

#[test]
fn of_many_classes_the_most_frequent_are_drawn() {
    let truth: Vec<u32> = (0..3000).map(|i| i % 300).collect();
    let names: Vec<String> = (0..300).map(|i| format!("class {i}")).collect();
    let confusion = Confusion::new(&truth, &truth, 300, None).unwrap();
    let svg = confusion_svg("Many", &confusion, &names).unwrap();
    assert!(svg.contains("the 74 most frequent of 300 classes") && svg.contains("226 others"));
    assert!(svg.contains("accuracy 1.0000, 3000 rows"));
    assert_well_formed(&svg);
}

#[test]
fn names_are_escaped() {
    for svg in pictures(&["<b>&\"'", "</svg><script>", "line\nbreak\u{0}"]) {
        assert!(!svg.contains("<b>") && !svg.contains("<script>") && !svg.contains('\u{0}'));
        assert_well_formed(&svg);
    }
}

#[test]
fn pictures_show_the_numbers() {
    let svgs = pictures(&["benign", "suspicious", "malicious"]);
    assert!(svgs[0].contains("accuracy 0.6667, 6 rows") && svgs[0].contains("50.0%"));
    // Scores of the first class: positives .7, .4 against .2, .1, .2, .5: seven of eight pairs in order.
    assert!(svgs[1].contains(">0.8750<"), "{}", svgs[1]);
    assert!(svgs[3].contains("expected calibration error 0."));
    assert!(svgs[4].contains("0.8000 [0.7000, 0.8500]"));
}

#[test]
fn a_class_without_rows_is_named_and_the_others_are_drawn() {
    let classes = ["a", "b", "never seen"];
    let svg = roc_svg("ROC", &TRUTH[..4], &proba().select_rows(&[0, 1, 2, 3]), &classes, None).unwrap();
    assert!(svg.contains("no curve for never seen"));
    let one = proba().select_rows(&[0]);
    let error = roc_svg("ROC", &[0], &one, &classes, None).unwrap_err();
    assert!(error.to_string().starts_with("no class has a curve"), "{error}");
}

#[test]
fn bad_input_says_which() {
    let confusion = Confusion::new(&TRUTH, &TRUTH, 3, None).unwrap();
    let error = confusion_svg("", &confusion, &["a"]).unwrap_err();
    assert_eq!(error.to_string(), "names of the classes: expected 3, got 1");
    assert!(comparison_svg("", "f1", &[]).unwrap_err().to_string().contains("no models"));
    let bar = ModelBar { name: "m".into(), value: f64::NAN, bounds: None, chosen: false };
    assert!(comparison_svg("", "f1", &[bar]).unwrap_err().to_string().contains("NaN at row 0"));
}
