//! Searches over folds: what is shared, what is kept of a failure, and what can stop them.
#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know as such")]

use std::sync::{Arc, Mutex};

use prompt_core::{CancelToken, Control, Error, Estimator, Event, FitContext, Target, TextEstimator, Union};
use prompt_data::split::{Fold, KFold};
use prompt_features::CountVectorizer;
use prompt_models::baseline::Majority;
use prompt_models::bayes::MultinomialNb;
use prompt_models::linear::LogisticRegression;
use prompt_models::select::{FoldStore, GridSearch, Metric, PointScores, Search};

const ROWS: usize = 60;

fn texts() -> Vec<String> {
    (0..ROWS).map(|i| format!("{} item {}", ["alpha", "beta", "gamma"][i % 3], i % 7)).collect()
}

fn target() -> Target {
    // Every tenth label is another than the text says.
    Target::labels((0..ROWS).map(|i| ["a", "b", "c"][if i % 10 == 9 { (i + 1) % 3 } else { i % 3 }]))
}

fn folds() -> Vec<Fold> {
    let y = target();
    KFold::default()
        .folds(4)
        .split(ROWS, Some(y.as_classes().unwrap().0), None, FitContext::new(5).seed())
        .unwrap()
}

fn features() -> Union<Box<dyn TextEstimator>> {
    Union::new().with("word", CountVectorizer::default())
}

fn search(points: &[Box<dyn Estimator>], ctx: &FitContext) -> Result<(Vec<PointScores>, usize), Error> {
    let (texts, folds, y) = (texts(), folds(), target());
    let store = FoldStore::new(&texts, &folds, features(), usize::MAX);
    let metric = Metric::named("accuracy")?;
    let search = Search { store: &store, target: &y, metric, rebalance: None, stage: "search" };
    let scores = search.run(points, ctx)?;
    Ok((scores, store.made()))
}

#[test]
fn features_are_made_once_for_each_fold_whatever_the_points() {
    let points: Vec<Box<dyn Estimator>> = vec![
        Box::new(MultinomialNb::default()),
        Box::new(MultinomialNb::default().alpha(0.1)),
        Box::new(LogisticRegression::default()),
    ];
    let (scores, made) = search(&points, &FitContext::new(1)).unwrap();
    assert_eq!(made, 4);
    for point in &scores {
        assert_eq!(point.folds.len(), 4);
        assert!((point.mean().unwrap() - 0.9).abs() < 1e-9, "{:?}", point.folds);
        let p = point.out_of_fold.as_ref().unwrap();
        assert_eq!(p.rows(), ROWS);
        assert!((0..ROWS).all(|i| (p.row(i).iter().sum::<f64>() - 1.0).abs() < 1e-9));
    }
}

#[test]
fn a_point_that_fails_is_recorded_and_stops_no_other() {
    let bad = LogisticRegression::default().c(-1.0);
    let points: Vec<Box<dyn Estimator>> = vec![Box::new(bad), Box::new(Majority::default())];
    let (scores, _) = search(&points, &FitContext::new(1)).unwrap();
    assert!(scores[0].mean().is_none() && scores[0].out_of_fold.is_none());
    let error = scores[0].error.as_deref().unwrap();
    assert!(error.starts_with("fold 1: logistic_regression: parameter `c`"), "{error}");
    assert!(scores[1].error.is_none() && scores[1].folds.len() == 4);
}

#[test]
fn threads_do_not_change_a_score() {
    let points: Vec<Box<dyn Estimator>> =
        vec![Box::new(LogisticRegression::default()), Box::new(MultinomialNb::default())];
    let of = |threads| {
        let (scores, _) = search(&points, &FitContext::new(1).threads(threads)).unwrap();
        scores.into_iter().map(|s| (s.folds, s.out_of_fold)).collect::<Vec<_>>()
    };
    let one = of(1);
    assert_eq!(one, of(2));
    assert_eq!(one, of(16));
}

#[test]
fn equal_points_are_decided_by_their_order() {
    let found = GridSearch::new(features(), Majority::default())
        .values("strategy", ["most_frequent", "prior"])
        .folds(3)
        .metric("accuracy")
        .fit(&texts(), &target(), &FitContext::new(1))
        .unwrap();
    assert_eq!(found.points[0].1.mean(), found.points[1].1.mean());
    assert_eq!(found.best, 0);
}

#[test]
fn balancing_touches_training_rows_alone() {
    let (texts, folds, y) = (texts(), folds(), target());
    let store = FoldStore::new(&texts, &folds, features(), usize::MAX);
    let seen = Mutex::new(Vec::new());
    let only_c = |train: &Target, _: &FitContext| {
        seen.lock().unwrap().push(train.len());
        let codes = train.as_classes()?.0;
        Ok((0..codes.len()).filter(|&i| codes[i] == 2).collect())
    };
    let metric = Metric::named("accuracy").unwrap();
    let search = Search { store: &store, target: &y, metric, rebalance: Some(&only_c), stage: "search" };
    let points: Vec<Box<dyn Estimator>> = vec![Box::new(Majority::default())];
    let scores = search.run(&points, &FitContext::new(1)).unwrap();
    let p = scores[0].out_of_fold.as_ref().unwrap();
    assert!((0..ROWS).all(|i| p.row(i) == [0.0, 0.0, 1.0]));
    let expected: Vec<usize> = folds.iter().map(|f| f.train.len()).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn a_cancelled_search_stops_with_that_error() {
    let token = CancelToken::new();
    let inner = token.clone();
    let ctx = FitContext::new(1).with_cancel(token).with_observer(Arc::new(move |event: &Event<'_>| {
        if event.stage == "search" {
            inner.cancel();
        }
        Control::Continue
    }));
    let points: Vec<Box<dyn Estimator>> = vec![Box::new(MultinomialNb::default())];
    assert!(matches!(search(&points, &ctx), Err(Error::Cancelled)));
}

#[test]
fn a_search_without_a_usable_point_says_why() {
    let error = GridSearch::new(features(), LogisticRegression::default().c(-1.0))
        .folds(3)
        .fit(&texts(), &target(), &FitContext::new(1))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("no point of the search could be scored: fold 1: logistic_regression"), "{error}");
}
