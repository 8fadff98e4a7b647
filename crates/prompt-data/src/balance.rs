//! Even classes or score bands, for the rows that are learned from and for no others.

use prompt_core::Seed;
use serde::{Deserialize, Serialize};

/// How classes are made even.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// Leave the rows as they are.
    #[default]
    None,
    /// Keep as many rows of each class as the smallest has, drawn without replacement.
    Down,
    /// Repeat rows of the smaller classes until each has as many as the largest: every row once, the rest drawn
    /// with replacement.
    Over,
}

/// The rows to learn from after balancing, rising (a row may come more than once after [`Balance::Over`]).
///
/// `rows` are the training rows of one fold; give nothing else, since a balanced test set measures another question.
/// `class_of` has a class (or band) for every row of the data set.
///
/// ```
/// use prompt_core::Seed;
/// use prompt_data::{Balance, balance};
/// let class_of = [0, 0, 0, 1, 0, 1];
/// let down = balance(&[0, 1, 2, 3, 4], &class_of, Balance::Down, Seed::new(1));
/// assert_eq!(down.len(), 2);
/// let over = balance(&[0, 1, 2, 3, 4], &class_of, Balance::Over, Seed::new(1));
/// assert_eq!(over, [0, 1, 2, 3, 3, 3, 3, 4]);
/// ```
pub fn balance(rows: &[usize], class_of: &[u32], how: Balance, seed: Seed) -> Vec<usize> {
    let classes = rows.iter().map(|&row| class_of[row] as usize + 1).max().unwrap_or(0);
    let mut by_class: Vec<Vec<usize>> = vec![Vec::new(); classes];
    for &row in rows {
        by_class[class_of[row] as usize].push(row);
    }
    by_class.retain(|rows| !rows.is_empty());
    let sizes = by_class.iter().map(Vec::len);
    let size = match how {
        Balance::None => return rows.to_vec(),
        Balance::Down => sizes.min(),
        Balance::Over => sizes.max(),
    }
    .unwrap_or(0);
    let mut out: Vec<usize> = by_class
        .into_iter()
        .enumerate()
        .flat_map(|(class, mut members)| {
            let mut rng = seed.derive("balance", class as u64).rng();
            if members.len() > size {
                rng.shuffle(&mut members);
                members.truncate(size);
            }
            let there = members.len();
            for _ in there..size {
                members.push(members[rng.below(there)]);
            }
            members
        })
        .collect();
    out.sort_unstable();
    out
}

/// The band of each score: 0 below 40, 1 from 40 to below 70, 2 from 70 on.
pub fn score_bands(scores: &[f64]) -> Vec<u32> {
    scores.iter().map(|&score| u32::from(score >= 40.0) + u32::from(score >= 70.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_come_out_even_and_only_given_rows_come_out() {
        let class_of: Vec<u32> = (0..100).map(|i| u32::from(i % 10 == 0) + u32::from(i % 20 == 0)).collect();
        let rows: Vec<usize> = (0..80).collect();
        let count = |picked: &[usize], class| picked.iter().filter(|&&r| class_of[r] == class).count();
        for (how, size) in [(Balance::Down, 4), (Balance::Over, 72)] {
            let picked = balance(&rows, &class_of, how, Seed::new(3));
            assert!(picked.iter().all(|row| *row < 80) && picked.is_sorted());
            assert_eq!([0, 1, 2].map(|class| count(&picked, class)), [size; 3]);
            assert_eq!(picked, balance(&rows, &class_of, how, Seed::new(3)));
            assert_ne!(picked, balance(&rows, &class_of, how, Seed::new(4)));
        }
        let over = balance(&rows, &class_of, Balance::Over, Seed::new(3));
        assert!(rows.iter().all(|row| over.contains(row)), "over-sampling keeps every row");
        assert_eq!(balance(&rows, &class_of, Balance::None, Seed::new(3)), rows);
        assert!(balance(&[], &class_of, Balance::Down, Seed::new(3)).is_empty());
    }

    #[test]
    fn bands_meet_at_forty_and_seventy() {
        assert_eq!(score_bands(&[0.0, 39.9, 40.0, 69.9, 70.0, 100.0]), [0, 0, 1, 1, 2, 2]);
    }
}
