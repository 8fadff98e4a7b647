//! Fine-tuning: a published encoder learns your labels or numbers.

use std::path::Path;

use prompt_core::{ClassWeight, Error, FitContext, Legal, Params, Result, Target, Texts, Values, params};

use super::fitted::FittedEncoder;
use super::head::{Head as NetHead, Pool};
use super::task::TaskSpec;
use crate::device::DEVICES;
use crate::loss::LossKind;
use crate::products::Products;
use crate::train::{Monitor, Schedule, TrainFiles, TrainOptions};

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
        /// a step keeps their inputs instead of all that is inside them, and goes forward once more. The result is
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
        /// The type of the factors of the encoder's matrix products (mixed precision): `f32`, `bf16`, `f16` with its loss scaled, or
        /// `auto`: bf16 on a GPU that computes in it, else f32. Parameters, norms, softmax, heads, losses and the optimiser are
        /// in f32 all the same. A CPU does halves in f32, which takes longer than f32.
        precision: String = "auto".to_owned(), Legal::OneOf(Products::NAMES);
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

    pub(super) fn training(&self) -> TrainOptions {
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
    pub(super) fn probing(&self) -> TrainOptions {
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
}
