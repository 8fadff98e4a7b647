//! A plot area with a grid, ticks and names.

use super::svg::{Anchor, Style, Svg};
use super::{FAINT, GREY};

/// A rectangle of the picture in which x and y run from `x_range.0` to `x_range.1` and likewise for y.
pub(super) struct Axes {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) x_range: (f64, f64),
    pub(super) y_range: (f64, f64),
}

impl Axes {
    /// The pixel of a value, kept inside the area.
    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let part = |v: f64, (low, high): (f64, f64)| ((v - low) / (high - low)).clamp(0.0, 1.0);
        (
            self.left + part(x, self.x_range) * self.width,
            self.top + (1.0 - part(y, self.y_range)) * self.height,
        )
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }

    /// Grid lines and tick labels along x.
    pub(super) fn x_ticks(&self, svg: &mut Svg, labelled: bool) {
        for (value, label) in ticks(self.x_range) {
            let (x, _) = self.at(value, self.y_range.0);
            svg.line(&[(x, self.top), (x, self.bottom())], FAINT, 1.0, "");
            if labelled {
                let style = Style { fill: GREY, anchor: Anchor::Middle, size: 11.0, ..Style::default() };
                svg.text(x, self.bottom() + 17.0, &label, style);
            }
        }
    }

    /// Grid lines and tick labels along y.
    pub(super) fn y_ticks(&self, svg: &mut Svg) {
        for (value, label) in ticks(self.y_range) {
            let (_, y) = self.at(self.x_range.0, value);
            svg.line(&[(self.left, y), (self.right(), y)], FAINT, 1.0, "");
            let style = Style { fill: GREY, anchor: Anchor::End, size: 11.0, ..Style::default() };
            svg.text(self.left - 8.0, y + 4.0, &label, style);
        }
    }

    /// Names of the axes.
    pub(super) fn names(&self, svg: &mut Svg, x: &str, y: &str) {
        let style = Style { anchor: Anchor::Middle, ..Style::default() };
        svg.text(self.left + self.width / 2.0, self.bottom() + 38.0, x, style);
        let (at_x, at_y) = (self.left - 42.0, self.top + self.height / 2.0);
        svg.text(at_x, at_y, y, Style { turn: -90.0, ..style });
    }
}

/// Four to eight round numbers in a range, with their labels.
fn ticks((low, high): (f64, f64)) -> Vec<(f64, String)> {
    let step = step(high - low);
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    (first..=last)
        .map(|i| {
            let value = i as f64 * step;
            (value, format!("{value:.decimals$}"))
        })
        .collect()
}

/// 1, 2 or 5 times a power of ten, so that a range holds four to eight of it.
fn step(range: f64) -> f64 {
    if !(range.is_finite() && range > 0.0) {
        return 1.0;
    }
    let power = 10.0_f64.powf((range / 4.0).log10().floor());
    let times = range / 4.0 / power;
    power
        * if times >= 5.0 {
            5.0
        } else if times >= 2.0 {
            2.0
        } else {
            1.0
        }
}

/// The next tick at or above a number above zero: where an axis that starts at 0 may end.
pub(super) fn round_up(value: f64) -> f64 {
    let step = step(value);
    (value / step - 1e-9).ceil() * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        let labels = |range| ticks(range).into_iter().map(|t| t.1).collect::<Vec<_>>().join(" ");
        assert_eq!(labels((0.0, 1.0)), "0.0 0.2 0.4 0.6 0.8 1.0");
        assert_eq!(labels((0.0, 12.0)), "0 2 4 6 8 10 12");
        assert_eq!(labels((-0.2, 0.5)), "-0.2 -0.1 0.0 0.1 0.2 0.3 0.4 0.5");
        assert_eq!(labels((0.0, 4000.0)), "0 1000 2000 3000 4000");
        assert_eq!(round_up(8.3), 10.0);
    }
}
