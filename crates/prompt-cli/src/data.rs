//! `prompt data`.

use std::process::ExitCode;

use prompt_models::core::{CancelToken, FitContext, Result, Seed};
use prompt_models::data::Fields;
use prompt_models::data::read::ReadOptions;
use prompt_models::data::synth::{SynthParams, generate};
use prompt_models::data::validate::{Quality, Schema, Severity};
use prompt_models::data::write::WriteOptions;

use crate::args::{Data, DataCommand, label_map};
use crate::out::{bad_lines, outln, print};

pub(crate) fn run(args: &Data, threads: Option<usize>, stop: &CancelToken) -> Result<ExitCode> {
    match &args.command {
        DataCommand::Validate { file, target, json, strict, table: true, lines, .. } => {
            crate::tabular::validate(file, target.as_deref(), lines.bytes(), *json, *strict)
        }
        DataCommand::Validate {
            file, text, target, label_map: pairs, labels, json, strict, lines, ..
        } => {
            let mut fields = Fields::default();
            crate::fields::name(&mut fields, text.as_ref(), target.as_ref(), false)?;
            fields.label_map.extend(label_map(pairs)?);
            let loaded =
                ReadOptions { fields, max_line_bytes: lines.bytes(), ..ReadOptions::default() }.read(file)?;
            let mut schema = Schema::default();
            if !labels.is_empty() {
                schema.labels = Some(labels.clone());
            }
            let report =
                Quality::default().report(&loaded.dataset, &schema, &loaded.bad, &FitContext::default())?;
            if *json {
                let bad: Vec<String> = loaded.bad.iter().map(ToString::to_string).collect();
                outln!("{}", serde_json::json!({ "file": file, "bad_lines": bad, "quality": report }))?;
            } else {
                print(&format!(
                    "{}{report}\n",
                    bad_lines(loaded.bad.iter(), loaded.dataset.len(), loaded.cut)
                ))?;
            }
            let wrong = !loaded.bad.is_empty() || report.worst() >= Some(Severity::Error);
            Ok(if wrong && *strict { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        DataCommand::Summary(args) => crate::data_table::summary(args, threads, stop),
        DataCommand::Clean(args) => crate::data_table::clean(args, stop),
        DataCommand::Split(args) => crate::data_table::split(args),
        DataCommand::Generate { output, rows, noise, seed } => {
            let params = SynthParams::default().rows(*rows).noise(*noise);
            WriteOptions::default().write(&generate(&params, Seed::new(*seed))?, output)?;
            eprintln!("wrote {rows} synthetic prompts to {}", output.display());
            Ok(ExitCode::SUCCESS)
        }
    }
}
