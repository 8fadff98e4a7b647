//! Scores against the number of training rows, or against a parameter.

use prompt_core::{Error, Result};

use super::panel::{Frame, Panel, Series, short};
use super::svg::Svg;
use crate::check;

/// The scores of the folds at one place of a curve.
#[derive(Debug, Clone, PartialEq)]
pub struct CurvePoint {
    /// Training rows, or the parameter's value.
    pub x: f64,
    /// Score on the training rows of each fold; may be empty.
    pub train: Vec<f64>,
    /// Score on the validation rows of each fold.
    pub validation: Vec<f64>,
}

/// Scores against training rows: would more data help? Bands are one standard deviation between folds.
///
/// ```
/// use prompt_metrics::plot::{CurvePoint, learning_curve_svg};
/// let point = |x: f64, t: f64, v: f64| CurvePoint { x, train: vec![t, t], validation: vec![v - 0.01, v + 0.01] };
/// let svg = learning_curve_svg("Learning", "macro F1", &[point(100.0, 0.99, 0.7), point(800.0, 0.95, 0.85)])?;
/// assert!(svg.contains("training rows") && svg.contains("0.85 with 800"));
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// No points, a point without validation scores, numbers that are not finite.
pub fn learning_curve_svg(title: &str, metric: &str, points: &[CurvePoint]) -> Result<String> {
    let last = points.iter().reduce(|a, b| if b.x > a.x { b } else { a });
    let subtitle =
        last.map(|p| format!("{metric} {} with {} training rows", short(mean(&p.validation)), short(p.x)));
    curve(title, &subtitle.unwrap_or_default(), metric, "training rows", points, false)
}

/// Scores against a parameter: where is too much, where too little? `log` spaces the parameter by powers of ten.
///
/// # Errors
/// As [`learning_curve_svg`]; with `log`, a value that is not above 0.
pub fn validation_curve_svg(
    title: &str,
    metric: &str,
    parameter: &str,
    points: &[CurvePoint],
    log: bool,
) -> Result<String> {
    if let Some(bad) =
        points.iter().find(|p| log && p.x.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater))
    {
        return Err(Error::input(
            format!("`{parameter}` is {}", bad.x),
            "powers of ten start above 0: draw it without `log`",
        ));
    }
    let best = points.iter().reduce(|a, b| if mean(&b.validation) > mean(&a.validation) { b } else { a });
    let subtitle =
        best.map(|p| format!("best {metric} {} at {parameter} = {}", short(mean(&p.validation)), short(p.x)));
    curve(title, &subtitle.unwrap_or_default(), metric, parameter, points, log)
}

fn mean(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.len() as f64
}

fn deviation(scores: &[f64]) -> f64 {
    let m = mean(scores);
    (scores.iter().map(|s| (s - m).powi(2)).sum::<f64>() / (scores.len() as f64 - 1.0).max(1.0)).sqrt()
}

fn curve(
    title: &str,
    subtitle: &str,
    metric: &str,
    x: &str,
    points: &[CurvePoint],
    log: bool,
) -> Result<String> {
    if points.is_empty() {
        return Err(Error::input("there are no points to draw", "give the scores of at least one place"));
    }
    for p in points {
        check::finite("the curve's places", &[p.x])?;
        check::finite("the training scores", &p.train)?;
        check::finite("the validation scores", &p.validation)?;
        if p.validation.is_empty() {
            return Err(Error::input(
                format!("no validation scores at {}", p.x),
                "give those of at least one fold",
            ));
        }
    }
    let mut sorted: Vec<&CurvePoint> = points.iter().collect();
    sorted.sort_by(|a, b| a.x.total_cmp(&b.x));
    let place = |p: &CurvePoint| if log { p.x.log10() } else { p.x };
    let series = |name: &str, colour: usize, scores: &dyn Fn(&CurvePoint) -> Vec<f64>| {
        let some: Vec<(f64, Vec<f64>)> =
            sorted.iter().map(|p| (place(p), scores(p))).filter(|(_, s)| !s.is_empty()).collect();
        Series {
            band: some.iter().map(|(x, s)| (*x, mean(s) - deviation(s), mean(s) + deviation(s))).collect(),
            ..Series::new(name, colour, some.iter().map(|(x, s)| (*x, mean(s))).collect()).marked()
        }
    };
    let mut all =
        vec![series("validation", 0, &|p| p.validation.clone()), series("training", 1, &|p| p.train.clone())];
    all.retain(|s| !s.points.is_empty());
    let mut svg = Svg::new(760.0, 480.0);
    svg.heading(title, subtitle);
    let panel = Panel { x, y: metric, power_x: log, series: all, ..Panel::default() };
    panel.draw(&mut svg, Frame { left: 16.0, top: 48.0, width: 728.0, height: 420.0 });
    Ok(svg.finish(&format!("{title}: {metric} against {x}; {subtitle}")))
}
