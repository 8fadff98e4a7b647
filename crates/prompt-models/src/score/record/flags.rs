//! What a person should look at in a text.

use std::collections::BTreeSet;

use prompt_data::sanitise::{Flag, FlagKind, Sanitiser};
use serde::Serialize;

/// What a person should look at in a text.
#[derive(Serialize)]
pub(super) struct Shown {
    kind: FlagKind,
    /// Bytes of the text.
    start: usize,
    end: usize,
    /// The hidden text, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    decoded: Option<String>,
}

/// The flags of a text, whether or not the model has a sanitiser.
pub(super) fn flags(text: &str) -> impl Iterator<Item = Shown> {
    let shown = |flag: Flag| Shown {
        kind: flag.kind,
        start: flag.range.start,
        end: flag.range.end,
        decoded: flag.decoded,
    };
    Sanitiser::default().flags(text).into_iter().map(shown)
}

/// The kinds of flags of a text, each once, in a line.
pub(in crate::score) fn flag_names(text: &str) -> String {
    let kinds: BTreeSet<&str> = flags(text).map(|f| f.kind.name()).collect();
    kinds.into_iter().collect::<Vec<_>>().join(" ")
}
