//! The reliability diagram.

use prompt_core::{Dense, Result};

use super::axes::Axes;
use super::svg::{Style, Svg};
use super::{BLUE, GREY, VERMILLION};
use crate::probability::{ECE_BINS, ece, reliability};
use crate::stats::argmax;

/// Columns of the histogram below the diagram.
const COLUMNS: usize = 40;

/// Confidence of the first choice against how often it is right, in 15 bins of equal mass, and below it how the
/// confidences are spread. Points on the diagonal are honest; red strokes show by how much the others are not.
///
/// # Errors
/// As [`reliability`].
pub fn reliability_svg(
    title: &str,
    y_true: &[u32],
    proba: &Dense,
    weights: Option<&[f64]>,
) -> Result<String> {
    let bins = reliability(y_true, proba, ECE_BINS, weights)?;
    let error = ece(y_true, proba, weights)?;
    let mut svg = Svg::new(560.0, 560.0);
    svg.heading(
        title,
        &format!("expected calibration error {error:.4}, {} rows in {} bins", y_true.len(), bins.len()),
    );
    let (left, width) = (76.0, 456.0);
    let unit = (0.0, 1.0);
    let axes = Axes { left, top: 72.0, width, height: 350.0, x_range: unit, y_range: unit };
    axes.x_ticks(&mut svg, false);
    axes.y_ticks(&mut svg);
    svg.line(&[axes.at(0.0, 0.0), axes.at(1.0, 1.0)], GREY, 1.0, "4 4");
    let label = axes.at(0.03, 0.93);
    let grey = Style { fill: GREY, size: 11.0, ..Style::default() };
    svg.text(label.0, label.1, "above the dashes: under-confident", grey);
    let label = axes.at(0.5, 0.05);
    svg.text(label.0, label.1, "below the dashes: over-confident", grey);
    let points: Vec<(f64, f64)> =
        bins.iter().map(|b| axes.at(b.mean_predicted, b.fraction_positive)).collect();
    for (bin, &point) in bins.iter().zip(&points) {
        svg.line(&[point, axes.at(bin.mean_predicted, bin.mean_predicted)], VERMILLION, 1.5, "");
    }
    svg.line(&points, BLUE, 2.0, "");
    for (bin, &(x, y)) in bins.iter().zip(&points) {
        let hover = format!(
            "{} rows, {:.1}% sure, {:.1}% right",
            bin.weight,
            100.0 * bin.mean_predicted,
            100.0 * bin.fraction_positive
        );
        svg.circle(x, y, 4.5, BLUE, &hover);
    }
    histogram(&mut svg, &axes, proba);
    Ok(svg.finish(&format!("{title}: reliability diagram, expected calibration error {error:.4}")))
}

/// How many rows have which confidence, on the diagram's x axis.
fn histogram(svg: &mut Svg, above: &Axes, proba: &Dense) {
    let mut counts = [0usize; COLUMNS];
    for i in 0..proba.rows() {
        let row = proba.row(i);
        let column = (row[argmax(row)] * COLUMNS as f64) as usize;
        counts[column.min(COLUMNS - 1)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let axes = Axes { top: above.bottom() + 14.0, height: 66.0, y_range: (0.0, most as f64), ..*above };
    axes.x_ticks(svg, true);
    axes.names(svg, "confidence (highest probability)", "");
    let style = Style { anchor: super::svg::Anchor::Middle, turn: -90.0, ..Style::default() };
    svg.text(above.left - 42.0, above.top + above.height / 2.0, "share that is right", style);
    svg.text(above.left - 42.0, axes.top + 33.0, "rows", style);
    for (i, &n) in counts.iter().enumerate().filter(|&(_, &n)| n > 0) {
        let (x, y) = axes.at(i as f64 / COLUMNS as f64, n as f64);
        // One row among thousands is still a line.
        let height = (axes.bottom() - y).max(1.0);
        let hover = format!("{n} rows");
        svg.rect(x + 0.5, axes.bottom() - height, axes.width / COLUMNS as f64 - 1.0, height, BLUE, &hover);
    }
}
