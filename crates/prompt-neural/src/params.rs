//! The networks and what can be chosen about them.

use prompt_core::{ClassWeight, Error, Legal, Params, Result, params};

use crate::device::DEVICES;
use crate::loss::LossKind;
use crate::text::{UNITS, Units, VocabularyOptions};
use crate::train::{Monitor, Schedule, TrainOptions};

/// A number in [0, 1).
const SHARE: Legal = Legal::Real { low: 0.0, high: 1.0, low_open: false, high_open: true };

/// Every network has these parameters besides its own.
macro_rules! network {
    ($(#[$meta:meta])* $name:ident named $label:literal { $($own:tt)* }) => {
        params! {
            $(#[$meta])*
            pub struct $name named $label checked by $name::agree {
                $($own)*
                /// Numbers a token.
                embedding_dim: usize = 100, Legal::int(1, 4096);
                /// Share of the numbers that a training step drops.
                dropout: f64 = 0.3, SHARE;
                /// What a token is: words, subwords (byte-pair encoding of the data), characters or bytes. Bytes are never unknown, which suits
                /// disguised text; subwords spell a word that was never seen.
                tokens: String = "words".to_owned(), Legal::OneOf(UNITS);
                /// Whether capitals count as small letters.
                lowercase: bool = true, Legal::Bool;
                /// Tokens in fewer training texts than this are unknown; subwords are joined from pairs that occur as often (at least twice).
                min_freq: usize = 2, Legal::at_least(1);
                /// Most tokens of the vocabulary.
                max_vocabulary: usize = 30_000, Legal::int(1, 10_000_000);
                /// Tokens of a text beyond this many are not read; how many texts that meets is reported.
                max_length: usize = 1024, Legal::int(1, 1_000_000);
                /// Most passes over the training rows.
                max_epochs: usize = 15, Legal::at_least(1);
                /// Rows of a step on the device.
                batch_size: usize = 64, Legal::int(1, 65_536);
                /// Batches whose gradients are put together for one step of the optimiser.
                accumulation: usize = 1, Legal::int(1, 65_536);
                /// The highest rate of AdamW.
                learning_rate: f64 = 1e-3, Legal::positive();
                /// How far AdamW pulls matrices to zero: decoupled, times the rate. Biases and norms are left alone.
                weight_decay: f64 = 0.01, Legal::not_negative();
                /// How the rate moves: `plateau` halves it when the validation loss stands still.
                schedule: String = "plateau".to_owned(), Legal::OneOf(Schedule::NAMES);
                /// Share of all steps over which the rate rises from zero.
                warmup: f64 = 0.1, Legal::between(0.0, 1.0);
                /// The gradient is shortened to this norm; none for no limit.
                clip_norm: Option<f64> = Some(1.0), Legal::positive().or_none();
                /// What is made small.
                loss: String = "cross_entropy".to_owned(), Legal::OneOf(LossKind::NAMES);
                /// How much focal loss turns away from easy rows.
                focal_gamma: f64 = 3.0, Legal::not_negative();
                /// Share of the label that is spread over all classes (cross-entropy only).
                label_smoothing: f64 = 0.0, SHARE;
                /// How much each class counts (focal loss: its alpha).
                class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
                /// Share of the rows that is held out to choose the best state; 0 keeps the last one.
                validation_fraction: f64 = 0.1, SHARE;
                /// Evaluations without a better number before training ends.
                patience: usize = 3, Legal::at_least(1);
                /// The number that chooses.
                metric: String = "loss".to_owned(), Legal::OneOf(Monitor::NAMES);
                /// Steps between evaluations; none for the end of each epoch.
                eval_steps: Option<usize> = None, Legal::at_least(1).or_none();
                /// Where the numbers are computed.
                device: String = "cpu".to_owned(), Legal::OneOf(DEVICES);
                /// Batches of a step that are computed at once, each on a device of its own (the first ones of this kind; on the CPU
                /// they share its threads). The result is the same, so more than `accumulation` are of no use.
                devices: usize = 1, Legal::int(1, 64);
            }
        }

        impl $name {
            fn agree(&self) -> Result<()> {
                if self.label_smoothing > 0.0 && self.loss != "cross_entropy" {
                    let legal = "0 unless loss is cross_entropy";
                    return Err(Error::param(Self::NAME, "label_smoothing", legal, self.label_smoothing));
                }
                self.agree_more()
            }

            pub(crate) fn vocabulary(&self) -> VocabularyOptions {
                VocabularyOptions {
                    units: Units::named(&self.tokens),
                    lowercase: self.lowercase,
                    min_freq: self.min_freq,
                    max_size: self.max_vocabulary,
                    max_length: self.max_length,
                }
            }

            pub(crate) fn training(&self) -> TrainOptions {
                TrainOptions {
                    max_epochs: self.max_epochs,
                    batch_size: self.batch_size,
                    accumulation: self.accumulation,
                    learning_rate: self.learning_rate,
                    weight_decay: self.weight_decay,
                    layer_decay: 1.0,
                    schedule: Schedule::named(&self.schedule),
                    warmup: self.warmup,
                    clip_norm: self.clip_norm,
                    loss: LossKind::named(&self.loss, self.focal_gamma, self.label_smoothing),
                    class_weight: self.class_weight.clone(),
                    validation_fraction: self.validation_fraction,
                    patience: self.patience,
                    monitor: Monitor::named(&self.metric),
                    eval_steps: self.eval_steps,
                    others: Vec::new(),
                }
            }
        }
    };
}

network! {
    /// Convolutions of several widths over words, the strongest answer of each filter (Kim, 2014).
    Cnn named "cnn" {
        /// Widths of the windows, in tokens.
        windows: Vec<usize> = vec![2, 3, 4, 5], Legal::Any("a list of whole numbers in [1, 64]");
        /// Filters of each width.
        filters: usize = 100, Legal::int(1, 65_536);
    }
}

network! {
    /// Long short-term memory read from left to right; its state at the last token decides.
    Lstm named "lstm" {
        /// Numbers of the state.
        units: usize = 128, Legal::int(1, 8192);
    }
}

network! {
    /// Long short-term memory in both directions; attention over the tokens decides.
    BiLstm named "bilstm" {
        /// Numbers of the state of each direction.
        units: usize = 128, Legal::int(1, 8192);
    }
}

network! {
    /// A small Transformer (normalised first, learned positions); the mean over the tokens decides.
    Transformer named "transformer" {
        /// Blocks.
        layers: usize = 2, Legal::int(1, 96);
        /// Attention heads; `embedding_dim` must be a multiple.
        heads: usize = 4, Legal::int(1, 256);
        /// Numbers between the two products of a block.
        feed_forward: usize = 256, Legal::int(1, 65_536);
    }
}

network! {
    /// Convolutions and a bidirectional memory side by side.
    Hybrid named "hybrid" {
        /// Widths of the windows, in tokens.
        windows: Vec<usize> = vec![2, 3, 4], Legal::Any("a list of whole numbers in [1, 64]");
        /// Filters of each width.
        filters: usize = 64, Legal::int(1, 65_536);
        /// Numbers of the state of each direction.
        units: usize = 64, Legal::int(1, 8192);
    }
}

impl Cnn {
    fn agree_more(&self) -> Result<()> {
        check_windows(Self::NAME, &self.windows)
    }
}

impl Hybrid {
    fn agree_more(&self) -> Result<()> {
        check_windows(Self::NAME, &self.windows)
    }
}

impl Lstm {
    #[allow(clippy::unused_self, reason = "the networks answer alike")]
    fn agree_more(&self) -> Result<()> {
        Ok(())
    }
}

impl BiLstm {
    #[allow(clippy::unused_self, reason = "the networks answer alike")]
    fn agree_more(&self) -> Result<()> {
        Ok(())
    }
}

impl Transformer {
    fn agree_more(&self) -> Result<()> {
        if self.embedding_dim.is_multiple_of(self.heads) {
            return Ok(());
        }
        let legal = format!("a multiple of heads ({})", self.heads);
        Err(Error::param(Self::NAME, "embedding_dim", legal, self.embedding_dim))
    }
}

fn check_windows(owner: &str, windows: &[usize]) -> Result<()> {
    if !windows.is_empty() && windows.iter().all(|w| (1..=64).contains(w)) {
        return Ok(());
    }
    let legal = "a list of whole numbers in [1, 64], at least one";
    Err(Error::param(owner, "windows", legal, format!("{windows:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_out_of_range_name_themselves() {
        let error = Cnn::default().dropout(1.0).validate().unwrap_err().to_string();
        assert_eq!(error, "cnn: parameter `dropout` must be a number in [0, 1), got 1.0");
        assert!(Cnn::default().windows(vec![]).validate().is_err());
        assert!(Hybrid::default().windows(vec![0]).validate().is_err());
        let error = Transformer::default().heads(3).validate().unwrap_err().to_string();
        assert!(error.contains("a multiple of heads (3)"), "{error}");
        let error = Lstm::default().loss("focal".into()).label_smoothing(0.1).validate().unwrap_err();
        assert!(error.to_string().contains("label_smoothing"));
        assert!(BiLstm::default().validate().is_ok());
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<Cnn>(r#"{"filter": 3}"#).is_err());
        assert_eq!(serde_json::from_str::<Cnn>(r#"{"filters": 3}"#).unwrap(), Cnn::default().filters(3));
    }
}
