//! Draft.
mod checkpoint;
mod config;
mod tokenizer;
pub use checkpoint::{Checkpoint, SavedAs, Tensor, Weights, write_safetensors};
pub use config::{Activation, Albert, Deberta, Details, EncoderConfig, Family, HeadConfig, ModernBert, MultiTask, ProblemType, TaskHead};
pub use tokenizer::{Encoded, Long, Tokenizer, Tokens, Window};
