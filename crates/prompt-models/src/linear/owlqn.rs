//! Orthant-wise limited-memory quasi-Newton: L-BFGS for a smooth loss plus an L1 penalty (Andrew and Gao, 2007).

use prompt_core::{Control, Event, FitContext, Result};

use super::Summary;
use super::lbfgs::{History, dot};
use super::softmax_loss::SoftmaxLoss;

/// Minimises the loss plus `l1`·‖w‖₁; the intercepts are free.
///
/// Each step stays within the orthant that it starts into, where the penalty is linear: a weight that would change its
/// sign becomes zero.
pub(crate) fn minimise(
    loss: &SoftmaxLoss<'_>,
    l1: f64,
    mut history: History,
    (tol, max_iter): (f64, usize),
    ctx: &FitContext,
) -> Result<(Vec<f64>, Summary)> {
    let inverse = loss.inverse_diagonal();
    let mut at = loss.start();
    let split = loss.penalised();
    let penalty = |w: &[f64]| l1 * w[..split].iter().map(|w| w.abs()).sum::<f64>();
    let mut value = at.loss + penalty(&at.params);
    let mut gradient = loss.gradient(&at);
    let (mut iterations, mut converged) = (0, false);
    loop {
        let downhill: Vec<f64> = (0..gradient.len())
            .map(|i| if i < split { slope(at.params[i], gradient[i], l1) } else { gradient[i] })
            .collect();
        if downhill.iter().all(|g| g.abs() <= tol) {
            converged = true;
            break;
        }
        if iterations == max_iter {
            break;
        }
        iterations += 1;
        let mut direction = history.direction(&downhill, &inverse);
        for (d, g) in direction.iter_mut().zip(&downhill) {
            if *d * g >= 0.0 {
                *d = 0.0;
            }
        }
        let mut t = 1.0;
        let next = loop {
            let params: Vec<f64> = (0..direction.len())
                .map(|i| {
                    let moved = at.params[i] + t * direction[i];
                    let side = if at.params[i] == 0.0 { -downhill[i] } else { at.params[i] };
                    if i < split && moved * side <= 0.0 { 0.0 } else { moved }
                })
                .collect();
            let gain: f64 =
                params.iter().zip(&at.params).zip(&downhill).map(|((new, old), g)| (new - old) * g).sum();
            let next = loss.at(params);
            let found = next.loss + penalty(&next.params);
            // Close to the minimum rounding hides what is gained.
            if found <= value + 1e-4 * gain + 1e-14 * value.abs() {
                value = found;
                break Some(next);
            }
            t *= 0.5;
            if t < 1e-10 {
                break None;
            }
        };
        let Some(next) = next else { break };
        let new = loss.gradient(&next);
        let step: Vec<f64> = next.params.iter().zip(&at.params).map(|(new, old)| new - old).collect();
        let change: Vec<f64> = new.iter().zip(&gradient).map(|(new, old)| new - old).collect();
        let moved = dot(&step, &step) > 0.0;
        history.push(step, change);
        (at, gradient) = (next, new);
        let values = [("loss", value)];
        let event = Event { stage: "owlqn", step: iterations, total: Some(max_iter), values: &values };
        if !moved || ctx.report(&event)? == Control::Stop {
            break;
        }
    }
    let bias = loss.shifted(&at.params);
    at.params[split..].copy_from_slice(&bias);
    Ok((at.params, Summary { objective: value, iterations, converged }))
}

/// The slope of the penalised loss in the direction in which it falls; 0 where it rises both ways.
fn slope(w: f64, gradient: f64, l1: f64) -> f64 {
    if w != 0.0 {
        gradient + l1 * w.signum()
    } else if gradient < -l1 {
        gradient + l1
    } else if gradient > l1 {
        gradient - l1
    } else {
        0.0
    }
}
