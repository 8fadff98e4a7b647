//! "Is A better than B?" in one call: difference, interval, p-value, effect size and a sentence.

use std::fmt;

use prompt_core::{FitContext, Result};
use serde::{Deserialize, Serialize};

use super::{corrected_resampled_t, delong_paired, wilcoxon};
use crate::check;
use crate::interval::{Bootstrap, Interval, mcnemar_exact};
use crate::regress::mae;
use crate::stats::normal_quantile;

/// What two models did on the same rows or folds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Evidence<'a> {
    /// Predicted classes: macro F1, by the paired bootstrap; the effect is Cohen's g of the rows that one of them alone got
    /// right.
    Classes {
        /// The true class of each row.
        y_true: &'a [u32],
        /// The first model's.
        a: &'a [u32],
        /// The second model's.
        b: &'a [u32],
        /// Number of classes.
        n_classes: usize,
    },
    /// Scores of a positive class: ROC AUC, by DeLong's test; the effect is the difference of d′ = √2·Φ⁻¹(AUC).
    Scores {
        /// Whether each row is positive.
        is_positive: &'a [bool],
        /// The first model's scores.
        a: &'a [f64],
        /// The second model's.
        b: &'a [f64],
    },
    /// Predicted numbers: mean absolute error, by Wilcoxon's test; the effect is the rank-biserial correlation.
    Numbers {
        /// The true number of each row.
        y_true: &'a [f64],
        /// The first model's.
        a: &'a [f64],
        /// The second model's.
        b: &'a [f64],
    },
    /// A score (higher better) in each fold, by the corrected resampled t-test; the effect is Cohen's d of pairs.
    Folds {
        /// The first model's scores.
        a: &'a [f64],
        /// The second model's.
        b: &'a [f64],
        /// Test rows / training rows: 1/(k − 1) for k folds.
        test_share: f64,
    },
}

/// Which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// The first model is better.
    Better,
    /// The second is.
    Worse,
    /// The rows do not tell them apart, which is not the same as "equal".
    Undecided,
}

/// The answer to "is A better than B?".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Better, worse, or not told apart: `p_value` against 1 − level.
    pub verdict: VerdictKind,
    /// What was compared.
    pub metric: String,
    /// The first model's metric.
    pub a: f64,
    /// The second model's.
    pub b: f64,
    /// How much better the first is (for errors: how much smaller), with its interval.
    pub improvement: Interval,
    /// Two-sided p-value.
    pub p_value: f64,
    /// The test it is from.
    pub test: String,
    /// How large the difference is, free of units; above 0 where the first is better.
    pub effect_size: f64,
    /// Which effect size it is.
    pub effect: String,
    /// Negligible, small, medium or large, by Cohen's customary bounds for that effect size.
    pub magnitude: String,
    /// All of it in a sentence.
    pub sentence: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// Whether model `a` is better than model `b`, named for the sentence.
///
/// ```
/// use prompt_metrics::significance::{Evidence, VerdictKind, is_better};
/// use prompt_metrics::FitContext;
/// let truth: Vec<u32> = (0..300).map(|i| i % 3).collect();
/// let wrong = |every: u32| -> Vec<u32> { (0..300).map(|i| if i % every == 0 { (i + 1) % 3 } else { i % 3 }).collect() };
/// let (a, b) = (wrong(25), wrong(4));
/// let evidence = Evidence::Classes { y_true: &truth, a: &a, b: &b, n_classes: 3 };
/// let found = is_better(["linear_svm", "naive_bayes"], &evidence, 0.95, &FitContext::new(1))?;
/// assert_eq!(found.verdict, VerdictKind::Better);
/// assert!(found.sentence.starts_with("linear_svm is better than naive_bayes: macro F1 0.96"), "{found}");
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// Those of the test: no rows, lengths that differ, labels beyond the classes, numbers that are not finite, one class only.
/// A `level` that is not strictly between 0 and 1.
pub fn is_better(
    [name_a, name_b]: [&str; 2],
    evidence: &Evidence<'_>,
    level: f64,
    ctx: &FitContext,
) -> Result<Verdict> {
    check::level("is_better", level)?;
    let found = measure(evidence, level, ctx)?;
    let is_sure = found.p_value < 1.0 - level;
    let verdict = match (is_sure, found.improvement.estimate) {
        (true, d) if d > 0.0 => VerdictKind::Better,
        (true, d) if d < 0.0 => VerdictKind::Worse,
        _ => VerdictKind::Undecided,
    };
    let claim = match verdict {
        VerdictKind::Better => format!("{name_a} is better than {name_b}"),
        VerdictKind::Worse => format!("{name_a} is worse than {name_b}"),
        VerdictKind::Undecided => format!("{name_a} and {name_b} are not told apart"),
    };
    let digits = 4;
    let Interval { estimate, low, high, .. } = found.improvement;
    let magnitude = found.effect.magnitude(found.effect_size);
    let sentence = format!(
        "{claim}: {} {:.digits$} against {:.digits$}, an improvement of {estimate:+.digits$} ({}% interval \
         {low:+.digits$} to {high:+.digits$}), {} by {}, {magnitude} effect ({} {:+.2}){}",
        found.metric,
        found.a,
        found.b,
        number(100.0 * level),
        p_text(found.p_value),
        found.test,
        found.effect.name(),
        found.effect_size,
        found.remark,
    );
    Ok(Verdict {
        verdict,
        metric: found.metric.to_owned(),
        a: found.a,
        b: found.b,
        improvement: found.improvement,
        p_value: found.p_value,
        test: found.test.to_owned(),
        effect_size: found.effect_size,
        effect: found.effect.name().to_owned(),
        magnitude: magnitude.to_owned(),
        sentence,
    })
}

fn number(x: f64) -> String {
    let text = format!("{x:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn p_text(p: f64) -> String {
    if p < 0.0001 { "p < 0.0001".to_owned() } else { format!("p = {p:.4}") }
}

#[derive(Clone, Copy)]
enum Effect {
    CohenG,
    DPrime,
    RankBiserial,
    CohenD,
}

impl Effect {
    fn name(self) -> &'static str {
        match self {
            Self::CohenG => "Cohen's g",
            Self::DPrime => "difference of d′",
            Self::RankBiserial => "rank-biserial correlation",
            Self::CohenD => "Cohen's d",
        }
    }

    fn magnitude(self, size: f64) -> &'static str {
        let [small, medium, large] = match self {
            Self::CohenG => [0.05, 0.15, 0.25],
            Self::DPrime | Self::CohenD => [0.2, 0.5, 0.8],
            Self::RankBiserial => [0.1, 0.3, 0.5],
        };
        match size.abs() {
            s if s >= large => "large",
            s if s >= medium => "medium",
            s if s >= small => "small",
            _ => "negligible",
        }
    }
}

struct Measured {
    metric: &'static str,
    a: f64,
    b: f64,
    improvement: Interval,
    p_value: f64,
    test: &'static str,
    effect: Effect,
    effect_size: f64,
    remark: String,
}

fn measure(evidence: &Evidence<'_>, level: f64, ctx: &FitContext) -> Result<Measured> {
    let bootstrap = Bootstrap::default().level(level);
    match *evidence {
        Evidence::Classes { y_true, a, b, n_classes } => {
            let f1 = |c: &crate::Confusion| Ok(c.f1_macro());
            let paired = bootstrap.paired_confusion(y_true, [a, b], n_classes, None, f1, ctx)?;
            let mcnemar = mcnemar_exact(y_true, a, b)?;
            let (only_a, only_b) = (mcnemar.only_a as f64, mcnemar.only_b as f64);
            let apart = only_a + only_b;
            Ok(Measured {
                metric: "macro F1",
                a: paired.a,
                b: paired.b,
                improvement: paired.difference.interval,
                p_value: paired.p_value,
                test: "the paired bootstrap",
                effect: Effect::CohenG,
                effect_size: if apart > 0.0 { only_a / apart - 0.5 } else { 0.0 },
                remark: format!(
                    "; {only_a} rows only the first got right, {only_b} only the second (McNemar {})",
                    p_text(mcnemar.p_value)
                ),
            })
        }
        Evidence::Scores { is_positive, a, b } => {
            let test = delong_paired(is_positive, [a, b], level)?;
            // A perfect score would lie infinitely far away: half a pair short of it is as far as rows can tell.
            let positives = is_positive.iter().filter(|p| **p).count() as f64;
            let edge = 0.5 / (positives * (is_positive.len() as f64 - positives));
            let d_prime = |auc: f64| std::f64::consts::SQRT_2 * normal_quantile(auc.clamp(edge, 1.0 - edge));
            Ok(Measured {
                metric: "ROC AUC",
                a: test.a,
                b: test.b,
                improvement: test.difference,
                p_value: test.p_value,
                test: "DeLong's test",
                effect: Effect::DPrime,
                effect_size: d_prime(test.a) - d_prime(test.b),
                remark: String::new(),
            })
        }
        Evidence::Numbers { y_true, a, b } => {
            let (error_a, error_b) = (mae(y_true, a, None)?, mae(y_true, b, None)?);
            let errors =
                |p: &[f64]| -> Vec<f64> { y_true.iter().zip(p).map(|(t, p)| (t - p).abs()).collect() };
            let (of_a, of_b) = (errors(a), errors(b));
            let test = wilcoxon(&of_b, &of_a)?;
            let mean =
                |rows: &[usize]| Ok(rows.iter().map(|&i| of_b[i] - of_a[i]).sum::<f64>() / rows.len() as f64);
            Ok(Measured {
                metric: "mean absolute error",
                a: error_a,
                b: error_b,
                improvement: bootstrap.of_rows(y_true.len(), mean, ctx)?.interval,
                p_value: test.p_value,
                test: "Wilcoxon's signed-rank test",
                effect: Effect::RankBiserial,
                effect_size: test.rank_biserial,
                remark: String::new(),
            })
        }
        Evidence::Folds { a, b, test_share } => {
            let test = corrected_resampled_t(a, b, test_share, level)?;
            let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
            Ok(Measured {
                metric: "mean score",
                a: mean(a),
                b: mean(b),
                improvement: test.difference,
                p_value: test.p_value,
                test: "the corrected resampled t-test",
                effect: Effect::CohenD,
                effect_size: test.effect_size,
                remark: format!(" over {} folds", a.len()),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(evidence: &Evidence<'_>) -> Verdict {
        is_better(["a", "b"], evidence, 0.95, &FitContext::new(5)).unwrap()
    }

    #[test]
    fn each_kind_of_evidence_has_its_test_and_its_sentence() {
        let truth: Vec<f64> = (0..60).map(f64::from).collect();
        let near: Vec<f64> = (0..60).map(|i| f64::from(i) + 0.5 + 0.01 * f64::from(i % 7)).collect();
        let far: Vec<f64> = (0..60).map(|i| f64::from(i) + 3.0 - 0.02 * f64::from(i % 9)).collect();
        let found = verdict(&Evidence::Numbers { y_true: &truth, a: &near, b: &far });
        assert_eq!((found.verdict, found.effect_size), (VerdictKind::Better, 1.0));
        assert!(
            found.sentence.contains("mean absolute error 0.5") && found.sentence.contains("large effect"),
            "{found}"
        );

        let positive: Vec<bool> = (0..60).map(|i| i % 2 == 0).collect();
        let good: Vec<f64> = (0..60).map(|i| 0.03 * f64::from(i % 11) - f64::from(i % 2)).collect();
        let poor: Vec<f64> = (0..60).map(|i| f64::from(i % 7)).collect();
        let found = verdict(&Evidence::Scores { is_positive: &positive, a: &poor, b: &good });
        assert_eq!(found.verdict, VerdictKind::Worse);
        assert!(found.effect_size < -0.8 && found.effect_size.is_finite(), "{found}");

        let found =
            verdict(&Evidence::Folds { a: &[0.90, 0.91, 0.89], b: &[0.90, 0.92, 0.88], test_share: 0.5 });
        assert_eq!(found.verdict, VerdictKind::Undecided);
        assert!(
            found.sentence.starts_with("a and b are not told apart: mean score 0.9000 against 0.9000"),
            "{found}"
        );
    }

    #[test]
    fn errors_are_those_of_the_test() {
        let ctx = FitContext::new(1);
        let message =
            |e: &Evidence<'_>, level| is_better(["a", "b"], e, level, &ctx).unwrap_err().to_string();
        let rows = [0_u32, 1];
        assert!(
            message(&Evidence::Classes { y_true: &rows, a: &rows, b: &rows[..1], n_classes: 2 }, 0.95)
                .contains("expected 2, got 1")
        );
        assert!(
            message(&Evidence::Classes { y_true: &rows, a: &rows, b: &rows, n_classes: 2 }, 1.0)
                .contains("`level`")
        );
        assert!(
            message(&Evidence::Classes { y_true: &rows, a: &rows, b: &[0, 7], n_classes: 2 }, 0.95)
                .contains("class 7")
        );
    }
}
