//! The small layers: linear, embedding, layer normalisation, pooling over time.

use burn::tensor::{Int, Tensor, TensorData, activation, module};

use super::grad::RowGrad;
use super::store::{Builder, Id, Init, Store, read};
use super::tape::Tape;
use crate::text::Batch;

/// What is added to a score so that softmax gives it exactly nothing.
const HIDDEN: f32 = -1e9;

/// A batch on the device.
#[derive(Clone)]
pub(crate) struct Input {
    pub(crate) ids: Tensor<2, Int>,
    /// The same numbers on this side.
    tokens: Vec<u32>,
    pub(crate) lengths: Vec<usize>,
    pub(crate) length: usize,
}

impl Input {
    pub(crate) fn new(batch: &Batch, store: &Store) -> Self {
        let ids: Vec<i32> = batch.ids.iter().map(|&id| id as i32).collect();
        let data = TensorData::new(ids, [batch.size(), batch.length]);
        Self {
            ids: Tensor::from_data(data, &store.device().clone().inner()),
            tokens: batch.ids.clone(),
            lengths: batch.lengths.clone(),
            length: batch.length,
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.lengths.len()
    }

    /// Each row's own tokens.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[u32]> {
        self.tokens.chunks(self.length.max(1)).zip(&self.lengths).map(|(row, &n)| &row[..n])
    }

    /// rows × length: `own` where a row has a token, `filled` behind its end.
    fn by_place(&self, own: f32, filled: f32) -> Vec<f32> {
        let place = |&n: &usize| (0..self.length).map(move |t| if t < n { own } else { filled });
        self.lengths.iter().flat_map(place).collect()
    }

    /// \[rows, length, 1\]: 1 for tokens, 0 for filling.
    pub(crate) fn mask(&self, store: &Store) -> Tensor<3> {
        store.constant(self.by_place(1.0, 0.0), [self.size(), self.length, 1])
    }

    /// \[rows, length, 1\]: 0 for tokens, −10⁹ for filling, to be added to scores.
    pub(crate) fn hidden(&self, store: &Store) -> Tensor<3> {
        store.constant(self.by_place(0.0, HIDDEN), [self.size(), self.length, 1])
    }

    /// \[rows, 1, 1, length\]: the same for attention scores.
    pub(crate) fn hidden_keys(&self, store: &Store) -> Tensor<4> {
        store.constant(self.by_place(0.0, HIDDEN), [self.size(), 1, 1, self.length])
    }
}

/// y = x·W + b, W of shape \[in, out\].
#[derive(Debug)]
pub(crate) struct Linear {
    weight: Id,
    bias: Id,
}

impl Linear {
    /// Starts as PyTorch's: even in ±1/√in.
    pub(crate) fn new(mut b: Builder<'_>, inputs: usize, outputs: usize) -> Self {
        let init = Init::Uniform(1.0 / (inputs as f64).sqrt());
        Self { weight: b.param("weight", &[inputs, outputs], init), bias: b.param("bias", &[outputs], init) }
    }

    /// \[…, in\] → \[…, out\].
    pub(crate) fn forward<const D: usize>(&self, s: &Store, x: Tensor<D>) -> Tensor<D> {
        module::linear(x, s.get::<2>(self.weight), Some(s.get::<1>(self.bias)))
    }
}

/// \[rows, length\] → \[rows, length, width\]: the row of a matrix for each token.
///
/// Its gradient is that of the rows that were looked up: burn's would be of the whole matrix.
pub(crate) fn look_up(s: &Store, tape: &mut Tape, matrix: Id, input: &Input) -> Tensor<3> {
    let rows = module::embedding(s.get::<2>(matrix).inner(), input.ids.clone());
    let at = matrix.index();
    if !s.params()[at].trainable {
        return rows;
    }
    let (ids, width) = (input.tokens.clone(), rows.dims()[2]);
    tape.by_hand(rows, s.device(), move |grad, onward| {
        onward.give_rows(at, RowGrad::gather(&ids, &read(grad)?, width));
        Ok(())
    })
}

/// A row of numbers for each token.
#[derive(Debug)]
pub(crate) struct Embedding {
    weight: Id,
}

impl Embedding {
    pub(crate) fn new(mut b: Builder<'_>, size: usize, width: usize, deviation: f64) -> Self {
        Self { weight: b.param("weight", &[size, width], Init::Normal(deviation)) }
    }

    /// \[rows, length\] → \[rows, length, width\]; filling becomes zeros.
    pub(crate) fn forward(&self, s: &Store, tape: &mut Tape, input: &Input) -> Tensor<3> {
        look_up(s, tape, self.weight, input) * input.mask(s)
    }

    /// The first `length` rows, \[1, length, width\]: for positions.
    pub(crate) fn first(&self, s: &Store, length: usize) -> Tensor<3> {
        s.get::<2>(self.weight).narrow(0, 0, length).unsqueeze::<3>()
    }
}

/// (x − mean) / √(variance + ε) · γ + β over the last axis.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    weight: Id,
    bias: Id,
    epsilon: f64,
}

impl LayerNorm {
    pub(crate) fn new(mut b: Builder<'_>, width: usize, epsilon: f64) -> Self {
        Self {
            weight: b.param("weight", &[width], Init::Ones),
            bias: b.param("bias", &[width], Init::Zeros),
            epsilon,
        }
    }

    pub(crate) fn forward<const D: usize>(&self, s: &Store, x: Tensor<D>) -> Tensor<D> {
        module::layer_norm(x, s.get::<1>(self.weight), Some(s.get::<1>(self.bias)), self.epsilon)
    }
}

/// Attention over time: αₜ = softmax(v·tanh(W·hₜ + b)), Σ αₜ·hₜ (Yang and others, 2016).
#[derive(Debug)]
pub(crate) struct AttentionPool {
    inner: Linear,
    score: Linear,
}

impl AttentionPool {
    pub(crate) fn new(mut b: Builder<'_>, width: usize) -> Self {
        Self {
            inner: Linear::new(b.under("inner"), width, width),
            score: Linear::new(b.under("score"), width, 1),
        }
    }

    /// \[rows, length, width\] → \[rows, width\].
    pub(crate) fn forward(&self, s: &Store, x: Tensor<3>, input: &Input) -> Tensor<2> {
        let scores = self.score.forward(s, self.inner.forward(s, x.clone()).tanh()) + input.hidden(s);
        let shares = activation::softmax(scores, 1);
        (x * shares).sum_dim(1).squeeze_dim(1)
    }
}

/// The mean over a row's own tokens.
pub(crate) fn mean_pool(s: &Store, x: Tensor<3>, input: &Input) -> Tensor<2> {
    let shares: Vec<f32> = input
        .lengths
        .iter()
        .flat_map(|&n| (0..input.length).map(move |t| if t < n { 1.0 / n as f32 } else { 0.0 }))
        .collect();
    (x * s.constant(shares, [input.size(), input.length, 1])).sum_dim(1).squeeze_dim(1)
}

/// What stands at a row's last token.
pub(crate) fn last_pool(s: &Store, x: Tensor<3>, input: &Input) -> Tensor<2> {
    let last: Vec<f32> = input
        .lengths
        .iter()
        .flat_map(|&n| (0..input.length).map(move |t| if t + 1 == n { 1.0 } else { 0.0 }))
        .collect();
    (x * s.constant(last, [input.size(), input.length, 1])).sum_dim(1).squeeze_dim(1)
}

/// Multi-head self-attention with what stands around it, normalised first (Xiong and others, 2020):
/// x + attend(norm x), then x + W₂·gelu(W₁·norm x).
#[derive(Debug)]
pub(crate) struct TransformerBlock {
    before: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    between: LayerNorm,
    wide: Linear,
    narrow: Linear,
    heads: usize,
    dropout: f64,
}

impl TransformerBlock {
    pub(crate) fn new(mut b: Builder<'_>, width: usize, heads: usize, inner: usize, dropout: f64) -> Self {
        Self {
            before: LayerNorm::new(b.under("norm1"), width, 1e-5),
            query: Linear::new(b.under("query"), width, width),
            key: Linear::new(b.under("key"), width, width),
            value: Linear::new(b.under("value"), width, width),
            out: Linear::new(b.under("out"), width, width),
            between: LayerNorm::new(b.under("norm2"), width, 1e-5),
            wide: Linear::new(b.under("linear1"), width, inner),
            narrow: Linear::new(b.under("linear2"), inner, width),
            heads,
            dropout,
        }
    }

    /// \[rows, length, width\] → the same; `hidden` is [`Input::hidden_keys`].
    pub(crate) fn forward(&self, s: &Store, tape: &mut Tape, x: Tensor<3>, hidden: &Tensor<4>) -> Tensor<3> {
        let normed = self.before.forward(s, x.clone());
        let [rows, length, width] = x.dims();
        let split = |t: Tensor<3>| t.reshape([rows, length, self.heads, width / self.heads]).swap_dims(1, 2);
        let q = split(self.query.forward(s, normed.clone()));
        let k = split(self.key.forward(s, normed.clone()));
        let v = split(self.value.forward(s, normed));
        let scale = 1.0 / ((width / self.heads) as f64).sqrt();
        let scores = q.matmul(k.swap_dims(2, 3)) * scale + hidden.clone();
        let shares = tape.dropout(activation::softmax(scores, 3), self.dropout);
        let mixed = shares.matmul(v).swap_dims(1, 2).reshape([rows, length, width]);
        let x = x + tape.dropout(self.out.forward(s, mixed), self.dropout);
        let normed = self.between.forward(s, x.clone());
        let inner = activation::gelu(self.wide.forward(s, normed));
        let inner = tape.dropout(inner, self.dropout);
        x + tape.dropout(self.narrow.forward(s, inner), self.dropout)
    }
}
