//! Preparing tables, as a user types it: summary, clean, split, steps of train and compare, a whole run.

use crate::common::Shell;

/// 120 flats with gaps, an outlier, a date and a class.
fn flats() -> String {
    let mut csv = "area,town,sold,class\n".to_owned();
    for i in 0..120_u32 {
        let area = match i {
            7 => "90000".to_owned(),
            i if i % 10 == 3 => String::new(),
            i => (20 + i * 37 % 101).to_string(),
        };
        let dear = i * 37 % 101 > 50;
        csv += &format!(
            "{area},{},2024-{:02}-{:02},{}\n",
            ["Ulm", "Hof"][i as usize % 2],
            1 + i % 12,
            1 + i % 28,
            ["usual", "dear"][usize::from(dear)]
        );
    }
    csv
}

#[test]
fn a_table_is_summarised() {
    let shell = Shell::new();
    shell.write("flats.csv", flats());
    let shown = shell.run(&["data", "summary", "flats.csv"]).succeeds().out;
    assert!(shown.starts_with("flats.csv: 120 rows, 4 columns\n"), "{shown}");
    let json = shell.run(&["data", "summary", "flats.csv", "--json", "--ignore", "sold"]).succeeds().json();
    assert_eq!((&json["rows"], json["columns"].as_array().unwrap().len()), (&120.into(), 3));
    let area = &json["columns"][0];
    assert_eq!(
        (&area["dtype"], &area["missing"], &area["max"]),
        (&"number".into(), &12.into(), &90_000.0.into())
    );
    shell.run(&["data", "summary", "none.csv"]).fails_with(&["none.csv"]);
}

#[test]
fn a_table_is_cleaned_and_says_how_many_rows_are_left() {
    let shell = Shell::new();
    shell.write("flats.csv", flats());
    let clean = ["data", "clean", "flats.csv", "--target", "class", "--out", "clean.csv"];
    let more =
        ["--missing-strategy", "median", "--outlier-method", "iqr", "--outlier-threshold", "3.0", "--json"];
    let json = shell.run(&[&clean[..], &more].concat()).succeeds().json();
    assert_eq!((&json["original_rows"], &json["cleaned_rows"]), (&120.into(), &119.into()));
    let summary = shell.run(&["data", "summary", "clean.csv", "--json"]).succeeds().json();
    assert_eq!((&summary["rows"], &summary["columns"][0]["missing"]), (&119.into(), &0.into()));
    assert!(summary["columns"][0]["max"].as_f64().unwrap() < 200.0);
    let shown = shell.run(&[&clean[..], &["--missing-strategy", "drop"]].concat()).succeeds().out;
    assert!(shown.contains("120 rows read, 108 rows written to clean.csv"), "{shown}");
    shell
        .run(&[&clean[..], &["--missing-strategy", "guess"]].concat())
        .fails_with(&["`numbers` must be one of none, mean, median, mode", "`guess`"]);
}

#[test]
fn a_table_is_divided_into_files() {
    let shell = Shell::new();
    shell.write("flats.csv", flats());
    let json = shell
        .run(&["data", "split", "flats.csv", "--out", "parts", "--stratify", "class", "--json"])
        .succeeds()
        .json();
    let rows: Vec<i64> =
        json["parts"].as_array().unwrap().iter().map(|p| p["rows"].as_i64().unwrap()).collect();
    assert_eq!(rows, [84, 12, 24]);
    let part = shell.run(&["data", "summary", "parts/test.csv", "--json"]).succeeds().json();
    assert_eq!((&part["rows"], part["columns"].as_array().unwrap().len()), (&24.into(), 4));
    shell
        .run(&[
            "data",
            "split",
            "flats.csv",
            "--out",
            "folds",
            "--folds",
            "3",
            "--time",
            "sold",
            "--gap",
            "2",
        ])
        .succeeds();
    let of = |name: &str| shell.run(&["data", "summary", name, "--json"]).succeeds().json();
    let (train, test) = (of("folds/fold-1-train.csv"), of("folds/fold-1-test.csv"));
    let sold = |json: &serde_json::Value, end: &str| json["columns"][2][end].as_str().unwrap().to_owned();
    assert!(sold(&train, "last") < sold(&test, "first"), "{train} {test}");
    // JSON lines are copied as they stand.
    shell.write(
        "a.jsonl",
        (0..20).map(|i| format!("{{\"id\": \"0{i}\", \"tags\": [\"x\"], \"n\": {i}}}\n")).collect::<String>(),
    );
    shell.run(&["data", "split", "a.jsonl", "--out", "lines", "--validation-size", "0"]).succeeds();
    let test = shell.read("lines/test.jsonl");
    assert!(test.lines().count() == 4 && test.lines().all(|l| l.contains("\"tags\": [\"x\"]")), "{test}");
    shell
        .run(&["data", "split", "flats.csv", "--out", "x", "--time", "town"])
        .fails_with(&["`town`", "no order"]);
    shell
        .run(&["data", "split", "flats.csv", "--out", "x", "--group", "region"])
        .fails_with(&["unknown column `region`"]);
}

#[test]
fn steps_are_learned_with_the_model_and_saved_in_it() {
    let shell = Shell::new();
    shell.write("flats.csv", flats());
    let train = [
        "train",
        "--data",
        "flats.csv",
        "--task",
        "tabular",
        "--target",
        "class",
        "--model",
        "logistic_regression",
    ];
    let steps = [
        "--impute",
        "median",
        "--outliers",
        "iqr",
        "--encode",
        "target",
        "--scale",
        "robust",
        "--select",
        "f",
        "--select-k",
        "2",
    ];
    let json = shell.run(&[&train[..], &steps, &["--out", "m", "--json"]].concat()).succeeds().json();
    assert_eq!(json["params"]["prepare"]["select"]["k"], 2);
    let lines = shell.run(&["predict", "--model", "m", "--input", "flats.csv"]).succeeds().lines();
    let right = lines.iter().filter(|l| l["label"] == l["class"]).count();
    assert!(lines.len() == 120 && right > 95, "{right}");
    // A category and a date that the training never saw, and nothing at all.
    shell.write("new.csv", "area,town,sold\n40,Rom,1999-01-01\n,,\n");
    assert!(
        shell
            .run(&["predict", "--model", "m", "--input", "new.csv"])
            .succeeds()
            .lines()
            .iter()
            .all(|l| l["label"].is_string())
    );
    let compare = [
        "compare",
        "--data",
        "flats.csv",
        "--target",
        "class",
        "--models",
        "logistic_regression,majority",
        "--json",
    ];
    let compared = shell.run(&[&compare[..], &steps].concat()).succeeds().json();
    assert_eq!(compared["models"][0]["model"], "logistic_regression");
    shell
        .run(&[&train[..], &["--out", "m", "--select", "luck"]].concat())
        .fails_with(&["`method` must be one of f, chi2"]);
    shell.write("texts.jsonl", "{\"text\": \"a\", \"label\": \"x\"}\n");
    shell
        .run(&["train", "--data", "texts.jsonl", "--scale", "robust", "--out", "t"])
        .fails_with(&["--task tabular"]);
}

#[test]
fn a_configuration_for_a_table_runs_from_file_to_report() {
    let shell = Shell::new();
    shell.write("flats.csv", flats());
    shell.write(
        "run.toml",
        "task = 'tabular'\nname = 'flats'\n[data]\npath = 'flats.csv'\ntarget = 'class'\n[prepare]\nimpute = { numbers = 'mean' }\n[compare]\nmodels = ['logistic_regression', 'majority']\nfolds = 3\n[output]\ndir = 'out'\nregistry = 'reg'\n",
    );
    let shown = shell.run(&["run", "run.toml"]).succeeds().out;
    assert!(
        shown.contains("Kept: logistic_regression") && shown.contains("Registered as flats:1"),
        "{shown}"
    );
    for file in ["out/report.html", "out/results.json", "out/model/manifest.json", "out/comparison.csv"] {
        assert!(!shell.read(file).is_empty(), "{file}");
    }
    shell.run(&["predict", "--model", "out/model", "--input", "flats.csv"]).succeeds();
    shell.write("bad.toml", "task = 'tabular'\n[prepare]\nscales = 'robust'\n");
    shell.run(&["run", "bad.toml"]).fails_with(&["bad.toml, line 3", "unknown field `scales`"]);
}

#[test]
fn what_is_wrong_with_a_table_never_ends_in_nonsense() {
    let shell = Shell::new();
    let train = |more: &[&str]| {
        let args = [
            "train", "--data", "t.csv", "--task", "tabular", "--target", "y", "--model", "ridge", "--out",
            "m",
        ];
        shell.run(&[&args[..], more].concat())
    };
    let mut csv = "same,none,mixed,when,y\n".to_owned();
    for i in 0..60 {
        let when = [
            format!("2024-01-{:02}", 1 + i % 28),
            format!("{:02}.02.2024", 1 + i % 28),
            format!("2024/03/{:02}", 1 + i % 28),
        ];
        csv += &format!("7,,{},{},{}\n", ["1", "two", "3"][i % 3], when[i % 3], i);
    }
    shell.write("t.csv", &csv);
    // A constant column, one without a value, one of mixed kinds, dates in three formats.
    let trained =
        train(&["--impute", "median", "--outliers", "iqr", "--scale", "robust", "--select", "correlation"])
            .succeeds();
    assert!(
        trained.err.contains("`none` has no value") && trained.err.contains("`mixed` mixes"),
        "{}",
        trained.err
    );
    let summary = shell.run(&["data", "summary", "t.csv", "--json"]).succeeds().json();
    assert_eq!(summary["columns"][3]["dtype"], "time");
    // A target with text in it, a ragged row, a header twice.
    shell.write(
        "t.csv",
        csv.replace(",5\n", ",five\n").replace("7,,two,", "two,") + "same,none,mixed,when,y\n",
    );
    let trained = train(&["--target-kind", "numbers"]).succeeds();
    assert!(trained.err.contains("holds `five`, which is no number"), "{}", trained.err);
    assert!(
        trained.err.contains("the row has 3 cells, the header 5") || trained.err.contains("more bad lines"),
        "{}",
        trained.err
    );
    shell.write("t.csv", "a,a\n1,2\n");
    shell.run(&["data", "summary", "t.csv"]).fails_with(&["names the column `a` twice"]);
    let parquet = ["predict", "--model", "m", "--input", "new.csv", "--output", "scored.parquet"];
    shell.write("new.csv", "same,none,mixed,when\n7,,1,2024-01-02\n7,,one\n");
    if cfg!(feature = "parquet") {
        shell.run(&parquet).succeeds();
        let json = shell.run(&["data", "summary", "scored.parquet", "--json"]).succeeds().json();
        assert_eq!((&json["rows"], &json["columns"][5]["name"]), (&2.into(), &"score".into()));
    } else {
        shell.run(&parquet).fails_with(&["build with the feature `parquet`"]);
    }
    // A spreadsheet, in a build that reads none.
    if !cfg!(feature = "excel") {
        shell.write("t.xlsx", "PK");
        shell.run(&["data", "summary", "t.xlsx"]).fails_with(&["build with the feature `excel`"]);
    }
    if !cfg!(feature = "parquet") {
        shell.write("t.parquet", "PAR1");
        shell.run(&["data", "summary", "t.parquet"]).fails_with(&["build with the feature `parquet`"]);
    }
}
