//! Independent tasks on the threads of the surrounding rayon pool.
//!
//! ```text
//! for_each        wakes the pool's threads for one list of tasks
//! team            wakes them once; they stay for every list of tasks until the team's work is done
//! ```
#![allow(unsafe_code, reason = "a team's threads call a task that the leader keeps on its stack")]

use std::cell::{Cell, UnsafeCell};
use std::hint::spin_loop;
use std::sync::atomic::{AtomicUsize, Ordering};

thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place::Alone) };
}

/// Where a thread stands.
#[derive(Clone, Copy)]
enum Place {
    Alone,
    /// It leads a team and is between two lists of tasks.
    Leads(*const Team),
    /// It runs a team's tasks. What these call stays on this thread: a thread that waited for others here might be given the
    /// job of a helper, which ends only with the team.
    Inside,
}

/// Runs `task(0)`, …, `task(n − 1)`, each once, on up to `threads` threads of the pool that the caller is in.
///
/// A task writes what no other task writes, and what it writes does not depend on which thread runs it: that is why the
/// number of threads changes no bit.
pub(crate) fn for_each(threads: usize, n: usize, task: impl Fn(usize) + Sync) {
    let workers = threads.min(n);
    match PLACE.get() {
        Place::Leads(team) if workers > 1 => {
            let _inside = Stand::at(Place::Inside);
            // SAFETY: `team` puts the pointer there and takes it away before the team is gone.
            unsafe { &*team }.run(n, &task);
        }
        Place::Alone if workers > 1 => {
            let next = AtomicUsize::new(0);
            spread(workers, &|| take(&next, n, &task));
        }
        _ => (0..n).for_each(task),
    }
}

/// Sets a thread's place, and the one before when dropped.
struct Stand(Place);

impl Stand {
    fn at(place: Place) -> Self {
        Self(PLACE.replace(place))
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        PLACE.set(self.0);
    }
}

/// Runs tasks until there are none left.
fn take(next: &AtomicUsize, n: usize, task: &impl Fn(usize)) {
    loop {
        let i = next.fetch_add(1, Ordering::Relaxed);
        if i >= n {
            break;
        }
        task(i);
    }
}

/// Floating-point operations below which a second thread takes longer to wake than to help.
const WORTH_WAKING: usize = if cfg!(miri) { 400 } else { 400_000 };
/// The same where it is awake already.
const WORTH_TELLING: usize = if cfg!(miri) { 60 } else { 60_000 };

/// How many threads so much work is worth.
pub(crate) fn worth(threads: usize, operations: usize) -> usize {
    let least = if matches!(PLACE.get(), Place::Leads(_)) { WORTH_TELLING } else { WORTH_WAKING };
    threads.min(operations / least).max(1)
}

/// `work` on `workers` threads, or on fewer that find nothing left to do.
fn spread(workers: usize, work: &(impl Fn() + Sync)) {
    if workers <= 1 {
        work();
    } else {
        rayon::join(|| spread(workers / 2, work), || spread(workers - workers / 2, work));
    }
}

/// Runs `work` on the calling thread while up to `threads` − 1 further threads of the surrounding rayon pool stand by for
/// the kernels that it calls.
///
/// A kernel on several threads wakes them anew each time, which takes about as long as a small product. Within a team they
/// were woken once and look for the next kernel's tasks instead of going to sleep; results are the same, bit for bit. They
/// keep their cores busy until `work` returns, so a team is for work that is mostly kernels and waits for no other work of
/// the pool. Threads that the pool has no time for are not waited for. A team within a team is the same team.
///
/// ```
/// use prompt_kernels::{Epilogue, Level, PackedF32, Rows, RowsMut, team};
///
/// let layer = PackedF32::new(Level::detect(), 2, 2, &[1.0, 0.0, 0.0, 1.0], None)?;
/// let mut y = [0.0; 4];
/// team(2, || {
///     let x = Rows::new(&[1.0, 2.0, 3.0, 4.0], 2, 2)?;
///     layer.product(x, RowsMut::new(&mut y, 2, 2)?, Epilogue::default(), 2)
/// })?;
/// assert_eq!(y, [1.0, 2.0, 3.0, 4.0]);
/// # Ok::<(), prompt_kernels::Error>(())
/// ```
///
/// # Panics
/// As `work` does.
pub fn team<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    if threads <= 1 || !matches!(PLACE.get(), Place::Alone) {
        return work();
    }
    let team = Team::default();
    let lead = || {
        let _over = Over(&team);
        let _leads = Stand::at(Place::Leads(&raw const team));
        work()
    };
    rayon::join(lead, || spread(threads - 1, &|| team.help())).0
}

/// Ends a team when the leader's work is done or panics.
struct Over<'a>(&'a Team);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.epoch.0.store(OVER, Ordering::SeqCst);
    }
}

/// The epoch in which helpers go home.
const OVER: usize = usize::MAX;
/// Looks at the epoch before a helper lets other threads have its core.
const PATIENCE: usize = if cfg!(miri) { 4 } else { 4_000 };

/// A number on cache lines of its own, so that threads that watch another number do not slow it down.
#[derive(Default)]
#[repr(align(128))]
struct Apart(AtomicUsize);

/// One leader and its helpers.
///
/// The leader writes a list of tasks, makes the epoch odd, takes part, makes it even and waits until no helper is inside.
/// A helper steps inside and looks at the epoch again before it touches the list: either it sees that the epoch has passed,
/// or the leader, who looks at `inside` after ending the epoch, sees the helper.
#[derive(Default)]
struct Team {
    epoch: Apart,
    inside: Apart,
    next: Apart,
    tasks: UnsafeCell<Option<Tasks>>,
}

// SAFETY: `tasks` is written by the leader alone, while the epoch is even and no helper is inside (see `run`), and read by
// helpers that are inside an odd epoch.
unsafe impl Sync for Team {}

/// A list of tasks whose type is forgotten.
#[derive(Clone, Copy)]
struct Tasks {
    n: usize,
    task: *const (),
    /// Takes tasks until there are none left.
    ///
    /// SAFETY: to be called with this `task`, while what it points to is there.
    take: unsafe fn(*const (), &AtomicUsize, usize),
}

impl Tasks {
    fn new<F: Fn(usize) + Sync>(n: usize, task: &F) -> Self {
        /// # Safety
        /// `task` points to an `F`.
        unsafe fn call<F: Fn(usize) + Sync>(task: *const (), next: &AtomicUsize, n: usize) {
            // SAFETY: the caller's promise.
            take(next, n, unsafe { &*task.cast::<F>() });
        }
        Self { n, task: std::ptr::from_ref(task).cast(), take: call::<F> }
    }
}

impl Team {
    /// The leader's part.
    fn run<F: Fn(usize) + Sync>(&self, n: usize, task: &F) {
        let epoch = self.epoch.0.load(Ordering::Relaxed);
        self.next.0.store(0, Ordering::Relaxed);
        // SAFETY: the epoch is even, and no helper is inside or will touch the list before it sees an odd one.
        unsafe { *self.tasks.get() = Some(Tasks::new(n, task)) };
        self.epoch.0.store(epoch + 1, Ordering::SeqCst);
        let _end = End(self, epoch + 2);
        take(&self.next.0, n, task);
    }

    /// A helper's part: the leader's lists until it is done.
    fn help(&self) {
        // A leader that waits for other work of the pool may be given this job itself.
        if !matches!(PLACE.get(), Place::Alone) {
            return;
        }
        let _inside = Stand::at(Place::Inside);
        let mut seen = 0;
        loop {
            let epoch = self.wait(seen);
            if epoch == OVER {
                return;
            }
            seen = epoch;
            if epoch.is_multiple_of(2) {
                continue;
            }
            self.inside.0.fetch_add(1, Ordering::SeqCst);
            let _leave = Leave(&self.inside.0);
            if self.epoch.0.load(Ordering::SeqCst) == epoch {
                // SAFETY: this helper is inside an epoch that had not ended after it stepped in, so the leader does not write
                // the list, and the task is on its stack, until the helper leaves.
                unsafe {
                    if let Some(tasks) = *self.tasks.get() {
                        (tasks.take)(tasks.task, &self.next.0, tasks.n);
                    }
                }
            }
        }
    }

    /// The next epoch.
    fn wait(&self, seen: usize) -> usize {
        let mut looks = 0;
        loop {
            let epoch = self.epoch.0.load(Ordering::SeqCst);
            if epoch != seen {
                return epoch;
            }
            pause(&mut looks);
        }
    }
}

fn pause(looks: &mut usize) {
    *looks += 1;
    if *looks < PATIENCE {
        spin_loop();
    } else {
        std::thread::yield_now();
    }
}

/// Ends an epoch, also where a task panics.
struct End<'a>(&'a Team, usize);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let Self(team, epoch) = self;
        team.epoch.0.store(*epoch, Ordering::SeqCst);
        let mut looks = 0;
        while team.inside.0.load(Ordering::SeqCst) > 0 {
            pause(&mut looks);
        }
    }
}

/// Steps out, also where a task panics.
struct Leave<'a>(&'a AtomicUsize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    #[test]
    fn a_team_runs_every_task_of_every_list_once() {
        let lists = if cfg!(miri) { 12usize } else { 200 };
        for threads in [2, 3, 5] {
            let done = pool(2).install(|| {
                team(threads, || {
                    (0..lists)
                        .map(|n| {
                            let counts: Vec<AtomicUsize> = (0..n).map(|_| AtomicUsize::new(0)).collect();
                            for_each(threads, n, |i| {
                                counts[i].fetch_add(1, Ordering::Relaxed);
                            });
                            counts.iter().all(|c| c.load(Ordering::Relaxed) == 1)
                        })
                        .collect::<Vec<_>>()
                })
            });
            assert_eq!(done, vec![true; lists], "{threads}");
        }
        assert!(matches!(PLACE.get(), Place::Alone));
    }

    #[test]
    fn a_list_within_a_task_and_a_team_within_a_team_run_too() {
        let sum = AtomicUsize::new(0);
        let add = |i: usize| {
            sum.fetch_add(i, Ordering::Relaxed);
        };
        pool(2).install(|| {
            team(2, || {
                for_each(2, 3, |_| for_each(2, 4, add));
                team(2, || for_each(2, 5, add));
                for_each(2, 6, add);
            });
        });
        assert_eq!(sum.into_inner(), 3 * 6 + 10 + 15);
    }

    #[test]
    fn a_panic_of_a_task_reaches_the_caller_and_ends_the_team() {
        for bad in [0, 1, 7] {
            let caught = std::panic::catch_unwind(|| {
                pool(2).install(|| team(2, || for_each(2, 8, |i| assert!(i != bad, "task {i}"))));
            });
            assert!(caught.is_err(), "{bad}");
        }
    }
}
