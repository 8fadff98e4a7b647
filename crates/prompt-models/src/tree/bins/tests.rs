use prompt_core::{CsrBuilder, Seed};

use super::*;

fn ctx() -> FitContext {
    FitContext::new(0)
}

fn column(values: Vec<f64>) -> Matrix {
    Matrix::from(Dense::new(values.len(), 1, values).unwrap())
}

fn fit(x: &Matrix, max_bins: usize) -> Bins {
    Bins::fit(x, None, BinOptions { max_bins, min_weight: 0.0 }, &ctx())
}

#[test]
fn codes_and_cuts_send_every_number_the_same_way() {
    let mut rng = Seed::new(3).rng();
    for (n, most) in [(50, 255), (5000, 255), (5000, 7), (5000, 60_000)] {
        let mut values: Vec<f64> = (0..n).map(|_| (rng.normal() * 100.0).round() / 8.0).collect();
        values[n / 2] = f64::NAN;
        let x = column(values.clone());
        let bins = fit(&x, most);
        let bins = bins.column(0);
        assert!(bins.bins() <= most && bins.has_missing());
        for v in values.iter().filter(|v| !v.is_nan()) {
            let code = bins.code(*v);
            assert!(bins.range(code).0 <= *v && *v <= bins.range(code).1);
            for (b, cut) in bins.cuts().iter().enumerate() {
                assert_eq!(code <= b, v <= cut);
            }
        }
        let codes: Binned<u16> = fit(&x, most).apply(&x, &ctx());
        assert!((0..n).all(|i| codes.code(i, 0).bin() == bins.code(values[i])));
    }
}

#[test]
fn few_values_have_a_bin_each() {
    let bins = fit(&column(vec![3.0, 1.0, 3.0, 2.0, -0.0, 0.0]), 255);
    assert_eq!(bins.column(0).cuts(), [0.5, 1.5, 2.5]);
    assert_eq!(bins.column(0).threshold(0, 3), 1.5);
}

#[test]
fn quantile_bins_weigh_about_the_same() {
    let x = column((0..10_000).map(|i| f64::from(i).powi(2)).collect());
    let codes: Binned<u8> = fit(&x, 100).apply(&x, &ctx());
    let mut counts = [0; 256];
    codes.dense_column(0).unwrap().iter().for_each(|c| counts[usize::from(*c)] += 1);
    assert!(counts[..100].iter().all(|c| (90..=110).contains(c)), "{counts:?}");
}

#[test]
fn rows_of_weight_zero_are_not_there() {
    let values: Vec<f64> = (0..2000).map(|i| f64::from(i * 7919 % 2000)).collect();
    let weights: Vec<f64> = (0..2000).map(|i| f64::from(i % 3)).collect();
    let kept: Vec<usize> = (0..2000).filter(|i| weights[*i] > 0.0).collect();
    let x = column(values);
    let options = BinOptions { max_bins: 20, min_weight: 0.0 };
    let some: Vec<f64> = kept.iter().map(|&i| weights[i]).collect();
    assert_eq!(
        Bins::fit(&x, Some(&weights), options, &ctx()),
        Bins::fit(&x.select_rows(&kept), Some(&some), options, &ctx())
    );
}

#[test]
fn sparse_and_dense_columns_have_the_same_codes() {
    let mut rng = Seed::new(9).rng();
    for density in [0.02, 0.5, 1.0] {
        let mut builder = CsrBuilder::new(30);
        for _ in 0..400 {
            let row: Vec<(u32, f32)> = (0..30)
                .filter(|_| rng.chance(density))
                .collect::<Vec<u32>>()
                .into_iter()
                .map(|j| (j, (rng.below(90) as f32 - 30.0) / 4.0))
                .collect();
            builder.push_pairs(&row);
        }
        let sparse = Matrix::from(builder.finish());
        let dense = Matrix::from(sparse.to_dense());
        for weights in [None, Some((0..400).map(|i| f64::from(i % 2)).collect::<Vec<f64>>())] {
            let options = BinOptions { max_bins: 12, min_weight: 0.0 };
            let bins = Bins::fit(&sparse, weights.as_deref(), options, &ctx());
            assert_eq!(bins, Bins::fit(&dense, weights.as_deref(), options, &ctx()));
            let (a, b): (Binned<u8>, Binned<u8>) = (bins.apply(&sparse, &ctx()), bins.apply(&dense, &ctx()));
            assert_eq!(a.by_rows(32).is_none(), density < 0.1);
            let rows = b.by_rows(32).unwrap();
            for (i, j) in (0..400).flat_map(|i| (0..30).map(move |j| (i, j))) {
                assert_eq!((a.code(i, j), b.code(i, j)), (b.code(i, j), rows[i * 32 + j]));
            }
            if let Storage::Sparse(codes) = a.storage() {
                let by_columns: usize = (0..30).map(|j| codes.stored(j)).sum();
                let by_rows: usize = (0..400).map(|i| codes.row(i).0.len()).sum();
                assert_eq!(by_columns, by_rows);
                assert_eq!(codes.zero()[3].bin(), bins.column(3).code(0.0));
            }
        }
    }
}

#[test]
fn categories_are_bins_by_frequency_and_the_rarest_share_one() {
    let data = vec![2.0, 2.0, 2.0, 0.0, 0.0, 4.0, 1.0, f64::NAN];
    let x = Matrix::from(Dense::new(8, 1, data).unwrap().with_categorical(vec![70]).unwrap());
    let bins = fit(&x, 255);
    let bins = bins.column(0);
    assert!(bins.is_categorical() && bins.cuts().is_empty());
    assert_eq!(
        [2.0, 0.0, 1.0, 4.0, 3.0, -1.0, 1e9, f64::NAN].map(|v| bins.code(v)),
        [0, 1, 2, 3, 4, 4, 4, 4]
    );
    assert_eq!(bins.level_set(|b| b == 0 || b == 3, false), [0b10100, 0]);
    assert_eq!(bins.level_set(|b| b < 3, true), [!(1 << 4), (1 << 6) - 1]);
    let few = fit(&x, 3);
    assert_eq!([2.0, 0.0, 1.0, 4.0, 5.0].map(|v| few.column(0).code(v)), [0, 1, 2, 2, 3]);
}

#[test]
fn odd_columns_have_bins_too() {
    let x = Matrix::from(Dense::from_rows(&[[f64::NAN, 5.0, f64::MAX], [f64::NAN, 5.0, f64::MIN]]));
    let bins = fit(&x, 255);
    assert_eq!([0, 1, 2].map(|j| bins.column(j).bins()), [0, 1, 2]);
    let codes: Binned<u8> = bins.apply(&x, &ctx());
    assert_eq!(codes.dense_column(0), Some(&[0, 0][..]));
    assert_eq!(codes.dense_column(2), Some(&[1, 0][..]));
    assert_eq!(bins.column(1).code(f64::INFINITY), 0);
}
