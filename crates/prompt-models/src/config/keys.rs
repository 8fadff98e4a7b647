//! On which line of a configuration a key stands.

use std::path::Path;

/// The line, from 1, on which the value of a key such as `traditional.folds` is set, where that is plain to see: in TOML
/// the key itself, else the nearest key or section around it; in other formats the only line that names it.
pub(super) fn line_of(path: &Path, text: &str, key: &str) -> Option<u64> {
    if path.extension().is_some_and(|e| e == "toml") {
        let mut around: Option<(usize, u64)> = None;
        for (line, set) in toml_keys(text) {
            if set == key {
                return Some(line);
            }
            let is_around = key.strip_prefix(&set).is_some_and(|rest| rest.starts_with('.'));
            if is_around && around.is_none_or(|(length, _)| set.len() > length) {
                around = Some((set.len(), line));
            }
        }
        return around.map(|(_, line)| line);
    }
    let last = key.rsplit('.').next()?;
    let mut lines = text.lines().zip(1..).filter(|(line, _)| {
        let name =
            line.trim_start().trim_start_matches(['{', '-', ' ']).split(':').next().unwrap_or_default();
        line.contains(':') && unquoted(name) == last
    });
    let (_, line) = lines.next()?;
    lines.next().is_none().then_some(line)
}

/// The place of the parameter that a message about the section on this line (from 1) names, where it has a line of its
/// own.
pub(super) fn inside(text: &str, section: usize, message: &str) -> Option<(usize, usize)> {
    let name = message.split_once("parameter `")?.1.split('`').next()?;
    let lines = text.lines().zip(1..).skip(section);
    let own = |line: &str| line.split_once('=').is_some_and(|(key, _)| unquoted(key) == name);
    lines
        .take_while(|(line, _)| !line.trim_start().starts_with('['))
        .find(|(line, _)| own(line))
        .map(|(line, number)| (number, line.len() - line.trim_start().len() + 1))
}

/// Every key and section of a TOML text that has a line of its own, with that line.
fn toml_keys(text: &str) -> Vec<(u64, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            section = dotted(header.trim_start_matches('[').split(']').next().unwrap_or_default());
            found.push((number, section.clone()));
        } else if let Some((key, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            let key = dotted(key);
            found.push((number, if section.is_empty() { key } else { format!("{section}.{key}") }));
        }
    }
    found
}

fn dotted(key: &str) -> String {
    key.split('.').map(unquoted).collect::<Vec<_>>().join(".")
}

fn unquoted(name: &str) -> &str {
    name.trim().trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_it_is_set() {
        let toml = "version = 7\n# folds = 2\n[traditional]\nfolds = 1\n[ data . synthetic ]\n\"noise\" = 2\n\
                    [tuning]\nmetric.name = 'x'\n[a]\nb = { c = 1 }\n";
        let line = |key: &str| line_of(Path::new("a.toml"), toml, key);
        let found = ["version", "traditional.folds", "data.synthetic.noise", "tuning.metric.name"].map(line);
        assert_eq!(found, [Some(1), Some(4), Some(6), Some(8)]);
        assert_eq!(line("a.b.c"), Some(10), "inside the inline table");
        assert_eq!(line("traditional.timeout_s"), Some(3), "its section");
        assert_eq!(line("split.test_size"), None);
        let json = "{\n  \"traditional\": {\n    \"folds\": 1\n  }\n}";
        assert_eq!(line_of(Path::new("a.json"), json, "traditional.folds"), Some(3));
        let yaml = "traditional:\n  folds: 1\nother:\n  folds: 2\n";
        assert_eq!(line_of(Path::new("a.yaml"), yaml, "traditional.folds"), None, "it may be either");
    }

    #[test]
    fn a_parameter_of_a_section_is_found_in_it() {
        let text = "[features.word]\ntype = 'tfidf'\n  ngrams = 2\n[features.char]\nngrams = 3\n";
        assert_eq!(inside(text, 1, "unknown parameter `ngrams`; known: a"), Some((3, 3)));
        assert_eq!(inside(text, 4, "tfidf: parameter `ngrams` must be 1"), Some((5, 1)));
        assert_eq!(inside(text, 1, "unknown parameter `other`; known: a"), None);
        assert_eq!(inside(text, 1, "unknown field `type`"), None);
    }
}
