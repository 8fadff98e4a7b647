//! A checkpoint as a network that learns.

use std::path::Path;

use burn::tensor::Tensor;
use prompt_core::{Error, FitContext, Result};
use prompt_encoder::{Checkpoint, EncoderConfig, Family, HeadKind, Long, Tokenizer};

use super::body::Encoder;
use super::fine_tune::FineTune;
use super::head::{Head, OWN, Pooling};
use super::layers::Lora;
use crate::net::{Builder, Input, Store, Tape};

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

/// Encoder, pooling and head.
#[derive(Debug)]
pub(super) struct Net {
    encoder: Encoder,
    pub(super) pooling: Pooling,
    pub(super) head: Head,
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
        Ok(self.pooling.forward(s, x, input))
    }

    pub(super) fn forward(
        &self,
        s: &Store,
        tape: &mut Tape,
        input: &Input,
        [dropout, head_dropout]: [f64; 2],
    ) -> Result<Tensor<2>> {
        let pooled = self.pooled(s, tape, input, dropout)?;
        Ok(self.head.forward(s, tape, pooled, head_dropout))
    }
}

/// A checkpoint as a network.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) net: Net,
    pub(super) store: Store,
    pub(super) config: EncoderConfig,
    pub(super) tokenizer: Tokenizer,
    /// The layers of the head.
    pub(super) kind: HeadKind,
}

impl Model {
    /// Opens a folder; a head that does not fit starts afresh.
    pub(super) fn open(
        folder: &Path,
        params: &FineTune,
        outputs: usize,
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
        let encoder = Encoder::new(&config, lora, &mut builder);
        let kind = Head::kind(&params.head);
        let pooling = match config.head.pooling.as_deref() {
            // ModernBERT's files say how the published head pools.
            Some(said)
                if config.family == Family::ModernBert
                    && kind == HeadKind::Published
                    && params.pooling == "cls" =>
            {
                Pooling::named(said)
            }
            _ => Pooling::named(&params.pooling),
        };
        let head = Head::new(&config, kind, outputs, &mut builder);
        let net = Net { encoder, pooling, head };
        Ok(Self { net, store: store.complete()?, config, tokenizer, kind })
    }

    /// Whether transformers has such a head.
    pub(super) fn is_published(&self) -> bool {
        let pools = match self.config.family {
            Family::ModernBert => [Pooling::Cls, Pooling::Mean].contains(&self.net.pooling),
            _ => self.net.pooling == Pooling::Cls,
        };
        self.kind == HeadKind::Published && pools
    }
}
