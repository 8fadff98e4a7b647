//! A grid over a forest, cross-validated.

use std::collections::BTreeMap;

use prompt_models::core::{MemoryStudy, Result, Target};
use prompt_models::data::split::KFold;
use prompt_models::forest::RandomForestClassifier;
use prompt_models::select::{Domain, FoldFeatures, MadeFolds, Method, Range, Tune, tune};
use serde_json::{Value, json};

use crate::Bench;
use crate::data::synthetic;
use crate::line::{Line, Unit};
use crate::timing::time;

const ROWS: usize = 2000;

/// How much lower than the peer's the best score may be: two standard errors of an accuracy near .9 on these rows.
const NOISE: f64 = 0.013;

pub(crate) fn bench(bench: &Bench) -> Result<Line> {
    let table = synthetic(&bench.folder, "clf", ROWS)?;
    let y = Target::labels(&table.train.target);
    let x = table.train.x;
    let values = |values: Vec<Value>| Range { domain: Domain::Choice { values }, when: None };
    let space = [
        ("n_estimators", vec![json!(50), json!(100), json!(200)]),
        ("max_depth", vec![json!(5), json!(10), json!(15), Value::Null]),
        ("min_samples_split", vec![json!(2), json!(5), json!(10)]),
        ("min_samples_leaf", vec![json!(1), json!(2), json!(4)]),
    ];
    let space: BTreeMap<String, Range> =
        space.into_iter().map(|(name, list)| (name.to_owned(), values(list))).collect();
    let options = Tune {
        method: Method::Grid,
        metric: Some("accuracy".to_owned()),
        pruning: false,
        space,
        ..Tune::default()
    };
    let forest = RandomForestClassifier::default();
    let run = time(bench.repeats, || {
        let folds = KFold::default().folds(5).split(ROWS, Some(y.as_classes()?.0), None, bench.ctx.seed())?;
        let of = |rows: &[usize]| x.select_rows(rows);
        let features =
            folds.iter().map(|f| FoldFeatures { train: of(&f.train), test: of(&f.test) }).collect();
        let source = MadeFolds::new(folds, features);
        let store = Box::new(MemoryStudy::default());
        tune((&forest, &[]), (&source, &y), (&options, Value::Null), store, &bench.ctx)
    })?;
    let tuned = run.result;
    let mut line = Line::new("108 points × 5 folds, 2,000 rows", Unit::Seconds, run.seconds)
        .memory(run.peak_mib)
        .bar(Some(40.0));
    line.quality =
        format!("best {:.4} at {}", tuned.value, serde_json::to_string(&tuned.best).unwrap_or_default());
    line.counts = tuned.trials.len() == 108;
    if let Some(peers) = &bench.peers {
        let figures = peers.run_single("grid")?;
        line.set_peer(figures.median("seconds"), figures.median("peak_mb"));
        let score = figures.median("score").unwrap_or(f64::NAN);
        line.quality += &format!(", peer {score:.4}");
        line.counts &= tuned.value >= score - NOISE;
    }
    Ok(line)
}
