use prompt_core::artifact::Catalog;
use prompt_core::{Classes, Dense, Fit, FitContext, Matrix, Predict, Seed, Target, argmax};

use super::*;
use crate::ensemble::Member;

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    crate::learners::register(&mut catalog);
    catalog
}

mod examination {
    use super::*;

    prompt_core::estimator_checks! {
        catalog: catalog();
        conformal: ConformalClassifier::default();
        conformal_aps: ConformalClassifier::default().score("aps".into()).per_class(false).alpha(0.2);
        conformal_abstaining: ConformalClassifier::default().alpha(0.3).abstain_to(Some("b".into()));
    }
}

/// Two overlapping classes, one of them three times as frequent.
fn overlapping(n: usize, seed: u64) -> (Matrix, Target) {
    let mut rng = Seed::new(seed).rng();
    let (mut x, mut labels) = (Vec::new(), Vec::new());
    for i in 0..n {
        let rare = i % 4 == 0;
        x.push(if rare { 1.5 } else { 0.0 } + rng.normal());
        labels.push(if rare { "rare" } else { "usual" });
    }
    (Dense::new(n, 1, x).unwrap().into(), Target::labels(labels))
}

#[test]
fn sets_hold_the_truth_as_often_as_promised_in_each_class() {
    let (x, y) = overlapping(4000, 1);
    let (new_x, new_y) = overlapping(4000, 2);
    let coverage = |per_class: bool, score: &str| {
        let learner = ConformalClassifier::default().per_class(per_class).score(score.into());
        let model = learner.fit(&x, &y, &FitContext::new(1)).unwrap();
        let p = model.predict(&new_x).unwrap();
        model.sets().coverage(p.scores(), new_y.as_classes().unwrap().0).unwrap()
    };
    for score in ["lac", "aps"] {
        let found = coverage(true, score);
        for share in found.per_class.iter().flatten() {
            // Without randomising, `aps` covers more than it promises where a class is seldom the most probable.
            let close = *share > 0.86 && (score == "aps" || *share < 0.94);
            assert!(close, "{score}: {found:?}");
        }
    }
    let marginal = coverage(false, "lac");
    assert!((marginal.coverage - 0.9).abs() < 0.03, "{marginal:?}");
    // Without the promise for each class, the rare one pays.
    assert!(marginal.per_class[0].unwrap() < 0.8, "{marginal:?}");
    assert!(marginal.mean_size < coverage(true, "lac").mean_size);
}

#[test]
fn rows_in_doubt_go_to_the_named_class() {
    let (x, _) = overlapping(900, 3);
    let labels = (0..900).map(|i| {
        if i % 90 == 1 {
            "review"
        } else if i % 4 == 0 {
            "rare"
        } else {
            "usual"
        }
    });
    let y = Target::labels(labels);
    // Ten rows of `review` are too few for a promise of its own.
    let learner = ConformalClassifier::default().per_class(false);
    let plain = learner.fit(&x, &y, &FitContext::new(1)).unwrap();
    let routed = learner.abstain_to(Some("review".into())).fit(&x, &y, &FitContext::new(1)).unwrap();
    let (p, q) = (plain.predict(&x).unwrap(), routed.predict(&x).unwrap());
    let review = y.as_classes().unwrap().1.code("review").unwrap() as usize;
    let mut moved = 0;
    for row in 0..x.rows() {
        match plain.sets().single(p.row(row)) {
            Some(_) => assert_eq!(p.row(row), q.row(row)),
            None => {
                moved += 1;
                assert_eq!(argmax(q.row(row)), review);
                assert!((q.row(row).iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
    }
    assert!(moved > 50, "{moved}");
    let unknown = ConformalClassifier::default().abstain_to(Some("nobody".into()));
    assert!(
        unknown.fit(&x, &y, &FitContext::new(1)).unwrap_err().to_string().contains("unknown class `nobody`")
    );
}

#[test]
fn too_few_rows_leave_a_class_in_every_set() {
    let classes = Classes::sorted(["a", "b"]);
    let p = Dense::from_rows(&[[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.95, 0.05], [0.2, 0.8]]);
    let sets = PredictionSets::calibrate(&classes, &p, &[0, 0, 0, 0, 1], None, 0.2, "lac", true).unwrap();
    assert_eq!(sets.too_few().collect::<Vec<_>>(), [1]);
    assert!(sets.holds(&[0.999, 0.001], 1));
    // A row of weight zero is not there.
    let weights = [1.0, 1.0, 0.0, 1.0, 1.0];
    let sets =
        PredictionSets::calibrate(&classes, &p, &[0, 0, 0, 0, 1], Some(&weights), 0.2, "lac", true).unwrap();
    assert_eq!(sets.too_few().collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn nonsense_is_refused() {
    let classes = Classes::sorted(["a", "b"]);
    let p = Dense::from_rows(&[[0.9, 0.1]]);
    let of = |truth: &[u32], alpha: f64, score: &str| {
        PredictionSets::calibrate(&classes, &p, truth, None, alpha, score, true).unwrap_err().to_string()
    };
    assert!(of(&[0], 0.0, "lac").contains("alpha"));
    assert!(of(&[0], 0.1, "margin").contains("unknown conformal score"));
    assert!(of(&[0, 1], 0.1, "lac").contains("expected 1, got 2"));
    assert!(of(&[2], 0.1, "lac").contains("beyond the last"));
}

#[test]
fn intervals_hold_the_truth_as_often_as_promised() {
    let line = |n: usize, seed: u64| {
        let mut rng = Seed::new(seed).rng();
        let x: Vec<f64> = (0..n).map(|_| rng.unit()).collect();
        let y = x.iter().map(|x| 3.0 * x + rng.normal()).collect();
        (Matrix::from(Dense::new(n, 1, x).unwrap()), Target::regression(y).unwrap())
    };
    let ((x, y), (new_x, new_y)) = (line(2000, 1), line(2000, 2));
    let learner = ConformalRegressor::default().estimator(Member::named("ridge")).alpha(0.2);
    let p = learner.fit(&x, &y, &FitContext::new(1)).unwrap().predict(&new_x).unwrap();
    let truth = new_y.as_regression().unwrap();
    let held = (0..2000).filter(|&i| (p.row(i)[1]..=p.row(i)[2]).contains(&truth[i])).count();
    assert!((held as f64 / 2000.0 - 0.8).abs() < 0.04, "{held}");
    let few = learner.alpha(0.01).fit(
        &x.select_rows(&[0, 1, 2, 3, 4, 5]),
        &y.select(&[0, 1, 2, 3, 4, 5]),
        &FitContext::new(1),
    );
    assert!(few.unwrap_err().to_string().contains("it takes 99"));
}
