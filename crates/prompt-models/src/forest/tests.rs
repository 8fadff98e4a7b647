use prompt_core::{
    ClassWeight, CsrBuilder, Dense, Fit, FitContext, Matrix, Model, RowView, Scratch, Seed, Target, predict,
};

use super::*;

mod examination {
    use super::*;

    fn catalog() -> Catalog {
        let mut catalog = Catalog::new();
        register(&mut catalog);
        catalog
    }

    // Leaves of several rows, so that the weight of a class can show on the rows of the fit.
    prompt_core::estimator_checks! {
        catalog: catalog();
        decision_tree_classifier: DecisionTreeClassifier::default().min_samples_leaf(5);
        decision_tree_leaves: DecisionTreeClassifier::default().max_leaf_nodes(Some(12)).criterion("entropy".into());
        decision_tree_regressor: DecisionTreeRegressor::default();
        random_forest_classifier: RandomForestClassifier::default().n_estimators(12).min_samples_leaf(5);
        random_forest_regressor: RandomForestRegressor::default().n_estimators(12).max_samples(Some(0.7));
        extra_trees_classifier: ExtraTreesClassifier::default().n_estimators(12).min_samples_leaf(5);
        extra_trees_regressor: ExtraTreesRegressor::default().n_estimators(12);
    }
}

fn ctx() -> FitContext {
    FitContext::new(5)
}

/// Rows of words: `columns` columns of which few are stored, and a class that the first nine tell, but for some noise.
fn texts(rows: usize, columns: usize, classes: usize) -> (Matrix, Target) {
    let mut rng = Seed::new(77).rng();
    let mut builder = CsrBuilder::new(columns);
    let mut labels = Vec::new();
    for _ in 0..rows {
        let class = rng.below(classes);
        let mut row: Vec<u32> =
            (0..12).map(|_| 9 + (rng.unit().powi(2) * (columns - 9) as f64) as u32).collect();
        row.push((class * 3 + rng.below(3)) as u32);
        row.sort_unstable();
        row.dedup();
        let pairs: Vec<(u32, f32)> = row.into_iter().map(|j| (j, (1 + rng.below(12)) as f32 / 4.0)).collect();
        builder.push_pairs(&pairs);
        let shown = if rng.chance(0.15) { rng.below(classes) } else { class };
        labels.push(format!("{shown}"));
    }
    (builder.finish().into(), Target::labels(labels))
}

#[test]
fn sparse_rows_grow_the_same_trees_as_dense_ones() {
    for (rows, classes) in [(60, 2), (700, 2), (700, 3)] {
        let (sparse, y) = texts(rows, 300, classes);
        let dense = Matrix::from(sparse.to_dense());
        let same = |a: &Forest, b: &Forest| {
            assert_eq!(a.trees(), b.trees());
            let (p, q) = (predict(a, &sparse).unwrap(), predict(b, &dense).unwrap());
            assert_eq!(p.scores().data(), q.scores().data());
        };
        for max_features in [MaxFeatures::Sqrt, MaxFeatures::Count(1), MaxFeatures::All] {
            let forest = RandomForestClassifier::default().n_estimators(4).max_features(max_features);
            same(&forest.fit(&sparse, &y, &ctx()).unwrap(), &forest.fit(&dense, &y, &ctx()).unwrap());
            let forest = ExtraTreesClassifier::default().n_estimators(4).max_features(max_features);
            same(&forest.fit(&sparse, &y, &ctx()).unwrap(), &forest.fit(&dense, &y, &ctx()).unwrap());
        }
    }
}

#[test]
fn rows_of_weight_zero_are_not_there_and_whole_weights_are_repeats() {
    let (x, y) = texts(300, 40, 2);
    let x = Matrix::from(x.to_dense());
    let weights: Vec<f64> = (0..300).map(|i| f64::from(i % 3)).collect();
    let kept: Vec<usize> = (0..300).filter(|i| i % 3 > 0).collect();
    let repeated: Vec<usize> = (0..300).flat_map(|i| std::iter::repeat_n(i, i % 3)).collect();
    let weighted = y.clone().with_weights(weights.clone()).unwrap();
    let some: Vec<f64> = kept.iter().map(|i| weights[*i]).collect();
    let without = y.select(&kept).with_weights(some).unwrap();
    let forest = RandomForestClassifier::default().n_estimators(5);
    let a = forest.fit(&x, &weighted, &ctx()).unwrap();
    let b = forest.fit(&x.select_rows(&kept), &without, &ctx()).unwrap();
    assert_eq!(a.trees(), b.trees());
    // Without limits on rows a weight is as good as a repeat.
    let tree = DecisionTreeClassifier::default().max_depth(Some(4));
    let a = tree.fit(&x, &weighted, &ctx()).unwrap();
    let b = tree.fit(&x.select_rows(&repeated), &y.select(&repeated), &ctx()).unwrap();
    assert_eq!(predict(&a, &x).unwrap(), predict(&b, &x).unwrap());
    // Halved, they are no whole numbers, and counted the other way.
    let halved = y.clone().with_weights(weights.iter().map(|w| w / 2.0).collect()).unwrap();
    let c = tree.fit(&x, &halved, &ctx()).unwrap();
    let (p, q) = (predict(&a, &x).unwrap(), predict(&c, &x).unwrap());
    assert!(p.scores().data().iter().zip(q.scores().data()).all(|(a, b)| (a - b).abs() < 1e-12));
}

#[test]
fn limits_hold() {
    let (x, y) = texts(400, 60, 3);
    let trees = |tree: DecisionTreeClassifier| tree.fit(&x, &y, &ctx()).unwrap().trees().clone();
    let tree = DecisionTreeClassifier::default;
    assert_eq!(trees(tree().max_depth(Some(3))).depth(0), 3);
    assert_eq!(trees(tree().max_leaf_nodes(Some(9))).leaf_count(), 9);
    assert!(trees(tree().min_samples_leaf(40)).leaf_count() <= 10);
    assert!(
        trees(tree().min_samples_split(150)).leaf_count() < trees(tree().min_samples_split(20)).leaf_count()
    );
    assert_eq!(trees(tree().min_impurity_decrease(0.9)).leaf_count(), 1);
    // Grown to the end, every row of a kind stands alone, and is told right.
    let model = tree().fit(&x, &y, &ctx()).unwrap();
    let found = predict(&model, &x).unwrap().codes().unwrap();
    assert_eq!(found, y.as_classes().unwrap().0);
    for (features, columns) in [
        (MaxFeatures::Sqrt, 10),
        (MaxFeatures::Log2, 6),
        (MaxFeatures::All, 100),
        (MaxFeatures::Count(1000), 100),
        (MaxFeatures::Share(0.001), 1),
    ] {
        assert_eq!(features.count(100), columns);
    }
}

#[test]
fn parameters_that_cannot_be_are_named() {
    let forest = RandomForestClassifier::default;
    let (x, y) = texts(20, 10, 2);
    let said = |forest: RandomForestClassifier| forest.fit(&x, &y, &ctx()).unwrap_err().to_string();
    assert!(said(forest().max_features(MaxFeatures::Count(0))).contains("max_features"));
    assert!(said(forest().max_features(MaxFeatures::Share(1.5))).contains("a share in (0, 1]"));
    assert!(said(forest().bootstrap(false).oob_score(true)).contains("oob_score"));
    assert!(said(forest().bootstrap(false).max_samples(Some(0.5))).contains("max_samples"));
    let read = |text: &str| serde_json::from_str::<MaxFeatures>(text).unwrap();
    assert_eq!(
        [read("\"sqrt\""), read("3"), read("0.5")],
        [MaxFeatures::Sqrt, MaxFeatures::Count(3), MaxFeatures::Share(0.5)]
    );
}

#[test]
fn rows_left_out_measure_the_forest() {
    let (x, y) = texts(600, 30, 2);
    let forest = RandomForestClassifier::default().n_estimators(40).oob_score(true);
    let model = forest.fit(&x, &y, &ctx()).unwrap();
    let rows: Vec<usize> = (0..300).collect();
    let half = forest.clone().oob_score(false).fit(&x.select_rows(&rows), &y.select(&rows), &ctx()).unwrap();
    assert_eq!(half.oob_score(), None);
    let rest: Vec<usize> = (300..600).collect();
    let found = predict(&half, &x.select_rows(&rest)).unwrap().codes().unwrap();
    let codes = y.as_classes().unwrap().0;
    let right = found.iter().zip(&codes[300..]).filter(|(a, b)| a == b).count() as f64 / 300.0;
    let oob = model.oob_score().unwrap();
    assert!(right > 0.75 && (oob - right).abs() < 0.06, "{oob} {right}");
    let numbers = Target::regression(codes.iter().map(|c| f64::from(*c) * 2.0 + 7.0).collect()).unwrap();
    let model =
        RandomForestRegressor::default().n_estimators(40).oob_score(true).fit(&x, &numbers, &ctx()).unwrap();
    assert!((0.2..1.0).contains(&model.oob_score().unwrap()));
}

#[test]
fn spread_is_the_deviation_over_trees() {
    let (x, y) = texts(200, 30, 3);
    let model = RandomForestClassifier::default().n_estimators(9).fit(&x, &y, &ctx()).unwrap();
    let mut spread = [0.0; 3];
    model.spread(x.row(0), &mut Scratch::new(), &mut spread);
    let mut said = Vec::new();
    model.trees().for_each_leaf(x.row(0), &mut Vec::new(), |_, value| said.push(value.to_vec()));
    for c in 0..3 {
        let mean = said.iter().map(|v| v[c]).sum::<f64>() / 9.0;
        let expect = (said.iter().map(|v| (v[c] - mean).powi(2)).sum::<f64>() / 9.0).sqrt();
        assert!((spread[c] - expect).abs() < 1e-12);
    }
    assert!(spread.iter().any(|s| *s > 0.0));
}

#[test]
fn categories_are_parted_by_sets() {
    // Levels 1, 4 and 5 against the others, which no single cut between codes can tell apart.
    let level = |i: usize| (i * 7 + i / 6) % 7;
    let rows: Vec<f64> = (0..140).flat_map(|i| [level(i) as f64, (i % 5) as f64]).collect();
    let truth = |level: usize| if [1, 4, 5].contains(&level) { "yes" } else { "no" };
    let y = Target::labels((0..140).map(|i| truth(level(i))));
    let x = Dense::new(140, 2, rows).unwrap().with_categorical(vec![7, 0]).unwrap();
    let x = Matrix::from(x);
    let model = DecisionTreeClassifier::default().max_depth(Some(1)).fit(&x, &y, &ctx()).unwrap();
    let found = predict(&model, &x).unwrap();
    assert_eq!(found.codes().unwrap(), y.as_classes().unwrap().0);
    let mut out = [0.0; 2];
    for odd in [f64::NAN, 99.0, -1.0] {
        model.score_row(RowView::Dense(&[odd, 0.0]), &mut Scratch::new(), &mut out);
        assert!((out[0] + out[1] - 1.0).abs() < 1e-12);
    }
    let numbers =
        Target::regression((0..140).map(|i| if truth(level(i)) == "yes" { 3.0 } else { -1.0 }).collect());
    let model =
        DecisionTreeRegressor::default().max_depth(Some(1)).fit(&x, &numbers.unwrap(), &ctx()).unwrap();
    let found = predict(&model, &x).unwrap().values().unwrap();
    let value = |i: usize| if truth(level(i)) == "yes" { 3.0 } else { -1.0 };
    assert!(found.iter().enumerate().all(|(i, v)| (v - value(i)).abs() < 1e-12));
    let drawn = ExtraTreesClassifier::default().n_estimators(10).fit(&x, &y, &ctx()).unwrap();
    assert_eq!(predict(&drawn, &x).unwrap().codes().unwrap(), y.as_classes().unwrap().0);
}

#[test]
fn odd_data_is_learned_from_or_refused() {
    let fit = |x: Dense, y: Target| -> prompt_core::Result<()> {
        let x = Matrix::from(x);
        let forest = RandomForestClassifier::default().n_estimators(3).fit(&x, &y, &ctx())?;
        let tree = DecisionTreeClassifier::default().fit(&x, &y, &ctx())?;
        let drawn = ExtraTreesClassifier::default().n_estimators(3).fit(&x, &y, &ctx())?;
        for model in [forest, tree, drawn] {
            let p = predict(&model, &x)?;
            assert!(p.scores().data().iter().all(|v| v.is_finite()));
        }
        Ok(())
    };
    let two = || Target::labels(["a", "b", "a", "b"]);
    let nan = f64::NAN;
    // A constant column, one that is all missing, one where only being there tells.
    fit(Dense::from_rows(&[[1.0, nan, nan], [1.0, nan, 2.0], [1.0, nan, nan], [1.0, nan, 2.0]]), two())
        .unwrap();
    fit(Dense::from_rows(&[[1.0], [1.0], [1.0], [1.0]]), two()).unwrap();
    fit(Dense::from_rows(&[[1.0]]), Target::labels(["a"])).unwrap();
    let classes = prompt_core::Classes::new(["a", "b", "c", "d", "e"]).unwrap();
    fit(Dense::from_rows(&[[1.0], [2.0]]), Target::codes(vec![4, 1], classes).unwrap()).unwrap();
    fit(Dense::from_rows(&[[f64::MAX], [f64::MIN], [0.0], [1e-300]]), two()).unwrap();
    assert!(fit(Dense::from_rows(&[[f64::INFINITY], [1.0], [2.0], [3.0]]), two()).is_err());
    let mut rng = Seed::new(8).rng();
    let wide = Dense::new(50, 10_000, (0..500_000).map(|_| rng.unit()).collect()).unwrap();
    fit(wide, Target::labels((0..50).map(|i| ["a", "b"][i % 2]))).unwrap();
    assert!(two().with_weights(vec![1.0, -1.0, 1.0, 1.0]).is_err());
    let none = ClassWeight::Explicit([("a".to_owned(), 0.0), ("b".to_owned(), 0.0)].into());
    let x = Matrix::from(Dense::from_rows(&[[1.0], [2.0], [3.0], [4.0]]));
    assert!(RandomForestClassifier::default().class_weight(none).fit(&x, &two(), &ctx()).is_err());
}

#[test]
fn missing_goes_where_it_helps() {
    let nan = f64::NAN;
    let x = Matrix::from(Dense::from_rows(&[[nan], [1.0], [2.0], [3.0], [4.0], [nan]]));
    for (labels, says) in [(["l", "l", "l", "r", "r", "l"], "l"), (["r", "l", "l", "r", "r", "r"], "r")] {
        let y = Target::labels(labels);
        let model = DecisionTreeClassifier::default().max_depth(Some(1)).fit(&x, &y, &ctx()).unwrap();
        let found = predict(&model, &x).unwrap();
        assert_eq!(found.labels().unwrap(), labels);
        assert_eq!(found.labels().unwrap()[0], says);
    }
}

#[test]
fn numbers_that_the_bins_have_not_seen_go_the_same_way_in_learning_and_scoring() {
    // Bins are made of every second of so many rows, none of which is 4.
    let rows = (1 << 18) + 1000;
    let number = |i: usize| if i % 20 < 10 { 10.0 } else { [0.0, 4.0][i % 2] };
    let x = Matrix::from(Dense::new(rows, 1, (0..rows).map(number).collect()).unwrap());
    let y = Target::labels((0..rows).map(|i| if number(i) == 4.0 { "four" } else { "other" }));
    for seed in 1..4 {
        let forest = ExtraTreesClassifier::default().n_estimators(1);
        let model = forest.fit(&x, &y, &FitContext::new(seed)).unwrap();
        let few = x.select_rows(&(0..40).collect::<Vec<_>>());
        let found = predict(&model, &few).unwrap();
        for (i, label) in found.labels().unwrap().iter().enumerate() {
            assert_eq!(*label, if number(i) == 4.0 { "four" } else { "other" }, "seed {seed}, {}", number(i));
        }
    }
}
