//! Kernel machine for numbers.

use prompt_core::{Error, FitContext, Learner, Legal, Matrix, Params, Result, Tags, Target, params};

use super::kernel::Shape;
use super::machine::Settings;
use super::{Gamma, Kernel, SvmModel};
use crate::linear::one_value;

params! {
    /// Support vector regression with a kernel, as scikit-learn's `SVR`.
    ///
    /// ```text
    /// minimise ½·‖w‖² + Σ_i C·v_i·max(0, |y_i − f(x_i)| − ε)        f(x) = w·φ(x) + b, φ(a)·φ(b) = K(a, b)
    /// ```
    ///
    /// Rows within ε of their value cost nothing and carry nothing. Solved in the dual by sequential minimal
    /// optimisation. Scale the columns first, and choose ε and C in the unit of the target.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::svm::Svr;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[-1.0], [0.0], [1.0]]));
    /// let y = Target::regression(vec![1.0, 0.0, 1.0]).unwrap();
    /// let model = Svr::default().c(100.0).epsilon(0.05).fit(&x, &y, &FitContext::new(0)).unwrap();
    /// let values = model.predict(&x).unwrap().values().unwrap();
    /// assert!((values[0] - 1.0).abs() < 0.06 && values[1].abs() < 0.06);
    /// ```
    pub struct Svr named "svm" checked by Svr::check {
        /// Cost of rows that are farther than ε from their value; larger fits the rows more closely.
        c: f64 = 1.0, Legal::positive();
        /// Distance from its value at which a row costs nothing.
        epsilon: f64 = 0.1, Legal::not_negative();
        /// How alike rows are: `rbf`, `poly`, `linear` or `sigmoid`.
        kernel: Kernel = Kernel::Rbf, Legal::OneOf(&["rbf", "poly", "linear", "sigmoid"]);
        /// γ of the kernel: `scale`, `auto` or a number > 0.
        gamma: Gamma = Gamma::Scale, Legal::Any("scale, auto or a number > 0");
        /// Degree of `poly`.
        degree: u32 = 3, Legal::int(1, 100);
        /// Constant part of `poly` and `sigmoid`.
        coef0: f64 = 0.0, Legal::between(-1e6, 1e6);
        /// Stop when no two variables violate the optimum by more.
        tol: f64 = 1e-3, Legal::positive();
        /// Steps at most; a fit that needs more says so in its summary.
        max_iter: usize = 10_000_000, Legal::at_least(1);
        /// MiB of kernel values that are kept.
        cache_size: usize = 200, Legal::int(1, 1 << 20);
    }
}

impl Svr {
    fn check(&self) -> Result<()> {
        if self.gamma.is_sound() {
            return Ok(());
        }
        Err(Error::param(Self::NAME, "gamma", "scale, auto or a number > 0", self.gamma))
    }
}

impl Learner for Svr {
    type Fitted = SvmModel;

    const TAGS: Tags = Tags::REGRESSOR;

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<SvmModel> {
        let values = y.as_regression()?;
        let weight = |i: usize| y.weights().map_or(1.0, |w| w[i]);
        let rows: Vec<usize> = (0..x.rows()).filter(|&i| weight(i) > 0.0).collect();
        let n = rows.len();
        // Each row has a variable that pulls its value up and one that pulls it down.
        let sign: Vec<f64> = [vec![1.0; n], vec![-1.0; n]].concat();
        let mut linear: Vec<f64> = rows.iter().map(|&i| self.epsilon - values[i]).collect();
        linear.extend(rows.iter().map(|&i| self.epsilon + values[i]));
        let cost: Vec<f64> = rows.iter().chain(&rows).map(|&i| self.c * weight(i)).collect();
        let Self { kernel, coef0, degree, .. } = *self;
        let shape = Shape { kernel, gamma: self.gamma.resolve(x), coef0, degree };
        let settings =
            Settings { shape, tol: self.tol, max_iter: self.max_iter, cache_mib: self.cache_size, ctx };
        let fit = settings.machine(x, &rows, &(sign, linear, cost))?;
        let params = serde_json::to_value(self).unwrap_or_default();
        Ok(SvmModel::new(one_value(), params, (x, shape), Vec::new(), vec![fit]))
    }
}
