use std::sync::atomic::{AtomicUsize, Ordering};

use prompt_core::{CancelToken, MemoryStudy};

use super::*;
use crate::select::sampler::Tpe;

fn plan(generation: usize) -> Plan {
    let space = Space::new()
        .choice("kind", ["a", "b", "c"])
        .log_float("rate", 1e-4, 1.0)
        .int("depth", 1, 12)
        .float("share", 0.1, 0.9)
        .when("kind", ["b"]);
    Plan { pruner: Some(MedianPruner::default()), generation, ..Plan::new(space, 7) }
}

fn value(trial: &mut Running<'_>) -> Result<Option<f64>> {
    let number = |name: &str| trial.params().get(name).and_then(Value::as_f64).unwrap_or(0.0);
    let x = -(number("rate").log10() + 2.0).powi(2) - (number("depth") - 7.0).abs() * 0.2 + number("share");
    if trial.number() % 11 == 3 {
        return Err(Error::input("no luck", "none"));
    }
    for step in 0..4 {
        if !trial.report(x + 0.01 * f64::from(step)) {
            return Ok(None);
        }
    }
    Ok(Some(x))
}

fn timeless(study: &Study<'_>) -> Vec<Trial> {
    study.trials().map(|t| Trial { seconds: 0.0, ..t.clone() }).collect()
}

fn whole(threads: usize) -> Vec<Trial> {
    let mut study = Study::open(plan(4), Box::new(MemoryStudy::default())).unwrap();
    study.run(50, None, &FitContext::new(0).threads(threads), &value).unwrap();
    timeless(&study)
}

#[test]
fn the_same_study_for_any_number_of_threads() {
    let one = whole(1);
    assert_eq!(one.len(), 50);
    for state in [State::Complete, State::Pruned, State::Failed] {
        assert!(one.iter().any(|t| t.state == state), "{state:?}");
    }
    assert!(one.iter().all(|t| t.params.contains_key("share") == (t.params["kind"] == "b")));
    for threads in [2, 16] {
        assert_eq!(whole(threads), one);
    }
}

#[test]
fn stopped_and_resumed_is_the_study_that_was_not_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.jsonl");
    let mut rounds = 0;
    loop {
        let token = CancelToken::new();
        let ctx = FitContext::new(0).threads(2).with_cancel(token.clone());
        let mut study = Study::open(plan(4), Box::new(JsonlStudy::open(&path).unwrap())).unwrap();
        let left = AtomicUsize::new(7);
        let found = study.run(50, None, &ctx, &|trial| {
            if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                token.cancel();
            }
            if token.is_cancelled() {
                return Err(Error::Cancelled);
            }
            value(trial)
        });
        rounds += 1;
        if found.is_ok() {
            assert_eq!(timeless(&study), whole(1));
            break;
        }
        assert!(matches!(found, Err(Error::Cancelled)) && rounds < 20);
    }
    assert!(rounds > 5, "it was stopped {rounds} times");
}

#[test]
fn a_file_cut_anywhere_is_resumed_or_refused_and_never_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.jsonl");
    let run = |trials: usize| -> Result<Vec<Trial>> {
        let mut study = Study::open(plan(2), Box::new(JsonlStudy::open(&path)?))?;
        study.run(trials, None, &FitContext::new(0).threads(1), &value)?;
        Ok(timeless(&study))
    };
    let expected = run(14).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for cut in (0..bytes.len()).step_by(61) {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        assert_eq!(run(14).unwrap(), expected, "cut at {cut}");
    }
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
    lines[3] = b"{\"event\": \"tri\n";
    std::fs::write(&path, lines.concat()).unwrap();
    let error = run(14).unwrap_err().to_string();
    assert!(error.contains("line 4"), "{error}");
}

#[test]
fn a_study_of_another_space_seed_or_objective_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.jsonl");
    drop(Study::open(plan(1), Box::new(JsonlStudy::open(&path).unwrap())).unwrap());
    let refused = |plan: Plan, word: &str| {
        let error = match Study::open(plan, Box::new(JsonlStudy::open(&path).unwrap())) {
            Ok(_) => panic!("{word} was not refused"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(word), "{error}");
    };
    let other = Space::new().choice("kind", ["a", "b", "c"]).log_float("rate", 1e-4, 2.0);
    refused(Plan { space: other, ..plan(1) }, "search space (parameter \"rate\")");
    refused(Plan { seed: Seed::new(8), ..plan(1) }, "its seed is 7 there and 8 here");
    refused(Plan { about: "other data".into(), ..plan(1) }, "what it searches for");
    refused(Plan { sampler: Sampler::Random, ..plan(1) }, "its sampler");
    std::fs::write(&path, "{\"text\": \"a line of something else\"}\n").unwrap();
    refused(plan(1), "does not begin with a study");
}

#[test]
fn a_longer_study_begins_with_the_shorter_one() {
    let run = |sizes: &[usize]| {
        let mut study = Study::open(plan(4), Box::new(MemoryStudy::default())).unwrap();
        for size in sizes {
            study.run(*size, None, &FitContext::new(0), &value).unwrap();
        }
        timeless(&study)
    };
    assert_eq!(run(&[30]), run(&[6, 17, 30]));
}

/// Six dimensions, six minima, the lowest −3.32.
fn hartmann(x: &[f64]) -> f64 {
    const A: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const C: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const P: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    -(0..4)
        .map(|i| C[i] * (-(0..6).map(|j| A[i][j] * (x[j] - P[i][j]).powi(2)).sum::<f64>()).exp())
        .sum::<f64>()
}

fn lowest(sampler: &Sampler, seed: u64) -> f64 {
    let space = (0..6).fold(Space::new(), |s, i| s.float(&format!("x{i}"), 0.0, 1.0));
    let plan = Plan { sampler: sampler.clone(), ..Plan::new(space, seed) };
    let mut study = Study::open(plan, Box::new(MemoryStudy::default())).unwrap();
    let ctx = FitContext::new(0).threads(1);
    study
        .run(100, None, &ctx, &|trial| {
            let x: Vec<f64> = trial.params().values().filter_map(Value::as_f64).collect();
            Ok(Some(-hartmann(&x)))
        })
        .unwrap();
    -study.best().and_then(|t| t.score).unwrap()
}

#[test]
fn tpe_finds_what_chance_does_not() {
    let median = |sampler: &Sampler| {
        let mut found: Vec<f64> = (0..9).map(|seed| lowest(sampler, seed)).collect();
        found.sort_by(f64::total_cmp);
        found[4]
    };
    let (tpe, chance) = (median(&Sampler::Tpe(Tpe::default())), median(&Sampler::Random));
    assert!(tpe < -3.0 && chance > -2.6, "tpe {tpe}, random {chance}");
    let single = median(&Sampler::Tpe(Tpe { multivariate: false, ..Tpe::default() }));
    assert!(single < -2.7, "{single}");
}
