//! Parquet files as a user meets them: written here, written elsewhere, damaged, and without the feature.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test builds, it unwraps as the test does"
)]

use prompt_data::read::ReadOptions;
#[cfg(feature = "parquet")]
use prompt_data::table::TableOptions;
use prompt_data::write::WriteOptions;
use prompt_data::{Dataset, Example, Split};

fn sample() -> Dataset {
    let mut first =
        Example::new("naïve 👍🏽\ntwo lines").with_label("a").with_target(-0.25).with_split(Split::Test);
    first.extra.set("note", &"quoted \"text\"").unwrap();
    let mut second = Example::new("").with_source("s").with_split(Split::Train);
    second.extra.set("tags", &["x", "y"]).unwrap();
    Dataset::new([first, second])
}

#[cfg(not(feature = "parquet"))]
#[test]
fn a_build_without_the_feature_says_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let needs = "build with the feature `parquet`";
    let error = WriteOptions::default().write(&sample(), &path).unwrap_err().to_string();
    assert!(error.contains(needs) && !path.exists(), "{error}");
    std::fs::write(&path, "PAR1").unwrap();
    let error = ReadOptions::default().read(&path).unwrap_err().to_string();
    assert!(error.contains(needs), "{error}");
}

#[test]
fn a_stream_of_parquet_is_named() {
    let error = ReadOptions::default().from_bytes("<stdin>", b"PAR1\x15\x04").unwrap_err().to_string();
    assert!(error.contains("those of a Parquet file") && error.contains("ends in .parquet"), "{error}");
    let error = ReadOptions::default().from_bytes("a.parquet", b"text\n").unwrap_err().to_string();
    assert!(error.contains("not from a stream"), "{error}");
}

#[cfg(feature = "parquet")]
mod with_the_feature {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_written_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        assert_eq!(WriteOptions::default().write(&sample(), &path).unwrap().rows, 2);
        let loaded = ReadOptions::default().read(&path).unwrap();
        assert!(loaded.bad.is_empty() && !loaded.cut);
        let back = loaded.dataset;
        for (row, (was, is)) in sample().iter().zip(&back).enumerate() {
            assert_eq!((&was.text, &was.label, was.target), (&is.text, &is.label, is.target), "row {row}");
            assert_eq!(
                (&was.source, was.split, is.line),
                (&is.source, is.split, row as u64 + 1),
                "row {row}"
            );
        }
        assert_eq!(back.get(0).unwrap().extra.get("note").unwrap(), "quoted \"text\"");
        assert_eq!(back.get(1).unwrap().extra.get("tags").unwrap(), "[\"x\",\"y\"]");
        assert!(back.get(1).unwrap().extra.get("note").unwrap().is_null());

        // More rows than a group holds.
        let many: Dataset = (0..40_000).map(|i| Example::new(format!("row {i}"))).collect();
        WriteOptions::default().write(&many, &path).unwrap();
        assert_eq!(ReadOptions::default().read(&path).unwrap().dataset.texts(), many.texts());
    }

    #[test]
    fn a_file_from_elsewhere_is_read_by_its_schema() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/parquet/prompts.parquet");
        let loaded = ReadOptions::default().read(path).unwrap();
        assert_eq!(loaded.dataset.texts(), ["plain", "naïve 👍🏽", ""]);
        let [first, second, third] = loaded.dataset.examples() else { panic!("{loaded:?}") };
        assert_eq!((first.label.as_deref(), first.target), (Some("0"), Some(0.1)));
        assert_eq!((second.label.as_deref(), second.target), (Some("2"), None));
        assert_eq!(third.label, None);
        let expected = [
            ("tags", "[\"a\",null]"),
            ("about", "{\"lang\":\"en\",\"n\":7}"),
            ("bytes", "\"as text\""),
            ("price", "\"12.50\""),
            ("day", "\"2024-10-04\""),
            ("small", "0.1"),
            ("wide", "18446744073709551615"),
            ("yes", "true"),
        ];
        for (name, value) in expected {
            assert_eq!(first.extra.raw(name), Some(value), "{name}");
        }
        // The fourth row's target is no number, the fifth row's bytes are no text.
        let bad: Vec<String> = loaded.bad.iter().map(ToString::to_string).collect();
        assert!(bad[0].contains("line 4: the target must be a finite number, got `NaN`"), "{bad:?}");
        assert!(bad[1].contains("line 5: the column `bytes` holds bytes that are not UTF-8"), "{bad:?}");
        assert_eq!(bad.len(), 2);
    }

    #[test]
    fn a_table_is_read_with_its_dates_and_numbers() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/parquet/prompts.parquet");
        let loaded = TableOptions::default().read(path).unwrap();
        let kind = |name: &str| loaded.table.column(name).unwrap().kind();
        assert_eq!([kind("day"), kind("small"), kind("tags")], ["time", "number", "category"]);
        assert_eq!(loaded.table.column("wide").unwrap().kind(), "category", "a code that no float holds");
        assert!(loaded.bad[0].error.to_string().contains("`bytes` holds bytes that are not UTF-8"));
    }

    #[test]
    fn damaged_and_foreign_files_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let many: Dataset =
            (0..20_000).map(|i| Example::new(format!("row {i} {}", i * 7919 % 99_991))).collect();
        WriteOptions::default().write(&many, &path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let error = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            ReadOptions::default().read(&path).unwrap_err().to_string()
        };
        for foreign in [&whole[..whole.len() / 2], &whole[..5], b"{\"text\": \"not Parquet\"}\n", b"PAR1PAR1"]
        {
            let error = error(foreign);
            assert!(error.contains("a.parquet: this is no whole Parquet file"), "{error}");
        }
        assert!(error(b"").contains("the file is empty"));
        // What was damaged in the middle is read up to there, or refused; it never ends the program.
        for at in (8..whole.len()).step_by(whole.len() / 20) {
            let mut damaged = whole.clone();
            damaged[at..(at + 4).min(whole.len())].fill(0xa5);
            std::fs::write(&path, damaged).unwrap();
            if let Ok(loaded) = ReadOptions::default().read(&path) {
                assert!(loaded.dataset.len() <= 20_000);
            }
        }
        let error = ReadOptions::default().read(folder.path().join("none.parquet")).unwrap_err().to_string();
        assert!(error.contains("No such file"), "{error}");
    }
}
