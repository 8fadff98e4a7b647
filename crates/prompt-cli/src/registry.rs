//! `prompt registry`.

use std::process::ExitCode;

use prompt_models::core::{Error, Result};
use prompt_registry::{ChangeNote, Filter, ModelName, ModelRef, RegisterInfo, Registry, Stage, Version};

use crate::args::{Registry as Arguments, RegistryCommand};
use crate::out::outln;

pub(crate) fn run(args: &Arguments) -> Result<ExitCode> {
    let place = &args.place.place;
    let makes_one = matches!(args.command, RegistryCommand::Register { .. });
    if !makes_one && !place.exists() {
        return Err(Error::input(
            format!("there is no registry {}", place.display()),
            "name it with --registry, or register a model first",
        ));
    }
    let registry = Registry::open(place)?;
    match &args.command {
        RegistryCommand::List { name, json } => {
            let filter = Filter { name: name.clone().map(ModelName::new).transpose()?, ..Filter::default() };
            let versions = registry.list(&filter)?;
            if *json {
                outln!("{}", serde_json::to_string(&versions).unwrap_or_default())?;
            } else {
                list(&versions)?;
            }
        }
        RegistryCommand::Register { name, dir, description } => {
            let info =
                RegisterInfo { description: description.clone(), by: who(), ..RegisterInfo::default() };
            outln!("registered {}", registry.register(name, dir, info)?.reference())?;
        }
        RegistryCommand::Promote { model, stage, reason } => {
            let model: ModelRef = model.parse()?;
            let stage: Stage = stage.parse()?;
            let version = registry.promote(&model, stage, &ChangeNote::new(who(), reason))?;
            outln!("{} is now {}", version.reference(), version.stage)?;
        }
        RegistryCommand::Rollback { name, to, reason } => {
            let version = registry.rollback(name, *to, &ChangeNote::new(who(), reason))?;
            outln!("{} is now {}", version.reference(), version.stage)?;
        }
        RegistryCommand::History { name } => {
            for entry in registry.history(name)? {
                outln!("{entry}")?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(versions: &[Version]) -> Result<()> {
    if versions.is_empty() {
        outln!("no models are registered")?;
        return Ok(());
    }
    outln!(
        "{:<24} {:>7}  {:<10}  {:<9}  {:>9}  {:>9}  description",
        "name",
        "version",
        "stage",
        "task",
        "f1_macro",
        "KiB"
    )?;
    for v in versions {
        let f1 = v.metrics.get("f1_macro").map_or("–".to_owned(), |f| format!("{f:.4}"));
        let synthetic = if v.synthetic { " (synthetic data)" } else { "" };
        outln!(
            "{:<24} {:>7}  {:<10}  {:<9}  {:>9}  {:>9}  {}{synthetic}",
            v.name.as_str(),
            v.version,
            v.stage.as_str(),
            v.task,
            f1,
            v.bytes / 1024,
            v.description
        )?;
    }
    Ok(())
}

/// The person at the keyboard, as far as the system tells.
fn who() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|v| std::env::var(v).ok())
        .unwrap_or_else(|| "unknown".into())
}
