//! One network on several devices: the batches of a step are shared out, their gradients are added up on the host.
//!
//! ```text
//! batch k ──> device k mod n ──> gₖ        g = g₀ + g₁ + … in the order of the batches        every device takes the step's numbers
//! ```
//!
//! The sum is the one of [`Accumulated`](super::optimizer::Accumulated) on a single device, term by term, so that n devices
//! of a kind come to the bits of one. burn's own reduction across devices exists for CUDA alone, and the optimiser works
//! on the host anyway.

use burn::tensor::Device;
use prompt_core::Result;

use crate::net::Store;

/// The copies of a network's numbers besides the first.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    others: Vec<Store>,
}

impl Fleet {
    /// Copies onto these devices.
    pub(super) fn new(store: &Store, devices: &[Device]) -> Result<Self> {
        let others = devices.iter().map(|device| store.copied_to(device)).collect::<Result<_>>()?;
        Ok(Self { others })
    }

    /// How many devices there are.
    pub(super) fn size(&self) -> usize {
        1 + self.others.len()
    }

    /// The numbers on device `i`; `first` are those on the first.
    pub(super) fn at<'a>(&'a self, i: usize, first: &'a Store) -> &'a Store {
        if i == 0 { first } else { &self.others[i - 1] }
    }

    /// Every device has the numbers of the first, and learns what it learns.
    pub(super) fn align(&mut self, first: &Store) -> Result<()> {
        self.follow(first, |_| true)
    }

    /// Every device takes over the parameters that have moved.
    pub(super) fn follow(&mut self, first: &Store, moved: impl Fn(usize) -> bool) -> Result<()> {
        if self.others.is_empty() {
            return Ok(());
        }
        for i in (0..first.len()).filter(|&i| moved(i)) {
            let (values, trainable) = (first.read(i)?, first.params()[i].trainable);
            for other in &mut self.others {
                other.take_over(i, values.clone(), trainable);
            }
        }
        Ok(())
    }
}
