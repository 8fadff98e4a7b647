//! The same story and the same race on PostgreSQL, where there is one: `PROMPT_TEST_POSTGRES` holds its address,
//! as in `postgres://user@127.0.0.1:5432/database`. Its tables stay; each run uses names of its own.

use std::collections::BTreeSet;

use crate::common::{Bench, at, note, now_ms};
use prompt_core::Error;
use prompt_registry::{Location, RegisterInfo, Registry, Stage};

fn location(bench: &Bench) -> Option<Location> {
    match std::env::var("PROMPT_TEST_POSTGRES") {
        Ok(url) => Some(Location::parse(&url, Some(&bench.dir.path().join("artifacts"))).unwrap()),
        Err(_) => {
            eprintln!("NOT TESTED on PostgreSQL: PROMPT_TEST_POSTGRES is not set to an address");
            None
        }
    }
}

fn own_name(what: &str) -> String {
    format!("{what}-{}-{}", std::process::id(), now_ms())
}

#[test]
fn the_story_in_postgres() {
    let bench = Bench::new();
    if let Some(location) = location(&bench) {
        crate::common::story(location, &own_name("story"), bench.dir.path());
    }
}

#[test]
fn connections_get_different_numbers() {
    let bench = Bench::new();
    let Some(location) = location(&bench) else { return };
    let (name, folder) = (own_name("race"), bench.model(1.0));
    let given: BTreeSet<u32> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let registry = Registry::open(location.clone()).unwrap();
                    (0..5)
                        .map(|_| {
                            let version = registry.register(&name, &folder, RegisterInfo::default()).unwrap();
                            registry.promote(&version.reference(), Stage::Production, &note("")).unwrap();
                            version.version
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|w| w.join().unwrap()).collect()
    });
    assert_eq!(given, (1..=20).collect());
    let registry = Registry::open(location.clone()).unwrap();
    assert_eq!(registry.history(&name).unwrap().len(), 20 + 20 + 19);
}

#[test]
fn a_refused_change_holds_no_lock() {
    let bench = Bench::new();
    let Some(location) = location(&bench) else { return };
    let name = own_name("lock");
    let one = Registry::open(location.clone()).unwrap();
    let other = Registry::open(location).unwrap();
    one.register(&name, &bench.model(1.0), RegisterInfo::default()).unwrap();
    let missing = at(&format!("{name}:9"));
    let error = one.promote(&missing, Stage::Production, &note("")).unwrap_err();
    assert!(matches!(error, Error::Unknown { .. }), "{error}");
    assert_eq!(other.register(&name, &bench.model(1.0), RegisterInfo::default()).unwrap().version, 2);
}
