//! Promises of the splitters, held over many sizes, class shares and seeds.

use std::collections::BTreeSet;

use prompt_core::{Rng, Seed};

use super::*;
use crate::example::Example;

/// Class and group of every row, uneven on purpose.
fn draw(rows: usize, classes: usize, groups: usize, rng: &mut Rng) -> (Vec<u32>, Vec<u32>) {
    let skewed = |n: usize, rng: &mut Rng| (rng.unit() * rng.unit() * n as f64) as u32;
    (0..rows).map(|_| (skewed(classes, rng), skewed(groups, rng))).unzip()
}

fn assert_partition(folds: &[Fold], rows: usize) {
    let mut held_out = vec![0; rows];
    for fold in folds {
        let mut all: Vec<usize> = fold.train.iter().chain(&fold.test).copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..rows).collect::<Vec<_>>());
        assert!(fold.train.is_sorted() && fold.test.is_sorted());
        for &row in &fold.test {
            held_out[row] += 1;
        }
    }
    assert!(held_out.iter().all(|&n| n == 1), "every row is held out once");
}

fn of_class(rows: &[usize], classes: &[u32], class: u32) -> usize {
    rows.iter().filter(|&&row| classes[row] == class).count()
}

#[test]
fn every_row_is_held_out_once_and_class_shares_are_within_one_row() {
    let mut rng = Seed::new(5).rng();
    for round in 0..60 {
        let (k, n) = (2 + round % 5, 40 + rng.below(200));
        let (classes, _) = draw(n, 3, 1, &mut rng);
        let counts: Vec<usize> = (0..3).map(|c| of_class(&(0..n).collect::<Vec<_>>(), &classes, c)).collect();
        if counts.iter().any(|&n| n > 0 && n < k) {
            continue;
        }
        let folds =
            KFold::default().folds(k).split(n, Some(&classes), None, Seed::new(round as u64)).unwrap();
        assert_partition(&folds, n);
        for fold in &folds {
            assert!(fold.test.len() == n / k || fold.test.len() == n.div_ceil(k));
            for class in 0..3 {
                let held = of_class(&fold.test, &classes, class);
                let total = counts[class as usize];
                assert!(held == total / k || held == total.div_ceil(k), "{held} of {total} in {k} folds");
            }
        }
    }
}

#[test]
fn groups_are_never_torn() {
    let mut rng = Seed::new(6).rng();
    for round in 0..60 {
        let n = 60 + rng.below(200);
        let (classes, groups) = draw(n, 3, 25, &mut rng);
        let there = |rows: &[usize]| rows.iter().map(|&r| groups[r]).collect::<BTreeSet<u32>>();
        let folds = KFold::default().folds(4).split(n, None, Some(&groups), Seed::new(round)).unwrap();
        assert_partition(&folds, n);
        let hold_out = HoldOut::default().split(n, Some(&classes), Some(&groups), Seed::new(round)).unwrap();
        for fold in folds.iter().chain([&hold_out]) {
            assert!(there(&fold.train).is_disjoint(&there(&fold.test)));
            assert!(!fold.train.is_empty() && !fold.test.is_empty());
        }
    }
}

#[test]
fn grouped_folds_are_as_even_as_the_groups_allow() {
    // 30 groups of 1 to 10 rows, two classes.
    let groups: Vec<u32> = (0..30).flat_map(|g| vec![g; 1 + g as usize % 10]).collect();
    let classes: Vec<u32> = groups.iter().map(|g| u32::from(g % 3 == 0)).collect();
    let n = groups.len();
    let folds = KFold::default().folds(5).split(n, Some(&classes), Some(&groups), Seed::new(1)).unwrap();
    assert_partition(&folds, n);
    for fold in &folds {
        assert!(fold.test.len().abs_diff(n / 5) <= 3, "{} of {n}", fold.test.len());
        let total = classes.iter().filter(|&&c| c == 1).count();
        assert!(of_class(&fold.test, &classes, 1).abs_diff(total / 5) <= 4);
    }
    let hold_out = HoldOut::default().split(n, Some(&classes), Some(&groups), Seed::new(1)).unwrap();
    assert!(hold_out.test.len().abs_diff(n / 5) <= 2, "{}", hold_out.test.len());
}

#[test]
fn a_stratified_hold_out_meets_its_share_in_every_class() {
    let classes: Vec<u32> = (0..1000).map(|i| if i % 10 == 0 { 2 } else { u32::from(i % 3 == 0) }).collect();
    let fold = HoldOut::default().split(1000, Some(&classes), None, Seed::new(42)).unwrap();
    assert_eq!((fold.train.len(), fold.test.len()), (800, 200));
    for class in 0..3 {
        let total = classes.iter().filter(|&&c| c == class).count();
        assert!(of_class(&fold.test, &classes, class).abs_diff(total / 5) <= 1);
    }
    let same = HoldOut::default().split(1000, Some(&classes), None, Seed::new(42)).unwrap();
    let other = HoldOut::default().split(1000, Some(&classes), None, Seed::new(43)).unwrap();
    assert_eq!(fold, same);
    assert_ne!(fold, other);
    assert_eq!(HoldOut::default().test_share(0.1).split(10, None, None, Seed::new(1)).unwrap().test.len(), 1);
    assert_eq!(
        HoldOut::default().test_share(0.11).split(10, None, None, Seed::new(1)).unwrap().test.len(),
        2
    );
}

#[test]
fn what_cannot_be_split_is_refused() {
    let seed = Seed::new(1);
    let message = |r: Result<Vec<Fold>>| r.unwrap_err().to_string();
    assert_eq!(
        message(KFold::default().folds(5).split(3, None, None, seed)),
        "3 rows are fewer than 5 folds; take fewer folds, or give more data"
    );
    assert_eq!(
        message(KFold::default().folds(3).split(6, Some(&[0, 0, 0, 0, 1, 1]), None, seed)),
        "class 1 has 2 rows, fewer than 3 folds; take fewer folds, add rows of that class, or do not stratify"
    );
    assert_eq!(
        message(KFold::default().folds(3).split(6, None, Some(&[0, 0, 0, 0, 1, 1]), seed)),
        "2 groups are fewer than 3 folds; take fewer folds, or give more data"
    );
    assert!(message(KFold::default().folds(1).split(6, None, None, seed)).contains("`folds`"));
    assert!(message(KFold::default().split(6, Some(&[0]), None, seed)).contains("expected 6, got 1"));
    let error = HoldOut::default().split(1, None, None, seed).unwrap_err().to_string();
    assert!(error.starts_with("1 row cannot be split"), "{error}");
    let error = HoldOut::default().split(4, Some(&[0, 0, 0, 1]), None, seed).unwrap_err().to_string();
    assert!(error.starts_with("class 1 has one row"), "{error}");
    assert!(HoldOut::default().test_share(1.0).split(4, None, None, seed).is_err());
    let error = leave_one_group_out(&[7, 7]).unwrap_err().to_string();
    assert!(error.starts_with("1 groups; at least two"), "{error}");
}

#[test]
fn one_group_is_left_out_at_a_time() {
    let groups = group_codes(["b", "a", "b", "c"]);
    assert_eq!(groups, [0, 1, 0, 2]);
    let folds = leave_one_group_out(&groups).unwrap();
    assert_eq!(folds[0], (0, Fold { train: vec![1, 3], test: vec![0, 2] }));
    assert_eq!(folds.len(), 3);
    let inner = Fold { train: vec![0], test: vec![1] };
    assert_eq!(inner.within(&[5, 9]), Fold { train: vec![5], test: vec![9] });
}

#[test]
fn the_files_own_split_is_honoured_or_refused() {
    let row = |split| Example { split, ..Example::new("x") };
    let data = Dataset::new([row(Some(Split::Test)), row(Some(Split::Train)), row(Some(Split::Train))]);
    let parts = given(&data).unwrap().unwrap();
    assert_eq!(HoldOut::default().parts(&data, None, Seed::new(1)).unwrap(), parts);
    assert_eq!((parts.train, parts.validation, parts.test), (vec![1, 2], vec![], vec![0]));
    assert_eq!(given(&Dataset::new([row(None)])).unwrap(), None);
    let error = given(&Dataset::new([row(None), row(Some(Split::Train))])).unwrap_err().to_string();
    assert!(error.contains("row 0: the row has no split"), "{error}");
    let error = given(&Dataset::new([row(Some(Split::Test))])).unwrap_err().to_string();
    assert!(error.contains("no row has the split `train`"), "{error}");
}

#[test]
fn without_a_given_split_the_parts_are_stratified_by_label() {
    let data: Dataset =
        (0..50).map(|i| Example::new("x").with_label(if i % 5 == 0 { "rare" } else { "common" })).collect();
    let parts = HoldOut::default().parts(&data, None, Seed::new(1)).unwrap();
    assert_eq!((parts.train.len(), parts.validation.len(), parts.test.len()), (40, 0, 10));
    let rare = parts.test.iter().filter(|&&row| data.get(row).unwrap().label.as_deref() == Some("rare"));
    assert_eq!(rare.count(), 2);
}

#[test]
fn groups_of_many_classes_spread_over_the_folds() {
    // Ten classes, each one group: ties of the class shares must not all go to the first fold.
    let classes: Vec<u32> = (0..30).map(|i| i / 3).collect();
    let folds = KFold::default().folds(3).split(30, None, Some(&classes), Seed::new(1)).unwrap();
    let sizes: Vec<usize> = folds.iter().map(|f| f.test.len()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 30);
    assert!(sizes.iter().all(|n| (9..=12).contains(n)), "{sizes:?}");
    // Many small classes of single rows: as even as without groups.
    let classes: Vec<u32> = (0..1650).map(|i| i % 150).collect();
    let groups: Vec<u32> = (0..1650).collect();
    let folds = KFold::default().split(1650, Some(&classes), Some(&groups), Seed::new(1)).unwrap();
    let sizes: Vec<usize> = folds.iter().map(|f| f.test.len()).collect();
    assert!(sizes.iter().all(|n| (300..=360).contains(n)), "{sizes:?}");
}

#[test]
fn a_grouped_hold_out_keeps_every_class_on_both_sides() {
    // The rare class lies in two groups that the greedy choice would put on one side: one is far over its quota.
    let mut rng = Seed::new(9).rng();
    for round in 0..200 {
        let (n, k) = (30 + rng.below(60), 4);
        let groups: Vec<u32> = (0..n).map(|_| (rng.unit() * rng.unit() * 14.0) as u32).collect();
        // Most groups are of one class, some are mixed.
        let classes: Vec<u32> = groups
            .iter()
            .map(|g| if g % 5 == 0 && rng.unit() < 0.3 { rng.below(k) as u32 } else { g * 7 % k as u32 })
            .collect();
        let with = |class: u32| {
            let of: BTreeSet<u32> = (0..n).filter(|&i| classes[i] == class).map(|i| groups[i]).collect();
            of.len()
        };
        let split = HoldOut::default().split(n, Some(&classes), Some(&groups), Seed::new(round));
        let Ok(fold) = split else { continue };
        let missing = fold.missing(&classes);
        assert_eq!(missing.train, [] as [u32; 0], "round {round}: nothing to learn a class from");
        let pure = groups.iter().zip(&classes).collect::<BTreeSet<_>>().len()
            == groups.iter().collect::<BTreeSet<_>>().len();
        for class in missing.test {
            // With groups of one class each, only a class in one group may be missing.
            assert!(!pure || with(class) < 2, "round {round}: class {class} in {} groups", with(class));
        }
    }
    // One class in two groups, the first twice the quota: held out it would overshoot, so it never was.
    let classes = [[0; 20].as_slice(), &[1; 8]].concat();
    let groups: Vec<u32> = (0..20).chain([20, 20, 20, 20, 21, 21, 21, 21]).collect();
    let fold = HoldOut::default().split(28, Some(&classes), Some(&groups), Seed::new(1)).unwrap();
    assert_eq!(fold.missing(&classes), Missing::default());
    // A class in one group stays where it can be learned.
    let groups: Vec<u32> = (0..20).chain([20; 8]).collect();
    let fold = HoldOut::default().split(28, Some(&classes), Some(&groups), Seed::new(1)).unwrap();
    assert_eq!(fold.missing(&classes), Missing { train: vec![], test: vec![1] });
    let error = HoldOut::default().split(4, Some(&[0, 0, 1, 1]), Some(&[0, 0, 1, 1]), Seed::new(1));
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("every group holds the only rows of some class"), "{error}");
}

#[test]
fn grouped_folds_have_every_class_that_has_the_groups_for_it() {
    let mut rng = Seed::new(11).rng();
    for round in 0..100 {
        let (n, k) = (60 + rng.below(100), 3);
        let groups: Vec<u32> = (0..n).map(|_| (rng.unit() * rng.unit() * 40.0) as u32).collect();
        let classes: Vec<u32> = groups.iter().map(|g| g * 5 % 4).collect();
        let split = KFold::default().folds(k).split(n, Some(&classes), Some(&groups), Seed::new(round));
        let Ok(folds) = split else { continue };
        assert_partition(&folds, n);
        for class in 0..4 {
            let of: BTreeSet<u32> = (0..n).filter(|&i| classes[i] == class).map(|i| groups[i]).collect();
            let folds_with = folds.iter().filter(|f| of_class(&f.test, &classes, class) > 0).count();
            assert_eq!(folds_with, of.len().min(k), "round {round}, class {class} in {} groups", of.len());
        }
    }
}

#[test]
fn a_sample_keeps_shares_and_no_class_vanishes() {
    let classes: Vec<u32> = (0..1000).map(|i| u32::from(i % 4 == 0) + u32::from(i % 500 == 0)).collect();
    let rows = sample(&classes, 100, Seed::new(1));
    assert_eq!((rows.len(), rows.is_sorted()), (100, true));
    for (class, expected) in [(0, 75), (1, 24), (2, 1)] {
        assert!(of_class(&rows, &classes, class).abs_diff(expected) <= 1, "class {class}");
    }
    assert_eq!(rows, sample(&classes, 100, Seed::new(1)));
    assert_ne!(rows, sample(&classes, 100, Seed::new(2)));
    assert_eq!(sample(&classes, 2, Seed::new(1)).len(), 2);
    assert_eq!(sample(&[], 2, Seed::new(1)), [] as [usize; 0]);
}
