//! The limited-memory BFGS approximation of an inverse Hessian (Nocedal, 1980).

use std::collections::VecDeque;

/// The last steps and the changes of the gradient along them.
pub(crate) struct History {
    pairs: VecDeque<Pair>,
    limit: usize,
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// 1 / (step · change)
    rho: f64,
}

impl History {
    /// Keeps the last `limit` pairs.
    pub(crate) fn new(limit: usize) -> Self {
        Self { pairs: VecDeque::new(), limit }
    }

    /// Takes a step and the change of the gradient along it, unless rounding has eaten the curvature.
    pub(crate) fn push(&mut self, step: Vec<f64>, change: Vec<f64>) {
        let curvature = dot(&step, &change);
        if curvature > f64::EPSILON * dot(&change, &change) {
            if self.pairs.len() == self.limit {
                self.pairs.pop_front();
            }
            self.pairs.push_back(Pair { step, change, rho: 1.0 / curvature });
        }
    }

    /// −H·g by the two-loop recursion, where `inverse` is the diagonal that H starts from, scaled to the
    /// curvature of the last step.
    pub(crate) fn direction(&self, gradient: &[f64], inverse: &[f64]) -> Vec<f64> {
        let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let alpha = pair.rho * dot(&pair.step, &q);
            add(-alpha, &pair.change, &mut q);
            alphas.push(alpha);
        }
        let scale = self.pairs.back().map_or(1.0, |pair| {
            let scaled: f64 = pair.change.iter().zip(inverse).map(|(y, h)| y * y * h).sum();
            1.0 / (pair.rho * scaled)
        });
        q.iter_mut().zip(inverse).for_each(|(q, h)| *q *= scale * h);
        for (pair, alpha) in self.pairs.iter().zip(alphas.iter().rev()) {
            let beta = pair.rho * dot(&pair.change, &q);
            add(alpha - beta, &pair.step, &mut q);
        }
        q
    }
}

/// Σ a_i·b_i in eight interleaved chains, so that the order of the additions is fixed and yet fast.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a8.iter().zip(b8) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

/// `y += a·x`.
pub(crate) fn add(a: f64, x: &[f64], y: &mut [f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += a * x);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a quadratic with exact line searches, n steps of BFGS reach the minimum in n dimensions.
    #[test]
    fn a_quadratic_is_solved_in_as_many_steps_as_dimensions() {
        let curvature = [1.0, 10.0, 100.0, 3.0];
        let mut x = vec![1.0, -2.0, 0.5, 4.0];
        let mut history = History::new(10);
        let gradient = |x: &[f64]| -> Vec<f64> { x.iter().zip(curvature).map(|(x, c)| c * x).collect() };
        for _ in 0..4 {
            let g = gradient(&x);
            let d = history.direction(&g, &[1.0; 4]);
            let bend: f64 = d.iter().zip(curvature).map(|(d, c)| c * d * d).sum();
            let t = -dot(&g, &d) / bend;
            add(t, &d, &mut x);
            let change = gradient(&x).iter().zip(&g).map(|(a, b)| a - b).collect();
            history.push(d.iter().map(|d| t * d).collect(), change);
        }
        assert!(x.iter().all(|x| x.abs() < 1e-10), "{x:?}");
    }
}
