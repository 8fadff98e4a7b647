//! Fitted things on disk: kind, version, numbers and a checksum for every byte.
//!
//! ```text
//! fitted --encode--> Node (a tree: kind, version, meta, tensors, children)
//!        --save----> folder: manifest.json  structure.json  weights.safetensors
//!        --open----> Bundle (checked)  --decode via Catalog--> fitted
//! ```
//!
//! Nothing in an artifact is executed, and everything in it can be read from Python (`json`, `safetensors`).
//! Reading starts from named bytes, so a folder, an object store and a browser are the same to it.

mod bundle;
mod catalog;
mod node;

pub use bundle::{Bundle, FORMAT_VERSION, Manifest, digest, read_files, save};
pub use catalog::{Catalog, Loaded};
pub use node::{Node, Tensor};

use std::sync::Arc;

use crate::error::Result;

/// A fitted thing that can be saved. Object-safe.
pub trait Persist {
    /// Its kind, by which a [`Catalog`] finds the decoder.
    fn kind(&self) -> &'static str;

    /// Its parameters and numbers.
    ///
    /// # Errors
    /// When its parameters cannot be written as JSON.
    fn encode(&self) -> Result<Node>;
}

impl<T: Persist + ?Sized> Persist for Arc<T> {
    fn kind(&self) -> &'static str {
        (**self).kind()
    }
    fn encode(&self) -> Result<Node> {
        (**self).encode()
    }
}

/// A fitted thing that can be read back: `decode(encode(x))` predicts the same bits as `x`.
pub trait Artifact: Persist + Sized {
    /// Reads it back. A typed part decodes itself; a part chosen at run time goes through the catalog.
    ///
    /// # Errors
    /// [`Error::Artifact`](crate::Error::Artifact) for another kind, a newer version, or numbers that do not
    /// fit together.
    fn decode(node: &Node, catalog: &Catalog) -> Result<Self>;
}
