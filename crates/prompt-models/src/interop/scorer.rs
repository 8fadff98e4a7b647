//! Sums of trees with what the objective makes of them; saved and read back.

use prompt_core::artifact::Node as Saved;
use prompt_core::{Classes, Error, Output, Result, RowView, softmax};
use serde::{Deserialize, Serialize};

use super::forest::{Forest, Missing, Node, Rule, UNKNOWN};

/// What an objective makes of the sums.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Transform {
    Identity,
    /// 1 / (1 + e^{−s·z}).
    Sigmoid(f64),
    Exp,
    /// sign(z)·z².
    Square,
    /// ln(1 + e^z).
    SoftPlus,
    /// The share of each output in Σ e^z.
    Softmax,
    /// Sigmoids, divided by their sum.
    OneVsAll(f64),
    /// 1 above zero, else 0.
    Step,
}

/// A sum of trees of another library.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TreeSum {
    pub(crate) forest: Forest,
    pub(super) output: Output,
    pub(super) transform: Transform,
    /// The margins before any tree.
    pub(crate) start: Vec<f64>,
    /// What the summed trees are divided by.
    pub(crate) divisor: f64,
}

/// Memory for one row.
#[derive(Default)]
pub(super) struct Memory {
    dense: Vec<f64>,
    sums: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    output: Output,
    transform: Transform,
    divisor: f64,
    columns: usize,
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

impl TreeSum {
    /// What the scores mean.
    pub(crate) fn output(&self) -> &Output {
        &self.output
    }

    /// The same under other names of the classes.
    pub(super) fn with_classes(mut self, classes: Classes) -> Result<Self> {
        match &self.output {
            Output::Classes(own) if own.len() == classes.len() => {
                self.output = Output::Classes(classes);
                Ok(self)
            }
            Output::Classes(own) => {
                Err(Error::shape("names for the classes of the model", own.len(), classes.len()))
            }
            _ => Err(Error::unsupported("a saved model of numbers", "class names", "leave them out")),
        }
    }

    pub(super) fn score(&self, row: RowView<'_>, memory: &mut Memory, out: &mut [f64]) {
        let Memory { dense, sums } = memory;
        sums.clear();
        sums.resize(self.start.len(), 0.0);
        self.forest.add(row, dense, sums);
        for (sum, start) in sums.iter_mut().zip(&self.start) {
            *sum = *sum / self.divisor + start;
        }
        match self.transform {
            Transform::Softmax => softmax(sums),
            Transform::OneVsAll(s) => {
                sums.iter_mut().for_each(|z| *z = sigmoid(s * *z));
                let total: f64 = sums.iter().sum();
                let even = 1.0 / sums.len() as f64;
                sums.iter_mut().for_each(|p| *p = if total > 0.0 { *p / total } else { even });
            }
            one => sums.iter_mut().for_each(|z| *z = one.of(*z)),
        }
        match (&self.output, &sums[..], &mut *out) {
            (Output::Classes(_), [p], [no, yes]) => (*no, *yes) = (1.0 - p, *p),
            _ => out.copy_from_slice(sums),
        }
    }

    pub(super) fn encode(&self, kind: &str) -> Result<Saved> {
        let forest = &self.forest;
        let facts = Facts {
            output: self.output.clone(),
            transform: self.transform,
            divisor: self.divisor,
            columns: forest.columns,
        };
        let u32s = |f: fn(&Node) -> u32| forest.nodes.iter().map(f).collect::<Vec<u32>>();
        let saved = Saved::new(kind, 1)
            .meta(&facts)?
            .f64s("start", self.start.clone())
            .f64s("numbers", forest.nodes.iter().map(|n| n.number).collect())
            .f64s("leaves", forest.leaves.clone())
            .u32s("columns", u32s(|n| n.column))
            .u32s("rules", u32s(Node::bits))
            .u32s("left", u32s(|n| n.children[0]))
            .u32s("right", u32s(|n| n.children[1]))
            .u32s("roots", forest.roots.clone())
            .u32s("outputs", forest.outputs.clone())
            .u32s("sets", forest.sets.clone())
            .u32s("set_ends", forest.set_ends.clone());
        Ok(match forest.covers.iter().all(|c| *c >= 0.0) {
            true => saved.f64s("covers", forest.covers.clone()),
            false => saved,
        })
    }

    pub(super) fn decode(saved: &Saved, kind: &str) -> Result<Self> {
        saved.expect(kind, 1)?;
        let facts: Facts = saved.get_meta()?;
        let damaged = || Error::artifact(kind, "its parts do not fit together", "save the model again");
        let numbers = saved.get_f64s("numbers", None)?;
        let n = Some(numbers.len());
        let (columns, rules) = (saved.get_u32s("columns", n)?, saved.get_u32s("rules", n)?);
        let (left, right) = (saved.get_u32s("left", n)?, saved.get_u32s("right", n)?);
        let node = |at: usize| Node::from_parts(columns[at], rules[at], numbers[at], [left[at], right[at]]);
        let forest = Forest {
            columns: facts.columns,
            nodes: (0..numbers.len()).map(node).collect::<Option<_>>().ok_or_else(damaged)?,
            covers: match saved.has("covers") {
                true => saved.get_f64s("covers", None)?.to_vec(),
                false => vec![UNKNOWN; saved.get_f64s("leaves", None)?.len()],
            },
            leaves: saved.get_f64s("leaves", None)?.to_vec(),
            roots: saved.get_u32s("roots", None)?.to_vec(),
            outputs: saved.get_u32s("outputs", None)?.to_vec(),
            sets: saved.get_u32s("sets", None)?.to_vec(),
            set_ends: saved.get_u32s("set_ends", None)?.to_vec(),
        };
        let start = saved.get_f64s("start", None)?.to_vec();
        forest.check(kind, start.len())?;
        let Facts { output, transform, divisor, .. } = facts;
        let several = matches!(transform, Transform::Softmax | Transform::OneVsAll(_));
        let fits = match &output {
            Output::Classes(classes) if several => start.len() == classes.len(),
            Output::Classes(classes) => start.len() == 1 && classes.len() == 2,
            Output::Values(names) => start.len() == names.len(),
            _ => false,
        };
        if !(fits && divisor >= 1.0 && start.iter().all(|s| s.is_finite()) && !start.is_empty()) {
            return Err(damaged());
        }
        Ok(Self { forest, output, transform, start, divisor })
    }
}

impl Transform {
    /// Of one sum by itself.
    fn of(self, z: f64) -> f64 {
        match self {
            Self::Sigmoid(s) => sigmoid(s * z),
            Self::Exp => z.exp(),
            Self::Square => z.signum() * z * z,
            Self::SoftPlus => z.max(0.0) + (-z.abs()).exp().ln_1p(),
            Self::Step => f64::from(u8::from(z > 0.0)),
            Self::Identity | Self::Softmax | Self::OneVsAll(_) => z,
        }
    }
}

const RULES: [Rule; 4] = [Rule::Below, Rule::AtMost, Rule::Outside, Rule::Inside];
const MISSING: [Missing; 3] = [Missing::None, Missing::Zero, Missing::Nan];

impl Node {
    /// Rule, kind of missing numbers and their side in one number.
    fn bits(&self) -> u32 {
        let rule = RULES.iter().position(|r| *r == self.rule).unwrap_or(0);
        let missing = MISSING.iter().position(|m| *m == self.missing).unwrap_or(0);
        (rule | missing << 2) as u32 | u32::from(self.missing_left) << 4
    }

    fn from_parts(column: u32, bits: u32, number: f64, children: [u32; 2]) -> Option<Self> {
        Some(Self {
            column,
            rule: *RULES.get((bits & 3) as usize)?,
            missing: *MISSING.get((bits >> 2 & 3) as usize)?,
            missing_left: match bits >> 4 {
                0 => false,
                1 => true,
                _ => return None,
            },
            number,
            children,
        })
    }
}
