//! In which type matrix products are computed: mixed precision (Micikevicius and others, 2018).
//!
//! ```text
//! f32:          x · W
//! bf16, f16:    f32(half(x) · half(W))       W itself, norms, softmax, losses, heads and the optimiser stay in f32
//! ```
//!
//! GPUs multiply halves faster than f32, and factors that are kept for the way back are half as large. bf16 has the range of
//! f32 and 8 bits of precision; f16 has 11 bits and ends at 65,504, so that small gradients vanish: their loss is
//! [scaled](crate::train).

use burn::tensor::{Device, FloatDType, Tensor, module};
use prompt_core::{Error, Result};

use crate::device::is_processor;

/// The type of the factors of matrix products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Products {
    F32,
    Bf16,
    F16,
}

impl Products {
    /// The names that a `precision` parameter may have.
    pub(crate) const NAMES: &'static [&'static str] = &["auto", "f32", "bf16", "f16"];

    /// By name on a device: `auto` is bf16 on a GPU that computes in it, else f32. A CPU does bf16 and f16 in f32, which
    /// takes longer than f32 alone.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the device does not compute in that type; [`Error::Unknown`] with the names there are.
    pub(crate) fn on(device: &Device, name: &str) -> Result<Self> {
        let device = device.clone().inner();
        let has = |products: Self| products.half().is_none_or(|half| device.supports_dtype(half));
        let asked = match name {
            "auto" if is_processor(&device) || !has(Self::Bf16) => Self::F32,
            "auto" | "bf16" => Self::Bf16,
            "f16" => Self::F16,
            "f32" => Self::F32,
            other => return Err(Error::unknown("precision", other, Self::NAMES.iter().copied())),
        };
        match has(asked) {
            true => Ok(asked),
            false => Err(Error::unsupported(
                "this device",
                format!("precision `{name}`"),
                "use `f32`, or `auto` for what the device has",
            )),
        }
    }

    /// As [`NAMES`](Self::NAMES) has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }

    fn half(self) -> Option<FloatDType> {
        match self {
            Self::F32 => None,
            Self::Bf16 => Some(FloatDType::BF16),
            Self::F16 => Some(FloatDType::F16),
        }
    }

    /// x·W + b.
    pub(crate) fn linear<const D: usize>(
        self,
        x: Tensor<D>,
        weight: Tensor<2>,
        bias: Option<Tensor<1>>,
    ) -> Tensor<D> {
        let Some(half) = self.half() else { return module::linear(x, weight, bias) };
        let product = module::linear(x.cast(half), weight.cast(half), None).cast(FloatDType::F32);
        match bias {
            Some(bias) => product + bias.unsqueeze(),
            None => product,
        }
    }

    /// A·B of the last two axes.
    pub(crate) fn matmul<const D: usize>(self, a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
        match self.half() {
            None => a.matmul(b),
            Some(half) => a.cast(half).matmul(b.cast(half)).cast(FloatDType::F32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::read;

    #[test]
    fn halves_round_factors_and_products_and_not_the_bias() {
        let device = Device::flex();
        // 1 + 2⁻¹⁰ is no bf16 but an f16; 1 + 2⁻¹³ is neither; their sums with the bias are kept in f32.
        let fine = |bits: i32| 1.0 + 2f32.powi(-bits);
        let x = Tensor::<2>::from_floats([[fine(10), fine(13)]], &device);
        let weight = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0]], &device);
        let bias = Tensor::<1>::from_floats([2f32.powi(-20), 0.0], &device);
        let of = |products: Products| {
            let y = products.linear(x.clone(), weight.clone(), Some(bias.clone()));
            read(y).unwrap()
        };
        let tiny = 2f32.powi(-20);
        assert_eq!(of(Products::F32), [fine(10) + tiny, fine(13)]);
        assert_eq!(of(Products::F16), [fine(10) + tiny, 1.0]);
        assert_eq!(of(Products::Bf16), [1.0 + tiny, 1.0]);
        // 1 + 2⁻¹² is a sum of halves and none itself.
        let x = Tensor::<2>::from_floats([[1.0, 2f32.powi(-12)]], &device);
        let of =
            |products: Products| read(products.matmul(x.clone(), Tensor::ones([2, 1], &device))).unwrap();
        assert_eq!([Products::F32, Products::F16, Products::Bf16].map(of), [[fine(12)], [1.0], [1.0]]);
    }

    #[test]
    fn a_device_says_what_it_has() {
        let cpu = Device::flex();
        assert_eq!(Products::on(&cpu, "auto").unwrap(), Products::F32);
        assert_eq!(Products::on(&cpu.clone().autodiff(), "bf16").unwrap(), Products::Bf16);
        let error = Products::on(&cpu, "fp16").unwrap_err().to_string();
        assert_eq!(error, "unknown precision `fp16`; known: auto, f32, bf16, f16; did you mean `f16`?");
    }

    #[test]
    fn gradients_go_back_through_the_halves_in_f32() {
        // y = Σ x·W: dW = xᵀ·1, exact in every type here.
        let device = Device::flex().autodiff();
        for products in [Products::F32, Products::Bf16, Products::F16] {
            let x = Tensor::<2>::from_floats([[1.5, -2.0]], &device).require_grad();
            let weight = Tensor::<2>::from_floats([[0.5], [3.0]], &device).require_grad();
            let grads = products.linear(x.clone(), weight.clone(), None).sum().backward();
            let by_weight = weight.grad(&grads).unwrap();
            assert_eq!(by_weight.dtype(), FloatDType::F32.into());
            assert_eq!(read(by_weight).unwrap(), [1.5, -2.0]);
            assert_eq!(read(x.grad(&grads).unwrap()).unwrap(), [0.5, 3.0]);
        }
    }
}
