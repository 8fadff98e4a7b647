//! How long one prompt takes: a saved model over the prompts of a file, one at a time.
//!
//! ```sh
//! cargo run --release --example latency -- MODEL_DIR [FILE.jsonl[.gz]]
//! ```
//!
//! Without a file it takes generated prompts. The first twentieth warms up and is not counted.

use std::path::Path;
use std::time::Instant;

use prompt_models::data::read::ReadOptions;
use prompt_models::data::synth::{SynthParams, generate};
use prompt_models::prelude::*;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or_else(|| Error::input("no model", "name the folder of a saved one"))?;
    let scorer = LoadedModel::open(Path::new(&dir))?.scorer;
    let prompts = match arguments.next() {
        Some(file) => ReadOptions::default().read(&file)?.dataset,
        None => generate(&SynthParams::default(), Seed::new(1))?,
    };

    let width = scorer.heads().iter().map(|head| head.output.width()).sum();
    let (mut scratch, mut scores) = (Scratch::new(), vec![0.0; width]);
    let mut micros = Vec::with_capacity(prompts.len());
    for prompt in prompts.iter() {
        let start = Instant::now();
        scorer.score_text(&prompt.text, &mut scratch, &mut scores)?;
        micros.push(start.elapsed().as_secs_f64() * 1e6);
    }
    let mut counted = micros.split_off(micros.len() / 20);
    counted.sort_by(f64::total_cmp);
    let at = |share: f64| counted.get((share * counted.len() as f64) as usize).copied().unwrap_or(f64::NAN);
    println!("{} prompts, microseconds each", counted.len());
    println!("p50 {:.1}  p95 {:.1}  p99 {:.1}", at(0.5), at(0.95), at(0.99));
    Ok(())
}
