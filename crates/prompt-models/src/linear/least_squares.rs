//! Least squares with an L2 penalty, for several targets at once.

use prompt_core::{Control, Dense, Event, FitContext, Matrix, Result};

use super::Summary;
use super::cholesky::Cholesky;
use super::design::Design;
use super::lbfgs::{add, dot};
use super::moments::{Means, Moments, Targets};
use crate::simd::{dots, vectorised};

/// What to minimise: Σ_i v_i·‖y_i − b − Wᵀx_i‖² + α·‖W‖².
pub(crate) struct LeastSquares<'a> {
    pub(crate) alpha: f64,
    pub(crate) intercept: bool,
    pub(crate) tol: f64,
    pub(crate) max_iter: usize,
    pub(crate) ctx: &'a FitContext,
}

/// The weights, feature after feature with `k` numbers each, and the intercepts.
pub(crate) struct Fit {
    pub(crate) weights: Vec<f64>,
    pub(crate) intercept: Vec<f64>,
    pub(crate) summary: Summary,
}

/// Beyond this size a factor costs more than the rounds of conjugate gradients that it saves.
const LARGEST_FACTOR: usize = 4096;

impl LeastSquares<'_> {
    pub(crate) fn fit(&self, x: &Matrix, targets: Targets<'_>) -> Result<Fit> {
        let means = Means::new(x, targets, self.intercept, self.ctx);
        let direct = match x {
            Matrix::Dense(x) if x.rows() >= x.cols() && x.cols() <= LARGEST_FACTOR => {
                self.primal(x, targets, &means)?
            }
            Matrix::Dense(x) if self.alpha > 0.0 && x.rows() <= LARGEST_FACTOR => {
                self.dual(x, targets, &means)?
            }
            _ => None,
        };
        let (weights, iterations, converged) = match direct {
            Some(weights) => (weights, 1, true),
            None => self.iterate(x, targets, &means)?,
        };
        let k = targets.k;
        let mut intercept = means.y.clone();
        for (w, mean) in weights.chunks_exact(k).zip(&means.x) {
            add(-mean, w, &mut intercept);
        }
        let objective = self.objective(x, targets, &weights, &intercept);
        Ok(Fit { weights, intercept, summary: Summary { objective, iterations, converged } })
    }

    fn objective(&self, x: &Matrix, targets: Targets<'_>, weights: &[f64], intercept: &[f64]) -> f64 {
        const PART: usize = 2048;
        let k = targets.k;
        let parts = self.ctx.map(x.rows().div_ceil(PART), |part| {
            let mut out = vec![0.0; k];
            let mut sum = 0.0;
            for i in part * PART..((part + 1) * PART).min(x.rows()) {
                out.copy_from_slice(intercept);
                super::design::add_product(x.row(i), weights, &mut out);
                let squares: f64 = out.iter().zip(targets.row(i)).map(|(z, y)| (y - z) * (y - z)).sum();
                sum += targets.weight(i) * squares;
            }
            sum
        });
        parts.iter().sum::<f64>() + self.alpha * dot(weights, weights)
    }

    /// (XᵀVX + αI)·W = XᵀVY about the means, by Cholesky.
    fn primal(&self, x: &Dense, targets: Targets<'_>, means: &Means) -> Result<Option<Vec<f64>>> {
        let (p, k) = (x.cols(), targets.k);
        let moments = Moments::new(x, targets, means, self.ctx)?;
        let at = |i: usize, j: usize| moments.at(i, j) + if i == j { self.alpha } else { 0.0 };
        let Some(factor) = Cholesky::new(p, at) else { return Ok(None) };
        let mut weights = vec![0.0; p * k];
        for c in 0..k {
            let mut b: Vec<f64> = (0..p).map(|j| moments.at(p + c, j)).collect();
            factor.solve(&mut b);
            b.iter().enumerate().for_each(|(j, w)| weights[j * k + c] = *w);
        }
        Ok(Some(weights))
    }

    /// W = Zᵀ·(ZZᵀ + αI)⁻¹·Y with Z the rows about the means times the root of their weight: for fewer rows than
    /// columns.
    fn dual(&self, x: &Dense, targets: Targets<'_>, means: &Means) -> Result<Option<Vec<f64>>> {
        let (n, p, k) = (x.rows(), x.cols(), targets.k);
        let root: Vec<f64> = (0..n).map(|i| targets.weight(i).sqrt()).collect();
        let mut z = x.data().to_vec();
        for (row, root) in z.chunks_exact_mut(p).zip(&root) {
            row.iter_mut().zip(&means.x).for_each(|(v, m)| *v = root * (*v - m));
        }
        let row = |i: usize| &z[i * p..(i + 1) * p];
        let products = self.ctx.try_map(n, |i| {
            self.ctx.check()?;
            Ok(vectorised(
                #[inline(always)]
                || {
                    let mut out = Vec::with_capacity(i + 1);
                    for j in 0..=i {
                        out.push(dots([row(i)], [row(j)])[0][0]);
                    }
                    out
                },
            ))
        })?;
        let at = |i: usize, j: usize| products[i][j] + if i == j { self.alpha } else { 0.0 };
        let Some(factor) = Cholesky::new(n, at) else { return Ok(None) };
        let mut weights = vec![0.0; p * k];
        for c in 0..k {
            let mut b: Vec<f64> = (0..n).map(|i| root[i] * (targets.row(i)[c] - means.y[c])).collect();
            factor.solve(&mut b);
            for (i, a) in b.iter().enumerate() {
                row(i).iter().enumerate().for_each(|(j, v)| weights[j * k + c] += a * v);
            }
        }
        Ok(Some(weights))
    }

    /// Conjugate gradients on the normal equations, never forming them (Hestenes and Stiefel's form, as in LSQR the
    /// products are with X and Xᵀ alone). From zero it goes to the solution of least norm where there are many.
    fn iterate(&self, x: &Matrix, targets: Targets<'_>, means: &Means) -> Result<(Vec<f64>, usize, bool)> {
        let (n, p, k) = (x.rows(), x.cols(), targets.k);
        let (mut out, mut most, mut all) = (vec![0.0; p * k], 0, true);
        self.ctx.install(|| -> Result<()> {
            let design = Design::new(x, self.ctx.thread_budget() == 1);
            let squares = design.squared_columns(|i| targets.weight(i));
            // Scaling would change which solution has the least norm, so it waits for a penalty or more rows.
            let scaled = self.alpha > 0.0 || n >= p;
            let scale: Vec<f64> = squares
                .iter()
                .zip(&means.x)
                .map(|(s, m)| (s - means.total * m * m).max(0.0) + self.alpha)
                .map(|s| if scaled && s > 0.0 { 1.0 / s } else { 1.0 })
                .collect();
            let about = About { design: &design, means, targets };
            for c in 0..k {
                let y: Vec<f64> = (0..n).map(|i| targets.row(i)[c] - means.y[c]).collect();
                let (w, rounds, converged) = self.conjugate(&about, y, &scale)?;
                w.iter().enumerate().for_each(|(j, w)| out[j * k + c] = *w);
                most = most.max(rounds);
                all &= converged;
            }
            Ok(())
        })?;
        Ok((out, most, all))
    }

    fn conjugate(
        &self,
        about: &About<'_>,
        mut r: Vec<f64>,
        scale: &[f64],
    ) -> Result<(Vec<f64>, usize, bool)> {
        let p = scale.len();
        let (mut w, mut s, mut q) = (vec![0.0; p], vec![0.0; p], vec![0.0; r.len()]);
        about.transposed(&r, &mut s);
        let precondition = |s: &[f64]| -> Vec<f64> { s.iter().zip(scale).map(|(s, d)| s * d).collect() };
        let mut direction = precondition(&s);
        let mut gamma = dot(&s, &direction);
        let enough = self.tol * self.tol * gamma;
        let mut rounds = 0;
        while gamma > enough && rounds < self.max_iter {
            rounds += 1;
            about.product(&direction, &mut q);
            let curvature = about.norm(&q) + self.alpha * dot(&direction, &direction);
            if curvature <= 0.0 {
                break;
            }
            let step = gamma / curvature;
            add(step, &direction, &mut w);
            add(-step, &q, &mut r);
            about.transposed(&r, &mut s);
            add(-self.alpha, &w, &mut s);
            let z = precondition(&s);
            let next = dot(&s, &z);
            let ratio = next / gamma;
            direction.iter_mut().zip(&z).for_each(|(d, z)| *d = z + ratio * *d);
            gamma = next;
            let values = [("gradient", gamma.max(0.0).sqrt())];
            let event =
                Event { stage: "least_squares", step: rounds, total: Some(self.max_iter), values: &values };
            if self.ctx.report(&event)? == Control::Stop {
                break;
            }
        }
        Ok((w, rounds, gamma <= enough))
    }
}

/// Products with the rows about their means.
struct About<'a> {
    design: &'a Design<'a>,
    means: &'a Means,
    targets: Targets<'a>,
}

impl About<'_> {
    fn product(&self, w: &[f64], out: &mut [f64]) {
        self.design.margins(w, &[-dot(w, &self.means.x)], out);
    }

    /// Σ_i v_i·q_i².
    fn norm(&self, q: &[f64]) -> f64 {
        match self.targets.weights {
            None => dot(q, q),
            Some(weights) => q.iter().zip(weights).map(|(q, w)| w * q * q).sum(),
        }
    }

    fn transposed(&self, r: &[f64], out: &mut [f64]) {
        let weighted: Vec<f64> = match self.targets.weights {
            None => r.to_vec(),
            Some(weights) => r.iter().zip(weights).map(|(r, w)| w * r).collect(),
        };
        self.design.gradient(&weighted, 1, out);
        add(-weighted.iter().sum::<f64>(), &self.means.x, out);
    }
}
