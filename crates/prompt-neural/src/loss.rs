//! What training makes small, with its gradient.
//!
//! A loss is computed on plain numbers in 64 bits: a row's scores go in, its part of the sum and the gradient of its
//! scores come out. The sum is divided by a mass that the caller adds up over all batches of a step, so that a step of
//! four small batches is the step of one large one.

use prompt_core::{ClassWeight, Error, Result, Target, Values};

/// Which loss, with its numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum LossKind {
    /// (1−ε)·w_y·(−ln p_y) + ε/k·Σ_c w_c·(−ln p_c), ε the label smoothing; divided by Σ w_y, as PyTorch does.
    CrossEntropy { smoothing: f64 },
    /// w_y·(1−p_y)^γ·(−ln p_y) (Lin and others, 2017); divided by the number of rows.
    Focal { gamma: f64 },
}

impl LossKind {
    pub(crate) const NAMES: &'static [&'static str] = &["cross_entropy", "focal"];

    /// By name; the caller has checked it against [`NAMES`](Self::NAMES).
    pub(crate) fn named(name: &str, gamma: f64, smoothing: f64) -> Self {
        if name == "focal" { Self::Focal { gamma } } else { Self::CrossEntropy { smoothing } }
    }
}

/// What a row should be, for every row of the data.
#[derive(Debug, Clone)]
pub(crate) enum Goal {
    /// A class, and what each class weighs.
    Classes { codes: Vec<u32>, class_weights: Vec<f64>, kind: LossKind },
    /// A level among k; the scores say for each of the k−1 steps whether the level is above it. The loss is the sum of
    /// their binary cross-entropies (Cao, Mirjalili and Raschka, 2020).
    Levels { codes: Vec<u32>, class_weights: Vec<f64> },
    /// A number, brought to mean 0 and deviation 1. The loss is the squared difference.
    Numbers { values: Vec<f64> },
}

/// The loss over the rows of some data.
#[derive(Debug, Clone)]
pub(crate) struct Loss {
    goal: Goal,
    weights: Option<Vec<f64>>,
}

/// The mean and the deviation that numbers had.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Scale {
    pub(crate) mean: f64,
    pub(crate) deviation: f64,
}

impl Scale {
    /// Of these numbers, weighted; the deviation is 1 when all are equal.
    pub(crate) fn of(values: &[f64], weights: Option<&[f64]>) -> Self {
        let weight = |i: usize| weights.map_or(1.0, |w| w[i]);
        let mass: f64 = (0..values.len()).map(weight).sum();
        let mean = values.iter().enumerate().map(|(i, v)| weight(i) * v).sum::<f64>() / mass;
        let square = |(i, v): (usize, &f64)| weight(i) * (v - mean) * (v - mean);
        let deviation = (values.iter().enumerate().map(square).sum::<f64>() / mass).sqrt();
        Self { mean, deviation: if deviation > 0.0 { deviation } else { 1.0 } }
    }
}

impl Loss {
    /// For a target of classes, levels or numbers (which `scale` belongs to).
    ///
    /// # Errors
    /// [`Error::Unsupported`] for any other target or a loss that does not suit it; class weights that name no class.
    pub(crate) fn new(
        y: &Target,
        kind: LossKind,
        class_weight: &ClassWeight,
        scale: Option<Scale>,
    ) -> Result<Self> {
        let weights = y.weights().map(<[f64]>::to_vec);
        let goal = match y.values() {
            Values::Classes { codes, classes } => {
                let class_weights = class_weight.resolve(codes, classes, weights.as_deref())?;
                Goal::Classes { codes: codes.clone(), class_weights, kind }
            }
            Values::Ordinal { codes, classes } => {
                if kind != (LossKind::CrossEntropy { smoothing: 0.0 }) {
                    let help = "take loss = cross_entropy without label_smoothing";
                    return Err(Error::unsupported("ordered classes", "focal loss or label smoothing", help));
                }
                let class_weights = class_weight.resolve(codes, classes, weights.as_deref())?;
                Goal::Levels { codes: codes.clone(), class_weights }
            }
            Values::Regression(values) => {
                if *class_weight != ClassWeight::None || kind != (LossKind::CrossEntropy { smoothing: 0.0 }) {
                    let help = "leave class_weight, loss and label_smoothing as they are by default";
                    return Err(Error::unsupported("a target of numbers", "a choice for classes", help));
                }
                let Scale { mean, deviation } = scale.unwrap_or(Scale { mean: 0.0, deviation: 1.0 });
                Goal::Numbers { values: values.iter().map(|v| (v - mean) / deviation).collect() }
            }
            _ => {
                let help = "train one network for each output";
                return Err(Error::unsupported("a text network", "several labels or outputs a row", help));
            }
        };
        Ok(Self { goal, weights })
    }

    /// What row `row` counts in the divisor.
    pub(crate) fn mass(&self, row: usize) -> f64 {
        let weight = self.weights.as_ref().map_or(1.0, |w| w[row]);
        weight
            * match &self.goal {
                Goal::Classes { codes, class_weights, kind: LossKind::CrossEntropy { .. } }
                | Goal::Levels { codes, class_weights } => class_weights[codes[row] as usize],
                Goal::Classes { .. } | Goal::Numbers { .. } => 1.0,
            }
    }

    /// The loss of row `row` with these scores, not yet divided; its gradient, divided by `mass`, goes to `grad`.
    pub(crate) fn row(&self, row: usize, scores: &[f32], mass: f64, grad: &mut [f32]) -> f64 {
        let weight = self.weights.as_ref().map_or(1.0, |w| w[row]);
        match &self.goal {
            Goal::Classes { codes, class_weights, kind } => {
                let code = codes[row] as usize;
                classes(*kind, code, class_weights, scores, weight, weight / mass, grad)
            }
            Goal::Levels { codes, class_weights } => {
                let (level, weight) = (codes[row] as usize, weight * class_weights[codes[row] as usize]);
                let mut loss = 0.0;
                for (step, (&z, g)) in scores.iter().zip(grad).enumerate() {
                    let (z, above) = (f64::from(z), f64::from(u8::from(level > step)));
                    // ln(1 + e^z) − above·z without overflow.
                    loss += z.max(0.0) + (-z.abs()).exp().ln_1p() - above * z;
                    *g = ((sigmoid(z) - above) * weight / mass) as f32;
                }
                loss * weight
            }
            Goal::Numbers { values } => {
                let (Some(&z), Some(g)) = (scores.first(), grad.first_mut()) else { return 0.0 };
                let difference = f64::from(z) - values[row];
                *g = (2.0 * difference * weight / mass) as f32;
                difference * difference * weight
            }
        }
    }
}

fn classes(
    kind: LossKind,
    code: usize,
    class_weights: &[f64],
    scores: &[f32],
    weight: f64,
    share: f64,
    grad: &mut [f32],
) -> f64 {
    let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = scores.iter().map(|z| f64::from(z - max).exp()).sum();
    let log_sum = sum.ln();
    let log_p = |c: usize| f64::from(scores[c] - max) - log_sum;
    match kind {
        LossKind::CrossEntropy { smoothing } => {
            let even = smoothing / scores.len() as f64;
            let of = |c: usize| class_weights[c] * (even + if c == code { 1.0 - smoothing } else { 0.0 });
            let (mut loss, mut total) = (0.0, 0.0);
            for c in 0..scores.len() {
                let label = if even > 0.0 || c == code { of(c) } else { 0.0 };
                total += label;
                if label > 0.0 {
                    loss -= label * log_p(c);
                }
            }
            for (c, g) in grad.iter_mut().enumerate() {
                let label = if even > 0.0 || c == code { of(c) } else { 0.0 };
                *g = ((total * log_p(c).exp() - label) * share) as f32;
            }
            loss * weight
        }
        LossKind::Focal { gamma } => {
            let (lp, alpha) = (log_p(code), class_weights[code]);
            let p = lp.exp();
            let rest = 1.0 - p;
            // d/dz_c = α·[γ·p·ln p·(1−p)^(γ−1) − (1−p)^γ]·(1{c=y} − p_c); the first term is 0 at p = 1.
            let slope = if gamma > 0.0 && rest > 0.0 { gamma * p * lp * rest.powf(gamma - 1.0) } else { 0.0 };
            let factor = alpha * (slope - rest.powf(gamma));
            for (c, g) in grad.iter_mut().enumerate() {
                let own = if c == code { 1.0 } else { 0.0 };
                *g = (factor * (own - log_p(c).exp()) * share) as f32;
            }
            -alpha * rest.powf(gamma) * lp * weight
        }
    }
}

/// 1 / (1 + e^−z).
pub(crate) fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

#[cfg(test)]
mod tests {
    use prompt_core::Classes;

    use super::*;
    use crate::reference::{assert_close, list, list32, torch};

    const CROSS_ENTROPY: LossKind = LossKind::CrossEntropy { smoothing: 0.0 };

    /// Loss and gradient over the fixture's five rows of four scores.
    #[track_caller]
    fn check(loss: &Loss, name: &str, width: usize) {
        let torch = torch();
        let scores = list32(&torch["scores"]);
        let mass: f64 = (0..5).map(|r| loss.mass(r)).sum();
        let (mut sum, mut grad) = (0.0, vec![0.0; 20]);
        for r in 0..5 {
            sum += loss.row(r, &scores[r * 4..r * 4 + width], mass, &mut grad[r * 4..r * 4 + width]);
        }
        let expected = torch[name]["loss"].as_f64().unwrap();
        assert!((sum / mass - expected).abs() < 1e-6, "{name}: {} instead of {expected}", sum / mass);
        assert_close(&grad, &list(&torch[name]["grad"]), 1e-6);
    }

    fn labels() -> Target {
        let classes = Classes::new(["a", "b", "c", "d"]).unwrap();
        Target::codes(vec![0, 3, 1, 1, 2], classes).unwrap()
    }

    fn class_weights() -> ClassWeight {
        ClassWeight::Explicit([("c".to_owned(), 1.5), ("d".to_owned(), 0.5)].into())
    }

    #[test]
    fn cross_entropy_is_pytorchs() {
        let loss = |y: &Target, kind| Loss::new(y, kind, &class_weights(), None).unwrap();
        check(&loss(&labels(), CROSS_ENTROPY), "cross_entropy", 4);
        check(&loss(&labels(), LossKind::CrossEntropy { smoothing: 0.1 }), "cross_entropy_smoothed", 4);
        let rows = labels().with_weights(list(&torch()["row_weights"])).unwrap();
        check(&loss(&rows, CROSS_ENTROPY), "cross_entropy_rows", 4);
    }

    #[test]
    fn focal_loss_is_pytorchs_formula() {
        let kind = LossKind::Focal { gamma: 3.0 };
        check(&Loss::new(&labels(), kind, &class_weights(), None).unwrap(), "focal", 4);
        let y = labels();
        let focal = Loss::new(&y, LossKind::Focal { gamma: 0.0 }, &ClassWeight::None, None).unwrap();
        let plain = Loss::new(&y, CROSS_ENTROPY, &ClassWeight::None, None).unwrap();
        let (mut a, mut b) = ([0.0; 4], [0.0; 4]);
        let scores = [50.0, -50.0, 0.0, 1.0];
        let (x, y) = (focal.row(0, &scores, 1.0, &mut a), plain.row(0, &scores, 1.0, &mut b));
        assert!((x - y).abs() < 1e-12 && a == b, "γ = 0 is cross-entropy: {x} {y} {a:?} {b:?}");
    }

    #[test]
    fn levels_and_numbers_are_pytorchs() {
        let levels = Classes::new(["0", "1", "2", "3"]).unwrap();
        let y = Target::ordinal(vec![0, 3, 1, 1, 2], levels).unwrap();
        check(&Loss::new(&y, CROSS_ENTROPY, &ClassWeight::None, None).unwrap(), "ordinal", 3);
        let y = Target::regression(list(&torch()["values"])).unwrap();
        check(&Loss::new(&y, CROSS_ENTROPY, &ClassWeight::None, None).unwrap(), "mse", 1);
    }

    #[test]
    fn what_does_not_suit_a_target_is_refused() {
        let y = Target::regression(vec![1.0]).unwrap();
        assert!(Loss::new(&y, LossKind::Focal { gamma: 2.0 }, &ClassWeight::None, None).is_err());
        assert!(Loss::new(&y, CROSS_ENTROPY, &ClassWeight::Balanced, None).is_err());
        let y = Target::ordinal(vec![0, 1], Classes::new(["a", "b"]).unwrap()).unwrap();
        assert!(Loss::new(&y, LossKind::Focal { gamma: 2.0 }, &ClassWeight::None, None).is_err());
    }

    #[test]
    fn numbers_are_brought_to_one_scale() {
        let scale = Scale::of(&[1.0, 3.0], None);
        assert_eq!((scale.mean, scale.deviation), (2.0, 1.0));
        assert_eq!(Scale::of(&[5.0, 5.0], None).deviation, 1.0);
        assert_eq!(Scale::of(&[0.0, 8.0], Some(&[3.0, 1.0])).mean, 2.0);
    }
}
