//! Models side by side.

use prompt_core::{Error, Result};

use super::axes::{Axes, round_range, round_up};
use super::panel::{Frame, short};
use super::svg::{Anchor, Style, Svg, width};
use super::{BLUE, GREY, INK};
use crate::check;

/// A model's bar.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelBar {
    /// The model.
    pub name: String,
    /// Its metric.
    pub value: f64,
    /// Lower and upper bound, drawn as an error bar.
    pub bounds: Option<(f64, f64)>,
    /// Whether it stands out (the chosen model).
    pub chosen: bool,
}

/// One bar a model, in the order given, from zero, with error bars and the numbers beside them.
///
/// ```
/// use prompt_metrics::plot::{ModelBar, comparison_svg};
/// let bar = ModelBar { name: "linear_svm".into(), value: 0.97, bounds: Some((0.96, 0.98)), chosen: true };
/// assert!(comparison_svg("Models", "macro F1", &[bar])?.contains("0.9700 [0.9600, 0.9800]"));
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// No models; numbers that are not finite.
pub fn comparison_svg(title: &str, metric: &str, models: &[ModelBar]) -> Result<String> {
    if models.is_empty() {
        return Err(Error::input("there are no models to compare", "give at least one bar"));
    }
    let values = || models.iter().flat_map(|m| [Some(m.value), m.bounds.map(|b| b.0), m.bounds.map(|b| b.1)]);
    let all: Vec<f64> = values().flatten().collect();
    check::finite("the models' metric", &all)?;
    let high = all.iter().copied().fold(0.0, f64::max);
    let low = all.iter().copied().fold(0.0, f64::min);
    // Rates get the whole of [0, 1], so that pictures of several runs compare.
    let high = if low >= 0.0 && high > 0.5 && high <= 1.0 { 1.0 } else { round_up(high) };
    let low = if low < 0.0 { -round_up(-low) } else { 0.0 };
    let x_range = if low < high { (low, high) } else { (0.0, 1.0) };

    let row = 34.0;
    let longest = models.iter().map(|m| width(&m.name, 12.9)).fold(40.0, f64::max).min(190.0);
    let left = 24.0 + longest + 12.0;
    let height = row * models.len() as f64;
    let numbers = 168.0;
    let mut svg = Svg::new(760.0, 72.0 + height + 62.0);
    let with_bounds = models.iter().any(|m| m.bounds.is_some());
    svg.heading(title, &format!("{metric}{}", if with_bounds { ", with its interval" } else { "" }));
    let axes = Axes {
        left,
        top: 72.0,
        width: 760.0 - 24.0 - numbers - left,
        height,
        x_range,
        y_range: (0.0, models.len() as f64),
    };
    axes.x_ticks(&mut svg, true);
    axes.names(&mut svg, metric, "");
    for (i, model) in models.iter().enumerate() {
        let middle = axes.top + (i as f64 + 0.5) * row;
        let name = Style { anchor: Anchor::End, bold: model.chosen, ..Style::default() };
        svg.fitted(left - 12.0, middle + 4.0, &model.name, longest, name);
        let (zero, end) = (axes.at(0.0, 0.0).0, axes.at(model.value, 0.0).0);
        let colour = if model.chosen { BLUE } else { "#9fb4c7" };
        svg.rect(zero.min(end), middle - 10.0, (end - zero).abs(), 20.0, colour, &model.name);
        let mut label = format!("{:.4}", model.value);
        if let Some((low, high)) = model.bounds {
            let (a, b) = (axes.at(low, 0.0).0, axes.at(high, 0.0).0);
            // White below black is seen on any bar.
            for (colour, width) in [("#fff", 4.0), (INK, 1.6)] {
                svg.line(&[(a, middle), (b, middle)], colour, width, "");
                for x in [a, b] {
                    svg.line(&[(x, middle - 5.0), (x, middle + 5.0)], colour, width, "");
                }
            }
            label += &format!(" [{low:.4}, {high:.4}]");
        }
        let style = Style { bold: model.chosen, ..Style::default() };
        svg.fitted(axes.right() + 12.0, middle + 4.0, &label, numbers, style);
    }
    svg.line(&[axes.at(0.0, 0.0), axes.at(0.0, models.len() as f64)], GREY, 1.0, "");
    Ok(svg.finish(&format!("{title}: {metric} of {} models", models.len())))
}

/// Small bars from zero with a name before and a number behind each; no bar where there is no number.
pub(super) fn bars(svg: &mut Svg, frame: Frame, title: &str, values: &[(String, Option<f64>)], colour: &str) {
    let Frame { left, top, width: all, .. } = frame;
    svg.fitted(
        left + 4.0,
        top + 14.0,
        title,
        all - 8.0,
        Style { size: 13.0, bold: true, ..Style::default() },
    );
    let longest = values.iter().map(|v| width(&v.0, 12.0)).fold(40.0, f64::max).min(0.36 * all);
    let row = 26.0;
    let axes = Axes {
        left: left + longest + 16.0,
        top: top + 28.0,
        width: all - longest - 16.0 - 74.0,
        height: row * values.len() as f64,
        x_range: round_range(values.iter().filter_map(|v| v.1).chain([0.0])),
        y_range: (0.0, 1.0),
    };
    axes.x_ticks(svg, true);
    for (i, (name, value)) in values.iter().enumerate() {
        let middle = axes.top + (i as f64 + 0.5) * row;
        svg.fitted(
            axes.left - 10.0,
            middle + 4.0,
            name,
            longest,
            Style { anchor: Anchor::End, ..Style::default() },
        );
        let label = value.map_or_else(|| "–".to_owned(), short);
        if let Some(value) = *value {
            let (zero, end) = (axes.at(0.0, 0.0).0, axes.at(value, 0.0).0);
            svg.rect(
                zero.min(end),
                middle - 8.0,
                (end - zero).abs(),
                16.0,
                colour,
                &format!("{name}: {label}"),
            );
        }
        svg.text(axes.right() + 8.0, middle + 4.0, &label, Style::default());
    }
    svg.line(&[axes.at(0.0, 0.0), axes.at(0.0, 1.0)], GREY, 1.0, "");
}
