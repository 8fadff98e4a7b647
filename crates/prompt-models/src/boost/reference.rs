//! Against scikit-learn, from `tests/reference/boost` (made by its `make.py`).

use prompt_core::{Dense, Fit, FitContext, Learner, Matrix, Model, Predict, Target};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::*;

const FIXTURE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/boost/boost.json"));

#[derive(Deserialize)]
struct Fixture {
    data: Data,
    hist: Vec<Exact>,
    losses: Vec<Loss>,
    classic: Vec<Classic>,
}

#[derive(Deserialize)]
struct Data {
    x: Vec<Vec<f64>>,
    holes: Vec<Vec<Option<f64>>>,
    number: Vec<f64>,
    count: Vec<f64>,
    two: Vec<u32>,
    three: Vec<u32>,
    weights: Vec<f64>,
}

#[derive(Deserialize)]
struct Exact {
    name: String,
    holes: bool,
    params: Map<String, Value>,
    expect: Vec<f64>,
}

#[derive(Deserialize)]
struct Loss {
    name: String,
    loss: f64,
    params: Map<String, Value>,
}

#[derive(Deserialize)]
struct Classic {
    name: String,
    weighted: bool,
    params: Map<String, Value>,
    expect: Vec<Vec<f64>>,
}

fn learner<L: Learner>(params: &Map<String, Value>) -> L {
    let hist = vec![("max_iter", json!(12)), ("min_samples_leaf", json!(8))];
    let common = if L::NAME == "gradient_boosting" { vec![("n_estimators", json!(15))] } else { hist };
    let own = params.iter().map(|(name, value)| (name.as_str(), value.clone()));
    let start = L::default();
    common.into_iter().chain(own).fold(start, |l, (name, value)| l.with_param(name, &value).unwrap())
}

impl Data {
    fn matrix(&self, holes: bool) -> Matrix {
        let numbers = if holes {
            self.holes.concat().into_iter().map(|v| v.unwrap_or(f64::NAN)).collect()
        } else {
            self.x.concat()
        };
        Dense::new(self.x.len(), 4, numbers).unwrap().into()
    }
}

#[test]
fn squared_loss_gives_the_same_predictions() {
    let fixture: Fixture = serde_json::from_str(FIXTURE).unwrap();
    assert_eq!(fixture.hist.len(), 4);
    for case in fixture.hist {
        let x = fixture.data.matrix(case.holes);
        let y = Target::regression(fixture.data.number.clone()).unwrap();
        let model = learner::<HistGradientBoostingRegressor>(&case.params).fit(&x, &y, &FitContext::new(0));
        let found = model.unwrap().predict(&x).unwrap().values().unwrap();
        for (row, (found, expected)) in found.iter().zip(&case.expect).enumerate() {
            assert!(
                (found - expected).abs() < 1e-5,
                "{}: row {row}: {found} instead of {expected}",
                case.name
            );
        }
    }
}

fn mean(values: impl Iterator<Item = f64>, n: usize) -> f64 {
    values.sum::<f64>() / n as f64
}

fn log_loss(data: &Data, codes: &[u32], params: &Map<String, Value>) -> f64 {
    let x = data.matrix(false);
    let y = Target::labels(codes.iter().map(u32::to_string));
    let model = learner::<HistGradientBoostingClassifier>(params).fit(&x, &y, &FitContext::new(0)).unwrap();
    assert_eq!(model.n_features(), 4);
    let p = model.predict(&x).unwrap();
    mean(codes.iter().enumerate().map(|(i, c)| -p.row(i)[*c as usize].ln()), codes.len())
}

fn loss_of(data: &Data, y: &[f64], params: &Map<String, Value>, loss: impl Fn(f64, f64) -> f64) -> f64 {
    let x = data.matrix(false);
    let target = Target::regression(y.to_vec()).unwrap();
    let model =
        learner::<HistGradientBoostingRegressor>(params).fit(&x, &target, &FitContext::new(0)).unwrap();
    let found = model.predict(&x).unwrap().values().unwrap();
    mean(y.iter().zip(&found).map(|(y, f)| loss(*y, *f)), y.len())
}

#[test]
fn other_losses_fall_as_far() {
    let fixture: Fixture = serde_json::from_str(FIXTURE).unwrap();
    let pinball =
        |level: f64| move |y: f64, f: f64| if f > y { (1.0 - level) * (f - y) } else { level * (y - f) };
    let deviance = |y: f64, f: f64| 2.0 * (if y > 0.0 { y * (y / f).ln() } else { 0.0 } - y + f);
    for case in fixture.losses {
        let (data, params) = (&fixture.data, &case.params);
        let found = match case.name.as_str() {
            "two" => log_loss(data, &data.two, params),
            "three" => log_loss(data, &data.three, params),
            "count" => loss_of(data, &data.count, params, deviance),
            "absolute" => loss_of(data, &data.number, params, pinball(0.5)),
            _ => loss_of(data, &data.number, params, pinball(0.8)),
        };
        let off = found / case.loss - 1.0;
        assert!(off.abs() < 0.05, "{}: {found} instead of {}", case.name, case.loss);
    }
}

#[test]
fn classic_boosting_gives_the_same_predictions() {
    let fixture: Fixture = serde_json::from_str(FIXTURE).unwrap();
    assert_eq!(fixture.classic.len(), 6);
    let (data, ctx) = (&fixture.data, FitContext::new(0));
    let x = data.matrix(false);
    for case in &fixture.classic {
        let labels = match case.name.as_str() {
            "two" => Some(&data.two),
            "three" => Some(&data.three),
            _ => None,
        };
        let found: Vec<Vec<f64>> = if let Some(codes) = labels {
            let y = Target::labels(codes.iter().map(u32::to_string));
            let model = learner::<GradientBoostingClassifier>(&case.params).fit(&x, &y, &ctx).unwrap();
            let p = model.predict(&x).unwrap();
            (0..p.rows()).map(|i| p.row(i)[1..].to_vec()).collect()
        } else {
            let mut y = Target::regression(data.number.clone()).unwrap();
            if case.weighted {
                y = y.with_weights(data.weights.clone()).unwrap();
            }
            let model = learner::<GradientBoostingRegressor>(&case.params).fit(&x, &y, &ctx).unwrap();
            model.predict(&x).unwrap().values().unwrap().into_iter().map(|v| vec![v]).collect()
        };
        if case.name == "three" {
            // The first gradients of a class have two values, so splits tie; how far they get is determined.
            let loss = |f: &[Vec<f64>]| {
                let of = |(f, c): (&Vec<f64>, &u32)| match c {
                    0 => -(1.0 - f[0] - f[1]).ln(),
                    c => -f[*c as usize - 1].ln(),
                };
                mean(f.iter().zip(&data.three).take(40).map(of), 40)
            };
            let off = loss(&found) / loss(&case.expect) - 1.0;
            assert!(off.abs() < 0.03, "{off}");
            continue;
        }
        if case.name == "absolute" {
            // Gradients are ±½, and splits tie here as well.
            let error =
                |f: &[Vec<f64>]| mean(f.iter().zip(&data.number).take(40).map(|(f, y)| (f[0] - y).abs()), 40);
            let off = error(&found) / error(&case.expect) - 1.0;
            assert!(off.abs() < 0.15, "{off}");
            continue;
        }
        for (row, (found, expected)) in found.iter().zip(&case.expect).enumerate() {
            for (f, e) in found.iter().zip(expected) {
                assert!((f - e).abs() < 1e-5, "{}: row {row}: {f} instead of {e}", case.name);
            }
        }
    }
}
