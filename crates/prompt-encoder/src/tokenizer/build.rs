//! A tokenizer from whatever files a checkpoint has.

use std::path::Path;

use prompt_core::{Error, Result};
use serde_json::{Map, Value};
use tokenizers::models::bpe::BPE;
use tokenizers::models::unigram::Unigram;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{
    BertNormalizer, Lowercase, NFKD, NormalizerWrapper, Precompiled, Replace, Sequence, Strip, StripAccents,
};
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Tokenizer as Hf};

use super::damaged;
use super::pieces::{Kind, Pieces};
use crate::config::{EncoderConfig, Family};

/// `tokenizer_config.json`, or nothing.
fn settings(folder: &Path) -> Result<Map<String, Value>> {
    let path = folder.join("tokenizer_config.json");
    if !path.is_file() {
        return Ok(Map::new());
    }
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
    match serde_json::from_str(&text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Error::parse(&path, None, None, "it is not an object", "fetch the file again")),
        Err(e) => Err(Error::parse(
            &path,
            e.line() as u64,
            e.column() as u64,
            format!("not JSON: {e}"),
            "fetch the file again",
        )),
    }
}

/// `model_max_length`, which is absurdly large where nobody set it.
pub(super) fn model_max_length(folder: &Path) -> Result<usize> {
    let given = settings(folder)?.get("model_max_length").and_then(Value::as_f64);
    Ok(given.filter(|n| (1.0..1e9).contains(n)).map_or(usize::MAX, |n| n as usize))
}

pub(super) fn from_folder(folder: &Path, config: &EncoderConfig) -> Result<Hf> {
    let file = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
    let refuse = |e: tokenizers::Error| damaged(folder, &e);
    if let Some(path) = file("tokenizer.json") {
        return Hf::from_file(path).map_err(refuse);
    }
    let settings = settings(folder)?;
    if let (Some(vocab), Some(merges)) = (file("vocab.json"), file("merges.txt")) {
        let model = BPE::from_file(&vocab.to_string_lossy(), &merges.to_string_lossy());
        return byte_pairs(model.build().map_err(refuse)?).map_err(refuse);
    }
    let models = ["spm.model", "sentencepiece.bpe.model", "spiece.model", "sentencepiece.model"];
    if let Some(path) = models.iter().find_map(|name| file(name)) {
        return sentence_pieces(&Pieces::open(&path)?, config.family, &settings).map_err(refuse);
    }
    if let Some(path) = file("vocab.txt") {
        let model = WordPiece::from_file(&path.to_string_lossy()).unk_token("[UNK]".into()).build();
        return word_pieces(model.map_err(refuse)?, &settings).map_err(refuse);
    }
    Err(Error::input(
        format!("{} holds no tokenizer", folder.display()),
        "put tokenizer.json, vocab.json with merges.txt, spm.model or vocab.txt into it",
    ))
}

fn flag(settings: &Map<String, Value>, key: &str) -> Option<bool> {
    settings.get(key).and_then(Value::as_bool)
}

/// `BEFORE text AFTER`, with their ids.
fn around(hf: &Hf, before: &str, after: &str) -> tokenizers::Result<TemplateProcessing> {
    let id = |token: &str| hf.token_to_id(token).ok_or(format!("the vocabulary has no `{token}`"));
    let special = vec![(before.to_owned(), id(before)?), (after.to_owned(), id(after)?)];
    Ok(TemplateProcessing::builder()
        .try_single(format!("{before} $A {after}"))?
        .special_tokens(special)
        .build()
        .map_err(|e| e.to_string())?)
}

fn special(hf: &mut Hf, tokens: &[&str]) -> tokenizers::Result<()> {
    let known: Vec<AddedToken> = tokens
        .iter()
        .filter(|token| hf.token_to_id(token).is_some())
        .map(|token| AddedToken::from(*token, true))
        .collect();
    hf.add_special_tokens(known)?;
    Ok(())
}

fn word_pieces(model: WordPiece, settings: &Map<String, Value>) -> tokenizers::Result<Hf> {
    let mut hf = Hf::new(model);
    let lower = flag(settings, "do_lower_case").unwrap_or(true);
    let chinese = flag(settings, "tokenize_chinese_chars").unwrap_or(true);
    let accents = flag(settings, "strip_accents");
    hf.with_normalizer(Some(BertNormalizer::new(true, chinese, accents, lower)))?;
    hf.with_pre_tokenizer(Some(BertPreTokenizer));
    special(&mut hf, &["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])?;
    let template = around(&hf, "[CLS]", "[SEP]")?;
    hf.with_post_processor(Some(template));
    Ok(hf)
}

fn byte_pairs(model: BPE) -> tokenizers::Result<Hf> {
    let mut hf = Hf::new(model);
    hf.with_pre_tokenizer(Some(ByteLevel::new(false, true, true)));
    special(&mut hf, &["<s>", "<pad>", "</s>", "<unk>", "<mask>"])?;
    let id = |token: &str| hf.token_to_id(token).ok_or(format!("the vocabulary has no `{token}`"));
    let ends = RobertaProcessing::new(("</s>".into(), id("</s>")?), ("<s>".into(), id("<s>")?));
    hf.with_post_processor(Some(ends.trim_offsets(true).add_prefix_space(false)));
    Ok(hf)
}

fn sentence_pieces(model: &Pieces, family: Family, settings: &Map<String, Value>) -> tokenizers::Result<Hf> {
    let piece = |i: usize| (model.pieces[i].0.clone(), model.pieces[i].1);
    let plain = || (0..model.pieces.len()).map(piece);
    let xlm = matches!(family, Family::XlmRoberta | Family::Roberta);
    let (vocabulary, unknown): (Vec<(String, f64)>, usize) = if xlm {
        // fairseq's numbering: four tokens of its own stand for the model's first three.
        let own = ["<s>", "<pad>", "</s>", "<unk>"].map(|token| (token.to_owned(), 0.0));
        (own.into_iter().chain(plain().skip(3)).chain([("<mask>".to_owned(), 0.0)]).collect(), 3)
    } else {
        let mut all: Vec<(String, f64)> = plain().collect();
        if !all.iter().any(|(token, _)| token == "[MASK]") {
            all.push(("[MASK]".to_owned(), 0.0));
        }
        (all, model.unknown().ok_or("the model has no piece for what it does not know")?)
    };
    let mut hf = Hf::new(Unigram::from(vocabulary, Some(unknown), model.has_bytes())?);
    let mut steps: Vec<NormalizerWrapper> = Vec::new();
    let lower = flag(settings, "do_lower_case").unwrap_or(family == Family::Albert);
    if family == Family::Albert {
        for quotes in ["``", "''"] {
            steps.push(Replace::new(quotes, "\"")?.into());
        }
        if !flag(settings, "keep_accents").unwrap_or(false) {
            steps.push(NFKD.into());
            steps.push(StripAccents.into());
        }
    }
    if lower {
        steps.push(Lowercase.into());
    }
    if !model.charsmap.is_empty() {
        steps.push(Precompiled::from(&model.charsmap).map_err(|e| e.to_string())?.into());
    }
    steps.push(Strip::new(true, true).into());
    steps.push(Replace::new(ReplacePattern::Regex(" {2,}".into()), " ")?.into());
    hf.with_normalizer(Some(Sequence::new(steps)))?;
    hf.with_pre_tokenizer(Some(Metaspace::new('\u{2581}', PrependScheme::Always, true)));
    let control = model.pieces.iter().filter(|(_, _, kind)| *kind == Kind::Control);
    let mut tokens: Vec<&str> = control.map(|(token, _, _)| token.as_str()).collect();
    tokens.extend(if xlm { ["<pad>", "<unk>", "<mask>"] } else { ["[UNK]", "[PAD]", "[MASK]"] });
    special(&mut hf, &tokens)?;
    let template = if xlm { around(&hf, "<s>", "</s>")? } else { around(&hf, "[CLS]", "[SEP]")? };
    hf.with_post_processor(Some(template));
    Ok(hf)
}
