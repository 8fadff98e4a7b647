//! A learner inside another: its name and parameters.

use std::collections::BTreeMap;
use std::sync::Arc;

use prompt_core::{Error, Estimator, FitContext, Matrix, Model, Result, Tags, Target, Task};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::learners;

/// A learner by name with its parameters, as a configuration writes it.
///
/// ```
/// use prompt_core::Task;
/// use prompt_models::ensemble::Member;
/// use prompt_models::prelude::*;
/// let member = Member::of(&LinearSvm::default().c(0.5));
/// assert_eq!(member.estimator(Task::Classification)?.params()["c"], 0.5);
/// let named: Member = serde_json::from_str(r#"{"type": "linear_svm", "params": {"c": 0.5}}"#).unwrap();
/// assert_eq!(named.estimator(Task::Classification)?.params(), member.estimator(Task::Classification)?.params());
/// // A name alone stands for the learner with its defaults.
/// let plain: Member = serde_json::from_str(r#""linear_svm""#).unwrap();
/// assert_eq!(plain, Member::named("linear_svm"));
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Member {
    /// The learner.
    #[serde(rename = "type")]
    pub name: String,
    /// Parameters other than its defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Value>,
}

/// How a member is written: its name, or a table with it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Name(String),
    Table(Table),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(rename = "type")]
    name: String,
    #[serde(default)]
    params: BTreeMap<String, Value>,
}

impl From<Written> for Member {
    fn from(written: Written) -> Self {
        match written {
            Written::Name(name) => Self { name, params: BTreeMap::new() },
            Written::Table(Table { name, params }) => Self { name, params },
        }
    }
}

impl Member {
    /// The learner of this name with its defaults.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), params: BTreeMap::new() }
    }

    /// A learner with all its parameters.
    pub fn of(estimator: &dyn Estimator) -> Self {
        let params = match estimator.params() {
            Value::Object(map) => map.into_iter().collect(),
            _ => BTreeMap::new(),
        };
        Self { name: estimator.name().to_owned(), params }
    }

    /// The learner for a task.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Param`] for a name or parameter that it does not have.
    pub fn estimator(&self, task: Task) -> Result<Box<dyn Estimator>> {
        let mut estimator = learners::estimator(task, &self.name)?;
        for (name, value) in &self.params {
            estimator = estimator.with_param(name, value)?;
        }
        Ok(estimator)
    }

    /// Fits it; an error says whose it is.
    pub(crate) fn fit(&self, task: Task, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<Arc<dyn Model>> {
        self.estimator(task)?.fit_model(x, y, ctx)
    }
}

/// What an ensemble takes whose members see the rows as they are: what every one of them takes, and of one class or few rows no
/// less than `own` says. Members that are not legal are left out: the check of the parameters names them.
pub(crate) fn common_tags<'a>(own: Tags, members: impl IntoIterator<Item = &'a Member>) -> Tags {
    let open = Tags { missing: true, categorical: true, scale_free: true, ..own };
    let legal = members.into_iter().filter_map(|member| member.estimator(own.task).ok());
    legal.fold(open, |tags, estimator| tags.and(estimator.tags()))
}

/// Every member is known for the task and has legal parameters, and there is at least one.
pub(crate) fn check_members(owner: &str, members: &[Member], task: Task) -> Result<()> {
    if members.is_empty() {
        return Err(Error::param(owner, "members", "at least one model", "none"));
    }
    members.iter().try_for_each(|member| member.estimator(task).map(|_| ()))
}

/// What is to be known of the fits of several models: each remark once, with how many of them it is about.
pub(crate) fn notes_of(models: &[Arc<dyn Model>]) -> Vec<String> {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for model in models {
        for note in model.notes() {
            *found.entry(format!("{}: {note}", model.kind())).or_default() += 1;
        }
    }
    let all = models.len();
    found.into_iter().map(|(note, count)| format!("{count} of {all} models inside, {note}")).collect()
}
