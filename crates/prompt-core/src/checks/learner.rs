//! Checks of learners over a matrix.

use super::{Outcome, damage_is_refused, ensure, text_of, with_saved};
use crate::artifact::{Bundle, Catalog, Loaded};
use crate::context::{CancelToken, FitContext};
use crate::error::Error;
use crate::matrix::{CsrBuilder, Dense, Matrix};
use crate::model::{Estimator, Model, Task, predict};
use crate::prediction::Prediction;
use crate::seed::Seed;
use crate::target::Target;

/// A check of one estimator.
pub type Check = fn(&dyn Estimator, &Catalog) -> Outcome;

/// Every check by name.
pub const ALL: &[(&str, Check)] = &[
    ("fit_is_repeatable", fit_is_repeatable),
    ("threads_do_not_change_a_bit", threads_do_not_change_a_bit),
    ("rows_do_not_see_each_other", rows_do_not_see_each_other),
    ("scores_are_sound", scores_are_sound),
    ("it_learns", it_learns),
    ("weights_are_honoured_or_refused", weights_are_honoured_or_refused),
    ("class_weights_are_honoured", class_weights_are_honoured),
    ("bad_parameters_name_themselves", bad_parameters_name_themselves),
    ("nan_is_refused_unless_declared", nan_is_refused_unless_declared),
    ("infinity_is_refused", infinity_is_refused),
    ("negative_numbers_are_refused_unless_declared", negative_numbers_are_refused_unless_declared),
    ("empty_input_is_refused", empty_input_is_refused),
    ("one_row_is_refused_unless_declared", one_row_is_refused_unless_declared),
    ("one_class_is_refused_unless_declared", one_class_is_refused_unless_declared),
    ("a_constant_target_is_predicted", a_constant_target_is_predicted),
    ("another_width_is_refused", another_width_is_refused),
    ("sparse_and_dense_agree", sparse_and_dense_agree),
    ("saving_keeps_every_bit", saving_keeps_every_bit),
    ("damage_is_refused", a_damaged_artifact_is_refused),
    ("a_cancelled_fit_stops", a_cancelled_fit_stops),
];

/// Runs a check by name.
///
/// # Panics
/// As a test does, when the outcome is not what the exceptions let expect or there is no such check.
#[track_caller]
pub fn run(check: &str, estimator: &dyn Estimator, catalog: &Catalog, exceptions: &[(&str, &str)]) {
    super::run_one(ALL, check, (estimator.name(), estimator), catalog, exceptions);
}

/// One test for each learner and check; see [`checks`](crate::checks).
#[macro_export]
macro_rules! estimator_checks {
    (catalog: $catalog:expr; $($name:ident: $estimator:expr $(, except $check:ident because $reason:literal)*;)+) => {
        $(mod $name {
            #[allow(unused_imports, reason = "the estimator may need none of the surrounding names")]
            use super::*;
            const EXCEPTIONS: &[(&str, &str)] = &[$((stringify!($check), $reason)),*];
            $crate::estimator_checks!(@tests $catalog, $estimator;
                fit_is_repeatable threads_do_not_change_a_bit rows_do_not_see_each_other scores_are_sound it_learns
                weights_are_honoured_or_refused class_weights_are_honoured bad_parameters_name_themselves
                nan_is_refused_unless_declared infinity_is_refused negative_numbers_are_refused_unless_declared
                empty_input_is_refused one_row_is_refused_unless_declared one_class_is_refused_unless_declared
                a_constant_target_is_predicted another_width_is_refused sparse_and_dense_agree saving_keeps_every_bit
                damage_is_refused a_cancelled_fit_stops);
        })+
    };
    (@tests $catalog:expr, $estimator:expr; $($check:ident)+) => {
        $(
            #[test]
            fn $check() {
                $crate::checks::learner::run(stringify!($check), &$estimator, &$catalog, EXCEPTIONS);
            }
        )+
        #[test]
        fn every_check_is_run() {
            let run = [$(stringify!($check)),+];
            let all: Vec<&str> = $crate::checks::learner::ALL.iter().map(|(name, _)| *name).collect();
            assert_eq!(run.as_slice(), all.as_slice());
        }
    };
}

/// 150 rows of 12 counts in quarters (exact in f32), a third of them zero, that three classes or a number
/// depend on, with some noise.
struct Data {
    x: Matrix,
    y: Target,
}

const ROWS: usize = 150;
const COLS: usize = 12;

impl Data {
    fn of(estimator: &dyn Estimator) -> Self {
        Self::rows(estimator, ROWS)
    }

    fn rows(estimator: &dyn Estimator, n: usize) -> Self {
        Self::sized(estimator, n, COLS)
    }

    fn sized(estimator: &dyn Estimator, n: usize, cols: usize) -> Self {
        let mut rng = Seed::new(2024).rng();
        let mut data = Vec::with_capacity(n * cols);
        let (mut labels, mut values) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let class = rng.below(3);
            let start = data.len();
            for j in 0..cols {
                let favoured = j % 3 == class;
                let zero = rng.chance(if favoured { 0.2 } else { 0.5 });
                let level = 1 + rng.below(if favoured { 8 } else { 3 });
                data.push(if zero { 0.0 } else { level as f64 / 4.0 });
            }
            // One label in twenty is another, so that no learner fits perfectly.
            let shown = if rng.chance(0.05) { rng.below(3) } else { class };
            labels.push(["a", "b", "c"][shown]);
            values.push(data[start] - 2.0 * data[start + 1] + 0.5 * data[start + 2] + 0.1 * rng.normal());
        }
        let dense = Dense::new(n, cols, data).unwrap_or_else(|_| Dense::zeros(n, cols));
        let y = match estimator.tags().task {
            Task::Classification => Target::labels(&labels),
            Task::Regression => Target::regression(values).unwrap_or_else(|_| Target::labels(&labels)),
        };
        let x = if estimator.tags().dense { Matrix::Dense(dense) } else { sparse(&dense) };
        Self { x, y }
    }
}

fn sparse(x: &Dense) -> Matrix {
    let mut builder = CsrBuilder::new(x.cols());
    for i in 0..x.rows() {
        let row: Vec<(u32, f32)> = x
            .row(i)
            .iter()
            .enumerate()
            .filter(|(_, v)| **v != 0.0)
            .map(|(j, v)| (j as u32, *v as f32))
            .collect();
        builder.push_pairs(&row);
    }
    Matrix::Sparse(builder.finish())
}

fn fit(
    estimator: &dyn Estimator,
    data: &Data,
    ctx: &FitContext,
) -> Result<std::sync::Arc<dyn Model>, String> {
    text_of(estimator.fit_model(&data.x, &data.y, ctx))
}

fn scores(estimator: &dyn Estimator, data: &Data, x: &Matrix) -> Result<Prediction, String> {
    text_of(predict(&*fit(estimator, data, &FitContext::new(7))?, x))
}

fn bits(p: &Prediction) -> Vec<u64> {
    p.scores().data().iter().map(|v| v.to_bits()).collect()
}

fn largest_difference(a: &Prediction, b: &Prediction) -> f64 {
    a.scores().data().iter().zip(b.scores().data()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn fit_is_repeatable(e: &dyn Estimator, _: &Catalog) -> Outcome {
    let data = Data::of(e);
    let (a, b) = (scores(e, &data, &data.x)?, scores(e, &data, &data.x)?);
    ensure(bits(&a) == bits(&b), || "two fits with one seed predict different numbers".into())
}

fn threads_do_not_change_a_bit(e: &dyn Estimator, _: &Catalog) -> Outcome {
    // More rows and columns than any block of parallel work holds, so that the work is really divided.
    let data = Data::sized(e, 1300, 96);
    let mut first = None;
    for threads in [1, 2, 16] {
        let model = fit(e, &data, &FitContext::new(7).threads(threads))?;
        let found = bits(&text_of(predict(&*model, &data.x))?);
        match &first {
            None => first = Some(found),
            Some(first) => {
                ensure(*first == found, || format!("{threads} threads give other bits than one"))?;
            }
        }
    }
    Ok(())
}

fn rows_do_not_see_each_other(e: &dyn Estimator, _: &Catalog) -> Outcome {
    let data = Data::of(e);
    let model = fit(e, &data, &FitContext::new(7))?;
    let all = text_of(predict(&*model, &data.x))?;
    let rows: Vec<usize> = (0..ROWS).rev().step_by(7).chain([3, 3]).collect();
    let some = text_of(predict(&*model, &data.x.select_rows(&rows)))?;
    for (at, &row) in rows.iter().enumerate() {
        ensure(all.row(row) == some.row(at), || {
            format!("row {row} is predicted otherwise in another batch")
        })?;
    }
    Ok(())
}

fn scores_are_sound(e: &dyn Estimator, _: &Catalog) -> Outcome {
    let data = Data::of(e);
    let p = scores(e, &data, &data.x)?;
    ensure(p.rows() == ROWS, || format!("{} predictions for {ROWS} rows", p.rows()))?;
    ensure(p.scores().data().iter().all(|v| v.is_finite()), || "a score is not finite".into())?;
    if p.output().classes().is_some() {
        for i in 0..p.rows() {
            let sum: f64 = p.row(i).iter().sum();
            ensure((sum - 1.0).abs() < 1e-9 && p.row(i).iter().all(|v| *v >= 0.0), || {
                format!("row {i} has probabilities {:?}", p.row(i))
            })?;
        }
    }
    Ok(())
}

/// Share of right classes, or R².
fn quality(p: &Prediction, y: &Target) -> Result<f64, String> {
    if let Ok((codes, _)) = y.as_classes() {
        let right = text_of(p.codes())?.iter().zip(codes).filter(|(a, b)| a == b).count();
        return Ok(right as f64 / codes.len() as f64);
    }
    let (values, found) = (text_of(y.as_regression())?, text_of(p.values())?);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let total: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    let left: f64 = values.iter().zip(&found).map(|(v, f)| (v - f).powi(2)).sum();
    Ok(1.0 - left / total)
}

fn it_learns(e: &dyn Estimator, _: &Catalog) -> Outcome {
    let data = Data::of(e);
    let found = quality(&scores(e, &data, &data.x)?, &data.y)?;
    ensure(found > 0.6, || format!("quality on its own training rows is {found:.3}, expected above 0.6"))
}

/// Rows of weight zero must come close to rows that are not there: closer than to rows that count.
fn weights_are_honoured_or_refused(e: &dyn Estimator, _: &Catalog) -> Outcome {
    let data = Data::of(e);
    // Half of the rows of one kind are silenced, so that priors and boundaries both move.
    let silent = |i: usize| match data.y.as_classes() {
        Ok((codes, _)) => codes[i] == 0 && !i.is_multiple_of(4),
        Err(_) => data.y.as_regression().is_ok_and(|v| v[i] > 0.0) && !i.is_multiple_of(4),
    };
    let weights: Vec<f64> = (0..ROWS).map(|i| f64::from(u8::from(!silent(i)))).collect();
    let kept: Vec<usize> = (0..ROWS).filter(|&i| !silent(i)).collect();
    let weighted = Data { x: data.x.clone(), y: text_of(data.y.clone().with_weights(weights))? };
    if !e.tags().weights {
        return match e.fit_model(&weighted.x, &weighted.y, &FitContext::new(7)) {
            Err(Error::Unsupported { .. }) => Ok(()),
            Err(other) => Err(format!("weights are refused with the wrong error: {other}")),
            Ok(_) => Err("weights are taken but not declared".into()),
        };
    }
    let without = Data { x: data.x.select_rows(&kept), y: data.y.select(&kept) };
    let all = scores(e, &data, &data.x)?;
    let weighted = scores(e, &weighted, &data.x)?;
    let without = scores(e, &without, &data.x)?;
    let (effect, error) = (largest_difference(&all, &without), largest_difference(&weighted, &without));
    ensure(effect > 1e-6, || "removing rows changes nothing: the check cannot tell".into())?;
    ensure(error < 0.5 * effect, || {
        format!(
            "rows of weight 0 still count: off by {error:.2e} where ignoring weights is off by {effect:.2e}"
        )
    })
}

fn class_weights_are_honoured(e: &dyn Estimator, _: &Catalog) -> Outcome {
    if !e.specs().iter().any(|s| s.name == "class_weight") {
        return Ok(());
    }
    let data = Data::of(e);
    let heavy = text_of(e.with_param("class_weight", &serde_json::json!({ "c": 50.0 })))?;
    let (plain, heavy) = (scores(e, &data, &data.x)?, scores(&*heavy, &data, &data.x)?);
    let mass = |p: &Prediction| (0..p.rows()).map(|i| p.row(i)[2]).sum::<f64>();
    ensure(mass(&heavy) > mass(&plain), || "a heavy class is not predicted with more probability".into())?;
    let unknown = text_of(e.with_param("class_weight", &serde_json::json!({ "no such class": 2.0 })))?;
    ensure(unknown.fit_model(&data.x, &data.y, &FitContext::new(7)).is_err(), || {
        "a weight for a class that is not there is ignored".into()
    })
}

fn bad_parameters_name_themselves(e: &dyn Estimator, _: &Catalog) -> Outcome {
    super::parameters_name_themselves(&e.specs(), |name, value| e.with_param(name, value).map(|_| ()))
}

fn dense_with(e: &dyn Estimator, value: f64) -> Data {
    let data = Data::of(e);
    let mut x = data.x.to_dense();
    x.row_mut(5)[2] = value;
    let x = if e.tags().dense { Matrix::Dense(x) } else { sparse(&x) };
    Data { x, y: data.y }
}

fn must_fail(e: &dyn Estimator, data: &Data, what: &str) -> Outcome {
    ensure(e.fit_model(&data.x, &data.y, &FitContext::new(7)).is_err(), || format!("{what} is accepted"))
}

fn nan_is_refused_unless_declared(e: &dyn Estimator, _: &Catalog) -> Outcome {
    let data = dense_with(e, f64::NAN);
    if e.tags().missing {
        return scores(e, &data, &data.x).map(|_| ());
    }
    must_fail(e, &data, "NaN")
}

fn infinity_is_refused(e: &dyn Estimator, _: &Catalog) -> Outcome {
    must_fail(e, &dense_with(e, f64::INFINITY), "infinity")
}

fn negative_numbers_are_refused_unless_declared(e: &dyn Estimator, _: &Catalog) -> Outcome {
    let data = dense_with(e, -1.0);
    if e.tags().negative {
        return scores(e, &data, &data.x).map(|_| ());
    }
    must_fail(e, &data, "a negative number")
}

fn empty_input_is_refused(e: &dyn Estimator, _: &Catalog) -> Outcome {
    must_fail(e, &Data::rows(e, 0), "no rows")?;
    let data = Data::of(e);
    let x =
        if e.tags().dense { Matrix::Dense(Dense::zeros(ROWS, 0)) } else { sparse(&Dense::zeros(ROWS, 0)) };
    must_fail(e, &Data { x, y: data.y.clone() }, "no columns")?;
    let fewer = data.y.select(&[0, 1, 2]);
    must_fail(e, &Data { x: data.x, y: fewer }, "fewer targets than rows")
}

fn one_row_is_refused_unless_declared(e: &dyn Estimator, _: &Catalog) -> Outcome {
    let data = Data::rows(e, 1);
    if e.tags().min_rows <= 1 && (e.tags().one_class || e.tags().task == Task::Regression) {
        return scores(e, &data, &data.x).map(|_| ());
    }
    must_fail(e, &data, "one row")
}

fn one_class_is_refused_unless_declared(e: &dyn Estimator, _: &Catalog) -> Outcome {
    if e.tags().task == Task::Regression {
        return Ok(());
    }
    let data = Data { x: Data::of(e).x, y: Target::labels(vec!["only"; ROWS]) };
    if e.tags().one_class {
        return scores(e, &data, &data.x).map(|_| ());
    }
    must_fail(e, &data, "one class")
}

/// A target that does not vary leaves nothing to explain: the answer is that number, before and after saving.
fn a_constant_target_is_predicted(e: &dyn Estimator, catalog: &Catalog) -> Outcome {
    const SAME: f64 = 3.25;
    if e.tags().task != Task::Regression {
        return Ok(());
    }
    let y = text_of(Target::regression(vec![SAME; ROWS]))?;
    let data = Data { x: Data::of(e).x, y };
    // One matrix scores several rows at once, the other one after another.
    let few = data.x.select_rows(&[3]);
    let model = fit(e, &data, &FitContext::new(7))?;
    let (all, one) = (text_of(predict(&*model, &data.x))?, text_of(predict(&*model, &few))?);
    let values = text_of(all.values())?;
    for (row, value) in values.iter().enumerate() {
        // Learners that penalise the constant part, or stop early, come close and no closer.
        ensure((value - SAME).abs() < 0.5, || format!("row {row} is predicted as {value}, not {SAME}"))?;
    }
    ensure(all.row(3) == one.row(0), || "a row is predicted otherwise on its own".into())?;
    with_saved(&*model, |dir| {
        let bundle = text_of(Bundle::open(dir))?;
        let Loaded::Model(back) = text_of(catalog.decode(&bundle.root))? else {
            return Err("what was saved as a model is not read as one".into());
        };
        ensure(bits(&all) == bits(&text_of(predict(&*back, &data.x))?), || {
            "the loaded model predicts other numbers".into()
        })
    })
}

fn another_width_is_refused(e: &dyn Estimator, _: &Catalog) -> Outcome {
    let data = Data::of(e);
    let model = fit(e, &data, &FitContext::new(7))?;
    let narrow = Dense::zeros(2, COLS - 1);
    let narrow = if e.tags().dense { Matrix::Dense(narrow) } else { sparse(&narrow) };
    ensure(predict(&*model, &narrow).is_err(), || "a matrix of another width is scored".into())
}

fn sparse_and_dense_agree(e: &dyn Estimator, _: &Catalog) -> Outcome {
    if !(e.tags().dense && e.tags().sparse) {
        return Ok(());
    }
    let data = Data::of(e);
    let other = Data { x: sparse(&data.x.to_dense()), y: data.y.clone() };
    let off = largest_difference(&scores(e, &data, &data.x)?, &scores(e, &other, &other.x)?);
    ensure(off < 1e-6, || format!("sparse and dense fits differ by {off:.2e}"))
}

fn saving_keeps_every_bit(e: &dyn Estimator, catalog: &Catalog) -> Outcome {
    let data = Data::of(e);
    let model = fit(e, &data, &FitContext::new(7))?;
    let before = text_of(predict(&*model, &data.x))?;
    with_saved(&*model, |dir| {
        let bundle = text_of(Bundle::open(dir))?;
        let Loaded::Model(back) = text_of(catalog.decode(&bundle.root))? else {
            return Err("what was saved as a model is not read as one".into());
        };
        let after = text_of(predict(&*back, &data.x))?;
        ensure(before.output() == after.output(), || "classes or outputs changed".into())?;
        ensure(bits(&before) == bits(&after), || "the loaded model predicts other numbers".into())
    })
}

fn a_damaged_artifact_is_refused(e: &dyn Estimator, catalog: &Catalog) -> Outcome {
    let data = Data::of(e);
    let model = fit(e, &data, &FitContext::new(7))?;
    with_saved(&*model, |dir| damage_is_refused(dir, catalog))
}

fn a_cancelled_fit_stops(e: &dyn Estimator, _: &Catalog) -> Outcome {
    let token = CancelToken::new();
    token.cancel();
    let data = Data::of(e);
    match e.fit_model(&data.x, &data.y, &FitContext::new(7).with_cancel(token)) {
        Err(Error::Cancelled) => Ok(()),
        Err(other) => Err(format!("stopped with another error: {other}")),
        Ok(_) => Err("went on".into()),
    }
}
