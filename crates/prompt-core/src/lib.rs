#![doc = include_str!("../README.md")]

mod context;
mod error;
mod matrix;
mod param;
mod scratch;
mod seed;

pub use context::{CancelToken, Control, Event, FitContext, Observer};
pub use error::{Error, Result};
pub use matrix::{Csr, CsrBuilder, Dense, Matrix, Names, RowView, SparseRow};
pub use param::{Legal, ParamSpec, Params};
pub use scratch::Scratch;
pub use seed::{Rng, Seed};

// `params!` names it.
#[doc(hidden)]
pub use serde_json;
