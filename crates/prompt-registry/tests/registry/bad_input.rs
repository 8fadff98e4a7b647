//! What goes wrong around a registry: what the user sees, and that nothing is lost.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::common::{Bench, at, model, note, now_ms};
use prompt_core::Error;
use prompt_registry::{Location, RegisterInfo, Registry, SCHEMA_VERSION, Stage};

fn refused(location: impl Into<Location>) -> Error {
    Registry::open(location).err().expect("the registry must not open")
}

/// Runs SQL on the file behind the registry's back.
fn sql(folder: &Path, statement: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use sqlx::{Connection, SqliteConnection};
        let url = format!("sqlite://{}", folder.join("registry.db").display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

#[test]
fn only_a_whole_artifact_is_accepted() {
    let bench = Bench::new();
    let registry = bench.open();
    let message = |dir: &Path| registry.register("m", dir, RegisterInfo::default()).unwrap_err().to_string();
    let root = bench.dir.path();
    assert!(message(&root.join("nowhere")).contains("nowhere: does not exist"));
    fs::create_dir(root.join("empty")).unwrap();
    assert!(message(&root.join("empty")).contains("there is no manifest.json"));
    fs::write(root.join("file"), "x").unwrap();
    assert!(message(&root.join("file")).contains("is a file"));

    let folder = bench.model(1.0);
    let weights = folder.join("weights.safetensors");
    let good = fs::read(&weights).unwrap();
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    fs::write(&weights, &bad).unwrap();
    assert!(message(&folder).contains("weights.safetensors was altered"));
    fs::write(&weights, &good[..good.len() - 1]).unwrap();
    assert!(message(&folder).contains(&format!("has {} bytes instead of {}", good.len() - 1, good.len())));
    fs::remove_file(&weights).unwrap();
    assert!(message(&folder).contains("weights.safetensors is missing"));
    fs::write(&weights, &good).unwrap();
    let manifest = fs::read_to_string(folder.join("manifest.json")).unwrap();
    let newer = manifest.replacen("\"format_version\": 1", "\"format_version\": 99", 1);
    assert_ne!(newer, manifest);
    fs::write(folder.join("manifest.json"), newer).unwrap();
    assert!(message(&folder).contains("format version 99 is newer than 1"));

    assert!(registry.names().unwrap().is_empty(), "nothing of it was registered");
    assert_eq!(fs::read_dir(bench.folder().join("artifacts")).unwrap().count(), 0, "or stored");
}

#[test]
fn a_file_that_is_no_database() {
    let bench = Bench::new();
    fs::create_dir(bench.folder()).unwrap();
    let file = bench.folder().join("registry.db");
    let text = "this is a letter to my grandmother and not a database, whatever its name says. ".repeat(20);
    fs::write(&file, &text).unwrap();
    let error = refused(bench.folder());
    assert!(matches!(error, Error::Parse { .. }), "{error}");
    assert!(error.to_string().ends_with(
        "registry.db: is not a SQLite database; restore it from a copy, or choose another registry"
    ));
    assert_eq!(fs::read_to_string(&file).unwrap(), text, "it was not touched");
}

#[test]
fn a_damaged_database() {
    let bench = Bench::new();
    drop(bench.with_versions("m", 1));
    let file = bench.folder().join("registry.db");
    let mut bytes = fs::read(&file).unwrap();
    let len = bytes.len();
    bytes[4096..len].fill(0xa5);
    fs::write(&file, bytes).unwrap();
    let error = Registry::open(bench.folder()).and_then(|r| r.names()).unwrap_err();
    assert!(matches!(error, Error::Parse { .. }), "{error}");
    assert!(error.to_string().contains("registry.db: the database is damaged"), "{error}");
}

#[test]
fn artifacts_without_their_database_are_no_empty_registry() {
    let bench = Bench::new();
    let registry = bench.with_versions("m", 1);
    let artifact = registry.resolve(&at("m")).unwrap();
    drop(registry);
    let file = bench.folder().join("registry.db");
    let copy = fs::read(&file).unwrap();
    fs::write(&file, []).unwrap();
    let error = refused(bench.folder());
    assert!(matches!(error, Error::Parse { .. }), "{error}");
    let expected = "registry.db: the database is damaged: it is empty, but there are artifacts; \
                    restore it from a copy, or choose another registry";
    assert!(error.to_string().ends_with(expected), "{error}");
    assert_eq!(fs::metadata(&file).unwrap().len(), 0, "it was not touched");
    fs::remove_file(&file).unwrap();
    let error = refused(bench.folder()).to_string();
    assert!(error.contains("registry.db: the database is missing, but there are artifacts"), "{error}");
    assert!(!Registry::exists(bench.folder()) && artifact.is_dir());
    fs::write(&file, copy).unwrap();
    assert_eq!(bench.open().load(&at("m")).unwrap().root.get_meta::<f64>().unwrap(), 1.0);
}

#[test]
fn an_empty_database_without_artifacts_is_a_new_registry() {
    let bench = Bench::new();
    fs::create_dir(bench.folder()).unwrap();
    assert!(!Registry::exists(bench.folder()));
    fs::write(bench.folder().join("registry.db"), []).unwrap();
    assert!(bench.open().names().unwrap().is_empty());
    assert!(Registry::exists(bench.folder()));
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let bench = Bench::new();
    drop(bench.with_versions("m", 1));
    sql(&bench.folder(), "UPDATE registry_schema SET version = version + 97");
    let error = refused(bench.folder()).to_string();
    assert!(error.ends_with(&format!(
        "registry.db: its schema version {} is newer than {SCHEMA_VERSION}, the newest this program knows; \
         update the program",
        SCHEMA_VERSION + 97
    )));
    sql(&bench.folder(), "UPDATE registry_schema SET version = version - 97");
    assert_eq!(bench.open().get(&at("m")).unwrap().version, 1);
}

#[test]
fn a_row_that_makes_no_sense_is_named() {
    let bench = Bench::new();
    drop(bench.with_versions("m", 1));
    sql(&bench.folder(), "UPDATE registry_version SET metrics = '{'");
    let error = bench.open().get(&at("m")).unwrap_err().to_string();
    assert!(error.contains("registry.db: a row has metrics = `{`; restore it"), "{error}");
    sql(&bench.folder(), "UPDATE registry_version SET metrics = '{}', digest = '../../../etc'");
    let error = bench.open().resolve(&at("m")).unwrap_err().to_string();
    assert!(error.contains("m:1 has no legal digest"), "{error}");
}

#[test]
fn the_database_itself_keeps_one_version_in_production() {
    let bench = Bench::new();
    let registry = bench.with_versions("m", 2);
    registry.promote(&at("m:1"), Stage::Production, &note("")).unwrap();
    drop(registry);
    let cheat = std::panic::catch_unwind(|| {
        sql(&bench.folder(), "UPDATE registry_version SET stage = 'production' WHERE version = 2");
    });
    assert!(cheat.is_err());
    assert_eq!(bench.open().get(&at("m@production")).unwrap().version, 1);
}

#[test]
fn a_place_where_no_folder_can_be() {
    let bench = Bench::new();
    let file = bench.dir.path().join("file");
    fs::write(&file, "x").unwrap();
    for location in [file.clone(), file.join("registry")] {
        let error = refused(location);
        assert!(matches!(error, Error::Io { action: "create", .. }), "{error}");
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "x");
}

#[test]
fn an_artifact_that_was_lost_or_exchanged() {
    let bench = Bench::new();
    let registry = bench.with_versions("m", 2);
    let (first, second) = (registry.resolve(&at("m:1")).unwrap(), registry.resolve(&at("m:2")).unwrap());
    fs::remove_dir_all(&first).unwrap();
    let error = registry.resolve(&at("m:1")).unwrap_err().to_string();
    assert!(error.ends_with("is missing; restore it from a copy, or register the model again"), "{error}");
    // A whole artifact, but of another model.
    fs::rename(&second, &first).unwrap();
    let error = registry.load(&at("m:1")).unwrap_err().to_string();
    assert!(error.contains("holds another model"), "{error}");
}

#[test]
fn what_a_crash_leaves_behind_is_harmless_and_swept_when_old() {
    let bench = Bench::new();
    let registry = bench.with_versions("m", 2);
    let kept = registry.resolve(&at("m:1")).unwrap();
    // Died after the copy and before the row: an artifact that no version refers to.
    let orphan = registry.resolve(&at("m:2")).unwrap();
    registry.delete(&at("m:2"), &note("")).unwrap();
    assert!(orphan.is_dir(), "deleting leaves the files to the sweep");
    // Died while copying.
    let store = bench.folder().join("artifacts");
    let half = store.join(".incoming-1-2-3");
    fs::create_dir(&half).unwrap();
    fs::write(half.join("weights.safetensors"), [0; 100]).unwrap();
    let digest = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let foreign = store.join("README");
    fs::write(&foreign, "not ours").unwrap();

    // The files were made now; to them the clock at 1970 is long ago.
    let hour = Duration::from_secs(3600);
    assert_eq!(registry.gc(hour).unwrap(), prompt_registry::Swept::default());
    let now = now_ms();
    bench.clock.set(now + 3_500_000);
    assert_eq!(registry.gc(hour).unwrap(), prompt_registry::Swept::default(), "younger than the grace");
    bench.clock.set(now + 3_700_000);
    // Died in a sweep that had set aside what a version refers to.
    let aside = store.join(format!(".leaving-{}-1-2-3", digest(&kept)));
    fs::rename(&kept, &aside).unwrap();
    let size: u64 = fs::read_dir(&orphan).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    let swept = registry.gc(hour).unwrap();
    assert_eq!(swept.artifacts, [digest(&orphan)]);
    assert_eq!((swept.unfinished, swept.bytes), (1, size + 100));
    assert!(!orphan.exists() && !half.exists() && !aside.exists());
    assert!(kept.is_dir(), "what a sweep had set aside and is referred to was put back");
    assert!(foreign.is_file());
    assert_eq!(registry.load(&at("m:1")).unwrap().root.get_meta::<f64>().unwrap(), 1.0);
    // The model of the orphan can be registered again.
    assert_eq!(registry.register("m", &bench.model(2.0), RegisterInfo::default()).unwrap().version, 3);
    assert!(orphan.is_dir());
}

#[test]
fn postgres_without_the_feature_says_how_to_get_it() {
    let bench = Bench::new();
    let location = Location::parse("postgres://ana:secret@127.0.0.1:1/none", Some(bench.dir.path())).unwrap();
    let error = refused(location).to_string();
    assert!(!error.contains("secret"), "{error}");
    if cfg!(feature = "postgres") {
        assert!(error.starts_with("cannot open postgres://127.0.0.1:1/none:"), "{error}");
    } else {
        assert_eq!(
            error,
            "this build of prompt-registry does not support postgres://127.0.0.1:1/none; \
             build it with the feature `postgres`, or name a folder"
        );
    }
}

#[cfg(unix)]
mod read_only {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    const CHILD: &str = "PROMPT_TEST_READ_ONLY";

    /// The administrator may write everywhere, so that the test looks on as somebody else: a copy of this
    /// program, as `nobody` where that is needed.
    fn as_somebody_else(dir: &Path, test: &str) {
        let program = dir.join("program");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let mut command = Command::new(&program);
        command.args([test, "--exact", "--nocapture"]).env(CHILD, dir).current_dir("/");
        if fs::metadata(dir).unwrap().uid() == 0 {
            command.uid(65534).gid(65534);
        }
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
        assert!(told.contains("1 passed"), "{told}");
    }

    fn everything_may(dir: &Path, folders: u32, files: u32) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                everything_may(&path, folders, files);
            } else {
                fs::set_permissions(&path, fs::Permissions::from_mode(files)).unwrap();
            }
        }
        fs::set_permissions(dir, fs::Permissions::from_mode(folders)).unwrap();
    }

    #[test]
    fn a_read_only_folder_can_be_read_and_refuses_the_rest() {
        if let Some(dir) = std::env::var_os(CHILD) {
            return look_on(Path::new(&dir));
        }
        let bench = Bench::new();
        let registry = bench.with_versions("m", 1);
        registry.promote(&at("m:1"), Stage::Production, &note("")).unwrap();
        drop(registry);
        fs::create_dir(bench.dir.path().join("closed")).unwrap();
        everything_may(bench.dir.path(), 0o555, 0o444);
        as_somebody_else_then_open(&bench);
    }

    fn as_somebody_else_then_open(bench: &Bench) {
        fs::set_permissions(bench.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        as_somebody_else(
            bench.dir.path(),
            "bad_input::read_only::a_read_only_folder_can_be_read_and_refuses_the_rest",
        );
        everything_may(bench.dir.path(), 0o755, 0o644);
        assert_eq!(bench.open().history("m").unwrap().len(), 2, "nothing was changed");
    }

    fn look_on(dir: &Path) {
        let registry = Registry::open(dir.join("registry")).unwrap();
        assert!(registry.read_only());
        assert_eq!(registry.get(&at("m@production")).unwrap().version, 1);
        assert_eq!(registry.load(&at("m")).unwrap().root.get_meta::<f64>().unwrap(), 1.0);
        let folder = dir.join("model-1");
        for error in [
            registry.register("m", &folder, RegisterInfo::default()).unwrap_err(),
            registry.promote(&at("m:1"), Stage::Archived, &note("")).unwrap_err(),
            registry.rollback("m", None, &note("")).unwrap_err(),
            registry.delete(&at("m:1"), &note("")).unwrap_err(),
            registry.gc(Duration::ZERO).unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(matches!(error, Error::Io { action: "change", .. }), "{text}");
            assert!(text.contains("the registry's folder is read-only; ask for write permission"), "{text}");
        }
        // Where there is no registry yet, there is nothing to read.
        let error = refused(dir.join("closed"));
        assert!(matches!(error, Error::Io { action: "create", .. }), "{error}");
    }
}

#[test]
fn a_model_is_left_as_it_was() {
    let bench = Bench::new();
    let folder = model(bench.dir.path(), 3.0);
    let before = fs::read(folder.join("manifest.json")).unwrap();
    bench.open().register("m", &folder, RegisterInfo::default()).unwrap();
    assert_eq!(fs::read(folder.join("manifest.json")).unwrap(), before);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(bench.open().load(&at("m")).unwrap().root.get_meta::<f64>().unwrap(), 3.0);
}
