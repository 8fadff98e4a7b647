//! burn behind prompt-encoder: the same checkpoints and the same answers, on a device of burn's.

use burn::tensor::Device;
use prompt_core::{Error, Result, Seed};
use prompt_encoder::{EncoderConfig, Engine, OpenEngine, Packed, Pooling, Precision, Weights};
use rayon::prelude::*;

use super::body::Encoder;
use super::head::Pool;
use crate::device;
use crate::net::{Builder, Input, Store, Tape, read};
use crate::products::Products;
use crate::text::{Batch, ordered_batches};

/// burn as the engine of prompt-encoder's `Encoder` and `Classifier`: on a GPU, or on the CPU for what the dedicated
/// engine refuses.
///
/// ```
/// use prompt_encoder::{Classifier, Options};
/// use prompt_neural::Burn;
/// # fn main() -> prompt_core::Result<()> {
/// # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../prompt-encoder/tests/reference/bert");
/// let on_burn = Classifier::open_with(folder, &Options::default().engine(Burn::on("cpu")?))?;
/// let dedicated = Classifier::open(folder)?;
/// assert_eq!((on_burn.engine(), dedicated.engine()), ("burn on cpu", "dedicated"));
/// let texts = ["How do I sort a list?"];
/// let (a, b) = (on_burn.predict(&texts)?, dedicated.predict(&texts)?);
/// assert!((a[0].scores[0] - b[0].scores[0]).abs() < 1e-4);
/// # Ok(())
/// # }
/// ```
///
/// On the CPU rows of exactly the same length are computed together, so that a row's answer depends on it alone. On
/// other devices rows of nearly the same length are filled to the longest: the last bits may then depend on what else is
/// in the batch. Attention holds the scores of all pairs of tokens: memory grows with the square of the longest row.
#[derive(Debug, Clone)]
pub struct Burn {
    device: Device,
    name: String,
    products: Products,
}

impl Burn {
    /// The names that [`on`](Self::on) knows.
    pub const DEVICES: &'static [&'static str] = device::DEVICES;

    /// burn on the first device of this name.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when this build has no such engine or the machine no such device; [`Error::Unknown`] with
    /// the names there are.
    pub fn on(device: &str) -> Result<Self> {
        Ok(Self { device: device::open(device)?, name: format!("burn on {device}"), products: Products::F32 })
    }

    /// The same with matrix products whose factors have this type: `f32` (the default), `bf16`, `f16`, or `auto`, bf16 on a
    /// GPU that computes in it, else f32. Probabilities in halves may differ from those in f32 by some hundredths.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the device does not compute in that type; [`Error::Unknown`] with the names there are.
    pub fn precision(mut self, name: &str) -> Result<Self> {
        self.products = Products::on(&self.device, name)?;
        Ok(self)
    }
}

/// burn on the CPU.
impl Default for Burn {
    fn default() -> Self {
        Self { device: Device::flex(), name: "burn on cpu".into(), products: Products::F32 }
    }
}

impl OpenEngine for Burn {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(
        &self,
        config: &EncoderConfig,
        weights: &mut Weights,
        precision: Precision,
    ) -> Result<Box<dyn Engine>> {
        if precision != Precision::F32 {
            let help = "take f32, or the dedicated engine";
            return Err(Error::unsupported(&self.name, "products of 8 bits", help));
        }
        let weights = std::cell::RefCell::new(weights);
        let read = |name: &str, shape: &[usize]| weights.borrow_mut().get(name, shape).map(Some);
        let mut store = Store::new(self.device.clone()).with_products(self.products);
        let mut builder = Builder::reading(&mut store, Seed::default(), &read);
        let encoder = Encoder::new(config, None, false, &mut builder);
        let store = store.complete()?;
        Ok(Box::new(OnBurn { encoder, store, width: config.hidden_size, name: self.name.clone() }))
    }
}

/// An encoder's layers on a device.
#[derive(Debug)]
struct OnBurn {
    encoder: Encoder,
    store: Store,
    width: usize,
    name: String,
}

/// Rows that are computed at once.
const TOGETHER: usize = 256;

impl OnBurn {
    /// Which rows are computed at once: see [`Burn`].
    fn batches(&self, lengths: &[usize]) -> Vec<Vec<usize>> {
        let rows: Vec<usize> = (0..lengths.len()).collect();
        let mixed = ordered_batches(lengths, &rows, TOGETHER, self.store.tokens_together());
        // Filling of an eighth costs a GPU less than one more round of small products.
        let alike = |shortest: usize, n: usize| match self.store.on_cpu() {
            true => n == shortest,
            false => n - shortest <= n / 8,
        };
        let mut batches: Vec<Vec<usize>> = Vec::new();
        for rows in mixed {
            let mut shortest = 0;
            for row in rows {
                match batches.last_mut() {
                    Some(last) if shortest > 0 && alike(shortest, lengths[row]) => last.push(row),
                    _ => {
                        batches.push(vec![row]);
                        shortest = lengths[row];
                    }
                }
            }
        }
        batches
    }

    /// Has `each` read what every part of a batch gives.
    fn run(
        &self,
        batch: Packed<'_>,
        mut each: impl FnMut(burn::tensor::Tensor<3>, &Batch, &Input) -> Result<()>,
    ) -> Result<()> {
        let sequences: Vec<Vec<u32>> = batch.iter().map(<[u32]>::to_vec).collect();
        let lengths: Vec<usize> = sequences.iter().map(Vec::len).collect();
        let batches = self.batches(&lengths);
        let through = |rows: &Vec<usize>| {
            let part = Batch::of(&sequences, rows.clone());
            let input = Input::new(&part, &self.store);
            let x = self.encoder.forward(&self.store, &mut Tape::predicting(), &input, 0.0)?;
            Ok((x, part, input))
        };
        // A CPU's threads take a part each; a GPU takes one after another.
        let at_once = if self.store.on_cpu() { rayon::current_num_threads() } else { 1 };
        for batches in batches.chunks(at_once) {
            let done = batches.par_iter().map(through).collect::<Result<Vec<_>>>()?;
            for (x, part, input) in done {
                each(x, &part, &input)?;
            }
        }
        Ok(())
    }
}

impl Engine for OnBurn {
    fn name(&self) -> &str {
        &self.name
    }

    fn width(&self) -> usize {
        self.width
    }

    fn weight_bytes(&self) -> usize {
        let numbers = |shape: &[usize]| shape.iter().product::<usize>();
        self.store.params().iter().map(|p| numbers(&p.shape) * size_of::<f32>()).sum()
    }

    fn hidden_states(
        &self,
        batch: Packed<'_>,
        _threads: usize,
        take: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let mut hidden = vec![0.0; batch.tokens() * self.width];
        let offsets = batch.offsets();
        self.run(batch, |x, part, _| {
            let all = read(x)?;
            for (&row, from) in part.rows.iter().zip(all.chunks_exact(part.length * self.width)) {
                let to = &mut hidden[offsets[row] * self.width..offsets[row + 1] * self.width];
                to.copy_from_slice(&from[..to.len()]);
            }
            Ok(())
        })?;
        take(&hidden)
    }

    /// On the device: one row a sequence comes back instead of all of its tokens.
    fn pooled(&self, batch: Packed<'_>, how: Pooling, _threads: usize) -> Result<Vec<f32>> {
        let pool = match how {
            Pooling::Cls => Pool::Cls,
            Pooling::Mean => Pool::Mean,
            Pooling::Max => Pool::Max,
            other => {
                return Err(Error::unsupported(&self.name, format!("{other:?}"), "use cls, mean or max"));
            }
        };
        let mut pooled = vec![0.0; batch.len() * self.width];
        self.run(batch, |x, part, input| {
            let all = read(pool.forward(&self.store, x, input))?;
            for (&row, from) in part.rows.iter().zip(all.chunks_exact(self.width)) {
                pooled[row * self.width..][..self.width].copy_from_slice(from);
            }
            Ok(())
        })?;
        Ok(pooled)
    }
}
