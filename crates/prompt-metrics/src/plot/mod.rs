//! Pictures as self-contained SVG text: put it into a page as it is, or write it to a file.
//!
//! Every picture carries its own card, white in a light page and dark in a dark one (`prefers-color-scheme`); colours are
//! those of Okabe and Ito, told apart by people with any colour vision, and lines also differ in their dashes. Text is
//! escaped, and long names are shortened rather than cut off (the whole name appears on hovering). `<title>` and `<desc>`
//! say what is to be seen. There are no scripts and no identifiers; the classes begin with `pm-` and mean the same in all
//! pictures of a page. The same numbers give the same bytes.

mod axes;
mod columns;
mod comparison;
mod confidence;
mod confusion;
mod contributions;
mod curves;
mod learning;
mod models;
mod panel;
#[cfg(feature = "png")]
mod png;
mod regression;
mod reliability;
mod study;
mod svg;
mod sweep;
mod theme;
mod training;

pub use columns::{ColumnPicture, ColumnValues, columns_svg};
pub use comparison::{ModelBar, comparison_svg};
pub use confidence::{confidence_svg, fairness_svg};
pub use confusion::confusion_svg;
pub use contributions::{Contributions, contributions_svg, dependence_svg, partial_dependence_svg};
pub use curves::{precision_recall_svg, roc_svg};
pub use learning::{CurvePoint, learning_curve_svg, validation_curve_svg};
pub use models::{
    Importance, ModelLine, ParallelAxis, critical_difference_svg, importance_svg, parallel_svg, radar_svg,
};
#[cfg(feature = "png")]
pub use png::png;
pub use regression::{predicted_actual_svg, residuals_svg};
pub use reliability::reliability_svg;
pub use study::{Setting, StudyPicture, StudyTrial, TrialEnd, study_svg};
pub use sweep::{det_svg, gain_svg, threshold_svg};
pub use training::{
    Resources, architecture_svg, convergence_svg, overfitting_svg, resources_svg, stability_svg,
    training_six_svg, training_svg,
};

pub(crate) use svg::escape;

/// Okabe and Ito's colours, without the yellow that white swallows.
const COLOURS: [&str; 7] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];

/// What is right.
const BLUE: &str = "#0072B2";

/// What is wrong.
const VERMILLION: &str = "#D55E00";

/// Dashes that go with the colours.
const DASHES: [&str; 7] = ["", "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "1 2"];

/// Text.
const INK: &str = "#1f2328";

/// Text and lines that stand back.
const GREY: &str = "#59636e";

/// What is there but does not matter.
const PALE: &str = "#b8c0c8";

/// Text on a colour that is the same in light and dark pages.
const CELL_INK: &str = "#1f2329";

/// Grid lines.
const FAINT: &str = "#e4e7eb";
