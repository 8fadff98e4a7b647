//! Tables, as a user types it: compare, train, evaluate, predict.

use crate::common::Shell;

/// 120 rows whose price follows size and colour, or whose class says whether it is high; with splits.
fn shop(classes: bool) -> String {
    let mut csv = "size,colour,day,y,split\n".to_owned();
    for i in 0..120_u32 {
        let size = i * 37 % 101;
        let price = 2 * size + if i % 3 == 0 { 60 } else { 0 };
        let y =
            if classes { ["low", "high"][usize::from(price > 120)].to_owned() } else { price.to_string() };
        let split = ["train", "train", "train", "validation", "test"][i as usize % 5];
        csv += &format!(
            "{size},{},2024-01-{:02},{y},{split}\n",
            ["red", "blue", "grey"][i as usize % 3],
            i % 28 + 1
        );
    }
    csv
}

#[test]
fn a_table_is_compared_trained_on_measured_and_scored() {
    let shell = Shell::new();
    shell.write("shop.csv", shop(false));
    let compared = shell
        .run(&["compare", "--data", "shop.csv", "--target", "y", "--models", "ridge,mean", "--json"])
        .succeeds()
        .json();
    assert_eq!(
        (&compared["models"][0]["model"], &compared["held_out"]),
        (&"ridge".into(), &"validation".into())
    );
    assert!(compared["models"][0]["scores"][0]["held_out"].as_f64().unwrap() < 5.0, "{compared}");

    let train = [
        "train", "--data", "shop.csv", "--task", "tabular", "--target", "y", "--model", "ridge", "--out", "m",
    ];
    let trained = shell.run(&train).succeeds();
    assert!(trained.out.contains("ridge on 72 rows") && trained.out.contains("RMSE"), "{}", trained.out);
    let measured = shell.run(&["evaluate", "--model", "m", "--data", "shop.csv", "--json"]).succeeds().json();
    assert_eq!(measured["split"], "test");
    assert!(measured["r2"].as_f64().unwrap() > 0.99, "{measured}");

    shell.write("new.csv", "colour,size,day,id\nred,10,2024-02-01,a\nblue,ten,2024-02-01,b\ngreen,10,,c\n");
    let scored = shell.run(&["predict", "--model", "m", "--input", "new.csv"]).succeeds().lines();
    assert!((scored[0]["score"].as_f64().unwrap() - 80.0).abs() < 4.0, "{}", scored[0]);
    assert_eq!((&scored[0]["id"], &scored[0]["size"]), (&"a".into(), &10.into()));
    assert_eq!(scored[1]["line"], 3);
    assert!(scored[1]["error"].as_str().unwrap().contains("column `size` holds `ten`"));
    assert!(scored[2]["score"].is_number());
    let csv = shell.run(&["predict", "--model", "m", "--input", "new.csv", "--format", "csv"]).succeeds().out;
    assert!(csv.starts_with("line,colour,size,day,id,score,error\n2,red,10,2024-02-01,a,"), "{csv}");
    assert_eq!(csv.lines().count(), 4);
}

#[test]
fn classes_are_predicted_with_probabilities() {
    let shell = Shell::new();
    shell.write("shop.csv", shop(true));
    let train = [
        "train",
        "--data",
        "shop.csv",
        "--task",
        "tabular",
        "--target",
        "y",
        "--model",
        "logistic_regression",
    ];
    let trained =
        shell.run(&[&train[..], &["--ignore", "day", "--out", "m", "--json"]].concat()).succeeds().json();
    assert!(trained["validation"]["accuracy"].as_f64().unwrap() > 0.8, "{trained}");
    let lines = shell.run(&["predict", "--model", "m", "--input", "shop.csv"]).succeeds().lines();
    assert_eq!(lines.len(), 120);
    let p = &lines[5]["probabilities"];
    assert!((p["low"].as_f64().unwrap() + p["high"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    assert!(lines[0]["label"].is_string() && lines[0]["y"].is_string() && lines[0]["split"] == "train");
}

#[test]
fn what_is_wrong_with_a_table_is_said() {
    let shell = Shell::new();
    shell.write("shop.csv", shop(false));
    let train = |target: &str, more: &[&str]| {
        let args = ["train", "--data", "shop.csv", "--task", "tabular", "--target", target, "--out", "m"];
        shell.run(&[&args[..], more].concat())
    };
    train("prize", &[]).fails_with(&["unknown column `prize`", "known: size, colour, day, y, split"]);
    train("y", &["--model", "ouija"]).fails_with(&["unknown model", "`ouija`", "ridge"]);
    train("colour", &["--target-kind", "numbers"])
        .fails_with(&["column `colour` holds `red`, which is no number"]);
    train("y", &["--model", "ridge"]).succeeds();
    shell.write("narrow.csv", "size\n10\n");
    shell
        .run(&["predict", "--model", "m", "--input", "narrow.csv"])
        .fails_with(&["unknown column `colour`", "known: size"]);
    shell.run(&["predict", "--model", "m", "a text"]).fails_with(&["a model of tables scores files"]);
    shell.write("empty.csv", "");
    shell
        .run(&["compare", "--data", "empty.csv", "--target", "y"])
        .fails_with(&["empty.csv", "the file is empty"]);
    shell.write("twice.csv", "a,a\n1,2\n");
    shell
        .run(&["compare", "--data", "twice.csv", "--target", "a"])
        .fails_with(&["names the column `a` twice"]);
}

#[test]
fn what_is_written_holds_the_input_s_own_values_under_names_of_their_own() {
    let shell = Shell::new();
    shell.write("shop.csv", shop(true));
    let train = [
        "train", "--data", "shop.csv", "--task", "tabular", "--target", "y", "--ignore", "day", "--out", "m",
    ];
    shell.run(&[&train[..], &["--model", "logistic_regression"]].concat()).succeeds();
    let line = r#"{"size": 10, "colour": "red", "id": 12345678901234567890123, "label": "was", "confidence": true, "probabilities": [1, 2], "score": 1.50}"#;
    shell.write("new.jsonl", line);
    let out = shell.run(&["predict", "--model", "m", "--input", "new.jsonl"]).succeeds().out;
    for part in [
        r#""id":12345678901234567890123,"true_label":"was","input_confidence":true,"input_probabilities":[1, 2],"score":1.50,"#,
        r#""label":"low","probabilities":{"#,
    ] {
        assert!(out.contains(part), "`{part}` is missing in {out}");
    }
    let csv =
        shell.run(&["predict", "--model", "m", "--input", "new.jsonl", "--format", "csv"]).succeeds().out;
    let header = csv.lines().next().unwrap();
    assert_eq!(
        header,
        "line,size,colour,id,true_label,input_confidence,probabilities,score,label,confidence,p_high,p_low,error"
    );
    shell.write("clash.csv", "line,size,colour,p_low,input_p_low\n9,10,red,x,y\n");
    let csv =
        shell.run(&["predict", "--model", "m", "--input", "clash.csv", "--format", "csv"]).succeeds().out;
    assert!(
        csv.starts_with("line,input_line,size,colour,input_input_p_low,input_p_low,label,confidence,p_high,p_low,error\n2,9,10,red,x,y,low,"),
        "{csv}"
    );
}

#[test]
fn a_table_that_is_cut_or_mostly_bad_is_warned_of() {
    use std::io::Write;
    let shell = Shell::new();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(shop(false).as_bytes()).unwrap();
    (0..2000).for_each(|i| writeln!(gzip, "{i},red,2024-01-01,{},train", 2 * i).unwrap());
    let whole = gzip.finish().unwrap();
    shell.write("cut.csv.gz", &whole[..whole.len() - 9000]);
    let train = |file: &str, more: &[&str]| {
        let args =
            ["train", "--data", file, "--task", "tabular", "--target", "y", "--model", "ridge", "--out", "m"];
        shell.run(&[&args[..], more].concat())
    };
    let ran = train("cut.csv.gz", &[]).succeeds();
    assert!(
        ran.err.contains("truncated") && ran.err.contains("WARNING: the data file is incomplete"),
        "{}",
        ran.err
    );
    train("cut.csv.gz", &["--strict"]).fails_with(&["truncated"]);
    let mut bad = shop(false);
    (0..40).for_each(|_| bad += "1,2\n");
    shell.write("bad.csv", bad);
    let ran = train("bad.csv", &[]).succeeds();
    assert!(
        ran.err.contains("… and 30 more bad lines") && ran.err.contains("warning: 40 of 160 lines"),
        "{}",
        ran.err
    );
    // An infinite target in a column of numbers is a bad line like any other.
    shell.write("inf.csv", shop(false) + "1,red,2024-01-01,inf,train\n");
    let ran = train("inf.csv", &[]).succeeds();
    assert!(ran.err.contains("inf.csv, line 122: column `y` holds `inf`, which is no number"), "{}", ran.err);
}

#[test]
fn measuring_takes_the_target_as_the_model_does() {
    let shell = Shell::new();
    // Classes that look like numbers, of which the new file has one alone and then another.
    let rows = |from: u32, to: u32, class: &dyn Fn(u32) -> String| -> String {
        (from..to).map(|i| format!("{},{}\n", i % 10, class(i))).collect()
    };
    shell.write("train.csv", format!("x,target\n{}", rows(0, 100, &|i| (u32::from(i % 10 > 4)).to_string())));
    shell
        .run(&[
            "train",
            "--data",
            "train.csv",
            "--task",
            "tabular",
            "--model",
            "logistic_regression",
            "--out",
            "m",
        ])
        .succeeds();
    shell.write("one.csv", format!("x,target\n{}", rows(5, 10, &|_| "1.0".to_owned())));
    let measured = shell.run(&["evaluate", "--model", "m", "--data", "one.csv", "--json"]).succeeds().json();
    assert_eq!(measured["accuracy"], 1.0);
    shell.write("foreign.csv", "x,target\n1,0\n2,7\n");
    shell
        .run(&["evaluate", "--model", "m", "--data", "foreign.csv"])
        .fails_with(&["foreign.csv, line 3: unknown class `7`; the model knows 0, 1"]);
    let threshold =
        ["threshold", "--model", "m", "--data", "train.csv", "--class", "1", "--false-alarms", "0.1"];
    let promised = shell.run(&[&threshold[..], &["--json"]].concat()).succeeds().json();
    assert_eq!(promised["caught"], 1.0, "{promised}");
}

#[test]
fn the_columns_of_a_table_are_described() {
    let shell = Shell::new();
    shell.write("t.csv", "size,same,target\n1,a,x\n2,a,y\nNA,a,x\n3\n");
    let args = ["data", "validate", "t.csv", "--table", "--target", "target"];
    let ran = shell.run(&args).succeeds();
    for part in [
        "t.csv: 3 rows, 3 columns, 1 bad lines",
        "1 to 2",
        "column `same` is constant",
        "line 5: the row has 1",
    ] {
        assert!(ran.out.contains(part), "`{part}` is missing in {}", ran.out);
    }
    let object = shell.run(&[&args[..], &["--json"]].concat()).succeeds().json();
    assert_eq!(
        (&object["columns"][2]["role"], &object["columns"][0]["missing"]),
        (&"target".into(), &1.into())
    );
    assert_eq!(shell.run(&[&args[..], &["--strict"]].concat()).code, Some(1));
    // The name that a number has by default may be that of the label.
    shell.write("t.jsonl", "{\"text\": \"a b\", \"target\": \"x\"}\n");
    shell.run(&["data", "validate", "t.jsonl", "--target", "target"]).succeeds();
}

#[test]
fn numbers_are_predicted_from_texts() {
    let shell = Shell::new();
    let line = |i: usize| {
        let (words, score) = [("short", 10), ("a little longer", 40), ("the longest of all", 90)][i % 3];
        let split = ["train", "train", "validation", "test"][i / 3 % 4];
        format!(
            "{{\"text\": \"{words} {i}\", \"target\": {score}, \"grade\": {}, \"split\": \"{split}\"}}\n",
            score / 10
        )
    };
    shell.write("s.jsonl", (0..96).map(line).collect::<String>());
    let train = ["train", "--data", "s.jsonl", "--out", "m"];
    let numbers = [&train[..], &["--target-kind", "numbers", "--json"]].concat();
    let trained = shell.run(&numbers).succeeds().json();
    assert!(trained["model"] == "ridge" && trained["validation"]["r2"].as_f64().unwrap() > 0.9, "{trained}");
    let measured = shell.run(&["evaluate", "--model", "m", "--data", "s.jsonl", "--json"]).succeeds().json();
    assert!(measured["split"] == "test" && measured["r2"].as_f64().unwrap() > 0.9, "{measured}");
    let scored = shell.run(&["predict", "--model", "m", "the longest of all"]).succeeds().lines();
    assert!((scored[0]["score"].as_f64().unwrap() - 90.0).abs() < 10.0, "{}", scored[0]);
    // A learner for numbers alone says it as well; another field may hold them.
    let lasso = [&train[..], &["--model", "lasso", "--param", "alpha=0.01", "--target", "grade"]].concat();
    assert!(shell.run(&lasso).succeeds().out.contains("lasso on"));
    let grades = ["evaluate", "--model", "m", "--data", "s.jsonl", "--target", "grade", "--json"];
    assert!(shell.run(&grades).succeeds().json()["mae"].as_f64().unwrap() < 1.0);
    shell
        .run(&train)
        .fails_with(&["no row has a label, but rows have numbers as targets", "--target-kind numbers"]);
    shell
        .run(&[&train[..], &["--task", "security", "--target-kind", "numbers"]].concat())
        .fails_with(&["the task `security`", "numbers as targets"]);
}

#[test]
fn a_target_that_never_leaves_epsilon_is_learned_saved_and_measured() {
    let shell = Shell::new();
    let rows: String = (0..60).map(|i| format!("{},{}\n", i % 7, 0.5 + 0.001 * f64::from(i % 5))).collect();
    shell.write("rate.csv", format!("a,target\n{rows}"));
    let data = ["--data", "rate.csv", "--target-kind", "numbers"];
    let train = ["train", "--task", "tabular", "--model", "svm", "--out", "m"];
    shell.run(&[&train[..], &data].concat()).succeeds();
    shell.run(&["evaluate", "--data", "rate.csv", "--model", "m"]).succeeds();
    let compared =
        shell.run(&[&["compare", "--models", "svm,mean", "--json"][..], &data].concat()).succeeds().json();
    assert!(compared["models"].as_array().unwrap().iter().all(|m| m["status"] == "ok"), "{compared}");
    // Without a terminal a fold is a line, not every learner in it.
    let told = shell
        .run(&[&["compare", "--models", "svm,mean,ridge", "--folds", "2"][..], &data].concat())
        .succeeds()
        .err;
    let folds: Vec<&str> = told.lines().filter(|l| l.contains("fold")).collect();
    assert_eq!(folds.len(), told.lines().count(), "{told}");
    assert!(folds.len() <= 4 && folds[0].starts_with("fold 1 of 2: "), "{told}");
}

#[test]
fn learners_and_parameters_go_by_the_names_that_people_know() {
    let shell = Shell::new();
    shell.write("shop.csv", shop(true));
    let train = |model: &str, param: &str| {
        let args = ["train", "--data", "shop.csv", "--task", "tabular", "--target", "y", "--out", "m"];
        shell.run(&[&args[..], &["--model", model, "--param", param, "--json"]].concat())
    };
    for (model, param) in [
        ("SVC", "calibration=sigmoid"),
        ("RandomForestClassifier", "max_depth=none"),
        ("random_forest", "max_depth=null"),
        ("sgd", "penalty=null"),
        ("voting", "members=[\"naive_bayes\",\"knn\"]"),
        ("calibrated", "method=platt"),
    ] {
        train(model, param).succeeds();
    }
    train("randomforests", "max_depth=3").fails_with(&["did you mean `random_forest`?"]);
    train("lasso", "alpha=1")
        .fails_with(&["the model `lasso` does not support classes: it is for numbers alone"]);
    train("svm", "gamma=0").fails_with(&["a number > 0, got 0"]);
}

#[test]
fn what_is_to_be_known_of_a_fit_is_said_after_training() {
    let shell = Shell::new();
    shell.write("shop.csv", shop(true));
    let train = |model: &str, param: &str| {
        let args = ["train", "--data", "shop.csv", "--task", "tabular", "--target", "y", "--out", "m"];
        shell.run(&[&args[..], &["--model", model, "--param", param]].concat()).succeeds()
    };
    let hasty = train("logistic_regression", "max_iter=1").err;
    assert!(
        hasty.contains("note: logistic_regression: it did not converge") && hasty.contains("raise max_iter"),
        "{hasty}"
    );
    assert!(!train("logistic_regression", "max_iter=1000").err.contains("note:"));
    let wide = train("knn", "n_neighbors=1000").err;
    assert!(wide.contains("note: knn: n_neighbors is 1000, more than the rows to learn from (72)"), "{wide}");
    shell.write("one.csv", "a,y\n".to_owned() + &"1,same\n2,same\n".repeat(20));
    let one = shell.run(&["train", "--data", "one.csv", "--task", "tabular", "--target", "y", "--out", "o"]);
    one.fails_with(&["one.csv", "single class, `same`", "at least two classes"]);
}
