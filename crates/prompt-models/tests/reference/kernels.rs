//! Bernoulli and Gaussian naive Bayes, nearest neighbours and kernel machines against scikit-learn, from
//! `tests/reference/models/kernels.json` (made by `make_kernels.py`).

use std::collections::BTreeMap;

use prompt_core::{Dense, FitContext, Matrix, Target, Task};
use prompt_models::learners::estimator;
use prompt_models::svm::{Svc, SvmModel};
use serde::Deserialize;
use serde_json::Value;

use crate::fixture::{self, dense_and_sparse, named, with};

#[derive(Deserialize)]
struct Fixture {
    x: Vec<Vec<f64>>,
    queries: Vec<Vec<f64>>,
    classes: Vec<usize>,
    values: Vec<f64>,
    weights: Vec<f64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    learner: String,
    task: String,
    params: BTreeMap<String, Value>,
    weighted: bool,
    output: String,
    classes: usize,
    expect: Vec<Vec<f64>>,
}

impl Fixture {
    fn read() -> Self {
        fixture::read("models/kernels.json")
    }

    fn target(&self, case: &Case) -> Target {
        let y = if case.task == "classes" {
            let codes = self.classes.iter().map(|c| (*c).min(case.classes - 1));
            Target::labels(codes.map(|c| ["a", "b", "c"][c]))
        } else {
            Target::regression(self.values.clone()).unwrap()
        };
        if case.weighted { y.with_weights(self.weights.clone()).unwrap() } else { y }
    }
}

/// Probabilities and values of every learner, dense and sparse.
fn check(learner: &str, output: &str, count: usize, tolerance: f64) {
    let fixture = Fixture::read();
    let wanted = |c: &&Case| c.learner == learner && c.output == output;
    let cases: Vec<&Case> = fixture.cases.iter().filter(wanted).collect();
    assert_eq!(cases.len(), count);
    for case in cases {
        let task = if case.task == "classes" { Task::Classification } else { Task::Regression };
        let made = named(task, learner, &case.params);
        for (x, q) in dense_and_sparse(&fixture.x).iter().zip(dense_and_sparse(&fixture.queries)) {
            let model = made.fit_model(x, &fixture.target(case), &FitContext::new(3)).unwrap();
            let found = prompt_core::predict(&*model, &q).unwrap();
            for (i, expected) in case.expect.iter().enumerate() {
                for (found, expected) in found.row(i).iter().zip(expected) {
                    assert!(
                        (found - expected).abs() < tolerance,
                        "{learner} {:?} weighted: {}: row {i}: {found} instead of {expected}",
                        case.params,
                        case.weighted
                    );
                }
            }
        }
    }
}

#[test]
fn bernoulli_naive_bayes_gives_the_same_probabilities() {
    check("bernoulli_nb", "predict_proba", 8, 1e-10);
}

#[test]
fn gaussian_naive_bayes_gives_the_same_probabilities() {
    check("gaussian_nb", "predict_proba", 8, 1e-8);
}

#[test]
fn nearest_neighbours_give_the_same_shares() {
    check("knn", "predict_proba", 12, 1e-6);
}

#[test]
fn nearest_neighbours_give_the_same_values() {
    check("knn", "predict", 6, 1e-6);
}

#[test]
fn kernel_regressions_give_the_same_values() {
    check("svm", "predict", 6, 2e-4);
}

#[test]
fn kernel_machines_decide_alike() {
    use prompt_core::Fit;
    let fixture = Fixture::read();
    let cases: Vec<&Case> = fixture.cases.iter().filter(|c| c.output == "decision_function").collect();
    assert_eq!(cases.len(), 16);
    for case in cases {
        let svc = with::<Svc>(&case.params);
        for (x, q) in dense_and_sparse(&fixture.x).iter().zip(dense_and_sparse(&fixture.queries)) {
            let model: SvmModel = svc.fit(x, &fixture.target(case), &FitContext::new(3)).unwrap();
            assert!(model.summary().converged, "{:?} {:?}", case.params, model.summary());
            for (i, expected) in case.expect.iter().enumerate() {
                let mut found = vec![0.0; model.margins()];
                model.margins_of(q.row(i), &mut found);
                for (found, expected) in found.iter().zip(expected) {
                    assert!(
                        (found - expected).abs() < 2e-4,
                        "{:?} weighted: {}: row {i}: {found} instead of {expected}",
                        case.params,
                        case.weighted
                    );
                }
            }
        }
    }
}

/// What no learner may stumble over: it learns something finite or says why not.
#[test]
fn odd_tables_are_learned_or_refused() {
    let wide: Vec<f64> = (0..50 * 2_000).map(|i| f64::from((i * 7919) % 23) / 4.0).collect();
    let tables = [
        ("constant columns", Dense::new(5, 2, vec![3.0; 10]).unwrap(), 2),
        ("one row", Dense::from_rows(&[[1.0, 2.0]]), 1),
        ("one class", Dense::from_rows(&[[1.0, 2.0], [2.0, 1.0]]), 1),
        ("a class for each row", Dense::from_rows(&[[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]), 3),
        ("huge numbers", Dense::from_rows(&[[1e150, 1.0], [-1e150, 2.0], [3e149, 0.0]]), 2),
        ("2,000 columns of 50 rows", Dense::new(50, 2_000, wide).unwrap(), 3),
    ];
    for (what, x, classes) in tables {
        let rows = x.rows();
        let x = Matrix::from(x);
        let labels = Target::labels((0..rows).map(|i| (i % classes).to_string()));
        let values = Target::regression((0..rows).map(|i| (i % 3) as f64).collect()).unwrap();
        for (task, y) in [(Task::Classification, &labels), (Task::Regression, &values)] {
            for name in ["bernoulli_nb", "gaussian_nb", "knn", "svm"] {
                let Ok(learner) = estimator(task, name) else { continue };
                match learner.fit_model(&x, y, &FitContext::new(0)) {
                    Ok(model) => {
                        let found = prompt_core::predict(&*model, &x).unwrap();
                        let finite = found.scores().data().iter().all(|v| v.is_finite());
                        assert!(finite, "{name} on {what}: {:?}", found.scores().data());
                    }
                    Err(error) => assert!(error.to_string().contains(name), "{error}"),
                }
            }
        }
    }
}
