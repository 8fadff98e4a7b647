use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prompt_core::artifact::{Manifest, Node};
use prompt_core::{Batch as Records, Dense, Head, Output, Persist, Prediction, Scorer};

use super::*;

/// Says how long a text is; refuses `no`, and with it every batch that holds it.
struct Length {
    heads: [Head; 1],
    batches: Arc<AtomicUsize>,
    in_batches: bool,
}

impl Persist for Length {
    fn kind(&self) -> &'static str {
        "length"
    }

    fn encode(&self) -> Result<Node> {
        Ok(Node::new("length", 1))
    }
}

impl Scorer for Length {
    fn heads(&self) -> &[Head] {
        &self.heads
    }

    fn score(&self, batch: Records<'_>) -> Result<Vec<Prediction>> {
        let Records::Texts(texts) = batch else { return Err(Error::Cancelled) };
        self.batches.fetch_add(1, Ordering::Relaxed);
        let lengths: Vec<f64> = (0..texts.count()).map(|i| texts.text(i).len() as f64).collect();
        if (0..texts.count()).any(|i| texts.text(i) == "no") {
            return Err(Error::input("a text that is refused", "give another"));
        }
        let rows = Dense::new(lengths.len(), 1, lengths)?;
        Ok(vec![Prediction::new(self.heads[0].output.clone(), rows)?])
    }

    fn score_text(&self, text: &str, _: &mut Scratch, out: &mut [f64]) -> Result<()> {
        if text == "no" {
            return Err(Error::parse("<text>", None, None, "a text that is refused", "give another"));
        }
        out[0] = text.len() as f64;
        Ok(())
    }

    fn in_batches(&self) -> bool {
        self.in_batches
    }
}

/// The lines that come of these, and how many batches were asked for.
fn scored(lines: &str, in_batches: bool) -> (String, ScoreSummary, usize) {
    let batches = Arc::new(AtomicUsize::new(0));
    let heads = [Head { name: "score".into(), output: Output::Values(vec!["score".into()]) }];
    let scorer = Arc::new(Length { heads, batches: batches.clone(), in_batches });
    let model = LoadedModel { manifest: Manifest::default(), scorer };
    let (mut out, mut summary) = (Vec::new(), ScoreSummary::default());
    let options = ScoreOptions::default();
    let (name, never) = (Path::new("lines"), CancelToken::new());
    score_jsonl(name, lines.as_bytes(), &mut out, &model, &options, &never, &mut summary).unwrap();
    (String::from_utf8(out).unwrap(), summary, batches.load(Ordering::Relaxed))
}

#[test]
fn texts_scored_together_are_written_as_texts_scored_alone() {
    let line = |i: usize| match i % 97 {
        5 => "{\"text\": 3}\n".to_owned(),
        6 => "not JSON\n".to_owned(),
        _ => format!("{{\"text\": \"{}\", \"id\": {i}}}\n", "a".repeat(i % 31 + 3)),
    };
    let lines: String = (0..1300).map(line).collect();
    let (alone, counted, none) = scored(&lines, false);
    let (together, counted_too, batches) = scored(&lines, true);
    assert_eq!((together, counted_too), (alone, counted));
    assert_eq!((counted.scored + counted.bad, none), (1300, 0));
    assert!((2..10).contains(&batches), "{batches}");
}

#[test]
fn a_text_that_fails_loses_no_other_of_its_batch() {
    let (lines, summary, _) =
        scored("{\"text\": \"four\"}\n{\"text\": \"no\"}\n{\"text\": \"three\"}\n", true);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!((summary.scored, summary.bad), (2, 1));
    assert!(lines[0].contains("\"score\":4") && lines[2].contains("\"score\":5"), "{lines:?}");
    assert!(lines[1].contains("\"line\":2") && lines[1].contains("refused"), "{}", lines[1]);
}
