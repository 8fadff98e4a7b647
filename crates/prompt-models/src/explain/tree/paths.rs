//! The ways from the root of a tree to its leaves, with what each column must be on the way.

use super::source::{Point, Test};

/// All ways through one tree.
#[derive(Default)]
pub(super) struct Paths {
    pub(super) leaves: Vec<Leaf>,
    /// What the leaves ask, one after the other.
    pub(super) asks: Vec<Ask>,
    /// The answers that an ask needs: split and side, as `split << 1 | goes right`.
    pub(super) answers: Vec<u32>,
    /// The splits: column and question.
    pub(super) splits: Vec<(usize, Test)>,
    pub(super) values: Vec<f64>,
}

/// A leaf and the way to it.
#[derive(Clone)]
pub(super) struct Leaf {
    pub(super) asks: std::ops::Range<usize>,
    pub(super) values: std::ops::Range<usize>,
    /// The output of its first value.
    pub(super) output: usize,
}

/// What one column must be on the way to a leaf.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) column: usize,
    /// The share of training rows that go this way at the column's splits.
    pub(super) share: f64,
    pub(super) answers: std::ops::Range<usize>,
}

/// A column on the way to where a walk is.
#[derive(Clone)]
struct Asked {
    column: usize,
    share: f64,
    answers: Vec<u32>,
}

impl Paths {
    /// The ways through a tree. Shares are 1 where covers are unknown.
    pub(super) fn new(points: &[Point]) -> Self {
        // Covers of splits are those of their leaves; children come after their parents.
        let mut cover = vec![0.0; points.len()];
        for (at, point) in points.iter().enumerate().rev() {
            cover[at] = match point {
                Point::Leaf { cover, .. } => *cover,
                Point::Split { children, .. } => cover[children[0]] + cover[children[1]],
            };
        }
        let mut paths = Self::default();
        let mut open: Vec<(usize, Vec<Asked>)> = vec![(0, Vec::new())];
        while let Some((at, way)) = open.pop() {
            match &points[at] {
                Point::Leaf { values, output, .. } => paths.push(&way, values, *output),
                Point::Split { column, test, children } => {
                    let split = paths.splits.len() as u32;
                    paths.splits.push((*column, *test));
                    for side in [1, 0] {
                        let child = children[side];
                        let share = match cover[at] {
                            whole if whole > 0.0 => cover[child] / whole,
                            // A split that no training row reached divides its nothing evenly.
                            _ => 0.5,
                        };
                        let answer = split << 1 | side as u32;
                        let mut way = way.clone();
                        match way.iter_mut().find(|a| a.column == *column) {
                            Some(asked) => {
                                asked.share *= share;
                                asked.answers.push(answer);
                            }
                            None => way.push(Asked { column: *column, share, answers: vec![answer] }),
                        }
                        open.push((child, way));
                    }
                }
            }
        }
        paths
    }

    fn push(&mut self, way: &[Asked], values: &[f64], output: usize) {
        let (first_ask, first_value) = (self.asks.len(), self.values.len());
        for asked in way {
            let first = self.answers.len();
            self.answers.extend(&asked.answers);
            let answers = first..self.answers.len();
            self.asks.push(Ask { column: asked.column, share: asked.share, answers });
        }
        self.values.extend(values);
        let (asks, values) = (first_ask..self.asks.len(), first_value..self.values.len());
        self.leaves.push(Leaf { asks, values, output });
    }
}
