use super::*;

fn cell<O: Objective>(by: &O, items: &[O::Item]) -> Vec<O::Num> {
    let mut cell = vec![O::Num::default(); by.width()];
    items.iter().for_each(|item| by.add(&mut cell, *item));
    cell
}

/// Purity adds up, and the gain is weight × decrease of the impurity, by its definition.
fn holds<O: Objective>(by: &O, items: &[O::Item], left: usize, impurity: impl Fn(&[O::Item]) -> (f64, f64)) {
    let (total, part) = (cell(by, items), cell(by, &items[..left]));
    let rest = cell(by, &items[left..]);
    let parted = by.parted(&part, &total);
    assert!((parted - by.purity(&part) - by.purity(&rest)).abs() < 1e-9);
    let weighted = |items: &[O::Item]| {
        let (weight, impurity) = impurity(items);
        weight * impurity
    };
    let decrease = weighted(items) - weighted(&items[..left]) - weighted(&items[left..]);
    let gain = (parted - by.purity(&total)) / by.scale();
    assert!((gain - decrease).abs() < 1e-9, "{gain} {decrease}");
    assert_eq!((by.rows(&part), by.rows(&total)), (left, items.len()));
    assert_eq!(by.weight(&total), impurity(items).0);
}

fn of_classes(criterion: Criterion, items: impl Iterator<Item = (f64, u32)>) -> (f64, f64) {
    let mut mass = [0.0; 3];
    items.for_each(|(w, c)| mass[c as usize] += w);
    let weight: f64 = mass.iter().sum();
    let of = |m: &f64| match criterion {
        Criterion::Gini => m / weight * (1.0 - m / weight),
        Criterion::Entropy if *m > 0.0 => -m / weight * (m / weight).log2(),
        Criterion::Entropy => 0.0,
    };
    (weight, mass.iter().map(of).sum())
}

#[test]
fn gains_are_what_scikit_learn_calls_weighted_impurity_decrease() {
    for criterion in [Criterion::Gini, Criterion::Entropy] {
        let rows = [(1u64, false), (3, true), (2, true), (1, false), (4, true), (2, false)];
        let items: Vec<u64> = rows.iter().map(|(w, second)| Counts::item(*second, *w)).collect();
        let open = |item: &u64| (((item >> BITS) & MASK) as f64, u32::from(item & MASK > 0));
        let by = Counts { criterion, classes: 2 };
        holds(&by, &items, 2, |items| of_classes(criterion, items.iter().map(open)));
        let rows = [(1, 0), (3, 1), (2, 2), (1, 0), (4, 2), (2, 1)];
        let items = rows.map(|(weight, class)| PackedCounts::item(class, weight));
        let open = |item: &u128| {
            let class = (0..3).find(|c| (item >> (BITS * c)) as u64 & MASK > 0).unwrap();
            (((item >> (BITS * class)) as u64 & MASK) as f64, class)
        };
        let by = PackedCounts { criterion, classes: 3 };
        holds(&by, &items, 2, |items| of_classes(criterion, items.iter().map(open)));
        let items = [(0.5, 0), (2.0, 1), (1.5, 2), (1.0, 2), (0.25, 0)];
        let by = ClassWeights { criterion, classes: 3 };
        holds(&by, &items, 2, |items| of_classes(criterion, items.iter().copied()));
    }
    let items = [(1.0, 2.0), (2.0, -1.0), (0.5, 4.0), (1.0, 0.0)];
    holds(&SquaredError { mean: 0.0 }, &items, 3, |items| {
        let weight: f64 = items.iter().map(|i| i.0).sum();
        let mean = items.iter().map(|i| i.0 * i.1).sum::<f64>() / weight;
        (weight, items.iter().map(|i| i.0 * (i.1 - mean).powi(2)).sum::<f64>() / weight)
    });
}

#[test]
fn leaves_say_shares_and_means() {
    let by = Counts { criterion: Criterion::Gini, classes: 2 };
    let two = cell(&by, &[Counts::item(true, 3), Counts::item(false, 1)]);
    assert_eq!((by.value(&two), by.is_pure(&two, &[])), (vec![0.25, 0.75], false));
    let by = ClassWeights { criterion: Criterion::Gini, classes: 3 };
    assert_eq!(by.value(&cell(&by, &[(3.0, 2), (1.0, 0)])), [0.25, 0.0, 0.75]);
    let by = SquaredError { mean: 10.0 };
    assert_eq!(by.value(&cell(&by, &[(1.0, 2.0), (3.0, -2.0)])), [9.0]);
    assert!(by.is_pure(&[], &[(1.0, 2.0), (0.5, 2.0)]) && !by.is_pure(&[], &[(1.0, 2.0), (1.0, 3.0)]));
}

#[test]
fn packed_counts_judge_to_the_bit_as_weights_of_classes_do() {
    let mut rng = prompt_core::Seed::new(5).rng();
    for criterion in [Criterion::Gini, Criterion::Entropy] {
        for classes in 3..=PackedCounts::CLASSES {
            let rows: Vec<(u64, u32)> =
                (0..60).map(|_| (1 + rng.below(4) as u64, rng.below(classes) as u32)).collect();
            let packed = PackedCounts { criterion, classes };
            let weights = ClassWeights { criterion, classes };
            let items: Vec<u128> = rows.iter().map(|(w, class)| PackedCounts::item(*class, *w)).collect();
            let plain: Vec<(f64, u32)> = rows.iter().map(|(w, class)| (*w as f64, *class)).collect();
            let (total, all) = (cell(&packed, &items), cell(&weights, &plain));
            assert_eq!(packed.value(&total), weights.value(&all));
            assert_eq!(packed.purity(&total), weights.purity(&all));
            assert_eq!(packed.most(&total), weights.most(&all));
            assert_eq!(packed.rows(&total), weights.rows(&all));
            // Every third cell is empty.
            let at = |i: usize| i / 3 * 3 + usize::from(i % 3 == 1);
            let (mut cells, mut wide) = (vec![0u128; 60], vec![0.0; 60 * weights.width()]);
            let w = weights.width();
            for i in 0..60 {
                packed.add(&mut cells[at(i)..][..1], items[i]);
                weights.add(&mut wide[at(i) * w..][..w], plain[i]);
            }
            for min_leaf in [1, 7] {
                let floor = weights.purity(&all);
                let best = packed.best_cut(&cells, &total, min_leaf, floor);
                assert_eq!(best, weights.best_cut(&wide, &all, min_leaf, floor));
                assert!(best.is_some());
            }
            let codes: Vec<u8> = (0..60).map(|i| (i * 7 % 11) as u8).collect();
            let (mut left, mut wide) = ([0u128; 2], vec![0.0; 2 * w]);
            packed.add_below(&mut left, &items, &codes, 5);
            weights.add_below(&mut wide, &plain, &codes, 5);
            assert_eq!(packed.value(&left[..1]), weights.value(&wide[..w]));
            assert_eq!(packed.rank(&left[..1], &total), weights.rank(&wide[..w], &all));
        }
    }
    let by = PackedCounts { criterion: Criterion::Gini, classes: 5 };
    assert!(by.is_pure(&[PackedCounts::item(4, 3)], &[]));
    assert!(!by.is_pure(&[PackedCounts::item(4, 3) + PackedCounts::item(0, 1)], &[]));
}
