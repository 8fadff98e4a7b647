//! The rows that were kept, and how they answer.

use prompt_core::artifact::{Artifact, Catalog, Node, Persist, Tensor};
use prompt_core::{Classes, Csr, Dense, Error, Matrix, Model, Output, Result, RowView, Scratch};
use serde::{Deserialize, Serialize};

use super::distance::Query;
use super::panels::{Panels, QUERIES, Quad};
use super::{Metric, NeighbourWeights};
use crate::linear::one_value;

/// What the kept rows say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answers {
    Codes(Vec<u32>),
    Values(Vec<f64>),
}

/// A fitted [`KnnClassifier`](super::KnnClassifier) or [`KnnRegressor`](super::KnnRegressor): the rows themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct KnnModel {
    output: Output,
    x: Matrix,
    answers: Answers,
    n_neighbors: usize,
    /// Neighbours that the fit was to ask; more than there are rows are not there. Not saved.
    asked: usize,
    weights: NeighbourWeights,
    metric: Metric,
    /// Of each row what the metric needs of it alone.
    own: Vec<f64>,
    /// For dense rows under the Euclidean metric.
    panels: Option<Panels>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    classes: Option<Vec<String>>,
    rows: usize,
    features: usize,
    n_neighbors: usize,
    weights: NeighbourWeights,
    metric: Metric,
    sparse: bool,
}

/// The artifact kind.
pub(crate) const KIND: &str = "knn";

/// Memory kept between calls.
#[derive(Default)]
struct Kept {
    query: Query,
    nearest: Vec<(f64, u32)>,
}

impl KnnModel {
    pub(crate) fn new(
        output: Output,
        x: Matrix,
        answers: Answers,
        n_neighbors: usize,
        weights: NeighbourWeights,
        metric: Metric,
    ) -> Self {
        let own = (0..x.rows()).map(|i| metric.own(x.row(i))).collect();
        let panels = match &x {
            Matrix::Dense(x) if metric == Metric::Euclidean => Panels::new(x),
            _ => None,
        };
        let asked = n_neighbors;
        let n_neighbors = n_neighbors.min(x.rows()).max(1);
        Self { output, x, answers, n_neighbors, asked, weights, metric, own, panels }
    }

    /// The nearest rows, nearest first, with their distances.
    pub fn neighbors(&self, row: RowView<'_>) -> Vec<(usize, f64)> {
        let mut kept = Kept::default();
        self.search(row, &mut kept);
        kept.nearest.iter().map(|&(rank, i)| (i as usize, self.metric.distance(rank))).collect()
    }

    fn search(&self, row: RowView<'_>, kept: &mut Kept) {
        let Kept { query, nearest } = kept;
        query.fill(self.metric, row, self.x.cols());
        nearest.clear();
        for i in 0..self.x.rows() {
            let rank = self.metric.rank(self.x.row(i), self.own[i], query);
            insert(nearest, self.n_neighbors, rank, i);
        }
    }

    /// What the nearest rows say.
    fn answer(&self, nearest: &[(f64, u32)], out: &mut [f64]) {
        out.fill(0.0);
        let exact = nearest.first().is_some_and(|(rank, _)| *rank == 0.0);
        // Where all are infinitely far, none is nearer than another.
        let far = nearest.first().is_some_and(|(rank, _)| rank.is_infinite());
        let mut total = 0.0;
        for &(rank, row) in nearest {
            let weight = match self.weights {
                NeighbourWeights::Uniform => 1.0,
                NeighbourWeights::Distance if far => 1.0,
                NeighbourWeights::Distance if exact => f64::from(u8::from(rank == 0.0)),
                NeighbourWeights::Distance => 1.0 / self.metric.distance(rank),
            };
            total += weight;
            match &self.answers {
                Answers::Codes(codes) => out[codes[row as usize] as usize] += weight,
                Answers::Values(values) => out[0] += weight * values[row as usize],
            }
        }
        out.iter_mut().for_each(|v| *v /= total);
    }

    /// As [`score_row`](Model::score_row) for several dense rows at once; false when they do not suit the panels.
    fn score_together(&self, rows: &Dense, first: usize, out: &mut [f64]) -> bool {
        let Some(panels) = &self.panels else { return false };
        let width = self.output.width();
        let count = out.len() / width;
        // The last row stands in for those that are missing in the last group.
        let row = |at: usize| rows.row(first + at.min(count - 1));
        let groups = count.div_ceil(QUERIES);
        let quads: Option<Vec<Quad>> =
            (0..groups).map(|g| panels.quad(std::array::from_fn(|at| row(g * QUERIES + at)))).collect();
        let Some(mut quads) = quads else { return false };
        let queries: Vec<Query> = (0..groups * QUERIES)
            .map(|at| {
                let mut query = Query::default();
                query.fill(self.metric, RowView::Dense(row(at)), self.x.cols());
                query
            })
            .collect();
        let mut nearest = vec![Vec::with_capacity(self.n_neighbors + 1); queries.len()];
        for chunk in panels.chunks() {
            for (g, quad) in quads.iter_mut().enumerate() {
                panels.scan(chunk.clone(), quad, |at, i| {
                    let at = g * QUERIES + at;
                    let rank = self.metric.rank(self.x.row(i), self.own[i], &queries[at]);
                    insert(&mut nearest[at], self.n_neighbors, rank, i);
                    match nearest[at].get(self.n_neighbors - 1) {
                        Some((rank, _)) => *rank,
                        None => f64::INFINITY,
                    }
                });
            }
        }
        for (nearest, out) in nearest.iter().zip(out.chunks_exact_mut(width)) {
            self.answer(nearest, out);
        }
        true
    }
}

/// Keeps the `k` smallest by rank, then row.
fn insert(nearest: &mut Vec<(f64, u32)>, k: usize, rank: f64, row: usize) {
    if nearest.len() == k && nearest.last().is_some_and(|(last, _)| *last <= rank) {
        // Rows come in rising order, so one of the same rank is farther.
        return;
    }
    let at = nearest.partition_point(|(other, _)| *other <= rank);
    nearest.insert(at, (rank, row as u32));
    nearest.truncate(k);
}

impl Model for KnnModel {
    fn output(&self) -> &Output {
        &self.output
    }

    fn n_features(&self) -> usize {
        self.x.cols()
    }

    fn notes(&self) -> Vec<String> {
        let note = || {
            format!(
                "n_neighbors is {}, more than the rows to learn from ({}), so that all are asked for every answer; lower it",
                self.asked,
                self.x.rows()
            )
        };
        (self.asked > self.x.rows()).then(note).into_iter().collect()
    }

    fn score_row(&self, row: RowView<'_>, scratch: &mut Scratch, out: &mut [f64]) {
        let kept = scratch.get::<Kept>();
        self.search(row, kept);
        self.answer(&kept.nearest, out);
    }

    fn score_rows(&self, x: &Matrix, first: usize, scratch: &mut Scratch, out: &mut [f64]) {
        if let Matrix::Dense(x) = x
            && self.score_together(x, first, out)
        {
            return;
        }
        for (i, out) in out.chunks_exact_mut(self.output.width()).enumerate() {
            self.score_row(x.row(first + i), scratch, out);
        }
    }
}

impl Persist for KnnModel {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let facts = Facts {
            classes: self.output.classes().map(|c| c.names().to_vec()),
            rows: self.x.rows(),
            features: self.x.cols(),
            n_neighbors: self.n_neighbors,
            weights: self.weights,
            metric: self.metric,
            sparse: matches!(self.x, Matrix::Sparse(_)),
        };
        let node = rows_to(Node::new(KIND, 1).meta(&facts)?, &self.x)?;
        Ok(match &self.answers {
            Answers::Codes(codes) => node.u32s("codes", codes.clone()),
            Answers::Values(values) => node.f64s("values", values.clone()),
        })
    }
}

/// Writes the rows of a matrix into a node.
pub(crate) fn rows_to(node: Node, x: &Matrix) -> Result<Node> {
    Ok(match x {
        Matrix::Dense(x) => node.tensor("x", Tensor::F64(vec![x.rows(), x.cols()], x.data().to_vec())),
        Matrix::Sparse(x) => {
            let ends: Option<Vec<u32>> = x.indptr().iter().map(|end| u32::try_from(*end).ok()).collect();
            let ends = ends.ok_or_else(|| {
                Error::input(
                    format!("{}: {} stored numbers are too many to save", node.kind(), x.nnz()),
                    "learn from fewer rows",
                )
            })?;
            node.u32s("starts", ends)
                .u32s("columns", x.indices().to_vec())
                .f32s("numbers", x.values().to_vec())
        }
    })
}

/// Reads what [`rows_to`] wrote.
pub(crate) fn rows_from(node: &Node, rows: usize, cols: usize, sparse: bool) -> Result<Matrix> {
    let damaged =
        |what: &str| Error::artifact(node.kind(), what, "the file is damaged; save the model again");
    if !sparse {
        let size = rows.checked_mul(cols).ok_or_else(|| damaged("its size is impossible"))?;
        let x = node.get_f64s("x", Some(size))?.to_vec();
        if x.iter().any(|v| v.is_infinite()) {
            return Err(damaged("a number is infinite"));
        }
        return Ok(Dense::new(rows, cols, x)?.into());
    }
    let starts = node.get_u32s("starts", Some(rows.saturating_add(1)))?.iter().map(|s| *s as usize).collect();
    let numbers = node.get_f32s("numbers", None)?.to_vec();
    if numbers.iter().any(|v| v.is_infinite()) {
        return Err(damaged("a number is infinite"));
    }
    Ok(Csr::new(cols, starts, node.get_u32s("columns", None)?.to_vec(), numbers)?.into())
}

impl Artifact for KnnModel {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let facts: Facts = node.get_meta()?;
        let damaged = |what: &str| Error::artifact(KIND, what, "the file is damaged; save the model again");
        if facts.rows == 0 || facts.n_neighbors == 0 || facts.n_neighbors > facts.rows {
            return Err(damaged("its sizes do not fit"));
        }
        let x = rows_from(node, facts.rows, facts.features, facts.sparse)?;
        let (output, answers) = match facts.classes {
            Some(classes) => {
                let codes = node.get_u32s("codes", Some(facts.rows))?.to_vec();
                if codes.iter().any(|c| *c as usize >= classes.len()) {
                    return Err(damaged("a class is out of range"));
                }
                (Output::Classes(Classes::new(classes)?), Answers::Codes(codes))
            }
            None => (one_value(), Answers::Values(node.get_f64s("values", Some(facts.rows))?.to_vec())),
        };
        Ok(Self::new(output, x, answers, facts.n_neighbors, facts.weights, facts.metric))
    }
}

#[cfg(test)]
mod tests {
    use prompt_core::Seed;

    use super::*;

    /// The quick way must find the very rows that a plain search finds, ties and copies and far offsets included.
    #[test]
    fn panels_and_plain_search_agree_to_the_bit() {
        let mut rng = Seed::new(5).rng();
        for (offset, p) in [(0.0, 3), (1e6, 7), (0.0, 33)] {
            let mut random = |n: usize| -> Dense {
                let data = (0..n * p).map(|_| offset + (rng.normal() * 4.0).round() / 4.0).collect();
                Dense::new(n, p, data).unwrap()
            };
            let (x, queries) = (random(533), random(41));
            let values = (0..x.rows()).map(|i| i as f64).collect();
            let model = KnnModel::new(
                one_value(),
                x.into(),
                Answers::Values(values),
                7,
                NeighbourWeights::Distance,
                Metric::Euclidean,
            );
            let mut together = vec![0.0; queries.rows()];
            assert!(model.score_together(&queries, 0, &mut together));
            let mut scratch = Scratch::new();
            for (i, together) in together.iter().enumerate() {
                let mut alone = [0.0];
                model.score_row(RowView::Dense(queries.row(i)), &mut scratch, &mut alone);
                assert_eq!(alone[0].to_bits(), together.to_bits(), "offset {offset}, row {i}");
            }
        }
    }

    #[test]
    fn numbers_beyond_f32_are_searched_all_the_same() {
        let x = Dense::from_rows(&[[1e200], [-1e200], [3e199]]);
        let answers = Answers::Values(vec![1.0, 2.0, 3.0]);
        let model =
            KnnModel::new(one_value(), x.into(), answers, 1, NeighbourWeights::Uniform, Metric::Manhattan);
        assert_eq!(model.neighbors(RowView::Dense(&[4e199]))[0].0, 2);
    }
}
