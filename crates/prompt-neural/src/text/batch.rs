//! Rows put together to be computed at once: rows of like length, filled to the longest.

use prompt_core::Seed;

use super::vocabulary::PAD;

/// Token numbers of some rows, filled to one length.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Batch {
    /// Which rows, by position in the data.
    pub(crate) rows: Vec<usize>,
    /// rows × `length` numbers.
    pub(crate) ids: Vec<u32>,
    /// How many numbers of each row are its own; at least one.
    pub(crate) lengths: Vec<usize>,
    /// The longest row.
    pub(crate) length: usize,
}

impl Batch {
    /// Those rows of `encoded`.
    pub(crate) fn of(encoded: &[Vec<u32>], rows: Vec<usize>) -> Self {
        let lengths: Vec<usize> = rows.iter().map(|&r| encoded[r].len()).collect();
        let length = lengths.iter().copied().max().unwrap_or(1);
        let mut ids = vec![PAD; rows.len() * length];
        for (at, &row) in rows.iter().enumerate() {
            ids[at * length..at * length + encoded[row].len()].copy_from_slice(&encoded[row]);
        }
        Self { rows, ids, lengths, length }
    }

    /// How many rows.
    pub(crate) fn size(&self) -> usize {
        self.rows.len()
    }

    /// Own tokens in all.
    pub(crate) fn tokens(&self) -> usize {
        self.lengths.iter().sum()
    }
}

/// Batches are cut from this many times their size of shuffled rows, sorted by length: little filling, and still
/// other neighbours every epoch.
const POOL: usize = 32;

/// The rows of each batch of an epoch: every row once, like lengths together, in an order drawn from `seed`.
pub(crate) fn epoch_batches(lengths: &[usize], rows: &[usize], size: usize, seed: Seed) -> Vec<Vec<usize>> {
    let mut rng = seed.rng();
    let mut order = rows.to_vec();
    rng.shuffle(&mut order);
    let mut batches = Vec::with_capacity(order.len().div_ceil(size));
    for pool in order.chunks_mut(size * POOL) {
        pool.sort_by_key(|&r| lengths[r]);
        batches.extend(pool.chunks(size).map(<[usize]>::to_vec));
    }
    rng.shuffle(&mut batches);
    batches
}

/// The rows of batches for prediction, the shortest first, at most `tokens` numbers a batch after filling.
pub(crate) fn ordered_batches(
    lengths: &[usize],
    rows: &[usize],
    size: usize,
    tokens: usize,
) -> Vec<Vec<usize>> {
    let mut order = rows.to_vec();
    order.sort_by_key(|&r| lengths[r]);
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for row in order {
        match batches.last_mut() {
            Some(last) if last.len() < size && (last.len() + 1) * lengths[row] <= tokens => last.push(row),
            _ => batches.push(vec![row]),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_comes_once_an_epoch_and_epochs_differ() {
        let lengths: Vec<usize> = (0..500).map(|i| i * 7 % 50 + 1).collect();
        let rows: Vec<usize> = (0..500).collect();
        let a = epoch_batches(&lengths, &rows, 8, Seed::new(1));
        let mut all = a.concat();
        all.sort_unstable();
        assert_eq!(all, rows);
        assert_eq!(a, epoch_batches(&lengths, &rows, 8, Seed::new(1)));
        assert_ne!(a, epoch_batches(&lengths, &rows, 8, Seed::new(2)));
    }

    #[test]
    fn rows_of_like_length_are_together() {
        let lengths: Vec<usize> = (0..512).map(|i| i * 7 % 64 + 1).collect();
        let rows: Vec<usize> = (0..512).collect();
        let filled: usize = epoch_batches(&lengths, &rows, 16, Seed::new(3))
            .iter()
            .map(|b| b.len() * b.iter().map(|&r| lengths[r]).max().unwrap())
            .sum();
        let own: usize = lengths.iter().sum();
        assert!(filled < own * 12 / 10, "{filled} numbers for {own} tokens");
    }

    #[test]
    fn short_rows_are_filled() {
        let batch = Batch::of(&[vec![5], vec![6, 7, 8]], vec![1, 0]);
        assert_eq!((batch.ids.as_slice(), batch.lengths.as_slice()), (&[6, 7, 8, 5, 0, 0][..], &[3, 1][..]));
        assert_eq!((batch.size(), batch.tokens(), batch.length), (2, 4, 3));
    }

    #[test]
    fn batches_for_prediction_keep_to_their_budget() {
        let lengths = [1000, 1, 2, 1000, 3];
        let batches = ordered_batches(&lengths, &[0, 1, 2, 3, 4], 4, 1500);
        assert_eq!(batches, [vec![1, 2, 4], vec![0], vec![3]]);
    }
}
