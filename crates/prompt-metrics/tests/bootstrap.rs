//! The bootstrap: one answer for any number of threads, the short way equal to the long one, bounds that cover.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test builds, it unwraps as the test does")]

use prompt_core::{CancelToken, Error, FitContext, Seed};
use prompt_metrics::probability::roc_auc;
use prompt_metrics::{Bootstrap, BootstrapMethod, Confusion};

/// Labels of three classes and predictions that are right in about `accuracy` of the rows.
fn data(n: usize, accuracy: f64, seed: u64) -> (Vec<u32>, Vec<u32>) {
    let mut rng = Seed::new(seed).rng();
    (0..n)
        .map(|_| {
            let truth = rng.below(3) as u32;
            (truth, if rng.chance(accuracy) { truth } else { rng.below(3) as u32 })
        })
        .unzip()
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (truth, pred) = data(1500, 0.8, 1);
    let boot = Bootstrap::default().resamples(300);
    let run = |threads| {
        let ctx = FitContext::new(9).threads(threads);
        boot.of_confusion(&truth, &pred, 3, None, |c| Ok(c.f1_macro()), &ctx).unwrap()
    };
    assert_eq!(run(1), run(2));
    assert_eq!(run(1), run(16));
}

#[test]
fn drawing_counts_is_as_drawing_rows() {
    for (classes, offset) in [(3, 0), (20, 17)] {
        let (truth, pred) = data(700, 0.7, 2);
        let shift = |y: &[u32]| y.iter().map(|c| c + offset).collect::<Vec<_>>();
        let (truth, pred) = (shift(&truth), shift(&pred));
        let weights: Vec<f64> = (0..700).map(|i| f64::from(1 + i % 4)).collect();
        let ctx = FitContext::new(3);
        let boot = Bootstrap::default().resamples(3000).level(0.9);
        for w in [None, Some(weights.as_slice())] {
            let fast = boot.of_confusion(&truth, &pred, classes, w, |c| Ok(c.f1_macro()), &ctx).unwrap();
            let pick = |rows: &[usize], y: &[u32]| rows.iter().map(|&i| y[i]).collect::<Vec<_>>();
            let slow = boot
                .of_rows(
                    700,
                    |rows| {
                        let w: Option<Vec<f64>> = w.map(|w| rows.iter().map(|&i| w[i]).collect());
                        let (t, p) = (pick(rows, &truth), pick(rows, &pred));
                        Ok(Confusion::new(&t, &p, classes, w.as_deref())?.f1_macro())
                    },
                    &ctx,
                )
                .unwrap();
            assert_eq!(fast.interval.estimate, slow.interval.estimate);
            // The same distribution: alike within a few of its standard errors over 3000 draws.
            assert!((fast.standard_error / slow.standard_error - 1.0).abs() < 0.06, "{fast:?} {slow:?}");
            let apart = 0.15 * slow.standard_error;
            assert!((fast.interval.low - slow.interval.low).abs() < apart, "{fast:?} {slow:?}");
            assert!((fast.interval.high - slow.interval.high).abs() < apart, "{fast:?} {slow:?}");
        }
    }
}

#[test]
fn rows_that_are_all_different_are_drawn_as_rows() {
    let (truth, pred) = data(400, 0.7, 4);
    // Quarters add up without rounding, whatever their order.
    let weights: Vec<f64> = (0..400).map(|i| 1.0 + 0.25 * f64::from(i)).collect();
    let ctx = FitContext::new(8);
    let boot = Bootstrap::default().resamples(50);
    let fast = boot.of_confusion(&truth, &pred, 3, Some(&weights), |c| Ok(c.accuracy()), &ctx).unwrap();
    let accuracy = |rows: &[usize]| {
        let pick = |y: &[u32]| rows.iter().map(|&i| y[i]).collect::<Vec<_>>();
        let w: Vec<f64> = rows.iter().map(|&i| weights[i]).collect();
        Ok(Confusion::new(&pick(&truth), &pick(&pred), 3, Some(&w))?.accuracy())
    };
    assert_eq!(fast, boot.of_rows(400, accuracy, &ctx).unwrap());
}

#[test]
fn corrected_bounds_agree_between_counts_and_rows() {
    let (truth, pred) = data(300, 0.8, 6);
    let ctx = FitContext::new(2);
    let boot = Bootstrap::default().resamples(4000).method(BootstrapMethod::Bca);
    let fast = boot.of_confusion(&truth, &pred, 3, None, |c| Ok(c.accuracy()), &ctx).unwrap();
    let accuracy =
        |rows: &[usize]| Ok(rows.iter().filter(|&&i| truth[i] == pred[i]).count() as f64 / rows.len() as f64);
    let slow = boot.of_rows(300, accuracy, &ctx).unwrap();
    assert!((fast.interval.low - slow.interval.low).abs() < 0.006, "{fast:?} {slow:?}");
    assert!((fast.interval.high - slow.interval.high).abs() < 0.006, "{fast:?} {slow:?}");
    // Accuracy near 1 is skewed: the corrected interval reaches further down.
    let plain = boot.method(BootstrapMethod::Percentile);
    let plain = plain.of_confusion(&truth, &pred, 3, None, |c| Ok(c.accuracy()), &ctx).unwrap();
    assert!(fast.interval.low < plain.interval.low, "{fast:?} {plain:?}");
}

#[test]
fn intervals_cover_what_they_promise() {
    // The accuracy of these predictions is 0.7 + 0.3/3 = 0.8; a 90% interval misses it about once in ten.
    let boot = Bootstrap::default().resamples(200).level(0.9);
    let covered = (0..200)
        .filter(|&seed| {
            let (truth, pred) = data(300, 0.7, 1000 + seed);
            let ctx = FitContext::new(seed).serial();
            let found = boot.of_confusion(&truth, &pred, 3, None, |c| Ok(c.accuracy()), &ctx).unwrap();
            (found.interval.low..=found.interval.high).contains(&0.8)
        })
        .count();
    assert!((165..=195).contains(&covered), "{covered} of 200 intervals cover the truth");
}

#[test]
fn the_standard_error_of_accuracy_is_the_binomial_one() {
    let (truth, pred) = data(2000, 0.7, 5);
    let ctx = FitContext::new(5);
    let boot = Bootstrap::default().resamples(4000);
    let found = boot.of_confusion(&truth, &pred, 3, None, |c| Ok(c.accuracy()), &ctx).unwrap();
    let p = found.interval.estimate;
    let expected = (p * (1.0 - p) / 2000.0).sqrt();
    assert!((found.standard_error / expected - 1.0).abs() < 0.05, "{} {expected}", found.standard_error);
}

#[test]
fn a_better_model_is_told_from_an_equal_one() {
    let (truth, worse) = data(2000, 0.6, 7);
    let (_, draws) = data(2000, 0.0, 8);
    // Right wherever the worse one is, and on every third of its mistakes.
    let better: Vec<u32> =
        (0..2000).map(|i| if worse[i] == truth[i] || draws[i] == 0 { truth[i] } else { worse[i] }).collect();
    let ctx = FitContext::new(1);
    let boot = Bootstrap::default().resamples(500);
    let f1 = |c: &Confusion| Ok(c.f1_macro());
    let found = boot.paired_confusion(&truth, [&better, &worse], 3, None, f1, &ctx).unwrap();
    assert!(found.difference.interval.low > 0.0 && found.p_value < 0.01, "{found:?}");
    assert_eq!(found.difference.interval.estimate, found.a - found.b);
    let same = boot.paired_confusion(&truth, [&worse, &worse], 3, None, f1, &ctx).unwrap();
    assert_eq!((same.p_value, same.difference.interval.low, same.difference.interval.high), (1.0, 0.0, 0.0));

    let measured = |pred: &[u32], rows: &[usize]| {
        let pick = |y: &[u32]| rows.iter().map(|&i| y[i]).collect::<Vec<_>>();
        Ok(Confusion::new(&pick(&truth), &pick(pred), 3, None)?.f1_macro())
    };
    let slow =
        boot.paired(2000, |rows| measured(&better, rows), |rows| measured(&worse, rows), &ctx).unwrap();
    assert_eq!((slow.a, slow.b), (found.a, found.b));
    assert!((slow.difference.standard_error / found.difference.standard_error - 1.0).abs() < 0.15);
}

#[test]
fn resamples_without_a_value_are_counted() {
    // One positive among eight rows: about 34% of the resamples miss it, and have no AUC.
    let truth = [true, false, false, false, false, false, false, false];
    let scores = [0.9, 0.1, 0.2, 0.3, 0.95, 0.5, 0.6, 0.7];
    let ctx = FitContext::new(2);
    let metric = |rows: &[usize]| {
        let y: Vec<bool> = rows.iter().map(|&i| truth[i]).collect();
        let s: Vec<f64> = rows.iter().map(|&i| scores[i]).collect();
        roc_auc(&y, &s, None)
    };
    let found = Bootstrap::default().resamples(1000).of_rows(8, metric, &ctx).unwrap();
    assert!((280..=410).contains(&found.undefined), "{}", found.undefined);
    let never = |rows: &[usize]| if rows.len() == 8 && rows[1] == 1 { Ok(1.0) } else { Ok(f64::NAN) };
    let none = Bootstrap::default().resamples(1).of_rows(8, never, &FitContext::new(0));
    assert!(none.unwrap_err().to_string().starts_with("the metric is undefined on each of 1 resamples"));
}

#[test]
fn bad_settings_and_cancelling_have_names() {
    let ctx = FitContext::new(0);
    let run = |boot: Bootstrap| boot.of_rows(3, |_| Ok(1.0), &ctx).unwrap_err().to_string();
    assert_eq!(
        run(Bootstrap::default().resamples(0)),
        "bootstrap: parameter `resamples` must be a whole number ≥ 1, got 0"
    );
    assert!(run(Bootstrap::default().level(1.5)).contains("`level`"));
    let empty = Bootstrap::default().of_rows(0, |_| Ok(1.0), &ctx).unwrap_err();
    assert!(empty.to_string().contains("no rows"));
    let token = CancelToken::new();
    token.cancel();
    let stopped = Bootstrap::default().of_rows(3, |_| Ok(1.0), &ctx.with_cancel(token));
    assert!(matches!(stopped, Err(Error::Cancelled)));
}
