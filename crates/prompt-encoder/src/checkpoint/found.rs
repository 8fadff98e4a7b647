//! Which file holds a checkpoint's weights.

use std::path::Path;

use prompt_core::{Error, Result};
use serde_json::Value;

use super::SavedAs;

/// Files of weights in the order in which they are looked for.
const ORDER: [&str; 4] = ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", INT8];

const INT8: &str = SavedAs::Int8.file_name();

/// What `config.json` says of the weights (`prompt_saved_as`), where it does.
///
/// # Errors
/// A word that is no type of saved weights.
pub(crate) fn saved_as(config: &Value) -> Result<Option<SavedAs>> {
    match config.get("prompt_saved_as") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => SavedAs::named(name).map(Some),
        Some(other) => Err(Error::unknown("type of saved weights", other.to_string(), SavedAs::NAMES)),
    }
}

/// The file of weights among those there are: the one that `config.json` speaks of, else the first of [`ORDER`].
pub(crate) fn file(saved_as: Option<SavedAs>, has: impl Fn(&str) -> bool) -> Option<&'static str> {
    match saved_as {
        Some(SavedAs::Int8) => has(INT8).then_some(INT8),
        _ => ORDER.into_iter().find(|name| has(name)),
    }
}

/// The file of weights in a folder, and a notice where 8-bit weights and others stand there side by side.
pub(super) fn in_folder(folder: &Path, config: &Value) -> Result<(&'static str, Option<String>)> {
    let kind = saved_as(config)?;
    let has = |name: &str| folder.join(name).is_file();
    let Some(found) = file(kind, has) else {
        if kind == Some(SavedAs::Int8) {
            return Err(Error::input(
                format!(
                    "config.json in {} says that the weights are {INT8}, which is not there",
                    folder.display()
                ),
                "put it there, or take `prompt_saved_as` out of config.json if the weights are others",
            ));
        }
        return Err(Error::input(
            format!("{} holds no weights", folder.display()),
            "put model.safetensors or pytorch_model.bin into it",
        ));
    };
    let beside = match found {
        INT8 => ORDER.into_iter().find(|name| *name != INT8 && has(name)),
        _ => Some(INT8).filter(|name| has(name)),
    };
    let why = if kind == Some(SavedAs::Int8) { "" } else { ", for want of `prompt_saved_as` in config.json" };
    let notice = beside.map(|beside| format!("the weights are read from {found}, not from {beside}{why}"));
    Ok((found, notice))
}
