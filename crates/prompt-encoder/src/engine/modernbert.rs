//! ModernBERT: norms before the parts, rotary positions, gated feed-forward, windows in most layers.

use prompt_core::{Error, Result};
use prompt_kernels::{Activation, Combine, Epilogue, Level, Rotary, Rows, RowsMut};

use super::embedding::{Counting, Embedding};
use super::layer::{Attending, attend};
use super::linear::{LayerNorm, Linear, Loader};
use super::{Packed, Workspace, kernel, room};
use crate::config::{EncoderConfig, ModernBert};

/// Positions times the width of a head: eight times what the published encoders have.
const MOST_ROTATIONS: usize = 1 << 22;

#[derive(Debug)]
pub(crate) struct ModernBertNetwork {
    level: Level,
    heads: usize,
    width: usize,
    activation: Activation,
    embedding: Embedding,
    layers: Vec<ModernBertLayer>,
    final_norm: LayerNorm,
    /// Rotations of global and of local layers.
    rotations: [Rotary; 2],
    side: usize,
}

#[derive(Debug)]
struct ModernBertLayer {
    global: bool,
    /// None in the first layer.
    attention_norm: Option<LayerNorm>,
    qkv: Linear,
    out: Linear,
    norm: LayerNorm,
    /// The half of `Wi` that goes through the activation.
    up: Linear,
    /// The half that the result is multiplied with.
    gate: Linear,
    down: Linear,
}

pub(super) fn load(
    loader: &mut Loader<'_>,
    config: &EncoderConfig,
    details: &ModernBert,
) -> Result<ModernBertNetwork> {
    // No tensor has a row for each position, so the configuration is all there is to go by.
    if config.max_positions.saturating_mul(config.head_size()) > MOST_ROTATIONS {
        return Err(Error::unsupported(
            "the dedicated engine",
            format!(
                "`max_position_embeddings` {} with heads of {}",
                config.max_positions,
                config.head_size()
            ),
            "check config.json",
        ));
    }
    let (h, f, eps) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
    let embedding = Embedding {
        width: h,
        words: loader.table("embeddings.tok_embeddings.weight", [config.vocab_size, h])?,
        positions: Vec::new(),
        segment: Vec::new(),
        counting: Counting::FromZero,
        norm: Some(loader.norm("embeddings.norm", h, eps, details.norm_bias)?),
        widen: None,
    };
    let layers = (0..config.layers)
        .map(|i| {
            let name = |part: &str| format!("layers.{i}.{part}");
            let attention_norm = if i == 0 {
                None
            } else {
                Some(loader.norm(&name("attn_norm"), h, eps, details.norm_bias)?)
            };
            let (up, gate) = halves(loader, &name("mlp.Wi"), [f, h], details.mlp_bias)?;
            Ok(ModernBertLayer {
                global: details.global[i],
                attention_norm,
                qkv: loader.linear(&name("attn.Wqkv"), [3 * h, h], details.attention_bias)?,
                out: loader.linear(&name("attn.Wo"), [h, h], details.attention_bias)?,
                norm: loader.norm(&name("mlp_norm"), h, eps, details.norm_bias)?,
                up,
                gate,
                down: loader.linear(&name("mlp.Wo"), [h, f], details.mlp_bias)?,
            })
        })
        .collect::<Result<_>>()?;
    let rotary = |theta: f64| kernel(Rotary::new(config.head_size(), config.max_positions, theta));
    Ok(ModernBertNetwork {
        level: loader.level,
        heads: config.heads,
        width: h,
        activation: config.activation.kernel(),
        embedding,
        layers,
        final_norm: loader.norm("final_norm", h, eps, details.norm_bias)?,
        rotations: [rotary(details.global_theta)?, rotary(details.local_theta)?],
        side: details.side,
    })
}

/// The upper and the lower half of one layer's outputs as two layers of this shape.
fn halves(loader: &mut Loader<'_>, name: &str, shape: [usize; 2], bias: bool) -> Result<(Linear, Linear)> {
    let [f, h] = shape;
    let weight = loader.weights.get(&format!("{name}.weight"), &[2 * f, h])?;
    let biases = if bias { Some(loader.weights.get(&format!("{name}.bias"), &[2 * f])?) } else { None };
    let (level, precision) = (loader.level, loader.precision);
    let half = |i: usize| {
        let bias = biases.as_ref().map(|b| &b[i * f..][..f]);
        Linear::new(level, precision, shape, &weight[i * f * h..][..f * h], bias)
    };
    Ok((half(0)?, half(1)?))
}

impl ModernBertNetwork {
    pub(crate) fn bytes(&self) -> usize {
        let layer = |l: &ModernBertLayer| {
            [&l.qkv, &l.out, &l.up, &l.gate, &l.down].map(Linear::bytes).iter().sum::<usize>()
                + l.norm.bytes()
        };
        self.embedding.bytes() + self.layers.iter().map(layer).sum::<usize>() + self.final_norm.bytes()
    }

    pub(crate) fn forward(&self, batch: Packed<'_>, workspace: &mut Workspace, threads: usize) -> Result<()> {
        self.embedding.run(batch, workspace, threads)?;
        for layer in &self.layers {
            self.attend(layer, batch, workspace, threads)?;
            self.feed_forward(layer, batch.tokens(), workspace, threads)?;
        }
        let size = batch.tokens() * self.width;
        self.final_norm.run(&mut workspace.hidden[..size], None, threads)
    }

    /// hidden += out(attention(norm(hidden)))
    fn attend(
        &self,
        layer: &ModernBertLayer,
        batch: Packed<'_>,
        workspace: &mut Workspace,
        threads: usize,
    ) -> Result<()> {
        let (tokens, width) = (batch.tokens(), self.width);
        let Workspace { hidden, next, qkv, context, .. } = workspace;
        let x = normed(hidden, next, tokens * width, layer.attention_norm.as_ref(), threads)?;
        let qkv = room(qkv, tokens * 3 * width);
        layer.qkv.run(tokens, x, qkv, Activation::Identity, threads)?;
        let rotary = &self.rotations[usize::from(!layer.global)];
        for part in 0..2 {
            let rows = kernel(RowsMut::strided(&mut qkv[part * width..], tokens, width, 3 * width))?;
            kernel(rotary.apply(self.level, rows, batch.offsets))?;
        }
        let how = Attending {
            level: self.level,
            heads: self.heads,
            offsets: batch.offsets,
            scale: None,
            window: (!layer.global).then_some(self.side),
            bias: None,
        };
        let context = room(context, tokens * width);
        attend(how, (tokens, width), qkv, context, threads)?;
        let residual = kernel(Rows::new(hidden, tokens, width))?;
        let epilogue = Epilogue { combine: Combine::Add(residual), ..Epilogue::default() };
        layer.out.run(tokens, context, room(next, tokens * width), epilogue, threads)?;
        std::mem::swap(hidden, next);
        Ok(())
    }

    /// hidden += down(activation(up(norm(hidden))) · gate(norm(hidden)))
    fn feed_forward(
        &self,
        layer: &ModernBertLayer,
        tokens: usize,
        workspace: &mut Workspace,
        threads: usize,
    ) -> Result<()> {
        let width = self.width;
        let Workspace { hidden, next, inner, gate, .. } = workspace;
        let x = normed(hidden, next, tokens * width, Some(&layer.norm), threads)?;
        let wide = layer.up.outputs();
        let gate = room(gate, tokens * wide);
        layer.gate.run(tokens, x, gate, Activation::Identity, threads)?;
        let combine = Combine::Multiply(kernel(Rows::new(gate, tokens, wide))?);
        let inner = room(inner, tokens * wide);
        layer.up.run(tokens, x, inner, Epilogue { activation: self.activation, combine }, threads)?;
        let residual = kernel(Rows::new(hidden, tokens, width))?;
        let epilogue = Epilogue { combine: Combine::Add(residual), ..Epilogue::default() };
        layer.down.run(tokens, inner, room(next, tokens * width), epilogue, threads)?;
        std::mem::swap(hidden, next);
        Ok(())
    }
}

/// The normalised copy of `x` in `to`, or `x` itself where there is no norm.
fn normed<'a>(
    x: &'a [f32],
    to: &'a mut Vec<f32>,
    n: usize,
    norm: Option<&LayerNorm>,
    threads: usize,
) -> Result<&'a [f32]> {
    let Some(norm) = norm else {
        return Ok(&x[..n]);
    };
    let copy = room(to, n);
    copy.copy_from_slice(&x[..n]);
    norm.run(copy, None, threads)?;
    Ok(copy)
}
