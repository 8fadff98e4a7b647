//! What the columns of a table hold, a line each.

use prompt_core::{Error, Result};

use super::panel::short;
use super::svg::{Anchor, Style, Svg};
use super::{BLUE, FAINT, GREY, INK, PALE, VERMILLION};
use crate::check;

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnPicture {
    /// Its name.
    pub name: String,
    /// What it holds, in a word.
    pub kind: String,
    /// The share of rows without a value, in [0, 1].
    pub missing: f64,
    /// Where its values lie.
    pub values: ColumnValues,
}

/// Where the values of a column lie.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnValues {
    /// Minimum, first quartile, median, third quartile, maximum.
    Numbers([f64; 5]),
    /// How many distinct values there are, which is the most frequent, and its share of the rows with a value.
    Names(String, String, f64),
    /// From one point to another, or whatever else there is to say.
    Text(String),
}

/// More columns than this make a picture that nobody reads to its end.
const SHOWN: usize = 40;
const ROW: f64 = 36.0;
/// Left ends of the name, the missing share, the values, and the right end of those.
const PLACES: [f64; 4] = [24.0, 240.0, 350.0, 936.0];

/// Columns below each other: the share of missing values, and where the values lie: for numbers a box from the first to the third
/// quartile with the median between the smallest and the largest, for names the share of the most frequent one. Each line
/// has its own scale. At most forty columns.
///
/// ```
/// use prompt_metrics::plot::{ColumnPicture, ColumnValues, columns_svg};
/// let age = ColumnPicture {
///     name: "age".into(),
///     kind: "number".into(),
///     missing: 0.1,
///     values: ColumnValues::Numbers([17.0, 28.0, 37.0, 48.0, 90.0]),
/// };
/// let svg = columns_svg("people.csv", "48,842 rows", &[age])?;
/// assert!(svg.contains("10%") && svg.contains("median 37"));
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// No columns, a share outside [0, 1], numbers that are not finite.
pub fn columns_svg(title: &str, subtitle: &str, columns: &[ColumnPicture]) -> Result<String> {
    if columns.is_empty() {
        return Err(Error::input("there are no columns to draw", "give at least one"));
    }
    let shown = &columns[..columns.len().min(SHOWN)];
    let more = columns.len() - shown.len();
    let height = 100.0 + ROW * shown.len() as f64 + if more > 0 { 26.0 } else { 0.0 };
    let mut svg = Svg::new(960.0, height);
    svg.heading(title, subtitle);
    let head = Style { size: 11.0, fill: GREY, bold: true, ..Style::default() };
    for (x, name) in
        PLACES.iter().zip(["column", "missing", "values: smallest, quartiles, largest; or the most frequent"])
    {
        svg.text(*x, 82.0, name, head);
    }
    for (i, column) in shown.iter().enumerate() {
        let top = 90.0 + ROW * i as f64;
        check::finite(&format!("`{}`", column.name), &[column.missing])?;
        if !(0.0..=1.0).contains(&column.missing) {
            return Err(Error::input(
                format!("the missing share of `{}` is {}", column.name, column.missing),
                "a share lies in [0, 1]",
            ));
        }
        row(&mut svg, top, column)?;
    }
    if more > 0 {
        let text = format!("and {more} more columns");
        svg.text(PLACES[0], height - 16.0, &text, Style { fill: GREY, ..Style::default() });
    }
    Ok(svg.finish(&format!("{title}: {subtitle}; {} columns", columns.len())))
}

fn row(svg: &mut Svg, top: f64, column: &ColumnPicture) -> Result<()> {
    let [left, missing, from, to] = PLACES;
    svg.line(&[(left, top), (to, top)], FAINT, 1.0, "");
    svg.fitted(
        left,
        top + 16.0,
        &column.name,
        missing - left - 12.0,
        Style { bold: true, ..Style::default() },
    );
    let small = Style { size: 11.0, fill: GREY, ..Style::default() };
    svg.fitted(left, top + 30.0, &column.kind, missing - left - 12.0, small);
    let share = if column.missing > 0.0 && column.missing < 0.005 {
        "< 1%".to_owned()
    } else {
        format!("{:.0}%", 100.0 * column.missing)
    };
    let width = 90.0;
    svg.rect(missing, top + 21.0, width, 6.0, FAINT, "");
    if column.missing > 0.0 {
        svg.rect(missing, top + 21.0, (width * column.missing).max(1.5), 6.0, VERMILLION, &share);
    }
    svg.text(missing, top + 16.0, &share, Style { size: 11.0, ..Style::default() });
    match &column.values {
        ColumnValues::Numbers(five) => numbers(svg, (top, from, to), &column.name, five)?,
        ColumnValues::Names(distinct, name, share) => {
            svg.rect(from, top + 21.0, to - from, 6.0, FAINT, "");
            svg.rect(from, top + 21.0, (to - from) * share.clamp(0.0, 1.0), 6.0, BLUE, name);
            let text = format!("{distinct} values, {:.0}% {name}", 100.0 * share);
            svg.fitted(from, top + 16.0, &text, to - from, Style { size: 11.0, ..Style::default() });
        }
        ColumnValues::Text(text) => {
            svg.fitted(from, top + 16.0, text, to - from, Style { size: 11.0, ..Style::default() });
        }
    }
    Ok(())
}

/// A box between the smallest and the largest number.
fn numbers(svg: &mut Svg, (top, from, to): (f64, f64, f64), name: &str, five: &[f64; 5]) -> Result<()> {
    check::finite(&format!("`{name}`"), five)?;
    let [low, q1, median, q3, high] = *five;
    let room = 70.0;
    let (left, right) = (from + room, to - room);
    // Half of everything, since the length of the range may be beyond the largest number.
    let at = |v: f64| {
        let part = if high > low { (0.5 * v - 0.5 * low) / (0.5 * high - 0.5 * low) } else { 0.5 };
        left + part.clamp(0.0, 1.0) * (right - left)
    };
    let middle = top + 24.0;
    let small = Style { size: 11.0, ..Style::default() };
    svg.text(left - 8.0, middle + 4.0, &short(low), Style { anchor: Anchor::End, ..small });
    svg.text(right + 8.0, middle + 4.0, &short(high), small);
    svg.line(&[(left, middle), (right, middle)], PALE, 1.5, "");
    let hover = format!("{name}: quartiles {}, {}, {}", short(q1), short(median), short(q3));
    svg.rect(at(q1), middle - 6.0, (at(q3) - at(q1)).max(1.5), 12.0, BLUE, &hover);
    svg.line(&[(at(median), middle - 8.0), (at(median), middle + 8.0)], INK, 2.0, "");
    let text = format!("median {}", short(median));
    let half = super::svg::width(&text, 10.0) / 2.0;
    let x = at(median).clamp(left + half, right - half);
    let style = Style { size: 10.0, fill: GREY, anchor: Anchor::Middle, ..Style::default() };
    svg.text(x, top + 12.0, &text, style);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: ColumnValues) -> ColumnPicture {
        ColumnPicture { name: "a <b>".into(), kind: "number".into(), missing: 0.001, values }
    }

    #[test]
    fn every_kind_is_drawn_and_names_are_escaped() {
        let columns = [
            column(ColumnValues::Numbers([-f64::MAX, -1.0, 0.0, 1.0, f64::MAX])),
            column(ColumnValues::Numbers([3.0; 5])),
            column(ColumnValues::Names("16".into(), "HS & grad".into(), 0.32)),
            column(ColumnValues::Text("2020-01-01 to 2024-12-31".into())),
        ];
        let svg = columns_svg("t", "4 rows", &columns).unwrap();
        assert!(svg.contains("a &lt;b&gt;") && svg.contains("&lt; 1%") && svg.contains("32% HS &amp; grad"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn many_columns_are_counted_and_bad_ones_named() {
        let many = vec![column(ColumnValues::Text(String::new())); 50];
        assert!(columns_svg("t", "s", &many).unwrap().contains("and 10 more columns"));
        assert!(columns_svg("t", "s", &[]).is_err());
        let bad = column(ColumnValues::Numbers([f64::NAN; 5]));
        assert!(columns_svg("t", "s", &[bad]).unwrap_err().to_string().contains("a <b>"));
        assert!(columns_svg("t", "s", &[ColumnPicture { missing: 2.0, ..many[0].clone() }]).is_err());
    }
}
