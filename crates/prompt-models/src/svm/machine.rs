//! One machine: the rows that carry it, and how much each does.

use std::borrow::Cow;

use prompt_core::{FitContext, Matrix, Result};

use super::cache::Cache;
use super::kernel::{Rows, Shape};
use super::smo;
use crate::linear::Summary;

/// What is shared by all machines of a fit.
#[derive(Clone, Copy)]
pub(crate) struct Settings<'a> {
    pub(crate) shape: Shape,
    pub(crate) tol: f64,
    pub(crate) max_iter: usize,
    pub(crate) cache_mib: usize,
    pub(crate) ctx: &'a FitContext,
}

/// Value of a row: Σ coefficient·K(row of `index`, row) − rho.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Machine {
    pub(crate) index: Vec<u32>,
    pub(crate) coefficients: Vec<f64>,
    pub(crate) rho: f64,
}

impl Settings<'_> {
    /// Solves over some rows of x; `variables` gives sign, linear term and cost of the variables, one or more for each
    /// of these rows.
    pub(crate) fn machine(
        self,
        x: &Matrix,
        index: &[usize],
        variables: &(Vec<f64>, Vec<f64>, Vec<f64>),
    ) -> Result<(Machine, Summary)> {
        let part = if index.len() == x.rows() { Cow::Borrowed(x) } else { Cow::Owned(x.select_rows(index)) };
        let rows = Rows::new(&part, self.shape);
        let mut cache = Cache::new(&rows, &part, self.cache_mib << 20);
        let (sign, linear, cost) = variables;
        let problem = smo::Problem { sign, linear, cost, tol: self.tol, max_iter: self.max_iter };
        let found = problem.solve(&mut cache, self.ctx)?;
        let mut machine = Machine { index: Vec::new(), coefficients: Vec::new(), rho: found.rho };
        for (at, &row) in index.iter().enumerate() {
            let variables = (at..sign.len()).step_by(index.len());
            let coefficient: f64 = variables.map(|t| sign[t] * found.alpha[t]).sum();
            if coefficient != 0.0 {
                machine.index.push(row as u32);
                machine.coefficients.push(coefficient);
            }
        }
        let (objective, iterations, converged) = (found.objective, found.iterations, found.converged);
        Ok((machine, Summary { objective, iterations, converged }))
    }
}
