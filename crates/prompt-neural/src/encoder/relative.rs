//! DeBERTa's disentangled attention (He and others, 2021): content to content, content to position, position to content.

use burn::tensor::{Int, Tensor, TensorData};
use prompt_encoder::{Deberta, EncoderConfig};

use super::layers::{Dense, Norm, split_heads};
use crate::net::{Builder, Id, Init, Store};

/// The table of relative positions, shared by all layers.
#[derive(Debug, Clone)]
pub(super) struct Relative {
    table: Id,
    norm: Option<Norm>,
    details: Deberta,
}

/// The table as a layer needs it, and which of its rows stands for each pair of places.
pub(super) struct Places {
    /// \[1, 2·span, width\].
    table: Tensor<3>,
    /// length × length, query by key.
    c2p: Vec<i32>,
    /// length × length, key by query.
    p2c: Vec<i32>,
}

/// A layer's own projections of positions, where it does not use those of the content.
#[derive(Debug, Clone)]
pub(super) struct Projections {
    key: Option<Dense>,
    query: Option<Dense>,
}

impl Relative {
    /// Below `encoder`; `None` where attention knows no relative positions.
    pub(super) fn new(b: &mut Builder<'_>, config: &EncoderConfig, details: &Deberta) -> Option<Self> {
        details.relative_attention.then(|| Self {
            table: b.under("rel_embeddings").param(
                "weight",
                &[2 * details.span(), config.hidden_size],
                super::layers::FRESH,
            ),
            norm: details
                .norm_relative
                .then(|| Norm::new(b.under("LayerNorm"), config.hidden_size, true, config.layer_norm_eps)),
            details: details.clone(),
        })
    }

    /// For rows of this length.
    pub(super) fn places(&self, s: &Store, length: usize) -> Places {
        let table = s.get::<3>(self.table);
        let span = self.details.span() as i64;
        let row = |r: i64| (r + span).clamp(0, 2 * span - 1) as i32;
        let pair = |i: usize, j: usize| bucket(i as i64 - j as i64, &self.details);
        let all = |of: &dyn Fn(i64) -> i32| {
            (0..length).flat_map(|i| (0..length).map(move |j| (i, j))).map(|(i, j)| of(pair(i, j))).collect()
        };
        Places {
            table: match &self.norm {
                Some(norm) => norm.forward(s, table),
                None => table,
            },
            c2p: all(&row),
            p2c: all(&|r| row(-r)),
        }
    }

    /// By how many parts a score is the sum of.
    fn parts(&self) -> usize {
        self.details.score_terms
    }

    /// The scores of a layer, scaled, before the mask.
    pub(super) fn scores(
        &self,
        s: &Store,
        [q, k]: [Tensor<4>; 2],
        places: &Places,
        projections: &Projections,
        [content_query, content_key]: [&Dense; 2],
    ) -> Tensor<4> {
        let [rows, heads, length, width] = q.dims();
        let scale = 1.0 / ((width * self.parts()) as f64).sqrt();
        let index = |places: &[i32]| {
            let data = TensorData::new(places.to_vec(), [1, 1, length, length]);
            Tensor::<4, Int>::from_data(data, s.device()).expand([rows, heads, length, length])
        };
        let table = |own: &Option<Dense>, content: &Dense| {
            split_heads(own.as_ref().unwrap_or(content).forward(s, places.table.clone()), heads)
                .swap_dims(2, 3)
        };
        let products = s.products();
        // Scaled before they are multiplied: the products have to stay within f16.
        let q = q * scale;
        let mut scores = products.matmul(q.clone(), k.clone().swap_dims(2, 3));
        if self.details.c2p {
            let by_place = products.matmul(q, table(&projections.key, content_key).expand_rows(rows));
            scores = scores + by_place.gather(3, index(&places.c2p));
        }
        if self.details.p2c {
            let by_place =
                products.matmul(k * scale, table(&projections.query, content_query).expand_rows(rows));
            scores = scores + by_place.gather(3, index(&places.p2c)).swap_dims(2, 3);
        }
        scores
    }
}

/// The same matrix for every row of a batch.
trait ExpandRows {
    fn expand_rows(self, rows: usize) -> Self;
}

impl ExpandRows for Tensor<4> {
    fn expand_rows(self, rows: usize) -> Self {
        let [_, heads, a, b] = self.dims();
        self.expand([rows, heads, a, b])
    }
}

impl Projections {
    /// Below `attention.self`.
    pub(super) fn new(b: &mut Builder<'_>, width: usize, details: &Deberta) -> Self {
        let own = details.relative_attention && !details.share_projections;
        Self {
            key: (own && details.c2p).then(|| Dense::new(b.under("pos_key_proj"), width, width, true)),
            query: (own && details.p2c).then(|| Dense::new(b.under("pos_query_proj"), width, width, true)),
        }
    }
}

/// The bucket of a distance: itself up to half the buckets, then logarithmic.
fn bucket(distance: i64, details: &Deberta) -> i64 {
    if details.buckets == 0 {
        return distance;
    }
    let middle = (details.buckets / 2) as i64;
    if distance.abs() <= middle {
        return distance;
    }
    // As in Python, in 32 bits: the ceiling is sensitive to the last digit.
    let (far, middle32) = (distance.abs() as f32, middle as f32);
    let share = (far / middle32).ln() / ((details.max_distance as f32 - 1.0) / middle32).ln();
    ((share * (middle32 - 1.0)).ceil() as i64 + middle) * distance.signum()
}

/// The convolution that some DeBERTa models have after the first layer.
#[derive(Debug, Clone)]
pub(super) struct AfterFirst {
    weight: Id,
    bias: Id,
    norm: Norm,
    width: usize,
    kernel: usize,
    activation: prompt_encoder::Activation,
}

impl AfterFirst {
    /// Below `encoder.conv`.
    pub(super) fn new(mut b: Builder<'_>, config: &EncoderConfig, details: &Deberta) -> Self {
        let (width, kernel) = (config.hidden_size, details.conv_kernel);
        let mut conv = b.under("conv");
        Self {
            weight: conv.param("weight", &[width, width, kernel], super::layers::FRESH),
            bias: conv.param("bias", &[width], Init::Zeros),
            norm: Norm::new(b.under("LayerNorm"), width, true, config.layer_norm_eps),
            width,
            kernel,
            activation: details.conv_activation,
        }
    }

    /// `before` went into the first layer, `after` came out.
    pub(super) fn forward(
        &self,
        s: &Store,
        before: Tensor<3>,
        after: Tensor<3>,
        mask: Tensor<3>,
    ) -> Tensor<3> {
        let half = self.kernel / 2;
        let [rows, length, _] = before.dims();
        let edge = Tensor::zeros([rows, half, self.width], s.device());
        let wide = Tensor::cat(vec![edge.clone(), before, edge], 1);
        let weight = s.get::<3>(self.weight);
        let mut out = s.get::<1>(self.bias).reshape([1, 1, self.width]).expand([rows, length, self.width]);
        for j in 0..self.kernel {
            let tap = weight.clone().narrow(2, j, 1).squeeze_dim::<2>(2).transpose();
            out = out + s.products().linear(wide.clone().narrow(1, j, length), tap, None);
        }
        let out = super::layers::activate(self.activation, out * mask.clone());
        self.norm.forward(s, after + out) * mask
    }
}
