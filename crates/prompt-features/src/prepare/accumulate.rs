//! Scales learned row by row.

use prompt_core::{Accumulate, Error, Moments, Params, Result};

use super::scale::{FittedScaler, MinMaxScaler, Span, StandardScaler, Unit};

/// Learns a [`StandardScaler`] or [`MinMaxScaler`] from a stream of rows, or from parts of one. `fit` observes the rows of
/// its matrix in the same way.
///
/// A piece is a row and its weight. Missing numbers (NaN) play no part.
///
/// ```
/// use prompt_core::Accumulate;
/// use prompt_features::StandardScaler;
/// let scaler = StandardScaler::default();
/// let (mut first, mut second) = (scaler.accumulator(1, None)?, scaler.accumulator(1, None)?);
/// first.observe(&(&[1.0], 1.0))?;
/// second.observe(&(&[3.0], 1.0))?;
/// first.merge(second)?;
/// let fitted = first.finish()?;
/// assert_eq!((fitted.shifts(), fitted.units()), (&[2.0][..], &[1.0][..]));
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ScalerAccumulator<S> {
    scaler: S,
    rows: u64,
    /// `None` for columns of codes, which stay as they are.
    columns: Vec<Option<Seen>>,
}

/// What was seen of a column.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Seen {
    moments: Moments,
    span: Span,
}

impl<S: Params + PartialEq> ScalerAccumulator<S> {
    fn new(scaler: S, columns: usize, categorical: Option<&[u32]>) -> Result<Self> {
        scaler.validate()?;
        if let Some(levels) = categorical.filter(|levels| levels.len() != columns) {
            return Err(Error::shape("numbers of levels", columns, levels.len()));
        }
        let codes = |j: usize| categorical.is_some_and(|levels| levels[j] > 0);
        let columns = (0..columns).map(|j| (!codes(j)).then(Seen::default)).collect();
        Ok(Self { scaler, rows: 0, columns })
    }

    fn add(&mut self, row: &[f64], weight: f64) -> Result<()> {
        if row.len() != self.columns.len() {
            return Err(Error::shape("columns of a row", self.columns.len(), row.len()));
        }
        if !weight.is_finite() || weight < 0.0 {
            return Err(Error::input(
                format!("{}: weight {weight} at row {}", S::NAME, self.rows),
                "weights are finite and not negative",
            ));
        }
        if let Some(j) = row.iter().position(|value| value.is_infinite()) {
            return Err(Error::input(
                format!("{}: column {j} holds {} at row {}", S::NAME, row[j], self.rows),
                "give finite numbers, or NaN where one is missing",
            ));
        }
        self.rows += 1;
        if weight > 0.0 {
            for (seen, &value) in self.columns.iter_mut().zip(row).filter(|(_, value)| !value.is_nan()) {
                if let Some(seen) = seen {
                    seen.moments.add(Moments::of(value, weight));
                    seen.span.add(value);
                }
            }
        }
        Ok(())
    }

    fn take_in(&mut self, other: &Self) -> Result<()> {
        if self.columns.len() != other.columns.len() {
            return Err(Error::shape("columns of a part", self.columns.len(), other.columns.len()));
        }
        let codes = |part: &Self| part.columns.iter().map(Option::is_none).collect::<Vec<_>>();
        if self.scaler != other.scaler || codes(self) != codes(other) {
            return Err(Error::input(
                format!("{}: parts that were learned with other parameters", S::NAME),
                "make all parts from one scaler and the same columns of codes",
            ));
        }
        self.rows += other.rows;
        for (ours, theirs) in self.columns.iter_mut().zip(&other.columns) {
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                ours.moments.add(theirs.moments);
                ours.span.merge(theirs.span);
            }
        }
        Ok(())
    }

    fn units(&self, unit: impl Fn(&Seen) -> Unit) -> Result<Vec<Unit>> {
        if self.rows == 0 {
            return Err(Error::input(format!("{}: no rows to learn from", S::NAME), "give at least one row"));
        }
        Ok(self.columns.iter().map(|seen| seen.as_ref().map_or(Unit::NONE, &unit)).collect())
    }
}

macro_rules! accumulators {
    ($($scaler:ty: $finish:expr;)+) => {$(
        impl $scaler {
            /// Learns from rows of so many columns that come one by one. `categorical` says which columns hold codes, as
            /// [`Dense::categorical`](prompt_core::Dense::categorical) does.
            ///
            /// # Errors
            /// Parameters out of their range; another number of levels than of columns.
            pub fn accumulator(
                &self,
                columns: usize,
                categorical: Option<&[u32]>,
            ) -> Result<ScalerAccumulator<Self>> {
                ScalerAccumulator::new(self.clone(), columns, categorical)
            }
        }

        impl<'a> Accumulate<(&'a [f64], f64)> for ScalerAccumulator<$scaler> {
            type Output = FittedScaler;

            fn observe(&mut self, &(row, weight): &(&'a [f64], f64)) -> Result<()> {
                self.add(row, weight)
            }

            fn merge(&mut self, other: Self) -> Result<()> {
                self.take_in(&other)
            }

            fn finish(self) -> Result<FittedScaler> {
                let finish: fn(&Self) -> Result<FittedScaler> = $finish;
                finish(&self)
            }
        }
    )+};
}

accumulators! {
    StandardScaler: |this| {
        let units = this.units(|seen| {
            let Unit { shift, unit } = Unit::standard(&seen.moments);
            Unit {
                shift: if this.scaler.with_mean { shift } else { 0.0 },
                unit: if this.scaler.with_std { unit } else { 1.0 },
            }
        })?;
        Ok(FittedScaler::new(&units, false))
    };
    MinMaxScaler: |this| {
        let units = this.units(|seen| Unit::min_max(&seen.span))?;
        Ok(FittedScaler::new(&units, this.scaler.clip))
    };
}

#[cfg(test)]
mod tests {
    use prompt_core::checks::accumulate::accumulator_check;

    use super::*;

    #[test]
    fn scales_of_parts_are_those_of_the_whole() {
        let numbers: Vec<[f64; 3]> = (0..40)
            .map(|i| {
                let missing = if i % 5 == 0 { f64::NAN } else { f64::from(i * i % 23) };
                [1e3 + f64::from(i * 7 % 11), missing, f64::from(i % 3)]
            })
            .collect();
        let rows: Vec<(&[f64], f64)> =
            numbers.iter().zip(0..).map(|(row, i)| (&row[..], f64::from(i % 3_u8))).collect();
        let near = |a: &FittedScaler, b: &FittedScaler| {
            let both = a.shifts().iter().zip(b.shifts()).chain(a.units().iter().zip(b.units()));
            both.into_iter().all(|(a, b)| (a - b).abs() <= 1e-12 * a.abs().max(1.0))
        };
        let codes: &[u32] = &[0, 0, 3];
        let standard = || StandardScaler::default().accumulator(3, Some(codes)).unwrap();
        assert_eq!(accumulator_check(standard, &rows, near), Ok(()));
        let min_max = || MinMaxScaler::default().accumulator(3, Some(codes)).unwrap();
        assert_eq!(accumulator_check(min_max, &rows, FittedScaler::eq), Ok(()));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        let of = |columns, codes: Option<&[u32]>| StandardScaler::default().accumulator(columns, codes);
        let mut two = of(2, None).unwrap();
        assert!(two.observe(&(&[1.0], 1.0)).unwrap_err().to_string().contains("expected 2, got 1"));
        assert!(
            two.observe(&(&[1.0, f64::INFINITY], 1.0))
                .unwrap_err()
                .to_string()
                .contains("column 1 holds inf")
        );
        assert!(two.observe(&(&[1.0, 1.0], -1.0)).unwrap_err().to_string().contains("weight -1 at row 0"));
        assert!(two.merge(of(3, None).unwrap()).is_err());
        assert!(two.merge(of(2, Some(&[0, 2])).unwrap()).unwrap_err().to_string().contains("parameters"));
        assert_eq!(two, of(2, None).unwrap());
        assert!(two.finish().unwrap_err().to_string().contains("no rows"));
        assert!(of(2, Some(&[0])).is_err());
    }
}
