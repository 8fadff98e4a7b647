//! A classification problem as the solvers see it: the classes that are really there, and what each row weighs.

use prompt_core::{ClassWeight, Classes, Dense, Error, Result, Target};

/// Codes among the present classes, and row weights (sample weight times class weight).
///
/// A class whose rows weigh nothing is absent: it gets no weights and probability zero, so that a fold that lacks
/// a class still trains.
pub(crate) struct Problem {
    /// For each row the position of its class in `present`; rows of absent classes weigh nothing and hold 0.
    pub(crate) codes: Vec<u32>,
    /// The classes with rows that count, as positions in `classes`, rising.
    pub(crate) present: Vec<u32>,
    /// The weight of each row; `None` when every row counts 1.
    pub(crate) weights: Option<Vec<f64>>,
    /// All classes of the target.
    pub(crate) classes: Classes,
    /// A probability for every row and present class, where rows have no single class.
    pub(crate) soft: Option<Vec<f64>>,
}

impl Problem {
    /// # Errors
    /// What [`ClassWeight::row_weights`] finds, or fewer than `min_classes` classes with rows that count.
    pub(crate) fn new(who: &str, y: &Target, class_weight: &ClassWeight, min_classes: usize) -> Result<Self> {
        let (codes, classes) = y.as_classes()?;
        let weights = class_weight.row_weights(y)?;
        let mut seen = vec![false; classes.len()];
        for (row, &c) in codes.iter().enumerate() {
            seen[c as usize] |= weights.as_ref().is_none_or(|w| w[row] > 0.0);
        }
        let present = present(who, &seen, min_classes)?;
        let mut position = vec![0u32; classes.len()];
        for (at, &c) in present.iter().enumerate() {
            position[c as usize] = at as u32;
        }
        let codes = codes.iter().map(|&c| position[c as usize]).collect();
        Ok(Self { codes, present, weights, classes: classes.clone(), soft: None })
    }

    /// The classes of a problem whose rows are gone: of each class the `mass` is known. It holds no codes.
    ///
    /// # Errors
    /// Fewer than `min_classes` classes with rows that count.
    pub(crate) fn of_mass(who: &str, mass: &[f64], classes: Classes, min_classes: usize) -> Result<Self> {
        let seen: Vec<bool> = mass.iter().map(|mass| *mass > 0.0).collect();
        let present = present(who, &seen, min_classes)?;
        Ok(Self { codes: Vec::new(), present, weights: None, classes, soft: None })
    }

    /// Of rows that have a probability for every class. Its codes are empty.
    ///
    /// # Errors
    /// Fewer than two classes that some row of positive weight may be.
    pub(crate) fn soft(
        who: &str,
        probabilities: &Dense,
        weights: Option<Vec<f64>>,
        classes: &Classes,
    ) -> Result<Self> {
        let mut mass = vec![0.0; classes.len()];
        for row in 0..probabilities.rows() {
            let weight = weights.as_ref().map_or(1.0, |w| w[row]);
            mass.iter_mut().zip(probabilities.row(row)).for_each(|(m, p)| *m += weight * p);
        }
        let mut problem = Self::of_mass(who, &mass, classes.clone(), 2)?;
        let present = problem.present.iter();
        let of = |row: usize| present.clone().map(move |c| probabilities.row(row)[*c as usize]);
        problem.soft = Some((0..probabilities.rows()).flat_map(of).collect());
        problem.weights = weights;
        Ok(problem)
    }

    /// The probabilities of a row, where it has no single class.
    pub(crate) fn soft_row(&self, row: usize) -> Option<&[f64]> {
        let k = self.present.len();
        self.soft.as_ref().map(|p| &p[row * k..(row + 1) * k])
    }

    /// The weight of a row.
    pub(crate) fn weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |w| w[row])
    }

    /// The sum of all row weights.
    pub(crate) fn total_weight(&self) -> f64 {
        match (&self.weights, &self.soft) {
            (Some(weights), _) => weights.iter().sum(),
            (None, Some(soft)) => (soft.len() / self.present.len()) as f64,
            (None, None) => self.codes.len() as f64,
        }
    }

    /// The summed weight of each present class.
    pub(crate) fn class_mass(&self) -> Vec<f64> {
        let mut mass = vec![0.0; self.present.len()];
        if let Some(soft) = &self.soft {
            for (row, p) in soft.chunks_exact(mass.len()).enumerate() {
                mass.iter_mut().zip(p).for_each(|(m, p)| *m += self.weight(row) * p);
            }
        }
        for (row, &c) in self.codes.iter().enumerate() {
            mass[c as usize] += self.weight(row);
        }
        mass
    }

    /// Whether one margin decides: exactly two classes, both present.
    pub(crate) fn is_binary(&self) -> bool {
        self.classes.len() == 2 && self.present.len() == 2
    }
}

/// The classes that were seen, unless they are too few.
fn present(who: &str, seen: &[bool], min_classes: usize) -> Result<Vec<u32>> {
    let present: Vec<u32> = (0..).zip(seen).filter(|(_, seen)| **seen).map(|(class, _)| class).collect();
    if present.len() >= min_classes {
        return Ok(present);
    }
    Err(Error::input(
        format!("{who}: {} class(es) have rows of positive weight", present.len()),
        format!("give at least {min_classes} classes rows that count"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_without_weight_is_absent() {
        let y = Target::labels(["a", "b", "c", "b"]).with_weights(vec![1.0, 0.0, 2.0, 0.0]).unwrap();
        let problem = Problem::new("test", &y, &ClassWeight::None, 2).unwrap();
        assert_eq!((&problem.present[..], &problem.codes[..]), (&[0, 2][..], &[0, 0, 1, 0][..]));
        assert_eq!((problem.class_mass(), problem.total_weight()), (vec![1.0, 2.0], 3.0));
        assert!(!problem.is_binary());
        let heavy = ClassWeight::Explicit([("c".to_owned(), 0.0)].into());
        let error = Problem::new("test", &y, &heavy, 2).err().unwrap().to_string();
        assert_eq!(
            error,
            "test: 1 class(es) have rows of positive weight; give at least 2 classes rows that count"
        );
    }
}
