//! How fast the stages of this crate are: `cargo run --release -p prompt-data --example throughput`.
//!
//! Prints one line a stage; single thread unless said. The data is generated, 60 words a prompt.

use std::hint::black_box;
use std::time::Instant;

use prompt_core::{FitContext, Result, Seed};
use prompt_data::dedup::NearDuplicates;
use prompt_data::read::{JsonlText, LineReader, ReadOptions};
use prompt_data::sanitise::{Buffer, Sanitiser};
use prompt_data::validate::{Quality, Schema};
use prompt_data::{Dataset, Example};

const ROWS: usize = 200_000;

/// The best of five runs, in seconds: the least disturbed one.
fn best(mut run: impl FnMut()) -> f64 {
    let times = (0..5).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min)
}

fn prompts(rows: usize) -> Vec<String> {
    let mut rng = Seed::new(42).rng();
    let words: Vec<String> = (0..20_000)
        .map(|_| (0..2 + rng.below(8)).map(|_| char::from(b'a' + rng.below(26) as u8)).collect())
        .collect();
    (0..rows)
        .map(|_| {
            let picked: Vec<&str> = (0..60).filter_map(|_| rng.choose(&words)).map(String::as_str).collect();
            picked.join(" ")
        })
        .collect()
}

fn main() -> Result<()> {
    let texts = prompts(ROWS);
    let jsonl: String = texts
        .iter()
        .map(|t| {
            format!("{{\"text\": \"{t}\", \"label\": \"benign\", \"source\": \"s\", \"split\": \"train\"}}\n")
        })
        .collect();
    let megabytes = jsonl.len() as f64 / 1e6;
    let show = |stage: &str, seconds: f64, bytes: f64| {
        println!("{stage:<34}{:>12.0} prompts/s {:>9.0} MB/s", ROWS as f64 / seconds, bytes / seconds);
    };

    let seconds = best(|| {
        let mut lines = LineReader::new(jsonl.as_bytes(), 16 << 20);
        while let Some(line) = lines.next_line() {
            black_box(line.is_ok());
        }
    });
    show("lines", seconds, megabytes);

    let reader = JsonlText::default();
    let mut scratch = String::new();
    let seconds = best(|| {
        let mut lines = LineReader::new(jsonl.as_bytes(), 16 << 20);
        while let Some(Ok(line)) = lines.next_line() {
            let _ = black_box(reader.extract(line.bytes, &mut scratch));
        }
    });
    show("lines → text", seconds, megabytes);

    let options = ReadOptions::default();
    let mut count = 0;
    let owned = jsonl.clone().into_bytes();
    let seconds = best(|| {
        if let Ok(examples) = options.from_bytes("a.jsonl", &owned) {
            count = examples.filter(Result::is_ok).count();
        }
    });
    assert_eq!(count, ROWS);
    show("lines → examples", seconds, megabytes);

    let text_megabytes = texts.iter().map(String::len).sum::<usize>() as f64 / 1e6;
    let (sanitiser, mut buffer) = (Sanitiser::default(), Buffer::default());
    let mut clean = |texts: &[String]| {
        for text in texts {
            black_box(sanitiser.sanitise_into(text, &mut buffer));
        }
    };
    let seconds = best(|| clean(&texts));
    show("sanitise, plain ASCII", seconds, text_megabytes);
    // Again on texts that lie in the cache, as one prompt does when it is scored.
    let few = &texts[..64];
    let seconds = best(|| (0..ROWS / 64).for_each(|_| clean(few)));
    show("sanitise, plain ASCII, in cache", seconds, text_megabytes);
    let accented: Vec<String> = texts.iter().map(|t| t.replace('e', "é")).collect();
    let accented_megabytes = accented.iter().map(String::len).sum::<usize>() as f64 / 1e6;
    let seconds = best(|| clean(&accented));
    show("sanitise, every e accented", seconds, accented_megabytes);
    let hidden: Vec<String> = texts.iter().map(|t| t.replace("ab", "a\u{200b}b")).collect();
    let seconds = best(|| clean(&hidden));
    show("sanitise, with zero-width spaces", seconds, text_megabytes);

    let data: Dataset = texts.iter().take(30_000).map(Example::new).collect();
    for threads in [1, 2] {
        let ctx = FitContext::new(1).threads(threads);
        let start = Instant::now();
        let groups = NearDuplicates::default().groups(&data, &ctx)?;
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "near-duplicates, 30,000 rows, {threads} threads: {seconds:.2} s, {} groups",
            groups.count()
        );
    }
    let start = Instant::now();
    let report = Quality::default().report(&data, &Schema::default(), &[], &FitContext::new(1))?;
    println!("quality report, {} rows: {:.2} s", report.rows, start.elapsed().as_secs_f64());
    Ok(())
}
