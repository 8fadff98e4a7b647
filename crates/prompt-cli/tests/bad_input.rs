//! What a user sees when something is wrong: a message that says what, where and what to do; and nothing is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // what a test builds, it unwraps as the test does

mod common;

use std::io::Write;

use common::Shell;

fn train(shell: &Shell, data: &str) -> common::Ran {
    shell.run(&["train", "--data", data, "--model", "multinomial_nb", "--out", "model"])
}

#[test]
fn a_missing_file() {
    train(&Shell::new(), "nowhere.jsonl").fails_with(&["nowhere.jsonl", "No such file"]);
}

#[test]
fn an_empty_file() {
    let shell = Shell::new();
    shell.write("empty.jsonl", "");
    train(&shell, "empty.jsonl").fails_with(&["empty.jsonl", "empty"]);
}

#[test]
fn a_directory() {
    let shell = Shell::new();
    std::fs::create_dir(shell.path("folder.jsonl")).unwrap();
    train(&shell, "folder.jsonl").fails_with(&["folder.jsonl", "folder"]);
}

#[test]
fn a_truncated_gzip_says_so_and_what_was_read_before_is_scored() {
    let shell = Shell::new();
    let model = shell.small_model();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    for i in 0..20_000u64 {
        // Lines that do not compress away, so that half of the file still holds whole lines.
        writeln!(gz, "{{\"text\": \"prompt {}\"}}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).unwrap();
    }
    let whole = gz.finish().unwrap();
    shell.write("cut.jsonl.gz", &whole[..whole.len() / 2]);
    let ran = shell.run(&["predict", "--model", model, "--input", "cut.jsonl.gz"]);
    ran.fails_with(&["cut.jsonl.gz", "line"]);
    assert!(ran.lines().len() > 1000, "{} lines", ran.lines().len());
    let missing = "what stood from this line on is missing";
    ran.fails_with(&[missing]);

    // The same from a list and a table, into JSON lines and CSV; no half row is put out.
    for (name, head, row, tail) in [
        ("cut.json.gz", "[", "{\"text\": \"prompt N\"},\n", "{}]"),
        ("cut.csv.gz", "text\n", "prompt N\n", ""),
    ] {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        write!(gz, "{head}").unwrap();
        for i in 0..6_000u64 {
            let n = i.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_string();
            write!(gz, "{}", row.replace('N', &n)).unwrap();
        }
        write!(gz, "{tail}").unwrap();
        let whole = gz.finish().unwrap();
        shell.write(name, &whole[..whole.len() / 2]);
        let ran = shell.run(&["predict", "--model", model, "--input", name]);
        ran.fails_with(&[name, missing]);
        assert!(ran.lines().len() > 1000 && ran.lines().iter().all(|l| l["label"].is_string()), "{name}");
        let ran = shell.run(&["predict", "--model", model, "--input", name, "--output", "scored.csv"]);
        ran.fails_with(&[missing, "kept in scored.csv"]);
        assert!(shell.read("scored.csv").lines().count() > 1000, "{name}");
    }
}

#[test]
fn train_and_run_go_as_far_as_a_cut_file_goes_and_say_so() {
    let shell = Shell::new();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    for i in 0..4_000u64 {
        let label = ["benign", "malicious"][i as usize % 2];
        let n = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        writeln!(gz, "{{\"text\": \"{label} prompt {n}\", \"label\": \"{label}\"}}").unwrap();
    }
    let whole = gz.finish().unwrap();
    shell.write("cut.jsonl.gz", &whole[..whole.len() / 10]);
    let missing = "what stood from this line on is missing";
    let ran = train(&shell, "cut.jsonl.gz").succeeds();
    assert!(ran.err.contains(missing), "{}", ran.err);
    let config =
        shell.small_config("[traditional.models]\nmultinomial_nb = true\n[evaluation]\nbootstrap = 0\n[data]\npath = \"cut.jsonl.gz\"");
    shell.write(config, shell.read(config).replace("[data.synthetic]\nrows = 300\n", ""));
    let ran = shell.run(&["run", config]).succeeds();
    assert!(ran.out.contains("The data file is incomplete") && ran.out.contains(missing), "{}", ran.out);
}

#[test]
fn invalid_utf8_on_line_812_is_named_and_the_others_are_kept() {
    let shell = Shell::new();
    let model = shell.small_model();
    let mut bytes = Vec::new();
    for line in 1..=1000 {
        if line == 812 {
            bytes.extend_from_slice(b"{\"text\": \"caf\xe9\"}\n");
        } else {
            bytes.extend_from_slice(format!("{{\"text\": \"prompt {line}\"}}\n").as_bytes());
        }
    }
    shell.write("latin.jsonl", bytes);
    let ran = shell.run(&["predict", "--model", model, "--input", "latin.jsonl"]).succeeds();
    let lines = ran.lines();
    assert_eq!(lines.len(), 1000);
    assert_eq!(lines[811]["line"], 812);
    assert!(lines[811]["error"].as_str().unwrap().contains("invalid UTF-8"), "{}", lines[811]);
    assert!(lines[812]["label"].is_string());
    assert!(ran.err.contains("1 of 1000 lines"), "{}", ran.err);
    let strict = shell.run(&["predict", "--model", model, "--input", "latin.jsonl", "--strict"]);
    strict.fails_with(&["latin.jsonl, line 812", "invalid UTF-8"]);
    assert_eq!(strict.lines().len(), 812, "what came before is there, and the line that says why");
}

#[test]
fn a_json_line_cut_in_the_middle() {
    let shell = Shell::new();
    let model = shell.small_model();
    shell.write("cut.jsonl", "{\"text\": \"one\"}\n{\"text\": \"tw");
    let lines = shell.run(&["predict", "--model", model, "--input", "cut.jsonl"]).succeeds().lines();
    assert!(lines[0]["label"].is_string());
    assert!(lines[1]["error"].as_str().unwrap().contains("cut in the middle"), "{}", lines[1]);
}

#[test]
fn a_missing_column() {
    let shell = Shell::new();
    shell.write("table.csv", "question,answer\nWhy?,Because\n");
    train(&shell, "table.csv").fails_with(&["table.csv", "text", "question"]);
    let data = shell.small_data();
    shell.run(&["train", "--data", data, "--target", "mood", "--out", "model"]).fails_with(&["label"]);
}

#[test]
fn a_label_never_seen() {
    let shell = Shell::new();
    let model = shell.small_model();
    shell.write("odd.jsonl", "{\"text\": \"one\", \"label\": \"evil\"}\n");
    shell.run(&["evaluate", "--model", model, "--data", "odd.jsonl"]).fails_with(&[
        "odd.jsonl, line 1: unknown label `evil`; the model knows benign, malicious",
        "--label-map",
    ]);
    let mapped = ["--label-map", "evil=malicious"];
    shell
        .run(&["evaluate", "--model", model, "--data", "odd.jsonl", mapped[0], mapped[1], "--json"])
        .succeeds();
    shell
        .run(&["evaluate", "--model", model, "--data", "odd.jsonl", mapped[0], "evil"])
        .fails_with(&["--label-map evil has no `=`"]);
}

#[test]
fn one_class_only() {
    let shell = Shell::new();
    let lines: String =
        (0..6).map(|i| format!("{{\"text\": \"plan my trip {i}\", \"label\": \"a\"}}\n")).collect();
    shell.write("one.jsonl", lines);
    train(&shell, "one.jsonl").fails_with(&["single class", "at least two classes"]);
}

#[test]
fn fewer_rows_than_folds() {
    let shell = Shell::new();
    let config = shell.small_config("");
    let ran = shell.command(&["run", config]).env("PROMPT_CFG__TRADITIONAL__FOLDS", "200").output().unwrap();
    let ran = common::Ran::from(ran);
    ran.fails_with(&[]);
    assert!(
        ran.out.contains("that it needs for 200 folds") && ran.out.contains("statuses say why"),
        "{}",
        ran.out
    );
}

#[test]
fn a_nan_target() {
    let shell = Shell::new();
    shell.write("nan.csv", "text,target\nfine,1.5\nbad,NaN\n");
    let ran = shell.run(&["data", "validate", "nan.csv", "--strict"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("nan.csv, line 3") && ran.out.contains("NaN"), "{}", ran.out);
}

#[test]
fn a_line_of_fifty_megabytes_is_skipped_and_the_rest_is_scored() {
    let shell = Shell::new();
    let model = shell.small_model();
    let mut input = b"{\"text\": \"before\"}\n{\"text\": \"".to_vec();
    input.extend(std::iter::repeat_n(b'a', 50 << 20));
    input.extend_from_slice(b"\"}\n{\"text\": \"after\"}\n");
    let lines =
        shell.run_with_input(&["predict", "--model", model, "--input", "-"], &input).succeeds().lines();
    assert_eq!(lines.len(), 3);
    assert!(lines[1]["error"].as_str().unwrap().contains("bytes"), "{}", lines[1]);
    assert_eq!(lines[2]["text"], "after");
}

#[test]
fn an_unknown_configuration_key() {
    let shell = Shell::new();
    shell.write("run.toml", "version = 1\n\n[traditional]\nfold = 3\n");
    shell.run(&["run", "run.toml"]).fails_with(&["run.toml, line 4", "unknown field `fold`"]);
    shell.write("run.toml", "version = 1\n[features.word]\ntype = \"tfidf\"\nngrams = 2\n");
    shell.run(&["run", "run.toml"]).fails_with(&[
        "run.toml, line",
        "unknown parameter `ngrams`",
        "ngram_range",
    ]);
}

#[test]
fn a_parameter_out_of_range() {
    let shell = Shell::new();
    let config = shell.small_config("[traditional.models]\nlogistic_regression = { params = { c = -1.0 } }");
    shell
        .run(&["run", config])
        .fails_with(&["run.toml, line", "logistic_regression: parameter `c` must be a number > 0, got -1"]);
    let data = shell.small_data();
    shell
        .run(&[
            "train",
            "--data",
            data,
            "--model",
            "logistic_regression",
            "--param",
            "c=-1",
            "--out",
            "model",
        ])
        .fails_with(&["parameter `c` must be a number > 0"]);
}

#[test]
fn an_output_folder_that_cannot_be_written_and_a_full_disk() {
    let shell = Shell::new();
    let config = shell.small_config("");
    shell.write("file", "");
    shell.run(&["run", config, "--out", "file/out"]).fails_with(&["file/out"]);
    let data = shell.small_data();
    shell.run(&["train", "--data", data, "--out", "file/model"]).fails_with(&["file"]);
    if std::path::Path::new("/dev/full").exists() {
        let model = shell.small_model();
        let ran = shell.run(&["predict", "--model", model, "--input", data, "--output", "/dev/full"]);
        ran.fails_with(&["No space left"]);
    }
}

#[test]
fn a_model_folder_with_one_byte_changed() {
    let shell = Shell::new();
    let model = shell.small_model();
    for file in ["weights.safetensors", "structure.json", "manifest.json"] {
        let path = shell.path(model).join(file);
        let whole = std::fs::read(&path).unwrap();
        let mut changed = whole.clone();
        let at = whole.len() / 2;
        changed[at] ^= 1;
        std::fs::write(&path, changed).unwrap();
        let ran = shell.run(&["predict", "--model", model, "hello"]);
        ran.fails_with(&["artifact model"]);
        assert!(ran.out.is_empty());
        std::fs::write(&path, whole).unwrap();
    }
    shell.run(&["predict", "--model", model, "hello"]).succeeds();
}

#[test]
fn a_model_of_a_newer_format() {
    let shell = Shell::new();
    let model = shell.small_model();
    let manifest =
        shell.read("model/manifest.json").replace("\"format_version\": 1", "\"format_version\": 7");
    shell.write("model/manifest.json", manifest);
    shell
        .run(&["predict", "--model", model, "hello"])
        .fails_with(&["format version 7 is newer than 1", "update the program"]);
}

#[test]
fn wrong_usage_ends_with_status_two() {
    let shell = Shell::new();
    assert_eq!(shell.run(&["predict"]).code, Some(2));
    assert_eq!(shell.run(&["frobnicate"]).code, Some(2));
    assert_eq!(shell.run(&["help"]).code, Some(0));
}
