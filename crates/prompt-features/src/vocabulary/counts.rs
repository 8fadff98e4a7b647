//! The counts of many texts, in blocks of rows.

use prompt_core::{Csr, FitContext, Result, Texts};

use rayon::prelude::*;

use super::corpus::{Corpus, blocks};
use super::{NONE, Vocabulary, Workspace};
use crate::weight::Weighting;

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
    pub(crate) fn of_texts(vocabulary: &Vocabulary, texts: &dyn Texts, ctx: &FitContext) -> Self {
        let ranges = blocks(texts.count());
        Self::gather(vocabulary, ranges.len(), ctx, |b, work, push| {
            for i in ranges[b].clone() {
                vocabulary.count(texts.text(i), work);
                push(work);
            }
        })
    }

    /// The same for texts that were read before.
    pub(crate) fn of_corpus(vocabulary: &Vocabulary, corpus: &Corpus, ctx: &FitContext) -> Self {
        let counter = vocabulary.token_counter(corpus, ctx);
        Self::gather(vocabulary, corpus.blocks.len(), ctx, |b, work, push| {
            for text in corpus.blocks[b].texts() {
                counter.count(&corpus.blocks[b].ids[text], work);
                push(work);
            }
        })
    }

    /// `fill(block, workspace, push)` counts the texts of a block and pushes each.
    fn gather(
        vocabulary: &Vocabulary,
        blocks: usize,
        ctx: &FitContext,
        fill: impl Fn(usize, &mut Workspace, &mut dyn FnMut(&Workspace)) + Sync + Send,
    ) -> Self {
        let width = vocabulary.names().len();
        let parts = ctx.map(blocks, |b| {
            let (mut block, mut df) = (Block::default(), vec![0u32; width]);
            let mut work = Workspace::default();
            work.counter.prepare(width);
            fill(b, &mut work, &mut |work| {
                work.columns.iter().for_each(|&column| df[column as usize] += 1);
                block.columns.extend_from_slice(&work.columns);
                block.counts.extend_from_slice(&work.counts);
                block.ends.push(block.columns.len());
            });
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
                totals[column as usize] += u64::from(count.unsigned_abs());
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
        let mut indptr = vec![0];
        let (mut indices, mut values) = (vec![0u32; nnz], vec![0f32; nnz]);
        // Each block writes its own stretch of the matrix.
        let mut stretches = Vec::with_capacity(self.blocks.len());
        let (mut indices_left, mut values_left) = (indices.as_mut_slice(), values.as_mut_slice());
        let mut base = 0;
        for block in self.blocks {
            indptr.extend(block.ends.iter().map(|end| base + end));
            base += block.columns.len();
            let (indices, rest) = indices_left.split_at_mut(block.columns.len());
            indices_left = rest;
            let (values, rest) = values_left.split_at_mut(block.columns.len());
            values_left = rest;
            stretches.push((block, indices, values));
        }
        let write = |(block, indices, values): (Block, &mut [u32], &mut [f32])| {
            indices.copy_from_slice(&block.columns);
            let (mut start, mut row) = (0, Vec::new());
            for &end in &block.ends {
                weighting.weigh(&block.columns[start..end], &block.counts[start..end], &mut row);
                values[start..end].iter_mut().zip(&row).for_each(|(to, &from)| *to = from as f32);
                start = end;
            }
        };
        if ctx.thread_budget() == 1 {
            stretches.into_iter().for_each(write);
        } else {
            ctx.install(|| stretches.into_par_iter().for_each(write));
        }
        Csr::new(self.width, indptr, indices, values)
    }
}
