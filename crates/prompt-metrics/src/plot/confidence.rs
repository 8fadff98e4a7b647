//! How sure a model is where it is right and where it is wrong; and how alike it serves groups.

use prompt_core::{Dense, Error, Result};

use super::axes::{Axes, round_up};
use super::comparison::{ModelBar, comparison_svg};
use super::svg::{Anchor, Style, Svg};
use super::{BLUE, VERMILLION};
use crate::fairness::GroupReport;
use crate::probability::first_choice;

/// Columns of a histogram.
const COLUMNS: usize = 25;

/// The confidence (highest probability) of right and of wrong rows, as two histograms with a scale each.
///
/// # Errors
/// No rows, lengths that differ, labels beyond the columns, rows that are not probabilities.
pub fn confidence_svg(title: &str, y_true: &[u32], proba: &Dense) -> Result<String> {
    let (hit, confidence) = first_choice(y_true, proba)?;
    let of = |right: bool| -> Vec<f64> {
        confidence.iter().zip(&hit).filter(|(_, h)| **h == right).map(|(c, _)| *c).collect()
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (right, wrong) = (of(true), of(false));
    let said = |values: &[f64], what: &str| {
        if values.is_empty() {
            format!("no row is {what}")
        } else {
            format!("{} rows {what}, {:.1}% sure", values.len(), 100.0 * mean(values))
        }
    };
    let summary = format!("{}; {}", said(&right, "right"), said(&wrong, "wrong"));
    let mut svg = Svg::new(760.0, 520.0);
    svg.heading(title, &summary);
    for (values, name, colour, top) in [(&right, "right", BLUE, 72.0), (&wrong, "wrong", VERMILLION, 272.0)] {
        let mut counts = [0usize; COLUMNS];
        for c in values {
            counts[((c * COLUMNS as f64) as usize).min(COLUMNS - 1)] += 1;
        }
        let most = counts.iter().copied().max().unwrap_or(0).max(4) as f64;
        let axes = Axes {
            left: 96.0,
            top,
            width: 640.0,
            height: 172.0,
            x_range: (0.0, 1.0),
            y_range: (0.0, round_up(most)),
        };
        axes.x_ticks(&mut svg, top > 200.0);
        axes.y_ticks(&mut svg);
        for (i, &n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            let (x, y) = axes.at(i as f64 / COLUMNS as f64, n as f64);
            // One row among thousands is still a line.
            let height = (axes.bottom() - y).max(1.0);
            let wide = axes.width / COLUMNS as f64 - 2.0;
            svg.rect(x + 1.0, axes.bottom() - height, wide, height, colour, &format!("{n} rows {name}"));
        }
        let style = Style { anchor: Anchor::Middle, turn: -90.0, ..Style::default() };
        svg.text(36.0, top + 86.0, &format!("rows that are {name}"), style);
        if top > 200.0 {
            axes.names(&mut svg, "confidence (highest probability)", "");
        }
    }
    Ok(svg.finish(&format!("{title}: {summary}")))
}

/// A metric of each group with its interval, as bars; groups on which it is undefined have none.
///
/// # Errors
/// When no group has a value.
pub fn fairness_svg(title: &str, metric: &str, report: &GroupReport) -> Result<String> {
    let bars: Vec<ModelBar> = report
        .groups
        .iter()
        .filter_map(|g| {
            Some(ModelBar {
                name: format!("{} ({} rows)", g.group, g.rows),
                value: g.value?,
                bounds: g.interval.map(|i| (i.low, i.high)),
                chosen: g.group == report.lowest,
            })
        })
        .collect();
    if bars.is_empty() {
        return Err(Error::input("no group has a value", "see the report's notes"));
    }
    comparison_svg(title, metric, &bars)
}
