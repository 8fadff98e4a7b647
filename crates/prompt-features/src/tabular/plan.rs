//! What is done with each column of a table.

use std::borrow::Cow;
use std::collections::HashMap;

use prompt_core::{Column, Error, Moments, Result, civil};
use serde::{Deserialize, Serialize};

use super::TableEncoder;
use crate::prepare::quantile::{present, quantile};
use crate::prepare::{Span, Unit};

/// One column of the fitted table and what it becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    pub(super) column: String,
    pub(super) becomes: Becomes,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Becomes {
    /// One number.
    Number(Scaling),
    /// A column for each level, and one for missing values where the fit saw some.
    OneHot { levels: Vec<String>, missing: bool },
    /// The number of the level.
    Codes { levels: Vec<String> },
    /// The number of the level as a number like any other; −1 for a level that the fit did not see or a missing one.
    Ordinal { levels: Vec<String>, scaling: Scaling },
    /// The [`TIME_PARTS`].
    Time(Vec<Scaling>),
}

/// (x − shift) / unit, where a missing x is `fill` first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scaling {
    /// Absent: missing stays missing.
    fill: Option<f64>,
    shift: f64,
    unit: f64,
    /// Whether the result is cut to [0, 1].
    cut: bool,
}

/// What a point in time is taken apart into.
pub(super) const TIME_PARTS: [&str; 5] = ["seconds", "year", "month", "weekday", "hour"];

impl Scaling {
    fn learn(params: &TableEncoder, values: &[f64]) -> Self {
        let there = || values.iter().copied().filter(|v| !v.is_nan());
        let fill = match params.impute.as_str() {
            "none" => None,
            "median" => Some(quantile(&present(there()), 0.5).unwrap_or(0.0)),
            _ => {
                let n = there().count().max(1) as f64;
                // A sum beyond the limits of floats is summed in parts of its mean.
                let mean = there().sum::<f64>() / n;
                Some(if mean.is_finite() { mean } else { there().map(|v| v / n).sum() })
            }
        };
        let cut = params.scale == "min_max";
        let Unit { shift, unit } = match params.scale.as_str() {
            // Of the column as it is after filling in, as a scaler behind an imputer sees it.
            "standard" | "robust" => {
                let fill = fill.unwrap_or(f64::NAN);
                let filled: Vec<f64> = values.iter().map(|v| if v.is_nan() { fill } else { *v }).collect();
                match params.scale.as_str() {
                    "standard" => {
                        let mut moments = Moments::default();
                        let there = filled.iter().filter(|v| !v.is_nan());
                        there.for_each(|v| moments.add(Moments::of(*v, 1.0)));
                        Unit::standard(&moments)
                    }
                    _ => Unit::robust(&filled, (0.25, 0.75)),
                }
            }
            "min_max" => {
                let mut span = Span::default();
                values.iter().for_each(|v| span.add(*v));
                Unit::min_max(&span)
            }
            _ => Unit::NONE,
        };
        Self { fill, shift, unit, cut }
    }

    pub(super) fn apply(&self, value: f64) -> f64 {
        let value = match self.fill {
            Some(fill) if value.is_nan() => fill,
            _ => value,
        };
        let scaled = Unit { shift: self.shift, unit: self.unit }.apply(value);
        if self.cut && !scaled.is_nan() { scaled.clamp(0.0, 1.0) } else { scaled }
    }
}

impl Plan {
    /// What becomes of a column; `None` when it is left out.
    pub(super) fn learn(params: &TableEncoder, name: &str, column: &Column) -> Result<Option<Self>> {
        let becomes = match column {
            Column::Number(values) => Becomes::Number(Scaling::learn(params, values)),
            Column::Category { codes, levels } => {
                let kept = frequent(codes, levels, params.max_levels);
                match params.categories.as_str() {
                    "codes" => Becomes::Codes { levels: kept },
                    "ordinal" => {
                        let read = Self::codes(name, column, &kept)?;
                        let numbers: Vec<f64> = read.into_iter().map(Level::ordinal).collect();
                        Becomes::Ordinal { levels: kept, scaling: Scaling::learn(params, &numbers) }
                    }
                    _ => Becomes::OneHot { levels: kept, missing: codes.contains(&Column::MISSING) },
                }
            }
            Column::Time(times) => {
                let parts = (0..TIME_PARTS.len()).map(|part| {
                    let values: Vec<f64> = times.iter().map(|t| time_part(*t, part)).collect();
                    Scaling::learn(params, &values)
                });
                Becomes::Time(parts.collect())
            }
            _ if params.skip_text => return Ok(None),
            other => {
                return Err(Error::unsupported(
                    TableEncoder::default_name(),
                    format!("columns of {} (`{name}`)", other.kind()),
                    "leave the column out, say that it holds categories, or train a text model on it",
                ));
            }
        };
        Ok(Some(Self { column: name.to_owned(), becomes }))
    }

    /// Names of the columns it becomes.
    pub(super) fn names(&self) -> Vec<String> {
        let name = &self.column;
        match &self.becomes {
            Becomes::Number(_) | Becomes::Codes { .. } | Becomes::Ordinal { .. } => vec![name.clone()],
            Becomes::OneHot { levels, missing } => {
                let mut names: Vec<String> = levels.iter().map(|level| format!("{name}={level}")).collect();
                if *missing {
                    names.push(format!("{name}=<missing>"));
                }
                names
            }
            Becomes::Time(_) => TIME_PARTS.iter().map(|part| format!("{name}.{part}")).collect(),
        }
    }

    /// A column of a table, read as this plan needs it.
    pub(super) fn read<'a>(&self, column: &'a Column) -> Result<Read<'a>> {
        match &self.becomes {
            Becomes::Number(_) => self.numbers(column).map(Read::Numbers),
            Becomes::OneHot { levels, .. } | Becomes::Codes { levels } | Becomes::Ordinal { levels, .. } => {
                Self::codes(&self.column, column, levels).map(Read::Codes)
            }
            Becomes::Time(_) => match column {
                Column::Time(times) => Ok(Read::Times(Cow::Borrowed(times))),
                other if other.missing() == other.len() => {
                    Ok(Read::Times(Cow::Owned(vec![None; other.len()])))
                }
                other => Err(mismatch(&self.column, "points in time", other)),
            },
        }
    }

    fn numbers<'a>(&self, column: &'a Column) -> Result<Cow<'a, [f64]>> {
        let parse = |text: Option<&str>| match text {
            None => Ok(f64::NAN),
            Some(text) => text.trim().parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(|| {
                Error::input(
                    format!("column `{}` holds `{text}`, the model was fitted on numbers", self.column),
                    "correct the value, or leave the cell empty",
                )
            }),
        };
        match column {
            Column::Number(values) => Ok(Cow::Borrowed(values)),
            Column::Category { codes, levels } => {
                let of = |code: &u32| levels.get(*code as usize).map(String::as_str);
                codes.iter().map(|code| parse(of(code))).collect::<Result<_>>().map(Cow::Owned)
            }
            Column::Text(texts) => {
                texts.iter().map(|t| parse(t.as_deref())).collect::<Result<_>>().map(Cow::Owned)
            }
            other if other.missing() == other.len() => Ok(Cow::Owned(vec![f64::NAN; other.len()])),
            other => Err(mismatch(&self.column, "numbers", other)),
        }
    }

    fn codes(name: &str, column: &Column, levels: &[String]) -> Result<Vec<Level>> {
        let known: HashMap<&str, u32> =
            levels.iter().enumerate().map(|(i, level)| (level.as_str(), i as u32)).collect();
        let find = |text: &str| known.get(text).map_or(Level::Unseen, |i| Level::Known(*i));
        match column {
            Column::Category { codes, levels } => {
                let found: Vec<Level> = levels.iter().map(|level| find(level)).collect();
                let of = |code: &u32| found.get(*code as usize).copied().unwrap_or(Level::Missing);
                Ok(codes.iter().map(of).collect())
            }
            Column::Text(texts) => {
                Ok(texts.iter().map(|t| t.as_deref().map_or(Level::Missing, find)).collect())
            }
            // A file in which all levels look like numbers.
            Column::Number(values) => {
                let of = |v: &f64| if v.is_nan() { Level::Missing } else { find(&v.to_string()) };
                Ok(values.iter().map(of).collect())
            }
            other => Err(mismatch(name, "categories", other)),
        }
    }
}

fn mismatch(name: &str, wanted: &str, found: &Column) -> Error {
    Error::input(
        format!("column `{name}` holds {} values, the model was fitted on {wanted}", found.kind()),
        "give the column as it was in training",
    )
}

/// A column as a plan reads it.
pub(super) enum Read<'a> {
    Numbers(Cow<'a, [f64]>),
    Codes(Vec<Level>),
    Times(Cow<'a, [Option<i64>]>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Level {
    Known(u32),
    /// A level that the fit did not see, or did not keep.
    Unseen,
    Missing,
}

impl Level {
    pub(super) fn ordinal(self) -> f64 {
        if let Self::Known(level) = self { f64::from(level) } else { -1.0 }
    }
}

/// The most frequent levels, in the order of the column; of equally frequent ones the first.
fn frequent(codes: &[u32], levels: &[String], most: usize) -> Vec<String> {
    let mut counts = vec![0_usize; levels.len()];
    for code in codes {
        if let Some(count) = counts.get_mut(*code as usize) {
            *count += 1;
        }
    }
    let mut seen: Vec<usize> = (0..levels.len()).filter(|&i| counts[i] > 0).collect();
    seen.sort_by_key(|&i| std::cmp::Reverse(counts[i]));
    seen.truncate(most);
    seen.sort_unstable();
    seen.into_iter().map(|i| levels[i].clone()).collect()
}

/// One of the [`TIME_PARTS`] of a point in time in milliseconds; NaN where it is missing.
pub(super) fn time_part(millis: Option<i64>, part: usize) -> f64 {
    let Some(millis) = millis else { return f64::NAN };
    let days = millis.div_euclid(86_400_000);
    match part {
        0 => millis as f64 / 1000.0,
        1 => civil(days).0 as f64,
        2 => civil(days).1 as f64,
        // 1970-01-01 was a Thursday.
        3 => (days + 3).rem_euclid(7) as f64,
        _ => (millis.rem_euclid(86_400_000) / 3_600_000) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_taken_apart() {
        // 2024-02-29 13:00 UTC, a Thursday.
        let at = Some(1_709_211_600_000);
        let parts: Vec<f64> = (0..5).map(|part| time_part(at, part)).collect();
        assert_eq!(parts, [1_709_211_600.0, 2024.0, 2.0, 3.0, 13.0]);
        // 1969-12-31 23:00, a Wednesday.
        let parts: Vec<f64> = (1..5).map(|part| time_part(Some(-3_600_000), part)).collect();
        assert_eq!(parts, [1969.0, 12.0, 2.0, 23.0]);
    }

    #[test]
    fn numbers_near_the_limits_of_floats_are_scaled() {
        let values = [1e308, -1e308, 1.5e308, -1.5e308, 0.0, f64::NAN];
        for (impute, filled) in [("mean", 0.0), ("median", 0.0)] {
            let params = TableEncoder::default().impute(impute.to_owned()).scale("standard".to_owned());
            let scaling = Scaling::learn(&params, &values);
            let scaled = values.map(|v| scaling.apply(v));
            assert!((scaled[5] - filled).abs() < 1e-12, "{scaled:?}");
            assert!((scaled[0] + scaled[1]).abs() < 1e-12 && (scaled[2] / scaled[0] - 1.5).abs() < 1e-12);
            let square = scaled.iter().map(|v| v * v).sum::<f64>() / 6.0;
            assert!((square - 1.0).abs() < 1e-12, "{square}");
        }
    }
}
