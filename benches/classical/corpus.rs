//! The labelled texts that both sides learn from: the peers' synthetic documents, or real prompts in their place.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use prompt_models::core::{Error, Result, Target};
use prompt_models::data::read::ReadOptions;
use prompt_models::data::synth::SECURITY_CLASSES;
use prompt_models::data::{Dataset, Fields};
use prompt_models::experiment::data_path;

/// The first rows train, the rest test: fixed in the peers' scripts.
const TRAIN: usize = 24_000;
const ROWS: usize = 30_000;

/// What is learned from, and what is held out.
pub(crate) struct Corpus {
    pub(crate) train: Labelled,
    pub(crate) rest: Labelled,
}

/// Texts and their classes.
pub(crate) struct Labelled {
    pub(crate) texts: Vec<String>,
    pub(crate) labels: Vec<u8>,
}

impl Labelled {
    /// The classes as learners take them.
    pub(crate) fn target(&self) -> Target {
        Target::labels(self.labels.iter().map(u8::to_string))
    }

    /// The share of predictions that are right.
    pub(crate) fn accuracy(&self, predictions: &[u32]) -> f64 {
        let right =
            predictions.iter().zip(&self.labels).filter(|&(&code, &label)| code == u32::from(label)).count();
        right as f64 / self.labels.len() as f64
    }
}

impl Corpus {
    /// Reads `docs.txt` and `labels.u8` of a folder.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("docs.txt");
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
        let mut texts: Vec<String> = text.lines().map(str::to_owned).collect();
        let path = folder.join("labels.u8");
        let mut labels = std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
        if texts.len() != ROWS || labels.len() != ROWS {
            return Err(Error::input(
                format!("{} holds {} documents and {} labels", folder.display(), texts.len(), labels.len()),
                format!("{ROWS} of each are needed; remove the folder to make it anew"),
            ));
        }
        let rest = Labelled { texts: texts.split_off(TRAIN), labels: labels.split_off(TRAIN) };
        Ok(Self { train: Labelled { texts, labels }, rest })
    }
}

/// The real security prompts.
pub(crate) fn security_prompts() -> Result<Dataset> {
    let path = data_path("$PROMPT_DATA/prompt_security/data.jsonl.gz".as_ref());
    if !path.exists() {
        return Err(Error::input(
            format!("the real security prompts are not there: {} does not exist", path.display()),
            "set PROMPT_DATA to the folder that holds prompt_security, or leave --real out",
        ));
    }
    Ok(ReadOptions { fields: Fields::security(), ..ReadOptions::default() }.read(path)?.dataset)
}

/// Writes the real security prompts in the form of the peers' documents into a folder inside `work` and returns it:
/// one prompt a line, begun again from the first until there are as many rows as the peers' split needs.
pub(crate) fn write_security_prompts(work: &Path) -> Result<PathBuf> {
    let folder = work.join("real");
    if folder.join("labels.u8").exists() {
        return Ok(folder);
    }
    std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e))?;
    let prompts = security_prompts()?;
    let classes = prompts.labels()?.into_iter().map(class).collect::<Result<Vec<u8>>>()?;
    let (mut docs, mut labels) = (String::new(), Vec::with_capacity(ROWS));
    for (example, class) in prompts.iter().zip(&classes).cycle().take(ROWS) {
        let _ = writeln!(docs, "{}", example.text.replace(ends_line, " "));
        labels.push(*class);
    }
    for (name, bytes) in [("docs.txt", docs.as_bytes()), ("labels.u8", &labels)] {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|e| Error::io("write", path, e))?;
    }
    // The peers' latency job also measures models of tables, which are the same as beside the synthetic texts.
    let (from, to) = (work.join("clf.csv"), folder.join("clf.csv"));
    if !to.exists() {
        std::fs::copy(&from, &to).map_err(|e| Error::io("copy", from, e))?;
    }
    Ok(folder)
}

fn class(label: &str) -> Result<u8> {
    match SECURITY_CLASSES.iter().position(|&name| name == label) {
        Some(class) => Ok(class as u8),
        None => Err(Error::unknown("class", label, SECURITY_CLASSES)),
    }
}

/// Whether Python's `str.splitlines` splits here.
fn ends_line(c: char) -> bool {
    matches!(c, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}
