//! The counts of many texts, in blocks of rows.

use prompt_core::{Csr, FitContext, Result, Texts};

use super::{NONE, Vocabulary, Workspace};
use crate::weight::Weighting;

/// Fixed blocks of rows, whatever the number of threads.
pub(crate) fn blocks(rows: usize) -> Vec<std::ops::Range<usize>> {
    let size = rows.div_ceil(32).clamp(256, 8192);
    (0..rows).step_by(size).map(|start| start..rows.min(start + size)).collect()
}

/// Sparse rows of counts.
#[derive(Debug, Default)]
struct Block {
    /// Where each row ends.
    ends: Vec<usize>,
    columns: Vec<u32>,
    counts: Vec<i32>,
}

/// The counts of all texts.
#[derive(Debug)]
pub(crate) struct Counts {
    width: usize,
    blocks: Vec<Block>,
    /// In how many texts each column occurs.
    pub(crate) df: Vec<u64>,
}

impl Counts {
    /// Counts every text.
    pub(crate) fn of(vocabulary: &Vocabulary, texts: &dyn Texts, ctx: &FitContext) -> Self {
        let width = vocabulary.names().len();
        let ranges = blocks(texts.count());
        let parts = ctx.map(ranges.len(), |b| {
            let (mut block, mut df) = (Block::default(), vec![0u32; width]);
            let mut work = Workspace::default();
            for i in ranges[b].clone() {
                vocabulary.count(texts.text(i), &mut work);
                work.columns.iter().for_each(|&column| df[column as usize] += 1);
                block.columns.extend_from_slice(&work.columns);
                block.counts.extend_from_slice(&work.counts);
                block.ends.push(block.columns.len());
            }
            (block, df)
        });
        let mut all = Self { width, blocks: Vec::with_capacity(parts.len()), df: vec![0; width] };
        for (block, df) in parts {
            all.df.iter_mut().zip(df).for_each(|(sum, n)| *sum += u64::from(n));
            all.blocks.push(block);
        }
        all
    }

    /// How often each column occurs in all texts together.
    pub(crate) fn totals(&self) -> Vec<u64> {
        let mut totals = vec![0; self.width];
        for block in &self.blocks {
            for (&column, &count) in block.columns.iter().zip(&block.counts) {
                totals[column as usize] += count.unsigned_abs() as u64;
            }
        }
        totals
    }

    /// Keeps these columns (rising), numbered anew.
    pub(crate) fn select(&mut self, columns: &[u32], ctx: &FitContext) {
        let mut new = vec![NONE; self.width];
        columns.iter().enumerate().for_each(|(i, &column)| new[column as usize] = i as u32);
        self.blocks = ctx.map(self.blocks.len(), |b| {
            let (old, mut block) = (&self.blocks[b], Block::default());
            let mut start = 0;
            for &end in &old.ends {
                for at in start..end {
                    let column = new[old.columns[at] as usize];
                    if column != NONE {
                        block.columns.push(column);
                        block.counts.push(old.counts[at]);
                    }
                }
                block.ends.push(block.columns.len());
                start = end;
            }
            block
        });
        self.df = columns.iter().map(|&column| self.df[column as usize]).collect();
        self.width = columns.len();
    }

    /// The rows as `weighting` values them.
    pub(crate) fn weigh(self, weighting: &Weighting, ctx: &FitContext) -> Result<Csr> {
        let nnz = self.blocks.iter().map(|b| b.columns.len()).sum();
        let rows: usize = self.blocks.iter().map(|b| b.ends.len()).sum();
        let values = ctx.map(self.blocks.len(), |b| {
            let block = &self.blocks[b];
            let (mut out, mut values) = (Vec::with_capacity(block.columns.len()), Vec::new());
            let mut start = 0;
            for &end in &block.ends {
                weighting.weigh(&block.columns[start..end], &block.counts[start..end], &mut values);
                out.extend(values.iter().map(|&v| v as f32));
                start = end;
            }
            out
        });
        let (mut indptr, mut indices) = (Vec::with_capacity(rows + 1), Vec::with_capacity(nnz));
        let mut all: Vec<f32> = Vec::with_capacity(nnz);
        indptr.push(0);
        for (block, values) in self.blocks.iter().zip(&values) {
            indptr.extend(block.ends.iter().map(|end| indices.len() + end));
            indices.extend_from_slice(&block.columns);
            all.extend_from_slice(values);
        }
        Csr::new(self.width, indptr, indices, all)
    }
}
