//! Tests between models against the numbers that `tests/reference/metrics/make_certainty.py` wrote.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test builds, it unwraps")]

mod fixture;

use fixture::{all_close, close, flags, for_each_case, labels, numbers, weights};
use prompt_metrics::fairness::{Groups, by_group, parity};
use prompt_metrics::significance::{
    benjamini_hochberg, corrected_resampled_t, delong, delong_paired, five_by_two_cv, friedman, holm,
    nemenyi, paired_permutation, wilcoxon,
};
use prompt_metrics::{Bootstrap, Confusion, FitContext};

#[test]
fn delong_equals_its_structural_components() {
    for_each_case("delong", 3, |case, name| {
        let (y, a, b) = (flags(&case["y"]), numbers(&case["a"]), numbers(&case["b"]));
        let one = delong(&y, &a, 0.9).unwrap();
        close(one.estimate, &case["auc"], &format!("{name}: AUC"));
        all_close([one.low], &serde_json::json!([case["low"]]), &format!("{name}: low"));
        close(one.high, &case["high"], &format!("{name}: high"));
        let two = delong_paired(&y, [&a, &b], 0.95).unwrap();
        close(two.difference.estimate, &case["difference"], &format!("{name}: difference"));
        close(two.standard_error, &case["difference_se"], &format!("{name}: standard error"));
        close(two.z, &case["z"], &format!("{name}: z"));
        close(two.p_value, &case["p_value"], &format!("{name}: p"));
    });
}

#[test]
fn tests_over_folds_equal_their_formulas_on_scipy() {
    for_each_case("folds", 3, |case, name| {
        let (a, b) = (numbers(&case["a"]), numbers(&case["b"]));
        let test = corrected_resampled_t(&a, &b, case["test_share"].as_f64().unwrap(), 0.95).unwrap();
        for (key, found) in [
            ("t", test.t),
            ("p_value", test.p_value),
            ("low", test.difference.low),
            ("high", test.difference.high),
            ("d", test.effect_size),
        ] {
            close(found, &case[key], &format!("{name}: {key}"));
        }
        if !case["five_by_two"].is_null() {
            let test = five_by_two_cv(&a, &b, 0.95).unwrap();
            close(test.t, &case["five_by_two"]["t"], &format!("{name}: 5×2cv t"));
            close(test.p_value, &case["five_by_two"]["p_value"], &format!("{name}: 5×2cv p"));
        }
    });
}

#[test]
fn rank_tests_equal_scipy() {
    for_each_case("wilcoxon", 6, |case, name| {
        let test = wilcoxon(&numbers(&case["a"]), &numbers(&case["b"])).unwrap();
        assert_eq!(test.exact, case["exact"].as_bool().unwrap(), "{name}");
        close(test.w_plus.min(test.w_minus), &case["statistic"], &format!("{name}: statistic"));
        close(test.p_value, &case["p_value"], &format!("{name}: p"));
    });
    for_each_case("friedman", 4, |case, name| {
        let blocks: Vec<Vec<f64>> = case["scores"].as_array().unwrap().iter().map(numbers).collect();
        let blocks: Vec<&[f64]> = blocks.iter().map(Vec::as_slice).collect();
        let test = friedman(&blocks).unwrap();
        close(test.statistic, &case["statistic"], &format!("{name}: statistic"));
        close(test.p_value, &case["p_value"], &format!("{name}: p"));
        all_close(test.mean_ranks.iter().copied(), &case["mean_ranks"], &format!("{name}: ranks"));
        let pairs = nemenyi(&test, 0.05).unwrap();
        close(pairs.critical_difference, &case["critical_difference"], &format!("{name}: CD"));
        all_close(pairs.p_values[0].iter().copied(), &case["p_first"], &format!("{name}: Nemenyi"));
    });
}

#[test]
fn exact_permutations_equal_scipy() {
    for_each_case("permutation", 3, |case, name| {
        let (a, b) = (numbers(&case["a"]), numbers(&case["b"]));
        let test = paired_permutation(&a, &b, 1, &FitContext::new(1)).unwrap();
        close(test.observed, &case["observed"], &format!("{name}: observed"));
        close(test.p_value, &case["p_value"], &format!("{name}: p"));
    });
}

#[test]
fn adjusted_p_values_equal_statsmodels() {
    for_each_case("multiple", 3, |case, name| {
        let p = numbers(&case["p"]);
        all_close(holm(&p).unwrap(), &case["holm"], &format!("{name}: Holm"));
        let found = benjamini_hochberg(&p).unwrap();
        all_close(found, &case["benjamini_hochberg"], &format!("{name}: Benjamini–Hochberg"));
    });
}

#[test]
fn groups_equal_fairlearn() {
    for_each_case("fairness", 4, |case, name| {
        let (y, pred, w) = (flags(&case["y"]), flags(&case["pred"]), weights(case));
        let groups: Vec<String> = labels(&case["groups"]).iter().map(u32::to_string).collect();
        let groups = Groups::new(&groups).unwrap();
        let found = parity(&y, &pred, &groups, w.as_deref()).unwrap();
        for (key, value) in [
            ("demographic_parity_difference", Some(found.demographic_parity_difference)),
            ("demographic_parity_ratio", found.demographic_parity_ratio),
            ("equalized_odds_difference", found.equalized_odds_difference),
            ("equalized_odds_ratio", found.equalized_odds_ratio),
        ] {
            close(value.unwrap(), &case[key], &format!("{name}: {key}"));
        }
        let accuracy = |rows: &[usize]| {
            let pick = |of: &[bool]| rows.iter().map(|&i| u32::from(of[i])).collect::<Vec<_>>();
            let w: Option<Vec<f64>> = w.as_ref().map(|w| rows.iter().map(|&i| w[i]).collect());
            Ok(Confusion::new(&pick(&y), &pick(&pred), 2, w.as_deref())?.accuracy())
        };
        let boot = Bootstrap::default().resamples(50);
        let report = by_group(&groups, accuracy, &boot, &FitContext::new(1)).unwrap();
        let values = report.groups.iter().map(|g| g.value.unwrap());
        all_close(values, &case["accuracy"], &format!("{name}: accuracy"));
        close(report.difference.estimate, &case["difference"], &format!("{name}: difference"));
        close(report.ratio.unwrap(), &case["ratio"], &format!("{name}: ratio"));
    });
}
