//! From hidden states to one vector a text, and from there to scores: the heads as transformers publishes them, a
//! single layer, and a deeper one for numbers.

use burn::tensor::{Tensor, activation};
use prompt_encoder::{Activation, Details, EncoderConfig, Family, HeadKind, HeadPooling};

use super::layers::{Dense, Norm, activate};
use crate::net::{Builder, Input, Store, Tape, mean_pool};

/// How the tokens of a row become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// The first token.
    Cls,
    /// The mean.
    Mean,
    /// The largest of each number.
    Max,
}

impl Pooling {
    pub(crate) const NAMES: &'static [&'static str] = &["cls", "mean", "max"];

    /// By name; the caller has checked it against [`NAMES`](Self::NAMES).
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "mean" => Self::Mean,
            "max" => Self::Max,
            _ => Self::Cls,
        }
    }

    /// As `config.json` says it.
    pub(crate) fn saved(self) -> HeadPooling {
        match self {
            Self::Cls => HeadPooling::Cls,
            Self::Mean => HeadPooling::Mean,
            Self::Max => HeadPooling::Max,
        }
    }

    pub(crate) fn forward(self, s: &Store, x: Tensor<3>, input: &Input) -> Tensor<2> {
        match self {
            Self::Cls => x.narrow(1, 0, 1).squeeze_dim(1),
            Self::Mean => mean_pool(s, x, input),
            Self::Max => (x + input.hidden(s)).max_dim(1).squeeze_dim(1),
        }
    }
}

/// From the pooled vector to scores. Its parameters belong to no layer of the encoder.
#[derive(Debug)]
pub(crate) enum Head {
    /// As the family's published head has it: a layer and its nonlinearity (ModernBERT: and a norm), then the scores.
    Published(Dense, Activation, Option<Norm>, Dense),
    /// One layer.
    Linear(Dense),
    /// For numbers: width → 256 → 64 → 1.
    Deep([Dense; 3]),
}

/// What the names of a head begin with that transformers does not have.
pub(super) const OWN: &str = "prompt_head.";

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

    pub(crate) fn new(config: &EncoderConfig, kind: HeadKind, outputs: usize, b: &mut Builder<'_>) -> Self {
        let width = config.hidden_size;
        let mut dense = |name: &str, [inputs, outputs]: [usize; 2]| {
            Dense::new(b.under(&format!("{OWN}{name}")).at_layer(usize::MAX), inputs, outputs, true)
        };
        match kind {
            HeadKind::Linear => Self::Linear(dense("out", [width, outputs])),
            HeadKind::Deep => Self::Deep([
                dense("regressor.0", [width, 256]),
                dense("regressor.1", [256, 64]),
                dense("regressor.2", [64, outputs]),
            ]),
            _ => Self::published(config, outputs, b),
        }
    }

    /// Under the family's published names.
    fn published(config: &EncoderConfig, outputs: usize, b: &mut Builder<'_>) -> Self {
        let width = config.hidden_size;
        let mut dense =
            |name: &str, bias: bool| Dense::new(b.under(name).at_layer(usize::MAX), width, width, bias);
        let (before, activation, last) = match (config.family, &config.details) {
            (Family::DistilBert, _) => (dense("pre_classifier", true), Activation::Relu, "classifier"),
            (Family::Roberta | Family::XlmRoberta, _) => {
                (dense("classifier.dense", true), Activation::Tanh, "classifier.out_proj")
            }
            (Family::Albert, _) => (dense("pooler", true), Activation::Tanh, "classifier"),
            (_, Details::Deberta(d)) => (dense("pooler.dense", true), d.pooler_activation, "classifier"),
            (_, Details::ModernBert(m)) => {
                (dense("head.dense", m.head_bias), m.head_activation, "classifier")
            }
            _ => (dense("pooler.dense", true), Activation::Tanh, "classifier"),
        };
        let norm = match &config.details {
            Details::ModernBert(m) => {
                let norm = b.under("head.norm").at_layer(usize::MAX);
                Some(Norm::new(norm, width, m.norm_bias, config.layer_norm_eps))
            }
            _ => None,
        };
        let last = Dense::new(b.under(last).at_layer(usize::MAX), width, outputs, true);
        Self::Published(before, activation, norm, last)
    }

    /// \[rows, width\] → \[rows, outputs\].
    pub(crate) fn forward(&self, s: &Store, tape: &mut Tape, pooled: Tensor<2>, dropout: f64) -> Tensor<2> {
        match self {
            Self::Linear(dense) => dense.forward(s, tape.dropout(pooled, dropout)),
            Self::Published(dense, kind, norm, last) => {
                let x = activate(*kind, dense.forward(s, pooled));
                let x = match norm {
                    Some(norm) => norm.forward(s, x),
                    None => x,
                };
                last.forward(s, tape.dropout(x, dropout))
            }
            Self::Deep([first, second, third]) => {
                let x = tape.dropout(activation::relu(first.forward(s, pooled)), dropout);
                let x = tape.dropout(activation::relu(second.forward(s, x)), dropout);
                third.forward(s, x)
            }
        }
    }
}
