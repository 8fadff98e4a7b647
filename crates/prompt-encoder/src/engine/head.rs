//! From hidden states to one vector a sequence, and from there to logits.

use prompt_core::Result;
use prompt_kernels::{Activation, Level, Pool, Rows, pool, unit_length};

use super::linear::{LayerNorm, Linear, Loader};
use super::{Packed, Precision, kernel};
use crate::checkpoint::Weights;
use crate::config::{Details, EncoderConfig, Family, HeadKind, HeadPooling, PromptHead};

/// What the names of a head begin with that transformers does not have.
const OWN: &str = "prompt_head.";

/// How hidden states become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pooling {
    /// The first token's.
    Cls,
    /// The mean over all tokens.
    Mean,
    /// The largest number of each column.
    Max,
}

/// Pooled vectors, sequences × width.
pub(crate) fn pool_rows(how: Pooling, batch: Packed<'_>, hidden: &[f32], width: usize) -> Result<Vec<f32>> {
    let level = Level::detect();
    let mut pooled = vec![0.0; (batch.offsets.len() - 1) * width];
    for (bounds, out) in batch.offsets.windows(2).zip(pooled.chunks_exact_mut(width)) {
        let rows = &hidden[bounds[0] * width..bounds[1] * width];
        let (kind, n) = match how {
            Pooling::Cls => {
                out.copy_from_slice(&rows[..width]);
                continue;
            }
            Pooling::Mean => (Pool::Mean, bounds[1] - bounds[0]),
            Pooling::Max => (Pool::Max, bounds[1] - bounds[0]),
        };
        kernel(pool(level, kind, kernel(Rows::new(rows, n, width))?, out))?;
    }
    Ok(pooled)
}

/// Scales a vector to length 1.
pub(crate) fn unit(vector: &mut [f32]) {
    unit_length(Level::detect(), vector);
}

/// Pooling, layers where there are some, and the layer of logits.
#[derive(Debug)]
pub(crate) struct Head {
    pooling: Pooling,
    layers: Vec<Dense>,
    out: Linear,
}

#[derive(Debug)]
struct Dense {
    linear: Linear,
    activation: Activation,
    norm: Option<LayerNorm>,
}

impl Head {
    /// The head of `AutoModelForSequenceClassification`, several heads over the mean, or one that transformers does not
    /// have.
    pub(crate) fn load(weights: &mut Weights, config: &EncoderConfig) -> Result<Self> {
        // Heads are small and last: they stay in f32.
        let mut loader = Loader { weights, level: Level::detect(), precision: Precision::F32 };
        let (h, labels) = (config.hidden_size, config.head.labels.len());
        if let Some(tasks) = &config.head.tasks {
            return Self::several(&mut loader, h, &tasks.heads.iter().map(|t| t.size).collect::<Vec<_>>());
        }
        if let Some(own) = &config.head.own {
            return Self::own(&mut loader, config, own);
        }
        let modern = matches!(config.details, Details::ModernBert(_));
        let mean = modern && config.head.pooling.as_deref() == Some("mean");
        let (dense, out) = published(&mut loader, config, "")?;
        let out = loader.linear(out, [labels, h], true)?;
        Ok(Self { pooling: if mean { Pooling::Mean } else { Pooling::Cls }, layers: vec![dense], out })
    }

    /// What `prompt_head` describes.
    fn own(loader: &mut Loader<'_>, config: &EncoderConfig, head: &PromptHead) -> Result<Self> {
        let (h, labels) = (config.hidden_size, config.head.labels.len());
        let (layers, name, inputs) = match head.kind {
            HeadKind::Linear => (Vec::new(), "out", h),
            HeadKind::Published => {
                let (dense, out) = published(loader, config, OWN)?;
                (vec![dense], out, h)
            }
            HeadKind::Deep => {
                let mut relu = |name: &str, shape| {
                    let linear = loader.linear(&format!("{OWN}{name}"), shape, true)?;
                    Ok(Dense { linear, activation: Activation::Relu, norm: None })
                };
                (vec![relu("regressor.0", [256, h])?, relu("regressor.1", [64, 256])?], "regressor.2", 64)
            }
        };
        let out = loader.linear(&format!("{OWN}{name}"), [labels, inputs], true)?;
        let pooling = match head.pooling {
            HeadPooling::Cls => Pooling::Cls,
            HeadPooling::Mean => Pooling::Mean,
            HeadPooling::Max => Pooling::Max,
        };
        Ok(Self { pooling, layers, out })
    }

    /// Heads `head_0.fc`, `head_1.fc`, … as one layer.
    fn several(loader: &mut Loader<'_>, h: usize, sizes: &[usize]) -> Result<Self> {
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        for (i, &size) in sizes.iter().enumerate() {
            weight.extend(loader.weights.get(&format!("head_{i}.fc.weight"), &[size, h])?);
            bias.extend(loader.weights.get(&format!("head_{i}.fc.bias"), &[size])?);
        }
        let out = Linear::new(loader.level, Precision::F32, [bias.len(), h], &weight, Some(&bias))?;
        Ok(Self { pooling: Pooling::Mean, layers: Vec::new(), out })
    }

    /// Bytes of weights in memory.
    pub(crate) fn bytes(&self) -> usize {
        let of = |d: &Dense| d.linear.bytes() + d.norm.as_ref().map_or(0, LayerNorm::bytes);
        self.layers.iter().map(of).sum::<usize>() + self.out.bytes()
    }

    /// Logits, sequences × outputs.
    pub(crate) fn logits(
        &self,
        batch: Packed<'_>,
        hidden: &[f32],
        width: usize,
        threads: usize,
    ) -> Result<Vec<f32>> {
        let n = batch.offsets.len() - 1;
        let mut x = pool_rows(self.pooling, batch, hidden, width)?;
        for layer in &self.layers {
            let mut y = vec![0.0; n * layer.linear.outputs()];
            layer.linear.run(n, &x, &mut y, layer.activation, threads)?;
            if let Some(norm) = &layer.norm {
                norm.run(&mut y, None, threads)?;
            }
            x = y;
        }
        let mut logits = vec![0.0; n * self.out.outputs()];
        self.out.run(n, &x, &mut logits, Activation::Identity, threads)?;
        Ok(logits)
    }

    /// Number of logits of a sequence.
    pub(crate) fn outputs(&self) -> usize {
        self.out.outputs()
    }
}

/// The layer before the logits in a family's published head, and the name of the layer of logits.
fn published(loader: &mut Loader<'_>, config: &EncoderConfig, prefix: &str) -> Result<(Dense, &'static str)> {
    let h = config.hidden_size;
    let (dense, activation, out, bias) = match (&config.details, config.family) {
        (Details::Albert(_), _) => ("pooler", Activation::Tanh, "classifier", true),
        (Details::Deberta(details), _) => {
            ("pooler.dense", details.pooler_activation.kernel(), "classifier", true)
        }
        (Details::ModernBert(details), _) => {
            ("head.dense", details.head_activation.kernel(), "classifier", details.head_bias)
        }
        (_, Family::DistilBert) => ("pre_classifier", Activation::Relu, "classifier", true),
        (_, Family::Roberta | Family::XlmRoberta) => {
            ("classifier.dense", Activation::Tanh, "classifier.out_proj", true)
        }
        _ => ("pooler.dense", Activation::Tanh, "classifier", true),
    };
    let linear = loader.linear(&format!("{prefix}{dense}"), [h, h], bias)?;
    let norm = match &config.details {
        Details::ModernBert(details) => {
            let name = format!("{prefix}head.norm");
            Some(loader.norm(&name, h, config.layer_norm_eps, details.norm_bias)?)
        }
        _ => None,
    };
    Ok((Dense { linear, activation, norm }, out))
}
