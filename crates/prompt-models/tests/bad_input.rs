//! Every learner by name on data that nobody wishes for: it gives an error that says what is wrong, or finite numbers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which clippy does not know as such")]

use prompt_core::{CsrBuilder, Dense, Estimator, FitContext, Matrix, Target, Task, predict};
use prompt_models::learners::{estimator, names};

/// A learner with as little work as its parameters allow, so that all of them together stay quick.
fn quick(task: Task, name: &str) -> Box<dyn Estimator> {
    let mut learner = estimator(task, name).unwrap();
    for param in ["n_estimators", "max_iter", "max_iter_predict"] {
        let has = learner.specs().iter().any(|s| s.name == param);
        if has {
            learner = learner.with_param(param, &5.into()).unwrap();
        }
    }
    // The few rows of these tables cannot support a stricter promise.
    if learner.specs().iter().any(|s| s.name == "alpha") && name == "conformal" {
        learner = learner.with_param("alpha", &0.4.into()).unwrap();
    }
    learner
}

fn learners() -> impl Iterator<Item = (Task, &'static str)> {
    [Task::Classification, Task::Regression]
        .into_iter()
        .flat_map(|task| names(task).into_iter().map(move |name| (task, name)))
}

/// Dense, and sparse where the learner takes that; without numbers below zero where it refuses them.
fn shapes(learner: &dyn Estimator, x: &Dense) -> Vec<Matrix> {
    let tags = learner.tags();
    let mut x = x.clone();
    if !tags.negative {
        (0..x.rows()).for_each(|i| x.row_mut(i).iter_mut().for_each(|v| *v = v.abs()));
    }
    let mut out = Vec::new();
    if tags.sparse && !x.data().iter().any(|v| v.is_nan()) {
        let mut builder = CsrBuilder::new(x.cols());
        for i in 0..x.rows() {
            let stored = x.row(i).iter().enumerate().filter(|(_, v)| **v != 0.0);
            builder.push_pairs(&stored.map(|(j, v)| (j as u32, *v as f32)).collect::<Vec<_>>());
        }
        out.push(builder.finish().into());
    }
    if tags.dense {
        out.push(x.into());
    }
    out
}

fn table(rows: usize, cols: usize, f: impl Fn(usize, usize) -> f64) -> Dense {
    let data = (0..rows * cols).map(|at| f(at / cols, at % cols)).collect();
    Dense::new(rows, cols, data).unwrap()
}

/// Numbers that are no line and no constant.
fn number(i: usize, j: usize) -> f64 {
    ((i * 37 + j * 101 + i * j * 7) % 23) as f64 / 4.0 - 2.0
}

fn target(task: Task, rows: usize, classes: usize) -> Target {
    match task {
        Task::Classification => Target::labels((0..rows).map(|i| format!("c{}", i % classes))),
        Task::Regression => {
            Target::regression((0..rows).map(|i| number(i, 1) + i as f64 / 8.0).collect()).unwrap()
        }
    }
}

/// What must come of a fit.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    /// A model whose scores are finite.
    Model,
    /// An error that holds one of these words.
    Refusal(&'static [&'static str]),
    /// Either, but nothing else.
    Any,
}

fn check(what: &str, wanted: impl Fn(&dyn Estimator) -> Wanted, make: impl Fn(Task) -> (Dense, Target)) {
    for (task, name) in learners() {
        let learner = quick(task, name);
        let (x, y) = make(task);
        for x in shapes(&*learner, &x) {
            let kind = if matches!(x, Matrix::Dense(_)) { "dense" } else { "sparse" };
            let who = format!("{name} for {task:?} on {what}, {kind}");
            let found = learner.fit_model(&x, &y, &FitContext::new(1)).and_then(|model| predict(&*model, &x));
            match (found, wanted(&*learner)) {
                (Ok(prediction), Wanted::Model | Wanted::Any) => {
                    let scores = prediction.scores().data();
                    assert!(scores.iter().all(|v| v.is_finite()), "{who}: {scores:?}");
                }
                (Ok(_), Wanted::Refusal(_)) => panic!("{who}: was accepted"),
                (Err(error), Wanted::Model) => panic!("{who}: {error}"),
                (Err(error), Wanted::Any) => assert!(error.to_string().len() > 20, "{who}: {error}"),
                (Err(error), Wanted::Refusal(words)) => {
                    let error = error.to_string();
                    assert!(words.iter().any(|w| error.contains(w)), "{who}: {error}");
                }
            }
        }
    }
}

#[test]
fn a_constant_column_is_no_obstacle() {
    check(
        "a constant column",
        |_| Wanted::Model,
        |task| (table(40, 3, |i, j| if j == 1 { 2.5 } else { number(i, j) }), target(task, 40, 3)),
    );
}

#[test]
fn columns_without_any_difference_are_no_obstacle() {
    check(
        "constant columns alone",
        |_| Wanted::Model,
        |task| (table(40, 2, |_, _| 0.0), target(task, 40, 2)),
    );
}

#[test]
fn a_column_that_is_missing_everywhere_is_taken_or_refused_as_declared() {
    let wanted = |learner: &dyn Estimator| {
        if learner.tags().missing { Wanted::Model } else { Wanted::Refusal(&["NaN"]) }
    };
    check("an all-missing column", wanted, |task| {
        (table(40, 3, |i, j| if j == 1 { f64::NAN } else { number(i, j) }), target(task, 40, 3))
    });
}

#[test]
fn one_row_is_taken_or_refused_as_declared() {
    let wanted = |learner: &dyn Estimator| match (learner.tags().min_rows, learner.tags().task) {
        (0 | 1, Task::Regression) => Wanted::Model,
        (0 | 1, _) if learner.tags().one_class => Wanted::Model,
        (0 | 1, _) => Wanted::Refusal(&["single class"]),
        _ => Wanted::Refusal(&["row(s) to learn from"]),
    };
    check("one row", wanted, |task| (table(1, 3, number), target(task, 1, 1)));
}

#[test]
fn one_class_is_taken_or_refused_as_declared() {
    let wanted = |learner: &dyn Estimator| match learner.tags() {
        tags if tags.task == Task::Regression || tags.one_class => Wanted::Model,
        _ => Wanted::Refusal(&["single class"]),
    };
    check("one class", wanted, |task| (table(30, 3, number), target(task, 30, 1)));
}

#[test]
fn classes_with_one_row_each_and_classes_without_rows_are_no_panic() {
    check("a class for every row", |_| Wanted::Any, |task| (table(12, 3, number), target(task, 12, 12)));
    check(
        "more classes than rows",
        |_| Wanted::Any,
        |task| {
            let y = target(task, 40, 40);
            (table(6, 3, number), y.select(&[0, 7, 8, 20, 21, 39]))
        },
    );
}

#[test]
fn infinite_numbers_are_refused_with_their_place() {
    for value in [f64::INFINITY, f64::NEG_INFINITY] {
        check(
            "an infinite number",
            |_| Wanted::Refusal(&["row 4, column 2", "negative number at"]),
            |task| {
                let x = table(30, 3, |i, j| if (i, j) == (4, 2) { value } else { number(i, j).abs() });
                (x, target(task, 30, 3))
            },
        );
    }
}

#[test]
fn numbers_near_the_limit_of_floats_end_in_an_error_or_finite_numbers() {
    check(
        "numbers of 1e300",
        |_| Wanted::Any,
        |task| {
            // A sparse matrix cannot hold them: what is refused there is its own infinity.
            (table(30, 3, |i, j| 1e300 * number(i, j)), target(task, 30, 3))
        },
    );
}

#[test]
fn ten_thousand_columns_on_fifty_rows_are_learned_from() {
    let sparse = |i: usize, j: usize| if (i * 31 + j * 17).is_multiple_of(97) { number(i, j) } else { 0.0 };
    check("10,000 columns", |_| Wanted::Any, |task| (table(50, 10_000, sparse), target(task, 50, 2)));
}

#[test]
fn weights_that_are_none_never_reach_a_learner() {
    for (task, name) in learners() {
        let learner = quick(task, name);
        let y = target(task, 30, 3);
        for (weight, word) in [(-1.0, "is -1"), (f64::NAN, "is NaN"), (f64::INFINITY, "is inf")] {
            let mut weights = vec![1.0; 30];
            weights[7] = weight;
            let error = y.clone().with_weights(weights).unwrap_err().to_string();
            assert!(error.contains("row 7") && error.contains(word), "{error}");
        }
        assert!(y.clone().with_weights(vec![0.0; 30]).unwrap_err().to_string().contains("zero"));
        // Weight on rows of one class alone is one class; weight zero on some rows is legal.
        if !learner.tags().weights {
            continue;
        }
        let x = table(30, 3, number);
        for x in shapes(&*learner, &x) {
            let some = y.clone().with_weights((0..30).map(|i| f64::from(i % 4 > 0)).collect()).unwrap();
            let model =
                learner.fit_model(&x, &some, &FitContext::new(1)).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(predict(&*model, &x).unwrap().scores().data().iter().all(|v| v.is_finite()), "{name}");
            // All that weighs something may lie in other rows.
            let last = y.clone().with_weights((0..30).map(|i| f64::from(i == 29)).collect()).unwrap();
            let rows: Vec<usize> = (0..29).collect();
            let none = learner.fit_model(&x.select_rows(&rows), &last.select(&rows), &FitContext::new(1));
            let error = none.err().map(|e| e.to_string()).unwrap_or_default();
            assert!(error.contains("a weight of zero"), "{name}: {error}");
            let one = y.clone().with_weights((0..30).map(|i| f64::from(i % 3 == 0)).collect()).unwrap();
            let found = learner.fit_model(&x, &one, &FitContext::new(1)).and_then(|m| predict(&*m, &x));
            match found {
                Ok(p) => assert!(p.scores().data().iter().all(|v| v.is_finite()), "{name}"),
                Err(e) => assert!(e.to_string().contains("class"), "{name}: {e}"),
            }
        }
    }
}
