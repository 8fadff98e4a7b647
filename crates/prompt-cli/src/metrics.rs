//! `prompt metrics`: the predictions of any tool.

use std::collections::BTreeMap;
use std::process::ExitCode;

use prompt_models::core::{Classes, Dense, Error, Result};
use prompt_models::metrics::{ClassificationReport, RegressionReport};

use crate::args::Metrics;
use crate::out::outln;

pub(crate) fn run(args: &Metrics) -> Result<ExitCode> {
    let table = Columns::read(&args.file)?;
    let (json, text) = if args.regression {
        let report = RegressionReport::new(&table.numbers("y_true")?, &table.numbers("y_pred")?, None)?;
        (serde_json::to_string(&report), report.to_string())
    } else {
        let report = classification(&table)?;
        (serde_json::to_string(&report), report.to_string())
    };
    outln!("{}", if args.json { json.unwrap_or_default() } else { text })?;
    Ok(ExitCode::SUCCESS)
}

fn classification(table: &Columns) -> Result<ClassificationReport> {
    let (truth, predicted) = (table.column("y_true")?, table.column("y_pred")?);
    let with_probability = table.cells.keys().filter_map(|name| name.strip_prefix("p_"));
    let classes =
        Classes::sorted(truth.iter().chain(predicted).map(String::as_str).chain(with_probability.clone()));
    let probabilities = if with_probability.clone().next().is_some() {
        let mut matrix = Dense::zeros(truth.len(), classes.len());
        for name in with_probability {
            let column = table.numbers(&format!("p_{name}"))?;
            let at = classes.code(name).unwrap_or(0) as usize;
            column.iter().enumerate().for_each(|(row, p)| matrix.row_mut(row)[at] = *p);
        }
        Some(matrix)
    } else {
        None
    };
    ClassificationReport::new(
        &classes.encode(truth)?,
        &classes.encode(predicted)?,
        classes.names(),
        probabilities.as_ref(),
        None,
    )
}

/// A CSV by columns.
struct Columns {
    file: std::path::PathBuf,
    cells: BTreeMap<String, Vec<String>>,
}

impl Columns {
    fn read(file: &std::path::Path) -> Result<Self> {
        let bad = |e: csv::Error| {
            let line = e.position().map(csv::Position::line);
            Error::parse(
                file,
                line,
                None,
                e.to_string(),
                "give a CSV with y_true, y_pred and p_CLASS columns",
            )
        };
        let input = std::fs::File::open(file).map_err(|e| Error::io("read", file, e))?;
        let mut reader = csv::Reader::from_reader(input);
        let header: Vec<String> =
            reader.headers().map_err(bad)?.iter().map(|h| h.trim().to_owned()).collect();
        let mut columns = vec![Vec::new(); header.len()];
        for record in reader.records() {
            for (column, cell) in columns.iter_mut().zip(record.map_err(bad)?.iter()) {
                column.push(cell.to_owned());
            }
        }
        let mut cells = BTreeMap::new();
        for (name, column) in header.into_iter().zip(columns) {
            if cells.insert(name.clone(), column).is_some() {
                return Err(Error::parse(
                    file,
                    1,
                    None,
                    format!("column `{name}` is there twice"),
                    "rename one",
                ));
            }
        }
        Ok(Self { file: file.to_path_buf(), cells })
    }

    fn column(&self, name: &str) -> Result<&Vec<String>> {
        self.cells.get(name).ok_or_else(|| Error::unknown("column", name, self.cells.keys()))
    }

    fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        let number = |(row, cell): (usize, &String)| {
            cell.trim().parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(|| {
                let what = format!("column `{name}` holds `{cell}`");
                Error::parse(&self.file, row as u64 + 2, None, what, "a finite number is expected")
            })
        };
        self.column(name)?.iter().enumerate().map(number).collect()
    }
}
