//! What a training takes, compared with what there is: an allocation that fails ends a program without a word.
//!
//! ```text
//! bytes = 4·(n·P + 2T + max(A + g·T, c·P))         P numbers of the network, T of them learn, A numbers a step keeps
//! ```
//!
//! beside the network itself: P for its best state and for every device but the first, 2T for the moments of AdamW, g·T for
//! gradients (1; with accumulation one more than devices), c·P for the state that is written at an evaluation (6 with
//! checkpoints, else 1). A is said by the network. It is an estimate from below, of what is certain, so that what fits is not refused.

use std::fs;
use std::path::Path;

use prompt_core::{Error, Result};

use super::{TrainFiles, TrainOptions};
use crate::net::Store;

/// What may be taken, in bytes; 0 for no limit.
const VARIABLE: &str = "PROMPT_MEMORY";

/// A step as large as they come: every batch is filled to its longest row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) rows: usize,
    /// Tokens of its longest row.
    pub(crate) length: usize,
}

impl Step {
    /// The largest step of a training on these rows.
    pub(crate) fn largest(encoded: &[Vec<u32>], rows: &[usize], options: &TrainOptions) -> Self {
        let length = rows.iter().map(|&r| encoded[r].len()).max().unwrap_or(1);
        Self { rows: options.batch_size.min(rows.len()), length }
    }

    /// Its tokens, those that fill rows included.
    pub(crate) fn tokens(self) -> f64 {
        self.rows as f64 * self.length as f64
    }
}

/// Refuses a training that needs more than there is. `kept` are the numbers that the step keeps for its way back.
///
/// # Errors
/// [`Error::Input`] with what would be needed, what is free, and what to lower.
pub(crate) fn check(
    store: &Store,
    options: &TrainOptions,
    files: &TrainFiles,
    step: Step,
    kept: f64,
) -> Result<()> {
    if !store.on_cpu() {
        return Ok(());
    }
    let Some(free) = free(std::env::var(VARIABLE).ok().as_deref(), Path::new("/")) else { return Ok(()) };
    let count = |p: &crate::net::Param| p.shape.iter().product::<usize>() as f64;
    let numbers: f64 = store.params().iter().map(count).sum();
    let learning: f64 = store.params().iter().filter(|p| p.trainable).map(count).sum();
    let at_once = (1 + options.others.len()) as f64;
    let demand = Demand {
        numbers,
        copies: at_once,
        learning,
        kept: kept * at_once,
        gradients: if options.accumulation > 1 { 1.0 + at_once } else { 1.0 },
        checkpoints: files.checkpoints.is_some(),
    };
    demand.compare(free, step)
}

/// What a training needs, in numbers of four bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Demand {
    /// Of the network.
    numbers: f64,
    /// How often they lie there beside the first: the best state, and other devices'.
    copies: f64,
    /// Of them, those that learn.
    learning: f64,
    /// Of the largest step.
    kept: f64,
    /// Gradients of everything that learns, at the same time.
    gradients: f64,
    checkpoints: bool,
}

const BYTES: f64 = 4.0;

impl Demand {
    /// Bytes of the network, its best state and its optimiser. The network itself is there already.
    fn lasting(&self) -> f64 {
        BYTES * (self.copies * self.numbers + 2.0 * self.learning)
    }

    /// Bytes of a step.
    fn step(&self) -> f64 {
        BYTES * (self.kept + self.gradients * self.learning)
    }

    /// Bytes of an evaluation that writes its state.
    fn evaluation(&self) -> f64 {
        BYTES * self.numbers * if self.checkpoints { 6.0 } else { 1.0 }
    }

    fn compare(&self, free: f64, step: Step) -> Result<()> {
        let needed = self.lasting() + self.step().max(self.evaluation());
        if needed <= free {
            return Ok(());
        }
        let giga = |bytes: f64| format!("{:.1} GB", bytes / 1e9);
        let states = self.lasting() + self.evaluation();
        let advice = if states > free {
            "take a smaller network or encoder; of an encoder, lora_rank or freeze_layers let fewer numbers learn".to_owned()
        } else {
            "lower batch_size (and raise accumulation as much), or max_length".to_owned()
        };
        Err(Error::input(
            format!(
                "the training needs about {} more memory and {} are free: {} for its numbers with their optimiser, {} for a \
                 step of {} rows of {} tokens, {} to write its state",
                giga(needed),
                giga(free),
                giga(self.lasting()),
                giga(self.step()),
                step.rows,
                step.length,
                giga(self.evaluation()),
            ),
            format!(
                "{advice}; {VARIABLE}=BYTES says that so much may be taken, {VARIABLE}=0 that nothing is compared"
            ),
        ))
    }
}

/// Bytes that may still be taken: what the variable says, else the smaller of what the machine has left and what the
/// process's control group leaves it. None where nobody says.
fn free(told: Option<&str>, root: &Path) -> Option<f64> {
    if let Some(told) = told.and_then(|told| told.trim().parse::<f64>().ok()).filter(|t| *t >= 0.0) {
        return (told > 0.0).then_some(told);
    }
    let machine = machine(&root.join("proc/meminfo"));
    let group = group(root);
    match (machine, group) {
        (Some(machine), Some(group)) => Some(machine.min(group)),
        (machine, group) => machine.or(group),
    }
}

/// `MemAvailable`, and the swap that is free.
fn machine(meminfo: &Path) -> Option<f64> {
    let text = fs::read_to_string(meminfo).ok()?;
    let kilobytes = |name: &str| -> Option<f64> {
        let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
        rest.trim_start_matches(':').trim().trim_end_matches("kB").trim().parse().ok()
    };
    Some(1024.0 * (kilobytes("MemAvailable")? + kilobytes("SwapFree").unwrap_or(0.0)))
}

/// What the control groups above the process leave: the limit less what is used and could not be dropped.
fn group(root: &Path) -> Option<f64> {
    let number = |path: &Path| fs::read_to_string(path).ok()?.trim().parse::<f64>().ok();
    let left = |folder: &Path, limit: &str, used: &str, droppable: &str| -> Option<f64> {
        let limit = number(&folder.join(limit))?;
        let used = number(&folder.join(used))?;
        let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
        let dropped = stat.lines().find_map(|line| line.strip_prefix(droppable)?.trim().parse().ok());
        Some((limit - used + dropped.unwrap_or(0.0)).max(0.0))
    };
    let memberships = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let own = |controller: &str| {
        let of = |line: &str| {
            let mut parts = line.splitn(3, ':').skip(1);
            let is_it = parts.next()?.split(',').any(|c| c == controller);
            is_it.then(|| parts.next().map(|path| path.trim_start_matches('/').to_owned())).flatten()
        };
        memberships.lines().find_map(of).unwrap_or_default()
    };
    let second = root.join("sys/fs/cgroup");
    let first = second.join("memory");
    let mut least: Option<f64> = None;
    for (top, path, [limit, used, droppable]) in [
        (&second, own(""), ["memory.max", "memory.current", "inactive_file "]),
        (&first, own("memory"), ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "]),
    ] {
        let joined = top.join(path);
        for folder in joined.ancestors().take_while(|folder| folder.starts_with(top)) {
            if let Some(left) = left(folder, limit, used, droppable) {
                least = Some(least.map_or(left, |least| least.min(left)));
            }
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIGA: f64 = 1e9;

    fn machine_of(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn what_is_free_is_the_least_that_anybody_says() {
        let meminfo =
            ("proc/meminfo", "MemTotal: 9 kB\nMemAvailable:    4000000 kB\nSwapFree:  1000000 kB\n");
        let plain = machine_of(&[meminfo]);
        assert_eq!(free(None, plain.path()), Some(5_000_000.0 * 1024.0));
        assert_eq!(free(Some("123"), plain.path()), Some(123.0));
        assert_eq!(free(Some("0"), plain.path()), None);
        assert_eq!(free(Some("much"), plain.path()), free(None, plain.path()));

        // A limit of the second version on a group above the process's own, part of which could be dropped.
        let grouped = machine_of(&[
            meminfo,
            ("proc/self/cgroup", "0::/jobs/one\n"),
            ("sys/fs/cgroup/jobs/memory.max", "2000000000\n"),
            ("sys/fs/cgroup/jobs/memory.current", "1500000000\n"),
            ("sys/fs/cgroup/jobs/memory.stat", "anon 5\ninactive_file 200000000\n"),
            ("sys/fs/cgroup/jobs/one/memory.max", "max\n"),
            ("sys/fs/cgroup/jobs/one/memory.current", "1500000000\n"),
        ]);
        assert_eq!(free(None, grouped.path()), Some(0.7 * GIGA));

        let first = machine_of(&[
            meminfo,
            ("proc/self/cgroup", "5:cpu:/x\n4:memory,hugetlb:/box\n"),
            ("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "3000000000"),
            ("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "1000000000"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1"),
        ]);
        assert_eq!(free(None, first.path()), Some(2.0 * GIGA));
        assert_eq!(free(None, machine_of(&[]).path()), None);
    }

    #[test]
    fn what_does_not_fit_says_what_to_lower() {
        let step = Step { rows: 64, length: 512 };
        let demand = Demand {
            numbers: 0.1e9,
            copies: 1.0,
            learning: 0.1e9,
            kept: 5e9,
            gradients: 1.0,
            checkpoints: true,
        };
        assert!((demand.lasting() - 1.2e9).abs() < 1.0 && (demand.step() - 20.4e9).abs() < 1.0);
        demand.compare(21.7e9, step).unwrap();
        let error = demand.compare(8e9, step).unwrap_err().to_string();
        for part in
            ["21.6 GB", "8.0 GB are free", "64 rows of 512 tokens", "lower batch_size", "PROMPT_MEMORY=0"]
        {
            assert!(error.contains(part), "`{part}` in: {error}");
        }
        let error = demand.compare(1e9, step).unwrap_err().to_string();
        assert!(error.contains("smaller network") && !error.contains("batch_size"), "{error}");
    }
}
