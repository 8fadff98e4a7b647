//! Spreadsheets as a user meets them.
#![cfg(feature = "excel")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test builds, it unwraps as the test does"
)]

use std::path::{Path, PathBuf};

use prompt_core::{Column, FitContext};
use prompt_data::summary::Summary;
use prompt_data::table::TableOptions;

fn people() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/excel/people.xlsx")
}

#[test]
fn the_first_sheet_is_a_table() {
    let loaded = TableOptions::default().read(people()).unwrap();
    let kinds: Vec<(&str, &str)> =
        loaded.table.columns().map(|(name, _, column)| (name, column.kind())).collect();
    let expected = [
        ("name", "category"),
        ("age", "number"),
        ("since", "time"),
        ("member", "category"),
        ("code", "category"),
        ("note", "category"),
    ];
    assert_eq!(kinds, expected);
    assert_eq!((loaded.table.rows(), loaded.lines.as_slice()), (3, &[2, 3, 5][..]));
    let Some(Column::Time(since)) = loaded.table.column("since") else { panic!("no dates") };
    assert_eq!(since[0], Some(1_733_356_800_000));
    assert_eq!(loaded.cells(1).collect::<Vec<_>>()[2], ("since", "2023-01-02T03:04:05"));
    assert_eq!(loaded.table.column("age").unwrap().missing(), 1);
    let error = loaded.bad[0].error.to_string();
    assert!(error.contains("line 6: `stray` stands in a column without a name"), "{error}");
    let summary = Summary::read(people(), &TableOptions::default(), &FitContext::new(0)).unwrap();
    assert_eq!((summary.rows, summary.bad_lines, summary.columns[1].mean), (3, 1, Some(38.75)));
}

#[test]
fn what_is_no_spreadsheet_is_said_and_never_ends_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.xlsx");
    let whole = std::fs::read(people()).unwrap();
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        TableOptions::default().read(&path)
    };
    assert!(read(b"").unwrap_err().to_string().contains("the file is empty"));
    for bytes in [&b"name,age\n"[..], &whole[..whole.len() / 2]] {
        let error = read(bytes).unwrap_err().to_string();
        assert!(error.contains("this is no whole spreadsheet"), "{error}");
    }
    for at in (0..whole.len()).step_by(whole.len() / 15) {
        let mut damaged = whole.clone();
        damaged[at..(at + 3).min(whole.len())].fill(0xa5);
        if let Ok(loaded) = read(&damaged) {
            assert!(loaded.table.rows() <= 4);
        }
    }
}
