//! From hidden states to one vector a text, and from there to scores: the heads as transformers publishes them, a
//! single layer, and a deeper one for numbers, each also with thresholds for ordered classes.

use burn::tensor::{Tensor, activation, module};
use prompt_core::Output;
use prompt_encoder::{Activation, EncoderConfig, HeadKind, HeadPooling};

use super::layers::{Dense, Norm, activate};
use crate::loss::Scale;
use crate::net::{Builder, Id, Init, Input, Store, Tape, mean_pool};

/// How the tokens of a row become one vector.
#[derive(Debug)]
pub(crate) enum Pool {
    /// The first token.
    Cls,
    /// The mean.
    Mean,
    /// The largest of each number.
    Max,
    /// αₜ = softmax(v·tanh(W·hₜ + b)) over a row's own tokens, Σ αₜ·hₜ (Yang and others, 2016). v begins as zeros, so
    /// that it begins as the mean.
    Attention { inner: Dense, vector: Id },
}

/// Numbers in v.
const ATTENTION: usize = 128;

impl Pool {
    pub(crate) const NAMES: &'static [&'static str] = &["cls", "mean", "max", "attention"];

    /// By name; the caller has checked it against [`NAMES`](Self::NAMES).
    pub(crate) fn new(name: &str, width: usize, b: &mut Builder<'_>) -> Self {
        match name {
            "mean" => Self::Mean,
            "max" => Self::Max,
            "attention" => {
                let mut b = b.under(POOLING).at_layer(usize::MAX);
                let inner = Dense::new(b.under("inner"), width, ATTENTION, true);
                Self::Attention { inner, vector: b.param("vector", &[ATTENTION], Init::Zeros) }
            }
            _ => Self::Cls,
        }
    }

    /// As `config.json` says it.
    pub(crate) fn saved(&self) -> HeadPooling {
        match self {
            Self::Cls => HeadPooling::Cls,
            Self::Mean => HeadPooling::Mean,
            Self::Max => HeadPooling::Max,
            Self::Attention { .. } => HeadPooling::Attention,
        }
    }

    /// \[rows, length, width\] → \[rows, width\].
    pub(crate) fn forward(&self, s: &Store, x: Tensor<3>, input: &Input) -> Tensor<2> {
        match self {
            Self::Cls => x.narrow(1, 0, 1).squeeze_dim(1),
            Self::Mean => mean_pool(s, x, input),
            Self::Max => (x + input.hidden(s)).max_dim(1).squeeze_dim(1),
            Self::Attention { inner, vector } => {
                let vector = s.get::<1>(*vector).reshape([ATTENTION, 1]);
                let scores = module::linear(inner.forward(s, x.clone()).tanh(), vector, None);
                let shares = activation::softmax(scores + input.hidden(s), 1);
                (x * shares).sum_dim(1).squeeze_dim(1)
            }
        }
    }
}

/// What one head is to learn.
#[derive(Debug, Clone)]
pub(crate) struct HeadSpec {
    /// What its answers go by.
    pub(crate) name: String,
    /// What the names of its parameters begin with; empty for a head under published names.
    pub(crate) prefix: String,
    pub(crate) kind: HeadKind,
    pub(crate) output: Output,
    /// Whether the classes have an order.
    pub(crate) ordinal: bool,
    /// The scale in which numbers are learned.
    pub(crate) scale: Option<Scale>,
}

impl HeadSpec {
    /// Whether a folder lists it under its name, as one of several.
    pub(crate) fn is_listed(&self) -> bool {
        self.prefix.starts_with(SEVERAL)
    }
}

/// From the pooled vector to scores. Its parameters belong to no layer of the encoder.
#[derive(Debug)]
pub(crate) struct Head {
    layers: Layers,
    last: Dense,
    /// Of ordered classes: what is added to the one score, a threshold each.
    pub(crate) thresholds: Option<Id>,
}

/// What stands before the layer of scores.
#[derive(Debug)]
enum Layers {
    None,
    /// As the family's published head has it: a layer and its nonlinearity, in ModernBERT a norm.
    Published(Dense, Activation, Option<Norm>),
    /// width → 256 → 64, ReLU.
    Deep([Dense; 2]),
}

/// What the names of a head begin with that transformers does not have, of one of several, and of a pooling that learns.
pub(super) const OWN: &str = "prompt_head.";
pub(super) const SEVERAL: &str = "prompt_heads.";
pub(super) const POOLING: &str = "prompt_pooling";

impl Head {
    pub(crate) const NAMES: &'static [&'static str] = &["published", "linear", "deep"];

    /// The kind of this name; the caller has checked it against [`NAMES`](Self::NAMES).
    pub(crate) fn kind(name: &str) -> HeadKind {
        match name {
            "linear" => HeadKind::Linear,
            "deep" => HeadKind::Deep,
            _ => HeadKind::Published,
        }
    }

    /// `joined` surface features stand behind the pooled vector; a published head reads none.
    pub(crate) fn new(config: &EncoderConfig, spec: &HeadSpec, joined: usize, b: &mut Builder<'_>) -> Self {
        let steps = spec.output.width() - usize::from(spec.ordinal);
        let outputs = if spec.ordinal { 1 } else { steps };
        let width = config.hidden_size + joined;
        let prefix = &spec.prefix;
        let (layers, last, inputs) = match spec.kind {
            HeadKind::Linear => (Layers::None, "out", width),
            HeadKind::Deep => {
                let mut dense = |name: &str, inputs, outputs| {
                    let b = b.under(&format!("{prefix}regressor.{name}")).at_layer(usize::MAX);
                    Dense::new(b, inputs, outputs, true)
                };
                (Layers::Deep([dense("0", width, 256), dense("1", 256, 64)]), "regressor.2", 64)
            }
            _ => {
                let (layers, last) = published(config, prefix, b);
                (layers, last, config.hidden_size)
            }
        };
        let last =
            Dense::new(b.under(&format!("{prefix}{last}")).at_layer(usize::MAX), inputs, outputs, true);
        let mut b = b.here().at_layer(usize::MAX);
        let thresholds = format!("{prefix}thresholds");
        let thresholds = spec.ordinal.then(|| b.param(&thresholds, &[steps], Init::Zeros));
        Self { layers, last, thresholds }
    }

    /// \[rows, width\] → \[rows, scores\].
    pub(crate) fn forward(&self, s: &Store, tape: &mut Tape, pooled: Tensor<2>, dropout: f64) -> Tensor<2> {
        let x = match &self.layers {
            Layers::None => pooled,
            Layers::Published(dense, kind, norm) => {
                let x = activate(*kind, dense.in_f32(s, pooled));
                match norm {
                    Some(norm) => norm.forward(s, x),
                    None => x,
                }
            }
            Layers::Deep([first, second]) => {
                let x = tape.dropout(activation::relu(first.in_f32(s, pooled)), dropout);
                activation::relu(second.in_f32(s, x))
            }
        };
        let scores = self.last.in_f32(s, tape.dropout(x, dropout));
        match self.thresholds {
            Some(thresholds) => scores + s.get::<2>(thresholds),
            None => scores,
        }
    }
}

/// The layer before the scores under the family's published names, and the name of the layer of scores.
fn published(config: &EncoderConfig, prefix: &str, b: &mut Builder<'_>) -> (Layers, &'static str) {
    let (width, head) = (config.hidden_size, config.published_head());
    let dense = b.under(&format!("{prefix}{}", head.dense)).at_layer(usize::MAX);
    let dense = Dense::new(dense, width, width, head.dense_bias);
    let norm = head.norm.map(|(name, bias)| {
        let norm = b.under(&format!("{prefix}{name}")).at_layer(usize::MAX);
        Norm::new(norm, width, bias, config.layer_norm_eps)
    });
    (Layers::Published(dense, head.activation, norm), head.out)
}
