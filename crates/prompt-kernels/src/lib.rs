#![doc = include_str!("../README.md")]

mod error;
mod level;
mod linear;
mod math;
mod rows;
mod simd;
mod threads;

pub use error::{Error, Result};
pub use level::Level;
pub use linear::{Combine, Epilogue, PackedF32};
pub use math::Activation;
pub use rows::{Rows, RowsMut};
