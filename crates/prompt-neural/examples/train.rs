//! Trains a network on labelled lines and shows what it learned.
//!
//! ```sh
//! cargo run --release -p prompt-neural --example train -- cnn train.jsonl test.jsonl
//! cargo run --release -p prompt-neural --example train          # on texts made here
//! ```
//!
//! A line is `{"text": …, "label": …}`.

use std::io::BufRead;
use std::sync::Arc;

use prompt_core::{Classes, Control, Error, Event, FitContext, Params, Result, Seed, Target};
use prompt_neural::{BiLstm, Cnn, FittedNetwork, Hybrid, Lstm, TextNetwork, Transformer};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let name = args.first().map_or("cnn", String::as_str);
    let (train, test) = match args.get(1..) {
        Some([train, test]) => (read(train)?, read(test)?),
        _ => (made(2000, 1), made(500, 2)),
    };
    println!("{} training rows, {} test rows", train.0.len(), test.0.len());
    let fitted = fit(name, &train)?;
    let prediction = fitted.predict(&test.0)?;
    let right = prediction.labels()?.iter().zip(&test.1).filter(|(a, b)| *a == b).count();
    println!("{name}: accuracy {:.4} on {} test rows", right as f64 / test.1.len() as f64, test.1.len());
    Ok(())
}

type Rows = (Vec<String>, Vec<String>);

fn fit(name: &str, (texts, labels): &Rows) -> Result<FittedNetwork> {
    let y = Target::labels(labels);
    let ctx = FitContext::new(42).with_observer(Arc::new(show));
    match name {
        Cnn::NAME => Cnn::default().fit(texts, &y, &ctx),
        Lstm::NAME => Lstm::default().fit(texts, &y, &ctx),
        BiLstm::NAME => BiLstm::default().fit(texts, &y, &ctx),
        Transformer::NAME => Transformer::default().fit(texts, &y, &ctx),
        Hybrid::NAME => Hybrid::default().fit(texts, &y, &ctx),
        other => Err(Error::unknown(
            "network",
            other,
            [Cnn::NAME, Lstm::NAME, BiLstm::NAME, Transformer::NAME, Hybrid::NAME],
        )),
    }
}

fn show(event: &Event<'_>) -> Control {
    if event.stage == "step" {
        return Control::Continue;
    }
    let values: Vec<String> = event.values.iter().map(|(name, v)| format!("{name} {v:.4}")).collect();
    println!("{} {}: {}", event.stage, event.step, values.join(", "));
    Control::Continue
}

fn read(path: &str) -> Result<Rows> {
    let file = std::fs::File::open(path).map_err(|e| Error::io("open", path, e))?;
    let mut rows = Rows::default();
    for (at, line) in std::io::BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|e| Error::io("read", path, e))?;
        let bad = |what: String| {
            Error::parse(path, at as u64 + 1, None, what, "give an object with text and label")
        };
        let value: serde_json::Value = serde_json::from_str(&line).map_err(|e| bad(e.to_string()))?;
        let field = |name: &str| value.get(name).and_then(|v| v.as_str()).map(str::to_owned);
        rows.0.push(field("text").ok_or_else(|| bad("there is no `text`".into()))?);
        rows.1.push(field("label").ok_or_else(|| bad("there is no `label`".into()))?);
    }
    Ok(rows)
}

/// Requests whose class depends on the order of two words.
fn made(n: usize, seed: u64) -> Rows {
    let classes = Classes::sorted(["first", "second"]);
    let mut rng = Seed::new(seed).rng();
    let filler = ["please", "now", "kindly", "today", "then"];
    (0..n)
        .map(|_| {
            let code = rng.below(2) as u32;
            let (a, b) = if code == 0 { ("ask", "answer") } else { ("answer", "ask") };
            let mut word = || filler[rng.below(filler.len())];
            (format!("{} {a} {} {b} {}", word(), word(), word()), classes.name(code).to_owned())
        })
        .unzip()
}
