//! RoBERTa, DistilRoBERTa, XLM-RoBERTa: BERT with positions that begin after the padding id.

use prompt_core::Result;

use super::bert;
use super::embedding::Counting;
use super::linear::Loader;
use super::post_norm::PostNorm;
use crate::config::EncoderConfig;

pub(super) fn load(loader: &mut Loader<'_>, config: &EncoderConfig) -> Result<PostNorm> {
    let embedding = bert::embedding(loader, config, Counting::AfterPadding(config.pad_token_id))?;
    bert::network(loader, config, embedding)
}
