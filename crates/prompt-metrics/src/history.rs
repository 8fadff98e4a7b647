//! What a training run did, epoch by epoch: the material of curves and of advice.

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::check;

/// What kind of model was trained: advice depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Linear models over sparse text features.
    Linear,
    /// Trees, forests, boosting.
    Trees,
    /// Convolutional networks.
    Cnn,
    /// Recurrent networks: LSTM, GRU, one- or two-way.
    Lstm,
    /// Transformers trained from nothing, and hybrids with them.
    Transformer,
    /// Pretrained encoders that are fine-tuned.
    Encoder,
}

/// One epoch (or boosting round).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Epoch {
    /// Its number, from 1.
    pub epoch: usize,
    /// Mean loss of the training rows.
    pub train_loss: f64,
    /// Mean loss of the validation rows.
    pub validation_loss: Option<f64>,
    /// The metric on the validation rows.
    pub metric: Option<f64>,
    /// The learning rate at its end.
    pub learning_rate: Option<f64>,
    /// The gradient's norm before clipping, averaged over the epoch's steps.
    pub gradient_norm: Option<f64>,
    /// How long it took.
    pub seconds: Option<f64>,
}

/// A training run.
///
/// ```
/// use prompt_metrics::{Epoch, Family, History};
/// let epochs = [(0.9, 0.95, 0.60), (0.5, 0.60, 0.82), (0.3, 0.55, 0.90), (0.1, 0.70, 0.88)];
/// let epochs = epochs.iter().enumerate().map(|(i, &(train, validation, f1))| Epoch {
///     epoch: i + 1,
///     train_loss: train,
///     validation_loss: Some(validation),
///     metric: Some(f1),
///     ..Epoch::default()
/// });
/// let run = History::new("cnn", Family::Cnn, "macro F1", epochs.collect())?;
/// assert_eq!(run.best().map(|b| (b.epoch, b.value)), Some((3, 0.90)));
/// assert_eq!(run.epochs_to(0.9), Some(2)); // 0.82 is above 90% of the best
/// assert!(run.gap().is_some_and(|gap| (gap - 0.6).abs() < 1e-12));
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The model.
    pub name: String,
    /// Its family.
    pub family: Family,
    /// What `metric` is, e.g. `macro F1`; higher is better.
    pub metric: String,
    /// The epochs, in order.
    pub epochs: Vec<Epoch>,
}

/// The best epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its number.
    pub epoch: usize,
    /// The metric there.
    pub value: f64,
}

/// Epochs over which the loss is said to waver.
pub(crate) const WINDOW: usize = 3;

impl History {
    /// A run with one or more epochs.
    ///
    /// # Errors
    /// No epochs, numbers of epochs that do not rise, numbers that are not finite, negative learning rates, norms or times.
    pub fn new(name: &str, family: Family, metric: &str, epochs: Vec<Epoch>) -> Result<Self> {
        if epochs.is_empty() {
            return Err(Error::input(format!("the run of `{name}` has no epochs"), "give at least one"));
        }
        if let Some(pair) = epochs.windows(2).find(|pair| pair[1].epoch <= pair[0].epoch) {
            return Err(Error::input(
                format!("epoch {} of `{name}` follows epoch {}", pair[1].epoch, pair[0].epoch),
                "give epochs in order, each once",
            ));
        }
        for e in &epochs {
            let of = |what: &str| format!("{what} of epoch {} of `{name}`", e.epoch);
            check::finite(&of("the training loss"), &[e.train_loss])?;
            check::finite(&of("the validation loss"), e.validation_loss.as_slice())?;
            check::finite(&of("the metric"), e.metric.as_slice())?;
            for (what, value) in [
                ("the learning rate", e.learning_rate),
                ("the gradient norm", e.gradient_norm),
                ("the time", e.seconds),
            ] {
                check::finite(&of(what), value.as_slice())?;
                if value.is_some_and(|v| v < 0.0) {
                    return Err(Error::input(format!("{} is negative", of(what)), "it starts at 0"));
                }
            }
        }
        Ok(Self { name: name.to_owned(), family, metric: metric.to_owned(), epochs })
    }

    /// The first epoch with the highest metric; `None` without a metric.
    pub fn best(&self) -> Option<Best> {
        let values = self.epochs.iter().filter_map(|e| Some(Best { epoch: e.epoch, value: e.metric? }));
        values.reduce(|best, e| if e.value > best.value { e } else { best })
    }

    /// The first epoch whose metric reaches `share` of the best (0.9 is 90%).
    pub fn epochs_to(&self, share: f64) -> Option<usize> {
        let goal = share * self.best()?.value;
        self.epochs.iter().find(|e| e.metric.is_some_and(|m| m >= goal)).map(|e| e.epoch)
    }

    /// Validation loss less training loss at the last epoch that has both.
    pub fn gap(&self) -> Option<f64> {
        self.gaps().last().map(|&(_, gap)| gap)
    }

    /// Validation loss less training loss, epoch by epoch.
    pub fn gaps(&self) -> Vec<(usize, f64)> {
        self.epochs.iter().filter_map(|e| Some((e.epoch, e.validation_loss? - e.train_loss))).collect()
    }

    /// The loss that tells how training goes: that of the validation rows, else that of the training rows.
    pub fn losses(&self) -> Vec<(usize, f64)> {
        let validation: Vec<(usize, f64)> =
            self.epochs.iter().filter_map(|e| Some((e.epoch, e.validation_loss?))).collect();
        if validation.is_empty() {
            return self.epochs.iter().map(|e| (e.epoch, e.train_loss)).collect();
        }
        validation
    }

    /// Standard deviation of the [`losses`](Self::losses) over three epochs at a time, at the last of them.
    pub fn rolling_deviation(&self) -> Vec<(usize, f64)> {
        self.losses()
            .windows(WINDOW)
            .map(|w| {
                let n = w.len() as f64;
                let mean = w.iter().map(|l| l.1).sum::<f64>() / n;
                let variance = w.iter().map(|l| (l.1 - mean).powi(2)).sum::<f64>() / (n - 1.0);
                (w[w.len() - 1].0, variance.sqrt())
            })
            .collect()
    }

    /// How much the loss wavers: the mean of |change of the change| from epoch to epoch over the second half of the run,
    /// relative to the mean loss there. 0 is a straight line; `None` with fewer than three epochs in that half.
    pub fn instability(&self) -> Option<f64> {
        let losses = self.losses();
        let half = &losses[losses.len() / 2..];
        let mean = half.iter().map(|l| l.1.abs()).sum::<f64>() / half.len() as f64;
        let bends: Vec<f64> = half.windows(3).map(|w| (w[2].1 - 2.0 * w[1].1 + w[0].1).abs()).collect();
        if bends.is_empty() || mean == 0.0 {
            return None;
        }
        Some(bends.iter().sum::<f64>() / bends.len() as f64 / mean)
    }

    /// Seconds of all epochs that were timed; `None` where none was.
    pub fn seconds(&self) -> Option<f64> {
        self.epochs.iter().filter_map(|e| e.seconds).reduce(|a, b| a + b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(losses: &[f64]) -> Result<History> {
        let epoch = |(i, &l): (usize, &f64)| Epoch { epoch: i + 1, train_loss: l, ..Epoch::default() };
        History::new("m", Family::Linear, "accuracy", losses.iter().enumerate().map(epoch).collect())
    }

    #[test]
    fn bad_runs_say_which() {
        assert!(run(&[]).unwrap_err().to_string().contains("`m` has no epochs"));
        let nan = run(&[0.5, f64::NAN]).unwrap_err().to_string();
        assert!(nan.contains("the training loss of epoch 2 of `m` holds NaN"), "{nan}");
        let twice = vec![Epoch { epoch: 3, ..Epoch::default() }; 2];
        let message = History::new("m", Family::Cnn, "f1", twice).unwrap_err().to_string();
        assert!(message.contains("epoch 3 of `m` follows epoch 3"), "{message}");
        let negative = Epoch { epoch: 1, seconds: Some(-1.0), ..Epoch::default() };
        let message = History::new("m", Family::Cnn, "f1", vec![negative]).unwrap_err().to_string();
        assert!(message.contains("the time of epoch 1 of `m` is negative"), "{message}");
    }

    #[test]
    fn a_straight_loss_is_stable_and_a_zigzag_is_not() {
        let straight = run(&[6.0, 5.0, 4.0, 3.0, 2.0, 1.0]).unwrap();
        assert_eq!(straight.instability(), Some(0.0));
        let zigzag = run(&[2.0, 1.0, 2.0, 1.0, 2.0, 1.0]).unwrap();
        assert!(zigzag.instability().unwrap() > 1.0);
        assert_eq!(zigzag.rolling_deviation().len(), 4);
        assert_eq!((run(&[1.0]).unwrap().instability(), run(&[1.0]).unwrap().best()), (None, None));
    }
}
