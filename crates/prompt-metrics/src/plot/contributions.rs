//! What columns contribute to scores: summaries over many rows, one column at a time, partial dependence.

use prompt_core::{Error, Result};

use super::axes::{Axes, round_range};
use super::svg::{Anchor, Style, Svg};
use super::{BLUE, FAINT, GREY, PALE, VERMILLION};
use crate::check;

/// A column over some rows: its numbers, and what each contributed.
#[derive(Debug, Clone, PartialEq)]
pub struct Contributions {
    /// The column.
    pub name: String,
    /// Its number in each row; NaN where it is missing.
    pub values: Vec<f64>,
    /// What it contributed in each row.
    pub contributions: Vec<f64>,
}

impl Contributions {
    fn check(&self) -> Result<()> {
        check::same_length(
            &format!("contributions of `{}`", self.name),
            self.values.len(),
            self.contributions.len(),
        )?;
        check::finite(&format!("contributions of `{}`", self.name), &self.contributions)
    }

    fn size(&self) -> f64 {
        self.contributions.iter().map(|c| c.abs()).sum::<f64>() / self.contributions.len().max(1) as f64
    }
}

/// Dots that are drawn for a column; of more rows every so-many-th.
const DOTS: usize = 400;

/// Columns that a summary shows.
const SHOWN: usize = 16;

/// One line a column, the most important first: a dot for each row at its contribution, coloured by the column's
/// number from low (blue) to high (vermillion), grey where it is missing. Dots that would hide each other stand beside each
/// other.
///
/// ```
/// use prompt_metrics::plot::{Contributions, contributions_svg};
/// let column = Contributions { name: "age".into(), values: vec![20.0, 60.0], contributions: vec![-0.5, 0.7] };
/// assert!(contributions_svg("Why", "log odds", &[column])?.contains("age"));
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// No columns, no rows, contributions that are not finite, or columns of different lengths.
pub fn contributions_svg(title: &str, margin: &str, columns: &[Contributions]) -> Result<String> {
    let rows = columns.first().map_or(0, |c| c.values.len());
    if rows == 0 {
        return Err(Error::input(
            "there are no contributions to draw",
            "give at least one column and one row",
        ));
    }
    for column in columns {
        column.check()?;
        check::same_length(&format!("rows of `{}`", column.name), rows, column.values.len())?;
    }
    let mut order: Vec<&Contributions> = columns.iter().collect();
    order.sort_by(|a, b| b.size().total_cmp(&a.size()));
    order.truncate(SHOWN);
    let (line, top) = (30.0, 70.0);
    let height = line * order.len() as f64;
    let mut svg = Svg::new(860.0, top + height + 60.0);
    svg.heading(
        title,
        &format!(
            "contribution of each column to the margin ({margin}); {rows} rows, {} of {} columns",
            order.len(),
            columns.len()
        ),
    );
    let all = order.iter().flat_map(|c| c.contributions.iter().copied());
    let axes = Axes {
        left: 250.0,
        top,
        width: 520.0,
        height,
        x_range: round_range(all.chain([0.0])),
        y_range: (0.0, 1.0),
    };
    axes.x_ticks(&mut svg, true);
    let (zero, _) = axes.at(0.0, 0.0);
    svg.line(&[(zero, axes.top), (zero, axes.bottom())], GREY, 1.0, "");
    for (i, column) in order.iter().enumerate() {
        let y = top + line * (i as f64 + 0.5);
        svg.line(&[(axes.left, y), (axes.right(), y)], FAINT, 1.0, "");
        svg.fitted(
            axes.left - 12.0,
            y + 4.0,
            &column.name,
            230.0,
            Style { anchor: Anchor::End, ..Style::default() },
        );
        swarm(&mut svg, &axes, y, column);
    }
    svg.text(
        axes.left + axes.width / 2.0,
        axes.bottom() + 40.0,
        "speaks against ← contribution → speaks for",
        Style { anchor: Anchor::Middle, fill: GREY, ..Style::default() },
    );
    legend(&mut svg, 800.0, axes.top, height.min(160.0));
    Ok(svg.finish(&format!("{title}: contributions of {} columns in {rows} rows", order.len())))
}

/// The dots of a column around the height `y`.
fn swarm(svg: &mut Svg, axes: &Axes, y: f64, column: &Contributions) {
    let colour = Scale::of(&column.values);
    let step = column.values.len().div_ceil(DOTS).max(1);
    // Dots in the same place lie over and under each other in turn.
    let cells = (axes.width / 4.0) as usize + 1;
    let mut used = vec![0_usize; cells];
    for at in (0..column.values.len()).step_by(step) {
        let (x, _) = axes.at(column.contributions[at], 0.0);
        let cell = (((x - axes.left) / 4.0).max(0.0) as usize).min(cells - 1);
        let n = used[cell];
        used[cell] += 1;
        let away = ((n.div_ceil(2)) as f64 * 1.6).min(12.0);
        let dy = if n.is_multiple_of(2) { away } else { -away };
        svg.circle(x, y + dy, 2.2, &colour.of_value(column.values[at]), "");
    }
}

/// From numbers to colours.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// From the 5% to the 95% quantile, so that a single large number does not take all the colours.
    fn of(values: &[f64]) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let at = |q: f64| sorted.get((q * (sorted.len().max(1) - 1) as f64) as usize).copied().unwrap_or(0.0);
        let (mut low, mut high) = (at(0.05), at(0.95));
        if low >= high {
            // A column that is nearly always the same has its ends instead.
            (low, high) = (at(0.0), at(1.0));
        }
        Self { low, high }
    }

    fn of_value(&self, value: f64) -> String {
        if !value.is_finite() {
            return PALE.to_owned();
        }
        let share = if self.high > self.low {
            ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
        } else {
            0.5
        };
        mixed(share)
    }
}

/// Blue at 0, vermillion at 1.
fn mixed(share: f64) -> String {
    let channel =
        |from: u8, to: u8| (f64::from(from) + (f64::from(to) - f64::from(from)) * share).round() as u8;
    format!("#{:02x}{:02x}{:02x}", channel(0x00, 0xd5), channel(0x72, 0x5e), channel(0xb2, 0x00))
}

fn legend(svg: &mut Svg, x: f64, top: f64, height: f64) {
    let style = Style { size: 11.0, fill: GREY, anchor: Anchor::Middle, ..Style::default() };
    svg.text(x + 5.0, top + 8.0, "high", style);
    let (steps, room) = (24, (height - 34.0).max(24.0));
    for i in 0..steps {
        let share = 1.0 - (f64::from(i) + 0.5) / f64::from(steps);
        let h = room / f64::from(steps);
        svg.rect(x, top + 14.0 + h * f64::from(i), 10.0, h + 0.5, &mixed(share), "");
    }
    svg.text(x + 5.0, top + 14.0 + room + 14.0, "low", style);
}

/// One column: a dot for each row, its number against what it contributed.
///
/// # Errors
/// No row with a number, contributions that are not finite, lists of different lengths.
pub fn dependence_svg(title: &str, margin: &str, column: &Contributions) -> Result<String> {
    column.check()?;
    let points: Vec<(f64, f64)> = column
        .values
        .iter()
        .zip(&column.contributions)
        .filter(|(v, _)| v.is_finite())
        .map(|(v, c)| (*v, *c))
        .collect();
    if points.is_empty() {
        return Err(Error::input(
            format!("`{}` has no number to draw", column.name),
            "choose another column",
        ));
    }
    let mut svg = Svg::new(640.0, 420.0);
    svg.heading(title, &format!("{} rows; above 0 the column speaks for, below against", points.len()));
    let axes = frame(points.iter().map(|p| p.0), points.iter().map(|p| p.1).chain([0.0]));
    axes.y_ticks(&mut svg);
    axes.x_ticks(&mut svg, true);
    axes.names(&mut svg, &column.name, &format!("contribution ({margin})"));
    svg.line(&[axes.at(axes.x_range.0, 0.0), axes.at(axes.x_range.1, 0.0)], GREY, 1.0, "4 4");
    let step = points.len().div_ceil(1500).max(1);
    for (x, y) in points.iter().step_by(step).map(|p| axes.at(p.0, p.1)) {
        svg.circle(x, y, 2.5, BLUE, "");
    }
    Ok(svg.finish(&format!("{title}: {} against its contribution", column.name)))
}

/// Partial dependence: the mean score for each number that a column is given (vermillion), over the curves of single rows
/// (pale).
///
/// # Errors
/// Fewer than two numbers, numbers that are not finite, curves of another length.
pub fn partial_dependence_svg(
    title: &str,
    (column, score): (&str, &str),
    (grid, mean): (&[f64], &[f64]),
    rows: &[Vec<f64>],
) -> Result<String> {
    if grid.len() < 2 {
        return Err(Error::input(format!("{} numbers of `{column}`", grid.len()), "give at least two"));
    }
    check::same_length("the mean score", grid.len(), mean.len())?;
    check::finite("the numbers of the column", grid)?;
    check::finite("the mean score", mean)?;
    for row in rows {
        check::same_length("the scores of a row", grid.len(), row.len())?;
        check::finite("the scores of a row", row)?;
    }
    let mut svg = Svg::new(640.0, 420.0);
    svg.heading(title, &format!("mean over {} rows (line) and single rows (pale)", rows.len()));
    let step = rows.len().div_ceil(80).max(1);
    let shown = || rows.iter().step_by(step);
    let axes = frame(grid.iter().copied(), shown().flatten().copied().chain(mean.iter().copied()));
    axes.y_ticks(&mut svg);
    axes.x_ticks(&mut svg, true);
    axes.names(&mut svg, column, score);
    let curve = |ys: &[f64]| grid.iter().zip(ys).map(|(x, y)| axes.at(*x, *y)).collect::<Vec<_>>();
    for row in shown() {
        svg.line(&curve(row), PALE, 0.8, "");
    }
    svg.line(&curve(mean), VERMILLION, 3.0, "");
    Ok(svg.finish(&format!("{title}: partial dependence on {column}")))
}

fn frame(xs: impl Iterator<Item = f64>, ys: impl Iterator<Item = f64>) -> Axes {
    Axes {
        left: 74.0,
        top: 66.0,
        width: 540.0,
        height: 290.0,
        x_range: round_range(xs),
        y_range: round_range(ys),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, n: usize) -> Contributions {
        let values: Vec<f64> = (0..n).map(|i| if i % 7 == 3 { f64::NAN } else { i as f64 }).collect();
        let contributions = (0..n).map(|i| (i as f64 / n as f64 - 0.5) * name.len() as f64).collect();
        Contributions { name: name.to_owned(), values, contributions }
    }

    #[test]
    fn the_column_that_matters_most_comes_first() {
        let columns = [column("a", 40), column("the longest", 40), column("short", 40)];
        let svg = contributions_svg("Why", "log odds", &columns).unwrap();
        let at = |name: &str| svg.find(&format!(">{name}<")).unwrap();
        assert!(at("the longest") < at("short") && at("short") < at("a"));
        assert!(svg.contains("#d55e00") && svg.contains(PALE), "high is vermillion, missing is pale");
        assert_eq!(svg, contributions_svg("Why", "log odds", &columns).unwrap());
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        assert!(contributions_svg("t", "m", &[]).is_err());
        assert!(contributions_svg("t", "m", &[column("a", 3), column("b", 4)]).is_err());
        let bad = Contributions { contributions: vec![f64::NAN; 3], ..column("a", 3) };
        assert!(
            contributions_svg("t", "m", std::slice::from_ref(&bad)).is_err()
                && dependence_svg("t", "m", &bad).is_err()
        );
        let empty = Contributions { values: vec![f64::NAN; 3], ..column("a", 3) };
        assert!(dependence_svg("t", "m", &empty).is_err());
        assert!(partial_dependence_svg("t", ("a", "p"), (&[1.0], &[1.0]), &[]).is_err());
        assert!(partial_dependence_svg("t", ("a", "p"), (&[1.0, 2.0], &[1.0, 2.0]), &[vec![1.0]]).is_err());
    }

    #[test]
    fn one_column_and_partial_dependence_are_drawn() {
        let svg = dependence_svg("Age", "log odds", &column("age", 30)).unwrap();
        assert!(svg.contains(">age<") && svg.matches("<circle").count() == 26);
        let rows = [vec![0.1, 0.2, 0.5], vec![0.3, 0.2, 0.1]];
        let svg =
            partial_dependence_svg("Age", ("age", "p"), (&[1.0, 2.0, 3.0], &[0.2, 0.2, 0.3]), &rows).unwrap();
        assert!(svg.contains("mean over 2 rows"));
    }
}
