//! `prompt bench`.
use crate::args::Bench;
use prompt_models::core::{CancelToken, Result};
use std::process::ExitCode;

pub(crate) fn run(_args: &Bench, _stop: &CancelToken) -> Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
