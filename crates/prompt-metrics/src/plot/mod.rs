//! Pictures as self-contained SVG text: put it into a page as it is, or write it to a file.
//!
//! Every picture carries its own white card, so that it reads alike in light and dark pages; colours are those of
//! Okabe and Ito, told apart by people with any colour vision, and lines also differ in their dashes. Text is
//! escaped, and long names are shortened rather than cut off (the whole name appears on hovering). There are no
//! scripts, style sheets or identifiers that could clash with another picture on the page. The same numbers give the
//! same bytes.

mod axes;
mod comparison;
mod confusion;
mod curves;
mod reliability;
mod svg;

pub use comparison::{ModelBar, comparison_svg};
pub use confusion::confusion_svg;
pub use curves::{precision_recall_svg, roc_svg};
pub use reliability::reliability_svg;

/// Okabe and Ito's colours, without the yellow that white swallows.
const COLOURS: [&str; 7] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];

/// What is right.
const BLUE: &str = "#0072B2";

/// What is wrong.
const VERMILLION: &str = "#D55E00";

/// Text.
const INK: &str = "#1f2328";

/// Text and lines that stand back.
const GREY: &str = "#59636e";

/// Grid lines.
const FAINT: &str = "#e4e7eb";
