//! What is minimised: starting points, gradients, and the loss that a round reports.

use super::blocks::Blocks;
use super::fitted::{Link, sigmoid};

/// A loss over margins. Classification has a margin a class (one for two classes), regression has one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Loss {
    /// ln(1 + e^z) − y·z.
    Binary,
    /// ln Σ e^{z_k} − z_y.
    Softmax(usize),
    /// ½(z − y)².
    Squared,
    /// ½|z − y|.
    Absolute,
    /// The pinball loss of this quantile.
    Quantile(f64),
    /// e^z − y·z.
    Poisson,
}

/// What the rows are to become: class codes, or numbers.
#[derive(Clone, Copy)]
pub(super) enum Goal<'a> {
    Codes(&'a [u32]),
    Numbers(&'a [f64]),
}

impl Goal<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Goal::Codes(codes) => codes.len(),
            Goal::Numbers(numbers) => numbers.len(),
        }
    }

    fn number(&self, row: usize) -> f64 {
        match self {
            Goal::Codes(codes) => f64::from(codes[row]),
            Goal::Numbers(numbers) => numbers[row],
        }
    }

    fn code(&self, row: usize) -> usize {
        match self {
            Goal::Codes(codes) => codes[row] as usize,
            Goal::Numbers(_) => 0,
        }
    }
}

/// Gradient and second derivative of a row, as the histograms read them.
pub(super) type Pair = [f32; 2];

/// The smallest second derivative: keeps a leaf of rows that are fitted perfectly from dividing by zero.
const LEAST: f64 = 1e-16;

impl Loss {
    /// Margins, and so trees a round.
    pub(super) fn margins(self) -> usize {
        match self {
            Self::Softmax(k) => k,
            _ => 1,
        }
    }

    /// The constant margins with the smallest loss.
    pub(super) fn start(self, goal: Goal<'_>, weights: Option<&[f64]>) -> Vec<f64> {
        let weight = |row: usize| weights.map_or(1.0, |w| w[row]);
        let n = goal.len();
        let total: f64 = (0..n).map(weight).sum();
        let mean = || (0..n).map(|i| weight(i) * goal.number(i)).sum::<f64>() / total;
        match self {
            Self::Binary => {
                let p = mean().clamp(1e-12, 1.0 - 1e-12);
                vec![(p / (1.0 - p)).ln()]
            }
            Self::Softmax(k) => {
                let mut mass = vec![0.0; k];
                (0..n).for_each(|i| mass[goal.code(i)] += weight(i));
                mass.iter().map(|m| (m / total).max(1e-12).ln()).collect()
            }
            Self::Squared => vec![mean()],
            Self::Absolute | Self::Quantile(_) => {
                let mut points: Vec<(f64, f64)> = (0..n).map(|i| (goal.number(i), weight(i))).collect();
                vec![quantile(&mut points, self.level())]
            }
            Self::Poisson => vec![mean().max(1e-12).ln()],
        }
    }

    fn level(self) -> f64 {
        if let Self::Quantile(q) = self { q } else { 0.5 }
    }

    /// Whether leaves hold quantiles of what is left rather than Newton steps.
    pub(super) fn renews_leaves(self) -> bool {
        matches!(self, Self::Absolute | Self::Quantile(_))
    }

    /// The best value of a leaf whose rows miss by these amounts (goal − margin, weight).
    pub(super) fn renewed(self, residuals: &mut [(f64, f64)]) -> f64 {
        quantile(residuals, self.level())
    }

    /// For several classes: ln Σ e^{z_k} of every row, which the gradients need. Returns the summed loss, which comes
    /// with it; 0 for other losses.
    pub(super) fn normalise(
        self,
        scores: &[Vec<f64>],
        norms: &mut [f64],
        (goal, weights): (Goal<'_>, Option<&[f64]>),
        blocks: Blocks<'_>,
    ) -> f64 {
        if !matches!(self, Self::Softmax(_)) {
            return 0.0;
        }
        let parts = blocks.fill(norms, |first, out| {
            let mut sum = 0.0;
            for (i, out) in out.iter_mut().enumerate() {
                let row = first + i;
                *out = log_sum_exp(scores, row);
                sum += weights.map_or(1.0, |w| w[row]) * (*out - scores[goal.code(row)][row]);
            }
            sum
        });
        parts.iter().sum()
    }

    /// Gradients and second derivatives of margin `k`, times the weights of the rows. Returns the summed loss, which
    /// comes with them; 0 for several classes, where [`normalise`](Self::normalise) gives it.
    pub(super) fn gradients(
        self,
        k: usize,
        (scores, norms): (&[Vec<f64>], &[f64]),
        (goal, weights): (Goal<'_>, Option<&[f64]>),
        pairs: &mut [Pair],
        blocks: Blocks<'_>,
    ) -> f64 {
        let z = &scores[k];
        let level = self.level();
        let parts = blocks.fill(pairs, |first, out| {
            let mut likelihood = Product::default();
            let mut sum = 0.0;
            for (i, out) in out.iter_mut().enumerate() {
                let row = first + i;
                let weight = weights.map_or(1.0, |w| w[row]);
                let (z, y) = (z[row], goal.number(row));
                let (g, h, loss) = match self {
                    Self::Binary => {
                        let p = sigmoid(z);
                        let right = if y > 0.5 { p } else { 1.0 - p };
                        let loss = if weights.is_some() {
                            -right.max(LEAST).ln()
                        } else {
                            likelihood.push(right.max(LEAST));
                            0.0
                        };
                        (p - y, (p * (1.0 - p)).max(LEAST), loss)
                    }
                    Self::Softmax(_) => {
                        let p = (z - norms[row]).exp();
                        let hit = f64::from(u8::from(goal.code(row) == k));
                        (p - hit, (p * (1.0 - p)).max(LEAST), 0.0)
                    }
                    Self::Squared => (z - y, 1.0, 0.5 * (z - y) * (z - y)),
                    Self::Absolute | Self::Quantile(_) => {
                        let g = if z == y {
                            0.0
                        } else if z > y {
                            1.0 - level
                        } else {
                            -level
                        };
                        (g, 1.0, g * (z - y))
                    }
                    Self::Poisson => {
                        let mean = z.exp();
                        (mean - y, mean.max(LEAST), mean - y * z)
                    }
                };
                sum += weight * loss;
                *out = [(g * weight) as f32, (h * weight) as f32];
            }
            sum - likelihood.ln()
        });
        parts.iter().sum()
    }

    /// The weighted mean loss at these margins.
    pub(super) fn mean(self, scores: &[Vec<f64>], (goal, weights): (Goal<'_>, Option<&[f64]>)) -> f64 {
        let (mut sum, mut mass) = (0.0, 0.0);
        for row in 0..goal.len() {
            let weight = weights.map_or(1.0, |w| w[row]);
            let (z, y) = (scores[0][row], goal.number(row));
            mass += weight;
            sum += weight
                * match self {
                    Self::Binary => {
                        let margin = if y > 0.5 { -z } else { z };
                        margin.max(0.0) + (-margin.abs()).exp().ln_1p()
                    }
                    Self::Softmax(_) => log_sum_exp(scores, row) - scores[goal.code(row)][row],
                    Self::Squared => 0.5 * (z - y) * (z - y),
                    Self::Absolute | Self::Quantile(_) => {
                        let level = self.level();
                        if z > y { (1.0 - level) * (z - y) } else { level * (y - z) }
                    }
                    Self::Poisson => z.exp() - y * z,
                };
        }
        sum / mass
    }

    /// What a Newton step of one margin is multiplied by in classic boosting, where K margins move at once.
    pub(super) fn step(self) -> f64 {
        if let Self::Softmax(k) = self { (k as f64 - 1.0) / k as f64 } else { 1.0 }
    }

    /// How margins become probabilities or values.
    pub(super) fn link(self) -> Link {
        match self {
            Self::Binary => Link::Logistic,
            Self::Softmax(_) => Link::Softmax,
            Self::Poisson => Link::Exp,
            Self::Squared | Self::Absolute | Self::Quantile(_) => Link::Identity,
        }
    }
}

fn log_sum_exp(scores: &[Vec<f64>], row: usize) -> f64 {
    let top = scores.iter().map(|z| z[row]).fold(f64::NEG_INFINITY, f64::max);
    top + scores.iter().map(|z| (z[row] - top).exp()).sum::<f64>().ln()
}

/// Σ ln of probabilities, with one logarithm for many of them.
struct Product {
    product: f64,
    sum: f64,
}

impl Default for Product {
    fn default() -> Self {
        Self { product: 1.0, sum: 0.0 }
    }
}

impl Product {
    fn push(&mut self, probability: f64) {
        self.product *= probability;
        if self.product < 1e-200 {
            *self = Self { product: 1.0, sum: self.ln() };
        }
    }

    fn ln(&self) -> f64 {
        self.sum + self.product.ln()
    }
}

/// The smallest value at which the weights of the values up to it reach this share; the mean of the two neighbours
/// where the share falls exactly between them. 0 for no values.
pub(super) fn quantile(points: &mut [(f64, f64)], level: f64) -> f64 {
    points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let total: f64 = points.iter().map(|p| p.1).sum();
    let (goal, mut reached) = (level * total, 0.0);
    for (i, (value, weight)) in points.iter().enumerate() {
        reached += weight;
        if reached == goal
            && let Some((next, _)) = points.get(i + 1)
        {
            return 0.5 * (value + next);
        }
        if reached > goal || i + 1 == points.len() {
            return *value;
        }
    }
    0.0
}
