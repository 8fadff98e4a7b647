#![doc = include_str!("../README.md")]

mod api;
mod checkpoint;
mod config;
mod engine;
#[cfg(feature = "hub")]
pub mod hub;
mod statics;
mod surface;
mod tokenizer;

pub use api::{Aggregate, Answer, Classifier, Embedding, Encoder, Options, register, register_with};
pub use checkpoint::{Checkpoint, SavedAs, Tensor, Weights, write_safetensors};
pub use config::{
    Activation, Albert, Deberta, Details, EncoderConfig, Family, HeadAnswer, HeadConfig, HeadKind,
    HeadPooling, ModernBert, MultiTask, ProblemType, PromptHead, PublishedHead, TaskHead,
};
pub use engine::{Engine, OpenEngine, Packed, Pooling, Precision};
pub use statics::{StaticEmbedding, StaticEmbeddings, TokenWeight};
pub use surface::SurfaceFeatures;
pub use tokenizer::{Encoded, Long, Tokenizer, Tokens, Window};

// The code of the guide's chapter runs with the doctests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/encoders.md")]
mod guide {}
