//! Adding models and finding them again.

use crate::common::{Bench, at, model, note};
use prompt_registry::{Filter, ModelName, RegisterInfo, Registry, Stage};

#[test]
fn the_story_in_a_folder() {
    let bench = Bench::new();
    crate::common::story(bench.folder(), "security", bench.dir.path());
}

#[test]
fn the_folder_may_have_any_name() {
    let bench = Bench::new();
    let folder = bench.dir.path().join("my models?mode=ro #1 100%25 ä");
    crate::common::story(&folder, "security", bench.dir.path());
    assert!(folder.join("registry.db").is_file());
}

#[test]
fn what_was_registered_is_there_after_opening_again() {
    let bench = Bench::new();
    let version = {
        let registry = bench.with_versions("security", 2);
        registry.promote(&at("security:1"), Stage::Production, &note("first")).unwrap()
    };
    let left: Vec<_> = std::fs::read_dir(bench.folder())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left.len(), 2, "at rest there is the database and the artifacts, and no log: {left:?}");
    let registry = bench.open();
    assert_eq!(registry.get(&at("security@production")).unwrap(), version);
    assert_eq!(registry.names().unwrap(), [ModelName::new("security").unwrap()]);
    assert!(!registry.read_only());
}

#[test]
fn the_same_model_twice_is_stored_once() {
    let bench = Bench::new();
    let registry = bench.open();
    let folder = bench.model(0.5);
    let a = registry.register("a", &folder, RegisterInfo::default()).unwrap();
    let again = registry.register("a", &folder, RegisterInfo::default()).unwrap();
    let other_name = registry.register("b", &folder, RegisterInfo::default()).unwrap();
    assert_eq!((a.version, again.version, other_name.version), (1, 2, 1));
    assert_eq!(a.digest, again.digest);
    assert_eq!(registry.resolve(&at("a:1")).unwrap(), registry.resolve(&at("b:1")).unwrap());
    let different = registry.register("a", &bench.model(0.25), RegisterInfo::default()).unwrap();
    assert_ne!(different.digest, a.digest);
    let stored = registry.resolve(&at("a:1")).unwrap();
    assert!(stored.ends_with(format!("artifacts/{}/{}", &a.digest[..2], a.digest)));
    let size: u64 = std::fs::read_dir(stored).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(a.bytes, size);
}

#[test]
fn a_bare_name_is_the_one_in_production_or_else_the_newest_that_is_not_archived() {
    let bench = Bench::new();
    let registry = bench.with_versions("m", 3);
    let current = |registry: &Registry| registry.get(&at("m")).unwrap().version;
    assert_eq!(current(&registry), 3);
    registry.promote(&at("m:3"), Stage::Archived, &note("bad")).unwrap();
    assert_eq!(current(&registry), 2);
    registry.promote(&at("m:1"), Stage::Production, &note("good")).unwrap();
    assert_eq!(current(&registry), 1);
    assert_eq!(registry.get(&at("m@staged")).unwrap().version, 2);
    registry.promote(&at("m:1"), Stage::Archived, &note("end")).unwrap();
    registry.promote(&at("m:2"), Stage::Archived, &note("end")).unwrap();
    assert_eq!(
        registry.get(&at("m")).unwrap_err().to_string(),
        "unknown version `m`; known: m:1 (archived), m:2 (archived), m:3 (archived)"
    );
}

#[test]
fn lists_are_narrowed_by_every_filter() {
    let bench = Bench::new();
    let registry = bench.open();
    let tagged = |team: &str| RegisterInfo {
        tags: [("team".to_owned(), team.to_owned()), ("x".to_owned(), "y".to_owned())].into(),
        ..RegisterInfo::default()
    };
    // Capitals before small letters, on every database.
    for (name, team) in [("b", "red"), ("a", "red"), ("a", "blue"), ("B", "blue")] {
        registry.register(name, &bench.model(1.0), tagged(team)).unwrap();
    }
    registry.promote(&at("a:2"), Stage::Production, &note("")).unwrap();
    let found = |filter: Filter| {
        let found = registry.list(&filter).unwrap();
        found.iter().map(|v| v.reference().to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(found(Filter::default()), "B:1 a:1 a:2 b:1");
    assert_eq!(found(Filter { name: Some("a".parse().unwrap()), ..Filter::default() }), "a:1 a:2");
    assert_eq!(found(Filter { stage: Some(Stage::Production), ..Filter::default() }), "a:2");
    assert_eq!(found(Filter { task: Some("intent".into()), ..Filter::default() }), "");
    assert_eq!(found(Filter { task: Some("security".into()), ..Filter::default() }), "B:1 a:1 a:2 b:1");
    assert_eq!(
        found(Filter { tags: [("team".to_owned(), "red".to_owned())].into(), ..Filter::default() }),
        "a:1 b:1"
    );
}

#[test]
fn numbers_are_not_given_out_twice() {
    let bench = Bench::new();
    let registry = bench.with_versions("m", 2);
    registry.delete(&at("m:2"), &note("mistake")).unwrap();
    let next = registry.register("m", &bench.model(2.0), RegisterInfo::default()).unwrap();
    assert_eq!(next.version, 3);
    registry.delete(&at("m:1"), &note("")).unwrap();
    registry.delete(&at("m:3"), &note("")).unwrap();
    assert!(registry.names().unwrap().is_empty());
    assert_eq!(registry.history("m").unwrap().len(), 6);
    assert_eq!(registry.get(&at("m")).unwrap_err().to_string(), "unknown model `m`; there are none");
    assert_eq!(registry.register("m", &bench.model(2.0), RegisterInfo::default()).unwrap().version, 4);
}

#[test]
fn unknown_things_are_answered_with_the_known_ones() {
    let bench = Bench::new();
    let registry = bench.with_versions("security", 1);
    registry.register("intent", &bench.model(1.0), RegisterInfo::default()).unwrap();
    let message = |text: &str| registry.resolve(&at(text)).unwrap_err().to_string();
    assert_eq!(
        message("securty"),
        "unknown model `securty`; known: intent, security; did you mean `security`?"
    );
    assert_eq!(
        message("securty:1"),
        "unknown model `securty`; known: intent, security; did you mean `security`?"
    );
    assert_eq!(message("security:2"), "unknown version `security:2`; known: security:1 (staged)");
    assert_eq!(
        message("security@production"),
        "unknown version `security@production`; known: security:1 (staged)"
    );
    for error in [
        registry.history("x").unwrap_err(),
        registry.rollback("x", None, &note("")).unwrap_err(),
        registry.promote(&at("x:1"), Stage::Staged, &note("")).unwrap_err(),
        registry.delete(&at("x:1"), &note("")).unwrap_err(),
    ] {
        assert_eq!(error.to_string(), "unknown model `x`; known: intent, security");
    }
}

#[test]
fn a_version_starts_before_production_and_with_finite_numbers() {
    let bench = Bench::new();
    let registry = bench.open();
    let folder = bench.model(1.0);
    let message = |name: &str, info| registry.register(name, &folder, info).unwrap_err().to_string();
    let info = RegisterInfo { stage: Stage::Production, ..RegisterInfo::default() };
    assert_eq!(
        message("m", info),
        "register: parameter `stage` must be training or staged; production is reached by promotion, got production"
    );
    let info = RegisterInfo { metrics: [("auc".to_owned(), f64::NAN)].into(), ..RegisterInfo::default() };
    assert_eq!(message("m", info), "register: parameter `metrics.auc` must be a finite number, got NaN");
    assert!(message("../m", RegisterInfo::default()).contains("ASCII letters"));
    assert!(registry.names().unwrap().is_empty());
    assert_eq!(model(bench.dir.path(), 1.0), folder);
}
