//! Our learners beside smartcore's, through the adapter of feature `smartcore`.
#![cfg(feature = "smartcore")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know as such")]

use prompt_core::{Dense, Estimator, FitContext, Matrix, Model, Seed, Target, predict};
use prompt_models::bayes::GaussianNb;
use prompt_models::linear::{LinearRegression, Ridge};
use prompt_models::smartcore::Smartcore;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::linear_regression as least_squares;
use smartcore::linear::ridge_regression as ridge;
use smartcore::naive_bayes::gaussian;
use smartcore::tree::decision_tree_classifier as tree;

type Rows = DenseMatrix<f64>;

/// 60 rows of four numbers, a number that follows them, and three classes of it.
fn data() -> (Matrix, Target, Target) {
    let mut rng = Seed::new(11).rng();
    let x = Dense::new(60, 4, (0..240).map(|_| rng.normal()).collect()).unwrap();
    let value = |row: &[f64]| 2.0 * row[0] - row[1] + 0.5 * row[2] + 1.0;
    let values: Vec<f64> = (0..60).map(|i| value(x.row(i)) + 0.1 * rng.normal()).collect();
    let classes = values.iter().map(|v| {
        if *v < 0.0 {
            "low"
        } else if *v < 2.0 {
            "middle"
        } else {
            "high"
        }
    });
    let (numbers, classes) = (Target::regression(values.clone()).unwrap(), Target::labels(classes));
    (x.into(), numbers, classes)
}

fn fit(learner: &dyn Estimator, x: &Matrix, y: &Target) -> std::sync::Arc<dyn Model> {
    learner.fit_model(x, y, &FitContext::new(0)).unwrap()
}

fn values(learner: &dyn Estimator, x: &Matrix, y: &Target) -> Vec<f64> {
    predict(&*fit(learner, x, y), x).unwrap().values().unwrap()
}

fn agree(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() < tolerance, "{a} and {b}");
    }
}

#[test]
fn least_squares_are_the_same() {
    let (x, y, _) = data();
    let theirs = Smartcore::<least_squares::LinearRegression<f64, f64, Rows, Vec<f64>>, f64, _>::new(
        "smartcore_linear_regression",
        least_squares::LinearRegressionParameters::default(),
    );
    agree(&values(&theirs, &x, &y), &values(&LinearRegression::default(), &x, &y), 1e-9);
}

#[test]
fn ridge_without_normalising_is_the_same() {
    let (x, y, _) = data();
    // Without normalising smartcore penalises nothing of the intercept only where columns and target are centred.
    let centre = |v: Vec<f64>| {
        let mean = v.iter().sum::<f64>() / v.len() as f64;
        v.into_iter().map(|v| v - mean).collect::<Vec<f64>>()
    };
    let columns: Vec<Vec<f64>> = (0..4).map(|j| centre(x.to_dense().column(j))).collect();
    let data = (0..60).flat_map(|i| columns.iter().map(move |c| c[i])).collect();
    let x = Matrix::from(Dense::new(60, 4, data).unwrap());
    let y = Target::regression(centre(y.as_regression().unwrap().to_vec())).unwrap();
    let params = ridge::RidgeRegressionParameters::default().with_alpha(3.0).with_normalize(false);
    let theirs =
        Smartcore::<ridge::RidgeRegression<f64, f64, Rows, Vec<f64>>, f64, _>::new("smartcore_ridge", params);
    agree(&values(&theirs, &x, &y), &values(&Ridge::default().alpha(3.0), &x, &y), 1e-8);
}

#[test]
fn gaussian_naive_bayes_says_the_same_classes() {
    let (x, _, y) = data();
    let theirs = Smartcore::<gaussian::GaussianNB<f64, u32, Rows, Vec<u32>>, u32, _>::new(
        "smartcore_gaussian_nb",
        gaussian::GaussianNBParameters::default(),
    );
    let labels = |learner: &dyn Estimator| {
        let p = predict(&*fit(learner, &x, &y), &x).unwrap();
        assert!((0..60).all(|i| (p.row(i).iter().sum::<f64>() - 1.0).abs() < 1e-9));
        p.codes().unwrap()
    };
    assert_eq!(labels(&theirs), labels(&GaussianNb::default()));
}

#[test]
fn rows_alone_and_together_are_answered_alike_and_what_it_cannot_do_is_refused() {
    let (x, _, y) = data();
    let theirs = Smartcore::<tree::DecisionTreeClassifier<f64, u32, Rows, Vec<u32>>, u32, _>::new(
        "smartcore_tree",
        tree::DecisionTreeClassifierParameters::default(),
    );
    let model = fit(&theirs, &x, &y);
    let together = predict(&*model, &x).unwrap();
    for i in [0, 17, 59] {
        let alone = predict(&*model, &x.select_rows(&[i])).unwrap();
        assert_eq!(alone.row(0), together.row(i));
    }
    let says = |result: prompt_core::Result<std::sync::Arc<dyn Model>>| result.err().unwrap().to_string();
    let weighted = y.clone().with_weights(vec![1.0; 60]).unwrap();
    assert!(says(theirs.fit_model(&x, &weighted, &FitContext::new(0))).contains("sample weights"));
    let mut sparse = prompt_core::CsrBuilder::new(4);
    (0..60).for_each(|_| sparse.push_pairs(&[(0, 1.0)]));
    assert!(
        says(theirs.fit_model(&sparse.finish().into(), &y, &FitContext::new(0))).contains("sparse matrices")
    );
    assert!(model.encode().unwrap_err().to_string().contains("saving"));
    assert!(theirs.with_param("max_depth", &3.into()).is_err());
}
