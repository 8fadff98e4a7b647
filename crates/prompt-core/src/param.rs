//! Parameters with legal ranges.
//!
//! A legal range is a value: it checks, it prints itself in the error and in the docs, and it makes an illegal
//! example for the tests. The [`params!`](crate::params) macro says name, type, default, range and meaning of
//! each parameter once, and derives from that the struct, its builder methods, its serde form (unknown keys are
//! errors), its documentation and its [`Params`] implementation.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};

/// The values a parameter may take.
///
/// ```
/// use prompt_core::Legal;
/// let legal = Legal::positive();
/// assert!(legal.allows(&0.5.into()));
/// assert!(!legal.allows(&legal.illegal_example().unwrap()));
/// assert_eq!(legal.to_string(), "a number > 0");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Legal {
    /// A real number between the bounds; an open bound is itself excluded.
    Real {
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
        /// Whether the lower bound is excluded.
        low_open: bool,
        /// Whether the upper bound is excluded.
        high_open: bool,
    },
    /// A whole number between the bounds, both included.
    Int {
        /// Lower bound.
        low: i64,
        /// Upper bound.
        high: i64,
    },
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// True or false.
    Bool,
    /// Two whole numbers, the first at most the second, both at least `low`.
    Span {
        /// Smallest legal first number.
        low: i64,
    },
    /// Nothing (`null`), or a legal value.
    Optional(Box<Legal>),
    /// Whatever its type can hold; described in words.
    Any(&'static str),
}

impl Legal {
    /// A number > 0.
    pub const fn positive() -> Self {
        Self::Real { low: 0.0, high: f64::INFINITY, low_open: true, high_open: true }
    }

    /// A number ≥ 0.
    pub const fn not_negative() -> Self {
        Self::Real { low: 0.0, high: f64::INFINITY, low_open: false, high_open: true }
    }

    /// A number in [low, high].
    pub const fn between(low: f64, high: f64) -> Self {
        Self::Real { low, high, low_open: false, high_open: false }
    }

    /// A whole number ≥ `low`.
    pub const fn at_least(low: i64) -> Self {
        Self::Int { low, high: i64::MAX }
    }

    /// A whole number in [low, high].
    pub const fn int(low: i64, high: i64) -> Self {
        Self::Int { low, high }
    }

    /// `null`, or what this allows.
    #[must_use]
    pub fn or_none(self) -> Self {
        Self::Optional(Box::new(self))
    }

    /// Whether the value is legal. Numbers that JSON cannot hold (NaN, infinities) arrive as `null` and are not.
    pub fn allows(&self, value: &Value) -> bool {
        match self {
            Self::Real { low, high, low_open, high_open } => value.as_f64().is_some_and(|v| {
                (if *low_open { v > *low } else { v >= *low })
                    && (if *high_open { v < *high } else { v <= *high })
            }),
            Self::Int { low, high } => value.as_i64().is_some_and(|v| (*low..=*high).contains(&v)),
            Self::OneOf(words) => value.as_str().is_some_and(|v| words.contains(&v)),
            Self::Bool => value.is_boolean(),
            Self::Span { low } => match value.as_array().map(Vec::as_slice) {
                Some([a, b]) => match (a.as_i64(), b.as_i64()) {
                    (Some(a), Some(b)) => a >= *low && a <= b,
                    _ => false,
                },
                _ => false,
            },
            Self::Optional(inner) => value.is_null() || inner.allows(value),
            Self::Any(_) => true,
        }
    }

    /// A value just outside, for the tests; `None` where nothing is illegal.
    pub fn illegal_example(&self) -> Option<Value> {
        match self {
            Self::Real { low, high, low_open, .. } => {
                if low.is_finite() {
                    Some((if *low_open { *low } else { *low - 1.0 }).into())
                } else if high.is_finite() {
                    Some((*high + 1.0).into())
                } else {
                    Some(Value::Null)
                }
            }
            Self::Int { low, high } => low.checked_sub(1).or_else(|| high.checked_add(1)).map(Value::from),
            Self::OneOf(_) => Some("no such choice".into()),
            Self::Bool => Some("neither".into()),
            Self::Span { low } => Some(vec![*low + 1, *low].into()),
            Self::Optional(inner) => inner.illegal_example().filter(|v| !v.is_null()),
            Self::Any(_) => None,
        }
    }
}

impl fmt::Display for Legal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Real { low, high, low_open, high_open } => match (low.is_finite(), high.is_finite()) {
                (true, true) => write!(
                    f,
                    "a number in {}{low}, {high}{}",
                    if *low_open { '(' } else { '[' },
                    if *high_open { ')' } else { ']' }
                ),
                (true, false) => write!(f, "a number {} {low}", if *low_open { ">" } else { "≥" }),
                (false, true) => write!(f, "a number {} {high}", if *high_open { "<" } else { "≤" }),
                (false, false) => f.write_str("a finite number"),
            },
            Self::Int { low, high: i64::MAX } => write!(f, "a whole number ≥ {low}"),
            Self::Int { low, high } => write!(f, "a whole number in [{low}, {high}]"),
            Self::OneOf(words) => write!(f, "one of {}", words.join(", ")),
            Self::Bool => f.write_str("true or false"),
            Self::Span { low } => write!(f, "two whole numbers [a, b] with {low} ≤ a ≤ b"),
            Self::Optional(inner) => write!(f, "none, or {inner}"),
            Self::Any(words) => f.write_str(words),
        }
    }
}

/// One parameter as an estimator declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamSpec {
    /// Its name, as in configurations and `--param`.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// The values it may take.
    pub legal: Legal,
    /// Its default.
    pub default: Value,
}

/// A set of parameters: an estimator before it has seen data.
pub trait Params:
    Clone + Default + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The name in configurations, reports and artifacts: the field's word in snake case.
    const NAME: &'static str;

    /// Every parameter with its range and default.
    fn specs() -> Vec<ParamSpec>;

    /// What no range can express, such as two parameters that must agree. Nothing by default.
    ///
    /// # Errors
    /// [`Error::Param`] naming the parameter.
    fn validate_together(&self) -> Result<()> {
        Ok(())
    }

    /// Checks every parameter against its range.
    ///
    /// # Errors
    /// [`Error::Param`] with the parameter, its legal range and the value given.
    fn validate(&self) -> Result<()> {
        let values = to_map(Self::NAME, self)?;
        for spec in Self::specs() {
            let value = values.get(spec.name).unwrap_or(&Value::Null);
            if !spec.legal.allows(value) {
                let shown = if value.is_null() { "NaN or infinite".to_owned() } else { plain(value) };
                return Err(Error::param(Self::NAME, spec.name, &spec.legal, shown));
            }
        }
        self.validate_together()
    }

    /// A copy with one parameter set by name, checked. `null` and the word `none` are the same.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a name that is no parameter, [`Error::Param`] for an illegal value.
    fn with_param(&self, name: &str, value: &Value) -> Result<Self> {
        let specs = Self::specs();
        let Some(spec) = specs.iter().find(|s| s.name == name) else {
            return Err(Error::unknown("parameter", name, specs.iter().map(|s| s.name)));
        };
        let mut values = to_map(Self::NAME, self)?;
        let mut with = |value: &Value| -> Option<Self> {
            if !spec.legal.allows(value) {
                return None;
            }
            values.insert(name.to_owned(), value.clone());
            serde_json::from_value(Value::Object(values.clone())).ok()
        };
        let changed = with(value)
            .or_else(|| with(&other_nothing(value)?))
            .ok_or_else(|| Error::param(Self::NAME, name, &spec.legal, plain(value)))?;
        changed.validate_together()?;
        Ok(changed)
    }
}

fn to_map<P: Serialize>(owner: &str, params: &P) -> Result<serde_json::Map<String, Value>> {
    match serde_json::to_value(params) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Error::input(format!("{owner}: parameters are not a table"), "report this as a bug")),
        Err(e) => {
            Err(Error::input(format!("{owner}: parameters cannot be written as JSON: {e}"), "check them"))
        }
    }
}

/// The other way to say that there is nothing: `null` and the word `none` mean the same wherever only one of them is legal.
fn other_nothing(value: &Value) -> Option<Value> {
    match value {
        Value::Null => Some("none".into()),
        Value::String(word) if word == "none" => Some(Value::Null),
        _ => None,
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |s| format!("`{s}`"))
}

/// Declares an estimator's parameters once: struct, defaults, builder methods, ranges, docs and serde form.
///
/// ```
/// use prompt_core::{Legal, Params, params};
///
/// params! {
///     /// Shrinks numbers.
///     pub struct Shrink named "shrink" {
///         /// By how much.
///         factor: f64 = 0.5, Legal::between(0.0, 1.0);
///         /// How often.
///         times: usize = 1, Legal::at_least(1);
///     }
/// }
///
/// let shrink = Shrink::default().factor(0.25);
/// assert!(shrink.validate().is_ok());
/// let error = shrink.with_param("factor", &2.0.into()).unwrap_err();
/// assert_eq!(error.to_string(), "shrink: parameter `factor` must be a number in [0, 1], got 2.0");
/// ```
#[macro_export]
macro_rules! params {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident named $label:literal $(checked by $check:path)? {
            $(
                $(#[doc = $doc:literal])*
                $field:ident : $type:ty = $default:expr, $legal:expr;
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        $vis struct $name {
            $(
                $(#[doc = $doc])*
                #[doc = ""]
                #[doc = concat!("Default: `", stringify!($default), "`; legal: `", stringify!($legal), "`.")]
                $vis $field: $type,
            )*
        }

        impl ::std::default::Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $name {
            $(
                $(#[doc = $doc])*
                #[must_use]
                $vis fn $field(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }

        impl $crate::Params for $name {
            const NAME: &'static str = $label;

            fn specs() -> ::std::vec::Vec<$crate::ParamSpec> {
                let default = $crate::serde_json::to_value(Self::default()).unwrap_or_default();
                vec![$(
                    $crate::ParamSpec {
                        name: stringify!($field),
                        doc: concat!($($doc, "\n",)*).trim_ascii(),
                        legal: $legal,
                        default: default.get(stringify!($field)).cloned().unwrap_or_default(),
                    },
                )*]
            }

            $(
                fn validate_together(&self) -> $crate::Result<()> {
                    $check(self)
                }
            )?
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    params! {
        /// For the tests.
        struct Sample named "sample" checked by Sample::agree {
            /// A share.
            share: f64 = 0.5, Legal::between(0.0, 1.0);
            /// A limit.
            limit: Option<usize> = None, Legal::at_least(1).or_none();
            /// A span.
            span: (usize, usize) = (1, 1), Legal::Span { low: 1 };
            /// A word.
            penalty: String = "none".to_owned(), Legal::OneOf(&["l2", "none"]);
        }
    }

    impl Sample {
        fn agree(&self) -> Result<()> {
            match self.limit {
                Some(limit) if limit < self.span.1 => Err(Error::param(
                    "sample",
                    "limit",
                    format!("at least span's end {}", self.span.1),
                    limit,
                )),
                _ => Ok(()),
            }
        }
    }

    #[test]
    fn every_range_refuses_its_own_bad_example() {
        for spec in Sample::specs() {
            assert!(spec.legal.allows(&spec.default), "{}", spec.name);
            let bad = spec.legal.illegal_example().unwrap();
            let error = Sample::default().with_param(spec.name, &bad).unwrap_err().to_string();
            assert!(error.contains(spec.name) && error.contains(&spec.legal.to_string()), "{error}");
        }
    }

    #[test]
    fn nan_is_not_a_number_in_any_range() {
        let error = Sample::default().share(f64::NAN).validate().unwrap_err();
        assert_eq!(
            error.to_string(),
            "sample: parameter `share` must be a number in [0, 1], got NaN or infinite"
        );
    }

    #[test]
    fn parameters_that_must_agree_are_checked_together() {
        let sample = Sample::default().span((1, 3)).limit(Some(2));
        assert!(sample.validate().unwrap_err().to_string().contains("at least span's end 3"));
    }

    #[test]
    fn null_and_none_are_the_same() {
        let limited = Sample::default().limit(Some(2));
        for nothing in [Value::Null, "none".into()] {
            assert_eq!(limited.with_param("limit", &nothing).unwrap().limit, None);
            assert_eq!(
                Sample::default().penalty("l2".into()).with_param("penalty", &nothing).unwrap().penalty,
                "none"
            );
            assert!(Sample::default().with_param("share", &nothing).is_err());
        }
    }

    #[test]
    fn unknown_names_are_refused_with_the_known_ones() {
        let error = Sample::default().with_param("shares", &1.into()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown parameter `shares`; known: share, limit, span, penalty; did you mean `share`?"
        );
        assert!(serde_json::from_str::<Sample>(r#"{"shares": 1}"#).is_err());
    }
}
