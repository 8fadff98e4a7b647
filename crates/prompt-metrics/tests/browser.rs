//! The report's page in a browser: sorting, filtering, searching, dark and light, paper.
//!
//! Needs Chromium (`CHROMIUM`, else `chromium`, `chromium-browser` or `google-chrome`); without one it says that it was
//! skipped. A browser that does not come to an end is stopped.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test builds, it unwraps as the test does")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use prompt_core::{Dense, FitContext};
use prompt_metrics::report::{LiveExample, Predictions, classification_files};

/// The longest that one look of the browser may take.
const LIMIT: Duration = Duration::from_secs(60);

fn browser() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let path = std::env::var_os("PATH")?;
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let usual = ["chromium", "chromium-browser", "google-chrome"];
    let found = usual.iter().flat_map(|name| places.iter().map(move |place| place.join(name)));
    named.into_iter().chain(found).find(|path| path.exists())
}

/// Runs the browser on a page; what it printed, or `None` where it cannot run here at all.
fn look(chromium: &Path, folder: &Path, arguments: &[&str]) -> Option<String> {
    let out = folder.join("out.txt");
    let mut child = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"])
        .args(["--no-first-run", "--disable-extensions", "--virtual-time-budget=2000"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .args(arguments)
        .arg(format!("file://{}", folder.join("report.html").display()))
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&out).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let started = Instant::now();
    loop {
        match child.try_wait().unwrap() {
            Some(status) if status.success() => return std::fs::read_to_string(&out).ok(),
            Some(_) => return None,
            None if started.elapsed() > LIMIT => {
                child.kill().unwrap();
                child.wait().unwrap();
                return None;
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Thirty rows of two classes, six of them wrong.
fn page() -> String {
    let classes = ["benign".to_owned(), "attack".to_owned()];
    let truth: Vec<u32> = (0..30).map(|i| i % 2).collect();
    let called: Vec<u32> =
        truth.iter().enumerate().map(|(i, &t)| if i % 5 == 0 { 1 - t } else { t }).collect();
    let p: Vec<[f64; 2]> = called
        .iter()
        .enumerate()
        .map(|(i, &c)| {
            let sure = 0.51 + 0.016 * i as f64;
            if c == 0 { [sure, 1.0 - sure] } else { [1.0 - sure, sure] }
        })
        .collect();
    let texts: Vec<String> =
        (0..30).map(|i| format!("prompt {i} <b>of</b> {}", ["Kiel", "Bonn"][i % 3 % 2])).collect();
    let live = [LiveExample {
        text: "hello".into(),
        truth: None,
        called: "benign".into(),
        confidence: Some(0.9),
        microseconds: 3.5,
    }];
    let proba = Dense::from_rows(&p);
    let rows = Predictions {
        y_true: &truth,
        y_pred: &called,
        classes: &classes,
        proba: Some(&proba),
        texts: &texts,
        live: &live,
        ..Predictions::default()
    };
    let (_, files) = classification_files("A guard", &rows, &FitContext::new(1)).unwrap();
    files.into_iter().find(|f| f.name == "report.html").unwrap().content
}

/// Clicks and types as a reader would, and writes down what is to be seen then.
const READER: &str = r##"<script>
const seen = {};
const box = document.querySelector("#errors .errors");
const visible = () => [...box.querySelectorAll("tbody tr")].filter((row) => row.getClientRects().length > 0);
const column = (n) => visible().map((row) => Number(row.cells[n].dataset.key));
const form = box.querySelector("form");
const set = (name, value) => {
  form.elements[name].value = value;
  form.dispatchEvent(new Event("input"));
};
seen.formShown = form.getClientRects().length > 0;
seen.rows = visible().length;
const confidence = [...box.querySelectorAll("th button")].find((b) => b.textContent === "Confidence");
confidence.click();
seen.falling = column(3);
confidence.click();
seen.rising = column(3);
seen.ariaSort = confidence.closest("th").getAttribute("aria-sort");
set("truth", "attack");
seen.attacks = visible().map((row) => row.cells[1].textContent);
set("truth", "");
set("words", "BONN 5");
seen.found = visible().map((row) => row.cells[5].textContent);
seen.count = form.querySelector("output").textContent;
set("words", "");
seen.dark = matchMedia("(prefers-color-scheme: dark)").matches;
seen.background = getComputedStyle(document.body).backgroundColor;
seen.ink = getComputedStyle(document.body).color;
seen.wide = document.documentElement.scrollWidth > innerWidth;
seen.bold = document.querySelectorAll("#errors td b").length;
const result = document.createElement("pre");
result.id = "seen";
result.textContent = JSON.stringify(seen);
document.body.append(result);
</script>"##;

/// The page in a folder, with more markup at its end; `None` where there is no browser.
fn prepared(more: &str) -> Option<(PathBuf, tempfile::TempDir)> {
    let Some(chromium) = browser() else {
        eprintln!("SKIPPED: no Chromium here; the page was not looked at");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let page = page().replace("</body>", &format!("{more}</body>"));
    std::fs::write(folder.path().join("report.html"), page).unwrap();
    Some((chromium, folder))
}

/// Reads the page under a colour scheme.
fn read_page(scheme: &str, dark: bool) {
    let Some((chromium, folder)) = prepared(READER) else { return };
    let scheme = format!("--blink-settings=preferredColorScheme={scheme}");
    let Some(dom) = look(&chromium, folder.path(), &["--window-size=1280,900", &scheme, "--dump-dom"]) else {
        eprintln!("SKIPPED: {} does not run here, or not within {LIMIT:?}", chromium.display());
        return;
    };
    let seen = dom.split_once("<pre id=\"seen\">").unwrap_or_else(|| panic!("the script stopped: {dom}")).1;
    let seen = seen.split_once("</pre>").unwrap().0;
    let seen = seen.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let seen: serde_json::Value = serde_json::from_str(&seen).unwrap();
    assert_eq!((&seen["formShown"], &seen["rows"]), (&true.into(), &6.into()), "{seen}");
    let falling: Vec<f64> = serde_json::from_value(seen["falling"].clone()).unwrap();
    let mut rising: Vec<f64> = serde_json::from_value(seen["rising"].clone()).unwrap();
    assert!(falling.len() == 6 && falling.windows(2).all(|w| w[0] > w[1]), "{seen}");
    rising.reverse();
    assert_eq!((rising, &seen["ariaSort"]), (falling, &"ascending".into()));
    assert_eq!(seen["attacks"], serde_json::json!(["attack", "attack", "attack"]));
    assert_eq!(seen["found"], serde_json::json!(["prompt 25 <b>of</b> Bonn"]));
    assert_eq!(seen["count"], "1 of 6 shown");
    assert_eq!(seen["dark"], dark, "{seen}");
    let background = if dark { "rgb(15, 19, 24)" } else { "rgb(246, 247, 249)" };
    assert_eq!(seen["background"], background, "{seen}");
    assert_eq!((&seen["wide"], &seen["bold"]), (&false.into(), &0.into()), "{seen}");
}

#[test]
fn a_reader_sorts_filters_and_searches() {
    read_page("1", false);
}

#[test]
fn a_reader_in_the_dark_sees_the_same() {
    read_page("0", true);
}

#[test]
fn the_page_prints() {
    let Some((chromium, folder)) = prepared("") else { return };
    let pdf = folder.path().join("report.pdf");
    let print = format!("--print-to-pdf={}", pdf.display());
    if look(&chromium, folder.path(), &["--no-pdf-header-footer", &print]).is_none() {
        eprintln!("SKIPPED: {} does not run here, or not within {LIMIT:?}", chromium.display());
        return;
    }
    assert!(std::fs::read(&pdf).unwrap().starts_with(b"%PDF"));
}
