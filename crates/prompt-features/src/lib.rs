//! From prompts to matrices: count, TF-IDF and hashing vectorisers, surface features, unions.
