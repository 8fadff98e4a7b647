//! The loop: batches, gradients, steps, evaluations, until enough.

use std::time::Instant;

use prompt_core::{Control, Error, Event, FitContext, Result, Seed};

use super::files::{Checkpoint, Position, read_best, start_anew, write_best};
use super::fleet::Fleet;
use super::history::EpochRecord;
use super::job::{Job, Trained};
use super::monitor::{Counts, Stopper};
use super::optimizer::{Accumulated, AdamW, Group, clip_factor, groups};
use super::pass::{evaluate, pass};
use super::rows::batches_of;
use super::scale::LossScale;
use super::schedule::{Plateau, Schedule};
use crate::net::Store;
use crate::products::Products;

/// Numbers since the last evaluation.
struct Since {
    start: Instant,
    loss: f64,
    norm: f64,
    steps: usize,
    /// Of them, those whose gradient was too large for its type: the numbers stayed as they were.
    skipped: usize,
    tokens: usize,
    /// Of the last step.
    rate: f64,
}

impl Since {
    fn now() -> Self {
        Self { start: Instant::now(), loss: 0.0, norm: 0.0, steps: 0, skipped: 0, tokens: 0, rate: 0.0 }
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
                loss_scale: LossScale::of(store.products()),
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
                let (store, dropout) = (self.fleet.at(i, store), self.dropout_seed(first_part + i));
                pass(job, store, &rows[i], &masses, self.position.loss_scale.factor(), dropout)
            };
            // One alone needs no room for gradients that wait for others.
            let passes = if rows.len() == 1 { vec![pass(0)?] } else { self.ctx.try_map(rows.len(), pass)? };
            for pass in passes {
                since.tokens += pass.tokens;
                loss += pass.loss;
                if !loss.is_finite() {
                    return Err(self.not_finite(store, "loss", loss, rate));
                }
                sum.merge(pass.grads);
            }
        }
        let loss_scale = self.position.loss_scale.factor();
        let norm = sum.norm() / loss_scale;
        if norm.is_finite() {
            let scale = (clip_factor(norm, options.clip_norm) / loss_scale) as f32;
            let groups: Vec<Group> = groups(store, options, rate);
            self.optimizer.step(store, sum.all(), scale, self.ctx, |i| groups[i])?;
            self.fleet.follow(store, |i| sum.all()[i].is_some())?;
            self.position.loss_scale.good();
            since.norm += norm;
        } else if self.position.loss_scale.overflow() {
            since.skipped += 1;
        } else {
            return Err(self.not_finite(store, "norm of the gradient", norm, rate));
        }
        self.position.step += 1;
        self.position.steps_in_epoch += 1;
        since.loss += loss;
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

    fn not_finite(&self, store: &Store, what: &str, value: f64, rate: f64) -> Error {
        let mut help = "lower learning_rate, lower clip_norm, or lengthen warmup".to_owned();
        if store.products() == Products::F16 {
            help.push_str("; f16 ends at 65,504: precision bf16 or f32 does not");
        }
        let (epoch, step) = (self.position.epoch + 1, self.position.step + 1);
        Error::input(
            format!(
                "training failed at epoch {epoch}, step {step}: the {what} is {value} at learning rate {rate:.3e}"
            ),
            help,
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
            gradient_norm: since.norm / (since.steps - since.skipped).max(1) as f64,
            skipped_steps: since.skipped,
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
