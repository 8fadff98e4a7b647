//! Models of the crate `smartcore` as learners here (feature `smartcore`).
//!
//! One adapter makes any of its supervised models an [`Estimator`]: classifiers over class numbers, regressions over
//! numbers. They learn from dense rows, take no weights, and cannot be saved, since smartcore's models have no common form
//! of saving; they are for comparing and for trying.

use std::marker::PhantomData;
use std::sync::Arc;

use prompt_core::artifact::{Node, Persist};
use prompt_core::{
    Error, Estimator, FitContext, Matrix, Model, Output, ParamSpec, Result, RowView, Scratch, Tags, Target,
    Task, check_data,
};
use serde_json::Value;
use smartcore::api::{Predictor, SupervisedEstimator};
use smartcore::linalg::basic::matrix::DenseMatrix;

use crate::linear::{Problem, one_value};

/// What smartcore's models predict: class numbers (`u32`) or numbers (`f64`).
pub trait Answer: Copy + Send + Sync + 'static {
    /// Classes or numbers.
    const TASK: Task;
    /// What a number in a target is to the model.
    fn of(value: f64) -> Self;
    /// Into the outputs of a row; `present` are the classes that were there.
    fn write(self, present: &[u32], out: &mut [f64]);
}

impl Answer for u32 {
    const TASK: Task = Task::Classification;

    fn of(value: f64) -> Self {
        value as Self
    }

    /// Its classifiers say a class alone: that has probability one.
    fn write(self, present: &[u32], out: &mut [f64]) {
        out.fill(0.0);
        let class = present.get(self as usize).copied().unwrap_or(0);
        if let Some(p) = out.get_mut(class as usize) {
            *p = 1.0;
        }
    }
}

impl Answer for f64 {
    const TASK: Task = Task::Regression;

    fn of(value: f64) -> Self {
        value
    }

    fn write(self, _: &[u32], out: &mut [f64]) {
        out.fill(self);
    }
}

type Rows = DenseMatrix<f64>;

/// A supervised model of smartcore with its parameters, under a name.
///
/// ```
/// use prompt_core::{Dense, Estimator, FitContext, Matrix, Target, predict};
/// use prompt_models::smartcore::Smartcore;
/// use smartcore::linear::linear_regression::{LinearRegression, LinearRegressionParameters};
///
/// type Model = LinearRegression<f64, f64, smartcore::linalg::basic::matrix::DenseMatrix<f64>, Vec<f64>>;
/// let learner = Smartcore::<Model, f64, _>::new("smartcore_linear_regression", LinearRegressionParameters::default());
/// let x = Matrix::from(Dense::from_rows(&[[0.0], [1.0], [2.0]]));
/// let y = Target::regression(vec![1.0, 3.0, 5.0]).unwrap();
/// let model = learner.fit_model(&x, &y, &FitContext::new(0)).unwrap();
/// assert!((predict(&*model, &x).unwrap().values().unwrap()[2] - 5.0).abs() < 1e-9);
/// ```
pub struct Smartcore<M, A, P> {
    name: &'static str,
    params: P,
    model: PhantomData<fn() -> (M, A)>,
}

impl<M, A, P> Smartcore<M, A, P> {
    /// A learner of this name with smartcore's own parameters.
    pub fn new(name: &'static str, params: P) -> Self {
        Self { name, params, model: PhantomData }
    }
}

impl<M, A, P> Estimator for Smartcore<M, A, P>
where
    A: Answer,
    M: SupervisedEstimator<Rows, Vec<A>, P> + Send + Sync + 'static,
    P: Clone + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn tags(&self) -> Tags {
        Tags { task: A::TASK, sparse: false, weights: false, ..Tags::CLASSIFIER }
    }

    /// Its parameters are smartcore's and are set there.
    fn params(&self) -> Value {
        Value::Object(serde_json::Map::new())
    }

    fn specs(&self) -> Vec<ParamSpec> {
        Vec::new()
    }

    fn with_param(&self, name: &str, _: &Value) -> Result<Box<dyn Estimator>> {
        Err(Error::unsupported(
            self.name,
            format!("the parameter `{name}` by name"),
            "set it in smartcore's own parameters",
        ))
    }

    fn fit_model(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<Arc<dyn Model>> {
        check_data(self.name, self.tags(), x, y)?;
        ctx.check()?;
        let (values, present, output) = match A::TASK {
            Task::Classification => {
                let problem = Problem::new(self.name, y, &prompt_core::ClassWeight::None, 2)?;
                let codes = problem.codes.iter().map(|&c| A::of(f64::from(c))).collect::<Vec<A>>();
                (codes, problem.present, Output::Classes(problem.classes))
            }
            Task::Regression => {
                (y.as_regression()?.iter().map(|&v| A::of(v)).collect(), Vec::new(), one_value())
            }
        };
        let rows = dense(self.name, x.rows(), x.cols(), x.to_dense().data().to_vec())?;
        let model = M::fit(&rows, &values, self.params.clone())
            .map_err(|e| Error::input(format!("{}: {e}", self.name), "the message is smartcore's own"))?;
        ctx.check()?;
        Ok(Arc::new(Fitted::<M, A> {
            name: self.name,
            model,
            columns: x.cols(),
            present,
            output,
            answer: PhantomData,
        }))
    }

    fn boxed(&self) -> Box<dyn Estimator> {
        Box::new(Self::new(self.name, self.params.clone()))
    }
}

fn dense(who: &str, rows: usize, cols: usize, data: Vec<f64>) -> Result<Rows> {
    DenseMatrix::new(rows, cols, data, false)
        .map_err(|e| Error::input(format!("{who}: {e}"), "the message is smartcore's own"))
}

/// A fitted one.
struct Fitted<M, A> {
    name: &'static str,
    model: M,
    columns: usize,
    present: Vec<u32>,
    output: Output,
    answer: PhantomData<fn() -> A>,
}

impl<M, A> Fitted<M, A>
where
    A: Answer,
    M: Predictor<Rows, Vec<A>> + Send + Sync,
{
    /// The answers for rows; none where smartcore fails on them.
    fn answers(&self, rows: usize, data: Vec<f64>) -> Vec<A> {
        dense(self.name, rows, self.columns, data)
            .ok()
            .and_then(|x| self.model.predict(&x).ok())
            .unwrap_or_default()
    }

    fn write(&self, answers: &[A], out: &mut [f64]) {
        // What smartcore could not answer is said to be unknown rather than wrong.
        out.fill(f64::NAN);
        for (answer, out) in answers.iter().zip(out.chunks_exact_mut(self.output.width().max(1))) {
            answer.write(&self.present, out);
        }
    }
}

impl<M, A> Model for Fitted<M, A>
where
    A: Answer,
    M: Predictor<Rows, Vec<A>> + Send + Sync + 'static,
{
    fn output(&self) -> &Output {
        &self.output
    }

    fn n_features(&self) -> usize {
        self.columns
    }

    /// Allocates: smartcore takes matrices alone.
    fn score_row(&self, row: RowView<'_>, _: &mut Scratch, out: &mut [f64]) {
        let mut data = vec![0.0; self.columns];
        row.for_each(|j, v| data[j] = v);
        self.write(&self.answers(1, data), out);
    }

    fn score_rows(&self, x: &Matrix, first: usize, _: &mut Scratch, out: &mut [f64]) {
        let rows = out.len() / self.output.width().max(1);
        let mut data = vec![0.0; rows * self.columns];
        for (i, data) in data.chunks_exact_mut(self.columns).enumerate() {
            x.row(first + i).for_each(|j, v| data[j] = v);
        }
        self.write(&self.answers(rows, data), out);
    }
}

impl<M, A> Persist for Fitted<M, A>
where
    A: Answer,
    M: Send + Sync,
{
    fn kind(&self) -> &'static str {
        "smartcore"
    }

    fn encode(&self) -> Result<Node> {
        Err(Error::unsupported(self.name, "saving", "save a model of this crate: it learns the same"))
    }
}
