//! Dual coordinate descent for linear support vector machines (Hsieh et al., 2008), as in liblinear.

use prompt_core::{Matrix, Result, RowView, Seed};

use super::design::add_product;
use super::svm::Loss;

/// Rows, their costs, and the constant feature that carries the intercept.
pub(crate) struct Rows<'a> {
    pub(crate) x: &'a Matrix,
    pub(crate) loss: Loss,
    /// The value of the constant feature; 0 for no intercept.
    pub(crate) bias: f64,
    /// Per row of x: ‖x‖² + bias².
    norms: Vec<f64>,
    /// Per row of x: C times its weight.
    costs: Vec<f64>,
}

/// What one class against the rest converged to.
#[derive(Clone)]
pub(crate) struct Solution {
    /// A weight for each feature, then that of the constant feature.
    pub(crate) weights: Vec<f64>,
    /// A dual variable for each row of x.
    pub(crate) alpha: Vec<f64>,
    pub(crate) epochs: usize,
    pub(crate) converged: bool,
}

/// How many rows ahead of their visit rows are fetched from memory.
const AHEAD: usize = 2;
const LEFT_OUT: u32 = u32::MAX;

/// When to stop.
#[derive(Clone, Copy)]
pub(crate) struct Stopping {
    pub(crate) tol: f64,
    pub(crate) max_iter: usize,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(x: &'a Matrix, loss: Loss, bias: f64, costs: Vec<f64>) -> Self {
        let norms = (0..x.rows()).map(|i| x.row(i).norm2() + bias * bias).collect();
        Self { x, loss, bias, norms, costs }
    }

    /// w·x_i + b for a row.
    pub(crate) fn margin(&self, weights: &[f64], row: usize) -> f64 {
        let (w, bias) = weights.split_at(weights.len() - 1);
        let mut z = [bias[0] * self.bias];
        add_product(self.x.row(row), w, &mut z);
        z[0]
    }

    /// A start at w = 0.
    pub(crate) fn origin(&self) -> Solution {
        Solution {
            weights: vec![0.0; self.x.cols() + 1],
            alpha: vec![0.0; self.x.rows()],
            epochs: 0,
            converged: false,
        }
    }

    /// Takes the given rows out of a solution, as a start for solving without them.
    pub(crate) fn without(
        &self,
        mut from: Solution,
        rows: &[u32],
        positive: impl Fn(usize) -> bool,
    ) -> Solution {
        for &row in rows {
            let row = row as usize;
            let alpha = std::mem::take(&mut from.alpha[row]);
            if alpha != 0.0 {
                self.shift(&mut from.weights, row, if positive(row) { -alpha } else { alpha });
            }
        }
        from
    }

    /// ½‖w‖² + Σ C_i·loss(y_i·z_i), which the weights minimise.
    pub(crate) fn primal(&self, weights: &[f64], positive: impl Fn(usize) -> bool) -> f64 {
        let penalty: f64 = weights.iter().map(|w| w * w).sum();
        let mut sum = 0.5 * penalty;
        for row in 0..self.x.rows() {
            let z = self.margin(weights, row);
            let missing = (1.0 - if positive(row) { z } else { -z }).max(0.0);
            sum += self.costs[row]
                * match self.loss {
                    Loss::Hinge => missing,
                    Loss::SquaredHinge => missing * missing,
                };
        }
        sum
    }

    /// Solves the class of the `positive` rows against the others of `rows` (rising), going on from `start`.
    ///
    /// Each epoch sets each dual variable to its best value with the others fixed. Variables that sit firmly at a
    /// bound are left out until the rest has converged. The order is random and new in each epoch: visiting
    /// neighbours together would be kinder to the memory, but takes several times the epochs.
    pub(crate) fn solve(
        &self,
        rows: &[u32],
        positive: impl Fn(usize) -> bool,
        start: Solution,
        stopping: Stopping,
        seed: Seed,
        mut watch: impl FnMut(usize, f64) -> Result<bool>,
    ) -> Result<Solution> {
        let Solution { mut weights, mut alpha, .. } = start;
        let mut duals: Vec<Dual> =
            rows.iter().map(|&row| self.dual(row as usize, &positive, &alpha)).collect();
        let everyone = || (0..rows.len() as u32).collect::<Vec<u32>>();
        let mut active = everyone();
        let mut rng = seed.rng();
        let (mut upper, mut lower) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut epochs, mut converged) = (0, false);
        while epochs < stopping.max_iter {
            epochs += 1;
            rng.shuffle(&mut active);
            let (mut largest, mut smallest) = (f64::NEG_INFINITY, f64::INFINITY);
            for at in 0..active.len() {
                if let Some(ahead) = active.get(at + AHEAD) {
                    self.touch(&duals[*ahead as usize]);
                }
                let dual = &mut duals[active[at] as usize];
                let row = dual.row as usize;
                let gradient = dual.sign * self.margin(&weights, row) - 1.0 + dual.alpha * dual.diagonal;
                let (low, high) = (dual.alpha == 0.0, dual.alpha == dual.cap);
                if (low && gradient > upper) || (high && gradient < lower) {
                    active[at] = LEFT_OUT;
                    continue;
                }
                let projected =
                    if (low && gradient > 0.0) || (high && gradient < 0.0) { 0.0 } else { gradient };
                largest = largest.max(projected);
                smallest = smallest.min(projected);
                if projected.abs() > 1e-12 {
                    let old = dual.alpha;
                    dual.alpha = (old - gradient / dual.curvature).clamp(0.0, dual.cap);
                    let change = (dual.alpha - old) * dual.sign;
                    self.shift(&mut weights, row, change);
                }
            }
            active.retain(|slot| *slot != LEFT_OUT);
            let violation = if active.is_empty() { 0.0 } else { largest - smallest };
            if !watch(epochs, violation)? {
                break;
            }
            if violation <= stopping.tol {
                if active.len() == rows.len() {
                    converged = true;
                    break;
                }
                active = everyone();
                (upper, lower) = (f64::INFINITY, f64::NEG_INFINITY);
                continue;
            }
            upper = if largest > 0.0 { largest } else { f64::INFINITY };
            lower = if smallest < 0.0 { smallest } else { f64::NEG_INFINITY };
        }
        for dual in &duals {
            alpha[dual.row as usize] = dual.alpha;
        }
        Ok(Solution { weights, alpha, epochs, converged })
    }

    fn dual(&self, row: usize, positive: &impl Fn(usize) -> bool, alpha: &[f64]) -> Dual {
        let cost = self.costs[row];
        let (diagonal, cap) = match self.loss {
            Loss::SquaredHinge => (0.5 / cost, f64::INFINITY),
            Loss::Hinge => (0.0, cost),
        };
        // A row of zeros without an intercept has no curvature; it moves straight to its bound.
        let curvature = (self.norms[row] + diagonal).max(1e-12);
        let sign = if positive(row) { 1.0 } else { -1.0 };
        Dual { alpha: alpha[row], curvature, diagonal, cap, sign, row: row as u32 }
    }

    /// Reads the first numbers of a row that comes soon, so that they are near when it does: in random order most
    /// of the time would go into waiting for them.
    fn touch(&self, dual: &Dual) {
        if let RowView::Sparse { indices, values } = self.x.row(dual.row as usize) {
            std::hint::black_box((indices.first().copied(), values.first().copied()));
        }
    }

    /// `weights += change·x_row`.
    fn shift(&self, weights: &mut [f64], row: usize, change: f64) {
        let last = weights.len() - 1;
        match self.x.row(row) {
            RowView::Sparse { indices, values } => {
                for (&j, &v) in indices.iter().zip(values) {
                    weights[j as usize] += change * f64::from(v);
                }
            }
            RowView::Dense(values) => weights.iter_mut().zip(values).for_each(|(w, v)| *w += change * v),
        }
        weights[last] += change * self.bias;
    }
}

/// All that an update needs to know of a row, in one place of memory.
struct Dual {
    alpha: f64,
    curvature: f64,
    diagonal: f64,
    cap: f64,
    sign: f64,
    row: u32,
}
