//! Colours in light pages, and what they become in dark ones.

use std::sync::LazyLock;

/// Light colour, its name in class names, dark colour.
const THEME: [(&str, &str, &str); 14] = [
    ("#fff", "card", "#0d1117"),
    ("#d1d9e0", "edge", "#3d444d"),
    (super::INK, "ink", "#e6edf3"),
    (super::GREY, "grey", "#9198a1"),
    (super::FAINT, "faint", "#2a313c"),
    (super::PALE, "pale", "#4a525c"),
    ("#9fb4c7", "bar", "#5b7085"),
    (super::COLOURS[0], "c0", "#4aa3e0"),
    (super::COLOURS[1], "c1", "#f0813a"),
    (super::COLOURS[2], "c2", "#2fc49a"),
    (super::COLOURS[3], "c3", "#e39bc4"),
    (super::COLOURS[4], "c4", "#f0b63c"),
    (super::COLOURS[5], "c5", "#9bd6f7"),
    (super::COLOURS[6], "c6", "#f0f6fc"),
];

/// The rules for dark pages. Attributes hold the light colours, so that programs without style sheets draw those.
pub(super) static STYLE: LazyLock<String> = LazyLock::new(|| {
    let rules: String = THEME
        .iter()
        .map(|(_, name, dark)| format!(".pm-f-{name}{{fill:{dark}}}.pm-s-{name}{{stroke:{dark}}}"))
        .collect();
    format!("@media (prefers-color-scheme:dark){{{rules}}}")
});

/// The attributes of a fill and a stroke; a colour that the theme does not know stays as it is in dark pages.
pub(super) fn paint(fill: Option<&str>, stroke: Option<&str>) -> String {
    let name = |colour: &str| THEME.iter().find(|t| t.0 == colour).map(|t| t.1);
    let (mut out, mut classes) = (String::new(), Vec::new());
    for (attribute, short, colour) in [("fill", 'f', fill), ("stroke", 's', stroke)] {
        let Some(colour) = colour else { continue };
        out += &format!(" {attribute}=\"{colour}\"");
        classes.extend(name(colour).map(|name| format!("pm-{short}-{name}")));
    }
    if !classes.is_empty() {
        out += &format!(" class=\"{}\"", classes.join(" "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_colours_have_a_class_and_others_stay() {
        assert_eq!(paint(Some("#123456"), None), " fill=\"#123456\"");
        assert_eq!(
            paint(Some(crate::plot::INK), Some("#fff")),
            " fill=\"#1f2328\" stroke=\"#fff\" class=\"pm-f-ink pm-s-card\""
        );
        assert!(STYLE.contains(".pm-f-card{fill:#0d1117}"));
    }
}
