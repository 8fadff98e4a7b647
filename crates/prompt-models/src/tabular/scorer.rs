//! A fitted encoder and a fitted model: rows of a table in, classes or numbers out.

use std::sync::Arc;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{Error, Head, Matrix, Model, Prediction, Result, Scorer, Table, Transform, predict};
use prompt_features::FittedTableEncoder;

use super::table_model::{head_of, scorer_of_tables};
use crate::prepare::FittedPrepare;

/// The pipeline of a model of tables.
pub struct TableScorer {
    prepare: FittedPrepare,
    model: Arc<dyn Model>,
    heads: [Head; 1],
}

/// The artifact kind.
pub(crate) const KIND: &str = "table_pipeline";

impl TableScorer {
    /// An encoder (or all steps of a preparation) and the model that was fitted on its columns. The head is called `class` for a classifier, `score` for a
    /// regressor.
    ///
    /// # Errors
    /// [`Error::Shape`] when the model was fitted on another number of columns.
    pub fn new(prepare: impl Into<FittedPrepare>, model: Arc<dyn Model>) -> Result<Self> {
        let prepare = prepare.into();
        let columns = prepare.names().len();
        if columns != model.n_features() {
            return Err(Error::shape("columns of the model", columns, model.n_features()));
        }
        let heads = [head_of(&*model)];
        Ok(Self { prepare, model, heads })
    }

    /// The steps before the model.
    pub fn prepare(&self) -> &FittedPrepare {
        &self.prepare
    }

    /// The pipeline inside a scorer of tables.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a scorer of something else.
    pub fn of(scorer: &dyn Scorer) -> Result<Self> {
        if scorer.kind() != KIND {
            return Err(Error::unsupported("this model", "tables", "take one that was trained on a table"));
        }
        Self::decode(&scorer.encode()?, &crate::pipeline::catalog())
    }

    /// The model behind the encoder.
    pub fn fitted(&self) -> &dyn Model {
        &*self.model
    }

    /// The prediction of every row of a table.
    ///
    /// # Errors
    /// A column that is missing or holds something else than it did in training.
    pub fn predict(&self, table: &Table) -> Result<Prediction> {
        predict(&*self.model, &self.matrix(table)?)
    }

    /// The columns of the model.
    fn matrix(&self, table: &Table) -> Result<Matrix> {
        self.prepare.transform(table)
    }
}

impl std::fmt::Debug for TableScorer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableScorer").field("heads", &self.heads).finish_non_exhaustive()
    }
}

scorer_of_tables!(TableScorer);

impl Persist for TableScorer {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        // Without further steps the file is what the first version wrote.
        let node = match self.prepare.is_plain() {
            true => Node::new(KIND, 1).child("encoder", self.prepare.encoder().encode()?),
            false => Node::new(KIND, 2).child("prepare", self.prepare.encode()?),
        };
        Ok(node.child("model", self.model.encode()?))
    }
}

impl Artifact for TableScorer {
    fn decode(node: &Node, catalog: &Catalog) -> Result<Self> {
        node.expect(KIND, 2)?;
        let prepare = match node.version() {
            1 => FittedTableEncoder::decode(node.get_child("encoder")?, catalog)?.into(),
            _ => FittedPrepare::decode(node.get_child("prepare")?, catalog)?,
        };
        let model = Arc::<dyn Model>::decode(node.get_child("model")?, catalog)?;
        Self::new(prepare, model)
            .map_err(|e| Error::artifact(KIND, e.to_string(), "the file is damaged; save the model again"))
    }
}
