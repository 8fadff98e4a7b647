//! Layers against PyTorch, with rows of different lengths in one batch.

use burn::tensor::{Device, Tensor};
use prompt_core::Seed;
use serde_json::Value;

use super::layers::{AttentionPool, TransformerBlock};
use super::*;
use crate::reference::{assert_close, list, list32, torch, turned};
use crate::text::Batch;

/// Three rows of 4, 2 and 1 places.
fn input(store: &Store) -> Input {
    let encoded = [vec![2, 3, 4, 5], vec![2, 3], vec![2]];
    Input::new(&Batch::of(&encoded, vec![0, 1, 2]), store)
}

fn training() -> (Store, Tape) {
    (Store::new(Device::flex().autodiff()), Tape::training(Seed::new(1)))
}

fn leaf<const D: usize>(store: &Store, values: &Value, shape: [usize; D]) -> Tensor<D> {
    store.constant(list32(values), shape).require_grad()
}

/// Puts numbers into the parameters whose names end like this.
fn put(store: &mut Store, name: &str, values: Vec<f32>) {
    let i = place(store, name);
    assert_eq!(values.len(), store.params()[i].shape.iter().product::<usize>());
    store.set(i, values);
}

fn place(store: &Store, name: &str) -> usize {
    store.params().iter().position(|p| p.name == name).unwrap_or_else(|| panic!("no parameter {name}"))
}

/// The gradients of the sum of squares of `y`.
fn back_from_squares<const D: usize>(tape: Tape, y: &Tensor<D>) -> Grads {
    let mut end = Onward::default();
    end.give(y.clone(), y.clone().inner() * 2.0);
    tape.backward(end).unwrap()
}

#[test]
fn lstm_is_pytorchs_in_both_directions() {
    let torch = torch();
    let t = &torch["lstm"];
    let (mut s, mut tape) = training();
    let mut b = Builder::new(&mut s, Seed::new(1));
    let forward = Lstm::new(b.under("f"), 3, 2, false);
    let backward = Lstm::new(b.under("b"), 3, 2, true);
    for (ours, theirs) in [("f", ""), ("b", "_reverse")] {
        let get = |n: &str| list32(&t[format!("{n}_l0{theirs}")]);
        put(&mut s, &format!("{ours}.input.weight"), turned(&get("weight_ih"), 8, 3));
        put(&mut s, &format!("{ours}.recurrent"), turned(&get("weight_hh"), 8, 2));
        // PyTorch keeps two biases, which are only ever added.
        let bias = get("bias_ih").iter().zip(get("bias_hh")).map(|(a, b)| a + b).collect();
        put(&mut s, &format!("{ours}.input.bias"), bias);
    }
    let x = leaf(&s, &torch["x"], [3, 4, 3]);
    let input = input(&s);
    let y = Tensor::cat(
        vec![
            forward.forward(&s, &mut tape, x.clone(), &input).unwrap(),
            backward.forward(&s, &mut tape, x.clone(), &input).unwrap(),
        ],
        2,
    );
    assert_close(&read(y.clone().inner()).unwrap(), &list(&t["y"]), 1e-6);
    let mut grads = back_from_squares(tape, &y);
    assert_close(&read(grads.take(&x).unwrap()).unwrap(), &list(&t["grad_x"]), 1e-6);
    for (ours, theirs) in [("f", ""), ("b", "_reverse")] {
        let mut of = |n: &str| read(grads.take(s.flat(place(&s, &format!("{ours}.{n}")))).unwrap()).unwrap();
        let expected = |n: &str| list(&t[format!("grad_{n}_l0{theirs}")]);
        assert_close(&turned(&of("input.weight"), 3, 8), &expected("weight_ih"), 1e-6);
        assert_close(&turned(&of("recurrent"), 2, 8), &expected("weight_hh"), 1e-6);
        assert_close(&of("input.bias"), &expected("bias_ih"), 1e-6);
    }
}

#[test]
fn convolution_is_pytorchs() {
    let torch = torch();
    let t = &torch["conv"];
    let (mut s, mut tape) = training();
    let conv = Convolution::new(Builder::new(&mut s, Seed::new(1)), 3, 3, 2);
    // PyTorch: [filters, width, window]; here [window · width, filters].
    let theirs = list32(&t["weight"]);
    let ours = |theirs: &[f32]| -> Vec<f32> {
        let one = |j: usize, e: usize, f: usize| theirs[(f * 3 + e) * 3 + j];
        (0..3)
            .flat_map(|j| (0..3).flat_map(move |e| (0..2).map(move |f| (j, e, f))))
            .map(|(j, e, f)| one(j, e, f))
            .collect()
    };
    put(&mut s, "weight", ours(&theirs));
    put(&mut s, "bias", list32(&t["bias"]));
    let x = leaf(&s, &torch["x"], [3, 4, 3]);
    let y = conv.forward(&s, &mut tape, x.clone(), &input(&s)).unwrap();
    assert_close(&read(y.clone().inner()).unwrap(), &list(&t["y"]), 1e-6);
    let mut grads = back_from_squares(tape, &y);
    assert_close(&read(grads.take(&x).unwrap()).unwrap(), &list(&t["grad_x"]), 1e-6);
    let expected: Vec<f64> = ours(&list32(&t["grad_weight"])).into_iter().map(f64::from).collect();
    assert_close(&read(grads.take(s.flat(0)).unwrap()).unwrap(), &expected, 1e-6);
    assert_close(&read(grads.take(s.flat(1)).unwrap()).unwrap(), &list(&t["grad_bias"]), 1e-6);
}

#[test]
fn attention_over_time_is_pytorchs() {
    let torch = torch();
    let t = &torch["attention_pool"];
    let (mut s, _) = training();
    let pool = AttentionPool::new(Builder::new(&mut s, Seed::new(1)), 3);
    put(&mut s, "inner.weight", turned(&list32(&t["inner.weight"]), 3, 3));
    put(&mut s, "inner.bias", list32(&t["inner.bias"]));
    put(&mut s, "score.weight", list32(&t["score.weight"]));
    put(&mut s, "score.bias", list32(&t["score.bias"]));
    let x = leaf(&s, &torch["x"], [3, 4, 3]);
    let y = pool.forward(&s, x, &input(&s));
    assert_close(&read(y.inner()).unwrap(), &list(&t["y"]), 1e-6);
}

#[test]
fn transformer_block_is_pytorchs() {
    let torch = torch();
    let t = &torch["block"];
    let (mut s, mut tape) = training();
    let block = TransformerBlock::new(Builder::new(&mut s, Seed::new(1)), 4, 2, 6, 0.0);
    let (joined, bias) = (list32(&t["self_attn.in_proj_weight"]), list32(&t["self_attn.in_proj_bias"]));
    for (k, name) in ["query", "key", "value"].iter().enumerate() {
        put(&mut s, &format!("{name}.weight"), turned(&joined[k * 16..(k + 1) * 16], 4, 4));
        put(&mut s, &format!("{name}.bias"), bias[k * 4..(k + 1) * 4].to_vec());
    }
    for (ours, theirs, [rows, columns]) in [
        ("out", "self_attn.out_proj", [4, 4]),
        ("linear1", "linear1", [6, 4]),
        ("linear2", "linear2", [4, 6]),
    ] {
        let weight = turned(&list32(&t[format!("{theirs}.weight")]), rows, columns);
        put(&mut s, &format!("{ours}.weight"), weight);
        put(&mut s, &format!("{ours}.bias"), list32(&t[format!("{theirs}.bias")]));
    }
    for name in ["norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"] {
        put(&mut s, name, list32(&t[name]));
    }
    let x = leaf(&s, &t["x"], [3, 4, 4]);
    let input = input(&s);
    let y = block.forward(&s, &mut tape, x, &input.hidden_keys(&s)) * input.mask(&s);
    assert_close(&read(y.inner()).unwrap(), &list(&t["y"]), 1e-5);
}

#[test]
fn a_reading_builder_says_what_is_missing() {
    let mut store = Store::new(Device::flex());
    let read = |name: &str, _: &[usize]| Err(prompt_core::Error::input(format!("no {name}"), "look"));
    Builder::reading(&mut store, Seed::new(1), &read).under("a").param("b", &[2], Init::Zeros);
    assert_eq!(store.complete().unwrap_err().to_string(), "no a.b; look");
}
