//! The explanation that suits a model.

use prompt_core::{Csr, FitContext, Matrix, Model, Result};

use super::linear::LinearExplainer;
use super::sampling::SamplingExplainer;
use super::tree::TreeExplainer;
use super::values::ShapValues;

/// How values were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// TreeSHAP; what is not known follows the training rows.
    TreePathDependent,
    /// TreeSHAP over background rows.
    TreeInterventional,
    /// Weights times distances.
    Linear,
    /// Drawn orders.
    Sampling,
}

/// Explains rows of any model: trees and linear models without sampling, others by it. Background rows are needed by
/// none, but make better explanations of everything but trees; without them a row of zeros stands in.
///
/// # Errors
/// Rows or a background of other columns than the model's, or a stop asked for through `ctx`.
pub fn explain(
    model: &dyn Model,
    x: &Matrix,
    background: Option<&Matrix>,
    ctx: &FitContext,
) -> Result<(ShapValues, Way)> {
    if let Ok(explainer) = TreeExplainer::new(model) {
        return Ok((explainer.explain(x, ctx)?, Way::TreePathDependent));
    }
    if let Ok(explainer) = LinearExplainer::new(model) {
        let explainer = match background {
            Some(background) => explainer.with_background(background)?,
            None => explainer,
        };
        return Ok((explainer.explain(x)?, Way::Linear));
    }
    let zeros;
    let background = match background {
        Some(background) => background,
        None => {
            zeros = Matrix::Sparse(Csr::new(model.n_features(), vec![0, 0], Vec::new(), Vec::new())?);
            &zeros
        }
    };
    if let Ok(explainer) = TreeExplainer::background(model, background) {
        return Ok((explainer.explain(x, ctx)?, Way::TreeInterventional));
    }
    Ok((SamplingExplainer::new(model, background)?.explain(x, ctx)?, Way::Sampling))
}
