//! `prompt metrics`: the predictions of any tool.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use prompt_models::core::{Classes, Dense, Error, FitContext, Result};
use prompt_models::metrics::fairness::{SliceColumn, length_bins};
use prompt_models::metrics::report::{File, Predictions, classification_files, regression_files};
use prompt_models::metrics::{ClassificationReport, RegressionReport};
use serde::Serialize;

use crate::args::Metrics;
use crate::out::outln;

/// Bins of a text's length.
const LENGTH_BINS: usize = 5;

pub(crate) fn run(args: &Metrics) -> Result<ExitCode> {
    let table = Columns::read(&args.file)?;
    let columns = slice_columns(args, &table)?;
    let title = args.file.file_stem().map_or_else(|| "predictions".into(), |s| s.to_string_lossy());
    if args.regression {
        let (truth, predicted) = (table.numbers("y_true")?, table.numbers("y_pred")?);
        if args.output_dir.is_none() && columns.is_empty() {
            let report = RegressionReport::new(&truth, &predicted, None)?;
            return finish(args, &report, &report.to_string(), &[]);
        }
        let (report, files) = regression_files(&title, &truth, &predicted, &columns, &FitContext::default())?;
        return finish(args, &report, text_of(&files), &files);
    }
    let rows = Rows::read(&table)?;
    if args.output_dir.is_none() && columns.is_empty() {
        let names = rows.classes.names();
        let report =
            ClassificationReport::new(&rows.truth, &rows.predicted, names, rows.proba.as_ref(), None)?;
        return finish(args, &report, &report.to_string(), &[]);
    }
    let predictions = Predictions {
        y_true: &rows.truth,
        y_pred: &rows.predicted,
        classes: rows.classes.names(),
        proba: rows.proba.as_ref(),
        columns: &columns,
    };
    let (report, files) = classification_files(&title, &predictions, &FitContext::default())?;
    finish(args, &report, text_of(&files), &files)
}

/// Prints the report, and writes its files where a folder was named.
fn finish(args: &Metrics, report: &impl Serialize, text: &str, files: &[File]) -> Result<ExitCode> {
    let json = serde_json::to_string(report).unwrap_or_default();
    if let Some(folder) = &args.output_dir {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
        for file in files {
            write(&folder.join(&file.name), &file.content)?;
        }
        write(&folder.join("metrics.json"), &format!("{json}\n"))?;
    }
    outln!("{}", if args.json { json.as_str() } else { text })?;
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, content: &str) -> Result<()> {
    std::fs::write(path, content).map_err(|e| Error::io("write", path, e))
}

fn text_of(files: &[File]) -> &str {
    files.iter().find(|f| f.name == "report.txt").map_or("", |f| f.content.as_str())
}

fn slice_columns(args: &Metrics, table: &Columns) -> Result<Vec<SliceColumn>> {
    let mut columns = Vec::new();
    for name in &args.group {
        columns.push(SliceColumn { name: name.clone(), of_row: table.column(name)?.clone() });
    }
    if let Some(name) = &args.text {
        let lengths: Vec<usize> = table.column(name)?.iter().map(|t| t.chars().count()).collect();
        let bins = length_bins(&lengths, LENGTH_BINS)?;
        columns.push(SliceColumn { name: format!("characters of {name}"), ..bins });
    }
    Ok(columns)
}

/// Labels as indices into the classes, and probabilities in their order.
struct Rows {
    classes: Classes,
    truth: Vec<u32>,
    predicted: Vec<u32>,
    proba: Option<Dense>,
}

impl Rows {
    fn read(table: &Columns) -> Result<Self> {
        let (truth, predicted) = (table.column("y_true")?, table.column("y_pred")?);
        let with_probability = table.cells.keys().filter_map(|name| name.strip_prefix("p_"));
        let classes = Classes::sorted(
            truth.iter().chain(predicted).map(String::as_str).chain(with_probability.clone()),
        );
        let proba = if with_probability.clone().next().is_some() {
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
        Ok(Self { truth: classes.encode(truth)?, predicted: classes.encode(predicted)?, classes, proba })
    }
}

/// A CSV by columns.
struct Columns {
    file: std::path::PathBuf,
    cells: BTreeMap<String, Vec<String>>,
}

impl Columns {
    fn read(file: &Path) -> Result<Self> {
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
