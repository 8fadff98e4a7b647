//! Models that XGBoost and LightGBM trained here: the library's own file inside our artifact, read by the pure reader.

use prompt_core::artifact::{Artifact, Catalog, Node, Persist, Tensor};
use prompt_core::{Classes, Error, Model, Output, Result, RowView, Scratch};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{LightgbmModel, XgboostModel};
use crate::linear::one_value;

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Library {
    /// XGBoost's `.ubj` or `.json`.
    Xgboost,
    /// LightGBM's text.
    Lightgbm,
}

/// A model that one of the libraries trained (features `xgboost` and `lightgbm`), which needs neither the library nor the
/// feature to be opened and to predict: the file is kept as the library wrote it and read by [`XgboostModel`] or
/// [`LightgbmModel`].
#[derive(Debug, Clone, PartialEq)]
pub struct LibraryModel {
    facts: Facts,
    file: Vec<u8>,
    trees: Trees,
    output: Output,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    library: Library,
    params: Value,
    /// All classes of the target; none for numbers.
    classes: Option<Vec<String>>,
    /// The classes that were there in training, as positions among all.
    present: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq)]
enum Trees {
    Xgboost(XgboostModel),
    Lightgbm(LightgbmModel),
}

impl Trees {
    fn model(&self) -> &dyn Model {
        match self {
            Self::Xgboost(model) => model,
            Self::Lightgbm(model) => model,
        }
    }
}

/// The artifact kind.
pub(super) const KIND: &str = "booster_file";

impl LibraryModel {
    /// From the file that the library wrote. For classes: all of the target and, as positions among them, those that the
    /// file's outputs stand for.
    ///
    /// # Errors
    /// What the reader refuses, and outputs that do not fit the classes.
    pub fn new(
        library: Library,
        params: Value,
        file: Vec<u8>,
        classes: Option<(&Classes, &[u32])>,
    ) -> Result<Self> {
        let (names, present) = match classes {
            Some((classes, present)) => (Some(classes.names().to_vec()), present.to_vec()),
            None => (None, Vec::new()),
        };
        Self::read(Facts { library, params, classes: names, present }, file)
    }

    fn read(facts: Facts, file: Vec<u8>) -> Result<Self> {
        let trees = match facts.library {
            Library::Xgboost => Trees::Xgboost(XgboostModel::parse("model.ubj", &file)?),
            Library::Lightgbm => Trees::Lightgbm(LightgbmModel::parse("model.txt", &file)?),
        };
        let output = match &facts.classes {
            Some(names) => Output::Classes(Classes::new(names.clone())?),
            None => one_value(),
        };
        let (found, width) = (trees.model().output(), output.width());
        let rising = facts.present.windows(2).all(|p| p[0] < p[1]);
        let fits = match (found, &output) {
            (Output::Classes(found), Output::Classes(_)) => {
                found.len() == facts.present.len()
                    && rising
                    && facts.present.iter().all(|&c| (c as usize) < width)
            }
            (Output::Values(found), Output::Values(_)) => found.len() == 1 && facts.present.is_empty(),
            _ => false,
        };
        if !fits {
            return Err(Error::artifact(
                KIND,
                "the outputs of the library's file are not those of the model",
                "the file is damaged; save the model again",
            ));
        }
        Ok(Self { facts, file, trees, output })
    }

    /// Whose file it is.
    pub fn library(&self) -> Library {
        self.facts.library
    }

    /// The file as the library wrote it: what `Booster.load_model` of Python opens.
    pub fn file(&self) -> &[u8] {
        &self.file
    }
}

impl Model for LibraryModel {
    fn output(&self) -> &Output {
        &self.output
    }

    fn n_features(&self) -> usize {
        self.trees.model().n_features()
    }

    fn score_row(&self, row: RowView<'_>, scratch: &mut Scratch, out: &mut [f64]) {
        let present = &self.facts.present;
        if present.len() == out.len() || present.is_empty() {
            self.trees.model().score_row(row, scratch, out);
            return;
        }
        // Classes that were not there have no output of the library's: the others move to their places from the last on.
        let (found, rest) = out.split_at_mut(present.len());
        self.trees.model().score_row(row, scratch, found);
        rest.fill(0.0);
        for (at, &class) in present.iter().enumerate().rev() {
            let p = std::mem::take(&mut out[at]);
            out[class as usize] = p;
        }
    }
}

impl Persist for LibraryModel {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let file = Tensor::U8(vec![self.file.len()], self.file.clone());
        Ok(Node::new(KIND, 1).meta(&self.facts)?.tensor("file", file))
    }
}

impl Artifact for LibraryModel {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let file = node.get_bytes("file")?.to_vec();
        Self::read(node.get_meta()?, file)
            .map_err(|e| Error::artifact(KIND, e.to_string(), "the file is damaged; save the model again"))
    }
}
