//! `prompt run`.

use std::process::ExitCode;
use std::sync::Arc;

use prompt_models::core::{CancelToken, FitContext, Result};
use prompt_models::experiment::{Experiment, ExperimentConfig, ExperimentResults, ModelResult};
use prompt_models::platform::{Platform, PlatformConfig};
use prompt_registry::{ModelName, RegisterInfo, Registry};

use crate::args::Run;
use crate::out::print;
use crate::progress::Progress;

pub(crate) fn run(args: &Run, threads: Option<usize>, stop: &CancelToken) -> Result<ExitCode> {
    if PlatformConfig::is_one(&args.config)? {
        return table(args, threads, stop);
    }
    let mut config = ExperimentConfig::load(&args.config)?;
    if let Some(out) = &args.out {
        config.output.dir.clone_from(out);
    }
    config.output.legacy_names |= args.legacy_names;
    // The command line says it last.
    config.threads = threads.or(config.threads);
    // What could not be registered in the end is said before the work, not after it.
    let registry = match &config.output.registry {
        Some(place) => {
            ModelName::new(config.name.as_str())?;
            Some((place.clone(), Registry::open(place.as_path())?))
        }
        None => None,
    };
    let experiment = Experiment::new(config)?.fresh(args.fresh);
    // Held until the winner is registered, so that it is this run's.
    let lock = experiment.lock()?;
    let progress = Arc::new(Progress::new(args.quiet || args.json));
    let ctx = FitContext::default().with_cancel(stop.clone()).with_observer(progress.clone());
    let mut shown = 0;
    let results = experiment.run_locked(&lock, &ctx, |results| {
        progress.finish();
        shown = results.notes.len();
        print(&match args.json {
            true => format!("{}\n", serde_json::to_string(results).unwrap_or_default()),
            false => results.summary(),
        })
    });
    progress.finish();
    let results = results?;
    for note in results.notes.iter().skip(shown) {
        eprintln!("warning: {note}");
    }
    if let (Some((place, registry)), Some(best)) = (&registry, results.best())
        && !results.cancelled
    {
        let line = register(place, registry, &results, best)?;
        if !args.json {
            print(&line)?;
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

/// A configuration for a table.
fn table(args: &Run, threads: Option<usize>, stop: &CancelToken) -> Result<ExitCode> {
    let mut config = PlatformConfig::load(&args.config)?;
    if let Some(out) = &args.out {
        config.output.dir.clone_from(out);
    }
    config.threads = threads.or(config.threads);
    let registry = match &config.output.registry {
        Some(place) => Some((ModelName::new(config.name.as_str())?, Registry::open(place.as_path())?)),
        None => None,
    };
    let progress = Arc::new(Progress::new(args.quiet || args.json));
    let ctx = FitContext::default().with_cancel(stop.clone()).with_observer(progress.clone());
    let platform = Platform::new(config)?;
    // Held until the model is registered, so that it is this run's.
    let lock = platform.lock()?;
    let results = platform.run_locked(&lock, &ctx);
    progress.finish();
    let results = results?;
    if args.json {
        print(&format!("{}\n", serde_json::to_string(&results).unwrap_or_default()))?;
    } else {
        print(&results.to_string())?;
    }
    if let Some((name, registry)) = registry {
        let info = RegisterInfo {
            description: results.model.clone(),
            by: "prompt run".into(),
            ..RegisterInfo::default()
        };
        let dir = results.dir.join("model");
        let line = match registry.newest_if_same(name.as_str(), &dir)? {
            Some(version) => format!("Already registered as {}\n", version.reference()),
            None => {
                let version = registry.register(name.as_str(), &dir, info)?;
                format!("Registered as {}\n", version.reference())
            }
        };
        if !args.json {
            print(&line)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Registers the winner, where its newest version is another model, and says under which name and version.
fn register(
    place: &std::path::Path,
    registry: &Registry,
    results: &ExperimentResults,
    best: &ModelResult,
) -> Result<String> {
    let Some(dir) = &best.path else { return Ok(String::new()) };
    let info = RegisterInfo {
        description: format!("{} of experiment {}", best.model, results.name),
        by: "prompt run".into(),
        ..RegisterInfo::default()
    };
    if let Some(version) = registry.newest_if_same(&results.name, dir)? {
        return Ok(format!("Already registered as {} in {}\n", version.reference(), place.display()));
    }
    let version = registry.register(&results.name, dir, info)?;
    Ok(format!(
        "Registered as {} in {}; put it into production with: prompt registry --registry {} promote {}\n",
        version.reference(),
        place.display(),
        place.display(),
        version.reference()
    ))
}
