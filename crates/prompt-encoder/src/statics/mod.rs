//! Static embeddings: a vector for every token, made once from an encoder; a text is the mean of its tokens' vectors.

mod adapt;
mod eigen;
mod make;
mod table;

use prompt_core::artifact::Catalog;
use prompt_core::{Featurizer, FitContext, Legal, Matrix, Result, TextLearner, Texts, params};
use serde::{Deserialize, Serialize};

use crate::api::{Encoder, Options};
pub use table::StaticEmbeddings;

/// How much each token counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenWeight {
    /// All alike.
    None,
    /// a / (a + p), p by Zipf's law from the token's place in the vocabulary, which published ones sort by frequency:
    /// p = 1 / (rank · Σ_r 1/r).
    Zipf,
    /// a / (a + p), p the token's share of the tokens of the texts, with half an occurrence added to each.
    Texts,
}

params! {
    /// Static embeddings of texts, distilled from an encoder: microseconds in place of milliseconds.
    ///
    /// Every token of the vocabulary goes through the encoder alone, between its special tokens. The vectors are centred
    /// and turned to their `width` main axes (principal components), and weighed:
    ///
    /// ```text
    /// table[t] = w_t · P·(encoder(t) − mean)            w_t = a / (a + p_t)            (SIF: Arora, Liang and Ma, 2017)
    /// text     = mean of table over the text's tokens, divided by its length where `normalise` is set
    /// ```
    ///
    /// With `adapt` the encoder also reads the texts, and the rows of the tokens that they have are moved so that the
    /// text's means come close to the encoder's vectors: ridge regression towards the table above,
    /// Σ_i ‖mean_i − P·(encoder(text_i) − mean)‖² + λ·Σ_t ‖move_t‖². That needs no labels, and takes as long as the encoder
    /// takes to read the texts.
    ///
    /// `source` is the folder of the encoder, or one where [`StaticEmbeddings::save`] left embeddings, which are then taken
    /// as they are. Make them once where a pipeline is fitted many times.
    ///
    /// A text without tokens has the vector 0. What each place of a text contributes is not told: every token has a part
    /// in every column.
    ///
    /// Word order and context are lost: `not safe` is `safe not`. Beside word n-grams in one pipeline the loss is small.
    ///
    /// ```
    /// use prompt_core::{FitContext, FitTransform};
    /// use prompt_encoder::StaticEmbedding;
    /// # fn main() -> prompt_core::Result<()> {
    /// # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/sentence");
    /// let embedding = StaticEmbedding::default().source(folder.into()).width(8);
    /// let texts = ["sort the list", "a poem about the sea"];
    /// let (fitted, x) = embedding.fit_transform(&texts, &(), &FitContext::new(0))?;
    /// assert_eq!((x.rows(), x.cols()), (2, 8));
    /// let vector = fitted.embed("sort the list")?;
    /// assert!((vector.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-5);
    /// # Ok(())
    /// # }
    /// ```
    pub struct StaticEmbedding named "static_embedding" {
        /// The folder of an encoder, or of saved static embeddings.
        source: String = String::new(), Legal::Any("a folder");
        /// Numbers in a vector; at most the encoder's.
        width: usize = 256, Legal::int(1, 65_536);
        /// How much each token counts: `none`, `zipf` or `texts`.
        weight: TokenWeight = TokenWeight::Zipf, Legal::OneOf(&["none", "zipf", "texts"]);
        /// The a of the weights: tokens of a share above it count little.
        smoothing: f64 = 1e-3, Legal::positive();
        /// Whether the table is moved towards the encoder's vectors of the texts.
        adapt: bool = false, Legal::Bool;
        /// The λ of the move; larger keeps the table.
        lambda: f64 = 0.3, Legal::positive();
        /// Whether a text's vector is scaled to length 1.
        normalise: bool = true, Legal::Bool;
    }
}

impl StaticEmbedding {
    /// Embeddings from an open encoder; `source` is not read. The texts are read for the weight `texts` and for `adapt`, and
    /// may be empty otherwise.
    ///
    /// # Errors
    /// Parameters out of range, a `width` above the encoder's, no texts where they are needed, or a stop asked for through
    /// `ctx`.
    pub fn distil(
        &self,
        encoder: &Encoder,
        texts: &(impl Texts + ?Sized),
        ctx: &FitContext,
    ) -> Result<StaticEmbeddings> {
        prompt_core::Params::validate(self)?;
        make::embeddings(self, encoder, &(0..texts.count()).map(|i| texts.text(i)).collect::<Vec<_>>(), ctx)
    }
}

impl TextLearner for StaticEmbedding {
    type Fitted = StaticEmbeddings;
    type Output = Matrix;

    fn learn(&self, texts: &dyn Texts, ctx: &FitContext) -> Result<(StaticEmbeddings, Matrix)> {
        let folder = make::folder(&self.source)?;
        let fitted = if folder.join("manifest.json").is_file() {
            StaticEmbeddings::open(folder)?
        } else {
            let options = Options::default().threads(ctx.thread_budget());
            self.distil(&Encoder::open_with(folder, &options)?, texts, ctx)?
        };
        let x = ctx.install(|| fitted.featurize(texts))?;
        Ok((fitted, x))
    }
}

pub(crate) fn register(catalog: &mut Catalog) {
    catalog.features::<StaticEmbeddings>(table::KIND);
}
