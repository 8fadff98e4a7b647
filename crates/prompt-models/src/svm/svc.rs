//! Kernel machine for classes.

use prompt_core::{
    ClassWeight, Error, FitContext, Learner, Legal, Matrix, Output, Params, Result, Tags, Target, params,
};

use super::kernel::Shape;
use super::machine::Settings;
use super::{Gamma, Kernel, SvmModel};
use crate::linear::{Calibration, HeldOut, Problem, machines};

params! {
    /// Support vector machine with a kernel, as scikit-learn's `SVC`, with probabilities.
    ///
    /// For every two classes it solves, by sequential minimal optimisation,
    ///
    /// ```text
    /// minimise ½·Σ_st α_s·α_t·y_s·y_t·K(x_s, x_t) − Σ_t α_t    over 0 ≤ α_t ≤ C·v_t, Σ_t y_t·α_t = 0
    /// ```
    ///
    /// with y = ±1 and v the row times the class weight. With three or more classes every two vote, and how sure
    /// they are breaks ties. Columns of another unit count for more or less, so scale them first.
    ///
    /// Probabilities come from the margins of rows that were held out: machines are fitted again
    /// without a fold of the rows, until a thousand rows (all folds for `platt`) have been held out. That costs from
    /// one to `calibration_folds` more fits; with `none` they are the softmax of the margins. libsvm's `probability`
    /// couples a Platt line for every two classes, which may contradict its own decisions; here the temperature
    /// never does.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::svm::Svc;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]]));
    /// let y = Target::labels(["same", "same", "other", "other"]); // no line tells these apart
    /// let model = Svc::default().c(10.0).fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!(model.predict(&x).unwrap().labels().unwrap(), ["same", "same", "other", "other"]);
    /// ```
    pub struct Svc named "svm" checked by Svc::check {
        /// Cost of rows on the wrong side; larger fits the rows more closely.
        c: f64 = 1.0, Legal::positive();
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
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
        /// How margins become probabilities: `temperature`, `platt` (also called `sigmoid`) or `none`.
        calibration: Calibration = Calibration::Temperature,
            Legal::OneOf(&["temperature", "platt", "sigmoid", "none"]);
        /// Folds that margins are held out in.
        calibration_folds: usize = 5, Legal::int(2, 100);
    }
}

/// Held-out rows that settle a temperature.
const ENOUGH: usize = 1000;

impl Svc {
    fn check(&self) -> Result<()> {
        if self.gamma.is_sound() {
            return Ok(());
        }
        Err(Error::param(Self::NAME, "gamma", "scale, auto or a number > 0", self.gamma))
    }

    /// Machines for every two classes over the given rows.
    fn fit_rows(
        &self,
        x: &Matrix,
        problem: &Problem,
        rows: &[usize],
        shape: Shape,
        ctx: &FitContext,
    ) -> Result<SvmModel> {
        let k = problem.present.len() as u32;
        let pairs: Vec<(u32, u32)> = (0..k).flat_map(|a| (a + 1..k).map(move |b| (a, b))).collect();
        let inner = if pairs.len() > 1 { ctx.unobserved() } else { ctx.clone() };
        let settings = Settings {
            shape,
            tol: self.tol,
            max_iter: self.max_iter,
            cache_mib: self.cache_size,
            ctx: &inner,
        };
        let fits = ctx.try_map(pairs.len(), |at| {
            let (a, b) = pairs[at];
            let index: Vec<usize> =
                rows.iter().copied().filter(|&i| problem.codes[i] == a || problem.codes[i] == b).collect();
            let sign = index.iter().map(|&i| if problem.codes[i] == b { 1.0 } else { -1.0 }).collect();
            let cost = index.iter().map(|&i| self.c * problem.weight(i)).collect();
            settings.machine(x, &index, &(sign, vec![-1.0; index.len()], cost))
        })?;
        let params = serde_json::to_value(self).unwrap_or_default();
        let output = Output::Classes(problem.classes.clone());
        Ok(SvmModel::new(output, params, (x, shape), problem.present.clone(), fits))
    }
}

impl Learner for Svc {
    type Fitted = SvmModel;

    const TAGS: Tags = Tags::CLASSIFIER;

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<SvmModel> {
        let problem = Problem::new(Self::NAME, y, &self.class_weight, 2)?;
        let Self { kernel, coef0, degree, .. } = *self;
        let shape = Shape { kernel, gamma: self.gamma.resolve(x), coef0, degree };
        let rows: Vec<usize> = (0..x.rows()).filter(|&i| problem.weight(i) > 0.0).collect();
        let fitted = self.fit_rows(x, &problem, &rows, shape, ctx)?;
        let k = machines(&problem);
        let held_out = HeldOut {
            problem: &problem,
            calibration: self.calibration,
            folds: self.calibration_folds,
            enough: ENOUGH,
        };
        let link = held_out.link(k, ctx.seed(), |rest, fold| {
            let part = self.fit_rows(x, &problem, rest, shape, &ctx.unobserved())?;
            let mut z = vec![0.0; fold.len() * k];
            for (z, &row) in z.chunks_exact_mut(k).zip(fold) {
                part.margins_of(x.row(row), z);
            }
            Ok(z)
        })?;
        Ok(match link {
            Some(link) => fitted.with_link(link),
            None => fitted,
        })
    }
}
