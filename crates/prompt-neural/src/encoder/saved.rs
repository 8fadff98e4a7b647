//! Back into a Hugging Face folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use prompt_core::{Error, Output, Result, replace_folder};
use prompt_encoder::{Family, SavedAs, Tensor, Tokenizer, write_safetensors};
use serde_json::{Map, Value, json};

use super::fitted::FittedEncoder;
use super::head::{HeadSpec, OWN};
use super::model::is_adapter;
use crate::net::turn;

/// Whether a canonical name is part of a head.
pub(super) fn is_head(name: &str) -> bool {
    ["classifier.", "pre_classifier.", "pooler.", "head.", "thresholds", "prompt_"]
        .iter()
        .any(|p| name.starts_with(p))
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

/// The class of the encoder alone, with which transformers opens a folder whose head it does not have.
fn model_name(family: Family) -> &'static str {
    match family {
        Family::DistilBert => "DistilBertModel",
        Family::Roberta => "RobertaModel",
        Family::XlmRoberta => "XLMRobertaModel",
        Family::Albert => "AlbertModel",
        Family::DebertaV2 => "DebertaV2Model",
        Family::ModernBert => "ModernBertModel",
        _ => "BertModel",
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

/// What a configuration says of heads, which are not those that are written.
const HEAD_KEYS: [&str; 12] = [
    "target_sizes",
    "task_type_map",
    "weights_map",
    "divisor_map",
    "prompt_head",
    "prompt_heads",
    "prompt_scale",
    "prompt_surface",
    "id2label",
    "label2id",
    "problem_type",
    "num_labels",
];

impl FittedEncoder {
    /// Writes `config.json`, the weights (`model.safetensors`, or what `kind` calls them) and the tokenizer's files: a
    /// folder that `prompt-encoder` opens, with the classes as labels. It appears whole or not at all; what stands at
    /// `folder` must be nothing, an empty folder, or such a folder, and is replaced.
    ///
    /// The published head over the published pooling is what Python's `AutoModelForSequenceClassification` opens, too.
    /// Any other head is said by `prompt_head` in `config.json` and has tensors `prompt_head.…` (several, or one task
    /// of a name of its own: `prompt_heads`; what attention learned: `prompt_pooling`): Python opens the
    /// encoder (`AutoModel`) and warns that a head of its own classes is not there.
    ///
    /// With [`SavedAs::Int8`] the folder is for `prompt-encoder` alone, and `prompt_saved_as` in `config.json` says so.
    ///
    /// Numbers are saved in the scale in which they were learned (mean 0, deviation 1); `prompt_scale` in
    /// `config.json` says the way back.
    ///
    /// # Errors
    /// A folder that holds something else; numbers that the type cannot hold; what the system refuses.
    pub fn save(&self, folder: impl AsRef<Path>, kind: SavedAs) -> Result<()> {
        let folder = folder.as_ref();
        // It is replaced as a whole, so that nothing else may lie in it.
        let ours = |name: &str| {
            let weights =
                SavedAs::NAMES.iter().any(|n| SavedAs::named(n).is_ok_and(|k| k.file_name() == name));
            name == "config.json" || weights || Tokenizer::FILES.contains(&name)
        };
        let is_ours = |file: std::io::Result<fs::DirEntry>| {
            file.is_ok_and(|file| file.file_name().to_str().is_some_and(ours))
        };
        let foreign = fs::read_dir(folder).is_ok_and(|mut files| !files.all(is_ours));
        if foreign || folder.is_file() {
            let what = format!("{} holds something else than an encoder", folder.display());
            return Err(Error::input(what, "save to a new folder"));
        }
        let published = self.model.is_published();
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
            let prefix = match is_head(&param.name) && !published {
                true if param.name.starts_with("prompt_") => "",
                true => OWN,
                false => prefix(self.model.config.family, &param.name),
            };
            let name = format!("{prefix}{}", param.name);
            tensors.insert(name, Tensor { shape, data });
        }
        let config = self.config(kind)?;
        replace_folder(folder, |fresh| {
            write_safetensors(fresh.join(kind.file_name()), &tensors, kind)?;
            let path = fresh.join("config.json");
            fs::write(&path, &config).map_err(|e| Error::io("write", &path, e))?;
            for name in Tokenizer::FILES {
                let from = self.folder.join(name);
                if from.is_file() {
                    fs::copy(&from, fresh.join(name)).map_err(|e| Error::io("copy", &from, e))?;
                }
            }
            // What was learned with is what is read with.
            limit_tokens(&fresh.join("tokenizer_config.json"), self.limit)?;
            // A tokenizer that is gone from where it was is missed here, not when the folder is opened.
            Tokenizer::open(fresh, &self.model.config)?;
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
        for key in HEAD_KEYS {
            config.remove(key);
        }
        config.remove("prompt_saved_as");
        if kind == SavedAs::Int8 {
            config.insert("prompt_saved_as".into(), json!(kind.name()));
        }
        let (family, pooling) = (self.model.config.family, self.model.net.pool.saved().name());
        let published = self.model.is_published();
        let class = if published { class_name(family) } else { model_name(family) };
        config.insert("architectures".into(), json!([class]));
        config.insert("model_type".into(), json!(family.model_type()));
        if published && family == Family::ModernBert {
            config.insert("classifier_pooling".into(), json!(pooling));
        }
        if let Some(surface) = &self.model.surface {
            config.insert("prompt_surface".into(), surface.to_json());
        }
        match self.model.specs.as_slice() {
            [alone] if !alone.is_listed() => {
                config.extend(labels(&alone.output));
                if let Some(scale) = alone.scale {
                    config.insert("prompt_scale".into(), json!(scale));
                }
                if !published {
                    config.insert("prompt_head".into(), Value::Object(layers(alone, pooling)));
                }
            }
            several => {
                let heads: Vec<Value> = several.iter().map(|spec| one_of_several(spec, pooling)).collect();
                config.insert("prompt_heads".into(), Value::Array(heads));
            }
        }
        serde_json::to_string_pretty(&config).map_err(|e| {
            Error::input(format!("the configuration cannot be written: {e}"), "check the class names")
        })
    }
}

/// What a head is made of.
fn layers(spec: &HeadSpec, pooling: &str) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("kind".into(), json!(spec.kind.name()));
    map.insert("pooling".into(), json!(pooling));
    if spec.ordinal {
        map.insert("ordinal".into(), json!(true));
    }
    map
}

/// A head of `prompt_heads`, which says all of itself.
fn one_of_several(spec: &HeadSpec, pooling: &str) -> Value {
    let mut map = layers(spec, pooling);
    map.insert("name".into(), json!(spec.name));
    match (&spec.output, spec.scale) {
        (Output::Classes(classes), _) => map.insert("labels".into(), json!(classes.names())),
        (_, scale) => map.insert("scale".into(), json!(scale)),
    };
    Value::Object(map)
}

/// What transformers says of a head's labels.
fn labels(output: &Output) -> Map<String, Value> {
    let (labels, problem) = match output {
        Output::Classes(classes) => (classes.names().to_vec(), "single_label_classification"),
        _ => (vec!["score".to_owned()], "regression"),
    };
    let by_id: Map<String, Value> =
        labels.iter().enumerate().map(|(i, l)| (i.to_string(), json!(l))).collect();
    let by_label: Map<String, Value> =
        labels.iter().enumerate().map(|(i, l)| (l.clone(), json!(i))).collect();
    let all = [
        ("id2label", Value::Object(by_id)),
        ("label2id", Value::Object(by_label)),
        ("problem_type", json!(problem)),
    ];
    all.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Writes the longest window into a tokenizer's configuration, which may not be there yet.
fn limit_tokens(path: &Path, limit: usize) -> Result<()> {
    let mut config: Map<String, Value> =
        fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    config.insert("model_max_length".into(), json!(limit));
    let text = serde_json::to_string_pretty(&config).unwrap_or_default();
    fs::write(path, text).map_err(|e| Error::io("write", path, e))
}
