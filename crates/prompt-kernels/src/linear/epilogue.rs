//! What is done to a product before it leaves the cache.

use crate::math::{Activation, activate, zip};
use crate::rows::Rows;
use crate::simd::Simd;

/// Activation, then combination with another matrix: `(activation(x·Wᵀ + bias)) ∘ other`.
///
/// ```
/// use prompt_kernels::{Activation, Combine, Epilogue, Rows};
///
/// let residual = [1.0, 2.0];
/// let add = Epilogue { combine: Combine::Add(Rows::new(&residual, 1, 2)?), ..Epilogue::default() };
/// assert_eq!(add.activation, Activation::Identity);
/// # Ok::<(), prompt_kernels::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// Applied to each number.
    pub activation: Activation,
    /// Applied after the activation.
    pub combine: Combine<'a>,
}

impl From<Activation> for Epilogue<'_> {
    fn from(activation: Activation) -> Self {
        Self { activation, combine: Combine::None }
    }
}

/// How another matrix of the output's shape takes part.
#[derive(Clone, Copy, Debug, Default)]
pub enum Combine<'a> {
    /// Not at all.
    #[default]
    None,
    /// It is added (a residual).
    Add(Rows<'a>),
    /// It is multiplied, number by number (the gate of a gated unit).
    Multiply(Rows<'a>),
}

impl<'a> Combine<'a> {
    pub(crate) fn matrix(self) -> Option<Rows<'a>> {
        match self {
            Self::None => None,
            Self::Add(other) | Self::Multiply(other) => Some(other),
        }
    }
}

/// Activation and combination of columns `col…` of row `i`.
#[inline(always)]
pub(crate) fn finish<S: Simd>(s: S, epilogue: Epilogue<'_>, i: usize, col: usize, part: &mut [f32]) {
    activate(s, epilogue.activation, part);
    match epilogue.combine {
        Combine::None => {}
        Combine::Add(other) => zip(s, part, &other.row(i)[col..], |a, b| s.add(a, b)),
        Combine::Multiply(other) => zip(s, part, &other.row(i)[col..], |a, b| s.mul(a, b)),
    }
}
