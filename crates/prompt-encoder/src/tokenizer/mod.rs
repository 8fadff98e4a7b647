//! Text to token ids, with the bytes of the prompt that each id came from, and long prompts in windows.

mod build;
mod pieces;
mod windows;
mod word_pieces;

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use prompt_core::{Error, Result, Scratch};
use tokenizers::Tokenizer as Hf;

use crate::config::EncoderConfig;
pub use windows::{Encoded, Long, Window};
use word_pieces::{WordPieces, Work};

/// A tokenizer of a checkpoint: `tokenizer.json`; else `vocab.json` with `merges.txt`; else a SentencePiece model
/// (`spm.model`, `sentencepiece.bpe.model`, `spiece.model`); else `vocab.txt`.
///
/// Special tokens that stand in a prompt as text (`[SEP]`, `</s>`) become ids as they do in Python; clean prompts
/// before if that is not wanted.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    hf: Hf,
    /// Special ids before and after a text.
    prefix: Vec<u32>,
    suffix: Vec<u32>,
    max_tokens: usize,
    /// For ids alone, where it is BERT's tokenizer; made at the first use.
    word_pieces: Arc<OnceLock<Option<WordPieces>>>,
}

/// The ids of a whole text, without special ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tokens {
    /// Token ids.
    pub ids: Vec<u32>,
    /// The bytes of the text that each came from.
    pub spans: Vec<Range<usize>>,
}

impl Tokenizer {
    /// The files that a tokenizer may consist of; a folder has some of them.
    pub const FILES: [&str; 11] = [
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "vocab.txt",
        "vocab.json",
        "merges.txt",
        "spm.model",
        "spiece.model",
        "sentencepiece.bpe.model",
        "sentencepiece.model",
        "added_tokens.json",
    ];

    /// Opens the tokenizer of a checkpoint's folder.
    ///
    /// # Errors
    /// A folder without tokenizer files, a damaged file, a tokenizer that knows more ids than the encoder has.
    pub fn open(folder: impl AsRef<Path>, config: &EncoderConfig) -> Result<Self> {
        let folder = folder.as_ref();
        let hf = caught(|| build::from_folder(folder, config))??;
        let most = build::model_max_length(folder)?.min(config.max_tokens());
        let tokenizer = Self::new(hf, folder, most)?;
        tokenizer.check_vocabulary(folder, config)?;
        Ok(tokenizer)
    }

    /// From the text of a `tokenizer.json`, for ids of whole texts.
    pub(crate) fn from_json(json: &str) -> Result<Self> {
        let place = Path::new("tokenizer.json");
        let hf = caught(|| Hf::from_bytes(json.as_bytes()))?.map_err(|e| damaged(place, &e))?;
        Self::new(hf, place, usize::MAX)
    }

    /// The text of a `tokenizer.json`.
    pub(crate) fn to_json(&self) -> Result<String> {
        self.hf.to_string(false).map_err(|e| {
            Error::input(format!("the tokenizer cannot be written: {e}"), "use one that has a tokenizer.json")
        })
    }

    fn new(mut hf: Hf, folder: &Path, max_tokens: usize) -> Result<Self> {
        // Padding and cutting are done here, and said.
        hf.with_padding(None);
        let refuse = |e: tokenizers::Error| damaged(folder, &e);
        hf.with_truncation(None).map_err(refuse)?;
        let probe = caught(|| hf.encode_fast("a", true))?.map_err(refuse)?;
        let marks = probe.get_special_tokens_mask();
        let before = marks.iter().take_while(|&&m| m == 1).count();
        let after = marks[before..].iter().rev().take_while(|&&m| m == 1).count();
        let ids = probe.get_ids();
        if max_tokens <= before + after {
            return Err(Error::input(
                format!("{max_tokens} tokens are no room for a text beside special tokens"),
                "check model_max_length in tokenizer_config.json",
            ));
        }
        Ok(Self {
            prefix: ids[..before].to_vec(),
            suffix: ids[ids.len() - after..].to_vec(),
            max_tokens,
            hf,
            word_pieces: Arc::default(),
        })
    }

    fn check_vocabulary(&self, folder: &Path, config: &EncoderConfig) -> Result<()> {
        let vocabulary = self.hf.get_vocab(true);
        match vocabulary.iter().max_by_key(|(_, id)| **id) {
            Some((token, &id)) if id as usize >= config.vocab_size => Err(Error::input(
                format!(
                    "the tokenizer of {} gives `{token}` the id {id}, but the encoder knows {} ids",
                    folder.display(),
                    config.vocab_size
                ),
                "use the tokenizer that belongs to this checkpoint",
            )),
            Some(_) => Ok(()),
            None => Err(Error::input(
                format!("the tokenizer of {} knows no token", folder.display()),
                "use the tokenizer that belongs to this checkpoint",
            )),
        }
    }

    /// The longest window in tokens, special ones included: what the encoder and `tokenizer_config.json` allow.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// The id of a token.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.hf.token_to_id(token)
    }

    /// The token of an id.
    pub fn token(&self, id: u32) -> Option<String> {
        self.hf.id_to_token(id)
    }

    /// One more than the largest id.
    pub fn vocabulary_size(&self) -> usize {
        self.hf.get_vocab(true).values().max().map_or(0, |id| *id as usize + 1)
    }

    /// The ids of special tokens, rising.
    pub(crate) fn special_ids(&self) -> Vec<u32> {
        let added = self.hf.get_added_tokens_decoder();
        let mut ids: Vec<u32> = added.iter().filter(|(_, token)| token.special).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    /// An id between the special ones of a text.
    pub(crate) fn around(&self, id: u32) -> Vec<u32> {
        [self.prefix.as_slice(), &[id], &self.suffix].concat()
    }

    /// Number of special ids that a window has beside its text.
    pub fn special(&self) -> usize {
        self.prefix.len() + self.suffix.len()
    }

    /// The ids of the whole text, without special ones, however long it is. Time and memory are linear in it.
    ///
    /// # Errors
    /// What the tokenizer itself refuses (an unknown character where it has no token for those).
    pub fn tokens(&self, text: &str) -> Result<Tokens> {
        let mut tokens = Tokens::default();
        for piece in windows::pieces(text) {
            let encoding = self.encode_plain(&text[piece.clone()])?;
            tokens.ids.extend_from_slice(encoding.get_ids());
            let spans = encoding.get_offsets().iter().map(|&(from, to)| piece.start + from..piece.start + to);
            tokens.spans.extend(spans);
        }
        Ok(tokens)
    }

    /// Appends the ids that [`Tokenizer::tokens`] gives. Of BERT's tokenizers this takes about a microsecond for a short
    /// prompt and allocates nothing once `scratch` and `out` are warm; others go through the crate `tokenizers`.
    ///
    /// ```
    /// use prompt_core::Scratch;
    /// use prompt_encoder::{EncoderConfig, Tokenizer};
    /// # fn main() -> prompt_core::Result<()> {
    /// # let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/bert");
    /// let tokenizer = Tokenizer::open(&folder, &EncoderConfig::open(folder.join("config.json"))?)?;
    /// let mut ids = Vec::new();
    /// tokenizer.ids("Please sort the list!", &mut Scratch::new(), &mut ids)?;
    /// assert_eq!(ids, tokenizer.tokens("Please sort the list!")?.ids);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Tokenizer::tokens`].
    pub fn ids(&self, text: &str, scratch: &mut Scratch, out: &mut Vec<u32>) -> Result<()> {
        let slow = |text: &str, out: &mut Vec<u32>| {
            out.extend_from_slice(self.encode_plain(text)?.get_ids());
            Ok(())
        };
        let fast = self.word_pieces.get_or_init(|| WordPieces::of(&self.hf));
        for piece in windows::pieces(text) {
            match fast {
                Some(fast) => fast.ids(&text[piece], scratch.get::<Work>(), out, slow)?,
                None => slow(&text[piece], out)?,
            }
        }
        Ok(())
    }

    fn encode_plain(&self, text: &str) -> Result<tokenizers::Encoding> {
        caught(|| self.hf.encode(text, false))?
            .map_err(|e| Error::input(format!("a text cannot be tokenized: {e}"), "check the tokenizer"))
    }

    /// The windows of a text: one where it fits, else as `long` says. Windows longer than
    /// [`max_tokens`](Tokenizer::max_tokens) can be cut; an encoder refuses them.
    ///
    /// # Errors
    /// As [`Tokenizer::tokens`]; [`Error::Param`] for a `max_tokens` below 1 beside the special tokens, or an overlap that leaves no step forward.
    pub fn encode(&self, text: &str, max_tokens: usize, long: Long) -> Result<Encoded> {
        let tokens = self.tokens(text)?;
        windows::cut(&tokens, &self.prefix, &self.suffix, max_tokens, long)
    }
}

/// The reader of tokenizer files panics on some that are damaged, at once or at the first text that meets the place.
fn caught<T>(read: impl FnOnce() -> T) -> Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).map_err(|_| {
        Error::input("the tokenizer's files stopped their reader", "fetch the tokenizer's files again")
    })
}

fn damaged(folder: &Path, e: &dyn std::fmt::Display) -> Error {
    Error::artifact(
        folder,
        format!("the tokenizer cannot be used: {e}"),
        "fetch the tokenizer's files again, or use the ones that belong to this checkpoint",
    )
}
