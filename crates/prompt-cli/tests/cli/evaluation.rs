//! Reports: `metrics` and `evaluate` into folders, cards, runs compared.

use crate::common::Shell;

#[test]
fn metrics_say_which_input_is_wrong() {
    let shell = Shell::new();
    let numbers: String = (0..200).map(|i| format!("{i},{}\n", i + 1)).collect();
    let cases: [(&str, String, &[&str]); 9] = [
        ("empty.csv", String::new(), &["empty.csv", "is empty"]),
        ("header.csv", "y_true,y_pred\n".into(), &["no rows"]),
        ("short.csv", "y_true,y_pred\na,b\na\n".into(), &["line 3", "1 cells below a header of 2"]),
        ("nan.csv", "y_true,y_pred,p_a,p_b\na,b,NaN,0.5\n".into(), &["line 2", "`NaN`", "finite"]),
        ("sum.csv", "y_true,y_pred,p_a,p_b\na,b,0.5,0.6\n".into(), &["line 2", "sum to 1.1"]),
        ("label.csv", "y_true,y_pred\na,b\na,\n".into(), &["line 3", "`y_pred` is empty"]),
        ("numbers.csv", format!("y_true,y_pred\n{numbers}"), &["201 different numbers", "--regression"]),
        ("weights.csv", "y_true,y_pred,w\na,b,0\na,a,0\n".into(), &["all sample weights are zero"]),
        ("negative.csv", "y_true,y_pred,w\na,b,1\na,a,-1\n".into(), &["weight -1 at row 1"]),
    ];
    for (name, content, expected) in cases {
        shell.write(name, content);
        let weights: &[&str] =
            if name == "weights.csv" || name == "negative.csv" { &["--weights", "w"] } else { &[] };
        shell.run(&[&["metrics", name], weights].concat()).fails_with(expected);
    }
    // One class is no error: what is undefined is null, with the reason.
    shell.write("one.csv", "y_true,y_pred,p_a,p_b\na,a,0.9,0.1\na,a,0.8,0.2\n");
    let numbers = shell.run(&["metrics", "one.csv", "--json"]).succeeds().json();
    assert_eq!((&numbers["accuracy"], &numbers["roc_auc_ovr"]), (&1.0.into(), &serde_json::Value::Null));
    assert!(numbers["notes"].to_string().contains("roc_auc_ovr"), "{}", numbers["notes"]);
    shell.write("weighted.csv", "y_true,y_pred,w\na,b,1\na,a,3\nb,b,0\n");
    let numbers = shell.run(&["metrics", "weighted.csv", "--weights", "w", "--json"]).succeeds().json();
    assert_eq!(numbers["accuracy"], 0.75);
}

#[test]
fn metrics_read_compressed_files_and_spare_what_is_not_theirs() {
    let shell = Shell::new();
    shell.pack("p.csv.gz", "y_true, y_pred ,p_a,p_b,p_value\na , a,0.9,0.1,7\nb,a,0.95,0.05,8\n");
    let ran = shell.run(&["metrics", "p.csv.gz", "--output-dir", "report"]).succeeds();
    assert!(ran.err.contains("`p_value` is no probability"), "{}", ran.err);
    assert!(ran.out.starts_with("p\n"), "{}", ran.out);
    let wrong = shell.read("report/high_confidence_wrong.csv");
    assert_eq!(wrong, "row,y_true,y_pred,confidence,p_true,text\n2,b,a,0.95,0.05,\n");
    // A folder of ours is replaced, one with a file of somebody's is not.
    shell.run(&["metrics", "p.csv.gz", "--output-dir", "report"]).succeeds();
    shell.write("report/mine.txt", "keep");
    shell.run(&["metrics", "p.csv.gz", "--output-dir", "report"]).fails_with(&["mine.txt", "would be lost"]);
    assert_eq!(shell.read("report/mine.txt"), "keep");
    let left: Vec<_> =
        std::fs::read_dir(shell.dir.path()).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn many_classes_are_drawn_as_the_most_frequent_and_others() {
    let shell = Shell::new();
    let rows: String = (0..6000).map(|i| format!("c{},c{}\n", i % 1500, (i + i / 5000) % 1500)).collect();
    shell.write("many.csv", format!("y_true,y_pred\n{rows}"));
    shell.run(&["metrics", "many.csv", "--output-dir", "report"]).succeeds();
    let svg = shell.read("report/confusion.svg");
    assert!(
        svg.contains("the 74 most frequent of 1500 classes") && svg.contains("1426 others"),
        "{}",
        &svg[..600]
    );
    assert!(svg.len() < 200_000, "{}", svg.len());
}

#[test]
fn evaluate_writes_a_whole_report_of_texts() {
    let shell = Shell::new();
    let (data, model) = (shell.small_data(), shell.small_model());
    let args = ["evaluate", "--model", model, "--data", data, "--split", "all", "--output-dir", "report"];
    let ran = shell.run(&[&args[..], &["--live-examples", "4"]].concat()).succeeds();
    assert!(ran.out.contains("live examples:") && ran.out.contains("µs"), "{}", ran.out);
    let numbers: serde_json::Value = serde_json::from_str(&shell.read("report/metrics.json")).unwrap();
    assert_eq!(numbers["live_examples"].as_array().unwrap().len(), 4);
    assert_eq!((&numbers["rows"], &numbers["split"]), (&60.into(), &"all rows".into()));
    for name in ["confusion.svg", "roc.svg", "precision_recall.svg", "reliability.svg", "confidence.svg"] {
        assert!(shell.read(format!("report/{name}")).starts_with("<svg"), "{name}");
    }
    let page = shell.read("report/report.html");
    assert!(page.contains("id=\"live\"") && page.contains("id=\"rules\""));
    let card = shell.read("report/README.md");
    assert!(
        card.starts_with("---\n") && card.contains("model-index:") && card.contains("| Accuracy | 1.0000 |"),
        "{card}"
    );
    // Without a folder they are printed alone; ten where no number is given.
    let ran = shell.run(&["evaluate", "--model", model, "--data", data, "--live-examples"]).succeeds();
    assert_eq!(ran.out.lines().filter(|l| l.contains("µs")).count(), 10, "{}", ran.out);
}

#[test]
fn evaluate_lists_large_errors_of_a_table() {
    let shell = Shell::new();
    let rows: String = (0..80)
        .map(|i| format!("{i},{},{}\n", ["x", "y"][i % 2], 2 * i + if i == 7 { 500 } else { 0 }))
        .collect();
    shell.write("t.csv", format!("size,kind,price\n{rows}"));
    shell
        .run(&[
            "train", "--task", "tabular", "--data", "t.csv", "--target", "price", "--model", "ridge",
            "--out", "m", "--card", "card.md",
        ])
        .succeeds();
    assert!(shell.read("card.md").contains("pipeline_tag: tabular-regression"));
    let args =
        ["evaluate", "--model", "m", "--data", "t.csv", "--output-dir", "report", "--live-examples", "3"];
    shell.run(&args).succeeds();
    let large = shell.read("report/large_errors.csv");
    assert!(large.starts_with("row,y_true,y_pred,error,text\n8,514,"), "{large}");
    assert!(large.contains("\"size=7, kind=y\""), "{large}");
    assert!(shell.read("report/report.html").contains("kind = "), "slices by kind");
}

#[test]
fn runs_are_compared_on_the_same_rows_only() {
    let shell = Shell::new();
    for (name, alpha, seed) in [("a", "1.0", 1), ("b", "0.1", 1), ("c", "1.0", 2)] {
        shell.write(
            &format!("{name}.toml"),
            format!(
                "version = 1\nseed = {seed}\n[data.synthetic]\nrows = 300\n[features.word]\ntype = \"tfidf\"\n\
                 [traditional]\nfolds = 2\n[traditional.models.multinomial_nb]\ngrid = \"none\"\n\
                 params = {{ alpha = {alpha} }}\n[evaluation]\nbootstrap = 50\n[output]\ndir = \"{name}\"\n"
            ),
        );
        shell.run(&["run", &format!("{name}.toml"), "--quiet"]).succeeds();
    }
    let card = shell.read("a/models/multinomial_nb/README.md");
    assert!(card.contains("model-index:") && card.contains("synthetic"), "{card}");
    assert!(shell.read("a/DATA_CARD.md").contains("## Labels of the training rows"));
    let ran = shell.run(&["report", "a", "b", "c", "--output-dir", "all"]).succeeds();
    assert_eq!(ran.out.matches("p = ").count() + ran.out.matches("other rows").count(), 2, "{}", ran.out);
    assert!(ran.out.contains("other rows: no test"), "{}", ran.out);
    let page = shell.read("all/report.html");
    assert!(page.contains("Comparison of experiments") && page.contains("multinomial_nb"));
    let runs = shell.run(&["report", "a", "b", "--json"]).succeeds().json();
    assert!(runs[1]["versus"]["same_rows"]["said"].is_string(), "{}", runs[1]["versus"]);
    std::fs::create_dir(shell.path("none")).unwrap();
    shell.run(&["report", "a", "none"]).fails_with(&["results.json"]);
    shell.write("none/results.json", "{}");
    shell.run(&["report", "a", "none"]).fails_with(&["no result of a run", "prompt run"]);
}
