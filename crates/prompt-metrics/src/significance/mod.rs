//! Whether a difference is more than chance: tests of two models, of many, and what many looks cost.
//!
//! | question | test |
//! |---|---|
//! | two classifiers on the same rows | [`mcnemar_exact`](crate::mcnemar_exact), [`permutation_test`], the paired bootstrap |
//! | two scores on the same rows | [`delong_paired`] |
//! | two regressors on the same rows | [`wilcoxon`] of their absolute errors |
//! | two learners over folds | [`corrected_resampled_t`], [`five_by_two_cv`] |
//! | many models over many data sets | [`friedman`], then [`nemenyi`] |
//! | many p-values at once | [`holm`], [`benjamini_hochberg`] |
//! | one answer in words | [`is_better`] |

mod better;
mod delong;
mod folds;
mod many;
mod permutation;
mod ranks;
mod studentized;

pub use better::{Evidence, Verdict, VerdictKind, is_better};
pub use delong::{AucDifference, delong, delong_paired};
pub use folds::{FoldTest, corrected_resampled_t, five_by_two_cv};
pub use many::{benjamini_hochberg, holm};
pub use permutation::{PermutationTest, paired_permutation, permutation_test};
pub use ranks::{Friedman, Nemenyi, Wilcoxon, friedman, nemenyi, wilcoxon};
