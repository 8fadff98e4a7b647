//! How the rate moves.

/// The shape of the rate over the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// 1 after the warm-up.
    Constant,
    /// From 1 to 0 in a line.
    Linear,
    /// Half a cosine from 1 to 0.
    Cosine,
    /// 1, halved each time the validation loss stands still (see [`Plateau`]).
    Plateau,
}

impl Schedule {
    pub(crate) const NAMES: &'static [&'static str] = &["constant", "linear", "cosine", "plateau"];

    /// By name; the caller has checked it against [`NAMES`](Self::NAMES).
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "constant" => Self::Constant,
            "linear" => Self::Linear,
            "cosine" => Self::Cosine,
            _ => Self::Plateau,
        }
    }

    /// What the rate is multiplied by at step `step` (from 0) of `total`, the first `warmup` of which it rises.
    /// Equal to transformers' `get_*_schedule_with_warmup`.
    pub(crate) fn factor(self, step: usize, warmup: usize, total: usize) -> f64 {
        if step < warmup {
            return step as f64 / warmup as f64;
        }
        let left = (total - warmup.min(total)).max(1) as f64;
        let done = (step - warmup) as f64 / left;
        match self {
            Self::Constant | Self::Plateau => 1.0,
            Self::Linear => (1.0 - done).max(0.0),
            Self::Cosine => (0.5 * (1.0 + (std::f64::consts::PI * done).cos())).max(0.0),
        }
    }
}

/// PyTorch's `ReduceLROnPlateau` with factor ½, patience 1, threshold 10⁻⁴ relative, a smaller loss being better.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Plateau {
    factor: f64,
    best: Option<f64>,
    bad: usize,
}

impl Plateau {
    const PATIENCE: usize = 1;

    pub(crate) fn new() -> Self {
        Self { factor: 1.0, best: None, bad: 0 }
    }

    /// What the rate is multiplied by.
    pub(crate) fn factor(&self) -> f64 {
        self.factor
    }

    /// Takes the loss of an evaluation.
    pub(crate) fn observe(&mut self, loss: f64) {
        if self.best.is_none_or(|best| loss < best * (1.0 - 1e-4)) {
            self.best = Some(loss);
            self.bad = 0;
        } else {
            self.bad += 1;
        }
        if self.bad > Self::PATIENCE {
            self.factor *= 0.5;
            self.bad = 0;
        }
    }
}
