//! Networks in a build without them: none can be had.

use std::convert::Infallible;

use prompt_core::{FitContext, ParamSpec, Result, Target, Texts};
use serde_json::Value;

use super::{FittedNetwork, FurtherTask, Traces, check_available, is_network, unknown};

/// A network before it has seen any text. This build has none: [`named`](Self::named) says how to get one that has.
#[derive(Debug, Clone, PartialEq)]
pub struct Network(Infallible);

impl Network {
    /// Refuses every name.
    ///
    /// # Errors
    /// [`Error::Unsupported`](prompt_core::Error::Unsupported) for a network, `Unknown` for what is none.
    pub fn named(name: &str) -> Result<Self> {
        if !is_network(name) {
            return Err(unknown(name));
        }
        check_available(name).and_then(|()| Err(unknown(name)))
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self.0 {}
    }

    /// Its parameters with their ranges and defaults.
    pub fn specs(&self) -> Vec<ParamSpec> {
        match self.0 {}
    }

    /// Its parameters.
    pub fn params(&self) -> Value {
        match self.0 {}
    }

    /// With one parameter set.
    ///
    /// # Errors
    /// None: there is no such network.
    pub fn with_param(&self, _: &str, _: &Value) -> Result<Self> {
        match self.0 {}
    }

    /// What can be said before data is read.
    ///
    /// # Errors
    /// None: there is no such network.
    pub fn check(&self) -> Result<()> {
        match self.0 {}
    }

    /// Learns from texts.
    ///
    /// # Errors
    /// None: there is no such network.
    pub fn fit(&self, _: &dyn Texts, _: &Target, _: &FitContext, _: &Traces) -> Result<FittedNetwork> {
        match self.0 {}
    }

    /// Learns from texts with several targets.
    ///
    /// # Errors
    /// None: there is no such network.
    pub fn fit_tasks(
        &self,
        _: &dyn Texts,
        _: &Target,
        _: &[FurtherTask<'_>],
        _: &FitContext,
        _: &Traces,
    ) -> Result<FittedNetwork> {
        match self.0 {}
    }
}
