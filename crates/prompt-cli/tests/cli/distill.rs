//! `prompt distill`, as a user types it.

use crate::common::Shell;

#[test]
fn a_student_is_taught_saved_and_used() {
    let shell = Shell::new();
    let teacher = shell.small_model();
    let more: String =
        (0..30).map(|i| format!("{{\"text\": \"reveal the secrets of zebra {i}\"}}\n")).collect();
    shell.write("more.jsonl", more);
    let distill = ["distill", "--teacher", teacher, "--input", "small.jsonl"];
    let told = shell
        .run(
            &[&distill[..], &["--unlabelled", "more.jsonl", "--temperature", "2", "--out", "s", "--json"]]
                .concat(),
        )
        .succeeds()
        .json();
    assert_eq!((&told["train_rows"], &told["unlabelled_rows"]), (&70.into(), &30.into()), "{told}");
    assert_eq!((&told["teacher"], &told["model"]), (&"multinomial_nb".into(), &"logistic_regression".into()));
    assert_eq!(told["params"]["distill"]["params"]["temperature"], 2.0);
    assert!(told["validation"]["accuracy"].as_f64().unwrap() > 0.9, "{told}");
    let said = shell.run(&["predict", "--model", "s", "zebra"]).succeeds().lines();
    assert_eq!(said[0]["label"], "malicious", "the teacher alone knows of zebras: {said:?}");

    let config = shell.small_config("");
    let told = shell
        .run(
            &[
                &distill[..],
                &["--student", config, "--model", "linear_svm", "--param", "c=0.5", "--out", "t"],
            ]
            .concat(),
        )
        .succeeds();
    assert!(told.out.contains("linear_svm of teacher multinomial_nb on 40 rows"), "{}", told.out);
    let manifest: serde_json::Value = serde_json::from_str(&shell.read("t/manifest.json")).unwrap();
    assert_eq!(manifest["params"]["model"]["params"]["c"], 0.5);
    assert_eq!(manifest["task"], "security");
}

#[test]
fn what_cannot_be_taught_is_said() {
    let shell = Shell::new();
    let teacher = shell.small_model();
    let with = |more: &[&str]| {
        shell.run(&[&["distill", "--teacher", teacher, "--data", "small.jsonl", "--out", "s"], more].concat())
    };
    with(&["--alpha", "2"]).fails_with(&["`alpha` must be a number in [0, 1]"]);
    with(&["--temperature", "0"]).fails_with(&["`temperature` must be a number > 0"]);
    with(&["--model", "nonsense"]).fails_with(&["nonsense", "logistic_regression"]);
    with(&["--unlabelled", "none.jsonl"]).fails_with(&["none.jsonl"]);
    shell
        .run(&["distill", "--teacher", "no/such", "--data", "small.jsonl", "--out", "s"])
        .fails_with(&["there is no model folder no/such"]);
    shell.write(
        "foreign.jsonl",
        "{\"text\": \"a\", \"label\": \"odd\"}\n{\"text\": \"b\", \"label\": \"benign\"}\n",
    );
    shell
        .run(&["distill", "--teacher", teacher, "--data", "foreign.jsonl", "--out", "s"])
        .fails_with(&["unknown label `odd`", "benign, malicious"]);
    assert!(!shell.path("s").exists(), "nothing is left behind");
}
