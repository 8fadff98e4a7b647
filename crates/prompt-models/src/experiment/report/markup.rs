//! Markup that foreign text cannot leave.
//!
//! Only literals of this program enter as they are: [`Html::raw`] takes `&'static str`. Everything else goes through
//! [`Html::text`] or [`Html::attribute`], which escape it and make invisible characters visible.

use std::borrow::Cow;

use prompt_data::sanitise::{Kind, Sanitiser};

/// A piece of a page under construction.
#[derive(Debug, Clone, Default)]
pub(super) struct Html(String);

impl Html {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Markup of this program.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text of anyone.
    pub(super) fn text(&mut self, text: impl AsRef<str>) -> &mut Self {
        for part in parts(text.as_ref()) {
            match part {
                Part::Seen(seen) => escape(seen, &mut self.0),
                Part::Hidden(c) => {
                    self.0.push_str("<mark class=\"hidden-char\">");
                    self.0.push_str(&code_point(c));
                    self.0.push_str("</mark>");
                }
            }
        }
        self
    }

    /// ` name="value"`, inside a tag.
    pub(super) fn attribute(&mut self, name: &'static str, value: impl AsRef<str>) -> &mut Self {
        self.0.push(' ');
        self.0.push_str(name);
        self.0.push_str("=\"");
        escape(&visible(value.as_ref()), &mut self.0);
        self.0.push('"');
        self
    }

    /// `<name attributes>`, what is inside, `</name>`.
    pub(super) fn element(
        &mut self,
        name: &'static str,
        attributes: &'static str,
        inside: impl FnOnce(&mut Self) -> &mut Self,
    ) -> &mut Self {
        self.raw("<").raw(name);
        if !attributes.is_empty() {
            self.raw(" ").raw(attributes);
        }
        self.raw(">");
        inside(self);
        self.raw("</").raw(name).raw(">")
    }

    /// An element around text alone.
    pub(super) fn labelled(
        &mut self,
        name: &'static str,
        attributes: &'static str,
        text: impl AsRef<str>,
    ) -> &mut Self {
        self.element(name, attributes, |h| h.text(text))
    }

    /// Another piece.
    pub(super) fn add(&mut self, other: &Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    /// A picture of `prompt_metrics::plot`, which escapes what is written in it.
    pub(super) fn picture(&mut self, svg: &str) -> &mut Self {
        self.element("figure", "", |h| {
            h.0.push_str(svg);
            h
        })
    }

    /// A part that opens on a click. Print and a page without scripts lose nothing.
    pub(super) fn folded(
        &mut self,
        summary: impl AsRef<str>,
        inside: impl FnOnce(&mut Self) -> &mut Self,
    ) -> &mut Self {
        self.element("details", "", |h| inside(h.labelled("summary", "", summary)))
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// The text with every invisible character replaced by its code point in brackets, for places that take no markup.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    for part in parts(text) {
        match part {
            Part::Seen(seen) if seen.len() == text.len() => return Cow::Borrowed(text),
            Part::Seen(seen) => out.push_str(seen),
            Part::Hidden(c) => {
                out.push('⟨');
                out.push_str(&code_point(c));
                out.push('⟩');
            }
        }
    }
    Cow::Owned(out)
}

enum Part<'a> {
    Seen(&'a str),
    Hidden(char),
}

/// Text divided at what the sanitiser knows to be invisible. Joiners that writing needs count as seen.
fn parts(text: &str) -> Vec<Part<'_>> {
    let sanitiser = Sanitiser::default().control(true).invisible(true).nfkc(false);
    let mut parts = Vec::new();
    let mut seen_from = 0;
    let seen = |from: usize, to: usize| text.get(from..to).filter(|seen| !seen.is_empty()).map(Part::Seen);
    for change in sanitiser.sanitise(text).changes.iter().filter(|c| c.kind != Kind::Joiner) {
        parts.extend(seen(seen_from, change.range.start));
        parts.extend(text.get(change.range.clone()).unwrap_or_default().chars().map(Part::Hidden));
        seen_from = change.range.end;
    }
    parts.extend(seen(seen_from, text.len()));
    parts
}

fn code_point(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // A parser turns a bare carriage return into a line feed.
            '\r' => out.push_str("&#13;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut html = Html::new();
        html.text(text);
        html.into_string()
    }

    #[test]
    fn foreign_text_cannot_leave_its_place() {
        assert_eq!(
            shown("</p><script>a && 'b'</script>"),
            "&lt;/p&gt;&lt;script&gt;a &amp;&amp; &#39;b&#39;&lt;/script&gt;"
        );
        let mut html = Html::new();
        html.raw("<td").attribute("title", "\" onclick=\"x()\u{202e}").raw(">");
        assert_eq!(html.into_string(), "<td title=\"&quot; onclick=&quot;x()⟨U+202E⟩\">");
    }

    #[test]
    fn invisible_characters_are_shown_and_writing_stays_whole() {
        assert_eq!(shown("a\u{202e}b"), "a<mark class=\"hidden-char\">U+202E</mark>b");
        assert_eq!(visible("\0a\u{200b}\u{e0041}"), "⟨U+0000⟩a⟨U+200B⟩⟨U+E0041⟩");
        for whole in ["", "line\n\tline", "👩\u{200d}💻 ❤\u{fe0f}", "می\u{200c}خواهم", "naïve 中文"]
        {
            assert_eq!((shown(whole).as_str(), &*visible(whole)), (whole, whole));
        }
    }

    #[test]
    fn elements_close() {
        let mut html = Html::new();
        html.element("p", "class=\"a\"", |h| h.labelled("b", "", "1 < 2")).folded("more", |h| h.text("x"));
        assert_eq!(
            html.into_string(),
            "<p class=\"a\"><b>1 &lt; 2</b></p><details><summary>more</summary>x</details>"
        );
    }
}
