//! Rotary embedding against its formula in f64.
#![allow(clippy::unwrap_used, reason = "what a test builds, it unwraps as the test does")]
mod common;

use common::{Random, cases, close, levels, most};
use prompt_kernels::{Error, Level, Rotary, RowsMut};

#[test]
fn equals_its_formula() {
    let mut random = Random(41);
    for _ in 0..cases(60) {
        let (heads, size) = (random.between(1, 3), 2 * random.between(1, most(20)));
        let lengths = [random.between(0, 9), random.between(0, 9)];
        let (tokens, cols) = (lengths[0] + lengths[1], heads * size);
        let stride = cols + random.between(0, 3);
        let x = random.floats(tokens * stride);
        let base = random.pick(&[10_000.0, 160_000.0]);
        let rotary = Rotary::new(size, 10, base).unwrap();
        let mut expected = Vec::new();
        for token in 0..tokens {
            let position = if token < lengths[0] { token } else { token - lengths[0] };
            for j in 0..cols {
                let (head, i) = (j / size * size, j % size);
                let angle = position as f64 * base.powf(-2.0 * (i % (size / 2)) as f64 / size as f64);
                let at = |i: usize| f64::from(x[token * stride + head + i]);
                expected.push(if i < size / 2 {
                    at(i) * angle.cos() - at(i + size / 2) * angle.sin()
                } else {
                    at(i) * angle.cos() + at(i - size / 2) * angle.sin()
                });
            }
        }
        for level in levels() {
            let mut y = x.clone();
            let rows = RowsMut::strided(&mut y, tokens, cols, stride).unwrap();
            rotary.apply(level, rows, &[0, lengths[0], tokens]).unwrap();
            let dense: Vec<f32> = y.chunks(stride).flat_map(|row| &row[..cols]).copied().collect();
            close(&format!("{level} {heads} × {size}"), &dense, &expected, 1.0, 1e-6);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    assert!(matches!(Rotary::new(3, 4, 1e4), Err(Error::Shape { found: 3, expected: 4, .. })));
    assert!(matches!(Rotary::new(0, 4, 1e4), Err(Error::Shape { found: 0, expected: 2, .. })));
    assert!(matches!(Rotary::new(2, usize::MAX, 1e4), Err(Error::TooLarge { .. })));
    let rotary = Rotary::new(4, 3, 1e4).unwrap();
    let mut x = [1.0; 24];
    let mut refused = |rows: usize, cols: usize, offsets: &[usize]| {
        let x = RowsMut::new(&mut x, rows, cols).unwrap();
        rotary.apply(Level::PORTABLE, x, offsets).unwrap_err()
    };
    assert!(matches!(refused(4, 6, &[0, 4]), Error::Shape { found: 6, expected: 8, .. }));
    assert!(matches!(refused(4, 4, &[0, 4]), Error::TooLarge { found: 4, limit: 3, .. }));
    assert!(matches!(refused(4, 4, &[0, 3]), Error::Offsets { at: 1, found: 3, expected: 4, .. }));
    assert_eq!(x, [1.0; 24]);
}
