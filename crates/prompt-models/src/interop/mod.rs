//! Models that other libraries trained and saved, read for scoring: XGBoost's `.json` and `.ubj`, LightGBM's `.txt`.
//!
//! Nothing of those libraries is needed. A file is parsed, checked and turned into trees with the library's own rules: XGBoost compares
//! 32-bit numbers and sends a category in the set right; LightGBM compares 64-bit numbers, may count zero as missing,
//! and sends a category in the set left. The answers are those of the libraries' own `predict` to about 1e-6.
//!
//! | | read | refused |
//! |---|---|---|
//! | XGBoost | gbtree and dart, categorical splits, several classes or targets, versions 1 to 3 | gblinear, leaves of several numbers |
//! | LightGBM | gbdt, goss, dart, rf, categorical splits, formats v3 and v4 | linear trees |
//!
//! All trees of the file are used, also those after the best iteration of a stopped training. The files do not say
//! what the classes are called: they are named by their numbers until `with_classes` names them.
//!
//! A model reads a row of numbers in the order of its training. [`BoosterFile`] puts it before tables, whose columns it
//! finds by the names in the file.

mod forest;
mod library;
mod lightgbm;
mod scorer;
mod table;
mod ubjson;
mod xgboost;

use std::path::Path;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{Classes, Error, Model, Output, Result, RowView, Scratch};

use scorer::Memory;

pub(crate) use forest::{Forest as ForeignTrees, Seen};
pub use library::{Library, LibraryModel};
pub(crate) use scorer::TreeSum;
pub use table::BoosterFile;

macro_rules! saved_model {
    ($(#[$meta:meta])* $name:ident, $kind:literal, $read:path) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name(TreeSum);

        impl $name {
            /// The kind of its artifact.
            pub(crate) const KIND: &'static str = $kind;

            /// Reads a saved model.
            ///
            /// # Errors
            /// [`Error::Io`] when the file cannot be read, [`Error::Parse`] when it is cut or changed,
            /// [`Error::Unsupported`] for a newer format, an objective or a kind of tree that is not known.
            pub fn open(path: impl AsRef<Path>) -> Result<Self> {
                let path = path.as_ref();
                let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
                Self::parse(path, &bytes)
            }

            /// The same from bytes; errors name `path`.
            ///
            /// # Errors
            /// As [`open`](Self::open), but for reading.
            pub fn parse(path: impl AsRef<Path>, bytes: &[u8]) -> Result<Self> {
                Self::parse_named(path.as_ref(), bytes).map(|(model, _)| model)
            }

            /// The same with the names of the columns, in the order in which the model reads them; none where the file
            /// does not say.
            ///
            /// # Errors
            /// As [`parse`](Self::parse).
            pub fn parse_named(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(Self, Vec<String>)> {
                $read(path.as_ref(), bytes).map(|(sum, names)| (Self(sum), names))
            }

            /// The same under these names of its classes, in the order of their numbers.
            ///
            /// # Errors
            /// [`Error::Shape`] for another number of names, [`Error::Unsupported`] for a model of numbers.
            pub fn with_classes(self, classes: Classes) -> Result<Self> {
                self.0.with_classes(classes).map(Self)
            }

            /// The sum of trees inside.
            pub(crate) fn sum(&self) -> &TreeSum {
                &self.0
            }

            /// Number of trees.
            pub fn trees(&self) -> usize {
                self.0.forest.roots.len()
            }
        }

        impl Model for $name {
            fn output(&self) -> &Output {
                &self.0.output
            }

            fn n_features(&self) -> usize {
                self.0.forest.columns
            }

            fn score_row(&self, row: RowView<'_>, scratch: &mut Scratch, out: &mut [f64]) {
                self.0.score(row, scratch.get::<Memory>(), out);
            }
        }

        impl Persist for $name {
            fn kind(&self) -> &'static str {
                Self::KIND
            }

            fn encode(&self) -> Result<Node> {
                self.0.encode(Self::KIND)
            }
        }

        impl Artifact for $name {
            fn decode(node: &Node, _: &Catalog) -> Result<Self> {
                TreeSum::decode(node, Self::KIND).map(Self)
            }
        }
    };
}

saved_model! {
    /// A model that XGBoost saved with `Booster.save_model`, as `.json` or `.ubj`.
    ///
    /// Missing numbers are NaN. What a sparse row does not store is zero here, and missing to XGBoost.
    ///
    /// ```
    /// use prompt_core::{Model, RowView, Scratch};
    /// use prompt_models::interop::XgboostModel;
    ///
    /// let json = r#"{"version": [3, 2, 0], "learner": {
    ///   "learner_model_param": {"base_score": "1E0", "num_class": "0", "num_feature": "2"},
    ///   "objective": {"name": "reg:squarederror"},
    ///   "gradient_booster": {"name": "gbtree", "model": {"tree_info": [0], "trees": [{
    ///     "tree_param": {"size_leaf_vector": "1"}, "left_children": [1, -1, -1], "right_children": [2, -1, -1],
    ///     "split_indices": [1, 0, 0], "split_conditions": [0.5, -2, 4], "default_left": [1, 0, 0]}]}}}}"#;
    /// let model = XgboostModel::parse("model.json", json.as_bytes()).unwrap();
    /// let mut out = [0.0];
    /// model.score_row(RowView::Dense(&[9.0, 0.75]), &mut Scratch::new(), &mut out);
    /// assert_eq!(out, [1.0 + 4.0]);
    /// ```
    XgboostModel, "xgboost_model", xgboost::read
}

saved_model! {
    /// A model that LightGBM saved with `Booster.save_model`, as text.
    ///
    /// One-against-all classes are divided by their sum, so that they are probabilities; LightGBM leaves them as they
    /// are.
    ///
    /// ```
    /// use prompt_models::interop::LightgbmModel;
    ///
    /// let error = LightgbmModel::parse("model.txt", b"tree\nversion=v4\n").unwrap_err().to_string();
    /// assert!(error.starts_with("model.txt, line 2: `end of trees` is missing: the file was cut"));
    /// ```
    LightgbmModel, "lightgbm_model", lightgbm::read
}

/// Teaches a catalog to read them from artifacts.
pub(crate) fn register(catalog: &mut Catalog) {
    catalog.model::<XgboostModel>(XgboostModel::KIND);
    catalog.model::<LightgbmModel>(LightgbmModel::KIND);
    catalog.model::<LibraryModel>(library::KIND);
    catalog.scorer::<BoosterFile>(table::KIND);
}

#[cfg(test)]
mod tests;
