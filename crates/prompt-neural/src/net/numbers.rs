//! The numbers of a tensor where they lie.
//!
//! What burn's CPU engine allocates is aligned for bytes: its numbers become a `Vec<f32>` by a copy alone. Kernels that
//! work on what a product left behind take the numbers out of the tensor, change them in place and put them back, and
//! nothing is copied.

use std::ops::{Deref, DerefMut};

use burn::tensor::{Device, Tensor, TensorData};
use prompt_core::{Error, Result};

/// The numbers of a tensor, to read and to change.
#[derive(Debug)]
pub(crate) struct Numbers(TensorData);

impl Numbers {
    /// Those of a tensor, without a copy where nothing else holds them.
    ///
    /// # Errors
    /// When the device failed, such as a GPU out of memory.
    pub(crate) fn of<const D: usize>(tensor: Tensor<D>) -> Result<Self> {
        let failed = |e: &dyn std::fmt::Display| {
            Error::input(
                format!("the device failed: {e}"),
                "lower batch_size or max_length, or use the device `cpu`",
            )
        };
        let mut data = tensor.try_into_data_as::<f32>().map_err(|e| failed(&e))?;
        data.as_mut_slice::<f32>().map_err(|e| failed(&e))?;
        Ok(Self(data))
    }

    /// As a tensor again.
    pub(crate) fn tensor<const D: usize>(self, shape: [usize; D], device: &Device) -> Tensor<D> {
        let (bytes, _, dtype) = self.0.into_parts();
        Tensor::from_data(TensorData::from_bytes(bytes, shape, dtype), device)
    }

    /// To be read from here on, by tensors, too.
    pub(crate) fn share(self) -> Shared {
        let (bytes, shape, dtype) = self.0.into_parts();
        Shared(TensorData::from_bytes(bytes.shared(), shape, dtype))
    }
}

impl From<Vec<f32>> for Numbers {
    fn from(values: Vec<f32>) -> Self {
        let n = values.len();
        Self(TensorData::new(values, [n]))
    }
}

impl Deref for Numbers {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // That these are numbers of this type in this machine's memory was asked when they were taken.
        self.0.as_slice().unwrap_or_default()
    }
}

impl DerefMut for Numbers {
    fn deref_mut(&mut self) -> &mut [f32] {
        self.0.as_mut_slice().unwrap_or_default()
    }
}

impl Clone for Numbers {
    fn clone(&self) -> Self {
        Self::from(self.to_vec())
    }
}

impl PartialEq for Numbers {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

/// Numbers that several tensors and kernels read.
#[derive(Debug, Clone)]
pub(crate) struct Shared(TensorData);

impl Shared {
    /// A tensor of them, without a copy.
    pub(crate) fn tensor<const D: usize>(&self, shape: [usize; D], device: &Device) -> Tensor<D> {
        let (bytes, _, dtype) = self.0.clone().into_parts();
        Tensor::from_data(TensorData::from_bytes(bytes, shape, dtype), device)
    }
}

impl Deref for Shared {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        self.0.as_slice().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_changed_where_they_lie() {
        let device = Device::flex();
        let product = Tensor::<2>::ones([3, 4], &device).matmul(Tensor::ones([4, 2], &device));
        let mut numbers = Numbers::of(product).unwrap();
        let at = numbers.as_ptr();
        numbers[5] = 7.0;
        let tensor: Tensor<2> = numbers.tensor([2, 3], &device);
        let numbers = Numbers::of(tensor).unwrap();
        assert_eq!((&numbers[..], numbers.as_ptr()), (&[4.0, 4.0, 4.0, 4.0, 4.0, 7.0][..], at));
        let shared = numbers.share();
        let [a, b]: [Tensor<1>; 2] = [shared.tensor([6], &device), shared.tensor([6], &device)];
        assert_eq!((a + b).into_data().as_slice::<f32>().unwrap(), [8.0, 8.0, 8.0, 8.0, 8.0, 14.0]);
        assert_eq!((&shared[..], shared.as_ptr()), (&[4.0, 4.0, 4.0, 4.0, 4.0, 7.0][..], at));
    }

    #[test]
    fn numbers_of_a_tensor_that_another_holds_are_a_copy() {
        let device = Device::flex();
        let x = Tensor::<1>::zeros([4], &device);
        let mut numbers = Numbers::of(x.clone()).unwrap();
        numbers[0] = 1.0;
        assert_eq!(x.into_data().as_slice::<f32>().unwrap(), [0.0; 4]);
    }
}
