//! The program `prompt`.
fn main() {}
