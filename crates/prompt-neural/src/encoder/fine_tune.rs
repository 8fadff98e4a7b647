//! Fine-tuning: a published encoder learns your labels or numbers.

use std::path::Path;

use burn::tensor::Device;
use prompt_core::artifact::digest;
use prompt_core::{
    ClassWeight, Error, FitContext, Head, Legal, Output, Params, Result, Target, Texts, Values, params,
};
use prompt_encoder::{HeadKind, SurfaceFeatures};

use super::fitted::FittedEncoder;
use super::head::{Head as NetHead, HeadSpec, OWN, Pool, SEVERAL};
use super::kept::kept;
use super::model::{Model, encode, is_adapter};
use super::probe::{Rows, probe};
use super::surface::Surface;
use super::task::TaskSpec;
use crate::device::{self, DEVICES};
use crate::loss::{Loss, LossKind, Scale};
use crate::net::{Store, Tape};
use crate::network::{bytes_of, output_of, to_json};
use crate::text::Batch;
use crate::train::{
    Job, Monitor, Schedule, Task, TrainFiles, TrainOptions, hold_out, judging, memory, train,
};

/// A number in [0, 1).
const SHARE: Legal = Legal::Real { low: 0.0, high: 1.0, low_open: false, high_open: true };

params! {
    /// Fine-tuning of an encoder from a Hugging Face folder.
    ///
    /// The defaults are those of the field: 8 epochs of batches of 16, AdamW at 2·10⁻⁵ with 10% warm-up and a line to
    /// zero, decay 0.01, gradients cut to norm 1.
    pub struct FineTune named "fine_tune" checked by FineTune::agree {
        /// How the tokens become one vector; `cls` is what the published heads do (ModernBERT: as its file says).
        /// `attention` learns which tokens count; it begins as the mean.
        pooling: String = "cls".to_owned(), Legal::OneOf(Pool::NAMES);
        /// The head: `published`, which transformers opens too; `linear`, one layer on the pooled vector; or for numbers
        /// `deep` (width → 256 → 64 → 1).
        head: String = "published".to_owned(), Legal::OneOf(NetHead::NAMES);
        /// Whether heads read surface features of the whole text (lengths, marks, digits, keywords) behind the pooled
        /// vector, as z = (ln(1 + x) − mean) / deviation over the rows that are learned from. Not for the published head.
        /// At an encoder's rate a head hardly learns what they say: give it `probe_epochs`.
        surface: bool = false, Legal::Bool;
        /// Epochs in which the head alone learns, before the encoder does: on vectors that the untouched encoder gives
        /// once, so that they cost little (linear probing, then fine-tuning; Kumar and others, 2022).
        probe_epochs: usize = 0, Legal::int(0, 100_000);
        /// The highest rate of AdamW in those epochs.
        probe_rate: f64 = 3e-3, Legal::positive();
        /// Share of the numbers that a training step drops inside the encoder.
        dropout: f64 = 0.1, SHARE;
        /// The same inside the head.
        head_dropout: f64 = 0.1, SHARE;
        /// Embeddings and this many of the first layers stay as they are; 0 lets everything learn.
        freeze_layers: usize = 0, Legal::int(0, 1000);
        /// Epochs after which one more frozen layer learns, from the top down; none keeps them frozen.
        unfreeze_every: Option<usize> = None, Legal::at_least(1).or_none();
        /// Rank of adapters beside the queries and values (LoRA); then they and the head learn and nothing else does.
        /// Saving puts them into the matrices. Not for ModernBERT. None for no adapters.
        lora_rank: Option<usize> = None, Legal::int(1, 1024).or_none();
        /// The adapters count `lora_alpha` / `lora_rank`.
        lora_alpha: f64 = 16.0, Legal::positive();
        /// Each layer learns with this much of the rate of the one above it.
        layer_decay: f64 = 1.0, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: false };
        /// Tokens of a text beyond this many (special ones counted) are not read; how many texts that meets is told.
        max_length: usize = 512, Legal::int(3, 1_000_000);
        /// Most passes over the training rows.
        max_epochs: usize = 8, Legal::at_least(1);
        /// Rows of a step on the device.
        batch_size: usize = 16, Legal::int(1, 65_536);
        /// Batches whose gradients are put together for one step of the optimiser.
        accumulation: usize = 1, Legal::int(1, 65_536);
        /// The highest rate of AdamW.
        learning_rate: f64 = 2e-5, Legal::positive();
        /// How far AdamW pulls matrices to zero: decoupled, times the rate. Biases and norms are left alone.
        weight_decay: f64 = 0.01, Legal::not_negative();
        /// How the rate moves.
        schedule: String = "linear".to_owned(), Legal::OneOf(Schedule::NAMES);
        /// Share of all steps over which the rate rises from zero.
        warmup: f64 = 0.1, Legal::between(0.0, 1.0);
        /// The gradient is shortened to this norm; none for no limit.
        clip_norm: Option<f64> = Some(1.0), Legal::positive().or_none();
        /// Whether the layers of the encoder are computed again on the way back, one at a time (gradient checkpointing):
        /// a step keeps their inputs instead of all that is inside them, and takes about a third more time. The result is
        /// the same.
        gradient_checkpointing: bool = false, Legal::Bool;
        /// What is made small.
        loss: String = "cross_entropy".to_owned(), Legal::OneOf(LossKind::NAMES);
        /// How much focal loss turns away from easy rows.
        focal_gamma: f64 = 3.0, Legal::not_negative();
        /// Share of the label that is spread over all classes (cross-entropy only).
        label_smoothing: f64 = 0.0, SHARE;
        /// How much each class counts (focal loss: its alpha).
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
        /// Share of the rows that is held out to choose the best state; 0 keeps the last one.
        validation_fraction: f64 = 0.1, SHARE;
        /// Evaluations without a better number before training ends.
        patience: usize = 3, Legal::at_least(1);
        /// The number that chooses.
        metric: String = "loss".to_owned(), Legal::OneOf(Monitor::NAMES);
        /// Steps between evaluations; none for the end of each epoch.
        eval_steps: Option<usize> = None, Legal::at_least(1).or_none();
        /// Where the numbers are computed.
        device: String = "cpu".to_owned(), Legal::OneOf(DEVICES);
        /// Batches of a step that are computed at once, each on a device of its own (the first ones of this kind; on the CPU
        /// they share its threads). The result is the same, so more than `accumulation` are of no use.
        devices: usize = 1, Legal::int(1, 64);
    }
}

impl FineTune {
    fn agree(&self) -> Result<()> {
        if self.label_smoothing > 0.0 && self.loss != "cross_entropy" {
            let legal = "0 unless loss is cross_entropy";
            return Err(Error::param(Self::NAME, "label_smoothing", legal, self.label_smoothing));
        }
        Ok(())
    }

    fn training(&self) -> TrainOptions {
        TrainOptions {
            max_epochs: self.max_epochs,
            batch_size: self.batch_size,
            accumulation: self.accumulation,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            layer_decay: self.layer_decay,
            schedule: Schedule::named(&self.schedule),
            warmup: self.warmup,
            clip_norm: self.clip_norm,
            loss: LossKind::named(&self.loss, self.focal_gamma, self.label_smoothing),
            class_weight: self.class_weight.clone(),
            validation_fraction: self.validation_fraction,
            patience: self.patience,
            monitor: Monitor::named(&self.metric),
            eval_steps: self.eval_steps,
            others: Vec::new(),
        }
    }

    /// Of the epochs in which the head alone learns.
    fn probing(&self) -> TrainOptions {
        TrainOptions {
            max_epochs: self.probe_epochs,
            accumulation: 1,
            learning_rate: self.probe_rate,
            schedule: Schedule::Linear,
            warmup: 0.0,
            patience: usize::MAX,
            eval_steps: None,
            ..self.training()
        }
    }

    /// Fine-tunes the encoder in `folder` on texts with classes (one label a row), ordered classes or numbers.
    ///
    /// A head that the folder lacks, or has for another number of classes, starts afresh from the context's seed.
    /// Ordered classes share one score, and thresholds that begin at the classes' shares say between which of them it
    /// lies.
    ///
    /// # Errors
    /// A parameter out of range; a folder that is no checkpoint or damaged; data as
    /// [`TextNetwork::fit`](crate::TextNetwork::fit) refuses; a loss that is not finite; cancellation.
    pub fn fit<T: Texts + ?Sized>(
        &self,
        folder: impl AsRef<Path>,
        texts: &T,
        y: &Target,
        ctx: &FitContext,
    ) -> Result<FittedEncoder> {
        self.fit_in(folder, texts, y, ctx, &TrainFiles::default())
    }

    /// As [`fit`](Self::fit), leaving a log and checkpoints behind, from which an interrupted run can go on.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and what the system refuses, a state that is damaged or of another run.
    pub fn fit_in<T: Texts + ?Sized>(
        &self,
        folder: impl AsRef<Path>,
        texts: &T,
        y: &Target,
        ctx: &FitContext,
        files: &TrainFiles,
    ) -> Result<FittedEncoder> {
        let name = if matches!(y.values(), Values::Regression(_)) { "score" } else { "class" };
        self.fit_tasks_in(folder, texts, &[TaskSpec::new(name, y)], ctx, files)
    }

    /// Fine-tunes the encoder on several targets of the same texts at once, each with a head of its own: what one
    /// teaches the encoder helps the others.
    ///
    /// The loss is Σ weight · loss of a task. Rows are held out by the shares of the first task, whose accuracy or macro
    /// F1 chooses the best state where `metric` says so (where its held-out rows weigh nothing, the last state is kept);
    /// `loss` is that sum. Focal loss and label smoothing are for the
    /// tasks of plain classes alone.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); no task, or two of one name; a weight that is not above 0.
    pub fn fit_tasks<T: Texts + ?Sized>(
        &self,
        folder: impl AsRef<Path>,
        texts: &T,
        tasks: &[TaskSpec<'_>],
        ctx: &FitContext,
    ) -> Result<FittedEncoder> {
        self.fit_tasks_in(folder, texts, tasks, ctx, &TrainFiles::default())
    }

    /// As [`fit_tasks`](Self::fit_tasks), leaving a log and checkpoints behind.
    ///
    /// # Errors
    /// As [`fit_tasks`](Self::fit_tasks) and [`fit_in`](Self::fit_in).
    pub fn fit_tasks_in<T: Texts + ?Sized>(
        &self,
        folder: impl AsRef<Path>,
        texts: &T,
        tasks: &[TaskSpec<'_>],
        ctx: &FitContext,
        files: &TrainFiles,
    ) -> Result<FittedEncoder> {
        self.validate()?;
        let texts: Vec<&str> = (0..texts.count()).map(|i| texts.text(i)).collect();
        let folder = folder.as_ref();
        ctx.install(|| self.run(folder, &texts, tasks, ctx, files))
    }

    fn run(
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
        let mut model = Model::open(folder, self, specs, surface, Store::new(device.autodiff()), ctx)?;
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

    /// The heads that these tasks need.
    fn head_specs(&self, tasks: &[TaskSpec<'_>], rows: usize) -> Result<Vec<HeadSpec>> {
        if tasks.is_empty() {
            return Err(Error::input("there is nothing to learn", "give at least one task"));
        }
        let mut specs: Vec<HeadSpec> = Vec::new();
        for (i, task) in tasks.iter().enumerate() {
            task.check(NetHead::NAMES)?;
            if tasks[..i].iter().any(|before| before.name == task.name) {
                let what = format!("two tasks are called `{}`", task.name);
                return Err(Error::input(what, "give each a name of its own"));
            }
            let y = task.target;
            if rows != y.len() {
                return Err(Error::shape("rows of the target", rows, y.len()));
            }
            if rows == 0 {
                return Err(Error::input(
                    "there are no texts to learn from",
                    "give at least one of each class",
                ));
            }
            let (output, ordinal) = match output_of(y)? {
                (Output::Values(_), ordinal) => (Output::Values(vec![task.name.clone()]), ordinal),
                known => known,
            };
            let kind = NetHead::kind(task.head.as_ref().unwrap_or(&self.head));
            if kind == HeadKind::Deep && output.classes().is_some() && !ordinal {
                let help = "take head = published or linear";
                return Err(Error::unsupported("the deep head", "classes", help));
            }
            if kind == HeadKind::Published && self.surface {
                let legal = "false where a head is published: take head = linear, or for numbers deep";
                return Err(Error::param(Self::NAME, "surface", legal, true));
            }
            let scale = match y.values() {
                Values::Regression(values) => Some(Scale::of(values, y.weights())),
                _ => None,
            };
            // A folder calls the head of a single task so, and has no place for another name.
            let usual = if output.classes().is_some() { "class" } else { "score" };
            let prefix = match (tasks.len() == 1 && task.name == usual, kind) {
                (true, HeadKind::Published) => String::new(),
                (true, _) => OWN.to_owned(),
                _ => format!("{SEVERAL}{i}."),
            };
            specs.push(HeadSpec { name: task.name.clone(), prefix, kind, output, ordinal, scale });
        }
        Ok(specs)
    }

    /// What one task makes small. Beside others a choice that does not suit it is not made for it.
    fn task_loss(&self, task: &TaskSpec<'_>, spec: &HeadSpec, several: bool) -> Result<Loss> {
        let classes = spec.output.classes().is_some();
        let mut kind = LossKind::named(&self.loss, self.focal_gamma, self.label_smoothing);
        if several && (!classes || spec.ordinal) {
            kind = LossKind::CrossEntropy { smoothing: 0.0 };
        }
        let class_weight = match (&task.class_weight, &self.class_weight) {
            (Some(own), _) => own.clone(),
            (None, ClassWeight::Explicit(_)) if several => {
                let legal = "none or balanced where there are several tasks: give each its own";
                return Err(Error::param(Self::NAME, "class_weight", legal, "a table"));
            }
            (None, _) if several && !classes => ClassWeight::None,
            (None, all) => all.clone(),
        };
        Loss::new(task.target, kind, &class_weight, spec.scale)
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
        let mut parts: Vec<Vec<u8>> = vec![params.into_bytes()];
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
