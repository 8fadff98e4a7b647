//! DeBERTa v2 and v3: attention that knows how far apart tokens are.
//!
//! The score of query i and key j is (qᵢ·kⱼ + qᵢ·rᵏ(b) + kⱼ·r^q(b)) / √(size · terms) with the bucket b of i − j, where
//! rᵏ and r^q are the layer's projections of a table of relative positions. Those do not depend on the text, so they
//! are computed once, at loading, and packed as the weights of a product.

use std::ops::Range;

use prompt_core::Result;
use prompt_kernels::{Activation, Level, PackedF32, Rows, RowsMut, ScoreBias};

use super::bert;
use super::embedding::{Counting, Embedding, Widen, with_segment};
use super::layer::{Attending, Layer};
use super::linear::{LayerNorm, Linear, Loader};
use super::{Packed, Workspace, kernel, room};
use crate::config::{Deberta, EncoderConfig};

#[derive(Debug)]
pub(crate) struct DebertaNetwork {
    level: Level,
    heads: usize,
    width: usize,
    activation: Activation,
    details: Deberta,
    embedding: Embedding,
    layers: Vec<DebertaLayer>,
    convolution: Option<Convolution>,
}

#[derive(Debug)]
struct DebertaLayer {
    layer: Layer,
    /// For each head the relative keys (for c2p), scaled; empty for none.
    keys: Vec<PackedF32>,
    /// For each head the relative queries (for p2c), scaled; empty for none.
    queries: Vec<PackedF32>,
}

/// A convolution over neighbouring tokens beside the first layer.
#[derive(Debug)]
struct Convolution {
    kernel: usize,
    /// Inputs are the tokens of a window end to end.
    linear: Linear,
    activation: Activation,
    norm: LayerNorm,
}

pub(super) fn load(
    loader: &mut Loader<'_>,
    config: &EncoderConfig,
    details: &Deberta,
) -> Result<DebertaNetwork> {
    let (h, e, eps) = (config.hidden_size, config.embedding_size, config.layer_norm_eps);
    let words = loader.table("embeddings.word_embeddings.weight", [config.vocab_size, e])?;
    let mut segment = bert::first_segment(loader, config)?;
    let mut positions = Vec::new();
    if details.absolute_positions {
        let table = loader.table("embeddings.position_embeddings.weight", [config.max_positions, e])?;
        positions = with_segment(table, &std::mem::take(&mut segment));
    }
    let widen = if e == h {
        None
    } else {
        Some(Widen::BeforeNorm(loader.linear("embeddings.embed_proj", [h, e], false)?))
    };
    let norm = Some(loader.norm("embeddings.LayerNorm", h, eps, true)?);
    let embedding =
        Embedding { width: e, words, positions, segment, counting: Counting::FromZero, norm, widen };
    let relative = relative_table(loader, config, details)?;
    let layers = (0..config.layers)
        .map(|i| {
            let layer = bert::layer(loader, config, i, ["query_proj", "key_proj", "value_proj"])?;
            let (keys, queries) = match &relative {
                Some(table) => positions_of(loader, config, details, i, table)?,
                None => (Vec::new(), Vec::new()),
            };
            Ok(DebertaLayer { layer, keys, queries })
        })
        .collect::<Result<_>>()?;
    let convolution =
        if details.conv_kernel > 0 { Some(convolution(loader, config, details)?) } else { None };
    Ok(DebertaNetwork {
        level: loader.level,
        heads: config.heads,
        width: h,
        activation: config.activation.kernel(),
        details: details.clone(),
        embedding,
        layers,
        convolution,
    })
}

/// The table of relative positions, 2·span × hidden size, through its norm.
fn relative_table(
    loader: &mut Loader<'_>,
    config: &EncoderConfig,
    details: &Deberta,
) -> Result<Option<Vec<f32>>> {
    if !details.relative_attention {
        return Ok(None);
    }
    let h = config.hidden_size;
    let mut table = loader.table("encoder.rel_embeddings.weight", [2 * details.span(), h])?;
    if details.norm_relative {
        loader.norm("encoder.LayerNorm", h, config.layer_norm_eps, true)?.run(&mut table, None, 1)?;
    }
    Ok(Some(table))
}

/// The relative keys and queries of layer `i`, packed for each head, with the scale of scores in them.
fn positions_of(
    loader: &mut Loader<'_>,
    config: &EncoderConfig,
    details: &Deberta,
    i: usize,
    table: &[f32],
) -> Result<(Vec<PackedF32>, Vec<PackedF32>)> {
    let (h, rows) = (config.hidden_size, 2 * details.span());
    let mut project = |own: &str, shared: &str, wanted: bool| -> Result<Vec<PackedF32>> {
        if !wanted {
            return Ok(Vec::new());
        }
        let name = if details.share_projections { shared } else { own };
        let name = format!("encoder.layer.{i}.attention.self.{name}");
        let weight = loader.weights.get(&format!("{name}.weight"), &[h, h])?;
        let bias = loader.weights.get(&format!("{name}.bias"), &[h])?;
        let mut projected = vec![0.0; rows * h];
        let linear = kernel(PackedF32::new(loader.level, h, h, &weight, Some(&bias)))?;
        let (x, out) = (kernel(Rows::new(table, rows, h))?, kernel(RowsMut::new(&mut projected, rows, h))?);
        kernel(linear.product(x, out, Activation::Identity.into(), 1))?;
        let (size, scale) = (config.head_size(), scale(config.head_size(), details));
        (0..config.heads)
            .map(|head| {
                let part: Vec<f32> = projected
                    .chunks_exact(h)
                    .flat_map(|row| row[head * size..][..size].iter().map(|v| v * scale))
                    .collect();
                kernel(PackedF32::new(loader.level, size, rows, &part, None))
            })
            .collect()
    };
    Ok((
        project("pos_key_proj", "key_proj", details.c2p)?,
        project("pos_query_proj", "query_proj", details.p2c)?,
    ))
}

/// 1 / √(size · terms of a score).
fn scale(head_size: usize, details: &Deberta) -> f32 {
    1.0 / ((head_size * details.score_terms) as f32).sqrt()
}

fn convolution(loader: &mut Loader<'_>, config: &EncoderConfig, details: &Deberta) -> Result<Convolution> {
    let (h, width) = (config.hidden_size, details.conv_kernel);
    // PyTorch lays it out as outputs × inputs × steps; a window of tokens is steps × inputs.
    let weight = loader.weights.get("encoder.conv.conv.weight", &[h, h, width])?;
    let bias = loader.weights.get("encoder.conv.conv.bias", &[h])?;
    let mut turned = Vec::with_capacity(weight.len());
    for output in weight.chunks_exact(h * width) {
        for step in 0..width {
            turned.extend((0..h).map(|input| output[input * width + step]));
        }
    }
    Ok(Convolution {
        kernel: width,
        linear: Linear::new(loader.level, loader.precision, [h, h * width], &turned, Some(&bias))?,
        activation: details.conv_activation.kernel(),
        norm: loader.norm("encoder.conv.LayerNorm", h, config.layer_norm_eps, true)?,
    })
}

/// The row of the relative table for a distance (query − key).
pub(crate) fn bucket(distance: i64, details: &Deberta) -> usize {
    let span = details.span() as i64;
    let bucket = if details.buckets == 0 { distance } else { log_bucket(distance, details) };
    bucket.saturating_add(span).clamp(0, 2 * span - 1) as usize
}

/// Distances up to half the buckets count one by one, beyond in steps that grow: in f32, as published.
fn log_bucket(distance: i64, details: &Deberta) -> i64 {
    let middle = (details.buckets / 2) as i64;
    if distance.abs() <= middle {
        return distance;
    }
    let ratio = |n: i64| (n as f32 / middle as f32).ln();
    let steps = ratio(distance.abs()) / ratio(details.max_distance as i64 - 1) * (middle - 1) as f32;
    (steps.ceil() as i64).saturating_add(middle).saturating_mul(distance.signum())
}

/// Relative positions of one layer over one batch.
struct Disentangled<'a> {
    offsets: &'a [usize],
    tokens: usize,
    /// Numbers from one token to the next in the tables: more than `reach` is long.
    stride: usize,
    /// Heads × tokens × rows within reach: each query with the relative keys; empty for none.
    c2p: &'a [f32],
    /// Heads × tokens × rows within reach: each key with the relative queries; empty for none.
    p2c: &'a [f32],
    reach: &'a Reach,
}

/// The rows of the relative table that a batch needs.
struct Reach {
    /// The row for every distance, that of longest − 1 first, counted from the first of `rows`.
    buckets: Vec<usize>,
    longest: usize,
    rows: Range<usize>,
}

impl Reach {
    /// `whole` widens a range to one that products can compute.
    fn new(longest: usize, details: &Deberta, whole: impl Fn(Range<usize>) -> Range<usize>) -> Self {
        let most = longest as i64 - 1;
        let mut buckets: Vec<usize> = (-most..=most).rev().map(|d| bucket(d, details)).collect();
        // Not those of the two ends: where `max_relative_positions` is small, buckets do not rise with the distance.
        let (first, last) = buckets.iter().fold((usize::MAX, 0), |(low, high), &b| (low.min(b), high.max(b)));
        let rows = whole(first.min(last)..last + 1);
        buckets.iter_mut().for_each(|b| *b -= rows.start);
        Self { buckets, longest, rows }
    }
}

/// Floats between tokens of a table beside its rows: tokens a multiple of 1 KiB apart would drive one another out of the
/// first-level cache.
const GAP: usize = 16;

impl ScoreBias for Disentangled<'_> {
    fn add(&self, sequence: usize, head: usize, query: usize, first_key: usize, scores: &mut [f32]) {
        let first = head * self.tokens + self.offsets[sequence];
        // Keys go up, so distances go down.
        let buckets = &self.reach.buckets[self.reach.longest - 1 + first_key - query..][..scores.len()];
        if !self.c2p.is_empty() {
            let row = &self.c2p[(first + query) * self.stride..][..self.stride];
            for (score, &bucket) in scores.iter_mut().zip(buckets) {
                *score += row[bucket];
            }
        }
        if !self.p2c.is_empty() {
            let keys = self.p2c[(first + first_key) * self.stride..].chunks(self.stride);
            for ((score, &bucket), key) in scores.iter_mut().zip(buckets).zip(keys) {
                *score += key[bucket];
            }
        }
    }
}

impl DebertaNetwork {
    pub(crate) fn bytes(&self) -> usize {
        let packed = |list: &[PackedF32]| list.iter().map(PackedF32::bytes).sum::<usize>();
        let layers: usize =
            self.layers.iter().map(|l| l.layer.bytes() + packed(&l.keys) + packed(&l.queries)).sum();
        let convolution = self.convolution.as_ref().map_or(0, |c| c.linear.bytes() + c.norm.bytes());
        self.embedding.bytes() + layers + convolution
    }

    pub(crate) fn forward(&self, batch: Packed<'_>, workspace: &mut Workspace, threads: usize) -> Result<()> {
        self.embedding.run(batch, workspace, threads)?;
        let tokens = batch.tokens();
        let longest = batch.offsets.windows(2).map(|b| b[1] - b[0]).max().unwrap_or(0);
        let any = self.layers.iter().flat_map(|layer| layer.keys.iter().chain(&layer.queries)).next();
        let reach = Reach::new(longest, &self.details, |rows| match any {
            Some(packed) => packed.whole_columns(rows),
            None => rows,
        });
        for (i, layer) in self.layers.iter().enumerate() {
            let before = (i == 0 && self.convolution.is_some())
                .then(|| workspace.hidden[..tokens * self.width].to_vec());
            layer.layer.project(tokens, workspace, threads)?;
            let mut tables = std::mem::take(&mut workspace.tables);
            let (c2p, p2c) =
                self.relative(layer, (tokens, &reach.rows), &workspace.qkv, &mut tables, threads)?;
            let stride = reach.rows.len() + GAP;
            let bias = Disentangled { offsets: batch.offsets, tokens, stride, c2p, p2c, reach: &reach };
            let how = Attending {
                level: self.level,
                heads: self.heads,
                offsets: batch.offsets,
                scale: Some(scale(self.width / self.heads, &self.details)),
                window: None,
                bias: self.details.relative_attention.then_some(&bias as &dyn ScoreBias),
            };
            layer.layer.finish(how, self.activation, (tokens, self.width), workspace, threads)?;
            workspace.tables = tables;
            if let (Some(before), Some(convolution)) = (before, &self.convolution) {
                convolution.run(batch, &before, self.width, workspace, threads)?;
            }
        }
        Ok(())
    }

    /// Queries with relative keys and keys with relative queries, heads × tokens × (rows + a gap) each.
    fn relative<'a>(
        &self,
        layer: &DebertaLayer,
        (tokens, rows): (usize, &Range<usize>),
        qkv: &[f32],
        tables: &'a mut Vec<f32>,
        threads: usize,
    ) -> Result<(&'a [f32], &'a [f32])> {
        let width = self.width;
        let size = width / self.heads;
        let stride = rows.len() + GAP;
        let each = tokens * stride;
        let lists = [&layer.keys, &layer.queries];
        let all = room(tables, (lists[0].len() + lists[1].len()) * each);
        let (first, second) = all.split_at_mut(lists[0].len() * each);
        for (part, (list, table)) in lists.into_iter().zip([&mut *first, &mut *second]).enumerate() {
            for (head, (packed, out)) in list.iter().zip(table.chunks_exact_mut(each.max(1))).enumerate() {
                let x = kernel(Rows::strided(&qkv[part * width + head * size..], tokens, size, 3 * width))?;
                let out = kernel(RowsMut::strided(out, tokens, rows.len(), stride))?;
                kernel(packed.product_columns(x, out, rows.clone(), threads))?;
            }
        }
        Ok((first, second))
    }
}

impl Convolution {
    /// hidden = norm(hidden + activation(conv(before))), within each sequence.
    fn run(
        &self,
        batch: Packed<'_>,
        before: &[f32],
        width: usize,
        workspace: &mut Workspace,
        threads: usize,
    ) -> Result<()> {
        let (tokens, side) = (batch.tokens(), self.kernel / 2);
        let windows = room(&mut workspace.inner, tokens * width * self.kernel);
        windows.fill(0.0);
        for bounds in batch.offsets.windows(2) {
            for at in bounds[0]..bounds[1] {
                for step in 0..self.kernel {
                    let Some(from) =
                        (at + step).checked_sub(side).filter(|f| (bounds[0]..bounds[1]).contains(f))
                    else {
                        continue;
                    };
                    let to = &mut windows[(at * self.kernel + step) * width..][..width];
                    to.copy_from_slice(&before[from * width..][..width]);
                }
            }
        }
        let out = room(&mut workspace.next, tokens * width);
        self.linear.run(tokens, windows, out, self.activation, threads)?;
        self.norm.run(out, Some(&workspace.hidden), threads)?;
        std::mem::swap(&mut workspace.hidden, &mut workspace.next);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
