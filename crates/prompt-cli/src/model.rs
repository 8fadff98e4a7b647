//! `--model`: a folder, a name in the registry, or one of the Hugging Face hub.

use std::path::{Path, PathBuf};

use prompt_models::core::{Batch, Error, Prediction, Result};
use prompt_models::{LoadedModel, hub};
use prompt_registry::{ModelRef, Registry};

/// Opens what `--model` names.
pub(crate) fn open(model: &str, registry: &Path) -> Result<LoadedModel> {
    open_on(model, registry, "cpu")
}

/// The same with its text encoder on a device. What there is to be said of it is said on standard error.
pub(crate) fn open_on(model: &str, registry: &Path, device: &str) -> Result<LoadedModel> {
    let mut loaded = LoadedModel::open_on(&find(model, registry)?, device)?;
    for notice in loaded.scorer.notices() {
        eprintln!("note: {notice}");
    }
    if let Some(name) = model.strip_prefix(hub::PREFIX) {
        // Its folder is called by the commit.
        name.clone_into(&mut loaded.manifest.name);
    }
    Ok(loaded)
}

/// What the first head of a model says of records.
pub(crate) fn score(model: &LoadedModel, batch: Batch<'_>) -> Result<Prediction> {
    let predictions = model.scorer.score(batch)?;
    predictions.into_iter().next().ok_or_else(|| Error::input("the model has no heads", "save it again"))
}

/// The folder of an encoder; one of the hub is fetched, with a line on standard error for each file that is not here yet.
pub(crate) fn fetched(from: &Path) -> Result<PathBuf> {
    let mut last = String::new();
    hub::folder_watched(from, &mut |file, done, total| {
        if last != file {
            file.clone_into(&mut last);
            let size = total.map_or_else(String::new, |total| format!(" ({:.1} MB)", total as f64 / 1e6));
            let on =
                if done > 0 { format!(", going on at {:.1} MB", done as f64 / 1e6) } else { String::new() };
            eprintln!("fetching {file}{size}{on}");
        }
        Ok(())
    })
}

/// The folder that `--model` names.
fn find(model: &str, registry: &Path) -> Result<PathBuf> {
    if hub::is_name(model) {
        return fetched(Path::new(model));
    }
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
