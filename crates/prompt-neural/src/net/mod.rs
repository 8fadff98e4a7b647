//! The networks: from token numbers to scores.
//!
//! ```text
//! ids [rows, length] --embedding--> [rows, length, width] --body--> [rows, pooled] --dropout, head--> [rows, scores]
//! ```
//!
//! No network looks behind the end of a row: embeddings there are zero, windows, states and attention leave it out.

mod convolution;
mod grad;
mod kept;
mod layers;
mod numbers;
mod recurrent;
mod store;
mod tape;

use burn::tensor::Tensor;
use prompt_core::Result;

use convolution::Convolution;
use layers::{AttentionPool, Embedding, LayerNorm, Linear, TransformerBlock, last_pool};
use recurrent::Lstm;

pub(crate) use grad::{Grad, RowGrad};
pub(crate) use layers::{Input, look_up, mean_pool};
pub(crate) use numbers::{Numbers, Shared};
pub(crate) use store::Init;
pub(crate) use store::{Builder, Id, Param, Store, read, turn};
pub(crate) use tape::{Draws, Grads, Onward, Tape, Twice};

use crate::params;

/// The numbers at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadKind {
    /// A score for each of these many classes, or one number.
    Scores(usize),
    /// One number compared with these many thresholds: ordered classes.
    Thresholds(usize),
}

/// The last layer.
#[derive(Debug)]
enum Head {
    Scores(Linear),
    Thresholds { score: Linear, thresholds: Id },
}

impl Head {
    fn new(mut b: Builder<'_>, width: usize, kind: HeadKind) -> Self {
        match kind {
            HeadKind::Scores(n) => Self::Scores(Linear::new(b.under("linear"), width, n)),
            HeadKind::Thresholds(n) => Self::Thresholds {
                score: Linear::new(b.under("linear"), width, 1),
                thresholds: b.param("thresholds", &[n], Init::Zeros),
            },
        }
    }

    fn forward(&self, s: &Store, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Scores(linear) => linear.forward(s, x),
            Self::Thresholds { score, thresholds } => score.forward(s, x) + s.get::<2>(*thresholds),
        }
    }
}

/// What stands between embedding and head.
#[derive(Debug)]
enum Body {
    Convolutions(Vec<Convolution>),
    Forward(Lstm),
    Both(Both),
    Transformer { positions: Embedding, blocks: Vec<TransformerBlock>, norm: LayerNorm },
    Hybrid(Vec<Convolution>, Both),
}

/// A memory in both directions and attention over what it says.
#[derive(Debug)]
struct Both {
    forward: Lstm,
    backward: Lstm,
    pool: AttentionPool,
}

impl Both {
    fn new(b: &mut Builder<'_>, width: usize, units: usize) -> Self {
        Self {
            forward: Lstm::new(b.under("forward"), width, units, false),
            backward: Lstm::new(b.under("backward"), width, units, true),
            pool: AttentionPool::new(b.under("attention"), 2 * units),
        }
    }

    fn run(&self, s: &Store, tape: &mut Tape, x: Tensor<3>, input: &Input) -> Result<Tensor<2>> {
        let forward = self.forward.forward(s, tape, x.clone(), input)?;
        let backward = self.backward.forward(s, tape, x, input)?;
        Ok(self.pool.forward(s, Tensor::cat(vec![forward, backward], 2), input))
    }
}

/// A network without its numbers, which are in a [`Store`].
#[derive(Debug)]
pub(crate) struct Net {
    embedding: Embedding,
    body: Body,
    head: Head,
    dropout: f64,
}

/// A choice of network with its parameters.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Architecture {
    Cnn(params::Cnn),
    Lstm(params::Lstm),
    #[serde(rename = "bilstm")]
    BiLstm(params::BiLstm),
    Transformer(params::Transformer),
    Hybrid(params::Hybrid),
}

impl Net {
    /// Builds it and puts its parameters, freshly started, into the builder's store.
    pub(crate) fn new(
        architecture: &Architecture,
        vocabulary: usize,
        head: HeadKind,
        mut b: Builder<'_>,
    ) -> Self {
        // PyTorch starts embeddings with deviation 1, which drowns the positions of a Transformer.
        let (width, deviation, dropout) = match architecture {
            Architecture::Cnn(p) => (p.embedding_dim, 0.1, p.dropout),
            Architecture::Lstm(p) => (p.embedding_dim, 0.1, p.dropout),
            Architecture::BiLstm(p) => (p.embedding_dim, 0.1, p.dropout),
            Architecture::Transformer(p) => (p.embedding_dim, 0.02, p.dropout),
            Architecture::Hybrid(p) => (p.embedding_dim, 0.1, p.dropout),
        };
        let embedding = Embedding::new(b.under("embedding"), vocabulary, width, deviation);
        let mut body = b.under("body").at_layer(1);
        let (body, pooled) = match architecture {
            Architecture::Cnn(p) => (
                Body::Convolutions(convolutions(&mut body, &p.windows, width, p.filters)),
                p.windows.len() * p.filters,
            ),
            Architecture::Lstm(p) => (Body::Forward(Lstm::new(body, width, p.units, false)), p.units),
            Architecture::BiLstm(p) => (Body::Both(Both::new(&mut body, width, p.units)), 2 * p.units),
            Architecture::Transformer(p) => {
                let positions = Embedding::new(body.under("positions"), p.max_length, width, deviation);
                let block = |i: usize| {
                    let b = body.under(&format!("block{i}")).at_layer(i + 1);
                    TransformerBlock::new(b, width, p.heads, p.feed_forward, p.dropout)
                };
                let blocks = (0..p.layers).map(block).collect();
                let norm = LayerNorm::new(body.under("norm").at_layer(p.layers), width, 1e-5);
                (Body::Transformer { positions, blocks, norm }, width)
            }
            Architecture::Hybrid(p) => {
                let filters = convolutions(&mut body, &p.windows, width, p.filters);
                let pooled = p.windows.len() * p.filters + 2 * p.units;
                (Body::Hybrid(filters, Both::new(&mut body, width, p.units)), pooled)
            }
        };
        let head = Head::new(b.under("head").at_layer(usize::MAX), pooled, head);
        Self { embedding, body, head, dropout }
    }

    /// \[rows, length\] → \[rows, scores\].
    pub(crate) fn forward(&self, s: &Store, tape: &mut Tape, input: &Input) -> Result<Tensor<2>> {
        let mut x = self.embedding.forward(s, tape, input);
        if let Body::Transformer { positions, .. } = &self.body {
            x = x + positions.first(s, input.length);
        }
        let x = tape.dropout(x, self.dropout);
        let x = tape.cut(x, s.device());
        let pooled = match &self.body {
            Body::Convolutions(filters) => strongest(filters, s, tape, &x, input)?,
            Body::Forward(lstm) => last_pool(s, lstm.forward(s, tape, x, input)?, input),
            Body::Both(both) => both.run(s, tape, x, input)?,
            Body::Transformer { blocks, norm, .. } => {
                let hidden = input.hidden_keys(s);
                let x = blocks.iter().fold(x, |x, block| block.forward(s, tape, x, &hidden));
                mean_pool(s, norm.forward(s, x), input)
            }
            Body::Hybrid(filters, both) => {
                let strongest = strongest(filters, s, tape, &x, input)?;
                Tensor::cat(vec![strongest, both.run(s, tape, x, input)?], 1)
            }
        };
        let pooled = tape.dropout(pooled, self.dropout);
        Ok(self.head.forward(s, pooled))
    }
}

fn convolutions(b: &mut Builder<'_>, windows: &[usize], width: usize, filters: usize) -> Vec<Convolution> {
    let one =
        |(i, &w): (usize, &usize)| Convolution::new(b.under(&format!("window{i}_{w}")), w, width, filters);
    windows.iter().enumerate().map(one).collect()
}

fn strongest(
    filters: &[Convolution],
    s: &Store,
    tape: &mut Tape,
    x: &Tensor<3>,
    input: &Input,
) -> Result<Tensor<2>> {
    let answers: Result<Vec<Tensor<2>>> =
        filters.iter().map(|f| f.forward(s, tape, x.clone(), input)).collect();
    Ok(Tensor::cat(answers?, 1))
}

#[cfg(test)]
mod tests;
