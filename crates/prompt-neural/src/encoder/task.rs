//! Several things that one encoder learns at once.

use prompt_core::{ClassWeight, Error, Output, Params, Result, Target, Values};
use prompt_encoder::HeadKind;

use super::fine_tune::FineTune;
use super::head::{Head, HeadSpec, OWN, SEVERAL};
use crate::loss::{Loss, LossKind, Scale};
use crate::network::output_of;

/// One of several things that an encoder learns at once ([`FineTune::fit_tasks`](crate::FineTune::fit_tasks)): a head
/// of its own over the same vector.
///
/// A row whose answer is not known for one task has weight 0 in that task's target and still teaches the others.
///
/// ```
/// use prompt_core::Target;
/// use prompt_neural::TaskSpec;
/// let complexity = Target::regression(vec![0.2, 0.9])?;
/// let task = TaskSpec::new("complexity", &complexity).weight(0.5).head("deep");
/// assert_eq!(task.name(), "complexity");
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TaskSpec<'a> {
    pub(super) name: String,
    pub(super) target: &'a Target,
    pub(super) weight: f64,
    pub(super) class_weight: Option<ClassWeight>,
    pub(super) head: Option<String>,
}

impl<'a> TaskSpec<'a> {
    /// A head of this name that learns `target`, with weight 1 in the loss.
    pub fn new(name: impl Into<String>, target: &'a Target) -> Self {
        Self { name: name.into(), target, weight: 1.0, class_weight: None, head: None }
    }

    /// The same with this weight, above 0: what is made small is Σ weight · loss over the tasks. Numbers are learned at
    /// mean 0 and deviation 1, so that their loss begins at about 1 and that of k classes at about ln k.
    #[must_use]
    pub fn weight(mut self, weight: f64) -> Self {
        self.weight = weight;
        self
    }

    /// The same with weights of its classes; by default those of [`FineTune`](crate::FineTune), which can then only be
    /// none or balanced.
    #[must_use]
    pub fn class_weight(mut self, class_weight: ClassWeight) -> Self {
        self.class_weight = Some(class_weight);
        self
    }

    /// The same with a head of this kind (`published`, `linear`, `deep`); by default that of
    /// [`FineTune`](crate::FineTune).
    #[must_use]
    pub fn head(mut self, head: impl Into<String>) -> Self {
        self.head = Some(head.into());
        self
    }

    /// What its answers go by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What can be said before data is read.
    pub(super) fn check(&self, heads: &[&str]) -> Result<()> {
        if self.name.is_empty() {
            return Err(Error::param("a task", "name", "a name", "nothing"));
        }
        if !(self.weight > 0.0 && self.weight.is_finite()) {
            return Err(Error::param(format!("task {}", self.name), "weight", "a number > 0", self.weight));
        }
        match &self.head {
            Some(head) if !heads.contains(&head.as_str()) => {
                Err(Error::unknown("head", head, heads.iter().copied()))
            }
            _ => Ok(()),
        }
    }
}

impl FineTune {
    /// The heads that these tasks need.
    pub(super) fn head_specs(&self, tasks: &[TaskSpec<'_>], rows: usize) -> Result<Vec<HeadSpec>> {
        if tasks.is_empty() {
            return Err(Error::input("there is nothing to learn", "give at least one task"));
        }
        let mut specs: Vec<HeadSpec> = Vec::new();
        for (i, task) in tasks.iter().enumerate() {
            task.check(Head::NAMES)?;
            if tasks[..i].iter().any(|before| before.name == task.name) {
                let what = format!("two tasks are called `{}`", task.name);
                return Err(Error::input(what, "give each a name of its own"));
            }
            let y = task.target;
            if rows != y.len() {
                return Err(Error::shape("rows of the target", rows, y.len()));
            }
            if rows == 0 {
                return Err(Error::input(
                    "there are no texts to learn from",
                    "give at least one of each class",
                ));
            }
            let (output, ordinal) = match output_of(y)? {
                (Output::Values(_), ordinal) => (Output::Values(vec![task.name.clone()]), ordinal),
                known => known,
            };
            let kind = Head::kind(task.head.as_ref().unwrap_or(&self.head));
            if kind == HeadKind::Deep && output.classes().is_some() && !ordinal {
                let help = "take head = published or linear";
                return Err(Error::unsupported("the deep head", "classes", help));
            }
            if kind == HeadKind::Published && self.surface {
                let legal = "false where a head is published: take head = linear, or for numbers deep";
                return Err(Error::param(Self::NAME, "surface", legal, true));
            }
            let scale = match y.values() {
                Values::Regression(values) => Some(Scale::of(values, y.weights())),
                _ => None,
            };
            // A folder calls the head of a single task so, and has no place for another name.
            let usual = if output.classes().is_some() { "class" } else { "score" };
            let prefix = match (tasks.len() == 1 && task.name == usual, kind) {
                (true, HeadKind::Published) => String::new(),
                (true, _) => OWN.to_owned(),
                _ => format!("{SEVERAL}{i}."),
            };
            specs.push(HeadSpec { name: task.name.clone(), prefix, kind, output, ordinal, scale });
        }
        Ok(specs)
    }

    /// What one task makes small. Beside others a choice that does not suit it is not made for it.
    pub(super) fn task_loss(&self, task: &TaskSpec<'_>, spec: &HeadSpec, several: bool) -> Result<Loss> {
        let classes = spec.output.classes().is_some();
        let mut kind = LossKind::named(&self.loss, self.focal_gamma, self.label_smoothing);
        if several && (!classes || spec.ordinal) {
            kind = LossKind::CrossEntropy { smoothing: 0.0 };
        }
        let class_weight = match (&task.class_weight, &self.class_weight) {
            (Some(own), _) => own.clone(),
            (None, ClassWeight::Explicit(_)) if several => {
                let legal = "none or balanced where there are several tasks: give each its own";
                return Err(Error::param(Self::NAME, "class_weight", legal, "a table"));
            }
            (None, _) if several && !classes => ClassWeight::None,
            (None, all) => all.clone(),
        };
        Loss::new(task.target, kind, &class_weight, spec.scale)
    }
}
