//! The matrix product of a linear layer with 8-bit weights and activations.
//!
//! ```text
//! weight [n × k]  --once-->   whole numbers −127 … 127, one scale for each output
//! x [m × k]       --each call--> whole numbers 0 … 255, one scale and zero point for each row
//! y = scaleₓ · scale_w · (Σ qₓ·q_w − zeroₓ · Σ q_w) + bias,   the sums exact in i32
//! ```
//!
//! The whole numbers are the same at every level, and their sums are exact: levels differ in the last rounding alone.

mod dot;
mod product;
mod quantise;

#[cfg(target_arch = "x86_64")]
pub(crate) use dot::{AvxVnni, Vnni};
pub(crate) use dot::Words;

use crate::error::{self, Error, Result};
use crate::level::{Level, WordKernel};
use crate::linear::{Epilogue, PANEL_VECTORS, check};
use crate::rows::{Rows, RowsMut};

/// Inputs beyond which a sum might not fit i32: 255 · 127 · k < 2³¹.
const MOST_INPUTS: usize = 65_536;

/// A linear layer with weights of 8 bits, laid out for one [`Level`].
///
/// Weights are symmetric with one scale for each output, so an output with one huge weight spoils no other. Activations are
/// quantised row by row at each call, with a zero point, as ONNX Runtime's dynamic quantisation does for a whole tensor; a
/// row's result does not depend on other rows.
///
/// # Error
/// With `sₓ = (max(x, 0) − min(x, 0)) / 255` for the row and `s_w = max|w| / 127` for the output,
/// `|y − exact| ≤ Σₖ (|wₖ|·sₓ + |xₖ|·s_w / 2 + sₓ·s_w / 2)`, before the activation: rounding a weight costs at most half of
/// s_w, rounding an activation half of sₓ and the rounding of the zero point another half at the ends of the range.
///
/// A row with NaN or an infinity gives NaN in all its outputs; an output whose weights have one gives NaN in all rows.
///
/// ```
/// use prompt_kernels::{Epilogue, Level, PackedI8, Rows, RowsMut};
///
/// let weight = [1.0, -0.5, 1000.0, 0.25]; // 2 outputs × 2 inputs, one with a huge weight
/// let layer = PackedI8::new(Level::detect(), 2, 2, &weight, None)?;
/// let mut y = [0.0; 2];
/// layer.product(Rows::new(&[1.0, 1.0], 1, 2)?, RowsMut::new(&mut y, 1, 2)?, Epilogue::default(), 1)?;
/// assert!((y[0] - 0.5).abs() < 0.01, "the other output is as good as ever");
/// assert!((y[1] - 1000.25).abs() < 8.0);
/// # Ok::<(), prompt_kernels::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PackedI8 {
    level: Level,
    k: usize,
    n: usize,
    /// Columns of a panel.
    width: usize,
    /// Words along k.
    steps: usize,
    /// Panel after panel, each steps × width words; zeros beyond the last output and the last input.
    panels: Vec<u32>,
    /// Of each output, filled up with zeros to whole panels: scale, bias, sum of the whole numbers.
    scales: Vec<f32>,
    bias: Vec<f32>,
    sums: Vec<i32>,
}

impl PackedI8 {
    /// Quantises a weight (n × k, row-major: outputs × inputs) and lays it out for a level.
    ///
    /// # Errors
    /// If `weight` has not n · k numbers, `bias` not n, or k is beyond 65,536 (sums would not fit 32 bits).
    pub fn new(level: Level, k: usize, n: usize, weight: &[f32], bias: Option<&[f32]>) -> Result<Self> {
        let size = error::size("weight", n, k)?;
        error::exact("weight", weight.len(), size, "outputs · inputs")?;
        if k > MOST_INPUTS {
            let rule = "sums of 8-bit products must fit 32 bits";
            return Err(Error::TooLarge { what: "the layer's inputs", found: k, limit: MOST_INPUTS, rule });
        }
        if let Some(bias) = bias {
            error::exact("bias", bias.len(), n, "one for each output")?;
        }
        Ok(level.run_words(Pack { level, k, n, weight, bias }))
    }

    /// Inputs of the layer: columns of x.
    pub fn inputs(&self) -> usize {
        self.k
    }

    /// Outputs of the layer: columns of the result.
    pub fn outputs(&self) -> usize {
        self.n
    }

    /// The level that the weight was laid out for.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Bytes that weight, scales and bias take in memory: a weight takes one byte at levels with VNNI, two at others.
    pub fn bytes(&self) -> usize {
        (self.panels.len() + self.scales.len() + self.bias.len() + self.sums.len()) * size_of::<u32>()
    }

    /// The product, on up to `threads` threads of the surrounding rayon pool (0 or 1: on the calling thread alone).
    ///
    /// # Errors
    /// If `x`, `out` or the epilogue's matrix has another shape than the layer asks for; `out` is then untouched.
    pub fn product(
        &self,
        x: Rows<'_>,
        mut out: RowsMut<'_>,
        epilogue: Epilogue<'_>,
        threads: usize,
    ) -> Result<()> {
        check(x, &out, epilogue, self.k, self.n)?;
        product::product(self, x, &mut out, epilogue, threads);
        Ok(())
    }
}

struct Pack<'a> {
    level: Level,
    k: usize,
    n: usize,
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
}

impl WordKernel for Pack<'_> {
    type Out = PackedI8;

    #[inline(always)]
    fn run<W: Words>(self, _: W) -> PackedI8 {
        let Self { level, k, n, weight, bias } = self;
        let width = PANEL_VECTORS * level.lanes();
        let (steps, padded) = (k.div_ceil(W::GROUP), n.div_ceil(width) * width);
        let mut layer = PackedI8 {
            level,
            k,
            n,
            width,
            steps,
            panels: vec![0; padded * steps],
            scales: vec![0.0; padded],
            bias: vec![0.0; padded],
            sums: vec![0; padded],
        };
        if let Some(bias) = bias {
            layer.bias[..n].copy_from_slice(bias);
        }
        for j in 0..n {
            let (q, scale) = quantise::weights(&weight[j * k..][..k]);
            layer.scales[j] = scale;
            layer.sums[j] = q.iter().sum();
            let at = j / width * width * steps + j % width;
            for (step, q) in q.chunks(W::GROUP).enumerate() {
                layer.panels[at + step * width] = quantise::pack::<W>(|i| q.get(i).copied().unwrap_or(0));
            }
        }
        layer
    }
}
