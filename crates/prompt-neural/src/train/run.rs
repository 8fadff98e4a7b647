//! The loop: batches, gradients, steps, evaluations, until enough.

use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use prompt_core::{ClassWeight, Control, Error, Event, FitContext, Output, Result, Seed, Target};

use super::files::{Checkpoint, Position, TrainFiles, read_best, start_anew, write_best};
use super::fleet::Fleet;
use super::history::EpochRecord;
use super::monitor::{Counts, Evaluation, Monitor, Stopper};
use super::optimizer::{Accumulated, AdamW, Group, clip_factor};
use super::schedule::{Plateau, Schedule};
use crate::loss::{Loss, LossKind};
use crate::net::{Onward, Store, Tape, read};
use crate::outcome::probabilities;
use crate::text::{Batch, epoch_batches, ordered_batches};

/// What can be chosen about training.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TrainOptions {
    pub(crate) max_epochs: usize,
    pub(crate) batch_size: usize,
    pub(crate) accumulation: usize,
    pub(crate) learning_rate: f64,
    pub(crate) weight_decay: f64,
    /// Each layer below the head learns with this much of the rate of the one above it.
    pub(crate) layer_decay: f64,
    pub(crate) schedule: Schedule,
    pub(crate) warmup: f64,
    pub(crate) clip_norm: Option<f64>,
    pub(crate) loss: LossKind,
    pub(crate) class_weight: ClassWeight,
    pub(crate) validation_fraction: f64,
    pub(crate) patience: usize,
    pub(crate) monitor: Monitor,
    pub(crate) eval_steps: Option<usize>,
    /// Devices that share the batches of a step with the store's own.
    pub(crate) others: Vec<Device>,
}

/// What one head learns.
pub(crate) struct Task<'a> {
    pub(crate) loss: Loss,
    /// How much its loss counts beside the others'.
    pub(crate) weight: f64,
    pub(crate) target: &'a Target,
    pub(crate) output: Output,
    /// Whether its scores are thresholds between levels.
    pub(crate) ordinal: bool,
}

/// The scores of a batch, one tensor a head.
pub(crate) type Forward<'a> = &'a (dyn Fn(&Store, &mut Tape, &Batch) -> Result<Vec<Tensor<2>>> + Sync);

/// A network and its data.
pub(crate) struct Job<'a> {
    pub(crate) forward: Forward<'a>,
    /// Called before each epoch (from 0): freezing and unfreezing.
    pub(crate) before_epoch: &'a (dyn Fn(usize, &mut Store) -> Result<()> + Sync),
    pub(crate) encoded: &'a [Vec<u32>],
    pub(crate) tasks: &'a [Task<'a>],
    pub(crate) train_rows: &'a [usize],
    pub(crate) validation_rows: &'a [usize],
    pub(crate) options: &'a TrainOptions,
    pub(crate) files: &'a TrainFiles,
    /// Digest of data, parameters and seed.
    pub(crate) identity: String,
}

/// What training came to.
#[derive(Debug)]
pub(crate) struct Trained {
    /// The best state's numbers.
    pub(crate) values: Vec<Vec<f32>>,
    pub(crate) history: Vec<EpochRecord>,
}

/// The held-out rows, if any of them counts in one of the losses that judge: rows without weight would call every state
/// equally good.
pub(crate) fn judging(rows: Vec<usize>, losses: &[&Loss]) -> Vec<usize> {
    let counts = |&row: &usize| losses.iter().any(|loss| loss.mass(row) > 0.0);
    if rows.iter().any(counts) { rows } else { Vec::new() }
}

/// The batches of an epoch (from 0), other ones each time.
pub(super) fn batches_of(
    epoch: usize,
    lengths: &[usize],
    rows: &[usize],
    size: usize,
    seed: Seed,
) -> Vec<Vec<usize>> {
    epoch_batches(lengths, rows, size, seed.derive("epoch", epoch as u64))
}

/// Rows to learn from and rows to hold out, drawn class by class so that both have the same shares.
pub(crate) fn hold_out(y: &Target, share: f64, seed: Seed) -> (Vec<usize>, Vec<usize>) {
    let mut rng = seed.rng();
    let groups: Vec<Vec<usize>> = match y.as_classes() {
        Ok((codes, classes)) => {
            let of = |c: usize| (0..codes.len()).filter(|&r| codes[r] as usize == c).collect();
            (0..classes.len()).map(of).collect()
        }
        Err(_) => vec![(0..y.len()).collect()],
    };
    let (mut train, mut held) = (Vec::new(), Vec::new());
    for mut group in groups {
        rng.shuffle(&mut group);
        // A class of one row stays where it can be learned.
        let n = ((group.len() as f64 * share).round() as usize).min(group.len().saturating_sub(1));
        held.extend_from_slice(&group[..n]);
        train.extend_from_slice(&group[n..]);
    }
    train.sort_unstable();
    held.sort_unstable();
    (train, held)
}

/// Numbers since the last evaluation.
struct Since {
    start: Instant,
    loss: f64,
    norm: f64,
    steps: usize,
    tokens: usize,
    /// Of the last step.
    rate: f64,
}

impl Since {
    fn now() -> Self {
        Self { start: Instant::now(), loss: 0.0, norm: 0.0, steps: 0, tokens: 0, rate: 0.0 }
    }
}

/// Trains the numbers in `store`.
///
/// # Errors
/// A loss or a gradient that is not finite (with epoch, step, rate and what to lower), cancellation, a time limit, a
/// checkpoint that does not fit, what the system refuses.
pub(crate) fn train(job: &Job<'_>, store: &mut Store, ctx: &FitContext) -> Result<Trained> {
    let mut run = Run::start(job, store, ctx)?;
    while !run.position.done {
        run.epoch(store)?;
    }
    run.finish(store)
}

struct Run<'a> {
    job: &'a Job<'a>,
    ctx: &'a FitContext,
    optimizer: AdamW,
    fleet: Fleet,
    position: Position,
    best: Option<Vec<Vec<f32>>>,
    lengths: Vec<usize>,
    /// Steps of an epoch, and of the whole run.
    epoch_steps: usize,
    total_steps: usize,
}

impl<'a> Run<'a> {
    fn start(job: &'a Job<'a>, store: &mut Store, ctx: &'a FitContext) -> Result<Self> {
        let options = job.options;
        let epoch_steps = job.train_rows.len().div_ceil(options.batch_size).div_ceil(options.accumulation);
        let mut run = Self {
            job,
            ctx,
            optimizer: AdamW::new(store),
            fleet: Fleet::new(store, &options.others)?,
            position: Position {
                identity: job.identity.clone(),
                epoch: 0,
                steps_in_epoch: 0,
                step: 0,
                optimizer_steps: Vec::new(),
                stopper: Stopper::new(),
                plateau: Plateau::new(),
                history: Vec::new(),
                done: false,
            },
            best: None,
            lengths: job.encoded.iter().map(Vec::len).collect(),
            epoch_steps,
            total_steps: epoch_steps * options.max_epochs,
        };
        if let Some(folder) = &job.files.checkpoints {
            let saved = match job.files.resume {
                true => Checkpoint::read(folder, store, &job.identity)?,
                false => None,
            };
            if let Some(saved) = saved {
                store.write_all(saved.values)?;
                (run.optimizer, run.position) = (saved.optimizer, saved.position);
                if run.position.stopper.best.is_some() {
                    run.best = Some(read_best(folder, store, &job.identity)?);
                }
            } else {
                start_anew(folder)?;
            }
        }
        job.files.write_log(&run.position.history, false)?;
        Ok(run)
    }

    /// An epoch, or what is left of it.
    fn epoch(&mut self, store: &mut Store) -> Result<()> {
        let options = self.job.options;
        let epoch = self.position.epoch;
        (self.job.before_epoch)(epoch, store)?;
        self.fleet.align(store)?;
        let (rows, size) = (self.job.train_rows, options.batch_size);
        let batches = batches_of(epoch, &self.lengths, rows, size, self.ctx.seed());
        let mut since = Since::now();
        for group in batches.chunks(options.accumulation).skip(self.position.steps_in_epoch) {
            self.ctx.check()?;
            self.step(store, group, &mut since)?;
            let ends = self.position.steps_in_epoch == self.epoch_steps;
            let due = options.eval_steps.is_some_and(|n| self.position.step.is_multiple_of(n));
            if ends || due {
                self.evaluate(store, &since, ends)?;
                since = Since::now();
            }
            if self.position.done {
                break;
            }
        }
        Ok(())
    }

    /// The rate of the step that follows.
    fn rate(&self) -> f64 {
        let options = self.job.options;
        let warmup = (options.warmup * self.total_steps as f64).round() as usize;
        let factor = options.schedule.factor(self.position.step, warmup, self.total_steps);
        options.learning_rate * factor * self.position.plateau.factor()
    }

    fn step(&mut self, store: &mut Store, group: &[Vec<usize>], since: &mut Since) -> Result<()> {
        let (job, options) = (self.job, self.job.options);
        let rate = self.rate();
        let masses: Vec<f64> =
            job.tasks.iter().map(|t| group.iter().flatten().map(|&r| t.loss.mass(r)).sum()).collect();
        let mut sum = Accumulated::new(store);
        let mut loss = 0.0;
        let first_part = self.position.step * options.accumulation;
        for (k, rows) in group.chunks(self.fleet.size()).enumerate() {
            let first_part = first_part + k * self.fleet.size();
            let pass = |i: usize| {
                pass(job, self.fleet.at(i, store), &rows[i], &masses, self.dropout_seed(first_part + i))
            };
            // One alone needs no room for gradients that wait for others.
            let passes = if rows.len() == 1 { vec![pass(0)?] } else { self.ctx.try_map(rows.len(), pass)? };
            for pass in passes {
                since.tokens += pass.tokens;
                loss += pass.loss;
                if !loss.is_finite() {
                    return Err(self.not_finite("loss", loss, rate));
                }
                sum.merge(pass.grads);
            }
        }
        let norm = sum.norm();
        if !norm.is_finite() {
            return Err(self.not_finite("norm of the gradient", norm, rate));
        }
        let scale = clip_factor(norm, options.clip_norm) as f32;
        let groups: Vec<Group> = groups(store, options, rate);
        self.optimizer.step(store, sum.all(), scale, self.ctx, |i| groups[i])?;
        self.fleet.follow(store, |i| sum.all()[i].is_some())?;
        self.position.step += 1;
        self.position.steps_in_epoch += 1;
        since.loss += loss;
        since.norm += norm;
        since.steps += 1;
        since.rate = rate;
        self.tell_step(since)
    }

    /// What the batch of this number drops.
    fn dropout_seed(&self, part: usize) -> Seed {
        self.ctx.seed().derive("dropout", part as u64)
    }

    /// Each step, for a progress bar: an epoch of an encoder takes minutes. What stops a run is said of epochs.
    fn tell_step(&self, since: &Since) -> Result<()> {
        let steps = since.steps as f64;
        let seconds = since.start.elapsed().as_secs_f64().max(1e-9);
        let values = [
            ("mean_loss", since.loss / steps),
            ("learning_rate", since.rate),
            ("tokens_per_second", since.tokens as f64 / seconds),
        ];
        let (stage, total) = ("step", Some(self.total_steps));
        self.ctx.report(&Event { stage, step: self.position.step, total, values: &values }).map(drop)
    }

    fn not_finite(&self, what: &str, value: f64, rate: f64) -> Error {
        let (epoch, step) = (self.position.epoch + 1, self.position.step + 1);
        Error::input(
            format!(
                "training failed at epoch {epoch}, step {step}: the {what} is {value} at learning rate {rate:.3e}"
            ),
            "lower learning_rate, lower clip_norm, or lengthen warmup",
        )
    }

    fn evaluate(&mut self, store: &Store, since: &Since, ends: bool) -> Result<()> {
        let (job, options) = (self.job, self.job.options);
        let evaluation = if job.validation_rows.is_empty() {
            None
        } else {
            Some(evaluate(job, &store.frozen(), &self.lengths, self.ctx)?)
        };
        let seconds = since.start.elapsed().as_secs_f64();
        let record = EpochRecord {
            epoch: self.position.epoch + 1,
            step: self.position.step,
            train_loss: since.loss / since.steps as f64,
            validation_loss: evaluation.as_ref().map(|e| e.loss),
            metric: evaluation.as_ref().and_then(|e| e.counts.as_ref()).map(Counts::macro_f1),
            learning_rate: since.rate,
            gradient_norm: since.norm / since.steps as f64,
            tokens_per_second: since.tokens as f64 / seconds.max(1e-9),
            seconds,
        };
        if ends {
            self.position.epoch += 1;
            self.position.steps_in_epoch = 0;
        }
        if let Some(evaluation) = &evaluation {
            if options.schedule == Schedule::Plateau {
                self.position.plateau.observe(evaluation.loss);
            }
            if self.position.stopper.observe(options.monitor.value(evaluation)) {
                let values = store.read_all()?;
                if let Some(folder) = &job.files.checkpoints {
                    write_best(folder, store, &values, &job.identity)?;
                }
                self.best = Some(values);
            }
        }
        let control = self.tell(&record)?;
        self.position.history.push(record);
        self.position.done = self.position.epoch == options.max_epochs
            || self.position.stopper.waited >= options.patience
            || control == Control::Stop;
        job.files.write_log(&self.position.history, true)?;
        if let Some(folder) = &job.files.checkpoints {
            self.position.optimizer_steps.clone_from(&self.optimizer.steps);
            let values = store.read_all()?;
            let optimizer = self.optimizer.clone();
            Checkpoint { position: self.position.clone(), values, optimizer }.write(folder, store)?;
        }
        Ok(())
    }

    fn tell(&self, r: &EpochRecord) -> Result<Control> {
        let values = [
            ("loss", r.train_loss),
            ("learning_rate", r.learning_rate),
            ("gradient_norm", r.gradient_norm),
            ("tokens_per_second", r.tokens_per_second),
            ("validation_loss", r.validation_loss.unwrap_or(f64::NAN)),
            ("f1_macro", r.metric.unwrap_or(f64::NAN)),
        ];
        let known = 4 + usize::from(r.validation_loss.is_some()) + usize::from(r.metric.is_some());
        let (stage, total) = ("epoch", Some(self.job.options.max_epochs));
        self.ctx.report(&Event { stage, step: r.epoch, total, values: &values[..known] })
    }

    fn finish(self, store: &Store) -> Result<Trained> {
        let values = match self.best {
            Some(best) => best,
            None => store.read_all()?,
        };
        Ok(Trained { values, history: self.position.history })
    }
}

/// The rate and decay of every parameter.
fn groups(store: &Store, options: &TrainOptions, rate: f64) -> Vec<Group> {
    let deepest = store.params().iter().map(|p| p.layer).filter(|&l| l != usize::MAX).max().unwrap_or(0);
    let of = |p: &crate::net::Param| {
        let below = if p.layer == usize::MAX { 0 } else { deepest + 1 - p.layer };
        Group {
            rate: rate * options.layer_decay.powi(below as i32),
            decay: if p.decay { options.weight_decay } else { 0.0 },
        }
    };
    store.params().iter().map(of).collect()
}

/// What one batch of a step comes to.
struct Pass {
    loss: f64,
    tokens: usize,
    grads: Accumulated,
}

/// One batch, there and back. A loss that is not finite has no gradient.
fn pass(job: &Job<'_>, store: &Store, rows: &[usize], masses: &[f64], dropout: Seed) -> Result<Pass> {
    let mut tape = Tape::training(dropout);
    let batch = Batch::of(job.encoded, rows.to_vec());
    let heads = (job.forward)(store, &mut tape, &batch)?;
    let (mut end, mut loss) = (Onward::default(), 0.0);
    for ((scores, task), &mass) in heads.into_iter().zip(job.tasks).zip(masses) {
        if mass > 0.0 {
            loss += give_loss(task, scores, &batch.rows, mass, &mut end)?;
        }
    }
    let grads = match loss.is_finite() {
        true => Accumulated::of(store, &mut tape.backward(end)?)?,
        false => Accumulated::new(store),
    };
    Ok(Pass { loss, tokens: batch.tokens(), grads })
}

/// The loss of some rows, and its gradient handed to their scores.
fn give_loss(task: &Task<'_>, scores: Tensor<2>, rows: &[usize], mass: f64, end: &mut Onward) -> Result<f64> {
    let [n, width] = scores.dims();
    let numbers = read(scores.clone().inner())?;
    let mut grad = vec![0.0; n * width];
    let mut loss = 0.0;
    for ((&row, z), g) in rows.iter().zip(numbers.chunks(width)).zip(grad.chunks_mut(width)) {
        loss += task.loss.row(row, z, mass / task.weight, g);
    }
    let device = scores.device().inner();
    end.give(scores, Tensor::from_data(TensorData::new(grad, [n, width]), &device));
    Ok(loss / mass * task.weight)
}

/// Measures the held-out rows: the loss of all heads, right and wrong of the first.
fn evaluate(job: &Job<'_>, store: &Store, lengths: &[usize], ctx: &FitContext) -> Result<Evaluation> {
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
