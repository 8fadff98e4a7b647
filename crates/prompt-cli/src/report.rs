//! `prompt report`: several runs side by side.

use std::process::ExitCode;

use prompt_models::core::{Error, FitContext, Result};
use prompt_models::data::write::{refuse_what_is_not_ours, write_folder};
use prompt_models::experiment::report::{runs_html, runs_svg};
use prompt_models::experiment::{RunTable, compare_runs};

use crate::args::Report;
use crate::out::outln;

pub(crate) fn run(args: &Report) -> Result<ExitCode> {
    if let Some(folder) = &args.output_dir {
        refuse_what_is_not_ours(folder)?;
    }
    let runs = compare_runs(&args.runs, &FitContext::default())?;
    let text = RunTable(&runs).to_string();
    let json = serde_json::to_string(&runs).map_err(|e| {
        Error::input(format!("the runs cannot be written as JSON: {e}"), "report this as a bug")
    })?;
    if let Some(folder) = &args.output_dir {
        let mut files = vec![
            ("report.txt", text.clone()),
            ("report.html", runs_html(&runs)),
            ("runs.json", format!("{json}\n")),
        ];
        files.extend(runs_svg(&runs).map(|svg| ("runs.svg", svg)));
        write_folder(folder, files.iter().map(|(name, content)| (*name, content.as_bytes())))?;
    }
    outln!("{}", if args.json { json.as_str() } else { text.trim_end() })?;
    Ok(ExitCode::SUCCESS)
}
