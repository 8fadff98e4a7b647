//! Fewer rows of the same kind.

use prompt_core::Seed;

use super::assign::apportion;

/// At most `most` of the rows `0..strata.len()`, rising, drawn without replacement so that every class keeps its share
/// within one row. A class that would be left without a row gets one, as long as there are rows to go round.
///
/// ```
/// use prompt_core::Seed;
/// use prompt_data::split::sample;
/// let classes = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// let rows = sample(&classes, 4, Seed::new(1));
/// assert_eq!(rows.len(), 4);
/// assert!(rows.contains(&9));
/// assert_eq!(sample(&classes, 20, Seed::new(1)).len(), 10);
/// ```
pub fn sample(strata: &[u32], most: usize, seed: Seed) -> Vec<usize> {
    if strata.len() <= most {
        return (0..strata.len()).collect();
    }
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (row, &class) in strata.iter().enumerate() {
        let class = class as usize;
        if members.len() <= class {
            members.resize_with(class + 1, Vec::new);
        }
        members[class].push(row);
    }
    let sizes: Vec<usize> = members.iter().map(Vec::len).collect();
    let mut quota = apportion(most, &sizes);
    for class in 0..quota.len() {
        if sizes[class] == 0 || quota[class] > 0 {
            continue;
        }
        // The first of the classes with the most rows gives one away.
        if let Some(richest) = (0..quota.len()).rev().max_by_key(|&c| quota[c]).filter(|&c| quota[c] > 1) {
            quota[richest] -= 1;
            quota[class] += 1;
        }
    }
    let mut rng = seed.derive("sample", 0).rng();
    let mut rows: Vec<usize> = members
        .into_iter()
        .zip(quota)
        .flat_map(|(mut rows, quota)| {
            rng.shuffle(&mut rows);
            rows.truncate(quota);
            rows
        })
        .collect();
    rows.sort_unstable();
    rows
}
