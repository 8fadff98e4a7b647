//! `prompt data validate --table`: what the columns of a table hold, and what to look at.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::process::ExitCode;

use prompt_models::core::{Column, Result, Role};
use prompt_models::data::table::{Kind, LoadedTable, TableOptions};
use serde::Serialize;

use crate::out::{bad_lines, outln, print};

/// What a column holds.
#[derive(Serialize)]
struct Held {
    name: String,
    role: &'static str,
    kind: Kind,
    missing: usize,
    distinct: usize,
    /// The least and the largest of numbers; the first levels of categories.
    examples: Vec<String>,
}

pub(crate) fn validate(
    path: &Path,
    target: Option<&str>,
    max_line_bytes: usize,
    json: bool,
    strict: bool,
) -> Result<ExitCode> {
    let target = target.map(str::to_owned);
    let data = TableOptions { target, max_line_bytes, ..TableOptions::default() }.read(path)?;
    let columns: Vec<Held> =
        data.table.columns().map(|(name, role, column)| held(name, role, column)).collect();
    let findings = findings(&data, &columns);
    if json {
        let bad: Vec<String> = data.bad.iter().map(|b| b.error.to_string()).collect();
        let splits: BTreeMap<&str, usize> =
            data.splits.iter().flatten().fold(BTreeMap::new(), |mut counts, split| {
                *counts.entry(split.name()).or_default() += 1;
                counts
            });
        let rows = data.table.rows();
        outln!(
            "{}",
            serde_json::json!({ "file": path, "rows": rows, "bad_lines": bad, "cut": data.cut, "splits": splits,
                "columns": columns, "findings": findings })
        )?;
    } else {
        print(&shown(&data, &columns, &findings))?;
    }
    let wrong = !data.bad.is_empty() || !findings.is_empty();
    Ok(if wrong && strict { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn held(name: &str, role: Role, column: &Column) -> Held {
    const SHOWN: usize = 3;
    let (distinct, examples) = match column {
        Column::Number(values) => {
            let known = || values.iter().copied().filter(|v| !v.is_nan());
            let distinct: HashSet<u64> = known().map(f64::to_bits).collect();
            let ends = [known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max)];
            let shown = ends.into_iter().filter(|v| v.is_finite()).map(|v| v.to_string());
            (distinct.len(), shown.collect())
        }
        Column::Category { levels, .. } => (levels.len(), levels.iter().take(SHOWN).cloned().collect()),
        Column::Time(times) => (times.iter().flatten().collect::<HashSet<_>>().len(), Vec::new()),
        Column::Text(texts) => (texts.iter().flatten().collect::<HashSet<_>>().len(), Vec::new()),
        _ => (0, Vec::new()),
    };
    Held {
        name: name.to_owned(),
        role: match role {
            Role::Target => "target",
            _ => "feature",
        },
        kind: Kind::of(column),
        missing: column.missing(),
        distinct,
        examples,
    }
}

fn findings(data: &LoadedTable, columns: &[Held]) -> Vec<String> {
    let rows = data.table.rows();
    let mut found = data.notes.clone();
    // Of columns without any value the reader's notes speak.
    for column in columns.iter().filter(|c| c.missing < rows) {
        let name = &column.name;
        if column.distinct == 1 && rows > 1 {
            found.push(format!("column `{name}` is constant: it tells no row from another"));
        } else if 2 * column.missing > rows {
            found.push(format!("column `{name}` is missing in {} of {rows} rows", column.missing));
        } else if column.kind == Kind::Text && column.role == "feature" {
            found.push(format!("column `{name}` holds free text and is not learned from"));
        }
    }
    found
}

fn shown(data: &LoadedTable, columns: &[Held], findings: &[String]) -> String {
    let bad = data.bad.iter().map(|b| &b.error);
    let mut text = bad_lines(bad, data.table.rows(), data.cut);
    text += &format!(
        "{}: {} rows, {} columns, {} bad lines\n\n",
        data.path.display(),
        data.table.rows(),
        columns.len(),
        data.bad.len()
    );
    let width = columns.iter().map(|c| c.name.chars().count()).max().unwrap_or(0).max(6);
    text += &format!(
        "{:<width$}  {:<8}  {:<8}  {:>8}  {:>8}  examples\n",
        "column", "role", "kind", "missing", "distinct"
    );
    for c in columns {
        let kind = format!("{:?}", c.kind).to_lowercase();
        let examples = c.examples.join(if c.kind == Kind::Number { " to " } else { ", " });
        text += &format!(
            "{:<width$}  {:<8}  {kind:<8}  {:>8}  {:>8}  {examples}\n",
            c.name, c.role, c.missing, c.distinct
        );
    }
    if !findings.is_empty() {
        text += "\nto look at\n";
        findings.iter().for_each(|finding| text += &format!("  {finding}\n"));
    }
    text
}
