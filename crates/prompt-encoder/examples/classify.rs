//! Classifies lines of standard input with a checkpoint's folder.
//!
//! ```sh
//! cargo run --release -p prompt-encoder --example classify -- FOLDER < prompts.txt
//! ```
//!
//! Without a folder it takes a tiny checkpoint of random weights, so that there is something to see.

use std::io::{BufRead, stdin};

use prompt_encoder::{Aggregate, Classifier, Options};

fn main() -> prompt_core::Result<()> {
    let tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/bert");
    let folder = std::env::args().nth(1).unwrap_or_else(|| tiny.to_owned());
    // One suspicious window is enough to make a long prompt suspicious.
    let classifier = Classifier::open_with(folder, &Options::default().aggregate(Aggregate::Max))?;
    for notice in classifier.notices() {
        eprintln!("{notice}");
    }
    let lines: Vec<String> = stdin().lock().lines().map_while(Result::ok).collect();
    for (line, answer) in lines.iter().zip(classifier.predict(&lines)?) {
        match (answer.label, answer.confidence) {
            (Some(label), Some(confidence)) => println!("{label}\t{confidence:.3}\t{line}"),
            _ => println!("{:?}\t{line}", answer.scores),
        }
    }
    Ok(())
}
