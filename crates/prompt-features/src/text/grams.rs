//! n-grams of characters.

use super::analyse::Analyzer;
use super::prepared::Prepared;

/// Calls `emit(start, end)` (bytes of the buffer) for every n-gram of characters, as scikit-learn orders them: by
/// text or word, then by n, then by place. `bounds` is memory to be kept.
#[inline]
pub(crate) fn for_each_gram(
    text: &Prepared,
    analyzer: Analyzer,
    ngram_range: (usize, usize),
    bounds: &mut Vec<usize>,
    mut emit: impl FnMut(usize, usize),
) {
    if analyzer == Analyzer::Char {
        grams_between(text, 1, text.end(), ngram_range, false, bounds, &mut emit);
    } else {
        text.for_each_run(|start, end| {
            grams_between(text, start - 1, end + 1, ngram_range, true, bounds, &mut emit);
        });
    }
}

/// The n-grams of one stretch. `once`: a stretch of at most n characters gives itself, and no longer n-gram.
#[inline]
pub(crate) fn grams_between(
    text: &Prepared,
    start: usize,
    end: usize,
    (low, high): (usize, usize),
    once: bool,
    bounds: &mut Vec<usize>,
    emit: &mut impl FnMut(usize, usize),
) {
    if text.is_ascii() {
        let length = end - start;
        for n in low..=high {
            if once && length <= n {
                return emit(start, end);
            }
            for at in start..(end + 1).saturating_sub(n).max(start) {
                emit(at, at + n);
            }
        }
        return;
    }
    bounds.clear();
    bounds.extend((start..end).filter(|&at| text.buffer()[at] & 0xC0 != 0x80));
    bounds.push(end);
    for n in low..=high {
        if once && bounds.len() - 1 <= n {
            return emit(start, end);
        }
        for (from, to) in bounds.iter().zip(bounds.iter().skip(n)) {
            emit(*from, *to);
        }
    }
}
