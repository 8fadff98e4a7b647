//! `prompt run`.

use std::process::ExitCode;
use std::sync::Arc;

use prompt_models::core::{CancelToken, FitContext, Result};
use prompt_models::experiment::{Experiment, ExperimentConfig, ExperimentResults, ModelResult};
use prompt_registry::{RegisterInfo, Registry};

use crate::args::Run;
use crate::progress::Progress;

pub(crate) fn run(args: &Run, stop: &CancelToken) -> Result<ExitCode> {
    let mut config = ExperimentConfig::load(&args.config)?;
    if let Some(out) = &args.out {
        config.output.dir.clone_from(out);
    }
    config.output.legacy_names |= args.legacy_names;
    let registry = config.output.registry.clone();
    let experiment = Experiment::new(config)?;
    if args.fresh {
        experiment.forget()?;
    }
    let progress = Arc::new(Progress::new(args.quiet || args.json));
    let ctx = FitContext::default().with_cancel(stop.clone()).with_observer(progress.clone());
    let results = experiment.run(&ctx);
    progress.finish();
    let results = results?;
    let registered = match (&registry, results.best()) {
        (Some(place), Some(best)) if !results.cancelled => Some(register(place, &results, best)?),
        _ => None,
    };
    if args.json {
        println!("{}", serde_json::to_string(&results).unwrap_or_default());
    } else {
        print!("{}", results.summary());
        if let Some(line) = registered {
            println!("{line}");
        }
    }
    Ok(if results.cancelled {
        ExitCode::from(130)
    } else if results.best.is_none() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Registers the winner and says under which name and version.
fn register(place: &std::path::Path, results: &ExperimentResults, best: &ModelResult) -> Result<String> {
    let Some(dir) = &best.path else { return Ok(String::new()) };
    let info = RegisterInfo {
        description: format!("{} of experiment {}", best.model, results.name),
        by: "prompt run".into(),
        ..RegisterInfo::default()
    };
    let version = Registry::open(place)?.register(&results.name, dir, info)?;
    Ok(format!(
        "Registered as {} in {}; put it into production with: prompt registry --registry {} promote {}",
        version.reference(),
        place.display(),
        place.display(),
        version.reference()
    ))
}
