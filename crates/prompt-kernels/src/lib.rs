#![doc = include_str!("../README.md")]

// Under Miri, which interprets, blocks are small and little work is worth a thread: small inputs go all ways then.
mod attention;
mod error;
mod int8;
mod level;
mod linear;
mod math;
mod norm;
mod output;
mod rotary;
mod rows;
mod scratch;
mod simd;
mod threads;
mod vector;

pub use attention::{Attention, ScoreBias, attention};
pub use error::{Error, Result};
pub use int8::{PackedI8, WeightBits};
pub use level::Level;
pub use linear::{Combine, Epilogue, PackedF32};
pub use math::Activation;
pub use norm::{Norm, apply, exp, normalise, softmax};
pub use rotary::Rotary;
pub use rows::{Rows, RowsMut};
pub use threads::team;
pub use vector::{Pool, axpy, dot, pool, unit_length};
