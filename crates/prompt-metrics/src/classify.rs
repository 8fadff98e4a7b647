//! Metrics of predicted classes, all read off one confusion matrix.

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::check::{self, Weights};
use crate::counter::ConfusionCounter;

/// Weighted counts of (true class, predicted class), and every metric that follows from them.
///
/// Reference: scikit-learn 1.9.1, with `zero_division=0`. Macro and weighted averages run over the classes that
/// occur in the truth or in the predictions (scikit-learn's `labels=None`); a class that occurs in neither is left
/// out of them.
///
/// Where a quotient has no denominator, the methods of one class answer `None`, and the tables hold 0.0 beside a
/// flag that says so.
///
/// ```
/// use prompt_metrics::{Average, Confusion};
/// let c = Confusion::new(&[0, 0, 1, 1, 2], &[0, 1, 1, 1, 1], 3, None)?;
/// assert_eq!(c.accuracy(), 0.6);
/// assert_eq!(c.recall(0), Some(0.5));
/// assert_eq!(c.precision(2), None); // nothing was called class 2
/// assert_eq!(c.rate(0, 1), Some(0.5)); // P(predicted 1 | true 0)
/// assert!((c.average(Average::Macro).recall - 0.5).abs() < 1e-12);
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(into = "Vec<Vec<f64>>")]
pub struct Confusion {
    n_classes: usize,
    /// Row after row: true class, then predicted class.
    counts: Vec<f64>,
}

impl From<Confusion> for Vec<Vec<f64>> {
    fn from(confusion: Confusion) -> Self {
        confusion.counts.chunks(confusion.n_classes.max(1)).map(<[f64]>::to_vec).collect()
    }
}

/// How the numbers of the classes become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Average {
    /// The plain mean over classes.
    Macro,
    /// Over all decisions together; with one label a row all three numbers are the accuracy.
    Micro,
    /// The mean over classes, weighted by their share of the truth.
    Weighted,
}

/// Averaged precision, recall and F1, each in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Averages {
    /// Of the rows called a class, the share that is of it.
    pub precision: f64,
    /// Of the rows of a class, the share that is called so.
    pub recall: f64,
    /// The harmonic mean of both, taken class by class.
    pub f1: f64,
}

/// The numbers of one class. What is undefined holds 0.0 and a flag.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// tp / (tp + fp).
    pub precision: f64,
    /// tp / (tp + fn).
    pub recall: f64,
    /// 2·tp / (2·tp + fp + fn).
    pub f1: f64,
    /// Weight of the rows that are of this class.
    pub support: f64,
    /// Weight of the rows that were called this class.
    pub predicted: f64,
    /// False where nothing was called this class; `precision` is then 0.0.
    pub precision_defined: bool,
    /// False where no row is of this class; `recall` is then 0.0.
    pub recall_defined: bool,
    /// False where the class occurs in neither truth nor predictions; `f1` is then 0.0.
    pub f1_defined: bool,
}

impl Confusion {
    /// Counts the rows. Labels are indices into the class list, from 0.
    ///
    /// # Errors
    /// No rows, lengths that differ, a label that is not below `n_classes`, weights that are negative, not finite or
    /// all zero.
    pub fn new(y_true: &[u32], y_pred: &[u32], n_classes: usize, weights: Option<&[f64]>) -> Result<Self> {
        check::not_empty(y_true.len())?;
        check::same_length("y_pred", y_true.len(), y_pred.len())?;
        check::labels("y_true", y_true, n_classes)?;
        check::labels("y_pred", y_pred, n_classes)?;
        let weights = Weights::new(weights, y_true.len())?;
        let mut counter = ConfusionCounter::new(n_classes)?;
        for (i, (&t, &p)) in y_true.iter().zip(y_pred).enumerate() {
            counter.add(t, p, weights.get(i));
        }
        Ok(counter.into_matrix())
    }

    /// A matrix that was counted elsewhere, row after row (true class, then predicted class).
    ///
    /// # Errors
    /// Unless there are `n_classes²` finite counts, none negative and not all zero.
    pub fn from_counts(n_classes: usize, counts: Vec<f64>) -> Result<Self> {
        if n_classes.checked_mul(n_classes) != Some(counts.len()) {
            return Err(Error::shape(
                format!("counts of a confusion matrix of {n_classes} classes"),
                n_classes.saturating_mul(n_classes),
                counts.len(),
            ));
        }
        Weights::new(Some(&counts), counts.len())?;
        Ok(Self { n_classes, counts })
    }

    pub(crate) fn zeros(n_classes: usize) -> Self {
        Self { n_classes, counts: vec![0.0; n_classes * n_classes] }
    }

    pub(crate) fn counts_mut(&mut self) -> &mut [f64] {
        &mut self.counts
    }

    /// Adds the counts of another part of the same data.
    ///
    /// # Errors
    /// When the numbers of classes differ.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.n_classes != other.n_classes {
            return Err(Error::shape("classes of the confusion matrices", self.n_classes, other.n_classes));
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
        Ok(())
    }

    /// The same with the `most` classes of the most rows (true and predicted) kept, in their order, and all others merged
    /// into one class behind them; and which classes were kept.
    pub(crate) fn most_frequent(&self, most: usize) -> (Self, Vec<usize>) {
        let mut kept: Vec<usize> = (0..self.n_classes).collect();
        let rows: Vec<f64> = kept.iter().map(|&c| self.support(c) + self.predicted(c)).collect();
        kept.sort_by(|&a, &b| rows[b].total_cmp(&rows[a]));
        kept.truncate(most);
        kept.sort_unstable();
        let place: Vec<usize> =
            (0..self.n_classes).map(|c| kept.binary_search(&c).unwrap_or(kept.len())).collect();
        let mut merged = Self::zeros(kept.len() + 1);
        for (i, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
            let (t, p) = (place[i / self.n_classes], place[i % self.n_classes]);
            merged.counts[t * merged.n_classes + p] += count;
        }
        (merged, kept)
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Weight of the rows of class `truth` that were called `predicted`. A class beyond the last has no rows, here
    /// and in every method that takes a class.
    pub fn count(&self, truth: usize, predicted: usize) -> f64 {
        let inside = truth < self.n_classes && predicted < self.n_classes;
        if inside { self.counts[truth * self.n_classes + predicted] } else { 0.0 }
    }

    /// Weight of all rows.
    pub fn total(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// Weight of the rows that are of `class`.
    pub fn support(&self, class: usize) -> f64 {
        (0..self.n_classes).map(|p| self.count(class, p)).sum()
    }

    /// Weight of the rows that were called `class`.
    pub fn predicted(&self, class: usize) -> f64 {
        (0..self.n_classes).map(|t| self.count(t, class)).sum()
    }

    fn correct(&self) -> f64 {
        (0..self.n_classes).map(|c| self.count(c, c)).sum()
    }

    /// The share of rows that got their class, in [0, 1] (`accuracy_score`).
    pub fn accuracy(&self) -> f64 {
        self.correct() / self.total()
    }

    /// The mean recall of the classes that occur in the truth (`balanced_accuracy_score`).
    pub fn balanced_accuracy(&self) -> f64 {
        mean((0..self.n_classes).filter_map(|c| self.recall(c)))
    }

    /// Of the rows called `class`, the share that is of it (`precision_score`); `None` where none was called so.
    pub fn precision(&self, class: usize) -> Option<f64> {
        quotient(self.count(class, class), self.predicted(class))
    }

    /// Of the rows of `class`, the share that was called so (`recall_score`); `None` where there is none.
    pub fn recall(&self, class: usize) -> Option<f64> {
        quotient(self.count(class, class), self.support(class))
    }

    /// 2·tp / (2·tp + fp + fn) (`f1_score`); `None` where the class occurs in neither truth nor predictions.
    pub fn f1(&self, class: usize) -> Option<f64> {
        quotient(2.0 * self.count(class, class), self.support(class) + self.predicted(class))
    }

    /// P(`predicted` | true class is `truth`), in [0, 1]: one cell of `confusion_matrix(normalize="true")`.
    /// `None` where no row is of class `truth`.
    pub fn rate(&self, truth: usize, predicted: usize) -> Option<f64> {
        quotient(self.count(truth, predicted), self.support(truth))
    }

    /// All numbers of `class` (`precision_recall_fscore_support`).
    pub fn class(&self, class: usize) -> ClassScores {
        let (precision, recall, f1) = (self.precision(class), self.recall(class), self.f1(class));
        ClassScores {
            precision: precision.unwrap_or(0.0),
            recall: recall.unwrap_or(0.0),
            f1: f1.unwrap_or(0.0),
            support: self.support(class),
            predicted: self.predicted(class),
            precision_defined: precision.is_some(),
            recall_defined: recall.is_some(),
            f1_defined: f1.is_some(),
        }
    }

    /// The numbers of every class, in class order.
    pub fn per_class(&self) -> Vec<ClassScores> {
        (0..self.n_classes).map(|c| self.class(c)).collect()
    }

    /// Precision, recall and F1 over all classes that occur (`precision_recall_fscore_support(average=…)`).
    pub fn average(&self, average: Average) -> Averages {
        if average == Average::Micro {
            let accuracy = self.accuracy();
            return Averages { precision: accuracy, recall: accuracy, f1: accuracy };
        }
        let mut sum = Averages { precision: 0.0, recall: 0.0, f1: 0.0 };
        let mut total = 0.0;
        for scores in self.per_class().iter().filter(|s| s.f1_defined) {
            let weight = if average == Average::Macro { 1.0 } else { scores.support };
            sum.precision += weight * scores.precision;
            sum.recall += weight * scores.recall;
            sum.f1 += weight * scores.f1;
            total += weight;
        }
        Averages { precision: sum.precision / total, recall: sum.recall / total, f1: sum.f1 / total }
    }

    /// Macro-averaged F1, in [0, 1].
    pub fn f1_macro(&self) -> f64 {
        self.average(Average::Macro).f1
    }

    /// Matthews' correlation of truth and prediction, in [−1, 1] (`matthews_corrcoef`).
    ///
    /// Where truth or prediction is constant it is 0.0, scikit-learn's value.
    pub fn matthews_corrcoef(&self) -> f64 {
        let n = self.total();
        let (mut agreement, mut truth, mut predicted) = (0.0, 0.0, 0.0);
        for c in 0..self.n_classes {
            let (t, p) = (self.support(c), self.predicted(c));
            agreement += t * p;
            truth += t * t;
            predicted += p * p;
        }
        let spread = (n * n - truth) * (n * n - predicted);
        // One class only leaves rounding dust under weights, never a real spread.
        if spread <= (n * n * f64::EPSILON).powi(2) {
            return 0.0;
        }
        (self.correct() * n - agreement) / spread.sqrt()
    }

    /// Cohen's kappa: agreement beyond chance, in [−1, 1] (`cohen_kappa_score`).
    ///
    /// `None` where chance alone agrees always (one class only), which scikit-learn calls NaN.
    pub fn cohen_kappa(&self) -> Option<f64> {
        let n = self.total();
        let chance = (0..self.n_classes).map(|c| self.support(c) * self.predicted(c)).sum::<f64>() / n;
        let disagreement_by_chance = n - chance;
        if disagreement_by_chance <= n * f64::EPSILON {
            return None;
        }
        Some(1.0 - (n - self.correct()) / disagreement_by_chance)
    }
}

fn quotient(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), v| (sum + v, n + 1.0));
    sum / n
}

/// Macro F1 of some rows, without a matrix: for more classes than a matrix can be made of again and again. The labels have
/// been checked. The same value as [`Confusion::f1_macro`].
pub(crate) fn f1_macro_of(y_true: &[u32], y_pred: &[u32], n_classes: usize, rows: &[usize]) -> f64 {
    // Rows of the class, rows called so, rows that are both.
    let mut counts = vec![[0u32; 3]; n_classes];
    for &i in rows {
        let (t, p) = (y_true[i] as usize, y_pred[i] as usize);
        counts[t][0] += 1;
        counts[p][1] += 1;
        counts[t][2] += u32::from(t == p);
    }
    let there = counts.iter().filter(|c| c[0] + c[1] > 0);
    let (sum, n) = there.fold((0.0, 0.0), |(sum, n), [of, called, both]| {
        (sum + 2.0 * f64::from(*both) / f64::from(of + called), n + 1.0)
    });
    sum / n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_classes_merge_and_rows_stay() {
        let (truth, called) = ([0, 1, 1, 2, 3, 3, 3, 4], [0, 1, 3, 1, 3, 3, 3, 0]);
        let c = Confusion::new(&truth, &called, 5, None).unwrap();
        let (merged, kept) = c.most_frequent(2);
        assert_eq!((kept, merged.n_classes(), merged.total()), (vec![1, 3], 3, 8.0));
        assert_eq!(Vec::<Vec<f64>>::from(merged), [[1.0, 1.0, 0.0], [0.0, 3.0, 0.0], [1.0, 0.0, 2.0]]);
    }

    #[test]
    fn macro_f1_of_rows_is_that_of_their_matrix() {
        let (truth, called) = ([0, 1, 1, 2, 3, 3], [0, 1, 3, 1, 3, 0]);
        for rows in [vec![0, 1, 2, 3, 4, 5], vec![0, 0, 2, 2, 5], vec![3]] {
            let pick = |y: &[u32; 6]| rows.iter().map(|&i| y[i]).collect::<Vec<u32>>();
            let c = Confusion::new(&pick(&truth), &pick(&called), 5, None).unwrap();
            assert!((f1_macro_of(&truth, &called, 5, &rows) - c.f1_macro()).abs() < 1e-15);
        }
    }

    #[test]
    fn bad_input_says_which() {
        let message = |r: Result<Confusion>| r.unwrap_err().to_string();
        assert_eq!(
            message(Confusion::new(&[], &[], 2, None)),
            "there are no rows to evaluate; give at least one true value"
        );
        assert_eq!(message(Confusion::new(&[0, 1], &[0], 2, None)), "length of y_pred: expected 2, got 1");
        assert!(
            message(Confusion::new(&[0, 2], &[0, 1], 2, None)).starts_with("y_true holds class 2 at row 1")
        );
        assert!(
            message(Confusion::new(&[0, 1], &[0, 1], 2, Some(&[0.0, 0.0]))).starts_with("all sample weights")
        );
        assert!(
            message(Confusion::new(&[0, 1], &[0, 1], 2, Some(&[1.0, -1.0])))
                .starts_with("weight -1 at row 1")
        );
        assert!(message(Confusion::from_counts(2, vec![1.0; 3])).contains("expected 4, got 3"));
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let (t, p) = ([0, 1, 2, 2, 1], [0, 2, 2, 1, 1]);
        let mut merged = Confusion::new(&t[..2], &p[..2], 3, None).unwrap();
        merged.merge(&Confusion::new(&t[2..], &p[2..], 3, None).unwrap()).unwrap();
        assert_eq!(merged, Confusion::new(&t, &p, 3, None).unwrap());
        let other = Confusion::new(&[0], &[0], 2, None).unwrap();
        assert_eq!(
            merged.merge(&other).unwrap_err().to_string(),
            "classes of the confusion matrices: expected 3, got 2"
        );
    }

    #[test]
    fn zero_division_is_told() {
        let c = Confusion::new(&[0, 0, 1], &[0, 0, 0], 3, None).unwrap();
        let (second, third) = (c.class(1), c.class(2));
        assert_eq!((second.precision, second.precision_defined, second.recall_defined), (0.0, false, true));
        assert!(!third.f1_defined && third.support == 0.0);
        assert_eq!(c.f1_macro(), 0.4, "the class that never occurs is left out");
        assert_eq!(c.rate(2, 0), None);
        assert_eq!((c.count(9, 0), c.support(9), c.precision(9), c.rate(0, 9)), (0.0, 0.0, None, Some(0.0)));
    }
}
