//! Learning further from where a saved model stopped: what `prompt train --continue` does.

use std::sync::Arc;

use prompt_core::artifact::{Manifest, Persist};
use prompt_core::{Batch, Error, FitContext, Result, Scorer, Target};
use serde::de::DeserializeOwned;

use crate::linear::{LinearClassifier, LinearRegressor, SgdClassifier, SgdModel, SgdRegressor};
use crate::pipeline::{LoadedModel, catalog};

/// A new model that has also learned from these records, in one epoch of `partial_fit` with the parameters of the one before;
/// that one stays as it is, and so do the stages before the learner (terms, scales, levels). The target has the classes of
/// the model, in their order. Only `sgd` goes on, and what it loses by that is [said](lost_by). The manifest keeps no measurement: it was of the model before.
///
/// ```
/// use prompt_models::further::learn_further;
/// use prompt_models::prelude::*;
/// use prompt_models::train::{Recipe, TrainOptions, train};
/// let rows = |from: usize| (from..from + 40).map(|i| {
///     let (text, label) = [("water the plants", "home"), ("file the report", "work")][i % 2];
///     Example::new(format!("{text} {i}")).with_label(label)
/// });
/// let (data, ctx) = (Dataset::new(rows(0)), FitContext::new(1));
/// let first = train(&Recipe::of_task("text")?.model("sgd")?, &data, &TrainOptions::default(), &ctx)?;
/// let first = LoadedModel { manifest: first.manifest, scorer: first.scorer };
/// let more = Dataset::new(rows(40));
/// let y = Target::labels_among(more.labels()?, first.classes()?)?;
/// let second = learn_further(&first, Batch::Texts(&more.texts()), &y, &ctx)?;
/// let answer = second.scorer.score(Batch::Texts(&["water the plants 7"]))?;
/// assert_eq!(answer[0].labels()?, ["home"]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// [`Error::Unsupported`] for a model of another learner; records that the stages before it cannot read; as
/// [`SgdClassifier::partial_fit`].
pub fn learn_further(
    model: &LoadedModel,
    batch: Batch<'_>,
    y: &Target,
    ctx: &FitContext,
) -> Result<LoadedModel> {
    let before = model.scorer.model().and_then(|model| model.as_any());
    let fitted = if let Some(before) = before.and_then(|b| b.downcast_ref::<SgdModel<LinearClassifier>>()) {
        let sgd: SgdClassifier = params(&model.manifest)?;
        sgd.partial_fit(Some(before), &model.scorer.columns(batch)?, y, ctx)?.encode()?
    } else if let Some(before) = before.and_then(|b| b.downcast_ref::<SgdModel<LinearRegressor>>()) {
        let sgd: SgdRegressor = params(&model.manifest)?;
        sgd.partial_fit(Some(before), &model.scorer.columns(batch)?, y, ctx)?.encode()?
    } else {
        return Err(Error::unsupported(
            format!("the model `{}`", model.manifest.name),
            "learning further",
            "only the learner sgd goes on from where it was: train it with --model sgd, or train anew on all rows",
        ));
    };
    let node = model.scorer.encode()?;
    // A pipeline of tables, or a chain of texts: the learner is its last part.
    let part = if node.get_child("model").is_ok() { "model" } else { "second" };
    let scorer: Arc<dyn Scorer> = catalog().decode_scorer(&node.with_part(part, fitted)?)?;
    let manifest = Manifest {
        seed: ctx.seed().value(),
        metrics: Default::default(),
        files: Default::default(),
        ..model.manifest.clone()
    };
    Ok(LoadedModel { manifest, scorer })
}

/// What a model has that [`learn_further`] does not carry over, for a person; `None` where that is nothing: the calibration of
/// its probabilities, which belongs to margins that move.
pub fn lost_by(model: &LoadedModel) -> Option<&'static str> {
    let before = model.scorer.model()?.as_any()?.downcast_ref::<SgdModel<LinearClassifier>>()?;
    before.linear().link().is_calibrated().then_some(
        "the probabilities of the model before were calibrated, and these are not: the margins have moved; train anew on all \
         rows for calibrated ones, or begin with loss = log_loss, which needs no calibration",
    )
}

/// The parameters that the learner was fitted with.
fn params<P: DeserializeOwned>(manifest: &Manifest) -> Result<P> {
    serde_json::from_value(manifest.params["model"]["params"].clone()).map_err(|e| {
        Error::input(
            format!("the manifest of `{}` does not hold the parameters of sgd: {e}", manifest.name),
            "train the model anew with this program",
        )
    })
}
