use prompt_data::table::TableOptions;

use super::*;

/// A hundred rows in which y follows a number and a category, with some noise; every fifth is held out.
fn shop(classes: bool) -> LoadedTable {
    let mut csv = "size,colour,y,split\n".to_owned();
    for i in 0..100_u32 {
        let (size, noise) = (i * 37 % 101, i * 13 % 7);
        let value = f64::from(size) + if i % 3 == 0 { 40.0 } else { 0.0 } + f64::from(noise);
        let y =
            if classes { ["low", "high"][usize::from(value > 65.0)].to_owned() } else { value.to_string() };
        let split = if i % 5 == 0 { "validation" } else { "train" };
        csv += &format!("{size},{},{y},{split}\n", ["red", "blue", "grey"][i as usize % 3]);
    }
    TableOptions::default().target("y").from_bytes("shop.csv", csv.as_bytes()).unwrap()
}

#[test]
fn learners_are_ordered_and_beat_the_baseline() {
    let options = CompareOptions {
        models: ["majority", "logistic_regression"].map(str::to_owned).to_vec(),
        folds: 4,
        ..CompareOptions::default()
    };
    let table = compare(&shop(true), &options, &FitContext::new(1)).unwrap();
    assert_eq!((table.task, table.rows, table.held_out), ("classification", 80, Some("validation")));
    let names: Vec<&str> = table.models.iter().map(|m| m.model.as_str()).collect();
    assert_eq!(names, ["logistic_regression", "majority"]);
    let best = &table.models[0].scores[0];
    assert_eq!((best.metric.as_str(), best.folds.len()), ("accuracy", 4));
    assert!(best.interval[0] < best.mean && best.mean < best.interval[1] && best.held_out.unwrap() > 0.7);
    let shown = table.to_string();
    assert!(shown.lines().all(|l| l.chars().count() < 140), "{shown}");
    assert!(shown.contains("log_loss"), "{shown}");
}

#[test]
fn a_learner_that_refuses_the_data_says_why_and_stops_no_other() {
    let csv = "a,y\n".to_owned() + &"1,x\n2,z\n".repeat(20);
    let data = TableOptions::default().target("y").from_bytes("a.csv", csv.as_bytes()).unwrap();
    let options = CompareOptions { timeout_s: 1e-9, ..CompareOptions::default() };
    let table = compare(&data, &options, &FitContext::new(1)).unwrap();
    assert!(table.models.iter().all(|m| m.status.contains("time limit")), "{table}");
    let unknown = CompareOptions { models: vec!["ouija".into()], ..CompareOptions::default() };
    assert!(compare(&data, &unknown, &FitContext::new(1)).is_err());
    for timeout_s in [-1.0, 0.0, f64::NAN] {
        let bad = CompareOptions { timeout_s, ..CompareOptions::default() };
        assert!(compare(&data, &bad, &FitContext::new(1)).unwrap_err().to_string().contains("timeout_s"));
    }
    let endless = ["majority"].map(str::to_owned).to_vec();
    let endless = CompareOptions { timeout_s: f64::INFINITY, models: endless, ..CompareOptions::default() };
    assert_eq!(compare(&data, &endless, &FitContext::new(1)).unwrap().models[0].status, "ok");
}

#[test]
fn a_learner_that_is_named_twice_is_refused() {
    let says = |models: &[&str]| {
        let models = models.iter().map(|&name| name.to_owned()).collect();
        let options = CompareOptions { models, folds: 2, ..CompareOptions::default() };
        compare(&shop(true), &options, &FitContext::new(1)).map(|c| c.models.len()).map_err(|e| e.to_string())
    };
    assert_eq!(says(&["majority", "decision_tree"]), Ok(2));
    let twice = says(&["majority", "decision_tree", "majority"]).unwrap_err();
    assert!(twice.contains("each named once, got `majority` twice"), "{twice}");
    let one = says(&["decision_tree", "DecisionTreeClassifier"]).unwrap_err();
    assert!(one.contains("`decision_tree` and `DecisionTreeClassifier`, which are one learner"), "{one}");
}

#[test]
fn quantiles_of_student_t_meet_at_the_seam() {
    // SciPy's t.ppf(0.975, 10) and t.ppf(0.975, 30).
    assert!((student_t_975(10) - 2.228_138_9).abs() < 2e-5);
    assert!((student_t_975(30) - 2.042_272_5).abs() < 2e-5);
    assert!((student_t_975(4) - 2.776_445_1).abs() < 1e-6);
}

#[test]
fn the_same_seed_gives_the_same_table() {
    let options = CompareOptions { models: vec!["logistic_regression".into()], ..CompareOptions::default() };
    let run = |threads| {
        let table = compare(&shop(true), &options, &FitContext::new(3).threads(threads)).unwrap();
        table.models[0].scores.iter().flat_map(|s| s.folds.clone()).map(f64::to_bits).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(2));
}

#[test]
fn classes_with_fewer_rows_than_folds_are_named_and_stop_nothing() {
    let row = |i: usize| match i {
        7 => "once",
        8 | 30 | 31 => "thrice",
        _ => ["x", "z"][i % 2],
    };
    let csv: String = std::iter::once("a,y\n".to_owned())
        .chain((0..60).map(|i| format!("{},{}\n", i % 2, row(i))))
        .collect();
    let data = TableOptions::default().target("y").from_bytes("a.csv", csv.as_bytes()).unwrap();
    let models = vec!["logistic_regression".to_owned()];
    let options = CompareOptions { models, ..CompareOptions::default() };
    let table = compare(&data, &options, &FitContext::new(1)).unwrap();
    let note = "2 of 4 classes have fewer rows than the 5 folds: `once` (1), `thrice` (3).";
    assert!(table.notes[0].starts_with(note) && table.to_string().contains(note), "{table}");
    assert_eq!(table.models[0].status, "ok");
    let accuracy = &table.models[0].scores[0];
    assert!(accuracy.mean > 0.85 && accuracy.interval[1] <= 1.0, "{accuracy:?}");
}

#[test]
fn a_limit_of_rows_takes_a_sample_and_intervals_stay_in_range() {
    let models = vec!["logistic_regression".to_owned()];
    let options = CompareOptions { models, max_rows: Some(40), folds: 2, ..CompareOptions::default() };
    let table = compare(&shop(true), &options, &FitContext::new(1)).unwrap();
    assert_eq!(table.rows, 40);
    for score in &table.models[0].scores {
        let [low, high] = score.interval;
        assert!(0.0 <= low && low <= score.mean && score.mean <= high, "{score:?}");
        assert!(score.metric == "log_loss" || high <= 1.0, "{score:?}");
    }
    let table = compare(
        &shop(false),
        &CompareOptions { models: vec!["mean".into()], ..options },
        &FitContext::new(1),
    );
    assert_eq!(table.unwrap().rows, 40);
}

#[test]
fn folds_follow_times_and_groups() {
    let mut csv = "day,shop,x,target\n".to_owned();
    (0..60).for_each(|i| csv += &format!("{},s{},{},{}\n", i * 7 % 60, i % 6, i % 5, 3 * (i % 5)));
    let data = TableOptions::default().target("target").from_bytes("days.csv", csv.as_bytes()).unwrap();
    let (_, y, _) = divided(&data, None).unwrap();
    let rows: Vec<usize> = (0..50).collect();
    let seed = prompt_core::Seed::new(1);
    let in_time = Folding { time: Some("day".into()), ..Folding::default() };
    let times = data.times_of("day").unwrap();
    let (folds, notes) = in_time.folds((&data, &y), &rows, 4, seed).unwrap();
    assert_eq!((folds.len(), notes.as_slice()), (4, &["folds in the order of `day`".to_owned()][..]));
    for fold in &folds {
        let last = fold.train.iter().map(|&row| times[row]).fold(f64::MIN, f64::max);
        assert!(fold.test.iter().all(|&row| times[row] > last && row < 50));
    }
    let by_group = Folding { group: Some("shop".into()), ..Folding::default() };
    let shops = data.codes_of("shop").unwrap();
    for fold in by_group.folds((&data, &y), &rows, 3, seed).unwrap().0 {
        assert!(fold.train.iter().all(|&row| fold.test.iter().all(|&other| shops[row] != shops[other])));
    }
    let options =
        CompareOptions { models: vec!["mean".into()], folding: in_time, ..CompareOptions::default() };
    let compared = compare(&data, &options, &FitContext::new(1)).unwrap();
    assert!(compared.to_string().contains("in the order of `day`"), "{compared}");
    let none = CompareOptions { folding: Folding { time: Some("hour".into()), group: None }, ..options };
    assert!(compare(&data, &none, &FitContext::new(1)).unwrap_err().to_string().contains("hour"));
}

#[test]
fn a_metric_that_is_undefined_takes_no_other_with_it() {
    let csv = "a,y\n1,1\n2,2\n3,4\n".to_owned();
    let data = TableOptions::default().target("y").from_bytes("three.csv", csv.as_bytes()).unwrap();
    let options = CompareOptions { models: vec!["mean".into()], folds: 2, ..CompareOptions::default() };
    let table = compare(&data, &options, &FitContext::new(1)).unwrap();
    let mean = &table.models[0];
    assert_eq!(mean.status, "ok", "{table}");
    let of = |name: &str| mean.scores.iter().find(|s| s.metric == name).unwrap();
    assert!(of("rmse").mean.is_finite() && of("r2").mean.is_nan(), "{table}");
    assert!(table.notes.iter().any(|n| n.starts_with("no r2: R² of one row is undefined")), "{table}");
    assert!(!table.to_string().contains("NaN"), "{table}");
    // Of a metric of the other task alone nothing is left.
    let wrong = CompareOptions { metrics: vec!["accuracy".into()], ..options };
    let table = compare(&data, &wrong, &FitContext::new(1)).unwrap();
    assert!(table.models[0].scores.is_empty() && table.models[0].status != "ok", "{table}");
}

#[test]
fn one_class_is_refused_before_anything_is_fitted() {
    let csv = "a,y\n".to_owned() + &"1,same\n2,same\n".repeat(20);
    let data = TableOptions::default().target("y").from_bytes("one.csv", csv.as_bytes()).unwrap();
    let error = compare(&data, &CompareOptions::default(), &FitContext::new(1)).unwrap_err().to_string();
    assert!(error.starts_with("one.csv: the target `y` has a single class, `same`; "), "{error}");
    assert!(error.contains("at least two classes"), "{error}");
}

#[test]
fn fits_that_leave_something_to_be_known_are_noted() {
    let data = shop(true);
    let models = vec!["KNeighborsClassifier".to_owned()];
    let options = CompareOptions { models, folds: 2, max_rows: Some(8), ..CompareOptions::default() };
    let table = compare(&data, &options, &FitContext::new(1)).unwrap();
    assert!(table.models.iter().all(|m| m.model == "knn"), "{table}");
    let note = "knn, in 2 of 3 fits: n_neighbors is 5, more than the rows to learn from (4)";
    assert!(table.notes.iter().any(|n| n.starts_with(note)), "{:?}", table.notes);
}
