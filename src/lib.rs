//! Examples, benches and whole-story tests of the prompt workspace live beside this empty crate.
