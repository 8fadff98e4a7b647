//! Gauss–Legendre quadrature on [0, 1]: n nodes integrate polynomials up to degree 2n − 1 without error.

/// Nodes and weights.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) nodes: Vec<f64>,
    pub(super) weights: Vec<f64>,
}

impl Rule {
    /// The rule of `n` nodes: zeros of the Legendre polynomial by Newton's method from Tricomi's guess.
    pub(super) fn new(n: usize) -> Self {
        let (mut nodes, mut weights) = (vec![0.0; n], vec![0.0; n]);
        for i in 0..n {
            let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (value, derivative) = legendre(n, x);
                slope = derivative;
                let step = value / derivative;
                x -= step;
                if step.abs() < 1e-15 {
                    break;
                }
            }
            nodes[i] = 0.5 * (1.0 - x);
            weights[i] = 1.0 / ((1.0 - x * x) * slope * slope);
        }
        Self { nodes, weights }
    }
}

/// The Legendre polynomial of degree n ≥ 1 and its derivative.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut before, mut now) = (1.0, x);
    for k in 2..=n {
        let k = k as f64;
        (before, now) = (now, ((2.0 * k - 1.0) * x * now - (k - 1.0) * before) / k);
    }
    (now, n as f64 * (x * now - before) / (x * x - 1.0))
}

/// Rules by number of nodes, made when they are first needed.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Option<Rule>>);

impl Rules {
    /// The rule that integrates polynomials of degree `d` without error.
    pub(super) fn for_degree(&mut self, d: usize) -> &Rule {
        let n = d / 2 + 1;
        if self.0.len() <= n {
            self.0.resize(n + 1, None);
        }
        self.0[n].get_or_insert_with(|| Rule::new(n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_integrated_without_error() {
        let mut rules = Rules::default();
        for d in [0, 1, 2, 5, 17, 40, 121] {
            let rule = rules.for_degree(d).clone();
            for power in [0, d / 2, d] {
                let sum: f64 =
                    rule.nodes.iter().zip(&rule.weights).map(|(t, w)| w * t.powi(power as i32)).sum();
                assert!((sum * (power as f64 + 1.0) - 1.0).abs() < 1e-12, "degree {d}, power {power}: {sum}");
            }
        }
    }
}
