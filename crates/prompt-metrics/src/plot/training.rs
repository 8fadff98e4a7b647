//! How training went: one run in four or six panels, several runs side by side.

use prompt_core::{Error, Result};

use super::comparison::bars;
use super::panel::{Frame, Panel, Series, short};
use super::svg::Svg;
use super::{COLOURS, GREY};
use crate::history::{Epoch, History};

/// Panels of one size in rows below the heading.
fn grid(svg_width: f64, columns: usize, height: f64) -> impl Fn(usize) -> Frame {
    let width = (svg_width - 32.0) / columns as f64;
    move |i| Frame {
        left: 16.0 + (i % columns) as f64 * width,
        top: 66.0 + (i / columns) as f64 * height,
        width,
        height: height - 10.0,
    }
}

fn points(run: &History, value: impl Fn(&Epoch) -> Option<f64>) -> Vec<(f64, f64)> {
    run.epochs.iter().filter_map(|e| Some((e.epoch as f64, value(e)?))).collect()
}

fn numbered(points: Vec<(usize, f64)>) -> Vec<(f64, f64)> {
    points.into_iter().map(|(epoch, v)| (epoch as f64, v)).collect()
}

fn loss_panel(run: &History) -> Panel<'static> {
    let best = run.best().map(|b| (b.epoch as f64, "best".to_owned()));
    Panel {
        title: "Loss",
        x: "epoch",
        y: "loss",
        whole_x: true,
        series: vec![
            Series::new("training", 0, points(run, |e| Some(e.train_loss))),
            Series::new("validation", 1, points(run, |e| e.validation_loss)),
        ],
        marks: best.into_iter().collect(),
        ..Panel::default()
    }
}

fn one<'a>(title: &'a str, y: &'a str, colour: usize, points: Vec<(f64, f64)>) -> Panel<'a> {
    Panel {
        title,
        x: "epoch",
        y,
        whole_x: true,
        series: vec![Series::new(y, colour, points)],
        ..Panel::default()
    }
}

fn in_words(run: &History) -> String {
    let best = run.best().map(|b| format!("; best {} {} at epoch {}", run.metric, short(b.value), b.epoch));
    let time = run.seconds().map(|s| format!("; {} s", short(s)));
    format!(
        "{}, {} epoch(s){}{}",
        run.name,
        run.epochs.len(),
        best.unwrap_or_default(),
        time.unwrap_or_default()
    )
}

/// One run in four panels: loss, metric, learning rate, gradient norm. What was not recorded says so.
///
/// ```
/// use prompt_metrics::{Epoch, Family, History, plot::training_svg};
/// let epochs = (1..=5).map(|e| Epoch { epoch: e, train_loss: 1.0 / e as f64, ..Epoch::default() }).collect();
/// let run = History::new("cnn", Family::Cnn, "macro F1", epochs)?;
/// let svg = training_svg("Training", &run);
/// assert!(svg.contains("Learning rate") && svg.contains("not recorded"));
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
pub fn training_svg(title: &str, run: &History) -> String {
    let mut svg = Svg::new(820.0, 660.0);
    svg.heading(title, &in_words(run));
    let at = grid(820.0, 2, 290.0);
    let metric = points(run, |e| e.metric);
    let panels = [
        loss_panel(run),
        one("Metric", &run.metric, 2, metric),
        one("Learning rate", "learning rate", 4, points(run, |e| e.learning_rate)),
        one("Gradient", "gradient norm", 3, points(run, |e| e.gradient_norm)),
    ];
    for (i, panel) in panels.iter().enumerate() {
        panel.draw(&mut svg, at(i));
    }
    svg.finish(&format!(
        "{title}: loss, {}, learning rate and gradient norm of {}",
        run.metric,
        in_words(run)
    ))
}

/// One run in six panels: loss with its change, metric, learning rate, gradient norm, train–validation gap, rolling
/// deviation of the loss.
pub fn training_six_svg(title: &str, run: &History) -> String {
    let mut svg = Svg::new(1120.0, 660.0);
    svg.heading(title, &in_words(run));
    let at = grid(1120.0, 3, 290.0);
    let mut loss = loss_panel(run);
    loss.title = "Loss and its change";
    let losses = numbered(run.losses());
    let change = losses.windows(2).map(|w| (w[1].0, w[1].1 - w[0].1)).collect();
    loss.series.push(Series::new("change from the epoch before", 5, change));
    loss.levels.push(0.0);
    let mut gap = one("Train–validation gap", "validation − training", 1, numbered(run.gaps()));
    gap.levels.push(0.0);
    let metric = points(run, |e| e.metric);
    let panels = [
        loss,
        one("Metric", &run.metric, 2, metric),
        one("Learning rate", "learning rate", 4, points(run, |e| e.learning_rate)),
        one("Gradient", "gradient norm", 3, points(run, |e| e.gradient_norm)),
        gap,
        one("Rolling deviation of the loss", "deviation of 3 epochs", 0, numbered(run.rolling_deviation())),
    ];
    for (i, panel) in panels.iter().enumerate() {
        panel.draw(&mut svg, at(i));
    }
    svg.finish(&format!("{title}: six views of {}", in_words(run)))
}

fn some_runs(runs: &[History]) -> Result<()> {
    if runs.is_empty() {
        return Err(Error::input("there are no training runs to draw", "give at least one history"));
    }
    Ok(())
}

/// Runs over each other: `value` of each epoch.
fn over_each_other(
    title: &str,
    what: (&str, &str, &str),
    runs: &[History],
    levels: Vec<f64>,
    values: impl Fn(&History) -> Vec<(f64, f64)>,
) -> Result<String> {
    some_runs(runs)?;
    let (heading, y, subtitle) = what;
    let mut svg = Svg::new(820.0, 480.0);
    svg.heading(title, subtitle);
    let series = runs.iter().enumerate().map(|(i, run)| Series::new(&run.name, i, values(run))).collect();
    let panel = Panel { title: heading, x: "epoch", y, whole_x: true, series, levels, ..Panel::default() };
    panel.draw(&mut svg, Frame { left: 16.0, top: 66.0, width: 788.0, height: 400.0 });
    Ok(svg.finish(&format!("{title}: {heading} of {} runs", runs.len())))
}

/// Each run's metric as a share of its own best, epoch by epoch: how soon it is nearly there.
///
/// # Errors
/// No runs.
pub fn convergence_svg(title: &str, runs: &[History]) -> Result<String> {
    let words: Vec<String> = runs
        .iter()
        .take(COLOURS.len())
        .filter_map(|r| Some(format!("{} {}", r.name, r.epochs_to(0.9)?)))
        .collect();
    let subtitle = format!("epochs to 90% of the best: {}", words.join(", "));
    let what = ("Convergence", "metric, share of the run's best", subtitle.as_str());
    over_each_other(title, what, runs, vec![0.9], |run| {
        let best = run.best().map_or(f64::NAN, |b| b.value);
        points(run, |e| e.metric.map(|m| m / best).filter(|v| v.is_finite()))
    })
}

/// Validation loss less training loss of each run: what rises is learning by heart.
///
/// # Errors
/// No runs.
pub fn overfitting_svg(title: &str, runs: &[History]) -> Result<String> {
    let what =
        ("Overfitting gap", "validation loss − training loss", "above 0 and rising: learning by heart");
    over_each_other(title, what, runs, vec![0.0], |run| numbered(run.gaps()))
}

/// The rolling deviation of each run's loss: what stays high wavers.
///
/// # Errors
/// No runs.
pub fn stability_svg(title: &str, runs: &[History]) -> Result<String> {
    let what =
        ("Stability", "deviation of 3 epochs", "standard deviation of the loss over three epochs at a time");
    over_each_other(title, what, runs, vec![0.0], |run| numbered(run.rolling_deviation()))
}

/// Architectures in four panels: best metric, epochs to 90% of it, instability, overfitting gap.
///
/// # Errors
/// No runs.
pub fn architecture_svg(title: &str, runs: &[History]) -> Result<String> {
    some_runs(runs)?;
    let height = 74.0 + 26.0 * runs.len() as f64;
    let mut svg = Svg::new(960.0, 76.0 + 2.0 * height + 10.0);
    svg.heading(title, &format!("{} architectures; what was not recorded has no bar", runs.len()));
    let at = grid(960.0, 2, height);
    let metric = format!("Best {} (higher is better)", runs[0].metric);
    type Value = fn(&History) -> Option<f64>;
    let panels: [(&str, Value); 4] = [
        (&metric, |r| r.best().map(|b| b.value)),
        ("Epochs to 90% of the best (fewer is quicker)", |r| r.epochs_to(0.9).map(|e| e as f64)),
        ("Instability of the loss (lower is steadier)", History::instability),
        ("Overfitting gap at the end (lower is better)", History::gap),
    ];
    for (i, (heading, value)) in panels.iter().enumerate() {
        let values: Vec<(String, Option<f64>)> = runs.iter().map(|r| (r.name.clone(), value(r))).collect();
        bars(&mut svg, at(i), heading, &values, COLOURS[[2, 0, 3, 1][i]]);
    }
    Ok(svg.finish(&format!(
        "{title}: best {}, speed, stability and overfitting of {} runs",
        runs[0].metric,
        runs.len()
    )))
}

/// What a model took.
#[derive(Debug, Clone, PartialEq)]
pub struct Resources {
    /// The model.
    pub name: String,
    /// Wall time of training, in seconds.
    pub seconds: Option<f64>,
    /// Peak memory of the process, in MiB.
    pub memory_mib: Option<f64>,
    /// Peak memory of the accelerator, in MiB.
    pub accelerator_mib: Option<f64>,
    /// Median time of one prediction, in milliseconds.
    pub latency_ms: Option<f64>,
}

/// Time and memory of each model. An accelerator nobody used has no panel.
///
/// # Errors
/// No models; numbers that are not finite.
pub fn resources_svg(title: &str, models: &[Resources]) -> Result<String> {
    if models.is_empty() {
        return Err(Error::input("there are no models to draw", "give at least one"));
    }
    type Value = fn(&Resources) -> Option<f64>;
    let all: [(&str, Value); 4] = [
        ("Training time, seconds", |r| r.seconds),
        ("Peak memory, MiB", |r| r.memory_mib),
        ("One prediction, milliseconds", |r| r.latency_ms),
        ("Accelerator memory, MiB", |r| r.accelerator_mib),
    ];
    let used: Vec<_> = all.iter().filter(|(_, value)| models.iter().any(|m| value(m).is_some())).collect();
    let height = 74.0 + 26.0 * models.len() as f64;
    let mut svg = Svg::new(960.0, 76.0 + used.len().div_ceil(2).max(1) as f64 * height + 10.0);
    svg.heading(title, &format!("{} models", models.len()));
    let at = grid(960.0, 2, height);
    if used.is_empty() {
        svg.text(24.0, 100.0, "not recorded", super::svg::Style { fill: GREY, ..Default::default() });
    }
    for (i, (heading, value)) in used.iter().enumerate() {
        let values: Vec<(String, Option<f64>)> = models.iter().map(|m| (m.name.clone(), value(m))).collect();
        crate::check::finite(heading, &values.iter().filter_map(|v| v.1).collect::<Vec<_>>())?;
        bars(&mut svg, at(i), heading, &values, COLOURS[[0, 2, 4, 3][i]]);
    }
    Ok(svg.finish(&format!("{title}: time and memory of {} models", models.len())))
}
