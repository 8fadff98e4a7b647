//! From data to grown trees.

use prompt_core::{
    Classes, Error, FitContext, Legal, Matrix, Output, Params, Result, RowView, Seed, Target, argmax,
};

use super::Forest;
use crate::tree::bins::{BinOptions, Binned, Bins, Code};
use crate::tree::grow::{
    ClassWeights, Counts, Criterion, Grower, Grown, Lines, Numbers, Objective, Options, PackedCounts,
    SquaredError,
};
use crate::tree::nodes::TreeNodes;

/// What is predicted.
pub(crate) enum Aim<'a> {
    Classes { codes: &'a [u32], classes: &'a Classes, criterion: Criterion },
    Numbers(&'a [f64]),
}

impl<'a> Aim<'a> {
    /// # Errors
    /// As [`Target::as_classes`].
    pub(crate) fn classes(y: &'a Target, criterion: &str) -> Result<Self> {
        let (codes, classes) = y.as_classes()?;
        let criterion = if criterion == "gini" { Criterion::Gini } else { Criterion::Entropy };
        Ok(Self::Classes { codes, classes, criterion })
    }

    /// # Errors
    /// As [`Target::as_regression`].
    pub(crate) fn numbers(y: &'a Target) -> Result<Self> {
        Ok(Self::Numbers(y.as_regression()?))
    }

    fn output(&self) -> Output {
        match self {
            Self::Classes { classes, .. } => Output::Classes((*classes).clone()),
            Self::Numbers(_) => Output::Values(vec!["value".to_owned()]),
        }
    }
}

/// A legal share of rows.
pub(super) const fn share() -> Legal {
    Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: false }
}

/// The share of rows that each tree draws; `None` when it takes all as they are.
pub(super) fn draws(bootstrap: bool, max_samples: Option<f64>) -> Option<f64> {
    bootstrap.then(|| max_samples.unwrap_or(1.0))
}

/// # Errors
/// [`Error::Param`] for parameters that ask for rows left out where none are.
pub(super) fn check(owner: &str, bootstrap: bool, max_samples: Option<f64>, oob_score: bool) -> Result<()> {
    if bootstrap {
        return Ok(());
    }
    if oob_score {
        return Err(Error::param(owner, "oob_score", "false where bootstrap is false", true));
    }
    match max_samples {
        Some(share) => Err(Error::param(owner, "max_samples", "none where bootstrap is false", share)),
        None => Ok(()),
    }
}

/// A learner of forests.
pub(super) trait Planned: Params {
    /// How it grows a forest over this many columns.
    ///
    /// # Errors
    /// A target of another kind.
    fn plan<'a>(&'a self, columns: usize, y: &'a Target) -> Result<Plan<'a>>;
}

/// How a forest is grown.
pub(crate) struct Plan<'a> {
    pub(crate) aim: Aim<'a>,
    /// Row weight times class weight.
    pub(crate) weights: Option<Vec<f64>>,
    pub(crate) options: Options,
    pub(crate) max_bins: usize,
    pub(crate) trees: usize,
    /// The share of rows drawn with replacement for each tree; all rows as they are without it.
    pub(crate) draws: Option<f64>,
    /// Whether the rows that trees did not see measure the forest.
    pub(crate) oob: bool,
}

/// Bins of a column of numbers where splits are drawn: the more, the fewer rows share a bin with the smallest, the largest
/// or the drawn number and have to be looked up.
const FINE: usize = 4096;

/// Levels of a category that are told apart; the rarest of more share the last bin.
const LEVELS: usize = u16::MAX as usize - 1;

/// A tree, and, where they are asked for, the rows it did not see as bits.
type Planted = (Grown, Vec<u64>);

impl Plan<'_> {
    /// Grows the forest of the learner with this name and these parameters.
    ///
    /// # Errors
    /// A stop asked for through `ctx`, or more nodes than can be numbered.
    pub(crate) fn fit<P: Params>(
        &self,
        (kind, params): (&'static str, &P),
        x: &Matrix,
        y: &Target,
        ctx: &FitContext,
    ) -> Result<Forest> {
        let planted = ctx.install(|| self.plant(x, ctx))?;
        let output = self.aim.output();
        let mut trees = TreeNodes::new(x.cols(), output.width());
        let mut importances = vec![0.0; x.cols()];
        for (grown, _) in &planted {
            trees.push(&grown.tree)?;
            let sum: f64 = grown.gains.iter().map(|g| g.1).sum();
            for (column, gain) in grown.gains.iter().filter(|_| sum > 0.0) {
                importances[*column as usize] += gain / sum;
            }
        }
        let sum: f64 = importances.iter().sum();
        importances.iter_mut().filter(|_| sum > 0.0).for_each(|v| *v /= sum);
        let params = serde_json::to_value(params).unwrap_or_default();
        let mut forest = Forest::new((kind, params), output, trees, importances);
        if self.oob {
            let unseen: Vec<Vec<u64>> = planted.into_iter().map(|p| p.1).collect();
            forest.set_oob_score(self.score_unseen(&forest, &unseen, x, y, ctx));
        }
        Ok(forest)
    }

    /// The grown trees, in order.
    pub(super) fn grown(&self, x: &Matrix, ctx: &FitContext) -> Result<Vec<Grown>> {
        Ok(ctx.install(|| self.plant(x, ctx))?.into_iter().map(|(grown, _)| grown).collect())
    }

    /// What the forest predicts.
    pub(super) fn output(&self) -> Output {
        self.aim.output()
    }

    fn plant(&self, x: &Matrix, ctx: &FitContext) -> Result<Vec<Planted>> {
        let weights = self.weights.as_deref();
        let up_to = |max_bins| BinOptions { max_bins, min_weight: 0.0 };
        let bins = match (x, self.options.random) {
            (Matrix::Sparse(_), _) => Bins::fit(x, weights, up_to(self.max_bins), ctx),
            (_, random) => {
                let numbers = if random { self.max_bins.max(FINE) } else { self.max_bins };
                Bins::fit_apart(x, weights, (up_to(numbers), up_to(LEVELS)), ctx)
            }
        };
        if bins.columns().iter().all(|c| c.bins() <= 255) {
            self.plant_in(x, (&bins, &bins.apply::<u8>(x, ctx)), ctx)
        } else {
            self.plant_in(x, (&bins, &bins.apply::<u16>(x, ctx)), ctx)
        }
    }

    fn plant_in<C: Code>(
        &self,
        x: &Matrix,
        (bins, codes): (&Bins, &Binned<C>),
        ctx: &FitContext,
    ) -> Result<Vec<Planted>> {
        let weight = |row: usize| self.weights.as_ref().map_or(1.0, |w| w[row]);
        match &self.aim {
            Aim::Classes { codes: classes, classes: names, criterion } => {
                let k = names.len();
                let second = |row: usize| classes[row] == 1;
                if k <= 2 && self.is_countable(codes.rows()) {
                    let by = Counts { criterion: *criterion, classes: k };
                    let item = |row: usize, times: u32| {
                        Counts::item(second(row), weight(row) as u64 * u64::from(times))
                    };
                    self.plant_by(x, (bins, codes), &by, item, ctx)
                } else if k <= PackedCounts::CLASSES && self.is_countable(codes.rows()) {
                    let by = PackedCounts { criterion: *criterion, classes: k };
                    let item = |row: usize, times: u32| {
                        PackedCounts::item(classes[row], weight(row) as u64 * u64::from(times))
                    };
                    self.plant_by(x, (bins, codes), &by, item, ctx)
                } else {
                    let by = ClassWeights { criterion: *criterion, classes: k };
                    let item = |row: usize, times: u32| (weight(row) * f64::from(times), classes[row]);
                    self.plant_by(x, (bins, codes), &by, item, ctx)
                }
            }
            Aim::Numbers(values) => {
                let total: f64 = (0..codes.rows()).map(weight).sum();
                let mean = (0..codes.rows()).map(|i| weight(i) * values[i]).sum::<f64>() / total;
                let item = |row: usize, times: u32| (weight(row) * f64::from(times), values[row] - mean);
                self.plant_by(x, (bins, codes), &SquaredError { mean }, item, ctx)
            }
        }
    }

    /// Whether all weights are whole, and all that can be drawn of them fits the packed counts.
    fn is_countable(&self, rows: usize) -> bool {
        let most = match &self.weights {
            None => 1.0,
            Some(weights) if weights.iter().all(|w| w.fract() == 0.0) => {
                weights.iter().fold(1.0, |a, w| w.max(a))
            }
            Some(_) => return false,
        };
        most * rows as f64 <= Counts::MOST
    }

    fn plant_by<C: Code, O: Objective>(
        &self,
        x: &Matrix,
        (bins, codes): (&Bins, &Binned<C>),
        by: &O,
        item: impl Fn(usize, u32) -> O::Item + Sync,
        ctx: &FitContext,
    ) -> Result<Vec<Planted>> {
        let weights = self.weights.as_deref();
        let active: Vec<u32> =
            (0..codes.rows() as u32).filter(|i| weights.is_none_or(|w| w[*i as usize] > 0.0)).collect();
        let lines = match self.options.random {
            true => Lines::wide(codes),
            false if self.options.max_features < codes.cols() => Lines::new(codes, bins),
            false => None,
        };
        let raw = self.options.random.then(|| Numbers::new(x, bins));
        let grower = Grower { codes, lines, bins, raw, by, options: &self.options };
        ctx.try_map(self.trees, |t| {
            ctx.check()?;
            let own = ctx.part("tree", t as u64);
            let own = if self.trees > 1 { own.serial() } else { own };
            let times = self.draws.map(|share| counts(active.len(), share, own.seed()));
            let times = |at: usize| times.as_ref().map_or(1, |t| u32::from(t[at]));
            // Written one after the other and kept where drawn, without asking.
            let mut rows = vec![0; active.len()];
            let mut items = vec![O::Item::default(); active.len()];
            let mut kept = 0;
            for (at, row) in active.iter().enumerate() {
                rows[kept] = *row;
                items[kept] = item(*row as usize, times(at));
                kept += usize::from(times(at) > 0);
            }
            rows.truncate(kept);
            items.truncate(kept);
            let mut unseen = vec![0u64; if self.oob { codes.rows().div_ceil(64) } else { 0 }];
            for (at, &row) in active.iter().enumerate().filter(|_| self.oob) {
                unseen[row as usize / 64] |= u64::from(times(at) == 0) << (row % 64);
            }
            Ok((grower.grow(rows, items, own.seed().derive("splits", 0), &own)?, unseen))
        })
    }

    /// Accuracy or R² of what the trees that did not see a row say about it, over the rows that some tree did not see.
    fn score_unseen(
        &self,
        forest: &Forest,
        unseen: &[Vec<u64>],
        x: &Matrix,
        y: &Target,
        ctx: &FitContext,
    ) -> Option<f64> {
        const BLOCK: usize = 256;
        let width = forest.trees().width();
        let said = ctx.map(x.rows().div_ceil(BLOCK), |block| {
            let mut dense = Vec::new();
            let mut out = Vec::new();
            for i in block * BLOCK..((block + 1) * BLOCK).min(x.rows()) {
                let (mut sum, mut trees) = (vec![0.0; width], 0);
                let row: RowView<'_> = x.row(i);
                forest.trees().for_each_leaf(row, &mut dense, |t, value| {
                    if unseen[t][i / 64] >> (i % 64) & 1 == 1 {
                        sum.iter_mut().zip(value).for_each(|(s, v)| *s += v);
                        trees += 1;
                    }
                });
                if trees > 0 {
                    sum.iter_mut().for_each(|s| *s /= f64::from(trees));
                    out.push((i, sum));
                }
            }
            out
        });
        let said: Vec<(usize, Vec<f64>)> = said.into_iter().flatten().collect();
        let weight = |i: usize| y.weights().map_or(1.0, |w| w[i]);
        let total: f64 = said.iter().map(|(i, _)| weight(*i)).sum();
        if total <= 0.0 {
            return None;
        }
        let sum = |f: &dyn Fn(usize, &[f64]) -> f64| -> f64 {
            said.iter().map(|(i, said)| weight(*i) * f(*i, said)).sum()
        };
        match &self.aim {
            Aim::Classes { codes, .. } => {
                let right = sum(&|i, said| f64::from(u8::from(argmax(said) == codes[i] as usize)));
                Some(right / total)
            }
            Aim::Numbers(values) => {
                let mean = sum(&|i, _| values[i]) / total;
                let all = sum(&|i, _| (values[i] - mean).powi(2));
                let left = sum(&|i, said| (values[i] - said[0]).powi(2));
                (all > 0.0).then(|| 1.0 - left / all)
            }
        }
    }
}

/// How often each of `n` rows is drawn, when a share of them is drawn with replacement. That a row is drawn more often
/// than 65,535 times does not happen: it is drawn once on average.
fn counts(n: usize, share: f64, seed: Seed) -> Vec<u16> {
    let mut times = vec![0u16; n];
    let draws = ((share * n as f64).round() as usize).max(1).min(n);
    let mut rng = seed.rng();
    for _ in 0..draws {
        let time = &mut times[(((rng.next_u64() >> 32) * n as u64) >> 32) as usize];
        *time = time.saturating_add(1);
    }
    times
}
