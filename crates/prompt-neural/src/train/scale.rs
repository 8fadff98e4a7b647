//! Loss scaling for gradients in f16 (PyTorch's `GradScaler`): what is below 6·10⁻⁸ there is zero.
//!
//! The gradient of the loss is multiplied by s on its way in, those of the parameters are divided by it. A gradient that is not
//! finite leaves the numbers as they are and halves s; 2,000 good ones in a row double it.

use serde::{Deserialize, Serialize};

use crate::products::Products;

const FIRST: f64 = 65_536.0;
/// PyTorch has no end. With this one gradients down to 2⁻⁴⁸ are no zero in f16, and what is smaller moves nothing.
const MOST: f64 = 16_777_216.0;
const PATIENCE: usize = 2_000;

/// s, and the good gradients since it last changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LossScale {
    scale: f64,
    good: usize,
    moves: bool,
}

impl LossScale {
    /// 1 for ever where gradients need none.
    pub(crate) fn of(products: Products) -> Self {
        let moves = products == Products::F16;
        Self { scale: if moves { FIRST } else { 1.0 }, good: 0, moves }
    }

    /// s.
    pub(crate) fn factor(&self) -> f64 {
        self.scale
    }

    /// Takes note of a gradient that is finite.
    pub(crate) fn good(&mut self) {
        self.good += 1;
        if self.moves && self.good == PATIENCE {
            self.scale = (2.0 * self.scale).min(MOST);
            self.good = 0;
        }
    }

    /// Takes note of one that is not; whether a smaller s may help.
    pub(crate) fn overflow(&mut self) -> bool {
        self.good = 0;
        let helps = self.moves && self.scale > 1.0;
        if helps {
            self.scale /= 2.0;
        }
        helps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_halves_at_once_and_doubles_late() {
        let mut scale = LossScale::of(Products::F16);
        assert!(scale.overflow() && scale.overflow());
        assert_eq!(scale.factor(), 16_384.0);
        (0..PATIENCE - 1).for_each(|_| scale.good());
        assert_eq!(scale.factor(), 16_384.0);
        scale.good();
        assert_eq!(scale.factor(), 32_768.0);
        (0..20 * PATIENCE).for_each(|_| scale.good());
        assert_eq!(scale.factor(), MOST);
        assert_eq!((0..100).filter(|_| scale.overflow()).count(), 24, "down to 1, where it no longer helps");
        assert_eq!(scale.factor(), 1.0);
    }

    #[test]
    fn other_types_have_none() {
        for products in [Products::F32, Products::Bf16] {
            let mut scale = LossScale::of(products);
            (0..2 * PATIENCE).for_each(|_| scale.good());
            assert_eq!(scale.factor(), 1.0);
            assert!(!scale.overflow());
        }
    }
}
