//! What a classifier's logits mean: heads, and numbers from logits.

use prompt_core::{Classes, Head, Output, Result, softmax};

use crate::config::{EncoderConfig, MultiTask, ProblemType, TaskHead};

/// The score that is made from several heads, as published: what each head weighs.
const COMPLEXITY: [(&str, f64); 6] = [
    ("creativity_scope", 0.35),
    ("reasoning", 0.25),
    ("constraint_ct", 0.15),
    ("domain_knowledge", 0.15),
    ("contextual_knowledge", 0.05),
    ("number_of_few_shots", 0.05),
];

/// Its name.
const COMPLEXITY_NAME: &str = "prompt_complexity_score";

/// Fewer shots than this are none, as published.
const LEAST_SHOTS: f64 = 0.05;

/// From logits to the numbers of heads.
#[derive(Debug, Clone)]
pub(super) enum Meaning {
    One(ProblemType),
    /// A number that was learned with mean 0 and deviation 1 (`prompt_scale` in `config.json`).
    Scaled {
        mean: f64,
        deviation: f64,
    },
    Several(MultiTask),
}

pub(super) fn read(config: &EncoderConfig) -> Result<(Meaning, Vec<Head>)> {
    if let Some(tasks) = &config.head.tasks {
        return Ok((Meaning::Several(tasks.clone()), several(tasks)?));
    }
    let labels = &config.head.labels;
    let problem = config.head.problem_type();
    let head = match problem {
        ProblemType::SingleLabel => {
            Head { name: "class".into(), output: Output::Classes(Classes::new(labels)?) }
        }
        ProblemType::MultiLabel => Head { name: "labels".into(), output: Output::Values(labels.clone()) },
        ProblemType::Regression => {
            let names = if labels.len() == 1 { vec!["score".to_owned()] } else { labels.clone() };
            Head { name: "score".into(), output: Output::Values(names) }
        }
    };
    let meaning = match scale(config).filter(|_| problem == ProblemType::Regression) {
        Some((mean, deviation)) => Meaning::Scaled { mean, deviation },
        None => Meaning::One(problem),
    };
    Ok((meaning, vec![head]))
}

/// The way back from the scale in which numbers were learned, where the file tells it.
fn scale(config: &EncoderConfig) -> Option<(f64, f64)> {
    let scale = config.raw().get("prompt_scale")?;
    Some((scale["mean"].as_f64()?, scale["deviation"].as_f64()?))
}

fn several(tasks: &MultiTask) -> Result<Vec<Head>> {
    let value = |name: &str| Head { name: name.to_owned(), output: Output::Values(vec![name.to_owned()]) };
    let mut heads = tasks
        .heads
        .iter()
        .map(|task| match &task.weights {
            Some(_) => Ok(value(&task.name)),
            None => {
                let names = match tasks.task_types.len() {
                    n if n == task.size => tasks.task_types.clone(),
                    _ => (0..task.size).map(|i| format!("LABEL_{i}")).collect(),
                };
                Ok(Head { name: task.name.clone(), output: Output::Classes(Classes::new(names)?) })
            }
        })
        .collect::<Result<Vec<_>>>()?;
    if has_complexity(&tasks.heads) {
        heads.push(value(COMPLEXITY_NAME));
    }
    Ok(heads)
}

fn has_complexity(heads: &[TaskHead]) -> bool {
    COMPLEXITY.iter().all(|(name, _)| heads.iter().any(|h| h.name == *name && h.weights.is_some()))
}

impl Meaning {
    /// The numbers of all heads, one after another.
    pub(super) fn numbers(&self, logits: &[f32]) -> Vec<f64> {
        let mut numbers: Vec<f64> = logits.iter().map(|&v| f64::from(v)).collect();
        match self {
            Self::One(ProblemType::SingleLabel) => softmax(&mut numbers),
            Self::One(ProblemType::MultiLabel) => {
                numbers.iter_mut().for_each(|v| *v = 1.0 / (1.0 + (-*v).exp()));
            }
            Self::One(ProblemType::Regression) => {}
            Self::Scaled { mean, deviation } => {
                numbers.iter_mut().for_each(|v| *v = *v * deviation + mean);
            }
            Self::Several(tasks) => return several_numbers(tasks, &mut numbers),
        }
        numbers
    }
}

fn several_numbers(tasks: &MultiTask, logits: &mut [f64]) -> Vec<f64> {
    let mut out = Vec::new();
    let mut complexity = 0.0;
    let mut rest = logits;
    for task in &tasks.heads {
        let (part, after) = rest.split_at_mut(task.size);
        rest = after;
        softmax(part);
        match &task.weights {
            None => out.extend_from_slice(part),
            Some(weights) => {
                let sum: f64 = part.iter().zip(weights).map(|(p, w)| p * w).sum();
                let mut score = sum / task.divisor;
                if task.name == "number_of_few_shots" && score < LEAST_SHOTS {
                    score = 0.0;
                }
                let weight = COMPLEXITY.iter().find(|(name, _)| *name == task.name).map_or(0.0, |(_, w)| *w);
                complexity += weight * score;
                out.push(score);
            }
        }
    }
    if has_complexity(&tasks.heads) {
        out.push(complexity);
    }
    out
}
