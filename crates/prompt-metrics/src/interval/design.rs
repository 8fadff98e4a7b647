//! How rows came to be, and so how they are drawn again.

use prompt_core::{Error, Result, Seed};

use super::resample;
use crate::check;

/// What is drawn again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Design<'a> {
    /// So many rows, each independent of the others.
    Rows(usize),
    /// Rows drawn within each stratum (one number a row), whose sizes stay as they are: for test sets that were balanced on
    /// purpose.
    Stratified(&'a [u32]),
    /// Whole clusters (one number a row): for rows that come from the same person, document or attack, and are alike.
    Clustered(&'a [u32]),
}

/// Units of a design that are left out one by one at most; of more, blocks are.
const JACKKNIFE_UNITS: usize = 1000;

/// A design with its rows sorted into groups.
pub(super) enum Units {
    Rows(u32),
    Strata(Vec<Vec<usize>>),
    Clusters(Vec<Vec<usize>>),
}

impl Units {
    pub(super) fn new(design: &Design<'_>) -> Result<Self> {
        match design {
            Design::Rows(rows) => Ok(Self::Rows(row_count(*rows)?)),
            Design::Stratified(strata) => {
                row_count(strata.len())?;
                Ok(Self::Strata(groups(strata)))
            }
            Design::Clustered(clusters) => {
                row_count(clusters.len())?;
                let clusters = groups(clusters);
                if clusters.len() < 2 {
                    return Err(Error::input(
                        "all rows are of one cluster",
                        "clusters are drawn whole: give rows of at least two",
                    ));
                }
                Ok(Self::Clusters(clusters))
            }
        }
    }

    pub(super) fn all(&self) -> Vec<usize> {
        match self {
            Self::Rows(n) => (0..*n as usize).collect(),
            Self::Strata(groups) | Self::Clusters(groups) => (0..groups.iter().map(Vec::len).sum()).collect(),
        }
    }

    pub(super) fn drawn(&self, seed: Seed) -> Vec<usize> {
        let mut rows = Vec::new();
        match self {
            Self::Rows(n) => resample::draw(seed, *n, |block| rows.extend(block.iter().map(|&i| i as usize))),
            Self::Strata(strata) => {
                for (s, stratum) in strata.iter().enumerate() {
                    let seed = seed.derive("stratum", s as u64);
                    resample::draw(seed, stratum.len() as u32, |block| {
                        rows.extend(block.iter().map(|&i| stratum[i as usize]));
                    });
                }
            }
            Self::Clusters(clusters) => resample::draw(seed, clusters.len() as u32, |block| {
                block.iter().for_each(|&c| rows.extend_from_slice(&clusters[c as usize]));
            }),
        }
        rows
    }

    /// All rows but those of one unit (one block of units, where there are many), for each.
    pub(super) fn jackknife(&self) -> Vec<Vec<usize>> {
        let units = match self {
            Self::Rows(n) => *n as usize,
            Self::Strata(strata) => strata.iter().map(Vec::len).sum(),
            Self::Clusters(clusters) => clusters.len(),
        };
        let blocks = units.min(JACKKNIFE_UNITS);
        (0..blocks)
            .map(|block| match self {
                Self::Rows(_) | Self::Strata(_) => (0..units).filter(|i| i % blocks != block).collect(),
                Self::Clusters(clusters) => clusters
                    .iter()
                    .enumerate()
                    .filter(|(c, _)| c % blocks != block)
                    .flat_map(|(_, rows)| rows.iter().copied())
                    .collect(),
            })
            .collect()
    }
}

pub(super) fn row_count(rows: usize) -> Result<u32> {
    check::not_empty(rows)?;
    u32::try_from(rows)
        .map_err(|_| Error::input(format!("{rows} rows to resample"), "the bootstrap takes up to 2³² − 1"))
}

/// The rows of each number, lowest number first.
fn groups(of_row: &[u32]) -> Vec<Vec<usize>> {
    let mut groups = std::collections::BTreeMap::<u32, Vec<usize>>::new();
    for (row, &group) in of_row.iter().enumerate() {
        groups.entry(group).or_default().push(row);
    }
    groups.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strata_keep_their_sizes_and_clusters_stay_whole() {
        let of_row = [3, 1, 3, 1, 1, 9];
        let strata = Units::new(&Design::Stratified(&of_row)).unwrap();
        let clusters = Units::new(&Design::Clustered(&of_row)).unwrap();
        for seed in 0..50 {
            let rows = strata.drawn(Seed::new(seed));
            let of = |group: u32| rows.iter().filter(|&&r| of_row[r] == group).count();
            assert_eq!([of(1), of(3), of(9)], [3, 2, 1]);
            let rows = clusters.drawn(Seed::new(seed));
            let of = |row: usize| rows.iter().filter(|&&r| r == row).count();
            assert_eq!((of(0), of(1), of(1)), (of(2), of(3), of(4)));
        }
        assert_eq!(clusters.jackknife()[0], [0, 2, 5], "the first cluster is that of the lowest number");
        assert_eq!(strata.all(), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn many_rows_are_left_out_in_blocks() {
        let parts = Units::new(&Design::Rows(2500)).unwrap().jackknife();
        assert_eq!((parts.len(), parts[0].len(), parts[999].len()), (1000, 2497, 2498));
        assert!(
            Units::new(&Design::Clustered(&[7, 7])).is_err_and(|e| e.to_string().contains("one cluster"))
        );
        assert!(Units::new(&Design::Stratified(&[])).is_err_and(|e| e.to_string().contains("no rows")));
    }
}
