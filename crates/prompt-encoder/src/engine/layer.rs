//! The layer that most families share: attention, residual and norm, feed-forward, residual and norm.

use prompt_core::Result;
use prompt_kernels::{Activation, Attention, Level, Rows, RowsMut, ScoreBias, attention};

use super::linear::{LayerNorm, Linear};
use super::{Workspace, kernel, room};

/// One layer.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Queries, keys and values beside one another.
    pub(super) qkv: Linear,
    pub(super) out: Linear,
    pub(super) attention_norm: LayerNorm,
    pub(super) up: Linear,
    pub(super) down: Linear,
    pub(super) norm: LayerNorm,
}

/// How a layer attends.
#[derive(Clone, Copy)]
pub(crate) struct Attending<'a> {
    pub(super) level: Level,
    pub(super) heads: usize,
    pub(super) offsets: &'a [usize],
    /// Factor of q·k; None for 1/√(size of a head).
    pub(super) scale: Option<f32>,
    pub(super) window: Option<usize>,
    pub(super) bias: Option<&'a dyn ScoreBias>,
}

/// Attention over a fused product of `tokens` × (3 · `width`) into `out`.
pub(super) fn attend(
    how: Attending<'_>,
    (tokens, width): (usize, usize),
    qkv: &[f32],
    out: &mut [f32],
    threads: usize,
) -> Result<()> {
    let part =
        |i: usize| kernel(Rows::strided(qkv.get(i * width..).unwrap_or(&[]), tokens, width, 3 * width));
    let mut work = Attention::new(part(0)?, part(1)?, part(2)?, how.heads, how.offsets);
    work.scale = how.scale.unwrap_or(work.scale);
    work.window = how.window;
    work.bias = how.bias;
    kernel(attention(how.level, work, kernel(RowsMut::new(out, tokens, width))?, threads))
}

impl Layer {
    pub(crate) fn bytes(&self) -> usize {
        let linear = [&self.qkv, &self.out, &self.up, &self.down].map(Linear::bytes);
        linear.iter().sum::<usize>() + self.attention_norm.bytes() + self.norm.bytes()
    }

    /// Queries, keys and values of `workspace.hidden` into `workspace.qkv`.
    pub(super) fn project(&self, tokens: usize, workspace: &mut Workspace, threads: usize) -> Result<()> {
        let qkv = room(&mut workspace.qkv, tokens * self.qkv.outputs());
        self.qkv.run(tokens, &workspace.hidden, qkv, Activation::Identity, threads)
    }

    /// The rest of the layer, from `workspace.qkv` and `workspace.hidden` to `workspace.hidden`.
    pub(super) fn finish(
        &self,
        how: Attending<'_>,
        activation: Activation,
        (tokens, width): (usize, usize),
        workspace: &mut Workspace,
        threads: usize,
    ) -> Result<()> {
        let Workspace { hidden, next, qkv, context, inner, .. } = workspace;
        let context = room(context, tokens * width);
        attend(how, (tokens, width), qkv, context, threads)?;
        let out = room(next, tokens * width);
        self.out.run(tokens, context, out, Activation::Identity, threads)?;
        self.attention_norm.run(out, Some(hidden), threads)?;
        std::mem::swap(hidden, next);
        let inner = room(inner, tokens * self.up.outputs());
        self.up.run(tokens, hidden, inner, activation, threads)?;
        let out = room(next, tokens * width);
        self.down.run(tokens, inner, out, Activation::Identity, threads)?;
        self.norm.run(out, Some(hidden), threads)?;
        std::mem::swap(hidden, next);
        Ok(())
    }
}
