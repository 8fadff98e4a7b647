//! Predictions that any tool wrote into a CSV, for `prompt metrics` and whoever wants them in Rust.
//!
//! | column | what it holds |
//! |---|---|
//! | `y_true`, `y_pred` | a label each, or a number each |
//! | `p_CLASS` | the probability of that class; one column a class, each row summing to one |
//! | any other | what rows are sliced by, weighed with or shown with |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use prompt_core::{Classes, Dense, Error, Result};
use prompt_data::read::{open_bytes, read_error};
use prompt_metrics::fairness::{SliceColumn, length_bins};

/// A matrix of more classes than this would not be read by anyone, and holds their number squared.
const MOST_CLASSES: usize = 4096;
/// More different numbers than this are no classes.
const FEW_NUMBERS: usize = 100;
/// Bins of a text's length.
const LENGTH_BINS: usize = 5;
/// By so much a row's probabilities may miss a sum of one: tools print four decimals.
const SUM_TOLERANCE: f64 = 1e-3;

/// A CSV of predictions, by columns. Compressed files (.gz) are read as they are; cells are taken without the spaces
/// around them.
///
/// ```
/// use prompt_models::predictions::Predicted;
/// let csv = "y_true,y_pred,p_ham,p_spam\nham,ham,0.9,0.1\nspam, ham,0.6,0.4\n";
/// let file = Predicted::from_bytes("mail.csv", csv.as_bytes())?;
/// let rows = file.classes()?;
/// assert_eq!((rows.truth, rows.predicted), (vec![0, 1], vec![0, 0]));
/// assert_eq!(rows.proba.unwrap().row(1), [0.6, 0.4]);
/// # Ok::<(), prompt_models::core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Predicted {
    file: PathBuf,
    cells: BTreeMap<String, Vec<String>>,
    /// The line of each row.
    lines: Vec<u64>,
}

/// Labels as indices into the classes, and probabilities in their order.
#[derive(Debug, Clone)]
pub struct PredictedClasses {
    /// The classes, by name.
    pub classes: Classes,
    /// The true class of each row.
    pub truth: Vec<u32>,
    /// The predicted class of each row.
    pub predicted: Vec<u32>,
    /// Probabilities, rows × classes, where the file has them.
    pub proba: Option<Dense>,
    /// What a person should know of how the columns were read.
    pub notes: Vec<String>,
}

impl Predicted {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, rows of another length than the header, a name that is there twice, no rows.
    pub fn read(file: impl AsRef<Path>) -> Result<Self> {
        Self::from_reader(file.as_ref(), open_bytes(file.as_ref())?)
    }

    /// Reads bytes, under the name by which errors call them.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_bytes(name: impl AsRef<Path>, bytes: &[u8]) -> Result<Self> {
        Self::from_reader(name.as_ref(), bytes)
    }

    fn from_reader(file: &Path, input: impl std::io::Read) -> Result<Self> {
        let expected = "give a CSV with y_true, y_pred and p_CLASS columns";
        let bad = |e: csv::Error| {
            let line = e.position().map(csv::Position::line);
            match e.into_kind() {
                csv::ErrorKind::Io(e) => read_error(file, line.unwrap_or(1), e),
                kind => Error::parse(file, line, None, csv_message(&kind), expected),
            }
        };
        let mut reader = csv::Reader::from_reader(input);
        let header: Vec<String> = reader
            .headers()
            .map_err(bad)?
            .iter()
            .map(|h| h.trim_start_matches('\u{feff}').trim().to_owned())
            .collect();
        let (mut columns, mut lines) = (vec![Vec::new(); header.len()], Vec::new());
        for record in reader.records() {
            let record = record.map_err(bad)?;
            lines.push(record.position().map_or(0, csv::Position::line));
            for (column, cell) in columns.iter_mut().zip(record.iter()) {
                column.push(cell.trim().to_owned());
            }
        }
        if lines.is_empty() {
            return Err(Error::parse(file, None, None, "there are no rows below the header", expected));
        }
        let mut cells = BTreeMap::new();
        for (name, column) in header.into_iter().zip(columns) {
            if cells.insert(name.clone(), column).is_some() {
                let what = format!("column `{name}` is there twice");
                return Err(Error::parse(file, 1, None, what, "rename one"));
            }
        }
        Ok(Self { file: file.to_path_buf(), cells, lines })
    }

    /// The cells of a column.
    ///
    /// # Errors
    /// A column that is not there; the message says which are.
    pub fn column(&self, name: &str) -> Result<&[String]> {
        let found = self.cells.get(name).ok_or_else(|| Error::unknown("column", name, self.cells.keys()))?;
        Ok(found)
    }

    /// A column of finite numbers.
    ///
    /// # Errors
    /// As [`column`](Self::column); a cell that is no finite number, with its line.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        let number = |(row, cell): (usize, &String)| {
            cell.parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(|| {
                let what = format!("column `{name}` holds `{cell}`");
                self.at(row, what, "a finite number is expected")
            })
        };
        self.column(name)?.iter().enumerate().map(number).collect()
    }

    /// Whether truth and predictions are numbers with a decimal point, all of them: scores rather than labels.
    ///
    /// # Errors
    /// As [`column`](Self::column).
    pub fn is_regression(&self) -> Result<bool> {
        let mut all = self.column("y_true")?.iter().chain(self.column("y_pred")?);
        Ok(all.all(|v| v.contains('.') && v.parse::<f64>().is_ok()))
    }

    /// Labels and probabilities.
    ///
    /// A column `p_X` counts as a class's probability where `X` occurs as a label, or where the rows do not sum to one
    /// without it; otherwise it is some other column, and a note says so.
    ///
    /// # Errors
    /// As [`column`](Self::column); an empty label; many different numbers in place of labels; more classes than a
    /// matrix can be made of; a probability outside [0, 1]; a row whose probabilities do not sum to one.
    pub fn classes(&self) -> Result<PredictedClasses> {
        let (truth, predicted) = (self.column("y_true")?, self.column("y_pred")?);
        for (name, column) in [("y_true", truth), ("y_pred", predicted)] {
            if let Some(row) = column.iter().position(String::is_empty) {
                return Err(self.at(row, format!("column `{name}` is empty"), "give every row a label"));
            }
        }
        let labels = Classes::sorted(truth.iter().chain(predicted).map(String::as_str));
        if labels.len() > FEW_NUMBERS && labels.names().iter().all(|n| n.parse::<f64>().is_ok()) {
            return Err(Error::input(
                format!("y_true and y_pred hold {} different numbers, which are no classes", labels.len()),
                "measure them as numbers with --regression",
            ));
        }
        let (with_probability, notes) = self.probability_columns(&labels)?;
        let names = truth.iter().chain(predicted).chain(&with_probability);
        let classes = Classes::sorted(names.map(String::as_str));
        if classes.len() > MOST_CLASSES {
            return Err(Error::input(
                format!("{} classes, and a matrix of {MOST_CLASSES} is the largest", classes.len()),
                "group the labels, or look whether y_true is the right column",
            ));
        }
        let proba = self.matrix(&classes, &with_probability)?;
        Ok(PredictedClasses {
            truth: classes.encode(truth)?,
            predicted: classes.encode(predicted)?,
            classes,
            proba,
            notes,
        })
    }

    /// The classes that have a column of probabilities.
    fn probability_columns(&self, labels: &Classes) -> Result<(Vec<String>, Vec<String>)> {
        let named: Vec<&str> = self.cells.keys().filter_map(|name| name.strip_prefix("p_")).collect();
        let (known, unknown): (Vec<&str>, Vec<&str>) =
            named.into_iter().partition(|name| labels.code(name).is_some());
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<String>>();
        let mut notes = Vec::new();
        if unknown.is_empty() || (!known.is_empty() && self.off(&known)?.is_none()) {
            notes.extend(unknown.iter().map(|name| {
                format!("column `p_{name}` is no probability: `{name}` is no label, and the rows sum to one without it")
            }));
            let without: Vec<&str> =
                labels.names().iter().map(String::as_str).filter(|n| !known.contains(n)).collect();
            if !known.is_empty() && !without.is_empty() {
                notes.push(format!("no column p_{}: that probability counts as 0", without.join(", p_")));
            }
            return Ok((owned(&known), notes));
        }
        Ok((owned(&[known, unknown].concat()), notes))
    }

    /// The first row whose probabilities do not sum to one, and their sum.
    fn off(&self, names: &[&str]) -> Result<Option<(usize, f64)>> {
        let mut sums = vec![0.0; self.lines.len()];
        for name in names {
            let column = self.numbers(&format!("p_{name}"))?;
            sums.iter_mut().zip(column).for_each(|(sum, p)| *sum += p);
        }
        Ok(sums.iter().enumerate().find(|(_, s)| (**s - 1.0).abs() > SUM_TOLERANCE).map(|(row, s)| (row, *s)))
    }

    fn matrix(&self, classes: &Classes, names: &[String]) -> Result<Option<Dense>> {
        if names.is_empty() {
            return Ok(None);
        }
        let mut matrix = Dense::zeros(self.lines.len(), classes.len());
        for name in names {
            let column = self.numbers(&format!("p_{name}"))?;
            let at = classes.code(name).unwrap_or(0) as usize;
            for (row, p) in column.into_iter().enumerate() {
                if !(0.0..=1.0).contains(&p) {
                    let what = format!("column `p_{name}` holds {p}");
                    return Err(self.at(row, what, "a probability lies in [0, 1]"));
                }
                matrix.row_mut(row)[at] = p;
            }
        }
        let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
        match self.off(&borrowed)? {
            None => Ok(Some(matrix)),
            Some((row, sum)) => Err(self.at(
                row,
                format!("the probabilities sum to {sum:.6}"),
                "each row must sum to 1: normalise scores (e.g. with softmax) before measuring them",
            )),
        }
    }

    /// Columns by which rows are sliced: these as they are, and the lengths of a text.
    ///
    /// # Errors
    /// As [`column`](Self::column).
    pub fn slices(&self, names: &[String], text: Option<&str>) -> Result<Vec<SliceColumn>> {
        let mut columns = Vec::new();
        for name in names {
            columns.push(SliceColumn { name: name.clone(), of_row: self.column(name)?.to_vec() });
        }
        if let Some(name) = text {
            let lengths: Vec<usize> = self.column(name)?.iter().map(|t| t.chars().count()).collect();
            let bins = length_bins(&lengths, LENGTH_BINS)?;
            columns.push(SliceColumn { name: format!("characters of {name}"), ..bins });
        }
        Ok(columns)
    }

    fn at(&self, row: usize, what: String, expected: &str) -> Error {
        Error::parse(&self.file, self.lines.get(row).copied(), None, what, expected)
    }
}

fn csv_message(kind: &csv::ErrorKind) -> String {
    match kind {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} cells below a header of {expected_len}")
        }
        csv::ErrorKind::Utf8 { err, .. } => format!("a cell is no UTF-8 ({err})"),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(csv: &str) -> Result<PredictedClasses> {
        Predicted::from_bytes("p.csv", csv.as_bytes())?.classes()
    }

    #[track_caller]
    fn fails_with(csv: &str, parts: &[&str]) {
        let message = of(csv).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "`{part}` is missing in: {message}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        fails_with("", &["p.csv"]);
        fails_with("y_true,y_pred\n", &["p.csv", "no rows"]);
        fails_with("y_true,y_pred\na,b\na\n", &["line 3", "1 cells below a header of 2"]);
        fails_with("truth,y_pred\na,b\n", &["unknown column `y_true`", "truth"]);
        fails_with("y_true,y_true\na,b\n", &["`y_true` is there twice"]);
        fails_with("y_true,y_pred\na,b\n ,b\n", &["line 3", "`y_true` is empty"]);
        fails_with("y_true,y_pred,p_a,p_b\na,b,0.5,NaN\n", &["line 2", "`p_b` holds `NaN`", "finite"]);
        fails_with(
            "y_true,y_pred,p_a,p_b\na,b,0.5,0.5\na,b,1.5,-0.5\n",
            &["line 3", "`p_a` holds 1.5", "[0, 1]"],
        );
        fails_with("y_true,y_pred,p_a,p_b\na,b,0.5,0.4\n", &["line 2", "sum to 0.9", "softmax"]);
        let numbers: String = (0..200).map(|i| format!("{i}.5,{i}.25\n")).collect();
        fails_with(&format!("y_true,y_pred\n{numbers}"), &["400 different numbers", "--regression"]);
        let names: String = (0..5000).map(|i| format!("c{i},c0\n")).collect();
        fails_with(&format!("y_true,y_pred\n{names}"), &["5000 classes"]);
    }

    #[test]
    fn a_line_is_that_of_the_file_even_after_cells_of_several_lines() {
        fails_with("y_true,y_pred,text,p_a,p_b\na,b,\"1\n2\n3\",0.5,0.5\na,b,x,0.5,0.4\n", &["line 5"]);
    }

    #[test]
    fn columns_that_look_like_probabilities_are_told_from_those_that_are() {
        let rows = of("y_true,y_pred,p_a,p_b,p_value\na,b,0.5,0.5,0.03\nb,b,0.25,0.75,0.5\n").unwrap();
        assert_eq!(rows.classes.names(), ["a", "b"]);
        assert!(rows.notes[0].contains("`p_value` is no probability"), "{:?}", rows.notes);
        // A class that no row has is one all the same.
        let rows = of("y_true,y_pred,p_a,p_b,p_c\na,b,0.5,0.4,0.1\nb,b,0.25,0.75,0\n").unwrap();
        assert_eq!((rows.classes.names().len(), rows.notes.len()), (3, 0));
        assert_eq!(rows.proba.unwrap().row(0), [0.5, 0.4, 0.1]);
        // A label that the tool knew nothing of.
        let rows = of("y_true,y_pred,p_a,p_b\na,b,0.5,0.5\nc,b,0.25,0.75\n").unwrap();
        assert_eq!(rows.proba.unwrap().row(1), [0.25, 0.75, 0.0]);
        assert!(rows.notes[0].contains("no column p_c"));
        assert!(of("y_true,y_pred,p_value,id\na,b,1,2\n").unwrap().proba.is_some());
    }

    #[test]
    fn spaces_and_compression_make_no_difference() {
        use std::io::Write;
        let csv = "\u{feff}y_true, y_pred\n a ,a\nb, a\n";
        let rows = of(csv).unwrap();
        assert_eq!((rows.classes.names().len(), &rows.predicted), (2, &vec![0, 0]));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv.gz");
        let mut file = prompt_data::write::AtomicFile::create(&path).unwrap();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(csv.as_bytes()).unwrap();
        file.write_all(&gz.finish().unwrap()).unwrap();
        file.commit().unwrap();
        assert_eq!(Predicted::read(&path).unwrap().classes().unwrap().truth, rows.truth);
    }
}
