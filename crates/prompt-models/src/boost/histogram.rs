//! Sums of gradients and second derivatives by bin.

use super::columns::{Codes, Group, LANES};
use super::loss::Pair;

/// Σ gradient and Σ second derivative of a bin.
pub(super) type Bin = [f64; 2];

/// The rows of a node: all of them, or these with their gradients beside them.
#[derive(Clone, Copy)]
pub(super) enum NodeRows<'a> {
    /// Every row of the matrix.
    All(&'a [Pair]),
    /// Rising rows, and the pair of each.
    Some(&'a [u32], &'a [Pair]),
}

impl NodeRows<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::All(pairs) | Self::Some(_, pairs) => pairs.len(),
        }
    }
}

impl Group {
    /// Adds the rows of a node to this group's histogram. In a sparse group the bins of zero are left as they are.
    pub(super) fn add(&self, rows: NodeRows<'_>, out: &mut [Bin]) {
        match &self.codes {
            Codes::Packed { rows: codes, stride: 16 } => packed::<16>(codes, rows, out),
            Codes::Packed { rows: codes, stride: 64 } => packed::<64>(codes, rows, out),
            Codes::Packed { rows: codes, .. } => packed::<256>(codes, rows, out),
            Codes::Sparse { starts, places } => sparse(starts, places, rows, out),
        }
    }

    /// Fills the bins of zero of a sparse group from the node's total.
    pub(super) fn add_zeros(&self, total: Bin, out: &mut [Bin]) {
        for column in &self.columns {
            let Some(zero) = column.zero else { continue };
            let bins = &mut out[column.offset..column.offset + column.bins];
            bins[zero] = [0.0; 2];
            let stored = bins.iter().fold([0.0; 2], |s, b| [s[0] + b[0], s[1] + b[1]]);
            bins[zero] = [total[0] - stored[0], (total[1] - stored[1]).max(0.0)];
        }
    }
}

fn packed<const W: usize>(codes: &[[u8; LANES]], rows: NodeRows<'_>, out: &mut [Bin]) {
    let ([a, b, c, d], _) = out.as_chunks_mut::<W>() else { return };
    let mut add = |code: &[u8; LANES], pair: &Pair| {
        let (g, h) = (f64::from(pair[0]), f64::from(pair[1]));
        let [i, j, k, l] = code.map(|c| usize::from(c) & (W - 1));
        a[i] = [a[i][0] + g, a[i][1] + h];
        b[j] = [b[j][0] + g, b[j][1] + h];
        c[k] = [c[k][0] + g, c[k][1] + h];
        d[l] = [d[l][0] + g, d[l][1] + h];
    };
    match rows {
        NodeRows::All(pairs) => codes.iter().zip(pairs).for_each(|(code, pair)| add(code, pair)),
        NodeRows::Some(rows, pairs) => {
            rows.iter().zip(pairs).for_each(|(&row, pair)| add(&codes[row as usize], pair));
        }
    }
}

fn sparse(starts: &[u32], places: &[u32], rows: NodeRows<'_>, out: &mut [Bin]) {
    let mut add = |row: usize, pair: &Pair| {
        let (g, h) = (f64::from(pair[0]), f64::from(pair[1]));
        for &place in &places[starts[row] as usize..starts[row + 1] as usize] {
            let bin = &mut out[place as usize];
            *bin = [bin[0] + g, bin[1] + h];
        }
    };
    match rows {
        NodeRows::All(pairs) => pairs.iter().enumerate().for_each(|(row, pair)| add(row, pair)),
        NodeRows::Some(rows, pairs) => {
            rows.iter().zip(pairs).for_each(|(&row, pair)| add(row as usize, pair));
        }
    }
}

/// Takes one histogram from another, bin by bin.
pub(super) fn subtract(from: &mut [Bin], less: &[Bin]) {
    for (from, less) in from.iter_mut().zip(less) {
        *from = [from[0] - less[0], from[1] - less[1]];
    }
}
