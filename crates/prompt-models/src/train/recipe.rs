//! What is trained.

use std::collections::BTreeMap;

use prompt_core::{Classes, Error, Estimator, Result, Target, Task};
use prompt_data::sanitise::Sanitiser;
use prompt_data::synth::SECURITY_CLASSES;
use prompt_data::{Dataset, Fields};
use serde_json::Value;

use crate::learners;
use crate::neural::{self, Network};
use crate::pipeline::Features;
use crate::select::expand;

/// A pipeline to be trained: sanitiser, features, learner; or a network, which reads the texts itself.
///
/// ```
/// use prompt_models::train::Recipe;
/// let recipe = Recipe::of_task("security")?.model("logistic_regression")?.param("c", &4.0.into())?;
/// assert_eq!((recipe.learner(), &recipe.params()["c"]), ("logistic_regression", &4.0.into()));
/// assert!(Recipe::of_task("poetry").is_err());
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recipe {
    task: String,
    sanitiser: Option<Sanitiser>,
    features: Features,
    predicts: Task,
    learner: Learner,
    /// Parameters that the caller set: they are not searched.
    fixed: Vec<String>,
    /// The field of row weights.
    weight_field: Option<String>,
}

/// What learns.
#[derive(Clone, Debug)]
pub(crate) enum Learner {
    /// From columns, which the features make of texts.
    Columns(Box<dyn Estimator>),
    /// From the texts.
    Network(Box<Network>),
}

/// The task whose classes are known beforehand.
pub(super) const SECURITY: &str = "security";

/// The tasks with a preset.
const TASKS: [&str; 4] = [SECURITY, "intent", "chat", "text"];

impl Recipe {
    /// The preset of a task: word and character n-grams with a linear SVM, sanitised for `security`.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the tasks that have a preset.
    pub fn of_task(task: &str) -> Result<Self> {
        if !TASKS.contains(&task) {
            return Err(Error::unknown("task", task, TASKS));
        }
        Ok(Self {
            task: task.to_owned(),
            sanitiser: (task == SECURITY).then(Sanitiser::default),
            features: Features::default(),
            predicts: Task::Classification,
            learner: Learner::Columns(learners::estimator(Task::Classification, "linear_svm")?),
            fixed: Vec::new(),
            weight_field: None,
        })
    }

    /// With another learner, by its name in [`learners`] or [`neural`].
    ///
    /// # Errors
    /// [`Error::Unknown`] with the known names, [`Error::Unsupported`] for a network that this build has not.
    pub fn model(mut self, name: &str) -> Result<Self> {
        self.learner = if neural::is_network(name) {
            Learner::Network(Box::new(Network::named(name)?))
        } else {
            Learner::Columns(learners::estimator(self.predicts, name).map_err(with_networks)?)
        };
        self.fixed.clear();
        Ok(self)
    }

    /// For numbers in place of classes: the rows' targets are predicted, by ridge regression unless another learner is named
    /// after this.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a task whose classes are known.
    pub fn numbers(mut self) -> Result<Self> {
        if self.task != "text" {
            return Err(Error::unsupported(
                format!("the task `{}`", self.task),
                "numbers as targets",
                "take the task `text`",
            ));
        }
        self.predicts = Task::Regression;
        self.learner = Learner::Columns(learners::estimator(Task::Regression, "ridge")?);
        self.fixed.clear();
        Ok(self)
    }

    /// Classes or numbers.
    pub fn predicts(&self) -> Task {
        self.predicts
    }

    /// With a parameter of the learner set.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Param`].
    pub fn param(mut self, name: &str, value: &Value) -> Result<Self> {
        self.learner = match &self.learner {
            Learner::Columns(estimator) => Learner::Columns(estimator.with_param(name, value)?),
            Learner::Network(network) => Learner::Network(Box::new(network.with_param(name, value)?)),
        };
        self.fixed.push(name.to_owned());
        Ok(self)
    }

    /// With other features.
    #[must_use]
    pub fn features(mut self, features: Features) -> Self {
        self.features = features;
        self
    }

    /// With another sanitiser, or none.
    #[must_use]
    pub fn sanitiser(mut self, sanitiser: Option<Sanitiser>) -> Self {
        self.sanitiser = sanitiser;
        self
    }

    /// With row weights: numbers ≥ 0 in this field of every row ([`Dataset::weights`]). What is measured is weighted too.
    #[must_use]
    pub fn weight_field(mut self, name: Option<String>) -> Self {
        self.weight_field = name;
        self
    }

    /// The learner's name.
    pub fn learner(&self) -> &'static str {
        match &self.learner {
            Learner::Columns(estimator) => estimator.name(),
            Learner::Network(network) => network.name(),
        }
    }

    /// The learner's parameters.
    pub fn params(&self) -> Value {
        match &self.learner {
            Learner::Columns(estimator) => estimator.params(),
            Learner::Network(network) => network.params(),
        }
    }

    /// The learner of columns.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a network, which reads texts.
    pub(crate) fn columns(&self) -> Result<&dyn Estimator> {
        match &self.learner {
            Learner::Columns(estimator) => Ok(&**estimator),
            Learner::Network(network) => Err(Error::unsupported(
                format!("the network `{}`", network.name()),
                "being a student",
                "take a learner of columns, such as logistic_regression",
            )),
        }
    }

    /// What learns.
    pub(crate) fn chosen(&self) -> &Learner {
        &self.learner
    }

    /// How the task's input fields are called.
    pub fn fields(&self) -> Fields {
        if self.task == SECURITY { Fields::security() } else { Fields::default() }
    }

    /// What each row is to be predicted as.
    pub(crate) fn target(&self, data: &Dataset) -> Result<Target> {
        let target = if self.predicts() == Task::Regression {
            Target::regression(data.targets()?)?
        } else {
            let labels = data.labels()?;
            Target::labels_among(&labels, &self.classes(&labels)?)?
        };
        match &self.weight_field {
            Some(field) => target.with_weights(data.weights(field)?),
            None => Ok(target),
        }
    }

    /// The sanitiser, where there is one.
    pub(crate) fn sanitiser_params(&self) -> Option<&Sanitiser> {
        self.sanitiser.as_ref()
    }

    /// The features.
    pub(crate) fn feature_set(&self) -> &Features {
        &self.features
    }

    /// The task's name.
    pub(crate) fn task_name(&self) -> &str {
        &self.task
    }

    /// Parameters that the caller set.
    pub(crate) fn fixed(&self) -> &[String] {
        &self.fixed
    }

    pub(crate) fn classes(&self, labels: &[&str]) -> Result<Classes> {
        if self.task == SECURITY { Classes::new(SECURITY_CLASSES) } else { Ok(Classes::sorted(labels)) }
    }

    /// Every combination of the learner's built-in grid, leaving alone what the caller set.
    pub(super) fn points(&self) -> Result<Vec<BTreeMap<String, Value>>> {
        let grid = learners::builtin_grid(self.predicts, self.learner())?;
        let free = grid.iter().filter(|(name, _)| !self.fixed.iter().any(|f| f == name));
        Ok(expand(free.map(|(name, values)| (*name, values.as_slice()))))
    }
}

/// Networks are learners too, where texts are learned from.
fn with_networks(error: Error) -> Error {
    match error {
        Error::Unknown { kind, name, mut known } => {
            known.extend(neural::NAMES.map(str::to_owned));
            Error::Unknown { kind, name, known }
        }
        other => other,
    }
}
