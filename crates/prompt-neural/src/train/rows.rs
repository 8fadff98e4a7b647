//! Which rows are learned from, which are held out, and which are together in a batch.

use prompt_core::{Seed, Target};

use crate::loss::Loss;
use crate::text::epoch_batches;

/// Rows to learn from and rows to hold out, drawn class by class so that both have the same shares.
pub(crate) fn hold_out(y: &Target, share: f64, seed: Seed) -> (Vec<usize>, Vec<usize>) {
    let mut rng = seed.rng();
    let groups: Vec<Vec<usize>> = match y.as_classes() {
        Ok((codes, classes)) => {
            let of = |c: usize| (0..codes.len()).filter(|&r| codes[r] as usize == c).collect();
            (0..classes.len()).map(of).collect()
        }
        Err(_) => vec![(0..y.len()).collect()],
    };
    let (mut train, mut held) = (Vec::new(), Vec::new());
    for mut group in groups {
        rng.shuffle(&mut group);
        // A class of one row stays where it can be learned.
        let n = ((group.len() as f64 * share).round() as usize).min(group.len().saturating_sub(1));
        held.extend_from_slice(&group[..n]);
        train.extend_from_slice(&group[n..]);
    }
    train.sort_unstable();
    held.sort_unstable();
    (train, held)
}

/// The held-out rows, if any of them counts in one of the losses that judge: rows without weight would call every state
/// equally good.
pub(crate) fn judging(rows: Vec<usize>, losses: &[&Loss]) -> Vec<usize> {
    let counts = |&row: &usize| losses.iter().any(|loss| loss.mass(row) > 0.0);
    if rows.iter().any(counts) { rows } else { Vec::new() }
}

/// The batches of an epoch (from 0), other ones each time.
pub(super) fn batches_of(
    epoch: usize,
    lengths: &[usize],
    rows: &[usize],
    size: usize,
    seed: Seed,
) -> Vec<Vec<usize>> {
    epoch_batches(lengths, rows, size, seed.derive("epoch", epoch as u64))
}
