//! How the numbers are scaled, and how the scales are learned.

use prompt_core::{
    Accumulate, Csr, CsrBuilder, Error, FitContext, Legal, Matrix, Moments, Result, SparseRow, TextLearner,
    Texts, accumulate, params,
};
use serde::{Deserialize, Serialize};

use super::measure::{SurfaceWorkspace, measure};
use super::{COLUMNS, FittedSurface};
use crate::vocabulary::blocks;

/// What each number is divided by, so that it can stand beside TF-IDF columns in a linear model.
///
/// Nothing is centred: rows stay sparse, and a number of 0 stays 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SurfaceScale {
    /// Nothing.
    None,
    /// Its standard deviation over the texts learned from (1 where all are equal).
    Standard,
    /// Its largest value over the texts learned from (1 where all are 0).
    #[default]
    MaxAbs,
    /// Nothing, but x becomes ln(1 + x).
    Log,
}

params! {
    /// Fourteen numbers read off a prompt's surface: counts of words, sentences and characters, averages, marks,
    /// keywords. [`SURFACE_FEATURES`](crate::SURFACE_FEATURES) names them; the list with definitions is in the
    /// README.
    ///
    /// ```
    /// use prompt_core::{FitContext, FitTransform};
    /// use prompt_features::{Surface, SurfaceScale};
    /// let surface = Surface::default().scale(SurfaceScale::None);
    /// let (_, x) = surface.fit_transform(&["Is it 7? Yes."], &(), &FitContext::new(0)).unwrap();
    /// assert_eq!(x.names().get(8), "question_marks");
    /// let row = x.to_dense().row(0).to_vec();
    /// assert_eq!((row[0], row[1], row[6], row[8]), (4.0, 1.0, 1.0, 1.0));
    /// ```
    pub struct Surface named "surface" {
        /// What each number is divided by: `max_abs`, `standard`, `none`, or `log` for ln(1 + x).
        scale: SurfaceScale = SurfaceScale::MaxAbs, Legal::OneOf(&["none", "standard", "max_abs", "log"]);
    }
}

/// What scales are learned from: moments and largest value of each column.
#[derive(Debug, Clone, Copy, Default)]
struct Scales {
    moments: [Moments; COLUMNS],
    largest: [f64; COLUMNS],
}

impl Accumulate<[f64; COLUMNS]> for Scales {
    type Output = Self;

    fn observe(&mut self, row: &[f64; COLUMNS]) -> Result<()> {
        self.merge(Self { moments: row.map(|value| Moments::of(value, 1.0)), largest: *row })
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        for j in 0..COLUMNS {
            self.moments[j].add(other.moments[j]);
            self.largest[j] = self.largest[j].max(other.largest[j]);
        }
        Ok(())
    }

    fn finish(self) -> Result<Self> {
        Ok(self)
    }
}

impl Surface {
    fn divisors(&self, scales: &Scales) -> Vec<f64> {
        let or_one = |x: f64| if x > 0.0 { x } else { 1.0 };
        (0..COLUMNS)
            .map(|j| match self.scale {
                SurfaceScale::Standard => or_one(scales.moments[j].variance().sqrt()),
                SurfaceScale::MaxAbs => or_one(scales.largest[j]),
                SurfaceScale::None | SurfaceScale::Log => 1.0,
            })
            .collect()
    }
}

impl TextLearner for Surface {
    type Fitted = FittedSurface;
    type Output = Matrix;

    fn learn(&self, texts: &dyn Texts, ctx: &FitContext) -> Result<(FittedSurface, Matrix)> {
        if texts.count() == 0 {
            return Err(Error::input("surface: no texts to learn from", "give at least one text"));
        }
        let ranges = blocks(texts.count());
        let rows = ctx.map(ranges.len(), |b| {
            let mut work = SurfaceWorkspace::default();
            ranges[b].clone().map(|i| measure(texts.text(i), &mut work)).collect::<Vec<_>>()
        });
        let rows = rows.concat();
        let scales = accumulate(&rows, Scales::default, ctx)?;
        let fitted = FittedSurface::new(self.clone(), self.divisors(&scales));
        let (mut builder, mut out) = (CsrBuilder::new(COLUMNS), SparseRow::default());
        for row in &rows {
            out.clear();
            fitted.push_scaled(row, 0, &mut out);
            builder.push(&out);
        }
        let x: Csr = builder.finish();
        let names = prompt_core::Featurizer::names(&fitted).clone();
        Ok((fitted, x.with_names(names).into()))
    }
}

#[cfg(test)]
mod tests {
    use prompt_core::checks::accumulate::accumulator_check;

    use super::*;

    #[test]
    fn scales_of_parts_are_those_of_the_whole() {
        let rows: Vec<[f64; COLUMNS]> =
            (0..30).map(|i| std::array::from_fn(|j| f64::from(i * i % 7) + j as f64)).collect();
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        let same = |a: &Scales, b: &Scales| {
            [SurfaceScale::Standard, SurfaceScale::MaxAbs].into_iter().all(|scale| {
                let surface = Surface::default().scale(scale);
                near(&surface.divisors(a), &surface.divisors(b))
            })
        };
        assert_eq!(accumulator_check(Scales::default, &rows, same), Ok(()));
    }
}
