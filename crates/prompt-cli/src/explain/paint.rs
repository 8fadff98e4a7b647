//! An explained text for people: on a terminal, and as a page.

use std::fmt::Write;
use std::io::IsTerminal;

use prompt_models::explain::{Span, TextExplanation};

/// Warm for what speaks for the output, cool for what speaks against it.
const FOR: (u8, u8, u8) = (214, 93, 14);
const AGAINST: (u8, u8, u8) = (38, 110, 180);

/// The text with its words coloured by weight, then the columns that contributed most. Without a terminal (or with
/// `NO_COLOR`) words keep their colour for themselves.
pub(super) fn terminal(text: &str, why: &TextExplanation, listed: usize) -> String {
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut out = format!(
        "{}: {:.4} (margin {:+.4} = base {:+.4} {:+.4} from the words {:+.4} from the rest)\n\n",
        why.output,
        why.score,
        why.margin,
        why.base,
        why.words.iter().map(|w| w.weight).sum::<f64>(),
        why.rest
    );
    let most = heaviest(why);
    for word in &why.words {
        let piece = shown(text, word);
        let strength = if most > 0.0 { word.weight.abs() / most } else { 0.0 };
        if !colours || strength < 0.05 {
            out.push_str(&piece);
            continue;
        }
        let (r, g, b) = if word.weight > 0.0 { FOR } else { AGAINST };
        let mixed = |c: u8| (f64::from(c) * strength + 30.0 * (1.0 - strength)) as u8;
        let solid = piece.trim_end();
        let _ = write!(
            out,
            "\x1b[38;2;255;255;255;48;2;{};{};{}m{solid}\x1b[0m{}",
            mixed(r),
            mixed(g),
            mixed(b),
            &piece[solid.len()..]
        );
    }
    out.push_str("\n\n");
    for feature in why.features.iter().take(listed) {
        let places: Vec<String> =
            feature.spans.iter().take(3).map(|s| format!("{}–{}", s.start, s.end)).collect();
        let at =
            if places.is_empty() { "the whole".to_owned() } else { format!("bytes {}", places.join(", ")) };
        let _ = writeln!(out, "  {:+.4}  {:<28} {at}", feature.weight, feature.name);
    }
    out
}

/// A word without what would steer a terminal.
fn shown(text: &str, word: &Span) -> String {
    let piece = text.get(word.start..word.end).unwrap_or_default();
    piece.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '·' } else { c }).collect()
}

fn heaviest(why: &TextExplanation) -> f64 {
    why.words.iter().map(|w| w.weight.abs()).fold(0.0, f64::max)
}

/// The same as one page without scripts.
pub(super) fn page(text: &str, why: &TextExplanation) -> String {
    let most = heaviest(why);
    let mut words = String::new();
    for word in &why.words {
        let (r, g, b) = if word.weight > 0.0 { FOR } else { AGAINST };
        let strength = if most > 0.0 { 0.75 * word.weight.abs() / most } else { 0.0 };
        let piece = text.get(word.start..word.end).unwrap_or_default();
        let solid = piece.trim_end();
        let _ = write!(
            words,
            "<span style=\"background:rgba({r},{g},{b},{strength:.3})\" title=\"{:+.4}\">{}</span>{}",
            word.weight,
            escaped(solid),
            escaped(&piece[solid.len()..])
        );
    }
    let widest = why.features.iter().map(|f| f.weight.abs()).fold(0.0, f64::max);
    let rows: String = why
        .features
        .iter()
        .take(30)
        .map(|f| {
            let (r, g, b) = if f.weight > 0.0 { FOR } else { AGAINST };
            let width = if widest > 0.0 { 160.0 * f.weight.abs() / widest } else { 0.0 };
            format!(
                "<tr><td>{}</td><td class=n>{:+.4}</td><td><div style=\"width:{width:.0}px;height:10px;\
                 background:rgb({r},{g},{b})\"></div></td></tr>",
                escaped(&f.name),
                f.weight
            )
        })
        .collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Why {name}</title>\n<style>\
         body{{font:16px/1.6 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#222}}\
         .text{{white-space:pre-wrap;border:1px solid #ddd;border-radius:6px;padding:1rem}}\
         .text span{{border-radius:3px;padding:1px 0}}table{{border-collapse:collapse;margin-top:1rem}}\
         td{{padding:2px 10px 2px 0}}.n{{text-align:right;font-variant-numeric:tabular-nums}}\
         .key span{{padding:1px 6px;border-radius:3px;color:#fff}}</style>\n\
         <h1>Why {name}</h1>\n<p>Score {score:.4}. Margin {margin:+.4} = base {base:+.4} {sum:+.4} from the words \
         {rest:+.4} from the rest.</p>\n<p class=\"key\"><span style=\"background:rgb(214,93,14)\">speaks for it</span> \
         <span style=\"background:rgb(38,110,180)\">speaks against it</span></p>\n\
         <div class=\"text\">{words}</div>\n<table>{rows}</table>\n</html>\n",
        name = escaped(&why.output),
        score = why.score,
        margin = why.margin,
        base = why.base,
        sum = why.words.iter().map(|w| w.weight).sum::<f64>(),
        rest = why.rest,
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use prompt_models::explain::Way;

    #[test]
    fn what_a_text_holds_can_neither_steer_the_terminal_nor_enter_the_page() {
        let text = "<script>alert(1)</script> \u{1b}[2J";
        let word = Span { start: 0, end: text.len(), weight: 1.0 };
        let why = TextExplanation {
            output: "<b>".into(),
            score: 0.5,
            base: 0.0,
            margin: 1.0,
            rest: 0.0,
            words: vec![word],
            features: vec![],
            way: Way::Linear,
        };
        let page = page(text, &why);
        assert!(!page.contains("<script>") && !page.contains("<b>"));
        assert!(!terminal(text, &why, 3).contains("\u{1b}[2J"));
    }
}
