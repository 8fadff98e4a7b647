//! exp and the activations over sweeps, norms, softmax, pooling and dot products against f64.
#![allow(clippy::unwrap_used, reason = "what a test builds, it unwraps as the test does")]
mod common;

use common::{Random, cases, close, erf, levels, most, pools, same_bits};
use prompt_kernels::{
    Activation, Error, Level, Norm, Pool, Rows, RowsMut, apply, axpy, dot, exp, normalise, pool, softmax,
    unit_length,
};

/// Evenly spaced numbers from one end to the other.
fn sweep(from: f32, to: f32) -> Vec<f32> {
    let n = if cfg!(miri) { 12 } else { 200_000 };
    (0..=n).map(|i| from + (to - from) * i as f32 / n as f32).collect()
}

#[test]
fn exp_is_within_two_units_in_the_last_place() {
    for level in levels() {
        let x = sweep(-87.3, 88.7);
        let mut y = x.clone();
        exp(level, &mut y);
        let mut worst = 0.0f64;
        for (&x, &y) in x.iter().zip(&y) {
            let exact = f64::from(x).exp();
            let unit = f64::from(f32::from_bits((exact as f32).to_bits() + 1)) - f64::from(exact as f32);
            worst = worst.max((f64::from(y) - exact).abs() / unit);
        }
        assert!(worst <= 2.0, "{level}: {worst} units");
        eprintln!("{level}: exp at most {worst:.2} units in the last place off");

        let mut ends = [-87.4, -1e30, f32::NEG_INFINITY, 88.8, 1e30, f32::INFINITY, f32::NAN, 0.0, -0.0];
        exp(level, &mut ends);
        assert_eq!(ends[..6], [0.0, 0.0, 0.0, f32::INFINITY, f32::INFINITY, f32::INFINITY], "{level}");
        assert!(ends[6].is_nan() && ends[7] == 1.0 && ends[8] == 1.0, "{level}");
    }
}

#[test]
fn activations_are_within_their_bounds() {
    let exact = |a: Activation, x: f64| match a {
        Activation::GeluErf => 0.5 * x * (1.0 + erf(x / 2f64.sqrt())),
        Activation::GeluTanh => {
            0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh())
        }
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
        _ => x.max(0.0),
    };
    for level in levels() {
        for (a, bound) in [
            (Activation::GeluErf, 3e-7),
            (Activation::GeluTanh, 3e-7),
            (Activation::Silu, 4e-7),
            (Activation::Tanh, 3e-7),
            (Activation::Relu, 0.0),
        ] {
            for range in [0.01, 1.0, 12.0, 200.0] {
                let x = sweep(-range, range);
                let mut y = x.clone();
                apply(level, a, &mut y);
                for (&x, &y) in x.iter().zip(&y) {
                    let (e, scale) = (exact(a, f64::from(x)), f64::from(x.abs()).max(1.0));
                    assert!(
                        (f64::from(y) - e).abs() <= bound * scale,
                        "{level} {a:?}({x}) is {y}, expected {e}"
                    );
                }
            }
            let mut ends = [f32::NAN, f32::INFINITY, 1e30, -1e30];
            apply(level, a, &mut ends);
            let tops = if a == Activation::Tanh { (1.0, 1.0, -1.0) } else { (f32::INFINITY, 1e30, 0.0) };
            assert!(ends[0].is_nan(), "{level} {a:?}");
            assert_eq!((ends[1], ends[2], ends[3] + 0.0), tops, "{level} {a:?}");
        }
    }
}

#[test]
fn where_a_number_stands_changes_nothing() {
    let x = Random(31).floats(40);
    for level in levels() {
        for a in [Activation::GeluErf, Activation::GeluTanh, Activation::Silu, Activation::Tanh] {
            let mut whole = x.clone();
            apply(level, a, &mut whole);
            for from in (0..40).step_by(if cfg!(miri) { 13 } else { 1 }) {
                let mut part = x[from..].to_vec();
                apply(level, a, &mut part);
                same_bits(&format!("{level} {a:?}"), &part, &whole[from..]);
            }
        }
    }
}

#[test]
fn norms_equal_their_formula() {
    let mut random = Random(32);
    for _ in 0..cases(100) {
        let (rows, cols, pad) = (random.between(0, 5), random.between(1, most(100)), random.between(0, 3));
        let stride = cols + pad;
        let (x, residual) = (random.floats(rows * stride), random.floats(rows * cols));
        let (gamma, beta) = (random.floats(cols), random.floats(cols));
        let with_residual = random.between(0, 1) == 1;
        for (norm, centred) in
            [(Norm::layer(&gamma, Some(&beta), 1e-5), true), (Norm::rms(&gamma, 1e-6), false)]
        {
            let mut expected = Vec::new();
            for i in 0..rows {
                let row: Vec<f64> = (0..cols)
                    .map(|j| {
                        f64::from(x[i * stride + j])
                            + if with_residual { f64::from(residual[i * cols + j]) } else { 0.0 }
                    })
                    .collect();
                let mean = if centred { row.iter().sum::<f64>() / cols as f64 } else { 0.0 };
                let variance = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / cols as f64;
                let scale = 1.0 / (variance + f64::from(norm.epsilon)).sqrt();
                for (j, v) in row.iter().enumerate() {
                    let b = norm.beta.map_or(0.0, |b| f64::from(b[j]));
                    expected.push((v - mean) * scale * f64::from(gamma[j]) + b);
                }
            }
            for level in levels() {
                let mut out = x.clone();
                let to = RowsMut::strided(&mut out, rows, cols, stride).unwrap();
                let other = with_residual.then(|| Rows::new(&residual, rows, cols).unwrap());
                normalise(level, to, other, norm, random.between(0, 3)).unwrap();
                let dense: Vec<f32> = out.chunks(stride).flat_map(|r| &r[..cols]).copied().collect();
                // One or two columns: the deviation itself is a difference of nearly equal numbers.
                close(&format!("{level} {rows} × {cols}"), &dense, &expected, 10.0, 1e-5);
            }
        }
    }
}

#[test]
fn a_row_is_normalised_the_same_on_any_number_of_threads() {
    let n = if cfg!(miri) { 40 } else { 2000 };
    let x = Random(35).floats(n * 33);
    let gamma = [0.5; 33];
    for level in levels() {
        let run = |threads: usize| {
            let mut out = x.clone();
            let rows = RowsMut::new(&mut out, n, 33).unwrap();
            normalise(level, rows, None, Norm::layer(&gamma, None, 1e-5), threads).unwrap();
            out
        };
        for &threads in pools() {
            let found = common::pool(threads).install(|| run(threads));
            same_bits(&format!("{level}, {threads} threads"), &found, &run(1));
        }
    }
}

#[test]
fn softmax_equals_its_formula() {
    let mut random = Random(33);
    for _ in 0..cases(100) {
        let (rows, cols) = (random.between(0, 4), random.between(0, most(70)));
        let x: Vec<f32> = random.floats(rows * cols).iter().map(|v| v * 30.0).collect();
        let mut expected = Vec::new();
        for row in x.chunks(cols.max(1)) {
            let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let e: Vec<f64> = row.iter().map(|&v| (f64::from(v) - f64::from(top)).exp()).collect();
            let total: f64 = e.iter().sum();
            expected.extend(e.iter().map(|v| v / total));
        }
        for level in levels() {
            let mut out = x.clone();
            softmax(level, RowsMut::new(&mut out, rows, cols).unwrap());
            close(&format!("{level} {rows} × {cols}"), &out, &expected, 1.0, 1e-6);
        }
    }
    for level in levels() {
        let mut x = [f32::NAN, 1.0, 2.0, 3.0, f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY, f32::NEG_INFINITY];
        softmax(level, RowsMut::new(&mut x, 4, 2).unwrap());
        assert!(x[0].is_nan() && x[1].is_nan() && x[6].is_nan() && x[7].is_nan(), "{level}: {x:?}");
        assert_eq!(x[4..6], [0.0, 1.0], "{level}");
    }
}

#[test]
fn pooling_dots_and_sums() {
    let mut random = Random(34);
    for _ in 0..cases(100) {
        let (rows, cols) = (random.between(0, 6), random.between(0, most(70)));
        let (x, y) = (random.floats(rows * cols), random.floats(cols));
        let first = &x[..cols.min(x.len())];
        for level in levels() {
            for how in [Pool::Mean, Pool::Max] {
                let mut out = vec![9.0; cols];
                pool(level, how, Rows::new(&x, rows, cols).unwrap(), &mut out).unwrap();
                let expected: Vec<f64> = (0..cols)
                    .map(|j| {
                        let column = (0..rows).map(|i| f64::from(x[i * cols + j]));
                        match how {
                            _ if rows == 0 => 0.0,
                            Pool::Mean => column.sum::<f64>() / rows as f64,
                            Pool::Max => column.fold(f64::NEG_INFINITY, f64::max),
                        }
                    })
                    .collect();
                close(&format!("{level} {how:?}"), &out, &expected, 1.0, 1e-6);
            }
            if rows > 0 {
                let exact: f64 = first.iter().zip(&y).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
                close("dot", &[dot(level, first, &y).unwrap()], &[exact], 8.0, 1e-6);
                let mut sum = y.clone();
                axpy(level, 0.5, first, &mut sum).unwrap();
                let exact: Vec<f64> =
                    y.iter().zip(first).map(|(&y, &x)| f64::from(y) + 0.5 * f64::from(x)).collect();
                close("axpy", &sum, &exact, 1.0, 1e-6);
            }
            let mut unit = y.clone();
            unit_length(level, &mut unit);
            let length: f64 = unit.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
            assert!(cols == 0 || (length - 1.0).abs() < 1e-5, "{level}: {length}");
        }
    }
    for level in levels() {
        for nan in 0..2 {
            let mut x = [1.0, f32::INFINITY];
            x[nan] = f32::NAN;
            let mut out = [0.0];
            pool(level, Pool::Max, Rows::new(&x, 2, 1).unwrap(), &mut out).unwrap();
            assert!(out[0].is_nan(), "{level}: {x:?}");
            x[1 - nan] = f32::INFINITY;
            pool(level, Pool::Max, Rows::new(&x, 2, 1).unwrap(), &mut out).unwrap();
            assert!(out[0].is_nan(), "{level}: {x:?}");
        }
        let mut out = [0.0];
        pool(level, Pool::Max, Rows::new(&[f32::INFINITY, f32::NEG_INFINITY], 2, 1).unwrap(), &mut out)
            .unwrap();
        assert_eq!(out, [f32::INFINITY]);
        let mut zero = [0.0; 3];
        unit_length(level, &mut zero);
        assert_eq!(zero, [0.0; 3]);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let level = Level::PORTABLE;
    assert!(matches!(dot(level, &[1.0], &[]), Err(Error::Length { what: "b", .. })));
    assert!(matches!(axpy(level, 1.0, &[1.0], &mut []), Err(Error::Length { what: "x", .. })));
    let rows = Rows::new(&[1.0, 2.0], 1, 2).unwrap();
    assert!(matches!(pool(level, Pool::Mean, rows, &mut [0.0]), Err(Error::Length { .. })));
    let mut x = [1.0, 2.0];
    let refused = |x: &mut [f32], residual, norm| {
        normalise(level, RowsMut::new(x, 1, 2).unwrap(), residual, norm, 1).unwrap_err()
    };
    assert!(matches!(
        refused(&mut x, None, Norm::layer(&[1.0], None, 0.0)),
        Error::Length { what: "gamma", .. }
    ));
    let norm = Norm::layer(&[1.0; 2], Some(&[1.0; 3]), 0.0);
    assert!(matches!(refused(&mut x, None, norm), Error::Length { what: "beta", .. }));
    let other = Rows::new(&[1.0, 2.0], 2, 1).unwrap();
    assert!(matches!(refused(&mut x, Some(other), Norm::rms(&[1.0; 2], 0.0)), Error::Shape { .. }));
    assert_eq!(x, [1.0, 2.0]);
}
