//! A checkpoint as a network that learns.

use std::path::Path;

use burn::tensor::Tensor;
use prompt_core::{Error, FitContext, Result};
use prompt_encoder::{Checkpoint, EncoderConfig, Family, HeadKind, Long, SurfaceFeatures, Tokenizer};

use super::body::Encoder;
use super::fine_tune::FineTune;
use super::head::{Head, HeadSpec, OWN, Pool};
use super::layers::Lora;
use super::surface::Surface;
use crate::net::{Builder, Input, Store, Tape};
use crate::text::Batch;

/// Whether a parameter is part of an adapter.
pub(super) fn is_adapter(name: &str) -> bool {
    name.ends_with(".lora_A") || name.ends_with(".lora_B")
}

/// The ids of a text, special ones included, and whether it was cut.
pub(super) fn encode(tokenizer: &Tokenizer, text: &str, limit: usize) -> Result<(Vec<u32>, bool)> {
    let mut encoded = tokenizer.encode(text, limit, Long::Truncate)?;
    let cut = encoded.truncated;
    let ids = if encoded.windows.is_empty() { Vec::new() } else { encoded.windows.swap_remove(0).ids };
    if ids.is_empty() {
        let help = "check the tokenizer's special tokens";
        return Err(Error::input(format!("the tokenizer gives no token for {text:?}"), help));
    }
    Ok((ids, cut))
}

/// Encoder, pooling and heads.
#[derive(Debug)]
pub(super) struct Net {
    encoder: Encoder,
    pub(super) pool: Pool,
    pub(super) heads: Vec<Head>,
}

impl Net {
    /// The hidden states, with blocks differentiated by hand or by burn.
    #[cfg(test)]
    pub(super) fn hidden(&self, s: &Store, tape: &mut Tape, input: &Input, by_hand: bool) -> Tensor<3> {
        self.encoder.run(s, tape, input, 0.0, by_hand).unwrap()
    }

    /// One vector a row.
    pub(super) fn pooled(
        &self,
        s: &Store,
        tape: &mut Tape,
        input: &Input,
        dropout: f64,
    ) -> Result<Tensor<2>> {
        let x = self.encoder.forward(s, tape, input, dropout)?;
        Ok(self.pool.forward(s, x, input))
    }

    /// The scores of each head; `surface` has the features of the texts that the batch's rows are of.
    pub(super) fn forward(
        &self,
        s: &Store,
        tape: &mut Tape,
        batch: &Batch,
        surface: &Surface,
        [dropout, head_dropout]: [f64; 2],
    ) -> Result<Vec<Tensor<2>>> {
        let pooled = self.pooled(s, tape, &Input::new(batch, s), dropout)?;
        let pooled = surface.behind(pooled, &batch.rows, s);
        Ok(scores(&self.heads, s, tape, &pooled, head_dropout))
    }
}

/// The scores of several heads that read the same vectors.
pub(super) fn scores(
    heads: &[Head],
    s: &Store,
    tape: &mut Tape,
    pooled: &Tensor<2>,
    dropout: f64,
) -> Vec<Tensor<2>> {
    heads.iter().map(|head| head.forward(s, tape, pooled.clone(), dropout)).collect()
}

/// A checkpoint as a network.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) net: Net,
    pub(super) store: Store,
    pub(super) config: EncoderConfig,
    pub(super) tokenizer: Tokenizer,
    /// What its heads learn.
    pub(super) specs: Vec<HeadSpec>,
    /// What they read behind the pooled vector.
    pub(super) surface: Option<SurfaceFeatures>,
}

impl Model {
    /// Opens a folder; heads that it has not, or has of another size, start afresh. Where heads are to read surface
    /// features, those of the folder keep their scale, which its heads know.
    pub(super) fn open(
        folder: &Path,
        params: &FineTune,
        specs: Vec<HeadSpec>,
        surface: Option<SurfaceFeatures>,
        mut store: Store,
        ctx: &FitContext,
    ) -> Result<Self> {
        let Checkpoint { config, weights, .. } = Checkpoint::open(folder)?;
        let has = |key: &str| config.raw().get(key).is_some();
        if has("target_sizes") && !has("backbone_config") && !has("hidden_size") {
            return Err(Error::unsupported(
                "fine-tuning",
                "a checkpoint of several heads that does not say what its encoder is",
                "write the encoder's own config.json into it as `backbone_config`",
            ));
        }
        let tokenizer = Tokenizer::open(folder, &config)?;
        let weights = std::cell::RefCell::new(weights);
        let read = |name: &str, shape: &[usize]| {
            let mut weights = weights.borrow_mut();
            if !super::saved::is_head(name) {
                // The encoder itself may neither be absent nor of another size.
                return if is_adapter(name) { Ok(None) } else { weights.get(name, shape).map(Some) };
            }
            // A published head over another pooling was saved under a name of its own.
            let own = format!("{OWN}{name}");
            let found = [name, &own].into_iter().find(|n| weights.shape(n) == Some(shape));
            found.map(|name| weights.get(name, shape)).transpose()
        };
        let mut builder = Builder::reading(&mut store, ctx.seed().derive("head", 0), &read);
        let lora = params.lora_rank.map(|rank| Lora { rank, alpha: params.lora_alpha });
        if lora.is_some() && config.family == Family::ModernBert {
            return Err(Error::unsupported("ModernBERT", "adapters", "leave lora_rank at none"));
        }
        let encoder = Encoder::new(&config, lora, params.gradient_checkpointing, &mut builder);
        // ModernBERT's files say how the published head pools.
        let modern = config.family == Family::ModernBert && params.head == "published";
        let said = config.head.pooling.as_deref().filter(|_| modern && params.pooling == "cls");
        let pool = Pool::new(said.unwrap_or(&params.pooling), config.hidden_size, &mut builder);
        let surface = surface.map(|learned| config.head.surface.clone().unwrap_or(learned));
        let joined = surface.as_ref().map_or(0, SurfaceFeatures::width);
        let heads = specs.iter().map(|spec| Head::new(&config, spec, joined, &mut builder)).collect();
        let net = Net { encoder, pool, heads };
        Ok(Self { net, store: store.complete()?, config, tokenizer, specs, surface })
    }

    /// Whether transformers has such a head.
    pub(super) fn is_published(&self) -> bool {
        let pools = match self.net.pool {
            Pool::Cls => true,
            Pool::Mean => self.config.family == Family::ModernBert,
            _ => false,
        };
        let [spec] = self.specs.as_slice() else { return false };
        spec.kind == HeadKind::Published && !spec.ordinal && !spec.is_listed() && pools
    }
}
