use std::path::PathBuf;

use prompt_core::{Dense, Fit, Learner, Target};
use serde_json::Value;

use super::*;
use crate::boost::HistGradientBoostingClassifier;
use crate::forest::{ExtraTreesClassifier, RandomForestClassifier};
use crate::interop::{LightgbmModel, XgboostModel};
use crate::tree::nodes::{GrownTree, Split};

fn expect() -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/explain/expect.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn matrix(rows: &Value) -> Matrix {
    let rows = rows.as_array().unwrap();
    let number = |v: &Value| v.as_f64().unwrap_or(f64::NAN);
    let data: Vec<f64> = rows.iter().flat_map(|r| r.as_array().unwrap().iter().map(number)).collect();
    Dense::new(rows.len(), data.len() / rows.len(), data).unwrap().into()
}

fn close(found: &ShapValues, values: &Value, base: &Value, most: f64) {
    for (i, row) in values.as_array().unwrap().iter().enumerate() {
        for (j, column) in row.as_array().unwrap().iter().enumerate() {
            for (o, value) in column.as_array().unwrap().iter().enumerate() {
                let (found, value) = (found.get(i, j, o), value.as_f64().unwrap());
                assert!((found - value).abs() < most, "row {i}, column {j}, output {o}: {found} and {value}");
            }
        }
    }
    for (found, base) in found.base().iter().zip(base.as_array().unwrap()) {
        assert!((found - base.as_f64().unwrap()).abs() < 1e-5, "base {found} and {base}");
    }
}

/// Trees of scikit-learn: numbers at most the threshold go left.
fn trees(saved: &Value, columns: usize) -> TreeNodes {
    let numbers = |v: &Value| v.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect::<Vec<f64>>();
    let width = saved[0]["values"][0].as_array().unwrap().len();
    let mut all = TreeNodes::new(columns, width);
    for tree in saved.as_array().unwrap() {
        let [left, right, column, threshold, cover] =
            ["left", "right", "column", "threshold", "cover"].map(|name| numbers(&tree[name]));
        let value = |at: usize| numbers(&tree["values"][at]);
        let mut grown = GrownTree::leaf(value(0));
        grown.set_cover(0, cover[0]);
        let mut open = vec![(0, 0)];
        while let Some((to, from)) = open.pop() {
            if left[from] < 0.0 {
                continue;
            }
            let children = [left[from] as usize, right[from] as usize];
            let split = Split::Numeric {
                column: column[from] as usize,
                threshold: threshold[from],
                missing_left: true,
            };
            let places = grown.split(to, split, children.map(value));
            for side in [0, 1] {
                grown.set_cover(places[side], cover[children[side]]);
                open.push((places[side], children[side]));
            }
        }
        all.push(&grown).unwrap();
    }
    all
}

#[test]
fn values_are_those_of_shap() {
    let expect = expect();
    let ctx = FitContext::new(0).threads(2);
    let (x, background) = (matrix(&expect["rows"]), matrix(&expect["background"]));
    let forest = &expect["forest"];
    let of_forest = || {
        let trees = trees(&forest["trees"], x.cols());
        let (n, width) = (trees.len() as f64, trees.width());
        TreeExplainer::of_trees(trees, 1.0 / n, vec![0.0; width]).unwrap()
    };
    close(&of_forest().explain(&x, &ctx).unwrap(), &forest["path"], &forest["path_base"], 1e-6);
    let both = of_forest().with_background(&background).unwrap().explain(&x, &ctx).unwrap();
    close(&both, &forest["interventional"], &forest["interventional_base"], 1e-6);

    let boosted = &expect["boosted"];
    let of_boosted = || {
        let (rate, start) = (boosted["rate"].as_f64().unwrap(), boosted["start"].as_f64().unwrap());
        TreeExplainer::of_trees(trees(&boosted["trees"], x.cols()), rate, vec![start]).unwrap()
    };
    close(&of_boosted().explain(&x, &ctx).unwrap(), &boosted["path"], &boosted["path_base"], 1e-6);
    let both = of_boosted().with_background(&background).unwrap().explain(&x, &ctx).unwrap();
    close(&both, &boosted["interventional"], &boosted["interventional_base"], 1e-6);
}

#[test]
fn values_of_models_that_were_read_are_those_of_shap() {
    let expect = expect();
    let ctx = FitContext::new(0).threads(1);
    let (x, background) = (matrix(&expect["holes"]), matrix(&expect["background_holes"]));
    for name in ["lightgbm", "lightgbm_two"] {
        let saved = &expect[name];
        let model = LightgbmModel::parse(name, saved["text"].as_str().unwrap().as_bytes()).unwrap();
        let found = TreeExplainer::new(&model).unwrap().explain(&x, &ctx).unwrap();
        close(&found, &saved["path"], &saved["path_base"], 1e-6);
        let both = TreeExplainer::background(&model, &background).unwrap().explain(&x, &ctx).unwrap();
        // With a background, shap adds the trees of all classes into one output.
        for (i, row) in saved["interventional"].as_array().unwrap().iter().enumerate() {
            for (j, column) in row.as_array().unwrap().iter().enumerate() {
                let sum: f64 = (0..both.outputs().len()).map(|o| both.get(i, j, o)).sum();
                assert!((sum - column[0].as_f64().unwrap()).abs() < 1e-6, "{name}, row {i}, column {j}");
            }
        }
    }
    let saved = &expect["xgboost"];
    let model = XgboostModel::parse("xgboost.json", saved["model"].to_string().as_bytes()).unwrap();
    let found = TreeExplainer::new(&model).unwrap().explain(&x, &ctx).unwrap();
    // XGBoost sums in 32 bits.
    close(&found, &saved["path"], &saved["path_base"], 5e-6);
}

/// Rows with holes and a column of categories, and three classes.
fn table() -> (Matrix, Target) {
    let mut rng = prompt_core::Seed::new(4).rng();
    let mut data = Vec::new();
    let mut labels = Vec::new();
    for _ in 0..150 {
        let row = [rng.normal(), rng.normal(), rng.below(5) as f64];
        let hole = rng.chance(0.1);
        labels.push(["a", "b", "c"][usize::from(row[0] > 0.0) + usize::from(row[2] > 2.0)]);
        data.extend([if hole { f64::NAN } else { row[0] }, row[1], row[2]]);
    }
    let x = Dense::new(150, 3, data).unwrap().with_categorical(vec![0, 0, 5]).unwrap();
    (x.into(), Target::labels(labels))
}

fn adds_up(model: &dyn Model, x: &Matrix, margins: impl Fn(usize) -> Vec<f64>) {
    let background = x.select_rows(&(0..25).collect::<Vec<_>>());
    let serial = FitContext::new(0).threads(1);
    let path = TreeExplainer::new(model).unwrap();
    let both = TreeExplainer::background(model, &background).unwrap();
    for explainer in [path, both] {
        let found = explainer.explain(x, &serial).unwrap();
        for i in 0..x.rows() {
            for (o, margin) in margins(i).into_iter().enumerate() {
                let sum = found.margin(i, o);
                assert!((sum - margin).abs() < 1e-9, "row {i}: {sum} and {margin}");
            }
        }
        for threads in [2, 16] {
            assert_eq!(explainer.explain(x, &serial.clone().threads(threads)).unwrap(), found);
        }
    }
}

#[test]
fn base_and_contributions_add_up_to_the_margin() {
    let (x, y) = table();
    let ctx = FitContext::new(1).threads(1);
    let deep = RandomForestClassifier::default().n_estimators(5).fit(&x, &y, &ctx).unwrap();
    let extra = ExtraTreesClassifier::default().n_estimators(5).max_depth(Some(6)).fit(&x, &y, &ctx).unwrap();
    for model in [&deep, &extra] {
        let prediction = prompt_core::predict(model, &x).unwrap();
        adds_up(model, &x, |i| prediction.row(i).to_vec());
    }
    let boosted = HistGradientBoostingClassifier::default().learn(&x, &y, &ctx).unwrap();
    adds_up(&boosted, &x, |i| boosted.margins(x.row(i)));
}

#[test]
fn ways_longer_than_any_word_and_columns_that_nobody_looks_at() {
    // A chain of 150 columns: each split leaves one row behind.
    let mut tree = GrownTree::leaf(vec![0.0]);
    let mut at = 0;
    for column in 0..150 {
        let split = Split::Numeric { column, threshold: 0.5, missing_left: true };
        let [left, right] = tree.split(at, split, [vec![column as f64], vec![1.0]]);
        tree.set_cover(left, 1.0);
        tree.set_cover(right, (150 - column) as f64);
        at = right;
    }
    let mut trees = TreeNodes::new(160, 1);
    trees.push(&tree).unwrap();
    let explainer = TreeExplainer::of_trees(trees.clone(), 1.0, vec![0.25]).unwrap();
    let ones = Matrix::from(Dense::new(1, 160, vec![1.0; 160]).unwrap());
    let mut mixed = vec![1.0; 160];
    mixed[120] = 0.0;
    let mixed = Matrix::from(Dense::new(1, 160, mixed).unwrap());
    let ctx = FitContext::new(0).threads(1);
    for (x, margin) in [(&ones, 1.25), (&mixed, 120.25)] {
        let found = explainer.explain(x, &ctx).unwrap();
        assert!((found.margin(0, 0) - margin).abs() < 1e-9, "{}", found.margin(0, 0));
        assert!((150..160).all(|j| found.get(0, j, 0) == 0.0));
    }
    let explainer = TreeExplainer::of_trees(trees, 1.0, vec![0.25]).unwrap().with_background(&mixed).unwrap();
    let found = explainer.explain(&ones, &ctx).unwrap();
    assert!((found.get(0, 120, 0) - (1.25 - 120.25)).abs() < 1e-9, "all of it is that column's");
}

#[test]
fn what_cannot_be_explained_is_refused_in_words() {
    let (x, y) = table();
    let ctx = FitContext::new(1).threads(1);
    let plain = Matrix::from(Dense::from_rows(&[[1.0], [2.0]]));
    let no_trees =
        crate::baseline::Majority::default().fit(&plain, &Target::labels(["a", "b"]), &ctx).unwrap();
    let error = TreeExplainer::new(&no_trees).err().unwrap().to_string();
    assert!(error.contains("baseline") && error.contains("tree explanations"), "{error}");
    let mut tree = TreeNodes::new(2, 1);
    tree.push(&GrownTree::leaf(vec![1.0])).unwrap();
    let error = TreeExplainer::of_trees(tree, 1.0, vec![0.0]).err().unwrap().to_string();
    assert!(error.contains("train it again"), "{error}");
    let model = RandomForestClassifier::default().n_estimators(2).fit(&x, &y, &ctx).unwrap();
    let narrow = Matrix::from(Dense::zeros(1, 2));
    assert!(TreeExplainer::new(&model).unwrap().explain(&narrow, &ctx).is_err());
    assert!(TreeExplainer::background(&model, &x.select_rows(&[])).is_err());
    assert_eq!(TreeExplainer::new(&model).unwrap().explain(&x.select_rows(&[]), &ctx).unwrap().rows(), 0);
}

#[test]
fn a_linear_model_is_explained_as_shap_does() {
    let expect = expect();
    let linear = &expect["linear"];
    let x = matrix(&linear["train"]);
    let y = Target::regression(serde_json::from_value(linear["value"].clone()).unwrap()).unwrap();
    let model = crate::linear::LinearRegression::default().fit(&x, &y, &FitContext::new(1)).unwrap();
    let explainer = crate::explain::LinearExplainer::new(&model).unwrap().with_background(&x).unwrap();
    let found = explainer.explain(&matrix(&expect["rows"])).unwrap();
    close(&found, &linear["values"], &linear["base"], 1e-9);
}
