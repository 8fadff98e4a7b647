//! Numbers with an interval.

use std::any::Any;
use std::sync::Arc;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{
    Error, FitContext, Learner, Legal, Matrix, Model, Output, Params, Result, RowView, Scratch, Tags, Target,
    Task, params, predict,
};
use serde::{Deserialize, Serialize};

use super::{conformal_quantile, rows_needed};
use crate::ensemble::{Member, common_tags, counted, stratified_part};

params! {
    /// A learner of numbers with an interval that holds the truth with probability 1 − α: f(x) ± q, where q is the conformal
    /// quantile of |y − f(x)| over rows that the learner did not see.
    ///
    /// Its outputs are `value`, `lower` and `upper`.
    ///
    /// ```
    /// use prompt_core::{Dense, Matrix};
    /// use prompt_models::conformal::ConformalRegressor;
    /// use prompt_models::ensemble::Member;
    /// use prompt_models::prelude::*;
    /// let x = Matrix::from(Dense::new(200, 1, (0..200).map(f64::from).collect())?);
    /// let y = Target::regression((0..200).map(|i| f64::from(2 * i + i * 7 % 11)).collect())?;
    /// let conformal = ConformalRegressor::default().estimator(Member::named("ridge"));
    /// let p = conformal.fit(&x, &y, &FitContext::new(1))?.predict(&x)?;
    /// let held = y.as_regression()?.iter().enumerate().filter(|(i, y)| (p.row(*i)[1]..=p.row(*i)[2]).contains(*y));
    /// assert!(held.count() >= 170);
    /// # Ok::<(), prompt_core::Error>(())
    /// ```
    pub struct ConformalRegressor named "conformal" checked by ConformalRegressor::check {
        /// The learner.
        estimator: Member = Member::named("ridge"), Legal::Any("{ type, params }");
        /// The share of rows whose interval may miss the truth.
        alpha: f64 = 0.1, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: true };
        /// The share of rows that is held out to calibrate on.
        calibration_share: f64 = 0.25, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: true };
    }
}

impl ConformalRegressor {
    fn check(&self) -> Result<()> {
        self.estimator.estimator(Task::Regression).map(|_| ())
    }
}

impl Learner for ConformalRegressor {
    type Fitted = FittedConformalRegressor;

    const TAGS: Tags = Tags { min_rows: 4, ..Tags::REGRESSOR };

    fn takes(&self) -> Tags {
        common_tags(Self::TAGS, [&self.estimator])
    }

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<FittedConformalRegressor> {
        let (x, y) = &counted(x, y);
        let part = stratified_part(Self::NAME, y, self.calibration_share, ctx)?;
        let fit = ctx.part("fit", 0).unobserved();
        let model = self.estimator.fit(
            Task::Regression,
            &x.select_rows(&part.train),
            &y.select(&part.train),
            &fit,
        )?;
        let found = predict(&*model, &x.select_rows(&part.test))?.values()?;
        let truth = y.select(&part.test);
        let weight = |i: usize| truth.weights().map_or(1.0, |w| w[i]);
        let scores: Vec<(f64, f64)> = truth
            .as_regression()?
            .iter()
            .zip(&found)
            .enumerate()
            .map(|(i, (y, f))| ((y - f).abs(), weight(i)))
            .collect();
        let half = conformal_quantile(&scores, self.alpha);
        if !half.is_finite() {
            return Err(Error::input(
                format!("conformal: {} calibration rows cannot support α = {}", scores.len(), self.alpha),
                format!("it takes {}; give more rows, or a larger α", rows_needed(self.alpha)),
            ));
        }
        FittedConformalRegressor::of(model, self.alpha, half)
    }
}

/// A fitted regressor with the half width of its intervals.
pub struct FittedConformalRegressor {
    model: Arc<dyn Model>,
    alpha: f64,
    half: f64,
    output: Output,
}

/// The artifact kind.
pub(super) const KIND: &str = "conformal_regressor";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    alpha: f64,
    half_width: f64,
}

impl FittedConformalRegressor {
    fn of(model: Arc<dyn Model>, alpha: f64, half: f64) -> Result<Self> {
        if model.output().classes().is_some()
            || model.output().width() == 0
            || !(half >= 0.0 && half.is_finite())
        {
            return Err(Error::input("an interval around something else than numbers", "give a regressor"));
        }
        let output = Output::Values(["value", "lower", "upper"].map(str::to_owned).to_vec());
        Ok(Self { model, alpha, half, output })
    }

    /// Half the width of every interval.
    pub fn half_width(&self) -> f64 {
        self.half
    }

    /// The share of rows whose interval may miss the truth.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }
}

impl std::fmt::Debug for FittedConformalRegressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FittedConformalRegressor")
            .field("alpha", &self.alpha)
            .field("half", &self.half)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Kept {
    model: Scratch,
    answer: Vec<f64>,
}

impl Model for FittedConformalRegressor {
    fn output(&self) -> &Output {
        &self.output
    }

    fn n_features(&self) -> usize {
        self.model.n_features()
    }

    fn score_row(&self, row: RowView<'_>, scratch: &mut Scratch, out: &mut [f64]) {
        let Kept { model, answer } = scratch.get();
        answer.resize(self.model.output().width(), 0.0);
        self.model.score_row(row, model, answer);
        let value = answer[0];
        out.copy_from_slice(&[value, value - self.half, value + self.half]);
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl Persist for FittedConformalRegressor {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let facts = Facts { alpha: self.alpha, half_width: self.half };
        Ok(Node::new(KIND, 1).meta(&facts)?.child("model", self.model.encode()?))
    }
}

impl Artifact for FittedConformalRegressor {
    fn decode(node: &Node, catalog: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let Facts { alpha, half_width } = node.get_meta()?;
        let model = Arc::<dyn Model>::decode(node.get_child("model")?, catalog)?;
        Self::of(model, alpha, half_width)
            .map_err(|e| Error::artifact(KIND, e.to_string(), "the file is damaged; save the model again"))
    }
}
