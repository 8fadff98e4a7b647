use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use prompt_core::artifact::Catalog;
use prompt_core::{
    ClassWeight, Control, CsrBuilder, Dense, Event, Fit, FitContext, Matrix, Names, Predict, Seed, Target,
};

use super::*;

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    register(&mut catalog);
    catalog
}

prompt_core::estimator_checks! {
    catalog: catalog();
    hist_classifier: HistGradientBoostingClassifier::default().max_iter(30);
    hist_depth_wise: HistGradientBoostingClassifier::default().max_iter(15).growth("depth_wise".into());
    hist_sampled: HistGradientBoostingClassifier::default().max_iter(20).subsample(0.7).max_features(0.6);
    hist_goss: HistGradientBoostingClassifier::default().max_iter(20).goss(true).learning_rate(0.2);
    hist_early: HistGradientBoostingClassifier::default().early_stopping(true).min_samples_leaf(10);
    hist_regressor: HistGradientBoostingRegressor::default().max_iter(80).l1_regularization(0.1);
    hist_absolute: HistGradientBoostingRegressor::default().max_iter(50).loss("absolute_error".into());
    classic_classifier: GradientBoostingClassifier::default().n_estimators(20);
    classic_regressor: GradientBoostingRegressor::default().n_estimators(60).subsample(0.8);
    classic_quantile: GradientBoostingRegressor::default().loss("quantile".into()).alpha(0.5);
    hist_median: HistGradientBoostingRegressor::default().max_iter(50).loss("quantile".into());
}

fn ctx() -> FitContext {
    FitContext::new(5)
}

/// Numbers in (−1, 1).
fn noise(rows: usize, cols: usize) -> Dense {
    let mut rng = Seed::new(17).rng();
    Dense::new(rows, cols, (0..rows * cols).map(|_| rng.unit() * 2.0 - 1.0).collect()).unwrap()
}

fn numbers(x: &Dense, f: impl Fn(&[f64]) -> f64) -> Target {
    Target::regression((0..x.rows()).map(|i| f(x.row(i))).collect()).unwrap()
}

#[test]
fn monotone_columns_bind_the_prediction_everywhere() {
    let x = noise(1500, 3).with_names(Names::list(["up", "down", "free"]));
    let y = numbers(&x, |r| (6.0 * r[0]).sin() + r[0] - (5.0 * r[1]).cos() - 0.5 * r[1] + r[2]);
    let bound = HistGradientBoostingRegressor::default()
        .monotonic_cst(BTreeMap::from([("up".to_owned(), 1), ("down".to_owned(), -1)]));
    let falls = |model: &BoostedTrees, column: usize, way: f64| {
        let mut rng = Seed::new(1).rng();
        (0..40).any(|_| {
            let mut row: Vec<f64> = (0..3).map(|_| rng.unit() * 2.0 - 1.0).collect();
            let along: Vec<f64> = (0..100)
                .map(|step| {
                    row[column] = f64::from(step) / 50.0 - 1.0;
                    model.margins(prompt_core::RowView::Dense(&row))[0]
                })
                .collect();
            along.windows(2).any(|w| way * (w[1] - w[0]) < -1e-12)
        })
    };
    let x = Matrix::from(x);
    let model = bound.fit(&x, &y, &ctx()).unwrap();
    assert!(!falls(&model, 0, 1.0) && !falls(&model, 1, -1.0));
    let misses = |model: &BoostedTrees| {
        let found = model.predict(&x).unwrap().values().unwrap();
        found.iter().zip(y.as_regression().unwrap()).map(|(f, y)| (f - y).powi(2)).sum::<f64>() / 1500.0
    };
    assert!(misses(&model) < 0.5, "{}", misses(&model));
    let free = HistGradientBoostingRegressor::default().fit(&x, &y, &ctx()).unwrap();
    assert!(falls(&free, 0, 1.0) && falls(&free, 1, -1.0) && misses(&free) < misses(&model));
    let unknown = bound.clone().monotonic_cst(BTreeMap::from([("side".to_owned(), 1)]));
    let error = unknown.fit(&x, &y, &ctx()).unwrap_err().to_string();
    assert_eq!(error, "unknown column in monotonic_cst `side`; known: up, down, free");
    let steep = bound.monotonic_cst(BTreeMap::from([("up".to_owned(), 2)])).fit(&x, &y, &ctx());
    assert!(steep.unwrap_err().to_string().contains("up: 2"));
}

#[test]
fn sets_of_categories_are_found_where_their_codes_have_no_order() {
    let mut rng = Seed::new(3).rng();
    let good = |level: usize| level * 7919 % 5 < 2;
    let rows: Vec<usize> = (0..3000).map(|_| rng.below(40)).collect();
    let data: Vec<f64> = rows.iter().map(|&l| if l == 39 { f64::NAN } else { l as f64 }).collect();
    let y = Target::labels(rows.iter().map(|&l| if good(l) { "yes" } else { "no" }));
    let plain = Dense::new(3000, 1, data).unwrap();
    let marked = Matrix::from(plain.clone().with_categorical(vec![40]).unwrap());
    let few =
        HistGradientBoostingClassifier::default().max_iter(5).max_leaf_nodes(Some(3)).learning_rate(1.0);
    let right = |x: &Matrix| {
        let model = few.fit(x, &y, &ctx()).unwrap();
        let codes = model.predict(x).unwrap().codes().unwrap();
        codes.iter().zip(&rows).filter(|(c, l)| (**c == 1) == good(**l)).count()
    };
    assert_eq!(right(&marked), 3000);
    assert!(right(&Matrix::from(plain)) < 2600);
    // A level never seen goes somewhere, and so does one beyond the levels.
    let model = few.fit(&marked, &y, &ctx()).unwrap();
    let odd = Matrix::from(Dense::from_rows(&[[1e9], [-3.0], [0.5]]));
    assert!(model.predict(&odd).unwrap().scores().data().iter().all(|p| p.is_finite()));
}

#[test]
fn missing_numbers_go_where_they_belong() {
    let mut x = noise(900, 2);
    x.data_mut().iter_mut().for_each(|v| *v = (*v * 16.0).round() / 16.0);
    for i in (0..900).step_by(3) {
        x.row_mut(i)[0] = f64::NAN;
    }
    let y = numbers(&x, |r| if r[0].is_nan() || r[0] > 0.5 { 3.0 } else { 0.0 });
    let x = Matrix::from(x);
    let model = HistGradientBoostingRegressor::default().fit(&x, &y, &ctx()).unwrap();
    let found = model.predict(&x).unwrap().values().unwrap();
    let wanted = y.as_regression().unwrap();
    assert!(found.iter().zip(wanted).all(|(f, w)| (f - w).abs() < 0.01));
}

#[test]
fn every_round_is_reported_and_an_observer_may_end_them() {
    let x = Matrix::from(noise(400, 3));
    let y = Target::labels((0..400).map(|i| if x.row(i).norm2() > 1.0 { "far" } else { "near" }));
    let learner = HistGradientBoostingClassifier::default().max_iter(12).min_samples_leaf(5);
    let losses = Arc::new(Mutex::new(Vec::new()));
    let kept = losses.clone();
    let seen = move |e: &Event<'_>| {
        kept.lock().unwrap().push((e.step, e.values[0].1));
        Control::Continue
    };
    let model = learner.fit(&x, &y, &ctx().with_observer(Arc::new(seen))).unwrap();
    let losses = losses.lock().unwrap();
    assert_eq!((losses.len(), losses[0].0, losses[11].0), (12, 1, 12));
    assert!(losses.windows(2).all(|w| w[1].1 < w[0].1), "{losses:?}");
    let p = model.predict(&x).unwrap();
    let (codes, _) = y.as_classes().unwrap();
    let loss = (0..400).map(|i| -p.row(i)[codes[i] as usize].ln()).sum::<f64>() / 400.0;
    assert!((loss - losses[11].1).abs() < 1e-9);
    let stop = |e: &Event<'_>| if e.step == 4 { Control::Stop } else { Control::Continue };
    assert_eq!(learner.fit(&x, &y, &ctx().with_observer(Arc::new(stop))).unwrap().rounds(), 4);
}

#[test]
fn early_stopping_keeps_the_best_rounds() {
    let x = noise(600, 4);
    let mut rng = Seed::new(2).rng();
    let y = Target::regression((0..600).map(|i| x.row(i)[0] + 2.0 * rng.normal()).collect()).unwrap();
    let learner = HistGradientBoostingRegressor::default().early_stopping(true).learning_rate(0.3);
    let watched = Arc::new(Mutex::new(Vec::new()));
    let kept = watched.clone();
    let seen = move |e: &Event<'_>| {
        kept.lock().unwrap().push(e.values[1].1);
        Control::Continue
    };
    let model = learner.fit(&Matrix::from(x), &y, &ctx().with_observer(Arc::new(seen))).unwrap();
    let watched = watched.lock().unwrap();
    let best = watched.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(watched.len() < 100 && model.rounds() < watched.len());
    assert!((watched[model.rounds() - 1] - best).abs() < 1e-6);
}

/// Texts of `cols` words, of which the first two decide.
fn words(rows: usize, cols: usize) -> (Matrix, Target) {
    let mut rng = Seed::new(8).rng();
    let mut builder = CsrBuilder::new(cols);
    let mut labels = Vec::new();
    for _ in 0..rows {
        let class = rng.below(2);
        let mut row: Vec<(u32, f32)> = Vec::new();
        if rng.chance(0.9) {
            row.push((class as u32, 1.0));
        }
        let mut at = 2;
        while at < cols {
            row.push((at as u32, 0.25 + rng.below(8) as f32 / 8.0));
            at += 1 + rng.below(cols / 12);
        }
        builder.push_pairs(&row);
        labels.push(["ham", "spam"][class]);
    }
    (Matrix::from(builder.finish()), Target::labels(labels))
}

#[test]
fn sparse_columns_are_counted_by_their_stored_values() {
    let (x, y) = words(400, 3000);
    let learner = HistGradientBoostingClassifier::default().max_iter(10).learning_rate(0.3);
    let model = learner.fit(&x, &y, &ctx()).unwrap();
    let found = model.predict(&x).unwrap();
    let right = found.codes().unwrap().iter().zip(y.as_classes().unwrap().0).filter(|(a, b)| a == b).count();
    assert!(right > 360, "{right}");
    let dense = Matrix::from(x.to_dense());
    let other = learner.fit(&dense, &y, &ctx()).unwrap().predict(&dense).unwrap();
    let off = found.scores().data().iter().zip(other.scores().data()).map(|(a, b)| (a - b).abs());
    assert!(off.fold(0.0, f64::max) < 1e-6);
}

#[test]
fn odd_data_is_learned_from_or_refused_with_a_reason() {
    let fit = |x: Dense, y: &Target| {
        HistGradientBoostingClassifier::default().max_iter(3).fit(&x.into(), y, &ctx())
    };
    let labels = |n: usize, k: usize| Target::labels((0..n).map(|i| format!("c{:03}", i % k)));
    // A constant column, one that is all missing, more columns than any row could tell apart.
    let flat = Dense::new(50, 2, (0..50).flat_map(|_| [1.0, f64::NAN]).collect()).unwrap();
    let model = fit(flat.clone(), &labels(50, 2)).unwrap();
    assert!((model.predict(&flat.into()).unwrap().row(0)[0] - 0.5).abs() < 1e-9);
    assert!(fit(noise(50, 10_000), &labels(50, 2)).is_ok());
    // More classes than most have rows.
    let many = fit(noise(40, 2), &labels(40, 30)).unwrap();
    let p = many.predict(&noise(40, 2).into()).unwrap();
    assert!((p.row(0).iter().sum::<f64>() - 1.0).abs() < 1e-9);
    // A class without weight has no margin and probability zero.
    let y = labels(60, 3);
    let weights = ClassWeight::Explicit(BTreeMap::from([("c001".to_owned(), 0.0)]));
    let learner = HistGradientBoostingClassifier::default().max_iter(3).class_weight(weights);
    let p = learner.fit(&noise(60, 2).into(), &y, &ctx()).unwrap().predict(&noise(60, 2).into()).unwrap();
    assert_eq!(p.row(7)[1], 0.0);
    assert!(
        y.clone().with_weights(vec![-1.0; 60]).is_err()
            && y.clone().with_weights(vec![f64::NAN; 60]).is_err()
    );
    assert!(y.with_weights(vec![0.0; 60]).is_err());
    let one = HistGradientBoostingRegressor::default().fit(
        &noise(1, 2).into(),
        &Target::regression(vec![3.5]).unwrap(),
        &ctx(),
    );
    assert_eq!(one.unwrap().predict(&noise(1, 2).into()).unwrap().values().unwrap(), [3.5]);
    let counts = HistGradientBoostingRegressor::default().loss("poisson".into());
    let below = counts.fit(&noise(2, 1).into(), &Target::regression(vec![1.0, -2.0]).unwrap(), &ctx());
    assert!(below.unwrap_err().to_string().contains("the target of row 1 is -2"));
    let zero = counts.fit(&noise(2, 1).into(), &Target::regression(vec![0.0; 2]).unwrap(), &ctx());
    assert!(zero.unwrap_err().to_string().contains("every target is 0"));
    let goss = HistGradientBoostingRegressor::default().goss(true).other_rate(0.9);
    let error = goss.fit(&noise(9, 1).into(), &numbers(&noise(9, 1), |r| r[0]), &ctx()).unwrap_err();
    assert!(error.to_string().contains("`other_rate` must be at most 1 − top_rate = 0.8"), "{error}");
}

#[test]
fn a_handful_of_rows_is_learned_from_whatever_their_storage() {
    for stored in [1, 40] {
        let mut builder = CsrBuilder::new(60);
        for i in 0..9u32 {
            let rest = (10..10 + stored).map(|j| (j, 0.5 + (i * j % 7) as f32));
            builder.push_pairs(&[(i / 3, 1.0)].into_iter().chain(rest).collect::<Vec<_>>());
        }
        let x = Matrix::from(builder.finish());
        let y = Target::labels((0..9).map(|i| ["a", "b", "c"][i / 3]));
        let learner = HistGradientBoostingClassifier::default().max_iter(3).min_samples_leaf(2);
        let model = learner.fit(&x, &y, &ctx()).unwrap();
        let found = model.predict(&x).unwrap();
        assert_eq!(found.codes().unwrap(), y.as_classes().unwrap().0, "{stored}");
    }
}

#[test]
fn learning_that_runs_away_is_refused_by_name() {
    let x = noise(200, 3);
    let y = numbers(&x, |r| (10.0 * r[0]).exp());
    let fails = |error: prompt_core::Error, who: &str| {
        let error = error.to_string();
        assert!(
            error.starts_with(&format!("{who}: the fit came to numbers that are not finite; ")),
            "{error}"
        );
        assert!(error.contains("lower learning_rate"), "{error}");
    };
    let steep = HistGradientBoostingRegressor::default().loss("poisson".into()).learning_rate(1e10);
    fails(steep.fit(&x.clone().into(), &y, &ctx()).unwrap_err(), "hist_gradient_boosting");
    let labels = Target::labels((0..200).map(|i| ["a", "b"][usize::from(x.row(i)[0] + x.row(i)[1] > 0.0)]));
    let loud = AdaBoostClassifier::default().learning_rate(1e5);
    let weak = Target::labels((0..200).map(|i| ["a", "b"][i * 7 % 3 % 2]));
    fails(loud.fit(&x.clone().into(), &weak, &ctx()).unwrap_err(), "ada_boost");
    AdaBoostClassifier::default().fit(&x.into(), &labels, &ctx()).unwrap();
}

#[test]
fn a_direction_for_more_than_two_classes_is_refused() {
    let x = noise(90, 2);
    let x = Matrix::from(x.with_names(Names::list(["a", "b"])));
    let way = BTreeMap::from([("a".to_owned(), 1)]);
    let learner = HistGradientBoostingClassifier::default().max_iter(3).monotonic_cst(way);
    let three = Target::labels((0..90).map(|i| ["x", "y", "z"][i % 3]));
    let error = learner.fit(&x, &three, &ctx()).unwrap_err().to_string();
    assert_eq!(
        error,
        "hist_gradient_boosting does not support monotonic_cst with 3 classes; take it out, or learn two classes"
    );
    let two = Target::labels((0..90).map(|i| ["x", "y"][i % 2]));
    learner.fit(&x, &two, &ctx()).unwrap();
}
