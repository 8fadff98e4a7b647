//! How much each column says about the target: one number a column, larger is more.
//!
//! The functions take what [`SelectKBest`](super::SelectKBest) has checked: as many targets as rows, no missing number.

use prompt_core::{FitContext, Matrix};

/// A matrix column by column.
struct Columns<'a> {
    x: &'a Matrix,
    /// Of a sparse matrix: its columns as rows.
    turned: Option<Matrix>,
}

impl<'a> Columns<'a> {
    fn of(x: &'a Matrix) -> Self {
        let turned = if let Matrix::Sparse(s) = x { Some(s.transpose().into()) } else { None };
        Self { x, turned }
    }

    fn column(&self, j: usize) -> Vec<f64> {
        match (&self.turned, self.x) {
            (Some(turned), _) => {
                let mut column = vec![0.0; self.x.rows()];
                turned.row(j).for_each(|i, v| column[i] = v);
                column
            }
            (None, Matrix::Dense(x)) => x.column(j),
            (None, Matrix::Sparse(_)) => Vec::new(),
        }
    }

    fn map(&self, ctx: &FitContext, score: impl Fn(&[f64]) -> f64 + Sync + Send) -> Vec<f64> {
        ctx.map(self.x.cols(), |j| score(&self.column(j)))
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The F statistic of a one-way analysis of variance between the classes (scikit-learn's `f_classif`):
/// (Σ_c n_c (x̄_c − x̄)² / (k − 1)) / (Σ_c Σ_i (x_i − x̄_c)² / (n − k)). NaN for a constant column.
pub fn f_classif(x: &Matrix, codes: &[u32], ctx: &FitContext) -> Vec<f64> {
    let classes = codes.iter().max().map_or(0, |c| *c as usize + 1);
    Columns::of(x).map(ctx, |column| {
        let (mut sums, mut counts) = (vec![0.0; classes], vec![0.0; classes]);
        for (v, c) in column.iter().zip(codes) {
            sums[*c as usize] += v;
            counts[*c as usize] += 1.0;
        }
        let all = mean(column);
        let there = counts.iter().filter(|n| **n > 0.0).count() as f64;
        let between: f64 =
            sums.iter().zip(&counts).filter(|(_, n)| **n > 0.0).map(|(s, n)| n * (s / n - all).powi(2)).sum();
        let of_class = |c: u32| sums[c as usize] / counts[c as usize];
        let within: f64 = column.iter().zip(codes).map(|(v, c)| (v - of_class(*c)).powi(2)).sum();
        (between / (there - 1.0)) / (within / (column.len() as f64 - there))
    })
}

/// Pearson's correlation; NaN where either does not vary.
fn pearson(x: &[f64], y: &[f64]) -> f64 {
    let (mx, my) = (mean(x), mean(y));
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (a, b) in x.iter().zip(y) {
        xy += (a - mx) * (b - my);
        xx += (a - mx).powi(2);
        yy += (b - my).powi(2);
    }
    xy / (xx * yy).sqrt()
}

/// The F statistic of a regression on the column alone (scikit-learn's `f_regression`): r² / (1 − r²) · (n − 2). NaN for
/// a constant column.
pub fn f_regression(x: &Matrix, y: &[f64], ctx: &FitContext) -> Vec<f64> {
    Columns::of(x).map(ctx, |column| {
        let r = pearson(column, y);
        r * r / (1.0 - r * r) * (column.len() as f64 - 2.0)
    })
}

/// |r|, Pearson's correlation with the target. Of classes the largest with "is this class" counts.
pub fn correlation(x: &Matrix, targets: &[Vec<f64>], ctx: &FitContext) -> Vec<f64> {
    Columns::of(x)
        .map(ctx, |column| targets.iter().map(|y| pearson(column, y).abs()).fold(f64::NAN, f64::max))
}

/// The χ² statistic between the classes and the sums of the column in each (scikit-learn's `chi2`), for counts and
/// other numbers that are not negative. NaN for a column of zeros.
pub fn chi2(x: &Matrix, codes: &[u32], ctx: &FitContext) -> Vec<f64> {
    let classes = codes.iter().max().map_or(0, |c| *c as usize + 1);
    let mut shares = vec![0.0; classes];
    codes.iter().for_each(|c| shares[*c as usize] += 1.0 / codes.len() as f64);
    Columns::of(x).map(ctx, |column| {
        let mut observed = vec![0.0; classes];
        column.iter().zip(codes).for_each(|(v, c)| observed[*c as usize] += v);
        let total: f64 = observed.iter().sum();
        let term = |(o, share): (&f64, &f64)| {
            let expected = share * total;
            (o - expected).powi(2) / expected
        };
        observed.iter().zip(&shares).filter(|(_, share)| **share > 0.0).map(term).sum()
    })
}

/// What mutual information is estimated with.
pub(super) enum Told<'a> {
    Classes(&'a [u32]),
    Numbers(&'a [f64]),
}

/// Mutual information of each column and classes, in nats; see [`SelectKBest`](super::SelectKBest) for the estimators.
pub fn mutual_info(x: &Matrix, codes: &[u32], neighbours: usize, ctx: &FitContext) -> Vec<f64> {
    information(x, &Told::Classes(codes), neighbours, ctx)
}

/// Columns of at most two distinct numbers are discrete (zero or one, as encoded categories are), others continuous.
pub(super) fn information(x: &Matrix, y: &Told<'_>, neighbours: usize, ctx: &FitContext) -> Vec<f64> {
    let harmonic = digammas(x.rows() + 2);
    Columns::of(x).map(ctx, |column| match (discrete(column), y) {
        (Some(codes), Told::Classes(y)) => between_discrete(&codes, y),
        (Some(codes), Told::Numbers(y)) => with_discrete(y, &codes, neighbours, &harmonic),
        (None, Told::Classes(y)) => with_discrete(column, y, neighbours, &harmonic),
        (None, Told::Numbers(y)) => between_continuous(column, y, neighbours, &harmonic),
    })
}

/// Codes of a column of at most two distinct numbers.
fn discrete(column: &[f64]) -> Option<Vec<u32>> {
    let first = *column.first()?;
    let second = column.iter().find(|v| **v != first);
    let two = column.iter().all(|v| *v == first || Some(v) == second);
    two.then(|| column.iter().map(|v| u32::from(*v != first)).collect())
}

/// ψ(i) for whole i: Σ 1/j up to i − 1, less Euler's constant.
fn digammas(n: usize) -> Vec<f64> {
    let mut values = vec![f64::NAN; n + 1];
    let mut sum = -0.577_215_664_901_532_9;
    for (i, value) in values.iter_mut().enumerate().skip(1) {
        *value = sum;
        sum += 1.0 / i as f64;
    }
    values
}

/// Σ p(a, b) ln(p(a, b) / (p(a) p(b))).
fn between_discrete(x: &[u32], y: &[u32]) -> f64 {
    let n = x.len() as f64;
    let (rows, cols) = (x.iter().max().map_or(0, |v| *v + 1), y.iter().max().map_or(0, |v| *v + 1));
    let mut counts = vec![0.0; rows as usize * cols as usize];
    let (mut of_x, mut of_y) = (vec![0.0; rows as usize], vec![0.0; cols as usize]);
    for (a, b) in x.iter().zip(y) {
        counts[(a * cols + b) as usize] += 1.0;
        of_x[*a as usize] += 1.0;
        of_y[*b as usize] += 1.0;
    }
    let term = |(at, count): (usize, &f64)| {
        let (a, b) = (at / cols as usize, at % cols as usize);
        if *count > 0.0 { count / n * (count * n / (of_x[a] * of_y[b])).ln() } else { 0.0 }
    };
    counts.iter().enumerate().map(term).sum::<f64>().max(0.0)
}

/// The last number below `r`: neighbours at the distance `r` itself do not count.
fn inside(r: f64) -> f64 {
    if r > 0.0 { r.next_down() } else { 0.0 }
}

/// How many of the rising numbers lie within `r` of `v`, itself included.
fn within(sorted: &[f64], v: f64, r: f64) -> usize {
    sorted.partition_point(|w| *w - v <= r) - sorted.partition_point(|w| v - *w > r)
}

/// Ross (2014): of a number and a class.
fn with_discrete(x: &[f64], y: &[u32], neighbours: usize, psi: &[f64]) -> f64 {
    let classes = y.iter().max().map_or(0, |c| *c as usize + 1);
    let mut members: Vec<Vec<f64>> = vec![Vec::new(); classes];
    x.iter().zip(y).for_each(|(v, c)| members[*c as usize].push(*v));
    members.retain(|m| m.len() > 1);
    members.iter_mut().for_each(|m| m.sort_unstable_by(f64::total_cmp));
    let mut all: Vec<f64> = members.concat();
    all.sort_unstable_by(f64::total_cmp);
    let n = all.len();
    if n == 0 {
        return 0.0;
    }
    let mut sum = 0.0;
    for class in &members {
        let k = neighbours.min(class.len() - 1);
        for (i, v) in class.iter().enumerate() {
            // The k nearest lie in a window of k + 1 that holds i.
            let radius = (i.saturating_sub(k)..=i)
                .filter(|from| from + k < class.len())
                .map(|from| (v - class[from]).max(class[from + k] - v))
                .fold(f64::INFINITY, f64::min);
            let near = within(&all, *v, inside(radius)).max(1);
            sum += psi[k] - psi[class.len()] - psi[near];
        }
    }
    (psi[n] + sum / n as f64).max(0.0)
}

/// Kraskov, Stögbauer and Grassberger (2004): of two numbers.
fn between_continuous(x: &[f64], y: &[f64], neighbours: usize, psi: &[f64]) -> f64 {
    let n = x.len();
    let k = neighbours.min(n.saturating_sub(1));
    if k == 0 {
        return 0.0;
    }
    let scaled = |v: &[f64]| {
        let m = mean(v);
        let deviation = (v.iter().map(|v| (v - m).powi(2)).sum::<f64>() / v.len() as f64).sqrt();
        let unit = if deviation > 0.0 { deviation } else { 1.0 };
        v.iter().map(|v| v / unit).collect::<Vec<f64>>()
    };
    let (x, y) = (scaled(x), scaled(y));
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_unstable_by(|a, b| x[*a].total_cmp(&x[*b]).then(a.cmp(b)));
    let points: Vec<(f64, f64)> = order.iter().map(|&i| (x[i], y[i])).collect();
    let sorted_x: Vec<f64> = points.iter().map(|p| p.0).collect();
    let mut sorted_y = y;
    sorted_y.sort_unstable_by(f64::total_cmp);
    let mut nearest = Vec::with_capacity(k + 1);
    let mut sum = 0.0;
    for (i, (px, py)) in points.iter().enumerate() {
        nearest.clear();
        let (mut left, mut right) = (i, i + 1);
        // Outwards from i along x, until x alone is farther than the k-th neighbour so far.
        loop {
            let to_left = left.checked_sub(1).map_or(f64::INFINITY, |at| px - points[at].0);
            let to_right = points.get(right).map_or(f64::INFINITY, |p| p.0 - px);
            let along_x = to_left.min(to_right);
            if along_x == f64::INFINITY || (nearest.len() == k && along_x >= nearest[k - 1]) {
                break;
            }
            let at = if to_left <= to_right {
                left -= 1;
                left
            } else {
                right += 1;
                right - 1
            };
            let distance = along_x.max((points[at].1 - py).abs());
            let place = nearest.partition_point(|d| *d <= distance);
            nearest.insert(place, distance);
            nearest.truncate(k);
        }
        let radius = inside(nearest[nearest.len() - 1]);
        sum += psi[within(&sorted_x, *px, radius).max(1)] + psi[within(&sorted_y, *py, radius).max(1)];
    }
    (psi[n] + psi[k] - sum / n as f64).max(0.0)
}
