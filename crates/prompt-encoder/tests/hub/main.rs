//! Encoders by name, from a hub on this machine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test builds, it unwraps as the test does"
)]

#[path = "../common/mod.rs"]
mod common;
mod server;

use std::time::Duration;

use common::{expected, folder, one_thread};
use prompt_core::Error;
use prompt_encoder::hub::{HubOptions, fetch, fetch_watched};
use prompt_encoder::{Checkpoint, Classifier, Encoder, SavedAs, write_safetensors};
use server::{COMMIT, Fault, Hub, OTHER_COMMIT};
use tempfile::TempDir;

fn options(hub: &Hub, cache: &TempDir) -> HubOptions {
    HubOptions::default().endpoint(hub.endpoint()).cache(cache.path()).patience(Duration::from_secs(20))
}

fn error(name: &str, options: &HubOptions) -> String {
    fetch(name, options).unwrap_err().to_string()
}

#[test]
fn a_fetched_encoder_answers_as_the_folder_it_came_from() {
    let (hub, cache) = (Hub::serve(&folder("sentence"), None), TempDir::new().unwrap());
    let fetched = fetch("hub:org/tiny", &options(&hub, &cache)).unwrap();
    let texts: Vec<String> = serde_json::from_value(expected("sentence")["texts"].clone()).unwrap();
    let (here, there) = (folder("sentence"), &fetched);
    let embed =
        |folder: &std::path::Path| Encoder::open_with(folder, &one_thread()).unwrap().embed(&texts).unwrap();
    assert_eq!(embed(&here), embed(there));

    // Laid out as Python's library lays it out, and nothing that no encoder needs.
    let root = cache.path().join("models--org--tiny");
    assert_eq!(fetched, root.join("snapshots").join(COMMIT));
    assert_eq!(std::fs::read_to_string(root.join("refs/main")).unwrap(), COMMIT);
    assert!(fetched.join("1_Pooling/config.json").is_file());
    assert!(!fetched.join("README.md").exists() && !fetched.join("expected.json").exists());
    #[cfg(unix)]
    assert!(std::fs::read_link(fetched.join("1_Pooling/config.json")).unwrap().starts_with("../../../blobs"));
    assert!(
        std::fs::read_dir(root.join("blobs"))
            .unwrap()
            .flatten()
            .all(|f| { !f.file_name().to_string_lossy().ends_with(".incomplete") })
    );
}

#[test]
fn what_is_in_the_cache_is_not_asked_for_again() {
    let (hub, cache) = (Hub::serve(&folder("bert"), None), TempDir::new().unwrap());
    let options = options(&hub, &cache);
    let first = fetch("org/tiny", &options).unwrap();
    assert!(
        hub.asked().iter().any(|a| a.method == "GET" && a.path.ends_with("/elsewhere/model.safetensors"))
    );

    assert_eq!(fetch("org/tiny", &options).unwrap(), first);
    assert_eq!(fetch(&format!("org/tiny@{COMMIT}"), &options).unwrap(), first);
    assert!(hub.asked().is_empty(), "a second opening asks nothing");

    // A commit of the same bytes: its list and its files' names are asked for, no body.
    let next = fetch("org/tiny@next", &options).unwrap();
    assert_eq!(next.file_name().unwrap(), OTHER_COMMIT);
    assert!(hub.asked().iter().all(|a| a.method == "HEAD" || a.path.starts_with("/api/")));

    // Asked again: the listing alone.
    fetch("org/tiny", &options.clone().refresh(true)).unwrap();
    assert_eq!(hub.asked().len(), 1);

    // A file that has gone is fetched again, and it alone.
    std::fs::remove_file(std::fs::canonicalize(first.join("vocab.txt")).unwrap()).unwrap();
    fetch("org/tiny", &options).unwrap();
    let bodies: Vec<String> = hub
        .asked()
        .into_iter()
        .filter(|a| a.method == "GET" && !a.path.starts_with("/api/"))
        .map(|a| a.path)
        .collect();
    assert_eq!(bodies, [format!("/org/tiny/resolve/{COMMIT}/vocab.txt")]);
    Classifier::open_with(&first, &one_thread()).unwrap();

    // With the server gone, and offline.
    hub.end();
    assert_eq!(fetch("org/tiny", &options).unwrap(), first);
    assert_eq!(fetch("org/tiny", &options.clone().offline(true)).unwrap(), first);
    let gone = error("org/tiny", &options.refresh(true));
    assert!(gone.contains("cannot be reached") && gone.contains("HF_HUB_OFFLINE"), "{gone}");
}

#[test]
fn shards_and_pickles_are_fetched_where_there_is_no_single_file() {
    for (name, weights) in
        [("roberta", "model-00003-of-00003.safetensors"), ("deberta-v3", "pytorch_model.bin")]
    {
        let (hub, cache) = (Hub::serve(&folder(name), None), TempDir::new().unwrap());
        let fetched = fetch("org/tiny", &options(&hub, &cache)).unwrap();
        assert!(fetched.join(weights).is_file(), "{weights}");
        Encoder::open_with(&fetched, &one_thread()).unwrap();
    }
}

#[test]
fn a_folder_saved_in_eight_bits_is_fetched_and_opens_offline() {
    let from = common::copy("bert");
    let tensors = Checkpoint::open(folder("bert")).unwrap().weights.all().unwrap();
    std::fs::remove_file(from.path().join("model.safetensors")).unwrap();
    let int8 = SavedAs::Int8.file_name();
    write_safetensors(from.path().join(int8), &tensors, SavedAs::Int8).unwrap();
    let (hub, cache) = (Hub::serve(from.path(), None), TempDir::new().unwrap());
    let fetched = fetch("org/tiny", &options(&hub, &cache)).unwrap();
    assert!(fetched.join(int8).is_file());
    // As what Python's library fetched: without our list.
    std::fs::remove_dir_all(cache.path().join("models--org--tiny/fetched")).unwrap();
    let offline = fetch("org/tiny", &options(&hub, &cache).offline(true)).unwrap();
    Classifier::open_with(offline, &one_thread()).unwrap();
}

#[test]
fn revisions_are_branches_tags_and_commits() {
    let (hub, cache) = (Hub::serve(&folder("bert"), None), TempDir::new().unwrap());
    let options = options(&hub, &cache);
    let tagged = fetch("org/tiny@v1", &options).unwrap();
    assert_eq!(fetch("org/tiny", &options.clone().revision("v1")).unwrap(), tagged);
    let unknown = error("org/tiny@v2", &options);
    assert!(unknown.contains("does not know the revision v2 of org/tiny (Invalid rev id)"), "{unknown}");
    assert!(error("org/tiny", &options.clone().revision("../x")).contains("names no revision"));
}

#[test]
fn offline_uses_the_cache_alone() {
    let (hub, cache) = (Hub::serve(&folder("bert"), None), TempDir::new().unwrap());
    let offline = options(&hub, &cache).offline(true);
    let nothing = error("org/tiny", &offline);
    for part in ["no org/tiny at revision main", "nothing is fetched offline", "HF_HUB_OFFLINE"] {
        assert!(nothing.contains(part), "{nothing}");
    }
    assert!(hub.asked().is_empty());

    // What Python's library fetched has no list of ours.
    let whole = fetch("org/tiny", &options(&hub, &cache)).unwrap();
    std::fs::remove_dir_all(cache.path().join("models--org--tiny/fetched")).unwrap();
    hub.asked();
    assert_eq!(fetch("org/tiny", &offline).unwrap(), whole);
    std::fs::remove_file(whole.join("model.safetensors")).unwrap();
    let halved = error("org/tiny", &offline);
    assert!(halved.contains("org/tiny at revision main without its weights"), "{halved}");
    assert!(hub.asked().is_empty());
}

#[test]
fn what_the_hub_refuses_is_said() {
    let (hub, cache) = (Hub::serve(&folder("bert"), None), TempDir::new().unwrap());
    let unknown = error("org/none", &options(&hub, &cache));
    assert!(unknown.contains("does not know org/none at revision main (Repository not found)"), "{unknown}");
    assert!(error("org/tiny/x", &options(&hub, &cache)).contains("org/name@revision"));
    assert!(error("org/tiny", &options(&hub, &cache).endpoint("ftp://x")).contains("HF_ENDPOINT"));

    let empty = TempDir::new().unwrap();
    let hub = Hub::serve(empty.path(), None);
    assert!(error("org/tiny", &options(&hub, &cache)).contains("has no config.json"));
}

#[test]
fn a_token_goes_to_the_hub_and_nowhere_else() {
    let (hub, cache) = (Hub::serve(&folder("bert"), Some("hf_secret")), TempDir::new().unwrap());
    let closed = error("org/tiny", &options(&hub, &cache));
    assert!(closed.contains("does not give") && closed.contains("HF_TOKEN"), "{closed}");
    assert!(closed.contains("Access to it is restricted"), "{closed}");
    fetch("org/tiny", &options(&hub, &cache).token("hf_secret")).unwrap();
    let elsewhere: Vec<_> = hub.asked().into_iter().filter(|a| a.path.starts_with("/elsewhere/")).collect();
    assert!(!elsewhere.is_empty() && elsewhere.iter().all(|a| a.token.is_none()));

    let cache = TempDir::new().unwrap();
    let open = options(&hub, &cache).token("hf_secret").endpoint("http://mirror.example");
    let refused = error("org/tiny", &open);
    assert!(refused.contains("in the open") && !refused.contains("secret"), "{refused}");
}

#[test]
fn a_token_does_not_follow_to_another_port_but_to_another_name() {
    let secret = Some("hf_secret");
    let (hub, other) = (Hub::serve(&folder("bert"), secret), Hub::serve(&folder("bert"), None));
    let port = other.endpoint().rsplit(':').next().unwrap().parse().unwrap();
    hub.fails(Fault::OnPort(port));
    let cache = TempDir::new().unwrap();
    fetch("org/tiny", &options(&hub, &cache).token("hf_secret")).unwrap();
    let there = other.asked();
    assert_eq!(there.len(), 1);
    assert!(there[0].path.starts_with("/elsewhere/") && there[0].token.is_none(), "{there:?}");
    assert!(hub.asked().iter().all(|a| a.token.as_deref() == secret));

    // A renamed repository is still the hub's: listing, facts and bodies come from where it sends.
    hub.fails(Fault::None);
    let cache = TempDir::new().unwrap();
    let renamed = fetch("org/old", &options(&hub, &cache).token("hf_secret")).unwrap();
    Classifier::open_with(renamed, &one_thread()).unwrap();
}

#[test]
fn an_endpoint_with_a_user_is_refused_and_not_repeated() {
    let (hub, cache) = (Hub::serve(&folder("bert"), None), TempDir::new().unwrap());
    for endpoint in ["http://localhost:pass@mirror.example", "https://user:pass@mirror.example/hf"] {
        let with_user = options(&hub, &cache).token("hf_secret").endpoint(endpoint);
        let refused = error("org/tiny", &with_user);
        assert!(refused.contains("a user or a password") && refused.contains("HF_ENDPOINT"), "{refused}");
        assert!(!refused.contains("pass@") && !format!("{with_user:?}").contains("pass@"), "{refused}");
    }
}

#[test]
fn a_commit_is_answered_with_itself() {
    let (hub, cache) = (Hub::serve(&folder("bert"), None), TempDir::new().unwrap());
    hub.fails(Fault::OtherCommit);
    let other = error(&format!("org/tiny@{COMMIT}"), &options(&hub, &cache));
    assert!(other.contains(&format!("asked for the commit {COMMIT} of org/tiny")), "{other}");
    assert!(other.contains(&format!("answers with {OTHER_COMMIT}")), "{other}");
    assert_eq!(hub.asked().len(), 1, "nothing of it is fetched");
}

#[test]
fn a_body_that_ends_early_is_gone_on_with() {
    let (hub, cache) = (Hub::serve(&folder("bert"), None), TempDir::new().unwrap());
    let options = options(&hub, &cache);
    let size = std::fs::metadata(folder("bert").join("model.safetensors")).unwrap().len();
    hub.fails(Fault::EndsAfter(10_000));
    let cut = error("org/tiny", &options);
    assert!(cut.contains("model.safetensors of org/tiny did not come whole"), "{cut}");
    assert!(cut.contains("30000 bytes are kept"), "{cut}");
    let ranges: Vec<_> =
        hub.asked().iter().filter(|a| a.path.starts_with("/elsewhere/")).map(|a| a.range).collect();
    assert_eq!(ranges, [None, Some(10_000), Some(20_000)]);

    hub.fails(Fault::None);
    let mut seen = Vec::new();
    let fetched = fetch_watched("org/tiny", &options, &mut |progress| {
        seen.push((progress.file.to_owned(), progress.done, progress.total));
        Ok(())
    });
    Classifier::open_with(fetched.unwrap(), &one_thread()).unwrap();
    assert_eq!(seen.first(), Some(&("model.safetensors".to_owned(), 30_000, Some(size))));
    assert_eq!(seen.last(), Some(&("model.safetensors".to_owned(), size, Some(size))));
}

#[test]
fn a_server_without_ranges_begins_anew() {
    let (hub, cache) = (Hub::serve(&folder("bert"), None), TempDir::new().unwrap());
    hub.fails(Fault::EndsAfter(10_000));
    error("org/tiny", &options(&hub, &cache));
    hub.fails(Fault::NoRanges);
    Classifier::open_with(fetch("org/tiny", &options(&hub, &cache)).unwrap(), &one_thread()).unwrap();
}

#[test]
fn bytes_of_another_digest_do_not_stay() {
    let (hub, cache) = (Hub::serve(&folder("bert"), None), TempDir::new().unwrap());
    hub.fails(Fault::Altered);
    let altered = error("org/tiny", &options(&hub, &cache));
    assert!(altered.contains("model.safetensors came with the SHA-256"), "{altered}");
    hub.asked();
    hub.fails(Fault::None);
    Classifier::open_with(fetch("org/tiny", &options(&hub, &cache)).unwrap(), &one_thread()).unwrap();
    assert!(hub.asked().iter().all(|a| a.range.is_none()), "it begins anew");
}

#[test]
fn a_server_that_makes_no_sense_is_an_error() {
    let (hub, cache) = (Hub::serve(&folder("bert"), None), TempDir::new().unwrap());
    for (fault, part) in [(Fault::NoEtag, "no usable ETag"), (Fault::Nowhere, "did not come whole")] {
        hub.fails(fault);
        let message = error("org/tiny", &options(&hub, &cache));
        assert!(message.contains(part), "{message}");
    }
    hub.fails(Fault::Silent);
    let silent = error("org/tiny", &options(&hub, &cache).patience(Duration::from_millis(300)));
    assert!(silent.contains("cannot be reached"), "{silent}");
}

#[test]
fn whoever_watches_can_stop_it() {
    let (hub, cache) = (Hub::serve(&folder("bert"), None), TempDir::new().unwrap());
    let stopped = fetch_watched("org/tiny", &options(&hub, &cache), &mut |progress| {
        if progress.file == "model.safetensors" && progress.done > 0 { Err(Error::Cancelled) } else { Ok(()) }
    });
    assert!(matches!(stopped, Err(Error::Cancelled)));
    assert!(fetch("org/tiny", &options(&hub, &cache)).is_ok());
}
