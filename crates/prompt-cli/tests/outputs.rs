//! What models say beside a label or a number: prediction sets, intervals, the spread of a forest.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test builds, it unwraps as the test does"
)]

mod common;

use common::{Ran, Shell};
use serde_json::Value;

/// Two overlapping classes, and a number that follows the same column with noise.
fn table(rows: u32, column: &str) -> String {
    let mut csv = format!("x,{column}\n");
    for i in 0..rows {
        let noise = f64::from(i * 7919 % 211) / 211.0 - 0.5;
        let x = f64::from(i * 37 % 101) / 100.0;
        let cell = match column {
            "kind" => if x + 0.8 * noise > 0.5 { "yes" } else { "no" }.to_owned(),
            _ => (10.0 * x + noise).to_string(),
        };
        csv += &format!("{x},{cell}\n");
    }
    csv
}

fn train(shell: &Shell, data: &str, model: &str, more: &[&str]) -> Ran {
    let common = ["train", "--data", data, "--model", model, "--out", "m"];
    shell.run(&[&common[..], more].concat())
}

#[test]
fn intervals_are_written_and_their_promise_measured() {
    let shell = Shell::new();
    shell.write("t.csv", table(400, "size"));
    train(&shell, "t.csv", "conformal", &["--task", "tabular", "--target", "size"]).succeeds();
    let lines = shell.run(&["predict", "--model", "m", "--input", "t.csv"]).succeeds().lines();
    let held = lines.iter().filter(|line| {
        let of = |name: &str| line[name].as_f64().unwrap();
        assert!(of("lower") < of("value") && of("value") < of("upper"), "{line}");
        assert!(line["score"].is_null());
        (of("lower")..=of("upper")).contains(&of("size"))
    });
    let share = held.count() as f64 / 400.0;
    assert!((share - 0.9).abs() < 0.05, "{share}");
    let csv = shell.run(&["predict", "--model", "m", "--input", "t.csv", "--format", "csv"]).succeeds().out;
    assert!(csv.starts_with("line,x,size,value,lower,upper,error\n"), "{csv}");
    assert_eq!(csv.lines().nth(1).unwrap().split(',').filter(|cell| !cell.is_empty()).count(), 6);
    let measured = shell.run(&["evaluate", "--model", "m", "--data", "t.csv", "--json"]).succeeds().json();
    let kept = &measured["conformal"];
    assert_eq!((&kept["promised"], &kept["coverage"]), (&0.9.into(), &share.into()));
    let width = lines[0]["upper"].as_f64().unwrap() - lines[0]["lower"].as_f64().unwrap();
    assert!((kept["mean_width"].as_f64().unwrap() - width).abs() < 1e-9, "{kept}");
    let said = shell.run(&["evaluate", "--model", "m", "--data", "t.csv"]).succeeds().out;
    assert!(said.contains("intervals hold the truth of") && said.contains("(90.0% promised)"), "{said}");
}

#[test]
fn prediction_sets_are_written_and_their_promise_measured() {
    let shell = Shell::new();
    shell.write("t.csv", table(400, "kind"));
    let of = |param: &[&str]| {
        let common = ["--task", "tabular", "--target", "kind"];
        train(&shell, "t.csv", "conformal", &[&common[..], param].concat()).succeeds();
        shell.run(&["predict", "--model", "m", "--input", "t.csv"]).succeeds().lines()
    };
    let sets = |lines: &[Value]| lines.iter().map(|l| l["prediction_set"].clone()).collect::<Vec<_>>();
    let plain = of(&[]);
    let held = plain.iter().filter(|l| l["prediction_set"].as_array().unwrap().contains(&l["kind"]));
    let share = held.count() as f64 / 400.0;
    assert!(share > 0.85 && plain.iter().any(|l| l["prediction_set"] == serde_json::json!(["no", "yes"])));
    let routed = of(&["--param", "abstain_to=yes"]);
    assert_eq!(sets(&plain), sets(&routed));
    assert!(routed.iter().all(|l| l["prediction_set"] == serde_json::json!(["no"]) || l["label"] == "yes"));

    let csv = shell.run(&["predict", "--model", "m", "--input", "t.csv", "--format", "csv"]).succeeds().out;
    assert!(csv.starts_with("line,x,kind,label,confidence,p_no,p_yes,prediction_set,error\n"), "{csv}");
    assert!(csv.contains(",no|yes,\n"), "{csv}");
    let measured = shell.run(&["evaluate", "--model", "m", "--data", "t.csv", "--json"]).succeeds().json();
    let kept = &measured["conformal"];
    assert_eq!((&kept["promised"], &kept["coverage"]), (&0.9.into(), &share.into()));
    let size: usize = plain.iter().map(|l| l["prediction_set"].as_array().unwrap().len()).sum();
    assert!((kept["mean_size"].as_f64().unwrap() - size as f64 / 400.0).abs() < 1e-12, "{kept}");
    assert!(kept["per_class"]["yes"].is_number(), "{kept}");
}

#[test]
fn a_promise_that_cannot_be_kept_is_said_or_refused() {
    let shell = Shell::new();
    let rare = (0..10).map(|i| format!("{},rare\n", 5 + i)).collect::<String>();
    shell.write("t.csv", table(400, "kind") + &rare);
    let tabular = ["--task", "tabular", "--target", "kind"];
    let trained = train(&shell, "t.csv", "conformal", &tabular).succeeds();
    assert!(
        trained.err.contains("note: `rare` is in every prediction set: α = 0.1 takes 9"),
        "{}",
        trained.err
    );
    for (param, says) in [
        ("abstain_to=rare", "nearly all rows would go to `rare`"),
        ("alpha=0.001", "cannot support α = 0.001"),
    ] {
        train(&shell, "t.csv", "conformal", &[&tabular[..], &["--param", param]].concat()).fails_with(&[
            says,
            "it takes",
            "give more rows",
        ]);
    }
}

#[test]
fn texts_have_sets_intervals_and_spreads_too() {
    let shell = Shell::new();
    let (mut classes, mut numbers) = (String::new(), String::new());
    for i in 0..240 {
        let word = ["buy cheap pills", "see you at lunch"][i % 2];
        let label = ["spam", "fine"][(i + usize::from(i % 19 == 0)) % 2];
        classes += &format!("{{\"text\":\"{word} {i}\",\"label\":\"{label}\",\"spread\":\"own\"}}\n");
        numbers += &format!("{{\"text\":\"{word} {i}\",\"target\":{}}}\n", (i % 2) * 10 + i % 3);
    }
    shell.write("c.jsonl", classes);
    shell.write("n.jsonl", numbers);
    train(&shell, "c.jsonl", "conformal", &["--param", "alpha=0.2", "--param", "abstain_to=spam"]).succeeds();
    let lines = shell.run(&["predict", "--model", "m", "--input", "c.jsonl"]).succeeds().lines();
    assert!(lines.iter().all(|l| l["prediction_set"].is_array() && l["spread"] == "own"), "{}", lines[0]);
    let one = shell.run(&["predict", "--model", "m", "see you at lunch 3", "--format", "csv"]).succeeds().out;
    assert!(
        one.starts_with("line,text,true_label,label,confidence,p_fine,p_spam,prediction_set,error,flags\n")
    );
    assert!(one.lines().nth(1).unwrap().contains(",fine,"), "{one}");
    let kept = shell.run(&["evaluate", "--model", "m", "--data", "c.jsonl", "--json"]).succeeds().json();
    assert!(kept["conformal"]["coverage"].as_f64().unwrap() > 0.7, "{}", kept["conformal"]);

    let number = ["--target-kind", "numbers"];
    train(&shell, "n.jsonl", "conformal", &number).succeeds();
    let lines = shell.run(&["predict", "--model", "m", "--input", "n.jsonl"]).succeeds().lines();
    assert!(lines[0]["lower"].as_f64().unwrap() < lines[0]["upper"].as_f64().unwrap(), "{}", lines[0]);
    train(&shell, "n.jsonl", "random_forest", &[&number[..], &["--param", "n_estimators=8"]].concat())
        .succeeds();
    let lines = shell.run(&["predict", "--model", "m", "--input", "n.jsonl"]).succeeds().lines();
    assert!(lines.iter().any(|l| l["spread"].as_f64().unwrap() > 0.0) && lines[0]["score"].is_number());
}

#[test]
fn a_forest_of_numbers_writes_its_spread() {
    let shell = Shell::new();
    shell.write("t.csv", table(200, "size"));
    let more = ["--task", "tabular", "--target", "size", "--param", "n_estimators=10"];
    train(&shell, "t.csv", "extra_trees", &more).succeeds();
    shell.write("new.csv", "x,spread\n0.5,mine\n");
    let line = shell.run(&["predict", "--model", "m", "--input", "new.csv"]).succeeds().lines().remove(0);
    assert!(line["spread"].as_f64().unwrap() >= 0.0 && line["input_spread"] == "mine", "{line}");
    let csv = shell.run(&["predict", "--model", "m", "--input", "new.csv", "--format", "csv"]).succeeds().out;
    assert!(csv.starts_with("line,x,input_spread,score,spread,error\n"), "{csv}");
}
