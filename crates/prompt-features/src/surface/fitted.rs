//! What was learned: a divisor for each number.

use std::ops::Range;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{Error, Featurizer, Names, Params, Result, Scratch, SparseRow, transform_by_featurizing};

use super::measure::{SurfaceWorkspace, measure, visit_places};
use super::{COLUMNS, SURFACE_FEATURES, Surface, SurfaceScale};

pub(crate) const KIND: &str = "surface";

/// A fitted [`Surface`].
#[derive(Debug, Clone, PartialEq)]
pub struct FittedSurface {
    params: Surface,
    divisors: Vec<f64>,
    names: Names,
}

impl FittedSurface {
    pub(super) fn new(params: Surface, divisors: Vec<f64>) -> Self {
        Self { params, divisors, names: Names::list(SURFACE_FEATURES) }
    }

    /// What each number is divided by.
    pub fn divisors(&self) -> &[f64] {
        &self.divisors
    }

    pub(super) fn push_scaled(&self, row: &[f64; COLUMNS], offset: u32, out: &mut SparseRow) {
        for ((column, &x), divisor) in (offset..).zip(row).zip(&self.divisors) {
            let x = if self.params.scale == SurfaceScale::Log { x.ln_1p() } else { x / divisor };
            if x != 0.0 {
                out.push(column, x as f32);
            }
        }
    }
}

impl Featurizer for FittedSurface {
    fn names(&self) -> &Names {
        &self.names
    }

    fn append_row(&self, text: &str, offset: u32, scratch: &mut Scratch, row: &mut SparseRow) {
        let work: &mut SurfaceWorkspace = scratch.get();
        self.push_scaled(&measure(text, work), offset, row);
    }

    fn visit_spans(&self, text: &str, visit: &mut dyn FnMut(u32, Range<usize>)) {
        visit_places(text, visit);
    }
}

transform_by_featurizing!(FittedSurface);

impl Persist for FittedSurface {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        Ok(Node::new(KIND, 1).meta(&self.params)?.f64s("divisors", self.divisors.clone()))
    }
}

impl Artifact for FittedSurface {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let params: Surface = node.get_meta()?;
        params.validate()?;
        let divisors = node.get_f64s("divisors", Some(COLUMNS))?.to_vec();
        if divisors.iter().any(|d| *d <= 0.0 || d.is_infinite()) {
            return Err(Error::artifact(
                KIND,
                "a divisor is not a positive number",
                "the file is damaged; save the model again",
            ));
        }
        Ok(Self::new(params, divisors))
    }
}
