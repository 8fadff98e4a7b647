//! Encoders of the hub by name, as a user types them; from a cache, as where there is no network. The protocol itself is
//! tested in prompt-encoder.

use crate::common::{Ran, Shell};

const ENCODER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../prompt-encoder/tests/reference/bert");
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A cache as Python's library leaves it, with `org/tiny` in it.
fn cached(shell: &Shell) {
    let repository = "home/hub/models--org--tiny";
    for folder in [format!("{repository}/snapshots/{COMMIT}"), format!("{repository}/refs")] {
        std::fs::create_dir_all(shell.path(&folder)).unwrap();
    }
    for file in std::fs::read_dir(ENCODER).unwrap().flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        shell.write(&format!("{repository}/snapshots/{COMMIT}/{name}"), std::fs::read(file.path()).unwrap());
    }
    shell.write(&format!("{repository}/refs/main"), COMMIT);
}

fn run(shell: &Shell, args: &[&str]) -> Ran {
    let offline = [("HF_HOME", shell.path("home").display().to_string()), ("HF_HUB_OFFLINE", "1".to_owned())];
    Ran::from(
        shell
            .command(args)
            .env_remove("HF_HUB_CACHE")
            .env_remove("HUGGINGFACE_HUB_CACHE")
            .envs(offline)
            .output()
            .unwrap(),
    )
}

#[test]
fn an_encoder_in_the_cache_predicts_and_is_learned_from() {
    let shell = Shell::new();
    shell.small_data();
    cached(&shell);
    let named = run(&shell, &["predict", "--model", "hub:org/tiny", "a text"]).succeeds();
    let folder = run(&shell, &["predict", "--model", ENCODER, "a text"]).succeeds();
    assert_eq!(named.out, folder.out);

    let train =
        ["train", "--data", "small.jsonl", "--out", "net", "--model", "encoder", "--param", "max_epochs=1"];
    run(&shell, &[&train[..], &["--from", "hub:org/tiny"]].concat()).succeeds();
    let manifest: serde_json::Value = serde_json::from_str(&shell.read("net/manifest.json")).unwrap();
    assert_eq!(manifest["params"]["model"]["params"]["from"], "hub:org/tiny");
    run(&shell, &["predict", "--model", "net", "a text"]).succeeds();
}

#[test]
fn what_the_cache_lacks_is_said() {
    let shell = Shell::new();
    shell.small_data();
    let parts = ["no org/tiny at revision main", "HF_HUB_OFFLINE"];
    run(&shell, &["predict", "--model", "hub:org/tiny", "a text"]).fails_with(&parts);
    let train = ["train", "--data", "small.jsonl", "--out", "net", "--model", "encoder", "--from"];
    run(&shell, &[&train[..], &["hub:org/tiny"]].concat()).fails_with(&parts);
    run(&shell, &[&train[..], &["hub:org/../tiny"]].concat()).fails_with(&["org/name@revision"]);
}

#[test]
fn a_bench_takes_its_encoder_by_name() {
    let shell = Shell::new();
    shell.small_data();
    std::fs::create_dir(shell.path("prompt_security")).unwrap();
    shell.pack("prompt_security/data.jsonl.gz", &shell.read("small.jsonl"));
    shell.write("families.json", r#"{"families": {}, "minimal_families": {}, "note": ""}"#);
    let bench = ["bench", "accuracy", "--data", ".", "--only", "families", "--families", "families.json"];
    let named = [&bench[..], &["--encoder", "hub:org/tiny"]].concat();
    run(&shell, &named).fails_with(&["no org/tiny at revision main", "HF_HUB_OFFLINE"]);
}
