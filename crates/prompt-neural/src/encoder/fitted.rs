//! An encoder that was fine-tuned, and what it says of texts.

use std::path::PathBuf;

use prompt_core::{Dense, Head, Output, Prediction, Result, Texts};
use rayon::prelude::*;

use super::head::HeadSpec;
use super::model::{Model, encode};
use super::surface::Surface;
use crate::loss::Scale;
use crate::net::{Tape, read};
use crate::network::same_length_batches;
use crate::outcome::probabilities;
use crate::text::Batch;
use crate::train::EpochRecord;

/// An encoder that was fine-tuned.
///
/// [`save`](Self::save) writes a Hugging Face folder, which `prompt-encoder` opens for fast prediction.
#[derive(Debug)]
pub struct FittedEncoder {
    pub(super) model: Model,
    pub(super) heads: Vec<Head>,
    pub(super) limit: usize,
    pub(super) history: Vec<EpochRecord>,
    pub(super) probe: Vec<EpochRecord>,
    pub(super) cut: usize,
    /// What the adapters count.
    pub(super) adapter_scale: f32,
    /// Where it came from: the tokenizer's files are copied from there.
    pub(super) folder: PathBuf,
}

impl FittedEncoder {
    /// What the numbers of its first head mean.
    pub fn output(&self) -> &Output {
        &self.heads[0].output
    }

    /// Its heads: `class` or `score`, or those of the tasks, in their order.
    pub fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// What training did, evaluation by evaluation.
    pub fn history(&self) -> &[EpochRecord] {
        &self.history
    }

    /// What the epochs of the head alone did (`probe_epochs`); empty where there were none, or where an interrupted
    /// training went on behind them.
    pub fn probe_history(&self) -> &[EpochRecord] {
        &self.probe
    }

    /// How many texts were longer than `max_length` in the fit, so that their ends were not read.
    pub fn cut_in_fit(&self) -> usize {
        self.cut
    }

    /// Class probabilities, or values, for many texts, by the first head.
    ///
    /// # Errors
    /// What the tokenizer refuses; when the device fails.
    pub fn predict<T: Texts + ?Sized>(&self, texts: &T) -> Result<Prediction> {
        Ok(self.predict_heads(texts)?.swap_remove(0))
    }

    /// The same by every head, in the order of [`heads`](Self::heads).
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn predict_heads<T: Texts + ?Sized>(&self, texts: &T) -> Result<Vec<Prediction>> {
        let Model { net, store, tokenizer, specs, surface, .. } = &self.model;
        let ids = |i| encode(tokenizer, texts.text(i), self.limit).map(|(ids, _)| ids);
        let encoded = (0..texts.count()).map(ids).collect::<Result<Vec<_>>>()?;
        let surface = Surface::of(surface.as_ref(), texts);
        let mut all: Vec<Vec<f64>> =
            specs.iter().map(|spec| vec![0.0; encoded.len() * spec.output.width()]).collect();
        let batches = same_length_batches(&encoded, store);
        let scored = |rows: Vec<usize>| -> Result<(Vec<usize>, Vec<Vec<f32>>)> {
            let batch = Batch::of(&encoded, rows);
            let heads = net.forward(store, &mut Tape::predicting(), &batch, &surface, [0.0; 2])?;
            Ok((batch.rows, heads.into_iter().map(read).collect::<Result<_>>()?))
        };
        // A CPU's threads take a batch each; a GPU takes one after another.
        let scored: Vec<_> = match store.on_cpu() {
            true => batches.into_par_iter().map(scored).collect::<Result<_>>()?,
            false => batches.into_iter().map(scored).collect::<Result<_>>()?,
        };
        for (rows, heads) in scored {
            for ((scores, spec), all) in heads.iter().zip(specs).zip(&mut all) {
                let (scored, width) = (scores.len() / rows.len(), spec.output.width());
                for (&row, z) in rows.iter().zip(scores.chunks(scored)) {
                    let out = &mut all[row * width..(row + 1) * width];
                    match spec.scale {
                        Some(Scale { mean, deviation }) => out[0] = f64::from(z[0]) * deviation + mean,
                        None => probabilities(z, spec.ordinal, out),
                    }
                }
            }
        }
        let answer = |(spec, numbers): (&HeadSpec, Vec<f64>)| {
            let width = spec.output.width();
            Prediction::new(spec.output.clone(), Dense::new(encoded.len(), width, numbers)?)
        };
        specs.iter().zip(all).map(answer).collect()
    }
}
