use prompt_core::artifact::Catalog;
use prompt_core::{
    Dense, Estimator, Fit, FitContext, Learner, Matrix, Model, Params, Predict, Seed, Tags, Target,
};
use serde_json::json;

use super::*;

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    crate::learners::register(&mut catalog);
    catalog
}

fn linear() -> Vec<Member> {
    vec![Member::named("logistic_regression"), Member::named("linear_svm")]
}

mod examination {
    use super::*;

    prompt_core::estimator_checks! {
        catalog: catalog();
        voting_soft: VotingClassifier::default().members(linear());
        voting_hard: VotingClassifier::default().members([linear(), vec![Member::named("complement_nb")]].concat())
            .voting("hard".into()).weights(Some(vec![1.0, 2.0, 0.5]));
        stacking: StackingClassifier::default().members(linear()).cv(3);
        stacking_passthrough: StackingClassifier::default().members(linear()).cv(3).passthrough(true);
        bagging: BaggingClassifier::default().estimator(Member::named("logistic_regression")).n_estimators(4);
        bagging_columns: BaggingClassifier::default().estimator(Member::named("logistic_regression")).n_estimators(8)
            .max_features(0.75).bootstrap(false).max_samples(0.8);
        calibrated_sigmoid: CalibratedClassifier::default().cv(3);
        calibrated_isotonic: CalibratedClassifier::default().cv(3).method("isotonic".into()).ensemble(false);
        calibrated_temperature: CalibratedClassifier::default().cv(3).method("temperature".into());
    }
}

/// Three noisy classes in two columns.
fn data(n: usize) -> (Matrix, Target) {
    let mut rng = Seed::new(3).rng();
    let (mut x, mut labels) = (Vec::new(), Vec::new());
    for i in 0..n {
        let class = i % 3;
        x.push(class as f64 + rng.normal());
        x.push(if class == 1 { 1.5 } else { 0.0 } + rng.normal());
        labels.push(["a", "b", "c"][class]);
    }
    (Dense::new(n, 2, x).unwrap().into(), Target::labels(labels))
}

#[test]
fn a_soft_vote_is_the_weighted_mean_of_its_members() {
    let (x, y) = data(150);
    let ctx = FitContext::new(1);
    let voting = VotingClassifier::default().members(linear()).weights(Some(vec![1.0, 3.0]));
    let fitted = voting.fit(&x, &y, &ctx).unwrap();
    let p = fitted.predict(&x).unwrap();
    let each: Vec<_> = fitted.members().iter().map(|m| prompt_core::predict(&**m, &x).unwrap()).collect();
    for row in 0..x.rows() {
        for c in 0..3 {
            let mean = 0.25 * each[0].row(row)[c] + 0.75 * each[1].row(row)[c];
            assert!((p.row(row)[c] - mean).abs() < 1e-15);
        }
    }
    let hard = voting.voting("hard".into()).fit(&x, &y, &ctx).unwrap().predict(&x).unwrap();
    let codes: Vec<Vec<u32>> = each.iter().map(|p| p.codes().unwrap()).collect();
    for row in 0..x.rows() {
        let share = hard.row(row)[codes[1][row] as usize];
        assert_eq!(share, if codes[0][row] == codes[1][row] { 1.0 } else { 0.75 });
    }
}

#[test]
fn a_stack_learns_whom_to_believe() {
    let (x, y) = data(300);
    let stack = StackingClassifier::default()
        .members(vec![Member::named("majority"), Member::named("logistic_regression")])
        .fit(&x, &y, &FitContext::new(1))
        .unwrap();
    let right = |codes: Vec<u32>| codes.iter().zip(y.as_classes().unwrap().0).filter(|(a, b)| a == b).count();
    let alone = right(prompt_core::predict(&*stack.members()[1], &x).unwrap().codes().unwrap());
    assert!(right(stack.predict(&x).unwrap().codes().unwrap()) + 6 >= alone);
}

#[test]
fn out_of_bag_accuracy_is_near_that_on_new_rows() {
    let (x, y) = data(600);
    let train: Vec<usize> = (0..300).collect();
    let rest: Vec<usize> = (300..600).collect();
    let bag = BaggingClassifier::default()
        .estimator(Member::named("logistic_regression"))
        .oob_score(true)
        .fit(&x.select_rows(&train), &y.select(&train), &FitContext::new(5))
        .unwrap();
    let p = bag.predict(&x.select_rows(&rest)).unwrap();
    let truth = y.select(&rest);
    let new = p.codes().unwrap().iter().zip(truth.as_classes().unwrap().0).filter(|(a, b)| a == b).count();
    assert!((bag.oob_score().unwrap() - new as f64 / 300.0).abs() < 0.07);
    let every = BaggingClassifier::default().bootstrap(false).oob_score(true);
    assert!(Params::validate(&every).is_err());
}

#[test]
fn calibration_lowers_the_loss_of_bold_probabilities() {
    // Rows of ten: the counts speak ten times too loud, as naive Bayes hears them.
    let mut rng = Seed::new(9).rng();
    let (mut x, mut labels) = (Vec::new(), Vec::new());
    for i in 0..600 {
        let class = i % 2;
        let leaning = usize::from(rng.chance(0.7)) ^ class ^ 1;
        x.extend(if leaning == 0 { [9.0, 1.0] } else { [1.0, 9.0] });
        labels.push(["a", "b"][class]);
    }
    let (x, y) = (Matrix::from(Dense::new(600, 2, x).unwrap()), Target::labels(labels));
    let ctx = FitContext::new(1);
    let bold = Member::named("multinomial_nb");
    let loss = |p: prompt_core::Prediction| {
        let codes = y.as_classes().unwrap().0;
        -(0..600).map(|i| p.row(i)[codes[i] as usize].max(1e-15).ln()).sum::<f64>() / 600.0
    };
    let plain = bold.fit(prompt_core::Task::Classification, &x, &y, &ctx).unwrap();
    let plain = loss(prompt_core::predict(&*plain, &x).unwrap());
    for method in ["sigmoid", "isotonic", "temperature"] {
        for ensemble in [true, false] {
            let calibrated = CalibratedClassifier::default().estimator(bold.clone()).method(method.into());
            let model = calibrated.ensemble(ensemble).fit(&x, &y, &ctx).unwrap();
            let found = loss(model.predict(&x).unwrap());
            assert!(found < 0.65 && found < plain, "{method}: {found} against {plain}");
        }
    }
}

#[test]
fn members_that_cannot_be_are_refused_with_their_name() {
    let (x, y) = data(30);
    let fails = |learner: VotingClassifier| learner.fit(&x, &y, &FitContext::new(1)).unwrap_err().to_string();
    assert!(fails(VotingClassifier::default().members(vec![])).contains("at least one model"));
    assert!(fails(VotingClassifier::default().members(vec![Member::named("oracle")])).contains("`oracle`"));
    assert!(
        fails(VotingClassifier::default().members(linear()).weights(Some(vec![1.0]))).contains("2 numbers")
    );
    let mut wrong = Member::named("linear_svm");
    wrong.params.insert("c".into(), json!(-1.0));
    assert!(fails(VotingClassifier::default().members(vec![wrong])).contains("linear_svm: parameter `c`"));
    let rare = Target::labels((0..30).map(|i| if i == 7 { "rare" } else { "usual" }));
    let error = StackingClassifier::default().fit(&x, &rare, &FitContext::new(1)).unwrap_err().to_string();
    assert!(error.contains("rarest class"), "{error}");
}

#[test]
fn an_ensemble_takes_what_its_members_take() {
    let of = |names: &[&str]| names.iter().map(|name| Member::named(name)).collect::<Vec<_>>();
    let voting = |names: &[&str]| Estimator::tags(&VotingClassifier::default().members(of(names)));
    let trees = voting(&["random_forest", "hist_gradient_boosting"]);
    assert!(trees.missing && trees.scale_free && trees.weights);
    let mixed = voting(&["random_forest", "logistic_regression"]);
    assert!(!mixed.missing && !mixed.scale_free && !mixed.categorical && mixed.weights);
    let near = voting(&["logistic_regression", "knn"]);
    assert!(!near.weights, "neighbours have no weights");
    let stack = StackingClassifier::default().members(of(&["random_forest"]));
    assert!(stack.takes().weights && stack.takes().missing && stack.takes().min_rows == 4);
    let last = stack.clone().final_estimator(Member::named("knn"));
    assert!(!last.takes().weights && last.takes().missing, "the last model sees answers, not rows");
    assert!(!stack.passthrough(true).takes().missing, "here it sees the rows");
    assert_eq!(VotingClassifier::default().members(vec![]).takes().min_rows, Tags::CLASSIFIER.min_rows);

    // Rows with missing numbers reach trees through every kind of ensemble.
    let values = (0..80).map(|i| if i % 5 == 0 { f64::NAN } else { f64::from(i % 16) });
    let x = Matrix::from(Dense::new(40, 2, values.collect()).unwrap());
    let y = Target::labels((0..40).map(|i| ["a", "b"][i % 2]));
    let forest = Member::of(&crate::forest::RandomForestClassifier::default().n_estimators(5));
    let (ctx, members) = (FitContext::new(1), vec![forest.clone(), forest.clone()]);
    let finite = |p: prompt_core::Prediction| assert!(p.scores().data().iter().all(|v| v.is_finite()));
    finite(
        VotingClassifier::default().members(members.clone()).fit(&x, &y, &ctx).unwrap().predict(&x).unwrap(),
    );
    finite(StackingClassifier::default().members(members).fit(&x, &y, &ctx).unwrap().predict(&x).unwrap());
    finite(
        BaggingClassifier::default()
            .estimator(forest.clone())
            .fit(&x, &y, &ctx)
            .unwrap()
            .predict(&x)
            .unwrap(),
    );
    finite(CalibratedClassifier::default().estimator(forest).fit(&x, &y, &ctx).unwrap().predict(&x).unwrap());
    let refused = VotingClassifier::default().fit(&x, &y, &ctx).unwrap_err().to_string();
    assert!(refused.contains("voting"), "{refused}");
}

#[test]
fn a_stack_of_numbers_takes_the_value_of_a_member_that_says_more() {
    let (x, _) = data(120);
    let y = Target::regression((0..120).map(|i| x.row(i).dot(&[2.0, -1.0])).collect()).unwrap();
    let ridge = Member::named("ridge");
    let conformal = Member::named("conformal");
    for members in [vec![conformal.clone(), ridge.clone()], vec![ridge, conformal.clone()], vec![conformal]] {
        let stack =
            StackingRegressor::default().members(members.clone()).fit(&x, &y, &FitContext::new(1)).unwrap();
        let found = stack.predict(&x).unwrap().values().unwrap();
        let off =
            found.iter().zip(y.as_regression().unwrap()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 1.0, "{members:?}: off by {off}");
        assert_eq!(stack.last().n_features(), members.len(), "a number of each member");
    }
}

#[test]
fn members_are_named_as_models_are() {
    let plain: StackingClassifier = serde_json::from_value(json!({
        "members": ["LinearSVC", { "type": "naive_bayes", "params": { "alpha": 0.5 } }],
        "final_estimator": "logistic_regression",
    }))
    .unwrap();
    plain.validate().unwrap();
    let task = prompt_core::Task::Classification;
    assert_eq!(plain.members[0].estimator(task).unwrap().name(), "linear_svm");
    assert_eq!(plain.members[1].estimator(task).unwrap().params()["alpha"], 0.5);
    let voting = VotingClassifier::default();
    let voting = Estimator::with_param(&voting, "members", &json!(["random_forest", "knn"])).unwrap();
    assert_eq!(voting.params()["members"], json!([{ "type": "random_forest" }, { "type": "knn" }]));
    assert!(Estimator::with_param(&VotingClassifier::default(), "members", &json!([1])).is_err());
    // Platt's line has two names, here and in the learners that are calibrated themselves.
    let calibrated = CalibratedClassifier::default();
    Estimator::with_param(&calibrated, "method", &json!("platt"))
        .unwrap()
        .fit_model(&data(60).0, &data(60).1, &FitContext::new(1))
        .unwrap();
    let svm = crate::learners::estimator(task, "linear_svm").unwrap();
    assert_eq!(svm.with_param("calibration", &json!("sigmoid")).unwrap().params()["calibration"], "platt");
}

#[test]
fn what_is_to_be_known_of_a_member_is_known_of_the_ensemble() {
    let (x, y) = data(60);
    let mut hasty = Member::named("logistic_regression");
    hasty.params.insert("max_iter".into(), json!(1));
    let voting = VotingClassifier::default().members(vec![hasty.clone(), Member::named("majority")]);
    let notes = voting.fit(&x, &y, &FitContext::new(1)).unwrap().notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].starts_with("1 of 2 models inside, logistic_regression: it did not converge"),
        "{notes:?}"
    );
    let bagging = BaggingClassifier::default().estimator(hasty).n_estimators(3);
    let notes = bagging.fit(&x, &y, &FitContext::new(1)).unwrap().notes();
    assert!(notes[0].starts_with("3 of 3 models inside"), "{notes:?}");
}
