//! Standard output, which its reader may close at any time.

use std::io::Write;
use std::path::Path;

use prompt_models::core::{Error, Result};
use prompt_models::data::write::{AtomicFile, write_folder};
use prompt_models::metrics::report::File;

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

/// Writes a report's files and some others into a folder, whole or not at all; pictures as pixels too, where the program
/// was built for that.
///
/// # Errors
/// As [`write_folder`].
pub(crate) fn report_folder(folder: &Path, files: &[File], more: &[(&str, String)]) -> Result<()> {
    let pixels = pixels(files)?;
    let files = files.iter().map(|f| (f.name.as_str(), f.content.as_bytes()));
    let more = more.iter().map(|(name, content)| (*name, content.as_bytes()));
    write_folder(
        folder,
        files.chain(more).chain(pixels.iter().map(|(name, png)| (name.as_str(), png.as_slice()))),
    )
}

/// Writes one picture: pixels where the file is called `.png`, else SVG.
///
/// # Errors
/// A folder that is not there or cannot be written; `.png` of a program that was built without the feature `png`.
pub(crate) fn picture(path: &Path, svg: &str) -> Result<()> {
    let is_png = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png"));
    let content = if is_png { pixels_of(svg)? } else { svg.as_bytes().to_vec() };
    let mut file = AtomicFile::create(path)?;
    file.write_all(&content).map_err(|e| Error::io("write", path, e))?;
    file.commit()
}

#[cfg(feature = "png")]
fn pixels_of(svg: &str) -> Result<Vec<u8>> {
    prompt_models::metrics::plot::png(svg, 2.0)
}

#[cfg(not(feature = "png"))]
fn pixels_of(_: &str) -> Result<Vec<u8>> {
    Err(Error::unsupported(
        "this build",
        "PNG",
        "name the file .svg, or build with --features prompt-cli/png",
    ))
}

/// The pictures among the files as PNG, at twice their size.
#[cfg(feature = "png")]
fn pixels(files: &[File]) -> Result<Vec<(String, Vec<u8>)>> {
    let svgs = files.iter().filter_map(|f| Some((f.name.strip_suffix(".svg")?, &f.content)));
    svgs.map(|(name, svg)| Ok((format!("{name}.png"), prompt_models::metrics::plot::png(svg, 2.0)?)))
        .collect()
}

#[cfg(not(feature = "png"))]
fn pixels(_: &[File]) -> Result<Vec<(String, Vec<u8>)>> {
    Ok(Vec::new())
}

/// How many bad lines are shown one by one.
const SHOWN: usize = 10;

/// The first bad lines and how many more there are, a line each; empty when there are none. The last one of a file that
/// ends before its time is always shown, and a file of which much is bad is warned of.
pub(crate) fn bad_lines<'a>(
    bad: impl ExactSizeIterator<Item = &'a Error> + Clone,
    good: usize,
    cut: bool,
) -> String {
    let (count, last) = (bad.len(), bad.clone().last());
    let mut text: String = bad.take(SHOWN).map(|error| format!("{error}\n")).collect();
    if count > SHOWN {
        text.push_str(&format!("… and {} more bad lines\n", count - SHOWN));
        if let Some(last) = last.filter(|_| cut) {
            text.push_str(&format!("{last}\n"));
        }
    }
    if count * MANY > count + good {
        text.push_str(&format!(
            "warning: {count} of {} lines could not be used; is the file what it should be?\n",
            count + good
        ));
    }
    text
}

/// One bad line in so many is worth a warning.
const MANY: usize = 20;

/// How many rows were left out for want of a field, and where the first are; empty when there are none.
pub(crate) fn left_out(rows: &[Error], field: &str) -> String {
    let places: Vec<String> = rows
        .iter()
        .take(SHOWN)
        .filter_map(|row| match row {
            Error::Parse { line: Some(line), .. } => Some(line.to_string()),
            _ => None,
        })
        .collect();
    let path = rows.iter().find_map(|row| match row {
        Error::Parse { path, .. } => Some(path.display().to_string()),
        _ => None,
    });
    let Some(path) = path else { return String::new() };
    let more = if rows.len() > places.len() { ", …" } else { "" };
    let (have, lines) = if rows.len() == 1 { ("row has", "line") } else { ("rows have", "lines") };
    format!(
        "warning: {} {have} no {field} and stayed out: {path}, {lines} {}{more}\n",
        rows.len(),
        places.join(", ")
    )
}

/// The warning that ends a command whose data file ended before its time; `cut` says from which line on rows are missing.
pub(crate) fn incomplete(cut: Option<&Error>, done: &str) -> String {
    cut.map_or_else(String::new, |cut| {
        format!("WARNING: the data file is incomplete, and {done} on its first part alone: {cut}\n")
    })
}
