//! Windows of words and the strongest answer of each filter (Kim, 2014), differentiated by hand.
//!
//! y_{t,f} = Σ_{j<w} x_{t+j}·W_{j,f} for every place t of a row, zeros behind its end; then max over t, plus the bias,
//! then ReLU. Only the strongest window of a filter has a gradient, so the way back touches rows × filters windows
//! and needs no matrix product.

use burn::tensor::{Tensor, TensorData};
use prompt_core::Result;

use super::layers::Input;
use super::store::{Builder, Id, Init, Store, read};
use super::tape::Tape;

/// Filters over windows of one width.
#[derive(Debug)]
pub(crate) struct Convolution {
    weight: Id,
    bias: Id,
    window: usize,
    width: usize,
    filters: usize,
}

/// The strongest window of every filter in every row.
struct Strongest {
    values: Vec<f32>,
    places: Vec<usize>,
}

impl Convolution {
    /// `window` words of `width` numbers; starts as PyTorch's `Conv1d`.
    pub(crate) fn new(mut b: Builder<'_>, window: usize, width: usize, filters: usize) -> Self {
        let init = Init::Uniform(1.0 / ((window * width) as f64).sqrt());
        Self {
            weight: b.param("weight", &[window * width, filters], init),
            bias: b.param("bias", &[filters], init),
            window,
            width,
            filters,
        }
    }

    /// \[rows, length, width\] → \[rows, filters\].
    pub(crate) fn forward(
        &self,
        s: &Store,
        tape: &mut Tape,
        x: Tensor<3>,
        input: &Input,
    ) -> Result<Tensor<2>> {
        let plain = s.device().clone().inner();
        let numbers = read(x.clone().inner())?;
        let rows = input.size();
        let windows = self.windows(&numbers, input);
        let places = windows.len() / (self.window * self.width);
        let windows =
            Tensor::<2>::from_data(TensorData::new(windows, [places, self.window * self.width]), &plain);
        let answers = read(windows.matmul(s.get::<2>(self.weight).inner()))?;
        let strongest = self.strongest(&answers, input);
        let output = Tensor::<2>::from_data(TensorData::new(strongest.values, [rows, self.filters]), &plain);

        let (weight, length) = (s.get::<2>(self.weight), input.length);
        let lengths = input.lengths.clone();
        let (window, width, filters) = (self.window, self.width, self.filters);
        let max = tape.by_hand(output, s.device(), move |grad, onward| {
            let grad = read(grad)?;
            // Filter by filter a window is one run of numbers.
            let columns = read(weight.clone().inner().transpose())?;
            let mut by_x = vec![0.0; rows * length * width];
            let mut by_columns = vec![0.0; filters * window * width];
            for row in 0..rows {
                for f in 0..filters {
                    let (g, at) = (grad[row * filters + f], strongest.places[row * filters + f]);
                    // What lies behind the row's end was zero and learns nothing.
                    let n = (lengths[row] - at).min(window) * width;
                    let start = (row * length + at) * width;
                    let seen = &numbers[start..start + n];
                    let column = f * window * width;
                    axpy(g, seen, &mut by_columns[column..column + n]);
                    axpy(g, &columns[column..column + n], &mut by_x[start..start + n]);
                }
            }
            let device = grad_device(&weight);
            let shape = [filters, window * width];
            let by_weight = Tensor::<2>::from_data(TensorData::new(by_columns, shape), &device).transpose();
            onward.give(weight, by_weight);
            onward.give(x, Tensor::from_data(TensorData::new(by_x, [rows, length, width]), &device));
            Ok(())
        });
        Ok(burn::tensor::activation::relu(max + s.get::<2>(self.bias)))
    }

    /// The windows that begin at a row's own tokens, one under another.
    fn windows(&self, x: &[f32], input: &Input) -> Vec<f32> {
        let size = self.window * self.width;
        let own: usize = input.lengths.iter().sum();
        let mut out = vec![0.0; own * size];
        let mut slots = out.chunks_exact_mut(size);
        for (row, &n) in input.lengths.iter().enumerate() {
            for (at, slot) in (0..n).zip(&mut slots) {
                let seen = (n - at).min(self.window) * self.width;
                let start = (row * input.length + at) * self.width;
                slot[..seen].copy_from_slice(&x[start..start + seen]);
            }
        }
        out
    }

    fn strongest(&self, answers: &[f32], input: &Input) -> Strongest {
        let count = input.size() * self.filters;
        let mut out = Strongest { values: vec![f32::NEG_INFINITY; count], places: vec![0; count] };
        let mut answers = answers.chunks_exact(self.filters);
        for (row, &n) in input.lengths.iter().enumerate() {
            let range = row * self.filters..(row + 1) * self.filters;
            let (values, places) = (&mut out.values[range.clone()], &mut out.places[range]);
            for (at, answer) in (0..n).zip(&mut answers) {
                for ((value, place), &a) in values.iter_mut().zip(places.iter_mut()).zip(answer) {
                    // NaN must not hide: it wins, and the loss says so.
                    if a > *value || a.is_nan() {
                        (*value, *place) = (a, at);
                    }
                }
            }
        }
        out
    }
}

fn grad_device(weight: &Tensor<2>) -> burn::tensor::Device {
    weight.device().inner()
}

fn axpy(a: f32, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}
