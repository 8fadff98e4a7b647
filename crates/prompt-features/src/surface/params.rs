//! How the numbers are scaled, and how the scales are learned.

use prompt_core::{
    Accumulate, Csr, CsrBuilder, Error, FitContext, Legal, Matrix, Result, SparseRow, TextLearner, Texts,
    accumulate, params,
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

/// Moments of the columns, as they are observed.
#[derive(Debug, Clone, Default)]
struct Moments {
    n: f64,
    mean: [f64; COLUMNS],
    /// Sum of squared distances from the mean.
    spread: [f64; COLUMNS],
    largest: [f64; COLUMNS],
}

impl Accumulate<[f64; COLUMNS]> for Moments {
    type Output = Self;

    fn observe(&mut self, row: &[f64; COLUMNS]) -> Result<()> {
        self.merge(Self { n: 1.0, mean: *row, spread: [0.0; COLUMNS], largest: *row });
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        let n = self.n + other.n;
        if n == 0.0 {
            return;
        }
        for j in 0..COLUMNS {
            let distance = other.mean[j] - self.mean[j];
            self.mean[j] += distance * other.n / n;
            self.spread[j] += other.spread[j] + distance * distance * self.n * other.n / n;
            self.largest[j] = self.largest[j].max(other.largest[j]);
        }
        self.n = n;
    }

    fn finish(self) -> Result<Self> {
        Ok(self)
    }
}

impl Surface {
    fn divisors(&self, moments: &Moments) -> Vec<f64> {
        let or_one = |x: f64| if x > 0.0 { x } else { 1.0 };
        (0..COLUMNS)
            .map(|j| match self.scale {
                SurfaceScale::Standard => or_one((moments.spread[j] / moments.n).sqrt()),
                SurfaceScale::MaxAbs => or_one(moments.largest[j]),
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
        let moments = accumulate(&rows, Moments::default, ctx)?;
        let fitted = FittedSurface::new(self.clone(), self.divisors(&moments));
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
