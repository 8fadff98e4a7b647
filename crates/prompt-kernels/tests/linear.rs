//! The f32 product against f64 sums, over seeded shapes, strides, epilogues and threads, at every level.
#![allow(clippy::unwrap_used, reason = "what a test builds, it unwraps as the test does")]
mod common;

use common::{Random, cases, close, erf, levels, most, pool, pools, same_bits};
use prompt_kernels::{Activation, Combine, Epilogue, Error, Level, PackedF32, PackedI8, Rows, RowsMut, team};

const ACTIVATIONS: [Activation; 6] = [
    Activation::Identity,
    Activation::GeluErf,
    Activation::GeluTanh,
    Activation::Relu,
    Activation::Silu,
    Activation::Tanh,
];

fn activation(a: Activation, x: f64) -> f64 {
    match a {
        Activation::Identity => x,
        Activation::GeluErf => 0.5 * x * (1.0 + erf(x / 2f64.sqrt())),
        Activation::GeluTanh => {
            0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh())
        }
        Activation::Relu => x.max(0.0),
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
        _ => unreachable!("every activation is listed"),
    }
}

struct Case {
    m: usize,
    k: usize,
    n: usize,
    x: Vec<f32>,
    x_stride: usize,
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
    other: Vec<f32>,
    activation: Activation,
    /// 0 none, 1 add, 2 multiply
    combine: usize,
    out_stride: usize,
}

impl Case {
    fn new(random: &mut Random, m: usize, k: usize, n: usize) -> Self {
        let x_stride = k + random.between(0, 3);
        let out_stride = n + random.between(0, 5);
        let bias = (random.between(0, 1) == 1).then(|| random.floats(n));
        Self {
            m,
            k,
            n,
            x: random.floats(m * x_stride),
            x_stride,
            weight: random.floats(n * k),
            bias,
            other: random.floats(m * n),
            activation: random.pick(&ACTIVATIONS),
            combine: random.between(0, 2),
            out_stride,
        }
    }

    fn layer(&self, level: Level) -> PackedF32 {
        PackedF32::new(level, self.k, self.n, &self.weight, self.bias.as_deref()).unwrap()
    }

    fn run(&self, layer: &PackedF32, threads: usize) -> Vec<f32> {
        let mut out = vec![7.0; self.m * self.out_stride];
        let other = Rows::new(&self.other, self.m, self.n).unwrap();
        let combine = [Combine::None, Combine::Add(other), Combine::Multiply(other)][self.combine];
        let x = Rows::strided(&self.x, self.m, self.k, self.x_stride).unwrap();
        let to = RowsMut::strided(&mut out, self.m, self.n, self.out_stride).unwrap();
        layer.product(x, to, Epilogue { activation: self.activation, combine }, threads).unwrap();
        let mut dense = Vec::new();
        for row in out.chunks(self.out_stride.max(1)).take(self.m) {
            dense.extend_from_slice(&row[..self.n]);
            assert!(row[self.n..].iter().all(|&v| v == 7.0), "what lies between the rows is left alone");
        }
        dense
    }

    fn expected(&self) -> Vec<f64> {
        let mut out = Vec::new();
        for i in 0..self.m {
            for j in 0..self.n {
                let mut sum = self.bias.as_ref().map_or(0.0, |b| f64::from(b[j]));
                for p in 0..self.k {
                    sum += f64::from(self.x[i * self.x_stride + p]) * f64::from(self.weight[j * self.k + p]);
                }
                let y = activation(self.activation, sum);
                let other = f64::from(self.other[i * self.n + j]);
                out.push([y, y + other, y * other][self.combine]);
            }
        }
        out
    }
}

#[test]
fn equals_f64_sums_over_shapes_and_strides() {
    let mut random = Random(1);
    for case in 0..cases(300) {
        let shape = |random: &mut Random, largest: usize| match random.between(0, 3) {
            0 => random.between(0, 3),
            1 => random.between(0, 17),
            _ => random.between(1, most(largest)),
        };
        let (m, k, n) = (shape(&mut random, 40), shape(&mut random, 90), shape(&mut random, 120));
        let case_ = Case::new(&mut random, m, k, n);
        let expected = case_.expected();
        for level in levels() {
            let what = format!("case {case}: {m} × {k} × {n}, {:?}, {level}", case_.activation);
            let found = case_.run(&case_.layer(level), random.between(0, 3));
            close(&what, &found, &expected, (k as f64).sqrt(), 1e-5);
        }
    }
}

#[test]
fn long_sums_go_through_blocks() {
    let mut random = Random(2);
    for (m, k, n) in [(5, 257, 30), (9, 700, 49), (1, 1536, 100), (2, 513, 97)] {
        let (k, n) = if cfg!(miri) { (k / 20, n / 5) } else { (k, n) };
        let case = Case::new(&mut random, m, k, n);
        let expected = case.expected();
        for level in levels() {
            let found = case.run(&case.layer(level), 1);
            close(&format!("{m} × {k} × {n} {level}"), &found, &expected, (k as f64).sqrt(), 1e-5);
        }
    }
}

#[test]
fn a_row_is_the_same_alone_in_any_batch_and_on_any_number_of_threads() {
    let mut random = Random(3);
    let (k, n) = if cfg!(miri) { (20, 30) } else { (400, 203) };
    let case = Case { out_stride: n, ..Case::new(&mut random, if cfg!(miri) { 6 } else { 150 }, k, n) };
    for level in levels() {
        let layer = case.layer(level);
        let whole = case.run(&layer, 1);
        for &threads in pools() {
            let found = pool(threads).install(|| case.run(&layer, threads));
            same_bits(&format!("{level}, {threads} threads"), &found, &whole);
        }
        for (from, rows) in [(0, 1), (3, 1), (1, 2), (2, 3), (0, 5), (4, 100), (7, 129)] {
            let (from, rows) = (from.min(case.m - 1), rows.min(case.m - from.min(case.m - 1)));
            let part = Case {
                m: rows,
                x: case.x[from * case.x_stride..(from + rows) * case.x_stride].to_vec(),
                other: case.other[from * n..(from + rows) * n].to_vec(),
                weight: case.weight.clone(),
                bias: case.bias.clone(),
                ..case
            };
            let what = format!("{level}, rows {from}..{}", from + rows);
            same_bits(&what, &part.run(&layer, 1), &whole[from * n..(from + rows) * n]);
        }
    }
}

#[test]
fn some_columns_are_those_of_the_whole() {
    let mut random = Random(7);
    for _ in 0..cases(60) {
        let (m, k, n) =
            (random.between(0, most(30)), random.between(0, most(40)), random.between(1, most(300)));
        let case = Case { activation: Activation::Identity, combine: 0, ..Case::new(&mut random, m, k, n) };
        for level in levels() {
            let layer = case.layer(level);
            let whole = Case {
                out_stride: n,
                x: case.x.clone(),
                weight: Vec::new(),
                bias: None,
                other: case.other.clone(),
                ..case
            }
            .run(&layer, 1);
            let from = random.between(0, n);
            let wanted = from..random.between(from, n + 3);
            let columns = layer.whole_columns(wanted.clone());
            assert!(
                columns.start <= wanted.start && columns.end >= wanted.end.min(n),
                "{wanted:?} in {columns:?}"
            );
            let stride = columns.len() + random.between(0, 4);
            let mut found = vec![7.0; m * stride];
            let x = Rows::strided(&case.x, m, k, case.x_stride).unwrap();
            let out = RowsMut::strided(&mut found, m, columns.len(), stride).unwrap();
            layer.product_columns(x, out, columns.clone(), 1).unwrap();
            for i in 0..m {
                let (row, rest) = found[i * stride..][..stride].split_at(columns.len());
                same_bits(&format!("{level}, row {i}, {columns:?}"), row, &whole[i * n..][columns.clone()]);
                assert!(rest.iter().all(|&v| v == 7.0), "nothing is written beside the output");
            }
        }
    }
}

#[test]
fn columns_that_are_no_whole_panels_are_refused() {
    let layer = PackedF32::new(Level::PORTABLE, 1, 20, &[1.0; 20], None).unwrap();
    let mut y = [0.0; 20];
    for columns in [1..8, 0..7, 8..21] {
        let out = RowsMut::new(&mut y, 1, columns.len()).unwrap();
        let result = layer.product_columns(Rows::new(&[1.0], 1, 1).unwrap(), out, columns.clone(), 1);
        assert!(result.is_err(), "{columns:?}");
    }
}

#[test]
fn a_team_gives_the_same_bits() {
    let mut random = Random(8);
    let (k, n) = if cfg!(miri) { (10, 40) } else { (384, 500) };
    let case = Case { out_stride: n, ..Case::new(&mut random, if cfg!(miri) { 9 } else { 90 }, k, n) };
    for level in levels() {
        let layer = case.layer(level);
        let bytes = PackedI8::new(level, k, n, &case.weight, None).unwrap();
        let eight_bits = |threads: usize| {
            let mut y = vec![0.0; case.m * n];
            let x = Rows::strided(&case.x, case.m, k, case.x_stride).unwrap();
            let out = RowsMut::new(&mut y, case.m, n).unwrap();
            bytes.product(x, out, Epilogue::default(), threads).unwrap();
            y
        };
        let (whole, small) = (case.run(&layer, 1), eight_bits(1));
        for threads in [2, 3] {
            let found = pool(threads).install(|| {
                team(threads, || {
                    (0..cases(20))
                        .map(|_| (case.run(&layer, threads), eight_bits(threads)))
                        .collect::<Vec<_>>()
                })
            });
            for (a, b) in found {
                same_bits(&format!("{level}, {threads} threads"), &a, &whole);
                same_bits(&format!("{level}, {threads} threads, 8 bits"), &b, &small);
            }
        }
    }
}

#[test]
fn nan_spreads_along_its_row_alone_and_nothing_hangs() {
    for level in levels() {
        for a in ACTIVATIONS {
            let layer = PackedF32::new(level, 3, 30, &[0.5; 90], None).unwrap();
            let x = [1.0, 2.0, 3.0, 1.0, f32::NAN, 3.0, 1.0, 2.0, f32::INFINITY];
            let mut out = [0.0; 90];
            let (rows, to) = (Rows::new(&x, 3, 3).unwrap(), RowsMut::new(&mut out, 3, 30).unwrap());
            layer.product(rows, to, Epilogue::from(a), 2).unwrap();
            assert!(out[..30].iter().all(|v| v.is_finite()), "{level} {a:?}");
            assert!(out[30..60].iter().all(|v| v.is_nan()), "{level} {a:?}: {:?}", &out[30..60]);
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused_before_anything_is_written() {
    let level = Level::PORTABLE;
    assert!(matches!(
        PackedF32::new(level, 3, 2, &[0.0; 5], None),
        Err(Error::Length { what: "weight", found: 5, expected: 6, .. })
    ));
    assert!(matches!(
        PackedF32::new(level, 3, 2, &[0.0; 6], Some(&[0.0; 3])),
        Err(Error::Length { what: "bias", .. })
    ));
    assert!(matches!(PackedF32::new(level, usize::MAX, 2, &[], None), Err(Error::TooLarge { .. })));
    let layer = PackedF32::new(level, 3, 2, &[1.0; 6], None).unwrap();
    let (x, mut out) = ([1.0; 12], [9.0; 12]);
    let mut refused = |rows: usize, cols: usize, to: (usize, usize), combine: Combine<'_>| {
        let epilogue = Epilogue { combine, ..Epilogue::default() };
        let error = layer
            .product(
                Rows::new(&x, rows, cols).unwrap(),
                RowsMut::new(&mut out, to.0, to.1).unwrap(),
                epilogue,
                1,
            )
            .unwrap_err();
        assert!(out.iter().all(|&v| v == 9.0));
        error.to_string()
    };
    let text = refused(2, 4, (2, 2), Combine::None);
    assert_eq!(text, "x has 4 columns, expected 3: the layer's inputs");
    refused(2, 3, (2, 3), Combine::None);
    refused(2, 3, (3, 2), Combine::None);
    refused(2, 3, (2, 2), Combine::Add(Rows::new(&x, 1, 2).unwrap()));
    refused(2, 3, (2, 2), Combine::Multiply(Rows::new(&x, 2, 3).unwrap()));
    assert!(matches!(Rows::strided(&x, 3, 4, 3), Err(Error::Stride { .. })));
    assert!(matches!(Rows::strided(&x, 3, 4, 5), Err(Error::Length { expected: 14, .. })));
    assert!(matches!(Rows::strided(&x, usize::MAX, 2, usize::MAX), Err(Error::Length { .. })));
}
