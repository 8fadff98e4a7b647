//! Counts by column for one text, read out in rising order without sorting.

/// Beyond this width counts are sorted instead: a table would cost more memory than it saves time.
const TABLE_LIMIT: usize = 1 << 22;

/// Sums small numbers by column and gives them back by rising column, empty again.
///
/// A bit a column says what was touched, a bit above 64 of those says where to look: a text touches a hundred
/// columns of many thousands.
#[derive(Debug, Default)]
pub(crate) struct ColumnCounter {
    sums: Vec<i32>,
    touched: Vec<u64>,
    above: Vec<u64>,
    /// Used alone when the width is beyond the table's limit.
    list: Vec<(u32, i32)>,
    wide: bool,
}

impl ColumnCounter {
    /// Makes it ready for columns below `width`. It must be empty.
    pub(crate) fn prepare(&mut self, width: usize) {
        self.wide = width > TABLE_LIMIT;
        if !self.wide && self.sums.len() < width {
            let words = width.div_ceil(64);
            self.sums.resize(words * 64, 0);
            self.touched.resize(words, 0);
            self.above.resize(words.div_ceil(64), 0);
        }
    }

    /// Adds `n` to `column`.
    #[inline]
    pub(crate) fn add(&mut self, column: u32, n: i32) {
        if self.wide {
            self.list.push((column, n));
            return;
        }
        let at = column as usize;
        self.sums[at] = self.sums[at].saturating_add(n);
        self.touched[at >> 6] |= 1 << (at & 63);
        self.above[at >> 12] |= 1 << (at >> 6 & 63);
    }

    /// Calls `take(column, sum)` for every touched column in rising order and forgets everything.
    #[inline]
    pub(crate) fn drain(&mut self, mut take: impl FnMut(u32, i32)) {
        if self.wide {
            return self.drain_list(take);
        }
        for (i, above) in self.above.iter_mut().enumerate() {
            while *above != 0 {
                let word = i << 6 | above.trailing_zeros() as usize;
                *above &= *above - 1;
                let mut touched = std::mem::take(&mut self.touched[word]);
                while touched != 0 {
                    let column = word << 6 | touched.trailing_zeros() as usize;
                    touched &= touched - 1;
                    take(column as u32, std::mem::take(&mut self.sums[column]));
                }
            }
        }
    }

    fn drain_list(&mut self, mut take: impl FnMut(u32, i32)) {
        self.list.sort_unstable_by_key(|pair| pair.0);
        for same in self.list.chunk_by(|a, b| a.0 == b.0) {
            if let Some((column, _)) = same.first() {
                take(*column, same.iter().fold(0, |sum: i32, (_, n)| sum.saturating_add(*n)));
            }
        }
        self.list.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_counting_agree() {
        let adds = [(70_000, 1), (3, 2), (70_000, -1), (64, 1), (3, 5), (4095, 1), (4096, 1)];
        let count = |width: usize| {
            let mut counter = ColumnCounter::default();
            counter.prepare(width);
            let mut out = Vec::new();
            for round in 0..2 {
                out.clear();
                adds.iter().for_each(|&(column, n)| counter.add(column, n + round));
                counter.drain(|column, n| out.push((column, n)));
            }
            out
        };
        assert_eq!(count(70_001), [(3, 9), (64, 2), (4095, 2), (4096, 2), (70_000, 2)]);
        assert_eq!(count(70_001), count(1 << 30));
    }
}
