//! A density over parameters: one kernel for each point seen, and one for what was known before.

use std::f64::consts::{PI, SQRT_2};

use prompt_core::Rng;

use super::super::space::Axis;

/// A mixture of products: component i is a product over axes of its kernels there. The last component is the prior.
pub(super) struct Parzen {
    /// Sum to one.
    weights: Vec<f64>,
    /// For each component the logarithm of its weight and of what its kernels are divided by.
    constants: Vec<f64>,
    axes: Vec<Kernels>,
}

/// The kernels of one axis, one a component.
enum Kernels {
    /// Normal distributions cut at the ends of the interval: middles and reciprocal widths.
    Normal { low: f64, high: f64, step: Option<f64>, mu: Vec<f64>, narrow: Vec<f64> },
    /// For each component the probability of each choice.
    Choice { n: usize, p: Vec<f64> },
}

impl Parzen {
    /// The density of points, oldest first: a place for each axis. A kernel is as wide as the larger distance to its
    /// neighbours on the axis.
    pub(super) fn new(axes: &[Axis], points: &[Vec<f64>]) -> Self {
        let mut weights = recency(points.len());
        weights.push(1.0);
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= sum);
        let mut constants: Vec<f64> = weights.iter().map(|w| w.ln()).collect();
        let axes = axes.iter().enumerate().map(|(at, axis)| {
            let places: Vec<f64> = points.iter().map(|p| p[at]).collect();
            match *axis {
                Axis::Interval { low, high, step } => {
                    let range = high - low;
                    // No kernel is narrower than this share of the range, so that a cluster does not shut the search in.
                    let least = range / (2.0 + places.len() as f64).min(100.0);
                    let mut sigma = neighbour_distances(&places, low, high);
                    sigma.iter_mut().for_each(|s| *s = s.clamp(least, range));
                    let mut mu = places;
                    mu.push(0.5 * (low + high));
                    sigma.push(range);
                    for ((constant, mu), sigma) in constants.iter_mut().zip(&mu).zip(&mut sigma) {
                        // An interval of one point holds all there is.
                        if *sigma <= 0.0 {
                            *sigma = 1.0;
                            continue;
                        }
                        let inside = below((high - mu) / *sigma) - below((low - mu) / *sigma);
                        *constant -= inside.ln();
                        if step.is_none() {
                            *constant -= (*sigma * (2.0 * PI).sqrt()).ln();
                        }
                    }
                    let narrow = sigma.into_iter().map(|s| 1.0 / s).collect();
                    Kernels::Normal { low, high, step, mu, narrow }
                }
                Axis::Choices(n) => {
                    // Each observation leaves a little for every choice: the prior's weight over all components.
                    let little = 1.0 / (places.len() as f64 + 1.0);
                    let whole = 1.0 + n as f64 * little;
                    let mut p = vec![little / whole; places.len() * n];
                    for (component, place) in places.iter().enumerate() {
                        p[component * n + *place as usize] += 1.0 / whole;
                    }
                    p.extend(vec![1.0 / n as f64; n]);
                    Kernels::Choice { n, p }
                }
            }
        });
        let axes = axes.collect();
        Self { axes, weights, constants }
    }

    /// A point drawn from the density.
    pub(super) fn draw(&self, rng: &mut Rng) -> Vec<f64> {
        let component = pick(&self.weights, rng);
        self.axes.iter().map(|kernels| kernels.draw(component, rng)).collect()
    }

    /// The logarithm of the density at a point. `memory` holds what components come to.
    pub(super) fn log_density(&self, point: &[f64], memory: &mut Vec<f64>) -> f64 {
        memory.clear();
        memory.extend_from_slice(&self.constants);
        for (kernels, x) in self.axes.iter().zip(point) {
            kernels.add_log_density(*x, memory);
        }
        let most = memory.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // What is e⁻⁵⁰ of the largest adds nothing that a sum of 64 bits could hold.
        most + memory.iter().filter(|v| **v > most - 50.0).map(|v| (v - most).exp()).sum::<f64>().ln()
    }
}

/// Older points count less once there are more than 25: the first 1/n, rising evenly to 1 for the last 25.
fn recency(n: usize) -> Vec<f64> {
    const FULL: usize = 25;
    let ramp = n.saturating_sub(FULL);
    let low = 1.0 / n.max(1) as f64;
    (0..n)
        .map(|i| match i {
            _ if i >= ramp => 1.0,
            0 => low,
            _ => low + (1.0 - low) * i as f64 / (ramp - 1) as f64,
        })
        .collect()
}

/// For each place the larger distance to its neighbours; the outermost take the one they have, and a single place the
/// larger distance to the ends.
fn neighbour_distances(places: &[f64], low: f64, high: f64) -> Vec<f64> {
    let n = places.len();
    if let [one] = places {
        return vec![(one - low).max(high - one)];
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| places[*a].total_cmp(&places[*b]));
    let mut sigmas = vec![0.0; n];
    for (rank, &i) in order.iter().enumerate() {
        let left = rank.checked_sub(1).map_or(0.0, |r| places[i] - places[order[r]]);
        let right = order.get(rank + 1).map_or(0.0, |r| places[*r] - places[i]);
        sigmas[i] = left.max(right);
    }
    sigmas
}

fn pick(weights: &[f64], rng: &mut Rng) -> usize {
    let mut left = rng.unit();
    for (at, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return at;
        }
    }
    weights.len() - 1
}

/// The mass of the standard normal below `z`.
fn below(z: f64) -> f64 {
    // What is left above is less than one half of the last bit of 1.
    if z > 8.3 {
        return 1.0;
    }
    0.5 * statrs::function::erf::erfc(-z / SQRT_2)
}

impl Kernels {
    fn draw(&self, component: usize, rng: &mut Rng) -> f64 {
        match self {
            Self::Normal { low, high, step, mu, narrow } => {
                let (mu, sigma) = (mu[component], 1.0 / narrow[component]);
                // A kernel's middle lies in the interval and its width is at most the interval's, so that a third of
                // the draws or more fall inside.
                let inside = (0..200).map(|_| mu + sigma * rng.normal()).find(|x| (*low..=*high).contains(x));
                let x = inside.unwrap_or_else(|| mu.clamp(*low, *high));
                match step {
                    Some(step) => {
                        let first = low + step / 2.0;
                        (first + ((x - first) / step).round() * step).clamp(first, high - step / 2.0)
                    }
                    None => x,
                }
            }
            Self::Choice { n, p } => pick(&p[component * n..(component + 1) * n], rng) as f64,
        }
    }

    /// Adds to each component the logarithm of its density at `x`, constants apart.
    fn add_log_density(&self, x: f64, out: &mut [f64]) {
        match self {
            Self::Normal { step: None, mu, narrow, .. } => {
                for ((out, mu), narrow) in out.iter_mut().zip(mu).zip(narrow) {
                    let z = (x - mu) * narrow;
                    *out -= 0.5 * z * z;
                }
            }
            Self::Normal { step: Some(step), mu, narrow, .. } => {
                for ((out, mu), narrow) in out.iter_mut().zip(mu).zip(narrow) {
                    let edge = |x: f64| below((x - mu) * narrow);
                    let mass = edge(x + step / 2.0) - edge(x - step / 2.0);
                    *out += mass.max(f64::MIN_POSITIVE).ln();
                }
            }
            Self::Choice { n, p } => {
                for (out, p) in out.iter_mut().zip(p.chunks_exact(*n)) {
                    *out += p[x as usize].ln();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_density_sums_to_one() {
        let axis = Axis::Interval { low: -1.0, high: 3.0, step: None };
        let density = Parzen::new(&[axis], &[vec![0.0], vec![0.1], vec![2.9]]);
        let (n, mut memory) = (40_000, Vec::new());
        let sum: f64 = (0..n)
            .map(|i| {
                density.log_density(&[-1.0 + 4.0 * (f64::from(i) + 0.5) / f64::from(n)], &mut memory).exp()
            })
            .sum();
        assert!((sum * 4.0 / f64::from(n) - 1.0).abs() < 1e-6, "{sum}");
        let axis = Axis::Interval { low: 0.5, high: 6.5, step: Some(1.0) };
        let density = Parzen::new(&[axis, Axis::Choices(3)], &[vec![2.0, 1.0], vec![6.0, 1.0]]);
        let mut sum = 0.0;
        for i in 1..=6 {
            for j in 0..3 {
                sum += density.log_density(&[f64::from(i), f64::from(j)], &mut memory).exp();
            }
        }
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn kernels_are_as_wide_as_their_neighbours_are_far() {
        let sigmas = neighbour_distances(&[0.9, 0.1, 0.4], 0.0, 1.0);
        for (found, expected) in sigmas.iter().zip([0.5, 0.3, 0.5]) {
            assert!((found - expected).abs() < 1e-12, "{sigmas:?}");
        }
        assert_eq!(neighbour_distances(&[0.25], 0.0, 1.0), [0.75]);
        assert!(neighbour_distances(&[], 0.0, 1.0).is_empty());
    }

    #[test]
    fn old_points_count_less() {
        assert_eq!(recency(3), [1.0; 3]);
        let weights = recency(30);
        assert!((weights[0] - 1.0 / 30.0).abs() < 1e-12 && weights[4] == 1.0 && weights[29] == 1.0);
        assert!(weights.windows(2).all(|w| w[0] <= w[1]));
    }

    #[test]
    fn draws_stay_inside_and_follow_the_density() {
        let axis = Axis::Interval { low: 0.0, high: 1.0, step: None };
        let density = Parzen::new(&[axis], &vec![vec![0.9]; 20]);
        let mut rng = prompt_core::Seed::new(3).rng();
        let drawn: Vec<f64> = (0..2000).map(|_| density.draw(&mut rng)[0]).collect();
        assert!(drawn.iter().all(|x| (0.0..=1.0).contains(x)));
        assert!(drawn.iter().sum::<f64>() / 2000.0 > 0.75);
    }
}
