use super::*;

fn read(name: &str, text: &str) -> LoadedTable {
    TableOptions::default().from_bytes(name, text.as_bytes()).unwrap()
}

fn kinds(loaded: &LoadedTable) -> Vec<(&str, &'static str)> {
    loaded.table.columns().map(|(name, _, column)| (name, column.kind())).collect()
}

#[test]
fn kinds_are_inferred_from_the_cells() {
    let loaded = read(
        "a.csv",
        "n,c,d,empty,mixed,split\n1,x,2024-01-02,,1,train\nNA,y,2024-01-03T04:05,,b,test\n3e2,x,,,2,val\n",
    );
    let expected =
        [("n", "number"), ("c", "category"), ("d", "time"), ("empty", "number"), ("mixed", "category")];
    assert_eq!(kinds(&loaded), expected);
    assert_eq!(loaded.table.column("n").unwrap().missing(), 1);
    assert_eq!(loaded.splits.as_deref(), Some(&[Split::Train, Split::Test, Split::Validation][..]));
    assert_eq!(loaded.rows_of(Split::Test), [1]);
    assert_eq!(loaded.notes.len(), 2, "{:?}", loaded.notes);
    assert!(loaded.notes[0].contains("`empty`") && loaded.notes[1].contains("`mixed`"));
}

#[test]
fn a_few_words_among_many_numbers_are_missing_and_said() {
    let mut csv = "x\n".to_owned();
    (0..100)
        .for_each(|i| csv.push_str(&format!("{}\n", if i == 41 { "n.d.".into() } else { i.to_string() })));
    let loaded = read("a.csv", &csv);
    assert_eq!(kinds(&loaded), [("x", "number")]);
    assert_eq!(loaded.table.column("x").unwrap().missing(), 1);
    assert!(loaded.notes[0].contains("line 43: `n.d.`"), "{}", loaded.notes[0]);
}

#[test]
fn codes_that_look_like_numbers_stay_what_they_are() {
    let loaded = read("a.csv", "zip,id,n\n01234,9007199254740992,0\n1234,9007199254740993,0.5\n");
    assert_eq!(kinds(&loaded), [("zip", "category"), ("id", "category"), ("n", "number")]);
    assert!(loaded.notes[0].contains("`zip` holds codes") && loaded.notes[1].contains("`id` holds codes"));
}

#[test]
fn a_header_that_comes_again_is_no_row() {
    let loaded = read("a.csv", "a,b\n1,x\na,b\n2,y\n");
    assert_eq!(loaded.table.rows(), 2);
    assert!(loaded.bad[0].error.to_string().contains("line 3: the header stands here again"));
}

#[test]
fn an_ignored_column_may_be_called_split() {
    let options = TableOptions { ignore: vec!["split".into()], ..TableOptions::default() };
    let loaded = options.from_bytes("a.csv", b"a,split\n1,north\n2,south\n").unwrap();
    assert_eq!((loaded.table.cols(), loaded.splits.is_none()), (1, true));
}

#[test]
fn given_kinds_hold_and_name_the_line_that_breaks_them() {
    let kinds = |kind| BTreeMap::from([("zip".to_owned(), kind)]);
    let csv = b"zip,y\n01234,1\nab,2\n";
    let options = TableOptions { kinds: kinds(Kind::Category), ..TableOptions::default() };
    let Some(Column::Category { levels, .. }) =
        options.from_bytes("a.csv", csv).unwrap().table.column("zip").cloned()
    else {
        panic!("no category")
    };
    assert_eq!(levels.as_ref(), ["01234", "ab"]);
    let options = TableOptions { kinds: kinds(Kind::Number), ..TableOptions::default() };
    let loaded = options.from_bytes("a.csv", csv).unwrap();
    assert_eq!((loaded.lines.as_slice(), loaded.bad[0].line), (&[2][..], Some(3)));
    assert!(loaded.bad[0].error.to_string().contains("column `zip` holds `ab`, which is no number"));
    assert_eq!(loaded.cells(0).collect::<Vec<_>>(), [("zip", "01234"), ("y", "1")]);
    assert!(TableOptions { strict: true, ..options }.from_bytes("a.csv", csv).is_err());
}

#[test]
fn json_lines_and_lists_make_the_same_table() {
    let lines = "{\"a\": 1, \"b\": \"x\"}\n{\"b\": null, \"c\": true}\n";
    let (lines, list) =
        (read("a.jsonl", lines), read("a.json", "[{\"a\":1,\"b\":\"x\"},{\"b\":null,\"c\":true}]"));
    assert_eq!((kinds(&lines), &lines.digest), (kinds(&list), &list.digest));
    assert_eq!(kinds(&lines), [("a", "number"), ("b", "category"), ("c", "category")]);
    assert!(!lines.table.column("a").unwrap().is_valid(1) && !lines.table.column("c").unwrap().is_valid(0));
}

#[test]
fn rows_come_back_as_the_values_that_the_file_has() {
    let lines = r#"{"id": 12345678901234567890123, "on": true, "tags": ["a", "b"], "n": 1.50, "s": "", "z": "007"}
{"on": null, "id": 2, "s": "a \"b\""}
"#;
    let loaded = read("a.jsonl", lines);
    let row = |i| loaded.json(i).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
    let first =
        ["id=12345678901234567890123", "on=true", r#"tags=["a", "b"]"#, "n=1.50", r#"s="""#, r#"z="007""#];
    assert_eq!(row(0), first);
    assert_eq!(row(1), ["id=2", "on=null", r#"s="a \"b\"""#]);
    let loaded = read("a.csv", "id,n,e,w\n0012,-1.5e3,,12 monkeys\n");
    let values: Vec<String> = loaded.json(0).map(|(_, value)| value).collect();
    assert_eq!(values, [r#""0012""#, "-1.5e3", "null", r#""12 monkeys""#]);
}

#[test]
fn a_target_that_is_no_number_leaves_its_row_out_by_line() {
    let mut csv = "x,y\n".to_owned();
    (0..60).for_each(|i| csv += &format!("{i},{}\n", if i == 40 { "inf".into() } else { i.to_string() }));
    let loaded = TableOptions::default().target("y").from_bytes("a.csv", csv.as_bytes()).unwrap();
    assert_eq!((loaded.table.rows(), loaded.bad.len()), (59, 1));
    let error = loaded.bad[0].error.to_string();
    assert!(error.starts_with("a.csv, line 42: column `y` holds `inf`, which is no number"), "{error}");
}

#[test]
fn a_compressed_file_that_ends_early_is_said_to() {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(format!("a,b\n{}", "1,2\n".repeat(5000)).as_bytes()).unwrap();
    let whole = gzip.finish().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.csv.gz");
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let loaded = TableOptions::default().read(&path).unwrap();
    assert!(loaded.cut && loaded.table.rows() > 1000);
    let error = loaded.bad.last().unwrap().error.to_string();
    assert!(error.contains("truncated"), "{error}");
    assert!(TableOptions { strict: true, ..TableOptions::default() }.read(&path).is_err());
}

#[test]
fn bad_rows_are_said_and_lose_no_other() {
    let loaded = read("a.csv", "a,b\n1,2\n3\n4,5\n\"6,7\n");
    assert_eq!((loaded.table.rows(), loaded.lines.as_slice()), (2, &[2, 4][..]));
    assert!(loaded.bad[0].error.to_string().contains("line 3: the row has 1 cells, the header 2"));
    assert_eq!(loaded.bad.len(), 2);
    let strict = TableOptions { strict: true, ..TableOptions::default() };
    assert!(strict.from_bytes("a.csv", b"a,b\n1\n").is_err());
    let loaded = read("a.jsonl", "{\"a\": 1}\n[2]\n{\"a\": 3}\n");
    assert_eq!((loaded.table.rows(), loaded.bad.len()), (2, 1));
}

#[test]
fn rows_that_are_refused_later_become_bad_lines_in_their_place() {
    let options = TableOptions { weight: Some("w".into()), ..TableOptions::default().target("y") };
    let csv = "a,y,split,w\n1,p,train,1\n2,q,test,2\n3,,test,3\n4,p,train,4\n";
    let mut loaded = options.from_bytes("t.csv", csv.as_bytes()).unwrap();
    let refused = [0, 2].map(|row| (row, loaded.wrong_row(row, "too large", "scale it")));
    loaded.refuse_rows(refused.into());
    assert_eq!((loaded.table.rows(), loaded.lines.as_slice()), (1, &[3][..]));
    assert_eq!(loaded.table.column("a"), Some(&Column::Number(vec![2.0])));
    assert_eq!(loaded.cells(0).map(|(_, cell)| cell).collect::<Vec<_>>(), ["2", "q", "test", "2"]);
    assert_eq!(loaded.splits.as_deref(), Some(&[Split::Test][..]));
    assert_eq!(loaded.weights.as_deref(), Some(&[2.0][..]));
    let bad: Vec<_> = loaded.bad.iter().map(|bad| bad.line).collect();
    assert_eq!(bad, [Some(2), Some(4), Some(5)]);
    assert!(loaded.bad[2].error.to_string().contains("t.csv, line 5: too large"), "{}", loaded.bad[2].error);
}

#[test]
fn what_cannot_be_a_table_is_refused_with_the_place() {
    let refused = |options: &TableOptions, csv: &str| {
        options.from_bytes("t.csv", csv.as_bytes()).unwrap_err().to_string()
    };
    let plain = TableOptions::default();
    assert!(refused(&plain, "a,a\n1,2\n").contains("names the column `a` twice"));
    assert!(refused(&plain, "a,b\n").contains("the file has no rows"));
    assert!(refused(&plain.clone().target("y"), "a,b\n1,2\n").contains("unknown column `y`; known: a, b"));
    let loaded = plain.clone().target("b").from_bytes("t.csv", b"a,b\n1,2\n1,\n").unwrap();
    let error = loaded.bad[0].error.to_string();
    assert!(loaded.table.rows() == 1 && error.contains("line 3: the target `b` has no value"), "{error}");
    assert!(refused(&plain, "a,split\n1,train\n2,later\n").contains("line 3: column `split` holds `later`"));
}

#[test]
fn weights_stand_beside_the_table_and_bad_ones_are_refused_with_their_row() {
    let options = TableOptions { weight: Some("w".into()), ..TableOptions::default().target("y") };
    let read = |text: &str| options.from_bytes("t.csv", text.as_bytes());
    let loaded = read("a,w,y\n1,0.5,2\n,0,4\n5,1e3,6\n").unwrap();
    assert_eq!(loaded.weights.as_deref(), Some(&[0.5, 0.0, 1000.0][..]));
    assert_eq!((loaded.table.cols(), loaded.table.column("w").is_none()), (2, true));
    // A row that is none takes its weight with it.
    let loaded = read("a,w,y\n1,0.5,2\n3,4,\n5,2,6\n").unwrap();
    assert_eq!((loaded.weights.as_deref(), loaded.bad.len()), (Some(&[0.5, 2.0][..]), 1));
    for (text, says) in [
        ("a,w,y\n1,1,2\n3,-1,4\n", "t.csv, line 3: the weight `w` is `-1`, no number ≥ 0"),
        ("a,w,y\n1,1,2\n3,heavy,4\n", "t.csv, line 3: the weight `w` is `heavy`"),
        ("a,w,y\n1,,2\n3,1,4\n", "t.csv, line 2: the weight `w` has no value"),
        ("a,w,y\n1,inf,2\n3,1,4\n", "t.csv, line 2: the weight `w` is `inf`"),
        ("a,w,y\n1,0,2\n3,0,4\n", "all weights in `w` are zero"),
        ("a,v,y\n1,1,2\n", "unknown column `w`; known: a, v, y"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let same = TableOptions { weight: Some("y".into()), ..options.clone() };
    let error = same.from_bytes("t.csv", b"a,w,y\n1,1,2\n").unwrap_err().to_string();
    assert!(error.contains("target and as the column of weights"), "{error}");
}
