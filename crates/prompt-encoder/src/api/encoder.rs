//! Texts to vectors.

use std::path::Path;

use prompt_core::{Error, Result};
use serde_json::Value;

use super::Parts;
use super::options::Options;
use crate::checkpoint::Checkpoint;
use crate::config::EncoderConfig;
use crate::engine::{self, Pooling, Runner, unit};
use crate::tokenizer::{Encoded, Long, Tokenizer};

/// A checkpoint that turns texts into vectors.
///
/// How hidden states are pooled, and whether the vector is scaled to length 1, is read from the files of
/// sentence-transformers (`modules.json`, `1_Pooling/config.json`) where they are; else the mean, not scaled.
///
/// ```
/// use prompt_encoder::{Encoder, Options};
/// # fn main() -> prompt_core::Result<()> {
/// # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/sentence");
/// let encoder = Encoder::open_with(folder, &Options::default().threads(1))?;
/// let vectors = encoder.embed(&["How do I sort a list?", "Sort a list, please"])?;
/// assert_eq!(vectors[0].vector.len(), encoder.width());
/// let cosine: f32 = vectors[0].vector.iter().zip(&vectors[1].vector).map(|(a, b)| a * b).sum();
/// assert!(cosine <= 1.0001);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Encoder {
    config: EncoderConfig,
    tokenizer: Tokenizer,
    runner: Runner,
    pooling: Pooling,
    unit: bool,
    window: (usize, Long),
    notices: Vec<String>,
}

/// The vector of one text.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Embedding {
    /// The vector.
    pub vector: Vec<f32>,
    /// How many windows were read; the vector is their mean, weighted by their tokens.
    pub windows: usize,
    /// Whether a part of the text was not read.
    pub truncated: bool,
}

impl Encoder {
    /// Opens a folder with the default [`Options`].
    ///
    /// # Errors
    /// As [`Encoder::open_with`].
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(folder, &Options::default())
    }

    /// Opens a folder.
    ///
    /// # Errors
    /// What is wrong with `config.json`, the weights or the tokenizer, by file and name; options outside their range.
    pub fn open_with(folder: impl AsRef<Path>, options: &Options) -> Result<Self> {
        let (config, mut weights, folder) = Checkpoint::open(folder)?.into_parts();
        let Parts { tokenizer, engine, notice } = super::parts(&folder, &config, &mut weights, options)?;
        let sentence = Sentence::read(&folder)?;
        let most = tokenizer.max_tokens().min(sentence.max_tokens.unwrap_or(usize::MAX));
        let window = options.window(most, tokenizer.special())?;
        let mut notices: Vec<String> = notice.into_iter().collect();
        notices.extend(weights.finish()?);
        let runner = Runner::new(engine, &config, options.threads, options.token_budget)?;
        Ok(Self {
            config,
            tokenizer,
            runner,
            pooling: sentence.pooling,
            unit: sentence.unit,
            window,
            notices,
        })
    }

    /// The same with another pooling.
    #[must_use]
    pub fn pooling(self, pooling: Pooling) -> Self {
        Self { pooling, ..self }
    }

    /// The same with vectors scaled to length 1, or not.
    #[must_use]
    pub fn normalise(self, unit: bool) -> Self {
        Self { unit, ..self }
    }

    /// What `config.json` says.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// What the engine of this encoder is called.
    pub fn engine(&self) -> &str {
        self.runner.engine().name()
    }

    /// What was found in the checkpoint and is not used (heads, for example), and which engine runs it instead of the
    /// dedicated one.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Numbers in a vector.
    pub fn width(&self) -> usize {
        self.config.hidden_size
    }

    /// Bytes of weights in memory.
    pub fn weight_bytes(&self) -> usize {
        self.runner.engine().weight_bytes()
    }

    /// Its threads.
    pub fn threads(&self) -> usize {
        self.runner.threads()
    }

    /// The windows of a text, as they are encoded.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn windows(&self, text: &str) -> Result<Encoded> {
        self.tokenizer.encode(text, self.window.0, self.window.1)
    }

    /// One vector for each text, in their order.
    ///
    /// # Errors
    /// A text that cannot be tokenized.
    pub fn embed(&self, texts: &[impl AsRef<str>]) -> Result<Vec<Embedding>> {
        let encoded = texts.iter().map(|text| self.windows(text.as_ref())).collect::<Result<Vec<_>>>()?;
        let sequences: Vec<&[u32]> =
            encoded.iter().flat_map(|e| e.windows.iter().map(|w| w.ids.as_slice())).collect();
        let mut pooled = self.embed_ids(&sequences)?.into_iter();
        Ok(encoded.iter().map(|e| self.join(e, pooled.by_ref().take(e.windows.len()))).collect())
    }

    fn join(&self, encoded: &Encoded, vectors: impl Iterator<Item = Vec<f32>>) -> Embedding {
        let (windows, truncated) = (encoded.windows.len(), encoded.truncated);
        let mut vector = vec![0.0; if windows > 1 { self.width() } else { 0 }];
        let total: usize = encoded.windows.iter().map(|w| w.ids.len()).sum();
        for (window, part) in encoded.windows.iter().zip(vectors) {
            if windows == 1 {
                vector = part;
            } else {
                let share = window.ids.len() as f32 / total as f32;
                vector.iter_mut().zip(&part).for_each(|(v, p)| *v += share * p);
            }
        }
        if self.unit && windows > 1 {
            unit(&mut vector);
        }
        Embedding { vector, windows, truncated }
    }

    /// One vector for each sequence of token ids, special ones included.
    ///
    /// # Errors
    /// A sequence without ids, longer than the encoder takes, or with an id beyond the vocabulary.
    pub fn embed_ids(&self, sequences: &[impl AsRef<[u32]>]) -> Result<Vec<Vec<f32>>> {
        self.pooled(sequences, self.unit)
    }

    /// The same, scaled to length 1 or not.
    pub(crate) fn pooled(&self, sequences: &[impl AsRef<[u32]>], scaled: bool) -> Result<Vec<Vec<f32>>> {
        let sequences: Vec<&[u32]> = sequences.iter().map(AsRef::as_ref).collect();
        let width = self.width();
        self.runner.run(&sequences, |engine, batch, _, threads| {
            let mut pooled = engine::pooled(engine, batch, self.pooling, threads)?;
            if scaled {
                pooled.chunks_exact_mut(width).for_each(unit);
            }
            Ok(pooled.chunks_exact(width).map(<[f32]>::to_vec).collect())
        })
    }

    /// The hidden states of the last layer for each sequence of token ids, tokens × width.
    ///
    /// # Errors
    /// As [`Encoder::embed_ids`].
    pub fn hidden_states(&self, sequences: &[impl AsRef<[u32]>]) -> Result<Vec<Vec<f32>>> {
        let sequences: Vec<&[u32]> = sequences.iter().map(AsRef::as_ref).collect();
        let width = self.width();
        self.runner.run(&sequences, |engine, batch, _, threads| {
            engine::hidden_states(engine, batch, threads, |hidden| {
                Ok(batch.offsets.windows(2).map(|b| hidden[b[0] * width..b[1] * width].to_vec()).collect())
            })
        })
    }
}

/// What the files of sentence-transformers say.
struct Sentence {
    pooling: Pooling,
    unit: bool,
    max_tokens: Option<usize>,
}

impl Sentence {
    fn read(folder: &Path) -> Result<Self> {
        let mut sentence = Self { pooling: Pooling::Mean, unit: false, max_tokens: None };
        let Some(modules) = json(&folder.join("modules.json"))? else {
            return Ok(sentence);
        };
        let kinds = modules.as_array().map_or(&[][..], Vec::as_slice);
        for module in kinds {
            let kind = module.get("type").and_then(Value::as_str).unwrap_or("");
            let path = module.get("path").and_then(Value::as_str).unwrap_or("");
            match kind.rsplit('.').next().unwrap_or("") {
                "Transformer" => {}
                "Pooling" => sentence.pooling = pooling(&folder.join(path).join("config.json"))?,
                "Normalize" => sentence.unit = true,
                other => {
                    return Err(Error::unsupported(
                        folder.display().to_string(),
                        format!("the sentence-transformers module {other}"),
                        "use a model of Transformer, Pooling and Normalize",
                    ));
                }
            }
        }
        sentence.max_tokens = json(&folder.join("sentence_bert_config.json"))?
            .and_then(|c| c.get("max_seq_length").and_then(Value::as_u64))
            .map(|n| n as usize);
        Ok(sentence)
    }
}

fn json(path: &Path) -> Result<Option<Value>> {
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    serde_json::from_str(&text).map(Some).map_err(|e| {
        Error::parse(
            path,
            e.line() as u64,
            e.column() as u64,
            format!("not JSON: {e}"),
            "fetch the file again",
        )
    })
}

fn pooling(path: &Path) -> Result<Pooling> {
    let config = json(path)?.unwrap_or(Value::Null);
    let modes = config.as_object().map(|map| {
        map.iter()
            .filter(|(key, on)| key.starts_with("pooling_mode_") && on.as_bool() == Some(true))
            .map(|(key, _)| key.as_str())
            .collect::<Vec<_>>()
    });
    // Newer files name the mode in one word.
    let word = config.get("pooling_mode").and_then(Value::as_str);
    match (modes.as_deref(), word) {
        (Some(["pooling_mode_mean_tokens"]), _) | (_, Some("mean")) => Ok(Pooling::Mean),
        (Some(["pooling_mode_cls_token"]), _) | (_, Some("cls")) => Ok(Pooling::Cls),
        (Some(["pooling_mode_max_tokens"]), _) | (_, Some("max")) => Ok(Pooling::Max),
        (modes, _) => Err(Error::unsupported(
            path.display().to_string(),
            format!("the pooling {modes:?}"),
            "use one of cls, mean, max",
        )),
    }
}
