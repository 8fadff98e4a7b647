//! The wider metrics against the numbers that `tests/reference/metrics/make_numbers.py` wrote.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test builds, it unwraps")]

mod fixture;

use fixture::{
    all_close, by_number, close, count, flags, for_each_case, labels, matrix, numbers, optional, weights,
};
use prompt_metrics::decide::{Costs, aurc};
use prompt_metrics::probability::{
    ace, brier_decomposition, calibration_error, gain_curve, lift_at, roc_auc_partial,
};
use prompt_metrics::ranking::{Query, mean_average_precision, mrr, ndcg};
use prompt_metrics::regress::{pinball, r2_adjusted, smape};
use prompt_metrics::threshold::fpr_at_recall;
use prompt_metrics::{
    Average, Averages, Bins, Confusion, KappaWeights, Measurement, MultiLabel, krippendorff_alpha,
};
use serde_json::Value;

#[test]
fn weighted_kappa_equals_scikit_learn() {
    for_each_case("kappa", 9, |case, name| {
        let w = weights(case);
        let k = count(&case["n_classes"]);
        let c = Confusion::new(&labels(&case["y_true"]), &labels(&case["y_pred"]), k, w.as_deref()).unwrap();
        for (key, kind) in [("linear", KappaWeights::Linear), ("quadratic", KappaWeights::Quadratic)] {
            optional(c.cohen_kappa_weighted(kind), &case[key], &format!("{name}: {key}"));
        }
    });
}

#[test]
fn alpha_equals_the_krippendorff_package() {
    for_each_case("krippendorff", 3, |case, name| {
        let raters: Vec<Vec<Option<f64>>> = case["ratings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rater| rater.as_array().unwrap().iter().map(Value::as_f64).collect())
            .collect();
        let raters: Vec<&[Option<f64>]> = raters.iter().map(Vec::as_slice).collect();
        for (key, kind) in [
            ("nominal", Measurement::Nominal),
            ("ordinal", Measurement::Ordinal),
            ("interval", Measurement::Interval),
            ("ratio", Measurement::Ratio),
        ] {
            close(krippendorff_alpha(&raters, kind).unwrap(), &case[key], &format!("{name}: {key}"));
        }
    });
}

#[test]
fn label_sets_equal_scikit_learn() {
    for_each_case("multilabel", 9, |case, name| {
        let (y, p, w) = (flags(&case["y_true"]), flags(&case["y_pred"]), weights(case));
        let m = MultiLabel::new(&y, &p, count(&case["n_labels"]), w.as_deref()).unwrap();
        close(m.hamming_loss, &case["hamming_loss"], &format!("{name}: hamming"));
        close(m.subset_accuracy, &case["subset_accuracy"], &format!("{name}: subset accuracy"));
        close(m.jaccard_samples, &case["jaccard_samples"], &format!("{name}: Jaccard"));
        for (key, found) in [
            ("macro", m.average(Average::Macro)),
            ("micro", m.average(Average::Micro)),
            ("weighted", m.average(Average::Weighted)),
            ("samples", m.samples),
        ] {
            let (Averages { precision, recall, f1 }, expected) = (found, &case["averages"][key]);
            close(precision, &expected["precision"], &format!("{name}: {key} precision"));
            close(recall, &expected["recall"], &format!("{name}: {key} recall"));
            close(f1, &expected["f1"], &format!("{name}: {key} f1"));
        }
    });
}

#[test]
fn rankings_equal_scikit_learn() {
    for_each_case("ranking", 12, |case, name| {
        let rows = |key: &str| case[key].as_array().unwrap().iter().map(numbers).collect::<Vec<_>>();
        let (relevance, scores, w) = (rows("relevance"), rows("scores"), weights(case));
        let queries: Vec<Query<'_>> =
            relevance.iter().zip(&scores).map(|(relevance, scores)| Query { relevance, scores }).collect();
        let w = w.as_deref();
        close(ndcg(&queries, None, w).unwrap(), &case["ndcg"], &format!("{name}: NDCG"));
        close(ndcg(&queries, Some(3), w).unwrap(), &case["ndcg_3"], &format!("{name}: NDCG@3"));
        close(mrr(&queries, w).unwrap(), &case["mrr"], &format!("{name}: MRR"));
        close(mean_average_precision(&queries, w).unwrap(), &case["map"], &format!("{name}: MAP"));
    });
}

#[test]
fn calibration_equals_its_reference() {
    for_each_case("calibration", 9, |case, name| {
        let (y, p, w) = (labels(&case["y_true"]), matrix(&case["proba"]), weights(case));
        let w = w.as_deref();
        close(ace(&y, &p, 10, w).unwrap(), &case["ace"], &format!("{name}: ACE"));
        for (key, bins) in [("equal_width_10", 10), ("equal_width_15", 15)] {
            let found = calibration_error(&y, &p, Bins::EqualWidth, bins, w).unwrap();
            close(found.expected, &case[key]["expected"], &format!("{name}: ECE, {key}"));
            close(found.maximum, &case[key]["maximum"], &format!("{name}: MCE, {key}"));
            close(found.root_mean_square, &case[key]["root_mean_square"], &format!("{name}: RMS, {key}"));
        }
        let is_first: Vec<bool> = y.iter().map(|&t| t == 0).collect();
        let parts = brier_decomposition(&is_first, &p.column(0), Bins::EqualWidth, 8, w).unwrap();
        for (key, found) in [
            ("brier", parts.brier),
            ("reliability", parts.reliability),
            ("resolution", parts.resolution),
            ("uncertainty", parts.uncertainty),
            ("within", parts.within),
        ] {
            close(found, &case["brier_parts"][key], &format!("{name}: {key}"));
        }
    });
}

#[test]
fn decisions_equal_their_reference() {
    for_each_case("decisions", 4, |case, name| {
        let (y, s, w) = (flags(&case["y"]), numbers(&case["scores"]), weights(case));
        let w = w.as_deref();
        for (max_fpr, expected) in by_number(&case["partial_auc"]) {
            let found = roc_auc_partial(&y, &s, max_fpr, w).unwrap();
            close(found, expected, &format!("{name}: partial AUC up to {max_fpr}"));
        }
        let curve = gain_curve(&y, &s, w).unwrap();
        all_close(curve.iter().map(|p| p.fraction), &case["fraction"], &format!("{name}: fraction"));
        all_close(curve.iter().map(|p| p.gain), &case["gain"], &format!("{name}: gain"));
        for (fraction, expected) in by_number(&case["lift_at"]) {
            close(lift_at(&y, &s, fraction, w).unwrap(), expected, &format!("{name}: lift at {fraction}"));
        }
        for expected in case["fpr_at_recall"].as_array().unwrap() {
            let found = fpr_at_recall(&y, &s, expected["recall"].as_f64().unwrap(), 0.95).unwrap();
            let what = format!("{name}: recall {}", expected["recall"]);
            close(found.tpr.estimate, &expected["tpr"], &what);
            close(found.fpr.estimate, &expected["fpr"], &what);
            close(found.threshold, &expected["threshold"], &what);
            close(found.precision_at(0.01).unwrap().unwrap(), &expected["precision_at_1_percent"], &what);
        }
        let (loss, confidence) = (numbers(&case["loss"]), numbers(&case["confidence"]));
        close(aurc(&loss, &confidence, None).unwrap(), &case["aurc"], &format!("{name}: AURC"));
        let costs = Costs::new(matrix(&case["cost"]), Some(0.9)).unwrap();
        let found = costs.expected_cost(&labels(&case["truth"]), &matrix(&case["proba"]), w).unwrap();
        close(found.mean_cost, &case["mean_cost"], &format!("{name}: cost"));
        close(found.mean_cost_of_first_choice, &case["first_cost"], &format!("{name}: first choice"));
        close(found.coverage, &case["coverage"], &format!("{name}: coverage"));
        optional(found.error_rate, &case["error_rate"], &format!("{name}: error rate"));
    });
}

#[test]
fn the_wider_regression_metrics_equal_their_reference() {
    for_each_case("regress_wide", 9, |case, name| {
        let (y, p, w) = (numbers(&case["y_true"]), numbers(&case["y_pred"]), weights(case));
        let w = w.as_deref();
        close(smape(&y, &p, w).unwrap(), &case["smape"], &format!("{name}: SMAPE"));
        for (quantile, expected) in by_number(&case["pinball"]) {
            let found = pinball(&y, &p, quantile, w).unwrap();
            close(found, expected, &format!("{name}: pinball of {quantile}"));
        }
        if w.is_none() {
            close(
                r2_adjusted(&y, &p, 3, w).unwrap(),
                &case["r2_adjusted_3"],
                &format!("{name}: adjusted R²"),
            );
        }
    });
}
