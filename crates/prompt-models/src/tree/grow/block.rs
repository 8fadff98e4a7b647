//! Nodes of a sparse table with so few rows that a bit stands for each.
//!
//! ```text
//! rows of a block              0 1 2 … 63
//! column j stores a code of    · 1 · … 1     one number a column, filled once a block
//! rows of the node at hand     · 1 1 … ·     any node below
//! ```
//!
//! Most columns store nothing in a small node, which one look at both numbers tells.

use super::super::bins::{Code, SparseCodes};

/// Rows of a block at most.
pub(super) const ROWS: usize = u64::BITS as usize;

/// Some rows, and the node of some of them that is at hand.
pub(super) struct Block {
    /// For each column the rows whose codes it stores.
    stored: Vec<u64>,
    rows: Vec<u32>,
    /// The bit of each row of the table that is in the block.
    bits: Vec<u8>,
    /// The rows of the node at hand.
    node: u64,
    /// The place in that node of each row in it.
    places: [u8; ROWS],
}

impl Default for Block {
    fn default() -> Self {
        Self { stored: Vec::new(), rows: Vec::new(), bits: Vec::new(), node: 0, places: [0; ROWS] }
    }
}

impl Block {
    /// Makes these rows, at most [`ROWS`], the block.
    pub(super) fn fill<C: Code>(&mut self, codes: &SparseCodes<C>, rows: &[u32]) {
        self.stored.resize(codes.zero().len(), 0);
        self.bits.resize(codes.rows(), 0);
        for row in self.rows.drain(..) {
            codes.row(row as usize).0.iter().for_each(|j| self.stored[*j as usize] = 0);
        }
        self.rows.extend_from_slice(rows);
        codes.each_of(rows, |bit, columns, _| {
            self.bits[rows[bit] as usize] = bit as u8;
            columns.iter().for_each(|j| self.stored[*j as usize] |= 1 << bit);
        });
    }

    /// Goes on with a node of these rows of the block.
    pub(super) fn enter(&mut self, rows: &[u32]) {
        self.node = 0;
        for (place, row) in (0..).zip(rows) {
            let bit = self.bits[*row as usize];
            self.node |= 1 << bit;
            self.places[usize::from(bit) % ROWS] = place;
        }
    }

    /// Whether a column stores a code of any row of the node.
    #[inline]
    pub(super) fn stores(&self, j: usize) -> bool {
        self.stored[j] & self.node != 0
    }

    /// Calls this for each row of the node with a stored code in a column: its place in the node, and the code.
    #[inline]
    pub(super) fn each<C: Code>(&self, codes: &SparseCodes<C>, j: usize, mut f: impl FnMut(usize, usize)) {
        let mut held = self.stored[j] & self.node;
        while held != 0 {
            let bit = held.trailing_zeros() as usize;
            held &= held - 1;
            let (columns, row_codes) = codes.row(self.rows[bit] as usize);
            if let Ok(k) = columns.binary_search(&(j as u32)) {
                f(usize::from(self.places[bit]), row_codes[k].bin());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use prompt_core::{Csr, FitContext, Matrix, Seed};

    use super::super::super::bins::{BinOptions, Binned, Bins, Storage};
    use super::*;

    #[test]
    fn a_block_tells_the_codes_of_every_node_in_it() {
        let mut rng = Seed::new(3).rng();
        let (rows, cols) = (200, 90);
        let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for _ in 0..rows {
            for j in 0..cols as u32 {
                if rng.chance(0.05) {
                    columns.push(j);
                    values.push(1.0 + rng.below(5) as f32);
                }
            }
            starts.push(columns.len());
        }
        let x = Matrix::from(Csr::new(cols, starts, columns, values).unwrap());
        let ctx = FitContext::new(0);
        let options = BinOptions { max_bins: 255, min_weight: 0.0 };
        let binned: Binned<u8> = Bins::fit(&x, None, options, &ctx).apply(&x, &ctx);
        let Storage::Sparse(codes) = binned.storage() else { panic!("the table is sparse") };
        let mut block = Block::default();
        // The second block must hold nothing of the first one.
        for start in [20, 100] {
            let held: Vec<u32> = (start..start + ROWS as u32).collect();
            block.fill(codes, &held);
            for part in [held.as_slice(), &held[5..6], &held[7..40]] {
                let node: Vec<u32> =
                    part.iter().copied().filter(|row| part.len() < 20 || row % 3 > 0).collect();
                block.enter(&node);
                for j in 0..cols {
                    let mut seen = Vec::new();
                    block.each(codes, j, |place, code| seen.push((place, code)));
                    let code = |row: &u32| binned.code(*row as usize, j).bin();
                    let wanted: Vec<_> = node.iter().map(code).enumerate().collect();
                    let zero = codes.zero()[j].bin();
                    let wanted: Vec<_> = wanted.into_iter().filter(|(_, code)| *code != zero).collect();
                    assert_eq!(seen, wanted);
                    assert_eq!(block.stores(j), !wanted.is_empty());
                }
            }
        }
    }
}
