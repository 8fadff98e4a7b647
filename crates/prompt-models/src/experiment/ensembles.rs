//! Ensembles of the models that an experiment has trained.

use serde_json::json;

use super::config::ExperimentConfig;
use super::families::{Grid, Model};
use super::result::ModelResult;
use crate::ensemble::Member;
use crate::select::Metric;

/// The ensembles there are: the soft vote and the stack.
pub(super) const NAMES: [&str; 2] = ["voting", "stacking"];

/// How many of the best models are members.
const MEMBERS: usize = 3;

/// What looks at the target alone is no member.
const BASELINES: [&str; 3] = ["majority", "stratified", "mean"];

/// The ensembles that the configuration asks for, over the best models by cross-validation with their chosen
/// parameters; or why there is none.
pub(super) fn of(
    config: &ExperimentConfig,
    trained: &[ModelResult],
) -> Vec<(&'static str, Result<Model, String>)> {
    let wanted = NAMES.into_iter().zip([config.ensembles.voting_soft, config.ensembles.stacking]);
    let wanted = wanted.filter(|(_, on)| *on).map(|(name, _)| name);
    let members = best(trained);
    wanted.map(|name| (name, members.as_ref().map(|m| model(m)).map_err(Clone::clone))).collect()
}

fn best(trained: &[ModelResult]) -> Result<Vec<Member>, String> {
    let mut ranked: Vec<(&ModelResult, f64)> = trained
        .iter()
        .filter(|m| m.is_ok() && !BASELINES.contains(&m.model.as_str()))
        .filter_map(|m| {
            let cv = m.cv.as_ref()?;
            let sign = if Metric::named(&cv.metric).ok()?.higher_is_better() { 1.0 } else { -1.0 };
            Some((m, sign * cv.mean))
        })
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    if ranked.len() < 2 {
        return Err(format!("an ensemble needs two trained models, there are {}", ranked.len()));
    }
    ranked.truncate(MEMBERS);
    let member = |(result, _): (&ModelResult, f64)| Member {
        name: result.model.clone(),
        params: result
            .params
            .as_object()
            .into_iter()
            .flatten()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
    };
    Ok(ranked.into_iter().map(member).collect())
}

fn model(members: &[Member]) -> Model {
    Model { params: [("members".to_owned(), json!(members))].into(), grid: Grid::None, ..Model::default() }
}
