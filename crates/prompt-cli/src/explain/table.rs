//! Rows of a table explained, and a whole file.

use std::path::Path;
use std::process::ExitCode;

use prompt_models::LoadedModel;
use prompt_models::core::{Error, FitContext, Result};
use prompt_models::data::write::CsvWriter;
use prompt_models::explain::ExplainedRows;
use prompt_models::tabular::{TableSchema, TableScorer};
use serde_json::{Value, json};

use super::LISTED;
use crate::args::Explain;
use crate::out::outln;

pub(super) fn run(args: &Explain, model: &LoadedModel, ctx: &FitContext) -> Result<ExitCode> {
    let path = args.data.as_ref().ok_or_else(|| {
        Error::input(
            "no rows to explain",
            "name a file with --data and, for one row of it, its number with --row",
        )
    })?;
    let data = TableSchema::of_model(&model.manifest)?.options().read(path)?;
    crate::tabular::complain(&data);
    let rows = data.table.rows();
    let chosen = match args.row {
        Some(row) if row >= rows => {
            return Err(Error::param(
                "explain",
                "--row",
                format!("a number below {rows}, the rows of the file"),
                row,
            ));
        }
        Some(row) => vec![row],
        None => (0..rows).collect(),
    };
    let why = ExplainedRows::new(TableScorer::of(&*model.scorer)?, &data, &chosen, ctx)?;
    let output = why.output(args.class.as_deref())?;
    match args.row {
        Some(row) => one(args, row, &why, output),
        None => whole(args, &why, output),
    }
}

fn one(args: &Explain, row: usize, why: &ExplainedRows, output: usize) -> Result<ExitCode> {
    let (parts, values) = (why.row(0, output), why.values());
    let (name, base, margin) = (&values.outputs()[output], values.base()[output], values.margin(0, output));
    if args.json {
        outln!(
            "{}",
            json!({
                "row": row,
                "output": name,
                "base": base,
                "margin": margin,
                "way": why.way(),
                "contributions": parts,
            })
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    outln!("row {row}, {name}: margin {margin:+.5} = base {base:+.5} {:+.5}", margin - base)?;
    let widest = parts.first().map_or(0.0, |p| p.contribution.abs());
    for part in parts.iter().take(LISTED) {
        let bar = "█".repeat(((part.contribution.abs() / widest) * 24.0).round() as usize);
        let named = format!("{} = {}", part.column, part.value);
        outln!("  {:+.5}  {named:<40} {bar}", part.contribution)?;
    }
    if parts.len() > LISTED {
        let rest: f64 = parts.iter().skip(LISTED).map(|p| p.contribution).sum();
        outln!("  {rest:+.5}  {} more", parts.len() - LISTED)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn whole(args: &Explain, why: &ExplainedRows, output: usize) -> Result<ExitCode> {
    let (rows, most) = (why.rows().len(), why.importance());
    if let Some(dir) = &args.out {
        write(dir, why, output, &most)?;
    }
    if args.json {
        let parts: Vec<Value> =
            most.iter().map(|(name, v)| json!({ "column": name, "mean_absolute": v })).collect();
        outln!("{}", json!({ "rows": rows, "way": why.way(), "importance": parts }))?;
        return Ok(ExitCode::SUCCESS);
    }
    outln!("mean |contribution| over {rows} rows")?;
    let widest = most.first().map_or(0.0, |m| m.1);
    for (name, v) in most.iter().take(20).filter(|m| m.1 > 0.0) {
        outln!("  {v:.5}  {name:<32} {}", "█".repeat(((v / widest) * 24.0).round() as usize))?;
    }
    if let Some(dir) = &args.out {
        outln!("written to {}", dir.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The importances as a table, and pictures of the contributions to one margin.
fn write(dir: &Path, why: &ExplainedRows, output: usize, most: &[(String, f64)]) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(|e| Error::io("make", dir, e))?;
    let put = |name: &str, text: &[u8]| {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(|e| Error::io("write", path, e))
    };
    let mut csv = CsvWriter::new(Vec::new(), b',', true);
    let failed = |e: std::io::Error| Error::io("write", dir, e);
    csv.row(&["column".to_owned(), "mean_absolute_contribution".to_owned()]).map_err(failed)?;
    for (name, value) in most {
        csv.row(&[name.clone(), value.to_string()]).map_err(failed)?;
    }
    put("importance.csv", &csv.into_inner().map_err(failed)?)?;
    for (name, svg) in why.pictures(output)? {
        put(&name, svg.as_bytes())?;
    }
    Ok(())
}
