//! What the tests share: fixtures, their rows as matrices, learners with their parameters.

use std::path::Path;

use prompt_core::{CsrBuilder, Dense, Estimator, Learner, Matrix, Task};
use prompt_models::learners::estimator;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A fixture, by its place under `tests/reference`.
pub(crate) fn read<T: DeserializeOwned>(file: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference").join(file);
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display())).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn dense(rows: &[Vec<f64>]) -> Dense {
    Dense::new(rows.len(), rows[0].len(), rows.concat()).unwrap()
}

/// The same without the zeros.
pub(crate) fn sparse(rows: &[Vec<f64>]) -> Matrix {
    let mut builder = CsrBuilder::new(rows[0].len());
    for row in rows {
        let stored = row.iter().enumerate().filter(|(_, v)| **v != 0.0);
        let pairs: Vec<(u32, f32)> = stored.map(|(j, v)| (j as u32, *v as f32)).collect();
        builder.push_pairs(&pairs);
    }
    builder.finish().into()
}

pub(crate) fn dense_and_sparse(rows: &[Vec<f64>]) -> [Matrix; 2] {
    [dense(rows).into(), sparse(rows)]
}

/// A learner with these parameters.
pub(crate) fn with<'p, L: Learner>(params: impl IntoIterator<Item = (&'p String, &'p Value)>) -> L {
    params.into_iter().fold(L::default(), |l, (name, value)| l.with_param(name, value).unwrap())
}

/// The same by its name.
pub(crate) fn named<'p>(
    task: Task,
    learner: &str,
    params: impl IntoIterator<Item = (&'p String, &'p Value)>,
) -> Box<dyn Estimator> {
    let learner = estimator(task, learner).unwrap();
    params.into_iter().fold(learner, |l, (name, value)| l.with_param(name, value).unwrap())
}
