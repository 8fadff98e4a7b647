//! Linear regressions and the ridge classifier against scikit-learn, from `tests/reference/models/linear.json` (made by
//! `make_linear.py`).

use std::collections::BTreeMap;

use prompt_core::{Dense, Fit, FitContext, Learner, Matrix, Target};
use prompt_models::linear::{
    ElasticNet, Lasso, LinearRegression, LinearRegressor, LinearSvr, LogisticRegression, Ridge,
    RidgeClassifier,
};
use serde::Deserialize;
use serde_json::Value;

use crate::fixture::{self, dense_and_sparse, with};

#[derive(Deserialize)]
struct Fixture {
    data: BTreeMap<String, Data>,
    cases: Vec<Case>,
    classifiers: Vec<Classifier>,
    logistic: Vec<Logistic>,
}

#[derive(Deserialize)]
struct Logistic {
    classes: usize,
    weighted: bool,
    params: BTreeMap<String, Value>,
    objective: f64,
}

#[derive(Deserialize)]
struct Data {
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
    classes: Vec<usize>,
    weights: Vec<f64>,
}

#[derive(Deserialize)]
struct Case {
    learner: String,
    data: String,
    params: BTreeMap<String, Value>,
    weighted: bool,
    objective: f64,
    expect: Vec<f64>,
}

#[derive(Deserialize)]
struct Classifier {
    classes: usize,
    params: BTreeMap<String, Value>,
    weighted: bool,
    expect: Vec<Vec<f64>>,
}

fn fixture() -> Fixture {
    fixture::read("models/linear.json")
}

impl Data {
    fn weigh(&self, y: Target, weighted: bool) -> Target {
        if weighted { y.with_weights(self.weights.clone()).unwrap() } else { y }
    }
}

fn check<L: Learner<Fitted = LinearRegressor>>(count: usize, tolerance: f64) {
    let fixture = fixture();
    let cases: Vec<&Case> = fixture.cases.iter().filter(|c| c.learner == L::NAME).collect();
    assert_eq!(cases.len(), count);
    for case in cases {
        let data = &fixture.data[&case.data];
        let y = data.weigh(Target::regression(data.y.clone()).unwrap(), case.weighted);
        for (x, kind) in dense_and_sparse(&data.x).iter().zip(["dense", "sparse"]) {
            let about = format!("{} {kind} {} {:?} {}", L::NAME, case.data, case.params, case.weighted);
            let model = with::<L>(&case.params).fit(x, &y, &FitContext::new(3)).unwrap();
            let summary = model.summary().unwrap();
            assert!(summary.converged, "{about}: {summary:?}");
            let off = (summary.objective - case.objective) / case.objective.max(1e-9);
            assert!(off < 1e-8, "{about}: objective {} instead of {}", summary.objective, case.objective);
            for (i, expected) in case.expect.iter().enumerate() {
                let found = model.value_of(x.row(i));
                assert!((found - expected).abs() < tolerance, "{about}: {found} instead of {expected}");
            }
        }
    }
}

#[test]
fn linear_regression_gives_the_same_values() {
    check::<LinearRegression>(8, 1e-6);
}

#[test]
fn ridge_gives_the_same_values() {
    check::<Ridge>(16, 1e-6);
}

#[test]
fn lasso_reaches_the_same_minimum() {
    check::<Lasso>(8, 1e-5);
}

#[test]
fn elastic_net_reaches_the_same_minimum() {
    check::<ElasticNet>(16, 1e-5);
}

#[test]
fn linear_svr_reaches_the_same_minimum() {
    check::<LinearSvr>(4, 1e-4);
}

#[test]
fn ridge_classifier_gives_the_same_margins() {
    let fixture = fixture();
    assert_eq!(fixture.classifiers.len(), 6);
    let data = &fixture.data["tall"];
    for case in &fixture.classifiers {
        let labels = data.classes.iter().map(|c| ["a", "b", "c"][(*c).min(case.classes - 1)]);
        let y = data.weigh(Target::labels(labels), case.weighted);
        for x in dense_and_sparse(&data.x) {
            let model = with::<RidgeClassifier>(&case.params).fit(&x, &y, &FitContext::new(3)).unwrap();
            for (i, expected) in case.expect.iter().enumerate() {
                let mut found = vec![0.0; model.margins()];
                model.margins_of(x.row(i), &mut found);
                for (found, expected) in found.iter().zip(expected) {
                    assert!((found - expected).abs() < 1e-6, "{:?}: {found} not {expected}", case.params);
                }
            }
        }
    }
}

#[test]
fn logistic_regression_with_an_l1_penalty_is_as_good_as_saga() {
    let fixture = fixture();
    assert_eq!(fixture.logistic.len(), 8);
    let data = &fixture.data["tall"];
    for case in &fixture.logistic {
        let labels = data.classes.iter().map(|c| ["a", "b", "c"][(*c).min(case.classes - 1)]);
        let y = data.weigh(Target::labels(labels), case.weighted);
        for x in dense_and_sparse(&data.x) {
            let model = with::<LogisticRegression>(&case.params).fit(&x, &y, &FitContext::new(3)).unwrap();
            let summary = model.summary().unwrap();
            let off = summary.objective - case.objective;
            assert!(off < 1e-9, "{:?}: {summary:?} instead of {}", case.params, case.objective);
            let sparse = case.params["penalty"] != "l1" || model.weights().contains(&0.0);
            assert!(sparse, "{:?}: no weight is zero", case.params);
        }
    }
}

/// What no learner may stumble over: it learns something finite or says why not.
#[test]
fn odd_tables_are_learned_or_refused() {
    let wide: Vec<f64> = (0..50 * 10_000).map(|i| f64::from((i % 1009 * 7919) % 23) / 4.0).collect();
    let tables = [
        ("constant columns", Dense::new(5, 2, vec![3.0; 10]).unwrap()),
        ("one row", Dense::from_rows(&[[1.0, 2.0]])),
        ("columns that follow from others", Dense::from_rows(&[[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])),
        ("huge numbers", Dense::from_rows(&[[1e200, 1.0], [-1e200, 2.0], [3e199, 0.0]])),
        ("10,000 columns of 50 rows", Dense::new(50, 10_000, wide).unwrap()),
    ];
    for (what, x) in tables {
        let rows = x.rows();
        let y = Target::regression((0..rows).map(|i| (i % 3) as f64).collect()).unwrap();
        let x = Matrix::from(x);
        let learners: [Box<dyn prompt_core::Estimator>; 4] = [
            Box::new(LinearRegression::default()),
            Box::new(Ridge::default()),
            Box::new(Lasso::default().alpha(0.1).max_iter(50)),
            Box::new(ElasticNet::default().alpha(0.1).max_iter(50)),
        ];
        for learner in learners {
            match learner.fit_model(&x, &y, &FitContext::new(0)) {
                Ok(model) => {
                    let values = prompt_core::predict(&*model, &x).unwrap().values().unwrap();
                    assert!(
                        what == "huge numbers" || values.iter().all(|v| v.is_finite()),
                        "{} on {what}: {values:?}",
                        learner.name()
                    );
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
}
