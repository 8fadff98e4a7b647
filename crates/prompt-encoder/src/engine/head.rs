//! From hidden states to one vector a sequence, and from there to logits.

use prompt_core::Result;
use prompt_kernels::{Activation, Level, Pool, Rows, pool, unit_length};

use super::linear::{LayerNorm, Linear, Loader};
use super::{Engine, Packed, Precision, hidden_states, kernel, pooled};
use crate::checkpoint::Weights;
use crate::config::{Details, EncoderConfig, HeadAnswer, HeadKind, HeadPooling, PromptHead};
use crate::surface::SurfaceFeatures;

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
    let mut pooled = vec![0.0; batch.len() * width];
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

/// Pooling and one or several branches that read what it gives.
#[derive(Debug)]
pub(crate) struct Head {
    pool: HeadPool,
    /// How many surface features stand behind the pooled vector.
    joined: usize,
    branches: Vec<Branch>,
}

#[derive(Debug)]
enum HeadPool {
    Fixed(Pooling),
    /// α = softmax(v·tanh(W·hₜ + b)) over a sequence, Σ αₜ·hₜ.
    Attention(Box<Attention>),
}

#[derive(Debug)]
struct Attention {
    inner: Linear,
    vector: Linear,
}

/// Layers where there are some, and the layer of logits.
#[derive(Debug)]
struct Branch {
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
    /// The head of `AutoModelForSequenceClassification`, several heads over the mean, or heads that transformers does
    /// not have.
    pub(crate) fn load(weights: &mut Weights, config: &EncoderConfig) -> Result<Self> {
        // Heads are small and last: they stay in f32.
        let mut loader = Loader { weights, level: Level::detect(), precision: Precision::F32 };
        let (h, labels) = (config.hidden_size, config.head.labels.len());
        if let Some(tasks) = &config.head.tasks {
            return Self::several(&mut loader, h, &tasks.heads.iter().map(|t| t.size).collect::<Vec<_>>());
        }
        if let Some(first) = config.head.prompt_heads.first() {
            let pool = HeadPool::load(&mut loader, h, first.pooling)?;
            let mut own = |head| Branch::own(&mut loader, config, head);
            let branches = config.head.prompt_heads.iter().map(&mut own).collect::<Result<_>>()?;
            let joined = config.head.surface.as_ref().map_or(0, SurfaceFeatures::width);
            return Ok(Self { pool, joined, branches });
        }
        let modern = matches!(config.details, Details::ModernBert(_));
        let mean = modern && config.head.pooling.as_deref() == Some("mean");
        let (dense, out) = published(&mut loader, config, "")?;
        let out = loader.linear(out, [labels, h], true)?;
        let pool = HeadPool::Fixed(if mean { Pooling::Mean } else { Pooling::Cls });
        Ok(Self { pool, joined: 0, branches: vec![Branch { layers: vec![dense], out }] })
    }

    /// Heads `head_0.fc`, `head_1.fc`, … as one layer.
    fn several(loader: &mut Loader<'_>, h: usize, sizes: &[usize]) -> Result<Self> {
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        for (i, &size) in sizes.iter().enumerate() {
            weight.extend(loader.weights.get(&format!("head_{i}.fc.weight"), &[size, h])?);
            bias.extend(loader.weights.get(&format!("head_{i}.fc.bias"), &[size])?);
        }
        let out = Linear::new(loader.level, Precision::F32, [bias.len(), h], &weight, Some(&bias))?;
        let branches = vec![Branch { layers: Vec::new(), out }];
        Ok(Self { pool: HeadPool::Fixed(Pooling::Mean), joined: 0, branches })
    }

    /// Bytes of weights in memory.
    pub(crate) fn bytes(&self) -> usize {
        let pool = match &self.pool {
            HeadPool::Fixed(_) => 0,
            HeadPool::Attention(attention) => attention.inner.bytes() + attention.vector.bytes(),
        };
        pool + self.branches.iter().map(Branch::bytes).sum::<usize>()
    }

    /// Logits of a batch over what `engine` says of it, sequences × outputs. `surface` has the surface features of each
    /// sequence of the batch, where the head reads them.
    pub(crate) fn logits(
        &self,
        engine: &dyn Engine,
        batch: Packed<'_>,
        surface: &[&[f32]],
        threads: usize,
    ) -> Result<Vec<f32>> {
        let n = batch.len();
        let mut pooled = match &self.pool {
            HeadPool::Fixed(how) => pooled(engine, batch, *how, threads)?,
            HeadPool::Attention(attention) => hidden_states(engine, batch, threads, |hidden| {
                attention.run(batch, hidden, engine.width(), threads)
            })?,
        };
        if self.joined > 0 {
            let rows = pooled.chunks_exact(engine.width()).zip(surface);
            pooled = rows.flat_map(|(row, surface)| row.iter().chain(*surface)).copied().collect();
        }
        if let [only] = self.branches.as_slice() {
            return only.run(n, &pooled, threads);
        }
        let all = self.outputs();
        let mut logits = vec![0.0; n * all];
        let mut at = 0;
        for branch in &self.branches {
            let outputs = branch.out.outputs();
            let part = branch.run(n, &pooled, threads)?;
            for (row, part) in logits.chunks_exact_mut(all).zip(part.chunks_exact(outputs)) {
                row[at..at + outputs].copy_from_slice(part);
            }
            at += outputs;
        }
        Ok(logits)
    }

    /// Number of logits of a sequence.
    pub(crate) fn outputs(&self) -> usize {
        self.branches.iter().map(|branch| branch.out.outputs()).sum()
    }
}

impl HeadPool {
    fn load(loader: &mut Loader<'_>, h: usize, pooling: HeadPooling) -> Result<Self> {
        Ok(Self::Fixed(match pooling {
            HeadPooling::Cls => Pooling::Cls,
            HeadPooling::Mean => Pooling::Mean,
            HeadPooling::Max => Pooling::Max,
            HeadPooling::Attention => {
                // As wide as the file has it.
                let size = match loader.weights.shape("prompt_pooling.vector") {
                    Some(&[size]) if size > 0 => size,
                    // Its absence, or what it should be, is said where it is read.
                    _ => h,
                };
                let vector = loader.weights.get("prompt_pooling.vector", &[size])?;
                let inner = loader.linear("prompt_pooling.inner", [size, h], true)?;
                let vector = Linear::new(loader.level, Precision::F32, [1, size], &vector, None)?;
                return Ok(Self::Attention(Box::new(Attention { inner, vector })));
            }
        }))
    }
}

impl Attention {
    fn run(&self, batch: Packed<'_>, hidden: &[f32], width: usize, threads: usize) -> Result<Vec<f32>> {
        let (inner, vector) = (&self.inner, &self.vector);
        let tokens = batch.tokens();
        let mut x = vec![0.0; tokens * inner.outputs()];
        inner.run(tokens, &hidden[..tokens * width], &mut x, Activation::Tanh, threads)?;
        let mut scores = vec![0.0; tokens];
        vector.run(tokens, &x, &mut scores, Activation::Identity, threads)?;
        let mut pooled = vec![0.0; batch.len() * width];
        for (bounds, out) in batch.offsets.windows(2).zip(pooled.chunks_exact_mut(width)) {
            let scores = &scores[bounds[0]..bounds[1]];
            let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mass: f32 = scores.iter().map(|s| (s - highest).exp()).sum();
            let rows = hidden[bounds[0] * width..bounds[1] * width].chunks_exact(width);
            for (score, row) in scores.iter().zip(rows) {
                let share = (score - highest).exp() / mass;
                out.iter_mut().zip(row).for_each(|(o, h)| *o += share * h);
            }
        }
        Ok(pooled)
    }
}

impl Branch {
    /// What `prompt_head`, or one of `prompt_heads`, describes.
    fn own(loader: &mut Loader<'_>, config: &EncoderConfig, head: &PromptHead) -> Result<Self> {
        let (h, prefix) = (config.hidden_size, &head.prefix);
        // Published heads read none: the configuration was held to that.
        let read = h + config.head.surface.as_ref().map_or(0, SurfaceFeatures::width);
        let (layers, name, inputs) = match head.kind {
            HeadKind::Linear => (Vec::new(), "out", read),
            HeadKind::Published => {
                let (dense, out) = published(loader, config, prefix)?;
                (vec![dense], out, h)
            }
            HeadKind::Deep => {
                let mut relu = |name: &str, shape| {
                    let linear = loader.linear(&format!("{prefix}{name}"), shape, true)?;
                    Ok(Dense { linear, activation: Activation::Relu, norm: None })
                };
                (vec![relu("regressor.0", [256, read])?, relu("regressor.1", [64, 256])?], "regressor.2", 64)
            }
        };
        let name = format!("{prefix}{name}");
        let scores = head.answer.scores();
        let out = match head.answer {
            HeadAnswer::Levels(_) => {
                // One score beside each threshold is a layer whose rows are alike and whose biases are not.
                let weight = loader.weights.get(&format!("{name}.weight"), &[1, inputs])?.repeat(scores);
                let bias = loader.weights.get(&format!("{name}.bias"), &[1])?[0];
                let mut biases = loader.weights.get(&format!("{prefix}thresholds"), &[scores])?;
                biases.iter_mut().for_each(|b| *b += bias);
                Linear::new(loader.level, Precision::F32, [scores, inputs], &weight, Some(&biases))?
            }
            _ => loader.linear(&name, [scores, inputs], true)?,
        };
        Ok(Self { layers, out })
    }

    fn bytes(&self) -> usize {
        let of = |d: &Dense| d.linear.bytes() + d.norm.as_ref().map_or(0, LayerNorm::bytes);
        self.layers.iter().map(of).sum::<usize>() + self.out.bytes()
    }

    /// From pooled vectors to logits, rows × outputs.
    fn run(&self, n: usize, pooled: &[f32], threads: usize) -> Result<Vec<f32>> {
        let mut between: Option<Vec<f32>> = None;
        for layer in &self.layers {
            let mut y = vec![0.0; n * layer.linear.outputs()];
            layer.linear.run(n, between.as_deref().unwrap_or(pooled), &mut y, layer.activation, threads)?;
            if let Some(norm) = &layer.norm {
                norm.run(&mut y, None, threads)?;
            }
            between = Some(y);
        }
        let x = between.as_deref().unwrap_or(pooled);
        let mut logits = vec![0.0; n * self.out.outputs()];
        self.out.run(n, x, &mut logits, Activation::Identity, threads)?;
        Ok(logits)
    }
}

/// The layer before the logits in a family's published head, and the name of the layer of logits.
fn published(loader: &mut Loader<'_>, config: &EncoderConfig, prefix: &str) -> Result<(Dense, &'static str)> {
    let (h, head) = (config.hidden_size, config.published_head());
    let linear = loader.linear(&format!("{prefix}{}", head.dense), [h, h], head.dense_bias)?;
    let norm =
        head.norm.map(|(name, bias)| loader.norm(&format!("{prefix}{name}"), h, config.layer_norm_eps, bias));
    let norm = norm.transpose()?;
    Ok((Dense { linear, activation: head.activation.kernel(), norm }, head.out))
}
