//! What kind of column its cells make.

use std::collections::HashSet;

use prompt_core::Column;

use super::{Kind, time};

/// Numbers may have this share of other values; those become missing.
const MOSTLY: f64 = 0.95;
/// Up to this many distinct values are categories whatever the number of rows.
const FEW_LEVELS: usize = 1000;

/// Whether so many numbers among so many values make a column of numbers.
pub(crate) fn mostly(numbers: usize, values: usize) -> bool {
    numbers as f64 >= MOSTLY * values as f64
}

/// Most distinct values of a category in so many rows.
pub(crate) fn few_levels(rows: usize) -> usize {
    FEW_LEVELS.max(rows / 10)
}

/// The typed column of these cells, of a given kind or of the kind they look like. Cells that are not of the given kind
/// were taken out before ([`misfit`]).
pub(super) fn column(
    name: &str,
    cells: &[Option<&str>],
    given: Option<Kind>,
    lines: &[u64],
    notes: &mut Vec<String>,
) -> Column {
    match given {
        Some(Kind::Number) => Column::Number(Numbers::of(cells).values),
        Some(Kind::Time) => {
            let order = time::order(&cells.iter().copied().flatten());
            Column::Time(cells.iter().map(|c| c.and_then(|c| time::parse(c, order))).collect())
        }
        Some(Kind::Category) => Column::category(cells.iter().copied()),
        Some(Kind::Text) => text(cells),
        None => inferred(name, cells, lines, notes),
    }
}

/// Why a cell is not of the kind that its column was said to be: what is wrong, and what to do.
pub(super) fn misfit(
    name: &str,
    cell: &str,
    given: Kind,
    order: Option<time::Order>,
) -> Option<(String, &'static str)> {
    let (fits, noun, help) = match given {
        Kind::Number => (number(cell).is_some(), "number", "correct it, or leave the cell empty"),
        Kind::Time => {
            (time::parse(cell, order).is_some(), "date", "write YYYY-MM-DD, or YYYY-MM-DDTHH:MM:SS")
        }
        Kind::Category | Kind::Text => return None,
    };
    (!fits).then(|| (format!("column `{name}` holds `{}`, which is no {noun}", shortened(cell)), help))
}

/// Rust reads `infinity` and `nan` too; neither is a number to learn from.
fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|v| v.is_finite())
}

fn inferred(name: &str, cells: &[Option<&str>], lines: &[u64], notes: &mut Vec<String>) -> Column {
    let present = cells.iter().flatten().count();
    if present == 0 {
        notes.push(format!("column `{name}` has no value at all"));
        return Column::Number(vec![f64::NAN; cells.len()]);
    }
    // A code that looks like a number would lose what tells it from another.
    if let Some((row, code)) = first_code(cells) {
        notes.push(format!(
            "column `{name}` holds codes, not numbers (line {}: `{}`): read as categories",
            lines[row],
            shortened(code)
        ));
        return few_or_text(cells);
    }
    let numbers = Numbers::of(cells);
    let others = numbers.others;
    match numbers.first_other {
        None => return Column::Number(numbers.values),
        Some((row, text)) if mostly(present - others, present) => {
            notes.push(format!(
                "column `{name}`: {others} of {present} values are no numbers and count as missing, the first at \
                 line {}: `{}`",
                lines[row],
                shortened(text)
            ));
            return Column::Number(numbers.values);
        }
        Some(_) => {}
    }
    match times(cells) {
        Times::All(times) => return Column::Time(times),
        Times::Ambiguous => notes.push(format!(
            "column `{name}` holds dates that may begin with the day or with the month: read as categories; write \
             YYYY-MM-DD"
        )),
        Times::No => {}
    }
    if others < present {
        notes.push(format!(
            "column `{name}` mixes {} numbers with {others} other values: read as categories",
            present - others
        ));
    }
    few_or_text(cells)
}

/// Categories where there are few distinct values, else text.
fn few_or_text(cells: &[Option<&str>]) -> Column {
    let distinct: HashSet<&str> = cells.iter().flatten().copied().collect();
    if distinct.len() <= few_levels(cells.len()) {
        Column::category(cells.iter().copied())
    } else {
        text(cells)
    }
}

/// The first whole number that reading it as a number would change: one with a leading zero, or with more digits than
/// a 64-bit float holds.
fn first_code<'a>(cells: &[Option<&'a str>]) -> Option<(usize, &'a str)> {
    let code = |text: &str| {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        whole && ((digits.len() > 1 && digits.starts_with('0')) || digits.len() > 15)
    };
    cells.iter().enumerate().find_map(|(row, cell)| cell.filter(|c| code(c)).map(|c| (row, c)))
}

fn text(cells: &[Option<&str>]) -> Column {
    Column::Text(cells.iter().map(|c| c.map(str::to_owned)).collect())
}

/// Cells read as numbers, and which of them are none.
struct Numbers<'a> {
    values: Vec<f64>,
    others: usize,
    first_other: Option<(usize, &'a str)>,
}

impl<'a> Numbers<'a> {
    fn of(cells: &[Option<&'a str>]) -> Self {
        let mut numbers = Self { values: Vec::with_capacity(cells.len()), others: 0, first_other: None };
        for (row, cell) in cells.iter().enumerate() {
            let value = cell.map(number);
            if let (Some(None), Some(text)) = (value, cell) {
                numbers.others += 1;
                numbers.first_other.get_or_insert((row, text));
            }
            numbers.values.push(value.flatten().unwrap_or(f64::NAN));
        }
        numbers
    }
}

/// Cells read as points in time.
enum Times {
    All(Vec<Option<i64>>),
    /// Dates in two readings.
    Ambiguous,
    No,
}

fn times(cells: &[Option<&str>]) -> Times {
    let present = || cells.iter().copied().flatten();
    if !present()
        .all(|c| [time::Order::Day, time::Order::Month].iter().any(|o| time::parse(c, Some(*o)).is_some()))
    {
        return Times::No;
    }
    match time::order(&present()) {
        Some(order) => {
            Times::All(cells.iter().map(|c| c.and_then(|c| time::parse(c, Some(order)))).collect())
        }
        None => Times::Ambiguous,
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= 40 { text.to_owned() } else { text.chars().take(40).chain(['…']).collect() }
}
