//! The arrows between the crates, and what a default build must not compile, read from cargo's own metadata.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test builds, it unwraps as the test does"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

struct Graph {
    /// Package name → names of the packages it needs in a default build (no dev-dependencies).
    needs: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// The graph of one package of the workspace with its default features.
    fn of(package: &str) -> Self {
        let output = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "--edges",
                "normal,build",
                "--prefix",
                "depth",
                "--format",
                " {p}",
                "-p",
                package,
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut path: Vec<String> = Vec::new();
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let (depth, rest) = line.split_once(' ').unwrap();
            let depth: usize = depth.parse().unwrap();
            let name = rest.split_whitespace().next().unwrap().to_owned();
            path.truncate(depth);
            if let Some(parent) = path.last() {
                needs.entry(parent.clone()).or_default().insert(name.clone());
            }
            needs.entry(name.clone()).or_default();
            path.push(name);
        }
        Self { needs }
    }

    fn ours(&self, package: &str) -> BTreeSet<&str> {
        self.needs[package].iter().map(String::as_str).filter(|n| n.starts_with("prompt-")).collect()
    }
}

#[test]
fn arrows_point_one_way() {
    let graph = Graph::of("prompt-cli");
    assert_eq!(graph.ours("prompt-core"), BTreeSet::new());
    assert_eq!(
        Graph::of("prompt-encoder").ours("prompt-encoder"),
        BTreeSet::from(["prompt-core", "prompt-features", "prompt-kernels"])
    );
    assert_eq!(Graph::of("prompt-kernels").ours("prompt-kernels"), BTreeSet::new());
    for lower in ["prompt-data", "prompt-features", "prompt-metrics", "prompt-registry"] {
        assert_eq!(
            graph.ours(lower),
            BTreeSet::from(["prompt-core"]),
            "{lower} meets the others in core alone"
        );
    }
    assert_eq!(
        graph.ours("prompt-models"),
        BTreeSet::from(["prompt-core", "prompt-data", "prompt-features", "prompt-metrics"])
    );
}

#[test]
fn burn_is_in_one_crate_alone() {
    let graph = Graph::of("prompt-neural");
    assert_eq!(graph.ours("prompt-neural"), BTreeSet::from(["prompt-core", "prompt-encoder"]));
    let with_burn: Vec<&String> =
        graph.needs.iter().filter(|(_, needs)| needs.contains("burn")).map(|(name, _)| name).collect();
    assert_eq!(with_burn, ["prompt-neural"]);
    let program = Graph::of("prompt-cli");
    assert!(!program.needs.keys().any(|name| name == "burn" || name.starts_with("burn-")));
}

#[test]
fn a_default_build_of_prompt_models_is_light() {
    let graph = Graph::of("prompt-models");
    // What compiles or links C names one of the build tools; a `-sys` crate without them is declarations in Rust.
    let heavy = ["burn", "tokio", "sqlx", "hyper", "reqwest", "ureq", "rustls", "axum", "openssl", "zstd"];
    let compiles_c = ["cc", "cmake", "bindgen", "pkg-config", "vcpkg", "nasm-rs"];
    let by_feature = ["smartcore", "xgb", "lightgbm3-sys", "prompt-boosters"];
    for package in graph.needs.keys() {
        let is_heavy = heavy.iter().any(|h| package == h || package.starts_with(&format!("{h}-")));
        let name = package.as_str();
        assert!(
            !compiles_c.contains(&name) && !by_feature.contains(&name) && !is_heavy,
            "prompt-models pulls in {package}"
        );
    }
    assert!(graph.needs.contains_key("serde"), "the graph was read");
}

/// The hub is a feature: neither the program nor the encoders speak HTTP otherwise.
#[test]
fn a_default_build_has_no_http_client() {
    for package in ["prompt-encoder", "prompt-neural", "prompt-cli"] {
        let graph = Graph::of(package);
        for client in ["ureq", "reqwest", "hyper", "rustls", "ring"] {
            assert!(!graph.needs.contains_key(client), "{package} pulls in {client}");
        }
    }
}

#[test]
fn every_crate_but_the_kernels_and_the_adapter_forbids_unsafe_code() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"forbid\""));
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() >= 8);
    // The adapter to a C library cannot forbid it; its own lints make every block say why it is sound.
    let adapter = "prompt-boosters";
    for package in packages {
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        if package["name"] == adapter {
            assert!(manifest.contains("undocumented_unsafe_blocks = \"deny\""));
            continue;
        }
        if package["name"] == "prompt-kernels" {
            kernels_take_the_same_lints(&workspace, &manifest);
            continue;
        }
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} does not take the workspace's lints",
            package["name"]
        );
    }
}

/// The lints of a manifest: the lines of its tables that begin with `[{prefix}lints`.
fn lints(manifest: &str, prefix: &str) -> BTreeSet<String> {
    let mut table = None;
    let mut found = BTreeSet::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            let name = line.trim_matches(['[', ']']);
            table = name.strip_prefix(prefix).filter(|name| name.starts_with("lints"));
        } else if let (Some(table), false) = (table, line.is_empty() || line.starts_with('#')) {
            found.insert(format!("{table}: {line}"));
        }
    }
    found
}

/// The home of kernels denies it instead of forbidding it, asks for a reason at every block, and differs in nothing else.
fn kernels_take_the_same_lints(workspace: &str, manifest: &str) {
    let (all, own) = (lints(workspace, "workspace."), lints(manifest, ""));
    assert!(all.len() > 10, "the workspace's lints were read");
    let missing: Vec<&String> = all.difference(&own).collect();
    assert_eq!(missing, ["lints.rust: unsafe_code = \"forbid\""]);
    let added: Vec<&String> = own.difference(&all).collect();
    let expected = [
        "lints.clippy: undocumented_unsafe_blocks = \"deny\"",
        "lints.rust: unsafe_code = \"deny\"",
        "lints.rust: unsafe_op_in_unsafe_fn = \"deny\"",
    ];
    assert_eq!(added, expected);
}
