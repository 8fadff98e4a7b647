//! One tree on a block of rows.

use prompt_core::{Matrix, RowView};

use super::super::quadrature::Rules;
use super::game::{Game, Interventional, Mask, PathDependent};
use super::paths::{Leaf, Paths};
use super::source::{Point, Source};

/// Ways of at most so many columns keep what every pattern comes to.
const KEPT: usize = 12;

/// The columns that some split looks at; the others contribute nothing.
pub(super) struct Used {
    columns: Vec<usize>,
    /// For each column of a row its place among those, or `usize::MAX`.
    places: Vec<usize>,
}

/// Numbers of some rows, column by column.
pub(super) struct Rows {
    count: usize,
    data: Vec<f64>,
}

impl Used {
    pub(super) fn of(source: &Source) -> Self {
        let mut places = vec![usize::MAX; source.columns];
        for t in 0..source.len() {
            for point in source.tree(t) {
                if let Point::Split { column, .. } = point {
                    places[column] = 0;
                }
            }
        }
        let columns: Vec<usize> = (0..places.len()).filter(|&j| places[j] == 0).collect();
        columns.iter().enumerate().for_each(|(place, &j)| places[j] = place);
        Self { columns, places }
    }

    pub(super) fn gather(&self, x: &Matrix, first: usize, count: usize) -> Rows {
        let mut data = vec![0.0; self.columns.len() * count];
        for i in 0..count {
            match x.row(first + i) {
                RowView::Dense(row) => {
                    for (place, &j) in self.columns.iter().enumerate() {
                        data[place * count + i] = row[j];
                    }
                }
                RowView::Sparse { indices, values } => {
                    for (&j, &v) in indices.iter().zip(values) {
                        if let Some(place) = self.places.get(j as usize).filter(|p| **p != usize::MAX) {
                            data[place * count + i] = f64::from(v);
                        }
                    }
                }
            }
        }
        Rows { count, data }
    }
}

impl Rows {
    fn words(&self) -> usize {
        self.count.div_ceil(64)
    }
}

/// For every split which rows go left: `words` words a split.
fn answers(source: &Source, paths: &Paths, used: &Used, rows: &Rows) -> Vec<u64> {
    let mut bits = Vec::with_capacity(paths.splits.len() * rows.words());
    for (column, test) in &paths.splits {
        let start = used.places[*column] * rows.count;
        let column = &rows.data[start..start + rows.count];
        bits.extend(column.chunks(64).map(|xs| source.go_left(*test, xs)));
    }
    bits
}

/// The margins before anything is known: what leaves are worth then, and where the margins start.
pub(super) fn base(source: &Source, used: &Used, background: Option<&Rows>) -> Vec<f64> {
    let mut base = source.start.clone();
    for t in 0..source.len() {
        let paths = Paths::new(&source.tree(t));
        let theirs = background.map(|rows| (answers(source, &paths, used, rows), rows));
        for leaf in &paths.leaves {
            let worth = match &theirs {
                None => paths.asks[leaf.asks.clone()].iter().map(|a| a.share).product(),
                Some((bits, rows)) => {
                    Interventional::new(leaf.asks.len(), masks(&paths, leaf, bits, rows)).base()
                }
            };
            for (i, value) in paths.values[leaf.values.clone()].iter().enumerate() {
                base[leaf.output + i] += worth * value;
            }
        }
    }
    base
}

/// Which columns of a leaf's way are right, for each of 64 rows a word: a word a column.
fn right_words(paths: &Paths, leaf: &Leaf, bits: &[u64], (word, words): (usize, usize), out: &mut Vec<u64>) {
    out.clear();
    for ask in &paths.asks[leaf.asks.clone()] {
        let mut all = u64::MAX;
        for answer in &paths.answers[ask.answers.clone()] {
            let left = bits[(answer >> 1) as usize * words + word];
            all &= if answer & 1 == 0 { left } else { !left };
        }
        out.push(all);
    }
}

/// The pattern of one of 64 rows.
fn pattern(columns: &[u64], row: usize, out: &mut Mask) {
    out.clear();
    out.resize(columns.len().div_ceil(64).max(1), 0);
    for (e, word) in columns.iter().enumerate() {
        out[e / 64] |= (word >> row & 1) << (e % 64);
    }
}

/// The patterns of all rows.
fn masks<'a>(
    paths: &'a Paths,
    leaf: &'a Leaf,
    bits: &'a [u64],
    rows: &'a Rows,
) -> impl Iterator<Item = Mask> + 'a {
    let words = rows.words();
    (0..words).flat_map(move |word| {
        let mut columns = Vec::new();
        right_words(paths, leaf, bits, (word, words), &mut columns);
        let here = (rows.count - word * 64).min(64);
        (0..here).map(move |row| {
            let mut mask = Mask::new();
            pattern(&columns, row, &mut mask);
            mask
        })
    })
}

/// A tree, and the answers of its splits for the rows of a block.
pub(super) struct Work<'a> {
    paths: &'a Paths,
    rows: &'a Rows,
    bits: Vec<u64>,
    background: Option<(&'a Rows, Vec<u64>)>,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        source: &Source,
        paths: &'a Paths,
        used: &Used,
        (rows, background): (&'a Rows, Option<&'a Rows>),
    ) -> Self {
        let bits = answers(source, paths, used, rows);
        let background = background.map(|rows| (rows, answers(source, paths, used, rows)));
        Self { paths, rows, bits, background }
    }

    /// Adds the contributions of the tree: row by row, column by column, output by output.
    pub(super) fn add(&self, shape: (usize, usize), out: &mut [f64]) {
        let mut rules = Rules::default();
        let mut memory = Memory::default();
        for leaf in &self.paths.leaves {
            if leaf.asks.is_empty() {
                continue;
            }
            match &self.background {
                None => {
                    let shares = self.paths.asks[leaf.asks.clone()].iter().map(|a| a.share).collect();
                    self.leaf(leaf, &mut PathDependent::new(shares, &mut rules), &mut memory, shape, out);
                }
                Some((rows, bits)) => {
                    let theirs = masks(self.paths, leaf, bits, rows);
                    let mut game = Interventional::new(leaf.asks.len(), theirs);
                    self.leaf(leaf, &mut game, &mut memory, shape, out);
                }
            }
        }
    }

    fn leaf(
        &self,
        leaf: &Leaf,
        game: &mut impl Game,
        memory: &mut Memory,
        (columns, k): (usize, usize),
        out: &mut [f64],
    ) {
        let asks = &self.paths.asks[leaf.asks.clone()];
        let values = &self.paths.values[leaf.values.clone()];
        let m = asks.len();
        let keeps = m <= KEPT;
        memory.start(m, keeps);
        let words = self.rows.words();
        for word in 0..words {
            right_words(self.paths, leaf, &self.bits, (word, words), &mut memory.columns);
            let here = (self.rows.count - word * 64).min(64);
            for row in 0..here {
                let at = if keeps {
                    let code = memory.columns.iter().enumerate().fold(0, |c, (e, w)| c | (w >> row & 1) << e)
                        as usize;
                    match memory.known[code] {
                        0 => {
                            let start = memory.parts.len();
                            memory.parts.resize(start + m, 0.0);
                            game.parts(&[code as u64], &mut memory.parts[start..]);
                            memory.known[code] = (start / m) as u32 + 1;
                            start
                        }
                        found => (found - 1) as usize * m,
                    }
                } else {
                    pattern(&memory.columns, row, &mut memory.mask);
                    memory.parts.resize(m, 0.0);
                    game.parts(&memory.mask, &mut memory.parts);
                    0
                };
                let parts = &memory.parts[at..at + m];
                let row = &mut out[(word * 64 + row) * columns * k..][..columns * k];
                for (ask, part) in asks.iter().zip(parts) {
                    let to = &mut row[ask.column * k + leaf.output..];
                    for (to, value) in to.iter_mut().zip(values) {
                        *to += part * value;
                    }
                }
            }
        }
    }
}

/// What the leaves of a tree share.
#[derive(Default)]
struct Memory {
    columns: Vec<u64>,
    mask: Mask,
    /// For each pattern where its parts are, from 1; 0 where they are not known.
    known: Vec<u32>,
    parts: Vec<f64>,
}

impl Memory {
    fn start(&mut self, m: usize, keeps: bool) {
        self.parts.clear();
        if keeps {
            self.known.clear();
            self.known.resize(1 << m, 0);
        }
    }
}
