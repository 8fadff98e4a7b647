//! `prompt explain`.

mod paint;
mod table;

use std::process::ExitCode;

use prompt_models::core::{CancelToken, Error, FitContext, Result};
use prompt_models::explain::explain_text;
use prompt_models::tabular;

use crate::args::Explain;
use crate::out::{outln, print};

/// How many columns are listed.
const LISTED: usize = 12;

pub(crate) fn run(args: &Explain, threads: Option<usize>, stop: &CancelToken) -> Result<ExitCode> {
    let model = crate::model::open(&args.model, &args.registry.place)?;
    let mut ctx = FitContext::new(args.seed).with_cancel(stop.clone());
    if let Some(threads) = threads {
        ctx = ctx.threads(threads);
    }
    if model.manifest.task == tabular::TASK {
        return table::run(args, &model, &ctx);
    }
    let text = args.text.as_deref().ok_or_else(|| {
        Error::input(
            "no text to explain",
            "give it behind the options; rows of a file are for models of tables",
        )
    })?;
    let why = explain_text(&*model.scorer, text, args.class.as_deref(), &ctx)?;
    if let Some(path) = &args.html {
        std::fs::write(path, paint::page(text, &why)).map_err(|e| Error::io("write", path, e))?;
    }
    if args.json {
        outln!("{}", serde_json::to_value(&why).unwrap_or_default())?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&paint::terminal(text, &why, LISTED))?;
    if let Some(path) = &args.html {
        outln!("\nwritten to {}", path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
