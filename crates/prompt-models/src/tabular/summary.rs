//! The summary of a table as a picture.

use prompt_core::Result;
use prompt_data::summary::{ColumnSummary, Summary};
use prompt_metrics::plot::{ColumnPicture, ColumnValues, columns_svg};

/// The columns of a table below each other: what is missing, and where the values lie ([`columns_svg`]).
///
/// ```
/// use prompt_models::core::FitContext;
/// use prompt_models::data::summary::Summary;
/// use prompt_models::data::table::TableOptions;
/// use prompt_models::tabular::summary_svg;
/// let table = TableOptions::default().from_bytes("people.csv", b"age,town\n30,Ulm\n,Hof\n50,Ulm\n")?;
/// let svg = summary_svg(&Summary::of(&table, &FitContext::new(1))?)?;
/// assert!(svg.contains("median 40") && svg.contains("67% Ulm"));
/// # Ok::<(), prompt_models::core::Error>(())
/// ```
///
/// # Errors
/// A table without columns.
pub fn summary_svg(summary: &Summary) -> Result<String> {
    let columns: Vec<ColumnPicture> = summary.columns.iter().map(|c| drawn(c, summary.rows)).collect();
    let title = summary.path.file_name().unwrap_or_default().to_string_lossy();
    let mut subtitle = format!("{} rows, {} columns", summary.rows, columns.len());
    if summary.bad_lines > 0 {
        subtitle += &format!(", {} lines that are no rows", summary.bad_lines);
    }
    columns_svg(&title, &subtitle, &columns)
}

fn drawn(column: &ColumnSummary, rows: u64) -> ColumnPicture {
    let five = [column.min, column.q1, column.median, column.q3, column.max];
    let about = if column.distinct_exact { "" } else { "about " };
    let distinct = format!("{about}{}", column.distinct);
    let values = match (five, &column.first, &column.last, &column.most_frequent) {
        ([Some(min), Some(q1), Some(median), Some(q3), Some(max)], ..) => {
            ColumnValues::Numbers([min, q1, median, q3, max])
        }
        (_, Some(first), Some(last), _) => ColumnValues::Text(format!("{first} to {last}")),
        (_, _, _, Some(frequent)) => {
            let share = frequent.count as f64 / column.count.max(1) as f64;
            ColumnValues::Names(distinct, frequent.value.clone(), share)
        }
        _ => ColumnValues::Text(format!("{distinct} distinct values")),
    };
    let missing = column.missing as f64 / rows.max(1) as f64;
    ColumnPicture { name: column.name.clone(), kind: column.dtype.name().to_owned(), missing, values }
}
