use prompt_core::{Dense, FitContext, Matrix, Seed};

use super::super::bins::{BinOptions, Binned, Bins};
use super::super::nodes::{GrownNode, Split, TreeNodes};
use super::*;

/// Columns of few and of many values, one with gaps, one of categories, one that says nothing.
fn table(rows: usize) -> Matrix {
    let mut rng = Seed::new(3).rng();
    let data = (0..rows)
        .flat_map(|_| {
            let level = rng.below(6) as f64;
            let gap = if rng.chance(0.2) { f64::NAN } else { rng.normal() };
            [rng.normal(), rng.below(4) as f64, gap, level, 1.0, rng.normal(), rng.normal().exp()]
        })
        .collect();
    let x = Dense::new(rows, 7, data).unwrap();
    x.with_categorical(vec![0, 0, 0, 6, 0, 0, 0]).unwrap().into()
}

fn options(random: bool, max_features: usize) -> Options {
    Options {
        max_depth: Some(9),
        min_samples_split: 2,
        min_samples_leaf: 2,
        max_features,
        max_leaf_nodes: None,
        min_impurity_decrease: 0.0,
        random,
        shuffled: true,
        inner: false,
    }
}

fn same<O: Objective>(by: &O, item: impl Fn(usize) -> O::Item) {
    let x = table(1500);
    let ctx = FitContext::new(0);
    let bins = Bins::fit(&x, None, BinOptions::default(), &ctx);
    let codes: Binned<u8> = bins.apply(&x, &ctx);
    for (random, max_features) in [(false, 3), (true, 3), (false, 1), (true, 7)] {
        let options = options(random, max_features);
        let grow = |lines: Option<Lines<u8>>| {
            let raw = Some(Numbers::new(&x, &bins));
            let grower = Grower { codes: &codes, lines, bins: &bins, raw, by, options: &options };
            let items = (0..1500).map(&item).collect();
            grower.grow((0..1500).collect(), items, Seed::new(8), &ctx).unwrap()
        };
        let (by_columns, by_lines) = (grow(None), grow(Lines::new(&codes, &bins)));
        assert!(by_columns.tree == by_lines.tree && by_columns.gains == by_lines.gains);
        assert!(by_lines.tree.leaves() > 20, "{}", by_lines.tree.leaves());
    }
}

#[test]
fn lines_and_columns_grow_the_same_tree() {
    let second = |i: usize| i.wrapping_mul(2_654_435_761) >> 7 & 3 == 0;
    same(&Counts { criterion: Criterion::Gini, classes: 2 }, |i| {
        Counts::item(second(i), 1 + u64::from(i % 3 == 0))
    });
    same(&Counts { criterion: Criterion::Entropy, classes: 2 }, |i| Counts::item(second(i), 1));
    same(&ClassWeights { criterion: Criterion::Gini, classes: 3 }, |i| {
        (1.0 + (i % 2) as f64, (i.wrapping_mul(2_654_435_761) >> 9) as u32 % 3)
    });
    same(&PackedCounts { criterion: Criterion::Gini, classes: 4 }, |i| {
        PackedCounts::item((i.wrapping_mul(2_654_435_761) >> 9) as u32 % 4, 1 + (i % 2) as u64)
    });
    same(&SquaredError { mean: 0.0 }, |i| (1.0, (i.wrapping_mul(2_654_435_761) >> 5 & 15) as f64));
}

#[test]
fn numbers_read_by_rows_and_codes_read_by_columns_grow_the_same_tree() {
    let mut rng = Seed::new(4).rng();
    let data = (0..400 * 150).map(|i| if i % 150 == 7 { 1.0 } else { rng.normal() }).collect();
    let x = Matrix::from(Dense::new(400, 150, data).unwrap());
    let ctx = FitContext::new(0);
    // Bins that hold several numbers, and bins that hold one.
    for max_bins in [20, 1000] {
        let bins = Bins::fit(&x, None, BinOptions { max_bins, min_weight: 0.0 }, &ctx);
        let codes: Binned<u16> = bins.apply(&x, &ctx);
        for shuffled in [false, true] {
            let options = Options { shuffled, ..options(true, 150) };
            let by = PackedCounts { criterion: Criterion::Gini, classes: 3 };
            let grow = |numbers: Numbers<'_>, lines: Option<Lines<u16>>| {
                let raw = Some(numbers);
                let grower = Grower { codes: &codes, lines, bins: &bins, raw, by: &by, options: &options };
                let items = (0..400).map(|i| PackedCounts::item(i * 7 % 3, 1 + u64::from(i % 2))).collect();
                grower.grow((0..400).collect(), items, Seed::new(8), &ctx).unwrap()
            };
            let by_rows = grow(Numbers::new(&x, &bins), None);
            let by_columns = grow(Numbers::new(&x, &bins).not_plain(), None);
            assert!(Numbers::new(&x, &bins).plain().is_some());
            assert!(by_rows.tree == by_columns.tree && by_rows.gains == by_columns.gains);
            assert!(by_rows.tree.leaves() > 20, "{}", by_rows.tree.leaves());
        }
    }
}

#[test]
fn wide_tables_have_no_lines() {
    let ctx = FitContext::new(0);
    let x = Matrix::from(Dense::new(3, 200, (0..600).map(f64::from).collect()).unwrap());
    let bins = Bins::fit(&x, None, BinOptions::default(), &ctx);
    assert!(Lines::new(&bins.apply::<u8>(&x, &ctx), &bins).is_none());
}

#[test]
fn splits_are_drawn_among_the_numbers_and_not_among_the_bins() {
    let mut rng = Seed::new(5).rng();
    let values: Vec<f64> = (0..600).map(|_| rng.unit().powi(4)).collect();
    let x = Matrix::from(Dense::new(600, 1, values.clone()).unwrap());
    let ctx = FitContext::new(0);
    let bins = Bins::fit(&x, None, BinOptions { max_bins: 3, min_weight: 0.0 }, &ctx);
    let codes: Binned<u8> = bins.apply(&x, &ctx);
    let options = Options { max_depth: Some(2), min_samples_leaf: 1, ..options(true, 1) };
    let by = SquaredError { mean: 0.0 };
    let grower = Grower {
        codes: &codes,
        lines: None,
        bins: &bins,
        raw: Some(Numbers::new(&x, &bins)),
        by: &by,
        options: &options,
    };
    let (low, high) = values.iter().fold((1.0f64, 0.0f64), |(l, h), v| (l.min(*v), h.max(*v)));
    let mut mean = 0.0;
    for seed in 0..400 {
        let items = values.iter().map(|v| (1.0, *v)).collect();
        let grown = grower.grow((0..600).collect(), items, Seed::new(seed), &ctx).unwrap();
        let mut trees = TreeNodes::new(1, 1);
        trees.push(&grown.tree).unwrap();
        // What a leaf says is the mean of exactly the rows that its splits send there.
        let leaf =
            |v: f64| trees.value_of(0, prompt_core::RowView::Dense(&[v]), &mut Vec::new(), |value| value[0]);
        for said in values.iter().take(if seed < 9 { 60 } else { 0 }).map(|v| leaf(*v)) {
            let there: Vec<f64> = values.iter().copied().filter(|v| leaf(*v) == said).collect();
            assert!((there.iter().sum::<f64>() / there.len() as f64 - said).abs() < 1e-12);
        }
        let GrownNode::Split(Split::Numeric { threshold, .. }, _) = &grown.tree.nodes()[0] else {
            panic!("the root is split")
        };
        assert!((low..high).contains(threshold));
        mean += threshold / 400.0;
    }
    // Evenly drawn numbers have their mean in the middle, up to three standard errors of 400 of them.
    let middle = f64::midpoint(low, high);
    assert!((mean - middle).abs() < 3.0 * (high - low) / (12.0f64 * 400.0).sqrt(), "{mean} {middle}");
}
