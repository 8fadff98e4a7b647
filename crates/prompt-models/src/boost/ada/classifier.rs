//! SAMME: AdaBoost for classes.

use prompt_core::{
    ClassWeight, Control, Event, FitContext, Learner, Legal, Matrix, Result, Tags, Target, argmax, params,
};

use super::{AdaBoost, Codes, Rounds, each_row, options};
use crate::forest::Forest;
use crate::tree::grow::{ClassWeights, Criterion, Grower, Grown, Options};

params! {
    /// AdaBoost for classes (SAMME: Zhu, Zou, Rosset and Hastie, 2009), as scikit-learn's `AdaBoostClassifier`.
    ///
    /// Each round grows a small tree, and gives rows that it got wrong more weight for the next:
    ///
    /// ```text
    /// e = Σ wrong w / Σ w      α = learning_rate·(ln((1−e)/e) + ln(K−1))      w ← w·e^α where wrong
    /// decision of class c: f_c = Σ_t α_t·(1 if tree t says c, else −1/(K−1)) / Σ_t α_t
    /// ```
    ///
    /// Probabilities are the softmax of f/(K−1), as scikit-learn's; they rank well but stay near the middle. Rounds end
    /// early when a tree makes no error, or is no better than guessing; such a tree is left out, unless it is the first.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::boost::AdaBoostClassifier;
    ///
    /// // In between is "in": two cuts, which one stump cannot make.
    /// let x = Matrix::from(Dense::new(30, 1, (0..30).map(f64::from).collect()).unwrap());
    /// let y = Target::labels((0..30).map(|i| if (10..20).contains(&i) { "in" } else { "out" }));
    /// let model = AdaBoostClassifier::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// let new = Matrix::from(Dense::from_rows(&[[3.0], [15.0], [27.0]]));
    /// assert_eq!(model.predict(&new).unwrap().labels().unwrap(), ["out", "in", "out"]);
    /// ```
    pub struct AdaBoostClassifier named "ada_boost" {
        /// Most rounds.
        n_estimators: usize = 50, Legal::int(1, 100_000);
        /// How much of its say each tree gets.
        learning_rate: f64 = 1.0, Legal::positive();
        /// Depth of the trees; 1 for stumps.
        max_depth: usize = 1, Legal::int(1, 64);
        /// How much each class counts at the start.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
        /// Most bins a column; none for a bin each value up to 10,000 rows, and 255 bins beyond.
        max_bins: Option<usize> = None, Legal::int(2, 65_535).or_none();
    }
}

impl Learner for AdaBoostClassifier {
    type Fitted = AdaBoost;

    const TAGS: Tags = Forest::TAGS;

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<AdaBoost> {
        let weights = self.class_weight.row_weights(y)?;
        let max_bins = crate::tree::bins_for(self.max_bins, x.rows());
        let (codes, classes) = y.as_classes()?;
        let rounds = ctx.install(|| {
            let fit = Fit {
                params: self,
                x,
                codes: Codes::new(x, weights.as_deref(), max_bins, ctx),
                classes: codes,
                by: ClassWeights { criterion: Criterion::Gini, classes: classes.len() },
                options: options(self.max_depth, x.cols()),
            };
            fit.rounds(weights.unwrap_or_else(|| vec![1.0; x.rows()]), ctx)
        })?;
        let params = serde_json::to_value(self).unwrap_or_default();
        Ok(AdaBoost::new(params, prompt_core::Output::Classes(classes.clone()), rounds))
    }
}

struct Fit<'a> {
    params: &'a AdaBoostClassifier,
    x: &'a Matrix,
    codes: Codes,
    classes: &'a [u32],
    by: ClassWeights,
    options: Options,
}

impl Fit<'_> {
    fn rounds(&self, mut weights: Vec<f64>, ctx: &FitContext) -> Result<Rounds> {
        let k = self.by.classes;
        let others = (k.max(2) - 1) as f64;
        let mut rounds = Rounds::new(self.x.cols(), k);
        for round in 0..self.params.n_estimators {
            let sum: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|w| *w /= sum);
            let mut grown = self.grow(&weights, ctx)?;
            // A leaf says its class; how loudly is known once the errors are.
            let said = |value: &[f64]| argmax(value) as u32;
            rounds.trees.push(&grown.tree)?;
            let trees = &rounds.trees;
            let wrong = each_row(self.x, ctx, |i, dense| {
                trees.value_of(round, self.x.row(i), dense, |value| said(value) != self.classes[i])
            });
            rounds.trees.truncate(round);
            let error: f64 = weights.iter().zip(&wrong).filter(|(_, wrong)| **wrong).map(|(w, _)| w).sum();
            let hopeless = error >= 1.0 - 1.0 / k as f64;
            if error > 0.0 && hopeless && round > 0 {
                break;
            }
            let last = error <= 0.0 || hopeless;
            let alpha = if last {
                1.0
            } else {
                self.params.learning_rate * (((1.0 - error) / error).ln() + others.ln())
            };
            for at in 0..grown.tree.nodes().len() {
                // Splits have no value.
                if let Some(value) = grown.tree.value_mut(at) {
                    let class = argmax(value);
                    value.iter_mut().enumerate().for_each(|(c, v)| {
                        *v = if c == class { alpha } else { -alpha / others };
                    });
                }
            }
            rounds.trees.push(&grown.tree)?;
            rounds.count(&grown, alpha);
            let event = Event {
                stage: "ada_boost",
                step: round + 1,
                total: Some(self.params.n_estimators),
                values: &[("error", error)],
            };
            if ctx.report(&event)? == Control::Stop || last {
                break;
            }
            let more = alpha.exp();
            weights.iter_mut().zip(&wrong).filter(|(_, wrong)| **wrong).for_each(|(w, _)| *w *= more);
        }
        Ok(rounds)
    }

    fn grow(&self, weights: &[f64], ctx: &FitContext) -> Result<Grown> {
        let rows: Vec<u32> = (0..weights.len() as u32).filter(|i| weights[*i as usize] > 0.0).collect();
        let items = rows.iter().map(|i| (weights[*i as usize], self.classes[*i as usize])).collect();
        let (by, options) = (&self.by, &self.options);
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
