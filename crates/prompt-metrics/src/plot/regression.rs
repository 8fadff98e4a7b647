//! Predicted numbers: against the truth, and what is left over.

use prompt_core::Result;

use super::axes::Axes;
use super::panel::{Frame, Panel, short};
use super::svg::{Anchor, Style, Svg};
use super::{BLUE, GREY, VERMILLION};
use crate::check;
use crate::regress::{mae, r2};

/// Rows up to which each is a point; of more, squares are shaded by their number.
const POINTS: usize = 1500;

/// Squares along each side.
const SQUARES: usize = 56;

/// Predictions against the truth. On the dashed line they are right.
///
/// # Errors
/// As [`mae`].
pub fn predicted_actual_svg(title: &str, y_true: &[f64], y_pred: &[f64]) -> Result<String> {
    let error = mae(y_true, y_pred, None)?;
    let fit = r2(y_true, y_pred, None)
        .ok()
        .filter(|v| v.is_finite())
        .map_or_else(String::new, |v| format!(", R² {v:.4}"));
    let error = said(error);
    let mut svg = Svg::new(560.0, 580.0);
    svg.heading(title, &format!("mean absolute error {error}{fit}, {} rows", y_true.len()));
    let range = super::axes::round_range(y_true.iter().chain(y_pred).copied());
    let panel = Panel {
        x: "true value",
        y: "predicted value",
        x_range: Some(range),
        y_range: Some(range),
        series: vec![diagonal(range)],
        ..Panel::default()
    };
    let axes = panel.draw(&mut svg, Frame { left: 16.0, top: 44.0, width: 528.0, height: 524.0 });
    scatter(&mut svg, &axes, y_true, y_pred);
    Ok(svg.finish(&format!("{title}: predicted against true values, mean absolute error {error}")))
}

/// Four decimals, or a power of ten for what has more than nine digits before them.
fn said(value: f64) -> String {
    if !value.is_finite() {
        "beyond all numbers".to_owned()
    } else if value.abs() < 1e9 {
        format!("{value:.4}")
    } else {
        format!("{value:.4e}")
    }
}

fn diagonal(range: (f64, f64)) -> super::panel::Series {
    super::panel::Series::new("right", 1, vec![(range.0, range.0), (range.1, range.1)])
}

fn scatter(svg: &mut Svg, axes: &Axes, x: &[f64], y: &[f64]) {
    if x.len() <= POINTS {
        for (&x, &y) in x.iter().zip(y) {
            let (px, py) = axes.at(x, y);
            svg.circle(px, py, 3.0, BLUE, &format!("{} → {}", short(x), short(y)));
        }
        return;
    }
    let mut counts = vec![0usize; SQUARES * SQUARES];
    let square = |at: f64, start: f64, length: f64| {
        (((at - start) / length * SQUARES as f64) as usize).min(SQUARES - 1)
    };
    for (&x, &y) in x.iter().zip(y) {
        let (px, py) = axes.at(x, y);
        counts[square(py, axes.top, axes.height) * SQUARES + square(px, axes.left, axes.width)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1) as f64;
    let (w, h) = (axes.width / SQUARES as f64, axes.height / SQUARES as f64);
    for (i, &n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        let (left, top) = (axes.left + (i % SQUARES) as f64 * w, axes.top + (i / SQUARES) as f64 * h);
        let depth = 0.2 + 0.8 * (n as f64).ln_1p() / most.ln_1p();
        svg.area(&[(left, top), (left + w, top), (left + w, top + h), (left, top + h)], BLUE, depth);
    }
}

/// Truth less prediction, against the prediction, with how the differences are spread beside it. A funnel or a bend says
/// what the model does not know.
///
/// # Errors
/// As [`mae`].
pub fn residuals_svg(title: &str, y_true: &[f64], y_pred: &[f64]) -> Result<String> {
    check::not_empty(y_true.len())?;
    let error = mae(y_true, y_pred, None)?;
    let residuals: Vec<f64> = y_true.iter().zip(y_pred).map(|(t, p)| t - p).collect();
    check::finite("the residuals", &residuals)?;
    let mean = residuals.iter().sum::<f64>() / residuals.len() as f64;
    let (mean, error) = (format!("{}{}", if mean < 0.0 { "" } else { "+" }, said(mean)), said(error));
    let mut svg = Svg::new(760.0, 480.0);
    svg.heading(title, &format!("mean residual {mean}, mean absolute error {error}, {} rows", y_true.len()));
    let range = super::axes::round_range(residuals.iter().copied().chain([0.0]));
    let x_range = super::axes::round_range(y_pred.iter().copied());
    let panel = Panel {
        x: "predicted value",
        y: "truth − prediction",
        x_range: Some(x_range),
        y_range: Some(range),
        series: vec![super::panel::Series::new("right", 1, vec![(x_range.0, 0.0), (x_range.1, 0.0)])],
        ..Panel::default()
    };
    let axes = panel.draw(&mut svg, Frame { left: 16.0, top: 44.0, width: 560.0, height: 424.0 });
    scatter(&mut svg, &axes, y_pred, &residuals);
    let side = Axes { left: 590.0, width: 146.0, ..axes };
    let mut counts = [0usize; 30];
    for r in &residuals {
        let part = (r - range.0) / (range.1 - range.0);
        counts[((part * 30.0) as usize).min(29)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1) as f64;
    let high = side.height / 30.0;
    for (i, &n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        let bottom = side.bottom() - i as f64 * high;
        let hover = format!("{n} rows");
        svg.rect(
            side.left,
            bottom - high + 0.5,
            (n as f64 / most * side.width).max(1.0),
            high - 1.0,
            BLUE,
            &hover,
        );
    }
    let zero = side.at(0.0, 0.0).1;
    svg.line(&[(side.left, zero), (side.right(), zero)], VERMILLION, 1.5, "7 3");
    let style = Style { anchor: Anchor::Middle, fill: GREY, ..Style::default() };
    svg.text(side.left + side.width / 2.0, side.bottom() + 34.0, &format!("rows (most: {most})"), style);
    Ok(svg.finish(&format!("{title}: residuals, mean {mean}, mean absolute error {error}")))
}
