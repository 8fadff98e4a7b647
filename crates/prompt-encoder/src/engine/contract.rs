//! What any engine does: sequences in, hidden states out.

use std::fmt::Debug;

use prompt_core::{Error, Result};

use super::{Pooling, Precision, pool_rows};
use crate::checkpoint::Weights;
use crate::config::EncoderConfig;

/// Sequences of token ids end to end, without padding: all ids, and where each sequence begins, with the number of ids
/// at the end.
///
/// ```
/// use prompt_encoder::Packed;
/// let packed = Packed::new(&[101, 7, 102, 101, 102], &[0, 3, 5])?;
/// assert_eq!(packed.iter().map(<[u32]>::len).collect::<Vec<_>>(), [3, 2]);
/// assert!(Packed::new(&[101, 102], &[0, 3]).is_err());
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Packed<'a> {
    pub(crate) ids: &'a [u32],
    pub(crate) offsets: &'a [usize],
}

impl<'a> Packed<'a> {
    /// The sequences `ids[offsets[i]..offsets[i + 1]]`.
    ///
    /// # Errors
    /// [`Error::Input`] when `offsets` do not begin at 0, fall, or end elsewhere than at the number of ids.
    pub fn new(ids: &'a [u32], offsets: &'a [usize]) -> Result<Self> {
        if offsets.first() == Some(&0) && offsets.is_sorted() && offsets.last() == Some(&ids.len()) {
            return Ok(Self { ids, offsets });
        }
        let what = format!("the offsets {offsets:?} do not divide {} ids into sequences", ids.len());
        Err(Error::input(what, "begin at 0, never fall, and end at the number of ids"))
    }

    /// All ids.
    pub fn ids(&self) -> &'a [u32] {
        self.ids
    }

    /// Where each sequence begins, and at last the number of ids.
    pub fn offsets(&self) -> &'a [usize] {
        self.offsets
    }

    /// Ids of all sequences together.
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no sequence.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sequences, one after another.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u32]> {
        let ids = self.ids;
        self.offsets.windows(2).map(move |bounds| &ids[bounds[0]..bounds[1]])
    }
}

/// The layers of one encoder, ready to run: what stands behind an [`Encoder`](crate::Encoder) and a
/// [`Classifier`](crate::Classifier). They tokenize, form batches, pool, run heads and put answers in order; an engine
/// computes the hidden states of one batch.
///
/// There are two: the dedicated engine of this crate, and prompt-neural's `Burn`, for GPUs and for what the dedicated
/// one refuses.
///
/// A batch was checked before it comes: no sequence is empty or longer than the encoder takes, and every id is in the
/// vocabulary. Several threads may call at one time.
pub trait Engine: Debug + Send + Sync {
    /// What it is called in messages.
    fn name(&self) -> &str;

    /// Numbers in a hidden state.
    fn width(&self) -> usize;

    /// Bytes of weights in memory.
    fn weight_bytes(&self) -> usize;

    /// Whether several batches, each on one thread, are computed faster than one after another with all threads.
    fn side_by_side(&self) -> bool {
        false
    }

    /// Gives `read` the hidden states of the last layer, tokens × [`width`](Self::width), once. It is called back so
    /// that an engine can lend its own buffer. `threads` are those of the rayon pool that the caller is in.
    ///
    /// # Errors
    /// What `read` says; a device that fails.
    fn hidden_states(
        &self,
        batch: Packed<'_>,
        threads: usize,
        read: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<()>;

    /// One vector a sequence, sequences × [`width`](Self::width). An engine on a device of its own overrides it to pool
    /// there.
    ///
    /// # Errors
    /// As [`hidden_states`](Self::hidden_states).
    fn pooled(&self, batch: Packed<'_>, how: Pooling, threads: usize) -> Result<Vec<f32>> {
        let mut pooled = Vec::new();
        self.hidden_states(batch, threads, &mut |hidden| {
            pooled = pool_rows(how, batch, hidden, self.width())?;
            Ok(())
        })?;
        Ok(pooled)
    }
}

/// Opens engines of one kind. Two are equal when their names are.
pub trait OpenEngine: Debug + Send + Sync {
    /// What its engines are called in messages.
    fn name(&self) -> &str;

    /// Reads the encoder's tensors, and no head's.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for what the engine does not compute; a tensor that is missing or of another shape.
    fn open(
        &self,
        config: &EncoderConfig,
        weights: &mut Weights,
        precision: Precision,
    ) -> Result<Box<dyn Engine>>;
}

impl PartialEq for dyn OpenEngine {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

/// What `read` makes of a batch's hidden states.
pub(crate) fn hidden_states<T>(
    engine: &dyn Engine,
    batch: Packed<'_>,
    threads: usize,
    read: impl Fn(&[f32]) -> Result<T>,
) -> Result<T> {
    let mut answer = None;
    engine.hidden_states(batch, threads, &mut |hidden| {
        whole(engine, "hidden states", hidden, batch.tokens())?;
        answer = Some(read(hidden)?);
        Ok(())
    })?;
    answer.ok_or_else(|| wrong(engine, "no hidden states"))
}

/// One vector a sequence.
pub(crate) fn pooled(
    engine: &dyn Engine,
    batch: Packed<'_>,
    how: Pooling,
    threads: usize,
) -> Result<Vec<f32>> {
    let pooled = engine.pooled(batch, how, threads)?;
    whole(engine, "pooled numbers", &pooled, batch.len())?;
    Ok(pooled)
}

/// An error unless an engine's numbers are so many rows: it may be another crate's.
fn whole(engine: &dyn Engine, what: &str, numbers: &[f32], rows: usize) -> Result<()> {
    if numbers.len() == rows * engine.width() {
        return Ok(());
    }
    let wanted = rows * engine.width();
    Err(wrong(engine, &format!("{} {what} instead of {wanted}", numbers.len())))
}

fn wrong(engine: &dyn Engine, what: &str) -> Error {
    Error::input(format!("the engine {} gave {what}", engine.name()), "report this, or take another engine")
}
