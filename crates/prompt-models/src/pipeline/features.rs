//! The features of a configuration: a table of name → kind and parameters.

use std::fmt;

use prompt_core::{Error, Params, Result, TextEstimator, Union};
#[cfg(feature = "encoder")]
use prompt_encoder::StaticEmbedding;
use prompt_features::{
    Analyzer, CountVectorizer, Frequency, HashingVectorizer, Surface, Tfidf, TokenPattern,
};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// Named features, in the order of the configuration.
///
/// ```toml
/// [features.word]
/// type = "tfidf"
/// ngram_range = [1, 2]
/// ```
///
/// A kind or parameter that does not exist is an error at the place where it stands.
#[derive(Clone)]
pub struct Features(Vec<(String, Box<dyn TextEstimator>)>);

impl Default for Features {
    /// Words and word pairs beside the character n-grams inside words, 20,000 columns each: what a linear model needs to
    /// be accurate on short and on long prompts.
    fn default() -> Self {
        let common =
            Tfidf::default().min_df(Frequency::Count(2)).max_features(Some(20_000)).sublinear_tf(true);
        let word = common.clone().ngram_range((1, 2)).token_pattern(TokenPattern::OneOrMore);
        let char = common.analyzer(Analyzer::CharWb).ngram_range((2, 4));
        Self(vec![("word".into(), Box::new(word)), ("char".into(), Box::new(char))])
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, part)| (name, part.params().to_string()))).finish()
    }
}

impl Features {
    /// These features.
    pub fn of(parts: Vec<(String, Box<dyn TextEstimator>)>) -> Self {
        Self(parts)
    }

    /// The unfitted stage.
    pub fn union(&self) -> Union<Box<dyn TextEstimator>> {
        Union::of(self.0.clone())
    }

    /// Kind and parameters of every part, as the configuration states them.
    pub fn to_value(&self) -> Value {
        Value::Object(
            self.0.iter().map(|(name, part)| (name.clone(), Value::Object(stated(&**part)))).collect(),
        )
    }
}

fn stated(part: &dyn TextEstimator) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("type".into(), part.name().into());
    if let Value::Object(params) = part.params() {
        map.extend(params);
    }
    map
}

/// The kinds of features.
const KNOWN: [&str; 5] =
    [Tfidf::NAME, CountVectorizer::NAME, HashingVectorizer::NAME, Surface::NAME, "static_embedding"];

/// The kind of features of this name, with its defaults.
fn text_estimator(kind: &str) -> Result<Box<dyn TextEstimator>> {
    Ok(match kind {
        Tfidf::NAME => Box::new(Tfidf::default()),
        CountVectorizer::NAME => Box::new(CountVectorizer::default()),
        HashingVectorizer::NAME => Box::new(HashingVectorizer::default()),
        Surface::NAME => Box::new(Surface::default()),
        #[cfg(feature = "encoder")]
        StaticEmbedding::NAME => Box::new(StaticEmbedding::default()),
        #[cfg(not(feature = "encoder"))]
        "static_embedding" => {
            return Err(Error::unsupported(
                "this build",
                "features of type `static_embedding`",
                "build with the feature `encoder` (cargo install --path crates/prompt-cli --features encoder)",
            ));
        }
        _ => return Err(Error::unknown("kind of features", kind, KNOWN)),
    })
}

fn build(mut params: Map<String, Value>) -> Result<Box<dyn TextEstimator>> {
    let kind = match params.remove("type") {
        Some(Value::String(kind)) => kind,
        _ => return Err(Error::input("features without a `type`", "say for example type = \"tfidf\"")),
    };
    let mut part = text_estimator(&kind)?;
    for (name, value) in &params {
        part = part.with_param(name, value)?;
    }
    Ok(part)
}

impl Serialize for Features {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, part) in &self.0 {
            map.serialize_entry(name, &stated(&**part))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Features {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FeaturesVisitor)
    }
}

struct FeaturesVisitor;

impl<'de> Visitor<'de> for FeaturesVisitor {
    type Value = Features;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of name → { type = …, parameters }")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Features, A::Error> {
        let mut parts = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            parts.push((name, map.next_value::<Part>()?.0));
        }
        if parts.is_empty() {
            return Err(A::Error::custom("no features: name at least one part"));
        }
        Ok(Features(parts))
    }
}

/// One part, built where it is read, so that the error carries the place.
struct Part(Box<dyn TextEstimator>);

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        build(Map::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}
