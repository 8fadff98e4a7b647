//! One head of a model: its names, ready to be written, and its answers as JSON.

use std::io::Write;

use prompt_core::{Classes, Error, Head, Output, Result, argmax};

/// A head's names, ready to be written.
pub(super) struct Named {
    /// As it is called.
    pub(super) name: String,
    /// The classes; of a number none.
    pub(super) classes: Option<Classes>,
    /// What its numbers are called; of classes none.
    pub(super) numbers: Vec<String>,
    /// `"name":` and, of every class, `"class"` and `"class":`.
    pub(super) key: Vec<u8>,
    labels: Vec<Vec<u8>>,
    keys: Vec<Vec<u8>>,
}

impl Named {
    pub(super) fn of(head: &Head) -> Result<Self> {
        let quoted = |name: &str| serde_json::to_vec(name).unwrap_or_default();
        let classes = head.output.classes().cloned();
        let labels: Vec<Vec<u8>> = classes.iter().flat_map(Classes::names).map(|name| quoted(name)).collect();
        let numbers = number_names(&head.output);
        if labels.is_empty() && numbers.is_empty() {
            return Err(Error::unsupported(
                "prompt predict",
                format!("the head `{}` of several answers", head.name),
                "take a model of classes, or of numbers",
            ));
        }
        let keys = labels.iter().map(|l| [l.as_slice(), b":"].concat()).collect();
        let key = [quoted(&head.name).as_slice(), b":"].concat();
        Ok(Self { name: head.name.clone(), classes, numbers, key, labels, keys })
    }

    /// How many numbers it has.
    pub(super) fn width(&self) -> usize {
        self.labels.len().max(self.numbers.len())
    }

    /// Label, probabilities and confidence, or the score, as members of an object.
    pub(super) fn write(&self, scores: &[f64], out: &mut Vec<u8>) {
        if self.labels.is_empty() {
            for (i, (name, score)) in self.numbers.iter().zip(scores).enumerate() {
                out.extend_from_slice(if i == 0 { b"" } else { b"," });
                let _ = serde_json::to_writer(&mut *out, name);
                let _ = write!(out, ":{score}");
            }
            return;
        }
        let best = argmax(scores);
        out.extend_from_slice(b"\"label\":");
        out.extend_from_slice(&self.labels[best]);
        out.extend_from_slice(b",\"probabilities\":{");
        for (i, (key, p)) in self.keys.iter().zip(scores).enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(key);
            let _ = serde_json::to_writer(&mut *out, p);
        }
        out.extend_from_slice(b"},\"confidence\":");
        let _ = serde_json::to_writer(&mut *out, &scores[best]);
    }
}

/// What the numbers of an answer are called: a single one `score`, several by the model's own names (`value`, `lower`,
/// `upper`); of classes nothing.
pub fn number_names(output: &Output) -> Vec<String> {
    match output {
        Output::Values(names) if names.len() > 1 => names.clone(),
        Output::Values(_) => vec!["score".to_owned()],
        _ => Vec::new(),
    }
}
