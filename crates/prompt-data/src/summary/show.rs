//! A summary as a person reads it.

use std::fmt;

use super::{ColumnSummary, Summary};

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} rows, {} columns", self.path.display(), self.rows, self.columns.len())?;
        for bad in &self.bad {
            writeln!(f, "{bad}")?;
        }
        if self.bad_lines > self.bad.len() as u64 {
            writeln!(f, "… and {} more bad lines", self.bad_lines - self.bad.len() as u64)?;
        }
        let header = ["column", "dtype", "missing", "distinct", "most frequent"];
        let numbers = ["mean", "std", "min", "25%", "50%", "75%", "max"];
        let cells: Vec<Vec<String>> = self.columns.iter().map(|column| cells(column, self.rows)).collect();
        let head: Vec<String> = header.iter().chain(&numbers).map(|h| (*h).to_owned()).collect();
        let widths: Vec<usize> = (0..head.len())
            .map(|j| cells.iter().chain([&head]).map(|row| row[j].chars().count()).max().unwrap_or(0))
            .collect();
        for row in [&head].into_iter().chain(&cells) {
            let mut line = String::new();
            for (j, (cell, width)) in row.iter().zip(&widths).enumerate() {
                // Names to the left, numbers to the right.
                let padded = if matches!(j, 0 | 1 | 4) {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                };
                line += if j > 0 { "  " } else { "" };
                line += &padded;
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn cells(column: &ColumnSummary, rows: u64) -> Vec<String> {
    let share = |n: u64| format!("{n} ({:.1}%)", 100.0 * n as f64 / rows.max(1) as f64);
    let about = if column.distinct_exact { "" } else { "≈" };
    let frequent = column.most_frequent.as_ref().map_or_else(String::new, |frequent| {
        let least = if frequent.exact { "" } else { "≥" };
        format!("{} ({least}{})", cut(&frequent.value), frequent.count)
    });
    let mut cells = vec![
        cut(&column.name),
        column.dtype.name().to_owned(),
        if column.missing > 0 { share(column.missing) } else { "0".to_owned() },
        format!("{about}{}", column.distinct),
        frequent,
    ];
    if let (Some(first), Some(last)) = (&column.first, &column.last) {
        cells.extend([String::new(), String::new(), first.clone()]);
        cells.extend([String::new(), String::new(), String::new(), last.clone()]);
    } else {
        let numbers = [column.mean, column.std, column.min, column.q1, column.median, column.q3, column.max];
        cells.extend(numbers.map(|v| v.map_or_else(String::new, number)));
    }
    cells
}

fn cut(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= 24 { line } else { line.chars().take(23).chain(['…']).collect() }
}

/// Six digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        v if value.fract() == 0.0 && v < 1e15 => format!("{value}"),
        v if (1e-4..1e9).contains(&v) => {
            let decimals = (5 - v.log10().floor() as i32).clamp(0, 9) as usize;
            let text = format!("{value:.decimals$}");
            if text.contains('.') {
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            } else {
                text
            }
        }
        _ => format!("{value:.5e}"),
    }
}
