//! The codes of a matrix.

use prompt_core::{Csr, Dense, FitContext};

use super::{ColumnBins, GROUP};

/// What a code is kept in: `u8` for at most 255 bins, `u16` for at most 65,535.
pub trait Code: Copy + Default + Ord + Send + Sync + std::fmt::Debug + 'static {
    /// The code of this bin.
    fn new(bin: usize) -> Self;

    /// The bin.
    fn bin(self) -> usize;
}

impl Code for u8 {
    fn new(bin: usize) -> Self {
        bin as Self
    }

    fn bin(self) -> usize {
        usize::from(self)
    }
}

impl Code for u16 {
    fn new(bin: usize) -> Self {
        bin as Self
    }

    fn bin(self) -> usize {
        usize::from(self)
    }
}

/// The codes of a matrix, column after column.
#[derive(Debug, Clone, PartialEq)]
pub struct Binned<C> {
    rows: usize,
    cols: usize,
    storage: Storage<C>,
}

/// How the codes are kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Storage<C> {
    /// Every code, column after column.
    Dense(Vec<C>),
    /// Only codes other than that of zero.
    Sparse(SparseCodes<C>),
}

/// Codes other than that of zero, both by row and by column.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseCodes<C> {
    zero: Vec<C>,
    row_starts: Vec<usize>,
    columns: Vec<u32>,
    row_codes: Vec<C>,
    column_starts: Vec<usize>,
    rows: Vec<u32>,
    column_codes: Vec<C>,
}

/// One column of codes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CodeColumn<'a, C> {
    /// A code for every row.
    Dense(&'a [C]),
    /// Rising rows and their codes; all others have the code `zero`.
    Sparse {
        /// Rows with another code than `zero`.
        rows: &'a [u32],
        /// Their codes.
        codes: &'a [C],
        /// The code of all other rows.
        zero: C,
    },
}

/// A sparse matrix is kept dense when more than one number in this many is stored: gathering a byte is cheaper than
/// searching for it.
const DENSE_FROM: usize = 8;

impl<C: Code> Binned<C> {
    pub(super) fn from_dense(bins: &[ColumnBins], x: &Dense, ctx: &FitContext) -> Self {
        let (n, cols) = (x.rows(), x.cols());
        let groups = ctx.map(cols.div_ceil(GROUP), |group| {
            let first = group * GROUP;
            let last = (first + GROUP).min(cols);
            let mut codes = vec![C::default(); n * (last - first)];
            let lookups: Vec<Lookup<'_>> = bins[first..last].iter().map(Lookup::new).collect();
            // A few hundred rows at a time, so that their lines are still near when the next column wants them.
            const ROWS: usize = 256;
            for start in (0..n).step_by(ROWS) {
                let end = (start + ROWS).min(n);
                for (at, lookup) in lookups.iter().enumerate() {
                    let out = &mut codes[at * n + start..at * n + end];
                    for (i, out) in out.iter_mut().enumerate() {
                        *out = C::new(lookup.code(x.row(start + i)[first + at]));
                    }
                }
            }
            codes
        });
        Self { rows: n, cols, storage: Storage::Dense(groups.concat()) }
    }

    pub(super) fn from_sparse(bins: &[ColumnBins], x: &Csr) -> Self {
        let (n, cols) = (x.rows(), x.cols());
        let zero: Vec<C> = bins.iter().map(|b| C::new(b.code(0.0))).collect();
        if x.nnz().saturating_mul(DENSE_FROM) > n.saturating_mul(cols) {
            let mut codes = vec![C::default(); n * cols];
            for (column, zero) in codes.chunks_exact_mut(n.max(1)).zip(&zero) {
                column.fill(*zero);
            }
            for i in 0..n {
                x.row(i).for_each(|j, v| codes[j * n + i] = C::new(bins[j].code(v)));
            }
            return Self { rows: n, cols, storage: Storage::Dense(codes) };
        }
        let mut sparse = SparseCodes {
            row_starts: vec![0],
            columns: Vec::with_capacity(x.nnz()),
            row_codes: Vec::with_capacity(x.nnz()),
            column_starts: vec![0; cols + 1],
            rows: Vec::new(),
            column_codes: Vec::new(),
            zero,
        };
        for i in 0..n {
            x.row(i).for_each(|j, v| {
                let code = C::new(bins[j].code(v));
                if code != sparse.zero[j] {
                    sparse.columns.push(j as u32);
                    sparse.row_codes.push(code);
                    sparse.column_starts[j + 1] += 1;
                }
            });
            sparse.row_starts.push(sparse.columns.len());
        }
        sparse.fill_columns();
        Self { rows: n, cols, storage: Storage::Sparse(sparse) }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// How the codes are kept.
    pub fn storage(&self) -> &Storage<C> {
        &self.storage
    }

    /// One column.
    pub fn column(&self, j: usize) -> CodeColumn<'_, C> {
        match &self.storage {
            Storage::Dense(codes) => CodeColumn::Dense(&codes[j * self.rows..(j + 1) * self.rows]),
            Storage::Sparse(sparse) => sparse.column(j),
        }
    }

    /// One column with a code for every row; `None` where the codes are sparse.
    pub fn dense_column(&self, j: usize) -> Option<&[C]> {
        match self.column(j) {
            CodeColumn::Dense(codes) => Some(codes),
            CodeColumn::Sparse { .. } => None,
        }
    }

    /// The code of one number.
    pub fn code(&self, row: usize, j: usize) -> C {
        match self.column(j) {
            CodeColumn::Dense(codes) => codes[row],
            CodeColumn::Sparse { rows, codes, zero } => {
                rows.binary_search(&(row as u32)).map_or(zero, |at| codes[at])
            }
        }
    }

    /// The codes row after row, `stride` codes a row (at least as many as columns); `None` where they are sparse.
    pub fn by_rows(&self, stride: usize) -> Option<Vec<C>> {
        let Storage::Dense(codes) = &self.storage else { return None };
        let mut out = vec![C::default(); self.rows * stride];
        const ROWS: usize = 64;
        for start in (0..self.rows).step_by(ROWS) {
            let end = (start + ROWS).min(self.rows);
            for j in 0..self.cols.min(stride) {
                for i in start..end {
                    out[i * stride + j] = codes[j * self.rows + i];
                }
            }
        }
        Some(out)
    }
}

impl<C: Code> SparseCodes<C> {
    /// From the rows, with the number of codes of each column in `column_starts`.
    fn fill_columns(&mut self) {
        for j in 1..self.column_starts.len() {
            self.column_starts[j] += self.column_starts[j - 1];
        }
        let mut next = self.column_starts.clone();
        self.rows = vec![0; self.columns.len()];
        self.column_codes = vec![C::default(); self.columns.len()];
        for (i, range) in self.row_starts.windows(2).enumerate() {
            for at in range[0]..range[1] {
                let slot = &mut next[self.columns[at] as usize];
                self.rows[*slot] = i as u32;
                self.column_codes[*slot] = self.row_codes[at];
                *slot += 1;
            }
        }
    }

    /// The code of zero in every column.
    pub fn zero(&self) -> &[C] {
        &self.zero
    }

    /// The columns of one row where its code is not that of zero, rising, and these codes.
    pub fn row(&self, i: usize) -> (&[u32], &[C]) {
        let range = self.row_starts[i]..self.row_starts[i + 1];
        (&self.columns[range.clone()], &self.row_codes[range])
    }

    /// Calls this for each of these rows, with its number among them, its [`row`](Self::row)'s columns and codes.
    ///
    /// The rows may lie far apart: a few places of some rows are read at once, so that their memory is waited for
    /// together and not row after row.
    pub(in crate::tree) fn each_of(&self, rows: &[u32], mut f: impl FnMut(usize, &[u32], &[C])) {
        const TOGETHER: usize = 8;
        /// Numbers of a column in a line of the cache.
        const LINE: usize = 16;
        for (step, rows) in rows.chunks(TOGETHER).enumerate() {
            let mut read = 0;
            for row in rows {
                let (columns, codes) = self.row(*row as usize);
                let places = [0, LINE, 2 * LINE, 3 * LINE].into_iter().filter_map(|at| columns.get(at));
                read ^= places.chain(columns.last()).fold(0, |read, column| read ^ column);
                read ^= codes.first().map_or(0, |code| code.bin() as u32);
            }
            std::hint::black_box(read);
            for (at, row) in rows.iter().enumerate() {
                let (columns, codes) = self.row(*row as usize);
                f(step * TOGETHER + at, columns, codes);
            }
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.row_starts.len().saturating_sub(1)
    }

    /// How many codes other than that of zero there are.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// How many columns of row `i` have another code than that of zero.
    pub fn row_len(&self, i: usize) -> usize {
        self.row_starts[i + 1] - self.row_starts[i]
    }

    /// One column.
    pub fn column(&self, j: usize) -> CodeColumn<'_, C> {
        let range = self.column_starts[j]..self.column_starts[j + 1];
        CodeColumn::Sparse {
            rows: &self.rows[range.clone()],
            codes: &self.column_codes[range],
            zero: self.zero[j],
        }
    }

    /// How many rows have another code than that of zero in column `j`.
    pub fn stored(&self, j: usize) -> usize {
        self.column_starts[j + 1] - self.column_starts[j]
    }
}

/// The cuts of a column laid out for searching without branches.
pub(in crate::tree) enum Lookup<'a> {
    Cuts {
        cuts: Box<[f64; 256]>,
        missing: usize,
    },
    /// The last of each `stride` cuts in `cuts`: one of these strides is then looked at.
    Strides {
        cuts: Box<[f64; 256]>,
        stride: usize,
        all: &'a [f64],
        missing: usize,
    },
    Any(&'a ColumnBins),
}

impl<'a> Lookup<'a> {
    pub(in crate::tree) fn new(bins: &'a ColumnBins) -> Self {
        if bins.is_categorical() || bins.bins() == 0 {
            return Self::Any(bins);
        }
        let (all, missing) = (bins.cuts(), bins.missing_code());
        let mut cuts = Box::new([f64::INFINITY; 256]);
        if all.len() <= 255 {
            cuts[..all.len()].copy_from_slice(all);
            return Self::Cuts { cuts, missing };
        }
        let stride = all.len().div_ceil(255);
        for (last, stride) in cuts.iter_mut().zip(all.chunks_exact(stride)) {
            *last = stride[stride.len() - 1];
        }
        Self::Strides { cuts, stride, all, missing }
    }

    pub(in crate::tree) fn code(&self, v: f64) -> usize {
        match self {
            Self::Any(bins) => bins.code(v),
            Self::Cuts { missing, .. } | Self::Strides { missing, .. } if v.is_nan() => *missing,
            Self::Cuts { cuts, .. } => below(cuts, v),
            Self::Strides { cuts, stride, all, .. } => {
                let start = (below(cuts, v) * stride).min(all.len());
                let stride = &all[start..(start + stride).min(all.len())];
                start + stride.partition_point(|cut| *cut < v)
            }
        }
    }
}

/// How many of these are below a number, up to 255.
fn below(cuts: &[f64; 256], v: f64) -> usize {
    let mut at = 0usize;
    for step in [128, 64, 32, 16, 8, 4, 2, 1] {
        at += step * usize::from(cuts[(at + step - 1) & 255] < v);
    }
    at
}
