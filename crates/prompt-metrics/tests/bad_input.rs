//! Input that has no answer: an error that says which, or the documented value; never a silent 0.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test builds, it unwraps as the test does")]

use prompt_core::{CancelToken, Dense, FitContext, Result};
use prompt_metrics::probability::{
    Bins, average_precision, average_precision_macro, brier, brier_binary, calibration_curve, ece, log_loss,
    precision_recall_curve, roc_auc, roc_auc_ovr, roc_curve, top_k_accuracy,
};
use prompt_metrics::report::{PredictedNumbers, Predictions, classification_files, regression_files};
use prompt_metrics::{Average, ClassificationReport};

/// Labels, probabilities, weights, and how the message starts.
type Case = (&'static [u32], Dense, Option<&'static [f64]>, &'static str);

type MultiClass = fn(&[u32], &Dense, Option<&[f64]>) -> Result<f64>;

const MULTI_CLASS: [(&str, MultiClass); 6] = [
    ("log loss", log_loss),
    ("Brier", brier),
    ("ECE", ece),
    ("AUC", |y, p, w| roc_auc_ovr(y, p, Average::Macro, w)),
    ("AP", average_precision_macro),
    ("top k", |y, p, w| top_k_accuracy(y, p, 1, w)),
];

fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn every_probability_metric_refuses_what_is_no_probability() {
    let good = Dense::from_rows(&[[0.5, 0.5], [0.2, 0.8]]);
    for (name, metric) in MULTI_CLASS {
        let cases: [Case; 9] = [
            (&[], Dense::zeros(0, 2), None, "there are no rows to evaluate"),
            (&[0], good.clone(), None, "length of probabilities: expected 1, got 2"),
            (&[0, 2], good.clone(), None, "y_true holds class 2 at row 1, but there are 2 classes"),
            (&[0, 1], Dense::from_rows(&[[0.5, 0.5], [0.2, 0.7]]), None, "probabilities of row 1 sum to 0.9"),
            (
                &[0, 1],
                Dense::from_rows(&[[f64::NAN, 0.5], [0.2, 0.8]]),
                None,
                "probability NaN at row 0, class 0",
            ),
            (
                &[0, 1],
                Dense::from_rows(&[[0.5, 0.5], [-0.2, 1.2]]),
                None,
                "probability -0.2 at row 1, class 0",
            ),
            (&[0, 0], Dense::from_rows(&[[1.0], [1.0]]), None, "probabilities have 1 column(s)"),
            (&[0, 1], good.clone(), Some(&[1.0]), "length of weights: expected 2, got 1"),
            (&[0, 1], good.clone(), Some(&[0.0, 0.0]), "all sample weights are zero"),
        ];
        for (y, p, w, expected) in cases {
            let found = message(metric(y, &p, w));
            assert!(found.starts_with(expected), "{name}: {found}");
        }
    }
}

#[test]
fn a_class_without_rows_is_named() {
    let p = Dense::from_rows(&[[0.5, 0.3, 0.2], [0.2, 0.5, 0.3]]);
    assert!(message(roc_auc_ovr(&[0, 1], &p, Average::Macro, None)).contains("undefined for class 2"));
    assert!(message(roc_auc_ovr(&[0, 1], &p, Average::Weighted, None)).contains("undefined for class 2"));
    assert!(message(average_precision_macro(&[0, 1], &p, None)).contains("undefined for class 2"));
    assert!(message(roc_auc_ovr(&[0, 1], &p, Average::Micro, None)).contains("the micro average"));
    assert!(log_loss(&[0, 1], &p, None).is_ok());
}

#[test]
fn one_class_and_broken_scores_are_told() {
    assert_eq!(
        message(roc_auc(&[true, true], &[0.1, 0.2], None)),
        "ROC AUC is undefined: there are no negative rows; evaluate on rows of both classes"
    );
    assert!(message(roc_curve(&[false, false], &[0.1, 0.2], None)).contains("no positive rows"));
    assert!(message(average_precision(&[false, false], &[0.1, 0.2], None)).contains("no positive rows"));
    assert!(message(precision_recall_curve(&[false], &[0.1], None)).contains("no positive rows"));
    assert_eq!(average_precision(&[true, true], &[0.1, 0.2], None).unwrap(), 1.0);
    // The only negative has no weight, and so is not there.
    assert!(message(roc_auc(&[true, false], &[0.1, 0.2], Some(&[1.0, 0.0]))).contains("no negative rows"));
    assert!(message(roc_auc(&[true, false], &[0.1, f64::NAN], None)).contains("scores holds NaN at row 1"));
    assert!(message(roc_auc(&[true, false], &[0.1, f64::INFINITY], None)).contains("inf at row 1"));
    assert!(message(roc_auc(&[true], &[0.1, 0.2], None)).contains("length of scores: expected 1, got 2"));
    assert!(message(brier_binary(&[true], &[1.5], None)).starts_with("probability 1.5 at row 0"));
}

#[test]
fn parameters_out_of_range_name_themselves() {
    let p = Dense::from_rows(&[[0.5, 0.5]]);
    assert_eq!(
        message(top_k_accuracy(&[0], &p, 0, None)),
        "top_k_accuracy: parameter `k` must be a whole number ≥ 1, got 0"
    );
    assert_eq!(top_k_accuracy(&[0], &p, 9, None).unwrap(), 1.0);
    assert!(message(calibration_curve(&[true], &[0.5], Bins::EqualMass, 0, None)).contains("`n_bins`"));
}

#[test]
fn a_report_fails_on_wrong_input_and_notes_what_is_undefined() {
    let p = Dense::from_rows(&[[0.5, 0.4]]);
    assert!(
        message(ClassificationReport::new(&[0], &[0], &["a", "b"], Some(&p), None)).contains("sum to 0.9")
    );
    let none: [&str; 0] = [];
    assert!(
        message(ClassificationReport::new(&[0], &[0], &none, None, None)).contains("there are 0 classes")
    );
    assert!(
        message(ClassificationReport::new(&[0], &[1], &["a"], None, None)).contains("y_pred holds class 1")
    );
}

#[test]
fn a_report_that_is_stopped_ends_and_one_with_other_texts_says_so() {
    let token = CancelToken::new();
    token.cancel();
    let stopped = FitContext::new(1).with_cancel(token);
    let classes = ["a".to_owned(), "b".to_owned()];
    let rows = Predictions { y_true: &[0, 1], y_pred: &[0, 0], classes: &classes, ..Predictions::default() };
    assert!(classification_files("t", &rows, &stopped).unwrap_err().is_stop());
    let numbers =
        PredictedNumbers { y_true: &[1.0, 2.0], y_pred: &[1.0, 3.0], ..PredictedNumbers::default() };
    assert!(regression_files("t", &numbers, &stopped).unwrap_err().is_stop());
    let ctx = FitContext::new(1);
    let texts = ["one".to_owned()];
    let rows = Predictions { texts: &texts, ..rows };
    assert_eq!(message(classification_files("t", &rows, &ctx)), "length of texts: expected 2, got 1");
    let numbers = PredictedNumbers { texts: &texts, ..numbers };
    assert_eq!(message(regression_files("t", &numbers, &ctx)), "length of texts: expected 2, got 1");
}
