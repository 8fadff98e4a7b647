//! AdaBoost.R2: AdaBoost for numbers.

use prompt_core::{
    Control, Event, FitContext, Learner, Legal, Matrix, Output, Result, Rng, Tags, Target, Task, params,
};

use super::{AdaBoost, Codes, Rounds, each_row, options};
use crate::forest::Forest;
use crate::tree::grow::{Grower, Grown, Options, SquaredError};

params! {
    /// AdaBoost for numbers (AdaBoost.R2: Drucker, 1997), as scikit-learn's `AdaBoostRegressor`.
    ///
    /// Each round grows a small tree on rows drawn with replacement by their weights, and gives rows that it got right
    /// less weight for the next:
    ///
    /// ```text
    /// L = loss(|y − ŷ| / max |y − ŷ|)     e = Σ w·L / Σ w     β = e/(1−e)     w ← w·β^(learning_rate·(1−L))
    /// ```
    ///
    /// A row's value is the median of what the trees say, weighted by learning_rate·ln(1/β). Rounds end early when a
    /// tree makes no error, or e reaches one half; such a tree is left out of the last case, unless it is the first.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::boost::AdaBoostRegressor;
    ///
    /// let x = Matrix::from(Dense::new(200, 1, (0..200).map(f64::from).collect()).unwrap());
    /// let y = Target::regression((0..200).map(f64::from).collect()).unwrap();
    /// let model = AdaBoostRegressor::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// let value = model.predict(&Matrix::from(Dense::from_rows(&[[50.0]]))).unwrap().values().unwrap()[0];
    /// assert!((value - 50.0).abs() < 15.0);
    /// ```
    pub struct AdaBoostRegressor named "ada_boost" {
        /// Most rounds.
        n_estimators: usize = 50, Legal::int(1, 100_000);
        /// How fast weights change, and how much of its say each tree gets.
        learning_rate: f64 = 1.0, Legal::positive();
        /// Depth of the trees.
        max_depth: usize = 3, Legal::int(1, 64);
        /// How the loss grows with the error: L, L², or 1 − e^−L.
        loss: String = "linear".to_owned(), Legal::OneOf(&["linear", "square", "exponential"]);
        /// Most bins a column; none for a bin each value up to 10,000 rows, and 255 bins beyond.
        max_bins: Option<usize> = None, Legal::int(2, 65_535).or_none();
    }
}

impl Learner for AdaBoostRegressor {
    type Fitted = AdaBoost;

    const TAGS: Tags = Tags { task: Task::Regression, ..Forest::TAGS };

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<AdaBoost> {
        let max_bins = crate::tree::bins_for(self.max_bins, x.rows());
        let rounds = ctx.install(|| {
            let fit = Fit {
                params: self,
                x,
                y: y.as_regression()?,
                codes: Codes::new(x, y.weights(), max_bins, ctx),
                options: options(self.max_depth, x.cols()),
            };
            fit.rounds(y.weights().map_or_else(|| vec![1.0; x.rows()], <[f64]>::to_vec), ctx)
        })?;
        let params = serde_json::to_value(self).unwrap_or_default();
        Ok(AdaBoost::new(params, Output::Values(vec!["value".to_owned()]), rounds))
    }
}

struct Fit<'a> {
    params: &'a AdaBoostRegressor,
    x: &'a Matrix,
    y: &'a [f64],
    codes: Codes,
    options: Options,
}

impl Fit<'_> {
    fn rounds(&self, mut weights: Vec<f64>, ctx: &FitContext) -> Result<Rounds> {
        let mut rounds = Rounds::new(self.x.cols(), 1);
        for round in 0..self.params.n_estimators {
            let sum: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|w| *w /= sum);
            let mut rng = ctx.seed().derive("round", round as u64).rng();
            let grown = self.grow(&drawn(&weights, &mut rng), ctx)?;
            rounds.trees.push(&grown.tree)?;
            let trees = &rounds.trees;
            let mut loss = each_row(self.x, ctx, |i, dense| {
                trees.value_of(round, self.x.row(i), dense, |value| (value[0] - self.y[i]).abs())
            });
            let counts = |i: usize| weights[i] > 0.0;
            let most = loss.iter().enumerate().filter(|(i, _)| counts(*i)).fold(0.0, |m: f64, l| m.max(*l.1));
            loss.iter_mut().for_each(|l| *l = self.loss(if most > 0.0 { *l / most } else { 0.0 }));
            let error: f64 = weights.iter().zip(&loss).filter(|(w, _)| **w > 0.0).map(|(w, l)| w * l).sum();
            if error >= 0.5 && round > 0 {
                rounds.trees.truncate(round);
                break;
            }
            let last = error <= 0.0 || error >= 0.5;
            let beta = error / (1.0 - error);
            let say = if last { 1.0 } else { self.params.learning_rate * (1.0 / beta).ln() };
            rounds.count(&grown, say);
            let event = Event {
                stage: "ada_boost",
                step: round + 1,
                total: Some(self.params.n_estimators),
                values: &[("error", error)],
            };
            if ctx.report(&event)? == Control::Stop || last {
                break;
            }
            for (w, l) in weights.iter_mut().zip(&loss).filter(|(w, _)| **w > 0.0) {
                *w *= beta.powf((1.0 - l) * self.params.learning_rate);
            }
        }
        Ok(rounds)
    }

    fn loss(&self, share: f64) -> f64 {
        match self.params.loss.as_str() {
            "square" => share * share,
            "exponential" => 1.0 - (-share).exp(),
            _ => share,
        }
    }

    fn grow(&self, times: &[u32], ctx: &FitContext) -> Result<Grown> {
        let rows: Vec<u32> = (0..times.len() as u32).filter(|i| times[*i as usize] > 0).collect();
        let (mut sum, mut all) = (0.0, 0.0);
        for (y, t) in self.y.iter().zip(times) {
            sum += y * f64::from(*t);
            all += f64::from(*t);
        }
        let mean = sum / f64::max(all, 1.0);
        let item = |i: &u32| (f64::from(times[*i as usize]), self.y[*i as usize] - mean);
        let items = rows.iter().map(item).collect();
        let (by, options) = (&SquaredError { mean }, &self.options);
        match &self.codes {
            Codes::Narrow(bins, codes) => {
                Grower { codes, lines: None, bins, raw: None, by, options }.grow(rows, items, ctx.seed(), ctx)
            }
            Codes::Wide(bins, codes) => {
                Grower { codes, lines: None, bins, raw: None, by, options }.grow(rows, items, ctx.seed(), ctx)
            }
        }
    }
}

/// How often each row is drawn, in as many draws as rows count, by weights that sum to one.
fn drawn(weights: &[f64], rng: &mut Rng) -> Vec<u32> {
    let rows: Vec<usize> = (0..weights.len()).filter(|i| weights[*i] > 0.0).collect();
    let mut sum = 0.0;
    let sums: Vec<f64> = rows
        .iter()
        .map(|i| {
            sum += weights[*i];
            sum
        })
        .collect();
    let mut times = vec![0; weights.len()];
    for _ in 0..rows.len() {
        let point = rng.unit() * sum;
        let at = sums.partition_point(|s| *s <= point);
        times[rows[at.min(rows.len() - 1)]] += 1;
    }
    times
}
