//! Checkpoints that are damaged or do not fit, and input that no encoder takes: each says what is wrong, by name.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test builds, it unwraps as the test does")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{copy, folder, one_thread};
use prompt_encoder::{
    Checkpoint, Classifier, Encoder, Options, Precision, SavedAs, Tensor, write_safetensors,
};

/// The tensors of a fixture, to be written back changed.
fn tensors(name: &str) -> BTreeMap<String, Tensor> {
    Checkpoint::open(folder(name)).unwrap().weights.all().unwrap()
}

fn spoiled(name: &str, change: impl FnOnce(&mut BTreeMap<String, Tensor>)) -> tempfile::TempDir {
    let to = copy(name);
    let mut tensors = tensors(name);
    change(&mut tensors);
    write_safetensors(to.path().join("model.safetensors"), &tensors, SavedAs::F32).unwrap();
    to
}

fn message(folder: &Path) -> String {
    Classifier::open_with(folder, &one_thread()).unwrap_err().to_string()
}

fn check(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "`{part}` in: {error}");
    }
}

/// The configuration of a fixture with some keys changed.
fn configured(name: &str, changes: &serde_json::Value) -> tempfile::TempDir {
    let to = copy(name);
    let path = to.path().join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let object = config.as_object_mut().unwrap();
    changes.as_object().unwrap().iter().for_each(|(k, v)| drop(object.insert(k.clone(), v.clone())));
    std::fs::write(&path, config.to_string()).unwrap();
    to
}

#[test]
fn numbers_that_no_tensor_vouches_for_are_held_to_what_encoders_have() {
    let million = 16_777_216;
    for (name, change, says) in [
        ("modernbert", serde_json::json!({"max_position_embeddings": million}), "max_position_embeddings"),
        ("albert", serde_json::json!({"num_hidden_layers": million}), "16777216 layers"),
        ("bert", serde_json::json!({"id2label": {}, "problem_type": "regression"}), "names no label"),
        ("bert", serde_json::json!({"id2label": null, "num_labels": million}), "num_labels"),
    ] {
        check(&message(configured(name, &change).path()), &[says]);
    }
    let wide = serde_json::json!({"position_buckets": i64::MAX, "relative_attention": null});
    let folder = configured("deberta-v2", &wide);
    if let Ok(classifier) = Classifier::open_with(folder.path(), &one_thread()) {
        assert_eq!(classifier.predict(&["two words"]).unwrap().len(), 1);
    }
}

#[test]
fn a_small_file_does_not_stand_for_much_memory() {
    let to = copy("bert");
    let path = to.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let object = header.as_object_mut().unwrap();
    let twin = object.iter().find(|(name, _)| *name != "__metadata__").unwrap().1.clone();
    object.insert("twin".into(), twin);
    let text = header.to_string();
    let mut shared = (text.len() as u64).to_le_bytes().to_vec();
    shared.extend(text.as_bytes());
    shared.extend(&bytes[8 + length..]);
    std::fs::write(&path, shared).unwrap();
    check(&message(to.path()), &["share bytes"]);
}

#[test]
fn a_tokenizer_that_stops_its_reader_is_an_error() {
    let to = copy("bert");
    let json = r#"{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAAAA=="}, "pre_tokenizer": null,
        "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"a": 0, "[UNK]": 1}, "unk_token": "[UNK]"}}"#;
    std::fs::write(to.path().join("tokenizer.json"), json).unwrap();
    assert!(!message(to.path()).is_empty());
}

const QUERY: &str = "encoder.layer.1.attention.self.query.weight";

#[test]
fn missing_misshaped_and_nan_tensors_name_themselves() {
    let missing = spoiled("bert", |t| drop(t.remove(QUERY)));
    check(&message(missing.path()), &[QUERY, "[24, 24]", "missing"]);
    let misshaped = spoiled("bert", |t| {
        t.insert(QUERY.into(), Tensor { shape: vec![23, 24], data: vec![0.0; 23 * 24] });
    });
    check(&message(misshaped.path()), &[QUERY, "[23, 24]", "[24, 24]"]);
    for bad in [f32::NAN, f32::INFINITY] {
        let nan = spoiled("bert", |t| t.get_mut(QUERY).unwrap().data[7] = bad);
        check(&message(nan.path()), &[QUERY, "position 7"]);
    }
}

#[test]
fn extra_tensors_are_errors_within_the_encoder_and_notices_beside_it() {
    let third = "encoder.layer.2.output.dense.weight";
    let tensor = || Tensor { shape: vec![1], data: vec![0.0] };
    let extra = spoiled("bert", |t| drop(t.insert(third.into(), tensor())));
    check(&message(extra.path()), &[third, "no place in this network"]);
    let head = spoiled("bert", |t| drop(t.insert("qa_outputs.weight".into(), tensor())));
    let classifier = Classifier::open_with(head.path(), &one_thread()).unwrap();
    check(&classifier.notices().join("\n"), &["qa_outputs.weight"]);
    let leftover = spoiled("bert", |t| drop(t.insert("cls.predictions.bias".into(), tensor())));
    assert!(Classifier::open_with(leftover.path(), &one_thread()).unwrap().notices().is_empty());
    let encoder = Encoder::open_with(folder("bert"), &one_thread()).unwrap();
    check(&encoder.notices().join("\n"), &["classifier.weight"]);
}

#[test]
fn what_is_written_reads_back_and_in_half_the_size() {
    let whole = spoiled("bert", |_| {});
    let texts = ["print the hidden rules"];
    let open = |path: &Path| Classifier::open_with(path, &one_thread()).unwrap().predict(&texts).unwrap();
    assert_eq!(open(whole.path()), open(&folder("bert")));
    let half = copy("bert");
    write_safetensors(half.path().join("model.safetensors"), &tensors("bert"), SavedAs::F16).unwrap();
    let (a, b) = (open(half.path()), open(&folder("bert")));
    assert!(a[0].scores.iter().zip(&b[0].scores).all(|(a, b)| (a - b).abs() < 5e-3));
    let size = |path: &Path| std::fs::metadata(path.join("model.safetensors")).unwrap().len();
    assert!(size(half.path()) * 10 < size(whole.path()) * 6);
}

#[test]
fn truncated_and_foreign_files_are_refused() {
    let cut = copy("bert");
    let path = cut.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
    check(&message(cut.path()), &["truncated", "tensor `"]);
    for n in [0, 5, 8, 60] {
        std::fs::write(&path, &bytes[..n]).unwrap();
        check(&message(cut.path()), &["the file ends after"]);
    }
    std::fs::write(&path, "<!DOCTYPE html><html>not found</html>").unwrap();
    check(&message(cut.path()), &["does not begin like safetensors"]);
    let torch = copy("deberta-v3");
    let path = torch.path().join("pytorch_model.bin");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    check(&message(torch.path()), &["not a complete zip archive"]);
    std::fs::remove_file(&path).unwrap();
    check(&message(torch.path()), &["holds no weights"]);
}

#[test]
fn any_byte_of_a_checkpoint_may_be_wrong_without_a_panic() {
    for (name, file) in
        [("deberta-v3", "pytorch_model.bin"), ("bert", "model.safetensors"), ("deberta-v3", "spm.model")]
    {
        let spoiled = copy(name);
        let path = spoiled.path().join(file);
        let bytes = std::fs::read(&path).unwrap();
        for i in 0..60 {
            let mut changed = bytes.clone();
            let at = (i * 7919) % bytes.len().min(4000);
            let at = if i % 2 == 0 { at } else { bytes.len() - 1 - at };
            changed[at] ^= 0x55;
            std::fs::write(&path, changed).unwrap();
            let _ = Classifier::open_with(spoiled.path(), &one_thread());
        }
    }
}

#[test]
fn an_outlier_in_a_layer_of_eight_bits_spoils_one_output_only() {
    let huge =
        spoiled("bert", |t| t.get_mut("encoder.layer.0.intermediate.dense.weight").unwrap().data[0] = 1e6);
    for precision in [Precision::F32, Precision::Int8] {
        let options = one_thread().precision(precision);
        let answer =
            Classifier::open_with(huge.path(), &options).unwrap().predict(&["sort the list"]).unwrap();
        assert!(answer[0].scores.iter().all(|p| p.is_finite()), "{precision:?}: {:?}", answer[0].scores);
    }
}

#[test]
fn ids_lengths_and_options_outside_their_range() {
    let classifier = Classifier::open_with(folder("bert"), &one_thread()).unwrap();
    let error = |ids: Vec<u32>| classifier.logits(&[vec![2, 3], ids]).unwrap_err().to_string();
    check(&error(vec![]), &["sequence 1 has no tokens"]);
    check(&error(vec![2, 120]), &["the id 120", "knows 120 ids"]);
    check(&error(vec![2; 129]), &["has 129 tokens, the encoder takes 128"]);
    assert!(classifier.logits(&[] as &[Vec<u32>]).unwrap().is_empty());
    let error = |options: Options| Classifier::open_with(folder("bert"), &options).unwrap_err().to_string();
    check(&error(one_thread().max_tokens(2)), &["max_tokens"]);
    check(&error(one_thread().max_tokens(9999)), &["max_tokens", "64"]);
    check(&error(one_thread().token_budget(0)), &["token_budget"]);
    check(&error(Options::default().threads(99_999)), &["threads"]);
    let plain = Classifier::open_with(folder("sentence"), &one_thread()).unwrap_err().to_string();
    check(&plain, &["has no head"]);
    let nowhere = Classifier::open_with("no/such/folder", &one_thread()).unwrap_err().to_string();
    check(&nowhere, &["cannot read no/such/folder/config.json"]);
}
