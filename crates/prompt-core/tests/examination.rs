//! A small honest learner passes the examination, dishonest ones fail it, and a whole pipeline of core's own
//! parts is fitted, saved, loaded and scored.
use std::ops::Range;
use std::sync::Arc;

use prompt_core::artifact::{Bundle, Catalog, Manifest, Node, save};
use prompt_core::{
    Artifact, Batch, ClassWeight, Classes, Dense, Error, Featurizer, Fit, FitContext, Learner, Legal, Matrix,
    Model, Names, Output, Persist, Predict, Result, RowView, Scorer, Scratch, SparseRow, Tags, Target,
    TextLearner, Texts, Then, Union, params, softmax, transform_by_featurizing,
};

params! {
    /// Nearest class centre by inner product: margin = x·mean_c − |mean_c|²/2 + ln prior_c.
    pub struct Centre named "centre" {
        /// Sharpness of the probabilities.
        sharpness: f64 = 1.0, Legal::positive();
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or class → weight");
    }
}

/// What was learned.
#[derive(Debug, Clone)]
pub struct FittedCentre {
    output: Output,
    cols: usize,
    /// One row of centres a class, then one offset a class.
    centres: Vec<f64>,
    offsets: Vec<f64>,
}

impl Learner for Centre {
    type Fitted = FittedCentre;
    const TAGS: Tags = Tags::CLASSIFIER;

    fn learn(&self, x: &Matrix, y: &Target, _: &FitContext) -> Result<FittedCentre> {
        let (codes, classes) = y.as_classes()?;
        let weights = self.class_weight.row_weights(y)?.unwrap_or_else(|| vec![1.0; x.rows()]);
        let (k, cols) = (classes.len(), x.cols());
        let (mut centres, mut mass) = (vec![0.0; k * cols], vec![0.0; k]);
        for i in 0..x.rows() {
            let c = codes[i] as usize;
            mass[c] += weights[i];
            x.row(i).for_each(|j, v| centres[c * cols + j] += weights[i] * v);
        }
        let total: f64 = mass.iter().sum();
        let mut offsets = Vec::new();
        for c in 0..k {
            let centre = &mut centres[c * cols..(c + 1) * cols];
            centre.iter_mut().for_each(|v| *v *= self.sharpness / mass[c].max(f64::MIN_POSITIVE));
            let norm: f64 = centre.iter().map(|v| v * v).sum();
            offsets.push((mass[c] / total).max(1e-300).ln() - norm / (2.0 * self.sharpness));
        }
        Ok(FittedCentre { output: Output::Classes(classes.clone()), cols, centres, offsets })
    }
}

impl Model for FittedCentre {
    fn output(&self) -> &Output {
        &self.output
    }
    fn n_features(&self) -> usize {
        self.cols
    }
    fn score_row(&self, row: RowView<'_>, _: &mut Scratch, out: &mut [f64]) {
        for (c, out) in out.iter_mut().enumerate() {
            *out = row.dot(&self.centres[c * self.cols..(c + 1) * self.cols]) + self.offsets[c];
        }
        softmax(out);
    }
}

impl Persist for FittedCentre {
    fn kind(&self) -> &'static str {
        "centre"
    }
    fn encode(&self) -> Result<Node> {
        let node = Node::new("centre", 1).meta(&(self.output.classes(), self.cols))?;
        Ok(node.f64s("centres", self.centres.clone()).f64s("offsets", self.offsets.clone()))
    }
}

impl Artifact for FittedCentre {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect("centre", 1)?;
        let (classes, cols): (Classes, usize) = node.get_meta()?;
        let k = classes.len();
        Ok(Self {
            output: Output::Classes(classes),
            cols,
            centres: node.get_f64s("centres", Some(k * cols))?.to_vec(),
            offsets: node.get_f64s("offsets", Some(k))?.to_vec(),
        })
    }
}

#[test]
fn a_fit_that_runs_away_is_refused_by_name_with_what_to_do() {
    let x = Matrix::from(Dense::from_rows(&[[1.0, 4.0], [3.0, 1.0], [2.0, 2.0]]));
    let y = Target::labels(["a", "b", "a"]);
    let ctx = FitContext::new(1);
    assert!(Centre::default().fit(&x, &y, &ctx).is_ok());
    let error = Centre::default().sharpness(1e308).fit(&x, &y, &ctx).unwrap_err().to_string();
    assert_eq!(error, "centre: the fit came to numbers that are not finite; scale the columns");
    // Numbers that cannot be squared are named before anything is learned from them.
    let x = Matrix::from(Dense::from_rows(&[[1.0, 4.0], [3.0, 1e200], [2.0, 2.0]]));
    let error = Centre::default().fit(&x, &y, &ctx).unwrap_err().to_string();
    assert!(error.contains("a number too large to be squared at row 1, column 1"), "{error}");
    assert!(error.contains("scale the column"), "{error}");
}

#[test]
fn a_score_that_is_not_finite_is_an_error_with_its_row() {
    let x = Matrix::from(Dense::from_rows(&[[1.0, 4.0], [3.0, 1.0], [2.0, 2.0]]));
    let model = Centre::default().fit(&x, &Target::labels(["a", "b", "a"]), &FitContext::new(1)).unwrap();
    let wide = Matrix::from(Dense::from_rows(&[[1.0, 4.0], [f64::MAX, f64::MAX]]));
    let error = model.predict(&wide).unwrap_err().to_string();
    assert!(error.starts_with("centre: the score of row 1 is NaN; its numbers are too large"), "{error}");
}

params! {
    /// Counts of letters.
    pub struct Letters named "letters" {
        /// Whether `A` counts as `a`.
        lowercase: bool = true, Legal::Bool;
    }
}

/// What was learned.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedLetters {
    params: Letters,
    names: Names,
}

impl FittedLetters {
    fn new(params: Letters) -> Self {
        Self { params, names: Names::list(('a'..='z').map(String::from)) }
    }

    fn column(&self, c: char) -> Option<u32> {
        let c = if self.params.lowercase { c.to_ascii_lowercase() } else { c };
        c.is_ascii_lowercase().then(|| u32::from(c) - u32::from('a'))
    }
}

impl TextLearner for Letters {
    type Fitted = FittedLetters;
    type Output = Matrix;
    fn learn(&self, texts: &dyn Texts, _: &FitContext) -> Result<(FittedLetters, Matrix)> {
        let fitted = FittedLetters::new(self.clone());
        let x = fitted.featurize(texts)?;
        Ok((fitted, x))
    }
}

impl Featurizer for FittedLetters {
    fn names(&self) -> &Names {
        &self.names
    }
    fn append_row(&self, text: &str, offset: u32, scratch: &mut Scratch, row: &mut SparseRow) {
        let counts: &mut Vec<u32> = scratch.get();
        counts.clear();
        counts.resize(26, 0);
        text.chars().filter_map(|c| self.column(c)).for_each(|j| counts[j as usize] += 1);
        counts
            .iter()
            .enumerate()
            .filter(|(_, n)| **n > 0)
            .for_each(|(j, n)| row.push(offset + j as u32, *n as f32));
    }
    fn visit_spans(&self, text: &str, visit: &mut dyn FnMut(u32, Range<usize>)) {
        for (at, c) in text.char_indices() {
            if let Some(column) = self.column(c) {
                visit(column, at..at + c.len_utf8());
            }
        }
    }
}

transform_by_featurizing!(FittedLetters);

impl Persist for FittedLetters {
    fn kind(&self) -> &'static str {
        "letters"
    }
    fn encode(&self) -> Result<Node> {
        Node::new("letters", 1).meta(&self.params)
    }
}

impl Artifact for FittedLetters {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect("letters", 1)?;
        Ok(Self::new(node.get_meta()?))
    }
}

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    catalog.model::<FittedCentre>("centre").features::<FittedLetters>("letters");
    catalog
}

prompt_core::estimator_checks! {
    catalog: catalog();
    centre: Centre::default();
}

prompt_core::text_estimator_checks! {
    catalog: catalog();
    letters: Letters::default();
    letters_as_they_are: Letters::default().lowercase(false);
}

/// A learner that breaks its word: it ignores weights.
mod dishonest {
    use super::*;

    params! {
        /// Ignores weights.
        pub struct Deaf named "deaf" {
            /// Unused.
            unused: bool = true, Legal::Bool;
        }
    }

    impl Learner for Deaf {
        type Fitted = FittedCentre;
        const TAGS: Tags = Tags::CLASSIFIER;
        fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<FittedCentre> {
            let (codes, classes) = y.as_classes()?;
            Centre::default().learn(x, &Target::codes(codes.to_vec(), classes.clone())?, ctx)
        }
    }

    #[test]
    #[should_panic(expected = "rows of weight 0 still count")]
    fn a_learner_that_ignores_weights_is_caught() {
        prompt_core::checks::learner::run(
            "weights_are_honoured_or_refused",
            &Deaf::default(),
            &catalog(),
            &[],
        );
    }

    #[test]
    fn an_exception_with_a_reason_lets_it_pass() {
        let reason = [("weights_are_honoured_or_refused", "made to fail")];
        prompt_core::checks::learner::run(
            "weights_are_honoured_or_refused",
            &Deaf::default(),
            &catalog(),
            &reason,
        );
    }

    #[test]
    #[should_panic(expected = "remove the exception")]
    fn an_exception_that_is_not_needed_fails() {
        let reason = [("fit_is_repeatable", "not needed")];
        prompt_core::checks::learner::run("fit_is_repeatable", &Deaf::default(), &catalog(), &reason);
    }
}

const TEXTS: [&str; 6] = ["aaaa bb", "aaa b", "aab a", "zzzz yy", "zzy", "zz yyz"];

fn target() -> Target {
    Target::labels(["a", "a", "a", "z", "z", "z"])
}

#[test]
fn typed_and_chosen_pipelines_are_the_same_code_and_give_the_same_bits() {
    let ctx = FitContext::new(1);
    let typed = Letters::default().then(Centre::default()).fit(&TEXTS, &target(), &ctx).unwrap();
    let chosen: Box<dyn prompt_core::TextEstimator> = Box::new(Letters::default());
    let learner: Box<dyn prompt_core::Estimator> = Box::new(Centre::default());
    let chosen = prompt_core::Chain::new(chosen, learner).fit(&TEXTS, &target(), &ctx).unwrap();
    let (a, b) = (typed.predict(&TEXTS).unwrap(), chosen.predict(&TEXTS).unwrap());
    assert_eq!(a, b);
    assert_eq!(a.labels().unwrap(), ["a", "a", "a", "z", "z", "z"]);
}

#[test]
fn a_union_is_scored_saved_and_loaded() {
    let union =
        Union::new().with("any", Letters::default()).with("small", Letters::default().lowercase(false));
    let fitted = union.then(Centre::default()).fit(&TEXTS, &target(), &FitContext::new(1)).unwrap();
    assert_eq!(fitted.first().names().get(26), "small__a");
    let scorer: Arc<dyn Scorer> = fitted.into();
    let whole = scorer.score(Batch::Texts(&TEXTS)).unwrap();
    let (mut scratch, mut out) = (Scratch::new(), [0.0; 2]);
    for (i, text) in TEXTS.iter().enumerate() {
        scorer.score_text(text, &mut scratch, &mut out).unwrap();
        assert_eq!(whole[0].row(i), out);
    }
    assert!(scorer.score_text("x", &mut scratch, &mut [0.0; 3]).is_err());

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    save(&path, &scorer, Manifest { seed: 1, ..Manifest::default() }).unwrap();
    save(&path, &scorer, Manifest { seed: 2, ..Manifest::default() }).unwrap();
    let bundle = Bundle::open(&path).unwrap();
    assert_eq!((bundle.manifest.seed, bundle.manifest.kind.as_str()), (2, "chain"));
    let back = catalog().decode_scorer(&bundle.root).unwrap();
    assert_eq!(back.score(Batch::Texts(&TEXTS)).unwrap(), whole);
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["model"], "nothing is left beside the model");
}

#[test]
fn a_newer_format_and_an_unknown_kind_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    let fitted =
        Letters::default().then(Centre::default()).fit(&TEXTS, &target(), &FitContext::new(1)).unwrap();
    save(&path, &fitted, Manifest::default()).unwrap();
    let root = Bundle::open(&path).unwrap().root;
    let error = Catalog::new().decode(&root).unwrap_err();
    assert!(error.to_string().starts_with("unknown artifact kind `letters`"), "{error}");
    let manifest = std::fs::read_to_string(path.join("manifest.json")).unwrap();
    std::fs::write(
        path.join("manifest.json"),
        manifest.replace("\"format_version\": 1", "\"format_version\": 9"),
    )
    .unwrap();
    let error = Bundle::open(&path).unwrap_err().to_string();
    assert!(
        error.contains("format version 9 is newer than 1") && error.contains("update the program"),
        "{error}"
    );
}

#[test]
fn a_read_only_folder_and_a_file_are_refused_without_leftovers() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let fitted = FittedLetters::new(Letters::default());
    assert!(matches!(save(&file.join("model"), &fitted, Manifest::default()), Err(Error::Io { .. })));
    assert!(Bundle::open(&file).unwrap_err().to_string().contains("name the folder"));
    assert!(Bundle::open(dir.path()).unwrap_err().to_string().contains("there is no manifest.json"));
    assert!(matches!(Bundle::open(&dir.path().join("none")), Err(Error::Io { .. })));
    std::fs::create_dir(dir.path().join(".none.old-1-1")).unwrap();
    let error = Bundle::open(&dir.path().join("none")).unwrap_err().to_string();
    assert!(error.contains("interrupted") && error.contains(".none.old-1-1"), "{error}");
}

#[test]
fn saving_replaces_a_model_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let fitted = FittedLetters::new(Letters::default());
    let attempt = |path: &std::path::Path| save(path, &fitted, Manifest::default());

    let notes = dir.path().join("notes");
    std::fs::create_dir(&notes).unwrap();
    std::fs::write(notes.join("thesis.txt"), "three years").unwrap();
    let error = attempt(&notes).unwrap_err().to_string();
    assert!(error.contains("thesis.txt") && error.contains("save to a new folder"), "{error}");
    assert_eq!(std::fs::read_to_string(notes.join("thesis.txt")).unwrap(), "three years");

    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    assert!(attempt(&file).unwrap_err().to_string().contains("a file, not a folder"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "x");

    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    attempt(&empty).unwrap();
    attempt(&empty).unwrap();
    Bundle::open(&empty).unwrap();
    let mut left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["empty", "file", "notes"], "nothing is left beside them");
}
