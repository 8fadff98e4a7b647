//! Which rows and columns a round sees.

use prompt_core::Seed;

use super::loss::Pair;

/// `count` of `n` rows, rising, every choice as likely.
pub(super) fn some_of(n: usize, count: usize, seed: Seed) -> Vec<u32> {
    let mut rng = seed.rng();
    let mut chosen = Vec::with_capacity(count);
    for i in 0..n {
        let left = count - chosen.len();
        if left == 0 {
            break;
        }
        if rng.below(n - i) < left {
            chosen.push(i as u32);
        }
    }
    chosen
}

/// The rows that are not in a rising list.
pub(super) fn others(n: usize, rows: &[u32]) -> Vec<u32> {
    let mut rows = rows.iter().peekable();
    (0..n as u32).filter(|i| rows.next_if_eq(&i).is_none()).collect()
}

/// How many of `n` a share is, at least one.
pub(super) fn share(n: usize, share: f64) -> usize {
    ((n as f64 * share).round() as usize).clamp(1, n)
}

/// Gradient-based one-side sampling: the rows of large gradients, and some of the others, which count for all of them.
pub(super) struct OneSide {
    /// The chosen rows, rising.
    pub(super) rows: Vec<u32>,
    /// Whether the chosen row stands for others as well.
    small: Vec<bool>,
    factor: f32,
}

impl OneSide {
    /// From how much each row matters, |g·h|: the share `top` that matters most, and `other` of the rest.
    pub(super) fn new(matter: &[f32], top: f64, other: f64, seed: Seed) -> Self {
        let n = matter.len();
        let large = share(n, top);
        let mut sorted = matter.to_vec();
        let (_, limit, _) = sorted.select_nth_unstable_by(large - 1, |a, b| b.total_cmp(a));
        let limit = *limit;
        // Rows that matter as much as the last of the large are large as long as there is room.
        let mut room = large - matter.iter().filter(|m| **m > limit).count();
        let mut is_large = |m: f32| {
            let equal = m == limit && room > 0;
            room -= usize::from(equal);
            m > limit || equal
        };
        let kinds: Vec<bool> = matter.iter().map(|m| is_large(*m)).collect();
        let rest: Vec<u32> = (0..n as u32).filter(|i| !kinds[*i as usize]).collect();
        let few = if rest.is_empty() { 0 } else { share(n, other).min(rest.len()) };
        let chosen = some_of(rest.len(), few, seed);
        let mut rows: Vec<u32> = (0..n as u32).filter(|i| kinds[*i as usize]).collect();
        rows.extend(chosen.iter().map(|c| rest[*c as usize]));
        rows.sort_unstable();
        let small = rows.iter().map(|i| !kinds[*i as usize]).collect();
        let factor = rest.len() as f32 / few.max(1) as f32;
        Self { rows, small, factor }
    }

    /// Lets the few rows of small gradients count for all of them.
    pub(super) fn scale(&self, pairs: &mut [Pair]) {
        for (row, small) in self.rows.iter().zip(&self.small) {
            if *small {
                let [g, h] = &mut pairs[*row as usize];
                (*g, *h) = (*g * self.factor, *h * self.factor);
            }
        }
    }
}

/// Which of `columns` a tree may split on.
pub(super) fn some_columns(columns: usize, max_features: f64, seed: Seed) -> Option<Vec<bool>> {
    if max_features >= 1.0 {
        return None;
    }
    let mut allowed = vec![false; columns];
    for j in some_of(columns, share(columns, max_features), seed) {
        allowed[j as usize] = true;
    }
    Some(allowed)
}
