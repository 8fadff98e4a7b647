//! The page of several runs.

use prompt_metrics::plot::{ModelBar, comparison_svg};

use super::super::runs::{Against, Run};
use super::markup::{Html, visible};
use super::page;
use super::table::{Best, Cell, Table, bounds};

/// Runs side by side as one page that opens without a network: a line a run, a line a model.
pub fn runs_html(runs: &[Run]) -> String {
    let mut h = Html::new();
    page::head("Experiments compared", &mut h);
    h.raw("<header><p class=\"kicker\">Comparison of experiments</p>");
    h.labelled("h1", "", format!("{} runs", runs.len())).raw("</header>\n<main>\n");
    h.element("section", "id=\"runs\"", |h| {
        h.raw("<h2>Runs</h2>\n<p>Best first by the winner’s macro-F1 on its test rows. A test against the best one is made ")
            .raw("only where both were measured on the same rows.</p>\n");
        lines(runs).write(h);
        bars(runs, h)
    });
    h.element("section", "id=\"models\"", |h| {
        h.raw("<h2>All models</h2>\n");
        models(runs).write(h)
    });
    page::close(&mut h);
    h.into_string()
}

fn lines(runs: &[Run]) -> Table {
    let mut table = Table::new([
        ("Run", Best::Name),
        ("Task", Best::Name),
        ("Winner", Best::Name),
        ("Macro-F1", Best::High),
        ("Accuracy", Best::High),
        ("Blind macro-F1", Best::High),
        ("Δ to the best", Best::High),
        ("Test rows", Best::High),
        ("Gates kept", Best::High),
        ("Wall, s", Best::Low),
        ("Peak MiB", Best::Low),
    ])
    .sortable();
    for run in runs {
        let (report, winner) = (run.report(), run.winner());
        let difference = match &run.versus {
            Against::Best => Cell::number(Some(0.0), |_| "best".into()),
            Against::SameRows { difference, p_value, .. } => {
                Cell::number(Some(*difference), |d| format!("{d:+.4}"))
                    .below(Some(format!("p = {p_value:.4}")))
            }
            Against::OtherRows => Cell::number(None, |_| String::new()).below(Some("other rows".into())),
        };
        table.row(
            run.versus == Against::Best,
            vec![
                Cell::text(run.dir.display().to_string()).below(Some(run.name.clone())),
                Cell::text(&run.task),
                Cell::text(run.best.as_deref().unwrap_or("none")),
                Cell::score(report.map(|r| r.f1_macro)).below(run.interval().map(bounds)),
                Cell::score(report.map(|r| r.accuracy)),
                Cell::score(winner.and_then(|m| m.external.as_ref()).map(|e| e.report.f1_macro)),
                difference,
                Cell::count(run.data.test),
                Cell::number(Some(run.gates.0 as f64), |n| format!("{n} / {}", run.gates.1)),
                Cell::number(Some(run.wall_seconds), |s| format!("{s:.1}")),
                Cell::number(run.peak_memory_mib, |m| format!("{m:.0}")),
            ],
        );
    }
    table
}

fn models(runs: &[Run]) -> Table {
    let mut table = Table::new([
        ("Model", Best::Name),
        ("Run", Best::Name),
        ("Macro-F1", Best::High),
        ("Accuracy", Best::High),
        ("Calibration error", Best::Low),
        ("Cross-validation", Best::High),
        ("Fit, s", Best::Low),
        ("µs per prompt", Best::Low),
    ])
    .sortable();
    for run in runs {
        for m in run.models.iter().filter(|m| m.is_ok()) {
            let report = m.test.as_ref().map(|t| &t.report);
            table.row(
                false,
                vec![
                    Cell::text(&m.model),
                    Cell::text(run.dir.display().to_string()),
                    Cell::score(report.map(|r| r.f1_macro)).below(m.intervals.get("f1_macro").map(bounds)),
                    Cell::score(report.map(|r| r.accuracy)),
                    Cell::score(report.and_then(|r| r.probabilities.ece)),
                    Cell::score(m.cv.as_ref().map(|cv| cv.mean)),
                    Cell::number(m.fit_seconds, |s| format!("{s:.3}")),
                    Cell::number(m.predict_us_per_prompt, |us| format!("{us:.1}")),
                ],
            );
        }
    }
    table
}

/// The winners as bars; `None` where no run has one.
pub fn runs_svg(runs: &[Run]) -> Option<String> {
    let bars: Vec<ModelBar> = runs
        .iter()
        .filter_map(|run| {
            let name = format!("{}: {}", run.dir.display(), run.best.as_deref()?);
            Some(ModelBar {
                name: visible(&name).into_owned(),
                value: run.report()?.f1_macro,
                bounds: run.interval().map(|i| (i.low, i.high)),
                chosen: run.versus == Against::Best,
            })
        })
        .collect();
    comparison_svg("Winners of the runs", "macro F1 on the test rows", &bars).ok()
}

fn bars<'h>(runs: &[Run], h: &'h mut Html) -> &'h mut Html {
    match runs_svg(runs) {
        Some(svg) => h.element("div", "class=\"pictures\"", |h| h.picture(&svg)),
        None => h.raw("<p>No run has a winner.</p>\n"),
    }
}
