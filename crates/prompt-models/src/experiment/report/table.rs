//! Tables: aligned numbers, a wrapper that scrolls on a narrow screen, and sort keys where sorting makes sense.

use prompt_metrics::Interval;

use super::markup::Html;

/// What stands where there is no number.
const NOTHING: &str = "–";

/// Which end of a column the first click brings to the top.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Best {
    High,
    Low,
    /// Text, from A to Z.
    Name,
}

/// One cell: what is shown, and what it is sorted by.
pub(super) struct Cell {
    shown: Html,
    key: Option<String>,
    number: bool,
}

impl Cell {
    pub(super) fn text(text: impl AsRef<str>) -> Self {
        let mut shown = Html::new();
        shown.text(text.as_ref());
        Self { shown, key: Some(text.as_ref().to_lowercase()), number: false }
    }

    pub(super) fn html(shown: Html, key: &str) -> Self {
        Self { shown, key: Some(key.to_lowercase()), number: false }
    }

    pub(super) fn number(value: Option<f64>, shown: impl Fn(f64) -> String) -> Self {
        let value = value.filter(|v| v.is_finite());
        let mut html = Html::new();
        html.text(value.map_or(NOTHING.to_owned(), shown));
        Self { shown: html, key: value.map(|v| v.to_string()), number: true }
    }

    /// A score or a rate, with four decimals.
    pub(super) fn score(value: Option<f64>) -> Self {
        Self::number(value, four)
    }

    /// A count.
    pub(super) fn count(value: usize) -> Self {
        Self::number(Some(value as f64), |_| grouped(value))
    }

    /// With a second line in small print.
    pub(super) fn below(mut self, small: Option<String>) -> Self {
        if let Some(small) = small {
            self.shown.labelled("small", "", small);
        }
        self
    }
}

/// A table under construction.
pub(super) struct Table {
    columns: Vec<(String, Best)>,
    rows: Vec<(bool, Vec<Cell>)>,
    /// Rows without numbers: a name, and what is to be said.
    remarks: Vec<(Html, Html)>,
    sortable: bool,
}

impl Table {
    pub(super) fn new<S: Into<String>>(columns: impl IntoIterator<Item = (S, Best)>) -> Self {
        let columns = columns.into_iter().map(|(name, best)| (name.into(), best)).collect();
        Self { columns, rows: Vec::new(), remarks: Vec::new(), sortable: false }
    }

    /// Headers become buttons where scripts run.
    pub(super) fn sortable(mut self) -> Self {
        self.sortable = true;
        self
    }

    /// Adds a row; `chosen` makes it stand out.
    pub(super) fn row(&mut self, chosen: bool, cells: Vec<Cell>) {
        self.rows.push((chosen, cells));
    }

    /// Adds a row that has a remark instead of numbers. These stay at the bottom.
    pub(super) fn remark(&mut self, name: Html, remark: Html) {
        self.remarks.push((name, remark));
    }

    pub(super) fn write<'h>(&self, h: &'h mut Html) -> &'h mut Html {
        let class = if self.sortable { "class=\"sortable\"" } else { "" };
        h.element("div", "class=\"scroll\" tabindex=\"0\"", |h| {
            h.element("table", class, |h| {
                h.element("thead", "", |h| h.element("tr", "", |h| self.header(h)));
                h.element("tbody", "", |h| {
                    self.rows.iter().fold(h, |h, (chosen, cells)| {
                        h.element("tr", if *chosen { "class=\"chosen\"" } else { "" }, |h| row(cells, h))
                    })
                });
                if self.remarks.is_empty() {
                    return h;
                }
                let span = self.columns.len().saturating_sub(1).max(1).to_string();
                h.element("tbody", "class=\"remarks\"", |h| {
                    self.remarks.iter().fold(h, |h, (name, remark)| {
                        h.element("tr", "", |h| {
                            h.element("th", "scope=\"row\"", |h| h.add(name));
                            h.raw("<td").attribute("colspan", &span).raw(">").add(remark).raw("</td>")
                        })
                    })
                })
            })
        })
        .raw("\n")
    }

    fn header<'h>(&self, h: &'h mut Html) -> &'h mut Html {
        self.columns.iter().fold(h, |h, (name, best)| {
            let attributes = match best {
                Best::High => "scope=\"col\" class=\"number\" data-first=\"down\"",
                Best::Low => "scope=\"col\" class=\"number\" data-first=\"up\"",
                Best::Name => "scope=\"col\" data-first=\"text\"",
            };
            h.labelled("th", attributes, name)
        })
    }
}

fn row<'h>(cells: &[Cell], h: &'h mut Html) -> &'h mut Html {
    cells.iter().enumerate().fold(h, |h, (i, cell)| {
        let (name, tag) = if i == 0 { ("th", "<th scope=\"row\"") } else { ("td", "<td") };
        h.raw(tag);
        if cell.number {
            h.raw(" class=\"number\"");
        }
        if let Some(key) = &cell.key {
            h.attribute("data-key", key);
        }
        h.raw(">").add(&cell.shown).raw("</").raw(name).raw(">")
    })
}

pub(super) fn four(value: f64) -> String {
    format!("{value:.4}")
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}

/// A round share without trailing zeros, such as a level or a limit.
pub(super) fn short_percent(share: f64) -> String {
    format!("{}%", (1e6 * share).round() / 1e4)
}

/// `[low, high]`.
pub(super) fn bounds(interval: &Interval) -> String {
    format!("[{:.4}, {:.4}]", interval.low, interval.high)
}

/// Digits in groups of three, with thin spaces that do not break.
pub(super) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(c);
    }
    out
}

/// A size with a unit that leaves few digits.
pub(super) fn bytes(n: f64) -> String {
    match n {
        n if n < 1024.0 => format!("{n:.0} B"),
        n if n < 1024.0 * 1024.0 => format!("{:.0} KiB", n / 1024.0),
        n => format!("{:.1} MiB", n / 1024.0 / 1024.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0.95, 0.07, 0.001].map(short_percent), ["95%", "7%", "0.1%"]);
        assert_eq!(
            [grouped(7), grouped(1234), grouped(1_234_567)],
            ["7", "1\u{202f}234", "1\u{202f}234\u{202f}567"]
        );
        assert_eq!([bytes(512.0), bytes(70_000.0), bytes(3.5 * 1_048_576.0)], ["512 B", "68 KiB", "3.5 MiB"]);
        assert_eq!(
            bounds(&Interval { estimate: 0.5, low: 0.4, high: 0.61, level: 0.95 }),
            "[0.4000, 0.6100]"
        );
    }

    #[test]
    fn a_cell_sorts_by_its_number_and_a_missing_one_has_no_key() {
        let mut table = Table::new([("model", Best::Name), ("f1", Best::High)]).sortable();
        table.row(true, vec![Cell::text("A<b>"), Cell::score(Some(0.25)).below(Some("[0, 1]".into()))]);
        table.row(false, vec![Cell::text("c"), Cell::score(Some(f64::NAN))]);
        let mut html = Html::new();
        table.write(&mut html);
        let html = html.into_string();
        assert!(
            html.contains("<tr class=\"chosen\"><th scope=\"row\" data-key=\"a&lt;b&gt;\">A&lt;b&gt;</th>"),
            "{html}"
        );
        assert!(
            html.contains("<td class=\"number\" data-key=\"0.25\">0.2500<small>[0, 1]</small></td>"),
            "{html}"
        );
        assert!(html.contains("<td class=\"number\">–</td>"), "{html}");
    }
}
