//! Which files of a repository an encoder needs.

use std::path::Path;

use prompt_core::{Error, Result};
use serde_json::Value;

use crate::checkpoint::found;
use crate::{SavedAs, Tokenizer};

/// Files beside the weights and the tokenizer's ([`Tokenizer::FILES`]), as far as a repository has them.
const BESIDE: [&str; 4] =
    ["config.json", "modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"];

/// Whether a file is the configuration of one of sentence-transformers' modules: `1_Pooling/config.json`.
fn is_module(file: &str) -> bool {
    let Some((number, name)) = file.strip_suffix("/config.json").and_then(|folder| folder.split_once('_'))
    else {
        return false;
    };
    let digits = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    digits && !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric())
}

/// Configuration, tokenizer, modules.
pub(super) fn beside_weights(files: &[String], id: &str) -> Result<Vec<String>> {
    let named = |file: &str| BESIDE.contains(&file) || Tokenizer::FILES.contains(&file);
    let wanted = |file: &&String| named(file) || is_module(file);
    let found: Vec<String> = files.iter().filter(wanted).cloned().collect();
    if found.iter().any(|file| file == "config.json") {
        return Ok(found);
    }
    Err(Error::input(
        format!("the repository {id} has no config.json"),
        "name a repository of a text encoder in the format of transformers",
    ))
}

/// Where the numbers are.
pub(super) enum Weights {
    One(&'static str),
    /// The index of several files.
    Shards(&'static str),
}

/// The file of weights that a folder of these files is opened with. `config` is the repository's `config.json`.
pub(super) fn weights(files: &[String], config: &Path, id: &str) -> Result<Weights> {
    let kind = saved_as(config)?;
    match found::file(kind, |name| files.iter().any(|file| file == name)) {
        Some(index) if index.ends_with(".index.json") => Ok(Weights::Shards(index)),
        Some(file) => Ok(Weights::One(file)),
        None if kind == Some(SavedAs::Int8) => Err(Error::input(
            format!(
                "config.json of {id} says that its weights are {}, which it lacks",
                SavedAs::Int8.file_name()
            ),
            "name a repository that is whole",
        )),
        None => Err(Error::input(
            format!("the repository {id} has neither model.safetensors nor pytorch_model.bin"),
            "name a repository with weights of PyTorch (those of TensorFlow, Flax or ONNX are not read)",
        )),
    }
}

/// What a `config.json` says of the weights.
pub(super) fn saved_as(config: &Path) -> Result<Option<SavedAs>> {
    let text = std::fs::read_to_string(config).map_err(|e| Error::io("read", config, e))?;
    let parsed: Value = serde_json::from_str(&text)
        .map_err(|e| super::not_sound(format!("{} is not JSON: {e}", config.display())))?;
    found::saved_as(&parsed)
}

/// The files that an index names; each must be one of the repository's.
pub(super) fn shards(index: &Path, files: &[String]) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(index).map_err(|e| Error::io("read", index, e))?;
    let parsed: Value = serde_json::from_str(&text)
        .map_err(|e| super::not_sound(format!("{} is not JSON: {e}", index.display())))?;
    let named = parsed.get("weight_map").and_then(Value::as_object).into_iter().flat_map(|map| map.values());
    let mut shards: Vec<String> = named.filter_map(Value::as_str).map(str::to_owned).collect();
    shards.sort_unstable();
    shards.dedup();
    if shards.is_empty() {
        return Err(super::not_sound(format!("{} names no file", index.display())));
    }
    if let Some(missing) = shards.iter().find(|s| s.contains(['/', '\\']) || !files.contains(s)) {
        return Err(super::not_sound(format!("{} names {missing}, which is not there", index.display())));
    }
    Ok(shards)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_encoder_gets_what_it_needs_and_nothing_else() {
        let all = files(&[
            ".gitattributes",
            "1_Pooling/config.json",
            "README.md",
            "config.json",
            "model.safetensors",
            "vocab.txt",
            "onnx/model.onnx",
            "pytorch_model.bin",
            "../x",
            "1_/config.json",
            "x_Pooling/config.json",
            "tf_model.h5",
        ]);
        let beside = beside_weights(&all, "a/b").unwrap();
        assert_eq!(beside, files(&["1_Pooling/config.json", "config.json", "vocab.txt"]));
    }

    /// The file of weights that is fetched where `config.json` is this.
    fn chosen(config: &str, names: &[&str]) -> std::result::Result<&'static str, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, config).unwrap();
        match weights(&files(names), &path, "a/b") {
            Ok(Weights::One(file) | Weights::Shards(file)) => Ok(file),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn one_file_of_weights_is_fetched() {
        let (int8, said) = ("model.int8.safetensors", r#"{"prompt_saved_as": "int8"}"#);
        let index = "model.safetensors.index.json";
        for (config, there, file) in [
            ("{}", &["pytorch_model.bin", "model.safetensors", int8][..], "model.safetensors"),
            ("{}", &["pytorch_model.bin", index], index),
            ("{}", &["pytorch_model.bin"], "pytorch_model.bin"),
            ("{}", &[int8], int8),
            (said, &[int8, "model.safetensors"], int8),
            (r#"{"prompt_saved_as": "f16"}"#, &[int8, "model.safetensors"], "model.safetensors"),
        ] {
            assert_eq!(chosen(config, there), Ok(file), "{config} {there:?}");
        }
        assert!(chosen(said, &["model.safetensors"]).unwrap_err().contains(int8));
        assert!(chosen(r#"{"prompt_saved_as": "int4"}"#, &[int8]).unwrap_err().contains("int4"));
        assert!(chosen("{", &[int8]).unwrap_err().contains("is not JSON"));
        let error = chosen("{}", &["tf_model.h5"]).unwrap_err();
        assert!(error.contains("neither model.safetensors nor pytorch_model.bin"), "{error}");
    }

    #[test]
    fn what_a_repository_lacks_is_said() {
        let error = beside_weights(&files(&["model.gguf"]), "a/b").unwrap_err().to_string();
        assert!(error.contains("a/b has no config.json"), "{error}");
    }

    #[test]
    fn an_index_names_files_of_the_repository_alone() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("index.json");
        let there = files(&["a.safetensors", "b.safetensors"]);
        std::fs::write(&index, r#"{"weight_map": {"x": "b.safetensors", "y": "a.safetensors"}}"#).unwrap();
        assert_eq!(shards(&index, &there).unwrap(), there);
        for bad in [r#"{"weight_map": {"x": "../b"}}"#, r#"{"weight_map": {}}"#, "{"] {
            std::fs::write(&index, bad).unwrap();
            assert!(shards(&index, &there).is_err(), "{bad}");
        }
    }
}
