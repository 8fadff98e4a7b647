//! From hidden states to scores: the heads as transformers publishes them, and a deeper one for numbers.

use burn::tensor::{Tensor, activation};
use prompt_encoder::{Activation, Details, EncoderConfig, Family};

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

    fn forward(self, s: &Store, x: Tensor<3>, input: &Input) -> Tensor<2> {
        match self {
            Self::Cls => x.narrow(1, 0, 1).squeeze_dim(1),
            Self::Mean => mean_pool(s, x, input),
            Self::Max => (x + input.hidden(s)).max_dim(1).squeeze_dim(1),
        }
    }
}

/// What stands between the pooled vector and the classifier.
#[derive(Debug)]
enum Before {
    Dense(Dense, Activation),
    /// ModernBERT.
    Normed(Dense, Activation, Norm),
}

/// A head for classes or numbers.
#[derive(Debug)]
pub(crate) struct Head {
    pooling: Pooling,
    before: Before,
    last: Dense,
}

impl Head {
    /// Under the family's published names.
    pub(crate) fn new(config: &EncoderConfig, outputs: usize, pooling: Pooling, b: &mut Builder<'_>) -> Self {
        let width = config.hidden_size;
        let mut dense =
            |name: &str, bias: bool| Dense::new(b.under(name).at_layer(usize::MAX), width, width, bias);
        let (before, last) = match (config.family, &config.details) {
            (Family::DistilBert, _) => {
                (Before::Dense(dense("pre_classifier", true), Activation::Relu), "classifier")
            }
            (Family::Roberta | Family::XlmRoberta, _) => {
                (Before::Dense(dense("classifier.dense", true), Activation::Tanh), "classifier.out_proj")
            }
            (Family::Albert, _) => (Before::Dense(dense("pooler", true), Activation::Tanh), "classifier"),
            (_, Details::Deberta(d)) => {
                (Before::Dense(dense("pooler.dense", true), d.pooler_activation), "classifier")
            }
            (_, Details::ModernBert(m)) => {
                let dense = dense("head.dense", m.head_bias);
                let norm = b.under("head.norm").at_layer(usize::MAX);
                let norm = Norm::new(norm, width, m.norm_bias, config.layer_norm_eps);
                (Before::Normed(dense, m.head_activation, norm), "classifier")
            }
            _ => (Before::Dense(dense("pooler.dense", true), Activation::Tanh), "classifier"),
        };
        let last = Dense::new(b.under(last).at_layer(usize::MAX), width, outputs, true);
        Self { pooling, before, last }
    }

    pub(crate) fn forward(
        &self,
        s: &Store,
        tape: &mut Tape,
        x: Tensor<3>,
        input: &Input,
        dropout: f64,
    ) -> Tensor<2> {
        let pooled = self.pooling.forward(s, x, input);
        let pooled = match &self.before {
            Before::Dense(dense, kind) => activate(*kind, dense.forward(s, pooled)),
            Before::Normed(dense, kind, norm) => norm.forward(s, activate(*kind, dense.forward(s, pooled))),
        };
        self.last.forward(s, tape.dropout(pooled, dropout))
    }
}

/// The deeper head for numbers: width → 256 → 64 → 1, ReLU and dropout between.
#[derive(Debug)]
pub(crate) struct Regressor {
    pooling: Pooling,
    layers: [Dense; 3],
}

impl Regressor {
    pub(crate) fn new(config: &EncoderConfig, pooling: Pooling, b: &mut Builder<'_>) -> Self {
        let sizes = [(config.hidden_size, 256), (256, 64), (64, 1)];
        let mut at = 0;
        let layers = sizes.map(|(inputs, outputs)| {
            at += 1;
            Dense::new(b.under(&format!("regressor.{}", at - 1)).at_layer(usize::MAX), inputs, outputs, true)
        });
        Self { pooling, layers }
    }

    pub(crate) fn forward(
        &self,
        s: &Store,
        tape: &mut Tape,
        x: Tensor<3>,
        input: &Input,
        dropout: f64,
    ) -> Tensor<2> {
        let [first, second, third] = &self.layers;
        let x = self.pooling.forward(s, x, input);
        let x = tape.dropout(activation::relu(first.forward(s, x)), dropout);
        let x = tape.dropout(activation::relu(second.forward(s, x)), dropout);
        third.forward(s, x)
    }
}
