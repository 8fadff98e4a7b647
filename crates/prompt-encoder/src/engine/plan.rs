//! Batches by tokens: what runs together, on which threads, and back into the order of the input.

use prompt_core::{Error, Result};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Engine, Packed};
use crate::config::EncoderConfig;

/// An engine with its threads and its token budget.
#[derive(Debug)]
pub(crate) struct Runner {
    engine: Box<dyn Engine>,
    vocab_size: usize,
    longest: Option<usize>,
    threads: usize,
    budget: usize,
    /// None for one thread of an engine that starts none of its own: then work stays on the caller's.
    pool: Option<ThreadPool>,
}

impl Runner {
    pub(crate) fn new(
        engine: Box<dyn Engine>,
        config: &EncoderConfig,
        threads: usize,
        budget: usize,
    ) -> Result<Self> {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, Into::into),
            given => given,
        };
        let pool = if threads == 1 && engine.side_by_side() {
            None
        } else {
            let name = |i| format!("encoder-{i}");
            let built = ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build();
            Some(built.map_err(|e| {
                Error::input(format!("{threads} threads cannot be started: {e}"), "ask for fewer threads")
            })?)
        };
        Ok(Self {
            engine,
            vocab_size: config.vocab_size,
            longest: config.longest(),
            threads,
            budget: budget.max(1),
            pool,
        })
    }

    pub(crate) fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    fn check(&self, sequences: &[&[u32]]) -> Result<()> {
        for (i, ids) in sequences.iter().enumerate() {
            if ids.is_empty() {
                return Err(Error::input(
                    format!("sequence {i} has no tokens"),
                    "give at least one token id",
                ));
            }
            if let Some(longest) = self.longest.filter(|&longest| ids.len() > longest) {
                return Err(Error::input(
                    format!("sequence {i} has {} tokens, the encoder takes {longest}", ids.len()),
                    "cut it into windows, as texts are",
                ));
            }
            if let Some(id) = ids.iter().find(|&&id| id as usize >= self.vocab_size) {
                return Err(Error::input(
                    format!("sequence {i} holds the id {id}, but the encoder knows {} ids", self.vocab_size),
                    "use the tokenizer that belongs to this checkpoint",
                ));
            }
        }
        Ok(())
    }

    /// Runs all sequences; `work` has the engine make one value a sequence of a batch, on so many threads. Values come
    /// back in the order of the input.
    ///
    /// # Errors
    /// A sequence without tokens or with too many, an id beyond the vocabulary.
    pub(crate) fn run<T: Send>(
        &self,
        sequences: &[&[u32]],
        work: impl Fn(&dyn Engine, Packed<'_>, &[usize], usize) -> Result<Vec<T>> + Sync,
    ) -> Result<Vec<T>> {
        self.check(sequences)?;
        let lengths: Vec<usize> = sequences.iter().map(|ids| ids.len()).collect();
        let plan = plan(&lengths, self.threads, self.budget, self.engine.side_by_side());
        let one = |batch: &Vec<usize>, threads: usize| self.batch(sequences, batch, threads, &work);
        let done: Vec<Vec<T>> = match &self.pool {
            Some(pool) if plan.side_by_side => pool.install(|| {
                plan.batches.par_iter().with_max_len(1).map(|b| one(b, 1)).collect::<Result<_>>()
            })?,
            Some(pool) => {
                pool.install(|| plan.batches.iter().map(|b| one(b, self.threads)).collect::<Result<_>>())?
            }
            None => plan.batches.iter().map(|b| one(b, 1)).collect::<Result<_>>()?,
        };
        let mut placed: Vec<Option<T>> = sequences.iter().map(|_| None).collect();
        for (batch, values) in plan.batches.iter().zip(done) {
            for (&i, value) in batch.iter().zip(values) {
                placed[i] = Some(value);
            }
        }
        Ok(placed.into_iter().flatten().collect())
    }

    fn batch<T>(
        &self,
        sequences: &[&[u32]],
        batch: &[usize],
        threads: usize,
        work: impl Fn(&dyn Engine, Packed<'_>, &[usize], usize) -> Result<Vec<T>>,
    ) -> Result<Vec<T>> {
        let mut ids = Vec::new();
        let mut offsets = vec![0];
        for &i in batch {
            ids.extend_from_slice(sequences[i]);
            offsets.push(ids.len());
        }
        work(self.engine(), Packed { ids: &ids, offsets: &offsets }, batch, threads)
    }
}

/// Which sequences run together.
struct Plan {
    batches: Vec<Vec<usize>>,
    /// One thread for each batch, or all threads for one batch after another.
    side_by_side: bool,
}

/// Longest first, so that the last batches are short and threads end together. All batches that run at one time stay
/// within the budget, unless a single sequence is longer. `may_share` lets batches run side by side.
fn plan(lengths: &[usize], threads: usize, budget: usize, may_share: bool) -> Plan {
    let total: usize = lengths.iter().sum();
    let rounds = total.div_ceil(budget).max(1);
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(lengths[i]));
    let side_by_side = fill(&order, lengths, total.div_ceil(rounds * threads));
    let largest = side_by_side.iter().map(|b| tokens(b, lengths)).max().unwrap_or(0);
    // Side by side is worth it where no batch is much more than its share of the work.
    if may_share
        && threads > 1
        && side_by_side.len() >= threads
        && largest * threads <= (total + total / 4).min(budget.max(largest))
    {
        return Plan { batches: side_by_side, side_by_side: true };
    }
    Plan { batches: fill(&order, lengths, total.div_ceil(rounds)), side_by_side: false }
}

fn tokens(batch: &[usize], lengths: &[usize]) -> usize {
    batch.iter().map(|&i| lengths[i]).sum()
}

/// Consecutive runs of at most `most` tokens, or of one sequence.
fn fill(order: &[usize], lengths: &[usize], most: usize) -> Vec<Vec<usize>> {
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut held = usize::MAX;
    for &i in order {
        if held.saturating_add(lengths[i]) > most {
            batches.push(Vec::new());
            held = 0;
        }
        if let Some(batch) = batches.last_mut() {
            batch.push(i);
        }
        held += lengths[i];
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sequence_runs_once_within_the_budget() {
        let lengths: Vec<usize> = (0..200).map(|i| 1 + (i * 37) % 90).chain([700]).collect();
        for threads in [1, 2, 3] {
            for budget in [1, 64, 512, 100_000] {
                let plan = plan(&lengths, threads, budget, true);
                let mut seen: Vec<usize> = plan.batches.concat();
                seen.sort_unstable();
                assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
                let most = if plan.side_by_side { budget.div_ceil(threads) } else { budget };
                for batch in &plan.batches {
                    assert!(batch.len() == 1 || tokens(batch, &lengths) <= most, "{threads} {budget}");
                }
            }
        }
        assert!(plan(&[], 2, 10, true).batches.is_empty());
    }

    #[test]
    fn a_long_sequence_runs_on_all_threads() {
        assert!(!plan(&[500, 10], 2, 4096, true).side_by_side);
        assert!(plan(&[128; 32], 2, 4096, true).side_by_side);
        assert!(!plan(&[128; 32], 2, 4096, false).side_by_side);
        assert!(!plan(&[32], 2, 4096, true).side_by_side);
    }
}
