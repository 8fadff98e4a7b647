//! Preparing tables: equal to scikit-learn where it defines the answer, sound where it does not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test builds, it unwraps as the test does"
)]

use std::path::Path;

use prompt_core::artifact::{Artifact, Catalog, Persist};
use prompt_core::{
    Column, Dense, Fit, FitContext, FitTransform, Matrix, Params, Role, Table, Target, Transform,
};
use prompt_features::prepare::{chi2, correlation, f_classif, f_regression, mutual_info};
use prompt_features::{
    FittedImputer, FittedIsolationForest, FittedOutlierFilter, FittedScaler, FittedSelection,
    FittedTargetEncoder, Imputer, IsolationForest, MinMaxScaler, OutlierFilter, RobustScaler, SelectKBest,
    StandardScaler, TableEncoder, TargetEncoder,
};
use serde_json::Value;

const NAN: f64 = f64::NAN;

fn expected() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/prepare/prepare.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap_or(NAN)).collect()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn matrix(value: &Value) -> Matrix {
    let rows = rows(value);
    Dense::new(rows.len(), rows[0].len(), rows.concat()).unwrap().into()
}

fn names(value: &Value) -> Vec<Vec<String>> {
    let name = |v: &Value| v.as_str().unwrap().to_owned();
    value.as_array().unwrap().iter().map(|row| row.as_array().unwrap().iter().map(name).collect()).collect()
}

/// The columns of a fixture as a table: `n0`, `n1`, …
fn number_table(value: &Value) -> Table {
    let rows = rows(value);
    (0..rows[0].len()).fold(Table::new(), |table, j| {
        let column = rows.iter().map(|row| row[j]).collect();
        table.with(&format!("n{j}"), Role::Feature, Column::Number(column)).unwrap()
    })
}

fn category_table(value: &Value) -> Table {
    let rows = names(value);
    (0..rows[0].len()).fold(Table::new(), |table, j| {
        let column = Column::category(rows.iter().map(|row| Some(row[j].as_str())));
        table.with(&format!("c{j}"), Role::Feature, column).unwrap()
    })
}

fn none(rows: usize) -> Target {
    Target::regression(vec![0.0; rows]).unwrap()
}

#[track_caller]
fn close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        let equal = (f.is_nan() && e.is_nan()) || (f - e).abs() <= tolerance * e.abs().max(1.0);
        assert!(equal, "{what}, {i}: {f} instead of {e}");
    }
}

fn ctx() -> FitContext {
    FitContext::new(7)
}

fn all_numbers(table: &Table) -> Vec<f64> {
    let column = |name: &str, row: usize| match table.column(name).unwrap() {
        Column::Number(v) => v[row],
        other => panic!("{name} holds {}", other.kind()),
    };
    let names: Vec<&str> = table.columns().map(|(name, _, _)| name).collect();
    (0..table.rows())
        .flat_map(|row| names.iter().map(move |name| (row, *name)))
        .map(|(r, n)| column(n, r))
        .collect()
}

#[test]
fn gaps_are_filled_as_by_simple_imputer() {
    let e = expected();
    let (table, new) = (number_table(&e["holes"]), number_table(&e["new"]));
    for (ours, theirs) in
        [("mean", "mean"), ("median", "median"), ("mode", "most_frequent"), ("constant", "constant")]
    {
        let imputer = Imputer::default().numbers(ours.into()).fill_value(-7.0);
        let fitted = imputer.fit(&table, &none(table.rows()), &ctx()).unwrap();
        let found = all_numbers(&fitted.transform(&new).unwrap());
        close(ours, &found, &rows(&e["imputers"][theirs]).concat(), 1e-12);
        let back = FittedImputer::decode(&fitted.encode().unwrap(), &Catalog::new()).unwrap();
        assert_eq!(back, fitted);
    }
}

#[test]
fn gaps_are_carried_over_in_order_and_a_row_alone_gets_what_the_fit_knew() {
    let column = |v: &[f64]| Table::new().with("a", Role::Feature, Column::Number(v.to_vec())).unwrap();
    let table = column(&[NAN, 1.0, NAN, NAN, 4.0, NAN]);
    for (strategy, filled, alone) in [
        ("forward_fill", [1.0, 1.0, 1.0, 1.0, 4.0, 4.0], 4.0),
        ("backward_fill", [1.0, 1.0, 4.0, 4.0, 4.0, 4.0], 1.0),
    ] {
        let imputer = Imputer::default().numbers(strategy.into());
        let (fitted, out) = imputer.fit_transform(&table, &none(6), &ctx()).unwrap();
        assert_eq!(all_numbers(&out), filled, "{strategy}");
        assert_eq!(all_numbers(&fitted.transform(&column(&[NAN, 9.0])).unwrap()), [alone, 9.0], "{strategy}");
    }
    let drop = Imputer::default().numbers("drop".into());
    let (fitted, left, rows) = FittedImputer::of(&drop, &table).unwrap();
    assert_eq!((rows, left.rows(), fitted.drops()), (vec![1, 4], 2, true));
    assert_eq!(fitted.transform(&table).unwrap().column("a").unwrap().missing(), 4);
    let error = drop.fit_transform(&table, &none(6), &ctx()).unwrap_err().to_string();
    assert!(error.contains("`drop`"), "{error}");
}

#[test]
fn categories_times_and_empty_columns_are_filled_too() {
    let t = Table::new()
        .with("c", Role::Feature, Column::category([Some("b"), None, Some("a"), Some("b")]))
        .and_then(|t| t.with("t", Role::Feature, Column::Time(vec![Some(0), Some(10), None, Some(20)])))
        .and_then(|t| t.with("e", Role::Feature, Column::Number(vec![NAN; 4])))
        .and_then(|t| t.with("y", Role::Target, Column::Number(vec![NAN; 4])))
        .unwrap();
    let imputer = Imputer::default().categories("mode".into()).fill_value(5.0);
    let fitted = imputer.fit(&t, &none(4), &ctx()).unwrap();
    let out = fitted.transform(&t).unwrap();
    assert_eq!(out.column("c"), Some(&Column::category(["b", "b", "a", "b"].map(Some))));
    assert_eq!(out.column("t"), Some(&Column::Time(vec![Some(0), Some(10), Some(10), Some(20)])));
    assert_eq!(out.column("e"), Some(&Column::Number(vec![5.0; 4])));
    assert_eq!(out.column("y").unwrap().missing(), 4, "a target is never touched");
    // A file in which nothing shows the kind of the column.
    let blank = Table::new()
        .with("c", Role::Feature, Column::Number(vec![NAN]))
        .and_then(|t| t.with("t", Role::Feature, Column::Number(vec![NAN])))
        .and_then(|t| t.with("e", Role::Feature, Column::Number(vec![1.0])))
        .unwrap();
    let out = fitted.transform(&blank).unwrap();
    assert_eq!(out.column("c"), Some(&Column::category([Some("b")])));
    assert_eq!(out.column("t"), Some(&Column::Time(vec![Some(10)])));
    let error = fitted.transform(&Table::new()).unwrap_err().to_string();
    assert!(error.starts_with("unknown column `c`"), "{error}");
}

#[test]
fn columns_are_scaled_as_by_scikit_learn() {
    let e = expected();
    let (holes, new, x) = (matrix(&e["holes"]), matrix(&e["new"]), matrix(&e["x"]));
    let y = none(holes.rows());
    let weighted = none(x.rows()).with_weights(numbers(&e["weights"])).unwrap();
    let standard = StandardScaler::default();
    let robust = RobustScaler::default();
    let min_max = MinMaxScaler::default();
    for (name, fitted) in [
        ("standard", standard.fit(&holes, &y, &ctx())),
        ("standard_weighted", standard.fit(&x, &weighted, &ctx())),
        ("min_max", min_max.fit(&holes, &y, &ctx())),
        ("min_max_clip", min_max.clone().clip(true).fit(&holes, &y, &ctx())),
        ("robust", robust.fit(&holes, &y, &ctx())),
        ("robust_10_90", robust.clone().low(0.1).high(0.9).fit(&holes, &y, &ctx())),
    ] {
        let fitted = fitted.unwrap();
        let found = fitted.transform(&new).unwrap().to_dense();
        close(name, found.data(), &rows(&e["scalers"][name]).concat(), 1e-12);
        assert_eq!(FittedScaler::decode(&fitted.encode().unwrap(), &Catalog::new()).unwrap(), fitted);
    }
    assert!(robust.fit(&x, &weighted, &ctx()).unwrap_err().to_string().contains("weights"));
    assert!(robust.clone().low(0.8).validate().unwrap_err().to_string().contains("above low"));
}

#[test]
fn constant_columns_become_zero_and_codes_stay() {
    let x = Dense::from_rows(&[[0.1, 2.0], [0.1, 0.0], [0.1, 1.0]]).with_categorical(vec![0, 3]).unwrap();
    let x = Matrix::from(x);
    for fitted in [
        StandardScaler::default().fit(&x, &none(3), &ctx()),
        RobustScaler::default().fit(&x, &none(3), &ctx()),
        MinMaxScaler::default().clip(true).fit(&x, &none(3), &ctx()),
    ] {
        let scaled = fitted.unwrap().transform(&x).unwrap().to_dense();
        assert!(scaled.column(0).iter().all(|v| v.abs() < 1e-9), "{:?}", scaled.column(0));
        assert_eq!(scaled.column(1), [2.0, 0.0, 1.0]);
    }
}

#[test]
fn categories_become_what_the_encoders_of_scikit_learn_make_of_them() {
    let e = expected();
    let (table, unseen) = (category_table(&e["table"]), category_table(&e["unseen"]));
    for how in ["one_hot", "ordinal"] {
        let fitted = TableEncoder::default().categories(how.into()).fit(&table).unwrap();
        let found = fitted.transform(&unseen).unwrap().to_dense();
        close(how, found.data(), &rows(&e[how]).concat(), 0.0);
    }
    let text = |name: &str| {
        let of = |v: &Value| v.as_str().unwrap().to_owned();
        Target::labels(e[name].as_array().unwrap().iter().map(of).collect::<Vec<_>>())
    };
    let y = Target::regression(numbers(&e["numbers"])).unwrap();
    for (name, y) in [("numbers", y), ("two", text("two")), ("three", text("three"))] {
        for (smooth, shown) in [(None, "auto"), (Some(3.0), "3.0")] {
            let fitted = TargetEncoder::default().smooth(smooth).fit(&table, &y, &ctx()).unwrap();
            let found = all_numbers(&fitted.transform(&unseen).unwrap());
            close(name, &found, &rows(&e["targets"][format!("{name}_{shown}")]).concat(), 1e-12);
            assert_eq!(
                FittedTargetEncoder::decode(&fitted.encode().unwrap(), &Catalog::new()).unwrap(),
                fitted
            );
        }
    }
}

#[test]
fn a_row_to_learn_from_never_sees_its_own_target() {
    // Every row has a level of its own: all that its encoding could know of the target is the row itself.
    let levels: Vec<String> = (0..60).map(|i| format!("level {i}")).collect();
    let table = Table::new().with("c", Role::Feature, Column::category(levels.iter().map(Some))).unwrap();
    let targets: Vec<f64> = (0..60).map(|i| f64::from(i % 7)).collect();
    let y = Target::regression(targets.clone()).unwrap();
    let encoder = TargetEncoder::default().smooth(Some(0.0));
    let (fitted, out) = encoder.fit_transform(&table, &y, &ctx()).unwrap();
    let out_of_fold = all_numbers(&out);
    let mut distinct: Vec<u64> = out_of_fold.iter().map(|v| v.to_bits()).collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert!(distinct.len() <= 5, "a value for each fold at most, got {}", distinct.len());
    // The same levels later: all rows count, so that each level has its own row's target.
    assert_eq!(all_numbers(&fitted.transform(&table).unwrap()), targets);
    // The folds come from the seed alone.
    let again = |seed, threads| {
        let ctx = FitContext::new(seed).threads(threads);
        all_numbers(&encoder.fit_transform(&table, &y, &ctx).unwrap().1)
    };
    assert_eq!(again(7, 1), out_of_fold);
    assert_eq!(again(7, 16), out_of_fold);
    assert_ne!(again(8, 1), out_of_fold);
}

#[test]
fn weights_of_the_target_encoder_count_as_repeated_rows() {
    let table = |levels: &[&str]| {
        Table::new().with("c", Role::Feature, Column::category(levels.iter().map(|l| Some(*l)))).unwrap()
    };
    let weighted =
        Target::regression(vec![1.0, 5.0, 2.0]).unwrap().with_weights(vec![2.0, 1.0, 3.0]).unwrap();
    let repeated = Target::regression(vec![1.0, 1.0, 5.0, 2.0, 2.0, 2.0]).unwrap();
    for smooth in [None, Some(1.5)] {
        let encoder = TargetEncoder::default().smooth(smooth);
        let one = encoder.fit(&table(&["a", "a", "b"]), &weighted, &ctx()).unwrap();
        let other = encoder.fit(&table(&["a", "a", "a", "b", "b", "b"]), &repeated, &ctx()).unwrap();
        let new = table(&["a", "b", "z"]);
        close(
            "weights",
            &all_numbers(&one.transform(&new).unwrap()),
            &all_numbers(&other.transform(&new).unwrap()),
            1e-12,
        );
    }
}

#[test]
fn scores_of_columns_are_those_of_scikit_learn() {
    let e = expected();
    let (a, counts) = (matrix(&e["a"]), matrix(&e["counts"]));
    let b = numbers(&e["b"]);
    let codes: Vec<u32> = numbers(&e["c"]).iter().map(|c| *c as u32).collect();
    let score = |name: &str| numbers(&e["scores"][name]);
    close("f_classif", &f_classif(&a, &codes, &ctx()), &score("f_classif"), 1e-10);
    close("f_regression", &f_regression(&a, &b, &ctx()), &score("f_regression"), 1e-10);
    close("chi2", &chi2(&counts, &codes, &ctx()), &score("chi2"), 1e-10);
    close("correlation", &correlation(&a, std::slice::from_ref(&b), &ctx()), &score("correlation"), 1e-10);
    let found = mutual_info(&a, &codes, 3, &ctx());
    close("mutual_info_classif", &found, &score("mutual_info_classif"), 1e-9);
    let regression = Target::regression(b).unwrap();
    let select = SelectKBest::default().score("mutual_info".into()).k(2);
    let fitted = select.fit(&a, &regression, &ctx()).unwrap();
    close("mutual_info_regression", fitted.scores(), &score("mutual_info_regression"), 1e-9);
    assert_eq!(FittedSelection::decode(&fitted.encode().unwrap(), &Catalog::new()).unwrap(), fitted);
    // Sparse columns are scored as dense ones.
    let mut csr = prompt_core::CsrBuilder::new(counts.cols());
    for i in 0..counts.rows() {
        let mut row = Vec::new();
        counts.row(i).for_each(|j, v| {
            if v != 0.0 {
                row.push((j as u32, v as f32));
            }
        });
        csr.push_pairs(&row);
    }
    close("sparse", &chi2(&csr.finish().into(), &codes, &ctx()), &score("chi2"), 1e-10);
}

#[test]
fn the_best_columns_keep_their_order_and_what_cannot_be_scored_is_refused() {
    let x = Matrix::from(Dense::from_rows(&[
        [3.0, 1.0, -1.0],
        [3.0, 2.0, -2.1],
        [3.0, 3.0, -2.9],
        [3.0, 4.0, -4.2],
    ]));
    let y = Target::regression(vec![1.0, 2.0, 3.0, 4.0]).unwrap();
    let fitted = SelectKBest::default().score("correlation".into()).k(2).fit(&x, &y, &ctx()).unwrap();
    assert_eq!((fitted.kept(), fitted.scores()[0]), (&[1, 2][..], -1.0));
    assert_eq!(fitted.transform(&x).unwrap().to_dense().row(0), [1.0, -1.0]);
    let refused = |score: &str, x: &Matrix, y: &Target| {
        SelectKBest::default().score(score.into()).fit(x, y, &ctx()).unwrap_err().to_string()
    };
    assert!(refused("chi2", &x, &y).contains("take `f`"));
    let classes = Target::labels(["a", "b", "a", "b"]);
    assert!(refused("chi2", &x, &classes).contains("row 0, column `x2` is -1"));
    assert!(refused("f", &x, &y.clone().with_weights(vec![1.0; 4]).unwrap()).contains("weights"));
    let gap = Matrix::from(Dense::from_rows(&[[1.0], [NAN], [2.0], [3.0]]));
    assert!(refused("f", &gap, &y).contains("row 1, column `x0` is missing"));
}

#[test]
fn isolation_scores_lie_within_the_spread_of_scikit_learns() {
    let e = expected();
    let cloud = matrix(&e["cloud"]);
    let (mean, std) = (numbers(&e["isolation_mean"]), numbers(&e["isolation_std"]));
    let fitted = IsolationForest::default().fit(&cloud, &(), &ctx()).unwrap();
    let scores = fitted.scores(&cloud).unwrap();
    // One forest among their twenty: the deviations are standard normal, so their mean square is near 1.
    let z: Vec<f64> = scores.iter().zip(&mean).zip(&std).map(|((s, m), d)| (s - m) / d).collect();
    let square = z.iter().map(|z| z * z).sum::<f64>() / z.len() as f64;
    assert!((0.5..2.0).contains(&square), "mean square deviation {square}");
    let bias = scores.iter().zip(&mean).map(|(s, m)| s - m).sum::<f64>() / z.len() as f64;
    assert!(bias.abs() < 0.01, "mean deviation {bias}");
    let of_threads = |n| IsolationForest::default().fit(&cloud, &(), &ctx().threads(n)).unwrap();
    assert_eq!(of_threads(1), of_threads(16));
    let back = FittedIsolationForest::decode(&fitted.encode().unwrap(), &Catalog::new()).unwrap();
    assert_eq!(back.scores(&cloud).unwrap(), scores);
    let gap = Matrix::from(Dense::from_rows(&[[1.0, NAN, 0.0]]));
    assert!(fitted.scores(&gap).unwrap_err().to_string().contains("missing"));
}

#[test]
fn outliers_are_clipped_left_out_or_marked() {
    let mut values: Vec<f64> = (0..99).map(|i| f64::from(i % 10)).collect();
    values.push(500.0);
    let table = Table::new()
        .with("n", Role::Feature, Column::Number(values))
        .and_then(|t| {
            t.with(
                "mostly_zero",
                Role::Feature,
                Column::Number((0..100).map(|i| f64::from(u8::from(i == 3))).collect()),
            )
        })
        .and_then(|t| t.with("gap", Role::Feature, Column::Number(vec![NAN; 100])))
        .unwrap();
    for method in ["iqr", "zscore", "isolation_forest"] {
        let filter = OutlierFilter::default().method(method.into()).action("drop".into());
        // The fences of z-scores tell rare ones from none, so that 3 in "mostly_zero" is one.
        let filter = if method == "isolation_forest" { filter.threshold(Some(0.65)) } else { filter };
        let fitted = filter.learn(&table, &ctx()).unwrap();
        let outside = fitted.outside(&table).unwrap();
        assert!(outside[99] && fitted.drops(), "{method}");
        assert!(outside.iter().filter(|o| **o).count() <= 2, "{method}: {outside:?}");
        let back = FittedOutlierFilter::decode(&fitted.encode().unwrap(), &Catalog::new()).unwrap();
        assert_eq!(back.outside(&table).unwrap(), outside);
        // Rows to be predicted stay.
        assert_eq!(fitted.transform(&table).unwrap().rows(), 100);
    }
    let clipped =
        OutlierFilter::default().fit(&table, &none(100), &ctx()).unwrap().transform(&table).unwrap();
    let Some(Column::Number(n)) = clipped.column("n") else { panic!("no numbers") };
    assert!(n[99] < 20.0 && n[..99].iter().all(|v| *v < 10.0));
    let Some(Column::Number(rare)) = clipped.column("mostly_zero") else { panic!("no numbers") };
    assert_eq!(rare[3], 1.0, "a column without a spread has no fences");
    let mark = OutlierFilter::default().action("mark".into());
    let marked = mark.fit(&table, &none(100), &ctx()).unwrap().transform(&table).unwrap();
    let Some(Column::Number(marks)) = marked.column("<outlier>") else { panic!("no marks") };
    assert_eq!((marks[99], marks.iter().sum::<f64>()), (1.0, 1.0));
    let clip = OutlierFilter::default().method("isolation_forest".into()).validate().unwrap_err().to_string();
    assert!(clip.contains("`action` must be drop or mark"), "{clip}");
}

#[test]
fn ten_thousand_columns_of_fifty_rows_are_prepared() {
    let table = (0..10_000).fold(Table::new(), |table, j: i32| {
        let value = |i: i32| if (i + j) % 11 == 0 { NAN } else { f64::from(i * j % 97) };
        table.with(&format!("c{j}"), Role::Feature, Column::Number((0..50).map(value).collect())).unwrap()
    });
    let y = Target::labels((0..50).map(|i| ["a", "b"][i % 2]));
    let (imputer, filled) = Imputer::default().fit_transform(&table, &y, &ctx()).unwrap();
    let clipped = OutlierFilter::default().fit_transform(&filled, &y, &ctx()).unwrap().1;
    let encoder = TableEncoder::default().fit(&clipped).unwrap();
    let x = encoder.transform(&clipped).unwrap();
    let (selection, x) = SelectKBest::default().k(20).fit_transform(&x, &y, &ctx()).unwrap();
    assert_eq!((x.rows(), x.cols(), selection.kept().len()), (50, 20, 20));
    assert_eq!(imputer.transform(&table).unwrap(), filled);
}

#[test]
fn numbers_near_the_largest_are_scaled() {
    let largest = f64::MAX;
    let x = Matrix::from(Dense::from_rows(&[[largest], [-largest], [0.0], [largest / 2.0]]));
    let y = none(4);
    let scaled = [
        StandardScaler::default().fit(&x, &y, &ctx()).unwrap(),
        RobustScaler::default().fit(&x, &y, &ctx()).unwrap(),
        MinMaxScaler::default().fit(&x, &y, &ctx()).unwrap(),
    ]
    .map(|scaler| match scaler.transform(&x).unwrap() {
        Matrix::Dense(dense) => dense.column(0).to_vec(),
        Matrix::Sparse(_) => panic!("numbers are dense"),
    });
    for values in &scaled {
        assert!(values.iter().all(|v| v.is_finite()), "{values:?}");
        assert!(values[1] < values[2] && values[2] < values[3] && values[3] < values[0], "{values:?}");
    }
    let spread = scaled[0].iter().map(|v| v * v).sum::<f64>() / 4.0;
    assert!((spread - 1.0).abs() < 1e-12, "standard: {:?}", scaled[0]);
}
