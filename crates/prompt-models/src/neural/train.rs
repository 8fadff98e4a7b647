//! One network on some rows.

use prompt_core::{Batch, FitContext, Prediction, Result, Subset, Target, Texts};

use super::{FittedNetwork, FurtherTask, Network, Traces};

/// Fits a network on rows of `texts`, whose targets are `y`, and predicts the held-out rows where there are some.
pub(crate) fn fit_rows(
    network: &Network,
    texts: &dyn Texts,
    (train, y): (&[usize], &Target),
    held_out: &[usize],
    (ctx, traces): (&FitContext, &Traces),
) -> Result<(FittedNetwork, Option<Prediction>)> {
    fit_rows_of_tasks(network, texts, (train, y, &[]), held_out, (ctx, traces))
}

/// The same with further targets of the same rows, each a head of its own; what is predicted is the first.
pub(crate) fn fit_rows_of_tasks(
    network: &Network,
    texts: &dyn Texts,
    (train, y, further): (&[usize], &Target, &[FurtherTask<'_>]),
    held_out: &[usize],
    (ctx, traces): (&FitContext, &Traces),
) -> Result<(FittedNetwork, Option<Prediction>)> {
    let fitted = network.fit_tasks(&Subset::new(texts, train), y, further, ctx, traces)?;
    let prediction = match held_out {
        [] => None,
        rows => {
            let rows = Subset::new(texts, rows);
            ctx.install(|| fitted.scorer.score(Batch::Texts(&rows)))?.into_iter().next()
        }
    };
    Ok((fitted, prediction))
}
