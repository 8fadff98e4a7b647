//! From published to canonical names.

use crate::config::Family;

/// Prefix off, `gamma` and `beta` renamed.
pub(super) fn canonical(family: Family, name: &str) -> String {
    // Multi-task checkpoints call the encoder their backbone; sentence-transformers' old ones wrap it in a module.
    let mut name = name.strip_prefix("backbone.").unwrap_or(name);
    name = name.strip_prefix("0.auto_model.").unwrap_or(name);
    name = name.strip_prefix(family.prefix()).unwrap_or(name);
    match name.rsplit_once('.') {
        Some((stem, "gamma")) => format!("{stem}.weight"),
        Some((stem, "beta")) => format!("{stem}.bias"),
        _ => name.to_owned(),
    }
}

/// Parts that published checkpoints carry and no encoder uses: buffers and the heads of pre-training.
pub(super) fn is_leftover(name: &str) -> bool {
    const ENDS: [&str; 3] = ["position_ids", "token_type_ids", "rotary_emb.inv_freq"];
    const STARTS: [&str; 9] = [
        "cls.",
        "lm_head.",
        "lm_predictions.",
        "mask_predictions.",
        "predictions.",
        "vocab_",
        "decoder.",
        "sop_classifier.",
        "discriminator_predictions.",
    ];
    ENDS.iter().any(|end| name.ends_with(end)) || STARTS.iter().any(|start| name.starts_with(start))
}

/// Whether the tensor lies within the encoder itself.
pub(super) fn is_backbone(name: &str) -> bool {
    ["embeddings.", "encoder.", "transformer.", "layers.", "final_norm."].iter().any(|p| name.starts_with(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_prefix_are_one() {
        let want = "encoder.layer.0.output.LayerNorm.weight";
        assert_eq!(canonical(Family::Bert, "bert.encoder.layer.0.output.LayerNorm.gamma"), want);
        assert_eq!(canonical(Family::Bert, want), want);
        assert_eq!(canonical(Family::DebertaV2, "backbone.embeddings.LayerNorm.beta"), "embeddings.LayerNorm.bias");
        assert_eq!(canonical(Family::ModernBert, "model.final_norm.weight"), "final_norm.weight");
        assert_eq!(canonical(Family::Bert, "classifier.weight"), "classifier.weight");
    }
}
