//! Several things that one encoder learns at once.

use prompt_core::{ClassWeight, Error, Result, Target};

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
