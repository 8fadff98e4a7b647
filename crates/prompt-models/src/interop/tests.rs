//! Against the libraries' own predictions, from `tests/reference/interop` (made by its `make.py`).

use std::path::PathBuf;

use prompt_core::artifact::Bundle;
use prompt_core::artifact::{Manifest, save};
use prompt_core::{CsrBuilder, Dense, Matrix, Predict};
use serde::Deserialize;
use serde_json::Value;

use super::*;

#[derive(Deserialize)]
struct Fixture {
    rows: Vec<Vec<Option<f64>>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    library: String,
    file: String,
    expect: Vec<Vec<f64>>,
    #[serde(default)]
    positive_categories: bool,
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/interop"))
}

fn fixture() -> Fixture {
    serde_json::from_slice(&std::fs::read(folder().join("interop.json")).unwrap()).unwrap()
}

fn open(case: &Case) -> Box<dyn Model> {
    let path = folder().join(&case.file);
    if case.library == "xgboost" {
        Box::new(XgboostModel::open(path).unwrap())
    } else {
        Box::new(LightgbmModel::open(path).unwrap())
    }
}

fn matrix(rows: &[Vec<Option<f64>>], positive: bool) -> Matrix {
    let mut x =
        Dense::new(rows.len(), 14, rows.concat().iter().map(|v| v.unwrap_or(f64::NAN)).collect()).unwrap();
    for i in 0..rows.len() {
        for v in x.row_mut(i)[1..3].iter_mut().filter(|v| positive && **v < 0.0) {
            *v = 1.0;
        }
    }
    x.into()
}

fn scores(model: &dyn Model, x: &Matrix) -> Dense {
    prompt_core::predict(model, x).unwrap().scores().clone()
}

#[test]
fn every_model_answers_as_its_library_did() {
    let fixture = fixture();
    assert_eq!(fixture.cases.len(), 30);
    for case in &fixture.cases {
        let model = open(case);
        let x = matrix(&fixture.rows, case.positive_categories);
        let found = scores(&*model, &x);
        for (i, expected) in case.expect.iter().enumerate() {
            // One number of two classes is the probability of the second.
            let found = found.row(i);
            let found = if expected.len() == 1 && found.len() == 2 { &found[1..] } else { found };
            assert_eq!(found.len(), expected.len(), "{}", case.file);
            for (f, e) in found.iter().zip(expected) {
                assert!(
                    (f - e).abs() < 1e-6 * e.abs().max(1.0),
                    "{}: row {i}: {f} instead of {e}",
                    case.file
                );
            }
        }
    }
}

#[test]
fn saved_again_they_answer_the_same_bits_and_damage_is_refused() {
    let fixture = fixture();
    let mut catalog = Catalog::new();
    register(&mut catalog);
    for file in
        ["xgboost-categories.ubj", "xgboost-softprob.json", "lightgbm-categories.txt", "lightgbm-rf.txt"]
    {
        let case = fixture.cases.iter().find(|c| c.file == file).unwrap();
        let (model, x) = (open(case), matrix(&fixture.rows, true));
        let dir = tempfile::tempdir().unwrap();
        save(dir.path(), &*model, Manifest::default()).unwrap();
        let node = Bundle::open(dir.path()).unwrap().root;
        let prompt_core::artifact::Loaded::Model(back) = catalog.decode(&node).unwrap() else {
            unreachable!()
        };
        assert_eq!(scores(&*back, &x), scores(&*model, &x));
        assert_eq!(back.output(), model.output());
        let child_before = node.get_u32s("left", None).unwrap().iter().map(|_| 0).collect();
        assert!(
            catalog.decode(&node.clone().u32s("left", child_before)).is_err(),
            "a walk without an end is decoded"
        );
        let beyond = node.get_u32s("columns", None).unwrap().iter().map(|_| 14).collect();
        assert!(
            catalog.decode(&node.u32s("columns", beyond)).is_err(),
            "a column that is not there is decoded"
        );
    }
}

#[test]
fn sparse_rows_are_rows_with_zeros() {
    let model = LightgbmModel::open(folder().join("lightgbm-zero.txt")).unwrap();
    let mut rows = CsrBuilder::new(14);
    rows.push_pairs(&[(0, 1.5), (3, -0.5)]);
    rows.push_pairs(&[]);
    let sparse = Matrix::from(rows.finish());
    let dense = Matrix::from(sparse.to_dense());
    assert_eq!(model.predict(&sparse).unwrap(), model.predict(&dense).unwrap());
}

#[test]
fn classes_are_named_by_whoever_knows_them() {
    let model = XgboostModel::open(folder().join("xgboost-softprob.json")).unwrap();
    assert_eq!(model.output().classes().unwrap().names(), ["0", "1", "2"]);
    let named = model.clone().with_classes(Classes::new(["low", "mid", "high"]).unwrap()).unwrap();
    assert_eq!(named.output().classes().unwrap().name(2), "high");
    assert!(model.with_classes(Classes::new(["a", "b"]).unwrap()).is_err());
    let numbers = XgboostModel::open(folder().join("xgboost-squared.json")).unwrap();
    assert!(numbers.with_classes(Classes::new(["a", "b"]).unwrap()).is_err());
}

fn text(file: &str) -> String {
    std::fs::read_to_string(folder().join(file)).unwrap()
}

fn xgboost(text: &str) -> String {
    XgboostModel::parse("m.json", text.as_bytes()).unwrap_err().to_string()
}

fn lightgbm(text: &str) -> String {
    LightgbmModel::parse("m.txt", text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    let model = text("xgboost-binary.json");
    let error = xgboost(&model.replace("[3,2,0]", "[4,0,0]"));
    assert!(error.contains("does not support XGBoost 4, newer than 3; update this program"), "{error}");
    let error = xgboost(&model.replace("binary:logistic", "my:objective"));
    assert!(error.contains("the objective `my:objective`; known are"), "{error}");
    assert!(xgboost(&text("refused-gblinear.json")).contains("the booster `gblinear`"));
    let error = lightgbm(&text("refused-linear.txt"));
    assert!(error.contains("does not support linear trees; train with linear_tree=false"), "{error}");
    let model = text("lightgbm-binary.txt");
    assert!(lightgbm(&model.replace("version=v4", "version=v5")).contains("a LightGBM model of format `v5`"));
    assert!(lightgbm(&model.replace("objective=binary", "objective=mine")).contains("the objective `mine`"));
    assert!(lightgbm(&model.replace("objective=binary sigmoid:1.5\n", "")).contains("without an objective"));
    let old = text("lightgbm-categories.txt").replace("version=v4", "version=v3");
    assert!(lightgbm(&old).contains("categorical splits of LightGBM 3"));
}

#[test]
fn nodes_that_form_no_tree_are_refused() {
    let model = text("xgboost-binary.json");
    let error = xgboost(&model.replacen("\"left_children\":[1,", "\"left_children\":[0,", 1));
    assert!(error.contains("tree 0: its nodes form no tree"), "{error}");
    let error = xgboost(&model.replacen("\"left_children\":[1,", "\"left_children\":[100000,", 1));
    assert!(error.contains("no number for node 100000"), "{error}");
    let error = xgboost(&model.replacen("\"split_indices\":[", "\"split_indices\":[99,", 1));
    assert!(error.contains("of different lengths"), "{error}");
    let error = xgboost(&model.replace("\"num_feature\":\"14\"", "\"num_feature\":\"1\""));
    assert!(error.contains("looks at column"), "{error}");
    let model = text("lightgbm-binary.txt");
    let at = model.find("left_child=").unwrap();
    let end = at + model[at..].find('\n').unwrap();
    let looped = format!("{}left_child=0 0 0 0 0{}", &model[..at], &model[end..]);
    let error = lightgbm(&looped);
    assert!(error.contains("its nodes form no tree"), "{error}");
    let error = lightgbm(&model.replacen("num_leaves=6", "num_leaves=999999999999", 1));
    assert!(error.contains("`leaf_value` holds 6 numbers instead of 999999999999"), "{error}");
}

/// Whatever is cut away or changed: an error, or a model, but no panic and no end of memory.
#[test]
fn cut_and_changed_files_never_panic() {
    let mut rng = prompt_core::Seed::new(6).rng();
    for file in ["xgboost-binary.ubj", "xgboost-categories.json", "lightgbm-categories.txt"] {
        let whole = std::fs::read(folder().join(file)).unwrap();
        let read = |bytes: &[u8]| {
            if file.ends_with(".txt") {
                LightgbmModel::parse("m", bytes).map(|m| Box::new(m) as Box<dyn Model>)
            } else {
                XgboostModel::parse("m", bytes).map(|m| Box::new(m) as Box<dyn Model>)
            }
        };
        // What follows the trees of LightGBM says nothing about predictions.
        let needed = String::from_utf8_lossy(&whole).find("end of trees").unwrap_or(whole.len() - 1);
        for end in (0..needed).step_by(7) {
            assert!(read(&whole[..end]).is_err(), "{file} cut to {end} bytes is read");
        }
        let x = matrix(&fixture().rows, true);
        for _ in 0..1500 {
            let mut bytes = whole.clone();
            for _ in 0..1 + rng.below(3) {
                let at = rng.below(bytes.len());
                bytes[at] = if rng.chance(0.5) {
                    rng.below(256) as u8
                } else {
                    b"0123456789-[]{}$#lLdD"[rng.below(21)]
                };
            }
            if let Ok(model) = read(&bytes)
                && model.n_features() == 14
            {
                prompt_core::predict(&*model, &x).unwrap();
            }
        }
    }
}

#[test]
fn hostile_binary_files_end_with_an_error() {
    let parse = |bytes: &[u8]| ubjson::parse(bytes).unwrap_err();
    assert!(parse(b"[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff").contains("too few bytes left"));
    assert!(parse(b"[$T#l\x00\x00\x00\x01T").contains("a list of type 'T'"));
    assert!(parse(&b"[".repeat(100_000)).contains("nested more than"));
    assert!(parse(b"{L\xff\xff\xff\xff\xff\xff\xff\xffa").contains("a length of -1"));
    assert!(parse(b"SL\x00\x00\x00\x00\x00\x00\x00\x09abc").contains("in the middle"));
    assert!(parse(b"i\x01i\x02").contains("bytes follow the end"));
    assert!(parse(b"Q").contains("unknown marker 'Q'"));
    assert_eq!(ubjson::parse(b"{i\x01a[$U#i\x02\x05\x06}").unwrap(), serde_json::json!({"a": [5, 6]}));
}

#[test]
fn a_library_s_file_inside_an_artifact_opens_and_damage_to_it_is_refused() {
    use super::{Library, LibraryModel};
    let bytes = |name: &str| std::fs::read(folder().join(name)).unwrap();
    let classes = |names: &[&str]| Classes::new(names.iter().map(|n| (*n).to_owned())).unwrap();
    let row = |model: &dyn Model| {
        let (numbers, mut out) = (vec![0.25; model.n_features()], vec![0.0; model.output().width()]);
        model.score_row(RowView::Dense(&numbers), &mut Scratch::new(), &mut out);
        out
    };
    let file = bytes("xgboost-binary.ubj");
    let plain = row(&XgboostModel::parse("m.ubj", &file).unwrap());
    // Of four classes two were there in training: the others have no probability.
    let (four, present) = (classes(&["a", "b", "c", "d"]), [1, 3]);
    let params = serde_json::json!({ "max_depth": 3 });
    let model = LibraryModel::new(Library::Xgboost, params, file.clone(), Some((&four, &present))).unwrap();
    assert_eq!(row(&model), [0.0, plain[0], 0.0, plain[1]]);
    assert_eq!(model.file(), file);
    let mut catalog = Catalog::new();
    register(&mut catalog);
    let node = model.encode().unwrap();
    let back = LibraryModel::decode(&node, &catalog).unwrap();
    assert_eq!(back, model);
    let multi = bytes("lightgbm-multiclass.txt");
    let three = LightgbmModel::parse("m.txt", &multi).unwrap();
    let names = classes(&(0..three.output().width()).map(|i| ["x", "y", "z", "w"][i]).collect::<Vec<_>>());
    let all: Vec<u32> = (0..names.len() as u32).collect();
    let model = LibraryModel::new(Library::Lightgbm, Value::Null, multi, Some((&names, &all))).unwrap();
    assert_eq!(row(&model), row(&three));
    for (library, file, present) in [
        (Library::Xgboost, file[..file.len() / 2].to_vec(), vec![1, 3]),
        (Library::Lightgbm, file.clone(), vec![1, 3]),
        (Library::Xgboost, file.clone(), vec![1, 2, 3]),
        (Library::Xgboost, file.clone(), vec![3, 1]),
        (Library::Xgboost, file.clone(), vec![1, 9]),
    ] {
        assert!(
            LibraryModel::new(library, Value::Null, file, Some((&four, &present))).is_err(),
            "{present:?}"
        );
    }
    assert!(LibraryModel::new(Library::Xgboost, Value::Null, file, None).is_err());
}

mod tables {
    use prompt_core::{Batch, Scorer};
    use prompt_data::table::{LoadedTable, TableOptions};

    use super::*;
    use crate::pipeline::{LoadedModel, catalog};

    /// A model of the columns a (below 10: −1, else 2) and, where a ≥ 10, b: its file names them in this order or not at all.
    fn xgboost(names: &str) -> String {
        format!(
            r#"{{"version": [3, 2, 0], "learner": {{"feature_names": {names},
            "learner_model_param": {{"base_score": "5E-1", "num_class": "0", "num_feature": "2"}},
            "objective": {{"name": "reg:squarederror"}},
            "gradient_booster": {{"name": "gbtree", "model": {{"tree_info": [0], "trees": [{{
            "tree_param": {{"size_leaf_vector": "1"}}, "left_children": [1, -1, 3, -1, -1],
            "right_children": [2, -1, 4, -1, -1], "split_indices": [0, 0, 1, 0, 0],
            "split_conditions": [10, -1, 100, 2, 3], "default_left": [1, 0, 0, 0, 0]}}]}}}}}}}}"#
        )
    }

    fn table(csv: &str) -> LoadedTable {
        TableOptions::default().from_bytes("t.csv", csv.as_bytes()).unwrap()
    }

    #[test]
    fn columns_are_found_by_name_and_else_by_order() {
        let of = |json: &str| BoosterFile::parse("m.json", json.as_bytes()).unwrap();
        let scores = |model: &BoosterFile, csv: &str| {
            let found = model.score(Batch::Table(&table(csv).table)).map(|mut p| p.swap_remove(0));
            found.map(|p| p.values().unwrap()).map_err(|e| e.to_string())
        };
        let named = of(&xgboost(r#"["a", "b"]"#));
        assert_eq!(named.names(), ["a", "b"]);
        assert_eq!(scores(&named, "a,b\n1,1\n20,1\n20,300\n,1\n").unwrap(), [-0.5, 2.5, 3.5, -0.5]);
        // In another order, and with a column that the model does not read.
        assert_eq!(scores(&named, "note,b,a\nx,1,1\nx,1,20\ny,300,20\n").unwrap(), [-0.5, 2.5, 3.5]);
        let error = scores(&named, "B,c\n1,1\n").unwrap_err();
        assert!(error.contains("2 of the 2 columns") && error.contains("a, b; call the columns"), "{error}");
        let error = scores(&named, "a,b\nx,1\ny,2\n").unwrap_err();
        assert!(error.contains("column `a` holds category values"), "{error}");
        for nameless in ["[]", "null"] {
            let model = of(&xgboost(nameless));
            assert_eq!(scores(&model, "x,y\n1,1\n20,1\n20,300\n").unwrap(), [-0.5, 2.5, 3.5]);
            let error = scores(&model, "x,y,z\n1,1,1\n").unwrap_err();
            assert!(error.contains("it takes 2, and the table has 3 (x, y, z)"), "{error}");
        }
        let error = BoosterFile::parse("m.json", xgboost(r#"["a"]"#).as_bytes()).unwrap_err().to_string();
        assert!(error.contains("`feature_names` is no list of 2 names"), "{error}");
        assert!(BoosterFile::parse("m.bin", b"").unwrap_err().to_string().contains("end in .json or .ubj"));
    }

    #[test]
    fn what_is_no_model_is_told_what_one_holds() {
        let says = |name: &str, bytes: &[u8]| BoosterFile::parse(name, bytes).unwrap_err().to_string();
        for (name, bytes, found) in [
            ("m.json", &b""[..], "m.json: no model of XGBoost: the file is empty, and"),
            ("m.ubj", b" \n", "m.ubj: no model of XGBoost: the file is empty, and"),
            ("m.json", b"{}", "m.json: no model of XGBoost: a saved one is"),
            ("m.ubj", b"{ }\n", "m.ubj: no model of XGBoost: a saved one is"),
            ("m.json", br#"{"model": 1}"#, "m.json: no model of XGBoost: a saved one is"),
            ("m.json", b"[1]", "m.json: no model of XGBoost: the file does not begin with `{`, and"),
        ] {
            let error = says(name, bytes);
            assert!(error.starts_with(found), "{error}");
            assert!(
                error.contains("an object that holds `version` and `learner`, as JSON or UBJSON"),
                "{error}"
            );
            assert!(error.contains("Booster.save_model"), "{error}");
        }
        for (bytes, found) in [(&b""[..], "the file is empty"), (b"{}", "the file begins otherwise")] {
            let error = says("m.txt", bytes);
            assert!(
                error.contains(&format!("{found}, and the first line of a saved one is `tree`")),
                "{error}"
            );
        }
    }

    #[test]
    fn the_libraries_own_files_are_scorers_that_can_be_saved() {
        let fixture = fixture();
        let mut csv = (0..14).map(|c| format!("c{c}")).collect::<Vec<_>>().join(",") + "\n";
        for row in &fixture.rows {
            let cells: Vec<String> =
                row.iter().map(|v| v.map_or_else(String::new, |v| v.to_string())).collect();
            csv += &(cells.join(",") + "\n");
        }
        let kinds = (0..14).map(|c| (format!("c{c}"), prompt_data::table::Kind::Number)).collect();
        let data = TableOptions { kinds, ..TableOptions::default() };
        let data = data.from_bytes("t.csv", csv.as_bytes()).unwrap();
        for case in fixture.cases.iter().filter(|case| !case.positive_categories) {
            let model = LoadedModel::open(&folder().join(&case.file)).unwrap();
            assert_eq!(model.manifest.task, "tabular");
            let found = model.scorer.score(Batch::Table(&data.table)).unwrap().swap_remove(0);
            let expected = scores(&*open(case), &matrix(&fixture.rows, false));
            assert_eq!(found.scores(), &expected, "{}", case.file);
            let again = catalog().decode_scorer(&model.scorer.encode().unwrap()).unwrap();
            assert_eq!(again.score(Batch::Table(&data.table)).unwrap()[0].scores(), &expected);
        }
    }

    #[test]
    fn lightgbm_names_its_columns_in_the_header() {
        let text = std::fs::read_to_string(folder().join("lightgbm-binary.txt")).unwrap();
        let line = text.lines().find(|line| line.starts_with("feature_names=")).unwrap();
        let named = (0..14).map(|c| format!("f{c}")).collect::<Vec<_>>().join(" ");
        let renamed = text.replace(line, &format!("feature_names={named}"));
        let model = BoosterFile::parse("m.txt", renamed.as_bytes()).unwrap();
        assert_eq!((model.names().len(), model.names()[13].as_str()), (14, "f13"));
        let default = (0..14).map(|c| format!("Column_{c}")).collect::<Vec<_>>().join(" ");
        let unnamed = text.replace(line, &format!("feature_names={default}"));
        assert!(BoosterFile::parse("m.txt", unnamed.as_bytes()).unwrap().names().is_empty());
        let short = text.replace(line, "feature_names=a b");
        let error = BoosterFile::parse("m.txt", short.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("2 names of 14 columns"), "{error}");
    }
}
