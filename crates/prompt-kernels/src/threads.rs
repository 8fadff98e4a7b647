//! Independent tasks on the threads of the surrounding rayon pool.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `task(0)`, …, `task(n − 1)`, each once, on up to `threads` threads of the pool that the caller is in.
///
/// A task writes what no other task writes, and what it writes does not depend on which thread runs it: that is why the
/// number of threads changes no bit.
pub(crate) fn for_each(threads: usize, n: usize, task: impl Fn(usize) + Sync) {
    let workers = threads.min(n);
    if workers <= 1 {
        (0..n).for_each(task);
        return;
    }
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= n {
                break;
            }
            task(i);
        }
    };
    spread(workers, &work);
}

/// Floating-point operations below which a second thread takes longer to wake than to help.
const WORTH_A_THREAD: usize = 400_000;

/// How many threads so much work is worth.
pub(crate) fn worth(threads: usize, operations: usize) -> usize {
    threads.min(operations / WORTH_A_THREAD).max(1)
}

/// `work` on `workers` threads, or on fewer that find nothing left to do.
fn spread(workers: usize, work: &(impl Fn() + Sync)) {
    if workers <= 1 {
        work();
    } else {
        rayon::join(|| spread(workers / 2, work), || spread(workers - workers / 2, work));
    }
}
