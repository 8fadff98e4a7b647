//! An engine of one's own behind the API: order, batches, threads, and what is said when it gives the wrong numbers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test builds, it unwraps as the test does")]

mod common;

use common::{copy, folder, one_thread};
use prompt_core::{Error, Result};
use prompt_encoder::{
    Classifier, Encoder, EncoderConfig, Engine, OpenEngine, Options, Packed, Pooling, Precision, Weights,
};

/// Opens engines whose hidden states are the ids, `short` numbers of them left out.
#[derive(Debug, Clone, Copy, Default)]
struct Ids {
    short: usize,
}

#[derive(Debug)]
struct IdsEngine {
    width: usize,
    short: usize,
}

impl OpenEngine for Ids {
    fn name(&self) -> &'static str {
        "ids"
    }

    fn open(&self, config: &EncoderConfig, weights: &mut Weights, _: Precision) -> Result<Box<dyn Engine>> {
        let names: Vec<String> = weights.names().map(str::to_owned).collect();
        for name in names.iter().filter(|n| n.starts_with("embeddings.") || n.starts_with("encoder.")) {
            weights.tensor(name)?;
        }
        Ok(Box::new(IdsEngine { width: config.hidden_size, short: self.short }))
    }
}

impl Engine for IdsEngine {
    fn name(&self) -> &'static str {
        "ids"
    }

    fn width(&self) -> usize {
        self.width
    }

    fn weight_bytes(&self) -> usize {
        7
    }

    fn hidden_states(
        &self,
        batch: Packed<'_>,
        _threads: usize,
        read: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let mut hidden: Vec<f32> =
            batch.ids().iter().flat_map(|&id| std::iter::repeat_n(id as f32, self.width)).collect();
        hidden.truncate(hidden.len() - self.short);
        read(&hidden)
    }
}

#[test]
fn answers_come_back_in_order_from_any_engine() {
    let sequences: Vec<Vec<u32>> =
        (0..50).map(|i| (0..1 + (i * 7) % 30).map(|j| 3 + (i + j) % 90).collect()).collect();
    for (threads, budget) in [(1, 16), (2, 64), (3, 4096)] {
        let options = Options::default().threads(threads).token_budget(budget).engine(Ids::default());
        let encoder = Encoder::open_with(folder("bert"), &options).unwrap().normalise(false);
        assert_eq!((encoder.engine(), encoder.weight_bytes()), ("ids", 7));
        for (ids, hidden) in sequences.iter().zip(encoder.hidden_states(&sequences).unwrap()) {
            let first: Vec<u32> = hidden.chunks(encoder.width()).map(|row| row[0] as u32).collect();
            assert_eq!(&first, ids);
        }
        // Pooling needs nothing from an engine but hidden states.
        for (how, of) in [
            (Pooling::Cls, (|ids: &[u32]| ids[0] as f32) as fn(&[u32]) -> f32),
            (Pooling::Max, |ids| *ids.iter().max().unwrap() as f32),
            (Pooling::Mean, |ids| ids.iter().sum::<u32>() as f32 / ids.len() as f32),
        ] {
            let encoder = Encoder::open_with(folder("bert"), &options).unwrap().pooling(how).normalise(false);
            for (ids, vector) in sequences.iter().zip(encoder.embed_ids(&sequences).unwrap()) {
                assert!((vector[0] - of(ids)).abs() < 1e-4, "{how:?} of {ids:?}: {}", vector[0]);
            }
        }
    }
}

#[test]
fn an_engine_that_gives_other_numbers_than_it_says_is_an_error() {
    let options = one_thread().engine(Ids { short: 1 });
    let encoder = Encoder::open_with(folder("bert"), &options).unwrap();
    let width = encoder.width();
    let error = encoder.hidden_states(&[[2, 3]]).unwrap_err().to_string();
    assert!(
        error.contains(&format!(
            "the engine ids gave {} hidden states instead of {}",
            2 * width - 1,
            2 * width
        )),
        "{error}"
    );
}

#[test]
fn the_fallback_runs_what_the_dedicated_engine_refuses_and_nothing_else() {
    let options = one_thread().fallback(Ids::default());
    let dedicated = Classifier::open_with(folder("modernbert"), &options).unwrap();
    assert_eq!((dedicated.engine(), dedicated.notices().len()), ("dedicated", 0));
    let many = copy("modernbert");
    let path = many.path().join("config.json");
    let config = std::fs::read_to_string(&path).unwrap();
    let changed = config.replace("\"max_position_embeddings\": 512", "\"max_position_embeddings\": 4194304");
    assert_ne!(config, changed);
    std::fs::write(&path, changed).unwrap();
    let refused = Classifier::open_with(many.path(), &one_thread()).unwrap_err();
    assert!(matches!(refused, Error::Unsupported { .. }));
    let refused = refused.to_string();
    for part in [
        "`max_position_embeddings` 4194304",
        "check config.json",
        "the feature `neural`",
        "`Options::fallback`",
    ] {
        assert!(refused.contains(part), "{refused}");
    }
    // What the other engine did not read of the encoder is missed as ever: this one knows BERT's names alone.
    let error = Classifier::open_with(many.path(), &options.max_tokens(64)).unwrap_err().to_string();
    assert!(error.contains("has no place in this network"), "{error}");
    // An engine that was asked for is the one that runs.
    let options = one_thread().engine(Ids::default());
    let asked = Classifier::open_with(folder("bert"), &options.fallback(Ids::default())).unwrap();
    assert_eq!((asked.engine(), asked.notices().len()), ("ids", 0));
}

#[test]
fn options_are_equal_when_their_engines_are_called_alike() {
    let one = Options::default().engine(Ids::default());
    assert_eq!(one, Options::default().engine(Ids { short: 1 }));
    assert_ne!(one, Options::default());
}
