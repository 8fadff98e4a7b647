//! Folders that a configuration begins with, such as a published encoder's: what is in them is part of what was asked for.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde_json::Value;

/// Keys whose value names a folder to begin with.
const KEYS: [&str; 2] = ["from", "source"];

/// A line for each file in each folder that a value names under `from` or `source`: its name, size and time of change. Where
/// those are the same, so are the weights.
pub(crate) fn stamps(value: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    walk(value, &mut lines);
    lines
}

fn walk(value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value.as_str() {
                    Some(folder) if KEYS.contains(&key.as_str()) => stamp(Path::new(folder), lines),
                    _ => walk(value, lines),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| walk(value, lines)),
        _ => {}
    }
}

fn stamp(folder: &Path, lines: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let first = lines.len();
    for entry in entries.flatten() {
        let Some(meta) = entry.metadata().ok().filter(fs::Metadata::is_file) else { continue };
        let changed =
            meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let name = entry.file_name();
        lines.push(format!("{} {} {}", name.to_string_lossy(), meta.len(), changed.as_nanos()));
    }
    lines[first..].sort_unstable();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_changed_file_is_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.json"), "{}").unwrap();
        let config =
            json!({ "encoders": { "models": [{ "from": folder.path() }] }, "from": "no/such/folder" });
        let before = stamps(&config);
        assert_eq!((before.len(), &before), (1, &stamps(&config)));
        fs::write(folder.path().join("config.json"), "{} ").unwrap();
        assert_ne!(before, stamps(&config));
        fs::write(folder.path().join("vocab.txt"), "a").unwrap();
        assert_eq!(stamps(&json!({ "features": { "meaning": { "source": folder.path() } } })).len(), 2);
    }
}
