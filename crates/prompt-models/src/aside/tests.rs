use prompt_core::artifact::{Bundle, Manifest, save};
use prompt_core::{Batch, FitContext, Model, Seed};
use prompt_data::table::{LoadedTable, TableOptions};
use serde_json::json;

use super::*;
use crate::tabular::{TableRecipe, TrainedTable, train};

/// Two overlapping classes, one rarer than the other, and a number.
fn table(rows: usize, rare: usize, target: &str) -> LoadedTable {
    let mut rng = Seed::new(rows as u64).rng();
    let mut csv = "x,kind,size\n".to_owned();
    for i in 0..rows {
        let is_rare = i % (rows / rare) == 0;
        let x = if is_rare { 2.0 } else { 0.0 } + rng.normal();
        csv += &format!("{x},{},{}\n", if is_rare { "rare" } else { "usual" }, 3.0 * x + rng.normal());
    }
    let ignore = ["kind", "size"].iter().filter(|c| **c != target).map(|c| (*c).to_owned()).collect();
    TableOptions { ignore, ..TableOptions::default().target(target) }
        .from_bytes("t.csv", csv.as_bytes())
        .unwrap()
}

fn trained(data: &LoadedTable, model: &str, params: &serde_json::Value) -> Result<TrainedTable> {
    let params = params.as_object().unwrap().clone().into_iter().collect();
    let recipe = TableRecipe { model: Some(model.into()), params, ..TableRecipe::default() };
    train(&recipe, data, &Default::default(), &FitContext::new(1))
}

#[test]
fn sets_survive_saving_and_routing() {
    let data = table(800, 200, "kind");
    let plain = trained(&data, "conformal", &json!({ "alpha": 0.2 })).unwrap();
    let routed = trained(&data, "conformal", &json!({ "alpha": 0.2, "abstain_to": "rare" })).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("m");
    save(&dir, &routed.scorer, Manifest::default()).unwrap();
    let reread = crate::pipeline::catalog().decode_scorer(&Bundle::open(&dir).unwrap().root).unwrap();
    let batch = || Batch::Table(&data.table);
    let of = |scorer: &dyn Scorer| Aside::of(scorer).unwrap().of_batch(scorer, batch()).unwrap();
    let sets = of(&*plain.scorer);
    // Routing moves probabilities, not sets.
    assert_eq!(sets, of(&*routed.scorer));
    assert_eq!(sets, of(&*reread));
    let (_, y, _) = crate::tabular::divided(&data, None).unwrap();
    let truth = y.as_classes().unwrap().0;
    let held = sets.iter().zip(truth).filter(|(said, y)| matches!(said, Said::Set(set) if set.contains(y)));
    let share = held.count() as f64 / 800.0;
    let kept = Aside::of(&*reread).unwrap().sets_kept(&*reread, batch(), truth).unwrap().unwrap();
    let PromiseKept::Sets { promised, coverage, ref per_class, .. } = kept else { panic!("{kept:?}") };
    assert!((promised, coverage) == (0.8, share) && share > 0.7, "{kept:?}");
    assert_eq!(per_class.len(), 2);
    assert!(kept.to_string().contains("(80.0% promised)"), "{kept}");
    assert!(Aside::of(&*plain.scorer).unwrap().notes().is_empty());
}

#[test]
fn intervals_say_how_wide_they_are() {
    let data = table(800, 200, "size");
    let trained = trained(&data, "conformal", &json!({ "alpha": 0.1, "calibration_share": 0.4 })).unwrap();
    let aside = Aside::of(&*trained.scorer).unwrap();
    assert_eq!(aside.column(), None);
    let prediction = trained.scorer.score(Batch::Table(&data.table)).unwrap().swap_remove(0);
    let (_, y, _) = crate::tabular::divided(&data, None).unwrap();
    let kept = aside.intervals_kept(&prediction, y.as_regression().unwrap()).unwrap().unwrap();
    let PromiseKept::Intervals { promised, coverage, mean_width } = kept else { panic!("{kept:?}") };
    assert!((promised - 0.9).abs() < 1e-12 && (coverage - 0.9).abs() < 0.05, "{kept:?}");
    // Noise of deviation one: 90% of it lies within ±1.64.
    assert!((mean_width - 3.29).abs() < 0.7, "{kept:?}");
}

#[test]
fn a_forest_of_numbers_has_a_spread_and_others_say_nothing() {
    let data = table(200, 50, "size");
    for (model, says) in
        [("random_forest", true), ("extra_trees", true), ("decision_tree", false), ("ridge", false)]
    {
        let trained = trained(&data, model, &json!({})).unwrap();
        let Some(aside) = Aside::of(&*trained.scorer) else {
            assert!(!says, "{model}");
            continue;
        };
        assert!(says, "{model}");
        let said = aside.of_batch(&*trained.scorer, Batch::Table(&data.table)).unwrap();
        let forest = trained.scorer.model().unwrap().as_any().unwrap().downcast_ref::<Forest>().unwrap();
        let x = trained.scorer.columns(Batch::Table(&data.table)).unwrap();
        for row in [0, 77, 199] {
            let mut spread = [0.0];
            forest.spread(x.row(row), &mut Scratch::new(), &mut spread);
            assert_eq!(said[row], Said::Number(spread[0]));
        }
        assert_eq!(forest.output().width(), 1);
    }
    let classes = trained(&table(200, 50, "kind"), "random_forest", &json!({})).unwrap();
    assert!(Aside::of(&*classes.scorer).is_none());
}

#[test]
fn a_promise_that_cannot_be_kept_is_refused_or_said() {
    let data = table(800, 20, "kind");
    // 5 calibration rows of `rare`, where α = 0.1 takes 9.
    let half = trained(&data, "conformal", &json!({})).unwrap();
    let notes = Aside::of(&*half.scorer).unwrap().notes();
    assert!(
        notes.len() == 1 && notes[0].starts_with("`rare` is in every prediction set: α = 0.1 takes 9"),
        "{notes:?}"
    );
    for (params, says) in [
        (
            json!({ "abstain_to": "rare" }),
            "(5 of `rare`) put it into every set, so that nearly all rows would go",
        ),
        (json!({ "alpha": 0.001 }), "at most 195 calibration rows of a class cannot support α = 0.001"),
        (json!({ "alpha": 0.001, "per_class": false }), "200 calibration rows cannot support α = 0.001"),
    ] {
        let error = trained(&data, "conformal", &params).err().unwrap().to_string();
        assert!(error.contains(says), "{error}");
    }
    let needed = trained(&data, "conformal", &json!({ "alpha": 0.001 })).err().unwrap().to_string();
    assert!(needed.contains("it takes 999; give more rows, a larger alpha"), "{needed}");
    assert!(trained(&data, "conformal", &json!({ "abstain_to": "rare", "per_class": false })).is_ok());
}
