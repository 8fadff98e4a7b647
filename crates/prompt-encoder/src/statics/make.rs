//! The table: tokens through the encoder, centred, turned, weighed, moved.

use std::path::Path;

use prompt_core::{Error, FitContext, Params, Result, Scratch};

use super::adapt::{Bags, adapt};
use super::eigen;
use super::table::StaticEmbeddings;
use super::{StaticEmbedding, TokenWeight};
use crate::api::Encoder;
use crate::tokenizer::Tokenizer;

/// Sequences that go through the encoder at one time, and rows of a part of a sum.
const PART: usize = 2048;

pub(super) fn folder(source: &str) -> Result<&Path> {
    let help =
        "name the folder of an encoder (config.json, weights, tokenizer) or of saved static embeddings";
    let wrong = |what: String| Error::input(format!("static_embedding: {what}"), help);
    if source.is_empty() {
        return Err(wrong("`source` is not set".to_owned()));
    }
    let path = Path::new(source);
    if path.is_dir() { Ok(path) } else { Err(wrong(format!("`source` is no folder: {source}"))) }
}

pub(super) fn embeddings(
    params: &StaticEmbedding,
    encoder: &Encoder,
    texts: &[&str],
    ctx: &FitContext,
) -> Result<StaticEmbeddings> {
    let full = encoder.width();
    if params.width > full {
        return Err(Error::param(StaticEmbedding::NAME, "width", format!("in [1, {full}]"), params.width));
    }
    let tokenizer = encoder.tokenizer();
    let reads = params.adapt || params.weight == TokenWeight::Texts;
    if reads && texts.is_empty() {
        return Err(Error::input(
            "static_embedding: no texts to learn from",
            "give texts, or leave `adapt` off and take the weight `zipf` or `none`",
        ));
    }
    let bags = if reads { tokens(tokenizer, texts, ctx)? } else { Vec::new() };

    let ordinary = ordinary(tokenizer);
    let mut vectors = token_vectors(encoder, &ordinary, ctx)?;
    centre(&mut vectors, full);
    let mut spread = covariance(&vectors, full, ctx);
    let mut targets = Vec::new();
    if params.adapt {
        targets = text_vectors(encoder, texts, ctx)?;
        centre(&mut targets, full);
        let of_texts = covariance(&targets, full, ctx);
        spread.iter_mut().zip(of_texts).for_each(|(s, t)| *s += t);
    }
    ctx.check()?;
    let axes: Vec<Vec<f64>> = eigen::symmetric(spread, full).1.into_iter().take(params.width).collect();

    let weights = weights(params, &ordinary, &bags, tokenizer.vocabulary_size());
    let mut rows = turned(&vectors, full, &axes, ctx);
    for (row, id) in rows.chunks_exact_mut(params.width).zip(&ordinary) {
        row.iter_mut().for_each(|v| *v *= weights[*id as usize]);
    }
    let mut table = vec![0.0; tokenizer.vocabulary_size() * params.width];
    for (row, id) in rows.chunks_exact(params.width).zip(&ordinary) {
        table[*id as usize * params.width..][..params.width].copy_from_slice(row);
    }
    if params.adapt {
        move_rows(params, &mut table, &bags, &turned(&targets, full, &axes, ctx), ctx)?;
    }
    StaticEmbeddings::new(params.clone(), tokenizer.clone(), table.iter().map(|v| *v as f32).collect())
}

/// The ids of every text.
fn tokens(tokenizer: &Tokenizer, texts: &[&str], ctx: &FitContext) -> Result<Vec<Vec<u32>>> {
    let parts = ctx.try_map(texts.len().div_ceil(PART), |part| {
        let mut scratch = Scratch::new();
        texts[part * PART..texts.len().min((part + 1) * PART)]
            .iter()
            .map(|text| {
                let mut ids = Vec::new();
                tokenizer.ids(text, &mut scratch, &mut ids)?;
                Ok(ids)
            })
            .collect::<Result<Vec<_>>>()
    })?;
    Ok(parts.into_iter().flatten().collect())
}

/// The tokens that mean something: no special ones, and not what vocabularies hold free for later.
fn ordinary(tokenizer: &Tokenizer) -> Vec<u32> {
    let special = tokenizer.special_ids();
    (0..tokenizer.vocabulary_size() as u32)
        .filter(|id| !special.contains(id))
        .filter(|id| tokenizer.token(*id).is_some_and(|t| !t.starts_with("[unused")))
        .collect()
}

/// Each token between the special ones, through the encoder.
fn token_vectors(encoder: &Encoder, ids: &[u32], ctx: &FitContext) -> Result<Vec<f64>> {
    let mut out = Vec::with_capacity(ids.len() * encoder.width());
    for part in ids.chunks(PART) {
        ctx.check()?;
        let sequences: Vec<Vec<u32>> = part.iter().map(|id| encoder.tokenizer().around(*id)).collect();
        out.extend(encoder.pooled(&sequences, false)?.into_iter().flatten().map(f64::from));
    }
    Ok(out)
}

/// The encoder's vectors of the texts.
fn text_vectors(encoder: &Encoder, texts: &[&str], ctx: &FitContext) -> Result<Vec<f64>> {
    let mut out = Vec::with_capacity(texts.len() * encoder.width());
    for part in texts.chunks(PART) {
        ctx.check()?;
        out.extend(encoder.embed(part)?.into_iter().flat_map(|e| e.vector).map(f64::from));
    }
    Ok(out)
}

/// Rows with their mean taken away.
fn centre(rows: &mut [f64], width: usize) {
    let mut mean = vec![0.0; width];
    let n = (rows.len() / width).max(1) as f64;
    for row in rows.chunks_exact(width) {
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / n);
    }
    for row in rows.chunks_exact_mut(width) {
        row.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m);
    }
}

/// Σ row·rowᵀ, divided by its trace, so that spreads of different sets can be added. Parts are summed in order, to the
/// same bits for any number of threads.
fn covariance(rows: &[f64], width: usize, ctx: &FitContext) -> Vec<f64> {
    let parts: Vec<&[f64]> = rows.chunks(PART * width).collect();
    let sums = ctx.map(parts.len(), |part| {
        let mut sum = vec![0.0; width * width];
        for row in parts[part].chunks_exact(width) {
            for (v, out) in row.iter().zip(sum.chunks_exact_mut(width)) {
                out.iter_mut().zip(row).for_each(|(o, w)| *o += v * w);
            }
        }
        sum
    });
    let mut total = vec![0.0; width * width];
    for sum in sums {
        total.iter_mut().zip(sum).for_each(|(t, s)| *t += s);
    }
    let trace: f64 = (0..width).map(|i| total[i * (width + 1)]).sum();
    if trace > 0.0 {
        total.iter_mut().for_each(|t| *t /= trace);
    }
    total
}

/// Every row along the axes.
fn turned(rows: &[f64], full: usize, axes: &[Vec<f64>], ctx: &FitContext) -> Vec<f64> {
    // One axis after another of a row leaves the products in the order of a definition; several at once leave it too.
    let across: Vec<f64> = (0..full).flat_map(|j| axes.iter().map(move |axis| axis[j])).collect();
    let parts: Vec<&[f64]> = rows.chunks(PART * full).collect();
    let turned = ctx.map(parts.len(), |part| {
        let mut out = vec![0.0; parts[part].len() / full * axes.len()];
        for (row, out) in parts[part].chunks_exact(full).zip(out.chunks_exact_mut(axes.len())) {
            for (v, axis) in row.iter().zip(across.chunks_exact(axes.len())) {
                out.iter_mut().zip(axis).for_each(|(o, a)| *o += v * a);
            }
        }
        out
    });
    turned.concat()
}

/// The weight of every id.
fn weights(params: &StaticEmbedding, ordinary: &[u32], bags: &[Vec<u32>], size: usize) -> Vec<f64> {
    let mut shares = vec![0.0; size];
    match params.weight {
        TokenWeight::None => return vec![1.0; size],
        TokenWeight::Zipf => {
            let sum: f64 = (1..=ordinary.len()).map(|rank| 1.0 / rank as f64).sum();
            for (rank, id) in (1..).zip(ordinary) {
                shares[*id as usize] = 1.0 / (f64::from(rank) * sum);
            }
        }
        TokenWeight::Texts => {
            for id in bags.iter().flatten() {
                shares[*id as usize] += 1.0;
            }
            let total: f64 = shares.iter().sum::<f64>() + 0.5 * size as f64;
            shares.iter_mut().for_each(|s| *s = (*s + 0.5) / total);
        }
    }
    shares.iter().map(|share| params.smoothing / (params.smoothing + share)).collect()
}

/// Moves the rows of the tokens that the texts have.
fn move_rows(
    params: &StaticEmbedding,
    table: &mut [f64],
    bags: &[Vec<u32>],
    targets: &[f64],
    ctx: &FitContext,
) -> Result<()> {
    let width = params.width;
    // The table's scale is arbitrary; the one at which its means are nearest to the targets is the start.
    let (mut both, mut own) = (0.0, 0.0);
    let mut mean = vec![0.0; width];
    for (ids, target) in bags.iter().zip(targets.chunks_exact(width)) {
        mean.fill(0.0);
        let share = 1.0 / ids.len().max(1) as f64;
        for id in ids {
            let row = &table[*id as usize * width..][..width];
            mean.iter_mut().zip(row).for_each(|(m, v)| *m += share * v);
        }
        for (m, t) in mean.iter().zip(target) {
            both += m * t;
            own += m * m;
        }
    }
    if both > 0.0 && own > 0.0 {
        table.iter_mut().for_each(|v| *v *= both / own);
    }
    let bags = Bags::new(bags);
    let start: Vec<f64> =
        bags.tokens.iter().flat_map(|id| table[*id as usize * width..][..width].iter().copied()).collect();
    let moved = adapt(&bags, &start, targets, width, params.lambda, ctx)?;
    for (id, row) in bags.tokens.iter().zip(moved.chunks_exact(width)) {
        table[*id as usize * width..][..width].copy_from_slice(row);
    }
    Ok(())
}
