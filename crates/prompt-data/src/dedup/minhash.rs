//! MinHash signatures, bands, and the check of every pair they propose.

use prompt_core::{FitContext, Result, Seed, Texts};

use super::{Groups, NearDuplicates, exact, normalise};

/// In a band, how many of the texts before it a text is compared with. A bound on the work when thousands of texts
/// share a template; what it misses in one band is usually met in another.
const NEIGHBOURS: usize = 32;

const BLOCK: usize = 256;

pub(super) fn groups<T: Texts + ?Sized>(
    params: &NearDuplicates,
    texts: &T,
    ctx: &FitContext,
) -> Result<Groups> {
    // Exact duplicates share everything; one of each is enough.
    let exact = exact(texts);
    let mut first_of = vec![usize::MAX; exact.count()];
    for (row, &code) in exact.codes().iter().enumerate() {
        let first = &mut first_of[code as usize];
        *first = (*first).min(row);
    }
    let (bands, width) = bands(params.hashes, params.threshold);
    let multipliers = multipliers(bands * width);
    let sketches: Vec<Sketch> = ctx
        .try_map(first_of.len().div_ceil(BLOCK), |block| {
            ctx.check()?;
            let rows = first_of.iter().skip(block * BLOCK).take(BLOCK);
            Ok(rows.map(|&row| Sketch::new(texts.text(row), params, &multipliers, width)).collect::<Vec<_>>())
        })?
        .into_iter()
        .flatten()
        .collect();

    let mut sets = Sets::new(sketches.len());
    for band in 0..bands {
        ctx.check()?;
        let mut keys: Vec<(u64, usize)> =
            sketches.iter().enumerate().map(|(i, sketch)| (sketch.bands[band], i)).collect();
        keys.sort_unstable();
        for bucket in keys.chunk_by(|a, b| a.0 == b.0).filter(|bucket| bucket.len() > 1) {
            for (place, &(_, text)) in bucket.iter().enumerate() {
                for &(_, earlier) in bucket.iter().take(place).rev().take(NEIGHBOURS) {
                    if sets.same(text, earlier) {
                        continue;
                    }
                    if jaccard(&sketches[text].shingles, &sketches[earlier].shingles) >= params.threshold {
                        sets.join(text, earlier);
                    }
                }
            }
        }
    }
    let first: Vec<usize> = exact.codes().iter().map(|&code| sets.root(code as usize)).collect();
    Ok(Groups::from_first(&first))
}

/// What is kept of a text: its shingles for the check, the keys of its bands for the search.
struct Sketch {
    /// Hashes of the distinct shingles, rising.
    shingles: Vec<u32>,
    bands: Vec<u64>,
}

impl Sketch {
    fn new(text: &str, params: &NearDuplicates, multipliers: &[(u32, u32)], width: usize) -> Self {
        let shingles = shingles(&normalise(text), params);
        let mut signature = vec![u32::MAX; multipliers.len()];
        for &shingle in &shingles {
            for (least, &(factor, shift)) in signature.iter_mut().zip(multipliers) {
                // A multiplication and a rotation of an already well mixed hash: another order for each hash.
                let hash = shingle.wrapping_mul(factor).rotate_left(16) ^ shift;
                *least = (*least).min(hash.wrapping_mul(factor));
            }
        }
        let bands = signature
            .chunks_exact(width)
            .map(|rows| rows.iter().fold(0xcbf2_9ce4_8422_2325, |key, &hash| mix(key ^ u64::from(hash))))
            .collect();
        Self { shingles, bands }
    }
}

/// Hashes of the distinct runs of `size` characters or words; a shorter text is one shingle.
fn shingles(text: &str, params: &NearDuplicates) -> Vec<u32> {
    let by_words = params.shingle == "words";
    // Where each unit starts and ends; normalised text has single spaces between words.
    let starts: Vec<usize> = if by_words {
        std::iter::once(0).chain(text.match_indices(' ').map(|(at, _)| at + 1)).collect()
    } else {
        text.char_indices().map(|(at, _)| at).collect()
    };
    let end_of = |unit: usize| match starts.get(unit + 1) {
        Some(next) if by_words => next - 1,
        Some(next) => *next,
        None => text.len(),
    };
    let runs = (starts.len() + 1).saturating_sub(params.size).max(1);
    let mut hashes: Vec<u32> = (0..runs)
        .map(|i| {
            let start = starts.get(i).copied().unwrap_or_default();
            hash(text.get(start..end_of(i + params.size - 1)).unwrap_or_default().as_bytes())
        })
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

fn hash(bytes: &[u8]) -> u32 {
    let h = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
    (mix(h) >> 32) as u32
}

/// The finaliser of MurmurHash3.
fn mix(mut h: u64) -> u64 {
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}

/// Odd factors and shifts that make one hash function many. Fixed, so that groups depend on the texts alone.
fn multipliers(n: usize) -> Vec<(u32, u32)> {
    let mut rng = Seed::new(0x6d69_6e68_6173_6821).rng();
    (0..n)
        .map(|_| {
            let bits = rng.next_u64();
            ((bits as u32) | 1, (bits >> 32) as u32)
        })
        .collect()
}

/// Number and width of the bands: the widest (most selective) that miss a pair at the threshold with a probability
/// below 1/1000, which is `(1 − tʷ)ᵇ`.
fn bands(hashes: usize, threshold: f64) -> (usize, usize) {
    let misses = |width: usize| (1.0 - threshold.powi(width as i32)).powi((hashes / width) as i32);
    let width = (1..=hashes).rev().find(|&width| misses(width) < 1e-3).unwrap_or(1);
    (hashes / width, width)
}

/// Shared over all, of two rising lists.
fn jaccard(a: &[u32], b: &[u32]) -> f64 {
    let (mut i, mut j, mut shared) = (0, 0, 0_usize);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        shared += usize::from(x == y);
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    let all = a.len() + b.len() - shared;
    if all == 0 { 1.0 } else { shared as f64 / all as f64 }
}

/// Disjoint sets; the root of a set is its smallest member.
struct Sets(Vec<usize>);

impl Sets {
    fn new(n: usize) -> Self {
        Self((0..n).collect())
    }

    fn root(&mut self, mut i: usize) -> usize {
        while self.0[i] != i {
            self.0[i] = self.0[self.0[i]];
            i = self.0[i];
        }
        i
    }

    fn same(&mut self, a: usize, b: usize) -> bool {
        self.root(a) == self.root(b)
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_as_wide_as_the_promise_allows() {
        assert_eq!(bands(128, 0.8), (25, 5));
        assert_eq!(bands(128, 0.9), (16, 8));
        assert_eq!(bands(128, 1.0), (1, 128));
        assert_eq!(bands(128, 0.01), (128, 1));
    }

    #[test]
    fn overlap_is_shared_over_all() {
        assert_eq!(jaccard(&[1, 2, 3], &[2, 3, 4]), 0.5);
        assert_eq!(jaccard(&[1], &[]), 0.0);
        assert_eq!(jaccard(&[], &[]), 1.0);
    }

    #[test]
    fn words_and_characters_make_shingles() {
        let words = NearDuplicates::default().shingle("words".into()).size(2);
        let pair = |text: &str| hash(text.as_bytes());
        let mut expected = vec![pair("a bc"), pair("bc d")];
        expected.sort_unstable();
        assert_eq!(shingles("a bc d", &words), expected);
        assert_eq!(shingles("a", &words).len(), 1);
        let chars = NearDuplicates::default().size(3);
        assert_eq!(shingles("abcd", &chars).len(), 2);
        assert_eq!(shingles("ab", &chars), [pair("ab")]);
        assert_eq!(shingles("ééé", &chars), [pair("ééé")]);
    }
}
