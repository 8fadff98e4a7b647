//! The options of histogram boosting against the library that each is taken from, by `tests/reference/boost/options.json`
//! (made by `make_options.py`, which says what is determined).

use std::sync::{Arc, Mutex};

use prompt_core::{Control, Dense, Event, Fit, FitContext, Matrix, Predict, Target};
use prompt_models::boost::{BoostedTrees, HistGradientBoostingClassifier, HistGradientBoostingRegressor};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::fixture::{self, dense, with};

/// The seed of the watched rows that the fixture was made with.
const SEED: u64 = 3;

#[derive(Deserialize)]
struct Fixture {
    data: Data,
    cases: Vec<Case>,
    monotone: Monotone,
    steps: Steps,
    stopped: Vec<Stopped>,
    sampled: Vec<Sampled>,
}

#[derive(Deserialize)]
struct Data {
    x: Vec<Vec<f64>>,
    holes: Vec<Vec<Option<f64>>>,
    levels: Vec<u32>,
    number: Vec<f64>,
    two: Vec<u32>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    library: String,
    holes: bool,
    categorical: bool,
    params: Map<String, Value>,
    expect: Vec<f64>,
}

#[derive(Deserialize)]
struct Monotone {
    params: Map<String, Value>,
    loss: f64,
}

/// Columns of few levels.
#[derive(Deserialize)]
struct Steps {
    x: Vec<Vec<f64>>,
    number: Vec<f64>,
    two: Vec<u32>,
}

#[derive(Deserialize)]
struct Stopped {
    data: String,
    held: Vec<usize>,
    /// Rounds that are kept.
    rounds: usize,
    /// The loss of the watched rows after each round, to the last that was tried.
    losses: Vec<f64>,
    params: Map<String, Value>,
    expect: Vec<f64>,
}

#[derive(Deserialize)]
struct Sampled {
    params: Map<String, Value>,
    mean: f64,
    std: f64,
}

fn fixture() -> Fixture {
    fixture::read("boost/options.json")
}

fn labels(codes: &[u32]) -> Target {
    Target::labels(codes.iter().map(|c| ["a", "b"][*c as usize]))
}

impl Data {
    fn matrix(&self, holes: bool, categorical: bool) -> Matrix {
        let x = if holes {
            let numbers = self.holes.concat().into_iter().map(|v| v.unwrap_or(f64::NAN)).collect();
            Dense::new(self.holes.len(), self.levels.len(), numbers).unwrap()
        } else {
            dense(&self.x)
        };
        if categorical { x.with_categorical(self.levels.clone()).unwrap().into() } else { x.into() }
    }
}

/// With what the fixture's fits have in common.
fn common(params: &Map<String, Value>) -> Map<String, Value> {
    let mut all = Map::from_iter([("max_iter".into(), json!(12)), ("min_samples_leaf".into(), json!(8))]);
    all.extend(params.clone());
    all
}

#[test]
fn options_give_the_predictions_of_the_library_that_has_them() {
    let Fixture { data, cases, .. } = fixture();
    assert_eq!(cases.len(), 16);
    let y = Target::regression(data.number.clone()).unwrap();
    let mut off = Vec::new();
    for case in &cases {
        let x = data.matrix(case.holes, case.categorical);
        let model = with::<HistGradientBoostingRegressor>(&common(&case.params));
        let found = model.fit(&x, &y, &FitContext::new(0)).unwrap().predict(&x).unwrap().values().unwrap();
        let far = found.iter().zip(&case.expect).map(|(f, e)| (f - e).abs()).fold(0.0, f64::max);
        if far > 1e-5 {
            off.push(format!("{} ({}): off by {far}", case.name, case.library));
        }
    }
    assert!(off.is_empty(), "{off:#?}");
}

#[test]
fn monotone_classes_lose_as_little_and_rise_everywhere() {
    let Fixture { data, monotone, .. } = fixture();
    let (x, y) = (data.matrix(false, false), labels(&data.two));
    let model = with::<HistGradientBoostingClassifier>(&common(&monotone.params));
    let model: BoostedTrees = model.fit(&x, &y, &FitContext::new(0)).unwrap();
    let p = model.predict(&x).unwrap();
    let n = data.two.len() as f64;
    let loss = data.two.iter().enumerate().map(|(i, c)| -p.row(i)[*c as usize].ln()).sum::<f64>() / n;
    // Rows of a leaf are counted by second derivatives here, one by one there: so the trees may differ a little.
    assert!((loss / monotone.loss - 1.0).abs() < 0.03, "{loss} instead of {}", monotone.loss);
    for (column, way) in [(0, 1.0), (1, -1.0)] {
        for row in &data.x[..40] {
            let mut row = row.clone();
            let grid = (0..60).map(|step| {
                row[column] = f64::from(step) / 10.0 - 3.0;
                row.clone()
            });
            let along = model.predict(&dense(&grid.collect::<Vec<_>>()).into()).unwrap();
            let falls = |i: &usize| way * (along.row(i + 1)[1] - along.row(*i)[1]) < -1e-12;
            assert!((0..59).find(falls).is_none(), "column {column} of {row:?}");
        }
    }
}

/// The rows that early stopping watches.
fn watched(codes: &[u32], fraction: f64) -> Vec<usize> {
    let seed = FitContext::new(SEED).seed().derive("validation", 0);
    let mut watched = Vec::new();
    for class in 0..=codes.iter().copied().max().unwrap() {
        let mut rows: Vec<usize> = (0..codes.len()).filter(|i| codes[*i] == class).collect();
        seed.derive("class", u64::from(class)).rng().shuffle(&mut rows);
        watched.extend_from_slice(&rows[..(rows.len() as f64 * fraction).round() as usize]);
    }
    watched.sort_unstable();
    watched
}

#[test]
fn early_stopping_keeps_the_rounds_that_lightgbm_keeps() {
    let Fixture { steps, stopped, .. } = fixture();
    assert_eq!(stopped.len(), 2);
    let x = Matrix::from(dense(&steps.x));
    let codes_of = |case: &Stopped| match case.data.as_str() {
        "two" => steps.two.clone(),
        _ => vec![0; steps.number.len()],
    };
    let drawn =
        |case: &Stopped| watched(&codes_of(case), case.params["validation_fraction"].as_f64().unwrap());
    // What is found is what HELD of make_options.py is to be.
    let (found, made): (Vec<_>, Vec<_>) = stopped.iter().map(|c| (drawn(c), c.held.clone())).unzip();
    assert_eq!(found, made);
    for case in &stopped {
        let (classes, codes) = (case.data == "two", codes_of(case));
        let losses = Arc::new(Mutex::new(Vec::new()));
        let kept = losses.clone();
        let seen = move |e: &Event<'_>| {
            kept.lock().unwrap().push(e.values[1].1);
            Control::Continue
        };
        let ctx = FitContext::new(SEED).with_observer(Arc::new(seen));
        let model = if classes {
            with::<HistGradientBoostingClassifier>(&case.params).fit(&x, &labels(&codes), &ctx)
        } else {
            let y = Target::regression(steps.number.clone()).unwrap();
            with::<HistGradientBoostingRegressor>(&case.params).fit(&x, &y, &ctx)
        };
        let model: BoostedTrees = model.unwrap();
        let losses = losses.lock().unwrap();
        // Squared error is halved here.
        let scale = if classes { 1.0 } else { 2.0 };
        assert_eq!((model.rounds(), losses.len()), (case.rounds, case.losses.len()), "{}", case.data);
        for (round, (found, expect)) in losses.iter().zip(&case.losses).enumerate() {
            let found = scale * found;
            assert!(
                (found - expect).abs() < 1e-5,
                "{}: {found} instead of {expect} in round {round}",
                case.data
            );
        }
        let p = model.predict(&x).unwrap();
        for (row, expect) in case.expect.iter().enumerate() {
            let found = p.row(row)[usize::from(classes)];
            assert!((found - expect).abs() < 1e-5, "{}: row {row}: {found} not {expect}", case.data);
        }
    }
}

/// Rows of `trees.json`.
#[derive(Deserialize)]
struct Rows {
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
    test: Vec<Vec<f64>>,
    truth: Vec<f64>,
}

#[test]
fn sampled_rows_and_columns_err_as_lightgbms_do() {
    let mut trees: Value = fixture::read("trees/trees.json");
    let data: Rows = serde_json::from_value(trees["data"]["forest_numbers"].take()).unwrap();
    let (x, test) = (Matrix::from(dense(&data.x)), Matrix::from(dense(&data.test)));
    let y = Target::regression(data.y).unwrap();
    for case in &fixture().sampled {
        const SEEDS: u64 = 5;
        let learner = with::<HistGradientBoostingRegressor>(&case.params);
        let error = |seed: u64| {
            let model = learner.fit(&x, &y, &FitContext::new(seed)).unwrap();
            let found = model.predict(&test).unwrap().values().unwrap();
            let squares = found.iter().zip(&data.truth).map(|(f, t)| (f - t).powi(2)).sum::<f64>();
            (squares / data.truth.len() as f64).sqrt()
        };
        let mean = (0..SEEDS).map(error).sum::<f64>() / SEEDS as f64;
        // One percent (more values than bins are binned differently), or as far as the means of a few seeds may stray.
        let slack = (0.01 * case.mean).max(2.5 * case.std);
        let params = &case.params;
        assert!((mean - case.mean).abs() < slack, "{params:?}: {mean}, not {} ± {}", case.mean, case.std);
    }
}
