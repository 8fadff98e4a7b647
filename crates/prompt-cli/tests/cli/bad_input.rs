//! What a user sees when something is wrong: a message that says what, where and what to do; and nothing is lost.

use crate::common::{Ran, Shell, scattered};

fn train(shell: &Shell, data: &str) -> Ran {
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
    let lines = scattered(20_000).map(|n| format!("{{\"text\": \"prompt {n}\"}}\n"));
    shell.pack_and_cut("cut.jsonl.gz", &lines.collect::<String>(), 2);
    let ran = shell.run(&["predict", "--model", model, "--input", "cut.jsonl.gz"]);
    let missing = "what stood from this line on is missing";
    ran.fails_with(&["cut.jsonl.gz, line", missing]);
    // One line says so in place of all that are missing.
    let told = |lines: &[serde_json::Value]| {
        let (last, scored) = lines.split_last().unwrap();
        assert!(
            scored.len() > 1000 && scored.iter().all(|l| l["label"].is_string()),
            "{} lines",
            scored.len()
        );
        assert!(last["line"].as_u64().unwrap() > 1000, "{last}");
        assert!(last["error"].as_str().unwrap().contains(missing), "{last}");
    };
    told(&ran.lines());

    // The same from a list and a table, into JSON lines and CSV; no half row is put out.
    for (name, head, row, tail) in [
        ("cut.json.gz", "[", "{\"text\": \"prompt N\"},\n", "{}]"),
        ("cut.csv.gz", "text\n", "prompt N\n", ""),
    ] {
        let rows: String = scattered(6_000).map(|n| row.replace('N', &n.to_string())).collect();
        shell.pack_and_cut(name, &format!("{head}{rows}{tail}"), 2);
        let ran = shell.run(&["predict", "--model", model, "--input", name]);
        ran.fails_with(&[name, missing]);
        told(&ran.lines());
        let csv = format!("{name}.csv");
        let ran = shell.run(&["predict", "--model", model, "--input", name, "--output", &csv]);
        ran.fails_with(&[missing, &format!("kept in {csv}")]);
        let scored = shell.read(&csv);
        assert!(scored.lines().count() > 1000 && scored.lines().last().unwrap().contains(missing), "{name}");

        // The same again does not replace what is there.
        shell.write(&csv, "an earlier result");
        let ran = shell.run(&["predict", "--model", model, "--input", name, "--output", &csv]);
        ran.fails_with(&[missing, &format!("{csv}.partial"), "stays as it was"]);
        assert_eq!(shell.read(&csv), "an earlier result");
        assert_eq!(shell.read(format!("{csv}.partial")), scored);
    }
}

#[test]
fn an_output_that_was_there_outlives_an_input_that_cannot_be_read() {
    let shell = Shell::new();
    let model = shell.small_model();
    std::fs::create_dir(shell.path("folder.jsonl")).unwrap();
    shell.write("empty.jsonl", "");
    shell.write("table.csv", "question,answer\nWhy?,Because\n");
    shell.write("plain.jsonl.gz", "{\"text\": \"not compressed\"}\n");
    shell.write("junk.jsonl", "not json\nnor this\n");
    for output in ["kept.jsonl", "kept.csv"] {
        for input in [
            "nowhere.jsonl",
            "nowhere.csv",
            "folder.jsonl",
            "empty.jsonl",
            "table.csv",
            "plain.jsonl.gz",
            "junk.jsonl",
        ] {
            shell.write(output, "an earlier result");
            let ran = shell.run(&["predict", "--model", model, "--input", input, "--output", output]);
            assert_eq!(ran.code, Some(1), "{input}: {}", ran.err);
            assert!(!ran.err.contains("kept in"), "nothing was scored: {}", ran.err);
            assert_eq!(shell.read(output), "an earlier result", "{input}");
        }
        // Where nothing was there, nothing is made of an input that is not there either.
        shell
            .run(&["predict", "--model", model, "--input", "nowhere.jsonl", "--output", "new"])
            .fails_with(&["nowhere"]);
        assert!(!shell.path("new").exists());
    }
    // With `--strict` the rows before the bad line are scored, and stay out of the way of what is there.
    shell.write("half.jsonl", "{\"text\": \"one\"}\nnot json\n");
    let strict = ["predict", "--model", model, "--input", "half.jsonl", "--strict", "--output", "kept.csv"];
    shell.run(&strict).fails_with(&["half.jsonl, line 2", "the 1 rows", "kept.csv.partial"]);
    assert_eq!(shell.read("kept.csv"), "an earlier result");
    assert_eq!(shell.read("kept.csv.partial").lines().count(), 3, "header, the row, the line that says why");
}

#[test]
fn train_and_run_go_as_far_as_a_cut_file_goes_and_say_so() {
    let shell = Shell::new();
    let labels = ["benign", "malicious"].into_iter().cycle();
    let lines = scattered(4_000)
        .zip(labels)
        .map(|(n, label)| format!("{{\"text\": \"{label} prompt {n}\", \"label\": \"{label}\"}}\n"));
    shell.pack_and_cut("cut.jsonl.gz", &lines.collect::<String>(), 10);
    let missing = "what stood from this line on is missing";
    let incomplete = "WARNING: the data file is incomplete, and";
    let ran = train(&shell, "cut.jsonl.gz").succeeds();
    let last = |ran: &Ran| ran.err.lines().last().unwrap_or_default().to_owned();
    assert!(last(&ran).starts_with(incomplete) && last(&ran).contains(missing), "{}", ran.err);
    let all = ["--split", "all"];
    let ran =
        shell.run(&["evaluate", "--model", "model", "--data", "cut.jsonl.gz", all[0], all[1]]).succeeds();
    assert!(last(&ran).starts_with(incomplete) && last(&ran).contains(missing), "{}", ran.err);
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
    let ran = Ran::from(ran);
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
        for format in ["jsonl", "csv"] {
            let to = ["--output", "/dev/full", "--format", format];
            let ran = shell.run(&["predict", "--model", model, "--input", data, to[0], to[1], to[2], to[3]]);
            ran.fails_with(&["cannot write /dev/full: No space left"]);
        }
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
