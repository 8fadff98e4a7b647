//! What counts as the same, and that the search finds what a comparison of all pairs finds.

use std::collections::BTreeSet;

use prompt_core::Seed;

use super::*;

#[test]
fn normalising_ignores_case_punctuation_and_spaces_in_any_script() {
    assert_eq!(normalise("ÉTÉ — «l'heure»…"), "été lheure");
    assert_eq!(normalise("你好，世界！"), "你好世界");
    assert_eq!(normalise("a < b"), "a b");
    assert_eq!(normalise("👍!"), "👍");
    assert_ne!(normalise("..."), normalise("???"));
    assert_eq!(normalise(" \n"), "");
    assert_eq!(without_punctuation("Well, don't!  Stop."), "Well dont  Stop");
}

/// Sentences of random words, each followed by a few copies with some words changed.
fn paraphrases(n: usize) -> Vec<String> {
    let mut rng = Seed::new(9).rng();
    let word = |rng: &mut prompt_core::Rng| format!("w{}", rng.below(3000));
    let mut texts = Vec::new();
    while texts.len() < n {
        let base: Vec<String> = (0..20 + rng.below(40)).map(|_| word(&mut rng)).collect();
        texts.push(base.join(" "));
        for _ in 0..rng.below(3) {
            let mut copy = base.clone();
            for _ in 0..rng.below(5) {
                let at = rng.below(copy.len());
                copy[at] = word(&mut rng);
            }
            texts.push(copy.join(" "));
        }
    }
    texts.truncate(n);
    rng.shuffle(&mut texts);
    texts
}

/// Groups by comparing all pairs, with sets of strings instead of hashes.
fn all_pairs(texts: &[String], size: usize, threshold: f64) -> Vec<usize> {
    let sets: Vec<BTreeSet<String>> = texts
        .iter()
        .map(|t| {
            let chars: Vec<char> = normalise(t).chars().collect();
            chars.windows(size).map(|w| w.iter().collect()).collect()
        })
        .collect();
    let mut group: Vec<usize> = (0..texts.len()).collect();
    for i in 0..texts.len() {
        for j in 0..i {
            let shared = sets[i].intersection(&sets[j]).count();
            let all = sets[i].union(&sets[j]).count();
            if shared as f64 >= threshold * all as f64 && group[i] != group[j] {
                let (from, to) = (group[i].max(group[j]), group[i].min(group[j]));
                group.iter_mut().filter(|g| **g == from).for_each(|g| *g = to);
            }
        }
    }
    group
}

#[test]
fn the_search_finds_what_all_pairs_find() {
    let texts = paraphrases(400);
    let expected = Groups::from_first(&all_pairs(&texts, 5, 0.8));
    let found = NearDuplicates::default().groups(&texts, &FitContext::new(1)).unwrap();
    assert!(expected.repeated().len() > 50, "{}", expected.repeated().len());
    assert_eq!(found.codes(), expected.codes());
}

#[test]
fn any_number_of_threads_gives_the_same_groups() {
    let texts = paraphrases(1500);
    let one = NearDuplicates::default().groups(&texts, &FitContext::new(1).threads(1)).unwrap();
    for threads in [2, 16] {
        let many = NearDuplicates::default().groups(&texts, &FitContext::new(2).threads(threads)).unwrap();
        assert_eq!(one, many, "{threads} threads");
    }
    assert_eq!(one.codes().len(), 1500);
}

#[test]
fn a_template_that_thousands_share_stays_cheap_and_is_one_group() {
    let body = "Summarise the following quarterly report in three bullet points and name the biggest risk for the board";
    let texts: Vec<String> = (0..3000).map(|i| format!("{body}, number {i}")).collect();
    let groups = NearDuplicates::default().groups(&texts, &FitContext::new(1)).unwrap();
    assert_eq!(groups.count(), 1);
}

#[test]
fn empty_and_short_texts_are_compared_as_a_whole() {
    let texts = ["", "hi", "Hi!", " ", "ho"];
    let groups = NearDuplicates::default().groups(&texts, &FitContext::new(1)).unwrap();
    assert_eq!(groups.codes(), [0, 1, 1, 0, 2]);
    assert_eq!(exact(&Vec::<String>::new()).count(), 0);
    let error = NearDuplicates::default().threshold(0.0).groups(&texts, &FitContext::new(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "near_duplicates: parameter `threshold` must be a number in (0, 1], got 0.0"
    );
}
