//! What the published encoders are made of, under the names of their files.

use burn::tensor::{Tensor, activation, module};
use prompt_encoder::Activation;

use crate::net::{Builder, Id, Init, Store};

/// The deviation that matrices of a new head start with, as in transformers.
pub(super) const FRESH: Init = Init::Normal(0.02);

/// Low-rank adapters (Hu and others, 2022): W + α/r·A·B, where W stays and A and B learn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lora {
    pub(crate) rank: usize,
    pub(crate) alpha: f64,
}

/// The two matrices of an adapter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Adapter {
    down: Id,
    up: Id,
    scale: f64,
}

/// y = W·x + b.
#[derive(Debug, Clone)]
pub(super) struct Dense {
    pub(super) weight: Id,
    pub(super) bias: Option<Id>,
    adapter: Option<Adapter>,
}

impl Dense {
    pub(super) fn new(mut b: Builder<'_>, inputs: usize, outputs: usize, bias: bool) -> Self {
        Self {
            weight: b.matrix("weight", inputs, outputs, FRESH),
            bias: bias.then(|| b.param("bias", &[outputs], Init::Zeros)),
            adapter: None,
        }
    }

    /// The same with an adapter for `width` numbers in and out; it begins by changing nothing.
    pub(super) fn adapted(mut self, mut b: Builder<'_>, width: usize, lora: Option<Lora>) -> Self {
        self.adapter = lora.map(|Lora { rank, alpha }| Adapter {
            down: b.param("lora_A", &[width, rank], Init::Uniform(1.0 / (width as f64).sqrt())),
            up: b.param("lora_B", &[rank, width], Init::Zeros),
            scale: alpha / rank as f64,
        });
        self
    }

    pub(super) fn is_adapted(&self) -> bool {
        self.adapter.is_some()
    }

    pub(super) fn forward<const D: usize>(&self, s: &Store, x: Tensor<D>) -> Tensor<D> {
        let products = s.products();
        let own = products.linear(x.clone(), s.get::<2>(self.weight), self.bias.map(|bias| s.get::<1>(bias)));
        let Some(Adapter { down, up, scale }) = self.adapter else { return own };
        let narrow = products.linear(x, s.get::<2>(down), None);
        own + products.linear(narrow, s.get::<2>(up), None) * scale
    }

    /// The same in f32 whatever the type of the store's products is: for heads, which are small and have the last word.
    pub(super) fn in_f32<const D: usize>(&self, s: &Store, x: Tensor<D>) -> Tensor<D> {
        module::linear(x, s.get::<2>(self.weight), self.bias.map(|bias| s.get::<1>(bias)))
    }
}

/// Layer normalisation; ModernBERT's has no bias.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    pub(super) weight: Id,
    pub(super) bias: Option<Id>,
    pub(super) epsilon: f64,
}

impl Norm {
    pub(super) fn new(mut b: Builder<'_>, width: usize, bias: bool, epsilon: f32) -> Self {
        Self {
            weight: b.param("weight", &[width], Init::Ones),
            bias: bias.then(|| b.param("bias", &[width], Init::Zeros)),
            epsilon: f64::from(epsilon),
        }
    }

    pub(super) fn forward<const D: usize>(&self, s: &Store, x: Tensor<D>) -> Tensor<D> {
        let bias = self.bias.map(|bias| s.get::<1>(bias));
        module::layer_norm(x, s.get::<1>(self.weight), bias, self.epsilon)
    }
}

/// The nonlinearity by name.
pub(super) fn activate<const D: usize>(kind: Activation, x: Tensor<D>) -> Tensor<D> {
    match kind {
        Activation::GeluTanh => activation::gelu_approximate(x),
        Activation::Relu => activation::relu(x),
        Activation::Silu => activation::silu(x),
        Activation::Tanh => x.tanh(),
        _ => activation::gelu(x),
    }
}

/// \[rows, length, width\] → \[rows, heads, length, width / heads\].
pub(super) fn split_heads(x: Tensor<3>, heads: usize) -> Tensor<4> {
    let [rows, length, width] = x.dims();
    x.reshape([rows, length, heads, width / heads]).swap_dims(1, 2)
}

/// The way back.
pub(super) fn join_heads(x: Tensor<4>) -> Tensor<3> {
    let [rows, heads, length, width] = x.dims();
    x.swap_dims(1, 2).reshape([rows, length, heads * width])
}
