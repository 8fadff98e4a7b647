//! A page that needs nothing but itself: style, script and pictures are part of it, and it may fetch nothing.
//!
//! Without scripts all is there but sorting and filtering. Whatever is not this program's is escaped, and characters that
//! cannot be seen are written out.

use std::fmt::Write;

use crate::plot::escape;

/// The style of the pages: light, dark and on paper.
pub const PAGE_STYLE: &str = include_str!("style.css");

/// The script of the pages. Headers of `table.sortable` sort by the cells' `data-key`; the form in a box `.errors` filters
/// the list items or rows in it by `data-truth`, `data-called` and their words.
pub const PAGE_SCRIPT: &str = include_str!("script.js");

/// A page under construction.
pub(super) struct Page {
    title: String,
    tiles: String,
    sections: Vec<(&'static str, &'static str, String)>,
}

impl Page {
    pub(super) fn new(title: &str) -> Self {
        Self { title: shown(title), tiles: String::new(), sections: Vec::new() }
    }

    /// A number that a reader wants to see first, with small print below it.
    pub(super) fn tile(&mut self, name: &str, value: &str, small: &str) {
        let [name, value, small] = [name, value, small].map(shown);
        _ = write!(
            self.tiles,
            "<div class=\"tile\"><span>{name}</span><strong>{value}</strong><small>{small}</small></div>"
        );
    }

    /// A section; one without anything in it is left out.
    pub(super) fn section(&mut self, anchor: &'static str, heading: &'static str, body: String) {
        if !body.is_empty() {
            self.sections.push((anchor, heading, body));
        }
    }

    pub(super) fn finish(self) -> String {
        let Self { title, tiles, sections } = self;
        let mut contents = String::new();
        let mut main = String::new();
        for (anchor, heading, body) in sections {
            _ = writeln!(contents, "<a href=\"#{anchor}\">{heading}</a>");
            _ = writeln!(main, "<section id=\"{anchor}\"><h2>{heading}</h2>\n{body}</section>");
        }
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
             script-src 'unsafe-inline'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>\n{PAGE_STYLE}</style>\n</head>\n<body>\n\
             <header><p class=\"kicker\">Evaluation report</p><h1>{title}</h1>\n\
             <div class=\"tiles\">{tiles}</div></header>\n\
             <nav aria-label=\"Contents\">\n{contents}</nav>\n<main>\n{main}</main>\n\
             <script>\n{PAGE_SCRIPT}</script>\n</body>\n</html>\n"
        )
    }
}

/// Text of anyone as markup that says nothing but the text.
pub(super) fn shown(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            _ = write!(visible, "⟨U+{:04X}⟩", u32::from(c));
        } else {
            visible.push(c);
        }
    }
    escape(&visible)
}

/// Controls and what turns, joins or hides the text around it. Joiners that some writing needs stay as they are.
fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' | '\u{200c}' | '\u{200d}' => false,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{feff}' | '\u{e0000}'..='\u{e007f}' => true,
        c => c.is_control(),
    }
}

/// Which end of a column the first click brings to the top.
#[derive(Clone, Copy)]
pub(super) enum First {
    High,
    Low,
    /// Text, from A to Z.
    Name,
}

/// One cell: markup, and what it is sorted by.
pub(super) struct Cell {
    markup: String,
    key: Option<String>,
    class: &'static str,
}

impl Cell {
    pub(super) fn name(text: &str) -> Self {
        Self { markup: shown(text), key: Some(text.to_lowercase()), class: "" }
    }

    /// A text to be read, with its line breaks.
    pub(super) fn text(text: &str) -> Self {
        Self { class: "text", ..Self::name(text) }
    }

    pub(super) fn number(value: Option<f64>, decimals: usize) -> Self {
        let value = value.filter(|v| v.is_finite());
        let markup = value.map_or_else(|| "–".to_owned(), |v| format!("{v:.decimals$}"));
        Self { markup, key: value.map(|v| v.to_string()), class: "number" }
    }
}

/// A row: cells, and the values by which it is filtered.
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    pub(super) truth: Option<String>,
    pub(super) called: Option<String>,
}

impl Row {
    pub(super) fn of(cells: Vec<Cell>) -> Self {
        Self { cells, truth: None, called: None }
    }
}

/// A table that is sorted by clicking on its header, inside a box that scrolls on narrow screens.
pub(super) fn table(columns: &[(&str, First)], rows: &[Row]) -> String {
    let mut out = "<div class=\"scroll\" tabindex=\"0\"><table class=\"sortable\"><thead><tr>".to_owned();
    for (name, first) in columns {
        let attributes = match first {
            First::High => "class=\"number\" data-first=\"down\"",
            First::Low => "class=\"number\" data-first=\"up\"",
            First::Name => "data-first=\"text\"",
        };
        _ = write!(out, "<th scope=\"col\" {attributes}>{}</th>", shown(name));
    }
    out += "</tr></thead><tbody>\n";
    for Row { cells, truth, called } in rows {
        out += "<tr";
        for (attribute, value) in [("truth", truth), ("called", called)] {
            if let Some(value) = value {
                _ = write!(out, " data-{attribute}=\"{}\"", shown(value));
            }
        }
        out += ">";
        for Cell { markup, key, class } in cells {
            out += "<td";
            if !class.is_empty() {
                _ = write!(out, " class=\"{class}\"");
            }
            if let Some(key) = key {
                _ = write!(out, " data-key=\"{}\"", shown(key));
            }
            _ = write!(out, ">{markup}</td>");
        }
        out += "</tr>\n";
    }
    out + "</tbody></table></div>\n"
}

/// A table with a form above it that filters by truth, by what was called, and by words. The form is hidden until the
/// script shows it.
pub(super) fn filtered(columns: &[(&str, First)], rows: &[Row]) -> String {
    let mut form = "<form class=\"filter\" hidden>".to_owned();
    let values = |of: fn(&Row) -> &Option<String>| {
        let mut all: Vec<&str> = rows.iter().filter_map(|r| of(r).as_deref()).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let choices =
        [("True class", "truth", values(|r| &r.truth)), ("Called", "called", values(|r| &r.called))];
    for (label, name, values) in choices {
        if values.is_empty() {
            continue;
        }
        let options: String = values.iter().map(|v| format!("<option>{}</option>", shown(v))).collect();
        _ = write!(
            form,
            "<label>{label} <select name=\"{name}\"><option value=\"\">any</option>{options}</select></label>"
        );
    }
    form += "<label>Search <input type=\"search\" name=\"words\" title=\"words of the row\"></label><output></output></form>\n";
    format!("<div class=\"errors\">{form}{}</div>\n", table(columns, rows))
}

/// Pairs of a name and a value.
pub(super) fn facts(pairs: &[(&str, String)]) -> String {
    let pairs: String = pairs
        .iter()
        .map(|(name, value)| format!("<div><dt>{}</dt><dd>{}</dd></div>", shown(name), shown(value)))
        .collect();
    format!("<dl class=\"facts\">{pairs}</dl>\n")
}

/// A paragraph.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", shown(text))
}

/// Pictures in columns.
pub(super) fn pictures(svgs: &[&str]) -> String {
    let figures: String = svgs.iter().map(|svg| format!("<figure>{svg}</figure>\n")).collect();
    format!("<div class=\"pictures\">{figures}</div>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_text() {
        let hostile = "</td><script>x</script>\u{202e}\0 \"a'";
        let rows = [Row {
            cells: vec![Cell::text(hostile), Cell::number(Some(0.5), 2), Cell::number(None, 2)],
            truth: Some(hostile.to_owned()),
            called: Some("b".to_owned()),
        }];
        let columns = [("text", First::Name), ("sure", First::High), ("loss", First::Low)];
        let mut page = Page::new(hostile);
        page.tile(hostile, hostile, hostile);
        page.section("errors", "Errors", filtered(&columns, &rows));
        page.section("facts", "Facts", facts(&[("a", hostile.to_owned())]) + &paragraph(hostile));
        page.section("none", "None", String::new());
        let page = page.finish();
        assert_eq!(page.matches("<script>").count(), 1, "the page's own");
        assert!(page.contains("⟨U+202E⟩⟨U+0000⟩") && !page.contains('\u{202e}'));
        assert!(page.contains("<td class=\"number\" data-key=\"0.5\">0.50</td><td class=\"number\">–</td>"));
        assert!(!page.contains("id=\"none\""));
        assert!(page.contains("<option>b</option>"));
    }
}
