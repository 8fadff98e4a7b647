use prompt_core::artifact::Catalog;
use prompt_core::{Dense, Fit, FitContext, Matrix, Seed, Target, predict};

use super::*;

mod examination {
    use super::*;

    fn catalog() -> Catalog {
        let mut catalog = Catalog::new();
        catalog.model::<AdaBoost>(KIND);
        catalog
    }

    prompt_core::estimator_checks! {
        catalog: catalog();
        ada_boost_classifier: AdaBoostClassifier::default().n_estimators(20);
        ada_boost_regressor: AdaBoostRegressor::default().n_estimators(20).loss("square".into());
    }
}

fn column(values: &[f64]) -> Matrix {
    Matrix::from(Dense::new(values.len(), 1, values.to_vec()).unwrap())
}

#[test]
fn a_tree_without_error_ends_the_rounds() {
    let x = column(&[1.0, 2.0, 3.0, 4.0]);
    let y = Target::labels(["a", "a", "b", "b"]);
    let model = AdaBoostClassifier::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    assert_eq!((model.estimator_weights(), model.feature_importances()), (&[1.0][..], &[1.0][..]));
    let p = predict(&model, &x).unwrap();
    // softmax(-1, 1)
    assert!((p.row(3)[1] - 1.0 / (1.0 + (-2.0f64).exp())).abs() < 1e-12);
    let y = Target::regression(vec![1.0, 1.0, 2.0, 2.0]).unwrap();
    let model = AdaBoostRegressor::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    assert!(predict(&model, &x).unwrap().values().unwrap().iter().all(|v| (1.0..=2.0).contains(v)));
}

#[test]
fn odd_data_is_learned_from() {
    let one = column(&[5.0, 5.0, 5.0, 5.0]);
    let y = Target::labels(["a", "b", "a", "b"]);
    // Nothing tells the classes apart: the first tree stays, and says what is most frequent.
    let model = AdaBoostClassifier::default().fit(&one, &y, &FitContext::new(0)).unwrap();
    assert_eq!(model.trees().len(), 1);
    let model =
        AdaBoostClassifier::default().fit(&one, &Target::labels(["a"; 4]), &FitContext::new(0)).unwrap();
    assert_eq!(predict(&model, &one).unwrap().row(0), [1.0]);
    let y = Target::regression(vec![3.0; 4]).unwrap();
    let model = AdaBoostRegressor::default().fit(&one, &y, &FitContext::new(0)).unwrap();
    assert_eq!(predict(&model, &one).unwrap().values().unwrap(), [3.0; 4]);
}

#[test]
fn more_rounds_than_one_stump_can_tell() {
    let mut rng = Seed::new(2).rng();
    let rows: Vec<[f64; 2]> = (0..400).map(|_| [rng.normal(), rng.normal()]).collect();
    let x = Matrix::from(Dense::from_rows(&rows));
    let y = Target::labels(rows.iter().map(|r| if r[0] * r[0] + r[1] * r[1] < 1.4 { "in" } else { "out" }));
    let right = |n: usize| {
        let model = AdaBoostClassifier::default().n_estimators(n).fit(&x, &y, &FitContext::new(0)).unwrap();
        let found = predict(&model, &x).unwrap().codes().unwrap();
        found.iter().zip(y.as_classes().unwrap().0).filter(|(a, b)| a == b).count()
    };
    assert!(right(1) < 320 && right(60) > 370, "{} {}", right(1), right(60));
}
