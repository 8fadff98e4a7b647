//! What a fit is given besides data: seed, threads, a way to stop it, and someone who watches.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::seed::Seed;

/// Seed, thread budget, cancellation, time limit and observer of a fit.
///
/// All parallel work of the workspace goes through [`map`](Self::map), which returns results in the order of
/// their index, so that a fit comes out the same for any number of threads.
///
/// ```
/// use prompt_core::FitContext;
/// let ctx = FitContext::new(7).threads(2);
/// assert_eq!(ctx.map(4, |i| i * i), [0, 1, 4, 9]);
/// ```
#[derive(Clone)]
pub struct FitContext {
    seed: Seed,
    threads: Option<usize>,
    cancel: CancelToken,
    deadline: Option<(Instant, Duration)>,
    observer: Option<Arc<dyn Observer>>,
}

impl Default for FitContext {
    fn default() -> Self {
        Self::new(Seed::default().value())
    }
}

impl fmt::Debug for FitContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FitContext")
            .field("seed", &self.seed)
            .field("threads", &self.threads)
            .field("deadline", &self.deadline.map(|(_, limit)| limit))
            .finish_non_exhaustive()
    }
}

impl FitContext {
    /// A context with this seed, as many threads as the surrounding pool has, no limit and no observer.
    pub fn new(seed: u64) -> Self {
        Self {
            seed: Seed::new(seed),
            threads: None,
            cancel: CancelToken::new(),
            deadline: None,
            observer: None,
        }
    }

    /// The same with a thread budget; 1 runs everything on the calling thread.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads.max(1));
        self
    }

    /// The same with another seed.
    #[must_use]
    pub fn with_seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// The same, stopping when `token` is cancelled.
    #[must_use]
    pub fn with_cancel(mut self, token: CancelToken) -> Self {
        self.cancel = token;
        self
    }

    /// The same with a time limit that starts now.
    #[must_use]
    pub fn with_timeout(mut self, limit: Duration) -> Self {
        self.deadline = Some((Instant::now(), limit));
        self
    }

    /// The same with an observer of progress.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// The context for the `index`-th independent part of the work: own seed, same limits.
    #[must_use]
    pub fn part(&self, name: &str, index: u64) -> Self {
        Self { seed: self.seed.derive(name, index), ..self.clone() }
    }

    /// The same on one thread, for work that already runs beside its siblings.
    #[must_use]
    pub fn serial(&self) -> Self {
        self.clone().threads(1)
    }

    /// The same without the observer, for inner fits whose rounds are not the caller's steps.
    #[must_use]
    pub fn unobserved(&self) -> Self {
        Self { observer: None, ..self.clone() }
    }

    /// The seed.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// How many threads may work at once.
    pub fn thread_budget(&self) -> usize {
        self.threads.unwrap_or_else(rayon::current_num_threads)
    }

    /// The token that stops this work.
    pub fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }

    /// Whether to go on; called by every learner between its rounds.
    ///
    /// # Errors
    /// [`Error::Cancelled`] or [`Error::Timeout`].
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        match self.deadline {
            Some((start, limit)) if start.elapsed() >= limit => {
                Err(Error::Timeout { seconds: limit.as_secs_f64() })
            }
            _ => Ok(()),
        }
    }

    /// Reports a round of work, then checks whether to go on.
    ///
    /// # Errors
    /// As [`check`](Self::check); an observer that answers [`Control::Stop`] does not cause an error: the
    /// learner ends early with what it has.
    pub fn report(&self, event: &Event<'_>) -> Result<Control> {
        self.check()?;
        Ok(self.observer.as_ref().map_or(Control::Continue, |o| o.observe(event)))
    }

    /// `f(0), …, f(n−1)`, computed by up to [`thread_budget`](Self::thread_budget) threads, in order.
    pub fn map<R: Send>(&self, n: usize, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
        use rayon::prelude::*;
        if n <= 1 || self.thread_budget() == 1 {
            return (0..n).map(f).collect();
        }
        self.install(|| (0..n).into_par_iter().map(f).collect())
    }

    /// As [`map`](Self::map) for work that can fail; the error of the lowest index wins.
    ///
    /// # Errors
    /// The first error in index order.
    pub fn try_map<R: Send>(&self, n: usize, f: impl Fn(usize) -> Result<R> + Sync + Send) -> Result<Vec<R>> {
        self.map(n, f).into_iter().collect()
    }

    /// Runs `f` inside a pool of the budget's size. Prefer [`map`](Self::map); this is for kernels that split
    /// mutable slices. With a budget of 1 the code must not go parallel on its own.
    pub fn install<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        match self.threads {
            Some(n) if n != rayon::current_num_threads() => {
                match rayon::ThreadPoolBuilder::new().num_threads(n).build() {
                    Ok(pool) => pool.install(f),
                    // A system that refuses threads still gets its answer, only later.
                    Err(_) => f(),
                }
            }
            _ => f(),
        }
    }
}

/// A flag that many may hold and any may raise.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks all work under this token to stop at its next check.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether someone asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Something that happened during a fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event<'a> {
    /// What is being done, e.g. `lbfgs` or `fold`.
    pub stage: &'a str,
    /// Steps done, from 1.
    pub step: usize,
    /// Steps in all, where known.
    pub total: Option<usize>,
    /// Named numbers of this step (`loss`, `f1_macro`, …).
    pub values: &'a [(&'a str, f64)],
}

/// The observer's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Enough: end early and keep what was learned (pruning, early stopping).
    Stop,
}

/// Watches fits: progress bars, curves, pruners.
pub trait Observer: Send + Sync {
    /// Called after each step, possibly from several threads.
    fn observe(&self, event: &Event<'_>) -> Control;
}

impl<F: Fn(&Event<'_>) -> Control + Send + Sync> Observer for F {
    fn observe(&self, event: &Event<'_>) -> Control {
        self(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_for_any_number_of_threads() {
        let expected: Vec<usize> = (0..1000).map(|i| i * 3).collect();
        for threads in [1, 2, 16] {
            assert_eq!(FitContext::new(0).threads(threads).map(1000, |i| i * 3), expected);
        }
    }

    #[test]
    fn cancelling_and_time_limits_stop_work_with_a_name() {
        let token = CancelToken::new();
        let ctx = FitContext::new(0).with_cancel(token.clone());
        assert!(ctx.check().is_ok());
        token.cancel();
        assert!(matches!(ctx.check(), Err(Error::Cancelled)));
        let ctx = FitContext::new(0).with_timeout(Duration::ZERO);
        assert!(matches!(ctx.check(), Err(Error::Timeout { .. })));
    }

    #[test]
    fn parts_have_their_own_seeds_and_the_same_token() {
        let ctx = FitContext::new(5);
        assert_ne!(ctx.part("tree", 0).seed(), ctx.part("tree", 1).seed());
        assert_eq!(ctx.part("tree", 1).seed(), ctx.part("tree", 1).seed());
        ctx.cancel_token().cancel();
        assert!(ctx.part("tree", 0).check().is_err());
    }
}
