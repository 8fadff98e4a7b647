//! Choosing the parameters of a pipeline: what `prompt tune` does.
//!
//! Folds are made of the training rows alone; encoders, sanitisers and vectorisers are fitted inside each fold, once
//! for all trials. The winner is then trained like any other recipe, with its parameters set.

use std::sync::Arc;

use prompt_core::artifact::digest;
use prompt_core::{
    Error, FitContext, FitTransform, Params as _, Result, StudyStore, Subset, Target, TextMap, Texts,
    Transform, map_texts,
};
use prompt_data::split::{Fold, KFold, Parts, given};
use prompt_data::table::LoadedTable;
use prompt_data::{Cleaner, Dataset, Split};
use serde_json::{Value, json};

use crate::neural;
use crate::prepare::Prepared;
use crate::select::{FoldFeatures, MadeFolds, Tune, Tuned, tune};
use crate::tabular::{TableRecipe, divided};
use crate::train::{Learner, Recipe};

/// Chooses the parameters of a recipe for tables, cross-validated on the training rows (all rows where the table has no
/// splits). The recipe that comes back has them set.
///
/// ```
/// use prompt_core::{FitContext, MemoryStudy};
/// use prompt_data::table::TableOptions;
/// use prompt_models::select::{Method, Tune};
/// use prompt_models::tabular::TableRecipe;
/// let mut csv = "size,colour,price\n".to_owned();
/// for i in 0..60 {
///     csv += &format!("{i},{},{}\n", ["red", "blue"][i % 2], 3 * i + 10 * (i % 2));
/// }
/// let data = TableOptions::default().target("price").from_bytes("shop.csv", csv.as_bytes())?;
/// let recipe = TableRecipe { model: Some("ridge".into()), ..TableRecipe::default() };
/// let options = Tune { method: Method::Tpe, trials: Some(12), folds: 3, ..Tune::default() };
/// let (tuned, recipe) =
///     prompt_models::tune::tune_table(&recipe, &data, &options, Box::new(MemoryStudy::default()), &FitContext::new(1))?;
/// assert_eq!((tuned.trials.len(), tuned.metric), (12, "rmse"));
/// assert_eq!(recipe.params[0].0, "alpha");
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// A table without target or too few rows for the folds, and as [`tune`](crate::select::tune()).
pub fn tune_table(
    recipe: &TableRecipe,
    data: &LoadedTable,
    options: &Tune,
    store: Box<dyn StudyStore + '_>,
    ctx: &FitContext,
) -> Result<(Tuned, TableRecipe)> {
    options.validate()?;
    let (target, y, task) = divided(data, recipe.task)?;
    let estimator = recipe.estimator(task)?;
    let train = match &data.splits {
        Some(_) => data.rows_of(Split::Train),
        None => (0..data.table.rows()).collect(),
    };
    let (folds, _) = recipe.folding.folds((data, &y), &train, options.folds, ctx.seed())?;
    let encoder = recipe.encoder.clone().unwrap_or_else(|| recipe.prepare.encoder(&estimator.tags()));
    let ready = ctx.try_map(folds.len(), |i| {
        let (fold, ctx) = (&folds[i], ctx.part("prepare", i as u64).unobserved());
        ctx.check()?;
        let (rows, y) = (data.table.select_rows(&fold.train), y.select(&fold.train));
        let Prepared { fitted, x, rows } = recipe.prepare.fit_transform(&rows, &y, &encoder, &ctx)?;
        let test = fitted.transform(&data.table.select_rows(&fold.test))?;
        // Rows that a step left out are not learned from.
        let learned =
            Fold { train: rows.iter().map(|&row| fold.train[row]).collect(), test: fold.test.clone() };
        Ok((learned, FoldFeatures { train: x, test }))
    })?;
    let (folds, features): (Vec<Fold>, Vec<FoldFeatures>) = ready.into_iter().unzip();
    let fixed: Vec<String> = recipe.params.iter().map(|(name, _)| name.clone()).collect();
    // A column that is left out, or read as something else, makes other data of the same file.
    let columns: Vec<Value> = data
        .table
        .columns()
        .map(|(name, role, column)| json!([name, format!("{role:?}"), column.kind()]))
        .collect();
    let about = json!({
        "digest": data.digest,
        "target": target,
        "columns": columns,
        "rows": train.len(),
        "prepare": recipe.prepare,
        "encoder": encoder,
        "folding": recipe.folding,
    });
    let about = with_weights(about, &y);
    let source = MadeFolds::new(folds, features);
    let tuned = tune((&*estimator, &fixed), (&source, &y), (options, about), store, ctx)?;
    let mut recipe = TableRecipe { task: Some(task), ..recipe.clone() };
    recipe.params.extend(tuned.best.clone());
    Ok((tuned, recipe))
}

/// Chooses the parameters of a recipe for texts, cross-validated on the training rows (all rows where the data has no
/// splits). The recipe that comes back has them set.
///
/// # Errors
/// Rows without labels or too few for the folds, and as [`tune`](crate::select::tune()).
pub fn tune_texts(
    recipe: &Recipe,
    data: &Dataset,
    (options, cleaner): (&Tune, &Cleaner),
    store: Box<dyn StudyStore + '_>,
    ctx: &FitContext,
) -> Result<(Tuned, Recipe)> {
    options.validate()?;
    let (data, _) = cleaner.clean(data, ctx)?;
    let parts =
        given(&data)?.unwrap_or_else(|| Parts { train: (0..data.len()).collect(), ..Parts::default() });
    if parts.train.is_empty() {
        return Err(Error::input(format!("{} has no training rows", data.origin()), "give labelled rows"));
    }
    let data = data.select(&parts.train);
    let y = recipe.target(&data)?;
    let folds =
        KFold::default().folds(options.folds).split(y.len(), Some(y.as_classes()?.0), None, ctx.seed())?;
    let given = data.texts();
    let texts: Box<dyn Texts> = match recipe.sanitiser_params() {
        Some(params) => {
            params.validate()?;
            let map: Arc<dyn TextMap> = Arc::new(params.clone());
            Box::new(map_texts(&*map, &given))
        }
        None => Box::new(given),
    };
    let estimator = match recipe.chosen() {
        Learner::Columns(estimator) => estimator,
        Learner::Network(network) => {
            let about = json!({
                "digest": data.digest(),
                "sanitiser": recipe.sanitiser_params(),
                "classes": y.as_classes()?.1.names(),
                "rows": y.len(),
            });
            let about = with_weights(about, &y);
            let rows = neural::FoldedRows { texts: &*texts, y: &y, folds: &folds, task: recipe.predicts() };
            let tuned = neural::tune_network((network, recipe.fixed()), &rows, (options, about), store, ctx)?;
            return with_best(tuned, recipe);
        }
    };
    let union = recipe.feature_set().union();
    let features = folds
        .iter()
        .map(|fold| {
            ctx.check()?;
            let (fitted, train) =
                ctx.install(|| union.fit_transform(&Subset::new(&*texts, &fold.train), &(), ctx))?;
            let test = ctx.install(|| fitted.transform(&Subset::new(&*texts, &fold.test)))?;
            Ok(FoldFeatures { train, test })
        })
        .collect::<Result<_>>()?;
    let about = json!({
        "digest": data.digest(),
        "features": recipe.feature_set().to_value(),
        "sanitiser": recipe.sanitiser_params(),
        "classes": y.as_classes()?.1.names(),
        "rows": y.len(),
    });
    let about = with_weights(about, &y);
    let source = MadeFolds::new(folds, features);
    let tuned = tune((&**estimator, recipe.fixed()), (&source, &y), (options, about), store, ctx)?;
    with_best(tuned, recipe)
}

/// What a study knows of its rows, with their weights: rows that count otherwise make other data of the same file. Without
/// weights it is what it was before there were any, so that older studies go on.
fn with_weights(mut about: Value, y: &Target) -> Value {
    if let Some(weights) = y.weights() {
        let bytes: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
        about["weights"] = digest([&bytes[..]]).into();
    }
    about
}

/// The recipe with the best point set.
fn with_best(tuned: Tuned, recipe: &Recipe) -> Result<(Tuned, Recipe)> {
    let recipe = tuned.best.iter().try_fold(recipe.clone(), |r, (name, value)| r.param(name, value))?;
    Ok((tuned, recipe))
}
