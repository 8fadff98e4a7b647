//! What the tests share: small models, and the story that every database must tell in the same way.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use prompt_core::artifact::{Manifest, Node, save};
use prompt_core::{Persist, Result};
use prompt_registry::{
    Action, ChangeNote, Clock, Filter, Location, ManualClock, ModelName, ModelRef, RegisterInfo, Registry,
    Stage, SystemClock,
};
use tempfile::TempDir;

struct Constant(f64);

impl Persist for Constant {
    fn kind(&self) -> &'static str {
        "constant"
    }
    fn encode(&self) -> Result<Node> {
        Ok(Node::new("constant", 1).meta(&self.0)?.f64s("weights", vec![self.0; 8]))
    }
}

/// Saves a model that holds `value`, and returns its folder.
pub(crate) fn model(dir: &Path, value: f64) -> PathBuf {
    let folder = dir.join(format!("model-{value}"));
    let manifest = Manifest {
        name: "constant".into(),
        task: "security".into(),
        params: serde_json::json!({"c": 1.5}),
        classes: vec!["benign".into(), "malicious".into()],
        data_digest: "d1".into(),
        synthetic: true,
        metrics: [("accuracy".to_owned(), 0.875), ("f1_macro".to_owned(), 0.75)].into(),
        ..Manifest::default()
    };
    save(&folder, &Constant(value), manifest).unwrap();
    folder
}

pub(crate) fn at(text: &str) -> ModelRef {
    text.parse().unwrap()
}

pub(crate) fn note(reason: &str) -> ChangeNote {
    ChangeNote::new("ana", reason)
}

/// The time of files, in milliseconds since 1970-01-01 00:00 UTC.
pub(crate) fn now_ms() -> i64 {
    SystemClock.now_ms()
}

/// A registry in a folder, beside folders with models.
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    pub(crate) clock: Arc<ManualClock>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), clock: Arc::new(ManualClock::at(1_000)) }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.dir.path().join("registry")
    }

    pub(crate) fn open(&self) -> Registry {
        Registry::open_with_clock(self.folder(), self.clock.clone()).unwrap()
    }

    pub(crate) fn model(&self, value: f64) -> PathBuf {
        model(self.dir.path(), value)
    }

    /// A registry with versions 1 to `n` of `name`, each another model.
    pub(crate) fn with_versions(&self, name: &str, n: u32) -> Registry {
        let registry = self.open();
        for i in 1..=n {
            let version =
                registry.register(name, &self.model(f64::from(i)), RegisterInfo::default()).unwrap();
            assert_eq!(version.version, i);
        }
        registry
    }
}

/// Register, promote, go back, delete, list: the same on every database.
pub(crate) fn story(location: impl Into<Location>, name: &str, models: &Path) {
    let clock = Arc::new(ManualClock::at(5_000_000_000_000));
    let registry = Registry::open_with_clock(location, clock.clone()).unwrap();
    let info = RegisterInfo {
        by: "ana".into(),
        description: "O'Brien's \"first\" – ünïcode".into(),
        tags: [("team".to_owned(), "trust".to_owned())].into(),
        metrics: [("f1_macro".to_owned(), 0.5), ("brier".to_owned(), 0.1 + 0.2)].into(),
        run_id: "run-7".into(),
        stage: Stage::Training,
        ..RegisterInfo::default()
    };
    // A number that no other run has used, so that no other version refers to the same artifact.
    let value = now_ms() as f64;
    let first = registry.register(name, &model(models, value), info).unwrap();
    assert_eq!((first.version, first.stage, first.created_ms), (1, Stage::Training, 5_000_000_000_000));
    assert_eq!(first.metrics["accuracy"], 0.875);
    assert_eq!(first.metrics["f1_macro"], 0.5, "the caller's number is stronger");
    assert_eq!(first.classes, ["benign", "malicious"]);
    assert_eq!((first.kind.as_str(), first.task.as_str()), ("constant", "security"));
    assert_eq!((first.data_digest.as_str(), first.synthetic, first.parent), ("d1", true, None));
    assert_eq!(registry.get(&first.reference()).unwrap(), first, "read back as it was written, bit for bit");

    clock.advance(10);
    let info = RegisterInfo { parent: Some(1), ..RegisterInfo::default() };
    let second = registry.register(name, &model(models, 2.0), info.clone()).unwrap();
    assert_eq!((second.version, second.parent, second.created_ms), (2, Some(1), 5_000_000_000_010));
    let error = registry
        .register(name, &model(models, 2.0), RegisterInfo { parent: Some(9), ..info })
        .unwrap_err()
        .to_string();
    assert_eq!(error, format!("unknown version `{name}:9`; known: {name}:1 (training), {name}:2 (staged)"));

    let go = |version: u32, stage| {
        clock.advance(10);
        let reference = ModelRef::version(ModelName::new(name).unwrap(), version);
        registry.promote(&reference, stage, &note("numbers")).unwrap()
    };
    assert_eq!(go(1, Stage::Production).stage, Stage::Production);
    assert_eq!(go(2, Stage::Production).stage, Stage::Production);
    let stages = |registry: &Registry| {
        let filter = Filter { name: Some(ModelName::new(name).unwrap()), ..Filter::default() };
        registry.list(&filter).unwrap().iter().map(|v| (v.version, v.stage)).collect::<Vec<_>>()
    };
    assert_eq!(stages(&registry), [(1, Stage::Archived), (2, Stage::Production)]);
    let history = registry.history(name).unwrap();
    let told: Vec<_> = history
        .iter()
        .map(|e| (e.seq, e.version, e.action, e.from, e.to, e.at_ms - 5_000_000_000_000))
        .collect();
    assert_eq!(
        told,
        [
            (1, 1, Action::Registered, None, Some(Stage::Training), 0),
            (2, 2, Action::Registered, None, Some(Stage::Staged), 10),
            (3, 1, Action::Moved, Some(Stage::Training), Some(Stage::Production), 20),
            (4, 1, Action::Replaced, Some(Stage::Production), Some(Stage::Archived), 30),
            (5, 2, Action::Moved, Some(Stage::Staged), Some(Stage::Production), 30),
        ]
    );
    assert_eq!((history[4].who.as_str(), history[4].reason.as_str()), ("ana", "numbers"));
    assert_eq!(history[3].reason, "replaced by version 2");

    let back = registry.rollback(name, None, &note("false alarms")).unwrap();
    assert_eq!((back.version, back.stage), (1, Stage::Production));
    let error = registry.rollback(name, None, &note("again")).unwrap_err().to_string();
    assert!(error.contains("no earlier production version"), "{error}");
    let back = registry.rollback(name, Some(2), &note("was right after all")).unwrap();
    assert_eq!((back.version, back.stage), (2, Stage::Production));

    let error = registry.delete(&back.reference(), &note("x")).unwrap_err().to_string();
    assert!(error.contains("is in production and cannot be deleted"), "{error}");
    registry.delete(&first.reference(), &note("old")).unwrap();
    assert_eq!(stages(&registry), [(2, Stage::Production)]);
    let error = registry.rollback(name, Some(1), &note("gone")).unwrap_err().to_string();
    assert_eq!(error, format!("unknown version `{name}:1`; known: {name}:2 (production)"));
    let last = registry.history(name).unwrap().pop().unwrap();
    assert_eq!((last.version, last.action, last.to, last.seq), (1, Action::Deleted, None, 10));

    let swept = registry.gc(Duration::ZERO).unwrap();
    assert_eq!((swept.artifacts, swept.bytes), (vec![first.digest], first.bytes));
    assert_eq!(registry.gc(Duration::ZERO).unwrap().artifacts.len(), 0);
    assert_eq!(registry.load(&at(name)).unwrap().root.get_meta::<f64>().unwrap(), 2.0);
    assert!(registry.resolve(&at(&format!("{name}@production"))).unwrap().join("manifest.json").is_file());
}
