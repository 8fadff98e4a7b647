//! What the figures were measured on.

use std::path::Path;
use std::process::Command;

/// Prints the versions of the peers' libraries.
const VERSIONS: &str = "
import sys
from importlib.metadata import version, PackageNotFoundError
found = ['Python ' + sys.version.split()[0]]
for name in ('scikit-learn', 'numpy', 'scipy', 'fasttext-wheel', 'lightgbm'):
    try: found.append(name + ' ' + version(name))
    except PackageNotFoundError: found.append(name + ' missing')
print(', '.join(found))
";

/// Processor, load, compiler and, where there is a Python, its libraries: one fact a line.
pub(crate) fn describe(python: Option<&Path>) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut lines = vec![
        format!("cores: {cores}, processor: {}", model.map_or("unknown", |(_, name)| name)),
        format!("load averages at the start: {}", load.split(' ').take(3).collect::<Vec<_>>().join(" ")),
        said_by(Command::new("rustc").arg("--version")),
    ];
    if let Some(python) = python {
        lines.push(said_by(Command::new(python).args(["-c", VERSIONS])));
    }
    lines.join("\n")
}

fn said_by(command: &mut Command) -> String {
    match command.output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(error) => format!("{}: {error}", command.get_program().display()),
    }
}
