//! What a network is told, and how it stands in a configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// What one network is told. In configurations also `true` (as the section says) or `false` (not trained).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkModel {
    /// Whether it is trained.
    pub enabled: bool,
    /// The Hugging Face folder that an encoder begins with; without one it is unavailable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// Parameters of the network other than those of the section; they count last.
    pub params: BTreeMap<String, Value>,
    /// Time limit in seconds, where it differs from the section's.
    pub timeout_s: Option<f64>,
}

impl From<bool> for NetworkModel {
    fn from(enabled: bool) -> Self {
        Self { enabled, from: None, params: BTreeMap::new(), timeout_s: None }
    }
}

impl<'de> Deserialize<'de> for NetworkModel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NetworkVisitor)
    }
}

struct NetworkVisitor;

/// The form with keys.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct NetworkTable {
    enabled: bool,
    from: Option<PathBuf>,
    params: BTreeMap<String, Value>,
    timeout_s: Option<f64>,
}

impl Default for NetworkTable {
    fn default() -> Self {
        Self { enabled: true, from: None, params: BTreeMap::new(), timeout_s: None }
    }
}

impl<'de> Visitor<'de> for NetworkVisitor {
    type Value = NetworkModel;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, or a table with params, timeout_s and, for an encoder, from")
    }

    fn visit_bool<E: serde::de::Error>(self, enabled: bool) -> Result<NetworkModel, E> {
        Ok(enabled.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<NetworkModel, A::Error> {
        let NetworkTable { enabled, from, params, timeout_s } =
            NetworkTable::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        if timeout_s.is_some_and(|t| t.is_nan() || t <= 0.0) {
            return Err(A::Error::custom("timeout_s must be a number > 0"));
        }
        Ok(NetworkModel { enabled, from, params, timeout_s })
    }
}
