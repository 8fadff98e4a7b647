//! How long a registry takes to open, register, resolve, load, promote and go back: medians over many calls.
//!
//! `cargo run --release -p prompt-registry --example timing`; with the feature `postgres`, `PROMPT_TEST_POSTGRES`
//! names a database to measure instead of a folder.

use std::time::{Duration, Instant};

use prompt_core::artifact::{Manifest, Node, save};
use prompt_core::{Persist, Result};
use prompt_registry::{ChangeNote, Location, ModelName, ModelRef, RegisterInfo, Registry, Stage};

struct Numbers(f64, usize);

impl Persist for Numbers {
    fn kind(&self) -> &'static str {
        "numbers"
    }
    fn encode(&self) -> Result<Node> {
        Ok(Node::new("numbers", 1).f64s("values", vec![self.0; self.1]))
    }
}

fn median(what: &str, times: usize, mut work: impl FnMut(usize) -> Result<()>) -> Result<()> {
    let mut taken = Vec::with_capacity(times);
    for i in 0..times {
        let start = Instant::now();
        work(i)?;
        taken.push(start.elapsed());
    }
    taken.sort_unstable();
    let median = taken.get(times / 2).copied().unwrap_or(Duration::ZERO);
    println!("{what:42} {:>10.1} µs", median.as_secs_f64() * 1e6);
    Ok(())
}

fn main() -> Result<()> {
    let scratch = std::env::temp_dir().join(format!("prompt-registry-timing-{}", std::process::id()));
    let location = match std::env::var("PROMPT_TEST_POSTGRES") {
        Ok(url) => Location::parse(&url, Some(&scratch.join("artifacts")))?,
        Err(_) => Location::Folder(scratch.join("registry")),
    };
    // A name of its own, so that a database can be measured again.
    let name = format!("timing-{}", std::process::id());
    let note = ChangeNote::new("timing", "");

    median("open and close", 20, |_| Registry::open(location.clone()).map(drop))?;
    let registry = Registry::open(location)?;
    for (size, numbers) in [("4 kB", 512), ("8 MB", 1 << 20)] {
        let model = |i: usize| scratch.join(format!("model-{numbers}-{i}"));
        for i in 0..20 {
            save(&model(i), &Numbers(i as f64, numbers), Manifest::default())?;
        }
        let register = |i: usize| registry.register(&name, &model(i), RegisterInfo::default()).map(drop);
        median(&format!("register a new model of {size}"), 20, register)?;
        median(&format!("register one of {size} that is stored"), 20, register)?;
    }
    let at = |version: u32| Ok::<_, prompt_core::Error>(ModelRef::version(ModelName::new(&name)?, version));
    median("promote to production", 20, |i| {
        registry.promote(&at(1 + i as u32)?, Stage::Production, &note).map(drop)
    })?;
    median("roll back", 15, |_| registry.rollback(&name, None, &note).map(drop))?;
    let serving: ModelRef = format!("{name}@production").parse()?;
    median("resolve NAME@production", 500, |_| registry.resolve(&serving).map(drop))?;
    median("load NAME@production (4 kB)", 200, |_| registry.load(&serving).map(drop))?;
    median("list 80 versions", 50, |_| registry.list(&Default::default()).map(drop))?;
    drop(registry);
    std::fs::remove_dir_all(&scratch).map_err(|e| prompt_core::Error::io("remove", &scratch, e))
}
