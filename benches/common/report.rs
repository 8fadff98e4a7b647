//! How a bench ends: its figures printed, or its error told.

use std::process::ExitCode;

use prompt_models::core::Result;
use serde::Serialize;

use super::table::Table;

/// Prints the machine, what was measured and the figures: as a table, or as one JSON object.
pub(crate) fn print(json: bool, machine: &str, what: &str, table: &Table, lines: &impl Serialize) {
    if json {
        let machine: Vec<&str> = machine.lines().collect();
        println!("{}", serde_json::json!({ "machine": machine, "what": what, "lines": lines }));
    } else {
        println!("{machine}\n{what}\n\n{table}");
    }
}

/// Tells an error as the programs of this workspace do.
pub(crate) fn exit_code(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
