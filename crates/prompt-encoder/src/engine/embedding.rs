//! From token ids to the first hidden states.

use prompt_core::Result;
use prompt_kernels::Activation;

use super::linear::{LayerNorm, Linear};
use super::{Packed, Workspace, room};

/// Word vectors plus positions and segment, normalised, and widened where tables are narrower than hidden states.
#[derive(Debug)]
pub(crate) struct Embedding {
    pub(super) width: usize,
    pub(super) words: Vec<f32>,
    /// Position vectors with the vector of segment 0 added; empty where there are no absolute positions.
    pub(super) positions: Vec<f32>,
    /// The vector of segment 0 where there are no positions.
    pub(super) segment: Vec<f32>,
    pub(super) counting: Counting,
    pub(super) norm: Option<LayerNorm>,
    pub(super) widen: Option<Widen>,
}

/// How tokens count positions.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Counting {
    /// From 0.
    FromZero,
    /// RoBERTa's: from one above the padding id, and a padding id within a text stands at its own number without
    /// counting.
    AfterPadding(u32),
}

/// The layer from embeddings to hidden states, before or after the norm.
#[derive(Debug)]
pub(crate) enum Widen {
    BeforeNorm(Linear),
    AfterNorm(Linear),
}

/// Adds the vector of segment 0 to every position.
pub(super) fn with_segment(mut positions: Vec<f32>, segment: &[f32]) -> Vec<f32> {
    if !segment.is_empty() {
        for row in positions.chunks_exact_mut(segment.len()) {
            row.iter_mut().zip(segment).for_each(|(p, s)| *p += s);
        }
    }
    positions
}

impl Embedding {
    pub(crate) fn bytes(&self) -> usize {
        let tables = self.words.len() + self.positions.len() + self.segment.len();
        let widen = self.widen.as_ref().map_or(0, |w| match w {
            Widen::BeforeNorm(linear) | Widen::AfterNorm(linear) => linear.bytes(),
        });
        tables * size_of::<f32>() + widen + self.norm.as_ref().map_or(0, LayerNorm::bytes)
    }

    /// Fills `workspace.hidden`. Ids and lengths were checked by the caller.
    pub(crate) fn run(&self, batch: Packed<'_>, workspace: &mut Workspace, threads: usize) -> Result<()> {
        let (tokens, width) = (batch.tokens(), self.width);
        let x = room(&mut workspace.hidden, tokens * width);
        for bounds in batch.offsets.windows(2) {
            let mut counted = 0;
            for at in bounds[0]..bounds[1] {
                let id = batch.ids[at];
                let position = match self.counting {
                    Counting::FromZero => at - bounds[0],
                    Counting::AfterPadding(pad) if id == pad => pad as usize,
                    Counting::AfterPadding(pad) => {
                        counted += 1;
                        pad as usize + counted
                    }
                };
                let row = &mut x[at * width..][..width];
                row.copy_from_slice(&self.words[id as usize * width..][..width]);
                let more = if self.positions.is_empty() {
                    self.segment.as_slice()
                } else {
                    &self.positions[position * width..][..width]
                };
                row.iter_mut().zip(more).for_each(|(v, m)| *v += m);
            }
        }
        if let Some(Widen::BeforeNorm(linear)) = &self.widen {
            widen(linear, tokens, workspace, threads)?;
        }
        if let Some(norm) = &self.norm {
            let now = norm.width();
            norm.run(&mut workspace.hidden[..tokens * now], None, threads)?;
        }
        if let Some(Widen::AfterNorm(linear)) = &self.widen {
            widen(linear, tokens, workspace, threads)?;
        }
        Ok(())
    }
}

fn widen(linear: &Linear, tokens: usize, workspace: &mut Workspace, threads: usize) -> Result<()> {
    let out = room(&mut workspace.next, tokens * linear.outputs());
    linear.run(tokens, &workspace.hidden, out, Activation::Identity, threads)?;
    std::mem::swap(&mut workspace.hidden, &mut workspace.next);
    Ok(())
}
