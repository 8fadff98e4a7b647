//! Linear layers and norms, read from a checkpoint and packed.

use prompt_core::Result;
use prompt_kernels::{Epilogue, Level, Norm, PackedF32, PackedI8, Rows, RowsMut, normalise};

use super::{Precision, kernel};
use crate::checkpoint::Weights;

/// y = epilogue(x·Wᵀ + b).
#[derive(Debug)]
pub(crate) enum Linear {
    F32(PackedF32),
    Int8(PackedI8),
}

impl Linear {
    pub(super) fn new(
        level: Level,
        precision: Precision,
        [outputs, inputs]: [usize; 2],
        weight: &[f32],
        bias: Option<&[f32]>,
    ) -> Result<Self> {
        Ok(match precision {
            Precision::F32 => Self::F32(kernel(PackedF32::new(level, inputs, outputs, weight, bias))?),
            Precision::Int8 => Self::Int8(kernel(PackedI8::new(level, inputs, outputs, weight, bias))?),
        })
    }

    pub(crate) fn outputs(&self) -> usize {
        match self {
            Self::F32(packed) => packed.outputs(),
            Self::Int8(packed) => packed.outputs(),
        }
    }

    pub(crate) fn inputs(&self) -> usize {
        match self {
            Self::F32(packed) => packed.inputs(),
            Self::Int8(packed) => packed.inputs(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::F32(packed) => packed.bytes(),
            Self::Int8(packed) => packed.bytes(),
        }
    }

    /// `x` rows × inputs into `out` rows × outputs.
    pub(crate) fn run<'a>(
        &self,
        rows: usize,
        x: &[f32],
        out: &mut [f32],
        epilogue: impl Into<Epilogue<'a>>,
        threads: usize,
    ) -> Result<()> {
        let x = kernel(Rows::new(x, rows, self.inputs()))?;
        let out = kernel(RowsMut::new(out, rows, self.outputs()))?;
        kernel(match self {
            Self::F32(packed) => packed.product(x, out, epilogue.into(), threads),
            Self::Int8(packed) => packed.product(x, out, epilogue.into(), threads),
        })
    }
}

/// The weights of a layer norm.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    level: Level,
    gamma: Vec<f32>,
    beta: Option<Vec<f32>>,
    epsilon: f32,
}

impl LayerNorm {
    /// Normalises rows in place after adding `residual`.
    pub(crate) fn run(&self, x: &mut [f32], residual: Option<&[f32]>, threads: usize) -> Result<()> {
        let cols = self.gamma.len();
        let rows = x.len() / cols;
        let residual = residual.map(|r| kernel(Rows::new(r, rows, cols))).transpose()?;
        let norm = Norm::layer(&self.gamma, self.beta.as_deref(), self.epsilon);
        kernel(normalise(self.level, kernel(RowsMut::new(x, rows, cols))?, residual, norm, threads))
    }

    /// Numbers in a row.
    pub(crate) fn width(&self) -> usize {
        self.gamma.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        (self.gamma.len() + self.beta.as_ref().map_or(0, Vec::len)) * size_of::<f32>()
    }
}

/// Reads layers by name.
pub(crate) struct Loader<'a> {
    pub(crate) weights: &'a mut Weights,
    pub(crate) level: Level,
    pub(crate) precision: Precision,
}

impl Loader<'_> {
    pub(super) fn table(&mut self, name: &str, shape: [usize; 2]) -> Result<Vec<f32>> {
        self.weights.get(name, &shape)
    }

    /// `NAME.weight` and, where it has one, `NAME.bias`.
    pub(super) fn linear(&mut self, name: &str, shape: [usize; 2], bias: bool) -> Result<Linear> {
        self.stacked(&[name], shape, bias)
    }

    /// Layers of one shape as one layer whose outputs stand beside one another.
    pub(super) fn stacked(&mut self, names: &[&str], shape: [usize; 2], bias: bool) -> Result<Linear> {
        let mut weight = Vec::new();
        let mut biases = Vec::new();
        for name in names {
            let part = self.weights.get(&format!("{name}.weight"), &shape)?;
            if names.len() == 1 {
                weight = part;
            } else {
                weight.extend_from_slice(&part);
            }
            if bias {
                biases.extend(self.weights.get(&format!("{name}.bias"), &shape[..1])?);
            }
        }
        let shape = [shape[0] * names.len(), shape[1]];
        Linear::new(self.level, self.precision, shape, &weight, bias.then_some(biases.as_slice()))
    }

    /// `NAME.weight` and, where it has one, `NAME.bias`.
    pub(super) fn norm(&mut self, name: &str, width: usize, epsilon: f32, bias: bool) -> Result<LayerNorm> {
        let gamma = self.weights.get(&format!("{name}.weight"), &[width])?;
        let beta = if bias { Some(self.weights.get(&format!("{name}.bias"), &[width])?) } else { None };
        Ok(LayerNorm { level: self.level, gamma, beta, epsilon })
    }
}
