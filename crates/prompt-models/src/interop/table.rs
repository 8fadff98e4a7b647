//! A saved model of XGBoost or LightGBM before tables.

use std::path::Path;
use std::sync::Arc;

use prompt_core::artifact::{Artifact, Catalog, Manifest, Node, Persist};
use prompt_core::{Column, Dense, Error, Head, Matrix, Model, Result, Role, Table};
use prompt_data::table::Kind;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Library, LightgbmModel, XgboostModel};
use crate::tabular::{TASK, TableSchema, head_of, scorer_of_tables};

/// A model that XGBoost (`.json`, `.ubj`) or LightGBM (`.txt`) saved, as a scorer of tables.
///
/// Columns are found by the names in the file. A file without names (training on an array) reads all columns of the table
/// but its target, in their order; there must be as many. Categories are the numbers that the library saw.
///
/// ```
/// use prompt_core::{Batch, Column, Error, Role, Scorer, Table};
/// use prompt_models::interop::BoosterFile;
/// let json = r#"{"version": [3, 2, 0], "learner": { "feature_names": ["age", "size"],
///   "learner_model_param": {"base_score": "1E0", "num_class": "0", "num_feature": "2"},
///   "objective": {"name": "reg:squarederror"},
///   "gradient_booster": {"name": "gbtree", "model": {"tree_info": [0], "trees": [{
///     "tree_param": {"size_leaf_vector": "1"}, "left_children": [1, -1, -1], "right_children": [2, -1, -1],
///     "split_indices": [1, 0, 0], "split_conditions": [0.5, -2, 4], "default_left": [1, 0, 0]}]}}}}"#;
/// let model = BoosterFile::parse("model.json", json.as_bytes())?;
/// assert_eq!(model.names(), ["age", "size"]);
/// let column = |x: f64| Column::Number(vec![x]);
/// let table = Table::new().with("size", Role::Feature, column(0.75))?.with("age", Role::Feature, column(0.0))?;
/// assert_eq!(model.score(Batch::Table(&table))?[0].row(0), [5.0]);
/// # Ok::<(), Error>(())
/// ```
pub struct BoosterFile {
    library: Library,
    model: Arc<dyn Model>,
    names: Vec<String>,
    heads: [Head; 1],
}

/// The artifact kind.
pub(super) const KIND: &str = "booster_table";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    library: Library,
    names: Vec<String>,
}

impl BoosterFile {
    /// Whether a path is a file that is called as those of the libraries are.
    pub fn is_one(path: &Path) -> bool {
        library_of(path).is_some() && path.is_file()
    }

    /// Reads a file; which library wrote it is told by its name.
    ///
    /// # Errors
    /// As [`XgboostModel::open`]; [`Error::Input`] for another name.
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
        let path = path.as_ref();
        let library = library_of(path).ok_or_else(|| {
            Error::input(
                format!("{}: no name of a saved model of XGBoost or LightGBM", path.display()),
                "XGBoost's files end in .json or .ubj, LightGBM's in .txt",
            )
        })?;
        let (model, names): (Arc<dyn Model>, Vec<String>) = match library {
            Library::Xgboost => {
                let (model, names) = XgboostModel::parse_named(path, bytes)?;
                (Arc::new(model), names)
            }
            Library::Lightgbm => {
                let (model, names) = LightgbmModel::parse_named(path, bytes)?;
                (Arc::new(model), names)
            }
        };
        Self::new(library, model, names)
    }

    fn new(library: Library, model: Arc<dyn Model>, names: Vec<String>) -> Result<Self> {
        if !names.is_empty() && names.len() != model.n_features() {
            return Err(Error::shape("names for the columns of the model", model.n_features(), names.len()));
        }
        let heads = [head_of(&*model)];
        Ok(Self { library, model, names, heads })
    }

    /// The names of the columns in the order of the training; none where the file does not say.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What is known about it, as of a model that was trained here.
    pub(crate) fn manifest(&self, path: &Path) -> Manifest {
        let columns = self.names.iter().map(|name| (name.clone(), Kind::Number)).collect();
        let table = TableSchema { target: String::new(), columns, target_kind: None };
        Manifest {
            kind: KIND.to_owned(),
            name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            task: TASK.to_owned(),
            params: json!({ "table": table, "model": { "type": self.library } }),
            classes: self.model.output().classes().map(|c| c.names().to_vec()).unwrap_or_default(),
            ..Manifest::default()
        }
    }

    /// The columns of the model.
    fn matrix(&self, table: &Table) -> Result<Matrix> {
        let columns = self.read(table)?;
        let mut x = Dense::zeros(table.rows(), columns.len());
        for (at, (name, column)) in columns.into_iter().enumerate() {
            let Column::Number(values) = column else {
                return Err(Error::input(
                    format!("column `{name}` holds {} values, and the model reads numbers", column.kind()),
                    "write categories as the numbers that the library saw in the training, and leave out columns that the \
                     model does not read",
                ));
            };
            for (row, value) in values.iter().enumerate() {
                x.row_mut(row)[at] = *value;
            }
        }
        Ok(x.into())
    }

    /// The columns of a table that the model reads, in its order.
    fn read<'t>(&self, table: &'t Table) -> Result<Vec<(&'t str, &'t Column)>> {
        let features: Vec<(&str, &Column)> = table.with_role(Role::Feature).collect();
        let has = || features.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        if self.names.is_empty() {
            let wanted = self.model.n_features();
            return match features.len() == wanted {
                true => Ok(features),
                false => Err(Error::input(
                    format!(
                        "the model's file names no columns, so that all are read in their order: it takes {wanted}, and the \
                         table has {} ({})",
                        features.len(),
                        has()
                    ),
                    "give a file of just the columns of the training, in their order, or save the model with feature names",
                )),
            };
        }
        let found = |name: &String| features.iter().find(|(own, _)| own == name).copied();
        let missing: Vec<&str> =
            self.names.iter().filter(|name| found(name).is_none()).map(String::as_str).collect();
        if !missing.is_empty() {
            return Err(Error::input(
                format!(
                    "{} of the {} columns that the model reads are not in the table: {}",
                    missing.len(),
                    self.names.len(),
                    missing.join(", ")
                ),
                format!("call the columns as in the training; the table has {}", has()),
            ));
        }
        Ok(self.names.iter().filter_map(found).collect())
    }
}

fn library_of(path: &Path) -> Option<Library> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "json" | "ubj" => Some(Library::Xgboost),
        "txt" => Some(Library::Lightgbm),
        _ => None,
    }
}

impl std::fmt::Debug for BoosterFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BoosterFile")
            .field("library", &self.library)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

scorer_of_tables!(BoosterFile);

impl Persist for BoosterFile {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let facts = Facts { library: self.library, names: self.names.clone() };
        Ok(Node::new(KIND, 1).meta(&facts)?.child("model", self.model.encode()?))
    }
}

impl Artifact for BoosterFile {
    fn decode(node: &Node, catalog: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let Facts { library, names } = node.get_meta()?;
        let model = Arc::<dyn Model>::decode(node.get_child("model")?, catalog)?;
        Self::new(library, model, names)
            .map_err(|e| Error::artifact(KIND, e.to_string(), "the file is damaged; save the model again"))
    }
}
