//! What a training takes, compared with what there is: an allocation that fails ends a program without a word.
//!
//! ```text
//! bytes = 4·(n·P + 2T + max(A + g·T, c·P))         P numbers of the network, T of them learn, A numbers a step keeps
//! ```
//!
//! beside the network itself: n is 1 for the best state where more than one evaluation is judged, and 1 for every device but the
//! first, 2T for the moments of AdamW, g·T for gradients (1; with accumulation one more than devices), c·P for the state that is
//! written at an evaluation (6 with checkpoints, else 1). A is said by the network, of the batches that are made of the rows.
//!
//! The terms are counted from below, so that what fits is seldom refused: a run that ends early may take less than the largest of
//! its epochs and layers that thaw late. Only the CPU's memory is compared, and only where `/proc` or control groups tell it.

use std::fs;
use std::path::Path;

use prompt_core::{Error, Result, Seed};

use super::rows::batches_of;
use super::{TrainFiles, TrainOptions};
use crate::net::Store;

/// What may be taken, in bytes; 0 for no limit.
const VARIABLE: &str = "PROMPT_MEMORY";

/// Epochs whose batches are looked at: each draws others, all of them about alike.
const EPOCHS: usize = 8;

/// The rows of a training.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) encoded: &'a [Vec<u32>],
    pub(crate) train: &'a [usize],
    /// Whether held-out rows choose the best state.
    pub(crate) judged: bool,
}

/// A batch, filled to its longest row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) rows: usize,
    /// Tokens of its longest row.
    pub(crate) length: usize,
}

impl Step {
    /// Its tokens, those that fill rows included.
    pub(crate) fn tokens(self) -> f64 {
        self.rows as f64 * self.length as f64
    }
}

/// Refuses a training that needs more than there is. `kept` says how many numbers a batch keeps for its way back.
///
/// # Errors
/// [`Error::Input`] with what would be needed, what is free, and what to lower; a `PROMPT_MEMORY` that is no size.
pub(crate) fn check(
    store: &Store,
    options: &TrainOptions,
    files: &TrainFiles,
    rows: Rows<'_>,
    seed: Seed,
    kept: &dyn Fn(Step) -> f64,
) -> Result<()> {
    if !store.on_cpu() {
        return Ok(());
    }
    let told = std::env::var_os(VARIABLE);
    let told = told.as_ref().map(|told| told.to_string_lossy());
    let Some(free) = free(told.as_deref(), Path::new("/"))? else { return Ok(()) };
    let count = |p: &crate::net::Param| p.shape.iter().product::<usize>() as f64;
    let (step, kept) = largest(rows, options, seed, kept);
    let at_once = 1 + options.others.len();
    let demand = Demand {
        numbers: store.params().iter().map(count).sum(),
        copies: copies(rows.judged, options),
        learning: store.params().iter().filter(|p| p.trainable).map(count).sum(),
        kept,
        gradients: if options.accumulation > 1 { (1 + at_once) as f64 } else { 1.0 },
        checkpoints: files.checkpoints.is_some(),
    };
    demand.compare(free, step)
}

/// The batches that keep the most at the same time: their largest, and what they keep together.
fn largest(rows: Rows<'_>, options: &TrainOptions, seed: Seed, kept: &dyn Fn(Step) -> f64) -> (Step, f64) {
    let lengths: Vec<usize> = rows.encoded.iter().map(Vec::len).collect();
    let size = |batch: &Vec<usize>| {
        let step = Step { rows: batch.len(), length: batch.iter().map(|&r| lengths[r]).max().unwrap_or(0) };
        (step, kept(step))
    };
    let mut largest = (Step { rows: 0, length: 0 }, 0.0);
    for epoch in 0..options.max_epochs.min(EPOCHS) {
        let batches = batches_of(epoch, &lengths, rows.train, options.batch_size, seed);
        let steps = batches.chunks(options.accumulation);
        for together in steps.flat_map(|step| step.chunks(1 + options.others.len())) {
            let sizes = || together.iter().map(size);
            let sum: f64 = sizes().map(|(_, kept)| kept).sum();
            let most = sizes().max_by(|a, b| a.1.total_cmp(&b.1));
            if let Some((step, _)) = most.filter(|_| sum > largest.1) {
                largest = (step, sum);
            }
        }
    }
    largest
}

/// How often the network lies there beside the one that learns, while it learns: the best state, and other devices'.
fn copies(judged: bool, options: &TrainOptions) -> f64 {
    let again = options.max_epochs > 1 || options.eval_steps.is_some();
    (usize::from(judged && again) + options.others.len()) as f64
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
                "{advice}; {VARIABLE}=SIZE (8G) says that so much may be taken, {VARIABLE}=0 that nothing is compared"
            ),
        ))
    }
}

/// Bytes that may still be taken: what the variable says, else the smaller of what the machine has left and what the
/// process's control group leaves it. None where nobody says.
fn free(told: Option<&str>, root: &Path) -> Result<Option<f64>> {
    if let Some(told) = told.filter(|told| !told.trim().is_empty()) {
        let bytes = bytes(told).ok_or_else(|| {
            Error::input(
                format!("{VARIABLE}={told} is no size of memory"),
                "give bytes, or a number with K, M, G or T (powers of 1000) or KiB, MiB, GiB or TiB (powers of 1024), \
                 for example 8G; 0 compares nothing",
            )
        })?;
        return Ok((bytes > 0.0).then_some(bytes));
    }
    let machine = machine(&root.join("proc/meminfo"));
    let group = group(root);
    Ok(match (machine, group) {
        (Some(machine), Some(group)) => Some(machine.min(group)),
        (machine, group) => machine.or(group),
    })
}

/// A size as people write it: `8000000000`, `8G`, `8 GB`, `7.5GiB`.
fn bytes(told: &str) -> Option<f64> {
    let told = told.trim().to_ascii_lowercase();
    let end = told.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(told.len());
    let (number, unit) = told.split_at(end);
    let factor: f64 = match unit {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024f64.powi(2),
        "gib" => 1024f64.powi(3),
        "tib" => 1024f64.powi(4),
        _ => return None,
    };
    let number: f64 = number.trim().parse().ok()?;
    (number >= 0.0 && number.is_finite()).then_some(number * factor)
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
        let said = |told: Option<&str>, root: &Path| free(told, root).unwrap();
        assert_eq!(said(None, plain.path()), Some(5_000_000.0 * 1024.0));
        assert_eq!(said(Some("123"), plain.path()), Some(123.0));
        assert_eq!(said(Some("0"), plain.path()), None);
        assert_eq!(said(Some(" "), plain.path()), said(None, plain.path()));

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
        assert_eq!(said(None, grouped.path()), Some(0.7 * GIGA));

        let first = machine_of(&[
            meminfo,
            ("proc/self/cgroup", "5:cpu:/x\n4:memory,hugetlb:/box\n"),
            ("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "3000000000"),
            ("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "1000000000"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1"),
        ]);
        assert_eq!(said(None, first.path()), Some(2.0 * GIGA));
        assert_eq!(said(None, machine_of(&[]).path()), None);
    }

    #[test]
    fn a_size_is_read_as_people_write_it_or_refused() {
        let sizes = [
            ("8G", 8e9),
            ("8 GB", 8e9),
            ("1.5m", 1.5e6),
            ("2KiB", 2048.0),
            ("1gib", 1024f64.powi(3)),
            ("7b", 7.0),
        ];
        for (told, wanted) in sizes {
            assert_eq!(bytes(told), Some(wanted), "{told}");
        }
        for wrong in ["much", "-1", "8X", "8 G B", "G", "inf", "nan"] {
            let error = free(Some(wrong), Path::new("/")).unwrap_err().to_string();
            let said = error.contains(&format!("PROMPT_MEMORY={wrong} ")) && error.contains("8G");
            assert!(said, "{error}");
        }
    }

    fn options(batch_size: usize) -> TrainOptions {
        use crate::loss::LossKind;
        use crate::train::{Monitor, Schedule};
        TrainOptions {
            max_epochs: 3,
            batch_size,
            accumulation: 1,
            learning_rate: 1e-3,
            weight_decay: 0.0,
            layer_decay: 1.0,
            schedule: Schedule::Constant,
            warmup: 0.0,
            clip_norm: None,
            loss: LossKind::CrossEntropy { smoothing: 0.0 },
            class_weight: prompt_core::ClassWeight::None,
            validation_fraction: 0.0,
            patience: 3,
            monitor: Monitor::Loss,
            eval_steps: None,
            others: Vec::new(),
        }
    }

    #[test]
    fn the_largest_step_is_one_of_those_that_are_made() {
        // Sorted by length, the long row is alone in the last batch.
        let mut encoded = vec![vec![0; 3]; 33];
        encoded[5] = vec![0; 512];
        let train: Vec<usize> = (0..33).collect();
        let rows = Rows { encoded: &encoded, train: &train, judged: false };
        let of = |batch_size| largest(rows, &options(batch_size), Seed::new(1), &Step::tokens);
        assert_eq!(of(16), (Step { rows: 1, length: 512 }, 512.0));
        assert_eq!(of(11), (Step { rows: 11, length: 512 }, 11.0 * 512.0));
    }

    #[test]
    fn a_best_state_is_there_only_where_rows_choose_it() {
        let mut options = options(8);
        assert_eq!((copies(true, &options), copies(false, &options)), (1.0, 0.0));
        options.max_epochs = 1;
        assert_eq!(copies(true, &options), 0.0);
        options.eval_steps = Some(5);
        assert_eq!(copies(true, &options), 1.0);
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
