//! The features of every fold, made once and kept as long as they fit.

use std::sync::{Arc, Mutex};

use prompt_core::Texts;
use prompt_core::{FitContext, FitTransform, Matrix, Result, Subset, TextEstimator, Transform, Union};
use prompt_data::split::Fold;

/// The features of one fold: fitted on its training rows, applied to both sides.
#[derive(Debug, Clone)]
pub struct FoldFeatures {
    /// Of the training rows.
    pub train: Matrix,
    /// Of the held-out rows.
    pub test: Matrix,
}

impl FoldFeatures {
    fn bytes(&self) -> usize {
        [&self.train, &self.test]
            .into_iter()
            .map(|m| match m {
                Matrix::Dense(m) => m.data().len() * 8,
                Matrix::Sparse(m) => m.nnz() * 8 + m.indptr().len() * 8,
            })
            .sum()
    }
}

/// Makes the features of folds, and keeps them while they fit a budget, so that several learners can share them.
pub struct FoldStore<'a> {
    texts: &'a dyn Texts,
    folds: &'a [Fold],
    features: Union<Box<dyn TextEstimator>>,
    budget: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    folds: Vec<Option<Arc<FoldFeatures>>>,
    bytes: usize,
    made: usize,
}

impl<'a> FoldStore<'a> {
    /// A store over the folds of some texts that keeps at most `budget` bytes of features.
    pub fn new(
        texts: &'a dyn Texts,
        folds: &'a [Fold],
        features: Union<Box<dyn TextEstimator>>,
        budget: usize,
    ) -> Self {
        let kept = Kept { folds: vec![None; folds.len()], ..Kept::default() };
        Self { texts, folds, features, budget, kept: Mutex::new(kept) }
    }

    /// The folds.
    pub fn folds(&self) -> &'a [Fold] {
        self.folds
    }

    /// How often features were made so far; a store that keeps everything makes each fold's once.
    pub fn made(&self) -> usize {
        self.kept.lock().map_or(0, |k| k.made)
    }

    /// Makes the features of the first folds, as many as are kept, so that nobody's time limit pays for them.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn warm(&self, ctx: &FitContext) -> Result<()> {
        for i in 0..self.folds.len() {
            self.get(i, ctx)?;
            let kept = self.kept.lock().is_ok_and(|k| k.folds[i].is_some());
            if !kept {
                break;
            }
        }
        Ok(())
    }

    /// The features of fold `i`.
    ///
    /// # Errors
    /// What the features cannot be fitted on, or a stop asked for through `ctx`.
    pub fn get(&self, i: usize, ctx: &FitContext) -> Result<Arc<FoldFeatures>> {
        if let Ok(kept) = self.kept.lock()
            && let Some(found) = &kept.folds[i]
        {
            return Ok(found.clone());
        }
        ctx.check()?;
        let fold = &self.folds[i];
        let (fitted, train) =
            ctx.install(|| self.features.fit_transform(&Subset::new(self.texts, &fold.train), &(), ctx))?;
        let test = ctx.install(|| fitted.transform(&Subset::new(self.texts, &fold.test)))?;
        let made = Arc::new(FoldFeatures { train, test });
        if let Ok(mut kept) = self.kept.lock() {
            kept.made += 1;
            if kept.bytes + made.bytes() <= self.budget {
                kept.bytes += made.bytes();
                kept.folds[i] = Some(made.clone());
            }
        }
        Ok(made)
    }
}
