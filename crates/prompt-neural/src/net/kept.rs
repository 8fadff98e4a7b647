//! How many numbers a training step keeps for its way back.

use super::Architecture;

impl Architecture {
    /// Of a batch of so many tokens, filled to rows of `length`. Counted from what the layers keep, from below.
    pub(crate) fn kept(&self, tokens: f64, length: f64) -> f64 {
        // The embedding, what is dropped of it, and the product, which starts a graph of its own.
        let begin = |width: usize| 3.0 * width as f64;
        let per_token = match self {
            Self::Cnn(p) => begin(p.embedding_dim) + convolutions(&p.windows, p.embedding_dim, p.filters),
            Self::Lstm(p) => begin(p.embedding_dim) + lstm(p.units),
            Self::BiLstm(p) => begin(p.embedding_dim) + both(p.units),
            Self::Hybrid(p) => {
                begin(p.embedding_dim) + convolutions(&p.windows, p.embedding_dim, p.filters) + both(p.units)
            }
            Self::Transformer(p) => {
                let (width, inner) = (p.embedding_dim as f64, p.feed_forward as f64);
                let attention = 3.0 * p.heads as f64 * length;
                begin(p.embedding_dim) + p.layers as f64 * (14.0 * width + 3.0 * inner + attention)
            }
        };
        tokens * per_token
    }
}

/// Each window width keeps the numbers it saw; the widest has all its windows side by side for a moment.
fn convolutions(windows: &[usize], width: usize, filters: usize) -> f64 {
    let widest = windows.iter().copied().max().unwrap_or(0);
    (windows.len() * width + widest * width + filters) as f64
}

/// The projected input, four gates, four states, the output; on the way back two gradients of the gates.
fn lstm(units: usize) -> f64 {
    20.0 * units as f64
}

/// Two directions, side by side, and the attention over them.
fn both(units: usize) -> f64 {
    2.0 * lstm(units) + 8.0 * units as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{BiLstm, Cnn, Lstm, Transformer};

    #[test]
    fn it_grows_with_the_tokens_and_attention_with_their_square() {
        let cnn = Architecture::Cnn(Cnn::default());
        assert_eq!(cnn.kept(2000.0, 100.0), 2.0 * cnn.kept(1000.0, 500.0));
        // 3·100 + 4·100 + 5·100 + 100 numbers a token.
        assert_eq!(cnn.kept(1.0, 1.0), 1300.0);
        let small = Architecture::Lstm(Lstm::default()).kept(1000.0, 10.0);
        let two = Architecture::BiLstm(BiLstm::default()).kept(1000.0, 10.0);
        assert!(two > 1.7 * small, "{two} {small}");
        let transformer = Architecture::Transformer(Transformer::default());
        let (short, long) = (transformer.kept(1024.0, 64.0), transformer.kept(1024.0, 1024.0));
        assert_eq!(long - short, 1024.0 * 2.0 * 3.0 * 4.0 * 960.0);
    }
}
