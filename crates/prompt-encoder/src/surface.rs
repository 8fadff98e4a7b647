//! Numbers read off a text's surface that stand beside the pooled vector: what the tokenizer does not tell the encoder
//! (capitals that were lowered, digits that are unknown, the length of a text in windows) a head can still read.

use prompt_core::Texts;
use prompt_features::{SURFACE_FEATURES, surface_numbers};
use serde_json::{Map, Value, json};

/// How far a feature may stand from the mean, in deviations: one rare mark is not to outweigh the encoder.
const FURTHEST: f64 = 10.0;

/// Surface features that heads read beside the pooled vector, and the scale in which they read them.
///
/// A feature x of [`SURFACE_FEATURES`] becomes z = (ln(1 + x) − mean) / deviation, held within ±10; mean and deviation
/// (of the whole, over n) are those of ln(1 + x) over the texts that were learned from. A feature that was the same in
/// all of them has deviation 0 and is always 0: nothing was learned of it.
///
/// `config.json` has them as `"prompt_surface": {"features": ["word_count", …], "mean": [2.1, …], "deviation": [0.4, …]}`.
///
/// ```
/// use prompt_encoder::SurfaceFeatures;
/// let texts = ["one", "two words", "and three more", "is it 4?"];
/// let features = SurfaceFeatures::learn(&texts, &[0, 1, 2, 3]);
/// assert_eq!(features.names().next(), Some("word_count"));
/// let rows = texts.map(|text| features.row(text));
/// assert!(rows[0][0] < 0.0 && rows[2][0] > 0.0);
/// assert!(rows.iter().map(|row| row[0]).sum::<f32>().abs() < 1e-5);
/// // No text had a quotation mark.
/// assert_eq!(features.row("\"quoted\"")[7], 0.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SurfaceFeatures {
    columns: Vec<Column>,
}

/// One of the features.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Column {
    /// Its place in [`SURFACE_FEATURES`].
    place: usize,
    mean: f64,
    deviation: f64,
}

impl SurfaceFeatures {
    /// All features, in the scale of these rows of `texts`. Without rows every feature is 0.
    pub fn learn<T: Texts + ?Sized>(texts: &T, rows: &[usize]) -> Self {
        let seen: Vec<_> = rows.iter().map(|&row| surface_numbers(texts.text(row)).map(f64::ln_1p)).collect();
        let n = seen.len().max(1) as f64;
        let column = |place: usize| {
            let values = || seen.iter().map(|row| row[place]);
            let mean = values().sum::<f64>() / n;
            let deviation = (values().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
            // A sum of equal numbers may miss n times the number by a little.
            let all_alike = values().all(|v| v == seen[0][place]);
            Column { place, mean, deviation: if all_alike { 0.0 } else { deviation } }
        };
        Self { columns: (0..SURFACE_FEATURES.len()).map(column).collect() }
    }

    /// How many there are.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|column| SURFACE_FEATURES[column.place])
    }

    /// The features of a text, as heads read them.
    pub fn row(&self, text: &str) -> Vec<f32> {
        let numbers = surface_numbers(text);
        let one = |column: &Column| {
            if column.deviation == 0.0 {
                return 0.0;
            }
            let z = (numbers[column.place].ln_1p() - column.mean) / column.deviation;
            z.clamp(-FURTHEST, FURTHEST) as f32
        };
        self.columns.iter().map(one).collect()
    }

    /// The value of `prompt_surface` in `config.json`.
    pub fn to_json(&self) -> Value {
        let of = |number: fn(&Column) -> f64| self.columns.iter().map(number).collect::<Vec<f64>>();
        json!({
            "features": self.names().collect::<Vec<_>>(),
            "mean": of(|column| column.mean),
            "deviation": of(|column| column.deviation),
        })
    }

    /// Reads that value; an error says what is wrong with it.
    pub(crate) fn from_json(value: &Value) -> Result<Self, String> {
        let object = value.as_object().ok_or_else(|| format!("`{KEY}` must be an object, got {value}"))?;
        if let Some(other) = object.keys().find(|k| !PARTS.contains(&k.as_str())) {
            return Err(format!("`{KEY}.{other}` is unknown; known: {}", PARTS.join(", ")));
        }
        let names = list(object, "features")?;
        let (means, deviations) =
            (numbers(object, "mean", names.len())?, numbers(object, "deviation", names.len())?);
        let mut columns: Vec<Column> = Vec::new();
        for ((name, &mean), &deviation) in names.iter().zip(&means).zip(&deviations) {
            let known = SURFACE_FEATURES.iter().position(|known| name.as_str() == Some(known));
            let place = known.ok_or_else(|| {
                format!("`{KEY}.features` names {name}; known: {}", SURFACE_FEATURES.join(", "))
            })?;
            if columns.iter().any(|column| column.place == place) {
                return Err(format!("`{KEY}.features` names {name} twice"));
            }
            if deviation < 0.0 {
                return Err(format!("`{KEY}.deviation` of {name} must be at least 0, got {deviation}"));
            }
            columns.push(Column { place, mean, deviation });
        }
        if columns.is_empty() {
            return Err(format!("`{KEY}.features` names no feature"));
        }
        Ok(Self { columns })
    }
}

/// Its key in `config.json`.
pub(crate) const KEY: &str = "prompt_surface";
const PARTS: [&str; 3] = ["features", "mean", "deviation"];

fn list<'a>(object: &'a Map<String, Value>, part: &str) -> Result<&'a [Value], String> {
    match object.get(part) {
        Some(Value::Array(list)) => Ok(list),
        Some(other) => Err(format!("`{KEY}.{part}` must be a list, got {other}")),
        None => Err(format!("`{KEY}.{part}` is missing")),
    }
}

/// Finite numbers, one a feature. A number that is not finite is `null` in JSON.
fn numbers(object: &Map<String, Value>, part: &str, features: usize) -> Result<Vec<f64>, String> {
    let list = list(object, part)?;
    if list.len() != features {
        return Err(format!(
            "`{KEY}.{part}` must hold a number for each of {features} features, got {}",
            list.len()
        ));
    }
    let number = |value: &Value| {
        let finite = value.as_f64().filter(|number| number.is_finite());
        finite.ok_or_else(|| format!("`{KEY}.{part}` must hold finite numbers, got {value}"))
    };
    list.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_that_of_the_rows_that_were_learned_from() {
        let texts = ["a b c", "a", "far more words than the others have, and 3 marks!!!"];
        let features = SurfaceFeatures::learn(&texts, &[0, 1]);
        let (few, many) = (2f64.ln(), 4f64.ln());
        let (mean, deviation) = ((few + many) / 2.0, (many - few) / 2.0);
        let column = features.columns[0];
        assert!((column.mean - mean).abs() < 1e-12 && (column.deviation - deviation).abs() < 1e-12);
        assert_eq!(features.row("a b c")[0], 1.0);
        // Neither text had a digit or a mark.
        assert_eq!(features.row(texts[2])[6..10], [0.0; 4]);
        let long = "word ".repeat(100_000);
        assert_eq!(features.row(&long)[0], 10.0);
        assert_eq!(SurfaceFeatures::learn(&texts, &[]).row(texts[2]), [0.0; 14]);
    }

    #[test]
    fn it_comes_back_from_json_bit_for_bit() {
        let texts = ["Is it 7? Yes.", "Write a long example!", "no"];
        let features = SurfaceFeatures::learn(&texts, &[0, 1, 2]);
        let text = features.to_json().to_string();
        assert_eq!(SurfaceFeatures::from_json(&serde_json::from_str(&text).unwrap()), Ok(features));
        // Some of them, in another order: found by name.
        let part = r#"{"features": ["char_count", "word_count"], "mean": [1.0, 0], "deviation": [2, 1.0]}"#;
        let part = SurfaceFeatures::from_json(&serde_json::from_str(part).unwrap()).unwrap();
        assert_eq!(part.row("ab"), [(3f64.ln() - 1.0) as f32 / 2.0, 2f64.ln() as f32]);
    }
}
