//! DistilBERT: BERT's layers under other names, without segments.

use prompt_core::Result;

use super::embedding::{Counting, Embedding};
use super::layer::Layer;
use super::linear::Loader;
use super::post_norm::PostNorm;
use crate::config::EncoderConfig;

pub(super) fn load(loader: &mut Loader<'_>, config: &EncoderConfig) -> Result<PostNorm> {
    let (h, f, eps) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
    let embedding = Embedding {
        width: h,
        words: loader.table("embeddings.word_embeddings.weight", [config.vocab_size, h])?,
        positions: loader.table("embeddings.position_embeddings.weight", [config.max_positions, h])?,
        segment: Vec::new(),
        counting: Counting::FromZero,
        norm: Some(loader.norm("embeddings.LayerNorm", h, eps, true)?),
        widen: None,
    };
    let layers = (0..config.layers)
        .map(|i| {
            let name = |part: &str| format!("transformer.layer.{i}.{part}");
            let names = ["q_lin", "k_lin", "v_lin"].map(|p| name(&format!("attention.{p}")));
            Ok(Layer {
                qkv: loader.stacked(&names.each_ref().map(String::as_str), [h, h], true)?,
                out: loader.linear(&name("attention.out_lin"), [h, h], true)?,
                attention_norm: loader.norm(&name("sa_layer_norm"), h, eps, true)?,
                up: loader.linear(&name("ffn.lin1"), [f, h], true)?,
                down: loader.linear(&name("ffn.lin2"), [h, f], true)?,
                norm: loader.norm(&name("output_layer_norm"), h, eps, true)?,
            })
        })
        .collect::<Result<_>>()?;
    Ok(PostNorm {
        level: loader.level,
        heads: config.heads,
        width: h,
        activation: config.activation.kernel(),
        embedding,
        layers,
        order: (0..config.layers).collect(),
    })
}
