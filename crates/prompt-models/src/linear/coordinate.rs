//! Coordinate descent for least squares with an L1 penalty (Friedman et al., 2010), ended by the duality gap.

use prompt_core::{Control, Csr, Error, Event, FitContext, Matrix, Result};

use super::Summary;
use super::lbfgs::{add, dot};
use super::moments::{Means, Moments, Targets};

/// What to minimise: Σ_i v_i·(y_i − b − w·x_i)²/(2V) + l1·‖w‖₁ + ½·l2·‖w‖² with V = Σ_i v_i.
///
/// Inside, everything is in units of V: the residuals' squares as they are, the penalties times V.
pub(crate) struct Coordinate<'a> {
    pub(crate) l1: f64,
    pub(crate) l2: f64,
    pub(crate) intercept: bool,
    pub(crate) tol: f64,
    pub(crate) max_iter: usize,
    pub(crate) ctx: &'a FitContext,
}

/// More columns than this make their products a larger matter than the rounds.
const LARGEST_GRAM: usize = 2048;

impl Coordinate<'_> {
    pub(crate) fn fit(
        &self,
        x: &Matrix,
        y: &[f64],
        weights: Option<&[f64]>,
    ) -> Result<(Vec<f64>, f64, Summary)> {
        let targets = Targets { y, k: 1, weights };
        let means = Means::new(x, targets, self.intercept, self.ctx);
        let p = x.cols();
        let (w, summary) = match x {
            Matrix::Dense(x) if x.rows() > p && p <= LARGEST_GRAM => {
                let moments = Moments::new(x, targets, &means, self.ctx)?;
                self.descend(&mut Products::new(&moments), means.total)?
            }
            _ => self.descend(&mut Columns::new(x, targets, &means), means.total)?,
        };
        let bias = means.y[0] - dot(&w, &means.x);
        if !bias.is_finite() || w.iter().any(|v| !v.is_finite()) {
            return Err(Error::input(
                "the columns' numbers are too large to be squared and summed",
                "scale them first (standard_scaler)",
            ));
        }
        Ok((w, bias, summary))
    }

    /// Rounds over all columns, and between them rounds over those with a weight until these have settled.
    fn descend(&self, state: &mut impl State, total: f64) -> Result<(Vec<f64>, Summary)> {
        let p = state.columns();
        let (l1, l2) = (self.l1 * total, self.l2 * total);
        let enough = self.tol * state.target_norm();
        let mut w = vec![0.0; p];
        let mut active: Vec<usize> = (0..p).collect();
        let (mut rounds, mut converged) = (0, false);
        while rounds < self.max_iter {
            rounds += 1;
            let all = active.len() == p;
            let (mut largest, mut change) = (0f64, 0f64);
            for &j in &active {
                let norm = state.norm(j);
                if norm == 0.0 {
                    continue;
                }
                let old = w[j];
                let pull = state.pull(j) + norm * old;
                let new = pull.signum() * (pull.abs() - l1).max(0.0) / (norm + l2);
                if new != old {
                    state.shift(j, new - old);
                    w[j] = new;
                }
                change = change.max((new - old).abs());
                largest = largest.max(new.abs());
            }
            let settled = largest == 0.0 || change <= self.tol.min(1e-2) * largest;
            let mut gap = f64::NAN;
            if (all && settled) || rounds == self.max_iter {
                gap = state.gap(&w, l1, l2);
                converged = gap <= enough;
                if converged {
                    break;
                }
            }
            let values = [("change", change), ("gap", gap)];
            let values = if gap.is_nan() { &values[..1] } else { &values };
            let event = Event { stage: "coordinate", step: rounds, total: Some(self.max_iter), values };
            if self.ctx.report(&event)? == Control::Stop {
                break;
            }
            active = match (all, settled) {
                (true, false) => (0..p).filter(|&j| w[j] != 0.0).collect(),
                (false, false) => active,
                _ => (0..p).collect(),
            };
            if active.is_empty() {
                active = (0..p).collect();
            }
        }
        let penalty = l1 * w.iter().map(|v| v.abs()).sum::<f64>() + 0.5 * l2 * dot(&w, &w);
        let objective = (0.5 * state.residual_norm(&w) + penalty) / total;
        Ok((w, Summary { objective, iterations: rounds, converged }))
    }
}

/// Residuals r = y − X·w about the means, as far as descent needs them; all sums are weighted.
trait State {
    fn columns(&self) -> usize;
    /// Σ_i v_i·x_ij².
    fn norm(&self, j: usize) -> f64;
    /// Σ_i v_i·x_ij·r_i.
    fn pull(&mut self, j: usize) -> f64;
    /// Takes `d`·x_j from the residuals.
    fn shift(&mut self, j: usize, d: f64);
    /// Σ_i v_i·y_i².
    fn target_norm(&self) -> f64;
    /// Σ_i v_i·r_i².
    fn residual_norm(&self, w: &[f64]) -> f64;
    /// Σ_i v_i·r_i·y_i.
    fn residual_target(&self, w: &[f64]) -> f64;

    /// The difference between the primal and a feasible dual value: an upper bound of the distance to the minimum.
    fn gap(&mut self, w: &[f64], l1: f64, l2: f64) -> f64 {
        if l1 == 0.0 && l2 > 0.0 {
            // The lasso's dual has no other feasible point than the solution; ridge regression's own dual at the residuals
            // r·y − ½·‖r‖² − ‖Xᵀr‖²/(2·l2) leaves a gap of ‖Xᵀr − l2·w‖²/(2·l2).
            let mut sum = 0.0;
            for (j, w) in w.iter().enumerate() {
                if self.norm(j) > 0.0 {
                    sum += (self.pull(j) - l2 * w).powi(2);
                }
            }
            return sum / (2.0 * l2);
        }
        let mut dual = 0f64;
        for (j, w) in w.iter().enumerate() {
            dual = dual.max((self.pull(j) - l2 * w).abs());
        }
        let squares = self.residual_norm(w);
        let (shrink, mut gap) = if dual > l1 {
            let shrink = l1 / dual;
            (shrink, 0.5 * squares * (1.0 + shrink * shrink))
        } else {
            (1.0, squares)
        };
        gap += l1 * w.iter().map(|v| v.abs()).sum::<f64>() - shrink * self.residual_target(w);
        gap + 0.5 * l2 * (1.0 + shrink * shrink) * dot(w, w)
    }
}

/// By the products of the columns.
struct Products<'a> {
    moments: &'a Moments,
    /// Xᵀ·V·r.
    pulls: Vec<f64>,
    /// Full rows of the products, so that a shift reads one.
    full: Vec<f64>,
}

impl<'a> Products<'a> {
    fn new(moments: &'a Moments) -> Self {
        let p = moments.size - 1;
        let full = (0..p * p).map(|at| moments.at(at / p, at % p)).collect();
        Self { moments, pulls: (0..p).map(|j| moments.at(p, j)).collect(), full }
    }
}

impl State for Products<'_> {
    fn columns(&self) -> usize {
        self.pulls.len()
    }

    fn norm(&self, j: usize) -> f64 {
        self.moments.at(j, j)
    }

    fn pull(&mut self, j: usize) -> f64 {
        self.pulls[j]
    }

    fn shift(&mut self, j: usize, d: f64) {
        let p = self.pulls.len();
        add(-d, &self.full[j * p..(j + 1) * p], &mut self.pulls);
    }

    fn target_norm(&self) -> f64 {
        self.moments.at(self.pulls.len(), self.pulls.len())
    }

    fn residual_norm(&self, w: &[f64]) -> f64 {
        // ‖r‖² = r·y − r·Xw
        (self.residual_target(w) - dot(w, &self.pulls)).max(0.0)
    }

    fn residual_target(&self, w: &[f64]) -> f64 {
        let p = w.len();
        self.target_norm() - w.iter().enumerate().map(|(j, w)| w * self.moments.at(p, j)).sum::<f64>()
    }
}

/// By the columns themselves, whose means are taken off in the sums and not in the numbers.
struct Columns<'a> {
    columns: Csr,
    dense: Option<Vec<f64>>,
    rows: usize,
    means: &'a Means,
    targets: Targets<'a>,
    norms: Vec<f64>,
    /// y about its mean.
    y: Vec<f64>,
    /// r without `offset`, which all rows have in common.
    r: Vec<f64>,
    offset: f64,
}

impl<'a> Columns<'a> {
    fn new(x: &Matrix, targets: Targets<'a>, means: &'a Means) -> Self {
        let (n, p) = (x.rows(), x.cols());
        let (columns, dense) = match x {
            Matrix::Sparse(x) => (x.transpose(), None),
            Matrix::Dense(x) => {
                let mut out = vec![0.0; n * p];
                for i in 0..n {
                    x.row(i).iter().enumerate().for_each(|(j, v)| out[j * n + i] = *v);
                }
                (prompt_core::CsrBuilder::new(n).finish(), Some(out))
            }
        };
        let y: Vec<f64> = targets.y.iter().map(|y| y - means.y[0]).collect();
        let mut state =
            Self { columns, dense, rows: n, means, targets, norms: Vec::new(), r: y.clone(), y, offset: 0.0 };
        state.norms = (0..p)
            .map(|j| {
                let (mut raw, mut sum) = (0.0, 0.0);
                state.each(j, |i, v| {
                    raw += targets.weight(i) * v * v;
                    sum += targets.weight(i) * v;
                });
                let about = raw - means.x[j] * (2.0 * sum - means.x[j] * means.total);
                // A constant column leaves a crumb of rounding, which is no column to learn from.
                if about <= 1e-14 * raw { 0.0 } else { about }
            })
            .collect();
        state
    }

    fn each(&self, j: usize, mut f: impl FnMut(usize, f64)) {
        match &self.dense {
            Some(x) => x[j * self.rows..(j + 1) * self.rows].iter().enumerate().for_each(|(i, v)| f(i, *v)),
            None => self.columns.row(j).for_each(f),
        }
    }

    /// Σ_i v_i·a_i·b_i.
    fn weighted(&self, a: impl Fn(usize) -> f64, b: impl Fn(usize) -> f64) -> f64 {
        (0..self.rows).map(|i| self.targets.weight(i) * a(i) * b(i)).sum()
    }
}

impl State for Columns<'_> {
    fn columns(&self) -> usize {
        self.norms.len()
    }

    fn norm(&self, j: usize) -> f64 {
        self.norms[j]
    }

    /// The residuals sum to zero about the means, so the mean of the column drops out.
    fn pull(&mut self, j: usize) -> f64 {
        let mut sum = 0.0;
        match self.targets.weights {
            None => self.each(j, |i, v| sum += v * (self.r[i] + self.offset)),
            Some(w) => self.each(j, |i, v| sum += w[i] * v * (self.r[i] + self.offset)),
        }
        sum
    }

    fn shift(&mut self, j: usize, d: f64) {
        let mut r = std::mem::take(&mut self.r);
        self.each(j, |i, v| r[i] -= d * v);
        self.r = r;
        self.offset += d * self.means.x[j];
    }

    fn target_norm(&self) -> f64 {
        self.weighted(|i| self.y[i], |i| self.y[i])
    }

    fn residual_norm(&self, _: &[f64]) -> f64 {
        self.weighted(|i| self.r[i] + self.offset, |i| self.r[i] + self.offset)
    }

    fn residual_target(&self, _: &[f64]) -> f64 {
        self.weighted(|i| self.r[i] + self.offset, |i| self.y[i])
    }
}
