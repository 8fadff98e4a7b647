//! From the answers of a text's windows to the answer of the text.

use prompt_core::{Head, Output};

/// How windows become one answer. A text of one window is its window's answer, bit for bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Aggregate {
    /// The mean over windows.
    #[default]
    Mean,
    /// The largest number of each class over windows, then scaled to sum to one: one suspicious window is enough.
    /// Values are their largest.
    Max,
    /// Windows weigh by how sure they are: c / (1 − c) for the probability c of the window's most probable class.
    /// Values are their mean.
    Attention,
}

impl Aggregate {
    /// The heads' numbers of several windows, one after another, as one row.
    pub(super) fn rows(self, heads: &[Head], windows: &[Vec<f64>]) -> Vec<f64> {
        if let [only] = windows {
            return only.clone();
        }
        let mut out = Vec::new();
        let mut at = 0;
        for head in heads {
            let width = head.output.width();
            let parts: Vec<&[f64]> = windows.iter().map(|w| &w[at..at + width]).collect();
            let classes = matches!(head.output, Output::Classes(_));
            out.extend(self.head(&parts, width, classes));
            at += width;
        }
        out
    }

    fn head(self, parts: &[&[f64]], width: usize, classes: bool) -> Vec<f64> {
        let weight = |part: &[f64]| match self {
            Self::Attention if classes => {
                let sure = part.iter().copied().fold(0.0, f64::max);
                sure / (1.0 - sure).max(1e-6)
            }
            _ => 1.0,
        };
        let column = |i: usize| match self {
            Self::Max => parts.iter().map(|part| part[i]).fold(f64::NEG_INFINITY, f64::max),
            _ => parts.iter().map(|part| weight(part) * part[i]).sum(),
        };
        let mut row: Vec<f64> = (0..width).map(column).collect();
        let total: f64 = match self {
            Self::Max if !classes => 1.0,
            Self::Max => row.iter().sum(),
            _ => parts.iter().map(|part| weight(part)).sum(),
        };
        row.iter_mut().for_each(|v| *v /= total);
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prompt_core::Classes;

    #[test]
    fn three_ways_of_two_windows() {
        let classes = Classes::new(["a", "b"]).unwrap();
        let heads = [
            Head { name: "class".into(), output: Output::Classes(classes) },
            Head { name: "score".into(), output: Output::Values(vec!["score".into()]) },
        ];
        let windows = [vec![0.5, 0.5, 1.0], vec![0.1, 0.9, 3.0]];
        let close = |got: Vec<f64>, want: [f64; 3]| {
            assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-12), "{got:?} {want:?}");
        };
        close(Aggregate::Mean.rows(&heads, &windows), [0.3, 0.7, 2.0]);
        close(Aggregate::Max.rows(&heads, &windows), [0.5 / 1.4, 0.9 / 1.4, 3.0]);
        // Odds 1 and 9.
        close(Aggregate::Attention.rows(&heads, &windows), [0.14, 0.86, 2.0]);
        assert_eq!(Aggregate::Max.rows(&heads, &windows[..1]), windows[0]);
    }
}
