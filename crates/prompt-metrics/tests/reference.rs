//! Every metric against the numbers that `tests/reference/metrics/make.py` wrote with scikit-learn, SciPy and NumPy.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test builds, it unwraps as the test does")]

mod fixture;

use fixture::{all_close, close, flags, for_each_case, labels, matrix, numbers, optional, weights};
use prompt_metrics::probability::{
    average_precision, average_precision_macro, average_precision_per_class, brier, brier_binary,
    calibration_curve, ece, log_loss, precision_recall_curve, roc_auc, roc_auc_ovr, roc_auc_per_class,
    roc_curve, top_k_accuracy,
};
use prompt_metrics::threshold::tpr_at_fpr;
use prompt_metrics::{
    Average, Bins, Confusion, SecurityClasses, SecurityScore, clopper_pearson, clopper_pearson_upper,
    mcnemar_exact, regress, wilson,
};
#[test]
fn classes_equal_scikit_learn() {
    for_each_case("classify", 23, |case, name| {
        let k = usize::try_from(case["n_classes"].as_u64().unwrap()).unwrap();
        let w = weights(case);
        let c = Confusion::new(&labels(&case["y_true"]), &labels(&case["y_pred"]), k, w.as_deref()).unwrap();
        let cells = || (0..k).flat_map(|t| (0..k).map(move |p| (t, p)));
        for (t, p) in cells() {
            close(c.count(t, p), &case["matrix"][t][p], &format!("{name}: count {t}→{p}"));
            close(c.rate(t, p).unwrap_or(0.0), &case["rates"][t][p], &format!("{name}: rate {t}→{p}"));
        }
        close(c.accuracy(), &case["accuracy"], &format!("{name}: accuracy"));
        close(c.balanced_accuracy(), &case["balanced_accuracy"], &format!("{name}: balanced accuracy"));
        close(c.matthews_corrcoef(), &case["matthews_corrcoef"], &format!("{name}: Matthews"));
        optional(c.cohen_kappa(), &case["cohen_kappa"], &format!("{name}: kappa"));
        let classes = c.per_class();
        all_close(classes.iter().map(|s| s.precision), &case["precision"], &format!("{name}: precision"));
        all_close(classes.iter().map(|s| s.recall), &case["recall"], &format!("{name}: recall"));
        all_close(classes.iter().map(|s| s.f1), &case["f1"], &format!("{name}: f1"));
        all_close(classes.iter().map(|s| s.support), &case["support"], &format!("{name}: support"));
        for (average, key) in
            [(Average::Macro, "macro"), (Average::Micro, "micro"), (Average::Weighted, "weighted")]
        {
            let (found, expected) = (c.average(average), &case["averages"][key]);
            close(found.precision, &expected["precision"], &format!("{name}: {key} precision"));
            close(found.recall, &expected["recall"], &format!("{name}: {key} recall"));
            close(found.f1, &expected["f1"], &format!("{name}: {key} f1"));
        }
    });
}

#[test]
fn the_security_score_equals_its_formula_on_scikit_learn() {
    for_each_case("security", 6, |case, name| {
        let w = weights(case);
        let c = Confusion::new(&labels(&case["y_true"]), &labels(&case["y_pred"]), 3, w.as_deref()).unwrap();
        let classes = SecurityClasses { benign: 0, suspicious: 1, malicious: 2 };
        let s = SecurityScore::new(&c, classes).unwrap();
        for (key, found) in [
            ("score", s.score),
            ("recall_malicious", s.recall_malicious),
            ("precision_suspicious", s.precision_suspicious),
            ("f1_benign", s.f1_benign),
            ("false_alarm_rate", s.false_alarm_rate),
            ("missed_threat_rate", s.missed_threat_rate),
        ] {
            close(found, &case[key], &format!("{name}: {key}"));
        }
    });
}

#[test]
fn binary_scores_equal_scikit_learn() {
    for_each_case("binary", 23, |case, name| {
        let (y, s, w) = (flags(&case["y"]), numbers(&case["scores"]), weights(case));
        let w = w.as_deref();
        close(roc_auc(&y, &s, w).unwrap(), &case["roc_auc"], &format!("{name}: ROC AUC"));
        close(average_precision(&y, &s, w).unwrap(), &case["average_precision"], &format!("{name}: AP"));
        let roc = roc_curve(&y, &s, w).unwrap();
        all_close(roc.iter().map(|p| p.fpr), &case["roc"]["fpr"], &format!("{name}: fpr"));
        all_close(roc.iter().map(|p| p.tpr), &case["roc"]["tpr"], &format!("{name}: tpr"));
        let finite = roc.iter().skip(1).map(|p| p.threshold);
        all_close(finite, &case["roc"]["thresholds"], &format!("{name}: ROC thresholds"));
        let pr = precision_recall_curve(&y, &s, w).unwrap();
        all_close(pr.iter().map(|p| p.precision), &case["pr"]["precision"], &format!("{name}: precision"));
        all_close(pr.iter().map(|p| p.recall), &case["pr"]["recall"], &format!("{name}: recall"));
        let finite = pr.iter().map(|p| p.threshold).filter(|t| t.is_finite());
        all_close(finite, &case["pr"]["thresholds"], &format!("{name}: PR thresholds"));
        for point in case["tpr_at_fpr"].as_array().unwrap() {
            let found = tpr_at_fpr(&y, &s, point["alpha"].as_f64().unwrap(), 0.95).unwrap().point;
            let what = format!("{name}: TPR at FPR {}", point["alpha"]);
            close(found.tpr.estimate, &point["tpr"], &what);
            close(found.fpr.estimate, &point["fpr"], &what);
            if !point["threshold"].is_null() {
                close(found.threshold, &point["threshold"], &what);
            }
        }
        if !case["brier"].is_null() {
            close(brier_binary(&y, &s, w).unwrap(), &case["brier"], &format!("{name}: Brier"));
        }
        for curve in case["calibration"].as_array().unwrap() {
            let bins = if curve["strategy"] == "quantile" { Bins::EqualMass } else { Bins::EqualWidth };
            let n_bins = usize::try_from(curve["n_bins"].as_u64().unwrap()).unwrap();
            let what = format!("{name}: {bins:?} with {n_bins} bins");
            let found = calibration_curve(&y, &s, bins, n_bins, w).unwrap();
            all_close(found.iter().map(|b| b.fraction_positive), &curve["fraction_positive"], &what);
            all_close(found.iter().map(|b| b.mean_predicted), &curve["mean_predicted"], &what);
        }
    });
}

#[test]
fn probabilities_equal_scikit_learn() {
    for_each_case("multiclass", 24, |case, name| {
        let (y, p, w) = (labels(&case["y_true"]), matrix(&case["proba"]), weights(case));
        let w = w.as_deref();
        close(log_loss(&y, &p, w).unwrap(), &case["log_loss"], &format!("{name}: log loss"));
        close(brier(&y, &p, w).unwrap(), &case["brier"], &format!("{name}: Brier"));
        close(ece(&y, &p, w).unwrap(), &case["ece"], &format!("{name}: ECE"));
        for (i, auc) in roc_auc_per_class(&y, &p, w).unwrap().into_iter().enumerate() {
            optional(auc, &case["roc_auc_per_class"][i], &format!("{name}: AUC of class {i}"));
        }
        for (i, ap) in average_precision_per_class(&y, &p, w).unwrap().into_iter().enumerate() {
            optional(ap, &case["average_precision_per_class"][i], &format!("{name}: AP of class {i}"));
        }
        let ovr = |average| roc_auc_ovr(&y, &p, average, w).ok();
        optional(ovr(Average::Macro), &case["roc_auc_ovr"], &format!("{name}: macro AUC"));
        optional(ovr(Average::Weighted), &case["roc_auc_ovr_weighted"], &format!("{name}: weighted AUC"));
        let ap = average_precision_macro(&y, &p, w).ok();
        optional(ap, &case["average_precision_macro"], &format!("{name}: macro AP"));
        for (i, expected) in case["top_k_accuracy"].as_array().unwrap().iter().enumerate() {
            close(top_k_accuracy(&y, &p, i + 1, w).unwrap(), expected, &format!("{name}: top {}", i + 1));
        }
    });
}

#[test]
fn proportions_equal_scipy() {
    for_each_case("proportion", 39, |case, name| {
        let (k, n) = (case["k"].as_u64().unwrap(), case["n"].as_u64().unwrap());
        let level = case["level"].as_f64().unwrap();
        let exact = clopper_pearson(k, n, level).unwrap();
        all_close([exact.low, exact.high], &case["exact"], &format!("{name}: exact"));
        let score = wilson(k, n, level).unwrap();
        all_close([score.low, score.high], &case["wilson"], &format!("{name}: Wilson"));
        let upper = clopper_pearson_upper(k, n, level).unwrap();
        close(upper, &case["upper"], &format!("{name}: one-sided"));
    });
}

#[test]
fn mcnemar_equals_scipy() {
    for_each_case("mcnemar", 9, |case, name| {
        let (a, b) = (case["only_a"].as_u64().unwrap(), case["only_b"].as_u64().unwrap());
        let rows = a + b + 3;
        let truth = vec![1; usize::try_from(rows).unwrap()];
        // The first a rows go to the first model, the next b to the second, the rest to both.
        let pred_a: Vec<u32> = (0..rows).map(|i| u32::from(i < a || i >= a + b)).collect();
        let pred_b: Vec<u32> = (0..rows).map(|i| u32::from(i >= a)).collect();
        let test = mcnemar_exact(&truth, &pred_a, &pred_b).unwrap();
        assert_eq!((test.only_a, test.only_b), (a, b), "{name}");
        close(test.p_value, &case["p_value"], name);
    });
}

#[test]
fn regression_equals_scikit_learn_and_scipy() {
    for_each_case("regress", 22, |case, name| {
        let (y, p, w) = (numbers(&case["y_true"]), numbers(&case["y_pred"]), weights(case));
        let w = w.as_deref();
        for (key, metric) in [
            ("mae", regress::mae as fn(&[f64], &[f64], Option<&[f64]>) -> prompt_core::Result<f64>),
            ("mse", regress::mse),
            ("rmse", regress::rmse),
            ("mape", regress::mape),
            ("median_absolute_error", regress::median_absolute_error),
            ("explained_variance", regress::explained_variance),
            ("r2", regress::r2),
        ] {
            optional(metric(&y, &p, w).ok(), &case[key], &format!("{name}: {key}"));
        }
        for (key, metric) in [
            ("pearson", regress::pearson as fn(&[f64], &[f64]) -> prompt_core::Result<f64>),
            ("spearman", regress::spearman),
            ("kendall", regress::kendall),
        ] {
            optional(metric(&y, &p).ok(), &case[key], &format!("{name}: {key}"));
        }
        for (key, k) in [("within_5", 5.0), ("within_10", 10.0)] {
            close(regress::within_k(&y, &p, k, w).unwrap(), &case[key], &format!("{name}: {key}"));
        }
    });
}
