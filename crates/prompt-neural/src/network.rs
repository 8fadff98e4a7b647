//! A text network that can be fitted, and the fitted one.

use std::sync::Arc;

use burn::tensor::Device;
use prompt_core::artifact::{Artifact, Catalog, Node, Persist, Tensor, digest};
use prompt_core::{
    Batch as Records, Dense, Error, FitContext, Head, Output, Params, Prediction, Result, Scorer, Scratch,
    Seed, Target, Texts, Values,
};
use serde::{Deserialize, Serialize};

use crate::device;
use crate::loss::{Loss, Scale};
use crate::net::{Architecture, Builder, HeadKind, Input, Net, Store, Tape, read};
use crate::outcome::probabilities;
use crate::params::{BiLstm, Cnn, Hybrid, Lstm, Transformer};
use crate::text::{Batch, Vocabulary, VocabularyOptions, ordered_batches};
use crate::train::{EpochRecord, Job, Task, TrainFiles, TrainOptions, hold_out, judging, memory, train};

/// A network for texts before it has seen any: [`Cnn`], [`Lstm`], [`BiLstm`], [`Transformer`], [`Hybrid`].
///
/// The target decides what is learned: classes (one label a row), ordered classes, or numbers.
pub trait TextNetwork: Params + sealed::Choice {
    /// Learns from texts.
    ///
    /// Reports each evaluation to the context's observer as stage `epoch` with `loss`, `learning_rate`,
    /// `gradient_norm`, `tokens_per_second` and, with held-out rows, `validation_loss` and `f1_macro`. An observer
    /// that answers [`Control::Stop`](prompt_core::Control::Stop) ends training with the best state so far. Each step
    /// of the optimiser is told as stage `step` with `mean_loss` (since the last evaluation), `learning_rate` and
    /// `tokens_per_second`; what is answered there counts for nothing.
    ///
    /// # Errors
    /// A parameter out of range, texts and target of different lengths, no rows, a single class, a target of several
    /// labels or outputs; a device that is absent; a training that needs more memory than there is; a loss that is not finite; cancellation and time limits.
    fn fit<T: Texts + ?Sized>(&self, texts: &T, y: &Target, ctx: &FitContext) -> Result<FittedNetwork> {
        self.fit_in(texts, y, ctx, &TrainFiles::default())
    }

    /// As [`fit`](Self::fit), leaving a log and checkpoints behind, from which an interrupted run can go on.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and what the system refuses, a checkpoint that is damaged or of another run.
    fn fit_in<T: Texts + ?Sized>(
        &self,
        texts: &T,
        y: &Target,
        ctx: &FitContext,
        files: &TrainFiles,
    ) -> Result<FittedNetwork> {
        self.validate()?;
        let texts: Vec<&str> = (0..texts.count()).map(|i| texts.text(i)).collect();
        let choice = self.choice();
        ctx.install(|| fit(choice, &texts, y, ctx, files))
    }
}

impl<P: Params + sealed::Choice> TextNetwork for P {}

mod sealed {
    use super::{Architecture, TrainOptions, VocabularyOptions};

    /// What the networks of this crate say of themselves.
    #[derive(Debug, Clone)]
    pub struct Chosen {
        pub(crate) architecture: Architecture,
        /// The same on one device: more of them learn the same.
        pub(crate) alone: Architecture,
        pub(crate) vocabulary: VocabularyOptions,
        pub(crate) training: TrainOptions,
        pub(crate) device: String,
        pub(crate) devices: usize,
    }

    pub trait Choice {
        fn choice(&self) -> Chosen;
    }
}

macro_rules! choices {
    ($($network:ident => $variant:ident),*) => {$(
        impl sealed::Choice for $network {
            fn choice(&self) -> sealed::Chosen {
                sealed::Chosen {
                    architecture: Architecture::$variant(self.clone()),
                    alone: Architecture::$variant(self.clone().devices(1)),
                    vocabulary: self.vocabulary(),
                    training: self.training(),
                    device: self.device.clone(),
                    devices: self.devices.min(self.accumulation),
                }
            }
        }
    )*};
}
choices!(Cnn => Cnn, Lstm => Lstm, BiLstm => BiLstm, Transformer => Transformer, Hybrid => Hybrid);

fn fit(
    mut choice: sealed::Chosen,
    texts: &[&str],
    y: &Target,
    ctx: &FitContext,
    files: &TrainFiles,
) -> Result<FittedNetwork> {
    if texts.len() != y.len() {
        return Err(Error::shape("rows of the target", texts.len(), y.len()));
    }
    if texts.is_empty() {
        return Err(Error::input("there are no texts to learn from", "give at least one of each class"));
    }
    let (output, ordinal) = output_of(y)?;
    let (device, others) = device::open_all(&choice.device, choice.devices)?;
    choice.training.others = others.into_iter().map(Device::autodiff).collect();
    let (train_rows, validation_rows) =
        hold_out(y, choice.training.validation_fraction, ctx.seed().derive("split", 0));

    let learned: Vec<&str> = train_rows.iter().map(|&r| texts[r]).collect();
    let vocabulary = Vocabulary::learn(&learned, choice.vocabulary.clone(), ctx)?.not_empty()?;
    let encoded = ctx.map(texts.len(), |i| vocabulary.encode(texts[i]));
    let cut = encoded.iter().filter(|e| e.cut).count();
    let encoded: Vec<Vec<u32>> = encoded.into_iter().map(|e| e.ids).collect();

    let scale = match y.values() {
        Values::Regression(values) => Some(Scale::of(values, y.weights())),
        _ => None,
    };
    let loss = Loss::new(y, choice.training.loss, &choice.training.class_weight, scale)?;
    if train_rows.iter().all(|&r| loss.mass(r) == 0.0) {
        return Err(Error::input(
            "no row to learn from has a positive weight",
            "give some row a positive weight",
        ));
    }
    let validation_rows = judging(validation_rows, &[&loss]);
    let kind = head_kind(&output, ordinal);
    let seed = ctx.seed().derive("weights", 0);
    let mut store = Store::new(device.autodiff());
    let net = Net::new(&choice.architecture, vocabulary.size(), kind, Builder::new(&mut store, seed));
    let kept = |step: memory::Step| choice.architecture.kept(step.tokens(), step.length as f64);
    let rows = memory::Rows { encoded: &encoded, train: &train_rows, judged: !validation_rows.is_empty() };
    memory::check(&store, &choice.training, files, rows, ctx.seed(), &kept)?;
    let forward =
        |s: &Store, tape: &mut Tape, batch: &Batch| Ok(vec![net.forward(s, tape, &Input::new(batch, s))?]);
    let tasks = [Task { loss, weight: 1.0, target: y, output: output.clone(), ordinal }];
    let job = Job {
        forward: &forward,
        before_epoch: &|_, _| Ok(()),
        encoded: &encoded,
        tasks: &tasks,
        train_rows: &train_rows,
        validation_rows: &validation_rows,
        options: &choice.training,
        files,
        identity: identity(&choice, &encoded, y, ctx)?,
    };
    let trained = train(&job, &mut store, ctx)?;
    store.write_all(trained.values)?;
    let store = store.frozen();
    let about = About { architecture: choice.architecture, output, ordinal, scale };
    Ok(FittedNetwork::new(about, vocabulary, net, store, trained.history, cut))
}

/// What a target makes of the network's end.
pub(crate) fn output_of(y: &Target) -> Result<(Output, bool)> {
    match y.values() {
        Values::Regression(_) => Ok((Output::Values(vec!["score".into()]), false)),
        values => {
            let (codes, classes) = y.as_classes()?;
            let first = codes[0];
            if codes.iter().all(|&c| c == first) {
                let what = format!("all rows have the class `{}`", classes.name(first));
                return Err(Error::input(what, "a classifier needs rows of two classes or more"));
            }
            Ok((Output::Classes(classes.clone()), matches!(values, Values::Ordinal { .. })))
        }
    }
}

fn head_kind(output: &Output, ordinal: bool) -> HeadKind {
    if ordinal { HeadKind::Thresholds(output.width() - 1) } else { HeadKind::Scores(output.width()) }
}

/// Digest of all that a run's result depends on.
fn identity(choice: &sealed::Chosen, encoded: &[Vec<u32>], y: &Target, ctx: &FitContext) -> Result<String> {
    let mut parts = vec![to_json(&choice.alone)?.into_bytes()];
    parts.extend(bytes_of(encoded, y)?);
    parts.push(ctx.seed().value().to_le_bytes().to_vec());
    Ok(digest(parts.iter().map(Vec::as_slice)))
}

/// Rows, targets and weights as bytes.
pub(crate) fn bytes_of(encoded: &[Vec<u32>], y: &Target) -> Result<[Vec<u8>; 3]> {
    let rows = encoded.iter().flat_map(|row| [row.len() as u32].into_iter().chain(row.iter().copied()));
    let target = match y.values() {
        Values::Regression(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        _ => y.as_classes()?.0.iter().flat_map(|c| c.to_le_bytes()).collect(),
    };
    let weights = y.weights().unwrap_or_default().iter().flat_map(|v| v.to_le_bytes()).collect();
    Ok([rows.flat_map(u32::to_le_bytes).collect(), target, weights])
}

pub(crate) fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|e| Error::input(format!("parameters cannot be written: {e}"), "check them"))
}

/// What a fitted network is, besides its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    architecture: Architecture,
    output: Output,
    ordinal: bool,
    scale: Option<Scale>,
}

/// A text network that has learned. It is a [`Scorer`] with one head: `class` for classes, `score` for numbers.
///
/// A text's prediction depends on that text alone: texts are computed together with those of exactly their length.
pub struct FittedNetwork {
    about: About,
    vocabulary: Vocabulary,
    net: Net,
    store: Store,
    heads: [Head; 1],
    history: Vec<EpochRecord>,
    cut: usize,
}

impl std::fmt::Debug for FittedNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FittedNetwork")
            .field("architecture", &self.about.architecture)
            .finish_non_exhaustive()
    }
}

/// Texts computed at once when predicting.
const TOGETHER: usize = 64;

impl FittedNetwork {
    fn new(
        about: About,
        vocabulary: Vocabulary,
        net: Net,
        store: Store,
        history: Vec<EpochRecord>,
        cut: usize,
    ) -> Self {
        let name = if about.output.classes().is_some() { "class" } else { "score" };
        let heads = [Head { name: name.into(), output: about.output.clone() }];
        Self { about, vocabulary, net, store, heads, history, cut }
    }

    /// What its numbers mean: a probability for each class, or a value.
    pub fn output(&self) -> &Output {
        &self.about.output
    }

    /// The tokens it knows.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// What training did, evaluation by evaluation. Empty for a network that was read from a file.
    pub fn history(&self) -> &[EpochRecord] {
        &self.history
    }

    /// How many texts were longer than `max_length` in the fit, so that their ends were not read.
    pub fn cut_in_fit(&self) -> usize {
        self.cut
    }

    /// How many of these texts are longer than `max_length`, so that their ends are not read.
    pub fn cut<T: Texts + ?Sized>(&self, texts: &T) -> usize {
        (0..texts.count()).filter(|&i| self.vocabulary.encode(texts.text(i)).cut).count()
    }

    /// Class probabilities, or values, for many texts.
    ///
    /// # Errors
    /// When the device fails.
    pub fn predict<T: Texts + ?Sized>(&self, texts: &T) -> Result<Prediction> {
        let encoded: Vec<Vec<u32>> =
            (0..texts.count()).map(|i| self.vocabulary.encode(texts.text(i)).ids).collect();
        let width = self.about.output.width();
        let mut all = vec![0.0; encoded.len() * width];
        for rows in same_length_batches(&encoded, &self.store) {
            let batch = Batch::of(&encoded, rows);
            let scores = self.scores(&batch)?;
            let wide = scores.len() / batch.size();
            for (&row, z) in batch.rows.iter().zip(scores.chunks(wide)) {
                self.finish(z, &mut all[row * width..(row + 1) * width]);
            }
        }
        Prediction::new(self.about.output.clone(), Dense::new(encoded.len(), width, all)?)
    }

    /// Class probabilities for many texts.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a network that predicts numbers; when the device fails.
    pub fn predict_proba<T: Texts + ?Sized>(&self, texts: &T) -> Result<Dense> {
        let prediction = self.predict(texts)?;
        prediction.probabilities().map(|(p, _)| p.clone())
    }

    fn scores(&self, batch: &Batch) -> Result<Vec<f32>> {
        let input = Input::new(batch, &self.store);
        read(self.net.forward(&self.store, &mut Tape::predicting(), &input)?)
    }

    /// From the scores of a row to what the caller reads.
    fn finish(&self, scores: &[f32], out: &mut [f64]) {
        match self.about.scale {
            Some(Scale { mean, deviation }) => {
                for (o, &z) in out.iter_mut().zip(scores) {
                    *o = f64::from(z) * deviation + mean;
                }
            }
            None => probabilities(scores, self.about.ordinal, out),
        }
    }
}

/// Rows that have exactly the same length, a bounded number of tokens at a time.
pub(crate) fn same_length_batches(encoded: &[Vec<u32>], store: &Store) -> Vec<Vec<usize>> {
    let lengths: Vec<usize> = encoded.iter().map(Vec::len).collect();
    let rows: Vec<usize> = (0..encoded.len()).collect();
    let mixed = ordered_batches(&lengths, &rows, TOGETHER, store.tokens_together());
    mixed.iter().flat_map(|b| b.chunk_by(|&a, &b| lengths[a] == lengths[b]).map(<[usize]>::to_vec)).collect()
}

impl Scorer for FittedNetwork {
    fn heads(&self) -> &[Head] {
        &self.heads
    }

    fn score(&self, batch: Records<'_>) -> Result<Vec<Prediction>> {
        let Records::Texts(texts) = batch else {
            return Err(Error::unsupported("a text network", "this kind of batch", "give it texts"));
        };
        let texts: Vec<&str> = (0..texts.count()).map(|i| texts.text(i)).collect();
        Ok(vec![self.predict(&texts)?])
    }

    fn in_batches(&self) -> bool {
        true
    }

    /// Allocates: the tensors of the layers.
    fn score_text(&self, text: &str, _: &mut Scratch, out: &mut [f64]) -> Result<()> {
        if out.len() != self.about.output.width() {
            return Err(Error::shape("numbers in `out`", self.about.output.width(), out.len()));
        }
        let batch = Batch::of(&[self.vocabulary.encode(text).ids], vec![0]);
        self.finish(&self.scores(&batch)?, out);
        Ok(())
    }
}

/// The kind of a saved network.
pub(crate) const KIND: &str = "text_network";
const VERSION: u32 = 1;

impl Persist for FittedNetwork {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let mut weights = Node::new(WEIGHTS, VERSION);
        for (i, param) in self.store.params().iter().enumerate() {
            weights = weights.tensor(&param.name, Tensor::F32(param.shape.clone(), self.store.read(i)?));
        }
        let node = Node::new(KIND, VERSION).meta(&self.about)?;
        Ok(node.child("vocabulary", self.vocabulary.to_node()?).child("weights", weights))
    }
}

const WEIGHTS: &str = "text_network_weights";

impl Artifact for FittedNetwork {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, VERSION)?;
        let about: About = node.get_meta()?;
        let bad = |what: &str| Error::artifact(KIND, what, "the file is damaged; save the model again");
        if about.ordinal && about.output.width() < 2 || about.output.width() == 0 {
            return Err(bad("its output has too few columns"));
        }
        check(&about.architecture)?;
        let vocabulary = Vocabulary::from_node(node.get_child("vocabulary")?)?;
        if let Architecture::Transformer(p) = &about.architecture
            && vocabulary.max_length() > p.max_length
        {
            return Err(bad("its vocabulary reads more tokens than it has positions"));
        }
        let weights = node.get_child("weights")?;
        weights.expect(WEIGHTS, VERSION)?;
        let mut store = Store::new(device::open("cpu")?);
        let kind = head_kind(&about.output, about.ordinal);
        let read = |name: &str, shape: &[usize]| {
            weights.get_f32s(name, Some(shape.iter().product())).map(|values| Some(values.to_vec()))
        };
        let builder = Builder::reading(&mut store, Seed::default(), &read);
        let net = Net::new(&about.architecture, vocabulary.size(), kind, builder);
        Ok(Self::new(about, vocabulary, net, store.complete()?, Vec::new(), 0))
    }
}

fn check(architecture: &Architecture) -> Result<()> {
    match architecture {
        Architecture::Cnn(p) => p.validate(),
        Architecture::Lstm(p) => p.validate(),
        Architecture::BiLstm(p) => p.validate(),
        Architecture::Transformer(p) => p.validate(),
        Architecture::Hybrid(p) => p.validate(),
    }
}

impl From<FittedNetwork> for Arc<dyn Scorer> {
    fn from(network: FittedNetwork) -> Self {
        Arc::new(network)
    }
}
