//! Weights in small types: how large they are, how far answers move, what damage is told.
#![allow(
    clippy::unwrap_used,
    reason = "helpers beside the tests unwrap what they build; the lint spares tests alone"
)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{copy, expected, folder, one_thread};
use prompt_encoder::{Checkpoint, Classifier, SavedAs, Tensor, write_safetensors};
use tempfile::TempDir;

const FAMILIES: [&str; 8] =
    ["bert", "distilbert", "roberta", "xlm-roberta", "albert", "deberta-v3", "deberta-v2", "modernbert"];

/// A fixture whose weights are saved as another type.
fn saved(name: &str, kind: SavedAs) -> TempDir {
    let tensors = Checkpoint::open(folder(name)).unwrap().weights.all().unwrap();
    let to = copy(name);
    for file in std::fs::read_dir(to.path()).unwrap().flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if name.contains(".safetensors") || name.ends_with(".bin") {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    write_safetensors(to.path().join(kind.file_name()), &tensors, kind).unwrap();
    to
}

fn logits(folder: &Path, ids: &[Vec<u32>]) -> Vec<f64> {
    let classifier = Classifier::open_with(folder, &one_thread()).unwrap();
    classifier.logits(ids).unwrap().into_iter().flatten().map(f64::from).collect()
}

#[test]
fn logits_move_little_in_every_family() {
    for name in FAMILIES {
        let ids: Vec<Vec<u32>> = serde_json::from_value(expected(name)["ids"].clone()).unwrap();
        let whole = logits(&folder(name), &ids);
        let most = whole.iter().fold(1.0f64, |most, z| most.max(z.abs()));
        // Of the largest logit. The fixtures are 16 numbers wide and drawn by chance, which is hard on eight bits: errors
        // of few terms do not cancel.
        for (kind, bound) in [(SavedAs::F32, 0.0), (SavedAs::F16, 0.005), (SavedAs::Int8, 0.1)] {
            let moved = logits(saved(name, kind).path(), &ids);
            let far = whole.iter().zip(&moved).fold(0.0f64, |far, (a, b)| far.max((a - b).abs())) / most;
            eprintln!("{name} {}: {far:.5}", kind.name());
            assert!(far <= bound, "{name} as {}: a logit moved by {far} of the largest", kind.name());
        }
    }
}

/// The shapes of a network of 184 million parameters: 128,100 tokens, 12 layers of 768, feed-forward parts of 3072,
/// 512 relative positions, three classes.
fn base_shapes() -> Vec<Vec<usize>> {
    let (h, f) = (768, 3072);
    let mut shapes = vec![vec![128_100, h], vec![h], vec![h], vec![512, h], vec![h], vec![h]];
    for _ in 0..12 {
        shapes.extend((0..4).flat_map(|_| [vec![h, h], vec![h]]));
        shapes.extend([vec![f, h], vec![f], vec![h, f], vec![h]]);
        shapes.extend((0..4).map(|_| vec![h]));
    }
    shapes.extend([vec![h, h], vec![h], vec![3, h], vec![3]]);
    shapes
}

#[test]
fn an_encoder_of_184_million_parameters_fits_into_500_mb() {
    let shapes = base_shapes();
    let parameters: usize = shapes.iter().map(|shape| shape.iter().product::<usize>()).sum();
    assert!((183_000_000..186_000_000).contains(&parameters), "{parameters}");
    let size = |kind: SavedAs| shapes.iter().map(|shape| kind.bytes(shape)).sum::<u64>();
    let (whole, half, int8) = (size(SavedAs::F32), size(SavedAs::F16), size(SavedAs::Int8));
    assert!(whole > 730_000_000 && half < 370_000_000 && int8 < 186_000_000, "{whole} {half} {int8}");
}

#[test]
fn a_file_is_as_large_as_its_numbers() {
    for kind in [SavedAs::F32, SavedAs::F16, SavedAs::Int8] {
        let tensors = Checkpoint::open(folder("bert")).unwrap().weights.all().unwrap();
        let bytes = std::fs::read(saved("bert", kind).path().join(kind.file_name())).unwrap();
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap());
        let numbers: u64 = tensors.values().map(|t| kind.bytes(&t.shape)).sum();
        assert_eq!(bytes.len() as u64 - header, numbers, "{}", kind.name());
    }
}

fn message(folder: &Path) -> String {
    Classifier::open_with(folder, &one_thread()).unwrap_err().to_string()
}

/// The int8 file with its header changed as text (of the same length), and its numbers changed.
fn damaged(header: impl Fn(String) -> String, numbers: impl Fn(&str, &mut [u8])) -> TempDir {
    let to = saved("bert", SavedAs::Int8);
    let path = to.path().join("model.int8.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let end = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let text = String::from_utf8(bytes[8..end].to_vec()).unwrap();
    let changed = header(text.clone());
    assert_eq!(changed.len(), text.len());
    numbers(&text, &mut bytes[end..]);
    bytes[8..end].copy_from_slice(changed.as_bytes());
    std::fs::write(&path, bytes).unwrap();
    to
}

/// Writes a word into a folder's `config.json`.
fn say(folder: &Path, saved_as: &str) {
    let path = folder.join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config["prompt_saved_as"] = saved_as.into();
    std::fs::write(&path, config.to_string()).unwrap();
}

#[test]
fn of_two_files_of_weights_the_one_is_read_that_the_configuration_speaks_of() {
    let both = copy("bert");
    let small = saved("bert", SavedAs::Int8);
    let int8 = SavedAs::Int8.file_name();
    std::fs::copy(small.path().join(int8), both.path().join(int8)).unwrap();
    let ids: Vec<Vec<u32>> = serde_json::from_value(expected("bert")["ids"].clone()).unwrap();
    let notices = || Classifier::open_with(both.path(), &one_thread()).unwrap().notices().join("\n");
    assert_eq!(logits(both.path(), &ids), logits(&folder("bert"), &ids));
    assert!(
        notices().contains("read from model.safetensors, not from model.int8.safetensors"),
        "{}",
        notices()
    );

    say(both.path(), "int8");
    assert_eq!(logits(both.path(), &ids), logits(small.path(), &ids));
    assert_ne!(logits(both.path(), &ids), logits(&folder("bert"), &ids));
    assert!(
        notices().contains("read from model.int8.safetensors, not from model.safetensors"),
        "{}",
        notices()
    );

    say(both.path(), "int4");
    assert!(message(both.path()).contains("`int4`"), "{}", message(both.path()));
    say(both.path(), "int8");
    std::fs::remove_file(both.path().join(int8)).unwrap();
    let gone = message(both.path());
    assert!(gone.contains("the weights are model.int8.safetensors, which is not there"), "{gone}");
}

#[test]
fn damaged_scales_are_refused() {
    for bad in [f32::NAN, f32::INFINITY, -1.0] {
        let wrong = damaged(
            |header| header,
            |header, numbers| {
                let parsed: serde_json::Value = serde_json::from_str(header).unwrap();
                let at = parsed["classifier.weight.scale"]["data_offsets"][0].as_u64().unwrap() as usize;
                numbers[at + 4..at + 8].copy_from_slice(&bad.to_le_bytes());
            },
        );
        let error = message(wrong.path());
        assert!(error.contains("the scale of row 1 of tensor `classifier.weight` is"), "{error}");
    }
    // A scale a number of another count or type, and none at all.
    let flat = damaged(|h| h.replace(r#""shape":[3]"#, r#""shape":[1]"#), |_, _| {});
    assert!(message(flat.path()).contains("does not fill bytes"));
    let renamed = damaged(|h| h.replace("classifier.weight.scale", "classifier.weight.scala"), |_, _| {});
    let error = message(renamed.path());
    assert!(error.contains("classifier.weight") && error.contains("does not hold floats"), "{error}");
    // What another program means by 8-bit numbers and scales is not known.
    let others = damaged(|h| h.replace("prompt-int8", "somebody's!"), |_, _| {});
    let error = message(others.path());
    assert!(error.contains("does not hold floats") && error.contains("`write_safetensors`"), "{error}");
}

#[test]
fn scales_that_do_not_fit_are_refused() {
    let to = saved("bert", SavedAs::Int8);
    let path = to.path().join("model.int8.safetensors");
    // Eight rows with seven scales.
    let header = r#"{"__metadata__":{"format":"prompt-int8"},"w":{"dtype":"I8","shape":[8,2],"data_offsets":[0,16]},"w.scale":{"dtype":"F32","shape":[7],"data_offsets":[16,44]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(&[0; 44]);
    std::fs::write(&path, bytes).unwrap();
    let error = message(to.path());
    assert!(error.contains("tensor `w` of shape [8, 2] has scales of shape [7]"), "{error}");
}

#[test]
fn what_cannot_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w");
    let write = |name: &str, data: Vec<f32>, kind| {
        let tensor = Tensor { shape: vec![1, data.len()], data };
        write_safetensors(&path, &BTreeMap::from([(name.to_owned(), tensor)]), kind)
            .map_err(|e| e.to_string())
    };
    assert!(write("a", vec![70_000.0], SavedAs::F16).unwrap_err().contains("save as F32"));
    write("a", vec![70_000.0, 1e-30], SavedAs::Int8).unwrap();
    for kind in [SavedAs::F16, SavedAs::Int8] {
        assert!(write("a", vec![f32::NAN], kind).unwrap_err().contains("`a` holds NaN"));
    }
    let matrix = || Tensor { shape: vec![1, 1], data: vec![1.0] };
    let two = BTreeMap::from([("a".to_owned(), matrix()), ("a.scale".to_owned(), matrix())]);
    let error = write_safetensors(&path, &two, SavedAs::Int8).unwrap_err().to_string();
    assert!(error.contains("`a.scale` has the name that the scales of `a` need"), "{error}");
}

#[test]
fn many_threads_write_one_file_and_one_of_them_stays_whole() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(common::folder("bert").join("config.json"), folder.path().join("config.json")).unwrap();
    let path = folder.path().join("model.safetensors");
    std::thread::scope(|scope| {
        for i in 0..8 {
            let path = &path;
            scope.spawn(move || {
                let tensor = Tensor { shape: vec![100, 100], data: vec![i as f32; 10_000] };
                let tensors = BTreeMap::from([("classifier.weight".to_owned(), tensor)]);
                for _ in 0..10 {
                    write_safetensors(path, &tensors, SavedAs::F32).unwrap();
                }
            });
        }
    });
    let back = Checkpoint::open(folder.path()).unwrap().weights.tensor("classifier.weight").unwrap();
    assert!(back.data.iter().all(|v| *v == back.data[0]));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
}

#[test]
fn numbers_that_stand_out_cost_their_own_row_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(common::folder("bert").join("config.json"), folder.path().join("config.json")).unwrap();
    let data = vec![0.01, -0.02, 0.015, 500.0, 0.3, -0.3];
    let tensors =
        BTreeMap::from([("classifier.weight".to_owned(), Tensor { shape: vec![2, 3], data: data.clone() })]);
    write_safetensors(folder.path().join(SavedAs::Int8.file_name()), &tensors, SavedAs::Int8).unwrap();
    let back = Checkpoint::open(folder.path()).unwrap().weights.tensor("classifier.weight").unwrap();
    for (i, (a, b)) in data.iter().zip(&back.data).enumerate() {
        let half_step = if i < 3 { 0.02 } else { 500.0 } / 254.0;
        assert!((a - b).abs() <= half_step * 1.001, "{a} became {b}");
    }
}
