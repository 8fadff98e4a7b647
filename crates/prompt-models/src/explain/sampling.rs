//! Any model, by switching its columns on in drawn orders.

use prompt_core::{Error, FitContext, Matrix, Model, Output, Result, RowView, Scratch};

use super::values::ShapValues;

/// Explains any model by sampling (Štrumbelj and Kononenko, 2014): from a background row the columns are given the
/// row's numbers one after the other in a drawn order, then in the opposite order, and a column's contribution is the
/// mean of what the scores changed by when its turn came. Base and contributions add up to the score whatever was drawn.
///
/// The margins are the model's scores: probabilities or values.
///
/// ```
/// use prompt_core::{Dense, Fit, FitContext, Matrix, Target};
/// use prompt_models::explain::SamplingExplainer;
///
/// let x = Matrix::from(Dense::new(40, 2, (0..80).map(|i| f64::from(i % 9)).collect()).unwrap());
/// let y = Target::labels((0..40).map(|i| if (2 * i) % 9 < 4 { "low" } else { "high" }));
/// let ctx = FitContext::new(1);
/// let model = prompt_models::bayes::GaussianNb::default().fit(&x, &y, &ctx)?;
/// let values = SamplingExplainer::new(&model, &x)?.explain(&x, &ctx)?;
/// let p = prompt_core::predict(&model, &x)?;
/// assert!((values.margin(7, 1) - p.row(7)[1]).abs() < 1e-9);
/// # Ok::<(), prompt_core::Error>(())
/// ```
pub struct SamplingExplainer<'a> {
    model: &'a dyn Model,
    background: &'a Matrix,
    orders: usize,
}

impl<'a> SamplingExplainer<'a> {
    /// With 16 orders, each there and back, over the rows of a background.
    ///
    /// # Errors
    /// [`Error::Shape`] for a background of other columns than the model's, [`Error::Input`] for no rows.
    pub fn new(model: &'a dyn Model, background: &'a Matrix) -> Result<Self> {
        if background.cols() != model.n_features() {
            return Err(Error::shape("columns of the background", model.n_features(), background.cols()));
        }
        if background.rows() == 0 {
            return Err(Error::input("the background has no rows", "give it some of the training rows"));
        }
        Ok(Self { model, background, orders: 16 })
    }

    /// With another number of drawn orders, at least one.
    #[must_use]
    pub fn orders(mut self, orders: usize) -> Self {
        self.orders = orders.max(1);
        self
    }

    /// What the scores are called.
    pub fn outputs(&self) -> Vec<String> {
        match self.model.output() {
            Output::Classes(classes) => classes.names().to_vec(),
            Output::Values(names) => names.clone(),
            other => (0..other.width()).map(|i| format!("output {i}")).collect(),
        }
    }

    /// The contributions of every column to the scores of every row. All rows see the same orders and background rows.
    ///
    /// # Errors
    /// [`Error::Shape`] for other columns than the model's, or a stop asked for through `ctx`.
    pub fn explain(&self, x: &Matrix, ctx: &FitContext) -> Result<ShapValues> {
        let (columns, k) = (self.model.n_features(), self.model.output().width());
        if x.cols() != columns {
            return Err(Error::shape("columns of x (features)", columns, x.cols()));
        }
        let parts = ctx.try_map(x.rows(), |i| {
            ctx.check()?;
            let mut out = vec![0.0; columns * k];
            let mut base = vec![0.0; k];
            self.row(x.row(i), ctx, &mut base, &mut out);
            Ok((base, out))
        })?;
        let base = match parts.first() {
            Some((base, _)) => base.clone(),
            None => vec![0.0; k],
        };
        let values = parts.into_iter().flat_map(|(_, out)| out).collect();
        Ok(ShapValues::new((x.rows(), columns), (self.outputs(), base), values))
    }

    fn row(&self, row: RowView<'_>, ctx: &FitContext, base: &mut [f64], out: &mut [f64]) {
        let k = base.len();
        let dense = |row: RowView<'_>| {
            let mut dense = vec![0.0; self.model.n_features()];
            row.for_each(|j, v| dense[j] = v);
            dense
        };
        let here = dense(row);
        let mut scratch = Scratch::new();
        let (mut before, mut after) = (vec![0.0; k], vec![0.0; k]);
        let share = 1.0 / (2 * self.orders) as f64;
        for draw in 0..self.orders {
            let mut rng = ctx.seed().derive("order", draw as u64).rng();
            let start = dense(self.background.row(rng.below(self.background.rows())));
            // Columns on which both agree change nothing, in whatever order.
            let mut order: Vec<usize> =
                (0..here.len()).filter(|&j| here[j].to_bits() != start[j].to_bits()).collect();
            rng.shuffle(&mut order);
            for back in [false, true] {
                let mut now = start.clone();
                self.model.score_row(RowView::Dense(&now), &mut scratch, &mut before);
                base.iter_mut().zip(&before).for_each(|(b, v)| *b += share * v);
                let n = order.len();
                for at in 0..n {
                    let j = order[if back { n - 1 - at } else { at }];
                    now[j] = here[j];
                    self.model.score_row(RowView::Dense(&now), &mut scratch, &mut after);
                    for (o, out) in out[j * k..(j + 1) * k].iter_mut().enumerate() {
                        *out += share * (after[o] - before[o]);
                    }
                    before.copy_from_slice(&after);
                }
            }
        }
    }
}
