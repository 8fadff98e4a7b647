//! The fields that the command line names.

use std::path::Path;

use prompt_models::LoadedModel;
use prompt_models::core::{Error, Result};
use prompt_models::data::read::{Loaded, ReadOptions};
use prompt_models::data::{Dataset, Fields};

use crate::args::{LineLimit, label_map};
use crate::out::bad_lines;

/// What `--text-field` and `--target` say, over what else is known. `number` is whether the target is one, not a class.
///
/// # Errors
/// [`Error::Input`] when both name the same field.
pub(crate) fn name(
    fields: &mut Fields,
    text: Option<&String>,
    target: Option<&String>,
    number: bool,
) -> Result<()> {
    if let (Some(text), Some(target)) = (text, target)
        && text == target
    {
        return Err(Error::input(
            format!("--text-field and --target both name `{text}`"),
            "name two different fields",
        ));
    }
    if let Some(text) = text {
        fields.name_text(text);
    }
    match target {
        Some(target) if number => fields.name_target(target),
        Some(target) => fields.name_label(target),
        None => {}
    }
    Ok(())
}

/// Reads records for a model of texts, by the fields of its task and by those that the command line names. Lines that are no
/// records are said.
///
/// # Errors
/// As [`name`] and [`ReadOptions::read`]; a pair of `--label-map` without `=`.
pub(crate) fn read_for(
    model: &LoadedModel,
    path: &Path,
    (text, target): (Option<&String>, Option<&String>),
    meant: &[String],
    (strict, lines): (bool, LineLimit),
) -> Result<Loaded> {
    let mut fields = if model.manifest.task == "security" { Fields::security() } else { Fields::default() };
    name(&mut fields, text, target, model.classes().is_err())?;
    fields.label_map.extend(label_map(meant)?);
    let options = ReadOptions { fields, strict, max_line_bytes: lines.bytes(), ..ReadOptions::default() };
    let loaded = options.read(path)?;
    eprint!("{}", bad_lines(loaded.bad.iter(), loaded.dataset.len(), loaded.cut));
    Ok(loaded)
}

/// The rows with a label (or a number) and complaints about the others, as [`Dataset::labelled`]; where there are none,
/// the complaint names the flag.
///
/// # Errors
/// As [`Dataset::labelled`].
pub(crate) fn labelled(
    data: &Dataset,
    strict: bool,
    target: Option<&String>,
    number: bool,
) -> Result<(Dataset, Vec<Error>)> {
    let found = if number { data.with_targets(strict) } else { data.labelled(strict) };
    let none = |e: &prompt_models::data::Example| match number {
        true => e.target.is_none(),
        false => e.label.is_none(),
    };
    found.map_err(|error| match error {
        Error::Input { what, .. } if data.iter().all(none) => match target {
            Some(name) => Error::input(
                format!("no row has the field `{name}` that --target names: {what}"),
                "name one of those with --target, or correct the data",
            ),
            None => Error::input(
                what,
                format!(
                    "name the field that holds it with --target COLUMN (in a configuration `data.fields.{}`)",
                    if number { "target" } else { "label" }
                ),
            ),
        },
        other => other,
    })
}
