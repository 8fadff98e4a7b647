//! What a user sees for every kind of bad file, and that nothing else is lost.

use std::io::Write as _;

use super::*;
use crate::example::Split;

fn read(name: &str, bytes: &[u8]) -> Vec<Result<Example, String>> {
    let examples = ReadOptions::default().from_bytes(name, bytes).unwrap();
    examples.map(|e| e.map_err(|e| e.to_string())).collect()
}

fn texts(rows: &[Result<Example, String>]) -> Vec<&str> {
    rows.iter().filter_map(|r| r.as_ref().ok()).map(|e| e.text.as_str()).collect()
}

fn error(rows: &[Result<Example, String>]) -> &str {
    let mut errors = rows.iter().filter_map(|r| r.as_ref().err());
    let first = errors.next().unwrap();
    assert!(errors.next().is_none(), "one error was expected");
    first
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_role_is_read_and_the_rest_is_kept_as_it_was() {
    let line = r#"{"id": 1.50, "text": "Hi", "label": "a", "target": 3, "source": "s", "split": "dev", "z": {"b": [1], "a": null}}"#;
    let rows = read("a.jsonl", line.as_bytes());
    let example = rows[0].as_ref().unwrap();
    assert_eq!(example.text, "Hi");
    assert_eq!(example.label.as_deref(), Some("a"));
    assert_eq!(example.target, Some(3.0));
    assert_eq!(example.source.as_deref(), Some("s"));
    assert_eq!(example.split, Some(Split::Validation));
    let extra: Vec<(&str, &str)> = example.extra.iter().collect();
    assert_eq!(extra, [("id", "1.50"), ("z", r#"{"b": [1], "a": null}"#)]);
}

#[test]
fn aliases_and_label_maps_are_understood_in_every_format() {
    let options = ReadOptions { fields: Fields::security(), ..ReadOptions::default() };
    let files: [(&str, &[u8]); 4] = [
        ("a.jsonl", b"{\"user_message\": \"x\", \"classification\": 2}\n"),
        ("a.json", b"[{\"user_message\": \"x\", \"classification\": \"2\"}]"),
        ("lines.json", b"{\"user_message\": \"x\", \"classification\": 2.0}\n"),
        ("a.csv", b"classification,user_message\n2,x\n"),
    ];
    for (name, bytes) in files {
        let examples: Vec<_> = options.from_bytes(name, bytes).unwrap().map(Result::unwrap).collect();
        assert_eq!(examples.len(), 1, "{name}");
        assert_eq!(examples[0].text, "x", "{name}");
        assert_eq!(examples[0].label.as_deref(), Some("malicious"), "{name}");
    }
}

#[test]
fn the_best_name_wins_and_the_other_stays_a_field() {
    for line in
        [r#"{"user_message": "worse", "text": "best"}"#, r#"{"text": "best", "user_message": "worse"}"#]
    {
        let rows = read("a.jsonl", line.as_bytes());
        let example = rows[0].as_ref().unwrap();
        assert_eq!(example.text, "best");
        assert_eq!(example.extra.get("user_message").unwrap(), "worse");
    }
}

#[test]
fn a_key_that_stands_twice_is_refused_in_every_format() {
    let keys = [
        (r#"{"text": "one", "text": "two"}"#, "text"),
        (r#"{"user_message": "a", "text": "b", "user_message": "c"}"#, "user_message"),
        (r#"{"text": "a", "user_message": "b", "user_message": "c"}"#, "user_message"),
        (r#"{"text": "a", "label": "x", "label": "y"}"#, "label"),
        (r#"{"text": "a", "id": 1, "id": 2}"#, "id"),
        ("{\"text\": \"a\", \"t\\u0065xt\": \"b\"}", "text"),
    ];
    for (object, key) in keys {
        for (name, file) in [
            ("a.jsonl", format!("{{\"text\": \"before\"}}\n{object}\n{{\"text\": \"after\"}}\n")),
            ("a.json", format!("[{{\"text\": \"before\"}},\n{object},\n{{\"text\": \"after\"}}]")),
        ] {
            let rows = read(name, file.as_bytes());
            assert_eq!(texts(&rows), ["before", "after"], "{name}: {object}");
            let error = error(&rows);
            assert!(error.starts_with(&format!("{name}, line 2")), "{error}");
            assert!(error.ends_with(&format!("field `{key}` is there twice; write it once")), "{error}");
        }
        if key == "text" || key == "user_message" {
            let error = JsonlText::default().extract(object.as_bytes(), &mut String::new()).unwrap_err();
            assert!(error.to_string().contains(&format!("field `{key}` is there twice")), "{error}");
        }
    }
    // Many keys are compared in one pass.
    let mut many: String = (0..20_000).map(|i| format!("\"k{i}\": 0, ")).collect();
    assert_eq!(texts(&read("a.jsonl", format!("{{{many}\"text\": \"a\"}}").as_bytes())), ["a"]);
    many.push_str("\"k7\": 1, ");
    let rows = read("a.jsonl", format!("{{{many}\"text\": \"a\"}}").as_bytes());
    assert!(error(&rows).contains("field `k7` is there twice"), "{}", error(&rows));
}

#[test]
fn a_missing_file_and_a_folder_are_named() {
    let options = ReadOptions::default();
    let error = options.read("/no/such/file.jsonl").unwrap_err().to_string();
    assert!(error.starts_with("cannot read /no/such/file.jsonl: No such file"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let error = options.read(folder.path()).unwrap_err().to_string();
    assert!(error.ends_with("is a folder, not a file; name a file inside it"), "{error}");
}

#[test]
fn an_empty_file_is_said_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.jsonl", "a.json", "a.csv", "a.csv.gz"] {
        let path = folder.path().join(name);
        std::fs::write(&path, b"").unwrap();
        let error = ReadOptions::default().read(&path).unwrap_err().to_string();
        assert!(error.contains("the file is empty"), "{name}: {error}");
        std::fs::write(&path, gzip(b"")).unwrap();
        let error = ReadOptions::default().read(&path).unwrap_err().to_string();
        assert!(error.contains("the file has no"), "{name}: {error}");
    }
    let error = ReadOptions::default().from_bytes("a.jsonl", b"").unwrap_err().to_string();
    assert_eq!(error, "a.jsonl: the file is empty; give a file with at least one row");
}

#[test]
fn a_truncated_gzip_keeps_the_lines_before_the_cut() {
    let text: String =
        (0..5000).map(|i| format!("{{\"text\": \"line {i} {}\"}}\n", i * 7919 % 1000)).collect();
    let whole = gzip(text.as_bytes());
    let rows = read("a.jsonl.gz", &whole[..whole.len() / 2]);
    let good = texts(&rows).len();
    assert!(good > 1000 && good < 5000, "{good}");
    let expected = format!(
        "a.jsonl.gz, line {}: the compressed data ends in the middle (the file is truncated): what stood from this \
         line on is missing; copy or download the file again; the lines before this one were read",
        good + 1
    );
    assert_eq!(error(&rows), expected);
    assert_eq!(texts(&read("a.jsonl.gz", &whole)).len(), 5000);
    let mut broken = whole.clone();
    broken[whole.len() / 2] ^= 0xff;
    let rows = read("a.jsonl.gz", &broken);
    assert!(rows.last().unwrap().is_err());
}

#[test]
fn a_cut_file_is_read_as_far_as_it_goes_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let object = |i: usize| format!("{{\"text\": \"line {i} {}\", \"label\": \"x\"}}", i * 7919 % 1000);
    let lines: Vec<String> = (0..5000).map(object).collect();
    let rows: String = (0..5000).map(|i| format!("\"line {i} {}\",x\n", i * 7919 % 1000)).collect();
    let files = [
        ("a.jsonl.gz", lines.join("\n")),
        ("a.json.gz", format!("[{}]", lines.join(",\n"))),
        ("a.csv.gz", format!("text,label\n{rows}")),
    ];
    for (name, text) in files {
        let path = folder.path().join(name);
        let whole = gzip(text.as_bytes());
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let loaded = ReadOptions::default().read(&path).unwrap();
        assert!(loaded.cut && loaded.dataset.len() > 1000, "{name}: {}", loaded.dataset.len());
        let last = loaded.bad.last().unwrap().to_string();
        assert!(last.contains("what stood from this line on is missing"), "{name}: {last}");
        std::fs::write(&path, &whole).unwrap();
        assert!(!ReadOptions::default().read(&path).unwrap().cut, "{name}");
    }
}

#[test]
fn a_name_that_promises_compression_is_held_to_it() {
    let error =
        ReadOptions::default().from_bytes("a.jsonl.gz", b"{\"text\": \"x\"}").unwrap_err().to_string();
    assert!(error.contains("its first bytes do not"), "{error}");
    // And compressed bytes are read whatever the name says.
    assert_eq!(texts(&read("a.jsonl", &gzip(b"{\"text\": \"x\"}"))), ["x"]);
}

#[test]
fn invalid_utf8_on_line_812_says_line_and_byte() {
    let mut bytes = Vec::new();
    for i in 1..=1000 {
        if i == 812 {
            bytes.extend_from_slice(b"{\"text\": \"caf\xe9\"}\n");
        } else {
            bytes.extend_from_slice(format!("{{\"text\": \"line {i}\"}}\n").as_bytes());
        }
    }
    let rows = read("a.jsonl", &bytes);
    assert_eq!(texts(&rows).len(), 999);
    assert_eq!(
        error(&rows),
        "a.jsonl, line 812, column 14: invalid UTF-8 (byte 0xe9); save the file as UTF-8"
    );
    let example = rows[812].as_ref().unwrap();
    assert_eq!((example.line, example.text.as_str()), (813, "line 813"));
}

#[test]
fn a_line_cut_in_the_middle_loses_only_itself() {
    let rows = read("a.jsonl", b"{\"text\": \"a\"}\n{\"text\": \"b\n{\"text\": \"c\"}\n{\"text\": ");
    assert_eq!(texts(&rows), ["a", "c"]);
    let errors: Vec<&String> = rows.iter().filter_map(|r| r.as_ref().err()).collect();
    for (error, line) in errors.iter().zip([2, 4]) {
        assert!(error.starts_with(&format!("a.jsonl, line {line}, column ")), "{error}");
        assert!(
            error.ends_with("the JSON object is cut in the middle; complete the object or remove it"),
            "{error}"
        );
    }
}

#[test]
fn strict_stops_at_the_first_bad_line() {
    let options = ReadOptions { strict: true, ..ReadOptions::default() };
    let bytes = b"{\"text\": \"a\"}\n[]\n{\"text\": \"c\"}\n";
    let got: Vec<_> = options.from_bytes("a.jsonl", bytes).unwrap().collect();
    assert_eq!(got.len(), 2);
    assert!(got[1].is_err());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, bytes).unwrap();
    assert!(options.read(&path).unwrap_err().to_string().contains("line 2"));
    let loaded = ReadOptions::default().read(&path).unwrap();
    assert_eq!((loaded.dataset.len(), loaded.bad.len()), (2, 1));
    assert_eq!(loaded.dataset.origin(), &Origin::File { path });
}

#[test]
fn a_missing_field_or_column_lists_those_there_are() {
    let rows = read("a.jsonl", b"{\"label\": \"x\", \"body\": \"hello\", \"id\": 3}\n");
    assert_eq!(
        error(&rows),
        "a.jsonl, line 1: no field `text` or `user_message` or `prompt`; the fields there are: label, body, id; \
         say which field holds the text (`fields.text`)"
    );
    let error = ReadOptions::default().from_bytes("a.csv", b"body,label\nx,y\n").unwrap_err().to_string();
    assert!(error.contains("the fields there are: body, label"), "{error}");
    let fields = Fields { text: "body".into(), ..Fields::default() };
    let options = ReadOptions { fields, ..ReadOptions::default() };
    let example = options.from_bytes("a.csv", b"body,label\nx,y\n").unwrap().next().unwrap().unwrap();
    assert_eq!((example.text.as_str(), example.label.as_deref()), ("x", Some("y")));
}

#[test]
fn a_target_must_be_a_finite_number() {
    let rows =
        read("a.jsonl", b"{\"text\": \"a\", \"target\": NaN}\n{\"text\": \"b\", \"target\": \"0.5\"}\n");
    assert_eq!(
        error(&rows),
        "a.jsonl, line 1, column 25: NaN and Infinity are not JSON numbers; write null, or remove the row"
    );
    assert_eq!(rows[1].as_ref().unwrap().target, Some(0.5));
    let rows = read("a.csv", b"text,target\na,nan\nb,\nc,1e3\n");
    assert_eq!(
        error(&rows),
        "a.csv, line 2: the target must be a finite number, got `NaN`; write a number, or leave it out"
    );
    assert_eq!(rows[1].as_ref().unwrap().target, None);
    assert_eq!(rows[2].as_ref().unwrap().target, Some(1000.0));
    let rows = read("a.csv", b"text,target\na,much\n");
    assert!(error(&rows).contains("got `much`"));
}

#[test]
fn values_of_the_wrong_kind_are_refused_with_their_place() {
    let rows = read("a.jsonl", b"{\"text\": 5}\n");
    assert!(
        error(&rows).starts_with("a.jsonl, line 1: the text is a number or a boolean"),
        "{}",
        error(&rows)
    );
    let rows = read("a.jsonl", b"{\"text\": \"a\", \"label\": [\"x\"]}\n");
    assert!(error(&rows).contains("expected a single value for the label"), "{}", error(&rows));
    let rows = read("a.jsonl", b"{\"text\": \"a\", \"split\": \"holdout\"}\n");
    assert!(error(&rows).contains("unknown split `holdout`"));
    let rows = read("a.jsonl", b"{\"text\": null, \"label\": null}\n");
    let example = rows[0].as_ref().unwrap();
    assert_eq!((example.text.as_str(), example.label.as_deref()), ("", None));
}

#[test]
fn a_fifty_megabyte_line_is_skipped_in_every_format() {
    let long = "x".repeat(50 << 20);
    let cases = [
        ("a.jsonl", format!("{{\"text\": \"a\"}}\n{{\"text\": \"{long}\"}}\n{{\"text\": \"b\"}}\n")),
        ("a.json", format!("[{{\"text\": \"a\"}},\n{{\"text\": \"{long}\"}},\n{{\"text\": \"b\"}}]")),
        ("a.csv", format!("text\na\n{long}\nb\n")),
    ];
    for (name, text) in cases {
        let rows = read(name, text.as_bytes());
        assert_eq!(texts(&rows), ["a", "b"], "{name}");
        assert!(error(&rows).contains("16777216"), "{name}: {}", error(&rows));
        assert!(error(&rows).contains("raise `max_line_bytes`"), "{name}");
    }
}

#[test]
fn byte_order_marks_and_carriage_returns_are_no_content() {
    for (name, bytes) in [
        ("a.jsonl", &b"\xef\xbb\xbf{\"text\": \"a\"}\r\n\r\n{\"text\": \"b\"}\r\n"[..]),
        ("a.json", b"\xef\xbb\xbf[{\"text\": \"a\"},\r\n{\"text\": \"b\"}]\r\n"),
        ("a.csv", b"\xef\xbb\xbftext\r\na\r\nb\r\n"),
    ] {
        assert_eq!(texts(&read(name, bytes)), ["a", "b"], "{name}");
    }
}

#[test]
fn csv_rows_of_another_length_and_doubled_headers_are_refused() {
    let rows = read("a.csv", b"text,label\na,x\nb\nc,y,z\n\"two\nlines\",w\n");
    assert_eq!(texts(&rows), ["a", "two\nlines"]);
    assert_eq!(
        rows[1].as_ref().unwrap_err(),
        "a.csv, line 3: the row has 1 cells, the header 2; put cells with commas or line breaks in quotes"
    );
    assert!(rows[2].as_ref().unwrap_err().contains("line 4: the row has 3 cells"));
    assert_eq!(rows[3].as_ref().unwrap().line, 5);
    let error = ReadOptions::default().from_bytes("a.csv", b"text,x,x\n").unwrap_err().to_string();
    assert_eq!(error, "a.csv, line 1: the header names the column `x` twice; rename one of them");
    assert_eq!(texts(&read("a.tsv", b"text\tlabel\na, b\tx\n")), ["a, b"]);
}

#[test]
fn errors_inside_a_json_list_have_the_place_in_the_file() {
    let rows = read(
        "a.json",
        b"[{\"text\": \"a\"}, {\"text\" 1},\n {\"text\": \"b\",\n \"target\": oops}, {\"text\": \"c\"}]",
    );
    assert_eq!(texts(&rows), ["a", "c"]);
    let errors: Vec<&String> = rows.iter().filter_map(|r| r.as_ref().err()).collect();
    assert!(errors[0].starts_with("a.json, line 1, column 25: "), "{}", errors[0]);
    assert!(errors[1].starts_with("a.json, line 3, column 12: "), "{}", errors[1]);
}

#[test]
fn a_bad_delimiter_is_a_parameter_error() {
    let options = ReadOptions { delimiter: Some('→'), ..ReadOptions::default() };
    let error = options.from_bytes("a.csv", b"text\nx\n").unwrap_err().to_string();
    assert!(error.starts_with("read: parameter `delimiter` must be an ASCII character"), "{error}");
}

#[test]
fn the_fast_path_finds_what_the_slow_path_finds() {
    let reader = JsonlText::default();
    let mut scratch = String::new();
    let lines = [
        r#"{"label": "x", "text": "plain", "more": {"text": "not this"}}"#,
        r#"{"text": "esc\u0061ped \"q\""}"#,
        r#"{"user_message": "alias"}"#,
        r#"{"user_message": "worse", "text": "better"}"#,
        r#"{"text": null}"#,
    ];
    for line in lines {
        let slow = record::parse(line, &Fields::default()).unwrap().text;
        assert_eq!(reader.extract(line.as_bytes(), &mut scratch).unwrap(), slow, "{line}");
        assert_eq!(reader.example(line.as_bytes()).unwrap().text, slow, "{line}");
    }
    let error = reader.extract(b"{\"body\": 1}", &mut scratch).unwrap_err();
    let error = JsonlText::at(error, Path::new("big.jsonl"), 12).to_string();
    assert!(error.starts_with("big.jsonl, line 12: no field `text`"), "{error}");
    assert!(error.contains("there are: body"));
}

#[cfg(feature = "zstd")]
#[test]
fn zstd_is_read_and_a_truncated_one_is_said() {
    // Several blocks, so that there are lines before the cut.
    let text: String =
        (0..100_000).map(|i| format!("{{\"text\": \"{i} {}\"}}\n", i * 7919 % 99_991)).collect();
    let whole = zstd::encode_all(text.as_bytes(), 3).unwrap();
    assert_eq!(texts(&read("a.jsonl.zst", &whole)).len(), 100_000);
    let rows = read("a.jsonl.zst", &whole[..whole.len() * 2 / 3]);
    assert!(texts(&rows).len() > 10_000, "{}", texts(&rows).len());
    assert!(error(&rows).contains("ends in the middle"), "{}", error(&rows));
}

#[test]
fn real_prompts_are_read_without_a_bad_line() {
    let data = std::env::var("PROMPT_DATA").unwrap_or_else(|_| "../shared/data".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(data);
    let path = root.join("prompt_security/data.jsonl.gz");
    if !path.exists() {
        println!("{} is absent: real prompts were not read (set PROMPT_DATA)", path.display());
        return;
    }
    let loaded = ReadOptions::default().read(&path).unwrap();
    assert_eq!((loaded.dataset.len(), loaded.bad.len()), (16_913, 0));
    assert_eq!(loaded.dataset.rows_of(Split::Test).len(), 1670);
    assert_eq!(loaded.dataset.label_counts()["suspicious"], 3128);
}
