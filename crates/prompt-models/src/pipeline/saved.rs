//! Saved pipelines: which decoders there are, and opening a folder.

use std::path::Path;
use std::sync::Arc;

use prompt_core::artifact::{Bundle, Catalog, Manifest};
use prompt_core::{Classes, Error, Params, Result, Scorer};
use prompt_data::sanitise::Sanitiser;

use crate::tabular::{self, TableScorer};

/// The decoders of everything that this crate and the crates below it can save.
pub fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    catalog.map::<Sanitiser>(Sanitiser::NAME);
    prompt_features::register(&mut catalog);
    crate::learners::register(&mut catalog);
    catalog.scorer::<TableScorer>(tabular::KIND);
    catalog
}

/// A pipeline read back from its folder.
#[derive(Clone)]
pub struct LoadedModel {
    /// What is known about it.
    pub manifest: Manifest,
    /// The pipeline.
    pub scorer: Arc<dyn Scorer>,
}

impl std::fmt::Debug for LoadedModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadedModel").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

impl LoadedModel {
    /// Opens the folder of a saved pipeline and checks every byte.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read; [`Error::Artifact`] when it was altered, is newer than this program, or
    /// is no pipeline.
    pub fn open(dir: &Path) -> Result<Self> {
        let bundle = Bundle::open(dir)?;
        let scorer = catalog().decode_scorer(&bundle.root)?;
        Ok(Self { manifest: bundle.manifest, scorer })
    }

    /// The classes of its first head.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a pipeline that predicts numbers.
    pub fn classes(&self) -> Result<&Classes> {
        self.scorer.heads().first().and_then(|h| h.output.classes()).ok_or_else(|| {
            Error::unsupported(format!("the model `{}`", self.manifest.name), "classes", "take a classifier")
        })
    }
}
