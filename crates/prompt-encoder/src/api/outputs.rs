//! What a classifier's logits mean: heads, and numbers from logits.

use prompt_core::{Classes, Head, Output, Result, softmax};

use crate::config::{EncoderConfig, HeadAnswer, MultiTask, ProblemType, PromptHead, TaskHead};

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
    /// Heads that transformers does not have.
    Own(Vec<HeadAnswer>),
}

pub(super) fn read(config: &EncoderConfig) -> Result<(Meaning, Vec<Head>)> {
    if let Some(tasks) = &config.head.tasks {
        return Ok((Meaning::Several(tasks.clone()), several(tasks)?));
    }
    if !config.head.prompt_heads.is_empty() {
        return own(&config.head.prompt_heads);
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

fn own(heads: &[PromptHead]) -> Result<(Meaning, Vec<Head>)> {
    let answers = heads.iter().map(|head| head.answer.clone()).collect();
    let head = |head: &PromptHead| {
        let output = match &head.answer {
            HeadAnswer::Classes(names) | HeadAnswer::Levels(names) => Output::Classes(Classes::new(names)?),
            HeadAnswer::Number { .. } => Output::Values(vec![head.name.clone()]),
        };
        Ok(Head { name: head.name.clone(), output })
    };
    Ok((Meaning::Own(answers), heads.iter().map(head).collect::<Result<_>>()?))
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
            Self::Own(answers) => return own_numbers(answers, &mut numbers),
        }
        numbers
    }
}

fn own_numbers(answers: &[HeadAnswer], logits: &mut [f64]) -> Vec<f64> {
    let mut out = Vec::new();
    let mut rest = logits;
    for answer in answers {
        let (part, after) = rest.split_at_mut(answer.scores());
        rest = after;
        match answer {
            HeadAnswer::Classes(_) => {
                softmax(part);
                out.extend_from_slice(part);
            }
            HeadAnswer::Levels(_) => levels(part, &mut out),
            HeadAnswer::Number { mean, deviation } => out.extend(part.iter().map(|z| z * deviation + mean)),
        }
    }
    out
}

/// The differences of P(level > step), which are made to fall first: thresholds that were learned may cross.
fn levels(thresholds: &[f64], out: &mut Vec<f64>) {
    let mut above = 1.0f64;
    for z in thresholds {
        let next = (1.0 / (1.0 + (-z).exp())).min(above);
        out.push(above - next);
        above = next;
    }
    out.push(above);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_stand_side_by_side() {
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let meaning = Meaning::Own(vec![
            HeadAnswer::Classes(names(&["a", "b"])),
            HeadAnswer::Levels(names(&["low", "middle", "high"])),
            HeadAnswer::Number { mean: 10.0, deviation: 2.0 },
        ]);
        let found = meaning.numbers(&[0.0, 0.0, 0.0, -1.0, 0.5]);
        let high = 1.0 / (1.0 + 1f64.exp());
        for (found, wanted) in found.iter().zip([0.5, 0.5, 0.5, 0.5 - high, high, 11.0]) {
            assert!((found - wanted).abs() < 1e-12, "{found} instead of {wanted}");
        }
        assert_eq!(found.len(), 6);
    }

    #[test]
    fn levels_are_probabilities_even_when_thresholds_cross() {
        let mut p = Vec::new();
        levels(&[-1.0, 1.0], &mut p);
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12 && p.iter().all(|v| *v >= 0.0), "{p:?}");
    }
}
