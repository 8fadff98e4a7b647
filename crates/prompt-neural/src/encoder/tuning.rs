//! What fine-tuning does: a checkpoint and texts become a fitted encoder.
//!
//! ```text
//! texts ─ tokens, surface ─ rows held out ─ memory looked at ─ heads alone (probe) ─ epochs ─ the best state
//! ```

use std::path::Path;

use burn::tensor::Device;
use prompt_core::artifact::digest;
use prompt_core::{Error, FitContext, Head, Result};
use prompt_encoder::SurfaceFeatures;

use super::fine_tune::FineTune;
use super::fitted::FittedEncoder;
use super::head::HeadSpec;
use super::kept::kept;
use super::model::{Model, encode, is_adapter};
use super::probe::{Rows, probe};
use super::surface::Surface;
use super::task::TaskSpec;
use crate::device;
use crate::loss::Loss;
use crate::net::{Store, Tape};
use crate::network::{bytes_of, to_json};
use crate::products::Products;
use crate::text::Batch;
use crate::train::{Job, Monitor, Task, TrainFiles, hold_out, judging, memory, train};

impl FineTune {
    /// Learns; parameters were validated.
    pub(super) fn run(
        &self,
        folder: &Path,
        texts: &[&str],
        asked: &[TaskSpec<'_>],
        ctx: &FitContext,
        files: &TrainFiles,
    ) -> Result<FittedEncoder> {
        let specs = self.head_specs(asked, texts.len())?;
        let (train_rows, validation_rows) =
            hold_out(asked[0].target, self.validation_fraction, ctx.seed().derive("split", 0));
        let (device, others) = device::open_all(&self.device, self.devices.min(self.accumulation))?;
        let surface = self.surface.then(|| SurfaceFeatures::learn(texts, &train_rows));
        let products = Products::on(&device, &self.precision)?;
        let store = Store::new(device.autodiff()).with_products(products);
        let mut model = Model::open(folder, self, specs, surface, store, ctx)?;
        let surface = Surface::of(model.surface.as_ref(), texts);
        let limit = self.max_length.min(model.tokenizer.max_tokens());
        let encoded = ctx.try_map(texts.len(), |i| encode(&model.tokenizer, texts[i], limit))?;
        let cut = encoded.iter().filter(|(_, cut)| *cut).count();
        let encoded: Vec<Vec<u32>> = encoded.into_iter().map(|(ids, _)| ids).collect();

        let mut options = self.training();
        options.others = others.into_iter().map(Device::autodiff).collect();
        let mut tasks = Vec::new();
        for (task, spec) in asked.iter().zip(&model.specs) {
            let loss = self.task_loss(task, spec, asked.len() > 1)?;
            if train_rows.iter().all(|&r| loss.mass(r) == 0.0) {
                return Err(Error::input(
                    format!("no row to learn `{}` from has a positive weight", task.name),
                    "give some row a positive weight",
                ));
            }
            let (output, ordinal) = (spec.output.clone(), spec.ordinal);
            tasks.push(Task { loss, weight: task.weight, target: task.target, output, ordinal });
        }
        // What is right and wrong is counted of the first task alone; where it has numbers, the loss is watched.
        let counted = options.monitor != Monitor::Loss && tasks[0].output.classes().is_some();
        let judges: Vec<&Loss> =
            tasks.iter().take(if counted { 1 } else { tasks.len() }).map(|t| &t.loss).collect();
        let validation_rows = judging(validation_rows, &judges);
        begin_thresholds(&mut model, &tasks, &train_rows)?;
        self.freeze(0, &mut model.store)?;
        let kept = |step: memory::Step| kept(self, &model.config, step.tokens(), step.length as f64);
        let rows =
            memory::Rows { encoded: &encoded, train: &train_rows, judged: !validation_rows.is_empty() };
        memory::check(&model.store, &options, files, rows, ctx.seed(), &kept)?;
        let identity = self.identity(&model.store, (&encoded, &surface), asked, ctx)?;
        // A state to go on from is behind those epochs.
        let probe = match self.probe_epochs > 0 && !files.goes_on(&model.store, &identity)? {
            true => {
                let (train, validation) = (train_rows.as_slice(), validation_rows.as_slice());
                let rows = Rows { encoded: &encoded, train, validation, surface: &surface };
                probe(&mut model, &tasks, rows, &self.probing(), self.head_dropout, ctx)?
            }
            false => Vec::new(),
        };
        let Model { net, store, .. } = &mut model;
        let forward = |s: &Store, tape: &mut Tape, batch: &Batch| {
            net.forward(s, tape, batch, &surface, [self.dropout, self.head_dropout])
        };
        let job = Job {
            forward: &forward,
            before_epoch: &|epoch, store| self.freeze(epoch, store),
            encoded: &encoded,
            tasks: &tasks,
            train_rows: &train_rows,
            validation_rows: &validation_rows,
            options: &options,
            files,
            identity,
        };
        let trained = train(&job, store, ctx)?;
        store.write_all(trained.values)?;
        model.store = model.store.frozen();
        let adapter_scale = self.lora_rank.map_or(0.0, |rank| (self.lora_alpha / rank as f64) as f32);
        let head = |spec: &HeadSpec| Head { name: spec.name.clone(), output: spec.output.clone() };
        let heads = model.specs.iter().map(head).collect();
        let (history, folder) = (trained.history, folder.to_owned());
        Ok(FittedEncoder { model, heads, limit, history, probe, cut, adapter_scale, folder })
    }

    /// Which parameters learn in an epoch.
    pub(super) fn freeze(&self, epoch: usize, store: &mut Store) -> Result<()> {
        let freed = self.unfreeze_every.map_or(0, |every| epoch / every);
        let frozen = self.freeze_layers.saturating_sub(freed);
        for i in 0..store.len() {
            let param = &store.params()[i];
            let learns = match self.lora_rank {
                Some(_) => param.layer == usize::MAX || is_adapter(&param.name),
                None => param.layer > frozen || frozen == 0,
            };
            store.set_trainable(i, learns)?;
        }
        Ok(())
    }

    /// Digest of all that a run's result depends on. Several devices come to the same as one.
    fn identity(
        &self,
        store: &Store,
        (encoded, surface): (&[Vec<u32>], &Surface),
        tasks: &[TaskSpec<'_>],
        ctx: &FitContext,
    ) -> Result<String> {
        let params = to_json(&self.clone().devices(1))?;
        // `auto` is another type on another device.
        let products = store.products().name();
        let mut parts: Vec<Vec<u8>> = vec![params.into_bytes(), products.into()];
        for (i, task) in tasks.iter().enumerate() {
            let TaskSpec { name, target, weight, class_weight, head } = task;
            parts.push(to_json(&(name, weight, class_weight, head))?.into_bytes());
            parts.extend(bytes_of(if i == 0 { encoded } else { &[] }, target)?);
        }
        parts.push(surface.numbers().iter().flat_map(|v| v.to_le_bytes()).collect());
        parts.push(ctx.seed().value().to_le_bytes().to_vec());
        for i in 0..store.len() {
            parts.push(store.read(i)?.iter().flat_map(|v| v.to_le_bytes()).collect());
        }
        Ok(digest(parts.iter().map(Vec::as_slice)))
    }
}

/// Thresholds that no file had begin where a score of 0 gives the classes their shares: at the rates of an encoder they
/// would hardly get there.
fn begin_thresholds(model: &mut Model, tasks: &[Task<'_>], rows: &[usize]) -> Result<()> {
    for (head, task) in model.net.heads.iter().zip(tasks) {
        let (Some(id), Ok((codes, _))) = (head.thresholds, task.target.as_classes()) else { continue };
        let fresh = model.store.read(id.index())?;
        if fresh.iter().any(|v| *v != 0.0) {
            continue;
        }
        let mass = |above: usize| -> f64 {
            rows.iter().filter(|&&r| codes[r] as usize >= above).map(|&r| task.loss.mass(r)).sum()
        };
        let all = mass(0);
        let start = |step: usize| {
            // A class that no row has leaves a finite threshold.
            let share = (mass(step + 1) + 0.5) / (all + 1.0);
            (share / (1.0 - share)).ln() as f32
        };
        model.store.set(id.index(), (0..fresh.len()).map(start).collect());
    }
    Ok(())
}
