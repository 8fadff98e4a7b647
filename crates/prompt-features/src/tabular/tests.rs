use prompt_core::artifact::{Artifact, Catalog, Persist};
use prompt_core::{Column, Matrix, Role, Table};

use super::*;

const NAN: f64 = f64::NAN;

fn table() -> Table {
    let feature = |table: Table, name: &str, column| table.with(name, Role::Feature, column).unwrap();
    let t = feature(Table::new(), "n", Column::Number(vec![1.0, NAN, 3.0, 8.0]));
    let t = feature(t, "c", Column::category([Some("b"), Some("a"), Some("b"), None]));
    let t = feature(t, "t", Column::Time(vec![Some(0), None, Some(86_400_000), Some(0)]));
    t.with("y", Role::Target, Column::Number(vec![0.0; 4])).unwrap()
}

fn dense(matrix: &Matrix, row: usize) -> Vec<f64> {
    matrix.to_dense().row(row).to_vec()
}

#[test]
fn missing_numbers_are_filled_with_what_the_fit_saw() {
    let x = TableEncoder::default().fit(&table()).unwrap().transform(&table()).unwrap();
    assert_eq!(dense(&x, 1)[0], 4.0);
    let median = TableEncoder::default().impute("median".into()).fit(&table()).unwrap();
    assert_eq!(dense(&median.transform(&table()).unwrap(), 1)[0], 3.0);
    let kept = TableEncoder::default().impute("none".into()).fit(&table()).unwrap();
    assert!(dense(&kept.transform(&table()).unwrap(), 1)[0].is_nan());
}

#[test]
fn scaling_gives_mean_zero_and_deviation_one() {
    let fitted = TableEncoder::default().scale("standard".into()).fit(&table()).unwrap();
    let column = fitted.transform(&table()).unwrap().to_dense().column(0);
    let mean = column.iter().sum::<f64>() / 4.0;
    let variance = column.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 4.0;
    assert!(mean.abs() < 1e-12 && (variance - 1.0).abs() < 1e-12);
    let fitted = TableEncoder::default().scale("min_max".into()).fit(&table()).unwrap();
    let wide = Table::new()
        .with("n", Role::Feature, Column::Number(vec![-5.0, 4.5, 99.0]))
        .and_then(|t| t.with("c", Role::Feature, Column::category([Some("a"), None, Some("b")])))
        .and_then(|t| t.with("t", Role::Feature, Column::Time(vec![None; 3])))
        .unwrap();
    assert_eq!(fitted.transform(&wide).unwrap().to_dense().column(0), [0.0, 0.5, 1.0]);
}

#[test]
fn codes_are_marked_and_unseen_levels_are_missing() {
    let fitted = TableEncoder::default().categories("codes".into()).fit(&table()).unwrap();
    let other = Table::new()
        .with("n", Role::Feature, Column::Number(vec![0.0; 3]))
        .and_then(|t| t.with("c", Role::Feature, Column::category([Some("new"), Some("b"), None])))
        .and_then(|t| t.with("t", Role::Feature, Column::Time(vec![Some(0); 3])))
        .unwrap();
    let Matrix::Dense(x) = fitted.transform(&other).unwrap() else { panic!("dense expected") };
    assert_eq!(x.categorical().unwrap()[..2], [0, 2]);
    let codes = x.column(1);
    assert!(codes[0].is_nan() && codes[1] == 1.0 && codes[2].is_nan());
}

#[test]
fn one_hot_columns_are_sparse_where_asked_and_hold_the_same_numbers() {
    let levels: Vec<Option<String>> = (0..40).map(|i| Some(format!("level {}", i % 10))).collect();
    let table = Table::new()
        .with("c", Role::Feature, Column::category(levels))
        .and_then(|t| t.with("n", Role::Feature, Column::Number((0..40).map(f64::from).collect())))
        .unwrap();
    let dense = TableEncoder::default().fit(&table).unwrap().transform(&table).unwrap();
    let sparse = TableEncoder::default().sparse(true).fit(&table).unwrap().transform(&table).unwrap();
    assert!(matches!(sparse, Matrix::Sparse(_)));
    assert_eq!(sparse.to_dense().data(), dense.to_dense().data());
}

#[test]
fn only_the_most_frequent_levels_are_kept() {
    let levels = ["a", "b", "b", "c", "c", "c"].map(Some);
    let table = Table::new().with("c", Role::Feature, Column::category(levels)).unwrap();
    let fitted = TableEncoder::default().max_levels(2).fit(&table).unwrap();
    assert_eq!(fitted.names().iter().collect::<Vec<_>>(), ["c=b", "c=c"]);
    assert_eq!(dense(&fitted.transform(&table).unwrap(), 0), [0.0, 0.0]);
}

#[test]
fn a_column_of_another_kind_is_read_where_it_can_be() {
    let fitted = TableEncoder::default().fit(&table()).unwrap();
    let with = |n: Column, c: Column| {
        Table::new()
            .with("n", Role::Feature, n)
            .and_then(|t| t.with("c", Role::Feature, c))
            .and_then(|t| t.with("t", Role::Feature, Column::Number(vec![NAN])))
            .unwrap()
    };
    let read = fitted.transform(&with(Column::category([Some("2.5")]), Column::Text(vec![Some("a".into())])));
    assert_eq!(dense(&read.unwrap(), 0)[..4], [2.5, 1.0, 0.0, 0.0]);
    let error = fitted.transform(&with(Column::category([Some("x")]), Column::Text(vec![None]))).unwrap_err();
    assert!(error.to_string().contains("column `n` holds `x`"), "{error}");
    let error = fitted.transform(&Table::new()).unwrap_err().to_string();
    assert!(error.starts_with("unknown column `n`"), "{error}");
}

#[test]
fn text_is_refused_unless_skipped_and_nothing_is_no_table() {
    let text = Table::new().with("words", Role::Feature, Column::Text(vec![Some("hi".into())])).unwrap();
    assert!(TableEncoder::default().fit(&text).unwrap_err().to_string().contains("`words`"));
    assert!(
        TableEncoder::default().skip_text(true).fit(&text).unwrap_err().to_string().contains("no column")
    );
    assert!(TableEncoder::default().fit(&Table::new()).is_err());
}

#[test]
fn a_saved_encoder_gives_the_same_numbers() {
    for encoder in
        [TableEncoder::default().scale("standard".into()), TableEncoder::default().categories("codes".into())]
    {
        let fitted = encoder.fit(&table()).unwrap();
        let back = FittedTableEncoder::decode(&fitted.encode().unwrap(), &Catalog::new()).unwrap();
        assert_eq!(back, fitted);
        let bits = |f: &FittedTableEncoder| -> Vec<u64> {
            f.transform(&table()).unwrap().to_dense().data().iter().map(|v| v.to_bits()).collect()
        };
        assert_eq!(bits(&back), bits(&fitted));
    }
}
