//! Rows of a table explained, and a whole file.

use std::path::Path;
use std::process::ExitCode;

use prompt_models::LoadedModel;
use prompt_models::core::{Error, FitContext, Matrix, Names, Result, RowView, Seed, Transform};
use prompt_models::data::Split;
use prompt_models::data::write::CsvWriter;
use prompt_models::explain::{ShapValues, Way, explain};
use prompt_models::metrics::plot::{Contributions, contributions_svg, dependence_svg};
use prompt_models::tabular::{TableSchema, TableScorer};
use serde_json::{Value, json};

use super::LISTED;
use crate::args::Explain;
use crate::out::outln;

/// Background rows where a model needs some.
const BACKGROUND: usize = 100;

/// Rows of which a global importance is made, where a file has more.
const MOST_ROWS: usize = 2000;

pub(super) fn run(args: &Explain, model: &LoadedModel, ctx: &FitContext) -> Result<ExitCode> {
    let path = args.data.as_ref().ok_or_else(|| {
        Error::input(
            "no rows to explain",
            "name a file with --data and, for one row of it, its number with --row",
        )
    })?;
    let schema = TableSchema::of_model(&model.manifest)?;
    let data = schema.options().read(path)?;
    crate::tabular::complain(&data);
    let pipeline = TableScorer::of(&*model.scorer)?;
    let all = pipeline.prepare().transform(&data.table)?;
    let rows = data.table.rows();
    let train = data.rows_of(Split::Train);
    let pool = if train.is_empty() { (0..rows).collect() } else { train };
    let background = all.select_rows(&drawn(&pool, BACKGROUND, ctx.seed()));
    let names = pipeline.prepare().names();
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
        None => drawn(&(0..rows).collect::<Vec<_>>(), MOST_ROWS, ctx.seed()),
    };
    let x = all.select_rows(&chosen);
    let (values, way) = explain(pipeline.fitted(), &x, Some(&background), ctx)?;
    let output = output(args, &values)?;
    match args.row {
        Some(row) => one(args, row, (&x, &names), (&values, output, way)),
        None => whole(args, chosen.len(), (&x, &names), (&values, output, way)),
    }
}

/// Some of the rows, in their order.
fn drawn(rows: &[usize], most: usize, seed: Seed) -> Vec<usize> {
    let mut rows = rows.to_vec();
    if rows.len() > most {
        seed.derive("rows", 0).rng().shuffle(&mut rows);
        rows.truncate(most);
        rows.sort_unstable();
    }
    rows
}

/// The margin that is asked for: the last one, or that of a class.
fn output(args: &Explain, values: &ShapValues) -> Result<usize> {
    match &args.class {
        None => Ok(values.outputs().len().saturating_sub(1)),
        Some(class) => values
            .outputs()
            .iter()
            .position(|o| o == class)
            .ok_or_else(|| Error::unknown("class with a margin", class, values.outputs())),
    }
}

fn cell(row: RowView<'_>, column: usize) -> f64 {
    match row {
        RowView::Dense(row) => row.get(column).copied().unwrap_or(f64::NAN),
        RowView::Sparse { indices, values } => {
            indices.iter().position(|j| *j as usize == column).map_or(0.0, |at| f64::from(values[at]))
        }
    }
}

fn one(
    args: &Explain,
    row: usize,
    (x, names): (&Matrix, &Names),
    (values, output, way): (&ShapValues, usize, Way),
) -> Result<ExitCode> {
    let mut parts: Vec<(usize, f64)> = values.row(0, output).enumerate().filter(|(_, v)| *v != 0.0).collect();
    parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    if args.json {
        let parts: Vec<Value> = parts
            .iter()
            .map(|(j, v)| json!({ "column": names.get(*j), "value": cell(x.row(0), *j), "contribution": v }))
            .collect();
        outln!(
            "{}",
            json!({
                "row": row,
                "output": values.outputs()[output],
                "base": values.base()[output],
                "margin": values.margin(0, output),
                "way": way,
                "contributions": parts,
            })
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    outln!(
        "row {row}, {}: margin {:+.5} = base {:+.5} {:+.5}",
        values.outputs()[output],
        values.margin(0, output),
        values.base()[output],
        values.margin(0, output) - values.base()[output]
    )?;
    let widest = parts.first().map_or(0.0, |p| p.1.abs());
    for (j, v) in parts.iter().take(LISTED) {
        let bar = "█".repeat(((v.abs() / widest) * 24.0).round() as usize);
        let named = format!("{} = {}", names.get(*j), cell(x.row(0), *j));
        outln!("  {v:+.5}  {named:<40} {bar}")?;
    }
    if parts.len() > LISTED {
        let rest: f64 = parts.iter().skip(LISTED).map(|p| p.1).sum();
        outln!("  {rest:+.5}  {} more", parts.len() - LISTED)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn whole(
    args: &Explain,
    rows: usize,
    (x, names): (&Matrix, &Names),
    (values, output, way): (&ShapValues, usize, Way),
) -> Result<ExitCode> {
    let most = values.most_important(names, usize::MAX);
    if let Some(dir) = &args.out {
        write(dir, (x, names), (values, output), &most)?;
    }
    if args.json {
        let parts: Vec<Value> =
            most.iter().map(|(name, v)| json!({ "column": name, "mean_absolute": v })).collect();
        outln!("{}", json!({ "rows": rows, "way": way, "importance": parts }))?;
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

/// How many columns have a picture of their own.
const PICTURES: usize = 4;

/// The importances as a table, and pictures of the contributions to one margin.
fn write(
    dir: &Path,
    (x, names): (&Matrix, &Names),
    (values, output): (&ShapValues, usize),
    most: &[(String, f64)],
) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(|e| Error::io("make", dir, e))?;
    let put = |name: &str, text: &str| {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(|e| Error::io("write", path, e))
    };
    let mut csv = CsvWriter::new(Vec::new(), b',', true);
    let failed = |e: std::io::Error| Error::io("write", dir, e);
    csv.row(&["column".to_owned(), "mean_absolute_contribution".to_owned()]).map_err(failed)?;
    for (name, value) in most {
        csv.row(&[name.clone(), value.to_string()]).map_err(failed)?;
    }
    let bytes = csv.into_inner().map_err(failed)?;
    put("importance.csv", &String::from_utf8_lossy(&bytes))?;
    let columns: Vec<Contributions> = (0..x.cols())
        .filter(|j| values.column(*j, output).any(|v| v != 0.0))
        .map(|j| Contributions {
            name: names.get(j).into_owned(),
            values: (0..x.rows()).map(|i| cell(x.row(i), j)).collect(),
            contributions: values.column(j, output).collect(),
        })
        .collect();
    let margin = &values.outputs()[output];
    put("contributions.svg", &contributions_svg("What moves the margin", margin, &columns)?)?;
    let ranked = most.iter().filter_map(|(name, _)| columns.iter().find(|c| c.name == *name));
    for (rank, column) in ranked.take(PICTURES).enumerate() {
        let svg = dependence_svg(&column.name, margin, column)?;
        put(&format!("dependence-{}.svg", rank + 1), &svg)?;
    }
    Ok(())
}
