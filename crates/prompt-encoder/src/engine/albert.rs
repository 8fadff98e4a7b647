//! ALBERT: narrow embeddings, and groups of layers that are run again and again.

use prompt_core::Result;

use super::bert;
use super::embedding::{Counting, Widen};
use super::layer::Layer;
use super::linear::Loader;
use super::post_norm::PostNorm;
use crate::config::{Albert, EncoderConfig};

pub(super) fn load(loader: &mut Loader<'_>, config: &EncoderConfig, sharing: &Albert) -> Result<PostNorm> {
    let (h, f, eps) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
    let mut embedding = bert::embedding(loader, config, Counting::FromZero)?;
    let widen = loader.linear("encoder.embedding_hidden_mapping_in", [h, config.embedding_size], true)?;
    embedding.widen = Some(Widen::AfterNorm(widen));
    let mut layers = Vec::new();
    for group in 0..sharing.groups {
        for inner in 0..sharing.inner {
            let name =
                |part: &str| format!("encoder.albert_layer_groups.{group}.albert_layers.{inner}.{part}");
            let names = ["query", "key", "value"].map(|p| name(&format!("attention.{p}")));
            layers.push(Layer {
                qkv: loader.stacked(&names.each_ref().map(String::as_str), [h, h], true)?,
                out: loader.linear(&name("attention.dense"), [h, h], true)?,
                attention_norm: loader.norm(&name("attention.LayerNorm"), h, eps, true)?,
                up: loader.linear(&name("ffn"), [f, h], true)?,
                down: loader.linear(&name("ffn_output"), [h, f], true)?,
                norm: loader.norm(&name("full_layer_layer_norm"), h, eps, true)?,
            });
        }
    }
    // Step i of n belongs to group ⌊i · groups / n⌋ and runs all of its layers.
    let order = (0..config.layers)
        .flat_map(|i| {
            let group = i * sharing.groups / config.layers;
            group * sharing.inner..(group + 1) * sharing.inner
        })
        .collect();
    Ok(PostNorm {
        level: loader.level,
        heads: config.heads,
        width: h,
        activation: config.activation.kernel(),
        embedding,
        layers,
        order,
    })
}
