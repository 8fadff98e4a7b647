//! What some models say of a row beside its scores: prediction sets, intervals, how far the trees of a forest are apart.

use std::fmt;

use prompt_core::{
    Batch, Classes, Error, Matrix, Prediction, Result, RowView, Scorer, Scratch, SparseRow, predict,
};
use rayon::prelude::*;
use serde::Serialize;

use crate::conformal::{Coverage, FittedConformal, FittedConformalRegressor, rows_needed};
use crate::forest::Forest;

/// A model that says more of a row than its scores.
///
/// ```
/// use prompt_models::aside::{Aside, Said};
/// use prompt_models::core::{Batch, FitContext};
/// use prompt_models::data::table::TableOptions;
/// use prompt_models::tabular::{TableRecipe, train};
/// let csv = (0..60).fold("size,price\n".to_owned(), |csv, i| csv + &format!("{i},{}\n", 3 * i));
/// let data = TableOptions::default().target("price").from_bytes("shop.csv", csv.as_bytes())?;
/// let recipe = TableRecipe { model: Some("random_forest".into()), ..TableRecipe::default() };
/// let trained = train(&recipe, &data, &Default::default(), &FitContext::new(1))?;
/// let spread = Aside::of(&*trained.scorer).unwrap();
/// assert_eq!(spread.column(), Some("spread"));
/// let said = spread.of_batch(&*trained.scorer, Batch::Table(&data.table))?;
/// assert!(matches!(said[30], Said::Number(spread) if spread > 0.0));
/// # Ok::<(), prompt_models::core::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Aside<'m> {
    /// Sets of classes that hold the truth as often as promised.
    Sets(&'m FittedConformal),
    /// Intervals that hold the number as often as promised; they stand among the scores.
    Intervals(&'m FittedConformalRegressor),
    /// The standard deviation of a forest's trees about their mean, in the target's unit.
    Spread(&'m Forest),
}

/// What is said of one row.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// The classes of its set, as codes, rising.
    Set(Vec<u32>),
    /// A number.
    Number(f64),
}

/// Memory for one row.
#[derive(Debug, Default)]
pub struct AsideMemory {
    features: Scratch,
    model: Scratch,
    row: SparseRow,
    numbers: Vec<f64>,
}

impl<'m> Aside<'m> {
    /// What the model behind a scorer says beside its scores; `None` where that is nothing.
    pub fn of(scorer: &'m dyn Scorer) -> Option<Self> {
        let model = scorer.model()?.as_any()?;
        if let Some(sets) = model.downcast_ref::<FittedConformal>() {
            return Some(Self::Sets(sets));
        }
        if let Some(intervals) = model.downcast_ref::<FittedConformalRegressor>() {
            return Some(Self::Intervals(intervals));
        }
        let forest = model.downcast_ref::<Forest>()?;
        let numbers = prompt_core::Model::output(forest).classes().is_none();
        (numbers && forest.trees().len() > 1).then_some(Self::Spread(forest))
    }

    /// The column of answers in which it is written; intervals stand among the scores.
    pub fn column(&self) -> Option<&'static str> {
        match self {
            Self::Sets(_) => Some("prediction_set"),
            Self::Intervals(_) => None,
            Self::Spread(_) => Some("spread"),
        }
    }

    /// Whether it is a set of classes.
    pub fn is_set(&self) -> bool {
        matches!(self, Self::Sets(_))
    }

    /// What is said of every record; nothing where there is no [`column`](Self::column).
    ///
    /// # Errors
    /// As [`Scorer::columns`].
    pub fn of_batch(&self, scorer: &dyn Scorer, batch: Batch<'_>) -> Result<Vec<Said>> {
        match self {
            Self::Intervals(_) => Ok(Vec::new()),
            Self::Sets(sets) => {
                let p = predict(&**sets.model(), &scorer.columns(batch)?)?;
                Ok((0..p.rows()).map(|row| Said::Set(sets.sets().of(p.row(row)))).collect())
            }
            Self::Spread(_) => {
                let x: Matrix = scorer.columns(batch)?;
                let said = |memory: &mut AsideMemory, row| self.of_row(x.row(row), memory);
                Ok((0..x.rows()).into_par_iter().map_init(AsideMemory::default, said).flatten().collect())
            }
        }
    }

    /// What is said of one text whose `scores` are known.
    pub(crate) fn of_text(
        &self,
        scorer: &dyn Scorer,
        (text, scores): (&str, &[f64]),
        memory: &mut AsideMemory,
    ) -> Option<Said> {
        match self {
            // The scores are those of the model inside, unless it routes rows.
            Self::Sets(sets) if sets.abstains_to().is_none() => Some(Said::Set(sets.sets().of(scores))),
            Self::Intervals(_) => None,
            _ => {
                let mut row = std::mem::take(&mut memory.row);
                row.clear();
                scorer.features()?.append_row(text, 0, &mut memory.features, &mut row);
                let said = self.of_row(row.view(), memory);
                memory.row = row;
                said
            }
        }
    }

    fn of_row(&self, row: RowView<'_>, memory: &mut AsideMemory) -> Option<Said> {
        match self {
            Self::Sets(sets) => Some(Said::Set(sets.set_of(row, &mut memory.model, &mut memory.numbers))),
            Self::Intervals(_) => None,
            Self::Spread(forest) => {
                let mut spread = [0.0];
                forest.spread(row, &mut memory.model, &mut spread);
                Some(Said::Number(spread[0]))
            }
        }
    }

    /// What a person should know of it before relying on it: classes that are in every set.
    pub fn notes(&self) -> Vec<String> {
        let Self::Sets(fitted) = self else { return Vec::new() };
        let (sets, classes) = (fitted.sets(), prompt_core::Model::output(*fitted).classes());
        let named: Vec<String> = sets
            .too_few()
            .filter_map(|code| classes.map(|classes| format!("`{}`", classes.name(code))))
            .collect();
        if named.is_empty() {
            return Vec::new();
        }
        let (is, it) = if named.len() == 1 { ("is", "this class") } else { ("are", "these classes") };
        vec![format!(
            "{} {is} in every prediction set: α = {} takes {} calibration rows of {it}, and there were fewer; give more \
             rows, a larger alpha or a larger calibration_share, or drop the promise for each class with per_class = false",
            named.join(", "),
            sets.alpha(),
            rows_needed(sets.alpha()),
        )]
    }

    /// How far the promise of sets was kept on labelled records, of which the codes of the classes are known; `None` for
    /// other models.
    ///
    /// # Errors
    /// As [`Scorer::columns`]; a truth of another length.
    pub fn sets_kept(
        &self,
        scorer: &dyn Scorer,
        batch: Batch<'_>,
        truth: &[u32],
    ) -> Result<Option<PromiseKept>> {
        let Self::Sets(fitted) = self else { return Ok(None) };
        let (p, classes) = {
            let p = predict(&**fitted.model(), &scorer.columns(batch)?)?;
            let classes = p.output().classes().map(Classes::names).unwrap_or_default().to_vec();
            (p, classes)
        };
        let Coverage { coverage, per_class, mean_size, single, empty } =
            fitted.sets().coverage(p.scores(), truth)?;
        let per_class = classes
            .into_iter()
            .zip(per_class)
            .filter_map(|(name, share)| Some((name, share?.into())))
            .collect();
        let promised = 1.0 - fitted.sets().alpha();
        Ok(Some(PromiseKept::Sets { promised, coverage, per_class, mean_size, single, empty }))
    }

    /// How far the promise of intervals was kept on records of which the numbers are known; `None` for other models.
    ///
    /// # Errors
    /// [`Error::Shape`] for a truth of another length, or none.
    pub fn intervals_kept(&self, prediction: &Prediction, truth: &[f64]) -> Result<Option<PromiseKept>> {
        let Self::Intervals(fitted) = self else { return Ok(None) };
        if prediction.rows() != truth.len() || truth.is_empty() {
            return Err(Error::shape("numbers for the rows", prediction.rows().max(1), truth.len()));
        }
        let held = truth.iter().enumerate().filter(|(row, y)| {
            let answer = prediction.row(*row);
            (answer[1]..=answer[2]).contains(*y)
        });
        let coverage = held.count() as f64 / truth.len() as f64;
        let (promised, mean_width) = (1.0 - fitted.alpha(), 2.0 * fitted.half_width());
        Ok(Some(PromiseKept::Intervals { promised, coverage, mean_width }))
    }
}

/// How far a conformal promise was kept on labelled rows: shares in [0, 1].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum PromiseKept {
    /// Of prediction sets.
    Sets {
        /// The share of rows whose set was to hold the truth: 1 − α.
        promised: f64,
        /// The share of rows whose set does.
        coverage: f64,
        /// The same of the rows of each class that has some.
        per_class: serde_json::Map<String, serde_json::Value>,
        /// Mean number of classes in a set.
        mean_size: f64,
        /// The share of rows whose set is one class.
        single: f64,
        /// The share of rows whose set is empty.
        empty: f64,
    },
    /// Of intervals.
    Intervals {
        /// The share of rows whose interval was to hold the truth: 1 − α.
        promised: f64,
        /// The share of rows whose interval does.
        coverage: f64,
        /// Mean width of an interval, in the target's unit.
        mean_width: f64,
    },
}

impl fmt::Display for PromiseKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sets { promised, coverage, per_class, mean_size, single, empty } => {
                writeln!(
                    f,
                    "prediction sets hold the truth of {:.1}% of the rows ({:.1}% promised): {mean_size:.2} classes on \
                     average; {:.1}% of the sets are one class, {:.1}% are empty",
                    100.0 * coverage,
                    100.0 * promised,
                    100.0 * single,
                    100.0 * empty
                )?;
                let of_class = |(name, share): (&String, &serde_json::Value)| {
                    format!("{name} {:.1}%", 100.0 * share.as_f64().unwrap_or(f64::NAN))
                };
                let of_classes: Vec<String> = per_class.iter().map(of_class).collect();
                writeln!(f, "by class: {}", of_classes.join(", "))
            }
            Self::Intervals { promised, coverage, mean_width } => writeln!(
                f,
                "intervals hold the truth of {:.1}% of the rows ({:.1}% promised): {mean_width:.4} wide on average",
                100.0 * coverage,
                100.0 * promised
            ),
        }
    }
}

#[cfg(test)]
mod tests;
