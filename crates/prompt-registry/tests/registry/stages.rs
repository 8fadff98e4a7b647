//! Moving versions, and going back.

use crate::common::{Bench, at, note};
use prompt_core::Error;
use prompt_registry::{RegisterInfo, Registry, Stage};

fn serving(registry: &Registry) -> u32 {
    registry.get(&at("m@production")).unwrap().version
}

#[test]
fn going_back_twice_ends_two_versions_earlier() {
    let bench = Bench::new();
    let registry = bench.with_versions("m", 3);
    for version in ["m:1", "m:2", "m:3"] {
        registry.promote(&at(version), Stage::Production, &note("better")).unwrap();
    }
    assert_eq!(registry.rollback("m", None, &note("worse")).unwrap().version, 2);
    assert_eq!(registry.rollback("m", None, &note("worse")).unwrap().version, 1);
    assert_eq!(serving(&registry), 1);
    let archived =
        registry.list(&prompt_registry::Filter { stage: Some(Stage::Archived), ..Default::default() });
    assert_eq!(archived.unwrap().iter().map(|v| v.version).collect::<Vec<_>>(), [2, 3]);
    // What is left behind by going back is not an earlier version any more.
    let error = registry.rollback("m", None, &note("worse")).unwrap_err();
    assert!(matches!(error, Error::Input { .. }));
    assert_eq!(
        error.to_string(),
        "model `m` has no earlier production version to go back to; promote a version to production instead"
    );
}

#[test]
fn going_back_without_history_is_refused() {
    let bench = Bench::new();
    let registry = bench.with_versions("m", 2);
    let error = registry.rollback("m", None, &note("x")).unwrap_err().to_string();
    assert!(error.contains("no earlier production version"), "{error}");
    registry.promote(&at("m:1"), Stage::Production, &note("first")).unwrap();
    let error = registry.rollback("m", None, &note("x")).unwrap_err().to_string();
    assert!(error.contains("no earlier production version"), "{error}");
    let error = registry.rollback("m", Some(1), &note("x")).unwrap_err().to_string();
    assert_eq!(error, "m:1 is in production already; name an earlier version, or none for the one before");
    let error = registry.rollback("m", Some(2), &note("x")).unwrap_err().to_string();
    assert_eq!(error, "m:2 was never in production; to put it there for the first time, promote it");
    let error = registry.rollback("m", Some(7), &note("x")).unwrap_err().to_string();
    assert_eq!(error, "unknown version `m:7`; known: m:1 (production), m:2 (staged)");
    assert_eq!(registry.history("m").unwrap().len(), 3, "refused changes leave no line");
    assert_eq!(serving(&registry), 1);
}

#[test]
fn after_a_demotion_the_last_one_comes_back() {
    let bench = Bench::new();
    let registry = bench.with_versions("m", 2);
    registry.promote(&at("m:1"), Stage::Production, &note("")).unwrap();
    registry.promote(&at("m:2"), Stage::Production, &note("")).unwrap();
    registry.promote(&at("m:2"), Stage::Staged, &note("take it off")).unwrap();
    assert_eq!(registry.get(&at("m@production")).unwrap_err().to_string().split(';').count(), 2);
    assert_eq!(registry.rollback("m", None, &note("put it back")).unwrap().version, 2);
    assert_eq!(registry.rollback("m", None, &note("further")).unwrap().version, 1);
}

#[test]
fn moving_to_where_it_is_changes_nothing() {
    let bench = Bench::new();
    let registry = bench.with_versions("m", 1);
    registry.promote(&at("m:1"), Stage::Production, &note("")).unwrap();
    let before = registry.history("m").unwrap();
    let same = registry.promote(&at("m"), Stage::Production, &note("again")).unwrap();
    assert_eq!(same.stage, Stage::Production);
    assert_eq!(registry.history("m").unwrap(), before);
}

#[test]
fn a_name_alone_moves_its_newest_version() {
    let bench = Bench::new();
    let registry = bench.with_versions("m", 3);
    let promote = |reference: &str| registry.promote(&at(reference), Stage::Production, &note(""));
    promote("m:1").unwrap();
    assert_eq!(promote("m").unwrap().version, 3, "not the one that serves already");
    registry.promote(&at("m:3"), Stage::Archived, &note("bad")).unwrap();
    assert_eq!(promote("m").unwrap().version, 2, "not one that was put aside");
    registry.promote(&at("m"), Stage::Archived, &note("bad too")).unwrap();
    let error = promote("m").unwrap_err().to_string();
    assert_eq!(error, "unknown version `m`; known: m:1 (archived), m:2 (archived), m:3 (archived)");
    assert_eq!(promote("m:4").unwrap_err().to_string(), error.replace("`m`", "`m:4`"));
    assert_eq!(promote("other").unwrap_err().to_string(), "unknown model `other`; known: m");
}

#[test]
fn names_do_not_touch_each_other() {
    let bench = Bench::new();
    let registry = bench.with_versions("m", 1);
    registry.register("n", &bench.model(1.0), RegisterInfo::default()).unwrap();
    registry.promote(&at("m:1"), Stage::Production, &note("")).unwrap();
    registry.promote(&at("n:1"), Stage::Production, &note("")).unwrap();
    assert_eq!(serving(&registry), 1);
    assert_eq!(registry.get(&at("n@production")).unwrap().version, 1);
}

#[test]
fn a_broken_model_does_not_reach_production() {
    let bench = Bench::new();
    let registry = bench.with_versions("m", 2);
    registry.promote(&at("m:1"), Stage::Production, &note("")).unwrap();
    let weights = registry.resolve(&at("m:2")).unwrap().join("weights.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    let error = registry.promote(&at("m:2"), Stage::Production, &note("")).unwrap_err().to_string();
    assert!(error.contains("weights.safetensors was altered"), "{error}");
    assert_eq!(serving(&registry), 1);
    assert_eq!(registry.history("m").unwrap().len(), 3);
    // Registering the good model again heals the store, and with it the old version.
    registry.register("m", &bench.model(2.0), RegisterInfo::default()).unwrap();
    assert_eq!(registry.promote(&at("m:2"), Stage::Production, &note("")).unwrap().version, 2);
}

#[test]
fn inside_a_runtime_the_blocking_registry_answers_with_an_error() {
    let bench = Bench::new();
    let registry = bench.open();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let expected = "the blocking Registry does not support calls inside an async runtime; \
                        use AsyncRegistry there";
        assert_eq!(Registry::open(bench.folder()).err().unwrap().to_string(), expected);
        assert_eq!(registry.names().unwrap_err().to_string(), expected);
        drop(registry);
    });
}
