//! Writing SVG: shapes, escaped text, and an estimate of how wide text is.

use std::fmt::Write;

use super::INK;
use super::theme::{STYLE, paint};

const FONT: &str =
    "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif";

/// A picture under construction, drawn onto a card of its own.
pub(super) struct Svg {
    width: f64,
    height: f64,
    title: String,
    body: String,
}

/// Where text stands relative to its point.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How text looks.
#[derive(Clone, Copy)]
pub(super) struct Style<'a> {
    pub(super) size: f64,
    pub(super) fill: &'a str,
    pub(super) anchor: Anchor,
    pub(super) bold: bool,
    /// Degrees clockwise around the text's point.
    pub(super) turn: f64,
}

impl Default for Style<'_> {
    fn default() -> Self {
        Self { size: 12.0, fill: INK, anchor: Anchor::Start, bold: false, turn: 0.0 }
    }
}

impl Svg {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, title: String::new(), body: String::new() }
    }

    /// Bold title with a grey line below it, at the top left.
    pub(super) fn heading(&mut self, title: &str, subtitle: &str) {
        title.clone_into(&mut self.title);
        let room = self.width - 48.0;
        self.fitted(24.0, 32.0, title, room, Style { size: 16.0, bold: true, ..Style::default() });
        self.fitted(24.0, 51.0, subtitle, room, Style { fill: super::GREY, ..Style::default() });
    }

    pub(super) fn text(&mut self, x: f64, y: f64, text: &str, style: Style<'_>) {
        self.write_text(x, y, text, None, style);
    }

    /// Text that is shortened to `room`; the whole of it appears on hovering.
    pub(super) fn fitted(&mut self, x: f64, y: f64, text: &str, room: f64, style: Style<'_>) {
        let text = one_line(text);
        let short = shorten(&text, room, style.size * if style.bold { 1.07 } else { 1.0 });
        let whole = (short != text).then_some(text.as_str());
        self.write_text(x, y, &short, whole, style);
    }

    fn write_text(&mut self, x: f64, y: f64, text: &str, whole: Option<&str>, style: Style<'_>) {
        let anchor = match style.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let weight = if style.bold { " font-weight=\"600\"" } else { "" };
        let turn = if style.turn == 0.0 {
            String::new()
        } else {
            format!(" transform=\"rotate({} {} {})\"", number(style.turn), number(x), number(y))
        };
        let hover = whole.map(|w| format!("<title>{}</title>", escape(w))).unwrap_or_default();
        let _ = writeln!(
            self.body,
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\"{}{anchor}{weight}{turn}>{}{hover}</text>",
            number(x),
            number(y),
            number(style.size),
            paint(Some(style.fill), None),
            escape(text),
        );
    }

    /// A filled rectangle; `hover` appears under the pointer unless it is empty.
    pub(super) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str, hover: &str) {
        let _ = write!(
            self.body,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}",
            number(x),
            number(y),
            number(width.max(0.0)),
            number(height.max(0.0)),
            paint(Some(fill), None),
        );
        let _ = if hover.is_empty() {
            writeln!(self.body, "/>")
        } else {
            writeln!(self.body, "><title>{}</title></rect>", escape(&one_line(hover)))
        };
    }

    pub(super) fn circle(&mut self, x: f64, y: f64, radius: f64, fill: &str, hover: &str) {
        let hover = if hover.is_empty() {
            String::new()
        } else {
            format!("<title>{}</title>", escape(&one_line(hover)))
        };
        let _ = writeln!(
            self.body,
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\"{} stroke-width=\"1\">{hover}</circle>",
            number(x),
            number(y),
            number(radius),
            paint(Some(fill), Some("#fff")),
        );
    }

    /// A filled area through points, so faint that what lies below it shows.
    pub(super) fn area(&mut self, points: &[(f64, f64)], fill: &str, opacity: f64) {
        if points.is_empty() {
            return;
        }
        let path = path(points);
        let (paint, opacity) = (paint(Some(fill), None), number(opacity));
        let _ = writeln!(self.body, "<path d=\"{path}Z\"{paint} fill-opacity=\"{opacity}\"/>");
    }

    /// A line through points; `dash` as in `stroke-dasharray`, empty for a whole line.
    pub(super) fn line(&mut self, points: &[(f64, f64)], stroke: &str, width: f64, dash: &str) {
        let path = path(points);
        let dash = if dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dash}\"") };
        let _ = writeln!(
            self.body,
            "<path d=\"{path}\" fill=\"none\"{} stroke-width=\"{}\" stroke-linejoin=\"round\"{dash}/>",
            paint(None, Some(stroke)),
            number(width),
        );
    }

    /// The whole file. `description` is what a screen reader says.
    pub(super) fn finish(self, description: &str) -> String {
        let (title, style) = (escape(&one_line(&self.title)), STYLE.as_str());
        let (w, h, label) = (number(self.width), number(self.height), escape(&one_line(description)));
        let (inner_w, inner_h) = (number(self.width - 1.0), number(self.height - 1.0));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" role=\"img\" \
             aria-label=\"{label}\" font-family=\"{FONT}\" style=\"max-width:100%;height:auto\">\n\
             <title>{title}</title>\n<desc>{label}</desc>\n<style>{style}</style>\n\
             <rect x=\"0.5\" y=\"0.5\" width=\"{inner_w}\" height=\"{inner_h}\" rx=\"8\"{}/>\n\
             {}</svg>\n",
            paint(Some("#fff"), Some("#d1d9e0")),
            self.body
        )
    }
}

fn path(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (i, &(x, y)) in points.iter().enumerate() {
        let _ = write!(path, "{}{} {}", if i == 0 { "M" } else { "L" }, number(x), number(y));
    }
    path
}

/// At most two decimals and no trailing zeros: enough for a pixel, and the same on every machine.
fn number(x: f64) -> String {
    let text = format!("{:.2}", if x.is_finite() { x } else { 0.0 });
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Line breaks and control characters become spaces: XML forbids most of them.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c })
        .collect()
}

pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// About how wide text is. Fonts differ, so this errs on the wide side (DejaVu Sans).
pub(super) fn width(text: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '|' | '\'' | '!' | ' ' => 0.36,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '/' => 0.44,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.98,
        'A'..='Z' => 0.72,
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' => 0.0,
        c if c >= '\u{2e80}' => 1.1,
        _ => 0.64,
    };
    text.chars().map(em).sum::<f64>() * size
}

/// The longest beginning that fits, with an ellipsis where something is missing.
pub(super) fn shorten(text: &str, room: f64, size: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut used = width("…", size);
    for c in text.chars() {
        used += width(c.encode_utf8(&mut [0; 4]), size);
        if used > room {
            break;
        }
        short.push(c);
    }
    format!("{}…", short.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_element() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.text(0.0, 0.0, "</text><script>alert('x' & \"y\")</script>", Style::default());
        let out = svg.finish("a \"b\" <c>");
        assert!(!out.contains("<script>") && out.contains("&lt;/text&gt;&lt;script&gt;"), "{out}");
        assert!(out.contains("aria-label=\"a &quot;b&quot; &lt;c&gt;\""));
    }

    #[test]
    fn long_names_are_shortened_and_kept_for_hovering() {
        assert_eq!(shorten("short", 100.0, 12.0), "short");
        let short = shorten("a name that goes on and on", 60.0, 12.0);
        assert!(short.ends_with('…') && width(&short, 12.0) <= 60.0, "{short}");
        let mut svg = Svg::new(10.0, 10.0);
        svg.fitted(0.0, 0.0, "a name that\ngoes on and on", 60.0, Style::default());
        assert!(svg.finish("").contains("<title>a name that goes on and on</title>"));
    }

    #[test]
    fn numbers_are_short_and_never_nan() {
        assert_eq!([number(1.0), number(0.333), number(-0.001), number(f64::NAN)], ["1", "0.33", "0", "0"]);
    }
}
