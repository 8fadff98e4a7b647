//! ROC and precision–recall curves, one class against the rest.

use prompt_core::{Dense, Error, Result};

use super::axes::Axes;
use super::svg::{Anchor, Style, Svg};
use super::{COLOURS, DASHES, GREY, PALE};
use crate::check;
use crate::probability::{average_precision_per_class, precision_recall_curve, roc_auc_per_class, roc_curve};

/// Curves in colour; of more classes, these are the worst, and the others stay grey.
const IN_COLOUR: usize = 7;

/// One class's curve.
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) area: f64,
    pub(super) points: Vec<(f64, f64)>,
}

/// The ROC curve of every class against the rest, with its area in the legend. Of more than seven classes the seven
/// worst are in colour. Classes without rows have no curve and are named in the line below the title.
///
/// # Errors
/// As [`roc_auc_per_class`]; unless there is one name for each column; when no class has a curve.
pub fn roc_svg<S: AsRef<str>>(
    title: &str,
    y_true: &[u32],
    proba: &Dense,
    classes: &[S],
    weights: Option<&[f64]>,
) -> Result<String> {
    let areas = roc_auc_per_class(y_true, proba, weights)?;
    let (curves, absent) = per_class(y_true, proba, classes, &areas, |truth, scores| {
        Ok(roc_curve(truth, scores, weights)?.iter().map(|p| (p.fpr, p.tpr)).collect())
    })?;
    let (mut svg, axes) = canvas(title, "ROC AUC", "one class against the rest", &curves, &absent);
    axes.names(&mut svg, "false-positive rate", "true-positive rate");
    svg.line(&[axes.at(0.0, 0.0), axes.at(1.0, 1.0)], GREY, 1.0, "4 4");
    let chance = axes.at(0.66, 0.62);
    svg.text(chance.0, chance.1, "chance", Style { fill: GREY, size: 11.0, ..Style::default() });
    draw(&mut svg, &axes, curves, "AUC");
    Ok(svg.finish(&format!("{title}: ROC curves")))
}

/// The precision–recall curve of every class against the rest, with its average precision in the legend. Colours,
/// absent classes and errors as in [`roc_svg`].
///
/// # Errors
/// As [`roc_svg`].
pub fn precision_recall_svg<S: AsRef<str>>(
    title: &str,
    y_true: &[u32],
    proba: &Dense,
    classes: &[S],
    weights: Option<&[f64]>,
) -> Result<String> {
    let areas = average_precision_per_class(y_true, proba, weights)?;
    let (curves, absent) = per_class(y_true, proba, classes, &areas, |truth, scores| {
        let points = precision_recall_curve(truth, scores, weights)?;
        // The curve is a staircase: precision holds until the next lower recall.
        let mut stairs = Vec::with_capacity(2 * points.len());
        for pair in points.windows(2) {
            stairs.push((pair[0].recall, pair[0].precision));
            stairs.push((pair[1].recall, pair[0].precision));
        }
        Ok(stairs)
    })?;
    let (mut svg, axes) = canvas(title, "average precision", "one class against the rest", &curves, &absent);
    axes.names(&mut svg, "recall", "precision");
    draw(&mut svg, &axes, curves, "AP");
    Ok(svg.finish(&format!("{title}: precision–recall curves")))
}

/// The curves of the classes that have one, and the names of the others.
pub(super) fn per_class<S: AsRef<str>>(
    y_true: &[u32],
    proba: &Dense,
    classes: &[S],
    areas: &[Option<f64>],
    points: impl Fn(&[bool], &[f64]) -> Result<Vec<(f64, f64)>>,
) -> Result<(Vec<Curve>, Vec<String>)> {
    check::same_length("the class names", proba.cols(), classes.len())?;
    let (mut curves, mut absent) = (Vec::new(), Vec::new());
    for (class, (name, area)) in classes.iter().zip(areas).enumerate() {
        let name = name.as_ref().to_owned();
        match area {
            Some(area) => {
                let truth: Vec<bool> = y_true.iter().map(|&t| t as usize == class).collect();
                let points = points(&truth, &proba.column(class))?;
                curves.push(Curve { name, area: *area, points });
            }
            None => absent.push(name),
        }
    }
    if curves.is_empty() {
        return Err(Error::input(
            "no class has a curve: each holds no row, or every row",
            "evaluate on rows of several classes",
        ));
    }
    Ok((curves, absent))
}

fn canvas(title: &str, metric: &str, what: &str, curves: &[Curve], absent: &[String]) -> (Svg, Axes) {
    let mut svg = Svg::new(780.0, 480.0);
    let mean = curves.iter().map(|c| c.area).sum::<f64>() / curves.len() as f64;
    let mut subtitle = format!("{what}; macro {metric} {mean:.4}");
    if !absent.is_empty() {
        subtitle += &format!("; no curve for {}", absent.join(", "));
    }
    svg.heading(title, &subtitle);
    let axes =
        Axes { left: 76.0, top: 72.0, width: 400.0, height: 350.0, x_range: (0.0, 1.0), y_range: (0.0, 1.0) };
    axes.x_ticks(&mut svg, true);
    axes.y_ticks(&mut svg);
    (svg, axes)
}

/// Draws the curves, the worst first in the legend and on top of the others.
fn draw(svg: &mut Svg, axes: &Axes, curves: Vec<Curve>, metric: &str) {
    draw_legend(svg, axes, curves, metric, true);
}

/// As [`draw`], for numbers of which the highest or the lowest are the best.
pub(super) fn draw_legend(
    svg: &mut Svg,
    axes: &Axes,
    mut curves: Vec<Curve>,
    metric: &str,
    higher_is_better: bool,
) {
    let many = curves.len() > IN_COLOUR;
    if many {
        curves.sort_by(|a, b| a.area.total_cmp(&b.area));
        if !higher_is_better {
            curves.reverse();
        }
    }
    for curve in curves.iter().skip(IN_COLOUR) {
        svg.line(&visible(axes, &curve.points, 2.0), PALE, 0.8, "");
    }
    let (x, mut y) = (axes.right() + 24.0, axes.top + 8.0);
    let heading =
        if many { format!("the {IN_COLOUR} worst of {}", curves.len()) } else { "class".to_owned() };
    svg.text(x, y, &heading, Style { fill: GREY, size: 11.0, ..Style::default() });
    svg.text(756.0, y, metric, Style { fill: GREY, size: 11.0, anchor: Anchor::End, ..Style::default() });
    for (i, curve) in curves.iter().take(IN_COLOUR).enumerate() {
        svg.line(&visible(axes, &curve.points, 0.6), COLOURS[i], 2.0, DASHES[i]);
        y += 24.0;
        svg.line(&[(x, y - 4.0), (x + 26.0, y - 4.0)], COLOURS[i], 2.5, DASHES[i]);
        svg.fitted(x + 34.0, y, &curve.name, 156.0, Style::default());
        svg.text(756.0, y, &format!("{:.4}", curve.area), Style { anchor: Anchor::End, ..Style::default() });
    }
}

/// The points that make a visible difference: at least `gap` pixels from the one before. The ends always stay.
fn visible(axes: &Axes, points: &[(f64, f64)], gap: f64) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (i, &(x, y)) in points.iter().enumerate() {
        let at = axes.at(x, y);
        let far = kept.last().is_none_or(|last| (last.0 - at.0).abs() + (last.1 - at.1).abs() >= gap);
        if far || i + 1 == points.len() {
            kept.push(at);
        }
    }
    kept
}
