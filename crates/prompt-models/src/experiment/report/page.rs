//! The frame of the page: head, title, banners, contents, foot.

use super::super::result::ExperimentResults;
use super::markup::Html;
use super::table::{bounds, four};

/// The sections in order: anchor and title. Those of a winner are there only when there is one.
const CONTENTS: [(&str, &str, bool); 9] = [
    ("data", "Data", false),
    ("models", "Models", false),
    ("winner", "Winner", true),
    ("pictures", "Pictures", true),
    ("blind", "Blind set", true),
    ("errors", "Worst errors", true),
    ("validation", "Cross-validation", false),
    ("notes", "Notes", false),
    ("reproduce", "Reproduce", false),
];

/// Everything before the body's own parts.
pub(super) fn head(title: &str, h: &mut Html) {
    h.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    h.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n");
    h.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    h.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
    h.labelled("title", "", title).raw("\n<style>\n");
    h.raw(prompt_metrics::report::PAGE_STYLE).raw("</style>\n</head>\n<body>\n");
}

pub(super) fn open(results: &ExperimentResults, h: &mut Html) {
    head(&format!("{} – experiment report", results.name), h);
    h.element("header", "", |h| {
        h.element("p", "class=\"kicker\"", |h| {
            h.text("Experiment report · task ").labelled("b", "", &results.task)
        });
        h.labelled("h1", "", &results.name);
        verdict(results, h)
    });
    banners(results, h);
    h.element("nav", "aria-label=\"Contents\"", |h| {
        CONTENTS
            .iter()
            .filter(|(_, _, winner)| !winner || results.best().is_some())
            .fold(h.raw("\n"), |h, (anchor, title, _)| {
                h.raw("<a href=\"#").raw(anchor).raw("\">").raw(title).raw("</a>\n")
            })
    });
    h.raw("\n<main>\n");
}

pub(super) fn close(h: &mut Html) {
    h.raw("</main>\n<script>\n")
        .raw(prompt_metrics::report::PAGE_SCRIPT)
        .raw("</script>\n</body>\n</html>\n");
}

/// A section with its anchor and title; both are in [`CONTENTS`].
pub(super) fn section<'h>(
    anchor: &'static str,
    h: &'h mut Html,
    inside: impl FnOnce(&mut Html) -> &mut Html,
) -> &'h mut Html {
    let title = CONTENTS.iter().find(|(a, _, _)| *a == anchor).map_or(anchor, |(_, title, _)| title);
    h.raw("<section id=\"").raw(anchor).raw("\">").labelled("h2", "", title).raw("\n");
    inside(h).raw("</section>\n")
}

/// The first thing a reader wants to know, in a line of tiles.
fn verdict<'h>(results: &ExperimentResults, h: &'h mut Html) -> &'h mut Html {
    let Some(best) = results.best() else { return h };
    let tile = |h: &mut Html, name: &'static str, value: &str, small: Option<String>| {
        h.element("div", "class=\"tile\"", |h| {
            h.labelled("span", "", name).labelled("strong", "", value);
            small.into_iter().fold(h, |h, small| h.labelled("small", "", small))
        });
    };
    h.element("div", "class=\"tiles\"", |h| {
        let ok = results.models.iter().filter(|m| m.is_ok()).count();
        let of = format!("best of {ok} trained");
        tile(h, "Winner", &best.model, Some(of));
        let interval = |metric: &str| best.intervals.get(metric).map(bounds);
        if let Some(test) = &best.test {
            tile(h, "Macro-F1", &four(test.report.f1_macro), interval("f1_macro"));
            if let Some(security) = &test.security {
                tile(h, "Security score", &four(security.score), interval("security_score"));
            } else {
                tile(h, "Accuracy", &four(test.report.accuracy), interval("accuracy"));
            }
        }
        if let Some(external) = &best.external {
            let rows = format!("{} prompts", external.report.rows);
            tile(h, "Blind macro-F1", &four(external.report.f1_macro), Some(rows));
        }
        if !results.gates.is_empty() {
            let passed = results.gates.iter().filter(|g| g.passed).count();
            let all = results.gates.len();
            let small = if passed == all { "all kept".into() } else { format!("{} failed", all - passed) };
            tile(h, "Gates", &format!("{passed} / {all}"), Some(small));
        }
        h
    })
}

/// What must not be overlooked.
fn banners(results: &ExperimentResults, h: &mut Html) {
    if results.data.synthetic {
        h.element("p", "class=\"banner\" role=\"note\"", |h| {
            h.raw("<strong>Synthetic data.</strong> A generator made the training and test rows. ")
                .raw("These numbers compare models; they promise nothing about real traffic.")
        });
    }
    if results.cancelled {
        h.element("p", "class=\"banner\" role=\"note\"", |h| {
            h.raw(
                "<strong>Stopped early.</strong> Not every model was trained; start the run again to go on.",
            )
        });
    }
    if results.best().is_none() {
        h.element("p", "class=\"banner bad\" role=\"note\"", |h| {
            h.raw("<strong>No winner.</strong> No model could be trained and measured; the statuses below say why.")
        });
    }
    h.raw("\n");
}
