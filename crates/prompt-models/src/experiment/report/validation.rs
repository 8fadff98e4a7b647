//! What the search tried for each model.

use std::collections::BTreeSet;

use super::super::result::{CrossValidation, ExperimentResults};
use super::markup::Html;
use super::page;
use super::table::{Best, Cell, Table, four};
use super::winner::plain;

pub(super) fn section(results: &ExperimentResults, h: &mut Html) {
    page::section("validation", h, |h| {
        let searched: Vec<_> = results.models.iter().filter_map(|m| Some((m, m.cv.as_ref()?))).collect();
        if searched.is_empty() {
            return h.raw("<p>No model was cross-validated.</p>\n");
        }
        h.raw("<p>Every point that was tried, on the training rows alone.</p>\n");
        searched.into_iter().fold(h, |h, (model, cv)| {
            let summary = format!(
                "{}: {} {:.4} ± {:.4} over {} folds, {} {}",
                model.model,
                cv.metric,
                cv.mean,
                cv.std,
                cv.folds.len(),
                cv.points.len(),
                if cv.points.len() == 1 { "point" } else { "points" }
            );
            h.folded(summary, |h| {
                let folds: Vec<String> = cv.folds.iter().copied().map(four).collect();
                h.labelled("p", "", format!("Folds of the best point: {}.", folds.join(", ")));
                points(cv, &model.best_params).write(h)
            })
            .raw("\n")
        })
    });
}

fn points(cv: &CrossValidation, best: &std::collections::BTreeMap<String, serde_json::Value>) -> Table {
    let names: BTreeSet<&String> = cv.points.iter().flat_map(|p| p.params.keys()).collect();
    let mut columns: Vec<(String, Best)> = vec![("Point".into(), Best::High)];
    columns.extend(names.iter().map(|name| ((*name).clone(), Best::Name)));
    columns.extend([(format!("Mean {}", cv.metric), Best::High), ("Deviation".into(), Best::Low)]);
    let mut table = Table::new(columns);
    for (i, point) in cv.points.iter().enumerate() {
        let mut cells = vec![Cell::count(i + 1)];
        cells.extend(names.iter().map(|name| Cell::text(point.params.get(*name).map_or("–".into(), plain))));
        cells.push(match &point.error {
            Some(why) => Cell::text(format!("failed: {why}")),
            None => Cell::score(point.mean),
        });
        cells.push(Cell::score(point.std));
        table.row(point.params == *best, cells);
    }
    table
}
