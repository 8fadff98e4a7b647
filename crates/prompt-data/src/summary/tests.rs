use prompt_core::Seed;

use super::*;

fn of(name: &str, text: impl AsRef<[u8]>) -> Result<Summary> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    Summary::read(&path, &TableOptions::default(), &FitContext::new(0))
}

fn column<'a>(summary: &'a Summary, name: &str) -> &'a ColumnSummary {
    summary.columns.iter().find(|c| c.name == name).unwrap()
}

#[test]
fn every_kind_of_column_is_told_apart_and_counted() {
    let csv = "n,c,d,e,zip,mixed,\"quoted, name\"\n\
               1,x,05.12.2024,,01234,1,\"a, b\"\n\
               NA,y,2024-12-06,,01235,b,\"say \"\"hi\"\"\"\n\
               2.5,x,,,01234,2,\"a, b\"\n\
               4,x,2024/12/01,,99999,3,\"two\nlines\"\n";
    let summary = of("a.csv", csv).unwrap();
    assert_eq!((summary.rows, summary.bad_lines), (4, 0));
    let n = column(&summary, "n");
    assert_eq!((n.dtype, n.count, n.missing, n.distinct), (Kind::Number, 3, 1, 3));
    assert_eq!(
        (n.min, n.q1, n.median, n.q3, n.max),
        (Some(1.0), Some(1.75), Some(2.5), Some(3.25), Some(4.0))
    );
    assert_eq!((n.mean, n.std.map(|s| (s * 1e6).round())), (Some(2.5), Some(1_500_000.0)));
    let c = column(&summary, "c");
    assert_eq!((c.dtype, c.distinct, c.mean), (Kind::Category, 2, None));
    assert_eq!(c.most_frequent, Some(Frequent { value: "x".into(), count: 3, exact: true }));
    let d = column(&summary, "d");
    assert_eq!(
        (d.dtype, d.first.as_deref(), d.last.as_deref()),
        (Kind::Time, Some("2024-12-01"), Some("2024-12-06"))
    );
    let e = column(&summary, "e");
    assert_eq!(
        (e.dtype, e.count, e.missing, e.mean, e.most_frequent.is_none()),
        (Kind::Number, 0, 4, None, true)
    );
    assert_eq!(
        (column(&summary, "zip").dtype, column(&summary, "mixed").dtype),
        (Kind::Category, Kind::Category)
    );
    let quoted = column(&summary, "quoted, name");
    assert_eq!((quoted.distinct, quoted.most_frequent.as_ref().unwrap().value.as_str()), (3, "a, b"));
    // The same file as JSON lines.
    let lines = "{\"n\": 1, \"c\": \"x\"}\n{\"n\": null, \"c\": \"y\"}\n{\"n\": 2.5, \"c\": \"x\"}\n{\"n\": 4, \"c\": \"x\"}\n";
    let other = of("a.jsonl", lines).unwrap();
    assert_eq!((column(&other, "n"), column(&other, "c")), (n, c));
}

#[test]
fn kinds_are_those_that_a_reader_of_tables_infers() {
    let mut rng = Seed::new(5).rng();
    let mut csv = "a,b,c,d,e,f\n".to_owned();
    for i in 0..3000 {
        let mostly = if rng.chance(0.02) { "x".to_owned() } else { i.to_string() };
        let half = if rng.chance(0.5) { "x".to_owned() } else { i.to_string() };
        csv += &format!(
            "{mostly},{half},{:02}/{:02}/2024,{:02}/01/2024,text {i},\n",
            1 + i % 28,
            1 + i % 12,
            1 + i % 12
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, csv).unwrap();
    let summary = Summary::read(&path, &TableOptions::default(), &FitContext::new(0)).unwrap();
    let table = TableOptions::default().read(&path).unwrap().table;
    for (name, _, typed) in table.columns() {
        assert_eq!(column(&summary, name).dtype, Kind::of(typed), "{name}");
        assert_eq!(
            column(&summary, name).count as usize,
            typed.len() - typed.missing() + column(&summary, name).not_numbers as usize,
            "{name}"
        );
    }
    assert_eq!(column(&summary, "c").dtype, Kind::Time);
    assert_eq!(column(&summary, "d").dtype, Kind::Category, "day and month cannot be told apart");
}

#[test]
fn many_blocks_on_any_number_of_threads_give_the_same_bits() {
    let mut rng = Seed::new(3).rng();
    let mut csv = Vec::with_capacity(19 << 20);
    csv.extend_from_slice(b"id,x,k,note\n");
    let (mut rows, mut sum) = (0_u64, 0.0);
    while csv.len() < 2 * blocks::BLOCK + 1000 {
        let (x, k) = (rng.unit() * 100.0, rng.below(40));
        sum += x;
        csv.extend_from_slice(format!("{rows},{x},{k},\"a note, {}\n\"\n", "long ".repeat(60)).as_bytes());
        rows += 1;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, &csv).unwrap();
    let of = |threads| {
        Summary::read(&path, &TableOptions::default(), &FitContext::new(0).threads(threads)).unwrap()
    };
    let one = of(1);
    assert_eq!(one, of(3));
    let x = column(&one, "x");
    assert_eq!((one.rows, one.bad_lines, x.count), (rows, 0, rows));
    assert!((x.mean.unwrap() / (sum / rows as f64) - 1.0).abs() < 1e-12);
    assert!((x.median.unwrap() - 50.0).abs() < 2.0);
    let id = column(&one, "id");
    assert!(
        !id.distinct_exact
            && (id.distinct as f64 / rows as f64 - 1.0).abs() < 0.06
            && id.most_frequent.is_none()
    );
    assert_eq!((column(&one, "k").distinct, column(&one, "note").distinct), (40, 1));
}

#[test]
fn bad_lines_are_told_with_their_place_and_lose_no_other() {
    let csv = "a,b\n1,2\n3\na,b\n4,5\n\"open,6\n7,8\n";
    let summary = of("a.csv", csv).unwrap();
    assert_eq!((summary.rows, summary.bad_lines), (3, 3));
    assert!(summary.bad[0].contains("line 3: the row has 1 cells, the header 2"), "{:?}", summary.bad);
    assert!(summary.bad[1].contains("line 4: the header stands here again"), "{:?}", summary.bad);
    assert!(summary.bad[2].contains("line 6: a quoted cell"), "{:?}", summary.bad);
    let bad = of("a.csv", b"a,b\n1,\xff\n2,x\n").unwrap();
    assert_eq!((bad.rows, bad.bad_lines), (1, 1));
    assert!(bad.bad[0].contains("line 2: invalid UTF-8"));
    for (text, what) in [("", "empty"), ("a,a\n1,2\n", "`a` twice"), ("a,b\n", "no rows")] {
        let error = of("a.csv", text).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn ten_thousand_columns_fit() {
    let header: Vec<String> = (0..10_000).map(|j| format!("c{j}")).collect();
    let mut csv = header.join(",") + "\n";
    for i in 0..50 {
        let row: Vec<String> = (0..10_000).map(|j| (i * j % 7).to_string()).collect();
        csv += &(row.join(",") + "\n");
    }
    let summary = of("wide.csv", csv).unwrap();
    assert_eq!((summary.rows, summary.columns.len()), (50, 10_000));
    assert_eq!(column(&summary, "c8").max, Some(6.0));
}

#[test]
fn a_summary_is_readable() {
    let shown = of("a.csv", "price,when,town\n1.5,2024-01-02,Köln\n1000000,2024-02-03,Köln\n,,Ulm\n")
        .unwrap()
        .to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].ends_with("a.csv: 3 rows, 3 columns"), "{shown}");
    assert!(lines[1].starts_with("column  dtype     ") && lines[1].ends_with("max"), "{shown}");
    assert!(
        lines[2].contains("1 (33.3%)") && lines[2].contains("500001") && lines[3].contains("2024-01-02"),
        "{shown}"
    );
    assert!(lines[4].contains("Köln (2)"), "{shown}");
}
