//! Many models over many numbers: radar, parallel coordinates, critical difference; and what features matter.

use prompt_core::{Error, Result};

use super::panel::short;
use super::svg::{Anchor, Style, Svg, width};
use super::{BLUE, COLOURS, DASHES, FAINT, GREY, INK, PALE, VERMILLION};
use crate::check;
use crate::significance::{Friedman, Nemenyi};

/// A model with one number for each axis of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelLine {
    /// The model.
    pub name: String,
    /// Its numbers, in the order of the axes.
    pub values: Vec<f64>,
}

fn checked<S: AsRef<str>>(axes: &[S], models: &[ModelLine], at_least: usize) -> Result<()> {
    if axes.len() < at_least {
        return Err(Error::input(
            format!("{} axes to draw", axes.len()),
            format!("give at least {at_least} numbers for each model"),
        ));
    }
    if models.is_empty() {
        return Err(Error::input("there are no models to draw", "give at least one"));
    }
    for model in models {
        check::same_length(&format!("the numbers of `{}`", model.name), axes.len(), model.values.len())?;
        check::finite(&format!("`{}`", model.name), &model.values)?;
    }
    Ok(())
}

fn legend(svg: &mut Svg, left: f64, top: f64, room: f64, models: &[ModelLine]) {
    for (i, model) in models.iter().take(COLOURS.len()).enumerate() {
        let y = top + 24.0 * i as f64;
        svg.line(&[(left, y - 4.0), (left + 26.0, y - 4.0)], COLOURS[i], 2.5, DASHES[i]);
        svg.fitted(left + 34.0, y, &model.name, room - 34.0, Style::default());
    }
    if let Some(more) = models.len().checked_sub(COLOURS.len() + 1) {
        let y = top + 24.0 * COLOURS.len() as f64;
        let style = Style { fill: GREY, size: 11.0, ..Style::default() };
        svg.text(left, y, &format!("and {} more, pale", more + 1), style);
    }
}

/// Models on axes around a centre; every number in [0, 1], outwards is better. Up to seven models are in colour.
///
/// ```
/// use prompt_metrics::plot::{ModelLine, radar_svg};
/// let line = |name: &str, values: [f64; 3]| ModelLine { name: name.into(), values: values.to_vec() };
/// let models = [line("linear_svm", [0.9, 0.8, 0.95]), line("naive_bayes", [0.8, 0.85, 0.9])];
/// assert!(radar_svg("Models", &["recall", "precision", "F1"], &models)?.contains("naive_bayes"));
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// Fewer than three axes, no models, numbers outside [0, 1], as many numbers as axes.
pub fn radar_svg<S: AsRef<str>>(title: &str, axes: &[S], models: &[ModelLine]) -> Result<String> {
    checked(axes, models, 3)?;
    for model in models {
        if let Some(v) = model.values.iter().find(|v| !(0.0..=1.0).contains(*v)) {
            return Err(Error::input(
                format!("`{}` has {v}", model.name),
                "a radar chart takes shares in [0, 1]",
            ));
        }
    }
    let mut svg = Svg::new(890.0, 520.0);
    svg.heading(title, "each axis from 0 at the centre to 1; further out is better");
    let (centre, radius) = ((300.0, 288.0), 165.0);
    let at = |axis: usize, value: f64| {
        let angle = std::f64::consts::TAU * axis as f64 / axes.len() as f64;
        (centre.0 + value * radius * angle.sin(), centre.1 - value * radius * angle.cos())
    };
    let ring = |value: f64| (0..=axes.len()).map(|a| at(a % axes.len(), value)).collect::<Vec<_>>();
    for step in 1..=5 {
        svg.line(&ring(f64::from(step) / 5.0), if step == 5 { PALE } else { FAINT }, 1.0, "");
    }
    for (a, name) in axes.iter().enumerate() {
        svg.line(&[centre, at(a, 1.0)], FAINT, 1.0, "");
        let (x, y) = at(a, 1.0);
        let (dx, dy) = ((x - centre.0) / radius, (y - centre.1) / radius);
        let style = Style::default();
        if dx.abs() < 0.2 {
            let below = if dy > 0.0 { 18.0 } else { -8.0 };
            svg.fitted(x, y + below, name.as_ref(), 260.0, Style { anchor: Anchor::Middle, ..style });
        } else if dx > 0.0 {
            svg.fitted(x + 8.0, y + 4.0 + 6.0 * dy, name.as_ref(), 650.0 - x - 20.0, style);
        } else {
            svg.fitted(
                x - 8.0,
                y + 4.0 + 6.0 * dy,
                name.as_ref(),
                x - 24.0,
                Style { anchor: Anchor::End, ..style },
            );
        }
    }
    for (i, model) in models.iter().enumerate().rev() {
        let mut points: Vec<(f64, f64)> = model.values.iter().enumerate().map(|(a, &v)| at(a, v)).collect();
        points.push(points[0]);
        let (ink, dash) = (COLOURS.get(i).unwrap_or(&PALE), DASHES.get(i).unwrap_or(&""));
        svg.area(&points, ink, if models.len() < 4 { 0.08 } else { 0.0 });
        svg.line(&points, ink, 2.0, dash);
        for (a, &v) in model.values.iter().enumerate().filter(|_| i < COLOURS.len()) {
            let (x, y) = at(a, v);
            svg.circle(x, y, 3.5, ink, &format!("{}: {} {}", model.name, axes[a].as_ref(), short(v)));
        }
    }
    let style = Style { fill: GREY, size: 10.0, ..Style::default() };
    for step in [0.2, 0.6, 1.0] {
        let (x, y) = at(0, step);
        svg.text(x + 4.0, y + 10.0, &format!("{step:.1}"), style);
    }
    legend(&mut svg, 660.0, 110.0, 206.0, models);
    Ok(svg.finish(&format!("{title}: {} models on {} axes", models.len(), axes.len())))
}

/// An axis of [`parallel_svg`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParallelAxis {
    /// What it measures.
    pub name: String,
    /// Whether smaller numbers are better; the axis is then turned round, so that up is better everywhere.
    pub lower_is_better: bool,
}

/// Models as lines over upright axes, each with its own scale from the worst to the best value. Up to seven models are in
/// colour.
///
/// # Errors
/// Fewer than two axes, no models, numbers that are not finite, as many numbers as axes.
pub fn parallel_svg(title: &str, axes: &[ParallelAxis], models: &[ModelLine]) -> Result<String> {
    let names: Vec<&str> = axes.iter().map(|a| a.name.as_str()).collect();
    checked(&names, models, 2)?;
    let mut svg = Svg::new(960.0, 460.0);
    svg.heading(title, "each axis from the worst of these models to the best; up is better");
    let (left, right, top, bottom) = (84.0, 690.0, 128.0, 396.0);
    let gap = (right - left) / (axes.len() - 1) as f64;
    let ends: Vec<(f64, f64)> = (0..axes.len())
        .map(|a| {
            let values = models.iter().map(|m| m.values[a]);
            let (low, high) =
                values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
            if axes[a].lower_is_better { (high, low) } else { (low, high) }
        })
        .collect();
    for (a, axis) in axes.iter().enumerate() {
        let x = left + a as f64 * gap;
        svg.line(&[(x, top), (x, bottom)], PALE, 1.5, "");
        let style = Style { anchor: Anchor::Middle, ..Style::default() };
        // Names stand in two rows, so that each has twice the room.
        let row = if a % 2 == 0 { 102.0 } else { 84.0 };
        let room = (2.0 * gap - 10.0).min(2.0 * (x - 16.0).min(944.0 - x)).min(240.0);
        svg.fitted(x, row, &axis.name, room, Style { bold: true, ..style });
        let grey = Style { fill: GREY, size: 11.0, ..style };
        svg.text(x, top - 8.0, &short(ends[a].1), grey);
        svg.text(x, bottom + 18.0, &short(ends[a].0), grey);
    }
    for (i, model) in models.iter().enumerate().rev() {
        let points: Vec<(f64, f64)> = model
            .values
            .iter()
            .enumerate()
            .map(|(a, &v)| {
                let (worst, best) = ends[a];
                let part = if best == worst { 0.5 } else { (v - worst) / (best - worst) };
                (left + a as f64 * gap, bottom - part * (bottom - top))
            })
            .collect();
        let (ink, dash) = (COLOURS.get(i).unwrap_or(&PALE), DASHES.get(i).unwrap_or(&""));
        svg.line(&points, ink, if i < COLOURS.len() { 2.2 } else { 1.0 }, dash);
        for (a, &(x, y)) in points.iter().enumerate().filter(|_| i < COLOURS.len()) {
            svg.circle(
                x,
                y,
                4.0,
                ink,
                &format!("{}: {} {}", model.name, axes[a].name, short(model.values[a])),
            );
        }
    }
    legend(&mut svg, 736.0, 140.0, 208.0, models);
    Ok(svg.finish(&format!("{title}: {} models on {} axes", models.len(), axes.len())))
}

/// Mean ranks on a line, the best at the left; models that Nemenyi's test does not tell apart are joined by a bar.
///
/// ```
/// use prompt_metrics::plot::critical_difference_svg;
/// use prompt_metrics::significance::{friedman, nemenyi};
/// let blocks: [&[f64]; 4] = [&[0.9, 0.8, 0.7], &[0.8, 0.7, 0.6], &[0.9, 0.7, 0.8], &[0.7, 0.6, 0.5]];
/// let test = friedman(&blocks)?;
/// let svg = critical_difference_svg("Models", &["svm", "bayes", "forest"], &test, &nemenyi(&test, 0.05)?)?;
/// assert!(svg.contains("CD 1.657"));
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// Unless there is one name for each model.
pub fn critical_difference_svg<S: AsRef<str>>(
    title: &str,
    names: &[S],
    test: &Friedman,
    pairs: &Nemenyi,
) -> Result<String> {
    let k = test.mean_ranks.len();
    check::same_length("the models' names", k, names.len())?;
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by(|&a, &b| test.mean_ranks[a].total_cmp(&test.mean_ranks[b]));
    let rank = |place: usize| test.mean_ranks[order[place]];
    let cd = pairs.critical_difference;
    let groups = joined(k, |a, b| rank(b) - rank(a) < cd);
    let (left, right, line) = (250.0, 630.0, 120.0);
    let at = |rank: f64| left + (rank - 1.0) / (k as f64 - 1.0).max(1.0) * (right - left);
    let below = line + 18.0 + 11.0 * groups.len() as f64;
    let half = k.div_ceil(2);
    let mut svg = Svg::new(880.0, below + 26.0 * half as f64 + 24.0);
    let p = if test.p_value < 0.0001 { "p < 0.0001".to_owned() } else { format!("p = {:.4}", test.p_value) };
    svg.heading(
        title,
        &format!(
            "mean rank over {} data sets, 1 is best; Friedman {p}; joined models are not told apart",
            test.blocks
        ),
    );
    let end = (at(1.0) + (cd / (k as f64 - 1.0).max(1.0)) * (right - left)).min(right);
    for x in [at(1.0), end] {
        svg.line(&[(x, line - 40.0), (x, line - 30.0)], INK, 1.5, "");
    }
    svg.line(&[(at(1.0), line - 35.0), (end, line - 35.0)], INK, 1.5, "");
    svg.text(end + 8.0, line - 31.0, &format!("CD {cd:.3}"), Style::default());
    svg.line(&[(left, line), (right, line)], INK, 1.5, "");
    for tick in 1..=k {
        let x = at(tick as f64);
        svg.line(&[(x, line - 6.0), (x, line)], INK, 1.5, "");
        let style = Style { anchor: Anchor::Middle, size: 11.0, fill: GREY, ..Style::default() };
        svg.text(x, line - 10.0, &tick.to_string(), style);
    }
    for (g, &(first, last)) in groups.iter().enumerate() {
        let y = line + 12.0 + 11.0 * g as f64;
        svg.line(&[(at(rank(first)) - 4.0, y), (at(rank(last)) + 4.0, y)], VERMILLION, 5.0, "");
    }
    for place in 0..k {
        let (x, is_left) = (at(rank(place)), place < half);
        let row = if is_left { place } else { k - 1 - place };
        let y = below + 14.0 + 26.0 * row as f64;
        let label = format!("{:.2}", rank(place));
        let name = names[order[place]].as_ref();
        let style = Style { anchor: if is_left { Anchor::End } else { Anchor::Start }, ..Style::default() };
        let (edge, side) = if is_left { (left - 20.0, -1.0) } else { (right + 20.0, 1.0) };
        svg.line(&[(x, line), (x, y - 4.0), (edge, y - 4.0)], GREY, 1.0, "");
        svg.text(edge + side * 6.0, y, &label, Style { fill: GREY, ..style });
        svg.fitted(edge + side * (12.0 + width(&label, 12.0)), y, name, 180.0, style);
    }
    Ok(svg.finish(&format!("{title}: critical difference diagram of {k} models, {p}")))
}

/// The longest runs of places whose ends are not apart, none inside another.
fn joined(k: usize, alike: impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for first in 0..k {
        let last = (first..k).rev().find(|&last| alike(first, last)).unwrap_or(first);
        if last > first && groups.last().is_none_or(|g| last > g.1) {
            groups.push((first, last));
        }
    }
    groups
}

/// How much a feature matters.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// The feature.
    pub name: String,
    /// Its importance or weight; below 0 speaks against.
    pub value: f64,
    /// Standard deviation, where it was measured more than once.
    pub deviation: Option<f64>,
}

/// The features that matter most, up to thirty, largest first; `what` names the number.
///
/// # Errors
/// No features, numbers that are not finite.
pub fn importance_svg(title: &str, what: &str, features: &[Importance]) -> Result<String> {
    const MOST: usize = 30;
    if features.is_empty() {
        return Err(Error::input("there are no features to draw", "give at least one"));
    }
    for f in features {
        check::finite(&format!("feature `{}`", f.name), &[f.value, f.deviation.unwrap_or(0.0)])?;
    }
    let mut sorted: Vec<&Importance> = features.iter().collect();
    sorted.sort_by(|a, b| b.value.abs().total_cmp(&a.value.abs()));
    sorted.truncate(MOST);
    let row = 22.0;
    let longest = sorted.iter().map(|f| width(&f.name, 12.0)).fold(40.0, f64::max).min(260.0);
    let ends = sorted
        .iter()
        .flat_map(|f| [f.value - f.deviation.unwrap_or(0.0), f.value + f.deviation.unwrap_or(0.0)]);
    let axes = super::axes::Axes {
        left: 24.0 + longest + 12.0,
        top: 68.0,
        width: 760.0 - 24.0 - longest - 12.0 - 84.0,
        height: row * sorted.len() as f64,
        x_range: super::axes::round_range(ends.chain([0.0])),
        y_range: (0.0, 1.0),
    };
    let mut svg = Svg::new(760.0, axes.bottom() + 56.0);
    let of = if features.len() > MOST {
        format!("the first {MOST} of {}", features.len())
    } else {
        "all".to_owned()
    };
    svg.heading(title, &format!("{what}, {of} features"));
    axes.x_ticks(&mut svg, true);
    axes.names(&mut svg, what, "");
    for (i, f) in sorted.iter().enumerate() {
        let middle = axes.top + (i as f64 + 0.5) * row;
        svg.fitted(
            axes.left - 10.0,
            middle + 4.0,
            &f.name,
            longest,
            Style { anchor: Anchor::End, ..Style::default() },
        );
        let (zero, end) = (axes.at(0.0, 0.0).0, axes.at(f.value, 0.0).0);
        let colour = if f.value < 0.0 { VERMILLION } else { BLUE };
        svg.rect(
            zero.min(end),
            middle - 7.0,
            (end - zero).abs(),
            14.0,
            colour,
            &format!("{}: {}", f.name, short(f.value)),
        );
        if let Some(d) = f.deviation {
            let (a, b) = (axes.at(f.value - d, 0.0).0, axes.at(f.value + d, 0.0).0);
            svg.line(&[(a, middle), (b, middle)], INK, 1.4, "");
        }
        svg.text(axes.right() + 10.0, middle + 4.0, &short(f.value), Style::default());
    }
    svg.line(&[axes.at(0.0, 0.0), axes.at(0.0, 1.0)], GREY, 1.0, "");
    Ok(svg.finish(&format!("{title}: {what} of {} features", sorted.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_join_what_is_alike_and_hold_no_bar_within_another() {
        let ranks: [f64; 5] = [1.0, 1.5, 3.0, 4.0, 4.5];
        let alike = |cd: f64| joined(5, |a, b| ranks[b] - ranks[a] < cd);
        assert_eq!(alike(1.3), [(0, 1), (2, 3), (3, 4)]);
        assert_eq!(alike(9.0), [(0, 4)]);
        assert!(alike(0.1).is_empty());
    }
}
