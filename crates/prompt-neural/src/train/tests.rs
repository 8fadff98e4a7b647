//! Optimiser and schedules against PyTorch; runs that are killed and go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::Device;
use prompt_core::{CancelToken, Control, Event, FitContext, Seed, Target};

use super::optimizer::{AdamW, Group, clip_factor};
use super::schedule::{Plateau, Schedule};
use super::*;
use crate::loss::{Loss, LossKind};
use crate::net::{Builder, Grad, RowGrad, Store, Tape};
use crate::products::Products;
use crate::reference::{assert_close, list, list32, torch};
use crate::text::Batch;
use crate::{Cnn, TextNetwork};

#[test]
fn adamw_with_clipping_is_pytorchs() {
    let torch = torch();
    let t = &torch["adamw"];
    let mut store = Store::new(Device::flex());
    let mut b = Builder::new(&mut store, Seed::new(1));
    for (name, shape) in [("w", &[3, 2][..]), ("b", &[2][..])] {
        b.param(name, shape, crate::net::Init::Zeros);
    }
    store.write_all(vec![list32(&t["start"][0]), list32(&t["start"][1])]).unwrap();
    let mut optimizer = AdamW::new(&store);
    for step in 0..3 {
        let grads: Vec<Option<Grad>> =
            (0..2).map(|p| Some(Grad::Whole(list32(&t["grads"][step][p]).into()))).collect();
        let squares = |grad: &Grad| grad.values().iter().map(|g| f64::from(g * g)).sum::<f64>();
        let norm = grads.iter().flatten().map(squares).sum::<f64>().sqrt();
        assert!((norm - t["norms"][step].as_f64().unwrap()).abs() < 1e-5);
        let groups = [Group { rate: 0.01, decay: 0.1 }, Group { rate: 0.005, decay: 0.0 }];
        let scale = clip_factor(norm, Some(1.0)) as f32;
        optimizer.step(&mut store, &grads, scale, &FitContext::new(1), |i| groups[i]).unwrap();
        for p in 0..2 {
            assert_close(&store.read(p).unwrap(), &list(&t["after"][step][p]), 1e-6);
        }
    }
}

#[test]
fn a_step_of_some_rows_is_a_step_of_all_to_the_bit() {
    // Large enough that several threads take part.
    const ROWS: usize = 9000;
    const WIDTH: usize = 8;
    let mut rng = Seed::new(3).rng();
    let mut draw = |n: usize| (0..n).map(|_| rng.normal() as f32).collect::<Vec<f32>>();
    let stores: Vec<Store> = {
        let start = draw(ROWS * WIDTH);
        let store = || {
            let mut store = Store::new(Device::flex());
            Builder::new(&mut store, Seed::new(1)).param("w", &[ROWS, WIDTH], crate::net::Init::Zeros);
            store.write_all(vec![start.clone()]).unwrap();
            store
        };
        vec![store(), store()]
    };
    let [mut whole, mut some] = <[Store; 2]>::try_from(stores).unwrap();
    let (mut of_whole, mut of_some) = (AdamW::new(&whole), AdamW::new(&some));
    let group = |_| Group { rate: 0.01, decay: 0.1 };
    for step in 0..4u32 {
        // Other rows in every step, one of them twice.
        let ids = [step * 7, 8191 + step, 3, 8999, 3];
        let rows = RowGrad::gather(&ids, &draw(ids.len() * WIDTH), WIDTH);
        let all = Grad::Rows(rows.clone()).whole(ROWS * WIDTH);
        let ctx = FitContext::new(1);
        of_whole.step(&mut whole, &[Some(Grad::Whole(all.into()))], 0.5, &ctx, group).unwrap();
        of_some.step(&mut some, &[Some(Grad::Rows(rows))], 0.5, &ctx, group).unwrap();
        assert!(whole.read_all().unwrap() == some.read_all().unwrap());
        assert!(of_whole == of_some);
    }
}

#[test]
fn schedules_are_those_of_pytorch_and_transformers() {
    let torch = torch();
    for (schedule, name) in [(Schedule::Linear, "linear"), (Schedule::Cosine, "cosine")] {
        for (step, expected) in list(&torch[name]).into_iter().enumerate() {
            assert!((schedule.factor(step, 3, 10) - expected).abs() < 1e-12, "{name}, step {step}");
        }
    }
    let mut plateau = Plateau::new();
    let expected = list(&torch["plateau"]["rates"]);
    for (loss, expected) in list(&torch["plateau"]["losses"]).into_iter().zip(expected) {
        plateau.observe(loss);
        assert_eq!(plateau.factor(), expected, "after a loss of {loss}");
    }
    assert_eq!(Schedule::Constant.factor(2, 4, 10), 0.5);
    assert_eq!(Schedule::Linear.factor(0, 0, 0), 1.0);
}

fn data() -> (Vec<String>, Target) {
    let text = |i: usize| format!("{} {}", ["bypass", "explain"][i % 2], "word ".repeat(i % 5));
    let y = Target::labels((0..80).map(|i| ["order", "question"][(i + i / 17) % 2]));
    ((0..80).map(text).collect(), y)
}

fn network() -> Cnn {
    let small = Cnn::default().windows(vec![1, 2]).filters(4).embedding_dim(6).min_freq(1).batch_size(8);
    small.max_epochs(5).patience(5).accumulation(2).schedule("cosine".into()).eval_steps(Some(3))
}

/// Cancels at the `n`-th evaluation, as a killed process would end.
fn killed_after(n: usize) -> FitContext {
    let token = CancelToken::new();
    let (seen, cancel) = (AtomicUsize::new(0), token.clone());
    let observer = move |event: &Event<'_>| {
        if event.stage == "epoch" && seen.fetch_add(1, Ordering::Relaxed) + 1 == n {
            cancel.cancel();
        }
        Control::Continue
    };
    FitContext::new(9).with_cancel(token).with_observer(Arc::new(observer))
}

#[test]
fn a_killed_run_goes_on_to_the_same_bits() {
    let (texts, y) = data();
    let dir = tempfile::tempdir().unwrap();
    let whole_log = dir.path().join("whole.jsonl");
    let files = TrainFiles::default().log(&whole_log).checkpoints(dir.path().join("whole"));
    let whole = network().fit_in(&texts, &y, &FitContext::new(9), &files).unwrap();

    let log = dir.path().join("parts.jsonl");
    let files = TrainFiles::default().log(&log).checkpoints(dir.path().join("parts")).resume(true);
    // The third evaluation is in the middle of an epoch. How many devices there are is no part of a run.
    for (kills, devices) in [(3, 2), (2, 1)] {
        assert!(network().devices(devices).fit_in(&texts, &y, &killed_after(kills), &files).is_err());
    }
    let parts = network().fit_in(&texts, &y, &FitContext::new(9), &files).unwrap();
    assert_eq!(parts.predict(&texts).unwrap(), whole.predict(&texts).unwrap());
    assert_eq!(parts.history().len(), whole.history().len());
    assert!(parts.history().iter().zip(whole.history()).all(|(a, b)| a.same_numbers(b)));
    let read = |path| -> Vec<EpochRecord> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let (a, b) = (read(&log), read(&whole_log));
    assert!(a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.same_numbers(b)));

    // A run that has ended goes on to what it came to.
    let again = network().fit_in(&texts, &y, &FitContext::new(9), &files).unwrap();
    assert_eq!(again.predict(&texts).unwrap(), whole.predict(&texts).unwrap());
}

#[test]
fn checkpoints_of_another_run_or_cut_short_are_refused() {
    let (texts, y) = data();
    let dir = tempfile::tempdir().unwrap();
    let files = TrainFiles::default().checkpoints(dir.path()).resume(true);
    network().max_epochs(1).fit_in(&texts, &y, &FitContext::new(9), &files).unwrap();
    let error = network().fit_in(&texts, &y, &FitContext::new(9), &files).unwrap_err().to_string();
    assert!(error.contains("belongs to other data, parameters or another seed"), "{error}");

    let last = dir.path().join("last.safetensors");
    let bytes = std::fs::read(&last).unwrap();
    for n in [0, 7, 100, bytes.len() - 1] {
        std::fs::write(&last, &bytes[..n]).unwrap();
        let error =
            network().max_epochs(1).fit_in(&texts, &y, &FitContext::new(9), &files).unwrap_err().to_string();
        assert!(error.contains("last.safetensors") && error.contains("is no readable checkpoint"), "{error}");
    }
}

#[test]
fn accumulated_batches_are_one_large_batch() {
    let (texts, y) = data();
    let plain = network().dropout(0.0).eval_steps(None).max_epochs(2).clip_norm(None);
    let fit = |n: &Cnn| n.fit(&texts, &y, &FitContext::new(9)).unwrap();
    // The batches of an epoch are drawn alike when all rows fit into one step.
    let parts = fit(&plain.clone().batch_size(20).accumulation(4));
    let whole = fit(&plain.batch_size(80).accumulation(1));
    for (a, b) in parts.history().iter().zip(whole.history()) {
        assert!((a.train_loss - b.train_loss).abs() < 1e-5, "{a:?} {b:?}");
        assert!((a.gradient_norm - b.gradient_norm).abs() < 1e-4, "{a:?} {b:?}");
    }
}

#[test]
fn held_out_rows_keep_the_shares_of_the_classes() {
    let y = Target::labels((0..100).map(|i| if i < 90 { "many" } else { "few" }));
    let (train, held) = hold_out(&y, 0.2, Seed::new(1));
    assert_eq!((train.len(), held.len()), (80, 20));
    assert_eq!(held.iter().filter(|&&r| r >= 90).count(), 2);
    let (train, held) = hold_out(&Target::labels(["a", "b"]), 0.9, Seed::new(1));
    assert_eq!((train.len(), held.len()), (2, 0));
}

#[test]
fn several_devices_come_to_the_bits_of_one() {
    let (texts, y) = data();
    let of = |devices: usize, threads: usize| {
        let ctx = FitContext::new(9).threads(threads);
        network().accumulation(4).devices(devices).dropout(0.2).fit(&texts, &y, &ctx).unwrap()
    };
    let one = of(1, 1);
    let losses = |fitted: &crate::FittedNetwork| {
        fitted
            .history()
            .iter()
            .map(|r| (r.train_loss, r.validation_loss, r.gradient_norm))
            .collect::<Vec<_>>()
    };
    // A number that divides the batches of a step, one that does not, and more than there are.
    for (devices, threads) in [(2, 2), (3, 2), (4, 1), (16, 4)] {
        let several = of(devices, threads);
        assert_eq!(losses(&several), losses(&one), "{devices} devices");
        assert_eq!(several.predict(&texts).unwrap(), one.predict(&texts).unwrap(), "{devices} devices");
    }
    assert!(one.history().len() > 2);
}

/// Layers that thaw learn on every device from then on.
#[test]
fn several_devices_fine_tune_as_one() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../prompt-encoder/tests/reference/bert");
    let (texts, y) = data();
    let of = |devices: usize| {
        let quick = crate::FineTune::default().max_epochs(3).batch_size(5).learning_rate(5e-3).max_length(16);
        let tuned = quick.accumulation(3).freeze_layers(1).unfreeze_every(Some(1)).devices(devices);
        tuned.fit(&folder, &texts, &y, &FitContext::new(4).threads(2)).unwrap()
    };
    let (one, two) = (of(1), of(2));
    assert_eq!(one.predict(&texts).unwrap(), two.predict(&texts).unwrap());
}

/// One matrix learns in f16 from numbers so large that the first gradients, 65,536 times as large, are infinite there.
fn overflowing(files: &TrainFiles, ctx: &FitContext) -> prompt_core::Result<job::Trained> {
    let y = Target::labels(["a", "b"].repeat(8));
    let (codes, classes) = y.as_classes().unwrap();
    let mut store = Store::new(Device::flex().autodiff()).with_products(Products::F16);
    let weight = Builder::new(&mut store, Seed::new(1)).param("w", &[2, 2], crate::net::Init::Zeros);
    let forward = |s: &Store, _: &mut Tape, batch: &Batch| {
        let of = |&row: &usize| [100.0, if codes[row] == 0 { 100.0 } else { -100.0 }];
        let x = s.constant(batch.rows.iter().flat_map(of).collect(), [batch.size(), 2]);
        Ok(vec![s.products().linear(x, s.get::<2>(weight), None)])
    };
    let rows: Vec<usize> = (0..16).collect();
    let loss =
        Loss::new(&y, LossKind::named("cross_entropy", 0.0, 0.0), &prompt_core::ClassWeight::None, None);
    let tasks = [Task {
        loss: loss.unwrap(),
        weight: 1.0,
        target: &y,
        output: prompt_core::Output::Classes(classes.clone()),
        ordinal: false,
    }];
    let options = Cnn::default().max_epochs(10).batch_size(8).learning_rate(1e-3).warmup(0.0);
    train(
        &Job {
            forward: &forward,
            before_epoch: &|_, _| Ok(()),
            encoded: &vec![vec![0]; 16],
            tasks: &tasks,
            train_rows: &rows,
            validation_rows: &[],
            options: &options.training(),
            files,
            identity: String::new(),
        },
        &mut store,
        ctx,
    )
}

#[test]
fn gradients_that_overflow_f16_are_skipped_until_they_fit() {
    let trained = overflowing(&TrainFiles::default(), &FitContext::new(1)).unwrap();
    // 65,536 · ½ · 100 is too large by more than five doublings; the loss stands still for the first epochs, then falls.
    let losses: Vec<f64> = trained.history.iter().map(|r| r.train_loss).collect();
    let still = losses.iter().take_while(|loss| (**loss - 2f64.ln()).abs() < 1e-9).count();
    assert!((2..6).contains(&still), "{losses:?}");
    assert!(losses[9] < 0.3, "{losses:?}");
    let skipped: Vec<usize> = trained.history.iter().map(|r| r.skipped_steps).collect();
    assert!(skipped[0] == 2 && skipped[9] == 0 && skipped.iter().sum::<usize>() >= 5, "{skipped:?}");
    assert_eq!((trained.history[0].gradient_norm, trained.history[9].gradient_norm > 0.0), (0.0, true));
}

#[test]
fn a_run_that_was_stopped_goes_on_with_the_loss_scale_that_it_had() {
    let whole = overflowing(&TrainFiles::default(), &FitContext::new(9)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let files = TrainFiles::default().checkpoints(dir.path()).resume(true);
    // At the end of the second epoch it has been halved and is still too large.
    assert!(overflowing(&files, &killed_after(2)).is_err());
    let again = overflowing(&files, &FitContext::new(9)).unwrap();
    assert_eq!((again.history.len(), &again.values), (10, &whole.values));
    assert!(again.history.iter().zip(&whole.history).all(|(a, b)| a.same_numbers(b)), "{:?}", again.history);
}
