//! What models say beside a label or a number (prediction sets, intervals, the spread of a forest), rows that count more, and
//! models that other libraries saved.

use serde_json::Value;

use crate::common::{Ran, Shell};

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

/// 150 rows of which the weighted third says the opposite of the others.
fn weighted() -> String {
    let mut csv = "x,y,w\n".to_owned();
    for i in 0..150 {
        let (x, odd) = (i % 10, i % 3 == 0);
        let y = if (x < 5) == odd { "high" } else { "low" };
        csv += &format!("{x},{y},{}\n", if odd { 50 } else { 1 });
    }
    csv
}

#[test]
fn rows_count_by_a_column_of_weights() {
    let shell = Shell::new();
    shell.write("t.csv", weighted());
    shell.write("new.csv", "x\n1\n8\n");
    let labels = |more: &[&str]| {
        let common = ["--task", "tabular", "--target", "y"];
        train(&shell, "t.csv", "decision_tree", &[&common[..], more].concat()).succeeds();
        let lines = shell.run(&["predict", "--model", "m", "--input", "new.csv"]).succeeds().lines();
        lines.iter().map(|l| l["label"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // The majority, and what the weights say; neither model asks for the column of weights.
    assert_eq!(labels(&["--ignore", "w"]), ["low", "high"]);
    assert_eq!(labels(&["--weight-field", "w"]), ["high", "low"]);

    let compare = |more: &[&str]| {
        let common =
            ["compare", "--data", "t.csv", "--target", "y", "--models", "decision_tree,knn", "--json"];
        shell.run(&[&common[..], more].concat()).succeeds().json()["models"].clone()
    };
    let (plain, by_weight) = (compare(&["--ignore", "w"]), compare(&["--weight-field", "w"]));
    let accuracy = |models: &Value| models[0]["scores"][0]["mean"].as_f64().unwrap();
    assert!((accuracy(&plain) - 2.0 / 3.0).abs() < 0.05 && accuracy(&by_weight) > 0.95, "{by_weight}");
    let refused = by_weight.as_array().unwrap().iter().find(|m| m["model"] == "knn").unwrap();
    assert!(refused["status"].as_str().unwrap().contains("weights"), "{refused}");

    let tune =
        ["tune", "--data", "t.csv", "--target", "y", "--model", "decision_tree", "--out", "tuned", "--json"];
    let tuned = shell.run(&[&tune[..], &["--weight-field", "w", "--trials", "2"]].concat()).succeeds().json();
    assert!(tuned["best"]["value"].as_f64().unwrap() > 0.9, "{tuned}");
    // Rows that count otherwise are other data.
    shell
        .run(&[&tune[..], &["--ignore", "w", "--trials", "2"]].concat())
        .fails_with(&["the study cannot be resumed", "\"weights\""]);

    shell.write("bad.csv", weighted() + "3,low,-2\n");
    let bad = ["--task", "tabular", "--target", "y", "--weight-field", "w"];
    train(&shell, "bad.csv", "decision_tree", &bad)
        .fails_with(&["bad.csv, line 152", "the weight `w` is `-2`"]);
    let unknown = ["--task", "tabular", "--target", "y", "--weight-field", "v"];
    train(&shell, "t.csv", "decision_tree", &unknown).fails_with(&["unknown column `v`; known: x, y, w"]);
}

#[test]
fn texts_count_by_a_field_of_weights() {
    let shell = Shell::new();
    let line = |i: usize, weight: &str| {
        let (word, odd) = (["buy pills", "see you"][i % 2], i.is_multiple_of(3));
        let label = ["spam", "fine"][(i + usize::from(odd)) % 2];
        let weight = weight.replace("_", if odd { "50" } else { "1" });
        format!("{{\"text\":\"{word} {i}\",\"label\":\"{label}\"{weight}}}\n")
    };
    shell.write("t.jsonl", (0..150).map(|i| line(i, ",\"importance\":_")).collect::<String>());
    let label = |more: &[&str]| {
        train(&shell, "t.jsonl", "logistic_regression", more).succeeds();
        shell.run(&["predict", "--model", "m", "buy pills"]).succeeds().lines()[0]["label"].clone()
    };
    assert_eq!(label(&[]), "spam");
    assert_eq!(label(&["--weight-field", "importance"]), "fine");
    let tune =
        ["tune", "--data", "t.jsonl", "--task", "text", "--model", "logistic_regression", "--out", "tuned"];
    let more = ["--weight-field", "importance", "--trials", "2", "--json"];
    let tuned = shell.run(&[&tune[..], &more].concat()).succeeds().json();
    assert!(tuned["best"]["value"].as_f64().unwrap() > 0.9, "{tuned}");
    shell.write(
        "c.toml",
        "version = 1\ntask = \"text\"\n[data]\npath = \"t.jsonl\"\nweight_field = \"importance\"\n",
    );
    let config = ["train", "--config", "c.toml", "--model", "logistic_regression", "--out", "m"];
    shell.run(&config).succeeds();
    assert_eq!(shell.run(&["predict", "--model", "m", "buy pills"]).succeeds().lines()[0]["label"], "fine");
    shell.write(
        "t.jsonl",
        (0..150).map(|i| line(i, if i == 70 { "" } else { ",\"importance\":_" })).collect::<String>(),
    );
    train(&shell, "t.jsonl", "logistic_regression", &["--weight-field", "importance"])
        .fails_with(&["t.jsonl, line 71", "no weight in `importance`"]);
}

/// What XGBoost writes: of the columns a and b, where b counts from a = 10 on.
fn xgboost(names: &str, objective: &str) -> String {
    format!(
        r#"{{"version": [3, 2, 0], "learner": {{"feature_names": {names},
        "learner_model_param": {{"base_score": "5E-1", "num_class": "0", "num_feature": "2"}},
        "objective": {{"name": "{objective}"}},
        "gradient_booster": {{"name": "gbtree", "model": {{"tree_info": [0], "trees": [{{
        "tree_param": {{"size_leaf_vector": "1"}}, "left_children": [1, -1, 3, -1, -1],
        "right_children": [2, -1, 4, -1, -1], "split_indices": [0, 0, 1, 0, 0],
        "split_conditions": [10, -1, 100, 2, 3], "default_left": [1, 0, 0, 0, 0]}}]}}}}}}}}"#
    )
}

#[test]
fn a_file_of_another_library_is_a_model() {
    let shell = Shell::new();
    shell.write("m.json", xgboost(r#"["a", "b"]"#, "reg:squarederror"));
    shell.write("t.csv", "b,id,a,y\n1,p,1,-0.5\n300,q,20,3.5\n1,r,,-0.5\nx,s,1,0\n");
    let lines = shell.run(&["predict", "--model", "m.json", "--input", "t.csv"]).succeeds().lines();
    let scores: Vec<f64> = lines[..3].iter().map(|l| l["score"].as_f64().unwrap()).collect();
    assert_eq!(scores, [-0.5, 3.5, -0.5]);
    assert_eq!(lines[1]["id"], "q");
    assert!(lines[3]["error"].as_str().unwrap().contains("column `b` holds `x`"), "{}", lines[3]);
    let measured = shell
        .run(&["evaluate", "--model", "m.json", "--data", "t.csv", "--target", "y", "--json"])
        .succeeds()
        .json();
    assert!(measured["rmse"].as_f64().unwrap() < 1e-9, "{measured}");
    shell
        .run(&["evaluate", "--model", "m.json", "--data", "t.csv"])
        .fails_with(&["does not say what its target was called", "--target COLUMN"]);
    shell.write("other.csv", "A,B,y\n1,2,3\n");
    shell
        .run(&["predict", "--model", "m.json", "--input", "other.csv"])
        .fails_with(&["unknown column `a`, `b`; known: A, B, y"]);

    shell.write("c.json", xgboost("[]", "binary:logistic"));
    shell.write("c.csv", "first,second,bought\n1,1,no\n20,300,yes\n");
    let evaluate = ["evaluate", "--model", "c.json", "--data", "c.csv", "--target", "bought", "--json"];
    shell.run(&evaluate).fails_with(&["unknown class `no`; the model knows 0, 1", "--label-map no=CLASS"]);
    let measured = shell.run(&[&evaluate[..], &["--label-map", "no=0,yes=1"]].concat()).succeeds().json();
    assert_eq!(measured["accuracy"], 1.0);
    shell
        .run(&["predict", "--model", "c.json", "--input", "c.csv"])
        .fails_with(&["it takes 2, and the table has 3 (first, second, bought)"]);
    shell.write("two.csv", "first,second\n1,1\n20,300\n");
    let lines = shell.run(&["predict", "--model", "c.json", "--input", "two.csv"]).succeeds().lines();
    assert_eq!((&lines[0]["label"], &lines[1]["label"]), (&"0".into(), &"1".into()));
    shell.write("bad.txt", "no model");
    shell.run(&["predict", "--model", "bad.txt", "--input", "two.csv"]).fails_with(&["no model of LightGBM"]);
    shell.write("empty.json", "{}");
    shell
        .run(&["predict", "--model", "empty.json", "--input", "two.csv"])
        .fails_with(&["empty.json: no model of XGBoost", "`version` and `learner`"]);
    for command in ["predict", "evaluate"] {
        let help = shell.run(&[command, "--help"]).succeeds().out;
        let model: Vec<&str> = help.split_whitespace().collect();
        assert!(model.join(" ").contains("XGBoost (.json, .ubj) or LightGBM (.txt) saved"), "{help}");
    }
}

#[cfg(not(any(feature = "xgboost", feature = "lightgbm")))]
#[test]
fn a_library_that_the_build_lacks_is_named_with_its_feature() {
    let shell = Shell::new();
    shell.write("t.csv", table(60, "kind"));
    for name in ["xgboost", "lightgbm"] {
        train(&shell, "t.csv", name, &["--task", "tabular", "--target", "kind"]).fails_with(&[
            "this build",
            &format!("the learner `{name}`"),
            &format!("--features {name}"),
        ]);
    }
}

#[test]
fn a_row_whose_score_overflows_loses_no_other() {
    let shell = Shell::new();
    let rows: String = (0..60).map(|i| format!("{i},{}\n", 1000 * i)).collect();
    shell.write("t.csv", format!("x,y\n{rows}"));
    train(&shell, "t.csv", "ridge", &["--task", "tabular", "--target", "y"]).succeeds();
    shell.write("new.csv", "x,id\n1,a\n1e308,b\n2,c\nno,d\n-1e308,e\n3,f\n");
    let predict = ["predict", "--model", "m", "--input", "new.csv"];
    let ran = shell.run(&predict).succeeds();
    assert!(ran.err.contains("3 of 6 lines could not be scored"), "{}", ran.err);
    let lines = ran.lines();
    assert_eq!(lines.len(), 6);
    for (at, id) in [(0, "a"), (2, "c"), (5, "f")] {
        assert!(lines[at]["id"] == id && lines[at]["score"].is_number(), "{}", lines[at]);
    }
    for (at, score) in [(1, "inf"), (4, "-inf")] {
        let said = lines[at]["error"].as_str().unwrap();
        assert_eq!(lines[at]["line"], at + 2);
        assert!(
            said.contains(&format!("new.csv, line {}: the score of this row is {score}", at + 2)),
            "{said}"
        );
    }
    let csv = shell.run(&[&predict[..], &["--format", "csv"]].concat()).succeeds().out;
    assert_eq!(csv.lines().filter(|line| line.contains("the score of this row is")).count(), 2, "{csv}");
    // As with other bad lines: the first ends it where that is asked for, or where nothing is left to score.
    let says = ["new.csv, line 3: the score of this row is inf", "scale or remove them"];
    shell.write("new.csv", "x,id\n1,a\n1e308,b\n");
    shell.run(&[&predict[..], &["--strict"]].concat()).fails_with(&says);
    shell.write("new.csv", "x,id\n\n1e308,b\n");
    shell.run(&predict).fails_with(&says);
}

#[test]
fn a_saved_model_goes_on_learning() {
    let shell = Shell::new();
    let rows = |from: u32, flip: bool| {
        (from..from + 60)
            .map(|i| {
                let x = i % 10;
                format!(
                    "{x},{},{}\n",
                    ["low", "high"][usize::from((x > 4) != flip)],
                    if flip { 9 } else { 1 }
                )
            })
            .collect::<String>()
    };
    shell.write("first.csv", "x,y,w\n".to_owned() + &rows(0, false));
    shell.write(
        "second.csv",
        "w,y,x\n".to_owned()
            + &rows(3, true)
                .lines()
                .map(|l| {
                    let cells: Vec<&str> = l.split(',').collect();
                    format!("{},{},{}\n", cells[2], cells[1], cells[0])
                })
                .collect::<String>(),
    );
    shell.write("new.csv", "x\n1\n8\n");
    let labels = |model: &str| {
        let lines = shell.run(&["predict", "--model", model, "--input", "new.csv"]).succeeds().lines();
        lines.iter().map(|l| l["label"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let tabular = ["--task", "tabular", "--target", "y", "--ignore", "w", "--param", "loss=log_loss"];
    train(&shell, "first.csv", "sgd", &tabular).succeeds();
    assert_eq!(labels("m"), ["low", "high"]);
    let further = ["train", "--continue", "m", "--data", "second.csv", "--weight-field", "w", "--out"];
    let said = shell.run(&[&further[..], &["m2"]].concat()).succeeds().out;
    assert!(said.contains("sgd on 60 rows"), "{said}");
    // Rows that say the opposite, each of nine times the weight, turn it; the model before stays.
    assert_eq!(
        (labels("m2"), labels("m")),
        (vec!["high".into(), "low".into()], vec!["low".into(), "high".into()])
    );
    // The same rows, the same bits.
    shell.run(&[&further[..], &["m3"]].concat()).succeeds();
    let bytes = |model: &str| std::fs::read(shell.path(model).join("weights.safetensors")).unwrap();
    assert_eq!(bytes("m2"), bytes("m3"));

    shell.write("foreign.csv", "x,y\n1,medium\n2,low\n");
    shell
        .run(&["train", "--continue", "m", "--data", "foreign.csv", "--out", "m4"])
        .fails_with(&["unknown class `medium`; the model knows high, low"]);
    train(&shell, "first.csv", "ridge", &["--task", "tabular", "--target", "y"]).succeeds();
    shell
        .run(&["train", "--continue", "m", "--data", "second.csv", "--out", "m4"])
        .fails_with(&["only the learner sgd goes on"]);
    let both = ["train", "--continue", "m", "--model", "sgd", "--data", "second.csv", "--out", "m4"];
    assert_eq!(shell.run(&both).code, Some(2));
}

#[test]
fn a_saved_model_of_texts_goes_on_learning() {
    let shell = Shell::new();
    let rows = |flip: usize| {
        (0..40)
            .map(|i| {
                let (text, label) =
                    (["water plants", "file report"][i % 2], ["home", "work"][(i + flip) % 2]);
                format!("{{\"text\":\"{text} {i}\",\"label\":\"{label}\"}}\n")
            })
            .collect::<String>()
    };
    shell.write("a.jsonl", rows(0));
    shell.write("b.jsonl", rows(1).repeat(20));
    train(&shell, "a.jsonl", "sgd", &[]).succeeds();
    let further = ["train", "--continue", "m", "--data", "b.jsonl", "--json", "--out", "m2"];
    let said = shell.run(&further).succeeds();
    let lost = "sgd: the probabilities of the model before were calibrated, and these are not";
    assert!(said.err.contains(&format!("note: {lost}")), "{}", said.err);
    assert!(said.json()["notes"].to_string().contains(lost), "{}", said.out);
    // What has no calibration loses none.
    let again = shell.run(&["train", "--continue", "m2", "--data", "a.jsonl", "--out", "m3"]).succeeds();
    assert!(!again.err.contains("calibrated"), "{}", again.err);
    let label = |model: &str| {
        shell.run(&["predict", "--model", model, "water plants 3"]).succeeds().lines()[0]["label"].clone()
    };
    assert_eq!((label("m"), label("m2")), ("home".into(), "work".into()));
}
