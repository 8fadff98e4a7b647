//! Linear models: a weight times how far the number is from the usual one.

use prompt_core::artifact::{Artifact, Catalog};
use prompt_core::{Error, Matrix, Model, Result};

use super::values::ShapValues;
use crate::linear::{LinearClassifier, LinearRegressor};

/// Explains linear models: the contribution of column j is w_j (x_j − b_j), where b is a background row, zero unless it
/// is given (Shapley's values when columns are independent; Lundberg and Lee, 2017).
///
/// The margins are log odds: that of the second of two classes, else one a class; or the value of a regression.
///
/// ```
/// use prompt_core::{Dense, Fit, FitContext, Matrix, Target};
/// use prompt_models::explain::LinearExplainer;
/// use prompt_models::linear::Ridge;
///
/// let x = Matrix::from(Dense::from_rows(&[[0.0, 1.0], [1.0, 1.0], [2.0, 0.0], [3.0, 5.0]]));
/// let y = Target::regression(vec![1.0, 3.0, 5.0, 7.0]).unwrap();
/// let model = prompt_models::learners::estimator(prompt_core::Task::Regression, "ridge")?
///     .fit_model(&x, &y, &FitContext::new(1))?;
/// let values = LinearExplainer::new(&*model)?.with_background(&x)?.explain(&x)?;
/// let predicted = prompt_core::predict(&*model, &x)?.values()?;
/// assert!((values.base()[0] - 4.0).abs() < 1e-9, "the mean prediction");
/// assert!((values.margin(1, 0) - predicted[1]).abs() < 1e-9);
/// # Ok::<(), prompt_core::Error>(())
/// ```
pub struct LinearExplainer {
    /// Column by column, margin by margin.
    weights: Vec<f64>,
    intercept: Vec<f64>,
    outputs: Vec<String>,
    columns: usize,
    background: Vec<f64>,
}

impl LinearExplainer {
    /// With a background of zeros: what a text without any known word has.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a model that is not linear.
    pub fn new(model: &dyn Model) -> Result<Self> {
        let (kind, catalog) = (model.kind(), Catalog::new());
        let (weights, intercept, outputs) = if LinearClassifier::is_kind(kind) {
            let model = LinearClassifier::decode(&model.encode()?, &catalog)?;
            let classes = model.output().classes().map(|c| c.names().to_vec()).unwrap_or_default();
            let margins = model.intercept().len();
            let outputs = classes[classes.len() - margins.min(classes.len())..].to_vec();
            (model.weights().to_vec(), model.intercept().to_vec(), outputs)
        } else if LinearRegressor::is_kind(kind) {
            let model = LinearRegressor::decode(&model.encode()?, &catalog)?;
            (model.weights().to_vec(), vec![model.intercept()], vec!["value".to_owned()])
        } else {
            return Err(Error::unsupported(
                format!("the model `{kind}`"),
                "linear explanations",
                "take a linear model, or explain it by sampling",
            ));
        };
        let columns = model.n_features();
        Ok(Self { background: vec![0.0; columns], weights, intercept, outputs, columns })
    }

    /// With the mean of these rows as the background.
    ///
    /// # Errors
    /// [`Error::Shape`] for other columns than the model's, [`Error::Input`] for no rows.
    pub fn with_background(mut self, x: &Matrix) -> Result<Self> {
        if x.cols() != self.columns {
            return Err(Error::shape("columns of the background", self.columns, x.cols()));
        }
        if x.rows() == 0 {
            return Err(Error::input("the background has no rows", "give it some of the training rows"));
        }
        self.background.fill(0.0);
        (0..x.rows()).for_each(|i| x.row(i).for_each(|j, v| self.background[j] += v));
        self.background.iter_mut().for_each(|b| *b /= x.rows() as f64);
        Ok(self)
    }

    /// What the margins are called.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// The contributions of every column to the margins of every row.
    ///
    /// # Errors
    /// [`Error::Shape`] for other columns than the model's.
    pub fn explain(&self, x: &Matrix) -> Result<ShapValues> {
        if x.cols() != self.columns {
            return Err(Error::shape("columns of x (features)", self.columns, x.cols()));
        }
        let k = self.outputs.len();
        let mut base = self.intercept.clone();
        for (w, b) in self.weights.chunks_exact(k.max(1)).zip(&self.background) {
            base.iter_mut().zip(w).for_each(|(base, w)| *base += w * b);
        }
        let width = self.columns * k;
        let mut values = vec![0.0; x.rows() * width];
        for (i, out) in values.chunks_exact_mut(width.max(1)).enumerate() {
            let add = |out: &mut [f64], j: usize, v: f64| {
                let w = &self.weights[j * k..(j + 1) * k];
                out[j * k..(j + 1) * k].iter_mut().zip(w).for_each(|(o, w)| *o += w * v);
            };
            x.row(i).for_each(|j, v| add(out, j, v));
            self.background.iter().enumerate().filter(|(_, b)| **b != 0.0).for_each(|(j, b)| add(out, j, -b));
        }
        Ok(ShapValues::new((x.rows(), self.columns), (self.outputs.clone(), base), values))
    }
}
