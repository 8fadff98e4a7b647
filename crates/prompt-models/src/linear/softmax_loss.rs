//! The loss of logistic regression, and its search along a line.

use rayon::prelude::*;

use super::Problem;
use super::classifier::sigmoid;
use super::design::Design;
use super::lbfgs::{add, dot};

/// Mean weighted log loss plus λ/2·‖w‖², as a function of the parameters: the weights feature after feature, then
/// the intercepts, which are not penalised.
pub(crate) struct SoftmaxLoss<'a> {
    pub(crate) design: Design<'a>,
    pub(crate) problem: &'a Problem,
    pub(crate) l2: f64,
    pub(crate) intercept: bool,
    /// Margins a row: 1 for two classes.
    k: usize,
    total: f64,
    /// Weighted mean of each column; zero without an intercept.
    means: Vec<f64>,
}

/// A point, with the margins and residuals of all rows there.
pub(crate) struct Point {
    pub(crate) params: Vec<f64>,
    pub(crate) loss: f64,
    margins: Vec<f64>,
    residuals: Vec<f64>,
}

/// Sums over rows: loss, and its first and second derivative along a direction.
#[derive(Default, Clone, Copy)]
struct Sums {
    loss: f64,
    slope: f64,
    curvature: f64,
}

const BLOCK: usize = 512;
/// A constant column without a penalty has no curvature; this is then what is divided by.
const SMALLEST: f64 = 1e-300;

impl<'a> SoftmaxLoss<'a> {
    pub(crate) fn new(design: Design<'a>, problem: &'a Problem, c: f64, intercept: bool) -> Self {
        let total = problem.total_weight();
        let k = if problem.present.len() == 2 { 1 } else { problem.present.len() };
        let mut means = vec![0.0; design.cols()];
        if intercept {
            let share: Vec<f64> = (0..design.rows()).map(|i| problem.weight(i) / total).collect();
            design.gradient(&share, 1, &mut means);
        }
        Self { design, problem, l2: 1.0 / (c * total), intercept, k, total, means }
    }

    /// The intercept at the origin for one at the means.
    pub(crate) fn shifted(&self, params: &[f64]) -> Vec<f64> {
        let (weights, bias) = params.split_at(self.design.cols() * self.k);
        let mut out = bias.to_vec();
        for (mean, w) in self.means.iter().zip(weights.chunks_exact(self.k)) {
            add(-mean, w, &mut out);
        }
        out
    }

    /// Weights zero, intercepts at the class frequencies.
    pub(crate) fn start(&self) -> Point {
        let (d, n) = (self.design.cols(), self.design.rows());
        let mut params = vec![0.0; (d + 1) * self.k];
        if self.intercept {
            let share: Vec<f64> = self.problem.class_mass().iter().map(|m| (m / self.total).ln()).collect();
            let bias = &mut params[d * self.k..];
            match bias {
                [bias] => *bias = share[1] - share[0],
                _ => bias.copy_from_slice(&share),
            }
        }
        let mut margins = vec![0.0; n * self.k];
        margins.chunks_exact_mut(self.k).for_each(|z| z.copy_from_slice(&params[d * self.k..]));
        let mut residuals = vec![0.0; n * self.k];
        let loss = self.sums(&margins, None, &mut residuals).loss;
        Point { params, loss, margins, residuals }
    }

    /// How many of the parameters are weights, which come first and are penalised.
    pub(crate) fn penalised(&self) -> usize {
        self.design.cols() * self.k
    }

    /// The point of these parameters.
    pub(crate) fn at(&self, params: Vec<f64>) -> Point {
        let size = self.design.rows() * self.k;
        let (mut margins, mut residuals) = (vec![0.0; size], vec![0.0; size]);
        let weights = &params[..self.penalised()];
        self.design.margins(weights, &self.shifted(&params), &mut margins);
        let loss = self.sums(&margins, None, &mut residuals).loss + 0.5 * self.l2 * dot(weights, weights);
        Point { params, loss, margins, residuals }
    }

    /// The inverse of the Hessian's diagonal at the start, where every row has the class frequencies.
    pub(crate) fn inverse_diagonal(&self) -> Vec<f64> {
        let share: Vec<f64> = self.problem.class_mass().iter().map(|m| m / self.total).collect();
        let bend: Vec<f64> = share.iter().rev().take(self.k).rev().map(|p| p * (1.0 - p)).collect();
        let squares = self.design.squared_columns(|i| self.problem.weight(i) / self.total);
        squares
            .iter()
            .zip(&self.means)
            .map(|(s, m)| (s - m * m).max(0.0))
            .flat_map(|s| bend.iter().map(move |h| 1.0 / (h * s + self.l2).max(SMALLEST)))
            .chain(bend.iter().map(|h| 1.0 / h.max(SMALLEST)))
            .collect()
    }

    pub(crate) fn gradient(&self, at: &Point) -> Vec<f64> {
        let k = self.k;
        let mut out = vec![0.0; at.params.len()];
        let (weights, bias) = out.split_at_mut(self.design.cols() * k);
        self.design.gradient(&at.residuals, k, weights);
        add(self.l2, &at.params[..weights.len()], weights);
        if self.intercept {
            for r in at.residuals.chunks_exact(k) {
                bias.iter_mut().zip(r).for_each(|(b, r)| *b += r);
            }
            for (mean, g) in self.means.iter().zip(weights.chunks_exact_mut(k)) {
                add(-mean, bias, g);
            }
        }
        out
    }

    /// Goes along `direction` to where the slope has almost gone and gives the step length, or `None` when
    /// rounding allows no progress.
    ///
    /// Margins are linear in the step, so a trial costs no product with the data: that is why the search can
    /// afford Newton's method on the slope, held between the last points left and right of the minimum.
    pub(crate) fn search(&self, at: &mut Point, direction: &[f64], slope: f64) -> Option<f64> {
        let split = self.design.cols() * self.k;
        let d = &direction[..split];
        let d_bias = self.shifted(direction);
        let mut along = vec![0.0; at.margins.len()];
        self.design.margins(d, &d_bias, &mut along);
        let w = &at.params[..split];
        let (ww, wd, dd) = (dot(w, w), dot(w, d), dot(d, d));
        let (mut low, mut high, mut t) = (0.0, f64::INFINITY, 1.0);
        for _ in 0..30 {
            let mut sums = self.sums(&at.margins, Some((&along, t)), &mut at.residuals);
            sums.loss += 0.5 * self.l2 * (ww + t * (2.0 * wd + t * dd));
            sums.slope += self.l2 * (wd + t * dd);
            sums.curvature += self.l2 * dd;
            // Close to the minimum the loss no longer tells better from worse, but the slope still does.
            let rounding = 1e-12 * at.loss.abs();
            if sums.loss <= at.loss + 1e-4 * t * slope + rounding && sums.slope.abs() <= 0.3 * slope.abs() {
                add(t, direction, &mut at.params);
                add(t, &along, &mut at.margins);
                at.loss = sums.loss;
                return Some(t);
            }
            *if sums.slope < 0.0 { &mut low } else { &mut high } = t;
            let newton = t - sums.slope / sums.curvature;
            let inside = newton > low && newton < high.min(8.0 * low.max(1.0));
            t = match (inside, high.is_finite()) {
                (true, _) => newton,
                (false, true) => 0.5 * (low + high),
                (false, false) => 4.0 * t,
            };
        }
        None
    }

    /// Sums over all rows at `margins + t·along`, leaving the residuals there, already divided by the total
    /// weight.
    fn sums(&self, margins: &[f64], along: Option<(&[f64], f64)>, residuals: &mut [f64]) -> Sums {
        let size = BLOCK * self.k;
        let block = |(block, out): (usize, &mut [f64])| {
            let at = block * size;
            let z = &margins[at..at + out.len()];
            let step = along.map(|(d, t)| (&d[at..at + out.len()], t));
            let mut sums = Sums::default();
            for (i, out) in out.chunks_exact_mut(self.k).enumerate() {
                let span = i * self.k..(i + 1) * self.k;
                let step = step.map(|(d, t)| (&d[span.clone()], t));
                self.row(block * BLOCK + i, &z[span], step, out, &mut sums);
            }
            sums
        };
        let parts: Vec<Sums> = if self.design.serial() {
            residuals.chunks_mut(size).enumerate().map(block).collect()
        } else {
            residuals.par_chunks_mut(size).enumerate().map(block).collect()
        };
        parts.iter().fold(Sums::default(), |a, b| Sums {
            loss: a.loss + b.loss,
            slope: a.slope + b.slope,
            curvature: a.curvature + b.curvature,
        })
    }

    fn row(&self, row: usize, z: &[f64], step: Option<(&[f64], f64)>, out: &mut [f64], sums: &mut Sums) {
        let weight = self.problem.weight(row) / self.total;
        out.copy_from_slice(z);
        if let Some((d, t)) = step {
            add(t, d, out);
        }
        if let Some(soft) = self.problem.soft_row(row) {
            return soft_row(weight, soft, step.map(|(d, _)| d), out, sums);
        }
        let class = self.problem.codes[row] as usize;
        if let [z] = out {
            let second = sigmoid(*z);
            let against = if class == 1 { -*z } else { *z };
            sums.loss += weight * log1p_exp(against);
            *z = weight * (second - class as f64);
            if let Some((&[d], _)) = step {
                sums.slope += *z * d;
                sums.curvature += weight * second * (1.0 - second) * d * d;
            }
            return;
        }
        let own = out[class];
        let max = out.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        for z in out.iter_mut() {
            *z = (*z - max).exp();
            sum += *z;
        }
        sums.loss += weight * (sum.ln() + max - own);
        let scale = weight / sum;
        out.iter_mut().for_each(|p| *p *= scale);
        if let Some((d, _)) = step {
            // Here `out` holds weight·p.
            let (mut first, mut second) = (0.0, 0.0);
            for (p, d) in out.iter().zip(d) {
                first += p * d;
                second += p * d * d;
            }
            sums.slope += first - weight * d[class];
            if weight > 0.0 {
                sums.curvature += second - first * first / weight;
            }
        }
        out[class] -= weight;
    }
}

/// The same of a row that has a probability for every class: the loss is Σ_c q_c·(log Σ exp z − z_c).
fn soft_row(weight: f64, q: &[f64], along: Option<&[f64]>, out: &mut [f64], sums: &mut Sums) {
    if let [z] = out {
        let second = sigmoid(*z);
        sums.loss += weight * (q[0] * log1p_exp(*z) + q[1] * log1p_exp(-*z));
        *z = weight * ((q[0] + q[1]) * second - q[1]);
        if let Some(&[d]) = along {
            sums.slope += *z * d;
            sums.curvature += weight * (q[0] + q[1]) * second * (1.0 - second) * d * d;
        }
        return;
    }
    let total: f64 = q.iter().sum();
    let own = dot(q, out);
    let max = out.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for z in out.iter_mut() {
        *z = (*z - max).exp();
        sum += *z;
    }
    sums.loss += weight * (total * (sum.ln() + max) - own);
    out.iter_mut().for_each(|p| *p *= weight * total / sum);
    if let Some(d) = along {
        let (mut first, mut second) = (0.0, 0.0);
        for (p, d) in out.iter().zip(d) {
            first += p * d;
            second += p * d * d;
        }
        sums.slope += first - weight * dot(q, d);
        if weight * total > 0.0 {
            sums.curvature += second - first * first / (weight * total);
        }
    }
    out.iter_mut().zip(q).for_each(|(p, q)| *p -= weight * q);
}

/// ln(1 + eᶻ) without overflow.
fn log1p_exp(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}
