//! A plot area with a grid, ticks and names.

use super::svg::{Anchor, Style, Svg, width};
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
        // Half of everything, since the length of the range may be beyond the largest number.
        let part = |v: f64, (low, high): (f64, f64)| {
            ((0.5 * v - 0.5 * low) / (0.5 * high - 0.5 * low)).clamp(0.0, 1.0)
        };
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
        for (value, label) in self.spaced(ticks(self.x_range)) {
            let (x, _) = self.at(value, self.y_range.0);
            svg.line(&[(x, self.top), (x, self.bottom())], FAINT, 1.0, "");
            if labelled {
                let style = Style { fill: GREY, anchor: Anchor::Middle, size: 11.0, ..Style::default() };
                svg.text(x, self.bottom() + 17.0, &label, style);
            }
        }
    }

    /// Labels along x of which as many stay empty as it takes to keep the others apart.
    pub(super) fn spaced(&self, mut ticks: Vec<(f64, String)>) -> Vec<(f64, String)> {
        let widest = ticks.iter().map(|t| width(&t.1, 11.0)).fold(0.0, f64::max) + 6.0;
        let gap = self.width / (ticks.len() as f64 - 1.0).max(1.0);
        let every = (widest / gap).ceil().max(1.0) as usize;
        for (i, (_, label)) in ticks.iter_mut().enumerate() {
            if i % every != 0 {
                label.clear();
            }
        }
        ticks
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
pub(super) fn ticks((low, high): (f64, f64)) -> Vec<(f64, String)> {
    let step = step(high - low);
    // Beyond the range of a picture's numbers there is nothing to mark.
    if !(low / step).is_finite() || !(high / step).is_finite() || (high - low) / step > 1000.0 {
        return Vec::new();
    }
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    (first..=last)
        .map(|i| {
            let value = i as f64 * step;
            let is_long = decimals > 3 || step >= 100_000.0;
            let label = match (is_long, i) {
                (true, 0) => "0".to_owned(),
                (true, _) => scientific(value),
                (false, _) => format!("{value:.decimals$}"),
            };
            (value, label)
        })
        .collect()
}

/// Two digits and a power of ten: `2e-5`, `1.5e6`.
fn scientific(value: f64) -> String {
    let text = format!("{value:.1e}");
    text.replace(".0e", "e")
}

/// A range of round numbers around all values; wide enough to be drawn where they are alike.
pub(super) fn round_range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return (0.0, 1.0);
    }
    let (low, high) = if high - low > 1e-12 * high.abs().max(low.abs()).max(1e-300) {
        (low, high)
    } else {
        let half = if low == 0.0 { 0.5 } else { 0.1 * low.abs() };
        (low - half, high + half)
    };
    let step = step(high - low);
    let within = |v: f64| v.clamp(-f64::MAX, f64::MAX);
    (within((low / step + 1e-9).floor() * step), within((high / step - 1e-9).ceil() * step))
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
    fn numbers_at_the_end_of_all_numbers_have_a_place() {
        for values in [[-1e308, 1e308], [0.0, f64::MAX], [-f64::MAX, f64::MAX], [1e-300, 2e-300]] {
            let range = round_range(values.into_iter());
            assert!(range.0 <= values[0] && range.1 >= values[1] && range.0 < range.1, "{range:?}");
            let axes =
                Axes { left: 10.0, top: 10.0, width: 100.0, height: 100.0, x_range: range, y_range: range };
            let ((x0, y0), (x1, y1)) = (axes.at(values[0], values[0]), axes.at(values[1], values[1]));
            assert!(10.0 <= x0 && x0 < x1 && x1 <= 110.0, "{x0} {x1} of {range:?}");
            assert!(10.0 <= y1 && y1 < y0 && y0 <= 110.0, "{y0} {y1} of {range:?}");
            assert!(ticks(range).iter().all(|t| t.0.is_finite()));
        }
    }

    #[test]
    fn ticks_are_round() {
        let labels = |range| ticks(range).into_iter().map(|t| t.1).collect::<Vec<_>>().join(" ");
        assert_eq!(labels((0.0, 1.0)), "0.0 0.2 0.4 0.6 0.8 1.0");
        assert_eq!(labels((0.0, 12.0)), "0 2 4 6 8 10 12");
        assert_eq!(labels((-0.2, 0.5)), "-0.2 -0.1 0.0 0.1 0.2 0.3 0.4 0.5");
        assert_eq!(labels((0.0, 4000.0)), "0 1000 2000 3000 4000");
        assert_eq!(round_up(8.3), 10.0);
        assert_eq!(labels((0.0, 0.0001)), "0 2e-5 4e-5 6e-5 8e-5 1e-4");
        assert_eq!(round_range([0.31, 0.87].into_iter()), (0.30000000000000004, 0.9));
        assert_eq!(round_range([2.0].into_iter()), (1.8, 2.2));
        assert_eq!(round_range(std::iter::empty()), (0.0, 1.0));
    }
}
