//! Every stage from text to numbers sits the examination: the same bits by row and by batch, for any number of threads and
//! after loading; ugly texts, spans of the user's own text, errors that name the parameter, damage that is refused.

use prompt_core::artifact::Catalog;
use prompt_features::{
    Analyzer, CountVectorizer, Frequency, HashingVectorizer, StopWords, StripAccents, Surface, SurfaceScale,
    Tfidf, register,
};

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    register(&mut catalog);
    catalog
}

prompt_core::text_estimator_checks! {
    catalog: catalog();
    count_vectorizer: CountVectorizer::default().ngram_range((1, 3));
    count_vectorizer_char: CountVectorizer::default().analyzer(Analyzer::Char).ngram_range((1, 4));
    tfidf: Tfidf::default();
    tfidf_word: Tfidf::default().ngram_range((1, 2)).max_features(Some(150)).sublinear_tf(true);
    tfidf_stop_words: Tfidf::default().ngram_range((2, 3)).stop_words(StopWords::English).min_df(Frequency::Count(2));
    tfidf_ascii: Tfidf::default().strip_accents(StripAccents::Ascii).binary(true).max_features(Some(12));
    tfidf_char: Tfidf::default().analyzer(Analyzer::Char).ngram_range((1, 5)).max_df(Frequency::Share(0.5));
    tfidf_char_wb: Tfidf::default().analyzer(Analyzer::CharWb).ngram_range((3, 5)).max_features(Some(300));
    tfidf_char_wb_unicode:
        Tfidf::default().analyzer(Analyzer::CharWb).ngram_range((1, 9)).strip_accents(StripAccents::Unicode);
    hashing_vectorizer: HashingVectorizer::default();
    hashing_vectorizer_narrow: HashingVectorizer::default().ngram_range((1, 2)).n_features(500);
    hashing_vectorizer_char: HashingVectorizer::default().analyzer(Analyzer::Char).ngram_range((2, 3)).n_features(97);
    surface: Surface::default();
    surface_standard: Surface::default().scale(SurfaceScale::Standard);
    surface_log: Surface::default().scale(SurfaceScale::Log);
}
