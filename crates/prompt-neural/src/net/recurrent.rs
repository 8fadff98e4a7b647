//! Long short-term memory (Hochreiter and Schmidhuber, 1997), differentiated by hand.
//!
//! ```text
//! i, f, o = σ(W·xₜ + U·hₜ₋₁ + b)   g = tanh(…)   cₜ = f·cₜ₋₁ + i·g   hₜ = o·tanh cₜ      gates in PyTorch's order i, f, g, o
//! ```
//!
//! W·x + b is one matrix product for all places and differentiated by burn; the steps in time work on plain numbers.
//! Each row runs over its own tokens alone, from its first or from its last, so filling never enters.

use burn::tensor::{Device, Tensor, TensorData};
use prompt_core::Result;

use super::layers::{Input, Linear};
use super::store::{Builder, Id, Init, Store, read};
use super::tape::Tape;

/// One direction.
#[derive(Debug)]
pub(crate) struct Lstm {
    input: Linear,
    recurrent: Id,
    units: usize,
    backward: bool,
}

/// What the steps keep for the way back, step after step, row after row.
struct Kept {
    /// i, f, g, o of a row side by side.
    gates: Vec<f32>,
    /// tanh c.
    squashed: Vec<f32>,
    /// The cell before the step.
    cell_before: Vec<f32>,
    /// The output before the step.
    output_before: Vec<f32>,
}

/// Sizes and order of the steps.
#[derive(Clone)]
struct Steps {
    lengths: Vec<usize>,
    length: usize,
    units: usize,
    backward: bool,
}

impl Steps {
    fn rows(&self) -> usize {
        self.lengths.len()
    }

    /// Where row `row` is at step `step`; `None` when it has ended.
    fn place(&self, row: usize, step: usize) -> Option<usize> {
        let n = self.lengths[row];
        (step < n).then(|| if self.backward { n - 1 - step } else { step })
    }
}

impl Lstm {
    /// Starts as PyTorch's: even in ±1/√units.
    pub(crate) fn new(mut b: Builder<'_>, width: usize, units: usize, backward: bool) -> Self {
        let init = Init::Uniform(1.0 / (units as f64).sqrt());
        Self {
            input: Linear::new(b.under("input"), width, 4 * units),
            recurrent: b.param("recurrent", &[units, 4 * units], init),
            units,
            backward,
        }
    }

    /// \[rows, length, width\] → \[rows, length, units\]; zeros behind a row's end.
    pub(crate) fn forward(
        &self,
        s: &Store,
        tape: &mut Tape,
        x: Tensor<3>,
        input: &Input,
    ) -> Result<Tensor<3>> {
        let projected = self.input.forward(s, x);
        let recurrent = s.get::<2>(self.recurrent);
        let steps = Steps {
            lengths: input.lengths.clone(),
            length: input.length,
            units: self.units,
            backward: self.backward,
        };
        let device = s.device().clone().inner();
        let plain = recurrent.clone().inner();
        let (output, kept) = run(&steps, &read(projected.clone().inner())?, &plain, &device, tape.keeps())?;
        let shape = [steps.rows(), steps.length, steps.units];
        let output = Tensor::from_data(TensorData::new(output, shape), &device);
        Ok(tape.by_hand(output, s.device(), move |grad, onward| {
            let (by_projected, by_recurrent) = back(&steps, &read(grad)?, &kept, &plain, &device)?;
            onward.give(projected, by_projected);
            onward.give(recurrent, by_recurrent);
            Ok(())
        }))
    }
}

fn run(
    steps: &Steps,
    projected: &[f32],
    recurrent: &Tensor<2>,
    device: &Device,
    keep: bool,
) -> Result<(Vec<f32>, Kept)> {
    let (rows, units) = (steps.rows(), steps.units);
    let mut output = vec![0.0; rows * steps.length * units];
    let (mut hidden, mut cell) = (vec![0.0; rows * units], vec![0.0; rows * units]);
    let mut kept = Kept { gates: vec![], squashed: vec![], cell_before: vec![], output_before: vec![] };
    for step in 0..steps.length {
        let mut gates = if step == 0 {
            vec![0.0; rows * 4 * units]
        } else {
            let h = Tensor::<2>::from_data(TensorData::new(hidden.clone(), [rows, units]), device);
            read(h.matmul(recurrent.clone()))?
        };
        if keep {
            kept.output_before.extend_from_slice(&hidden);
            kept.cell_before.extend_from_slice(&cell);
        }
        let mut squashed = vec![0.0; rows * units];
        for row in 0..rows {
            let gates = &mut gates[row * 4 * units..(row + 1) * 4 * units];
            let Some(place) = steps.place(row, step) else {
                gates.fill(0.0);
                continue;
            };
            let at = row * steps.length + place;
            for (gate, x) in gates.iter_mut().zip(&projected[at * 4 * units..(at + 1) * 4 * units]) {
                *gate += x;
            }
            let range = row * units..(row + 1) * units;
            activate(gates, units);
            let (i, rest) = gates.split_at(units);
            let (f, rest) = rest.split_at(units);
            let (g, o) = rest.split_at(units);
            let (cell, hidden, squashed) =
                (&mut cell[range.clone()], &mut hidden[range.clone()], &mut squashed[range]);
            for u in 0..units {
                cell[u] = f[u] * cell[u] + i[u] * g[u];
                squashed[u] = tanh(cell[u]);
                hidden[u] = o[u] * squashed[u];
            }
            output[at * units..(at + 1) * units].copy_from_slice(hidden);
        }
        if keep {
            kept.gates.extend_from_slice(&gates);
            kept.squashed.extend_from_slice(&squashed);
        }
    }
    Ok((output, kept))
}

/// σ on i, f and o, tanh on g.
fn activate(gates: &mut [f32], units: usize) {
    for (k, gate) in gates.chunks_exact_mut(units).enumerate() {
        for v in gate {
            *v = if k == 2 { tanh(*v) } else { sigmoid(*v) };
        }
    }
}

/// The gradients of the projected inputs and of the recurrent matrix.
fn back(
    steps: &Steps,
    grad: &[f32],
    kept: &Kept,
    recurrent: &Tensor<2>,
    device: &Device,
) -> Result<(Tensor<3>, Tensor<2>)> {
    let (rows, units) = (steps.rows(), steps.units);
    let step_size = rows * units;
    let mut by_projected = vec![0.0; rows * steps.length * 4 * units];
    // The gates' gradients of all steps, in the order of `kept`: one product gives the recurrent matrix its own.
    let mut by_gates = vec![0.0; steps.length * rows * 4 * units];
    let (mut by_hidden, mut by_cell) = (vec![0.0; step_size], vec![0.0; step_size]);
    let turned = recurrent.clone().transpose();
    for step in (0..steps.length).rev() {
        let of_step = &mut by_gates[step * 4 * step_size..(step + 1) * 4 * step_size];
        for row in 0..rows {
            let Some(place) = steps.place(row, step) else { continue };
            let at = row * steps.length + place;
            let d = &mut of_step[row * 4 * units..(row + 1) * 4 * units];
            let gates = &kept.gates[step * 4 * step_size + row * 4 * units..][..4 * units];
            let start = step * step_size + row * units;
            for u in 0..units {
                let (i, f, g, o) = (gates[u], gates[units + u], gates[2 * units + u], gates[3 * units + u]);
                let squashed = kept.squashed[start + u];
                let dh = grad[at * units + u] + by_hidden[row * units + u];
                let dc = dh * o * (1.0 - squashed * squashed) + by_cell[row * units + u];
                d[u] = dc * g * i * (1.0 - i);
                d[units + u] = dc * kept.cell_before[start + u] * f * (1.0 - f);
                d[2 * units + u] = dc * i * (1.0 - g * g);
                d[3 * units + u] = dh * squashed * o * (1.0 - o);
                by_cell[row * units + u] = dc * f;
            }
            by_projected[at * 4 * units..(at + 1) * 4 * units].copy_from_slice(d);
        }
        if step > 0 {
            let d = Tensor::<2>::from_data(TensorData::new(of_step.to_vec(), [rows, 4 * units]), device);
            by_hidden = read(d.matmul(turned.clone()))?;
        }
    }
    let all = steps.length * rows;
    let before = Tensor::<2>::from_data(TensorData::new(kept.output_before.clone(), [all, units]), device);
    let by_gates = Tensor::<2>::from_data(TensorData::new(by_gates, [all, 4 * units]), device);
    let shape = [rows, steps.length, 4 * units];
    Ok((Tensor::from_data(TensorData::new(by_projected, shape), device), before.transpose().matmul(by_gates)))
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn tanh(x: f32) -> f32 {
    // As σ, so that both cost one exponential.
    2.0 / (1.0 + (-2.0 * x).exp()) - 1.0
}
