//! `--model`: a folder, or a name in the registry.

use std::path::{Path, PathBuf};

use prompt_models::LoadedModel;
use prompt_models::core::{Error, Result};
use prompt_registry::{ModelRef, Registry};

/// Opens what `--model` names.
pub(crate) fn open(model: &str, registry: &Path) -> Result<LoadedModel> {
    LoadedModel::open(&find(model, registry)?)
}

/// The folder that `--model` names.
fn find(model: &str, registry: &Path) -> Result<PathBuf> {
    let path = PathBuf::from(model);
    if path.exists() {
        return Ok(path);
    }
    if model.contains(['/', '\\']) {
        return Err(Error::input(
            format!("there is no model folder {model}"),
            "name a folder made by `prompt train`, or NAME, NAME@STAGE or NAME:VERSION in the registry",
        ));
    }
    let reference: ModelRef = model.parse()?;
    if !registry.exists() {
        return Err(Error::input(
            format!("there is neither a folder `{model}` nor a registry {}", registry.display()),
            "name a model's folder, or the registry with --registry",
        ));
    }
    Registry::open(registry)?.resolve(&reference)
}
