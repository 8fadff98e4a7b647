//! What static embeddings are once they are made.

use std::ops::Range;
use std::path::Path;

use prompt_core::artifact::{Artifact, Bundle, Catalog, Manifest, Node, Persist, save};
use prompt_core::{Error, Featurizer, Names, Params, Result, Scratch, SparseRow, transform_by_featurizing};

use super::StaticEmbedding;
use crate::tokenizer::Tokenizer;

pub(super) const KIND: &str = "static_embedding";
const VERSION: u32 = 1;

/// A [`StaticEmbedding`] that is ready to work: a tokenizer and a vector for each of its tokens.
#[derive(Debug, Clone)]
pub struct StaticEmbeddings {
    params: StaticEmbedding,
    tokenizer: Tokenizer,
    table: Vec<f32>,
    names: Names,
}

/// What one text needs.
#[derive(Default)]
struct Work {
    tokenizer: Scratch,
    ids: Vec<u32>,
    vector: Vec<f32>,
}

impl StaticEmbeddings {
    pub(super) fn new(params: StaticEmbedding, tokenizer: Tokenizer, table: Vec<f32>) -> Result<Self> {
        if let Some(at) = table.iter().position(|v| !v.is_finite()) {
            return Err(Error::input(
                format!("static_embedding: the vector of token {} is not finite", at / params.width),
                "check the encoder's weights",
            ));
        }
        let names = Names::numbered("d", params.width);
        Ok(Self { params, tokenizer, table, names })
    }

    /// Opens a folder that [`save`](Self::save) wrote, and checks every byte.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read; [`Error::Artifact`] when it was altered, is newer than this program, or holds
    /// something else.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        Self::decode(&Bundle::open(folder.as_ref())?.root, &Catalog::new())
    }

    /// Saves them as a folder, which appears whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] for what the system refuses.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<()> {
        let manifest = Manifest {
            name: KIND.to_owned(),
            task: "text".to_owned(),
            params: serde_json::to_value(&self.params).unwrap_or_default(),
            ..Manifest::default()
        };
        save(folder.as_ref(), self, manifest).map(|_| ())
    }

    /// How they were made.
    pub fn params(&self) -> &StaticEmbedding {
        &self.params
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The vector of a token; `None` beyond the vocabulary.
    pub fn token(&self, id: u32) -> Option<&[f32]> {
        let width = self.params.width;
        self.table.get(id as usize * width..(id as usize + 1) * width)
    }

    /// The vector of a text.
    ///
    /// # Errors
    /// A text that the tokenizer refuses.
    pub fn embed(&self, text: &str) -> Result<Vec<f32>> {
        let mut out = vec![0.0; self.params.width];
        self.embed_into(text, &mut Scratch::new(), &mut out)?;
        Ok(out)
    }

    /// The vector of a text into `out`, without allocating once `scratch` is warm.
    ///
    /// # Errors
    /// A text that the tokenizer refuses; [`Error::Shape`] for an `out` of another length.
    pub fn embed_into(&self, text: &str, scratch: &mut Scratch, out: &mut [f32]) -> Result<()> {
        if out.len() != self.params.width {
            return Err(Error::shape("numbers in `out`", self.params.width, out.len()));
        }
        let Work { tokenizer, ids, .. } = scratch.get();
        ids.clear();
        self.tokenizer.ids(text, tokenizer, ids)?;
        self.pool(ids, out);
        Ok(())
    }

    fn pool(&self, ids: &[u32], out: &mut [f32]) {
        out.fill(0.0);
        let mut tokens = 0.0f32;
        for row in ids.iter().filter_map(|id| self.token(*id)) {
            tokens += 1.0;
            out.iter_mut().zip(row).for_each(|(o, v)| *o += v);
        }
        let divisor = match self.params.normalise {
            true => {
                // Four chains hide the latency of the additions.
                let mut squares = [0.0f32; 4];
                let (whole, rest) = out.as_chunks::<4>();
                for four in whole {
                    (0..4).for_each(|lane| squares[lane] += four[lane] * four[lane]);
                }
                let rest: f32 = rest.iter().map(|v| v * v).sum();
                ((squares[0] + squares[1]) + (squares[2] + squares[3]) + rest).sqrt()
            }
            false => tokens,
        };
        if divisor > 0.0 {
            let factor = 1.0 / divisor;
            // Of the shortest lengths the inverse is infinite.
            match factor.is_finite() {
                true => out.iter_mut().for_each(|v| *v *= factor),
                false => out.fill(0.0),
            }
        }
        // Sums of large numbers may overflow; learners take finite ones alone.
        if out.iter().any(|v| !v.is_finite()) {
            out.fill(0.0);
        }
    }
}

impl Featurizer for StaticEmbeddings {
    fn names(&self) -> &Names {
        &self.names
    }

    /// A text that the tokenizer refuses has no tokens.
    fn append_row(&self, text: &str, offset: u32, scratch: &mut Scratch, row: &mut SparseRow) {
        let Work { tokenizer, ids, vector } = scratch.get();
        ids.clear();
        if self.tokenizer.ids(text, tokenizer, ids).is_err() {
            ids.clear();
        }
        vector.resize(self.params.width, 0.0);
        self.pool(ids, vector);
        row.indices.extend(offset..offset + self.params.width as u32);
        row.values.extend_from_slice(vector);
    }

    fn visit_spans(&self, _: &str, _: &mut dyn FnMut(u32, Range<usize>)) {}
}

transform_by_featurizing!(StaticEmbeddings);

impl Persist for StaticEmbeddings {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        // A saved model names no place of the machine that made it.
        let params = self.params.clone().source(String::new());
        Ok(Node::new(KIND, VERSION)
            .meta(&params)?
            .strings("tokenizer", [self.tokenizer.to_json()?])
            .f32s("table", self.table.clone()))
    }
}

impl Artifact for StaticEmbeddings {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, VERSION)?;
        let params: StaticEmbedding = node.get_meta()?;
        params.validate()?;
        let bad = |what: &str| Error::artifact(KIND, what, "the file is damaged; save the embeddings again");
        let json = node.get_strings("tokenizer")?;
        let [json] = json.as_slice() else { return Err(bad("it holds no tokenizer")) };
        let tokenizer = Tokenizer::from_json(json)?;
        let size =
            tokenizer.vocabulary_size().checked_mul(params.width).ok_or_else(|| bad("impossible size"))?;
        let table = node.get_f32s("table", Some(size))?;
        if table.iter().any(|v| !v.is_finite()) {
            return Err(bad("a vector is not finite"));
        }
        Self::new(params, tokenizer, table.to_vec())
    }
}
