//! Trees, forests and AdaBoost against scikit-learn, from `tests/reference/trees` (made by its `make.py`).

use std::collections::BTreeMap;

use prompt_core::{Dense, FitContext, Matrix, Prediction, Target, Task, predict};
use prompt_models::boost::{AdaBoostClassifier, AdaBoostRegressor};
use prompt_models::forest::{
    ExtraTreesClassifier, ExtraTreesRegressor, Forest, MaxFeatures, RandomForestClassifier,
    RandomForestRegressor,
};
use prompt_models::prelude::Fit;
use prompt_models::tree::{DecisionTreeClassifier, DecisionTreeRegressor};
use serde::Deserialize;
use serde_json::Value;

use crate::fixture::{self, named};

#[derive(Deserialize)]
struct Fixture {
    data: BTreeMap<String, Data>,
    cases: Vec<Case>,
    forests: Vec<Random>,
}

#[derive(Deserialize)]
struct Data {
    classes: usize,
    x: Vec<Vec<Option<f64>>>,
    y: Vec<f64>,
    weights: Vec<f64>,
    test: Vec<Vec<Option<f64>>>,
    #[serde(default)]
    truth: Vec<f64>,
}

/// A fit whose result is determined.
#[derive(Deserialize)]
struct Case {
    learner: String,
    data: String,
    params: BTreeMap<String, Value>,
    weighted: bool,
    expect: Vec<Vec<f64>>,
    importances: Vec<f64>,
}

/// A fit that draws: mean and deviation over seeds of two scores of the held-out rows.
#[derive(Deserialize)]
struct Random {
    learner: String,
    data: String,
    trees: usize,
    mean: [f64; 2],
    std: [f64; 2],
    importances: Vec<f64>,
}

fn fixture() -> Fixture {
    fixture::read("trees/trees.json")
}

fn matrix(rows: &[Vec<Option<f64>>]) -> Matrix {
    let data = rows.iter().flatten().map(|v| v.unwrap_or(f64::NAN)).collect();
    Dense::new(rows.len(), rows[0].len(), data).unwrap().into()
}

impl Data {
    fn task(&self) -> Task {
        if self.classes > 0 { Task::Classification } else { Task::Regression }
    }

    fn target(&self) -> Target {
        match self.task() {
            Task::Classification => Target::labels(self.y.iter().map(f64::to_string)),
            Task::Regression => Target::regression(self.y.clone()).unwrap(),
        }
    }
}

fn importances(learner: &str, task: Task, params: &Value, x: &Matrix, y: &Target) -> Vec<f64> {
    let ctx = FitContext::new(0);
    macro_rules! of {
        ($type:ty) => {
            serde_json::from_value::<$type>(params.clone())
                .unwrap()
                .fit(x, y, &ctx)
                .unwrap()
                .feature_importances()
                .to_vec()
        };
    }
    match (learner, task) {
        ("decision_tree", Task::Classification) => of!(DecisionTreeClassifier),
        ("decision_tree", Task::Regression) => of!(DecisionTreeRegressor),
        ("random_forest", Task::Classification) => of!(RandomForestClassifier),
        ("random_forest", Task::Regression) => of!(RandomForestRegressor),
        ("extra_trees", Task::Classification) => of!(ExtraTreesClassifier),
        ("extra_trees", Task::Regression) => of!(ExtraTreesRegressor),
        (_, Task::Classification) => of!(AdaBoostClassifier),
        (_, Task::Regression) => of!(AdaBoostRegressor),
    }
}

#[test]
fn trees_and_adaboost_are_scikit_learns() {
    let fixture = fixture();
    assert!(fixture.cases.len() > 40);
    for case in &fixture.cases {
        let data = &fixture.data[&case.data];
        let (x, test, mut y) = (matrix(&data.x), matrix(&data.test), data.target());
        if case.weighted {
            y = y.with_weights(data.weights.clone()).unwrap();
        }
        let what =
            format!("{} on {} with {:?}, weighted {}", case.learner, case.data, case.params, case.weighted);
        let learner = named(data.task(), &case.learner, &case.params);
        let model = learner.fit_model(&x, &y, &FitContext::new(0)).unwrap();
        let found = predict(&*model, &test).unwrap();
        for (i, expect) in case.expect.iter().enumerate() {
            for (found, expect) in found.row(i).iter().zip(expect) {
                assert!((found - expect).abs() < 1e-9, "{what}: row {i} is {found}, not {expect}");
            }
        }
        let found = importances(&case.learner, data.task(), &learner.params(), &x, &y);
        for (found, expect) in found.iter().zip(&case.importances) {
            assert!((found - expect).abs() < 1e-9, "{what}: importance {found}, not {expect}");
        }
    }
}

fn scores(found: &Prediction, data: &Data) -> [f64; 2] {
    let n = data.truth.len() as f64;
    if data.task() == Task::Regression {
        let values = found.values().unwrap();
        let mean = |v: &[f64]| v.iter().sum::<f64>() / n;
        let around = |v: &[f64], m: f64| v.iter().map(|v| (v - m).powi(2)).sum::<f64>();
        let left: f64 = values.iter().zip(&data.truth).map(|(a, b)| (a - b).powi(2)).sum();
        let r2 = 1.0 - left / around(&data.truth, mean(&data.truth));
        return [r2, (around(&values, mean(&values)) / n).sqrt()];
    }
    let codes = found.codes().unwrap();
    let right = codes.iter().zip(&data.truth).filter(|(a, b)| f64::from(**a) == **b).count();
    let brier = data.truth.iter().enumerate().map(|(i, truth)| {
        let of = |(c, p): (usize, &f64)| (p - f64::from(u8::from(c as f64 == *truth))).powi(2);
        found.row(i).iter().enumerate().map(of).sum::<f64>()
    });
    [right as f64 / n, brier.sum::<f64>() / n]
}

#[test]
fn forests_score_as_scikit_learns_do() {
    let fixture = fixture();
    for random in &fixture.forests {
        let data = &fixture.data[&random.data];
        let (x, y, test) = (matrix(&data.x), data.target(), matrix(&data.test));
        let params = BTreeMap::from([("n_estimators".to_owned(), Value::from(random.trees))]);
        let learner = named(data.task(), &random.learner, &params);
        let mut mean = [0.0; 2];
        const SEEDS: u64 = 3;
        for seed in 0..SEEDS {
            let model = learner.fit_model(&x, &y, &FitContext::new(seed)).unwrap();
            let found = scores(&predict(&*model, &test).unwrap(), data);
            mean.iter_mut().zip(found).for_each(|(m, f)| *m += f / SEEDS as f64);
        }
        for i in 0..2 {
            // Half a percent, or as far as the mean of a few seeds may stray.
            let slack = (0.005 * random.mean[i]).max(3.0 * random.std[i]);
            assert!(
                (mean[i] - random.mean[i]).abs() < slack,
                "{} on {}: {mean:?}, not {:?} ± {:?}",
                random.learner,
                random.data,
                random.mean,
                random.std
            );
        }
        // AdaBoost's differ from seed to seed; those of a forest hardly do.
        if random.learner != "ada_boost" {
            let found = importances(&random.learner, data.task(), &learner.params(), &x, &y);
            for (found, expect) in found.iter().zip(&random.importances) {
                assert!(
                    (found - expect).abs() < 0.03,
                    "{}: importance {found}, not {expect}",
                    random.learner
                );
            }
        }
    }
}

#[test]
fn a_forest_without_draws_is_its_tree() {
    let fixture = fixture();
    let data = &fixture.data["three"];
    let (x, y) = (matrix(&data.x), data.target());
    let ctx = FitContext::new(0);
    // Limits under which no two splits are equally good.
    let tree = DecisionTreeClassifier::default().max_depth(Some(3)).min_samples_leaf(8).max_bins(Some(255));
    let forest = RandomForestClassifier::default().max_depth(Some(3)).min_samples_leaf(8);
    let forest = forest.n_estimators(3).bootstrap(false).max_features(MaxFeatures::All);
    let tree: Forest = tree.fit(&x, &y, &ctx).unwrap();
    let forest = forest.fit(&x, &y, &ctx).unwrap();
    assert_eq!(forest.trees().node_count(), 3 * tree.trees().node_count());
    let (a, b) = (predict(&tree, &x).unwrap(), predict(&forest, &x).unwrap());
    assert!(a.scores().data().iter().zip(b.scores().data()).all(|(a, b)| (a - b).abs() < 1e-12));
}
