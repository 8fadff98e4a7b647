//! Sequential minimal optimisation with second-order working sets (Fan, Chen and Lin, 2005), as in libsvm.

use prompt_core::{Control, Event, FitContext, Result};

use super::cache::Cache;
use crate::simd::vectorised;

/// Minimise ½·αᵀQα + pᵀα over 0 ≤ α_t ≤ C_t with Σ y_t·α_t = 0, where Q_st = y_s·y_t·K_st.
///
/// There may be several variables a row (two in a regression): variable t is of row t mod rows.
pub(crate) struct Problem<'a> {
    /// ±1.
    pub(crate) sign: &'a [f64],
    pub(crate) linear: &'a [f64],
    pub(crate) cost: &'a [f64],
    pub(crate) tol: f64,
    pub(crate) max_iter: usize,
}

/// What was found: Σ_t sign_t·α_t·K(x_t, x) − rho is the value of a row.
pub(crate) struct Solution {
    pub(crate) alpha: Vec<f64>,
    pub(crate) rho: f64,
    pub(crate) objective: f64,
    pub(crate) iterations: usize,
    pub(crate) converged: bool,
}

/// Rounds between two looks at the clock.
const REPORT: usize = 1000;
/// Numbers that are searched together.
const BLOCK: usize = 64;
/// Takes the place of a curvature that is not positive.
const FLAT: f64 = 1e-12;

impl Problem<'_> {
    pub(crate) fn solve(&self, cache: &mut Cache<'_>, ctx: &FitContext) -> Result<Solution> {
        let n = self.sign.len();
        let diagonal = cache.diagonal();
        let rows = diagonal.len();
        let mut state = State {
            alpha: vec![0.0; n],
            pull: (0..n).map(|t| -self.sign[t] * self.linear[t]).collect(),
            up: vec![f64::NEG_INFINITY; n],
            down: vec![f64::INFINITY; n],
        };
        (0..n).for_each(|t| state.open(self, t));
        let (mut iterations, mut converged, mut violation) = (0, false, f64::INFINITY);
        while iterations < self.max_iter {
            if iterations % REPORT == 0 {
                let values = [("violation", violation)];
                let event = Event { stage: "smo", step: iterations + 1, total: None, values: &values };
                if ctx.report(&event)? == Control::Stop {
                    break;
                }
            }
            let Some(i) = largest(&state.pull, &state.up) else {
                converged = true;
                break;
            };
            let top = state.pull[i];
            let row_i = cache.row(i % rows);
            let partner = best_partner(&state, top, diagonal[i % rows], &row_i, &diagonal);
            let bottom = partner.lowest;
            violation = top - bottom;
            // Numbers that overflowed lead nowhere.
            if violation.is_nan() || violation == f64::INFINITY {
                break;
            }
            if violation <= self.tol {
                converged = true;
                break;
            }
            let j = partner.index;
            iterations += 1;
            let row_j = cache.row(j % rows);
            let bend = diagonal[i % rows] + diagonal[j % rows] - 2.0 * f64::from(row_i[j % rows]);
            let step = (top - state.pull[j]) / if bend > 0.0 { bend } else { FLAT };
            let room = |up: bool, t: usize| {
                if (self.sign[t] > 0.0) == up { self.cost[t] - state.alpha[t] } else { state.alpha[t] }
            };
            let (room_i, room_j) = (room(true, i), room(false, j));
            let step = step.min(room_i).min(room_j);
            state.go(self, i, step, room_i, true);
            state.go(self, j, step, room_j, false);
            let (i_row, j_row) = (&row_i[..], &row_j[..]);
            for pull in state.pull.chunks_exact_mut(rows) {
                vectorised(
                    #[inline(always)]
                    || {
                        for ((pull, a), b) in pull.iter_mut().zip(i_row).zip(j_row) {
                            *pull -= step * (f64::from(*a) - f64::from(*b));
                        }
                    },
                );
            }
        }
        Ok(self.finish(state, iterations, converged))
    }

    fn finish(&self, state: State, iterations: usize, converged: bool) -> Solution {
        let State { alpha, pull, up, down } = state;
        // Kernel values or targets that overflowed: there is no such machine, which its threshold says.
        if pull.iter().any(|v| !v.is_finite()) {
            return Solution { alpha, rho: f64::NAN, objective: f64::NAN, iterations, converged: false };
        }
        // On the margin the pull is −rho; where nothing is on it, rho lies between those of both sides.
        let (mut sum, mut count, mut above, mut below) = (0.0, 0usize, f64::INFINITY, f64::NEG_INFINITY);
        for t in 0..alpha.len() {
            match (up[t] == 0.0, down[t] == 0.0) {
                (true, true) => {
                    sum -= pull[t];
                    count += 1;
                }
                (true, false) => above = above.min(-pull[t]),
                (false, true) => below = below.max(-pull[t]),
                (false, false) => {}
            }
        }
        let rho = match (count, above.is_finite(), below.is_finite()) {
            (0, true, true) => 0.5 * (above + below),
            (0, true, false) => above,
            (0, false, true) => below,
            (0, false, false) => 0.0,
            _ => sum / count as f64,
        };
        let objective =
            (0..alpha.len()).map(|t| 0.5 * alpha[t] * (self.linear[t] - self.sign[t] * pull[t])).sum();
        Solution { alpha, rho, objective, iterations, converged }
    }
}

struct State {
    alpha: Vec<f64>,
    /// −sign·gradient: how much a variable wants to move its row's value up.
    pull: Vec<f64>,
    /// 0 where the variable can go in the direction of its sign, else −∞.
    up: Vec<f64>,
    /// 0 where it can go against its sign, else ∞.
    down: Vec<f64>,
}

impl State {
    /// Moves variable t by `step` in the direction of its sign, or against it; `room` is how far it can go.
    fn go(&mut self, problem: &Problem<'_>, t: usize, step: f64, room: f64, up: bool) {
        let grows = (problem.sign[t] > 0.0) == up;
        self.alpha[t] = match (grows, step >= room) {
            (true, true) => problem.cost[t],
            (true, false) => self.alpha[t] + step,
            (false, true) => 0.0,
            (false, false) => self.alpha[t] - step,
        };
        self.open(problem, t);
    }

    fn open(&mut self, problem: &Problem<'_>, t: usize) {
        let (can_grow, can_shrink) = (self.alpha[t] < problem.cost[t], self.alpha[t] > 0.0);
        let (up, down) = if problem.sign[t] > 0.0 { (can_grow, can_shrink) } else { (can_shrink, can_grow) };
        self.up[t] = if up { 0.0 } else { f64::NEG_INFINITY };
        self.down[t] = if down { 0.0 } else { f64::INFINITY };
    }
}

/// The first place of the largest pull that can go up.
fn largest(pull: &[f64], up: &[f64]) -> Option<usize> {
    let (mut best, mut place) = (f64::NEG_INFINITY, None);
    vectorised(
        #[inline(always)]
        || {
            for (block, (pull, up)) in pull.chunks(BLOCK).zip(up.chunks(BLOCK)).enumerate() {
                let most = lanes_max(pull, up);
                if most > best {
                    best = most;
                    place = pull.iter().zip(up).position(|(p, u)| p + u == most).map(|at| block * BLOCK + at);
                }
            }
        },
    );
    place
}

#[inline(always)]
fn lanes_max(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut most = [f64::NEG_INFINITY; LANES];
    let (a8, a_rest) = a.as_chunks::<LANES>();
    let (b8, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a8.iter().zip(b8) {
        for lane in 0..LANES {
            let v = a[lane] + b[lane];
            most[lane] = if v > most[lane] { v } else { most[lane] };
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| a + b).fold(f64::NEG_INFINITY, f64::max);
    most.iter().copied().fold(rest, f64::max)
}

/// The variable that, going down while the first goes up, gains most.
struct Partner {
    index: usize,
    /// The lowest pull of any that can go down.
    lowest: f64,
}

fn best_partner(state: &State, top: f64, own: f64, row: &[f32], diagonal: &[f64]) -> Partner {
    const LANES: usize = 8;
    let rows = diagonal.len();
    let (mut best, mut index, mut lowest) = (f64::NEG_INFINITY, 0, f64::INFINITY);
    for (copy, (pull, down)) in state.pull.chunks_exact(rows).zip(state.down.chunks_exact(rows)).enumerate() {
        vectorised(
            #[inline(always)]
            || {
                let mut first = 0;
                let mut gains = [0.0; BLOCK];
                while first < rows {
                    let block = first..rows.min(first + BLOCK);
                    let (mut most, mut least) = ([f64::NEG_INFINITY; LANES], [f64::INFINITY; LANES]);
                    let parts = pull[block.clone()].iter().zip(&down[block.clone()]);
                    let parts = parts.zip(&row[block.clone()]).zip(&diagonal[block.clone()]);
                    for (slot, (((pull, down), k), d)) in gains.iter_mut().zip(parts) {
                        let open = pull + down;
                        let gap = top - open;
                        let bend = own + d - 2.0 * f64::from(*k);
                        let bend = if bend > 0.0 { bend } else { FLAT };
                        let gain = gap * gap / bend;
                        *slot = if gap > 0.0 { gain } else { f64::NEG_INFINITY };
                    }
                    let len = block.len();
                    for (chunk, open) in gains[..len]
                        .chunks(LANES)
                        .zip(pull[block.clone()].chunks(LANES).zip(down[block.clone()].chunks(LANES)))
                    {
                        let (pull, down) = open;
                        for lane in 0..chunk.len() {
                            let (g, o) = (chunk[lane], pull[lane] + down[lane]);
                            most[lane] = if g > most[lane] { g } else { most[lane] };
                            least[lane] = if o < least[lane] { o } else { least[lane] };
                        }
                    }
                    let most = most.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    lowest = least.iter().copied().fold(lowest, f64::min);
                    if most > best {
                        best = most;
                        let at = gains[..len].iter().position(|g| *g == most).unwrap_or(0);
                        index = copy * rows + first + at;
                    }
                    first += BLOCK;
                }
            },
        );
    }
    Partner { index, lowest }
}
