//! The events of a study: how it began, and each trial that ended.

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Plan;
use crate::select::Params;
use crate::select::sampler::Outcome;

/// The version of the events.
const VERSION: u32 = 1;

/// A trial that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its number, from 0.
    pub number: usize,
    /// The point.
    pub params: Params,
    /// How it ended.
    pub state: State,
    /// Its score, larger is better; of complete trials only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// What it reported on the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "steps")]
    pub steps: Vec<f64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long it took.
    pub seconds: f64,
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// With a score.
    Complete,
    /// Given up.
    Pruned,
    /// With an error.
    Failed,
}

/// JSON has no NaN: a step that is none is `null`.
mod steps {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(steps: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(steps.iter().map(|s| s.is_finite().then_some(*s)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let steps = Vec::<Option<f64>>::deserialize(deserializer)?;
        Ok(steps.into_iter().map(|s| s.unwrap_or(f64::NAN)).collect())
    }
}

impl Trial {
    pub(crate) fn pending(number: usize, params: Params) -> Self {
        let (score, steps, error) = (None, Vec::new(), None);
        Self { number, params, state: State::Failed, score, steps, error, seconds: 0.0 }
    }

    pub(super) fn outcome(&self) -> Outcome {
        match (self.state, self.score) {
            (State::Complete, Some(score)) => Outcome::Complete(score),
            (State::Pruned, _) => match self.steps.last() {
                Some(last) if !last.is_nan() => Outcome::Pruned(self.steps.len(), *last),
                _ => Outcome::Pruned(0, f64::NEG_INFINITY),
            },
            _ => Outcome::Failed,
        }
    }
}

/// The first event.
pub(super) fn begin(plan: &Plan) -> Value {
    json!({ "event": "study", "version": VERSION, "plan": plan })
}

/// The event of a trial.
pub(super) fn of(trial: &Trial) -> Value {
    let mut event = json!({ "event": "trial" });
    if let (Value::Object(event), Ok(Value::Object(trial))) = (&mut event, serde_json::to_value(trial)) {
        event.extend(trial);
    }
    event
}

fn damaged(what: &str) -> Error {
    Error::input(format!("the study cannot be resumed: {what}"), "begin another study, with a new file")
}

/// Whether a study began with the same plan.
///
/// # Errors
/// [`Error::Input`] that says what differs.
pub(super) fn same(event: &Value, plan: &Plan) -> Result<()> {
    if event["event"] != "study" {
        return Err(damaged("it does not begin with a study"));
    }
    if event["version"] != VERSION {
        let found = &event["version"];
        return Err(damaged(&format!("its version is {found}, and this program knows {VERSION}")));
    }
    let Ok(own) = serde_json::to_value(plan) else {
        return Err(damaged("its plan cannot be written"));
    };
    let theirs = &event["plan"];
    for part in ["space", "about", "sampler", "pruner", "seed", "generation"] {
        let (own, theirs) = (&own[part], &theirs[part]);
        if own != theirs {
            return Err(damaged(&format!(
                "{} is {theirs} there and {own} here",
                difference(part, own, theirs)
            )));
        }
    }
    Ok(())
}

/// Names the first thing in which two parts of a plan differ.
fn difference(part: &str, own: &Value, theirs: &Value) -> String {
    let what = match part {
        "space" => "its search space",
        "about" => "what it searches for",
        other => return format!("its {other}"),
    };
    let named = |all: &Value, name: &Value| {
        all.as_array().is_some_and(|a| a.iter().any(|d| d["name"] == *name && Some(d) == find(own, name)))
    };
    let first = own.as_array().and_then(|a| a.iter().find(|d| !named(theirs, &d["name"])));
    match first {
        Some(dimension) => format!("{what} (parameter {})", dimension["name"]),
        None => what.to_owned(),
    }
}

fn find<'a>(all: &'a Value, name: &Value) -> Option<&'a Value> {
    all.as_array()?.iter().find(|d| d["name"] == *name)
}

/// The trials of the other events, by number.
///
/// # Errors
/// [`Error::Input`] naming the event that is none.
pub(super) fn trials(events: &[Value]) -> Result<Vec<Option<Trial>>> {
    let mut trials: Vec<Option<Trial>> = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let trial =
            Trial::deserialize(event).map_err(|e| damaged(&format!("event {} is no trial: {e}", at + 2)))?;
        // Every trial is written once; a number beyond all reason is damage, not a reason to reserve memory.
        if trial.number > events.len() + 100_000 {
            return Err(damaged(&format!("event {} has the number {}", at + 2, trial.number)));
        }
        if trials.len() <= trial.number {
            trials.resize(trial.number + 1, None);
        }
        let number = trial.number;
        if trials[number].is_none() {
            trials[number] = Some(trial);
        }
    }
    Ok(trials)
}
