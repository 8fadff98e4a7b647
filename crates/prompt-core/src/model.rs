//! Learners and models over a [`Matrix`], typed and chosen at run time.

use std::any::Any;
use std::sync::Arc;

use serde_json::Value;

use crate::artifact::{Artifact, Persist};
use crate::context::FitContext;
use crate::error::{Error, Result};
use crate::estimator::{Fit, Predict};
use crate::matrix::{Dense, Matrix, RowView};
use crate::param::{Legal, ParamSpec, Params};
use crate::prediction::{Output, Prediction};
use crate::scratch::Scratch;
use crate::target::{Target, Values};

/// What a learner is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Classes.
    Classification,
    /// Numbers.
    Regression,
}

/// What a learner takes. Anything it does not take is refused with an error before it sees the data, and
/// the examination of feature `checks` holds every learner to its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tags {
    /// Classes or numbers.
    pub task: Task,
    /// NaN in dense columns means "missing" to it.
    pub missing: bool,
    /// Learns from a target with a single class.
    pub one_class: bool,
    /// Fewest rows it learns from.
    pub min_rows: usize,
    /// Honours sample weights; refused otherwise.
    pub weights: bool,
    /// Takes numbers below zero.
    pub negative: bool,
    /// Takes dense matrices.
    pub dense: bool,
    /// Takes sparse matrices.
    pub sparse: bool,
    /// Splits on the categories of dense columns that are marked as such; other learners refuse those and need
    /// them encoded.
    pub categorical: bool,
    /// Neither the origin nor the unit of a column matters to it, so that nothing need be scaled for it.
    pub scale_free: bool,
}

impl Tags {
    /// A classifier of dense and sparse rows with weights, that needs two classes and no missing numbers.
    pub const CLASSIFIER: Self = Self {
        task: Task::Classification,
        missing: false,
        one_class: false,
        min_rows: 2,
        weights: true,
        negative: true,
        dense: true,
        sparse: true,
        categorical: false,
        scale_free: false,
    };

    /// The same for numbers.
    pub const REGRESSOR: Self = Self { task: Task::Regression, ..Self::CLASSIFIER };

    /// What both take; the task is that of `self`.
    ///
    /// ```
    /// use prompt_core::Tags;
    /// let few = Tags { weights: false, min_rows: 5, missing: true, ..Tags::CLASSIFIER };
    /// let both = Tags::CLASSIFIER.and(few);
    /// assert!(!both.weights && !both.missing && both.negative && both.min_rows == 5);
    /// ```
    pub fn and(self, other: Self) -> Self {
        Self {
            task: self.task,
            missing: self.missing && other.missing,
            one_class: self.one_class && other.one_class,
            min_rows: self.min_rows.max(other.min_rows),
            weights: self.weights && other.weights,
            negative: self.negative && other.negative,
            dense: self.dense && other.dense,
            sparse: self.sparse && other.sparse,
            categorical: self.categorical && other.categorical,
            scale_free: self.scale_free && other.scale_free,
        }
    }
}

/// A fitted model over rows of a matrix. Object-safe.
pub trait Model: Persist + Send + Sync {
    /// What its scores mean: class probabilities or values.
    fn output(&self) -> &Output;

    /// The number of columns it was fitted on.
    fn n_features(&self) -> usize;

    /// Scores one row of [`n_features`](Self::n_features) columns into `out`, of [`Output::width`] numbers:
    /// probabilities that sum to one, or values. Allocates nothing once `scratch` is warm.
    fn score_row(&self, row: RowView<'_>, scratch: &mut Scratch, out: &mut [f64]);

    /// Scores the rows from `first` on, as many as `out` holds. What each row gets is what
    /// [`score_row`](Self::score_row) gives it; a model that is faster over several rows at once says so here.
    /// The caller has checked that the matrix has [`n_features`](Self::n_features) columns and those rows.
    fn score_rows(&self, x: &Matrix, first: usize, scratch: &mut Scratch, out: &mut [f64]) {
        let width = self.output().width().max(1);
        for (i, out) in out.chunks_exact_mut(width).enumerate() {
            self.score_row(x.row(first + i), scratch, out);
        }
    }

    /// Whether the numbers that it scores with are finite. Every fit asks this and scores some of its own rows
    /// ([`check_fitted`]), so that learning that ran away is refused where it happened. True unless a model looks.
    fn is_finite(&self) -> bool {
        true
    }

    /// What a person should know of the fit: a search that ended before it met its tolerance, a parameter that the data
    /// cannot fill. A sentence each, without the learner's name.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// The contribution of column `j` to each output's margin per unit of its value, for linear models.
    fn coefficient(&self, _column: usize, _out: &mut [f64]) -> bool {
        false
    }

    /// The model itself, for whom it says more of a row than its scores: prediction sets, the spread of a forest. `None`
    /// where there is nothing more.
    fn as_any(&self) -> Option<&dyn Any> {
        None
    }
}

impl<M: Model + ?Sized> Model for Arc<M> {
    fn output(&self) -> &Output {
        (**self).output()
    }
    fn n_features(&self) -> usize {
        (**self).n_features()
    }
    fn score_row(&self, row: RowView<'_>, scratch: &mut Scratch, out: &mut [f64]) {
        (**self).score_row(row, scratch, out);
    }
    fn score_rows(&self, x: &Matrix, first: usize, scratch: &mut Scratch, out: &mut [f64]) {
        (**self).score_rows(x, first, scratch, out);
    }
    fn is_finite(&self) -> bool {
        (**self).is_finite()
    }
    fn notes(&self) -> Vec<String> {
        (**self).notes()
    }
    fn coefficient(&self, column: usize, out: &mut [f64]) -> bool {
        (**self).coefficient(column, out)
    }
    fn as_any(&self) -> Option<&dyn Any> {
        (**self).as_any()
    }
}

impl<M: Model> Predict<Matrix> for M {
    fn predict(&self, x: &Matrix) -> Result<Prediction> {
        predict(self, x)
    }
}

/// The scores of every row: rows in fixed blocks, blocks in parallel.
///
/// # Errors
/// [`Error::Shape`] when the columns are not those of the fit, [`Error::Input`] with the row whose numbers are so large that
/// its score is not finite.
pub fn predict(model: &dyn Model, x: &Matrix) -> Result<Prediction> {
    use rayon::prelude::*;
    if x.cols() != model.n_features() {
        return Err(Error::shape("columns of x (features)", model.n_features(), x.cols()));
    }
    let width = model.output().width();
    let mut scores = Dense::zeros(x.rows(), width);
    if width > 0 {
        const BLOCK: usize = 256;
        scores.data_mut().par_chunks_mut(BLOCK * width).enumerate().for_each_init(
            Scratch::new,
            |scratch, (block, out)| {
                model.score_rows(x, block * BLOCK, scratch, out);
            },
        );
    }
    if let Some(at) = scores.data().iter().position(|v| !v.is_finite()) {
        return Err(Error::input(
            format!("{}: the score of row {} is {}", model.kind(), at / width, scores.data()[at]),
            "its numbers are too large for this model: scale or remove them",
        ));
    }
    Prediction::new(model.output().clone(), scores)
}

/// What a typed supervised learner implements; [`Fit`] and [`Estimator`] follow, with parameters and data
/// checked first, so that no learner repeats those checks and none forgets them.
pub trait Learner: Params {
    /// The fitted model.
    type Fitted: Model + Artifact + 'static;

    /// What it takes.
    const TAGS: Tags;

    /// What it takes with these parameters: an ensemble takes what all its members take. [`TAGS`](Self::TAGS) unless said
    /// otherwise.
    fn takes(&self) -> Tags {
        Self::TAGS
    }

    /// Learns from checked data: legal parameters, as many targets as rows, at least
    /// [`Tags::min_rows`] rows and one column, nothing that the tags exclude.
    ///
    /// # Errors
    /// What only the learner can find, or a stop asked for through `ctx`.
    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<Self::Fitted>;
}

impl<L: Learner> Fit<Matrix, Target> for L {
    type Fitted = L::Fitted;

    fn fit(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<L::Fitted> {
        self.validate()?;
        check_data(L::NAME, self.takes(), x, y)?;
        ctx.check()?;
        let fitted = self.learn(x, y, ctx)?;
        check_fitted::<L>(self.takes(), &fitted, x)?;
        Ok(fitted)
    }
}

/// Rows that a fit scores to see that it came to something.
const LOOKED_AT: usize = 64;

/// Parameters of any learner that make its steps or its numbers large.
const RUN_AWAY: [&str; 5] = ["learning_rate", "eta0", "degree", "gamma", "coef0"];

/// What every fit checks of what it learned, for learning that does not go through [`Fit::fit`]: the numbers of the model
/// ([`Model::is_finite`]) and its scores of up to 64 of the rows that it learned from, spread evenly.
///
/// # Errors
/// [`Error::Input`] with the learner and what to do, where a number is NaN or infinite.
pub fn check_fitted<P: Params>(tags: Tags, model: &dyn Model, x: &Matrix) -> Result<()> {
    let (mut scratch, mut out) = (Scratch::new(), vec![0.0; model.output().width()]);
    let count = x.rows().min(LOOKED_AT);
    let sound = (0..count).all(|at| {
        model.score_row(x.row(at * x.rows() / count), &mut scratch, &mut out);
        out.iter().all(|v| v.is_finite())
    });
    if sound && model.is_finite() {
        return Ok(());
    }
    let scaled = match (only_compares(tags), tags.task) {
        (true, Task::Classification) => None,
        (true, Task::Regression) => Some("scale the target"),
        (false, Task::Classification) => Some("scale the columns"),
        (false, Task::Regression) => Some("scale the columns and the target"),
    };
    let number = |legal: &Legal| matches!(legal, Legal::Real { .. } | Legal::Int { .. } | Legal::Any(_));
    let large: Vec<&str> = P::specs()
        .iter()
        .filter(|spec| RUN_AWAY.contains(&spec.name) && number(&spec.legal))
        .map(|spec| spec.name)
        .collect();
    let lower = (!large.is_empty()).then(|| format!("lower {}", large.join(", ")));
    let help = match (scaled, lower) {
        (Some(scaled), Some(lower)) => format!("{scaled}, or {lower}"),
        (Some(scaled), None) => scaled.to_owned(),
        (None, Some(lower)) => lower,
        (None, None) => "give it smaller numbers and weights".to_owned(),
    };
    Err(Error::input(format!("{}: the fit came to numbers that are not finite", P::NAME), help))
}

/// Whether columns are compared and nothing else, as trees do, which also take missing numbers; least squares do not care for
/// a column's unit either and square it all the same.
fn only_compares(tags: Tags) -> bool {
    tags.scale_free && tags.missing
}

/// The largest number whose square can still be summed over many rows.
const LARGEST: f64 = 1e150;

/// What every fit checks of its data, for learning that does not go through [`Fit::fit`], such as a partial fit.
///
/// # Errors
/// What the tags exclude, with who refuses it, where it is and what to do.
pub fn check_data(who: &str, tags: Tags, x: &Matrix, y: &Target) -> Result<()> {
    if x.rows() != y.len() {
        return Err(Error::shape(format!("{who}: targets for the rows of x"), x.rows(), y.len()));
    }
    if x.rows() < tags.min_rows.max(1) {
        return Err(Error::input(
            format!("{who}: {} row(s) to learn from", x.rows()),
            format!("give it at least {}", tags.min_rows.max(1)),
        ));
    }
    if x.cols() == 0 {
        return Err(Error::input(format!("{who}: x has no columns"), "give it at least one feature"));
    }
    match x {
        Matrix::Dense(_) if !tags.dense => {
            return Err(Error::unsupported(who, "dense matrices", "give it a sparse one"));
        }
        Matrix::Sparse(_) if !tags.sparse => {
            return Err(Error::unsupported(who, "sparse matrices", "convert with Matrix::to_dense"));
        }
        Matrix::Dense(d) if !tags.categorical => {
            if let Some(column) = d.categorical().and_then(|levels| levels.iter().position(|n| *n > 0)) {
                return Err(Error::unsupported(
                    who,
                    format!("categories as codes (column `{}`)", d.names().get(column)),
                    "encode them first, one column for each level",
                ));
            }
        }
        _ => {}
    }
    check_numbers(who, tags, x)?;
    if y.weights().is_some() && !tags.weights {
        return Err(Error::unsupported(who, "sample weights", "leave them out, or take another learner"));
    }
    if y.weights().is_some_and(|weights| weights.iter().all(|w| *w == 0.0)) {
        return Err(Error::input(
            format!("{who}: all rows to learn from have a weight of zero"),
            "give some of them a positive weight",
        ));
    }
    match (tags.task, y.values()) {
        (Task::Classification, Values::Classes { codes, .. } | Values::Ordinal { codes, .. }) => {
            // A class counts as present only where its rows weigh something.
            let mut present = codes
                .iter()
                .enumerate()
                .filter(|(i, _)| y.weights().is_none_or(|w| w[*i] > 0.0))
                .map(|(_, c)| c);
            let first = present.next();
            if !tags.one_class && present.all(|c| Some(c) == first) {
                return Err(Error::input(
                    format!("{who}: the target has a single class"),
                    "give it rows of at least two classes",
                ));
            }
            Ok(())
        }
        (Task::Classification, _) => y.as_classes().map(|_| ()),
        (Task::Regression, _) => match y.as_regression()?.iter().position(|v| v.abs() > LARGEST) {
            Some(row) => Err(Error::input(
                format!(
                    "{who}: the target of row {row} is {:e}, too large to be squared",
                    y.as_regression()?[row]
                ),
                "scale the target, or remove the row",
            )),
            None => Ok(()),
        },
    }
}

fn check_numbers(who: &str, tags: Tags, x: &Matrix) -> Result<()> {
    let bad = |row: usize, column: usize, what: &str, help: &str| {
        Err(Error::input(
            format!("{who}: x holds {what} at row {row}, column {column} (`{}`)", x.names().get(column)),
            help,
        ))
    };
    if let Matrix::Dense(d) = x {
        let largest = if only_compares(tags) { f64::MAX } else { LARGEST };
        let wrong = |v: &f64| v.abs() > largest || (v.is_nan() && !tags.missing);
        if let Some(at) = d.data().iter().position(wrong) {
            let (what, help) = match d.data()[at] {
                v if v.is_nan() => ("NaN", "impute or remove it"),
                v if v.is_infinite() => ("an infinite number", "impute or remove it"),
                _ => ("a number too large to be squared", "scale the column, or remove the row"),
            };
            return bad(at / d.cols(), at % d.cols(), what, help);
        }
    } else if let Some((row, column)) = x.first_not_finite() {
        return bad(row, column, "a number that is not finite", "remove it");
    }
    if !tags.negative {
        let found = match x {
            Matrix::Dense(d) => {
                d.data().iter().position(|v| *v < 0.0).map(|at| (at / d.cols(), at % d.cols()))
            }
            Matrix::Sparse(s) => s.first_where(|v| v < 0.0),
        };
        if let Some((row, column)) = found {
            return bad(row, column, "a negative number", "this learner takes counts: use numbers ≥ 0");
        }
    }
    Ok(())
}

/// A learner chosen at run time. Object-safe; every [`Learner`] is one.
pub trait Estimator: Send + Sync {
    /// Its name in configurations, reports and `--model`.
    fn name(&self) -> &'static str;
    /// What it takes.
    fn tags(&self) -> Tags;
    /// Its parameters as a table.
    fn params(&self) -> Value;
    /// Every parameter with its range and default.
    fn specs(&self) -> Vec<ParamSpec>;
    /// A copy with one parameter set by name.
    ///
    /// # Errors
    /// As [`Params::with_param`].
    fn with_param(&self, name: &str, value: &Value) -> Result<Box<dyn Estimator>>;
    /// Learns, after checking parameters and data.
    ///
    /// # Errors
    /// As [`Fit::fit`].
    fn fit_model(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<Arc<dyn Model>>;
    /// A copy.
    fn boxed(&self) -> Box<dyn Estimator>;
}

impl<L: Learner> Estimator for L {
    fn name(&self) -> &'static str {
        L::NAME
    }
    fn tags(&self) -> Tags {
        self.takes()
    }
    fn params(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
    fn specs(&self) -> Vec<ParamSpec> {
        L::specs()
    }
    fn with_param(&self, name: &str, value: &Value) -> Result<Box<dyn Estimator>> {
        Ok(Box::new(Params::with_param(self, name, value)?))
    }
    fn fit_model(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<Arc<dyn Model>> {
        Ok(Arc::new(self.fit(x, y, ctx)?))
    }
    fn boxed(&self) -> Box<dyn Estimator> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Estimator> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

impl std::fmt::Debug for dyn Estimator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name(), self.params())
    }
}

impl Fit<Matrix, Target> for Box<dyn Estimator> {
    type Fitted = Arc<dyn Model>;

    fn fit(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<Arc<dyn Model>> {
        self.fit_model(x, y, ctx)
    }
}
