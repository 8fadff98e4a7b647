//! A small diagram of lines with its own title, legend and axes: most pictures are one or several of these.

use super::axes::{Axes, round_range, ticks};
use super::svg::{Anchor, Style, Svg};
use super::{COLOURS, DASHES, FAINT, GREY, PALE};

/// Where a panel stands: left, top, width and height of all of it, names and numbers included.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// One line.
#[derive(Clone, Default)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    /// x, lower and upper bound.
    pub(super) band: Vec<(f64, f64, f64)>,
    /// Which of the colours; beyond the last the line is pale.
    pub(super) colour: usize,
    pub(super) marks: bool,
    /// Marks without a line between them.
    pub(super) dots: bool,
}

impl Series {
    pub(super) fn new(name: &str, colour: usize, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), points, colour, ..Self::default() }
    }

    pub(super) fn marked(self) -> Self {
        Self { marks: true, ..self }
    }

    pub(super) fn dots(self) -> Self {
        Self { dots: true, ..self }
    }

    fn ink(&self) -> &'static str {
        COLOURS.get(self.colour).copied().unwrap_or(PALE)
    }

    fn dash(&self) -> &'static str {
        DASHES.get(self.colour).copied().unwrap_or("")
    }
}

/// A diagram.
#[derive(Default)]
pub(super) struct Panel<'a> {
    pub(super) title: &'a str,
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    pub(super) x_range: Option<(f64, f64)>,
    pub(super) y_range: Option<(f64, f64)>,
    /// x counts epochs: no ticks between whole numbers.
    pub(super) whole_x: bool,
    /// x is a power of ten (the points hold the exponent).
    pub(super) power_x: bool,
    /// x counts these names from 0.
    pub(super) names_x: Vec<String>,
    pub(super) series: Vec<Series>,
    /// Upright lines with a name each.
    pub(super) marks: Vec<(f64, String)>,
    /// Level lines.
    pub(super) levels: Vec<f64>,
}

impl Panel<'_> {
    /// Draws the panel and returns its axes, for what the caller adds.
    pub(super) fn draw(&self, svg: &mut Svg, frame: Frame) -> Axes {
        let Frame { left, top, width, height } = frame;
        let title = Style { size: 13.0, bold: true, ..Style::default() };
        svg.fitted(left + 4.0, top + 14.0, self.title, width - 8.0, title);
        let mut y = top + 20.0;
        if self.series.iter().filter(|s| !s.points.is_empty()).count() > 1 {
            y = self.legend(svg, left + 4.0, y, width - 8.0);
        }
        let values = || {
            let points = self.series.iter().flat_map(|s| s.points.iter().map(|p| p.1));
            let bands = self.series.iter().flat_map(|s| s.band.iter().flat_map(|b| [b.1, b.2]));
            points.chain(bands).chain(self.levels.iter().copied())
        };
        let xs = || self.series.iter().flat_map(|s| s.points.iter().map(|p| p.0));
        let x_range = self.x_range.unwrap_or_else(|| {
            let (low, high) = xs().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
            if low < high {
                (low, high)
            } else if low == high {
                (low - 0.5, low + 0.5)
            } else {
                (0.0, 1.0)
            }
        });
        let axes = Axes {
            left: left + 60.0,
            top: y + 8.0,
            width: width - 74.0,
            height: top + height - y - 8.0 - 46.0,
            x_range,
            y_range: self.y_range.unwrap_or_else(|| round_range(values())),
        };
        if self.series.iter().all(|s| s.points.is_empty()) {
            let style = Style { fill: GREY, anchor: Anchor::Middle, ..Style::default() };
            svg.text(axes.left + axes.width / 2.0, axes.top + axes.height / 2.0, "not recorded", style);
            return axes;
        }
        self.grid(svg, &axes);
        for &level in &self.levels {
            svg.line(&[axes.at(x_range.0, level), axes.at(x_range.1, level)], GREY, 1.0, "4 4");
        }
        for series in self.series.iter().filter(|s| !s.band.is_empty()) {
            let there = series.band.iter().map(|b| axes.at(b.0, b.2));
            let back = series.band.iter().rev().map(|b| axes.at(b.0, b.1));
            svg.area(&there.chain(back).collect::<Vec<_>>(), series.ink(), 0.18);
        }
        // The first series lies on top.
        for series in self.series.iter().rev() {
            let points: Vec<(f64, f64)> = series.points.iter().map(|&(x, y)| axes.at(x, y)).collect();
            if !series.dots {
                svg.line(&thinned(&points), series.ink(), 2.0, series.dash());
            }
            if series.marks || series.dots || points.len() == 1 {
                for (&(x, y), &(vx, vy)) in points.iter().zip(&series.points) {
                    svg.circle(
                        x,
                        y,
                        3.5,
                        series.ink(),
                        &format!("{}: {} at {}", series.name, short(vy), short(vx)),
                    );
                }
            }
        }
        for (at, name) in &self.marks {
            let (x, _) = axes.at(*at, axes.y_range.0);
            svg.line(&[(x, axes.top), (x, axes.bottom())], GREY, 1.0, "2 3");
            // The name stands on the side with more room.
            let room = (axes.right() - x).max(x - axes.left) - 6.0;
            let style = Style { size: 11.0, fill: GREY, ..Style::default() };
            if axes.right() - x >= x - axes.left {
                svg.fitted(x + 4.0, axes.top + 11.0, name, room, style);
            } else {
                svg.fitted(x - 4.0, axes.top + 11.0, name, room, Style { anchor: Anchor::End, ..style });
            }
        }
        axes
    }

    fn grid(&self, svg: &mut Svg, axes: &Axes) {
        axes.y_ticks(svg);
        if !self.names_x.is_empty() {
            return self.named_grid(svg, axes);
        }
        let mut labels = ticks(axes.x_range);
        if self.whole_x || self.power_x {
            labels.retain(|(v, _)| (v - v.round()).abs() < 1e-9);
            if labels.len() < 2 && axes.x_range.1 - axes.x_range.0 >= 1.0 {
                let (first, last) = (axes.x_range.0.ceil(), axes.x_range.1.floor());
                labels = vec![(first, String::new()), (last, String::new())];
            }
            for (value, label) in &mut labels {
                *label = if self.power_x { short(10.0_f64.powf(*value)) } else { format!("{value:.0}") };
            }
        }
        for (value, label) in axes.spaced(labels) {
            let (x, _) = axes.at(value, axes.y_range.0);
            svg.line(&[(x, axes.top), (x, axes.bottom())], FAINT, 1.0, "");
            let style = Style { fill: GREY, anchor: Anchor::Middle, size: 11.0, ..Style::default() };
            svg.text(x, axes.bottom() + 16.0, &label, style);
        }
        self.axis_names(svg, axes);
    }

    fn axis_names(&self, svg: &mut Svg, axes: &Axes) {
        let style = Style { anchor: Anchor::Middle, ..Style::default() };
        svg.fitted(axes.left + axes.width / 2.0, axes.bottom() + 34.0, self.x, axes.width, style);
        let (x, y) = (axes.left - 46.0, axes.top + axes.height / 2.0);
        svg.fitted(x, y, self.y, axes.height, Style { turn: -90.0, ..style });
    }

    /// Names instead of numbers along x, each with the room between two of them.
    fn named_grid(&self, svg: &mut Svg, axes: &Axes) {
        let room = axes.width / (axes.x_range.1 - axes.x_range.0) - 6.0;
        for (at, name) in self.names_x.iter().enumerate() {
            let (x, _) = axes.at(at as f64, axes.y_range.0);
            svg.line(&[(x, axes.top), (x, axes.bottom())], FAINT, 1.0, "");
            let style = Style { fill: GREY, anchor: Anchor::Middle, size: 11.0, ..Style::default() };
            svg.fitted(x, axes.bottom() + 16.0, name, room, style);
        }
        self.axis_names(svg, axes);
    }

    /// Names of the lines in as many columns as fit; returns where it ends.
    fn legend(&self, svg: &mut Svg, left: f64, top: f64, width: f64) -> f64 {
        let named: Vec<&Series> =
            self.series.iter().filter(|s| s.colour < COLOURS.len() && !s.points.is_empty()).collect();
        let longest = named.iter().map(|s| super::svg::width(&s.name, 11.0)).fold(0.0, f64::max);
        let columns = ((width / (longest + 38.0)).floor() as usize).clamp(1, named.len().max(1)).min(4);
        let room = width / columns as f64;
        for (i, series) in named.iter().enumerate() {
            let x = left + (i % columns) as f64 * room;
            let y = top + 10.0 + 16.0 * (i / columns) as f64;
            if series.dots {
                svg.circle(x + 12.0, y - 4.0, 3.5, series.ink(), "");
            } else {
                svg.line(&[(x, y - 4.0), (x + 24.0, y - 4.0)], series.ink(), 2.5, series.dash());
            }
            svg.fitted(x + 30.0, y, &series.name, room - 34.0, Style { size: 11.0, ..Style::default() });
        }
        top + 16.0 * named.len().div_ceil(columns) as f64
    }
}

/// Points closer than half a pixel to the one before make no difference. The ends always stay.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (i, &at) in points.iter().enumerate() {
        let far = kept.last().is_none_or(|last| (last.0 - at.0).abs() + (last.1 - at.1).abs() >= 0.6);
        if far || i + 1 == points.len() {
            kept.push(at);
        }
    }
    kept
}

/// A number in few characters.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    let text = if value == 0.0 {
        "0".to_owned()
    } else if !(0.001..100_000.0).contains(&size) {
        format!("{value:.1e}").replace(".0e", "e")
    } else if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    };
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let found = [0.0, 1.0, 0.5, 12.345, 1234.5, 2e-5, 1.5e7, -0.25].map(short);
        assert_eq!(found, ["0", "1", "0.5", "12.35", "1234", "2e-5", "1.5e7", "-0.25"]);
    }
}
