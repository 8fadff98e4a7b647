//! Tables in, models out: encoder and learner as one saved pipeline.
//!
//! ```text
//! LoadedTable --Task from the target--> TableEncoder (what the learner needs) --Matrix--> Estimator --> TableScorer
//! ```
//!
//! The encoder is fitted on the training rows alone, together with the learner; a model that is saved reads the same
//! columns again and nothing else of a file.

mod folds;
mod scorer;
mod summary;
mod table_model;
mod target;
mod train;

pub use folds::Folding;
pub(crate) use scorer::KIND;
pub use scorer::TableScorer;
pub use summary::summary_svg;
pub(crate) use table_model::{head_of, scorer_of_tables};
pub use target::{target_of, task_of};
pub(crate) use train::divided;
pub use train::{DEFAULT, TableRecipe, TrainedTable, train};

use std::collections::BTreeMap;

use prompt_core::artifact::Manifest;
use prompt_core::{Error, Output, Result, Role, Table};
use prompt_data::table::{Kind, TableOptions};
use serde::{Deserialize, Serialize};

/// The task of a model of tables in its manifest.
pub const TASK: &str = "tabular";

/// What a saved model of tables knows about its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSchema {
    /// The column that was predicted.
    pub target: String,
    /// The columns it reads, and what they hold.
    pub columns: BTreeMap<String, Kind>,
    /// What the target held in training; models that were saved before this was kept do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_kind: Option<Kind>,
}

impl TableSchema {
    /// The feature columns of a table with this target.
    pub(crate) fn of(table: &Table, read: &[String], target: &str) -> Self {
        let columns = table
            .with_role(Role::Feature)
            .filter(|(name, _)| read.iter().any(|r| r == name))
            .map(|(name, column)| (name.to_owned(), Kind::of(column)))
            .collect();
        let target_kind = table.column(target).map(Kind::of);
        Self { target: target.to_owned(), columns, target_kind }
    }

    /// The schema of a saved model of tables.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a model that does not read tables.
    pub fn of_model(manifest: &Manifest) -> Result<Self> {
        manifest.params.get("table").and_then(|t| Self::deserialize(t).ok()).ok_or_else(|| {
            Error::unsupported(
                format!("the model `{}`", manifest.name),
                "tables",
                "take one that was trained with --task tabular",
            )
        })
    }

    /// How a file for this model is read: columns are of the kinds they had in training. The target is not needed.
    pub fn options(&self) -> TableOptions {
        TableOptions { kinds: self.columns.clone(), ..TableOptions::default() }
    }

    /// The same for rows that are measured: they have a target in this column, of the kind that it had in training.
    pub fn options_with_target(&self, target: &str, output: &Output) -> TableOptions {
        let mut options = self.options().target(target);
        let kind = self.target_kind.or(match output {
            Output::Values(_) => Some(Kind::Number),
            _ => None,
        });
        options.kinds.extend(kind.map(|kind| (target.to_owned(), kind)));
        options
    }
}
