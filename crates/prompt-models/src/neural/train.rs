//! One network on some rows.

use prompt_core::{Batch, FitContext, Prediction, Result, Subset, Target, Texts};

use super::{FittedNetwork, Network, Traces};

/// Fits a network on rows of `texts`, whose targets are `y`, and predicts the held-out rows where there are some.
pub(crate) fn fit_rows(
    network: &Network,
    texts: &dyn Texts,
    (train, y): (&[usize], &Target),
    held_out: &[usize],
    (ctx, traces): (&FitContext, &Traces),
) -> Result<(FittedNetwork, Option<Prediction>)> {
    let fitted = network.fit(&Subset::new(texts, train), y, ctx, traces)?;
    let prediction = match held_out {
        [] => None,
        rows => {
            let rows = Subset::new(texts, rows);
            ctx.install(|| fitted.scorer.score(Batch::Texts(&rows)))?.into_iter().next()
        }
    };
    Ok((fitted, prediction))
}
