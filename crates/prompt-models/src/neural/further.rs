//! Further fields of the rows that an encoder learns beside the label.

use std::str::FromStr;

use prompt_core::{Error, Result, Target};
use prompt_data::Dataset;
use serde_json::Value;

/// A field that an encoder learns beside the label: classes where it holds names, a number where it holds numbers.
///
/// ```
/// use prompt_models::neural::TaskField;
/// let field: TaskField = "complexity=0.5".parse()?;
/// assert_eq!((field.name.as_str(), field.weight), ("complexity", 0.5));
/// assert_eq!("complexity".parse::<TaskField>()?.weight, 1.0);
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
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
            Some(weight) if !name.trim().is_empty() => Ok(Self { name: name.trim().to_owned(), weight }),
            _ => Err(Error::input(
                format!("`{text}` is no field with a weight"),
                "write NAME or NAME=WEIGHT with a weight above 0, for example complexity=0.5",
            )),
        }
    }
}

impl TaskField {
    /// What the rows say in this field. A row without it has weight 0.
    ///
    /// # Errors
    /// A field that no row has; names and numbers mixed, or anything else, by the row.
    pub(crate) fn target(&self, data: &Dataset) -> Result<Target> {
        let values: Vec<Value> =
            data.iter().map(|e| e.extra.get(&self.name).unwrap_or(Value::Null)).collect();
        let known = |v: &&Value| !v.is_null();
        let Some(first) = values.iter().find(known) else {
            return Err(Error::input(
                format!("no row of {} has the field `{}`", data.origin(), self.name),
                "name a field that rows have beside text and label",
            ));
        };
        let weights = values.iter().map(|v| if v.is_null() { 0.0 } else { 1.0 }).collect();
        let wrong = |row: usize, wanted: &str| {
            let what = format!("`{}` must be {wanted} as in the first row, got {}", self.name, values[row]);
            data.wrong_row(row, what, "give all rows names, or all rows numbers; null where it is not known")
        };
        if first.is_number() {
            let number = |(row, value): (usize, &Value)| match value {
                Value::Null => Ok(0.0),
                value => value.as_f64().ok_or_else(|| wrong(row, "a number")),
            };
            let numbers = values.iter().enumerate().map(number).collect::<Result<_>>()?;
            return Target::regression(numbers)?.with_weights(weights);
        }
        let name = |value: &Value| match value {
            Value::String(name) => Some(name.clone()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        };
        let filler = name(first).ok_or_else(|| wrong(0, "a name or a number"))?;
        let class = |(row, value): (usize, &Value)| match value {
            Value::Null => Ok(filler.clone()),
            value => name(value).ok_or_else(|| wrong(row, "a name")),
        };
        let names = values.iter().enumerate().map(class).collect::<Result<Vec<_>>>()?;
        Target::labels(names).with_weights(weights)
    }
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
    fn what_is_neither_is_told_by_its_row() {
        let error = target(&[json!(1), json!("high")]).unwrap_err().to_string();
        assert!(error.contains("row 1") && error.contains("`level` must be a number"), "{error}");
        let error = target(&[json!("low"), json!(3)]).unwrap_err().to_string();
        assert!(error.contains("`level` must be a name"), "{error}");
        assert!(target(&[json!([1])]).unwrap_err().to_string().contains("a name or a number"));
        assert!(target(&[json!(null)]).unwrap_err().to_string().contains("no row of"));
        for wrong in ["", "=1", "a=b", "a=0", "a=-1", "a=inf"] {
            assert!(wrong.parse::<TaskField>().is_err(), "{wrong}");
        }
    }
}
