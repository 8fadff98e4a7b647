//! Pipelines chosen at run time: text → sanitiser → features side by side → model.
//!
//! They are the same [`Chain`](prompt_core::Chain) and [`Union`](prompt_core::Union) that typed code writes with `then` and
//! `Union::with`, over boxed parts, so a configured pipeline computes the same bits as the typed one.

mod device;
mod features;
mod saved;

pub use device::DEVICES;
pub use features::Features;
pub use saved::{LoadedModel, catalog};

use std::sync::Arc;

use prompt_core::{Featurizer, FittedChain, FittedUnion, MappedScorer, Model, Scorer, TextMap};

/// The fitted features of a pipeline without a sanitiser.
pub type FittedFeatures = FittedUnion<Arc<dyn Featurizer>>;

/// The parts of a fitted text pipeline as one scorer.
pub fn assemble(
    sanitiser: Option<Arc<dyn TextMap>>,
    features: FittedFeatures,
    model: Arc<dyn Model>,
) -> Arc<dyn Scorer> {
    match sanitiser {
        Some(sanitiser) => FittedChain::new(FittedChain::new(sanitiser, features), model).into(),
        None => FittedChain::new(features, model).into(),
    }
}

/// A scorer that reads texts itself, behind the sanitiser where there is one.
pub fn mapped(sanitiser: Option<Arc<dyn TextMap>>, scorer: Arc<dyn Scorer>) -> Arc<dyn Scorer> {
    match sanitiser {
        Some(sanitiser) => Arc::new(MappedScorer::new(sanitiser, scorer)),
        None => scorer,
    }
}
