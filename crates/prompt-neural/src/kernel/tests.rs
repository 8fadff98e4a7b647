//! Formulas, differences, sums.

use super::*;

#[test]
fn exponential_and_error_function_are_close_everywhere() {
    for i in -8700..=500 {
        let x = i as f32 / 100.0;
        let expected = f64::from(x).exp();
        assert!((f64::from(exp(x)) / expected - 1.0).abs() < 4e-7, "exp({x}) = {}", exp(x));
    }
    // erf(0.5), erf(1), erf(2) by Abramowitz and Stegun's table 7.1.
    for (x, expected) in [(0.0, 0.0), (0.5, 0.520_499_9), (1.0, 0.842_700_8), (2.0, 0.995_322_3), (9.0, 1.0)]
    {
        assert!((erf(x) - expected).abs() < 3e-7 && (erf(-x) + expected).abs() < 3e-7, "erf({x})");
    }
}

#[test]
fn slopes_are_differences() {
    let at: Vec<f32> = (-40..40).map(|i| i as f32 / 10.0).collect();
    let value = |shift: f32| -> Vec<f32> {
        let mut x: Vec<f32> = at.iter().map(|v| v + shift).collect();
        let mut out = vec![0.0; x.len()];
        gelu(&mut x, &[0.0; 8], &mut out);
        out
    };
    let (mut slope, mut out) = (at.clone(), vec![0.0; at.len()]);
    gelu(&mut slope, &[0.0; 8], &mut out);
    let mut alone = at.clone();
    gelu_alone(&mut alone, &[0.0; 8]);
    assert_eq!(alone, out);
    for ((s, a), b) in slope.iter().zip(value(1e-2)).zip(value(-1e-2)) {
        assert!((s - (a - b) / 2e-2).abs() < 1e-3, "{s}");
    }
    let mut shifted: Vec<f32> = at.iter().map(|v| v - 0.5).collect();
    gelu_alone(&mut shifted, &[0.5; 8]);
    assert!(shifted.iter().zip(&out).all(|(a, b)| (a - b).abs() < 1e-6));
}

/// 70 rows: two whole blocks and a part of one.
fn rows(width: usize, seed: u64) -> Vec<f32> {
    let mut rng = prompt_core::Seed::new(seed).rng();
    (0..70 * width).map(|_| rng.normal() as f32).collect()
}

#[test]
fn columns_are_summed_over_all_rows() {
    let (mut x, y) = (rows(20, 1), rows(20, 2));
    let expected: Vec<f64> =
        (0..20).map(|c| (0..70).map(|r| f64::from(x[r * 20 + c]) * f64::from(y[r * 20 + c])).sum()).collect();
    let sums = multiply_and_sum(&mut x, &y, 20);
    assert_eq!(sums, column_sums(&x, 20));
    assert!(sums.iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-4));
}

#[test]
fn heads_are_joined_where_they_belong() {
    // Numbers that say where they belong: 5 rows of 14 tokens, 2 heads of 3 numbers.
    let [heads, length, size] = [2, 14, 3];
    let mut x = Vec::new();
    for row in 0..5 {
        for head in 0..heads {
            for token in 0..length {
                x.extend((0..size).map(|i| (((row * length + token) * heads + head) * size + i) as f32));
            }
        }
    }
    let joined = join_heads(&x, [heads, length, size]);
    assert!(joined.iter().enumerate().all(|(i, v)| *v == i as f32));
}

#[test]
fn rows_are_normalised_with_what_is_added() {
    let (x, residual, mask) = (rows(24, 3), rows(24, 4), rows(24, 5));
    let [bias, gamma, beta] = [6, 7, 8].map(|seed| rows(24, seed)[..24].to_vec());
    for mask in [None, Some(&mask[..])] {
        let added = Added { bias: &bias, mask, residual: &residual };
        let (mut kept, mut alone) = (x.clone(), x.clone());
        let normed = add_and_norm(&mut kept, added, &gamma, &beta, 1e-5, true).unwrap();
        assert!(add_and_norm(&mut alone, added, &gamma, &beta, 1e-5, false).is_none());
        assert_eq!(kept, alone);
        for row in 0..70 {
            let own = row * 24..(row + 1) * 24;
            let sum: Vec<f64> = (own.clone())
                .map(|i| {
                    let m = mask.map_or(1.0, |m| f64::from(m[i]));
                    f64::from(x[i] + bias[i % 24]) * m + f64::from(residual[i])
                })
                .collect();
            let mean = sum.iter().sum::<f64>() / 24.0;
            let variance = sum.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 24.0;
            for (i, sum) in own.zip(sum) {
                let centred = (sum - mean) / (variance + 1e-5).sqrt();
                assert!((f64::from(normed.centred[i]) - centred).abs() < 1e-5);
                let expected = centred * f64::from(gamma[i % 24]) + f64::from(beta[i % 24]);
                assert!((f64::from(kept[i]) - expected).abs() < 1e-4);
            }
        }
    }
}

#[test]
fn shares_sum_to_one_and_what_lies_beyond_has_none() {
    let mut x: Vec<f32> = (0..40).map(|i| (i % 7) as f32 * 30.0).collect();
    softmax(&mut x, 20, 0.5, |i| 19 + i);
    assert!(x.chunks(20).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-6));
    assert_eq!(x[19], 0.0);
}
