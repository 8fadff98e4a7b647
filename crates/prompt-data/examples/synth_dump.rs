//! Writes the synthetic security prompts as JSON Lines: `synth_dump [ROWS] [SEED]`.
//!
//! Its output is what the figures in the documentation of `prompt_data::synth` were measured on.

use std::io::Write;

use prompt_core::{Error, Result, Seed};
use prompt_data::synth::{SynthParams, generate};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1).map(|arg| {
        arg.parse::<usize>()
            .map_err(|e| Error::input(format!("`{arg}`: {e}"), "give ROWS and SEED as whole numbers"))
    });
    let rows = args.next().transpose()?.unwrap_or(6000);
    let seed = args.next().transpose()?.unwrap_or(42);
    let prompts = generate(&SynthParams::default().rows(rows), Seed::new(seed as u64))?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for prompt in prompts.iter() {
        let line = serde_json::json!({"text": prompt.text, "label": prompt.label, "source": prompt.source});
        writeln!(out, "{line}").map_err(|e| Error::io("write", "<stdout>", e))?;
    }
    out.flush().map_err(|e| Error::io("write", "<stdout>", e))
}
