//! Ensembles, calibrators and conformal prediction against scikit-learn and against their definitions, from
//! `tests/reference/ensembles` (made by its `make.py`).

use std::collections::BTreeMap;

use prompt_core::{
    Classes, Fit, FitContext, Learner, Matrix, Predict, Prediction, Target, Task, argmax, predict,
};
use prompt_data::split::KFold;
use prompt_models::conformal::{
    ConformalClassifier, ConformalRegressor, FittedConformal, PredictionSets, conformal_quantile,
};
use prompt_models::ensemble::{BaggingClassifier, BaggingRegressor, Calibrator, FittedBagging, Member};
use prompt_models::linear::{LogisticRegression, Ridge};
use serde::Deserialize;
use serde_json::Value;

use crate::fixture::{self, dense, named, with};

/// The seed of the folds and held-out rows that the fixture was made with.
const SEED: u64 = 3;

#[derive(Deserialize)]
struct Fixture {
    data: Data,
    folds: BTreeMap<String, String>,
    cases: Vec<Case>,
    calibrators: Vec<Alone>,
    quantiles: Vec<Quantile>,
    conformal: Conformal,
    whole: Whole,
    bags: Vec<Bag>,
}

#[derive(Deserialize)]
struct Data {
    x: Vec<Vec<f64>>,
    test: Vec<Vec<f64>>,
    two: Vec<u32>,
    three: Vec<u32>,
    number: Vec<f64>,
    weights: Vec<f64>,
}

#[derive(Deserialize)]
struct Case {
    learner: String,
    data: String,
    params: BTreeMap<String, Value>,
    weighted: bool,
    expect: Vec<Vec<f64>>,
}

/// A calibrator on given probabilities.
#[derive(Deserialize)]
struct Alone {
    method: String,
    p: Vec<Vec<f64>>,
    y: Vec<u32>,
    weights: Option<Vec<f64>>,
    at: Vec<Vec<f64>>,
    expect: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Quantile {
    scores: Vec<f64>,
    alpha: f64,
    weights: Option<Vec<f64>>,
    /// Absent where there are too few scores.
    expect: Option<f64>,
}

#[derive(Deserialize)]
struct Conformal {
    p: Vec<Vec<f64>>,
    y: Vec<u32>,
    at: Vec<Vec<f64>>,
    sets: Vec<Sets>,
}

#[derive(Deserialize)]
struct Sets {
    #[serde(default)]
    alpha: f64,
    score: String,
    per_class: bool,
    expect: Vec<Vec<u32>>,
}

/// Conformal learners from rows to sets and intervals.
#[derive(Deserialize)]
struct Whole {
    alpha: f64,
    share: f64,
    held: BTreeMap<String, Vec<usize>>,
    intervals: Vec<[f64; 3]>,
    sets: Vec<Sets>,
}

/// Bagged trees: mean and deviation over seeds of two scores of the held-out rows, and of the out-of-bag score.
#[derive(Deserialize)]
struct Bag {
    data: String,
    params: BTreeMap<String, Value>,
    mean: [f64; 3],
    std: [f64; 3],
}

fn fixture() -> Fixture {
    fixture::read("ensembles/ensembles.json")
}

fn ctx() -> FitContext {
    FitContext::new(SEED)
}

fn matrix(rows: &[Vec<f64>]) -> Matrix {
    dense(rows).into()
}

fn labels(codes: &[u32]) -> Target {
    Target::labels(codes.iter().map(|c| ["a", "b", "c"][*c as usize]))
}

impl Data {
    fn target(&self, name: &str) -> Target {
        match name {
            "two" => labels(&self.two),
            "three" => labels(&self.three),
            _ => Target::regression(self.number.clone()).unwrap(),
        }
    }
}

fn close(found: &[f64], expect: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expect.len(), "{what}");
    for (f, e) in found.iter().zip(expect) {
        assert!((f - e).abs() < tolerance, "{what}: {found:?} instead of {expect:?}");
    }
}

/// Fits all cases of a learner and compares what they say of the test rows.
fn check(learner: &str, count: usize, tolerance: impl Fn(&Case) -> f64) {
    let Fixture { data, cases, .. } = fixture();
    let cases: Vec<&Case> = cases.iter().filter(|c| c.learner == learner).collect();
    assert_eq!(cases.len(), count);
    for case in cases {
        let task = if case.data == "number" { Task::Regression } else { Task::Classification };
        let mut y = data.target(&case.data);
        if case.weighted {
            y = y.with_weights(data.weights.clone()).unwrap();
        }
        let learner = named(task, learner, &case.params);
        let model = learner.fit_model(&matrix(&data.x), &y, &ctx()).unwrap();
        let found = predict(&*model, &matrix(&data.test)).unwrap();
        for (i, expect) in case.expect.iter().enumerate() {
            let what = format!("{} on {} with {:?}, row {i}", case.learner, case.data, case.params);
            close(found.row(i), expect, tolerance(case), &what);
        }
    }
}

/// The rows of each class (all of them for numbers) that conformal learners hold out, rising.
fn held_out(y: &Target, share: f64) -> Vec<usize> {
    let codes = y.as_classes().map_or_else(|_| vec![0; y.len()], |(codes, _)| codes.to_vec());
    let mut held = Vec::new();
    for class in 0..=codes.iter().copied().max().unwrap() {
        let mut rows: Vec<usize> = (0..codes.len()).filter(|i| codes[*i] == class).collect();
        ctx().seed().derive("held_out", u64::from(class)).rng().shuffle(&mut rows);
        held.extend_from_slice(&rows[..(share * rows.len() as f64).round() as usize]);
    }
    held.sort_unstable();
    held
}

#[test]
fn the_fixture_was_made_with_the_draws_of_the_learners() {
    let Fixture { data, folds, whole, .. } = fixture();
    let mut dealt = BTreeMap::new();
    for name in folds.keys() {
        let y = data.target(name);
        let strata = y.as_classes().ok().map(|(codes, _)| codes);
        let mut fold_of = vec![0; y.len()];
        let drawn = KFold::default().folds(5).split(y.len(), strata, None, ctx().seed()).unwrap();
        for (number, fold) in drawn.iter().enumerate() {
            fold.test.iter().for_each(|row| fold_of[*row] = number);
        }
        dealt.insert(name.clone(), fold_of.iter().map(usize::to_string).collect::<String>());
    }
    let held: BTreeMap<String, Vec<usize>> =
        whole.held.keys().map(|name| (name.clone(), held_out(&data.target(name), whole.share))).collect();
    // What is found is what FOLDS and HELD of make.py are to be.
    assert_eq!((&dealt, &held), (&folds, &whole.held));
}

#[test]
fn votes_are_scikit_learns() {
    // Probabilities for soft votes and shares of the votes for hard ones, with weights of members and of rows.
    check("voting", 10, |_| 1e-7);
}

#[test]
fn stacks_are_scikit_learns() {
    check("stacking", 9, |_| 1e-6);
}

#[test]
fn calibrated_learners_are_scikit_learns() {
    // scikit-learn's lines and temperatures come from minimisers that stop at about these distances.
    check("calibrated", 10, |case| match case.params["method"].as_str() {
        Some("sigmoid") => 1e-5,
        Some("temperature") => 1e-6,
        _ => 1e-9,
    });
}

#[test]
fn a_bag_without_draws_is_its_member() {
    check("bagging", 3, |_| 1e-7);
    let Fixture { data, .. } = fixture();
    let (x, y, member) = (matrix(&data.x), data.target("three"), LogisticRegression::default());
    let bag = BaggingClassifier::default().estimator(Member::of(&member)).bootstrap(false).n_estimators(2);
    let (bag, member) = (bag.fit(&x, &y, &ctx()).unwrap(), member.fit(&x, &y, &ctx()).unwrap());
    for i in 0..x.rows() {
        close(bag.predict(&x).unwrap().row(i), member.predict(&x).unwrap().row(i), 1e-12, "bag");
    }
}

#[test]
fn calibrators_are_scikit_learns() {
    let Fixture { calibrators, .. } = fixture();
    assert_eq!(calibrators.len(), 12);
    for case in &calibrators {
        let p = dense(&case.p);
        let fitted = Calibrator::fit(&case.method, &p, &case.y, case.weights.as_deref()).unwrap();
        let tolerance = match case.method.as_str() {
            "sigmoid" => 1e-5,
            "temperature" => 1e-6,
            _ => 1e-9,
        };
        for (at, expect) in case.at.iter().zip(&case.expect) {
            let mut found = at.clone();
            fitted.apply(&mut found);
            let what = format!("{} of {} classes at {at:?}", case.method, at.len());
            close(&found, expect, tolerance, &what);
        }
    }
}

#[test]
fn conformal_quantiles_are_those_of_the_definition() {
    let Fixture { quantiles, .. } = fixture();
    assert!(quantiles.iter().any(|q| q.expect.is_none()) && quantiles.iter().any(|q| q.weights.is_some()));
    for case in &quantiles {
        let weight = |i: usize| case.weights.as_ref().map_or(1.0, |w| w[i]);
        let scores: Vec<(f64, f64)> =
            case.scores.iter().enumerate().map(|(i, score)| (*score, weight(i))).collect();
        let found = conformal_quantile(&scores, case.alpha);
        let expect = case.expect.unwrap_or(f64::INFINITY);
        let weighted = case.weights.is_some();
        assert_eq!(found, expect, "{} scores, α = {}, weighted: {weighted}", scores.len(), case.alpha);
    }
}

#[test]
fn prediction_sets_are_those_of_the_definition() {
    let Fixture { conformal, .. } = fixture();
    let (classes, p) = (Classes::sorted(["a", "b", "c"]), dense(&conformal.p));
    assert_eq!(conformal.sets.len(), 12);
    for case in &conformal.sets {
        let (score, per_class) = (&case.score, case.per_class);
        let sets = PredictionSets::calibrate(&classes, &p, &conformal.y, None, case.alpha, score, per_class)
            .unwrap();
        for (at, expect) in conformal.at.iter().zip(&case.expect) {
            assert_eq!(sets.of(at), *expect, "{score}, α = {}, per class: {per_class}", case.alpha);
        }
    }
}

#[test]
fn conformal_learners_give_the_sets_and_intervals_of_the_definition() {
    let Fixture { data, whole, .. } = fixture();
    let (x, test) = (matrix(&data.x), matrix(&data.test));
    let ridge = ConformalRegressor::default().estimator(Member::of(&Ridge::default()));
    let ridge = ridge.alpha(whole.alpha).calibration_share(whole.share);
    let found = ridge.fit(&x, &data.target("number"), &ctx()).unwrap().predict(&test).unwrap();
    assert_eq!(whole.intervals.len(), test.rows());
    for (i, expect) in whole.intervals.iter().enumerate() {
        close(found.row(i), expect, 1e-8, "interval");
    }
    assert_eq!(whole.sets.len(), 2);
    let sizes: std::collections::BTreeSet<usize> =
        whole.sets.iter().flat_map(|s| s.expect.iter().map(Vec::len)).collect();
    assert!(sizes.contains(&1) && sizes.len() > 1, "{sizes:?}");
    for case in &whole.sets {
        let member = Member::of(&LogisticRegression::default().tol(1e-10).max_iter(10_000));
        let learner = ConformalClassifier::default().estimator(member).alpha(whole.alpha);
        let learner = learner.calibration_share(whole.share).score(case.score.clone());
        let learner = learner.per_class(case.per_class);
        let model: FittedConformal = learner.fit(&x, &data.target("two"), &ctx()).unwrap();
        let p = model.predict(&test).unwrap();
        for (i, expect) in case.expect.iter().enumerate() {
            let what = (&case.score, case.per_class, i);
            assert_eq!(model.sets().of(p.row(i)), *expect, "{what:?}");
        }
    }
}

/// Rows of `trees.json`.
#[derive(Deserialize)]
struct Rows {
    classes: usize,
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
    test: Vec<Vec<f64>>,
    truth: Vec<f64>,
}

fn scores(found: &Prediction, data: &Rows) -> [f64; 2] {
    let n = data.truth.len() as f64;
    if data.classes == 0 {
        let values = found.values().unwrap();
        let mean = |v: &[f64]| v.iter().sum::<f64>() / n;
        let around = |v: &[f64], m: f64| v.iter().map(|v| (v - m).powi(2)).sum::<f64>();
        let left: f64 = values.iter().zip(&data.truth).map(|(a, b)| (a - b).powi(2)).sum();
        let r2 = 1.0 - left / around(&data.truth, mean(&data.truth));
        return [r2, (around(&values, mean(&values)) / n).sqrt()];
    }
    let right = |i: &usize| argmax(found.row(*i)) as f64 == data.truth[*i];
    let brier = |i: usize| {
        let of = |(c, p): (usize, &f64)| (p - f64::from(u8::from(c as f64 == data.truth[i]))).powi(2);
        found.row(i).iter().enumerate().map(of).sum::<f64>()
    };
    let rows = data.truth.len();
    [(0..rows).filter(right).count() as f64 / n, (0..rows).map(brier).sum::<f64>() / n]
}

#[test]
fn bags_of_trees_score_as_scikit_learns_do() {
    fn fit<L: Learner<Fitted = FittedBagging>>(
        bag: &Bag,
        x: &Matrix,
        y: &Target,
        seed: u64,
    ) -> FittedBagging {
        with::<L>(&bag.params).fit(x, y, &FitContext::new(seed)).unwrap()
    }
    let trees: Value = fixture::read("trees/trees.json");
    for bag in &fixture().bags {
        let data: Rows = serde_json::from_value(trees["data"][&bag.data].clone()).unwrap();
        let (x, test) = (matrix(&data.x), matrix(&data.test));
        const SEEDS: u64 = 3;
        let mut mean = [0.0; 3];
        for seed in 0..SEEDS {
            let model = if data.classes > 0 {
                let y = Target::labels(data.y.iter().map(f64::to_string));
                fit::<BaggingClassifier>(bag, &x, &y, seed)
            } else {
                let y = Target::regression(data.y.clone()).unwrap();
                fit::<BaggingRegressor>(bag, &x, &y, seed)
            };
            let [first, second] = scores(&model.predict(&test).unwrap(), &data);
            let found = [first, second, model.oob_score().unwrap()];
            mean.iter_mut().zip(found).for_each(|(m, f)| *m += f / SEEDS as f64);
        }
        for i in 0..3 {
            // Half a percent, or as far as the mean of a few seeds may stray.
            let slack = (0.005 * bag.mean[i]).max(3.0 * bag.std[i]);
            let (data, params) = (&bag.data, &bag.params);
            assert!(
                (mean[i] - bag.mean[i]).abs() < slack,
                "{data} {params:?}: {mean:?}, not {:?} ± {:?}",
                bag.mean,
                bag.std
            );
        }
    }
}
