//! Linear probing: before an encoder is fine-tuned, its heads learn on what the untouched encoder says of the texts.
//!
//! ```text
//! texts ─ encoder, once ─> vectors ─ head, epoch by epoch ─> a head that does not throw the encoder about at first
//! ```
//!
//! A head that starts from noise sends noise into the encoder, and bends what it knew (Kumar and others, 2022).

use burn::tensor::Tensor;
use prompt_core::{FitContext, Result, Seed};

use super::head::Head;
use super::model::{Model, Net, scores};
use super::surface::Surface;
use crate::net::{Builder, Input, Store, Tape, read};
use crate::network::same_length_batches;
use crate::text::Batch;
use crate::train::{EpochRecord, Job, Task, TrainFiles, TrainOptions, train};

/// Texts and which of them are for what.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) encoded: &'a [Vec<u32>],
    pub(super) train: &'a [usize],
    pub(super) validation: &'a [usize],
    pub(super) surface: &'a Surface,
}

/// Lets the heads of `model` learn alone, on vectors that its pooling gives as it is. Nothing is told to the observer;
/// cancelling ends it.
pub(super) fn probe(
    model: &mut Model,
    tasks: &[Task<'_>],
    rows: Rows<'_>,
    options: &TrainOptions,
    dropout: f64,
    ctx: &FitContext,
) -> Result<Vec<EpochRecord>> {
    let joined = rows.surface.width();
    let width = model.config.hidden_size + joined;
    let vectors = vectors(&model.net, &model.store.frozen(), rows, ctx)?;
    // A store of the heads' numbers alone: the states that are kept do not copy the encoder.
    let mut store = Store::new(model.store.device().clone());
    let mut builder = Builder::new(&mut store, Seed::default());
    let heads: Vec<Head> =
        model.specs.iter().map(|spec| Head::new(&model.config, spec, joined, &mut builder)).collect();
    let places = places(&store, &model.store);
    for (i, &place) in places.iter().enumerate() {
        store.set(i, model.store.read(place)?);
    }
    let forward = |s: &Store, tape: &mut Tape, batch: &Batch| {
        let numbers = batch.rows.iter().flat_map(|&row| vectors[row].iter().copied()).collect();
        let pooled: Tensor<2> = s.constant(numbers, [batch.size(), width]);
        Ok(scores(&heads, s, tape, &pooled, dropout))
    };
    let trained = train(
        &Job {
            forward: &forward,
            before_epoch: &|_, _| Ok(()),
            // The rows are looked up; all are alike long.
            encoded: &vec![vec![0]; rows.encoded.len()],
            tasks,
            train_rows: rows.train,
            validation_rows: rows.validation,
            options,
            files: &TrainFiles::default(),
            identity: String::new(),
        },
        &mut store,
        &ctx.part("probe", 0).unobserved(),
    )?;
    for (values, &place) in trained.values.into_iter().zip(&places) {
        model.store.set(place, values);
    }
    Ok(trained.history)
}

/// Where the parameters of `part` are in `whole`, by name.
fn places(part: &Store, whole: &Store) -> Vec<usize> {
    let place = |name: &str| whole.params().iter().position(|p| p.name == name);
    part.params().iter().filter_map(|p| place(&p.name)).collect()
}

/// The pooled vector, surface features behind it, of every row that is learned from or judged by.
fn vectors(net: &Net, store: &Store, rows: Rows<'_>, ctx: &FitContext) -> Result<Vec<Vec<f32>>> {
    let mut vectors = vec![Vec::new(); rows.encoded.len()];
    let mut used = vec![false; rows.encoded.len()];
    rows.train.iter().chain(rows.validation).for_each(|&row| used[row] = true);
    for batch in same_length_batches(rows.encoded, store) {
        ctx.check()?;
        let batch = Batch::of(rows.encoded, batch.into_iter().filter(|&row| used[row]).collect());
        if batch.size() == 0 {
            continue;
        }
        let input = Input::new(&batch, store);
        let pooled = net.pooled(store, &mut Tape::predicting(), &input, 0.0)?;
        let [_, width] = pooled.dims();
        for (&row, vector) in batch.rows.iter().zip(read(pooled)?.chunks(width)) {
            vectors[row] = [vector, rows.surface.row(row)].concat();
        }
    }
    Ok(vectors)
}
