//! The models side by side, as a table and as bars.

use prompt_metrics::plot::{ModelBar, comparison_svg};

use super::super::config::Evaluation;
use super::super::result::{ExperimentResults, ModelResult, Status};
use super::markup::{Html, visible};
use super::page;
use super::table::{Best, Cell, Table, bounds, bytes, four, short_percent};

pub(super) fn section(results: &ExperimentResults, evaluation: &Evaluation, h: &mut Html) {
    page::section("models", h, |h| {
        h.element("p", "", |h| {
            h.text("On the test rows unless a column says otherwise; best first by the criteria of the run.");
            if evaluation.bootstrap > 0 {
                h.text(format!(
                    " In brackets: {} bootstrap intervals of {} resamples. Δ is against the winner on the same rows, \
                     p is McNemar's exact test of the errors.",
                    short_percent(evaluation.level),
                    evaluation.bootstrap
                ));
            }
            h
        });
        table(results).write(h);
        let security = results.task == "security";
        h.element("div", "class=\"pictures\"", |h| {
            if security {
                bars(results, "Security score", "security score", "security_score", h);
            }
            bars(results, "Macro-F1", "macro-F1", "f1_macro", h)
        })
        .raw("\n")
    });
}

fn table(results: &ExperimentResults) -> Table {
    let security = results.task == "security";
    let mut columns = vec![("Model".to_owned(), Best::Name), ("Macro-F1".into(), Best::High)];
    if security {
        columns.extend([
            ("Security score".to_owned(), Best::High),
            ("False alarms".into(), Best::Low),
            ("Missed threats".into(), Best::Low),
        ]);
    }
    columns.extend([("Accuracy".into(), Best::High), ("ROC AUC".into(), Best::High)]);
    let blind = results.models.iter().any(|m| m.external.is_some());
    if blind {
        columns.push(("Blind macro-F1".into(), Best::High));
    }
    columns.extend([
        ("Cross-validation".into(), Best::High),
        ("Δ macro-F1".into(), Best::High),
        ("Fit, s".into(), Best::Low),
        ("µs per prompt".into(), Best::Low),
        ("Size".into(), Best::Low),
    ]);
    let mut table = Table::new(columns).sortable();
    for model in &results.models {
        if model.test.is_some() {
            let chosen = results.best.as_ref() == Some(&model.model);
            table.row(chosen, row(model, security, blind, chosen));
        } else {
            let mut remark = Html::new();
            remark.add(&status(&model.status));
            if let Some(reason) = reason(&model.status) {
                remark.text(" ").text(reason);
            }
            let mut name = Html::new();
            table.remark(std::mem::take(name.text(&model.model)), remark);
        }
    }
    table
}

fn row(m: &ModelResult, security: bool, blind: bool, chosen: bool) -> Vec<Cell> {
    let test = m.test.as_ref();
    let report = test.map(|t| &t.report);
    let scores = test.and_then(|t| t.security.as_ref());
    let interval = |metric: &str| m.intervals.get(metric).map(bounds);
    let mut name = Html::new();
    name.text(&m.model).raw(" ");
    if chosen {
        name.raw("<span class=\"chip best\">winner</span>");
    } else {
        name.add(&status(&m.status));
    }
    let mut cells =
        vec![Cell::html(name, &m.model), Cell::score(report.map(|r| r.f1_macro)).below(interval("f1_macro"))];
    if security {
        cells.extend([
            Cell::score(scores.map(|s| s.score)).below(interval("security_score")),
            Cell::score(scores.map(|s| s.false_alarm_rate)).below(interval("false_alarm_rate")),
            Cell::score(scores.map(|s| s.missed_threat_rate)),
        ]);
    }
    cells.extend([
        Cell::score(report.map(|r| r.accuracy)).below(interval("accuracy")),
        Cell::score(report.and_then(|r| r.probabilities.roc_auc_ovr)),
    ]);
    if blind {
        cells.push(Cell::score(m.external.as_ref().map(|e| e.report.f1_macro)));
    }
    let cv = m.cv.as_ref();
    let versus = m.versus_best.as_ref();
    cells.extend([
        Cell::score(cv.map(|cv| cv.mean)).below(cv.map(|cv| format!("± {:.4}", cv.std))),
        Cell::number(versus.map(|v| v.difference.estimate), |d| format!("{d:+.4}"))
            .below(versus.map(|v| bounds(&v.difference)))
            .below(versus.map(|v| format!("p {}", p_value(v.mcnemar_p)))),
        Cell::number(m.fit_seconds, |s| if s < 0.01 { format!("{s:.5}") } else { format!("{s:.3}") }),
        Cell::number(m.predict_us_per_prompt, |us| format!("{us:.1}")),
        Cell::number(m.model_bytes.map(|b| b as f64), bytes),
    ]);
    cells
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".into() } else { format!("= {p:.3}") }
}

fn status(status: &Status) -> Html {
    let mut h = Html::new();
    h.raw(match status {
        Status::Ok => "<span class=\"chip good\">ok</span>",
        Status::Failed(_) => "<span class=\"chip bad\">failed</span>",
        Status::Timeout(_) => "<span class=\"chip bad\">timeout</span>",
        Status::Unavailable(_) => "<span class=\"chip\">unavailable</span>",
        Status::Cancelled => "<span class=\"chip warn\">cancelled</span>",
    });
    h
}

fn reason(status: &Status) -> Option<&str> {
    match status {
        Status::Ok | Status::Cancelled => None,
        Status::Failed(why) | Status::Timeout(why) => Some(why),
        // The chip has said it already.
        Status::Unavailable(why) => Some(why.strip_prefix("unavailable: ").unwrap_or(why)),
    }
}

/// A bar a model that has the number; no picture when none has.
fn bars<'h>(
    results: &ExperimentResults,
    title: &str,
    name: &str,
    metric: &str,
    h: &'h mut Html,
) -> &'h mut Html {
    let value = |m: &ModelResult| {
        let test = m.test.as_ref()?;
        if metric == "security_score" {
            test.security.as_ref().map(|s| s.score)
        } else {
            Some(test.report.f1_macro)
        }
    };
    let bars: Vec<ModelBar> = results
        .models
        .iter()
        .filter_map(|m| {
            Some(ModelBar {
                name: visible(&m.model).into_owned(),
                value: value(m)?,
                bounds: m.intervals.get(metric).map(|i| (i.low, i.high)),
                chosen: results.best.as_ref() == Some(&m.model),
            })
        })
        .collect();
    if bars.is_empty() {
        return h;
    }
    match comparison_svg(title, &format!("{name} on the test rows"), &bars) {
        Ok(svg) => h.picture(&svg),
        Err(why) => h.labelled("p", "", format!("No picture of the {name}: {why}")),
    }
}

/// The winner's averages as pairs; what is undefined stays out.
pub(super) fn averages(m: &ModelResult) -> Vec<(&'static str, String)> {
    let Some(report) = m.test.as_ref().map(|t| &t.report) else { return Vec::new() };
    let p = &report.probabilities;
    [
        ("Accuracy", Some(report.accuracy)),
        ("Balanced accuracy", Some(report.balanced_accuracy)),
        ("Macro precision", Some(report.precision_macro)),
        ("Macro recall", Some(report.recall_macro)),
        ("Macro-F1", Some(report.f1_macro)),
        ("Weighted F1", Some(report.f1_weighted)),
        ("Matthews correlation", Some(report.matthews_corrcoef)),
        ("Cohen’s kappa", report.cohen_kappa),
        ("ROC AUC (one vs rest)", p.roc_auc_ovr),
        ("Average precision", p.average_precision_macro),
        ("Log loss, nats", p.log_loss),
        ("Brier score", p.brier),
        ("Calibration error (ECE)", p.ece),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, four(value?))))
    .collect()
}
