//! Small generated tables: what is trained is saved, opened and compared with what the library itself predicts from its
//! file, with threads, cancelling and bad input.

use std::sync::Arc;

use prompt_core::artifact::{Bundle, Loaded, Manifest, save};
use prompt_core::{
    CancelToken, ClassWeight, Control, Dense, Error, Event, Fit, FitContext, Matrix, Model, Seed, Target,
    predict,
};

use crate::interop::LibraryModel;

const ROWS: usize = 400;
const COLUMNS: usize = 5;

/// Numbers, of which some are missing; 32 bits hold each, since XGBoost learns from such.
fn numbers() -> Vec<f64> {
    let mut rng = Seed::new(4).rng();
    (0..ROWS * COLUMNS)
        .map(|_| if rng.chance(0.05) { f64::NAN } else { f64::from(rng.normal() as f32) })
        .collect()
}

fn x() -> Matrix {
    Dense::new(ROWS, COLUMNS, numbers()).unwrap().into()
}

fn signal(row: &[f64]) -> f64 {
    row.iter().zip([2.0, -1.0, 0.5]).map(|(v, by)| if v.is_nan() { 0.3 } else { v * by }).sum()
}

fn classes(k: usize) -> Target {
    let class = |row: &[f64]| ((signal(row) + 3.0).clamp(0.0, 5.9) * k as f64 / 6.0) as usize;
    Target::labels(numbers().chunks(COLUMNS).map(|row| ["a", "b", "c"][class(row)]))
}

fn values() -> Target {
    Target::regression(numbers().chunks(COLUMNS).map(signal).collect()).unwrap()
}

fn ctx() -> FitContext {
    FitContext::new(3).threads(2)
}

/// Saved and opened, a model predicts the same bits; and what it predicts is what the library says of its own file.
fn agrees(model: &LibraryModel, library: &[f64]) {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), model, Manifest::default()).unwrap();
    let Loaded::Model(opened) = super::catalog().decode(&Bundle::open(folder.path()).unwrap().root).unwrap()
    else {
        panic!("what was saved is a model")
    };
    let (found, again) = (predict(model, &x()).unwrap(), predict(&*opened, &x()).unwrap());
    assert_eq!(found.scores().data(), again.scores().data());
    let per_row = library.len() / ROWS;
    for (i, said) in library.chunks(per_row).enumerate() {
        // Of two classes the library says the probability of the second.
        let own = if model.output().width() == 2 { &found.row(i)[1..] } else { found.row(i) };
        assert_eq!(own.len(), said.len());
        for (own, said) in own.iter().zip(said) {
            assert!((own - said).abs() <= 1e-6 * said.abs().max(1.0), "row {i}: {own}, not {said}");
        }
    }
}

/// How much of what a model says is right: the share of rows, or 1 − squared error / variance.
fn skill(model: &LibraryModel, y: &Target) -> f64 {
    let found = predict(model, &x()).unwrap();
    if let Ok((codes, _)) = y.as_classes() {
        let right = found.codes().unwrap().iter().zip(codes).filter(|(a, b)| a == b).count();
        return right as f64 / ROWS as f64;
    }
    let truth = y.as_regression().unwrap();
    let mean = truth.iter().sum::<f64>() / ROWS as f64;
    let left: f64 = found.values().unwrap().iter().zip(truth).map(|(a, b)| (a - b).powi(2)).sum();
    1.0 - left / truth.iter().map(|v| (v - mean).powi(2)).sum::<f64>()
}

/// A token that is used in the third round stops a fit with its own error; an observer that has seen enough ends it with
/// what was learned.
fn stops<L: Fit<Matrix, Target, Fitted = LibraryModel>>(
    learner: &L,
    y: &Target,
    trees: impl Fn(&LibraryModel) -> usize,
) {
    let token = CancelToken::new();
    let cancel = token.clone();
    let in_third = Arc::new(move |event: &Event<'_>| {
        if event.step == 3 {
            cancel.cancel();
        }
        Control::Continue
    });
    let error = learner.fit(&x(), y, &ctx().with_cancel(token).with_observer(in_third)).err().unwrap();
    assert!(matches!(error, Error::Cancelled), "{error}");
    let enough = |event: &Event<'_>| if event.step == 4 { Control::Stop } else { Control::Continue };
    let model = learner.fit(&x(), y, &ctx().with_observer(Arc::new(enough))).unwrap();
    assert_eq!(trees(&model), 4);
}

/// What no library is asked to learn from.
fn refuses<L: Fit<Matrix, Target, Fitted = LibraryModel>>(classifier: &L) {
    let one = Target::labels(vec!["a"; ROWS]);
    let error = classifier.fit(&x(), &one, &ctx()).err().unwrap().to_string();
    assert!(error.contains("a single class"), "{error}");
    let light = classes(2).with_weights(
        classes(2).as_classes().unwrap().0.iter().map(|c| if *c == 0 { 1.0 } else { 0.0 }).collect(),
    );
    let error = classifier.fit(&x(), &light.unwrap(), &ctx()).err().unwrap().to_string();
    assert!(error.contains("a single class"), "{error}");
    let error = classifier.fit(&x(), &values(), &ctx()).err().unwrap().to_string();
    assert!(error.contains("class"), "{error}");
    let short = classes(2).select(&[0, 1, 2]);
    assert!(classifier.fit(&x(), &short, &ctx()).is_err());
    let endless = Dense::new(2, 1, vec![1.0, f64::INFINITY]).map(Matrix::from);
    let two = Target::labels(["a", "b"]);
    assert!(endless.and_then(|x| classifier.fit(&x, &two, &ctx())).is_err(), "an infinite number");
}

#[test]
fn targets_that_are_no_numbers_and_weights_that_leave_nothing_are_refused() {
    let mut numbers: Vec<f64> = values().as_regression().unwrap().to_vec();
    numbers[7] = f64::NAN;
    let error = Target::regression(numbers).err().unwrap().to_string();
    assert!(error.starts_with("target of row 7 is NaN"), "{error}");
    assert!(values().with_weights(vec![0.0; ROWS]).is_err());
    // Each row of a selection may weigh nothing though some row of the whole does.
    let mut weights = vec![0.0; ROWS];
    weights[0] = 1.0;
    let light = values().with_weights(weights).unwrap().select(&[1, 2, 3]);
    let error = super::super::Rows::<f64>::of_numbers(&x().select_rows(&[1, 2, 3]), &light, |v| v);
    assert!(error.err().unwrap().to_string().contains("positive weight"));
}

#[cfg(feature = "lightgbm")]
mod lightgbm {
    use prompt_boosters::lightgbm;

    use super::*;
    use crate::boosters::{LightgbmClassifier, LightgbmRegressor};

    fn text(model: &LibraryModel) -> &str {
        std::str::from_utf8(model.file()).unwrap()
    }

    fn trees(model: &LibraryModel) -> usize {
        text(model).matches("\nTree=").count()
    }

    fn classifier() -> LightgbmClassifier {
        LightgbmClassifier::default().n_estimators(25).min_child_samples(5)
    }

    #[test]
    fn what_it_says_of_its_own_file_is_what_we_say() {
        for k in [2, 3] {
            let y = classes(k);
            let model = classifier().fit(&x(), &y, &ctx()).unwrap();
            assert!(skill(&model, &y) > 0.93, "{}", skill(&model, &y));
            agrees(&model, &lightgbm::predict(text(&model), &numbers()).unwrap());
        }
        let y = values();
        let model = LightgbmRegressor::default().n_estimators(60).fit(&x(), &y, &ctx()).unwrap();
        assert!(skill(&model, &y) > 0.9, "{}", skill(&model, &y));
        agrees(&model, &lightgbm::predict(text(&model), &numbers()).unwrap());
    }

    #[test]
    fn it_is_told_its_threads_and_they_change_nothing() {
        let of = |threads| classifier().fit(&x(), &classes(3), &FitContext::new(3).threads(threads)).unwrap();
        let (one, two) = (of(1), of(2));
        assert!(text(&one).contains("[num_threads: 1]") && text(&two).contains("[num_threads: 2]"));
        assert_eq!(predict(&one, &x()).unwrap(), predict(&two, &x()).unwrap());
    }

    #[test]
    fn it_stops_and_refuses() {
        stops(&classifier(), &classes(2), trees);
        refuses(&classifier());
        assert!(lightgbm::predict("no model", &[1.0]).is_err());
        let model = classifier().fit(&x(), &classes(2), &ctx()).unwrap();
        assert!(lightgbm::predict(text(&model), &[1.0; COLUMNS + 1]).is_err());
    }

    #[test]
    fn classes_and_rows_weigh_as_they_are_told() {
        let y = classes(2);
        let mean = |model: &LibraryModel| {
            predict(model, &x()).unwrap().scores().data().iter().skip(1).step_by(2).sum::<f64>()
        };
        let heavy = ClassWeight::Explicit([("b".to_owned(), 20.0)].into());
        let (plain, heavy) = (classifier(), classifier().class_weight(heavy));
        let (plain, heavy) = (plain.fit(&x(), &y, &ctx()).unwrap(), heavy.fit(&x(), &y, &ctx()).unwrap());
        assert!(mean(&heavy) > mean(&plain));
    }
}

#[cfg(feature = "xgboost")]
mod xgboost {
    use prompt_boosters::xgb::{Booster, DMatrix};

    use super::*;
    use crate::boosters::{XgboostClassifier, XgboostRegressor};

    fn said(model: &LibraryModel) -> Vec<f64> {
        let cells: Vec<f32> = numbers().iter().map(|v| *v as f32).collect();
        let rows = DMatrix::from_dense(&cells, ROWS).unwrap();
        let said = Booster::load_buffer(model.file()).unwrap().predict(&rows).unwrap();
        said.into_iter().map(f64::from).collect()
    }

    fn trees(model: &LibraryModel) -> usize {
        Booster::load_buffer(model.file()).unwrap().dump_model_vec(false).unwrap().len()
    }

    fn classifier() -> XgboostClassifier {
        XgboostClassifier::default().n_estimators(25)
    }

    #[test]
    fn what_it_says_of_its_own_file_is_what_we_say() {
        for k in [2, 3] {
            let y = classes(k);
            let model = classifier().fit(&x(), &y, &ctx()).unwrap();
            assert!(skill(&model, &y) > 0.93, "{}", skill(&model, &y));
            agrees(&model, &said(&model));
        }
        let y = values();
        let model = XgboostRegressor::default().fit(&x(), &y, &ctx()).unwrap();
        assert!(skill(&model, &y) > 0.9, "{}", skill(&model, &y));
        agrees(&model, &said(&model));
    }

    #[test]
    fn threads_change_nothing() {
        let of = |threads| classifier().fit(&x(), &classes(3), &FitContext::new(3).threads(threads)).unwrap();
        assert_eq!(predict(&of(1), &x()).unwrap(), predict(&of(2), &x()).unwrap());
    }

    #[test]
    fn it_stops_and_refuses() {
        stops(&classifier(), &classes(2), trees);
        refuses(&classifier());
    }

    #[test]
    fn classes_weigh_as_they_are_told() {
        let y = classes(2);
        let mean = |model: &LibraryModel| {
            predict(model, &x()).unwrap().scores().data().iter().skip(1).step_by(2).sum::<f64>()
        };
        let heavy = ClassWeight::Explicit([("b".to_owned(), 20.0)].into());
        let (plain, heavy) = (classifier(), classifier().class_weight(heavy));
        let (plain, heavy) = (plain.fit(&x(), &y, &ctx()).unwrap(), heavy.fit(&x(), &y, &ctx()).unwrap());
        assert!(mean(&heavy) > mean(&plain));
    }
}
