//! Saved pipelines: which decoders there are, and opening a folder.

use std::path::Path;
use std::sync::Arc;

use prompt_core::artifact::{Bundle, Catalog, Manifest};
use prompt_core::{Classes, Error, Params, Result, Scorer};
use prompt_data::sanitise::Sanitiser;

use super::device;
use crate::interop::BoosterFile;
use crate::tabular::{self, TableScorer};

/// The decoders of everything that this crate and the crates below it can save. Text encoders are computed on the CPU by
/// the dedicated engine, and with the feature `neural` by burn where that refuses one.
pub fn catalog() -> Catalog {
    let mut catalog = without_encoders();
    device::register_cpu(&mut catalog);
    catalog
}

/// The same with text encoders on this device.
fn catalog_on(device: &str) -> Result<Catalog> {
    let mut catalog = without_encoders();
    device::register(&mut catalog, device)?;
    Ok(catalog)
}

fn without_encoders() -> Catalog {
    let mut catalog = Catalog::new();
    catalog.map::<Sanitiser>(Sanitiser::NAME);
    prompt_features::register(&mut catalog);
    crate::learners::register(&mut catalog);
    catalog.scorer::<TableScorer>(tabular::KIND);
    #[cfg(feature = "neural")]
    prompt_neural::register(&mut catalog);
    catalog
}

/// Kinds of pipelines that only a build with a feature reads.
const BY_FEATURE: [(&str, &str, &str); 3] = [
    ("text_network", "a network", "neural"),
    (device::ENCODER_KIND, "a text encoder", "encoder"),
    ("static_embedding", "static embeddings", "encoder"),
];

/// A kind that another build would know, by what that build is called.
fn by_feature(error: Error) -> Error {
    let Error::Unknown { kind: "artifact kind", name, .. } = &error else { return error };
    match BY_FEATURE.iter().find(|(kind, ..)| kind == name) {
        Some((_, what, feature)) => Error::unsupported(
            "this build",
            format!("the saved model, which holds {what}"),
            format!(
                "build with the feature `{feature}` (cargo install --path crates/prompt-cli --features {feature})"
            ),
        ),
        None => error,
    }
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
    /// Opens the folder of a saved pipeline and checks every byte, or a file that XGBoost (`.json`, `.ubj`) or LightGBM
    /// (`.txt`) saved, which reads tables ([`BoosterFile`]). With the feature `encoder` it may also be a Hugging Face
    /// folder of a text classifier (`config.json`, weights, tokenizer) as it is.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read; [`Error::Artifact`] when it was altered, is newer than this program, or
    /// is no pipeline; [`Error::Unsupported`] for a Hugging Face folder without the feature.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::open_on(dir, "cpu")
    }

    /// The same with its text encoder on one of the [`DEVICES`](super::DEVICES). On `cpu` the dedicated engine computes it
    /// or, in a build with the feature `neural`, burn where that refuses one; on any other burn. What runs instead of what
    /// is said by [`Scorer::notices`].
    ///
    /// # Errors
    /// As [`LoadedModel::open`]; a device that is unknown, or that the build or the machine does not have; one other than
    /// `cpu` for a pipeline without a text encoder.
    pub fn open_on(dir: &Path, device: &str) -> Result<Self> {
        device::check(device)?;
        if BoosterFile::is_one(dir) {
            let file = BoosterFile::open(dir)?;
            device::check_cpu(device, &dir.display().to_string())?;
            return Ok(Self { manifest: file.manifest(dir), scorer: Arc::new(file) });
        }
        if dir.join("config.json").is_file() && !dir.join("manifest.json").exists() {
            return Self::checkpoint(dir, device);
        }
        let bundle = Bundle::open(dir)?;
        device::check_use(device, &bundle.manifest.name, &bundle.root)?;
        let scorer = catalog_on(device)?.decode_scorer(&bundle.root).map_err(by_feature)?;
        Ok(Self { manifest: bundle.manifest, scorer })
    }

    #[cfg(not(feature = "encoder"))]
    fn checkpoint(dir: &Path, _: &str) -> Result<Self> {
        Err(Error::unsupported(
            format!("the Hugging Face folder {}", dir.display()),
            "this build",
            "build with the feature `encoder` (cargo install prompt-cli --features encoder)",
        ))
    }

    /// What the checkpoint of an encoder says of itself: its name is the folder's.
    #[cfg(feature = "encoder")]
    fn checkpoint(dir: &Path, device: &str) -> Result<Self> {
        let classifier = prompt_encoder::Classifier::open_with(dir, &device::options(device)?)?;
        let name = dir.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let scorer: Arc<dyn Scorer> = Arc::new(classifier);
        let head = scorer.heads().first();
        let classes = head.and_then(|h| h.output.classes()).map(|c| c.names().to_vec()).unwrap_or_default();
        let manifest = Manifest {
            kind: scorer.kind().to_owned(),
            name,
            task: "text".to_owned(),
            classes,
            ..Manifest::default()
        };
        Ok(Self { manifest, scorer })
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
