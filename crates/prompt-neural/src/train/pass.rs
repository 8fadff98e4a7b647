//! One batch there and back, and the held-out rows there alone.

use burn::tensor::{Tensor, TensorData};
use prompt_core::{FitContext, Result, Seed};

use super::job::{Job, Task};
use super::monitor::{Counts, Evaluation};
use super::optimizer::Accumulated;
use crate::net::{Onward, Store, Tape, read};
use crate::outcome::probabilities;
use crate::text::{Batch, ordered_batches};

/// What one batch of a step comes to.
pub(super) struct Pass {
    pub(super) loss: f64,
    pub(super) tokens: usize,
    pub(super) grads: Accumulated,
}

/// One batch, there and back. A loss that is not finite has no gradient; else gradients are `scale` times as large.
pub(super) fn pass(
    job: &Job<'_>,
    store: &Store,
    rows: &[usize],
    masses: &[f64],
    scale: f64,
    dropout: Seed,
) -> Result<Pass> {
    let mut tape = Tape::training(dropout);
    let batch = Batch::of(job.encoded, rows.to_vec());
    let heads = (job.forward)(store, &mut tape, &batch)?;
    let (mut end, mut loss) = (Onward::default(), 0.0);
    for ((scores, task), &mass) in heads.into_iter().zip(job.tasks).zip(masses) {
        if mass > 0.0 {
            loss += give_loss(task, scores, &batch.rows, [mass, scale], &mut end)?;
        }
    }
    let grads = match loss.is_finite() {
        true => Accumulated::of(store, &mut tape.backward(end)?)?,
        false => Accumulated::new(store),
    };
    Ok(Pass { loss, tokens: batch.tokens(), grads })
}

/// The loss of some rows, and its gradient handed to their scores.
fn give_loss(
    task: &Task<'_>,
    scores: Tensor<2>,
    rows: &[usize],
    [mass, scale]: [f64; 2],
    end: &mut Onward,
) -> Result<f64> {
    let [n, width] = scores.dims();
    let numbers = read(scores.clone().inner())?;
    let mut grad = vec![0.0; n * width];
    let mut loss = 0.0;
    for ((&row, z), g) in rows.iter().zip(numbers.chunks(width)).zip(grad.chunks_mut(width)) {
        loss += task.loss.row(row, z, mass / task.weight, g);
    }
    if scale != 1.0 {
        grad.iter_mut().for_each(|g| *g *= scale as f32);
    }
    let device = scores.device().inner();
    end.give(scores, Tensor::from_data(TensorData::new(grad, [n, width]), &device));
    Ok(loss / mass * task.weight)
}

/// Measures the held-out rows: the loss of all heads, right and wrong of the first.
pub(super) fn evaluate(
    job: &Job<'_>,
    store: &Store,
    lengths: &[usize],
    ctx: &FitContext,
) -> Result<Evaluation> {
    let mut sums = vec![(0.0, 0.0); job.tasks.len()];
    let first = &job.tasks[0];
    let mut counts = first.output.classes().map(|c| Counts::new(c.len()));
    let size = 4 * job.options.batch_size;
    for rows in ordered_batches(lengths, job.validation_rows, size, 1 << 15) {
        ctx.check()?;
        let batch = Batch::of(job.encoded, rows);
        let heads = (job.forward)(store, &mut Tape::predicting(), &batch)?;
        for (k, (scores, task)) in heads.into_iter().zip(job.tasks).enumerate() {
            let [_, width] = scores.dims();
            let numbers = read(scores)?;
            let mut unused = vec![0.0; width];
            for (&row, z) in batch.rows.iter().zip(numbers.chunks(width)) {
                sums[k].0 += task.loss.row(row, z, 1.0, &mut unused);
                sums[k].1 += task.loss.mass(row);
                if let (0, Some(counts), Ok((codes, _))) = (k, &mut counts, task.target.as_classes()) {
                    let mut p = vec![0.0; task.output.width()];
                    probabilities(z, task.ordinal, &mut p);
                    counts.add(codes[row], &p, task.target.weights().map_or(1.0, |w| w[row]));
                }
            }
        }
    }
    let mean =
        |((sum, mass), task): (&(f64, f64), &Task<'_>)| task.weight * sum / mass.max(f64::MIN_POSITIVE);
    Ok(Evaluation { loss: sums.iter().zip(job.tasks).map(mean).sum(), counts })
}
