//! What is to be predicted: single label, multi-label, ordinal, regression, several outputs. Weights ride along.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Names of classes in a fixed order; a class is known by its position. Cloning is cheap.
///
/// ```
/// use prompt_core::Classes;
/// let classes = Classes::sorted(["spam", "ham", "spam"]);
/// assert_eq!(classes.names(), ["ham", "spam"]);
/// assert_eq!(classes.code("spam"), Some(1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Classes(Arc<[String]>);

impl Classes {
    /// These classes in this order.
    ///
    /// # Errors
    /// [`Error::Input`] when a name comes twice or there are none.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Result<Self> {
        let names: Arc<[String]> = names.into_iter().map(Into::into).collect();
        if names.is_empty() {
            return Err(Error::input("no classes", "give at least one class name"));
        }
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|w| w[0] == w[1]) {
            return Err(Error::input(format!("class `{}` is named twice", twice[0]), "name each class once"));
        }
        Ok(Self(names))
    }

    /// The distinct labels in sorted order (scikit-learn's `np.unique`).
    pub fn sorted<S: AsRef<str>>(labels: impl IntoIterator<Item = S>) -> Self {
        let distinct: std::collections::BTreeSet<String> =
            labels.into_iter().map(|l| l.as_ref().to_owned()).collect();
        Self(distinct.into_iter().collect())
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names in order.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The name of a class; `?` beyond the last.
    pub fn name(&self, code: u32) -> &str {
        self.0.get(code as usize).map_or("?", String::as_str)
    }

    /// The position of a name.
    pub fn code(&self, name: &str) -> Option<u32> {
        self.0.iter().position(|n| n == name).map(|i| i as u32)
    }

    /// The positions of many names.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a label that is no class, naming the row.
    pub fn encode<S: AsRef<str>>(&self, labels: impl IntoIterator<Item = S>) -> Result<Vec<u32>> {
        let codes: BTreeMap<&str, u32> =
            self.0.iter().enumerate().map(|(i, n)| (n.as_str(), i as u32)).collect();
        labels
            .into_iter()
            .enumerate()
            .map(|(row, label)| {
                codes.get(label.as_ref()).copied().ok_or_else(|| {
                    Error::unknown("label", format!("{} (row {row})", label.as_ref()), self.0.iter())
                })
            })
            .collect()
    }
}

/// The values of a [`Target`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Values {
    /// One class a row, by position in `classes`.
    Classes {
        /// A class for every row.
        codes: Vec<u32>,
        /// The classes.
        classes: Classes,
    },
    /// As [`Values::Classes`], where the order of the classes means something.
    Ordinal {
        /// A level for every row.
        codes: Vec<u32>,
        /// The levels from lowest to highest.
        classes: Classes,
    },
    /// A number a row.
    Regression(Vec<f64>),
    /// Any number of classes a row.
    MultiLabel {
        /// The classes of every row, rising.
        rows: Vec<Vec<u32>>,
        /// The classes.
        classes: Classes,
    },
    /// Several targets at once (intent and complexity).
    MultiOutput(Vec<(String, Values)>),
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Classes { codes, .. } | Self::Ordinal { codes, .. } => codes.len(),
            Self::Regression(values) => values.len(),
            Self::MultiLabel { rows, .. } => rows.len(),
            Self::MultiOutput(parts) => parts.first().map_or(0, |(_, v)| v.len()),
        }
    }

    fn select(&self, rows: &[usize]) -> Self {
        let pick = |codes: &[u32]| rows.iter().map(|&i| codes[i]).collect();
        match self {
            Self::Classes { codes, classes } => {
                Self::Classes { codes: pick(codes), classes: classes.clone() }
            }
            Self::Ordinal { codes, classes } => {
                Self::Ordinal { codes: pick(codes), classes: classes.clone() }
            }
            Self::Regression(values) => Self::Regression(rows.iter().map(|&i| values[i]).collect()),
            Self::MultiLabel { rows: all, classes } => Self::MultiLabel {
                rows: rows.iter().map(|&i| all[i].clone()).collect(),
                classes: classes.clone(),
            },
            Self::MultiOutput(parts) => {
                Self::MultiOutput(parts.iter().map(|(n, v)| (n.clone(), v.select(rows))).collect())
            }
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Classes { .. } => "classes",
            Self::Ordinal { .. } => "ordered classes",
            Self::Regression(_) => "numbers",
            Self::MultiLabel { .. } => "several labels a row",
            Self::MultiOutput(_) => "several outputs",
        }
    }
}

/// What is to be predicted for each row, with an optional weight a row.
///
/// ```
/// use prompt_core::Target;
/// let y = Target::labels(["spam", "ham", "spam"]);
/// let (codes, classes) = y.as_classes().unwrap();
/// assert_eq!((codes, classes.names()), (&[1u32, 0, 1][..], &["ham".to_owned(), "spam".to_owned()][..]));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    values: Values,
    weights: Option<Vec<f64>>,
}

impl Target {
    /// One label a row; the classes are the distinct labels, sorted.
    pub fn labels<S: AsRef<str>>(labels: impl IntoIterator<Item = S>) -> Self {
        let labels: Vec<S> = labels.into_iter().collect();
        let classes = Classes::sorted(&labels);
        let codes =
            labels.iter().map(|l| classes.0.partition_point(|n| n.as_str() < l.as_ref()) as u32).collect();
        Self { values: Values::Classes { codes, classes }, weights: None }
    }

    /// One label a row among known classes in their own order.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a label that is no class, naming the row.
    pub fn labels_among<S: AsRef<str>>(
        labels: impl IntoIterator<Item = S>,
        classes: &Classes,
    ) -> Result<Self> {
        let codes = classes.encode(labels)?;
        Ok(Self { values: Values::Classes { codes, classes: classes.clone() }, weights: None })
    }

    /// Class positions.
    ///
    /// # Errors
    /// [`Error::Input`] for a position beyond the classes.
    pub fn codes(codes: Vec<u32>, classes: Classes) -> Result<Self> {
        check_codes(&codes, &classes)?;
        Ok(Self { values: Values::Classes { codes, classes }, weights: None })
    }

    /// Positions among levels that have an order, lowest first.
    ///
    /// # Errors
    /// [`Error::Input`] for a position beyond the levels.
    pub fn ordinal(codes: Vec<u32>, levels: Classes) -> Result<Self> {
        check_codes(&codes, &levels)?;
        Ok(Self { values: Values::Ordinal { codes, classes: levels }, weights: None })
    }

    /// Numbers.
    ///
    /// # Errors
    /// [`Error::Input`] naming the first row that is NaN or infinite.
    pub fn regression(values: Vec<f64>) -> Result<Self> {
        if let Some(row) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::input(
                format!("target of row {row} is {}", values[row]),
                "remove the row or give it a finite number",
            ));
        }
        Ok(Self { values: Values::Regression(values), weights: None })
    }

    /// Any number of classes a row.
    ///
    /// # Errors
    /// [`Error::Input`] for a position beyond the classes.
    pub fn multi_label(mut rows: Vec<Vec<u32>>, classes: Classes) -> Result<Self> {
        for row in &mut rows {
            check_codes(row, &classes)?;
            row.sort_unstable();
            row.dedup();
        }
        Ok(Self { values: Values::MultiLabel { rows, classes }, weights: None })
    }

    /// Several targets at once, each with a name. Their own weights are not taken over.
    ///
    /// # Errors
    /// [`Error::Shape`] when their lengths differ; [`Error::Input`] when there are none.
    pub fn multi_output(parts: Vec<(String, Target)>) -> Result<Self> {
        let Some((_, first)) = parts.first() else {
            return Err(Error::input("a target without outputs", "give it at least one"));
        };
        let rows = first.len();
        for (name, part) in &parts {
            if part.len() != rows {
                return Err(Error::shape(format!("rows of output `{name}`"), rows, part.len()));
            }
        }
        let parts = parts.into_iter().map(|(name, part)| (name, part.values)).collect();
        Ok(Self { values: Values::MultiOutput(parts), weights: None })
    }

    /// The same with a weight for every row.
    ///
    /// # Errors
    /// [`Error::Shape`] for another length; [`Error::Input`] for a negative, NaN or infinite weight (naming the
    /// row) or when all are zero.
    pub fn with_weights(mut self, weights: Vec<f64>) -> Result<Self> {
        if weights.len() != self.len() {
            return Err(Error::shape("sample weights", self.len(), weights.len()));
        }
        if let Some(row) = weights.iter().position(|w| !w.is_finite() || *w < 0.0) {
            return Err(Error::input(
                format!("sample weight of row {row} is {}", weights[row]),
                "weights must be finite and not negative",
            ));
        }
        if !weights.is_empty() && weights.iter().all(|w| *w == 0.0) {
            return Err(Error::input("all sample weights are zero", "give some row a positive weight"));
        }
        self.weights = Some(weights);
        Ok(self)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The weight of every row, where given.
    pub fn weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    /// The rows with these indices, with their weights.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            values: self.values.select(rows),
            weights: self.weights.as_ref().map(|w| rows.iter().map(|&i| w[i]).collect()),
        }
    }

    /// Class positions and classes (ordered classes count as classes).
    ///
    /// # Errors
    /// [`Error::Unsupported`] for any other kind of target.
    pub fn as_classes(&self) -> Result<(&[u32], &Classes)> {
        match &self.values {
            Values::Classes { codes, classes } | Values::Ordinal { codes, classes } => Ok((codes, classes)),
            other => Err(Error::unsupported(
                "a classifier",
                format!("a target of {}", other.kind()),
                "give it class labels, or take a regressor",
            )),
        }
    }

    /// Numbers.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for any other kind of target.
    pub fn as_regression(&self) -> Result<&[f64]> {
        match &self.values {
            Values::Regression(values) => Ok(values),
            other => Err(Error::unsupported(
                "a regressor",
                format!("a target of {}", other.kind()),
                "give it numbers, or take a classifier",
            )),
        }
    }
}

fn check_codes(codes: &[u32], classes: &Classes) -> Result<()> {
    match codes.iter().position(|&c| c as usize >= classes.len()) {
        None => Ok(()),
        Some(row) => Err(Error::input(
            format!("row {row} has class number {} of {} classes", codes[row], classes.len()),
            "class numbers start at 0 and end below the number of classes",
        )),
    }
}

/// How much each class counts in a fit.
///
/// In configurations: `"none"`, `"balanced"`, or a table of class name → weight. A class that is not named
/// counts 1. `balanced` gives class c the weight n / (k·n_c), over the weighted rows, as scikit-learn does.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeight {
    /// All classes count alike.
    #[default]
    None,
    /// Rare classes count more: n / (k·n_c).
    Balanced,
    /// Given by name.
    #[serde(untagged)]
    Explicit(BTreeMap<String, f64>),
}

impl ClassWeight {
    /// The weight of each class.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a name that is no class; [`Error::Param`] for a weight that is negative or not
    /// finite.
    pub fn resolve(&self, codes: &[u32], classes: &Classes, weights: Option<&[f64]>) -> Result<Vec<f64>> {
        match self {
            Self::None => Ok(vec![1.0; classes.len()]),
            Self::Balanced => {
                let mut mass = vec![0.0; classes.len()];
                for (row, &c) in codes.iter().enumerate() {
                    mass[c as usize] += weights.map_or(1.0, |w| w[row]);
                }
                let total: f64 = mass.iter().sum();
                let present = mass.iter().filter(|m| **m > 0.0).count() as f64;
                Ok(mass.iter().map(|m| if *m > 0.0 { total / (present * m) } else { 0.0 }).collect())
            }
            Self::Explicit(map) => {
                let mut out = vec![1.0; classes.len()];
                for (name, &weight) in map {
                    let Some(code) = classes.code(name) else {
                        return Err(Error::unknown("class in class_weight", name, classes.names()));
                    };
                    if !(weight.is_finite() && weight >= 0.0) {
                        return Err(Error::param("class_weight", name, "a finite number ≥ 0", weight));
                    }
                    out[code as usize] = weight;
                }
                Ok(out)
            }
        }
    }

    /// Row weight times class weight for every row; `None` when everything counts 1.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve), and when nothing is left to learn from.
    pub fn row_weights(&self, y: &Target) -> Result<Option<Vec<f64>>> {
        let (codes, classes) = y.as_classes()?;
        if matches!(self, Self::None) {
            return Ok(y.weights().map(<[f64]>::to_vec));
        }
        let class = self.resolve(codes, classes, y.weights())?;
        let rows: Vec<f64> = codes
            .iter()
            .enumerate()
            .map(|(row, &c)| class[c as usize] * y.weights().map_or(1.0, |w| w[row]))
            .collect();
        if !rows.is_empty() && rows.iter().all(|w| *w == 0.0) {
            return Err(Error::input(
                "class and sample weights leave no row with a positive weight",
                "give some row a positive weight",
            ));
        }
        Ok(Some(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_never_seen_is_named_with_its_row() {
        let classes = Classes::new(["benign", "malicious"]).unwrap();
        let error = Target::labels_among(["benign", "evil"], &classes).unwrap_err();
        assert_eq!(error.to_string(), "unknown label `evil (row 1)`; known: benign, malicious");
    }

    #[test]
    fn weights_are_checked() {
        let y = || Target::labels(["a", "b"]);
        assert!(y().with_weights(vec![1.0]).is_err());
        assert!(y().with_weights(vec![0.0, 0.0]).is_err());
        let error = y().with_weights(vec![1.0, f64::NAN]).unwrap_err();
        assert!(error.to_string().starts_with("sample weight of row 1 is NaN"));
        assert_eq!(y().with_weights(vec![0.0, 2.0]).unwrap().select(&[1]).weights(), Some(&[2.0][..]));
    }

    #[test]
    fn balanced_weights_are_scikit_learns() {
        // sklearn.utils.class_weight.compute_class_weight('balanced', classes=[0, 1], y=[0, 0, 0, 1])
        let y = Target::labels(["a", "a", "a", "b"]);
        let (codes, classes) = y.as_classes().unwrap();
        let w = ClassWeight::Balanced.resolve(codes, classes, None).unwrap();
        assert_eq!(w, [4.0 / 6.0, 2.0]);
    }

    #[test]
    fn class_weights_read_from_configurations() {
        let read = |s: &str| serde_json::from_str::<ClassWeight>(s).unwrap();
        assert_eq!(read("\"balanced\""), ClassWeight::Balanced);
        assert_eq!(read("\"none\""), ClassWeight::None);
        assert_eq!(read("{\"a\": 1.5}"), ClassWeight::Explicit([("a".to_owned(), 1.5)].into()));
        let y = Target::labels(["a", "b"]);
        assert!(read("{\"c\": 1.0}").row_weights(&y).is_err());
        assert_eq!(read("{\"b\": 2.0}").row_weights(&y).unwrap(), Some(vec![1.0, 2.0]));
    }

    #[test]
    fn a_nan_target_is_named_with_its_row() {
        let error = Target::regression(vec![1.0, f64::NAN]).unwrap_err();
        assert_eq!(error.to_string(), "target of row 1 is NaN; remove the row or give it a finite number");
    }
}
