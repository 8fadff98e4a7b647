//! Layers that are computed again on the way back, and layers that are not gone back through.

use burn::tensor::Device;
use prompt_core::{FitContext, Seed};

use super::super::fine_tune::FineTune;
use super::super::model::Model;
use super::{FAMILIES, data, folder, published, quick};
use crate::net::{Input, Store, Tape};
use crate::products::Products;
use crate::reference::assert_close;
use crate::text::Batch;

/// The gradients of all parameters of Σ p²/2, p being the pooled numbers of three rows, by name.
pub(super) fn gradients_of(family: &str, params: &FineTune) -> Vec<(String, Option<Vec<f32>>)> {
    let device = Device::flex();
    let products = Products::on(&device, &params.precision).unwrap();
    let store = Store::new(device.autodiff()).with_products(products);
    let mut model =
        Model::open(&folder(family), params, published(3), None, store, &FitContext::new(1)).unwrap();
    params.freeze(0, &mut model.store).unwrap();
    let s = &model.store;
    let rows = vec![vec![2, 40, 41, 42, 3], vec![2, 50, 3], vec![2, 3]];
    let input = Input::new(&Batch::of(&rows, vec![0, 1, 2]), s);
    let mut tape = Tape::training(Seed::new(5));
    let pooled = model.net.pooled(s, &mut tape, &input, 0.2).unwrap();
    let mut end = crate::net::Onward::default();
    let plain = pooled.clone().inner();
    end.give(pooled, plain);
    let mut grads = tape.backward(end).unwrap();
    let mut whole = |i: usize| {
        let grad = grads.take_param(s, i).unwrap()?;
        Some(grad.whole(s.params()[i].shape.iter().product()))
    };
    s.params().iter().enumerate().map(|(i, p)| (p.name.clone(), whole(i))).collect()
}

#[test]
fn layers_that_are_computed_again_have_the_same_gradients() {
    let all = FAMILIES.map(|family| (family, FineTune::default()));
    let adapted = ["bert", "deberta-v3"].map(|family| (family, FineTune::default().lora_rank(Some(2))));
    let frozen = ["bert", "deberta-v3"].map(|family| (family, FineTune::default().freeze_layers(1)));
    for (family, params) in all.into_iter().chain(adapted).chain(frozen) {
        let kept = gradients_of(family, &params);
        let again = gradients_of(family, &params.gradient_checkpointing(true));
        assert!(kept.iter().filter(|(_, grad)| grad.is_some()).count() >= 4, "{family}");
        for ((name, kept), (_, again)) in kept.iter().zip(&again) {
            assert_eq!(kept.is_some(), again.is_some(), "{family}: {name}");
            if let (Some(kept), Some(again)) = (kept, again) {
                println!("{family}: {name}");
                // Sums over layers that share their numbers have another order.
                assert_close(again, &kept.iter().map(|v| f64::from(*v)).collect::<Vec<_>>(), 1e-5);
            }
        }
    }
}

#[test]
fn a_fit_with_layers_computed_again_comes_to_the_same_bits() {
    let (texts, y) = data();
    let params = quick().dropout(0.1).max_epochs(2);
    let numbers = |params: FineTune| {
        let fitted = params.fit(folder("bert"), &texts, &y, &FitContext::new(3)).unwrap();
        fitted.model.store.read_all().unwrap()
    };
    assert!(numbers(params.clone()) == numbers(params.gradient_checkpointing(true)));
}

#[test]
fn frozen_layers_are_not_gone_back_through() {
    for (family, by_name) in [("bert", "encoder.layer.0."), ("modernbert", "layers.0.")] {
        let gradients = gradients_of(family, &FineTune::default().freeze_layers(1));
        let of = |start: &str| gradients.iter().filter(|(n, g)| n.starts_with(start) && g.is_some()).count();
        assert_eq!((of("embeddings."), of(by_name)), (0, 0), "{family}");
        assert!(of(&by_name.replace('0', "1")) > 4, "{family}");
    }
}
