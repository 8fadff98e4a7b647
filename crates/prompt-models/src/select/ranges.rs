//! What random search and TPE choose from when nobody says.

use prompt_core::{Estimator, Result, Task};
use serde_json::Value;

use super::space::{Domain, Space};
use crate::learners;

/// The space that a search over a learner's parameters uses unless it is told another.
///
/// Trees, forests and boosting have ranges of their own; every other learner has the values of its built-in grid made
/// into ranges: numbers from a third of the smallest to three times the largest, by ratios where the grid spans a
/// factor of four or more, cut to what is legal; words and mixed values stay choices.
///
/// ```
/// use prompt_core::Task;
/// use prompt_models::select::builtin_space;
/// let space = builtin_space(Task::Classification, "logistic_regression")?;
/// assert!(space.dimensions().iter().any(|d| d.name == "c"));
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Unknown`](prompt_core::Error::Unknown) with the names known for the task.
pub fn builtin_space(task: Task, name: &str) -> Result<Space> {
    let learner = learners::estimator(task, name)?;
    Ok(match learner.name() {
        "decision_tree" => Space::new().int("max_depth", 2, 24).log_int("min_samples_leaf", 1, 64).log_int(
            "min_samples_split",
            2,
            64,
        ),
        "random_forest" | "extra_trees" => Space::new()
            .float("max_features", 0.1, 1.0)
            .log_int("min_samples_leaf", 1, 32)
            .int("max_depth", 4, 32),
        "hist_gradient_boosting" => Space::new()
            .log_float("learning_rate", 0.01, 0.3)
            .log_int("max_leaf_nodes", 7, 127)
            .log_int("min_samples_leaf", 5, 100)
            .log_float("l2_regularization", 1e-3, 10.0),
        "gradient_boosting" => Space::new()
            .log_float("learning_rate", 0.02, 0.3)
            .int("max_depth", 1, 6)
            .log_int("min_samples_leaf", 1, 50),
        _ => {
            let grid = learners::builtin_grid(task, name)?;
            grid.iter().fold(Space::new(), |space, (param, values)| {
                space.with(param, range(&*learner, param, values))
            })
        }
    })
}

/// The values of a grid as a range where they are numbers of one kind.
fn range(learner: &dyn Estimator, param: &str, values: &[Value]) -> Domain {
    let numbers: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
    let choice = Domain::Choice { values: values.to_vec() };
    let Some(numbers) = numbers.filter(|n| n.len() > 1) else { return choice };
    let (low, high) = numbers.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), n| (a.min(*n), b.max(*n)));
    let log = low > 0.0 && high >= 4.0 * low;
    let legal = |value: Value| learner.with_param(param, &value).is_ok();
    if values.iter().all(|v| v.is_i64() || v.is_u64()) {
        let (low, high) = (low as i64, high as i64);
        let lower =
            [low / 3, low].into_iter().find(|v| legal((*v).into()) && (!log || *v > 0)).unwrap_or(low);
        let upper = [high * 3, high].into_iter().find(|v| legal((*v).into())).unwrap_or(high);
        return Domain::Int { low: lower, high: upper, log, step: 1 };
    }
    let lower = [low / 3.0, low].into_iter().find(|v| legal((*v).into())).unwrap_or(low);
    let upper = [high * 3.0, high].into_iter().find(|v| legal((*v).into())).unwrap_or(high);
    Domain::Float { low: lower, high: upper, log, step: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_learner_has_a_space_of_legal_values() {
        for task in [Task::Classification, Task::Regression] {
            for name in learners::names(task) {
                let space = builtin_space(task, name).unwrap();
                space.validate().unwrap();
                assert_eq!(
                    space.is_empty(),
                    learners::builtin_grid(task, name).unwrap().is_empty(),
                    "{name}"
                );
                let learner = learners::estimator(task, name).unwrap();
                for d in space.dimensions() {
                    for value in d.domain.ends() {
                        learner.with_param(&d.name, &value).unwrap();
                    }
                }
            }
        }
    }
}
