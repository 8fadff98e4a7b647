//! The way back from the clean text to the original bytes.

use std::ops::Range;

use super::Change;

/// Appends a change; one that goes on where the last of its kind stopped, and also left nothing, becomes part of it.
pub(super) fn push(changes: &mut Vec<Change>, change: Change) {
    if let Some(last) = changes.last_mut()
        && last.range.end == change.range.start
        && last.kind == change.kind
        && last.replacement.is_empty()
        && change.replacement.is_empty()
    {
        last.range.end = change.range.end;
    } else {
        changes.push(change);
    }
}

/// The original bytes of a range of the clean text.
pub(super) fn original_range(changes: &[Change], clean: Range<usize>) -> Range<usize> {
    let start = original(changes, clean.start, Side::Start);
    let end = original(changes, clean.end, Side::End);
    start..end.max(start)
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Start,
    End,
}

/// The original place of a clean position: what was taken out there lies outside the range on either side.
fn original(changes: &[Change], clean: usize, side: Side) -> usize {
    // The clean text up to `done` stands for the original up to `reached`.
    let (mut reached, mut done) = (0, 0);
    for change in changes {
        let at = done + (change.range.start - reached);
        let end = at + change.replacement.len();
        match side {
            Side::Start if clean < at => break,
            Side::Start if clean < end => return change.range.start,
            Side::End if clean <= at => break,
            Side::End if clean <= end => return change.range.end,
            _ => {}
        }
        reached = change.range.end;
        done = end;
    }
    reached + (clean - done)
}

/// Puts the changes of a second step, whose ranges are of the text after `first`, into `first`.
pub(super) fn merge(first: &mut Vec<Change>, second: Vec<Change>) {
    let mut merged: Vec<Change> = Vec::with_capacity(first.len() + second.len());
    let moved: Vec<Change> = second
        .into_iter()
        .map(|change| Change { range: original_range(first, change.range.clone()), ..change })
        .collect();
    let mut moved = moved.into_iter().peekable();
    for change in first.drain(..) {
        while let Some(next) = moved.next_if(|next| next.range.end <= change.range.start) {
            merged.push(next);
        }
        // What the first step took out inside a piece that the second replaced is part of that replacement.
        let inside = moved
            .peek()
            .is_some_and(|next| next.range.start <= change.range.start && change.range.end <= next.range.end);
        if !inside {
            merged.push(change);
        }
    }
    merged.extend(moved);
    *first = merged;
    debug_assert!(first.is_sorted_by(|a, b| a.range.end <= b.range.start));
}

/// The clean text that `changes` make of `original`; what the changes promise.
#[cfg(test)]
pub(super) fn apply(original: &str, changes: &[Change]) -> String {
    let (mut out, mut at) = (String::new(), 0);
    for Change { range, replacement, .. } in changes {
        out.push_str(&original[at..range.start]);
        out.push_str(replacement);
        at = range.end;
    }
    out.push_str(&original[at..]);
    out
}
