//! What a search over a network's parameters tries when nobody says.

use serde_json::{Value, json};

use super::ENCODER;
use crate::learners::Grid;
use crate::select::Space;

/// The ranges of a network's parameters; empty for a name that is none.
///
/// | network | searched |
/// |---|---|
/// | all trained from nothing | `learning_rate` 3·10⁻⁴ … 10⁻², `batch_size` 16 … 128, `dropout` 0.1 … 0.6 |
/// | `cnn`, `hybrid` | also `filters` 32 … 256 |
/// | `lstm`, `bilstm`, `hybrid` | also `units` 32 … 256 |
/// | `transformer` | also `heads` 1, 2, 4 and `layers` 1 … 4 |
/// | `encoder` | `learning_rate` 10⁻⁵ … 5·10⁻⁵, `batch_size` 8 … 32, `dropout` and `head_dropout` 0 … 0.3, `pooling` cls or mean |
///
/// ```
/// let space = prompt_models::neural::space("cnn");
/// assert!(space.dimensions().iter().any(|d| d.name == "filters"));
/// ```
pub fn space(name: &str) -> Space {
    let nothing = || {
        Space::new()
            .log_float("learning_rate", 3e-4, 1e-2)
            .choice("batch_size", [16, 32, 64, 128])
            .float("dropout", 0.1, 0.6)
    };
    match name {
        "cnn" => nothing().log_int("filters", 32, 256),
        "lstm" | "bilstm" => nothing().log_int("units", 32, 256),
        "transformer" => nothing().choice("heads", [1, 2, 4]).int("layers", 1, 4),
        "hybrid" => nothing().log_int("filters", 32, 256).log_int("units", 32, 256),
        ENCODER => Space::new()
            .log_float("learning_rate", 1e-5, 5e-5)
            .choice("batch_size", [8, 16, 32])
            .float("dropout", 0.0, 0.3)
            .float("head_dropout", 0.0, 0.3)
            .choice("pooling", ["cls", "mean"]),
        _ => Space::new(),
    }
}

/// The values of a grid over a network's parameters; empty for a name that is none.
pub fn grid(name: &str) -> Grid {
    let values = |all: &[f64]| all.iter().map(|v| json!(v)).collect::<Vec<Value>>();
    match name {
        ENCODER => vec![
            ("learning_rate", values(&[1e-5, 2e-5, 3e-5, 5e-5])),
            ("batch_size", vec![json!(16), json!(32)]),
        ],
        name if super::is_network(name) => {
            vec![("learning_rate", values(&[5e-4, 1e-3, 3e-3])), ("dropout", values(&[0.1, 0.3, 0.5]))]
        }
        _ => Grid::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::NAMES;
    use super::*;

    #[test]
    fn every_network_has_a_space_of_legal_values() {
        for name in NAMES {
            let (space, grid) = (space(name), grid(name));
            space.validate().unwrap();
            assert!(!space.is_empty() && !grid.is_empty(), "{name}");
            #[cfg(feature = "neural")]
            {
                let network = super::super::Network::named(name).unwrap();
                for d in space.dimensions() {
                    for value in d.domain.ends() {
                        network.with_param(&d.name, &value).unwrap();
                    }
                }
                for (param, values) in grid {
                    for value in values {
                        network.with_param(param, &value).unwrap();
                    }
                }
            }
        }
        assert!(space("ridge").is_empty() && grid("ridge").is_empty());
    }
}
