//! Back into a Hugging Face folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use prompt_core::{Error, Output, Result, replace_folder};
use prompt_encoder::{Family, SavedAs, Tensor, write_safetensors};
use serde_json::{Map, Value, json};

use super::fine_tune::FittedEncoder;
use super::model::is_adapter;
use crate::net::turn;

/// Whether a canonical name is part of a head.
pub(super) fn is_head(name: &str) -> bool {
    ["classifier.", "pre_classifier.", "pooler.", "head.", "regressor."].iter().any(|p| name.starts_with(p))
}

/// What transformers puts before the names of an encoder below a head.
fn prefix(family: Family, name: &str) -> &'static str {
    let inner = ["embeddings.", "encoder.", "transformer.", "layers.", "final_norm."]
        .iter()
        .any(|p| name.starts_with(p));
    let pooler = name.starts_with("pooler.");
    match family {
        Family::Bert if inner || pooler => "bert.",
        Family::Albert if inner || pooler => "albert.",
        Family::DistilBert if inner => "distilbert.",
        Family::Roberta | Family::XlmRoberta if inner => "roberta.",
        Family::DebertaV2 if inner => "deberta.",
        Family::ModernBert if inner => "model.",
        _ => "",
    }
}

fn class_name(family: Family) -> &'static str {
    match family {
        Family::DistilBert => "DistilBertForSequenceClassification",
        Family::Roberta => "RobertaForSequenceClassification",
        Family::XlmRoberta => "XLMRobertaForSequenceClassification",
        Family::Albert => "AlbertForSequenceClassification",
        Family::DebertaV2 => "DebertaV2ForSequenceClassification",
        Family::ModernBert => "ModernBertForSequenceClassification",
        _ => "BertForSequenceClassification",
    }
}

/// The files of a tokenizer, whichever a folder has.
const TOKENIZER_FILES: [&str; 11] = [
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

impl FittedEncoder {
    /// Writes `config.json`, the weights (`model.safetensors`, or what `kind` calls them) and the tokenizer's files: a folder that `prompt-encoder` and Python's
    /// `AutoModelForSequenceClassification` open, with the classes as labels. It appears whole or not at all; what
    /// stands at `folder` must be nothing, an empty folder, or such a folder, and is replaced.
    ///
    /// With [`SavedAs::Int8`] the folder is for `prompt-encoder` alone, and `prompt_saved_as` in `config.json` says so.
    ///
    /// Numbers are saved in the scale in which they were learned (mean 0, deviation 1); `prompt_scale` in
    /// `config.json` says the way back.
    ///
    /// # Errors
    /// A folder that holds something else; a head that no such class has (`deep`, or another pooling than the
    /// published one); numbers that the type cannot hold; what the system refuses.
    pub fn save(&self, folder: impl AsRef<Path>, kind: SavedAs) -> Result<()> {
        let folder = folder.as_ref();
        if !self.published {
            let what = "a head that transformers does not have";
            return Err(Error::unsupported(
                "a Hugging Face folder",
                what,
                "take head = published and pooling = cls",
            ));
        }
        // It is replaced as a whole, so that nothing else may lie in it.
        let ours = |name: &str| {
            let weights =
                SavedAs::NAMES.iter().any(|n| SavedAs::named(n).is_ok_and(|k| k.file_name() == name));
            name == "config.json" || weights || TOKENIZER_FILES.contains(&name)
        };
        let is_ours = |file: std::io::Result<fs::DirEntry>| {
            file.is_ok_and(|file| file.file_name().to_str().is_some_and(ours))
        };
        let foreign = fs::read_dir(folder).is_ok_and(|mut files| !files.all(is_ours));
        if foreign || folder.is_file() {
            let what = format!("{} holds something else than an encoder", folder.display());
            return Err(Error::input(what, "save to a new folder"));
        }
        let mut tensors = BTreeMap::new();
        for (i, param) in self.model.store.params().iter().enumerate() {
            if is_adapter(&param.name) {
                continue;
            }
            let data = self.merged(i)?;
            let (shape, data) = match param.shape.as_slice() {
                [inputs, outputs] if param.turned => {
                    (vec![*outputs, *inputs], turn(&data, *inputs, *outputs))
                }
                shape => (shape.to_vec(), data),
            };
            let name = format!("{}{}", prefix(self.model.config.family, &param.name), param.name);
            tensors.insert(name, Tensor { shape, data });
        }
        let config = self.config(kind)?;
        replace_folder(folder, |fresh| {
            write_safetensors(fresh.join(kind.file_name()), &tensors, kind)?;
            let path = fresh.join("config.json");
            fs::write(&path, &config).map_err(|e| Error::io("write", &path, e))?;
            for name in TOKENIZER_FILES {
                let from = self.folder.join(name);
                if from.is_file() {
                    fs::copy(&from, fresh.join(name)).map_err(|e| Error::io("copy", &from, e))?;
                }
            }
            // What was learned with is what is read with.
            limit_tokens(&fresh.join("tokenizer_config.json"), self.limit)?;
            // A tokenizer that is gone from where it was is missed here, not when the folder is opened.
            prompt_encoder::Tokenizer::open(fresh, &self.model.config)?;
            Ok(())
        })
    }

    /// The numbers of parameter `i`, with its adapter's where it has one.
    fn merged(&self, i: usize) -> Result<Vec<f32>> {
        let store = &self.model.store;
        let mut data = store.read(i)?;
        let Some(stem) = store.params()[i].name.strip_suffix("weight") else { return Ok(data) };
        let find = |end: &str| store.params().iter().position(|p| p.name.strip_prefix(stem) == Some(end));
        if let (Some(down), Some(up)) = (find("lora_A"), find("lora_B")) {
            let rank = store.params()[up].shape[0];
            let (down, up) = (store.read(down)?, store.read(up)?);
            let width = up.len() / rank;
            for (row, down) in data.chunks_exact_mut(width).zip(down.chunks_exact(rank)) {
                for (a, up) in down.iter().zip(up.chunks_exact(width)) {
                    row.iter_mut().zip(up).for_each(|(w, u)| *w += self.adapter_scale * a * u);
                }
            }
        }
        Ok(data)
    }

    /// The `config.json` it came with, and what it has learned to say.
    fn config(&self, kind: SavedAs) -> Result<String> {
        let mut config = self.model.config.raw().as_object().cloned().unwrap_or_default();
        // Of several heads over one encoder the encoder alone was taken.
        if let Some(Value::Object(backbone)) = config.remove("backbone_config") {
            config = backbone;
        }
        for key in ["target_sizes", "task_type_map", "weights_map", "divisor_map"] {
            config.remove(key);
        }
        let labels = match &self.output {
            Output::Classes(classes) => classes.names().to_vec(),
            _ => vec!["score".to_owned()],
        };
        let by_id: Map<String, Value> =
            labels.iter().enumerate().map(|(i, l)| (i.to_string(), json!(l))).collect();
        let by_label: Map<String, Value> =
            labels.iter().enumerate().map(|(i, l)| (l.clone(), json!(i))).collect();
        let problem =
            if self.output.classes().is_some() { "single_label_classification" } else { "regression" };
        config.insert("architectures".into(), json!([class_name(self.model.config.family)]));
        config.insert("id2label".into(), Value::Object(by_id));
        config.insert("label2id".into(), Value::Object(by_label));
        config.insert("problem_type".into(), json!(problem));
        config.insert("model_type".into(), json!(self.model.config.family.model_type()));
        config.remove("num_labels");
        config.remove("prompt_saved_as");
        if kind == SavedAs::Int8 {
            config.insert("prompt_saved_as".into(), json!(kind.name()));
        }
        if let Some(scale) = self.scale {
            config.insert("prompt_scale".into(), json!(scale));
        }
        serde_json::to_string_pretty(&config).map_err(|e| {
            Error::input(format!("the configuration cannot be written: {e}"), "check the class names")
        })
    }
}

/// Writes the longest window into a tokenizer's configuration, which may not be there yet.
fn limit_tokens(path: &Path, limit: usize) -> Result<()> {
    let mut config: Map<String, Value> =
        fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    config.insert("model_max_length".into(), json!(limit));
    let text = serde_json::to_string_pretty(&config).unwrap_or_default();
    fs::write(path, text).map_err(|e| Error::io("write", path, e))
}
