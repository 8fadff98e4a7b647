//! The tables: the synthetic ones of the benchmark data, and the real ones with their splits.

use std::io::Read;
use std::path::Path;

use prompt_models::core::{Dense, Error, Matrix, Result};
use prompt_models::data::read::open_bytes;

/// Rows to learn from and rows to judge by.
pub(crate) struct Table {
    pub(crate) train: Part,
    pub(crate) test: Part,
}

/// Rows, and their targets as they were written.
pub(crate) struct Part {
    pub(crate) x: Matrix,
    pub(crate) target: Vec<String>,
}

impl Part {
    /// The targets as numbers.
    pub(crate) fn numbers(&self) -> Result<Vec<f64>> {
        self.target
            .iter()
            .map(|t| number(t).ok_or_else(|| bad(&format!("target `{t}` is no number"))))
            .collect()
    }
}

fn bad(what: &str) -> Error {
    Error::input(what, "check the table, or make the benchmark data again")
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// A CSV file without quotes: its header and its rows.
struct Csv {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Csv {
    fn read(path: &Path) -> Result<Self> {
        let mut text = String::new();
        open_bytes(path)?.read_to_string(&mut text).map_err(|e| Error::io("read", path, e))?;
        let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<String>>();
        let mut lines = text.lines();
        let header = cells(lines.next().unwrap_or_default());
        let rows: Vec<Vec<String>> = lines.map(cells).collect();
        match rows.iter().position(|r| r.len() != header.len()) {
            Some(at) => {
                Err(bad(&format!("{}: row {} has another width than the header", path.display(), at + 1)))
            }
            None => Ok(Self { header, rows }),
        }
    }
}

/// `clf` or `reg` of the benchmark data: the first `train` rows to learn from. Numbers are read as 32-bit floats, as the
/// peers read them.
pub(crate) fn synthetic(folder: &Path, name: &str, train: usize) -> Result<Table> {
    let csv = Csv::read(&folder.join(format!("{name}.csv")))?;
    let columns = csv.header.len().saturating_sub(1);
    let part = |rows: &[Vec<String>]| -> Result<Part> {
        let mut data = Vec::with_capacity(rows.len() * columns);
        for cell in rows.iter().flat_map(|r| &r[..columns]) {
            let v: f32 = cell.parse().map_err(|_| bad(&format!("`{cell}` in {name} is no number")))?;
            data.push(f64::from(v));
        }
        let target = rows.iter().map(|r| r[columns].clone()).collect();
        Ok(Part { x: Dense::new(rows.len(), columns, data)?.into(), target })
    };
    let train = train.min(csv.rows.len());
    Ok(Table { train: part(&csv.rows[..train])?, test: part(&csv.rows[train..])? })
}

/// A real table with columns `target` and `split`: train rows to learn from, validation rows to judge by. Words are
/// codes, marked as categories where `native`.
pub(crate) fn real(folder: &Path, name: &str, native: bool) -> Result<Table> {
    let csv = Csv::read(&folder.join(format!("{name}.csv.gz")))?;
    let place = |wanted: &str| {
        let found = csv.header.iter().position(|h| h == wanted);
        found.ok_or_else(|| bad(&format!("{name} has no column `{wanted}`")))
    };
    let (target, split) = (place("target")?, place("split")?);
    let (mut columns, mut levels) = (Vec::new(), Vec::new());
    for j in (0..csv.header.len()).filter(|j| *j != target && *j != split) {
        let cells: Vec<&str> = csv.rows.iter().map(|r| r[j].as_str()).collect();
        let words = cells.iter().any(|c| !c.is_empty() && number(c).is_none());
        if words {
            let known: Vec<&str> =
                cells.iter().copied().collect::<std::collections::BTreeSet<_>>().into_iter().collect();
            columns.push(cells.iter().map(|c| known.partition_point(|k| k < c) as f64).collect::<Vec<f64>>());
            levels.push(if native { known.len() as u32 } else { 0 });
        } else {
            columns.push(cells.iter().map(|c| number(c).unwrap_or(f64::NAN)).collect());
            levels.push(0);
        }
    }
    let part = |wanted: &str| -> Result<Part> {
        let rows: Vec<usize> = (0..csv.rows.len()).filter(|&i| csv.rows[i][split] == wanted).collect();
        let data = rows.iter().flat_map(|&i| columns.iter().map(move |c| c[i])).collect();
        let x = Dense::new(rows.len(), columns.len(), data)?.with_categorical(levels.clone())?;
        Ok(Part { x: x.into(), target: rows.iter().map(|&i| csv.rows[i][target].clone()).collect() })
    };
    Ok(Table { train: part("train")?, test: part("validation")? })
}
