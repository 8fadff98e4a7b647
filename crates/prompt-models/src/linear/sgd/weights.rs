//! The weights while they move: shrunk all at once, changed a row at a time, averaged on the way.

use prompt_core::RowView;

/// Below this the common factor is multiplied in, before rounding eats the weights.
const SMALL: f64 = 1e-9;

/// w = scale·v, and what is kept beside it at no cost a column that a row does not touch.
pub(super) struct Weights {
    v: Vec<f64>,
    scale: f64,
    bias: f64,
    mean: Option<Mean>,
    lasso: Option<Lasso>,
    norms: Option<Norms>,
}

/// The sum of w over the steps is v·sum + offset: changing one v by δ moves its offset by −δ·sum, and no other.
struct Mean {
    offset: Vec<f64>,
    sum: f64,
    count: f64,
    bias: f64,
}

/// The L1 penalty due to each column and the one it has had (Tsuruoka, Tsujii and Ananiadou, 2009).
struct Lasso {
    due: f64,
    had: Vec<f64>,
}

/// Σ v² and Σ |v|, kept up to date.
struct Norms {
    squares: f64,
    absolutes: f64,
}

/// What is handed from one fit to the next.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    pub(super) weights: Vec<f64>,
    pub(super) bias: f64,
    /// The means of weights and intercept over the steps that counted for them.
    pub(super) mean: Option<(Vec<f64>, f64)>,
}

impl State {
    pub(super) fn zero(columns: usize, averaged: bool) -> Self {
        let mean = averaged.then(|| (vec![0.0; columns], 0.0));
        Self { weights: vec![0.0; columns], bias: 0.0, mean }
    }
}

impl Weights {
    /// Goes on from a state whose means are of `count` steps.
    pub(super) fn new(state: State, count: f64, lasso: bool, norms: bool) -> Self {
        let State { weights: v, bias, mean } = state;
        let mean = mean.map(|(mut offset, bias)| {
            offset.iter_mut().for_each(|o| *o *= count);
            Mean { offset, sum: 0.0, count, bias }
        });
        let lasso = lasso.then(|| Lasso { due: 0.0, had: vec![0.0; v.len()] });
        let norms = norms.then(|| Norms {
            squares: v.iter().map(|v| v * v).sum(),
            absolutes: v.iter().map(|v| v.abs()).sum(),
        });
        Self { v, scale: 1.0, bias, mean, lasso, norms }
    }

    pub(super) fn margin(&self, row: RowView<'_>) -> f64 {
        let mut dot = [0.0];
        super::super::design::add_product(row, &self.v, &mut dot);
        self.scale * dot[0] + self.bias
    }

    /// ½·‖w‖² and ‖w‖₁; zero unless they are kept.
    pub(super) fn norms(&self) -> (f64, f64) {
        self.norms
            .as_ref()
            .map_or((0.0, 0.0), |n| (0.5 * self.scale * self.scale * n.squares, self.scale * n.absolutes))
    }

    pub(super) fn is_finite(&self) -> bool {
        (self.scale * self.v.iter().map(|v| v.abs()).fold(0.0, f64::max) + self.bias).is_finite()
            && !self.v.iter().any(|v| v.is_nan())
    }

    /// Multiplies all weights by a factor in [0, 1].
    pub(super) fn shrink(&mut self, factor: f64) {
        self.scale *= factor;
        if self.scale >= SMALL {
            return;
        }
        if let Some(mean) = &mut self.mean {
            for (offset, v) in mean.offset.iter_mut().zip(&self.v) {
                *offset += v * mean.sum;
            }
            mean.sum = 0.0;
        }
        let scale = std::mem::replace(&mut self.scale, 1.0);
        self.v.iter_mut().for_each(|v| *v *= scale);
        if let Some(norms) = &mut self.norms {
            norms.squares *= scale * scale;
            norms.absolutes *= scale;
        }
    }

    /// w += step·x, b += step·`bias_step`.
    pub(super) fn add(&mut self, row: RowView<'_>, step: f64, bias_step: f64) {
        self.bias += bias_step;
        let step = step / self.scale;
        if let (RowView::Dense(x), None, None) = (row, &self.mean, &self.norms) {
            self.v.iter_mut().zip(x).for_each(|(v, x)| *v += step * x);
            return;
        }
        row.for_each(|j, x| self.change(j, step * x));
    }

    /// v_j += δ.
    fn change(&mut self, j: usize, delta: f64) {
        let Some(v) = self.v.get_mut(j) else { return };
        let new = *v + delta;
        if let Some(norms) = &mut self.norms {
            norms.squares += new * new - *v * *v;
            norms.absolutes += new.abs() - v.abs();
        }
        if let Some(mean) = &mut self.mean {
            mean.offset[j] -= delta * mean.sum;
        }
        *v = new;
    }

    /// Counts the present weights for the means.
    pub(super) fn observe(&mut self) {
        if let Some(mean) = &mut self.mean {
            mean.sum += self.scale;
            mean.count += 1.0;
            mean.bias += (self.bias - mean.bias) / mean.count;
        }
    }

    /// Raises the L1 penalty due by `amount` and collects it, down to zero, from the columns of this row.
    pub(super) fn truncate(&mut self, row: RowView<'_>, amount: f64) {
        let Some(mut lasso) = self.lasso.take() else { return };
        lasso.due += amount;
        row.for_each(|j, x| {
            if x == 0.0 {
                return;
            }
            let (Some(v), Some(had)) = (self.v.get(j).copied(), lasso.had.get_mut(j)) else { return };
            let w = self.scale * v;
            let new = if w > 0.0 {
                (w - (lasso.due + *had)).max(0.0)
            } else if w < 0.0 {
                (w + (lasso.due - *had)).min(0.0)
            } else {
                return;
            };
            *had += new - w;
            self.change(j, new / self.scale - v);
        });
        self.lasso = Some(lasso);
    }

    /// The weights and the intercept as they are now.
    pub(super) fn current(&self) -> (Vec<f64>, f64) {
        (self.v.iter().map(|v| v * self.scale).collect(), self.bias)
    }

    pub(super) fn finish(self) -> State {
        let (weights, bias) = self.current();
        let v = self.v;
        let mean = self.mean.map(|mean| {
            let count = mean.count.max(1.0);
            let weights = mean.offset.iter().zip(&v).map(|(o, v)| (v * mean.sum + o) / count).collect();
            (weights, mean.bias)
        });
        State { weights, bias, mean }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_those_of_the_definition_through_shrinking_and_truncation() {
        let rows = [[1.0, 0.0, -2.0], [0.0, 3.0, 1.0], [2.0, 1.0, 0.0]];
        let mut weights = Weights::new(State::zero(3, true), 0.0, true, true);
        let (mut sums, mut steps) = ([0.0; 3], 0.0);
        for round in 0..200 {
            let row = RowView::Dense(&rows[round % 3]);
            // A factor this small reaches the limit of the common factor several times.
            weights.shrink(if round % 50 == 0 { 1e-10 } else { 0.9 });
            weights.add(row, 0.1 * (round % 7) as f64 - 0.2, 0.5);
            weights.observe();
            weights.current().0.iter().zip(&mut sums).for_each(|(w, s)| *s += w);
            steps += 1.0;
            weights.truncate(row, 0.003);
            let (now, _) = weights.current();
            let (half, absolute) = weights.norms();
            assert!((half - 0.5 * now.iter().map(|w| w * w).sum::<f64>()).abs() < 1e-12);
            assert!((absolute - now.iter().map(|w| w.abs()).sum::<f64>()).abs() < 1e-12);
        }
        let state = weights.finish();
        let (mean, bias) = state.mean.unwrap();
        for (mean, sum) in mean.iter().zip(sums) {
            assert!((mean - sum / steps).abs() < 1e-12, "{mean} instead of {}", sum / steps);
        }
        assert!((state.bias - 100.0).abs() < 1e-9 && (bias - 50.25).abs() < 1e-9);
    }
}
