//! Stochastic gradient descent against scikit-learn, step for step, from `tests/reference/models/sgd.json` (made by
//! `make_sgd.py`).

use std::collections::BTreeMap;

use prompt_core::{Classes, Dense, Fit, FitContext, Matrix, Target};
use prompt_models::linear::{SgdClassifier, SgdRegressor, Summary};
use serde::Deserialize;
use serde_json::Value;

use crate::fixture::{self, dense, sparse, with};

#[derive(Deserialize)]
struct Fixture {
    dense: Vec<Vec<f64>>,
    sparse: Vec<Vec<f64>>,
    values: Vec<f64>,
    classes: Vec<u32>,
    weights: Vec<f64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    regression: bool,
    table: String,
    params: BTreeMap<String, Value>,
    weighted: bool,
    classes: u32,
    parts: usize,
    epochs: usize,
    weights: Vec<f64>,
    intercept: Vec<f64>,
}

impl Fixture {
    fn matrix(&self, case: &Case) -> Matrix {
        match case.table.as_str() {
            "dense" => dense(&self.dense).into(),
            _ => sparse(&self.sparse),
        }
    }

    fn target(&self, case: &Case) -> Target {
        let y = if case.regression {
            Target::regression(self.values.clone()).unwrap()
        } else {
            let codes = self.classes.iter().map(|c| (*c).min(case.classes - 1)).collect();
            Target::codes(codes, Classes::new((0..case.classes).map(|c| c.to_string())).unwrap()).unwrap()
        };
        if case.weighted { y.with_weights(self.weights.clone()).unwrap() } else { y }
    }
}

fn compare(case: &Case, found: (&[f64], &[f64], Summary)) {
    let what = format!("{} {:?} in {} parts", case.table, case.params, case.parts);
    assert_eq!((found.0.len(), found.1.len()), (case.weights.len(), case.intercept.len()), "{what}");
    if case.parts == 1 {
        assert_eq!(found.2.iterations, case.epochs, "{what}");
    }
    let all = found.0.iter().chain(found.1).zip(case.weights.iter().chain(&case.intercept));
    for (found, expected) in all {
        assert!(
            (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
            "{what}: {found}, not {expected}"
        );
    }
}

/// The rows of each part, as `numpy.array_split` deals them: the first parts have the rows that are left over.
fn parts(rows: usize, parts: usize) -> Vec<Vec<usize>> {
    let all: Vec<usize> = (0..rows).collect();
    let (least, more) = (rows / parts, rows % parts);
    let (longer, shorter) = all.split_at(more * (least + 1));
    longer.chunks(least + 1).chain(shorter.chunks(least)).map(<[usize]>::to_vec).collect()
}

#[test]
fn classifiers_take_the_same_steps() {
    let (fixture, ctx) = (fixture::read::<Fixture>("models/sgd.json"), FitContext::new(0));
    let cases: Vec<&Case> = fixture.cases.iter().filter(|c| !c.regression).collect();
    assert_eq!(cases.len(), 43);
    for case in cases {
        let (x, y) = (fixture.matrix(case), fixture.target(case));
        let learner =
            with::<SgdClassifier>(&case.params).calibration(prompt_models::linear::Calibration::None);
        let mut model = None;
        for rows in parts(x.rows(), case.parts) {
            model = Some(match case.parts {
                1 => learner.fit(&x, &y, &ctx).unwrap(),
                _ => learner
                    .partial_fit(model.as_ref(), &x.select_rows(&rows), &y.select(&rows), &ctx)
                    .unwrap(),
            });
        }
        let model = model.unwrap();
        let linear = model.linear();
        compare(case, (linear.weights(), linear.intercept(), linear.summary().unwrap()));
    }
}

#[test]
fn regressors_take_the_same_steps() {
    let (fixture, ctx) = (fixture::read::<Fixture>("models/sgd.json"), FitContext::new(0));
    let cases: Vec<&Case> = fixture.cases.iter().filter(|c| c.regression).collect();
    assert_eq!(cases.len(), 35);
    for case in cases {
        let (x, y) = (fixture.matrix(case), fixture.target(case));
        let learner = with::<SgdRegressor>(&case.params);
        let mut model = None;
        for rows in parts(x.rows(), case.parts) {
            model = Some(match case.parts {
                1 => learner.fit(&x, &y, &ctx).unwrap(),
                _ => learner
                    .partial_fit(model.as_ref(), &x.select_rows(&rows), &y.select(&rows), &ctx)
                    .unwrap(),
            });
        }
        let model = model.unwrap();
        let linear = model.linear();
        compare(case, (linear.weights(), &[linear.intercept()], linear.summary().unwrap()));
    }
}

#[test]
fn a_stream_comes_close_to_a_fit_and_leaves_earlier_models_alone() {
    let fixture = fixture::read::<Fixture>("models/sgd.json");
    let case = &fixture.cases[0];
    let (x, y) = (fixture.matrix(case), fixture.target(case));
    let (learner, ctx) = (SgdClassifier::default().alpha(0.01), FitContext::new(5));
    let first = learner.partial_fit(None, &x, &y, &ctx).unwrap();
    let kept = first.clone();
    let mut model = first.clone();
    for _ in 0..30 {
        model = learner.partial_fit(Some(&model), &x, &y, &ctx).unwrap();
    }
    assert_eq!(first, kept);
    assert_eq!((first.steps(), model.steps()), (40, 31 * 40));
    let whole = learner.fit(&x, &y, &ctx).unwrap();
    let labels = |m: &dyn prompt_core::Model| prompt_core::predict(m, &x).unwrap().codes().unwrap();
    let same = labels(&model).iter().zip(labels(&whole)).filter(|(a, b)| **a == *b).count();
    assert!(same >= 36, "{same} of 40 rows");
}

#[test]
fn what_cannot_be_learned_further_is_refused() {
    let fixture = fixture::read::<Fixture>("models/sgd.json");
    let (x, ctx) = (fixture.matrix(&fixture.cases[0]), FitContext::new(0));
    let target = |names: [&str; 2]| {
        let classes = Classes::new(names).unwrap();
        Target::codes((0..40).map(|i| i % 2).collect(), classes).unwrap()
    };
    let learner = SgdClassifier::default();
    let model = learner.partial_fit(None, &x, &target(["a", "b"]), &ctx).unwrap();
    let says = |learner: &SgdClassifier, x: &Matrix, y: &Target| {
        learner.partial_fit(Some(&model), x, y, &ctx).unwrap_err().to_string()
    };
    let other = says(&learner, &x, &target(["a", "c"]));
    assert!(other.contains("the classes of this batch are a, c, those learned before a, b"), "{other}");
    let narrow = Matrix::from(Dense::zeros(40, 2));
    assert!(says(&learner, &narrow, &target(["a", "b"])).contains("expected 6"), "columns");
    assert!(says(&learner.clone().average(1), &x, &target(["a", "b"])).contains("average"));
    let balanced = learner.class_weight(prompt_core::ClassWeight::Balanced);
    assert!(says(&balanced, &x, &target(["a", "b"])).contains("class_weight = balanced"));
    let beyond = Matrix::from(Dense::new(2, 1, vec![1e200, -1e200]).unwrap());
    let y = Target::regression(vec![2.0, 1.0]).unwrap();
    let error = SgdRegressor::default().fit(&beyond, &y, &ctx).unwrap_err().to_string();
    assert!(
        error.contains("too large to be squared at row 0") && error.contains("scale the column"),
        "{error}"
    );
    let wild = Matrix::from(Dense::new(2, 1, vec![1e140, -1e140]).unwrap());
    let y = Target::regression(vec![1e140, 1.0]).unwrap();
    let error = SgdRegressor::default().fit(&wild, &y, &ctx).unwrap_err().to_string();
    assert!(error.contains("not finite") && error.contains("scale the columns"), "{error}");
}
