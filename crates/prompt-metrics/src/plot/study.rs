//! A search over parameters: how it went, trial by trial, and what each parameter did.

use std::collections::BTreeSet;

use prompt_core::{Error, Result};

use super::panel::{Frame, Panel, Series, short};
use super::svg::Svg;
use crate::check;

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// A number.
    Number(f64),
    /// One of several names.
    Name(String),
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialEnd {
    /// With a value.
    Complete,
    /// Given up half-way; its value is the last it came to, where there is one.
    Pruned,
    /// With an error.
    Failed,
}

/// A point that was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyTrial {
    /// Its number, from 0.
    pub number: usize,
    /// How it ended.
    pub end: TrialEnd,
    /// What it came to.
    pub value: Option<f64>,
    /// Its parameters by name.
    pub params: Vec<(String, Setting)>,
}

/// What [`study_svg`] draws.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StudyPicture<'a> {
    /// What was sought after.
    pub metric: &'a str,
    /// Whether larger values are better.
    pub higher_is_better: bool,
    /// The trials.
    pub trials: &'a [StudyTrial],
    /// Parameters in the order in which to show them, with their share of the value's variance in [0, 1]; empty to show all
    /// by name.
    pub importance: &'a [(String, f64)],
}

/// Panels below the history, in rows of three.
const SHOWN: usize = 6;

/// A study in one picture: every trial with the best so far, then each parameter against the value (at most six of them).
/// A parameter whose values span a factor of fifty and more is drawn by powers of ten.
///
/// ```
/// use prompt_metrics::plot::{Setting, StudyPicture, StudyTrial, TrialEnd, study_svg};
/// let trial = |number: usize, value: f64, rate: f64| StudyTrial {
///     number,
///     end: TrialEnd::Complete,
///     value: Some(value),
///     params: vec![("learning_rate".into(), Setting::Number(rate))],
/// };
/// let trials = [trial(0, 0.4, 0.3), trial(1, 0.35, 0.1), trial(2, 0.37, 0.003)];
/// let study = StudyPicture { metric: "log loss", trials: &trials, ..StudyPicture::default() };
/// let svg = study_svg("Tuning", &study)?;
/// assert!(svg.contains("best log loss 0.35 in trial 1") && svg.contains("learning_rate"));
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// No trial that came to a value, values that are not finite.
pub fn study_svg(title: &str, study: &StudyPicture<'_>) -> Result<String> {
    let complete: Vec<(&StudyTrial, f64)> = study
        .trials
        .iter()
        .filter(|t| t.end == TrialEnd::Complete)
        .filter_map(|t| Some((t, t.value?)))
        .collect();
    check::finite("the trials' values", &complete.iter().map(|c| c.1).collect::<Vec<_>>())?;
    let better = |a: f64, b: f64| if study.higher_is_better { a > b } else { a < b };
    let best = complete.iter().copied().reduce(|a, b| if better(b.1, a.1) { b } else { a });
    let Some((best, value)) = best else {
        return Err(Error::input("no trial came to a value", "draw a study once one did"));
    };
    let of = |end: TrialEnd| study.trials.iter().filter(|t| t.end == end).count();
    let subtitle = format!(
        "{} trials, {} pruned, {} failed; best {} {} in trial {}",
        study.trials.len(),
        of(TrialEnd::Pruned),
        of(TrialEnd::Failed),
        study.metric,
        short(value),
        best.number
    );
    let names = shown(study);
    let across = if names.len() == 4 { 2 } else { names.len().clamp(1, 3) };
    let height = 400.0 + 260.0 * names.len().div_ceil(across) as f64;
    let mut svg = Svg::new(1000.0, height);
    svg.heading(title, &subtitle);
    history(study, &complete).draw(&mut svg, Frame { left: 16.0, top: 66.0, width: 968.0, height: 310.0 });
    let width = 968.0 / across as f64;
    for (i, (name, importance)) in names.iter().enumerate() {
        let left = 16.0 + (i % across) as f64 * width;
        let top = 390.0 + (i / across) as f64 * 260.0;
        let heading = match importance {
            Some(share) => format!("{name}, importance {:.0}%", 100.0 * share),
            None => (*name).to_owned(),
        };
        let panel = slice(study, (name, &heading), &complete, best.number);
        panel.draw(&mut svg, Frame { left, top, width, height: 250.0 });
    }
    Ok(svg.finish(&format!("{title}: {subtitle}")))
}

/// The parameters to show, with their importance where it is known.
fn shown<'a>(study: &StudyPicture<'a>) -> Vec<(&'a str, Option<f64>)> {
    if !study.importance.is_empty() {
        return study
            .importance
            .iter()
            .take(SHOWN)
            .map(|(name, share)| (name.as_str(), Some(*share)))
            .collect();
    }
    let names: BTreeSet<&str> =
        study.trials.iter().flat_map(|t| t.params.iter().map(|p| p.0.as_str())).collect();
    names.into_iter().take(SHOWN).map(|name| (name, None)).collect()
}

/// Values in the order of the trials; the best so far as a line of steps.
fn history<'a>(study: &StudyPicture<'a>, complete: &[(&StudyTrial, f64)]) -> Panel<'a> {
    let mut steps: Vec<(f64, f64)> = Vec::new();
    let last = study.trials.iter().map(|t| t.number).max().unwrap_or(0) as f64;
    for (trial, value) in complete {
        let at = trial.number as f64;
        let best = match steps.last() {
            Some(&(_, so_far)) => {
                steps.push((at, so_far));
                if study.higher_is_better { so_far.max(*value) } else { so_far.min(*value) }
            }
            None => *value,
        };
        steps.push((at, best));
    }
    if let Some(&(at, best)) = steps.last().filter(|step| step.0 < last) {
        steps.push((last.max(at), best));
    }
    let dots = |end: TrialEnd| {
        let of = study.trials.iter().filter(|t| t.end == end);
        of.filter_map(|t| Some((t.number as f64, t.value.filter(|v| v.is_finite())?))).collect()
    };
    Panel {
        title: "Trials",
        x: "trial",
        y: study.metric,
        whole_x: true,
        series: vec![
            Series::new("complete", 0, dots(TrialEnd::Complete)).dots(),
            Series::new("pruned, the value it had", 4, dots(TrialEnd::Pruned)).dots(),
            Series::new("best so far", 1, steps),
        ],
        ..Panel::default()
    }
}

/// One parameter against the value.
fn slice<'a>(
    study: &StudyPicture<'a>,
    (name, heading): (&'a str, &'a str),
    complete: &[(&StudyTrial, f64)],
    best: usize,
) -> Panel<'a> {
    let set = |trial: &StudyTrial| trial.params.iter().find(|p| p.0 == name).map(|p| p.1.clone());
    let points: Vec<(Setting, f64, usize)> =
        complete.iter().filter_map(|(trial, value)| Some((set(trial)?, *value, trial.number))).collect();
    let numbers: Vec<f64> = points
        .iter()
        .filter_map(|p| match p.0 {
            Setting::Number(v) if v.is_finite() => Some(v),
            _ => None,
        })
        .collect();
    let named = numbers.len() < points.len();
    let names: BTreeSet<String> = points.iter().filter(|_| named).map(|p| word(&p.0)).collect();
    let names: Vec<String> = names.into_iter().collect();
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers = !named && low > 0.0 && high / low >= 50.0;
    let place = |setting: &Setting| match setting {
        Setting::Number(v) if !named => {
            if powers {
                v.log10()
            } else {
                *v
            }
        }
        other => names.iter().position(|n| *n == word(other)).unwrap_or(0) as f64,
    };
    let of = |chosen: bool| {
        let some = points.iter().filter(|p| (p.2 == best) == chosen);
        some.map(|p| (place(&p.0), p.1)).collect::<Vec<_>>()
    };
    Panel {
        title: heading,
        x: name,
        y: study.metric,
        x_range: named.then(|| (-0.5, names.len() as f64 - 0.5)),
        power_x: powers && (high / low).log10() >= 1.0,
        names_x: names.clone(),
        series: vec![Series::new("best", 1, of(true)).dots(), Series::new("others", 0, of(false)).dots()],
        ..Panel::default()
    }
}

/// A setting as a name on an axis.
fn word(setting: &Setting) -> String {
    match setting {
        Setting::Number(v) => short(*v),
        Setting::Name(name) => name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(number: usize, end: TrialEnd, value: Option<f64>, kind: &str, rate: f64) -> StudyTrial {
        let params = vec![
            ("kind".to_owned(), Setting::Name(kind.to_owned())),
            ("rate".to_owned(), Setting::Number(rate)),
        ];
        StudyTrial { number, end, value, params }
    }

    #[test]
    fn the_best_is_the_smallest_loss_and_failed_trials_are_counted() {
        let trials = [
            trial(0, TrialEnd::Complete, Some(0.5), "a", 1e-4),
            trial(1, TrialEnd::Pruned, Some(0.1), "b", 1e-3),
            trial(2, TrialEnd::Complete, Some(0.3), "b", 1e-1),
            trial(3, TrialEnd::Failed, None, "b", 1e-2),
        ];
        let study = StudyPicture { metric: "log loss", trials: &trials, ..StudyPicture::default() };
        let svg = study_svg("Study", &study).unwrap();
        assert!(svg.contains("4 trials, 1 pruned, 1 failed; best log loss 0.3 in trial 2"), "{svg}");
        let importance = [("rate".to_owned(), 0.75)];
        let one = study_svg("Study", &StudyPicture { importance: &importance, ..study }).unwrap();
        assert!(one.contains("rate, importance 75%") && !one.contains(">kind<"));
    }

    #[test]
    fn nothing_to_draw_is_an_error() {
        let trials = [trial(0, TrialEnd::Failed, None, "a", 1.0)];
        let study = StudyPicture { metric: "f1", trials: &trials, ..StudyPicture::default() };
        assert!(study_svg("Study", &study).unwrap_err().to_string().contains("no trial"));
    }

    #[test]
    fn one_trial_and_endless_numbers_are_drawn_or_refused() {
        let one = [trial(0, TrialEnd::Complete, Some(0.5), "a", f64::INFINITY)];
        let study = StudyPicture { metric: "f1", trials: &one, ..StudyPicture::default() };
        assert!(study_svg("Study", &study).unwrap().contains("inf"));
        let bad = [trial(0, TrialEnd::Complete, Some(f64::NAN), "a", 1.0)];
        assert!(study_svg("Study", &StudyPicture { trials: &bad, ..study }).is_err());
    }
}
