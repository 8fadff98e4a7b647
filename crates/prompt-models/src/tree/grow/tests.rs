use prompt_core::{Dense, FitContext, Matrix, Seed};

use super::super::bins::{BinOptions, Binned, Bins};
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
            let grower = Grower { codes: &codes, lines, bins: &bins, by, options: &options };
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
    same(&SquaredError { mean: 0.0 }, |i| (1.0, (i.wrapping_mul(2_654_435_761) >> 5 & 15) as f64));
}

#[test]
fn wide_tables_have_no_lines() {
    let ctx = FitContext::new(0);
    let x = Matrix::from(Dense::new(3, 200, (0..600).map(f64::from).collect()).unwrap());
    let bins = Bins::fit(&x, None, BinOptions::default(), &ctx);
    assert!(Lines::new(&bins.apply::<u8>(&x, &ctx), &bins).is_none());
}
