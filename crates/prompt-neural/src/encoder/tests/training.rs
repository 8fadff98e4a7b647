//! What learns when: probing, frozen layers, adapters, runs that go on, gradients by hand.

use burn::tensor::Device;
use prompt_core::{Error, FitContext, Target};
use prompt_encoder::SavedAs;
use serde_json::Value;

use super::{data, folder, killed_at_once, logits, open, published, quick};
use crate::encoder::fine_tune::FineTune;
use crate::encoder::fitted::FittedEncoder;
use crate::encoder::model::Model;
use crate::net::{Input, Store, Tape};
use crate::reference::assert_close;
use crate::text::Batch;
use crate::train::TrainFiles;

#[test]
fn a_probed_head_knows_something_before_the_encoder_moves() {
    let (texts, y) = data();
    // So little that the encoder stays what it was.
    let still = || quick().head("linear".into()).pooling("mean".into()).learning_rate(1e-9).max_epochs(1);
    let fit = |params: FineTune| params.fit(folder("bert"), &texts, &y, &FitContext::new(3)).unwrap();
    let right = |fitted: &FittedEncoder| {
        let prediction = fitted.predict(&texts).unwrap();
        prediction
            .labels()
            .unwrap()
            .into_iter()
            .zip(["calm", "attack"].repeat(12))
            .filter(|(a, b)| a == b)
            .count()
    };
    let probed = fit(still().probe_epochs(20).probe_rate(0.05));
    assert!(right(&probed) > right(&fit(still())) && right(&probed) == 24, "{:?}", probed.probe_history());
    assert_eq!((probed.probe_history().len(), probed.history().len()), (20, 1));
    let moved = |fitted: &FittedEncoder| fitted.model.store.read_all().unwrap();
    assert!(moved(&probed) == moved(&fit(still().probe_epochs(20).probe_rate(0.05))), "same seed, same bits");
    for head in ["published", "deep"] {
        let y = Target::regression([10.0, 90.0].repeat(12)).unwrap();
        let params = still().head(head.into()).probe_epochs(60).probe_rate(0.05);
        let fitted = params.fit(folder("bert"), &texts, &y, &FitContext::new(3)).unwrap();
        let values = fitted.predict(&texts[..2]).unwrap().values().unwrap();
        assert!(values[0] < 40.0 && values[1] > 60.0, "{head}: {values:?}");
    }
}

#[test]
fn a_probed_run_goes_on_to_the_same_bits() {
    let (texts, y) = data();
    let params = quick().head("linear".into()).probe_epochs(3).max_epochs(2);
    let whole = params.fit(folder("bert"), &texts, &y, &FitContext::new(3)).unwrap();
    assert_eq!((whole.probe_history().len(), whole.history().len()), (3, 2));
    let dir = tempfile::tempdir().unwrap();
    let files = TrainFiles::default().checkpoints(dir.path()).resume(true);
    // As a killed process ends, behind the first evaluation; the second time it ends by itself.
    let killed = params.fit_in(folder("bert"), &texts, &y, &killed_at_once(), &files);
    assert!(matches!(killed, Err(Error::Cancelled)));
    let numbers = |fitted: &FittedEncoder| fitted.model.store.read_all().unwrap();
    for run in ["what was left", "a finished run"] {
        let again = params.fit_in(folder("bert"), &texts, &y, &FitContext::new(3), &files).unwrap();
        assert!(again.probe_history().is_empty() && again.history().len() == 2, "{run}");
        assert!(numbers(&whole) == numbers(&again), "{run}");
    }
}

#[test]
fn a_run_begun_on_two_devices_goes_on_on_one() {
    let (texts, y) = data();
    let params = quick().max_epochs(2).accumulation(2);
    let whole = params.fit(folder("bert"), &texts, &y, &FitContext::new(3)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let files = TrainFiles::default().checkpoints(dir.path()).resume(true);
    let two = params.clone().devices(2);
    assert!(two.fit_in(folder("bert"), &texts, &y, &killed_at_once(), &files).is_err());
    let again = params.fit_in(folder("bert"), &texts, &y, &FitContext::new(3), &files).unwrap();
    assert!(again.model.store.read_all().unwrap() == whole.model.store.read_all().unwrap());
}

#[test]
fn frozen_layers_stay_and_thaw_from_the_top() {
    let (texts, y) = data();
    let before = open(&folder("bert"), 2).store;
    let moved = |params: FineTune| -> Vec<usize> {
        let fitted = params
            .weight_decay(0.0)
            .validation_fraction(0.0)
            .max_epochs(3)
            .fit(folder("bert"), &texts, &y, &FitContext::new(3))
            .unwrap();
        let store = &fitted.model.store;
        let changed = |i: &usize| store.read(*i).unwrap() != before.read(*i).unwrap();
        let mut layers: Vec<usize> =
            (0..store.len()).filter(changed).map(|i| store.params()[i].layer).collect();
        layers.retain(|&l| l != usize::MAX);
        layers.dedup();
        layers.sort_unstable();
        layers.dedup();
        layers
    };
    let all = before.params().iter().map(|p| p.layer).filter(|&l| l != usize::MAX).max().unwrap();
    assert_eq!(moved(quick().freeze_layers(all)), Vec::<usize>::new());
    assert_eq!(moved(quick().freeze_layers(all).unfreeze_every(Some(2))), [all]);
    assert_eq!(moved(quick()), (0..=all).collect::<Vec<_>>());
}

#[test]
fn adapters_learn_alone_and_are_saved_inside_the_matrices() {
    let (texts, y) = data();
    for family in ["bert", "distilbert", "albert", "deberta-v3"] {
        let params = quick().lora_rank(Some(2)).learning_rate(2e-2);
        let fitted = params.fit(folder(family), &texts, &y, &FitContext::new(3)).unwrap();
        let before = open(&folder(family), 2).store;
        for (i, old) in before.params().iter().enumerate().filter(|(_, p)| p.layer != usize::MAX) {
            let now = fitted.model.store.params().iter().position(|p| p.name == old.name).unwrap();
            assert!(
                fitted.model.store.read(now).unwrap() == before.read(i).unwrap(),
                "{family}: {}",
                old.name
            );
        }
        let dir = tempfile::tempdir().unwrap();
        fitted.save(dir.path().join("m"), SavedAs::F32).unwrap();
        let saved = open(&dir.path().join("m"), 2);
        let ids: Value = serde_json::json!([[2, 7, 8, 9, 3]]);
        let (a, b) = (logits(&saved, &ids), logits(&fitted.model, &ids));
        let b: Vec<f64> = b[0].iter().map(|v| f64::from(*v)).collect();
        assert_close(&a[0], &b, 1e-4);
    }
    let error =
        quick().lora_rank(Some(2)).fit(folder("modernbert"), &texts, &y, &FitContext::new(3)).unwrap_err();
    assert!(error.to_string().contains("lora_rank"), "{error}");
}

#[test]
fn blocks_by_hand_have_the_gradients_of_burns_own() {
    let model = Model::open(
        &folder("bert"),
        &FineTune::default(),
        published(3),
        None,
        Store::new(Device::flex().autodiff()),
        &FitContext::new(1),
    )
    .unwrap();
    let s = &model.store;
    let short = vec![vec![2, 40, 41, 42, 3], vec![2, 50, 3], vec![2, 3]];
    // More tokens than one part of a batch has.
    let row = |i: u32| (0..24 + i % 9).map(|t| 5 + (i * 7 + t * 3) % 50).collect::<Vec<_>>();
    let long: Vec<Vec<u32>> = (0..75).map(row).collect();
    for rows in [short, long] {
        let input = Input::new(&Batch::of(&rows, (0..rows.len()).collect()), s);
        assert_same_gradients(&model, &input);
    }
}

/// The gradients of blocks by hand are those of burn's own.
fn assert_same_gradients(model: &Model, input: &Input) {
    use prompt_core::Seed;

    let s = &model.store;
    let gradients = |by_hand: bool| {
        let mut tape = Tape::training(Seed::new(5));
        let x = model.net.hidden(s, &mut tape, input, by_hand);
        let mask = input.mask(s).inner();
        let mut end = crate::net::Onward::default();
        // Σ h³ over the own tokens: other directions matter too. A mean over rows, so that rounding is alike for few and many.
        let plain = x.clone().inner();
        end.give(x, plain.clone() * plain * mask * (3.0 / input.size() as f64));
        let mut grads = tape.backward(end).unwrap();
        let whole = |i: usize| {
            let grad = grads.take_param(s, i).unwrap()?;
            Some(grad.whole(s.params()[i].shape.iter().product()))
        };
        (0..s.len()).map(whole).collect::<Vec<_>>()
    };
    let (a, b) = (gradients(true), gradients(false));
    let mut compared = 0;
    for (i, (a, b)) in a.iter().zip(&b).enumerate() {
        assert_eq!(a.is_some(), b.is_some(), "{}", s.params()[i].name);
        if let (Some(a), Some(b)) = (a, b) {
            println!("{}", s.params()[i].name);
            let b: Vec<f64> = b.iter().map(|v| f64::from(*v)).collect();
            assert_close(a, &b, 2e-4);
            compared += 1;
        }
    }
    assert!(compared > 30);
}

#[test]
fn a_batch_of_several_parts_is_the_same_for_any_number_of_threads() {
    let texts: Vec<String> = (0..48).map(|i| format!("write {} poem ", i % 5).repeat(12)).collect();
    let y = Target::labels((0..48).map(|i| ["calm", "attack"][i % 2]));
    let fit = |threads: usize| {
        let params = quick().dropout(0.1).batch_size(40).max_epochs(2).max_length(32);
        let fitted = params.fit(folder("bert"), &texts, &y, &FitContext::new(3).threads(threads)).unwrap();
        (fitted.model.store.read_all().unwrap(), fitted.predict(&texts).unwrap())
    };
    let (one, other) = (fit(1), fit(3));
    assert!(one.0 == other.0);
    assert_eq!(one.1, other.1);
}
