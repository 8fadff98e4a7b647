//! How many numbers a step of fine-tuning keeps for its way back.

use prompt_encoder::{Details, EncoderConfig, Family};

use super::fine_tune::FineTune;

/// Of a batch of so many tokens, filled to rows of `length`. Counted from what the blocks keep, from below.
///
/// A block that is differentiated by hand keeps, a token: the input, queries, keys, values, what attention mixed, the
/// input of the feed-forward part, both norms before their factors (8 widths), the inside of the feed-forward part and
/// its slope (2 inner widths), and of each head the shares (1 length); where numbers are dropped, two masks (2 widths)
/// and of each head the shares with some dropped and their mask (2 lengths).
pub(super) fn kept(params: &FineTune, config: &EncoderConfig, tokens: f64, length: f64) -> f64 {
    let (width, inner) = (config.hidden_size as f64, config.intermediate_size as f64);
    let per_head = config.heads as f64 * length;
    let drops = if params.dropout > 0.0 { 1.0 } else { 0.0 };
    let block = match (&config.details, config.family) {
        // A gated feed-forward part has two matrices side by side.
        (Details::ModernBert(_), _) => 14.0 * width + 4.0 * inner + (2.0 + drops) * per_head,
        (Details::Deberta(d), _) => {
            let relative = if d.relative_attention { 2.0 } else { 0.0 };
            12.0 * width + 2.0 * inner + (2.0 + drops + relative) * per_head
        }
        (_, Family::Albert) => 12.0 * width + 4.0 * inner + (2.0 + drops) * per_head,
        _ => (8.0 + 2.0 * drops) * width + 2.0 * inner + (1.0 + 2.0 * drops) * per_head,
    };
    let frozen = frozen(params);
    let embeds = frozen == 0 && params.lora_rank.is_none();
    let begin = if embeds { 3.0 * config.embedding_size as f64 } else { 0.0 };
    // Nothing is kept below the lowest layer that learns. ALBERT's share their numbers.
    let layers = match config.family {
        Family::Albert if frozen > 0 => 0,
        Family::Albert => config.layers,
        _ => config.layers.saturating_sub(frozen),
    };
    let inside = match (params.gradient_checkpointing, layers) {
        // The inputs of all, and what is inside the one that is computed again.
        (true, 1..) => layers as f64 * width + block,
        _ => layers as f64 * block,
    };
    tokens * (begin + inside)
}

/// Layers that learn in no epoch.
fn frozen(params: &FineTune) -> usize {
    let thawed = params.unfreeze_every.map_or(0, |every| (params.max_epochs - 1) / every);
    if params.lora_rank.is_some() { 0 } else { params.freeze_layers.saturating_sub(thawed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_keeps_what_it_says() {
        let text = r#"{"model_type": "bert", "vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 64}"#;
        let config = EncoderConfig::from_json(text, "config.json").unwrap();
        let of = |params: FineTune, length: f64| kept(&params, &config, 10.0, length);
        let each = 3.0 * 16.0 + 2.0 * (10.0 * 16.0 + 2.0 * 32.0 + 3.0 * 2.0 * 8.0);
        assert_eq!(of(FineTune::default(), 8.0), 10.0 * each);
        let each = 3.0 * 16.0 + 2.0 * (8.0 * 16.0 + 2.0 * 32.0 + 2.0 * 8.0);
        assert_eq!(of(FineTune::default().dropout(0.0), 8.0), 10.0 * each);
        let again = of(FineTune::default().gradient_checkpointing(true), 8.0);
        let block = 10.0 * (10.0 * 16.0 + 2.0 * 32.0 + 3.0 * 2.0 * 8.0);
        assert_eq!(again, 10.0 * (3.0 * 16.0 + 2.0 * 16.0) + block);
        assert!(of(FineTune::default(), 64.0) > of(FineTune::default(), 8.0));
    }

    #[test]
    fn nothing_is_kept_below_the_lowest_layer_that_learns() {
        let text = r#"{"model_type": "bert", "vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 4,
            "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 64}"#;
        let config = EncoderConfig::from_json(text, "config.json").unwrap();
        let of = |params: FineTune| kept(&params, &config, 10.0, 8.0);
        let params = || FineTune::default().max_epochs(3);
        let begin = 10.0 * 3.0 * 16.0;
        let blocks = of(params()) - begin;
        assert_eq!(of(params().freeze_layers(3)), blocks / 4.0);
        assert_eq!(of(params().freeze_layers(9)), 0.0);
        assert_eq!(of(params().freeze_layers(9).gradient_checkpointing(true)), 0.0);
        // In the third epoch the two above the lowest learn, too.
        assert_eq!(of(params().freeze_layers(3).unfreeze_every(Some(1))), blocks * 3.0 / 4.0);
        assert_eq!(of(params().lora_rank(Some(2))), blocks);
    }
}
