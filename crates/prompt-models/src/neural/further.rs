//! Further fields of the rows that an encoder learns beside the label.

use std::str::FromStr;

use prompt_core::{Error, Result, Target};
use prompt_data::Dataset;
use serde::Serialize;
use serde_json::Value;

use crate::score::COLUMNS;

/// A field that an encoder learns beside the label: classes where it holds names, a number where it holds numbers. Where
/// all that is known is text that reads as numbers, as the cells of a CSV file do, it holds numbers, too. Nothing is known
/// where a row has no such field, `null` or a blank text.
///
/// It may not be called as a column of the answers is (`label`, `score`, …).
///
/// ```
/// use prompt_models::neural::TaskField;
/// let field: TaskField = "complexity=0.5".parse()?;
/// assert_eq!((field.name.as_str(), field.weight), ("complexity", 0.5));
/// assert_eq!("complexity".parse::<TaskField>()?.weight, 1.0);
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskField {
    /// The field, and the name of the head that learns it.
    pub name: String,
    /// Of its loss, where that of the label has 1; above 0.
    pub weight: f64,
}

impl FromStr for TaskField {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, weight) = match text.rsplit_once('=') {
            None => (text, Some(1.0)),
            Some((name, weight)) => (name, weight.trim().parse().ok()),
        };
        match weight.filter(|w: &f64| *w > 0.0 && w.is_finite()) {
            Some(_) if COLUMNS.contains(&name.trim()) => Err(Error::input(
                format!("the field `{}` has the name of a column of the answers", name.trim()),
                format!("rename it in the rows; taken are {}", COLUMNS.join(", ")),
            )),
            Some(weight) if !name.trim().is_empty() => Ok(Self { name: name.trim().to_owned(), weight }),
            _ => Err(Error::input(
                format!("`{text}` is no field with a weight"),
                "write NAME or NAME=WEIGHT with a weight above 0, for example complexity=0.5",
            )),
        }
    }
}

impl TaskField {
    /// What the rows say in this field. A row in which it is not known has weight 0.
    ///
    /// # Errors
    /// A field that no row has; names and numbers mixed, or anything else, by the row.
    pub(crate) fn target(&self, data: &Dataset) -> Result<Target> {
        let blank = |v: &Value| v.as_str().is_some_and(|text| text.trim().is_empty());
        let value = |v: Option<Value>| v.filter(|v| !v.is_null() && !blank(v));
        let values: Vec<Option<Value>> = data.iter().map(|e| value(e.extra.get(&self.name))).collect();
        let Some((first, example)) = values.iter().enumerate().find_map(|(i, v)| Some((i, v.as_ref()?)))
        else {
            return Err(Error::input(
                format!("no row of {} has the field `{}`", data.origin(), self.name),
                "name a field that rows have beside text and label",
            ));
        };
        let weights = values.iter().map(|v| f64::from(u8::from(v.is_some()))).collect();
        let place = if first == 0 { "the first row" } else { "the first row that has it" };
        let wrong = |row: usize, wanted: &str| {
            let found = values[row].as_ref().unwrap_or(&Value::Null);
            let what = format!("`{}` must be {wanted}, got {found}", self.name);
            data.wrong_row(row, what, "give all rows names, or all rows numbers; null where it is not known")
        };
        let as_first = |wanted: &str| format!("{wanted} as in {place}");
        if let Some(numbers) = written_numbers(&values) {
            return Target::regression(numbers)?.with_weights(weights);
        }
        if example.is_number() {
            let number = |(row, value): (usize, &Option<Value>)| match value {
                None => Ok(0.0),
                Some(value) => value.as_f64().ok_or_else(|| wrong(row, &as_first("a number"))),
            };
            let numbers = values.iter().enumerate().map(number).collect::<Result<_>>()?;
            return Target::regression(numbers)?.with_weights(weights);
        }
        let name = |value: &Value| match value {
            Value::String(name) => Some(name.clone()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        };
        let filler = name(example).ok_or_else(|| wrong(first, "a name or a number"))?;
        let class = |(row, value): (usize, &Option<Value>)| match value {
            None => Ok(filler.clone()),
            Some(value) => name(value).ok_or_else(|| wrong(row, &as_first("a name"))),
        };
        let names = values.iter().enumerate().map(class).collect::<Result<Vec<_>>>()?;
        Target::labels(names).with_weights(weights)
    }
}

/// The numbers of texts that all read as finite numbers, 0 where nothing is known.
fn written_numbers(values: &[Option<Value>]) -> Option<Vec<f64>> {
    let number = |value: &Option<Value>| match value {
        None => Some(0.0),
        Some(value) => value.as_str()?.trim().parse().ok().filter(|v: &f64| v.is_finite()),
    };
    values.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use prompt_core::Values;
    use prompt_data::Example;
    use serde_json::json;

    use super::*;

    fn rows(values: &[Value]) -> Dataset {
        Dataset::new(values.iter().map(|value| {
            let mut example = Example::new("a text").with_label("x");
            example.extra.set("level", value).unwrap();
            example
        }))
    }

    fn target(values: &[Value]) -> Result<Target> {
        "level".parse::<TaskField>()?.target(&rows(values))
    }

    #[test]
    fn names_are_classes_numbers_are_numbers_and_null_counts_nothing() {
        let y = target(&[json!("low"), json!(null), json!("high")]).unwrap();
        let (codes, classes) = y.as_classes().unwrap();
        assert_eq!((codes, classes.names()), (&[1, 1, 0][..], &["high".to_owned(), "low".to_owned()][..]));
        assert_eq!(y.weights(), Some(&[1.0, 0.0, 1.0][..]));
        let y = target(&[json!(null), json!(2), json!(0.5)]).unwrap();
        assert!(matches!(y.values(), Values::Regression(v) if *v == [0.0, 2.0, 0.5]));
        assert_eq!(y.weights(), Some(&[0.0, 1.0, 1.0][..]));
    }

    #[test]
    fn cells_that_all_read_as_numbers_are_numbers_and_blank_ones_are_not_known() {
        let y = target(&[json!("2"), json!(""), json!(" 0.5 "), json!("  ")]).unwrap();
        assert!(matches!(y.values(), Values::Regression(v) if *v == [2.0, 0.0, 0.5, 0.0]));
        assert_eq!(y.weights(), Some(&[1.0, 0.0, 1.0, 0.0][..]));
        for other in ["high", "inf", "NaN"] {
            let y = target(&[json!("2"), json!(""), json!(other)]).unwrap();
            assert_eq!(y.as_classes().unwrap().1.names().len(), 2, "{other}");
            assert_eq!(y.weights(), Some(&[1.0, 0.0, 1.0][..]));
        }
        assert!(target(&[json!(""), json!(" ")]).unwrap_err().to_string().contains("no row of"));
    }

    #[test]
    fn a_name_of_a_column_is_refused() {
        for name in ["label", "text", "score", "flags=0.5", " line "] {
            let error = name.parse::<TaskField>().unwrap_err().to_string();
            assert!(error.contains("a column of the answers") && error.contains("true_label"), "{error}");
        }
    }

    #[test]
    fn what_is_neither_is_told_by_its_row() {
        let error = target(&[json!(1), json!("high")]).unwrap_err().to_string();
        assert!(error.contains("row 1") && error.contains("`level` must be a number"), "{error}");
        assert!(error.contains("as in the first row, got \"high\""), "{error}");
        let error = target(&[json!(null), json!("low"), json!(3)]).unwrap_err().to_string();
        assert!(error.contains("`level` must be a name as in the first row that has it, got 3"), "{error}");
        let error = target(&[json!(null), json!([1])]).unwrap_err().to_string();
        assert!(error.contains("row 1: `level` must be a name or a number, got [1]"), "{error}");
        assert!(target(&[json!(null)]).unwrap_err().to_string().contains("no row of"));
        for wrong in ["", "=1", "a=b", "a=0", "a=-1", "a=inf"] {
            assert!(wrong.parse::<TaskField>().is_err(), "{wrong}");
        }
    }
}
