//! How the columns of answers are called.

use std::collections::BTreeSet;

use prompt_core::Classes;

/// Columns of a table of answers, which no further head may be called.
pub(crate) const COLUMNS: [&str; 9] =
    ["line", "text", "true_label", "label", "confidence", "score", "error", "flags", "input"];

/// The columns of the answers of a first head and of further ones (a name, and whether it has classes), and whether they
/// hold names.
pub(super) fn columns_of<'a>(
    first: Option<&Classes>,
    further: impl IntoIterator<Item = (&'a str, bool)>,
) -> Vec<(String, bool)> {
    let mut columns = match first {
        Some(classes) => {
            let mut columns = vec![("label".to_owned(), true), ("confidence".to_owned(), false)];
            columns.extend(classes.names().iter().map(|c| (format!("p_{c}"), false)));
            columns
        }
        None => vec![("score".to_owned(), false)],
    };
    for (name, classes) in further {
        columns.push((name.to_owned(), classes));
        if classes {
            columns.push((format!("{name}_confidence"), false));
        }
    }
    columns
}

/// The column that a table of these heads' answers would have twice, if any.
pub(crate) fn column_twice<'a>(
    first: Option<&Classes>,
    further: impl IntoIterator<Item = (&'a str, bool)>,
) -> Option<String> {
    twice(columns_of(first, further).into_iter().map(|(name, _)| name))
}

/// The first of these columns of answers that a table would have twice.
pub(super) fn twice(mut columns: impl Iterator<Item = String>) -> Option<String> {
    let mut seen: BTreeSet<String> =
        ["line", "text", "true_label", "error", "flags", "input"].map(str::to_owned).into();
    columns.find(|name| !seen.insert(name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_that_would_come_twice_is_found() {
        let classes = Classes::new(["a", "b"]).unwrap();
        let of = |further: &[(&str, bool)]| column_twice(Some(&classes), further.iter().copied());
        assert_eq!(of(&[("level", true), ("words", false), ("score", false)]), None);
        for (further, twice) in [
            (&[("text", false)][..], "text"),
            (&[("flags", true)], "flags"),
            (&[("input", true)], "input"),
            (&[("label", true)], "label"),
            (&[("p_b", false)], "p_b"),
            (&[("level", true), ("level_confidence", false)], "level_confidence"),
        ] {
            assert_eq!(of(further).as_deref(), Some(twice));
        }
        assert_eq!(column_twice(None, [("p_b", false), ("label", true)]), None);
        assert_eq!(column_twice(None, [("score", false)]).as_deref(), Some("score"));
    }
}
