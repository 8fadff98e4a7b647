//! The 8-bit product: within its stated bound of f64 sums, and the same whole numbers at every level.
#![allow(clippy::unwrap_used, reason = "what a test builds, it unwraps as the test does")]
mod common;

use common::{Random, cases, levels, most, pool, pools, same_bits};
use prompt_kernels::{Activation, Combine, Epilogue, Error, Level, PackedI8, Rows, RowsMut, WeightBits};

const BITS: [WeightBits; 2] = [WeightBits::Seven, WeightBits::Eight];

struct Case {
    m: usize,
    k: usize,
    n: usize,
    x: Vec<f32>,
    x_stride: usize,
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
}

impl Case {
    fn new(random: &mut Random, m: usize, k: usize, n: usize) -> Self {
        let x_stride = k + random.between(0, 3);
        let bias = (random.between(0, 1) == 1).then(|| random.floats(n));
        Self { m, k, n, x: random.floats(m * x_stride), x_stride, weight: random.floats(n * k), bias }
    }

    fn layer(&self, level: Level, bits: WeightBits) -> PackedI8 {
        PackedI8::with_bits(level, bits, self.k, self.n, &self.weight, self.bias.as_deref()).unwrap()
    }

    fn run(&self, layer: &PackedI8, epilogue: Epilogue<'_>, threads: usize) -> Vec<f32> {
        let mut out = vec![7.0; self.m * (self.n + 2)];
        let x = Rows::strided(&self.x, self.m, self.k, self.x_stride).unwrap();
        let to = RowsMut::strided(&mut out, self.m, self.n, self.n + 2).unwrap();
        layer.product(x, to, epilogue, threads).unwrap();
        out.chunks(self.n + 2)
            .flat_map(|row| {
                assert_eq!(row[self.n..], [7.0; 2], "what lies between the rows is left alone");
                &row[..self.n]
            })
            .copied()
            .collect()
    }

    fn row(&self, i: usize) -> &[f32] {
        &self.x[i * self.x_stride..][..self.k]
    }

    /// The exact number and the bound of the documentation.
    fn exact(&self, i: usize, j: usize, bits: WeightBits) -> (f64, f64) {
        let (x, w) = (self.row(i), &self.weight[j * self.k..][..self.k]);
        let low = x.iter().fold(0.0f32, |a, &b| a.min(b));
        let high = x.iter().fold(0.0f32, |a, &b| a.max(b));
        let sx = f64::from(high - low) / 255.0;
        let sw = w.iter().fold(0.0f64, |a, &b| a.max(f64::from(b.abs())))
            / if bits == WeightBits::Seven { 64.0 } else { 127.0 };
        let (mut sum, mut bound) = (self.bias.as_ref().map_or(0.0, |b| f64::from(b[j])), 1e-5);
        for (&x, &w) in x.iter().zip(w) {
            let (x, w) = (f64::from(x), f64::from(w));
            sum += x * w;
            bound += w.abs() * sx + x.abs() * sw / 2.0 + sx * sw / 2.0;
        }
        (sum, bound)
    }
}

#[test]
fn stays_within_its_bound_over_shapes_and_strides() {
    let mut random = Random(21);
    for case in 0..cases(200) {
        let (m, k, n) =
            (random.between(0, most(30)), random.between(0, most(70)), random.between(0, most(120)));
        let case_ = Case::new(&mut random, m, k, n);
        let bits = random.pick(&BITS);
        let reference = case_.run(&case_.layer(Level::PORTABLE, bits), Epilogue::default(), 1);
        for level in levels() {
            let found = case_.run(&case_.layer(level, bits), Epilogue::default(), random.between(0, 3));
            for (at, (&y, &portable)) in found.iter().zip(&reference).enumerate() {
                let (exact, bound) = case_.exact(at / n, at % n, bits);
                let what = format!("case {case}: {m} × {k} × {n} at {at}, {level}, {bits:?}");
                assert!((f64::from(y) - exact).abs() <= bound, "{what}: {y}, exact {exact}, bound {bound}");
                assert!(
                    (y - portable).abs() <= 1e-5 * portable.abs().max(1.0),
                    "{what}: {y}, portable {portable}"
                );
            }
        }
    }
}

#[test]
fn numbers_that_saturate_sixteen_bits_are_exact() {
    // 255 · 127 + 255 · 127 is beyond i16; q·w is exact here, so the product is, to the last rounding of f32.
    for (level, bits) in levels().into_iter().flat_map(|level| BITS.map(|bits| (level, bits))) {
        let most = if bits == WeightBits::Seven { 64 } else { 127 };
        for k in if cfg!(miri) { [4, 11, 18] } else { [4, 63, 500] } {
            let weight = vec![most as f32; k * 40];
            let layer = PackedI8::with_bits(level, bits, k, 40, &weight, None).unwrap();
            let x = vec![255.0; k];
            let mut out = [0.0; 40];
            let to = RowsMut::new(&mut out, 1, 40).unwrap();
            layer.product(Rows::new(&x, 1, k).unwrap(), to, Epilogue::default(), 1).unwrap();
            assert_eq!(out, [(255 * most * k) as f32; 40], "{level} {bits:?}");
        }
    }
}

#[test]
fn a_huge_weight_spoils_its_own_output_alone() {
    let mut random = Random(22);
    let (k, n) = if cfg!(miri) { (9, 12) } else { (60, 50) };
    let mut case = Case::new(&mut random, 5, k, n);
    for (level, bits) in levels().into_iter().flat_map(|level| BITS.map(|bits| (level, bits))) {
        let before = case.run(&case.layer(level, bits), Epilogue::default(), 1);
        case.weight[7 * k + 3] = 1e6;
        let after = case.run(&case.layer(level, bits), Epilogue::default(), 1);
        for (at, (a, b)) in before.iter().zip(&after).enumerate().filter(|(at, _)| at % n != 7) {
            assert!(a.to_bits() == b.to_bits(), "{level}: output {} changed from {a} to {b}", at % n);
        }
        let (exact, bound) = case.exact(2, 7, bits);
        assert!((f64::from(after[2 * n + 7]) - exact).abs() <= bound);
        case.weight[7 * k + 3] = 0.5;
    }
}

#[test]
fn a_row_is_the_same_alone_in_any_batch_and_on_any_number_of_threads() {
    let mut random = Random(23);
    let (m, k, n) = if cfg!(miri) { (5, 20, 30) } else { (300, 130, 211) };
    let case = Case::new(&mut random, m, k, n);
    let gelu = Epilogue::from(Activation::GeluErf);
    for (level, bits) in levels().into_iter().flat_map(|level| BITS.map(|bits| (level, bits))) {
        let layer = case.layer(level, bits);
        let whole = case.run(&layer, gelu, 1);
        for &threads in pools() {
            let found = pool(threads).install(|| case.run(&layer, gelu, threads));
            same_bits(&format!("{level}, {threads} threads"), &found, &whole);
        }
        for (from, rows) in [(0, 1), (2, 1), (1, 2), (0, 3), (1, 4)] {
            let part = Case {
                m: rows,
                x: case.x[from * case.x_stride..(from + rows) * case.x_stride].to_vec(),
                weight: Vec::new(),
                bias: None,
                ..case
            };
            same_bits(&format!("{level}"), &part.run(&layer, gelu, 1), &whole[from * n..(from + rows) * n]);
        }
    }
}

#[test]
fn epilogues_follow_the_product() {
    let mut random = Random(24);
    let case = Case::new(&mut random, 4, 30, 55);
    let other = random.floats(4 * 55);
    for level in levels() {
        let layer = case.layer(level, WeightBits::best_for(level));
        let plain = case.run(&layer, Epilogue::default(), 1);
        let add = Combine::Add(Rows::new(&other, 4, 55).unwrap());
        let found = case.run(&layer, Epilogue { activation: Activation::Relu, combine: add }, 2);
        let expected: Vec<f32> = plain.iter().zip(&other).map(|(y, o)| y.max(0.0) + o).collect();
        same_bits(&format!("{level}"), &found, &expected);
    }
}

#[test]
fn nan_and_infinity_show_in_their_row_or_output() {
    for level in levels() {
        let mut weight = vec![0.5; 3 * 30];
        weight[4 * 3] = f32::NAN;
        weight[5 * 3 + 1] = f32::NEG_INFINITY;
        let layer = PackedI8::new(level, 3, 30, &weight, None).unwrap();
        assert_eq!(layer.bits(), WeightBits::best_for(level));
        let x = [1.0, 2.0, 3.0, 1.0, f32::NAN, 3.0, f32::INFINITY, 2.0, 0.0, 0.0, 0.0, 0.0, 1e-35, 0.0, 0.0];
        let mut out = [0.0; 150];
        let (rows, to) = (Rows::new(&x, 5, 3).unwrap(), RowsMut::new(&mut out, 5, 30).unwrap());
        layer.product(rows, to, Epilogue::default(), 2).unwrap();
        for (i, row) in out.chunks(30).enumerate() {
            for (j, y) in row.iter().enumerate() {
                assert_eq!(
                    y.is_nan(),
                    i == 1 || i == 2 || j == 4 || j == 5,
                    "{level}: row {i}, output {j} is {y}"
                );
            }
        }
        assert_eq!(out[90], 0.0, "a row of zeros");
        assert_eq!(out[120], 0.0, "a row as good as zero");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let level = Level::PORTABLE;
    assert!(matches!(PackedI8::new(level, 70_000, 0, &[], None), Err(Error::TooLarge { limit: 65_536, .. })));
    assert!(matches!(PackedI8::new(level, 2, 2, &[0.0; 3], None), Err(Error::Length { what: "weight", .. })));
    assert!(matches!(
        PackedI8::new(level, 1, 2, &[0.0; 2], Some(&[])),
        Err(Error::Length { what: "bias", .. })
    ));
    let layer = PackedI8::new(level, 2, 2, &[0.0; 4], None).unwrap();
    let mut out = [0.0; 4];
    let to = RowsMut::new(&mut out, 1, 2).unwrap();
    let wrong = layer.product(Rows::new(&[0.0; 3], 1, 3).unwrap(), to, Epilogue::default(), 1);
    assert!(matches!(wrong, Err(Error::Shape { what: "x", found: 3, expected: 2, .. })));
}
