//! Standard output, which its reader may close at any time.

use std::io::Write;

use prompt_models::core::{Error, Result};

/// Writes a text as it is. `println!` panics where the reader has gone; here that is an error like any other.
///
/// # Errors
/// [`Error::Io`]; a broken pipe ends the program in peace.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|e| Error::io("write", "<standard output>", e))
}

/// [`print()`] with a format and a line break.
macro_rules! outln {
    ($($arg:tt)*) => {
        $crate::out::print(&format!("{}\n", format_args!($($arg)*)))
    };
}
pub(crate) use outln;

/// How many bad lines are shown one by one.
const SHOWN: usize = 10;

/// The first bad lines and how many more there are, a line each; empty when there are none.
pub(crate) fn bad_lines(bad: &[Error]) -> String {
    let mut text: String = bad.iter().take(SHOWN).map(|error| format!("{error}\n")).collect();
    if bad.len() > SHOWN {
        text.push_str(&format!("… and {} more bad lines\n", bad.len() - SHOWN));
    }
    text
}
