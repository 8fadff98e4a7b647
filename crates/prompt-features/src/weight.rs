//! From counts to values: binary or sublinear counts, idf, norm.

use serde::{Deserialize, Serialize};

/// What a row is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Nothing.
    None,
    /// The sum of the values' magnitudes.
    L1,
    /// The root of the sum of the values' squares.
    #[default]
    L2,
}

/// The words of [`Norm`] as configurations have them.
pub(crate) const NORMS: &[&str] = &["none", "l1", "l2"];

/// How a count becomes a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weighting {
    /// Every count is 1.
    pub(crate) binary: bool,
    /// A count n is 1 + ln n.
    pub(crate) sublinear_tf: bool,
    /// A factor for each column; none when empty.
    pub(crate) idf: Vec<f64>,
    pub(crate) norm: Norm,
}

impl Weighting {
    /// The values of one row, in the order of its columns.
    #[inline]
    pub(crate) fn weigh(&self, columns: &[u32], counts: &[i32], values: &mut Vec<f64>) {
        values.clear();
        let tf = |count: i32| match count {
            _ if self.binary => 1.0,
            1 => 1.0,
            _ if self.sublinear_tf => 1.0 + f64::from(count).ln(),
            _ => f64::from(count),
        };
        if self.idf.is_empty() {
            values.extend(counts.iter().map(|&count| tf(count)));
        } else {
            let idf = |column: u32| self.idf.get(column as usize).copied().unwrap_or(0.0);
            values.extend(columns.iter().zip(counts).map(|(&column, &count)| tf(count) * idf(column)));
        }
        let size: f64 = match self.norm {
            Norm::None => return,
            Norm::L1 => values.iter().map(|v| v.abs()).sum(),
            Norm::L2 => values.iter().map(|v| v * v).sum::<f64>().sqrt(),
        };
        if size > 0.0 {
            let factor = 1.0 / size;
            values.iter_mut().for_each(|v| *v *= factor);
        }
    }
}
