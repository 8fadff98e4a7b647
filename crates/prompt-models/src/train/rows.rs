//! The rows that a pipeline is fitted on, and their classes.

use prompt_core::{Classes, FitContext, Result, Target};
use prompt_data::Dataset;
use prompt_data::split::sample;

use super::TrainOptions;

/// The training rows, or as many of them as are wanted.
pub(crate) fn limited(
    mut rows: Vec<usize>,
    y: &Target,
    options: &TrainOptions,
    ctx: &FitContext,
) -> Vec<usize> {
    let Some(most) = options.max_train_rows.filter(|most| *most < rows.len()) else { return rows };
    match y.select(&rows).as_classes() {
        Ok((codes, _)) => sample(codes, most, ctx.seed()).into_iter().map(|i| rows[i]).collect(),
        Err(_) => {
            ctx.seed().derive("max_train_rows", 0).rng().shuffle(&mut rows);
            rows.truncate(most);
            rows.sort_unstable();
            rows
        }
    }
}

/// The class of every row; a label outside the classes is told by its line.
///
/// # Errors
/// [`Error::Parse`] or [`Error::Input`] for the first such row, with how many labels of that kind there are.
pub(crate) fn encode(classes: &Classes, data: &Dataset) -> Result<Vec<u32>> {
    let labels = data.labels()?;
    let foreign = |label: &str| !classes.names().iter().any(|name| name == label);
    let Some(row) = labels.iter().position(|label| foreign(label)) else { return classes.encode(labels) };
    let more = match labels.iter().filter(|label| foreign(label)).count() {
        1 => String::new(),
        n => format!(" ({n} rows have such labels)"),
    };
    let label = labels[row];
    Err(data.wrong_row(
        row,
        format!("unknown label `{label}`{more}; known: {}", classes.names().join(", ")),
        format!(
            "correct it, or say what it means with --label-map {label}=CLASS \
             (in a configuration `data.fields.label_map`)"
        ),
    ))
}
