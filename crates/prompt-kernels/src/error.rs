//! What can be wrong with the arguments of a kernel.

/// A kernel was given lengths that do not fit together. Nothing was written to the output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A slice is too short (or, where lengths must be equal, too long).
    #[error("{what} has {found} numbers, expected {expected}: {rule}")]
    Length {
        /// Which argument.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length that the other arguments ask for.
        expected: usize,
        /// How the expected length comes about.
        rule: &'static str,
    },
    /// A matrix has another number of rows or columns than its partner.
    #[error("{what} has {found} {axis}, expected {expected}: {rule}")]
    Shape {
        /// Which argument.
        what: &'static str,
        /// `rows` or `columns`.
        axis: &'static str,
        /// What it has.
        found: usize,
        /// What the other arguments ask for.
        expected: usize,
        /// How the expected number comes about.
        rule: &'static str,
    },
    /// The rows of a matrix would overlap.
    #[error("{what}: a stride of {stride} is less than the {columns} columns of a row; rows must not overlap")]
    Stride {
        /// Which argument.
        what: &'static str,
        /// Numbers from one row to the next.
        stride: usize,
        /// Numbers in a row.
        columns: usize,
    },
    /// A size is beyond what the kernel can count.
    #[error("{what} is {found}, the most is {limit}: {rule}")]
    TooLarge {
        /// Which size.
        what: &'static str,
        /// Its value.
        found: usize,
        /// The largest value allowed.
        limit: usize,
        /// Why there is a limit.
        rule: &'static str,
    },
    /// Sequence boundaries do not start at zero, do not rise, or do not end at the number of tokens.
    #[error("offsets[{at}] is {found}, expected {expected}: boundaries start at 0, never fall and end at the number of tokens")]
    Offsets {
        /// Which entry.
        at: usize,
        /// Its value.
        found: usize,
        /// The value, or the least value, that is expected there.
        expected: usize,
    },
}

/// A kernel's result.
pub type Result<T> = std::result::Result<T, Error>;

/// An error unless a slice has exactly the expected length.
pub(crate) fn exact(what: &'static str, found: usize, expected: usize, rule: &'static str) -> Result<()> {
    if found == expected { Ok(()) } else { Err(Error::Length { what, found, expected, rule }) }
}

/// An error unless two matrices agree on an axis.
pub(crate) fn axis(
    what: &'static str,
    axis: &'static str,
    found: usize,
    expected: usize,
    rule: &'static str,
) -> Result<()> {
    if found == expected { Ok(()) } else { Err(Error::Shape { what, axis, found, expected, rule }) }
}

/// rows · columns, or an error where that is beyond what memory could hold.
pub(crate) fn size(what: &'static str, rows: usize, columns: usize) -> Result<usize> {
    let rule = "rows · columns";
    match rows.checked_mul(columns) {
        Some(size) if size <= isize::MAX as usize / 64 => Ok(size),
        _ => Err(Error::TooLarge { what, found: rows.saturating_mul(columns), limit: isize::MAX as usize / 64, rule }),
    }
}

/// An error unless `offsets` begin at 0, never fall and end at `rows`.
pub(crate) fn boundaries(offsets: &[usize], rows: usize) -> Result<()> {
    let mut least = 0;
    for (at, &found) in offsets.iter().enumerate() {
        if found < least || found > rows || (at == 0 && found != 0) {
            return Err(Error::Offsets { at, found, expected: least.min(rows) });
        }
        least = found;
    }
    if least != rows {
        return Err(Error::Offsets { at: offsets.len().saturating_sub(1), found: least, expected: rows });
    }
    Ok(())
}
