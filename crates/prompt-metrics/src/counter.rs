//! A confusion matrix counted row by row.

use prompt_core::{Accumulate, Error, Result};

use crate::check;
use crate::classify::Confusion;

/// Counts a confusion matrix row by row, so that it comes out of a stream, or out of parts that were counted apart. A row
/// is (true class, predicted class, weight); classes are indices into the class list, from 0. Everything that derives from
/// the matrix (accuracy, F1, [security score](crate::SecurityScore), …) follows.
///
/// ```
/// use prompt_core::Accumulate;
/// use prompt_metrics::ConfusionCounter;
/// let (mut first, mut second) = (ConfusionCounter::new(2)?, ConfusionCounter::new(2)?);
/// first.observe(&(0, 0, 1.0))?;
/// second.observe(&(0, 1, 1.0))?;
/// second.observe(&(1, 1, 2.0))?;
/// first.merge(second)?;
/// assert_eq!(first.finish()?.accuracy(), 0.75);
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ConfusionCounter {
    confusion: Confusion,
    rows: u64,
}

/// Of more classes a matrix does not fit into memory.
const MOST_CLASSES: usize = 1 << 16;

impl ConfusionCounter {
    /// A matrix of no rows yet.
    ///
    /// # Errors
    /// More than 65 536 classes.
    pub fn new(n_classes: usize) -> Result<Self> {
        if n_classes > MOST_CLASSES {
            return Err(Error::input(
                format!("a confusion matrix of {n_classes} classes"),
                format!("give at most {MOST_CLASSES} classes"),
            ));
        }
        Ok(Self { confusion: Confusion::zeros(n_classes), rows: 0 })
    }

    /// A row whose classes and weight were checked.
    pub(crate) fn add(&mut self, truth: u32, predicted: u32, weight: f64) {
        let n_classes = self.confusion.n_classes();
        self.confusion.counts_mut()[truth as usize * n_classes + predicted as usize] += weight;
        self.rows += 1;
    }

    /// What was counted so far.
    pub(crate) fn into_matrix(self) -> Confusion {
        self.confusion
    }
}

impl Accumulate<(u32, u32, f64)> for ConfusionCounter {
    type Output = Confusion;

    fn observe(&mut self, &(truth, predicted, weight): &(u32, u32, f64)) -> Result<()> {
        check::label_at("y_true", truth, self.confusion.n_classes(), self.rows)?;
        check::label_at("y_pred", predicted, self.confusion.n_classes(), self.rows)?;
        check::weight_at(weight, self.rows)?;
        self.add(truth, predicted, weight);
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.confusion.merge(&other.confusion)?;
        self.rows += other.rows;
        Ok(())
    }

    fn finish(self) -> Result<Confusion> {
        check::not_empty(usize::try_from(self.rows).unwrap_or(usize::MAX))?;
        if self.confusion.total() <= 0.0 {
            return Err(check::no_weight());
        }
        Ok(self.confusion)
    }
}

#[cfg(test)]
mod tests {
    use prompt_core::checks::accumulate::accumulator_check;

    use super::*;

    #[test]
    fn parts_of_a_confusion_matrix_add_up_to_the_whole() {
        // Halves add up without rounding, so the matrices are equal.
        let rows: Vec<(u32, u32, f64)> =
            (0..40).map(|i| (i % 3, (i * i + i / 7) % 3, f64::from(i % 4) / 2.0)).collect();
        let counter = || ConfusionCounter::new(3).unwrap();
        assert_eq!(accumulator_check(counter, &rows, Confusion::eq), Ok(()));
        let mut counted = counter();
        assert_eq!(
            counted.observe(&(0, 3, 1.0)).unwrap_err().to_string(),
            "y_pred holds class 3 at row 0, but there are 3 classes; labels are indices into the class list, from 0: \
             add the class or map the label"
        );
        assert!(counted.observe(&(0, 0, f64::NAN)).is_err());
        assert_eq!(counted, counter(), "what is refused changes nothing");
        assert!(counted.clone().finish().unwrap_err().to_string().contains("no rows"));
        assert!(counted.merge(ConfusionCounter::new(2).unwrap()).is_err());
        assert!(ConfusionCounter::new(usize::MAX).is_err());
        counted.observe(&(0, 0, 0.0)).unwrap();
        assert!(counted.finish().unwrap_err().to_string().contains("weights are zero"));
    }
}
