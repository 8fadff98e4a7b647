//! The blind set: prompts that no part of the training has seen.

use prompt_core::Result;

use super::super::config::Evaluation;
use super::super::result::{ExperimentResults, ModelResult};
use super::markup::Html;
use super::table::{Best, Cell, Table, grouped};
use super::{errors, page, winner};

pub(super) fn section(
    results: &ExperimentResults,
    best: &ModelResult,
    evaluation: &Evaluation,
    h: &mut Html,
) -> Result<()> {
    let mut found = Html::new();
    if results.external.texts.is_empty() {
        found.labelled("p", "", format!("No blind set was scored ({}).", results.data.external_origin));
    } else {
        found.labelled(
            "p",
            "",
            format!(
                "{} prompts from {}. No part of the training, the search or the choice has seen them.",
                grouped(results.external.texts.len()),
                results.data.external_origin
            ),
        );
        table(results).write(&mut found);
        if let Some(external) = &best.external {
            found.labelled("h3", "", format!("{} by class", best.model));
            winner::per_class(&external.report, &mut found);
            for note in &external.report.notes {
                found.labelled("p", "class=\"quiet\"", note);
            }
        }
        found.labelled("h3", "", format!("Errors of {}", best.model));
        let prediction = best.held.as_ref().and_then(|h| h.external.as_ref());
        errors::list(&results.external, prediction, &results.classes, evaluation.worst_errors, &mut found)?;
    }
    page::section("blind", h, |h| h.add(&found));
    Ok(())
}

fn table(results: &ExperimentResults) -> Table {
    let security = results.task == "security";
    let mut columns = vec![("Model", Best::Name), ("Macro-F1", Best::High), ("Accuracy", Best::High)];
    if security {
        columns.extend([
            ("Security score", Best::High),
            ("False alarms", Best::Low),
            ("Missed threats", Best::Low),
        ]);
    }
    columns.push(("ROC AUC", Best::High));
    let mut table = Table::new(columns).sortable();
    for model in &results.models {
        let Some(external) = &model.external else { continue };
        let scores = external.security.as_ref();
        let mut cells = vec![
            Cell::text(&model.model),
            Cell::score(Some(external.report.f1_macro)),
            Cell::score(Some(external.report.accuracy)),
        ];
        if security {
            cells.extend([
                Cell::score(scores.map(|s| s.score)),
                Cell::score(scores.map(|s| s.false_alarm_rate)),
                Cell::score(scores.map(|s| s.missed_threat_rate)),
            ]);
        }
        cells.push(Cell::score(external.report.probabilities.roc_auc_ovr));
        table.row(results.best.as_ref() == Some(&model.model), cells);
    }
    table
}
