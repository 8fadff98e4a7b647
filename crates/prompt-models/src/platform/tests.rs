use std::path::Path;

use prompt_data::table::TableOptions;

use super::*;

fn config(dir: &Path) -> PlatformConfig {
    let mut config = PlatformConfig::default();
    config.data.rows = 400;
    config.compare.folds = 3;
    config.output.dir = dir.to_path_buf();
    config.prepare =
        toml::from_str("impute = { numbers = 'median' }\noutliers = { action = 'clip' }").unwrap();
    config
}

#[test]
fn a_run_writes_everything_and_the_saved_model_scores_as_it_did() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, models) in [
        (TargetKind::Classification, ["logistic_regression", "majority"]),
        (TargetKind::Regression, ["ridge", "mean"]),
    ] {
        let mut config = config(folder.path());
        config.data.target_kind = Some(kind);
        config.compare.models = models.map(str::to_owned).to_vec();
        let results = Platform::new(config.clone()).unwrap().run(&FitContext::new(1)).unwrap();
        assert_eq!((results.model.as_str(), results.parts), (models[0], [280, 40, 80]));
        assert!(results.generated && results.to_string().contains("the table is generated"));
        match results.test.as_ref().unwrap() {
            Report::Classification(report) => assert!(report.accuracy > 0.8, "{report}"),
            Report::Regression(report) => assert!(report.r2.unwrap() > 0.7, "{report}"),
        }
        for name in [
            "config.json",
            "summary.json",
            "comparison.csv",
            "summary.svg",
            "comparison.svg",
            "results.json",
            "report.html",
        ] {
            assert!(folder.path().join(name).exists(), "{name}");
        }
        let model = crate::LoadedModel::open(&folder.path().join("model")).unwrap();
        assert_eq!(model.manifest.task, "tabular");
        let half = [".report.html.4294967295-0.tmp", "model/.manifest.json.4294967295-1.tmp"];
        half.iter().for_each(|name| std::fs::write(folder.path().join(name), "half").unwrap());
        std::fs::write(folder.path().join(".notes.4294967295-0.tmp"), "mine").unwrap();
        let again = Platform::new(config).unwrap().run(&FitContext::new(9).threads(3)).unwrap();
        assert_eq!(
            serde_json::to_value(&again.test).unwrap(),
            serde_json::to_value(&results.test).unwrap(),
            "the seed is the configuration's, for any number of threads"
        );
        assert!(half.iter().all(|name| !folder.path().join(name).exists()), "what a killed run left goes");
        assert!(folder.path().join(".notes.4294967295-0.tmp").exists(), "other files stay");
    }
}

#[test]
fn a_learner_that_the_comparison_names_twice_is_refused_before_anything_is_read() {
    let mut config = PlatformConfig::default();
    config.compare.models = ["svm", "ridge", "SVC"].map(str::to_owned).to_vec();
    let error = Platform::new(config).unwrap_err().to_string();
    assert!(error.contains("compare.models") && error.contains("`svm` and `SVC`"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_an_error_unless_a_table_may_be_generated() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.data.path = Some(folder.path().join("none.csv"));
    config.compare.models = vec!["majority".into()];
    let error = Platform::new(config.clone()).unwrap().run(&FitContext::new(1)).unwrap_err().to_string();
    assert!(error.contains("none.csv"), "{error}");
    config.data.generate = true;
    let results = config.output.dir.join("results.json");
    assert!(Platform::new(config.clone()).unwrap().run(&FitContext::new(1)).unwrap().generated);
    assert!(results.exists());
    // What cannot be run takes nothing away.
    for (models, says) in [(vec!["ouija"], "ouija"), (vec!["lasso", "mean"], "compare.models")] {
        let mut wrong = config.clone();
        wrong.data.target_kind = Some(TargetKind::Classification);
        wrong.compare.models = models.into_iter().map(str::to_owned).collect();
        let error = Platform::new(wrong).unwrap().run(&FitContext::new(1)).unwrap_err().to_string();
        assert!(error.contains(says) && results.exists(), "{error}");
    }
    config.compare.folds = 1;
    assert!(Platform::new(config).err().unwrap().to_string().contains("compare.folds"));
}

#[test]
fn rows_are_held_out_in_time_and_by_group() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sales.csv");
    let mut csv = "day,shop,price,target\n".to_owned();
    for i in 0..300 {
        // Out of order on purpose.
        let day = i * 37 % 300;
        csv += &format!(
            "2024-{:02}-{:02},shop {},{},{}\n",
            day / 28 + 1,
            day % 28 + 1,
            i % 12,
            i % 50,
            i % 50 * 2
        );
    }
    std::fs::write(&path, csv).unwrap();
    let mut config = config(&folder.path().join("out"));
    config.data.path = Some(path);
    config.compare.models = vec!["ridge".into()];
    config.split.time = Some("day".into());
    let results = Platform::new(config.clone()).unwrap().run(&FitContext::new(1)).unwrap();
    assert_eq!(results.parts.iter().sum::<usize>(), 300);
    assert!((55..=85).contains(&results.parts[2]), "{:?}", results.parts);
    config.split = Split { group: Some("shop".into()), ..Split::default() };
    assert_eq!(Platform::new(config.clone()).unwrap().run(&FitContext::new(1)).unwrap().parts[2] % 25, 0);
    config.split.group = Some("region".into());
    let error = Platform::new(config).unwrap().run(&FitContext::new(1)).unwrap_err().to_string();
    assert!(error.starts_with("unknown column `region`"), "{error}");
}

#[test]
fn a_study_chooses_and_is_kept_and_the_model_is_explained() {
    let place = tempfile::tempdir().unwrap();
    let mut config = config(place.path());
    config.data.target_kind = Some(TargetKind::Regression);
    config.compare.models = vec!["ridge".into()];
    config.tune = Some(toml::from_str("method = 'tpe'\ntrials = 5\nfolds = 2\ngeneration = 2").unwrap());
    let run =
        |config: &PlatformConfig| Platform::new(config.clone()).unwrap().run(&FitContext::new(1)).unwrap();
    let studies = || -> Vec<String> {
        let files = std::fs::read_dir(place.path()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("study-")).collect()
    };
    let first = run(&config);
    assert!(first.trials == Some(5) && first.chosen.keys().eq(["alpha"]), "{:?}", first.chosen);
    assert!(first.to_string().contains("chosen by 5 trials: alpha"), "{first}");
    for name in ["importance.csv", "explanations.jsonl", "contributions.svg", "dependence-1.svg"] {
        assert!(place.path().join(name).exists(), "{name}");
    }
    let explained = std::fs::read_to_string(place.path().join("explanations.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(explained.lines().next().unwrap()).unwrap();
    let parts = line["contributions"].as_array().unwrap().iter();
    let sum: f64 = parts.map(|part| part["contribution"].as_f64().unwrap()).sum();
    assert!((line["base"].as_f64().unwrap() + sum - line["margin"].as_f64().unwrap()).abs() < 1e-9);

    // Cut in the middle, the study goes on and ends where it did.
    let study = place.path().join(&studies()[0]);
    let whole = std::fs::read_to_string(&study).unwrap();
    std::fs::write(&study, &whole[..whole.len() * 2 / 3]).unwrap();
    assert_eq!(run(&config).chosen, first.chosen);
    // One of other settings takes its place, and so do the files of a run that explains.
    config.tune.as_mut().unwrap().trials = Some(3);
    config.tune.as_mut().unwrap().metric = Some("mae".into());
    config.explain.rows = 0;
    std::fs::write(place.path().join("mine.txt"), "").unwrap();
    assert_eq!((run(&config).trials, studies().len()), (Some(3), 1));
    assert!(!study.exists() && !place.path().join("importance.csv").exists());
    assert!(place.path().join("mine.txt").exists() && place.path().join("report.html").exists());
}

#[test]
fn no_step_of_a_study_sees_a_held_out_row() {
    // The codes of a target encoder would give the answer away, if they were learned from the rows that are scored.
    let mut csv = "id,target\n".to_owned();
    (0..60).for_each(|i| csv += &format!("row {i},{}\n", i * 37 % 60));
    let data = TableOptions::default().target("target").from_bytes("ids.csv", csv.as_bytes()).unwrap();
    let recipe = TableRecipe {
        model: Some("ridge".into()),
        prepare: toml::from_str("encode = { categories = 'target' }").unwrap(),
        ..TableRecipe::default()
    };
    let options = toml::from_str("method = 'random'\ntrials = 4\nfolds = 3\nmetric = 'r2'").unwrap();
    let store = Box::new(prompt_core::MemoryStudy::default());
    let (tuned, _) = tune_table(&recipe, &data, &options, store, &FitContext::new(1)).unwrap();
    assert!(tuned.value < 0.1, "r2 of numbers that nothing tells: {}", tuned.value);
}

#[test]
fn a_column_of_weights_is_counted_by_and_not_learned_from() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.csv");
    let mut csv = "x,y,w\n".to_owned();
    for i in 0..200 {
        let (x, odd) = (i % 10, i % 3 == 0);
        let y = if (x < 5) == odd { "high" } else { "low" };
        csv += &format!("{x},{y},{}\n", if odd { 50 } else { 1 });
    }
    std::fs::write(&path, csv).unwrap();
    let mut config = PlatformConfig::default();
    config.data.path = Some(path);
    config.data.target = "y".into();
    config.data.weight_field = Some("w".into());
    config.compare.models = vec!["decision_tree".into(), "majority".into()];
    config.explain.rows = 0;
    config.output.dir = dir.path().join("out");
    let results = Platform::new(config).unwrap().run(&FitContext::new(1)).unwrap();
    assert_eq!(results.model, "decision_tree");
    let manifest = std::fs::read_to_string(dir.path().join("out/model/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["params"]["table"]["columns"], json!({ "x": "number" }));
    let Some(Report::Classification(test)) = results.test else { panic!("{results}") };
    assert!(test.accuracy > 0.9, "{test}");
}
