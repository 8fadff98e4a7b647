use prompt_core::artifact::{Node as Saved, Tensor};
use prompt_core::{RowView, Seed};

use super::form::Form;
use super::*;

/// Random trees over five columns, of which column 4 holds 70 levels.
fn trees(count: usize, width: usize) -> (TreeNodes, Vec<GrownTree>) {
    let mut rng = Seed::new(4).rng();
    let mut trees = TreeNodes::new(5, width);
    let mut grown = Vec::new();
    for _ in 0..count {
        let mut value = || (0..width).map(|_| rng.normal()).collect::<Vec<f64>>();
        let mut tree = GrownTree::leaf(value());
        let mut values: Vec<[Vec<f64>; 2]> = (0..30).map(|_| [value(), value()]).collect();
        let mut leaves = vec![0];
        while let Some(values) = values.pop() {
            let at = leaves.swap_remove(rng.below(leaves.len()));
            let column = rng.below(5);
            let missing_left = rng.chance(0.5);
            let split = if column == 4 {
                Split::Categories { column, left: vec![rng.next_u64(), rng.next_u64() & 63], missing_left }
            } else {
                Split::Numeric { column, threshold: rng.normal(), missing_left }
            };
            leaves.extend(tree.split(at, split, values));
        }
        trees.push(&tree).unwrap();
        grown.push(tree);
    }
    (trees, grown)
}

fn row(i: u64) -> [f64; 5] {
    let mut rng = Seed::new(1000).derive("row", i).rng();
    std::array::from_fn(|j| match (rng.below(10), j) {
        (0, _) => f64::NAN,
        (1, _) => 0.0,
        (2, 4) => -3.0,
        (_, 4) => rng.below(150) as f64,
        _ => f64::from(rng.normal() as f32),
    })
}

/// One step after another, as the definition says.
fn reference(tree: &GrownTree, row: &[f64]) -> Vec<f64> {
    let mut at = 0;
    loop {
        let GrownNode::Split(split, children) = &tree.nodes()[at] else {
            return tree.value(at).unwrap().to_vec();
        };
        let x = row[split.column()];
        let left = match split {
            Split::Numeric { missing_left, .. } if x.is_nan() => *missing_left,
            Split::Numeric { threshold, .. } => x <= *threshold,
            Split::Categories { missing_left, .. } if !(0.0..128.0).contains(&x) => *missing_left,
            Split::Categories { left, .. } => left[x as usize / 64] >> (x as usize % 64) & 1 == 1,
        };
        at = children[usize::from(!left)];
    }
}

#[test]
fn every_way_of_scoring_reaches_the_leaf_that_the_definition_says() {
    for (count, width) in [(1, 1), (8, 2), (21, 3)] {
        let (trees, grown) = trees(count, width);
        assert_eq!((trees.len(), trees.leaf_count()), (count, count * 31));
        let (mut batch, mut dense) = (Vec::new(), Vec::new());
        let mut one_by_one = Vec::new();
        for i in 0..100 {
            let row = row(i);
            let mut expected = vec![0.0; width];
            for tree in &grown {
                reference(tree, &row).iter().zip(&mut expected).for_each(|(v, e)| *e += v);
            }
            let mut out = vec![0.0; width];
            trees.add_row(RowView::Dense(&row), &mut dense, &mut out);
            assert_eq!(out, expected);
            let indices: Vec<u32> = (0..5).filter(|j| row[*j as usize] != 0.0).collect();
            let values: Vec<f32> = indices.iter().map(|j| row[*j as usize] as f32).collect();
            out.fill(0.0);
            let sparse = RowView::Sparse { indices: &indices, values: &values };
            trees.add_row(sparse, &mut dense, &mut out);
            assert_eq!(out, expected);
            assert!(dense.iter().all(|v| *v == 0.0));
            let mut reached = vec![0.0; width];
            for (t, tree) in grown.iter().enumerate() {
                let value = trees.value_of(t, sparse, &mut dense, <[f64]>::to_vec);
                assert_eq!(value, reference(tree, &row));
                value.iter().zip(&mut reached).for_each(|(v, r)| *r += v);
            }
            assert_eq!(reached, expected);
            batch.extend(row);
            one_by_one.extend(expected);
        }
        let mut out = vec![0.0; 100 * width];
        trees.add_dense_rows(&batch, &mut out);
        assert_eq!(out, one_by_one);
    }
}

/// A tree of so many splits by `threshold`.
fn by_thresholds(splits: usize, mut threshold: impl FnMut() -> f64) -> GrownTree {
    let mut tree = GrownTree::leaf(vec![0.0]);
    let mut leaves = vec![0];
    for at in 0..splits {
        let split = Split::Numeric { column: at % 3, threshold: threshold(), missing_left: at % 2 == 0 };
        let last = leaves.remove(at / 2 % leaves.len());
        leaves.extend(tree.split(last, split, [vec![at as f64], vec![-(at as f64) - 0.5]]));
    }
    tree
}

#[test]
fn other_forms_reach_the_same_leaves() {
    let few = [-1.5, 0.0, -0.0, 0.25, 1.0, 2.0, f64::INFINITY];
    let mut rng = Seed::new(9).rng();
    // Shallow trees in whole groups and some more, then deep ones.
    for (count, splits) in [(8, 7), (300, 31), (37, 40), (16, 120)] {
        let mut trees = TreeNodes::new(3, 1);
        (0..count).for_each(|_| trees.push(&by_thresholds(splits, || few[rng.below(7)])).unwrap());
        assert_eq!(matches!(trees.form(), Some(Form::Masks(_))), splits < 32);
        assert_eq!(matches!(trees.form(), Some(Form::Compact(_))), splits >= 32);
        let numbers = [-2.0, -1.5, 0.0, -0.0, 0.1, 0.25, 1.0, 3.0, f64::INFINITY, -f64::INFINITY, f64::NAN];
        for _ in 0..300 {
            let row = [(); 3].map(|()| numbers[rng.below(numbers.len())]);
            let mut dense = Vec::new();
            let mut said = Vec::new();
            trees.for_each_leaf(RowView::Dense(&row), &mut dense, |t, value| said.push((t, value[0])));
            let one = |t| (t, trees.value_of(t, RowView::Dense(&row), &mut Vec::new(), |v| v[0]));
            assert_eq!(said, (0..count).map(one).collect::<Vec<_>>(), "{row:?}");
        }
        // A tree that comes later is not forgotten, nor is one that goes remembered.
        trees.push(&by_thresholds(1, || 7.0)).unwrap();
        let mut seen = 0;
        let row = RowView::Dense(&[8.0, 0.0, 0.0]);
        trees.for_each_leaf(row, &mut Vec::new(), |_, _| seen += 1);
        assert_eq!(seen, count + 1);
        trees.truncate(count - 1);
        trees.for_each_leaf(row, &mut Vec::new(), |_, _| seen -= 1);
        assert_eq!(seen, 2);
    }
}

#[test]
fn what_fits_no_other_form_is_walked_as_it_is() {
    let mut rising = 0.0;
    let mut next = || {
        rising += 1.0;
        rising
    };
    let of = |tree: &GrownTree, count: usize| {
        let mut trees = TreeNodes::new(3, 1);
        (0..count).for_each(|_| trees.push(tree).unwrap());
        trees
    };
    assert!(of(&by_thresholds(300, &mut next), 7).form().is_none(), "too few");
    assert!(of(&by_thresholds(3 * 256, &mut next), 8).form().is_some());
    assert!(of(&by_thresholds(40_000, &mut next), 8).form().is_none(), "33 bits a node");
    assert!(trees(9, 1).0.form().is_none(), "level sets");
    let mut wide = TreeNodes::new(257, 1);
    (0..8).for_each(|_| wide.push(&by_thresholds(40, || 0.0)).unwrap());
    assert!(wide.form().is_none());
}

#[test]
fn a_split_moves_and_scales_leaves_as_told() {
    let mut tree = GrownTree::leaf(vec![1.0]);
    let split = |column| Split::Numeric { column, threshold: 0.0, missing_left: false };
    let [_, right] = tree.split(0, split(0), [vec![2.0], vec![3.0]]);
    tree.split(right, split(1), [vec![4.0], vec![5.0]]);
    assert_eq!(tree.split(0, split(1), [vec![], vec![]]), [1, 2]);
    tree.value_mut(1).unwrap()[0] = 6.0;
    assert_eq!((tree.leaves(), tree.value(1), tree.value(0)), (3, Some(&[6.0][..]), None));
    let mut trees = TreeNodes::new(2, 1);
    trees.push(&tree).unwrap();
    trees.scale(0.5);
    assert_eq!((trees.depth(0), trees.values.clone()), (2, vec![3.0, 2.0, 2.5]));
    assert!(
        TreeNodes::new(1, 1).push(&tree).unwrap_err().to_string().starts_with("a split on column 1 of 1")
    );
    assert!(TreeNodes::new(2, 2).push(&tree).is_err());
}

#[test]
fn forgetting_trees_leaves_the_others_as_they_were() {
    let (all, grown) = trees(9, 2);
    let mut some = all.clone();
    some.truncate(4);
    let mut expected = TreeNodes::new(5, 2);
    grown[..4].iter().for_each(|t| expected.push(t).unwrap());
    assert_eq!(some, expected);
    some.truncate(7);
    assert_eq!(some.len(), 4);
}

#[test]
fn what_is_saved_is_read_back() {
    let (trees, _) = trees(5, 3);
    assert_eq!(TreeNodes::decode(&trees.encode().unwrap()).unwrap(), trees);
    let none = TreeNodes::new(4, 1);
    assert_eq!(TreeNodes::decode(&none.encode().unwrap()).unwrap(), none);
}

#[test]
fn a_changed_number_is_refused() {
    let (trees, _) = trees(3, 1);
    let refused = |change: &dyn Fn(Saved) -> Saved| {
        TreeNodes::decode(&change(trees.encode().unwrap())).unwrap_err().to_string()
    };
    let u32s = |name: &'static str, f: &dyn Fn(&mut Vec<u32>)| {
        let saved = trees.encode().unwrap();
        let mut values = saved.get_u32s(name, None).unwrap().to_vec();
        f(&mut values);
        refused(&|saved: Saved| saved.u32s(name, values.clone()))
    };
    let splits: Vec<usize> = (0..trees.nodes.len()).filter(|i| trees.leaf[*i] == NO_LEAF).collect();
    let (first, last) = (splits[0], splits[splits.len() - 1]);
    for wrong in [0, last as u32, u32::MAX] {
        assert!(u32s("left", &|v| v[last] = wrong).contains("not its children"));
    }
    assert!(u32s("left", &|v| v[first] += 2).contains("not its children"));
    assert!(u32s("columns", &|v| v[first] = 5).contains("looks at column 5"));
    assert!(
        u32s("columns", &|v| v[splits[1]] = CATEGORIES | 4).contains("level set")
            || trees.nodes[splits[1]].column & CATEGORIES != 0
    );
    assert!(u32s("leaf", &|v| v[first] = 0).contains("numbers instead of"));
    assert!(u32s("leaf", &|v| v.iter_mut().for_each(|l| *l ^= u32::from(*l < 2))).contains("no legal leaf"));
    assert!(u32s("roots", &|v| v[1] += 1).contains("not its children"));
    assert!(u32s("roots", &|v| v[0] = 1).contains("do not part"));
    assert!(u32s("roots", &|v| v[2] = u32::MAX).contains("do not part"));
    assert!(u32s("set_ends", &|v| v.swap(0, 1)).contains("run back"));
    assert!(u32s("set_ends", &|v| v.clear()).contains("sets"));
    let infinite = Tensor::F64(vec![93, 1], vec![f64::INFINITY; 93]);
    assert!(refused(&|s: Saved| s.tensor("values", infinite.clone())).contains("infinite"));
    assert!(refused(&|s: Saved| s.meta(&(5, usize::MAX)).unwrap()).contains("impossible"));
    assert!(refused(&|s: Saved| s.meta(&(0, 1)).unwrap()).contains("node"));
}
