//! The heads that a configuration describes.

use prompt_core::Result;
use serde_json::{Map, Value};

use super::Fields;
use super::own::{HeadKind, PromptHead};
use crate::surface::{KEY as SURFACE, SurfaceFeatures};

/// Labels without names.
pub(super) const MOST_LABELS: usize = 1 << 16;

/// What the numbers of a classification head mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProblemType {
    /// One of the labels: softmax.
    SingleLabel,
    /// Each label for itself: sigmoid.
    MultiLabel,
    /// Numbers as they come.
    Regression,
}

/// One of several heads over one pooled vector.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TaskHead {
    /// Its name in `target_sizes`.
    pub name: String,
    /// Its number of classes.
    pub size: usize,
    /// A weight for each class: the head's score is Σ pᵢ·wᵢ / `divisor`. None for a head of classes.
    pub weights: Option<Vec<f64>>,
    /// See `weights`.
    pub divisor: f64,
}

/// Several linear heads over the mean of the hidden states (`target_sizes`, `task_type_map`, `weights_map`,
/// `divisor_map`), the layout of NVIDIA's prompt-task-and-complexity classifier.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MultiTask {
    /// The heads; tensor names count them (`head_0.fc.weight`, …).
    pub heads: Vec<TaskHead>,
    /// The classes of the head `task_type`.
    pub task_types: Vec<String>,
}

/// Heads for classification, as published.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HeadConfig {
    /// The classes, by position (`id2label`).
    pub labels: Vec<String>,
    /// What the numbers mean, where the file says so.
    pub problem: Option<ProblemType>,
    /// Names of the classes the checkpoint was saved from (`BertForSequenceClassification`, …).
    pub architectures: Vec<String>,
    /// How a head pools, where the file says so (`classifier_pooling`: `cls` or `mean`).
    pub pooling: Option<String>,
    /// Several heads, where there are.
    pub tasks: Option<MultiTask>,
    /// Heads that transformers does not have (`prompt_head`, `prompt_heads`), instead of the published one.
    pub prompt_heads: Vec<PromptHead>,
    /// What those heads read beside the pooled vector, where they do (`prompt_surface`).
    pub surface: Option<SurfaceFeatures>,
}

impl HeadConfig {
    /// Whether the file says that the checkpoint has a head for classification.
    pub fn classifies(&self) -> bool {
        self.tasks.is_some()
            || !self.prompt_heads.is_empty()
            || self.architectures.iter().any(|a| a.ends_with("ForSequenceClassification"))
    }

    /// What the numbers mean: as the file says, else one label is a number and several exclude one another.
    pub fn problem_type(&self) -> ProblemType {
        self.problem.unwrap_or(if self.labels.len() == 1 {
            ProblemType::Regression
        } else {
            ProblemType::SingleLabel
        })
    }

    pub(super) fn read(f: &Fields<'_>) -> Result<Self> {
        let problem = match f.value(&["problem_type"]) {
            None => None,
            Some((_, value)) => Some(match value.as_str() {
                Some("single_label_classification") => ProblemType::SingleLabel,
                Some("multi_label_classification") => ProblemType::MultiLabel,
                Some("regression") => ProblemType::Regression,
                _ => {
                    return Err(f.bad(format!(
                        "`problem_type` must be single_label_classification, multi_label_classification \
                         or regression, got {value}"
                    )));
                }
            }),
        };
        let labels = match f.value(&["id2label"]) {
            None => {
                let n = f.size(&["num_labels"], Some(2), 1)?;
                if n > MOST_LABELS {
                    return Err(f.bad(format!("`num_labels` is {n}, at most {MOST_LABELS} are taken")));
                }
                (0..n).map(|i| format!("LABEL_{i}")).collect()
            }
            Some((_, Value::Object(map))) if map.is_empty() => {
                return Err(f.bad("`id2label` names no label".into()));
            }
            Some((_, Value::Object(map))) => numbered(f, "id2label", map)?,
            Some((_, other)) => return Err(f.bad(format!("`id2label` must be an object, got {other}"))),
        };
        let architectures = match f.map.get("architectures") {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let tasks = match f.value(&["target_sizes"]) {
            None => None,
            Some((_, Value::Object(sizes))) => Some(tasks(f, sizes)?),
            Some((_, other)) => return Err(f.bad(format!("`target_sizes` must be an object, got {other}"))),
        };
        let pooling = f.string("classifier_pooling").map(str::to_owned);
        let prompt_heads = PromptHead::read_all(f, &labels, problem)?;
        let surface = surface(f, tasks.is_none(), &prompt_heads)?;
        Ok(Self { labels, problem, architectures, pooling, tasks, prompt_heads, surface })
    }
}

/// Surface features are for heads that read them: a published one has no place for them.
fn surface(f: &Fields<'_>, alone: bool, heads: &[PromptHead]) -> Result<Option<SurfaceFeatures>> {
    let Some((_, value)) = f.value(&[SURFACE]) else { return Ok(None) };
    let reads = |head: &PromptHead| head.kind != HeadKind::Published;
    if !alone || heads.is_empty() || !heads.iter().all(reads) {
        let what = "is only for heads of the kind linear or deep (`prompt_head`, `prompt_heads`)";
        return Err(f.bad(format!("`{SURFACE}` {what}")));
    }
    SurfaceFeatures::from_json(value).map(Some).map_err(|what| f.bad(what))
}

/// The names of an object whose keys are `"0"`, `"1"`, … in any order.
fn numbered(f: &Fields<'_>, key: &str, map: &Map<String, Value>) -> Result<Vec<String>> {
    (0..map.len())
        .map(|i| match map.get(&i.to_string()) {
            Some(Value::String(name)) => Ok(name.clone()),
            Some(other) => Ok(other.to_string()),
            None => Err(f.bad(format!("`{key}` has {} entries, but none for {i}", map.len()))),
        })
        .collect()
}

fn tasks(f: &Fields<'_>, sizes: &Map<String, Value>) -> Result<MultiTask> {
    let object = |key: &str| f.map.get(key).and_then(Value::as_object);
    let (weights_map, divisors) = (object("weights_map"), object("divisor_map"));
    let task_types = object("task_type_map").map_or(Ok(Vec::new()), |m| numbered(f, "task_type_map", m))?;
    let heads = sizes
        .iter()
        .map(|(name, size)| {
            let size = size.as_u64().filter(|n| (1..=1 << 20).contains(n)).ok_or_else(|| {
                f.bad(format!("`target_sizes.{name}` must be a whole number ≥ 1, got {size}"))
            })? as usize;
            let weights = match weights_map.and_then(|m| m.get(name)).and_then(Value::as_array) {
                None => None,
                Some(list) => {
                    let weights: Vec<f64> = list.iter().filter_map(Value::as_f64).collect();
                    if weights.len() != size {
                        return Err(f.bad(format!(
                            "`weights_map.{name}` must hold {size} numbers, one a class, got {}",
                            weights.len()
                        )));
                    }
                    Some(weights)
                }
            };
            let divisor = divisors.and_then(|m| m.get(name)).and_then(Value::as_f64).unwrap_or(1.0);
            if divisor == 0.0 || !divisor.is_finite() {
                return Err(f.bad(format!("`divisor_map.{name}` must not be {divisor}")));
            }
            if weights.is_none() && !task_types.is_empty() && task_types.len() != size {
                return Err(f.bad(format!(
                    "`task_type_map` names {} classes, but the head `{name}` has {size}",
                    task_types.len()
                )));
            }
            Ok(TaskHead { name: name.clone(), size, weights, divisor })
        })
        .collect::<Result<Vec<_>>>()?;
    if heads.is_empty() {
        return Err(f.bad("`target_sizes` names no head".into()));
    }
    Ok(MultiTask { heads, task_types })
}
