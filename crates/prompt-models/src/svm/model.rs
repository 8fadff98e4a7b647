//! The support vectors, and what machines make of them.

use std::collections::BTreeMap;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{Classes, Error, Matrix, Model, Output, Result, RowView, Scratch};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::kernel::{QUERIES, Rows, Shape};
use super::machine::Machine;
use crate::linear::{Link, Summary, one_value};
use crate::neighbour::{rows_from, rows_to};
use crate::simd::dots;

/// A fitted [`Svc`](super::Svc) or [`Svr`](super::Svr).
#[derive(Debug, Clone, PartialEq)]
pub struct SvmModel {
    output: Output,
    params: Value,
    rows: Rows,
    /// The classes that machines tell apart, as positions among all; empty for a regression.
    present: Vec<u32>,
    /// For classes one for every two of them: (0, 1), (0, 2), …, (1, 2), …; their indices count support vectors.
    machines: Vec<Machine>,
    link: Link,
    summary: Summary,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    params: Value,
    classes: Option<Vec<String>>,
    present: Vec<u32>,
    vectors: usize,
    features: usize,
    sparse: bool,
    shape: Shape,
    link: Link,
    summary: Summary,
}

/// The artifact kind.
pub(crate) const KIND: &str = "svm";

/// Memory kept between calls.
#[derive(Default)]
struct Kept {
    query: Vec<f64>,
    values: Vec<f64>,
    decisions: Vec<f64>,
    margins: Vec<f64>,
}

impl SvmModel {
    /// From machines over the rows of x, of which those that carry none are left out.
    pub(crate) fn new(
        output: Output,
        params: Value,
        (x, shape): (&Matrix, Shape),
        present: Vec<u32>,
        fits: Vec<(Machine, Summary)>,
    ) -> Self {
        let mut places = BTreeMap::new();
        fits.iter().flat_map(|(m, _)| &m.index).for_each(|row| {
            places.insert(*row, 0u32);
        });
        places.values_mut().enumerate().for_each(|(at, place)| *place = at as u32);
        let vectors: Vec<usize> = places.keys().map(|row| *row as usize).collect();
        let rows = Rows::new(&x.select_rows(&vectors), shape);
        let mut summary = Summary { objective: 0.0, iterations: 0, converged: true };
        let mut machines = Vec::with_capacity(fits.len());
        for (mut machine, fit) in fits {
            machine.index.iter_mut().for_each(|row| *row = places.get(row).copied().unwrap_or(0));
            machines.push(machine);
            summary.objective += fit.objective;
            summary.iterations += fit.iterations;
            summary.converged &= fit.converged;
        }
        let link = Link::Softmax { scale: 1.0 };
        Self { output, params, rows, present, machines, link, summary }
    }

    pub(crate) fn with_link(mut self, link: Link) -> Self {
        self.link = link;
        self
    }

    /// How the fit went: the sum of the machines' dual objectives and steps.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// The number of support vectors.
    pub fn vectors(&self) -> usize {
        self.rows.count()
    }

    /// How margins become probabilities.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Margins a row: 1 for a regression or two classes, else one for each class that was there.
    pub fn margins(&self) -> usize {
        if self.machines.len() == 1 { 1 } else { self.present.len() }
    }

    /// The value of a regression, the margin of the second of two classes, or for each class its votes and, within a
    /// third of a vote, how sure they were (scikit-learn's `decision_function`), of [`margins`](Self::margins)
    /// numbers.
    pub fn margins_of(&self, row: RowView<'_>, out: &mut [f64]) {
        let mut kept = Kept::default();
        self.rows.spread(row, &mut kept.query);
        kept.values.resize(self.rows.padded(), 0.0);
        self.rows.values([&kept.query], &mut kept.values);
        self.decide(&kept.values, &mut kept.decisions, out);
    }

    /// From kernel values to margins.
    fn decide(&self, values: &[f64], decisions: &mut Vec<f64>, out: &mut [f64]) {
        decisions.clear();
        for machine in &self.machines {
            let n = machine.index.len();
            let sum = if self.machines.len() == 1 {
                // The only machine uses every vector, in order.
                dots([&machine.coefficients], [&values[..n]])[0][0]
            } else {
                let terms = machine.index.iter().zip(&machine.coefficients);
                terms.map(|(i, c)| c * values.get(*i as usize).copied().unwrap_or(0.0)).sum()
            };
            decisions.push(sum - machine.rho);
        }
        if let ([z], [out]) = (&decisions[..], &mut *out) {
            *out = *z;
            return;
        }
        votes(decisions, out);
    }

    /// From margins to what the model says.
    fn conclude(&self, margins: &[f64], out: &mut [f64]) {
        let single = match margins {
            [z] => Some(*z),
            _ => None,
        };
        match (&self.output, single) {
            (Output::Classes(classes), Some(z)) if classes.len() == 2 => self.link.apply(Some(z), out),
            (Output::Classes(_), _) => {
                out.fill(f64::NEG_INFINITY);
                for (at, &class) in self.present.iter().enumerate() {
                    // A single margin z is ±z/2 for its two classes.
                    out[class as usize] = match single {
                        Some(z) => {
                            if at == 0 {
                                -0.5 * z
                            } else {
                                0.5 * z
                            }
                        }
                        None => margins[at],
                    };
                }
                self.link.apply(None, out);
            }
            (_, z) => out.fill(z.unwrap_or(0.0)),
        }
    }

    fn score_group<const Q: usize>(&self, rows: [RowView<'_>; Q], kept: &mut Kept, out: &mut [f64]) {
        let (cols, padded) = (self.rows.cols(), self.rows.padded());
        kept.query.clear();
        kept.query.resize(Q * cols, 0.0);
        for (row, query) in rows.iter().zip(kept.query.chunks_exact_mut(cols.max(1))) {
            row.for_each(|j, v| {
                if let Some(slot) = query.get_mut(j) {
                    *slot = v;
                }
            });
        }
        kept.values.resize(Q * padded, 0.0);
        let query = &kept.query;
        let queries: [&[f64]; Q] = std::array::from_fn(|at| &query[at * cols..(at + 1) * cols]);
        self.rows.values(queries, &mut kept.values[..Q * padded]);
        kept.margins.clear();
        kept.margins.resize(self.margins(), 0.0);
        for (at, out) in out.chunks_exact_mut(self.output.width()).enumerate() {
            let values = &kept.values[at * padded..(at + 1) * padded];
            self.decide(values, &mut kept.decisions, &mut kept.margins);
            self.conclude(&kept.margins, out);
        }
    }
}

/// Each decision between two classes is a vote; sums of the decisions, drawn into a third of a vote, break ties.
fn votes(decisions: &[f64], out: &mut [f64]) {
    let k = out.len();
    let mut sums = vec![0.0; k];
    out.fill(0.0);
    let pairs = (0..k).flat_map(|a| (a + 1..k).map(move |b| (a, b)));
    for ((a, b), z) in pairs.zip(decisions) {
        sums[a] -= z;
        sums[b] += z;
        out[if *z > 0.0 { b } else { a }] += 1.0;
    }
    for (votes, sum) in out.iter_mut().zip(&sums) {
        *votes += sum / (3.0 * (sum.abs() + 1.0));
    }
}

impl Model for SvmModel {
    fn output(&self) -> &Output {
        &self.output
    }

    fn n_features(&self) -> usize {
        self.rows.cols()
    }

    fn is_finite(&self) -> bool {
        let numbers = self.machines.iter().flat_map(|m| m.coefficients.iter().chain([&m.rho]));
        numbers.chain([&self.summary.objective]).all(|v| v.is_finite())
    }

    fn notes(&self) -> Vec<String> {
        self.summary.notes()
    }

    fn score_row(&self, row: RowView<'_>, scratch: &mut Scratch, out: &mut [f64]) {
        self.score_group([row], scratch.get(), out);
    }

    fn score_rows(&self, x: &Matrix, first: usize, scratch: &mut Scratch, out: &mut [f64]) {
        let (width, kept) = (self.output.width(), scratch.get());
        let mut at = first;
        for out in out.chunks_mut(QUERIES * width) {
            if out.len() == QUERIES * width {
                self.score_group::<QUERIES>(std::array::from_fn(|i| x.row(at + i)), kept, out);
                at += QUERIES;
            } else {
                for out in out.chunks_exact_mut(width) {
                    self.score_group([x.row(at)], kept, out);
                    at += 1;
                }
            }
        }
    }
}

impl Persist for SvmModel {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let x = self.rows.matrix();
        let facts = Facts {
            params: self.params.clone(),
            classes: self.output.classes().map(|c| c.names().to_vec()),
            present: self.present.clone(),
            vectors: x.rows(),
            features: x.cols(),
            sparse: matches!(x, Matrix::Sparse(_)),
            shape: self.rows.shape(),
            link: self.link.clone(),
            summary: self.summary,
        };
        let mut node = rows_to(Node::new(KIND, 1).meta(&facts)?, &x)?;
        let ends = self.machines.iter().scan(0u32, |end, m| {
            *end += m.index.len() as u32;
            Some(*end)
        });
        node = node.u32s("ends", ends.collect());
        node = node.u32s("index", self.machines.iter().flat_map(|m| m.index.iter().copied()).collect());
        let coefficients = self.machines.iter().flat_map(|m| m.coefficients.iter().copied());
        node = node.f64s("coefficients", coefficients.collect());
        Ok(node.f64s("rho", self.machines.iter().map(|m| m.rho).collect()))
    }
}

impl Artifact for SvmModel {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let facts: Facts = node.get_meta()?;
        let damaged = |what: &str| Error::artifact(KIND, what, "the file is damaged; save the model again");
        let x = rows_from(node, facts.vectors, facts.features, facts.sparse)?;
        let output = match facts.classes {
            Some(names) => Output::Classes(Classes::new(names)?),
            None => one_value(),
        };
        let k = facts.present.len();
        let (count, in_range) = match output.classes() {
            Some(c) => (k * k.saturating_sub(1) / 2, facts.present.iter().all(|p| (*p as usize) < c.len())),
            None => (1, k == 0),
        };
        let ends = node.get_u32s("ends", Some(count))?;
        let index = node.get_u32s("index", None)?;
        let coefficients = node.get_f64s("coefficients", Some(index.len()))?;
        let rho = node.get_f64s("rho", Some(count))?;
        let numbers = coefficients.iter().chain(rho).all(|v| v.is_finite());
        let sorted = facts.present.windows(2).all(|p| p[0] < p[1]);
        if count == 0
            || !in_range
            || !numbers
            || !sorted
            || index.iter().any(|i| *i as usize >= facts.vectors)
        {
            return Err(damaged("its machines do not fit"));
        }
        let mut machines = Vec::with_capacity(count);
        let mut start = 0;
        for (end, rho) in ends.iter().zip(rho) {
            let range = start..*end as usize;
            let (Some(index), Some(coefficients)) = (index.get(range.clone()), coefficients.get(range))
            else {
                return Err(damaged("its machines do not fit"));
            };
            let (index, coefficients) = (index.to_vec(), coefficients.to_vec());
            machines.push(Machine { index, coefficients, rho: *rho });
            start = *end as usize;
        }
        let whole = machines.len() != 1 || machines[0].index.len() == facts.vectors;
        let margins = if count == 1 { 1 } else { k };
        let width = if output.width() == 2 { margins } else { output.width() };
        if !whole || start != index.len() || !facts.link.is_sound(width) {
            return Err(damaged("its machines or its link do not fit"));
        }
        let rows = Rows::new(&x, facts.shape);
        let Facts { params, present, link, summary, .. } = facts;
        Ok(Self { output, params, rows, present, machines, link, summary })
    }
}
