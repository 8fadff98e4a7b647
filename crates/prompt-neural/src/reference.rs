//! PyTorch's numbers, for the tests: `tests/reference/torch.json`, made by the `make.py` beside it.

use serde_json::Value;

/// All of them.
pub(crate) fn torch() -> Value {
    serde_json::from_str(include_str!("../tests/reference/torch.json")).unwrap()
}

/// A list of numbers.
pub(crate) fn list(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap_or_else(|| panic!("{value} is no list"))
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

/// The same in 32 bits.
pub(crate) fn list32(value: &Value) -> Vec<f32> {
    list(value).into_iter().map(|v| v as f32).collect()
}

/// Whether two lists agree to `tolerance`, relative to the larger of 1 and the number.
#[track_caller]
pub(crate) fn assert_close(found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (i, (&a, &b)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(a) - b).abs();
        assert!(error <= tolerance * b.abs().max(1.0), "number {i}: {a} instead of {b}");
    }
}

/// A matrix of `rows` × `columns` turned.
pub(crate) fn turned(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| values[r * columns + c])).collect()
}
