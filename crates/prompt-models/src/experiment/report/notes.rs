//! What to know when reading the numbers, and how to get them again.

use super::super::config::Evaluation;
use super::super::result::ExperimentResults;
use super::data::fact;
use super::markup::Html;
use super::page;

pub(super) fn sections(results: &ExperimentResults, evaluation: &Evaluation, h: &mut Html) {
    page::section("notes", h, |h| {
        h.element("ul", "", |h| {
            for note in &results.notes {
                h.labelled("li", "", note);
            }
            h.labelled("li", "", "Intervals hold for rows drawn like the test rows, not for other sources.");
            h.labelled("li", "", "Times and memory depend on the machine; every other number does not.")
        })
        .raw("\n")
    });
    page::section("reproduce", h, |h| {
        let config = results.dir.join("config.json");
        h.raw("<p>The same program, configuration and data give the same numbers, for any number of threads.</p>\n");
        h.element("pre", "", |h| {
            h.labelled("code", "", format!("prompt run {} --fresh", quoted(&config.display().to_string())))
        });
        h.element("dl", "class=\"facts\"", |h| {
            fact("Program", format!("prompt {}", env!("CARGO_PKG_VERSION")), h);
            fact("Seed", results.seed.to_string(), h);
            fact("Digest of the training rows", &results.data.digest, h);
            fact("Digest of the rows read", &results.quality.digest, h);
            let bootstrap = match evaluation.bootstrap {
                0 => "off".to_owned(),
                n => format!("{n} resamples, level {}", evaluation.level),
            };
            fact("Bootstrap", bootstrap, h);
            fact("Time", format!("{:.1} s", results.wall_seconds), h);
            if let Some(mib) = results.peak_memory_mib {
                fact("Peak memory", format!("{mib:.0} MiB"), h);
            }
            h
        })
        .raw("\n")
    });
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_path_is_quoted_where_a_shell_would_split_it() {
        assert_eq!(super::quoted("out/security/config.json"), "out/security/config.json");
        assert_eq!(super::quoted("it's here/c.json"), "'it'\\''s here/c.json'");
    }
}
