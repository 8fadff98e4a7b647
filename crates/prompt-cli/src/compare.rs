//! `prompt compare`.

use std::process::ExitCode;

use prompt_models::compare::{CompareOptions, compare};
use prompt_models::core::{CancelToken, Result};

use crate::args::Compare;
use crate::out::outln;
use crate::progress::Progress;

pub(crate) fn run(args: &Compare, stop: &CancelToken) -> Result<ExitCode> {
    let target = (args.target.as_str(), args.target_kind);
    let data = crate::tabular::read(&args.data, target, &args.table, (args.strict, args.lines))?;
    let options = CompareOptions {
        task: crate::tabular::task(args.target_kind),
        models: args.models.clone(),
        folds: args.folds,
        folding: args.folding.folding(),
        metrics: args.metrics.clone(),
        timeout_s: args.timeout_s,
        max_rows: args.max_rows,
        prepare: args.table.steps.prepare()?,
    };
    let (progress, ctx) = Progress::of_fit(args.json, args.seed, None, stop);
    let compared = compare(&data, &options, &ctx);
    progress.finish();
    let compared = compared?;
    if args.json {
        outln!("{}", serde_json::to_value(&compared).unwrap_or_default())?;
    } else {
        outln!("{compared}")?;
    }
    if let Some(path) = &args.plot {
        crate::out::picture(path, &compared.picture("Learners by cross-validation", None)?)?;
    }
    let none = compared.models.iter().all(|m| m.scores.is_empty());
    Ok(if none { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
