//! Counts by column for one text, read out in rising order without sorting them all.

/// Up to this width each column has a sum of its own; the table stays in the cache.
const TABLE_LIMIT: usize = 1 << 16;

/// Up to this width each column has a bit.
const MARKS_LIMIT: usize = 1 << 24;

/// Sums small numbers by column and gives them back by rising column, empty again.
///
/// A bit a column says what was touched, a bit above 64 of those says where to look: a text touches a hundred
/// columns of many thousands. In wide tables, where nearly every column is touched once, the bit itself is the
/// count of one, and only what differs from that is listed. In the widest everything is listed and sorted.
#[derive(Debug, Default)]
pub(crate) struct ColumnCounter {
    kind: Kind,
    sums: Vec<i32>,
    touched: Vec<u64>,
    above: Vec<u64>,
    list: Vec<(u32, i32)>,
}

#[derive(Debug, Default, Clone, Copy)]
enum Kind {
    #[default]
    Table,
    Marks,
    List,
}

impl ColumnCounter {
    /// Makes it ready for columns below `width`. It must be empty.
    pub(crate) fn prepare(&mut self, width: usize) {
        self.kind = if width <= TABLE_LIMIT {
            Kind::Table
        } else if width <= MARKS_LIMIT {
            Kind::Marks
        } else {
            Kind::List
        };
        if width > MARKS_LIMIT {
            return;
        }
        let words = width.div_ceil(64);
        if self.touched.len() < words {
            self.touched.resize(words, 0);
            self.above.resize(words.div_ceil(64), 0);
        }
        if width <= TABLE_LIMIT && self.sums.len() < width {
            self.sums.resize(width, 0);
        }
    }

    /// Adds `n` to `column`.
    #[inline]
    pub(crate) fn add(&mut self, column: u32, n: i32) {
        let at = column as usize;
        match self.kind {
            Kind::Table => {
                self.sums[at] = self.sums[at].saturating_add(n);
                self.touch(at);
            }
            Kind::Marks => {
                let seen = self.touched[at >> 6] >> (at & 63) & 1 == 1;
                let differs = n - i32::from(!seen);
                if differs != 0 {
                    self.list.push((column, differs));
                }
                self.touch(at);
            }
            Kind::List => self.list.push((column, n)),
        }
    }

    #[inline]
    fn touch(&mut self, at: usize) {
        self.touched[at >> 6] |= 1 << (at & 63);
        self.above[at >> 12] |= 1 << (at >> 6 & 63);
    }

    /// Calls `take(column, sum)` for every touched column in rising order and forgets everything.
    #[inline]
    pub(crate) fn drain(&mut self, mut take: impl FnMut(u32, i32)) {
        let Self { kind, sums, touched, above, list } = self;
        match kind {
            Kind::Table => {
                drain_marks(touched, above, |column| {
                    take(column, std::mem::take(&mut sums[column as usize]));
                });
            }
            Kind::Marks => {
                list.sort_unstable_by_key(|pair| pair.0);
                let mut differing = list.iter().peekable();
                drain_marks(touched, above, |column| {
                    let mut sum = 1;
                    while let Some((_, n)) = differing.next_if(|pair| pair.0 == column) {
                        sum += n;
                    }
                    take(column, sum);
                });
                list.clear();
            }
            Kind::List => {
                list.sort_unstable_by_key(|pair| pair.0);
                for same in list.chunk_by(|a, b| a.0 == b.0) {
                    if let Some((column, _)) = same.first() {
                        take(*column, same.iter().map(|(_, n)| n).sum());
                    }
                }
                list.clear();
            }
        }
    }
}

#[inline]
fn drain_marks(touched: &mut [u64], above: &mut [u64], mut take: impl FnMut(u32)) {
    for (i, above) in above.iter_mut().enumerate() {
        while *above != 0 {
            let word = i << 6 | above.trailing_zeros() as usize;
            *above &= *above - 1;
            let mut bits = std::mem::take(&mut touched[word]);
            while bits != 0 {
                take((word << 6) as u32 | bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_of_counting_agree() {
        let adds = [(60_000, 1), (3, 2), (60_000, -1), (64, 1), (3, 5), (4095, -1), (4096, 1)];
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
        let expected = [(3, 9), (64, 2), (4095, 0), (4096, 2), (60_000, 2)];
        for width in [60_001, 1 << 18, 1 << 30] {
            assert_eq!(count(width), expected, "{width}");
        }
    }
}
