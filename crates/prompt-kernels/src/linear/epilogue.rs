//! What is done to a product before it leaves the cache.
#![allow(unsafe_code, reason = "tasks finish disjoint rectangles of one output in place")]

use std::ops::Range;

use crate::level::Kernel;
use crate::math::{Activation, activate, zip};
use crate::output::Out;
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

impl Epilogue<'_> {
    /// Whether there is anything to do.
    pub(crate) fn is_empty(self) -> bool {
        self.activation == Activation::Identity && matches!(self.combine, Combine::None)
    }
}

impl<'a> Combine<'a> {
    pub(crate) fn matrix(self) -> Option<Rows<'a>> {
        match self {
            Self::None => None,
            Self::Add(other) | Self::Multiply(other) => Some(other),
        }
    }
}

/// Activation and combination of a rectangle of the output, in place. A kernel of its own, called for each panel: compiled
/// into every loop that ends in it, it would be most of this crate's code.
pub(crate) struct Finish<'a> {
    pub(crate) out: Out,
    pub(crate) epilogue: Epilogue<'a>,
    pub(crate) rows: Range<usize>,
    pub(crate) cols: Range<usize>,
}

impl Kernel for Finish<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { out, epilogue, rows, cols } = self;
        for i in rows {
            // SAFETY: columns of a row of the rectangle that belongs to the task that calls this.
            let part = unsafe { out.slice(i, cols.start, cols.len()) };
            activate(s, epilogue.activation, part);
            match epilogue.combine {
                Combine::None => {}
                Combine::Add(other) => zip(s, part, &other.row(i)[cols.clone()], |a, b| s.add(a, b)),
                Combine::Multiply(other) => zip(s, part, &other.row(i)[cols.clone()], |a, b| s.mul(a, b)),
            }
        }
    }
}
