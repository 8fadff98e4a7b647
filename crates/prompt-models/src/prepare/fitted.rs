//! Fitted steps: a table of the same columns becomes the matrix that the model knows.

use std::borrow::Cow;
use std::collections::BTreeSet;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{Error, Matrix, Names, Result, Table, Transform};
use prompt_features::{
    FittedImputer, FittedOutlierFilter, FittedSelection, FittedTableEncoder, FittedTargetEncoder,
};

/// A fitted [`Prepare`](super::Prepare).
#[derive(Debug, Clone, PartialEq)]
pub struct FittedPrepare {
    pub(super) imputer: Option<FittedImputer>,
    pub(super) outliers: Option<FittedOutlierFilter>,
    pub(super) target: Option<FittedTargetEncoder>,
    pub(super) encoder: FittedTableEncoder,
    pub(super) selection: Option<FittedSelection>,
}

/// The artifact kind.
pub(crate) const KIND: &str = "table_preparation";

impl From<FittedTableEncoder> for FittedPrepare {
    fn from(encoder: FittedTableEncoder) -> Self {
        Self { imputer: None, outliers: None, target: None, encoder, selection: None }
    }
}

impl FittedPrepare {
    /// The encoder.
    pub fn encoder(&self) -> &FittedTableEncoder {
        &self.encoder
    }

    /// The columns that were selected, where some were.
    pub fn selection(&self) -> Option<&FittedSelection> {
        self.selection.as_ref()
    }

    /// Names of the matrix's columns.
    pub fn names(&self) -> Names {
        match &self.selection {
            None => self.encoder.names().clone(),
            Some(selection) => {
                let of = |j: &u32| self.encoder.names().get(*j as usize).into_owned();
                Names::list(selection.kept().iter().map(of))
            }
        }
    }

    /// The level that a code in a column of the matrix stands for; see [`FittedTableEncoder::level`].
    pub fn level(&self, column: usize, code: f64) -> Option<&str> {
        let before = match &self.selection {
            None => column,
            Some(selection) => *selection.kept().get(column)? as usize,
        };
        self.encoder.level(before, code)
    }

    /// Names of the table's columns that are read; some may be made on the way.
    pub fn columns(&self) -> BTreeSet<&str> {
        let target = self.target.iter().flat_map(FittedTargetEncoder::columns);
        self.encoder.columns().chain(target).collect()
    }

    /// Whether nothing but an encoder was fitted.
    pub(crate) fn is_plain(&self) -> bool {
        self.imputer.is_none() && self.outliers.is_none() && self.target.is_none() && self.selection.is_none()
    }
}

impl Transform<Table> for FittedPrepare {
    type Output = Matrix;

    /// # Errors
    /// A column that is missing or holds something else than it did in training.
    fn transform(&self, table: &Table) -> Result<Matrix> {
        let mut table = Cow::Borrowed(table);
        if let Some(imputer) = &self.imputer {
            table = Cow::Owned(imputer.transform(&table)?);
        }
        if let Some(outliers) = &self.outliers {
            table = Cow::Owned(outliers.transform(&table)?);
        }
        if let Some(target) = &self.target {
            table = Cow::Owned(target.transform(&table)?);
        }
        let x = self.encoder.transform(&table)?;
        match &self.selection {
            None => Ok(x),
            Some(selection) => selection.transform(&x),
        }
    }
}

impl Persist for FittedPrepare {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let mut node = Node::new(KIND, 1).child("encoder", self.encoder.encode()?);
        if let Some(imputer) = &self.imputer {
            node = node.child("imputer", imputer.encode()?);
        }
        if let Some(outliers) = &self.outliers {
            node = node.child("outliers", outliers.encode()?);
        }
        if let Some(target) = &self.target {
            node = node.child("target", target.encode()?);
        }
        if let Some(selection) = &self.selection {
            node = node.child("selection", selection.encode()?);
        }
        Ok(node)
    }
}

impl Artifact for FittedPrepare {
    fn decode(node: &Node, catalog: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        fn part<T: Artifact>(node: &Node, name: &str, catalog: &Catalog) -> Result<Option<T>> {
            let found = node.children().iter().find(|(known, _)| known == name);
            found.map(|(_, child)| T::decode(child, catalog)).transpose()
        }
        let fitted = Self {
            imputer: part(node, "imputer", catalog)?,
            outliers: part(node, "outliers", catalog)?,
            target: part(node, "target", catalog)?,
            encoder: FittedTableEncoder::decode(node.get_child("encoder")?, catalog)?,
            selection: part(node, "selection", catalog)?,
        };
        match &fitted.selection {
            Some(s) if s.scores().len() != fitted.encoder.names().len() => Err(Error::artifact(
                KIND,
                format!(
                    "{} columns were selected from, the encoder makes {}",
                    s.scores().len(),
                    fitted.encoder.names().len()
                ),
                "the file is damaged; save the model again",
            )),
            _ => Ok(fitted),
        }
    }
}
