//! Learners of columns: the features of the texts, and the points of a grid compared on the held-out rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use prompt_core::{
    Error, Estimator, Featurizer, FitContext, FitTransform, Matrix, Model, Prediction, Result, Subset,
    Target, Task, TextMap, predict,
};
use prompt_data::{Balance, balance};
use serde_json::Value;

use super::recipe::Recipe;
use super::{Fit, Rows, TrainOptions};
use crate::pipeline::{self, FittedFeatures};
use crate::select::{Metric, apply, rebalanced};

pub(super) fn fit_columns(
    (recipe, estimator): (&Recipe, &dyn Estimator),
    rows: &Rows<'_>,
    (options, search): (&TrainOptions, bool),
    sanitiser: Option<Arc<dyn TextMap>>,
    ctx: &FitContext,
) -> Result<Fit> {
    let (features, x): (FittedFeatures, Matrix) =
        recipe.feature_set().union().fit_transform(&Subset::new(rows.texts, rows.train), &(), ctx)?;
    let y_train = rows.y.select(rows.train);
    let (x, y_train) = match options.balance {
        Balance::None => (x, y_train),
        how => {
            let all: Vec<usize> = (0..rows.train.len()).collect();
            let (rows, y) = rebalanced(balance(&all, y_train.as_classes()?.0, how, ctx.seed()), &y_train)?;
            (x.select_rows(&rows), y)
        }
    };
    let z = match rows.held_out {
        [] => None,
        held_out => Some(features.featurize(&Subset::new(rows.texts, held_out))?),
    };
    let truth = rows.y.select(rows.held_out);

    let fit = |estimator: &dyn Estimator, ctx: &FitContext| estimator.fit_model(&x, &y_train, ctx);
    let (point, Candidate { model, prediction, .. }) =
        best((recipe, estimator), search, z.as_ref(), &truth, &fit, ctx)?;
    let estimator = apply(estimator, &point)?;
    Ok(Fit {
        scorer: pipeline::assemble(sanitiser, features, model),
        params: serde_json::json!({
            "sanitise": recipe.sanitiser_params(),
            "features": recipe.feature_set().to_value(),
            "model": { "type": estimator.name(), "params": estimator.params() },
        }),
        chosen: point,
        prediction,
        cut: 0,
    })
}

/// How a learner of one point is fitted on the training rows.
type LearnFrom<'a> = dyn Fn(&dyn Estimator, &FitContext) -> Result<Arc<dyn Model>> + Sync + 'a;

/// Fits every point of the learner's grid where they are searched, and finds the one that scores best on the held-out rows
/// `z`, the first of equals.
pub(crate) fn best(
    (recipe, estimator): (&Recipe, &dyn Estimator),
    search: bool,
    z: Option<&Matrix>,
    truth: &Target,
    fit: &LearnFrom<'_>,
    ctx: &FitContext,
) -> Result<(BTreeMap<String, Value>, Candidate)> {
    let points = match z {
        Some(_) if search => recipe.points()?,
        _ => vec![BTreeMap::new()],
    };
    let metric = Metric::named(if recipe.predicts() == Task::Regression { "rmse" } else { "f1_macro" })?;
    let inner = if points.len() > 1 { ctx.serial() } else { ctx.clone() };
    let fitted = ctx.map(points.len(), |i| -> Result<Candidate> {
        let model = fit(&*apply(estimator, &points[i])?, &inner)?;
        let prediction = z.map(|z| predict(&*model, z)).transpose()?;
        let score = match &prediction {
            Some(p) if points.len() > 1 => metric.score(truth, p)?,
            _ => 0.0,
        };
        Ok(Candidate { model, prediction, score })
    });
    let mut best: Option<(usize, Candidate)> = None;
    for (at, candidate) in fitted.into_iter().enumerate() {
        let candidate = candidate?;
        if best.as_ref().is_none_or(|(_, b)| candidate.score > b.score) {
            best = Some((at, candidate));
        }
    }
    let (at, candidate) = best.ok_or_else(|| Error::input("nothing was fitted", "report this as a bug"))?;
    Ok((points[at].clone(), candidate))
}

/// One point of the search, fitted on the training rows.
pub(crate) struct Candidate {
    pub(crate) model: Arc<dyn Model>,
    /// Of the held-out rows, where there are some.
    pub(crate) prediction: Option<Prediction>,
    score: f64,
}
