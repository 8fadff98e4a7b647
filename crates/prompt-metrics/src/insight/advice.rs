//! What to try next, rule by rule and family by family.

use super::Rule;
use crate::history::Family;

/// What to try where a rule speaks about a model of this family.
pub fn next_step(rule: Rule, family: Family) -> &'static str {
    use Family::{Cnn, Encoder, Linear, Lstm, Transformer, Trees};
    match (rule, family) {
        (Rule::Converged, _) => "keep the best epoch; gains are in data and features now",
        (Rule::StillImproving, Trees) => "allow more rounds, with early stopping",
        (Rule::StillImproving, Linear) => "raise max_iter, or loosen the tolerance less",
        (Rule::StillImproving, Encoder) => "add two or three epochs, with early stopping on validation F1",
        (Rule::StillImproving, _) => "raise max_epochs and let early stopping end the run",
        (Rule::NotLearning, Linear) => "check the labels and the vocabulary, then raise C",
        (Rule::NotLearning, Trees) => "check the labels, then allow deeper trees and smaller leaves",
        (Rule::NotLearning, Encoder) => {
            "check the labels and the tokeniser, then try 2e-5 to 5e-5 with warm-up"
        }
        (Rule::NotLearning, Transformer) => "add warm-up, lower the rate to 1e-4, start with fewer layers",
        (Rule::NotLearning, Cnn | Lstm) => "check the labels and the vocabulary, then raise the rate tenfold",
        (Rule::Overfitting, Linear) => "lower C, raise min_df, drop the longest n-grams",
        (Rule::Overfitting, Trees) => "fewer rounds, shallower trees, larger leaves, subsampling",
        (Rule::Overfitting, Cnn) => "more dropout, fewer filters, word dropout; stop at the best epoch",
        (Rule::Overfitting, Lstm) => "more dropout between layers, fewer hidden units, weight decay",
        (Rule::Overfitting, Transformer) => "fewer layers and heads, more dropout, label smoothing",
        (Rule::Overfitting, Encoder) => "fewer epochs, weight decay 0.01 to 0.1, freeze the lower layers",
        (Rule::Unstable, Linear) => "scale the columns, or use another solver",
        (Rule::Unstable, Trees) => "lower the learning rate and add rounds",
        (Rule::Unstable, Lstm) => "clip gradients at 1, halve the rate",
        (Rule::Unstable, Encoder) => {
            "warm up over 10% of the steps, lower the rate to 1e-5 or 2e-5, larger batches"
        }
        (Rule::Unstable, Cnn | Transformer) => "halve the rate, enlarge the batch, warm up",
        (Rule::ExplodingGradient, Lstm) => "clip gradients at 1; shorten the sequences",
        (Rule::ExplodingGradient, _) => "clip gradients at 1 and warm the rate up",
        (Rule::VanishingGradient, Lstm) => {
            "start the forget bias at 1, use two directions, shorten the sequences"
        }
        (Rule::VanishingGradient, Transformer) => "normalise before each layer, warm up",
        (Rule::VanishingGradient, _) => "use a larger rate, fewer layers, or skip connections",
        (Rule::SlowStart, Encoder) => "shorten the warm-up, or raise the rate to 5e-5",
        (Rule::SlowStart, Cnn | Lstm | Transformer) => "raise the rate, or start from pretrained vectors",
        (Rule::SlowStart, _) => "raise the learning rate",
        (Rule::Imbalance, Trees) => {
            "balance the class weights; judge by macro F1 and the rare class's recall"
        }
        (Rule::Imbalance, Linear) => "class_weight = balanced; move the threshold on validation rows",
        (Rule::Imbalance, _) => {
            "class weights or focal loss; more rows of the rare class before anything else"
        }
        (Rule::WeakClass, Linear) => "read its errors; add character n-grams and rows of that class",
        (Rule::WeakClass, _) => "read its errors; add rows of that class, raise its weight",
        (Rule::Miscalibration, Trees) => "calibrate with isotonic regression on validation rows",
        (Rule::Miscalibration, Linear) => "calibrate with a sigmoid on validation rows",
        (Rule::Miscalibration, _) => "fit a temperature on validation rows; label smoothing",
        (Rule::LeakageSuspicion, _) => {
            "search for near-duplicates across splits, split by source, score a blind set"
        }
        (Rule::GeneralisationGap, Linear) => "lower C, raise min_df; more and other training rows",
        (Rule::GeneralisationGap, Trees) => "shallower trees, larger leaves; fewer columns",
        (Rule::GeneralisationGap, _) => "more dropout, fewer epochs; more and other training rows",
    }
}

/// What to try in a family when no rule speaks: the changes that pay most often, in order.
pub fn next_steps(family: Family) -> &'static [&'static str] {
    match family {
        Family::Linear => &[
            "words and characters together (1–2 words, 3–5 characters)",
            "sublinear term frequencies and min_df 2",
            "C over four powers of ten",
            "balanced class weights",
        ],
        Family::Trees => &[
            "a lower learning rate with more rounds and early stopping",
            "depth or leaves over three sizes",
            "subsampling of rows and columns",
            "dense features beside the text",
        ],
        Family::Cnn => &[
            "filter widths 2 to 5, 100 to 200 of each",
            "pretrained word vectors",
            "dropout 0.3 to 0.5 before the last layer",
            "characters beside words",
        ],
        Family::Lstm => &[
            "both directions, with attention pooling instead of the last state",
            "128 to 256 hidden units, two layers at most",
            "gradient clipping at 1",
            "shorter sequences: the head and tail of long prompts",
        ],
        Family::Transformer => &[
            "warm-up and cosine decay",
            "two to four layers: rows are few",
            "a pretrained encoder instead",
            "mean pooling instead of the first token",
        ],
        Family::Encoder => &[
            "rates 1e-5, 2e-5, 3e-5, 5e-5 with 10% warm-up",
            "mean or attention pooling instead of cls",
            "a lower rate for the lower layers",
            "three seeds: differences below their spread are noise",
        ],
    }
}
