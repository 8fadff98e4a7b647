//! BERT's names (`embeddings.…`, `encoder.layer.N.…`), which RoBERTa and the layers of DeBERTa share.

use prompt_core::Result;

use super::embedding::{Counting, Embedding, with_segment};
use super::layer::Layer;
use super::linear::Loader;
use super::post_norm::PostNorm;
use crate::config::EncoderConfig;

pub(super) fn load(loader: &mut Loader<'_>, config: &EncoderConfig) -> Result<PostNorm> {
    let embedding = embedding(loader, config, Counting::FromZero)?;
    network(loader, config, embedding)
}

pub(super) fn network(
    loader: &mut Loader<'_>,
    config: &EncoderConfig,
    embedding: Embedding,
) -> Result<PostNorm> {
    let layers = (0..config.layers)
        .map(|i| layer(loader, config, i, ["query", "key", "value"]))
        .collect::<Result<_>>()?;
    Ok(PostNorm {
        level: loader.level,
        heads: config.heads,
        width: config.hidden_size,
        activation: config.activation.kernel(),
        embedding,
        layers,
        order: (0..config.layers).collect(),
    })
}

pub(super) fn embedding(
    loader: &mut Loader<'_>,
    config: &EncoderConfig,
    counting: Counting,
) -> Result<Embedding> {
    let width = config.embedding_size;
    let words = loader.table("embeddings.word_embeddings.weight", [config.vocab_size, width])?;
    let positions = loader.table("embeddings.position_embeddings.weight", [config.max_positions, width])?;
    let segment = first_segment(loader, config)?;
    Ok(Embedding {
        width,
        words,
        positions: with_segment(positions, &segment),
        segment: Vec::new(),
        counting,
        norm: Some(loader.norm("embeddings.LayerNorm", width, config.layer_norm_eps, true)?),
        widen: None,
    })
}

/// The vector of segment 0, to which all tokens of one text belong; empty where there are no segments.
pub(super) fn first_segment(loader: &mut Loader<'_>, config: &EncoderConfig) -> Result<Vec<f32>> {
    if config.type_vocab_size == 0 {
        return Ok(Vec::new());
    }
    let shape = [config.type_vocab_size, config.embedding_size];
    let mut table = loader.table("embeddings.token_type_embeddings.weight", shape)?;
    table.truncate(config.embedding_size);
    Ok(table)
}

pub(super) fn layer(
    loader: &mut Loader<'_>,
    config: &EncoderConfig,
    i: usize,
    projections: [&str; 3],
) -> Result<Layer> {
    let (h, f, eps) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
    let name = |part: &str| format!("encoder.layer.{i}.{part}");
    let names = projections.map(|p| name(&format!("attention.self.{p}")));
    Ok(Layer {
        qkv: loader.stacked(&names.each_ref().map(String::as_str), [h, h], true)?,
        out: loader.linear(&name("attention.output.dense"), [h, h], true)?,
        attention_norm: loader.norm(&name("attention.output.LayerNorm"), h, eps, true)?,
        up: loader.linear(&name("intermediate.dense"), [f, h], true)?,
        down: loader.linear(&name("output.dense"), [h, f], true)?,
        norm: loader.norm(&name("output.LayerNorm"), h, eps, true)?,
    })
}
