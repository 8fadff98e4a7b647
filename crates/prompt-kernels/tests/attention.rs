//! Attention against its definition in f64: shapes, strides, windows, biases, many sequences, many threads.
#![allow(clippy::unwrap_used, reason = "what a test builds, it unwraps as the test does")]
mod common;

use common::{Random, cases, close, levels, most, pool, pools, same_bits};
use prompt_kernels::{Attention, Error, Level, Rows, RowsMut, ScoreBias, attention};

/// Relative positions: a slope for each head, and −∞ for one distance.
struct Slopes {
    never: usize,
}

impl Slopes {
    fn of(&self, sequence: usize, head: usize, query: usize, key: usize) -> f32 {
        if query.abs_diff(key) == self.never && self.never > 0 {
            f32::NEG_INFINITY
        } else {
            -0.1 * (head + 1) as f32 * query.abs_diff(key) as f32 + 0.01 * sequence as f32
        }
    }
}

impl ScoreBias for Slopes {
    fn add(&self, sequence: usize, head: usize, query: usize, first_key: usize, scores: &mut [f32]) {
        for (i, score) in scores.iter_mut().enumerate() {
            *score += self.of(sequence, head, query, first_key + i);
        }
    }
}

struct Case {
    offsets: Vec<usize>,
    heads: usize,
    size: usize,
    stride: usize,
    qkv: Vec<f32>,
    window: Option<usize>,
    bias: Option<Slopes>,
}

impl Case {
    fn new(random: &mut Random, lengths: &[usize], heads: usize, size: usize) -> Self {
        let mut offsets = vec![0];
        for n in lengths {
            offsets.push(offsets.last().unwrap() + n);
        }
        let stride = 3 * heads * size + random.between(0, 4);
        let mut qkv = random.floats(offsets.last().unwrap() * stride);
        qkv.iter_mut().for_each(|v| *v *= 2.0);
        Self { offsets, heads, size, stride, qkv, window: None, bias: None }
    }

    fn tokens(&self) -> usize {
        *self.offsets.last().unwrap()
    }

    fn work(&self) -> Attention<'_> {
        let (cols, n) = (self.heads * self.size, self.tokens());
        let part = |i: usize| {
            Rows::strided(self.qkv.get(i * cols..).unwrap_or_default(), n, cols, self.stride).unwrap()
        };
        let bias = self.bias.as_ref().map(|b| b as &dyn ScoreBias);
        Attention {
            window: self.window,
            bias,
            ..Attention::new(part(0), part(1), part(2), self.heads, &self.offsets)
        }
    }

    fn run(&self, level: Level, threads: usize) -> Vec<f32> {
        let cols = self.heads * self.size;
        let mut out = vec![5.0; self.tokens() * (cols + 1)];
        let to = RowsMut::strided(&mut out, self.tokens(), cols, cols + 1).unwrap();
        attention(level, self.work(), to, threads).unwrap();
        out.chunks(cols + 1)
            .flat_map(|row| {
                assert_eq!(row[cols], 5.0, "what lies between the rows is left alone");
                &row[..cols]
            })
            .copied()
            .collect()
    }

    fn expected(&self) -> Vec<f64> {
        let (size, cols) = (self.size, self.heads * self.size);
        let at =
            |part: usize, token: usize, i: usize| f64::from(self.qkv[token * self.stride + part * cols + i]);
        let mut out = vec![0.0; self.tokens() * cols];
        for (sequence, bounds) in self.offsets.windows(2).enumerate() {
            let n = bounds[1] - bounds[0];
            for head in 0..self.heads {
                for q in 0..n {
                    let mut scores = vec![f64::NEG_INFINITY; n];
                    for key in 0..n {
                        if self.window.is_some_and(|w| q.abs_diff(key) > w) {
                            continue;
                        }
                        let dot: f64 = (head * size..(head + 1) * size)
                            .map(|i| at(0, bounds[0] + q, i) * at(1, bounds[0] + key, i))
                            .sum();
                        let bias =
                            self.bias.as_ref().map_or(0.0, |b| f64::from(b.of(sequence, head, q, key)));
                        scores[key] = dot / (size as f64).sqrt() + bias;
                    }
                    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let weights: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
                    let total: f64 = weights.iter().sum();
                    for i in head * size..(head + 1) * size {
                        let sum: f64 = (0..n).map(|key| weights[key] * at(2, bounds[0] + key, i)).sum();
                        out[(bounds[0] + q) * cols + i] = sum / total;
                    }
                }
            }
        }
        out
    }
}

#[test]
fn equals_its_definition_over_shapes_windows_and_biases() {
    let mut random = Random(11);
    for case in 0..cases(120) {
        let lengths: Vec<usize> = (0..random.between(0, 4)).map(|_| random.between(0, most(40))).collect();
        let (heads, size) = (
            random.between(1, 4),
            random.pick(if cfg!(miri) { &[1, 3, 8, 9] } else { &[1, 3, 8, 16, 24, 32, 33, 64] }),
        );
        let mut work = Case::new(&mut random, &lengths, heads, size);
        work.window = (random.between(0, 2) == 0).then(|| random.between(0, 12));
        work.bias = (random.between(0, 2) == 0).then(|| Slopes { never: random.between(0, 3) });
        let expected = work.expected();
        for level in levels() {
            let what =
                format!("case {case}: {lengths:?}, {heads} × {size}, window {:?}, {level}", work.window);
            close(&what, &work.run(level, random.between(0, 3)), &expected, 2.0, 1e-5);
        }
    }
}

#[test]
fn blocks_of_keys_and_chunks_of_queries_make_no_difference() {
    let mut random = Random(12);
    let (n, size) = if cfg!(miri) { (9, 3) } else { (600, 24) };
    for (window, bias) in
        [(None, None), (Some(40), None), (Some(1), Some(Slopes { never: 0 })), (Some(900), None)]
    {
        let mut work = Case::new(&mut random, &[3, n], 1, size);
        (work.window, work.bias) = (window, bias);
        let expected = work.expected();
        for level in levels() {
            close(&format!("window {window:?} {level}"), &work.run(level, 2), &expected, 2.0, 1e-5);
        }
    }
}

#[test]
fn a_sequence_is_the_same_alone_beside_others_and_on_any_number_of_threads() {
    let mut random = Random(13);
    let lengths = if cfg!(miri) { vec![5, 0, 7] } else { vec![130, 1, 0, 300, 64, 17, 400] };
    let size = if cfg!(miri) { 4 } else { 32 };
    let work = Case::new(&mut random, &lengths, 2, size);
    for level in levels() {
        let whole = work.run(level, 1);
        for &threads in pools() {
            let found = pool(threads).install(|| work.run(level, threads));
            same_bits(&format!("{level}, {threads} threads"), &found, &whole);
        }
        for bounds in work.offsets.windows(2) {
            let alone = Case {
                offsets: vec![0, bounds[1] - bounds[0]],
                qkv: work.qkv[bounds[0] * work.stride..bounds[1] * work.stride].to_vec(),
                bias: None,
                ..work
            };
            let cols = work.heads * work.size;
            same_bits(&format!("{level}"), &alone.run(level, 1), &whole[bounds[0] * cols..bounds[1] * cols]);
        }
    }
}

#[test]
fn large_scores_do_not_overflow_and_nan_stays_in_its_sequence() {
    for level in levels() {
        let mut work = Case::new(&mut Random(14), &[20, 10], 1, 8);
        work.qkv.iter_mut().for_each(|v| *v *= 200.0);
        let out = work.run(level, 1);
        assert!(out.iter().all(|v| v.is_finite()));
        let expected = work.expected();
        close(&format!("{level}"), &out, &expected, 1000.0, 1e-4);

        work.qkv[3] = f32::NAN; // the query of the first token
        let out = work.run(level, 1);
        assert!(out[..8].iter().all(|v| v.is_nan()), "{level}");
        assert!(out[8..].iter().all(|v| v.is_finite()), "{level}");
        work.qkv[8] = f32::NAN; // its key: all queries of the sequence see it
        let out = work.run(level, 1);
        assert!(out[..160].iter().all(|v| v.is_nan()), "{level}");
        assert!(out[160..].iter().all(|v| v.is_finite()), "{level}");
    }
}

/// Nothing may be attended.
struct Nothing;

impl ScoreBias for Nothing {
    fn add(&self, _: usize, _: usize, _: usize, _: usize, scores: &mut [f32]) {
        scores.fill(f32::NEG_INFINITY);
    }
}

#[test]
fn a_query_that_may_see_nothing_gets_nan() {
    for level in levels() {
        let work = Case::new(&mut Random(15), &[9], 1, 4);
        let mut out = vec![0.0; 36];
        let work = Attention { bias: Some(&Nothing), ..work.work() };
        attention(level, work, RowsMut::new(&mut out, 9, 4).unwrap(), 1).unwrap();
        assert!(out.iter().all(|v| v.is_nan()), "{level}");
    }
}

#[test]
fn a_hundred_thousand_tokens_need_no_square_of_memory() {
    let n = if cfg!(miri) { 20 } else { 100_000 };
    for level in levels() {
        let x: Vec<f32> = (0..n * 4).map(|i| ((i * 7) % 23) as f32 / 23.0).collect();
        let part = Rows::new(&x, n, 4).unwrap();
        let mut out = vec![0.0; n * 4];
        let offsets = [0, n];
        let work = Attention { window: Some(8), ..Attention::new(part, part, part, 1, &offsets) };
        attention(level, work, RowsMut::new(&mut out, n, 4).unwrap(), 2).unwrap();
        assert!(out.iter().all(|&v| (0.0..=1.0).contains(&v)), "means of numbers from 0 to 1");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let x = [0.0; 24];
    let m = |rows, cols| Rows::new(&x, rows, cols).unwrap();
    let refused = |work: Attention<'_>, rows: usize, cols: usize| {
        let mut out = [0.0; 24];
        attention(Level::PORTABLE, work, RowsMut::new(&mut out, rows, cols).unwrap(), 1).unwrap_err()
    };
    let square = m(4, 6);
    assert!(matches!(
        refused(Attention::new(square, square, square, 4, &[0, 4]), 4, 6),
        Error::Shape { what: "q", .. }
    ));
    assert!(matches!(
        refused(Attention::new(square, square, square, 0, &[0, 4]), 4, 6),
        Error::Shape { what: "q", .. }
    ));
    assert!(matches!(
        refused(Attention::new(square, m(4, 5), square, 2, &[0, 4]), 4, 6),
        Error::Shape { what: "k", .. }
    ));
    assert!(matches!(
        refused(Attention::new(square, square, m(3, 6), 2, &[0, 4]), 4, 6),
        Error::Shape { what: "v", .. }
    ));
    assert!(matches!(refused(Attention::new(square, square, square, 2, &[0, 4]), 4, 5), Error::Shape { .. }));
    for (offsets, at) in
        [(&[][..], 0), (&[1, 4], 0), (&[0, 3], 1), (&[0, 5], 1), (&[0, 3, 2, 4], 2), (&[0], 0)]
    {
        let error = refused(Attention::new(square, square, square, 2, offsets), 4, 6);
        assert!(matches!(error, Error::Offsets { at: found, .. } if found == at), "{offsets:?}: {error}");
    }
}
