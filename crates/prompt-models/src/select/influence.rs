//! Which parameters of a study moved its scores.

use std::collections::{BTreeMap, BTreeSet};

use prompt_core::{Dense, Error, Fit, FitContext, Matrix, Result, Target};
use prompt_metrics::plot::{Setting, StudyPicture, StudyTrial, TrialEnd, study_svg};
use serde_json::Value;

use super::metric::Metric;
use super::study::{State, Trial};
use super::tune::Tuned;
use crate::forest::RandomForestRegressor;

/// Fewer complete trials than this say nothing about what moves the score.
const ENOUGH: usize = 8;

/// Each parameter's share in what moved the scores of the complete trials, the largest first; the shares sum to one, unless no
/// score differs from another.
///
/// A random forest of 64 trees learns the score from the parameters, and each parameter gets its mean decrease of the
/// impurity (as Optuna's `MeanDecreaseImpurityImportanceEvaluator`). A choice is a column for each of its values; a parameter
/// that a trial did not have is missing. It says what mattered among the points that were tried: a search that looked long at
/// a small part of the space has seen little of the rest.
///
/// ```
/// use prompt_models::core::{FitContext, MemoryStudy};
/// use prompt_models::select::{Plan, Sampler, Space, Study, parameter_importance};
/// let space = Space::new().float("matters", 0.0, 1.0).float("hardly", 0.0, 1.0);
/// let mut study = Study::open(Plan { sampler: Sampler::Random, ..Plan::new(space, 1) }, Box::new(MemoryStudy::default()))?;
/// study.run(60, None, &FitContext::new(1), &|trial: &mut prompt_models::select::Running<'_>| {
///     let of = |name: &str| trial.params()[name].as_f64().unwrap_or(0.0);
///     Ok(Some(of("matters") + 0.01 * of("hardly")))
/// })?;
/// let trials: Vec<_> = study.trials().cloned().collect();
/// let shares = parameter_importance(&trials, &FitContext::new(1))?;
/// assert!(shares[0].0 == "matters" && shares[0].1 > 0.8);
/// # Ok::<(), prompt_models::core::Error>(())
/// ```
///
/// # Errors
/// Fewer than eight complete trials, or a stop asked for through `ctx`.
pub fn parameter_importance(trials: &[Trial], ctx: &FitContext) -> Result<Vec<(String, f64)>> {
    let complete: Vec<(&Trial, f64)> =
        trials.iter().filter_map(|t| Some((t, t.score.filter(|s| s.is_finite())?))).collect();
    if complete.len() < ENOUGH {
        return Err(Error::input(
            format!("{} complete trials", complete.len()),
            format!("what matters can be said from {ENOUGH} on"),
        ));
    }
    let names: BTreeSet<&String> = complete.iter().flat_map(|(t, _)| t.params.keys()).collect();
    let mut columns: Vec<(&str, Vec<f64>)> = Vec::new();
    for name in names {
        let values: Vec<Option<&Value>> = complete.iter().map(|(t, _)| t.params.get(name)).collect();
        if values.iter().flatten().all(|v| v.is_number()) {
            let numbers = values.iter().map(|v| v.and_then(Value::as_f64).unwrap_or(f64::NAN));
            columns.push((name, numbers.collect()));
            continue;
        }
        let choices: BTreeMap<String, &Value> =
            values.iter().flatten().map(|v| (v.to_string(), *v)).collect();
        for choice in choices.into_values() {
            let is = values.iter().map(|v| f64::from(v.is_some_and(|v| v == choice)));
            columns.push((name, is.collect()));
        }
    }
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let rows = (0..complete.len()).flat_map(|i| columns.iter().map(move |(_, values)| values[i]));
    let x = Matrix::from(Dense::new(complete.len(), columns.len(), rows.collect())?);
    // Divided by the largest, so that no square of one is beyond all numbers.
    let largest = complete.iter().map(|(_, score)| score.abs()).fold(f64::MIN_POSITIVE, f64::max);
    let y = Target::regression(complete.iter().map(|(_, score)| score / largest).collect())?;
    let forest = RandomForestRegressor::default().n_estimators(64).fit(&x, &y, &ctx.unobserved())?;
    let mut shares: Vec<(String, f64)> = Vec::new();
    for ((name, _), share) in columns.iter().zip(forest.feature_importances()) {
        match shares.iter_mut().find(|s| s.0 == *name) {
            Some(known) => known.1 += share,
            None => shares.push(((*name).to_owned(), *share)),
        }
    }
    shares.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(shares)
}

impl Tuned {
    /// The study as one SVG picture: every trial with the best so far, and what each parameter did
    /// ([`study_svg`]); the parameters that mattered most come first where there are trials enough to tell.
    ///
    /// # Errors
    /// No trial with a score, or a stop asked for through `ctx`.
    pub fn picture(&self, title: &str, ctx: &FitContext) -> Result<String> {
        let metric = Metric::named(self.metric)?;
        let sign = if metric.higher_is_better() { 1.0 } else { -1.0 };
        let trials: Vec<StudyTrial> = self.trials.iter().map(|trial| drawn(trial, sign)).collect();
        let importance = match parameter_importance(&self.trials, ctx) {
            Ok(shares) => shares,
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(_) => Vec::new(),
        };
        study_svg(
            title,
            &StudyPicture {
                metric: self.metric,
                higher_is_better: metric.higher_is_better(),
                trials: &trials,
                importance: &importance,
            },
        )
    }
}

/// A trial as the picture has it: scores of losses are kept with their sign turned.
fn drawn(trial: &Trial, sign: f64) -> StudyTrial {
    let setting = |value: &Value| match (value.as_f64(), value.as_str()) {
        (Some(number), _) => Setting::Number(number),
        (None, Some(name)) => Setting::Name(name.to_owned()),
        (None, None) => Setting::Name(value.to_string()),
    };
    StudyTrial {
        number: trial.number,
        end: match trial.state {
            State::Complete => TrialEnd::Complete,
            State::Pruned => TrialEnd::Pruned,
            State::Failed => TrialEnd::Failed,
        },
        value: match trial.state {
            State::Pruned => trial.steps.last().copied(),
            _ => trial.score,
        }
        .map(|score| sign * score),
        params: trial.params.iter().map(|(name, value)| (name.clone(), setting(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trial(number: usize, params: Value, score: f64) -> Trial {
        let params = serde_json::from_value(params).unwrap();
        Trial {
            number,
            params,
            state: State::Complete,
            score: Some(score),
            steps: vec![],
            error: None,
            seconds: 0.1,
        }
    }

    #[test]
    fn a_choice_gets_the_share_of_all_its_values() {
        let trials: Vec<Trial> = (0..40)
            .map(|i| {
                let kind = ["a", "b", "c", "d"][i % 4];
                let noise = (i * 7 % 11) as f64 / 11.0;
                trial(
                    i,
                    json!({ "kind": kind, "noise": noise }),
                    f64::from(kind == "b") + f64::from(kind == "c") * 0.5,
                )
            })
            .collect();
        let shares = parameter_importance(&trials, &FitContext::new(1)).unwrap();
        assert_eq!(shares[0].0, "kind");
        assert!(shares[0].1 > 0.9 && (shares.iter().map(|s| s.1).sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn few_trials_say_nothing_and_a_parameter_may_be_absent() {
        let few: Vec<Trial> = (0..3).map(|i| trial(i, json!({ "x": i }), i as f64)).collect();
        assert!(
            parameter_importance(&few, &FitContext::new(1)).unwrap_err().to_string().contains("3 complete")
        );
        let some: Vec<Trial> = (0..20)
            .map(|i| match i % 2 {
                0 => trial(i, json!({ "x": i }), i as f64),
                _ => trial(i, json!({ "x": i, "deeper": 2 * i }), i as f64),
            })
            .collect();
        let shares = parameter_importance(&some, &FitContext::new(1)).unwrap();
        assert_eq!(shares[0].0, "x");
    }

    #[test]
    fn losses_are_drawn_as_losses() {
        let trials = (0..10).map(|i| trial(i, json!({ "x": i }), -1.0 - i as f64)).collect();
        let tuned = Tuned { metric: "rmse", best: Default::default(), value: 1.0, trials };
        let svg = tuned.picture("Study", &FitContext::new(1)).unwrap();
        assert!(svg.contains("best rmse 1 in trial 0") && svg.contains("importance 100%"), "{svg}");
    }
}
