//! Networks of shared layers without relative positions: BERT, DistilBERT, RoBERTa, ALBERT.

use prompt_core::Result;
use prompt_kernels::{Activation, Level};

use super::embedding::Embedding;
use super::layer::{Attending, Layer};
use super::{Packed, Workspace};

/// Embeddings and layers; `order` names a layer for every step, so that layers can be shared.
#[derive(Debug)]
pub(crate) struct PostNorm {
    pub(super) level: Level,
    pub(super) heads: usize,
    pub(super) width: usize,
    pub(super) activation: Activation,
    pub(super) embedding: Embedding,
    pub(super) layers: Vec<Layer>,
    pub(super) order: Vec<usize>,
}

impl PostNorm {
    pub(crate) fn bytes(&self) -> usize {
        self.embedding.bytes() + self.layers.iter().map(Layer::bytes).sum::<usize>()
    }

    pub(crate) fn forward(&self, batch: Packed<'_>, workspace: &mut Workspace, threads: usize) -> Result<()> {
        self.embedding.run(batch, workspace, threads)?;
        let size = (batch.tokens(), self.width);
        let how = Attending {
            level: self.level,
            heads: self.heads,
            offsets: batch.offsets,
            scale: None,
            window: None,
            bias: None,
        };
        for &i in &self.order {
            let layer = &self.layers[i];
            layer.project(size.0, workspace, threads)?;
            layer.finish(how, self.activation, size, workspace, threads)?;
        }
        Ok(())
    }
}
