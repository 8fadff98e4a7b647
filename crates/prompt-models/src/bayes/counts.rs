//! What naive Bayes learns from: sums over the rows of each class, which parts of the data add up to.

use prompt_core::{
    Accumulate, ClassWeight, Classes, Error, Matrix, Moments, Params, Result, RowView, Target,
};

use super::{BernoulliNb, ComplementNb, GaussianModel, GaussianNb, MultinomialNb};
use crate::bayes::BernoulliModel;
use crate::linear::{LinearClassifier, Problem};

/// A row as naive Bayes observes it.
#[derive(Debug, Clone, Copy)]
pub struct ClassRow<'a> {
    /// The features.
    pub row: RowView<'a>,
    /// Its class, as a position in the list of classes.
    pub class: u32,
    /// What it counts.
    pub weight: f64,
}

/// Learns a naive Bayes model from a stream of rows, or from parts of one. `fit` observes the rows of its matrix in the
/// same way, one after the other, because a row costs no more than its non-zero features.
///
/// ```
/// use prompt_core::{Accumulate, Classes, Dense, Matrix, Predict};
/// use prompt_models::bayes::{ClassRow, MultinomialNb};
///
/// let x = Matrix::from(Dense::from_rows(&[[2.0, 0.0], [0.0, 1.0]]));
/// let classes = Classes::new(["a", "b"])?;
/// let part = || MultinomialNb::default().accumulator(classes.clone(), 2);
/// let (mut first, mut second) = (part()?, part()?);
/// first.observe(&ClassRow { row: x.row(0), class: 0, weight: 1.0 })?;
/// second.observe(&ClassRow { row: x.row(1), class: 1, weight: 1.0 })?;
/// first.merge(second)?;
/// let p = first.finish()?.predict(&x)?.row(0)[0];
/// assert!((p - 81.0 / 97.0).abs() < 1e-12);
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BayesAccumulator<B> {
    params: B,
    pub(super) rules: Rules,
    pub(super) classes: Classes,
    pub(super) features: usize,
    rows: u64,
    /// The weight of each class.
    pub(super) mass: Vec<f64>,
    pub(super) sums: Sums,
}

/// What a kind of naive Bayes takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rules {
    pub(super) negative: bool,
    /// Only whether a feature is larger counts.
    pub(super) threshold: Option<f64>,
}

/// Feature after feature, one entry for each class.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sums {
    /// Σ of weight times value.
    Counts(Vec<f64>),
    Moments {
        /// Of the numbers that are stored; the others are zeros.
        stored: Vec<Moments>,
        /// The same over all classes, each row counting once.
        all: Vec<Moments>,
    },
}

impl<B: Params + PartialEq> BayesAccumulator<B> {
    pub(super) fn new(params: B, rules: Rules, classes: Classes, features: usize, sums: Sums) -> Self {
        let mass = vec![0.0; classes.len()];
        Self { params, rules, classes, features, rows: 0, mass, sums }
    }

    fn add(&mut self, ClassRow { row, class, weight }: ClassRow<'_>) -> Result<()> {
        self.check(row, class, weight)?;
        let (k, class) = (self.classes.len(), class as usize);
        self.rows += 1;
        if let Sums::Moments { all, .. } = &mut self.sums {
            row.for_each(|j, v| all[j].add(Moments::of(v, 1.0)));
        }
        if weight <= 0.0 {
            return Ok(());
        }
        self.mass[class] += weight;
        match (&mut self.sums, self.rules.threshold) {
            (Sums::Counts(counts), None) => row.for_each(|j, v| counts[j * k + class] += weight * v),
            (Sums::Counts(counts), Some(threshold)) => row.for_each(|j, v| {
                if v > threshold {
                    counts[j * k + class] += weight;
                }
            }),
            (Sums::Moments { stored, .. }, _) => {
                row.for_each(|j, v| stored[j * k + class].add(Moments::of(v, weight)));
            }
        }
        Ok(())
    }

    fn check(&self, row: RowView<'_>, class: u32, weight: f64) -> Result<()> {
        let width = match row {
            RowView::Dense(values) => values.len(),
            // As many as the model has are meant; only what lies beyond is wrong.
            RowView::Sparse { indices, .. } => {
                indices.iter().map(|j| *j as usize + 1).fold(self.features, usize::max)
            }
        };
        if width != self.features {
            return Err(Error::shape(format!("{}: features of a row", B::NAME), self.features, width));
        }
        let place = |what: String| format!("{}: {what} at row {}", B::NAME, self.rows);
        if class as usize >= self.classes.len() {
            return Err(Error::input(
                place(format!("class {class}")),
                format!("classes are positions in the list of {}, from 0", self.classes.len()),
            ));
        }
        if !weight.is_finite() || weight < 0.0 {
            return Err(Error::input(
                place(format!("weight {weight}")),
                "weights are finite and not negative",
            ));
        }
        let mut wrong = None;
        row.for_each(|j, v| {
            if !v.is_finite() || v < 0.0 && !self.rules.negative {
                wrong = Some((j, v));
            }
        });
        match wrong {
            None => Ok(()),
            Some((j, v)) => Err(Error::input(
                place(format!("feature {j} is {v}")),
                if self.rules.negative {
                    "give finite numbers"
                } else {
                    "give counts: finite, none negative"
                },
            )),
        }
    }

    fn take_in(&mut self, other: Self) -> Result<()> {
        if self.features != other.features {
            return Err(Error::shape(
                format!("{}: features of a part", B::NAME),
                self.features,
                other.features,
            ));
        }
        if self.classes != other.classes || self.params != other.params {
            return Err(Error::input(
                format!("{}: parts that were learned with other classes or parameters", B::NAME),
                "make all parts from one estimator and one list of classes",
            ));
        }
        self.rows += other.rows;
        self.mass.iter_mut().zip(&other.mass).for_each(|(sum, mass)| *sum += mass);
        let add = |ours: &mut [Moments], theirs: Vec<Moments>| {
            ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| ours.add(theirs));
        };
        match (&mut self.sums, other.sums) {
            (Sums::Counts(ours), Sums::Counts(theirs)) => {
                ours.iter_mut().zip(theirs).for_each(|(sum, count)| *sum += count);
            }
            (Sums::Moments { stored, all }, Sums::Moments { stored: more, all: more_of_all }) => {
                add(stored, more);
                add(all, more_of_all);
            }
            // One kind of naive Bayes keeps one kind of sums.
            (Sums::Counts(_), Sums::Moments { .. }) | (Sums::Moments { .. }, Sums::Counts(_)) => {}
        }
        Ok(())
    }

    /// The parameters, the classes with rows that count, and the rest.
    pub(super) fn learned(self) -> Result<(B, Problem, Learned)> {
        let problem = Problem::of_mass(B::NAME, &self.mass, self.classes, 2)?;
        let mass = problem.present.iter().map(|&class| self.mass[class as usize]).collect();
        let learned = Learned {
            features: self.features,
            classes: self.mass.len(),
            rows: self.rows,
            mass,
            sums: self.sums,
        };
        Ok((self.params, problem, learned))
    }
}

/// What was observed.
pub(super) struct Learned {
    pub(super) features: usize,
    /// All of them; `sums` has an entry for each.
    pub(super) classes: usize,
    pub(super) rows: u64,
    /// The weight of each class that is there.
    pub(super) mass: Vec<f64>,
    pub(super) sums: Sums,
}

impl Learned {
    /// Σ of each feature over the rows of each class that is there, feature after feature.
    pub(super) fn counts(self, problem: &Problem) -> Vec<f64> {
        let Sums::Counts(counts) = self.sums else { return Vec::new() };
        if problem.present.len() == self.classes {
            return counts;
        }
        let there =
            |row: &[f64]| problem.present.iter().map(|&class| row[class as usize]).collect::<Vec<_>>();
        counts.chunks_exact(self.classes).flat_map(there).collect()
    }
}

/// Learns from all rows, weighted by `class_weight` besides their own weights.
pub(super) fn learn<A, M>(mut part: A, x: &Matrix, y: &Target, class_weight: &ClassWeight) -> Result<M>
where
    A: for<'a> Accumulate<ClassRow<'a>, Output = M>,
{
    let (codes, _) = y.as_classes()?;
    let weights = class_weight.row_weights(y)?;
    for (row, &class) in codes.iter().enumerate() {
        let weight = weights.as_ref().map_or(1.0, |w| w[row]);
        part.observe(&ClassRow { row: x.row(row), class, weight })?;
    }
    part.finish()
}

macro_rules! accumulators {
    ($($learner:ty => $fitted:ty;)+) => {$(
        impl $learner {
            /// Learns from rows that come one by one, or from parts of them.
            ///
            /// # Errors
            /// Parameters out of their range; a `class_weight`, since a row's weight must be known when it comes: give
            /// rows their weights instead.
            pub fn accumulator(&self, classes: Classes, n_features: usize) -> Result<BayesAccumulator<Self>> {
                self.validate()?;
                if self.class_weight != ClassWeight::None {
                    return Err(Error::unsupported(
                        Self::NAME,
                        "class_weight for rows that come one by one",
                        "leave it out and give the rows their weights",
                    ));
                }
                self.start(classes, n_features)
            }

            /// Nothing observed yet, of as many sums as there are classes and features.
            pub(super) fn start(&self, classes: Classes, features: usize) -> Result<BayesAccumulator<Self>> {
                let size = features.checked_mul(classes.len()).ok_or_else(|| {
                    Error::input(
                        format!("{}: {features} features of {} classes", Self::NAME, classes.len()),
                        "take fewer features",
                    )
                })?;
                let (rules, sums) = self.rules(size, features);
                Ok(BayesAccumulator::new(self.clone(), rules, classes, features, sums))
            }
        }

        impl<'a> Accumulate<ClassRow<'a>> for BayesAccumulator<$learner> {
            type Output = $fitted;

            fn observe(&mut self, row: &ClassRow<'a>) -> Result<()> {
                self.add(*row)
            }

            fn merge(&mut self, other: Self) -> Result<()> {
                self.take_in(other)
            }

            fn finish(self) -> Result<$fitted> {
                let (params, problem, learned) = self.learned()?;
                Ok(params.solve(&problem, learned))
            }
        }
    )+};
}

accumulators! {
    MultinomialNb => LinearClassifier;
    ComplementNb => LinearClassifier;
    BernoulliNb => BernoulliModel;
    GaussianNb => GaussianModel;
}

#[cfg(test)]
mod tests {
    use prompt_core::checks::accumulate::accumulator_check;
    use prompt_core::{CsrBuilder, Dense, Fit, FitContext, SparseRow};

    use super::*;

    const CLASSES: [&str; 3] = ["a", "b", "c"];

    fn classes() -> Classes {
        Classes::new(CLASSES).unwrap()
    }

    /// Counts of four features, whose class and weight follow from the row's number.
    fn data() -> (Matrix, Vec<u32>, Vec<f64>) {
        let rows: Vec<[f64; 4]> = (0..45_usize)
            .map(|i| [i * i % 5, (i + i / 9) % 3, if i % 3 == 0 { 2 } else { 0 }, i % 2].map(|v| v as f64))
            .collect();
        let codes = (0..45).map(|i| i * 7 % 11 % 3).collect();
        (Matrix::from(Dense::from_rows(&rows)), codes, (0..45).map(|i| f64::from(i % 4) / 2.0).collect())
    }

    fn sparse(x: &Matrix) -> Matrix {
        let (mut builder, mut row) = (CsrBuilder::new(x.cols()), SparseRow::default());
        for i in 0..x.rows() {
            row.clear();
            x.row(i).for_each(|j, v| {
                if v != 0.0 {
                    row.indices.push(j as u32);
                    row.values.push(v as f32);
                }
            });
            builder.push(&row);
        }
        builder.finish().into()
    }

    macro_rules! check {
        ($learner:expr) => {{
            let learner = $learner;
            let (x, codes, weights) = data();
            for x in [&x, &sparse(&x)] {
                let rows: Vec<ClassRow<'_>> = (0..x.rows())
                    .map(|i| ClassRow { row: x.row(i), class: codes[i], weight: weights[i] })
                    .collect();
                let predict = |model: &dyn prompt_core::Model| {
                    let p = prompt_core::predict(model, x).unwrap();
                    (0..x.rows()).flat_map(|i| p.row(i).to_vec()).collect::<Vec<f64>>()
                };
                let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
                let new = || learner.accumulator(classes(), 4).unwrap();
                assert_eq!(accumulator_check(new, &rows, |a, b| near(&predict(a), &predict(b))), Ok(()));
                let names = codes.iter().map(|&c| CLASSES[c as usize]);
                let y = Target::labels(names).with_weights(weights.clone()).unwrap();
                let mut streamed = new();
                rows.iter().for_each(|row| streamed.observe(row).unwrap());
                let whole = learner.fit(x, &y, &FitContext::new(0)).unwrap();
                assert_eq!(whole, streamed.finish().unwrap());
            }
        }};
    }

    #[test]
    fn parts_of_the_data_teach_what_all_of_it_teaches() {
        check!(MultinomialNb::default());
        check!(ComplementNb::default().norm(true));
        check!(BernoulliNb::default().binarize(1.0));
        check!(GaussianNb::default());
    }

    #[test]
    fn a_class_without_rows_is_absent() {
        let (x, codes, _) = data();
        let four = Classes::new(["a", "b", "c", "never"]).unwrap();
        let mut part = MultinomialNb::default().accumulator(four, 4).unwrap();
        let mut without = MultinomialNb::default().accumulator(classes(), 4).unwrap();
        for (i, &class) in codes.iter().enumerate() {
            let row = ClassRow { row: x.row(i), class, weight: 1.0 };
            part.observe(&row).unwrap();
            without.observe(&row).unwrap();
        }
        let (p, q) = (part.finish().unwrap(), without.finish().unwrap());
        let (p, q) = (prompt_core::predict(&p, &x).unwrap(), prompt_core::predict(&q, &x).unwrap());
        for i in 0..x.rows() {
            assert_eq!(p.row(i)[3], 0.0);
            assert!(p.row(i).iter().zip(q.row(i)).all(|(a, b)| (a - b).abs() < 1e-15));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        let fresh = || MultinomialNb::default().accumulator(classes(), 2).unwrap();
        let refused = |row: &[f64], class, weight, part: &str| {
            let mut bayes = fresh();
            let row = ClassRow { row: RowView::Dense(row), class, weight };
            let error = bayes.observe(&row).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
            assert_eq!(bayes, fresh());
        };
        refused(&[1.0], 0, 1.0, "expected 2, got 1");
        refused(&[1.0, 0.0], 3, 1.0, "class 3 at row 0");
        refused(&[1.0, 0.0], 0, f64::NAN, "weight NaN at row 0");
        refused(&[1.0, -1.0], 0, 1.0, "feature 1 is -1 at row 0");
        let mut bayes = fresh();
        let beyond = RowView::Sparse { indices: &[2], values: &[1.0] };
        assert!(bayes.observe(&ClassRow { row: beyond, class: 0, weight: 1.0 }).is_err());
        assert!(bayes.merge(MultinomialNb::default().accumulator(classes(), 3).unwrap()).is_err());
        assert!(bayes.merge(MultinomialNb::default().alpha(0.5).accumulator(classes(), 2).unwrap()).is_err());
        assert!(bayes.finish().unwrap_err().to_string().contains("0 class(es)"));
        let balanced = MultinomialNb::default().class_weight(ClassWeight::Balanced);
        assert!(balanced.accumulator(classes(), 2).unwrap_err().to_string().contains("class_weight"));
        assert!(MultinomialNb::default().accumulator(classes(), usize::MAX).is_err());
    }
}
