//! Tables, as a user types it: compare, train, evaluate, predict.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test builds, it unwraps as the test does"
)]

mod common;

use common::Shell;

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
