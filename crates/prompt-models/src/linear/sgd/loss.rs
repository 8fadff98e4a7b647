//! What a wrong margin or value costs, and which way is down.

use serde::{Deserialize, Serialize};

/// What stochastic gradient descent minimises for a row, by its margin or value z and its target y (±1 for classes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SgdLoss {
    /// max(0, 1 − y·z): a linear support vector machine.
    Hinge,
    /// max(0, 1 − y·z)²
    SquaredHinge,
    /// max(0, −y·z): the perceptron.
    Perceptron,
    /// ln(1 + exp(−y·z)): logistic regression.
    LogLoss,
    /// max(0, 1 − y·z)² where y·z ≥ −1, else −4·y·z: a squared hinge that outliers pull no harder than a line.
    ModifiedHuber,
    /// ½·(z − y)²
    SquaredError,
    /// ½·(z − y)² within ε of y, else ε·|z − y| − ½·ε².
    Huber,
    /// max(0, |z − y| − ε)
    EpsilonInsensitive,
    /// max(0, |z − y| − ε)²
    SquaredEpsilonInsensitive,
}

/// A loss with its ε.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) loss: SgdLoss,
    pub(super) epsilon: f64,
}

impl Cost {
    /// The cost of z.
    pub(super) fn of(self, z: f64, y: f64) -> f64 {
        let far = (z - y).abs();
        match self.loss {
            SgdLoss::Hinge => (1.0 - y * z).max(0.0),
            SgdLoss::SquaredHinge => (1.0 - y * z).max(0.0).powi(2),
            SgdLoss::Perceptron => (-y * z).max(0.0),
            SgdLoss::LogLoss => {
                let m = y * z;
                if m < 0.0 { m.exp().ln_1p() - m } else { (-m).exp().ln_1p() }
            }
            SgdLoss::ModifiedHuber if y * z < -1.0 => -4.0 * y * z,
            SgdLoss::ModifiedHuber => (1.0 - y * z).max(0.0).powi(2),
            SgdLoss::SquaredError => 0.5 * far * far,
            SgdLoss::Huber if far <= self.epsilon => 0.5 * far * far,
            SgdLoss::Huber => self.epsilon * far - 0.5 * self.epsilon * self.epsilon,
            SgdLoss::EpsilonInsensitive => (far - self.epsilon).max(0.0),
            SgdLoss::SquaredEpsilonInsensitive => (far - self.epsilon).max(0.0).powi(2),
        }
    }

    /// Its derivative by z, from below where there is a corner (a hinge counts as violated on its corner).
    pub(super) fn slope(self, z: f64, y: f64) -> f64 {
        let (m, far) = (y * z, z - y);
        match self.loss {
            SgdLoss::Hinge if m <= 1.0 => -y,
            SgdLoss::Perceptron if m <= 0.0 => -y,
            SgdLoss::SquaredHinge | SgdLoss::ModifiedHuber if m >= 1.0 => 0.0,
            SgdLoss::ModifiedHuber if m < -1.0 => -4.0 * y,
            SgdLoss::SquaredHinge | SgdLoss::ModifiedHuber => -2.0 * y * (1.0 - m),
            SgdLoss::LogLoss => -y / (1.0 + m.exp()),
            SgdLoss::SquaredError => far,
            SgdLoss::Huber => far.clamp(-self.epsilon, self.epsilon),
            SgdLoss::EpsilonInsensitive if far.abs() > self.epsilon => far.signum(),
            SgdLoss::SquaredEpsilonInsensitive if far.abs() > self.epsilon => {
                2.0 * (far.abs() - self.epsilon) * far.signum()
            }
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_the_derivatives_of_the_costs() {
        use SgdLoss::*;
        for loss in [
            Hinge,
            SquaredHinge,
            Perceptron,
            LogLoss,
            ModifiedHuber,
            SquaredError,
            Huber,
            EpsilonInsensitive,
            SquaredEpsilonInsensitive,
        ] {
            let cost = Cost { loss, epsilon: 0.4 };
            for y in [-1.0, 1.0] {
                // No corner lies on these places.
                for z in (-40..40).map(|i| 0.1 * f64::from(i) + 0.033) {
                    let h = 1e-6;
                    let numeric = (cost.of(z + h, y) - cost.of(z - h, y)) / (2.0 * h);
                    assert!((numeric - cost.slope(z, y)).abs() < 1e-6, "{loss:?} at {z}, {y}");
                }
            }
        }
    }
}
