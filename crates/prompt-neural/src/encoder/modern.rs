//! ModernBERT's layers (Warner and others, 2024): normalised first, rotary positions, gated feed-forward, windows.

use burn::tensor::{Tensor, activation};
use prompt_encoder::{Activation, EncoderConfig, ModernBert};

use super::layers::{Dense, Norm, activate, join_heads, split_heads};
use crate::net::{Builder, Input, Store, Tape};

/// One layer.
#[derive(Debug, Clone)]
pub(super) struct ModernLayer {
    norm: Option<Norm>,
    joined: Dense,
    out: Dense,
    second_norm: Norm,
    wide: Dense,
    narrow: Dense,
    heads: usize,
    activation: Activation,
    /// How far a token sees to each side; everything when `None`.
    side: Option<usize>,
    theta: f64,
}

impl ModernLayer {
    /// Below `layers.N`.
    pub(super) fn new(
        mut b: Builder<'_>,
        config: &EncoderConfig,
        details: &ModernBert,
        index: usize,
    ) -> Self {
        let (width, inner, eps) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
        let global = details.global[index];
        let norm = (index > 0).then(|| Norm::new(b.under("attn_norm"), width, details.norm_bias, eps));
        let mut attention = b.under("attn");
        let joined = Dense::new(attention.under("Wqkv"), width, 3 * width, details.attention_bias);
        let out = Dense::new(attention.under("Wo"), width, width, details.attention_bias);
        let second_norm = Norm::new(b.under("mlp_norm"), width, details.norm_bias, eps);
        let mut mlp = b.under("mlp");
        Self {
            norm,
            joined,
            out,
            second_norm,
            wide: Dense::new(mlp.under("Wi"), width, 2 * inner, details.mlp_bias),
            narrow: Dense::new(mlp.under("Wo"), inner, width, details.mlp_bias),
            heads: config.heads,
            activation: config.activation,
            side: (!global).then_some(details.side),
            theta: if global { details.global_theta } else { details.local_theta },
        }
    }

    /// Whether its numbers learn.
    pub(super) fn learns(&self, s: &Store) -> bool {
        s.learns(self.joined.weight)
    }

    pub(super) fn forward(
        &self,
        s: &Store,
        tape: &mut Tape,
        x: Tensor<3>,
        input: &Input,
        dropout: f64,
    ) -> Tensor<3> {
        let normed = self.norm.as_ref().map_or_else(|| x.clone(), |norm| norm.forward(s, x.clone()));
        let joined = self.joined.forward(s, normed);
        let width = joined.dims()[2] / 3;
        let part = |i: usize| split_heads(joined.clone().narrow(2, i * width, width), self.heads);
        let turns = Turns::new(s, input.length, width / self.heads, self.theta);
        let (q, k, v) = (turns.apply(part(0)), turns.apply(part(1)), part(2));
        let scale = 1.0 / ((width / self.heads) as f64).sqrt();
        // Scaled before they are multiplied: the product has to stay within f16.
        let mut scores = s.products().matmul(q * scale, k.swap_dims(2, 3)) + input.hidden_keys(s);
        if let Some(side) = self.side {
            scores = scores + beyond(s, input.length, side);
        }
        let shares = tape.dropout(activation::softmax(scores, 3), dropout);
        let mixed = self.out.forward(s, join_heads(s.products().matmul(shares, v)));
        let x = x + tape.dropout(mixed, dropout);
        let both = self.wide.forward(s, self.second_norm.forward(s, x.clone()));
        let inner = both.dims()[2] / 2;
        let (value, gate) = (both.clone().narrow(2, 0, inner), both.narrow(2, inner, inner));
        let gated = tape.dropout(activate(self.activation, value) * gate, dropout);
        x + self.narrow.forward(s, gated)
    }
}

/// −10⁹ for pairs of places further apart than `side`.
fn beyond(s: &Store, length: usize, side: usize) -> Tensor<4> {
    let pairs =
        (0..length).flat_map(|i| (0..length).map(move |j| if i.abs_diff(j) > side { -1e9 } else { 0.0 }));
    s.constant(pairs.collect(), [1, 1, length, length])
}

/// Rotary positions: each half of a head is turned by an angle that grows with the place.
struct Turns {
    cos: Tensor<4>,
    sin: Tensor<4>,
}

impl Turns {
    fn new(s: &Store, length: usize, width: usize, theta: f64) -> Self {
        let half = width / 2;
        let angle = |t: usize, i: usize| t as f64 * theta.powf(-((2 * (i % half)) as f64) / width as f64);
        let all = |f: fn(f64) -> f64| {
            let numbers = (0..length).flat_map(|t| (0..width).map(move |i| (t, i)));
            s.constant(numbers.map(|(t, i)| f(angle(t, i)) as f32).collect(), [1, 1, length, width])
        };
        Self { cos: all(f64::cos), sin: all(f64::sin) }
    }

    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let half = x.dims()[3] / 2;
        let (a, b) = (x.clone().narrow(3, 0, half), x.clone().narrow(3, half, half));
        x * self.cos.clone() + Tensor::cat(vec![b.neg(), a], 3) * self.sin.clone()
    }
}
