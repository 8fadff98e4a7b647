//! Several threads, several connections and several processes at once.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::{Bench, model, note, now_ms};
use prompt_registry::{Action, RegisterInfo, Registry, Stage};

const CHILD: &str = "PROMPT_TEST_TOGETHER";
const WORKERS: u32 = 4;
const EACH: u32 = 6;

/// Registers `EACH` models and returns the numbers they were given.
fn work(folder: &Path, models: &Path, worker: u32) -> Vec<u32> {
    let registry = Registry::open(folder).unwrap();
    (0..EACH)
        .map(|i| {
            // Half of the models are the same for all workers.
            let value = if i % 2 == 0 { f64::from(i) } else { f64::from(100 * worker + i) };
            let own = models.join(format!("worker-{worker}"));
            let version = registry.register("m", &model(&own, value), RegisterInfo::default()).unwrap();
            registry.promote(&version.reference(), Stage::Production, &note("race")).unwrap();
            version.version
        })
        .collect()
}

fn all_is_well(registry: &Registry, mut given: Vec<u32>) {
    given.sort_unstable();
    assert_eq!(given, (1..=WORKERS * EACH).collect::<Vec<_>>());
    let versions = registry.list(&Default::default()).unwrap();
    let serving = versions.iter().filter(|v| v.stage == Stage::Production).count();
    assert_eq!((versions.len() as u32, serving), (WORKERS * EACH, 1));
    let digests: BTreeSet<_> = versions.iter().map(|v| v.digest.as_str()).collect();
    assert_eq!(digests.len() as u32, EACH / 2 + WORKERS * EACH / 2);
    for version in &versions {
        registry.load(&version.reference()).unwrap();
    }
    let log = registry.history("m").unwrap();
    assert!(log.iter().zip(1..).all(|(e, seq)| e.seq == seq), "no line lost, none written twice");
    let of = |action| log.iter().filter(|e| e.action == action).count() as u32;
    assert_eq!(of(Action::Registered), WORKERS * EACH);
    assert_eq!(of(Action::Moved), WORKERS * EACH);
    assert_eq!(of(Action::Replaced), WORKERS * EACH - 1);
}

#[test]
fn threads_with_a_registry_each_get_different_numbers() {
    let bench = Bench::new();
    let (folder, models) = (bench.folder(), bench.dir.path());
    let start = Barrier::new(WORKERS as usize);
    // The registry does not exist yet: making it is part of the race.
    let given = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let (folder, start) = (&folder, &start);
                scope.spawn(move || {
                    start.wait();
                    work(folder, models, worker)
                })
            })
            .collect();
        workers.into_iter().flat_map(|w| w.join().unwrap()).collect()
    });
    all_is_well(&bench.open(), given);
}

#[test]
fn threads_can_share_one_registry() {
    let bench = Bench::new();
    let registry = bench.open();
    let folder = bench.model(1.0);
    let given: BTreeSet<u32> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..5)
                        .map(|_| registry.register("m", &folder, RegisterInfo::default()).unwrap().version)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|w| w.join().unwrap()).collect()
    });
    assert_eq!(given, (1..=20).collect());
}

#[test]
fn processes_get_different_numbers() {
    if let Ok(told) = std::env::var(CHILD) {
        let (worker, dir) = told.split_once(' ').unwrap();
        let dir = Path::new(dir);
        let given = work(&dir.join("registry"), dir, worker.parse().unwrap());
        std::fs::write(dir.join(format!("given-{worker}")), serde_json::to_string(&given).unwrap()).unwrap();
        return;
    }
    let bench = Bench::new();
    let children: Vec<Child> = (0..WORKERS)
        .map(|worker| {
            Command::new(std::env::current_exe().unwrap())
                .args(["together::processes_get_different_numbers", "--exact"])
                .env(CHILD, format!("{worker} {}", bench.dir.path().display()))
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let given = (0..WORKERS)
        .flat_map(|worker| {
            let text = std::fs::read(bench.dir.path().join(format!("given-{worker}"))).unwrap();
            serde_json::from_slice::<Vec<u32>>(&text).unwrap()
        })
        .collect();
    all_is_well(&bench.open(), given);
}

#[test]
fn a_sweep_without_grace_never_takes_what_a_version_needs() {
    let bench = Bench::new();
    let folder = bench.model(1.0);
    let (names, rounds) = (["a", "b"], 15);
    let (registering, sweeping) = (bench.open(), bench.open());
    // Half an hour from now every artifact is old enough, and no writer.
    bench.clock.set(now_ms() + 1_800_000);
    let done = AtomicBool::new(false);
    let taken = std::thread::scope(|scope| {
        let sweeper = scope.spawn(|| {
            let mut taken = 0;
            loop {
                // The last sweep begins when the last version is gone.
                let last = done.load(Ordering::SeqCst);
                taken += sweeping.gc(Duration::ZERO).unwrap().artifacts.len();
                if last {
                    return taken;
                }
            }
        });
        // The same model again and again: found in the store, and up for sweeping, at the same moment.
        let work = |name: &str| -> prompt_core::Result<()> {
            for _ in 0..rounds {
                let version = registering.register(name, &folder, RegisterInfo::default())?;
                registering.resolve(&version.reference())?;
                registering.load(&version.reference())?;
                registering.delete(&version.reference(), &note("next"))?;
            }
            Ok(())
        };
        let workers = names.map(|name| scope.spawn(move || work(name)));
        let outcomes = workers.map(|w| w.join().unwrap());
        done.store(true, Ordering::SeqCst);
        for outcome in outcomes {
            outcome.unwrap();
        }
        sweeper.join().unwrap()
    });
    assert!(taken > 0, "the sweep had something to take");
    for name in names {
        assert_eq!(registering.history(name).unwrap().len(), 2 * rounds);
    }
    assert!(sweeping.gc(Duration::ZERO).unwrap().artifacts.is_empty(), "the last sweep took all");
}
