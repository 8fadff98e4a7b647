//! What is to be predicted: classes or numbers.

use prompt_core::{Column, Error, Result, Target, Task};

/// The task that a target column is for: numbers with more than two distinct values are to be predicted as numbers,
/// everything else as classes.
///
/// ```
/// use prompt_core::{Column, Task};
/// use prompt_models::tabular::task_of;
/// assert_eq!(task_of(&Column::Number(vec![0.0, 1.0, 0.0])), Task::Classification);
/// assert_eq!(task_of(&Column::Number(vec![0.5, 1.0, 7.0])), Task::Regression);
/// assert_eq!(task_of(&Column::category([Some("a"), Some("b")])), Task::Classification);
/// ```
pub fn task_of(column: &Column) -> Task {
    let Column::Number(values) = column else { return Task::Classification };
    let mut distinct: Vec<u64> = Vec::new();
    for value in values.iter().map(|v| v.to_bits()) {
        if !distinct.contains(&value) {
            distinct.push(value);
            if distinct.len() > 2 {
                return Task::Regression;
            }
        }
    }
    Task::Classification
}

/// The target of a column for a task. Classes are sorted by name.
///
/// # Errors
/// [`Error::Input`] naming the row of a missing value, or a value that is no number where numbers are to be predicted.
pub fn target_of(name: &str, column: &Column, task: Task) -> Result<Target> {
    let at = |row: usize, what: &str| {
        Error::input(
            format!("target `{name}`, row {row}: {what}"),
            match task {
                Task::Regression => "give a number in every row, or predict classes",
                Task::Classification => "give a class in every row",
            },
        )
    };
    if let Some(row) = (0..column.len()).find(|&i| !column.is_valid(i)) {
        return Err(at(row, "no value"));
    }
    match (task, column) {
        (Task::Regression, Column::Number(values)) => Target::regression(values.clone()),
        (Task::Regression, other) => Err(Error::input(
            format!("target `{name}` holds {} values", other.kind()),
            "numbers are needed; predict classes, or correct the values that are no numbers",
        )),
        (Task::Classification, Column::Category { codes, levels }) => {
            Ok(Target::labels(codes.iter().map(|&c| levels.get(c as usize).map_or("?", String::as_str))))
        }
        (Task::Classification, Column::Number(values)) => {
            Ok(Target::labels(values.iter().map(f64::to_string)))
        }
        (Task::Classification, Column::Text(texts)) => {
            Ok(Target::labels(texts.iter().map(|t| t.as_deref().unwrap_or("?"))))
        }
        (Task::Classification, other) => Err(Error::unsupported(
            format!("target `{name}`"),
            format!("{} values as classes", other.kind()),
            "give names or numbers",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_come_from_names_and_numbers() {
        let y = target_of("y", &Column::category([Some("b"), Some("a")]), Task::Classification).unwrap();
        assert_eq!(y.as_classes().unwrap().0, [1, 0]);
        let y = target_of("y", &Column::Number(vec![1.0, 0.5]), Task::Classification).unwrap();
        assert_eq!(y.as_classes().unwrap().1.names(), ["0.5", "1"]);
    }

    #[test]
    fn what_cannot_be_predicted_is_refused_with_the_row() {
        let error = target_of("y", &Column::Number(vec![1.0, f64::NAN]), Task::Regression).unwrap_err();
        assert!(error.to_string().starts_with("target `y`, row 1: no value"), "{error}");
        let words = Column::category([Some("b"), Some("a")]);
        assert!(
            target_of("y", &words, Task::Regression).unwrap_err().to_string().contains("category values")
        );
    }
}
