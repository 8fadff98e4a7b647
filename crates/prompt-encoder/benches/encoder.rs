//! Encoders of MiniLM's, BERT-base's and DeBERTa-v3-base's size beside ONNX Runtime and PyTorch, on 2 threads.
//!
//! ```sh
//! PROMPT_PEERS_PYTHON=… cargo bench -p prompt-encoder --bench encoder -- [--dir DIR] [--jobs TEXT] [--data FILE.jsonl.gz]
//! ```
//!
//! The peers' scripts (`benches/peers/encoder.py`, `benches/deberta_peer.py`) make the folders and time the peers; what they
//! print is kept in `DIR/peers.jsonl` and `DIR/deberta.jsonl`. While a file is there it is read instead, so that this side
//! alone is run again; `--again` runs the peers anew. `--data` adds the job `mixed`: prompts of many lengths. `--budget N`
//! sets the tokens in work at one time.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench unwraps as it goes")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use prompt_core::Seed;
use prompt_encoder::{Encoder, Options, Precision};
use serde_json::Value;

/// Sequences × tokens, and how often each is run.
const JOBS: [(usize, usize, usize); 3] = [(1, 32, 60), (1, 128, 30), (32, 128, 7)];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1)).cloned();
    if let Some(folder) = value("--first") {
        return first(Path::new(&folder));
    }
    let dir = PathBuf::from(value("--dir").unwrap_or_else(|| "target/bench-encoder".into()));
    let filter = value("--jobs").unwrap_or_default();
    let again = args.iter().any(|a| a == "--again");
    let mut peers = peers(&dir, "peers/encoder.py", "peers.jsonl", value("--data"), again);
    peers.extend(self::peers(&dir, "deberta_peer.py", "deberta.jsonl", None, again));
    let budget = value("--budget").map_or(Options::default().token_budget, |n| n.parse().unwrap());
    println!("| job | here ms | ONNX Runtime ms | ratio | PyTorch ms | ratio |\n|---|---|---|---|---|---|");
    for name in ["minilm", "base", "deberta"] {
        for (precision, suffix) in [(Precision::F32, ""), (Precision::Int8, "-int8")] {
            let options = Options::default().threads(2).precision(precision).token_budget(budget);
            size(&dir.join(name), name, &options, suffix, &filter, &peers);
        }
    }
    if "minilm first answer".contains(&filter) {
        let exe = std::env::current_exe().unwrap();
        let ran = Command::new(exe).arg("--first").arg(dir.join("minilm")).output().unwrap();
        print!("{}", String::from_utf8_lossy(&ran.stdout));
    }
}

/// The peers' lines: read, or made by their script.
fn peers(dir: &Path, script: &str, kept: &str, data: Option<String>, again: bool) -> Vec<Value> {
    let kept = dir.join(kept);
    if again || !kept.is_file() {
        let Some(python) = std::env::var_os("PROMPT_PEERS_PYTHON") else {
            println!("SKIPPED the peers: name a Python with torch and onnxruntime in PROMPT_PEERS_PYTHON");
            return Vec::new();
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches").join(script);
        let ran =
            Command::new(python).arg(script).arg(dir).args(data).output().expect("the peers' Python runs");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        std::fs::write(&kept, &ran.stdout).unwrap();
    }
    let text = std::fs::read_to_string(kept).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The peers' folders have no tokenizer, because their ids are random; any vocabulary of the right size will do.
fn with_vocabulary(folder: &Path) {
    let path = folder.join("vocab.txt");
    if !path.is_file() {
        let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned);
        let words: Vec<String> = special.into_iter().chain((5..30_522).map(|i| format!("w{i}"))).collect();
        std::fs::write(path, words.join("\n")).unwrap();
    }
}

fn open(folder: &Path, options: &Options) -> Encoder {
    with_vocabulary(folder);
    Encoder::open_with(folder, options).unwrap()
}

fn sequences(lengths: impl IntoIterator<Item = usize>) -> Vec<Vec<u32>> {
    let mut rng = Seed::new(1).rng();
    lengths.into_iter().map(|n| (0..n).map(|_| 1 + rng.below(29_999) as u32).collect()).collect()
}

fn median(runs: usize, mut run: impl FnMut()) -> f64 {
    run();
    let mut times: Vec<f64> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn size(folder: &Path, name: &str, options: &Options, suffix: &str, filter: &str, peers: &[Value]) {
    let mut encoder = None;
    for (batch, tokens, runs) in JOBS {
        let job = format!("{name} {batch}x{tokens}");
        if !format!("{job}{suffix}").contains(filter) || !folder.is_dir() {
            continue;
        }
        let encoder = encoder.get_or_insert_with(|| open(folder, options));
        let ids = sequences(std::iter::repeat_n(tokens, batch));
        let runs = if name != "minilm" { (runs / 4).max(3) } else { runs };
        let ours = median(runs, || drop(encoder.hidden_states(&ids).unwrap()));
        let peer = |engine: &str| {
            peers
                .iter()
                .find(|p| p["job"] == job.as_str() && p["engine"] == engine)
                .and_then(|p| p["ms"].as_f64())
        };
        row(&format!("{job}{suffix}"), ours, peer(&format!("ort{suffix}")), peer("torch"));
    }
    if name == "minilm" && format!("minilm mixed{suffix}").contains(filter) {
        mixed(encoder.get_or_insert_with(|| open(folder, options)), folder, suffix, peers);
    }
}

fn mixed(encoder: &Encoder, folder: &Path, suffix: &str, peers: &[Value]) {
    let Ok(text) = std::fs::read_to_string(folder.with_file_name("mixed_lengths.json")) else {
        println!("SKIPPED mixed: run once with --data FILE.jsonl.gz");
        return;
    };
    let lengths: Vec<usize> = serde_json::from_str(&text).unwrap();
    let ids = sequences(lengths);
    let start = Instant::now();
    drop(encoder.embed_ids(&ids).unwrap());
    let ours = start.elapsed().as_secs_f64();
    let engine = format!("ort{suffix}");
    let peer = peers.iter().find(|p| p["job"] == "minilm mixed" && p["engine"] == engine.as_str());
    let seconds = peer.and_then(|p| p["seconds"].as_f64()).map(|s| s * 1e3);
    row(
        &format!("minilm mixed{suffix} ({:.0} prompts/s)", ids.len() as f64 / ours),
        ours * 1e3,
        seconds,
        None,
    );
}

fn row(job: &str, ours: f64, ort: Option<f64>, torch: Option<f64>) {
    let cell = |peer: Option<f64>| {
        peer.map_or("– | –".to_owned(), |peer| format!("{peer:.2} | {:.2}", ours / peer))
    };
    println!("| {job} | {ours:.2} | {} | {} |", cell(ort), cell(torch));
}

/// In a process of its own: how long until the first answer, and how much memory then.
fn first(folder: &Path) {
    let start = Instant::now();
    let encoder = open(folder, &Options::default().threads(2));
    let opened = start.elapsed().as_secs_f64() * 1e3;
    drop(encoder.embed_ids(&sequences([32])).unwrap());
    let answered = start.elapsed().as_secs_f64() * 1e3;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok())
        .unwrap_or(f64::NAN);
    let weights = std::fs::metadata(folder.join("model.safetensors")).map_or(f64::NAN, |m| m.len() as f64);
    println!(
        "first answer after {answered:.0} ms (opened after {opened:.0}); resident {:.0} MiB = {:.2} × the weights",
        resident / 1024.0,
        resident * 1024.0 / weights
    );
}
