//! The families, and where each one's sizes stand in its `config.json`.

use prompt_core::{Error, Result};
use serde_json::Value;

use super::head::HeadConfig;
use super::{Activation, EncoderConfig, Fields};

/// An architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// BERT, and MiniLM which is a small BERT.
    Bert,
    /// DistilBERT.
    DistilBert,
    /// RoBERTa and DistilRoBERTa.
    Roberta,
    /// XLM-RoBERTa.
    XlmRoberta,
    /// ALBERT.
    Albert,
    /// DeBERTa v2, v3 and mDeBERTa.
    DebertaV2,
    /// ModernBERT.
    ModernBert,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Bert,
        Self::DistilBert,
        Self::Roberta,
        Self::XlmRoberta,
        Self::Albert,
        Self::DebertaV2,
        Self::ModernBert,
    ];

    /// Its `model_type` in `config.json`.
    pub fn model_type(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::DistilBert => "distilbert",
            Self::Roberta => "roberta",
            Self::XlmRoberta => "xlm-roberta",
            Self::Albert => "albert",
            Self::DebertaV2 => "deberta-v2",
            Self::ModernBert => "modernbert",
        }
    }

    /// The prefix under which models with a head publish the encoder's tensors.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Bert => "bert.",
            Self::DistilBert => "distilbert.",
            Self::Roberta | Self::XlmRoberta => "roberta.",
            Self::Albert => "albert.",
            Self::DebertaV2 => "deberta.",
            Self::ModernBert => "model.",
        }
    }
}

/// What one family has and the others have not.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Details {
    /// Nothing beyond the common sizes (BERT, DistilBERT, RoBERTa, XLM-RoBERTa).
    Plain,
    /// ALBERT's shared layers.
    Albert(Albert),
    /// DeBERTa's relative positions.
    Deberta(Deberta),
    /// ModernBERT's rotary positions and windows.
    ModernBert(ModernBert),
}

/// ALBERT's shared layers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Albert {
    /// Groups of layers that share weights.
    pub groups: usize,
    /// Layers within a group.
    pub inner: usize,
}

/// DeBERTa's relative positions.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Deberta {
    /// Whether attention knows relative positions.
    pub relative_attention: bool,
    /// Logarithmic buckets on each side; 0 for one bucket a distance.
    pub buckets: usize,
    /// Distances beyond this share the last bucket.
    pub max_distance: usize,
    /// Whether the relative embeddings pass through a layer norm.
    pub norm_relative: bool,
    /// Whether relative keys and queries use the content's projections.
    pub share_projections: bool,
    /// By how many terms a score is scaled: content, and whichever of the two below the file names, also where relative
    /// attention is off.
    pub score_terms: usize,
    /// Content to position.
    pub c2p: bool,
    /// Position to content.
    pub p2c: bool,
    /// Whether absolute positions are added to the embeddings.
    pub absolute_positions: bool,
    /// Width of the convolution after the first layer; 0 for none.
    pub conv_kernel: usize,
    /// The convolution's nonlinearity.
    pub conv_activation: Activation,
    /// The pooler's nonlinearity.
    pub pooler_activation: Activation,
}

impl Deberta {
    /// Half the rows of the relative position table.
    pub fn span(&self) -> usize {
        if self.buckets > 0 { self.buckets } else { self.max_distance }
    }
}

/// ModernBERT's rotary positions and windows.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ModernBert {
    /// For every layer whether it sees the whole sequence.
    pub global: Vec<bool>,
    /// Local layers see this many tokens to each side.
    pub side: usize,
    /// Base of the rotation in global layers.
    pub global_theta: f64,
    /// Base of the rotation in local layers.
    pub local_theta: f64,
    /// Whether the projections of attention have biases.
    pub attention_bias: bool,
    /// Whether the feed-forward matrices have biases.
    pub mlp_bias: bool,
    /// Whether layer norms have biases.
    pub norm_bias: bool,
    /// Whether the head's dense layer has a bias.
    pub head_bias: bool,
    /// The head's nonlinearity.
    pub head_activation: Activation,
}

/// More than any published encoder has.
const MOST_LAYERS: usize = 1024;

/// Microsoft's DeBERTa-v3-base, the backbone of published multi-task models whose configuration names no sizes.
const DEBERTA_V3_BASE: &str = r#"{"model_type": "deberta-v2", "attention_probs_dropout_prob": 0.1,
"hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": 768, "initializer_range": 0.02,
"intermediate_size": 3072, "max_position_embeddings": 512, "relative_attention": true, "position_buckets": 256,
"norm_rel_ebd": "layer_norm", "share_att_key": true, "pos_att_type": "p2c|c2p", "layer_norm_eps": 1e-7,
"max_relative_positions": -1, "position_biased_input": false, "num_attention_heads": 12,
"num_hidden_layers": 12, "type_vocab_size": 0, "vocab_size": 128100}"#;

pub(super) fn read(fields: &Fields<'_>, raw: &Value) -> Result<EncoderConfig> {
    let head = HeadConfig::read(fields)?;
    if head.tasks.is_none() || fields.map.contains_key("model_type") {
        return sizes(fields, raw, head);
    }
    let backbone = match fields.map.get("backbone_config") {
        Some(given) => given.clone(),
        None => serde_json::from_str(DEBERTA_V3_BASE)
            .map_err(|e| fields.bad(format!("the built-in backbone: {e}")))?,
    };
    let map = backbone.as_object().ok_or_else(|| fields.bad("`backbone_config` must be an object".into()))?;
    sizes(&Fields { map, path: fields.path }, raw, head)
}

fn sizes(f: &Fields<'_>, raw: &Value, head: HeadConfig) -> Result<EncoderConfig> {
    let name = f.string("model_type").unwrap_or("(none)");
    let family = Family::ALL.into_iter().find(|family| family.model_type() == name).ok_or_else(|| {
        Error::unknown("encoder architecture (`model_type`)", name, Family::ALL.map(Family::model_type))
    })?;
    let distil = family == Family::DistilBert;
    let modern = family == Family::ModernBert;
    let hidden_size = f.size(&[if distil { "dim" } else { "hidden_size" }], None, 1)?;
    let heads = f.size(&[if distil { "n_heads" } else { "num_attention_heads" }], None, 1)?;
    let layers = f.size(&[if distil { "n_layers" } else { "num_hidden_layers" }], None, 1)?;
    // Shared layers have no tensors of their own that would vouch for the number.
    if layers > MOST_LAYERS {
        return Err(f.bad(format!("{layers} layers, at most {MOST_LAYERS} are taken")));
    }
    if !hidden_size.is_multiple_of(heads) {
        return Err(f.bad(format!("{heads} attention heads do not divide hidden_size {hidden_size}")));
    }
    let embedding_default = if family == Family::Albert { 128 } else { hidden_size };
    let embedding_size = match family {
        Family::Albert | Family::DebertaV2 => f.size(&["embedding_size"], Some(embedding_default), 1)?,
        _ => hidden_size,
    };
    if let Some(kind) = f.string("position_embedding_type").filter(|kind| *kind != "absolute") {
        return Err(Error::unsupported(
            "this encoder",
            format!("`position_embedding_type` {kind}"),
            "use absolute",
        ));
    }
    let activation_key = match family {
        Family::DistilBert => "activation",
        Family::ModernBert => "hidden_activation",
        _ => "hidden_act",
    };
    let activation_default = if family == Family::Albert { "gelu_new" } else { "gelu" };
    let eps = match family {
        Family::DebertaV2 => 1e-7,
        Family::ModernBert => 1e-5,
        _ => 1e-12,
    };
    let eps =
        if distil { eps } else { f.number(&[if modern { "norm_eps" } else { "layer_norm_eps" }], eps)? };
    let max_positions = f.size(&["max_position_embeddings"], Some(if modern { 8192 } else { 512 }), 1)?;
    let pad_default = match family {
        Family::Roberta | Family::XlmRoberta => 1,
        Family::ModernBert => 50283,
        _ => 0,
    };
    let type_vocab_size = match family {
        Family::DistilBert | Family::ModernBert => 0,
        Family::DebertaV2 => f.size(&["type_vocab_size"], Some(0), 0)?,
        _ => f.size(&["type_vocab_size"], Some(2), 0)?,
    };
    let intermediate_size = f.size(&[if distil { "hidden_dim" } else { "intermediate_size" }], None, 1)?;
    let details = match family {
        Family::Albert => Details::Albert(albert(f, layers)?),
        Family::DebertaV2 => Details::Deberta(deberta(f, max_positions)?),
        Family::ModernBert => Details::ModernBert(modern_bert(f, layers, hidden_size / heads)?),
        _ => Details::Plain,
    };
    Ok(EncoderConfig {
        family,
        vocab_size: f.size(&["vocab_size"], None, 1)?,
        hidden_size,
        embedding_size,
        layers,
        heads,
        intermediate_size,
        max_positions,
        type_vocab_size,
        activation: Activation::named(f.string(activation_key).unwrap_or(activation_default))?,
        layer_norm_eps: eps as f32,
        pad_token_id: f.size(&["pad_token_id"], Some(pad_default), 0)? as u32,
        details,
        head,
        raw: raw.clone(),
    })
}

fn albert(f: &Fields<'_>, layers: usize) -> Result<Albert> {
    let groups = f.size(&["num_hidden_groups"], Some(1), 1)?;
    let inner = f.size(&["inner_group_num"], Some(1), 1)?;
    if groups > layers {
        return Err(f.bad(format!("{groups} groups of layers, but only {layers} layers")));
    }
    Ok(Albert { groups, inner })
}

fn deberta(f: &Fields<'_>, max_positions: usize) -> Result<Deberta> {
    let relative_attention = f.flag("relative_attention", false)?;
    // Negative numbers stand for "not given" in these files.
    let given = |key: &str| {
        f.map.get(key).and_then(Value::as_i64).filter(|n| (1..=1 << 24).contains(n)).map(|n| n as usize)
    };
    let kinds: Vec<String> = match f.value(&["pos_att_type"]) {
        Some((_, Value::String(kinds))) => {
            kinds.to_lowercase().split('|').map(|k| k.trim().to_owned()).collect()
        }
        Some((_, Value::Array(kinds))) => {
            kinds.iter().filter_map(Value::as_str).map(str::to_lowercase).collect()
        }
        _ => Vec::new(),
    };
    if let Some(kind) = kinds.iter().find(|k| !["c2p", "p2c", ""].contains(&k.as_str())) {
        return Err(Error::unknown("kind of relative attention", kind, ["c2p", "p2c"]));
    }
    let conv_kernel = f.size(&["conv_kernel_size"], Some(0), 0)?;
    if conv_kernel > 0 && (conv_kernel.is_multiple_of(2) || f.size(&["conv_groups"], Some(1), 1)? != 1) {
        return Err(f.bad("the convolution must have an odd width and one group".into()));
    }
    Ok(Deberta {
        relative_attention,
        buckets: given("position_buckets").unwrap_or(0),
        max_distance: given("max_relative_positions").unwrap_or(max_positions),
        norm_relative: f.string("norm_rel_ebd").is_some_and(|n| n.to_lowercase().contains("layer_norm")),
        share_projections: f.flag("share_att_key", false)?,
        score_terms: 1 + ["c2p", "p2c"].iter().filter(|term| kinds.iter().any(|k| k == *term)).count(),
        c2p: relative_attention && kinds.iter().any(|k| k == "c2p"),
        p2c: relative_attention && kinds.iter().any(|k| k == "p2c"),
        absolute_positions: f.flag("position_biased_input", true)?,
        conv_kernel,
        conv_activation: Activation::named(f.string("conv_act").unwrap_or("tanh"))?,
        pooler_activation: Activation::named(f.string("pooler_hidden_act").unwrap_or("gelu"))?,
    })
}

fn modern_bert(f: &Fields<'_>, layers: usize, head_size: usize) -> Result<ModernBert> {
    if !head_size.is_multiple_of(2) {
        return Err(f.bad(format!("rotary positions need an even width of a head, got {head_size}")));
    }
    let every = f.size(&["global_attn_every_n_layers"], Some(3), 1)?;
    let global = match f.value(&["layer_types"]) {
        Some((_, Value::Array(kinds))) if kinds.len() == layers => {
            kinds.iter().map(|kind| kind.as_str() == Some("full_attention")).collect()
        }
        Some((_, other)) => {
            return Err(f.bad(format!("`layer_types` must name {layers} layers, got {other}")));
        }
        None => (0..layers).map(|i| i % every == 0).collect(),
    };
    let scaled = f.map.get("rope_scaling").filter(|scaling| !scaling.is_null());
    let kinds = ["full_attention", "sliding_attention"];
    let types = kinds.iter().filter_map(|kind| f.map.get("rope_parameters")?.get(kind)?.get("rope_type"));
    if let Some(kind) = types.chain(scaled).find(|kind| kind.as_str() != Some("default")) {
        return Err(Error::unsupported(
            "this encoder",
            format!("rotary positions of type {kind}"),
            "use `default`",
        ));
    }
    let theta = |kind: &str, key: &str, default: f64| -> Result<f64> {
        match f.map.get("rope_parameters").and_then(|p| p.get(kind)).and_then(|p| p.get("rope_theta")) {
            Some(value) => value
                .as_f64()
                .filter(|t| t.is_finite() && *t > 0.0)
                .ok_or_else(|| f.bad(format!("`rope_theta` of {kind} must be a number > 0, got {value}"))),
            None => f.number(&[key], default),
        }
    };
    let global_theta = theta("full_attention", "global_rope_theta", 160_000.0)?;
    // Older files say with `null` that all layers turn alike.
    let local =
        if f.map.get("local_rope_theta").is_some_and(Value::is_null) { global_theta } else { 10_000.0 };
    Ok(ModernBert {
        global,
        side: f.size(&["local_attention"], Some(128), 1)? / 2,
        global_theta,
        local_theta: theta("sliding_attention", "local_rope_theta", local)?,
        attention_bias: f.flag("attention_bias", false)?,
        mlp_bias: f.flag("mlp_bias", false)?,
        norm_bias: f.flag("norm_bias", false)?,
        head_bias: f.flag("classifier_bias", false)?,
        head_activation: Activation::named(f.string("classifier_activation").unwrap_or("gelu"))?,
    })
}
