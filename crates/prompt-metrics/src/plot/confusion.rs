//! The confusion matrix.

use prompt_core::{Error, Result};

use super::svg::{Anchor, Style, Svg, width};
use super::{CELL_INK, GREY};
use crate::classify::Confusion;

/// Room for the longest class name.
const LONGEST_NAME: f64 = 150.0;
/// Of more classes than this, the most frequent ones are drawn and the others are one.
const MOST: usize = 75;

/// The confusion matrix: true classes downwards, predicted classes across. Right answers are blue, mistakes orange,
/// darker the larger their share of the true class; each cell shows its count and that share. Of more than 75 classes the
/// 74 most frequent ones have a row and a column of their own, and the others share the last.
///
/// ```
/// use prompt_metrics::{Confusion, plot::confusion_svg};
/// let c = Confusion::new(&[0, 0, 1], &[0, 1, 1], 2, None)?;
/// let svg = confusion_svg("Security", &c, &["benign", "malicious"])?;
/// assert!(svg.starts_with("<svg") && svg.contains("malicious"));
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// Unless there is one name for each class.
pub fn confusion_svg<S: AsRef<str>>(title: &str, confusion: &Confusion, classes: &[S]) -> Result<String> {
    let k = confusion.n_classes();
    if classes.len() != k {
        return Err(Error::shape("names of the classes", k, classes.len()));
    }
    let subtitle = format!("accuracy {:.4}, {} rows", confusion.accuracy(), count(confusion.total()));
    if k > MOST {
        let (merged, kept) = confusion.most_frequent(MOST - 1);
        let mut names: Vec<String> = kept.iter().map(|&c| classes[c].as_ref().to_owned()).collect();
        names.push(format!("{} others", k - kept.len()));
        let subtitle =
            format!("{subtitle}; the {} most frequent of {k} classes, the others as one", kept.len());
        return Ok(draw(title, &subtitle, &merged, &names));
    }
    let names: Vec<String> = classes.iter().map(|c| c.as_ref().to_owned()).collect();
    Ok(draw(title, &subtitle, confusion, &names))
}

fn draw(title: &str, subtitle: &str, confusion: &Confusion, names: &[String]) -> String {
    let k = names.len();
    let cell = (460.0 / k.max(1) as f64).clamp(6.0, 104.0);
    let size = (0.78 * cell).clamp(7.0, 12.0);
    let longest = names.iter().map(|n| width(n, size)).fold(20.0, f64::max).min(LONGEST_NAME);
    // Names of columns lie flat only where they fit under their cell, and slant only where they leave a gap.
    let turn: f64 = if longest <= cell - 6.0 {
        0.0
    } else if cell >= 18.0 {
        -45.0
    } else {
        -90.0
    };
    let (left, top, side) = (24.0 + 20.0 + longest + 8.0, 76.0, cell * k as f64);
    let label_height = if turn == 0.0 { 24.0 } else { longest * turn.to_radians().sin().abs() + 16.0 };
    let total_width = (left + side + 28.0).max(520.0);
    let total_height = top + side + label_height + 30.0 + 34.0;
    let mut svg = Svg::new(total_width, total_height);
    svg.heading(title, subtitle);

    svg.rect(left, top, side, side, &shade(false, 0.0), "");
    for t in 0..k {
        for p in 0..k {
            let (x, y) = (left + p as f64 * cell, top + t as f64 * cell);
            let (rows, share) = (confusion.count(t, p), confusion.rate(t, p).unwrap_or(0.0));
            // Of many classes most pairs are never confused.
            if rows == 0.0 && cell < 24.0 {
                continue;
            }
            let hover = format!(
                "{} called {}: {} rows, {:.1}% of the class",
                names[t],
                names[p],
                count(rows),
                100.0 * share
            );
            let gap = if cell > 20.0 { 2.0 } else { 0.5 };
            svg.rect(x, y, cell - gap, cell - gap, &shade(t == p, share), &hover);
            let ink = if share > 0.55 { "#ffffff" } else { CELL_INK };
            let middle = (x + (cell - gap) / 2.0, y + cell / 2.0);
            let style = Style { fill: ink, anchor: Anchor::Middle, ..Style::default() };
            if cell >= 56.0 {
                svg.text(middle.0, middle.1 - 1.0, &count(rows), Style { size: 15.0, bold: true, ..style });
                svg.text(middle.0, middle.1 + 16.0, &percent(share), Style { size: 11.0, ..style });
            } else if cell >= 24.0 && rows > 0.0 {
                let label = count(rows);
                let fits = (cell - 6.0) / width(&label, 1.0);
                svg.text(middle.0, middle.1 + 3.0, &label, Style { size: fits.min(12.0), ..style });
            }
        }
    }
    // Tiny cells get a name for every few of them.
    let every = (9.0 / cell).ceil().max(1.0) as usize;
    for (i, name) in names.iter().enumerate().step_by(every) {
        let middle = i as f64 * cell + cell / 2.0;
        let style = Style { size, anchor: Anchor::End, ..Style::default() };
        svg.fitted(left - 8.0, top + middle + size * 0.35, name, longest, style);
        let (x, y) = (left + middle, top + side + 16.0);
        if turn == 0.0 {
            svg.fitted(x, y, name, longest, Style { anchor: Anchor::Middle, ..style });
        } else {
            svg.fitted(x + size * 0.3, y - 6.0, name, longest, Style { turn, ..style });
        }
    }
    let style = Style { anchor: Anchor::Middle, fill: GREY, ..Style::default() };
    let below = top + side + label_height;
    svg.text(left + side / 2.0, below + 16.0, "predicted class", style);
    svg.text(28.0, top + side / 2.0, "true class", Style { turn: -90.0, ..style });
    scale(&mut svg, below + 34.0);
    svg.finish(&format!("{title}: confusion matrix of {k} classes, {subtitle}"))
}

/// What the shades mean.
fn scale(svg: &mut Svg, y: f64) {
    let style = Style { size: 11.0, fill: GREY, ..Style::default() };
    let mut x = 24.0;
    for (label, right) in [("share of the true class, 0 to 100%: right", true), ("wrong", false)] {
        svg.text(x, y + 10.0, label, style);
        x += width(label, 11.0) + 6.0;
        for step in 0..5 {
            let share = f64::from(step) / 4.0;
            svg.rect(x, y, 16.0, 12.0, &shade(right, share), &percent(share));
            x += 17.0;
        }
        x += 14.0;
    }
}

/// From nearly white to full colour. Shares are spread by a square root, so that rare mistakes are seen.
fn shade(right: bool, share: f64) -> String {
    let full = if right { [0.0, 90.0, 150.0] } else { [200.0, 80.0, 0.0] };
    let depth = 0.03 + 0.97 * share.clamp(0.0, 1.0).sqrt();
    let [r, g, b] = full.map(|c: f64| (255.0 + (c - 255.0) * depth).round() as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}

/// Whole counts without decimals.
fn count(rows: f64) -> String {
    if rows.fract() == 0.0 { format!("{rows:.0}") } else { format!("{rows:.1}") }
}
