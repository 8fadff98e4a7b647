//! The winner in four pictures.

use prompt_core::Result;
use prompt_metrics::Confusion;
use prompt_metrics::plot::{confusion_svg, precision_recall_svg, reliability_svg, roc_svg};

use super::super::result::{ExperimentResults, ModelResult};
use super::markup::{Html, visible};
use super::page;

/// With more classes than this no picture can be read.
pub(super) const MOST_CLASSES: usize = 30;

pub(super) fn section(results: &ExperimentResults, best: &ModelResult, h: &mut Html) -> Result<()> {
    let mut drawn = Html::new();
    match &best.held {
        None => {
            drawn.raw("<p>There are no pictures: the winner’s predictions are not at hand.</p>\n");
        }
        Some(_) if results.classes.len() > MOST_CLASSES => {
            drawn.labelled(
                "p",
                "",
                format!(
                    "Pictures are left out: with {} classes (more than {MOST_CLASSES}) they cannot be read. The \
                     tables above have the numbers of every class.",
                    results.classes.len()
                ),
            );
        }
        Some(held) => {
            let (probabilities, classes) = held.test.probabilities()?;
            let truth = &results.test.codes;
            let names: Vec<String> = classes.names().iter().map(|n| visible(n).into_owned()).collect();
            let confusion = Confusion::new(truth, &held.test.codes()?, names.len(), None)
                .and_then(|c| confusion_svg("Confusion matrix", &c, &names));
            let pictures = [
                ("confusion matrix", confusion),
                ("ROC curves", roc_svg("ROC", truth, probabilities, &names, None)),
                (
                    "precision–recall curves",
                    precision_recall_svg("Precision–recall", truth, probabilities, &names, None),
                ),
                ("calibration", reliability_svg("Calibration", truth, probabilities, None)),
            ];
            drawn.element("div", "class=\"pictures\"", |h| {
                pictures.into_iter().fold(h, |h, (what, picture)| match picture {
                    Ok(svg) => h.picture(&svg),
                    // Rows of one class alone have no curve; that is no reason to have no page.
                    Err(why) => h.labelled("p", "", format!("No picture of the {what}: {why}")),
                })
            });
        }
    }
    page::section("pictures", h, |h| {
        h.labelled("p", "", format!("{} on the test rows.", best.model)).add(&drawn).raw("\n")
    });
    Ok(())
}
