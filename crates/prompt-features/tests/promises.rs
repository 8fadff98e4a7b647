//! What the stages of this crate promise beyond the examination that every stage sits (`examination.rs`).

// A test says what it expects by unwrapping, its helpers too.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test builds, it unwraps as the test does")]

use std::ops::Range;

use prompt_core::artifact::{Artifact, Bundle, Catalog, Manifest, Node, Persist, save};
use prompt_core::{
    Csr, Featurizer, Fit, FitContext, FitTransform, FittedUnion, Matrix, Params, Scratch, SparseRow,
    TextEstimator, Union, featurize,
};
use prompt_features::{
    Analyzer, CountVectorizer, Frequency, HashingVectorizer, StopWords, StripAccents, Surface, SurfaceScale,
    Tfidf, register,
};
use serde_json::{Value, json};

/// A few hundred prompts of many kinds, made from the parts of a few.
fn texts() -> Vec<String> {
    let openings =
        ["Please", "ÉCRIS", "schreib", "Напиши", "请", "🙂 Write", "Can you", "İstanbul'da", "  \t", ""];
    let objects = [
        "a short story about the sea",
        "ein Gedicht über große Straßen",
        "cre\u{300}me bru\u{302}le\u{301}e for 12 guests?",
        "ΟΔΟΣ ΣΟΦΟΣ",
        "写一个例子。",
        "код на Python, for example!",
        "snake_case_and_a_very_long_identifier_that_is_longer_than_sixteen_bytes",
        "\"quoted\" text. Include details",
    ];
    let endings = ["", " now", " — the end.", " 🚀🚀", " x", " the sea the sea the sea"];
    let mut out = Vec::new();
    for (i, opening) in openings.iter().enumerate() {
        for (j, object) in objects.iter().enumerate() {
            for (k, ending) in endings.iter().enumerate().skip((i + j) % 2) {
                out.push(format!("{opening} {object}{ending} {}", (i * 7 + j * 3 + k) % 50));
            }
        }
    }
    out
}

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    register(&mut catalog);
    catalog
}

fn stages() -> Vec<Box<dyn TextEstimator>> {
    let tfidf = Tfidf::default();
    vec![
        Box::new(CountVectorizer::default().ngram_range((1, 3))),
        Box::new(tfidf.clone().ngram_range((1, 2)).max_features(Some(150)).sublinear_tf(true)),
        Box::new(
            tfidf.clone().ngram_range((2, 3)).stop_words(StopWords::English).min_df(Frequency::Count(2)),
        ),
        Box::new(tfidf.clone().analyzer(Analyzer::CharWb).ngram_range((3, 5)).max_features(Some(300))),
        Box::new(
            tfidf.clone().analyzer(Analyzer::CharWb).ngram_range((1, 9)).strip_accents(StripAccents::Unicode),
        ),
        Box::new(tfidf.clone().analyzer(Analyzer::Char).ngram_range((1, 5)).max_df(Frequency::Share(0.5))),
        Box::new(tfidf.strip_accents(StripAccents::Ascii).binary(true).max_features(Some(40))),
        Box::new(HashingVectorizer::default().ngram_range((1, 2)).n_features(500)),
        Box::new(HashingVectorizer::default().analyzer(Analyzer::Char).ngram_range((2, 3)).n_features(97)),
        Box::new(Surface::default().scale(SurfaceScale::Standard)),
        Box::new(Surface::default().scale(SurfaceScale::Log)),
    ]
}

fn bits(x: &Matrix) -> (Vec<usize>, Vec<u32>, Vec<u32>) {
    let Matrix::Sparse(x) = x else { panic!("sparse rows") };
    (x.indptr().to_vec(), x.indices().to_vec(), x.values().iter().map(|v| v.to_bits()).collect())
}

#[test]
fn warm_memory_is_not_grown() {
    let texts = texts();
    for stage in stages() {
        let fitted = stage.fit(&texts, &(), &FitContext::new(1)).unwrap();
        let (mut scratch, mut row) = (Scratch::new(), SparseRow::default());
        let mut all = || {
            for text in &texts {
                row.clear();
                fitted.append_row(text, 0, &mut scratch, &mut row);
            }
            (row.indices.capacity(), row.values.capacity(), row.indices.as_ptr() as usize)
        };
        let warm = all();
        assert_eq!(warm, all(), "{}", stage.name());
    }
}

fn whole() -> Union<Box<dyn TextEstimator>> {
    Union::new()
        .with("word", Tfidf::default().ngram_range((1, 2)))
        .with("char", Tfidf::default().analyzer(Analyzer::CharWb).ngram_range((3, 5)).max_features(Some(200)))
        .with("hash", HashingVectorizer::default().n_features(64))
        .with("count", CountVectorizer::default().analyzer(Analyzer::Char).ngram_range((2, 2)))
        .with("surface", Surface::default())
}

#[test]
fn a_union_is_fitted_saved_and_loaded_with_the_same_bits() {
    let texts = texts();
    let (fitted, x) = whole().fit_transform(&texts, &(), &FitContext::new(1)).unwrap();
    assert_eq!(x.names().get(x.cols() - 1), "surface__avg_sentence_length");
    assert_eq!(bits(&x), bits(&featurize(&fitted, &texts).unwrap()));
    let folder = std::env::temp_dir().join(format!("prompt-features-{}", std::process::id()));
    save(&folder, &fitted, Manifest::default()).unwrap();
    let bundle = Bundle::open(&folder).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let catalog = catalog();
    let loaded = FittedUnion::<std::sync::Arc<dyn Featurizer>>::decode(&bundle.root, &catalog).unwrap();
    assert_eq!(loaded.names(), fitted.names());
    assert_eq!(bits(&x), bits(&featurize(&loaded, &texts).unwrap()));
    assert_eq!(loaded.encode().unwrap(), fitted.encode().unwrap());
}

#[test]
fn damaged_artifacts_are_refused() {
    let texts = texts();
    let catalog = catalog();
    let refused = |node: &Node, part: &str| {
        let error = catalog.decode(node).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    let tfidf = Tfidf::default().fit(&texts, &(), &FitContext::new(1)).unwrap();
    let good = tfidf.encode().unwrap();
    assert!(catalog.decode(&good).is_ok());
    refused(&good.clone().f64s("idf", tfidf.idf()[1..].to_vec()), "idf");
    refused(&good.clone().f64s("idf", vec![f64::NAN; tfidf.idf().len()]), "NaN");
    refused(&good.clone().f64s("idf", vec![f64::INFINITY; tfidf.idf().len()]), "idf");
    refused(&good.clone().strings("terms", tfidf.terms().skip(1)), "idf");
    refused(&good.clone().strings("terms", tfidf.terms().map(|_| "same")), "given twice");
    refused(&good.clone().meta(&json!({"norm": "l3"})).unwrap(), "l3");
    refused(&good.meta(&json!({"ngram_range": [2, 1]})).unwrap(), "ngram_range");
    refused(&Node::new("tfidf", 2), "newer");
    let surface = Surface::default().fit(&texts, &(), &FitContext::new(1)).unwrap();
    refused(&surface.encode().unwrap().f64s("divisors", vec![1.0; 13]), "divisors");
    refused(&surface.encode().unwrap().f64s("divisors", vec![0.0; 14]), "divisor");
    refused(&Node::new("hashing_vectorizer", 1).meta(&json!({"n_features": 0})).unwrap(), "n_features");
}

fn spans(stage: &dyn TextEstimator, text: &str) -> Vec<(String, String)> {
    let (fitted, _) = stage.fit_texts(&[text], &FitContext::new(1)).unwrap();
    let mut out = Vec::new();
    fitted.visit_spans(text, &mut |column, range: Range<usize>| {
        out.push((fitted.names().get(column as usize).into_owned(), text[range].to_owned()));
    });
    out
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn spans_are_slices_of_the_users_own_text() {
    let word = Tfidf::default().strip_accents(StripAccents::Unicode);
    assert_eq!(
        spans(&word, "CAFE\u{301} Ⅷ straße, İki ﬁne! x"),
        pairs(&[
            ("cafe", "CAFE\u{301}"),
            ("viii", "Ⅷ"),
            ("straße", "straße"),
            ("iki", "İki"),
            ("fine", "ﬁne")
        ])
    );
    let stopped = Tfidf::default().ngram_range((2, 2)).stop_words(StopWords::English);
    assert_eq!(spans(&stopped, "Plan  the TRIP"), pairs(&[("plan trip", "Plan  the TRIP")]));
    let inside = Tfidf::default().analyzer(Analyzer::CharWb).ngram_range((3, 3));
    assert_eq!(
        spans(&inside, "ÄB\u{3000}cdé"),
        pairs(&[(" äb", "ÄB"), ("äb ", "ÄB"), (" cd", "cd"), ("cdé", "cdé"), ("dé ", "dé")])
    );
    let all = Tfidf::default().analyzer(Analyzer::Char).ngram_range((3, 3));
    assert_eq!(spans(&all, "A \t\u{3000}ß"), pairs(&[("a ß", "A \t\u{3000}ß")]));
    let surface = Surface::default();
    assert_eq!(
        spans(&surface, "Is 'a' FORMAT ok?"),
        pairs(&[
            ("word_count", "Is"),
            ("word_count", "'a'"),
            ("word_count", "FORMAT"),
            ("word_count", "ok?"),
            ("has_quotes", "'"),
            ("question_marks", "?"),
            ("has_format_words", "FORMAT"),
        ])
    );
}

/// Every column of a row is led back to at least one place, and no other column is.
#[test]
fn spans_and_rows_agree() {
    let texts = texts();
    for stage in stages().iter().filter(|s| s.name() != "surface") {
        let (fitted, x) = stage.fit_transform(&texts, &(), &FitContext::new(1)).unwrap();
        let lone_space = |j: usize| fitted.names().get(j).trim().is_empty();
        for (i, text) in texts.iter().enumerate() {
            let mut visited = vec![false; fitted.width()];
            fitted.visit_spans(text, &mut |column, range| {
                assert!(text.get(range).is_some_and(|part| !part.is_empty()));
                visited[column as usize] = true;
            });
            let mut filled = vec![false; fitted.width()];
            x.row(i).for_each(|j, _| filled[j] = true);
            if stage.name() == "hashing_vectorizer" {
                // Signs may cancel out.
                assert!(filled.iter().zip(&visited).all(|(f, v)| !f || *v));
            } else {
                let differs = (0..fitted.width()).find(|&j| filled[j] != visited[j] && !lone_space(j));
                assert_eq!(differs.map(|j| fitted.names().get(j)), None, "{} {text}", stage.params());
            }
        }
    }
}

#[test]
fn parameters_that_disagree_name_one_of_them() {
    let bad = |stage: &dyn TextEstimator, name: &str, value: Value| {
        let error = stage.with_param(name, &value).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(stage.name()) && error.contains(&format!("`{name}`")), "{error}");
    };
    let (tfidf, count) = (Tfidf::default(), CountVectorizer::default());
    for stage in [&tfidf as &dyn TextEstimator, &count] {
        bad(stage, "ngram_range", json!([0, 1]));
        bad(stage, "ngram_range", json!([3, 2]));
        bad(stage, "min_df", json!(0));
        bad(stage, "min_df", json!(1.5));
        bad(stage, "max_df", json!(-0.1));
        bad(stage, "max_df", json!("half"));
        bad(stage, "stop_words", json!("klingon"));
        bad(stage, "vocabulary", json!([]));
        bad(stage, "max_features", json!(0));
    }
    bad(&tfidf.clone().analyzer(Analyzer::CharWb), "stop_words", json!("english"));
    bad(&HashingVectorizer::default().analyzer(Analyzer::Char), "stop_words", json!(["a"]));
    bad(&HashingVectorizer::default().analyzer(Analyzer::CharWb), "token_pattern", json!(r"(?u)\b\w+\b"));
    bad(&tfidf, "token_pattern", json!("[a-z]+"));
    let fixed = tfidf.clone().vocabulary(Some(vec!["one".into()]));
    bad(&fixed, "max_features", json!(5));
    bad(&fixed, "min_df", json!(2));
    bad(&fixed, "max_df", json!(0.5));
    let unknown = Params::with_param(&tfidf, "nonsense", &json!(1)).unwrap_err().to_string();
    assert!(unknown.contains("ngram_range"));
}

#[test]
fn texts_that_teach_nothing_give_an_error_that_helps() {
    let error = |stage: &Tfidf, texts: &[&str]| {
        stage.fit(texts, &(), &FitContext::new(0)).map(|_| ()).unwrap_err().to_string()
    };
    let tfidf = Tfidf::default();
    assert_eq!(error(&tfidf, &[]), "tfidf: no texts to learn from; give at least one text");
    assert!(error(&tfidf, &["", "a b 🙂🙂"]).starts_with("tfidf: empty vocabulary: "));
    assert!(error(&tfidf.clone().stop_words(StopWords::English), &["the and"]).contains("fewer stop words"));
    assert!(error(&tfidf.clone().analyzer(Analyzer::Char), &[""]).contains("empty vocabulary"));
    assert_eq!(
        error(&tfidf.clone().min_df(Frequency::Count(2)).max_df(Frequency::Count(5)), &["one", "two"]),
        "tfidf: no term occurs in between 2 and 5 of the 2 documents; lower min_df or raise max_df"
    );
    assert!(
        error(&tfidf.clone().min_df(Frequency::Count(3)).max_df(Frequency::Share(0.5)), &["one"; 4])
            .contains("`max_df`")
    );
    let fixed = tfidf.clone().vocabulary(Some(vec!["one".into(), "one".into()]));
    assert!(error(&fixed, &["one"]).contains("`one` is given twice"));
    let unseen = tfidf.vocabulary(Some(vec!["one".into(), "two".into()])).smooth_idf(false);
    assert!(error(&unseen, &["one"]).contains("`smooth_idf`"));
}

#[test]
fn long_texts_and_long_ngrams_are_taken() {
    let long = "Plan a trip. ЁЛКА 🙂 naïve_2 ".repeat(32_000);
    assert!(long.len() > 1_000_000);
    for n in 1..=5 {
        for stage in stages().iter().filter(|s| s.name() != "surface") {
            let Ok(stage) = stage.with_param("ngram_range", &json!([1, n])) else {
                panic!("{}", stage.name())
            };
            let (_, x) = stage
                .fit_transform(&[long.as_str(), "Plan a trip", "Trip"], &(), &FitContext::new(0))
                .unwrap();
            assert_eq!(x.rows(), 3);
            assert_eq!(x.first_not_finite(), None);
        }
    }
    // Three words over and over: so many distinct n-grams of each length, each this often.
    let count = CountVectorizer::default().ngram_range((1, 5));
    let (fitted, x) = count.fit_transform(&[long.as_str()], &(), &FitContext::new(0)).unwrap();
    assert_eq!(fitted.terms().count(), 4 * 5);
    let mut counts: Vec<f64> = x.to_dense().row(0).to_vec();
    counts.sort_by(f64::total_cmp);
    assert_eq!((counts[0], counts[19]), (31_999.0, 32_000.0));
}

#[test]
fn max_features_keeps_the_most_frequent_and_then_the_first() {
    let texts = ["bb cc dd", "bb cc aa", "zz bb aa dd"];
    let keep = |n| {
        let count = CountVectorizer::default().max_features(Some(n));
        let fitted = count.fit(&texts, &(), &FitContext::new(0)).unwrap();
        fitted.terms().map(std::borrow::Cow::into_owned).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        [keep(1), keep(2), keep(3), keep(5), keep(9)],
        ["bb", "aa bb", "aa bb cc", "aa bb cc dd zz", "aa bb cc dd zz"]
    );
    // The same by way of document frequencies.
    let by_df = CountVectorizer::default().max_features(Some(2)).binary(true);
    let fitted = by_df.fit(&texts, &(), &FitContext::new(0)).unwrap();
    assert_eq!(fitted.terms().collect::<Vec<_>>(), ["aa", "bb"]);
}

/// Terms that cannot stay are dropped while they are counted; the result is that of counting all and choosing then.
#[test]
fn dropping_early_changes_nothing() {
    let texts = texts();
    let wide = |analyzer, range| CountVectorizer::default().analyzer(analyzer).ngram_range(range);
    let all = [
        wide(Analyzer::Word, (1, 2)),
        wide(Analyzer::Word, (1, 4)),
        wide(Analyzer::Word, (2, 3)).stop_words(StopWords::List(vec!["the".into(), "на".into()])),
        wide(Analyzer::Word, (3, 3)),
        wide(Analyzer::CharWb, (2, 9)),
        wide(Analyzer::Char, (1, 4)),
    ];
    for count in all {
        let ctx = FitContext::new(0);
        let (fitted, x) = count.fit_transform(&texts, &(), &ctx).unwrap();
        let dense = x.to_dense();
        let (mut total, mut df) = (vec![0.0; x.cols()], vec![0u64; x.cols()]);
        for i in 0..x.rows() {
            for (j, &v) in dense.row(i).iter().enumerate() {
                total[j] += v;
                df[j] += u64::from(v > 0.0);
            }
        }
        let terms: Vec<String> = fitted.terms().map(std::borrow::Cow::into_owned).collect();
        let chosen = |n: usize, least: u64| {
            let mut kept: Vec<usize> = (0..terms.len()).filter(|&j| df[j] >= least).collect();
            kept.sort_by(|&a, &b| total[b].total_cmp(&total[a]).then(a.cmp(&b)));
            kept.truncate(n);
            kept.sort_unstable();
            kept.into_iter().map(|j| terms[j].clone()).collect::<Vec<_>>()
        };
        for n in [1, 7, 40, 41, 42, 150, 1_000_000] {
            let top = count.clone().max_features(Some(n)).fit(&texts, &(), &ctx).unwrap();
            assert_eq!(top.terms().collect::<Vec<_>>(), chosen(n, 1), "{count:?} {n}");
            let often = count.clone().max_features(Some(n)).min_df(Frequency::Count(9));
            let often = often.fit(&texts, &(), &ctx).unwrap();
            assert_eq!(often.terms().collect::<Vec<_>>(), chosen(n, 9), "{count:?} {n}");
        }
    }
}

#[test]
fn surface_numbers_are_scaled_by_what_was_seen() {
    let texts = ["one two", "one two three four", "one?"];
    let fit =
        |scale| Surface::default().scale(scale).fit_transform(&texts, &(), &FitContext::new(0)).unwrap();
    let column =
        |x: &Matrix, j: usize| x.to_dense().data().iter().copied().skip(j).step_by(14).collect::<Vec<_>>();
    let (_, raw) = fit(SurfaceScale::None);
    assert_eq!(column(&raw, 0), [2.0, 4.0, 1.0]);
    let (fitted, largest) = fit(SurfaceScale::MaxAbs);
    assert_eq!(column(&largest, 0), [0.5, 1.0, 0.25]);
    assert_eq!(fitted.divisors()[9], 1.0);
    let (fitted, _) = fit(SurfaceScale::Standard);
    // Population variance of 2, 4, 1: 14/9.
    assert!((fitted.divisors()[0] - (14.0f64 / 9.0).sqrt()).abs() < 1e-12);
    let (_, log) = fit(SurfaceScale::Log);
    assert!((column(&log, 0)[1] - 5.0f64.ln()).abs() < 1e-6);
}

#[test]
fn scratch_can_go_from_one_stage_to_another() {
    let texts = texts();
    let fitted: Vec<_> =
        stages().iter().map(|s| s.fit_transform(&texts, &(), &FitContext::new(0)).unwrap()).collect();
    let (mut scratch, mut row) = (Scratch::new(), SparseRow::default());
    for (i, text) in texts.iter().enumerate().step_by(17) {
        for (stage, x) in &fitted {
            row.clear();
            stage.append_row(text, 0, &mut scratch, &mut row);
            assert_eq!(row.view(), x.row(i));
        }
    }
    let empty: Vec<&str> = Vec::new();
    let none = featurize(&*fitted[0].0, &empty).unwrap();
    assert_eq!((none.rows(), none.cols()), (0, fitted[0].1.cols()));
    let _: &Csr = match &fitted[0].1 {
        Matrix::Sparse(x) => x,
        Matrix::Dense(_) => panic!("sparse rows"),
    };
    assert!(Tfidf::default().validate().is_ok());
}
