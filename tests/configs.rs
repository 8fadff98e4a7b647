//! Every configuration that ships is sound and runs; families that this build has no trainer for are reported.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test builds, it unwraps as the test does"
)]

use std::path::{Path, PathBuf};

use prompt_models::experiment::{DeepModel, Experiment, ExperimentConfig, Grid, Status};
use prompt_models::neural;
use prompt_models::platform::{Platform, PlatformConfig, TargetKind};
use prompt_models::prelude::*;

fn configs() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let mut found = Vec::new();
    for folder in [root.clone(), root.join("profiles")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "toml") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The same experiment on few rows, with two folds and no search, so that all of them run in seconds.
fn small(mut config: ExperimentConfig, out: &Path) -> ExperimentConfig {
    config.data.path = None;
    config.data.synthetic.rows = 300;
    config.traditional.folds = 2;
    config.evaluation.bootstrap = 50;
    for (_, model) in &mut config.traditional.models.0 {
        model.grid = Grid::None;
        model.folds = None;
    }
    // Of the networks one, tiny.
    config.deep.max_epochs = 1;
    for (name, told) in &mut config.deep.models {
        told.enabled &= *name == DeepModel::Cnn;
        told.params = [("embedding_dim", 8), ("filters", 4)].map(|(n, v)| (n.to_owned(), v.into())).into();
    }
    config.output.dir = out.to_path_buf();
    config.output.registry = None;
    config
}

#[test]
fn every_shipped_configuration_runs_and_reports_what_it_cannot_train() {
    let configs = configs();
    assert!(configs.len() >= 10, "{configs:?}");
    for path in configs.into_iter().filter(|path| !PlatformConfig::is_one(path).unwrap()) {
        let config = ExperimentConfig::load(&path).unwrap_or_else(|e| panic!("{e}"));
        // No shipped configuration names an encoder's folder.
        let asked_for_more = config.encoders.enabled || config.deep.enabled && !neural::AVAILABLE;
        let dir = tempfile::tempdir().unwrap();
        let experiment = Experiment::new(small(config, dir.path())).unwrap();
        let results = experiment.run(&FitContext::new(1)).unwrap();
        let best = results.best().unwrap_or_else(|| panic!("{}: no model was trained", path.display()));
        assert!(best.test.as_ref().unwrap().report.f1_macro > 0.4, "{}", path.display());
        let unavailable =
            results.models.iter().filter(|m| matches!(m.status, Status::Unavailable(_))).count();
        assert_eq!(
            unavailable > 0,
            asked_for_more || path.to_string_lossy().contains("profiles"),
            "{}",
            path.display()
        );
        assert!(
            results.models.iter().all(|m| !matches!(m.status, Status::Failed(_))),
            "{}",
            results.summary()
        );
        assert!(results.summary().contains("synthetic"), "a report on synthetic data says so");
    }
}

#[test]
fn configurations_for_tables_run_on_generated_ones_and_say_so() {
    let paths: Vec<PathBuf> =
        configs().into_iter().filter(|path| PlatformConfig::is_one(path).unwrap()).collect();
    assert!(!paths.is_empty());
    for path in paths {
        for kind in [TargetKind::Classification, TargetKind::Regression] {
            let dir = tempfile::tempdir().unwrap();
            let mut config = PlatformConfig::load(&path).unwrap_or_else(|e| panic!("{e}"));
            config.data.path = Some(dir.path().join("none.csv"));
            (config.data.rows, config.data.target_kind) = (200, Some(kind));
            (config.compare.folds, config.train.search) = (2, false);
            config.compare.models =
                ["logistic_regression", "ridge", "majority", "mean"].map(str::to_owned).to_vec();
            config.output.dir = dir.path().join("out");
            let results = Platform::new(config).unwrap().run(&FitContext::new(1)).unwrap();
            assert!(results.generated && results.to_string().contains("generated"), "{}", path.display());
            assert!(results.comparison.models.iter().all(|m| m.status == "ok"), "{}", results.comparison);
        }
    }
}

#[test]
fn the_same_configuration_gives_the_same_numbers_for_any_number_of_threads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/security.toml");
    let run = |threads: usize| {
        let dir = tempfile::tempdir().unwrap();
        let mut config = small(ExperimentConfig::load(&path).unwrap(), dir.path());
        config.threads = Some(threads);
        let results = Experiment::new(config).unwrap().run(&FitContext::new(1)).unwrap();
        results
            .models
            .iter()
            .map(|m| {
                (
                    m.model.clone(),
                    serde_json::to_string(&(&m.test, &m.external, &m.cv, &m.intervals)).unwrap(),
                )
            })
            .collect::<Vec<_>>()
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(16));
}
