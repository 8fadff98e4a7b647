//! The layers of each family's published head for classification.

use super::{Activation, Details, EncoderConfig, Family};

/// The head of `AutoModelForSequenceClassification` above the pooled vector x of width h: a layer h → h, its
/// nonlinearity, in ModernBERT a norm, and the layer of scores. Names are canonical, without `.weight` and `.bias`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PublishedHead {
    /// The name of the layer h → h.
    pub dense: &'static str,
    /// Whether it has a bias.
    pub dense_bias: bool,
    /// Its nonlinearity.
    pub activation: Activation,
    /// The norm behind it, and whether that has a bias.
    pub norm: Option<(&'static str, bool)>,
    /// The name of the layer of scores, which has a bias.
    pub out: &'static str,
}

impl EncoderConfig {
    /// The layers of this family's published head.
    ///
    /// ```
    /// use prompt_encoder::{Activation, EncoderConfig};
    /// let text = r#"{"model_type": "roberta", "vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 2,
    ///     "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 64}"#;
    /// let head = EncoderConfig::from_json(text, "config.json").unwrap().published_head();
    /// assert_eq!((head.dense, head.out), ("classifier.dense", "classifier.out_proj"));
    /// assert_eq!(head.activation, Activation::Tanh);
    /// ```
    pub fn published_head(&self) -> PublishedHead {
        let head =
            |dense, activation, out| PublishedHead { dense, dense_bias: true, activation, norm: None, out };
        match (&self.details, self.family) {
            (Details::Albert(_), _) => head("pooler", Activation::Tanh, "classifier"),
            (Details::Deberta(d), _) => head("pooler.dense", d.pooler_activation, "classifier"),
            (Details::ModernBert(m), _) => PublishedHead {
                dense_bias: m.head_bias,
                norm: Some(("head.norm", m.norm_bias)),
                ..head("head.dense", m.head_activation, "classifier")
            },
            (_, Family::DistilBert) => head("pre_classifier", Activation::Relu, "classifier"),
            (_, Family::Roberta | Family::XlmRoberta) => {
                head("classifier.dense", Activation::Tanh, "classifier.out_proj")
            }
            _ => head("pooler.dense", Activation::Tanh, "classifier"),
        }
    }
}
