//! Pictures: complete, safe to put into a page, the same every time.

#![allow(clippy::unwrap_used, clippy::panic)]

use prompt_core::Dense;
use prompt_metrics::Confusion;
use prompt_metrics::plot::{
    ModelBar, comparison_svg, confusion_svg, precision_recall_svg, reliability_svg, roc_svg,
};

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
    vec![
        confusion_svg("Confusion", &confusion, classes).unwrap(),
        roc_svg("ROC", &TRUTH, &proba(), classes, None).unwrap(),
        precision_recall_svg("PR", &TRUTH, &proba(), classes, None).unwrap(),
        reliability_svg("Reliability", &TRUTH, &proba(), None).unwrap(),
        comparison_svg("Models", "macro F1", &[bar(classes[0], 0.8), bar(classes[1], 0.6)]).unwrap(),
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
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        assert!(!svg.contains("href") && !svg.contains("<script") && !svg.contains(" id="));
        assert_well_formed(&svg);
    }
    assert_eq!(pictures(&classes), pictures(&classes));
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
