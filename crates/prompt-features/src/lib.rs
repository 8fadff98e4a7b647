#![doc = include_str!("../README.md")]

mod count;
mod hashing;
pub mod prepare;
mod surface;
mod table;
mod tabular;
mod text;
mod tfidf;
mod vocabulary;
mod weight;

pub use count::{CountVectorizer, FittedCountVectorizer};
pub use hashing::{FittedHashingVectorizer, HashingVectorizer};
pub use prepare::{
    FittedImputer, FittedIsolationForest, FittedOutlierFilter, FittedScaler, FittedSelection,
    FittedTargetEncoder, Imputer, IsolationForest, MinMaxScaler, OutlierFilter, RobustScaler,
    ScalerAccumulator, SelectKBest, StandardScaler, TargetEncoder,
};
pub use surface::{FittedSurface, SURFACE_FEATURES, Surface, SurfaceScale, surface_numbers};
pub use tabular::{FittedTableEncoder, TableEncoder};
pub use text::{Analyzer, StopWords, StripAccents, TokenPattern, is_space, is_word};
pub use tfidf::{FittedTfidf, Tfidf};
pub use vocabulary::{Frequency, VocabularyAccumulator};
pub use weight::Norm;

/// Adds the decoders of everything in this crate to a catalog.
pub fn register(catalog: &mut prompt_core::artifact::Catalog) {
    catalog
        .features::<FittedCountVectorizer>(count::KIND)
        .features::<FittedTfidf>(tfidf::KIND)
        .features::<FittedHashingVectorizer>(hashing::KIND)
        .features::<FittedSurface>(surface::KIND);
}
