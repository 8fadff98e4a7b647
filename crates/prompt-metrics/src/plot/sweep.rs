//! What a threshold decides: everything at every threshold, gain, and DET curves.

use prompt_core::{Dense, Result};

use super::axes::Axes;
use super::curves::{Curve, draw_legend, per_class};
use super::panel::{Frame, Panel, Series};
use super::svg::{Anchor, Style, Svg};
use super::{FAINT, GREY};
use crate::probability::{gain_curve, precision_recall_curve, roc_auc_per_class, roc_curve};
use crate::stats::normal_quantile;

/// Points of a sweep that are drawn at most.
const STEPS: usize = 400;

/// Precision, recall, F1 and false-positive rate at every threshold on the score, with the threshold of the best F1.
///
/// # Errors
/// As [`roc_curve`].
pub fn threshold_svg(
    title: &str,
    is_positive: &[bool],
    scores: &[f64],
    weights: Option<&[f64]>,
) -> Result<String> {
    let roc = roc_curve(is_positive, scores, weights)?;
    let pr = precision_recall_curve(is_positive, scores, weights)?;
    let cuts = &pr[..pr.len() - 1];
    let every = cuts.len().div_ceil(STEPS).max(1);
    let drawn =
        || cuts.iter().enumerate().filter(|(i, _)| i % every == 0 || i + 1 == cuts.len()).map(|(_, p)| p);
    let f1 = |p: &crate::PrPoint| {
        if p.precision + p.recall > 0.0 {
            2.0 * p.precision * p.recall / (p.precision + p.recall)
        } else {
            0.0
        }
    };
    let best = cuts.iter().reduce(|a, b| if f1(b) > f1(a) { b } else { a }).unwrap_or(&pr[0]);
    let of = |value: &dyn Fn(&crate::PrPoint) -> f64| drawn().map(|p| (p.threshold, value(p))).collect();
    let mut svg = Svg::new(760.0, 480.0);
    let summary = format!(
        "best F1 {:.4} at threshold {:.4}: precision {:.4}, recall {:.4}",
        f1(best),
        best.threshold,
        best.precision,
        best.recall
    );
    svg.heading(title, &summary);
    let false_alarms = roc.iter().skip(1).rev().map(|p| (p.threshold, p.fpr)).collect();
    let panel = Panel {
        x: "threshold",
        y: "share",
        y_range: Some((0.0, 1.0)),
        series: vec![
            Series::new("precision", 0, of(&|p| p.precision)),
            Series::new("recall", 1, of(&|p| p.recall)),
            Series::new("F1", 2, of(&f1)),
            Series::new("false-positive rate", 3, false_alarms),
        ],
        marks: vec![(best.threshold, "best F1".to_owned())],
        ..Panel::default()
    };
    panel.draw(&mut svg, Frame { left: 16.0, top: 48.0, width: 728.0, height: 420.0 });
    Ok(svg.finish(&format!("{title}: {summary}")))
}

/// The share of the positives found when only the best-scored share of the rows is looked at; the dashed line is chance.
///
/// # Errors
/// As [`gain_curve`].
pub fn gain_svg(
    title: &str,
    is_positive: &[bool],
    scores: &[f64],
    weights: Option<&[f64]>,
) -> Result<String> {
    let curve = gain_curve(is_positive, scores, weights)?;
    let at = |fraction| crate::probability::lift_at(is_positive, scores, fraction, weights);
    let summary = format!("lift {:.2} in the first tenth, {:.2} in the first fifth", at(0.1)?, at(0.2)?);
    let mut points = vec![(0.0, 0.0)];
    points.extend(curve.iter().map(|p| (p.fraction, p.gain)));
    let mut svg = Svg::new(560.0, 520.0);
    svg.heading(title, &summary);
    let panel = Panel {
        x: "share of the rows looked at, best scores first",
        y: "share of the positives found",
        x_range: Some((0.0, 1.0)),
        y_range: Some((0.0, 1.0)),
        series: vec![
            Series::new("by score", 0, points),
            Series::new("by chance", 6, vec![(0.0, 0.0), (1.0, 1.0)]),
        ],
        ..Panel::default()
    };
    panel.draw(&mut svg, Frame { left: 16.0, top: 48.0, width: 528.0, height: 460.0 });
    Ok(svg.finish(&format!("{title}: cumulative gain, {summary}")))
}

/// Rates at the ticks of a DET curve.
const RATES: [f64; 9] = [0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999];

/// The detection error tradeoff: missed against false alarms of every class against the rest, both on normal-deviate
/// scales, so that rare errors have room. Lower and further left is better.
///
/// # Errors
/// As [`roc_svg`](super::roc_svg).
pub fn det_svg<S: AsRef<str>>(
    title: &str,
    y_true: &[u32],
    proba: &Dense,
    classes: &[S],
    weights: Option<&[f64]>,
) -> Result<String> {
    let areas = roc_auc_per_class(y_true, proba, weights)?;
    let deviate = |rate: f64| normal_quantile(rate.clamp(RATES[0], RATES[8]));
    let (mut curves, absent) = per_class(y_true, proba, classes, &areas, |truth, scores| {
        let roc = roc_curve(truth, scores, weights)?;
        Ok(roc.iter().map(|p| (deviate(p.fpr), deviate(1.0 - p.tpr))).collect())
    })?;
    // The legend tells the rate at which both errors are alike.
    for curve in &mut curves {
        curve.area = equal_error(curve);
    }
    let mut svg = Svg::new(780.0, 480.0);
    let missing =
        if absent.is_empty() { String::new() } else { format!("; no curve for {}", absent.join(", ")) };
    svg.heading(title, &format!("one class against the rest, normal-deviate scales{missing}"));
    let range = (deviate(RATES[0]), deviate(RATES[8]));
    let axes = Axes { left: 84.0, top: 72.0, width: 392.0, height: 350.0, x_range: range, y_range: range };
    for rate in RATES {
        let (x, y) = axes.at(deviate(rate), deviate(rate));
        svg.line(&[(x, axes.top), (x, axes.bottom())], FAINT, 1.0, "");
        svg.line(&[(axes.left, y), (axes.right(), y)], FAINT, 1.0, "");
        let label = format!("{}%", super::panel::short(100.0 * rate));
        let style = Style { fill: GREY, size: 11.0, ..Style::default() };
        svg.text(x, axes.bottom() + 17.0, &label, Style { anchor: Anchor::Middle, ..style });
        svg.text(axes.left - 8.0, y + 4.0, &label, Style { anchor: Anchor::End, ..style });
    }
    axes.names(&mut svg, "false alarms", "");
    let style = Style { anchor: Anchor::Middle, turn: -90.0, ..Style::default() };
    svg.text(axes.left - 54.0, axes.top + axes.height / 2.0, "missed", style);
    draw_legend(&mut svg, &axes, curves, "equal error", false);
    Ok(svg.finish(&format!("{title}: detection error tradeoff")))
}

/// The rate where the curve crosses the diagonal.
fn equal_error(curve: &Curve) -> f64 {
    let closest = curve.points.iter().map(|p| (p.0 - p.1).abs()).zip(&curve.points);
    let best = closest.reduce(|a, b| if b.0 < a.0 { b } else { a });
    best.map_or(f64::NAN, |(_, p)| crate::stats::normal_cdf(f64::midpoint(p.0, p.1)))
}
