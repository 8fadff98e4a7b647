//! What a forward pass keeps for the way back.
//!
//! burn differentiates what is made of its own operations. Some layers are better differentiated by hand: a recurrent
//! layer (a slice per time step would cost a gradient of the whole sequence each), the loss. Such a layer
//! computes its output from plain numbers, and the output starts a new graph. On the way back the tape takes the
//! output's gradient g, asks the layer for the gradients of its inputs, and goes on into the graph before it through
//! the sum ⟨input, gradient⟩, whose derivative with respect to the input is that gradient.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use burn::tensor::{Device, Gradients, Tensor, TensorData};
use prompt_core::{Result, Rng, Seed};

use super::grad::{Grad, RowGrad};
use super::numbers::Numbers;
use super::store::Store;

/// Gradients of several passes back.
#[derive(Default)]
pub(crate) struct Grads {
    passes: Vec<Gradients>,
    /// Of parameters, by their place in the store, from layers that are differentiated by hand.
    direct: BTreeMap<usize, Grad>,
}

impl Grads {
    /// The gradient of a leaf: the sum over all passes; `None` when nothing depends on it.
    pub(crate) fn take<const D: usize>(&mut self, leaf: &Tensor<D>) -> Option<Tensor<D>> {
        let mut sum: Option<Tensor<D>> = None;
        for pass in &mut self.passes {
            if let Some(grad) = leaf.grad_remove(pass) {
                sum = Some(match sum {
                    Some(before) => before + grad,
                    None => grad,
                });
            }
        }
        sum
    }

    /// The gradient of the parameter at this place of the store.
    pub(crate) fn take_param(&mut self, store: &Store, i: usize) -> Result<Option<Grad>> {
        let own = self.direct.remove(&i);
        let Some(other) = self.take(store.flat(i)) else { return Ok(own) };
        let mut sum = Grad::Whole(Numbers::of(other)?);
        if let Some(own) = own {
            sum.add(own);
        }
        Ok(Some(sum))
    }

    /// Goes back from the end of a pass.
    fn through(&mut self, tape: Tape, end: Onward) -> Result<()> {
        self.go_on(end);
        for back in tape.back.into_iter().rev() {
            let onward = back(self)?;
            self.go_on(onward);
        }
        Ok(())
    }

    fn go_on(&mut self, onward: Onward) {
        for (i, grad) in onward.direct {
            add(&mut self.direct, i, grad);
        }
        if let Some(sum) = onward.sum {
            self.passes.push(sum.backward());
        }
    }
}

/// Adds the gradient of parameter `i` to those that there are of it.
fn add(grads: &mut BTreeMap<usize, Grad>, i: usize, grad: Grad) {
    match grads.get_mut(&i) {
        Some(sum) => sum.add(grad),
        None => {
            grads.insert(i, grad);
        }
    }
}

/// The sums ⟨input, gradient⟩ through which a layer passes its gradients on.
#[derive(Default)]
pub(crate) struct Onward {
    sum: Option<Tensor<1>>,
    direct: BTreeMap<usize, Grad>,
}

impl Onward {
    /// Gives `input` this gradient. An input that nothing learns from needs none.
    pub(crate) fn give<const D: usize>(&mut self, input: Tensor<D>, grad: Tensor<D>) {
        if !input.is_tracked() {
            return;
        }
        let term = (input * grad).sum();
        self.sum = Some(match self.sum.take() {
            Some(before) => before + term,
            None => term,
        });
    }

    /// Gives the parameter at this place of the store its gradient.
    pub(crate) fn give_param(&mut self, i: usize, grad: impl Into<Numbers>) {
        add(&mut self.direct, i, Grad::Whole(grad.into()));
    }

    /// Gives some rows of the parameter at this place of the store their gradient.
    pub(crate) fn give_rows(&mut self, i: usize, grad: RowGrad) {
        add(&mut self.direct, i, Grad::Rows(grad));
    }
}

/// A store's numbers as they are, and with their gradients: for layers that are computed [again](Tape::again).
pub(crate) struct Twice {
    still: Store,
    learning: Rc<Store>,
}

impl Twice {
    pub(crate) fn of(store: &Store) -> Self {
        Self { still: store.frozen(), learning: Rc::new(store.shared()) }
    }
}

type Back = Box<dyn FnOnce(&mut Grads) -> Result<Onward>>;

/// One forward pass.
pub(crate) struct Tape {
    /// Random numbers for dropout; `None` when predicting.
    dropout: Option<Rng>,
    /// Whether layers keep what they need on the way back.
    keeps: bool,
    back: Vec<Back>,
}

impl Tape {
    /// For prediction: nothing is dropped, nothing is kept.
    pub(crate) fn predicting() -> Self {
        Self { dropout: None, keeps: false, back: Vec::new() }
    }

    /// For a training step, with the seed of what it drops.
    pub(crate) fn training(seed: Seed) -> Self {
        Self::from(seed.rng())
    }

    fn from(dropout: Rng) -> Self {
        Self { dropout: Some(dropout), keeps: true, back: Vec::new() }
    }

    /// Whether gradients will be asked for.
    pub(crate) fn keeps(&self) -> bool {
        self.keeps
    }

    /// Whether this is a training step, whatever layers keep of it.
    pub(crate) fn trains(&self) -> bool {
        self.dropout.is_some()
    }

    /// What `layers` come to when they keep nothing for the way back, dropping what they would drop.
    pub(crate) fn without_keeping<T>(&mut self, layers: impl FnOnce(&mut Self) -> T) -> T {
        let keeps = std::mem::replace(&mut self.keeps, false);
        let output = layers(self);
        self.keeps = keeps;
        output
    }

    /// What `layer` makes of x. Nothing but x is kept: on the way back the layer is computed again, with the same
    /// random numbers, and gone back through (gradient checkpointing; Chen and others, 2016).
    pub(crate) fn again<const D: usize>(
        &mut self,
        x: Tensor<D>,
        numbers: &Twice,
        layer: impl Fn(&Store, &mut Self, Tensor<D>) -> Result<Tensor<D>> + 'static,
    ) -> Result<Tensor<D>> {
        let random = self.dropout.clone();
        let plain = x.clone().inner();
        let output = self.without_keeping(|tape| layer(&numbers.still, tape, plain))?;
        let store = numbers.learning.clone();
        let leaf = Tensor::from_data(output.into_data(), store.device()).require_grad();
        let kept = leaf.clone();
        self.back.push(Box::new(move |grads| {
            if let (Some(grad), Some(random)) = (grads.take(&kept), random) {
                let mut tape = Self::from(random);
                let output = layer(&store, &mut tape, x)?;
                let mut end = Onward::default();
                end.give(output, grad);
                grads.through(tape, end)?;
            }
            Ok(Onward::default())
        }));
        Ok(leaf)
    }

    /// Drops numbers with probability `p` and makes up for it: x·b/(1−p), b ~ Bernoulli(1−p). Nothing when predicting.
    pub(crate) fn dropout<const D: usize>(&mut self, x: Tensor<D>, p: f64) -> Tensor<D> {
        let n = x.shape().num_elements();
        let Some(draws) = self.draws(n, p) else { return x };
        let mask = Tensor::from_data(TensorData::new(draws.mask(0..n), x.dims()), &x.device().inner());
        x * mask
    }

    /// What [`dropout`](Self::dropout) of `n` numbers draws; `None` where it does nothing.
    pub(crate) fn draws(&mut self, n: usize, p: f64) -> Option<Draws> {
        let rng = self.dropout.as_mut().filter(|_| p > 0.0)?;
        let words = (0..n.div_ceil(4)).map(|_| rng.next_u64()).collect();
        Some(Draws { words, below: (p * 65536.0).round() as u64, keep: (1.0 / (1.0 - p)) as f32 })
    }

    /// Makes the output of a layer that is differentiated by hand the start of a new graph. `vjp` turns the output's
    /// gradient into those of the inputs.
    pub(crate) fn by_hand<const D: usize>(
        &mut self,
        output: Tensor<D>,
        device: &Device,
        vjp: impl FnOnce(Tensor<D>, &mut Onward) -> Result<()> + 'static,
    ) -> Tensor<D> {
        if !self.keeps() {
            return output;
        }
        let leaf = Tensor::from_data(output.into_data(), device).require_grad();
        let kept = leaf.clone();
        self.back.push(Box::new(move |grads| {
            let mut onward = Onward::default();
            if let Some(grad) = grads.take(&kept) {
                vjp(grad, &mut onward)?;
            }
            Ok(onward)
        }));
        leaf
    }

    /// Makes `x` the start of a new graph, so that several layers by hand can use it: a graph can be gone back through
    /// only once, and this gathers their gradients first.
    pub(crate) fn cut<const D: usize>(&mut self, x: Tensor<D>, device: &Device) -> Tensor<D> {
        let plain = x.clone().inner();
        self.by_hand(plain, device, move |grad, onward| {
            onward.give(x, grad);
            Ok(())
        })
    }

    /// Goes back from the end of the pass.
    pub(crate) fn backward(self, end: Onward) -> Result<Grads> {
        let mut grads = Grads::default();
        grads.through(self, end)?;
        Ok(grads)
    }
}

/// What is dropped of some numbers, each with probability p, a multiple of 2⁻¹⁶: four draws come from one random number.
pub(crate) struct Draws {
    words: Vec<u64>,
    below: u64,
    keep: f32,
}

impl Draws {
    /// The factors of these numbers: 0 where one is dropped, else 1/(1−p).
    pub(crate) fn mask(&self, numbers: Range<usize>) -> Vec<f32> {
        let one = |i: usize| {
            let bits = (self.words[i / 4] >> (16 * (i % 4))) & 0xffff;
            if bits < self.below { 0.0 } else { self.keep }
        };
        numbers.map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropout_keeps_the_mean_and_predicting_drops_nothing() {
        let device = Device::flex();
        let x = Tensor::<1>::ones([40_000], &device);
        let mean = Tape::training(Seed::new(1)).dropout(x.clone(), 0.3).mean().into_scalar::<f32>();
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        let same = Tape::predicting().dropout(x.clone(), 0.3);
        assert_eq!(same.into_data(), x.into_data());
        // A part of a mask is what it is in the whole.
        let draws = Tape::training(Seed::new(1)).draws(101, 0.3).unwrap();
        assert_eq!([draws.mask(0..39), draws.mask(39..101)].concat(), draws.mask(0..101));
    }

    #[test]
    fn a_layer_by_hand_passes_gradients_through() {
        // y = (3x)² by hand in the middle: dy/dx = 18x.
        let device = Device::flex().autodiff();
        let x = Tensor::<1>::from_floats([2.0, -1.0], &device).require_grad();
        let mut tape = Tape::training(Seed::new(1));
        let tripled = x.clone() * 3.0;
        let plain = tripled.clone().inner();
        let square = tape.by_hand(plain.clone() * plain.clone(), &device, move |grad, onward| {
            onward.give(tripled, grad * plain * 2.0);
            Ok(())
        });
        let mut end = Onward::default();
        end.give(square, Tensor::from_floats([1.0, 1.0], &device.clone().inner()));
        let mut grads = tape.backward(end).unwrap();
        assert_eq!(grads.take(&x).unwrap().into_data().as_slice::<f32>().unwrap(), [36.0, -18.0]);
    }
}
