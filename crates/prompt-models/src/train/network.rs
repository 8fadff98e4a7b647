//! Networks, which read the texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use prompt_core::{Error, FitContext, Result, Target, TextMap};
use prompt_data::{Balance, Dataset, balance};

use super::recipe::Recipe;
use super::{Fit, Rows, TrainOptions};
use crate::neural::{self, FurtherTask, Network};
use crate::pipeline;
use crate::score::column_twice;
use crate::select::rebalanced;

pub(super) fn fit_network(
    (recipe, network): (&Recipe, &Network),
    (rows, data): (&Rows<'_>, &Dataset),
    options: &TrainOptions,
    sanitiser: Option<Arc<dyn TextMap>>,
    ctx: &FitContext,
) -> Result<Fit> {
    network.check()?;
    let y = rows.y.select(rows.train);
    let (train, y) = match options.balance {
        Balance::None => (rows.train.to_vec(), y),
        how => {
            let all: Vec<usize> = (0..rows.train.len()).collect();
            let (picked, y) = rebalanced(balance(&all, y.as_classes()?.0, how, ctx.seed()), &y)?;
            (picked.into_iter().map(|i| rows.train[i]).collect(), y)
        }
    };
    let further = options
        .task_fields
        .iter()
        .map(|field| Ok((field, field.target(data)?.select(&train))))
        .collect::<Result<Vec<_>>>()?;
    let classes = |target: &Target| target.as_classes().is_ok();
    let named = further.iter().map(|(field, target)| (field.name.as_str(), classes(target)));
    if let Some(name) = column_twice(y.as_classes().ok().map(|(_, classes)| classes), named) {
        return Err(Error::input(
            format!("with these further fields two columns of the answers would be called `{name}`"),
            "rename a field in the rows: answers have label, confidence and p_CLASS, or score, and of every \
             further field NAME and, of classes, NAME_confidence",
        ));
    }
    let further: Vec<FurtherTask<'_>> = further
        .iter()
        .map(|(field, target)| FurtherTask { name: &field.name, target, weight: field.weight })
        .collect();
    let (fitted, prediction) = neural::fit_rows_of_tasks(
        network,
        rows.texts,
        (&train, &y, &further),
        rows.held_out,
        (ctx, &options.traces),
    )?;
    let mut params = serde_json::json!({
        "sanitise": recipe.sanitiser_params(),
        "model": { "type": network.name(), "params": network.params() },
    });
    if !options.task_fields.is_empty() {
        params["task_fields"] = serde_json::json!(options.task_fields);
    }
    Ok(Fit {
        scorer: pipeline::mapped(sanitiser, fitted.scorer),
        params,
        chosen: BTreeMap::new(),
        prediction,
        cut: fitted.cut,
    })
}
