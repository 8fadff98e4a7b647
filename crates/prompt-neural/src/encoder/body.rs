//! From token ids to hidden states, family by family.

use std::rc::Rc;

use burn::tensor::{Int, Tensor, TensorData, activation, module};
use prompt_core::Result;
use prompt_encoder::{Activation, Details, EncoderConfig, Family};

use super::fused;
use super::layers::{Dense, FRESH, Lora, Norm, activate, join_heads, split_heads};
use super::modern::ModernLayer;
use super::relative::{AfterFirst, Places, Projections, Relative};
use crate::net::{Builder, Id, Input, Store, Tape, Twice, look_up};
use crate::products::Products;

/// An encoder without its numbers.
#[derive(Debug)]
pub(crate) struct Encoder {
    embeddings: Embeddings,
    layers: Layers,
    /// Whether layers are computed again on the way back instead of keeping what they need there.
    again: bool,
}

#[derive(Debug)]
struct Embeddings {
    words: Id,
    positions: Option<Id>,
    /// The row of the first token's position.
    first_position: usize,
    /// RoBERTa's padding id, which stands at its own number within a text, too, and is not counted.
    pad: Option<u32>,
    segments: Option<Id>,
    /// From the embeddings' width to the hidden one, before the norm (DeBERTa) or after it (ALBERT).
    before_norm: Option<Dense>,
    norm: Norm,
    after_norm: Option<Dense>,
    /// DeBERTa makes what is behind a row's end zero.
    masked: bool,
}

#[derive(Debug)]
enum Layers {
    /// Blocks, and which of them each layer is: ALBERT's layers share theirs.
    Blocks {
        blocks: Vec<Block>,
        order: Vec<usize>,
        relative: Option<Relative>,
        after_first: Option<AfterFirst>,
    },
    Modern {
        layers: Vec<ModernLayer>,
        norm: Norm,
    },
}

/// Attention and feed-forward, each added to its input and normalised after.
#[derive(Debug, Clone)]
struct Block {
    query: Dense,
    key: Dense,
    value: Dense,
    out: Dense,
    norm: Norm,
    wide: Dense,
    narrow: Dense,
    second_norm: Norm,
    heads: usize,
    activation: Activation,
    positions: Option<Projections>,
}

/// Where a family keeps the parts of a block.
struct Names {
    query: &'static str,
    key: &'static str,
    value: &'static str,
    out: &'static str,
    norm: &'static str,
    wide: &'static str,
    narrow: &'static str,
    second_norm: &'static str,
}

const BERT: Names = Names {
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    out: "attention.output.dense",
    norm: "attention.output.LayerNorm",
    wide: "intermediate.dense",
    narrow: "output.dense",
    second_norm: "output.LayerNorm",
};

const DEBERTA: Names = Names {
    query: "attention.self.query_proj",
    key: "attention.self.key_proj",
    value: "attention.self.value_proj",
    ..BERT
};

const DISTIL: Names = Names {
    query: "attention.q_lin",
    key: "attention.k_lin",
    value: "attention.v_lin",
    out: "attention.out_lin",
    norm: "sa_layer_norm",
    wide: "ffn.lin1",
    narrow: "ffn.lin2",
    second_norm: "output_layer_norm",
};

const ALBERT: Names = Names {
    query: "attention.query",
    key: "attention.key",
    value: "attention.value",
    out: "attention.dense",
    norm: "attention.LayerNorm",
    wide: "ffn",
    narrow: "ffn_output",
    second_norm: "full_layer_layer_norm",
};

impl Encoder {
    /// Builds it under canonical names, with adapters beside the queries and values of blocks where asked for.
    pub(crate) fn new(config: &EncoderConfig, lora: Option<Lora>, again: bool, b: &mut Builder<'_>) -> Self {
        Self { embeddings: Embeddings::new(config, b), layers: Layers::new(config, lora, b), again }
    }

    /// \[rows, length\] → \[rows, length, width\].
    pub(crate) fn forward(
        &self,
        s: &Store,
        tape: &mut Tape,
        input: &Input,
        dropout: f64,
    ) -> Result<Tensor<3>> {
        self.run(s, tape, input, dropout, s.on_cpu() && s.products() == Products::F32)
    }

    /// `by_hand` lets blocks that can be computed and differentiated by hand be so.
    pub(super) fn run(
        &self,
        s: &Store,
        tape: &mut Tape,
        input: &Input,
        dropout: f64,
        by_hand: bool,
    ) -> Result<Tensor<3>> {
        let x = self.embeddings.forward(s, tape, input);
        let mut x = tape.dropout(x, dropout);
        let twice = (self.again && tape.keeps()).then(|| Twice::of(s));
        match &self.layers {
            Layers::Modern { layers, norm } => {
                for layer in layers {
                    let (learns, layer, input) = (layer.learns(s), layer.clone(), input.clone());
                    let forward =
                        move |s: &Store, tape: &mut Tape, x| Ok(layer.forward(s, tape, x, &input, dropout));
                    x = through(s, tape, x, learns, twice.as_ref(), forward)?;
                }
                Ok(norm.forward(s, x))
            }
            Layers::Blocks { blocks, order, .. }
                if by_hand && twice.is_none() && blocks.iter().all(Block::can_be_fused) =>
            {
                let parts = |order: &[usize]| order.iter().map(|&i| blocks[i].parts()).collect::<Vec<_>>();
                // Those in which nothing learns, and nothing below them, keep nothing.
                let still = order.iter().take_while(|&&i| !x.is_tracked() && !blocks[i].learns(s)).count();
                let (still, learning) = order.split_at(still);
                if !still.is_empty() {
                    let run = |tape: &mut _| fused::forward(&parts(still), s, tape, x, input, dropout);
                    x = tape.without_keeping(run)?;
                }
                if !learning.is_empty() {
                    x = fused::forward(&parts(learning), s, tape, x, input, dropout)?;
                }
                Ok(x)
            }
            Layers::Blocks { blocks, order, relative, after_first } => {
                let common = |s: &Store, input: &Input, relative: Option<&Relative>| {
                    (input.hidden_keys(s), relative.map(|r| r.places(s, input.length)))
                };
                // What all blocks read is made once, but for those that are computed again each in a graph of its own.
                let once = twice.is_none().then(|| Rc::new(common(s, input, relative.as_ref())));
                for (i, &block) in order.iter().enumerate() {
                    let (block, input) = (blocks[block].clone(), input.clone());
                    let (relative, once) = (relative.clone(), once.clone());
                    let after = after_first.clone().filter(|_| i == 0);
                    let learns = block.learns(s);
                    let forward = move |s: &Store, tape: &mut Tape, x: Tensor<3>| {
                        if by_hand && block.can_be_fused() {
                            return fused::forward(&[block.parts()], s, tape, x, &input, dropout);
                        }
                        let read =
                            once.clone().unwrap_or_else(|| Rc::new(common(s, &input, relative.as_ref())));
                        let (hidden, places) = &*read;
                        let before = x.clone();
                        let x = block.forward(
                            s,
                            tape,
                            x,
                            hidden,
                            relative.as_ref().zip(places.as_ref()),
                            dropout,
                        );
                        Ok(match &after {
                            Some(conv) => conv.forward(s, before, x, input.mask(s)),
                            None => x,
                        })
                    };
                    x = through(s, tape, x, learns, twice.as_ref(), forward)?;
                }
                Ok(x)
            }
        }
    }
}

/// A layer, computed again on the way back where `twice` is there. One in which nothing learns, and nothing below it,
/// keeps nothing.
fn through(
    s: &Store,
    tape: &mut Tape,
    x: Tensor<3>,
    learns: bool,
    twice: Option<&Twice>,
    layer: impl Fn(&Store, &mut Tape, Tensor<3>) -> Result<Tensor<3>> + 'static,
) -> Result<Tensor<3>> {
    match twice {
        _ if !learns && !x.is_tracked() => tape.without_keeping(|tape| layer(s, tape, x)),
        Some(twice) => tape.again(x, twice, layer),
        None => layer(s, tape, x),
    }
}

impl Embeddings {
    fn new(config: &EncoderConfig, b: &mut Builder<'_>) -> Self {
        let (width, hidden) = (config.embedding_size, config.hidden_size);
        let mut e = b.under("embeddings");
        if config.family == Family::ModernBert {
            let bias = matches!(&config.details, Details::ModernBert(m) if m.norm_bias);
            return Self {
                words: e.under("tok_embeddings").param("weight", &[config.vocab_size, width], FRESH),
                positions: None,
                first_position: 0,
                pad: None,
                segments: None,
                before_norm: None,
                norm: Norm::new(e.under("norm"), width, bias, config.layer_norm_eps),
                after_norm: None,
                masked: false,
            };
        }
        let deberta = match &config.details {
            Details::Deberta(d) => Some(d),
            _ => None,
        };
        let words = e.under("word_embeddings").param("weight", &[config.vocab_size, width], FRESH);
        let positions = deberta
            .is_none_or(|d| d.absolute_positions)
            .then(|| e.under("position_embeddings").param("weight", &[config.max_positions, width], FRESH));
        let segments = (config.type_vocab_size > 0).then(|| {
            e.under("token_type_embeddings").param("weight", &[config.type_vocab_size, width], FRESH)
        });
        let before_norm = (deberta.is_some() && width != hidden)
            .then(|| Dense::new(e.under("embed_proj"), width, hidden, false));
        let normed = if before_norm.is_some() { hidden } else { width };
        let norm = Norm::new(e.under("LayerNorm"), normed, true, config.layer_norm_eps);
        let after_norm = (config.family == Family::Albert).then(|| {
            Dense::new(b.under("encoder").under("embedding_hidden_mapping_in"), width, hidden, true)
        });
        let roberta = matches!(config.family, Family::Roberta | Family::XlmRoberta);
        Self {
            words,
            positions,
            first_position: if roberta { config.pad_token_id as usize + 1 } else { 0 },
            pad: roberta.then_some(config.pad_token_id),
            segments,
            before_norm,
            norm,
            after_norm,
            masked: deberta.is_some(),
        }
    }

    fn forward(&self, s: &Store, tape: &mut Tape, input: &Input) -> Tensor<3> {
        let mut x = look_up(s, tape, self.words, input);
        if let Some(positions) = self.positions {
            let table = s.get::<2>(positions);
            x = x + match self.pad.filter(|pad| input.rows().any(|row| row.contains(pad))) {
                None => {
                    let rows = (0..input.length).map(|t| (t + self.first_position) as i32).collect();
                    let rows = TensorData::new(rows, [input.length]);
                    table.select(0, Tensor::<1, Int>::from_data(rows, s.device())).unsqueeze::<3>()
                }
                Some(pad) => {
                    let rows = TensorData::new(padded_positions(input, pad), [input.size(), input.length]);
                    module::embedding(table, Tensor::<2, Int>::from_data(rows, s.device()))
                }
            };
        }
        if let Some(segments) = self.segments {
            x = x + s.get::<2>(segments).narrow(0, 0, 1).unsqueeze::<3>();
        }
        if let Some(dense) = &self.before_norm {
            x = dense.forward(s, x);
        }
        x = self.norm.forward(s, x);
        if self.masked {
            x = x * input.mask(s);
        }
        match &self.after_norm {
            Some(dense) => dense.forward(s, x),
            None => x,
        }
    }
}

/// rows × length: where each token stands when padding ids are not counted.
fn padded_positions(input: &Input, pad: u32) -> Vec<i32> {
    let mut positions = vec![pad as i32; input.size() * input.length];
    for (row, positions) in input.rows().zip(positions.chunks_exact_mut(input.length)) {
        let mut next = pad as i32;
        for (id, position) in row.iter().zip(positions) {
            if *id != pad {
                next += 1;
                *position = next;
            }
        }
    }
    positions
}

impl Layers {
    fn new(config: &EncoderConfig, lora: Option<Lora>, b: &mut Builder<'_>) -> Self {
        if let Details::ModernBert(details) = &config.details {
            let layer = |i: usize| {
                ModernLayer::new(b.under(&format!("layers.{i}")).at_layer(i + 1), config, details, i)
            };
            let layers = (0..config.layers).map(layer).collect();
            let norm = b.under("final_norm").at_layer(config.layers);
            return Self::Modern {
                layers,
                norm: Norm::new(norm, config.hidden_size, details.norm_bias, config.layer_norm_eps),
            };
        }
        let deberta = match &config.details {
            Details::Deberta(d) => Some(d),
            _ => None,
        };
        let mut block = |path: String, names: &Names, layer: usize| {
            Block::new(b.under(&path).at_layer(layer), names, config, deberta, lora)
        };
        let plain = |path: &str, names: &Names, block: &mut dyn FnMut(String, &Names, usize) -> Block| {
            let one = |i: usize| block(format!("{path}.{i}"), names, i + 1);
            ((0..config.layers).map(one).collect::<Vec<_>>(), (0..config.layers).collect::<Vec<_>>())
        };
        let (blocks, order) = match &config.details {
            Details::Albert(albert) => {
                let group = |g: usize| (0..albert.inner).map(move |j| (g, j));
                let one = |(g, j): (usize, usize)| {
                    block(format!("encoder.albert_layer_groups.{g}.albert_layers.{j}"), &ALBERT, 1)
                };
                let blocks = (0..albert.groups).flat_map(group).map(one).collect();
                let of_layer = |i: usize| {
                    let g = i * albert.groups / config.layers;
                    (0..albert.inner).map(move |j| g * albert.inner + j)
                };
                (blocks, (0..config.layers).flat_map(of_layer).collect())
            }
            Details::Deberta(_) => plain("encoder.layer", &DEBERTA, &mut block),
            _ if config.family == Family::DistilBert => plain("transformer.layer", &DISTIL, &mut block),
            _ => plain("encoder.layer", &BERT, &mut block),
        };
        let mut encoder = b.under("encoder");
        let relative = deberta.and_then(|d| Relative::new(&mut encoder, config, d));
        let after_first = deberta
            .filter(|d| d.conv_kernel > 0)
            .map(|d| AfterFirst::new(encoder.under("conv").at_layer(1), config, d));
        Self::Blocks { blocks, order, relative, after_first }
    }
}

impl Block {
    fn new(
        mut b: Builder<'_>,
        names: &Names,
        config: &EncoderConfig,
        deberta: Option<&prompt_encoder::Deberta>,
        lora: Option<Lora>,
    ) -> Self {
        let (width, inner, eps) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
        let square = |b: &mut Builder<'_>, name| Dense::new(b.under(name), width, width, true);
        Self {
            query: square(&mut b, names.query).adapted(b.under(names.query), width, lora),
            key: square(&mut b, names.key),
            value: square(&mut b, names.value).adapted(b.under(names.value), width, lora),
            out: square(&mut b, names.out),
            norm: Norm::new(b.under(names.norm), width, true, eps),
            wide: Dense::new(b.under(names.wide), width, inner, true),
            narrow: Dense::new(b.under(names.narrow), inner, width, true),
            second_norm: Norm::new(b.under(names.second_norm), width, true, eps),
            heads: config.heads,
            activation: config.activation,
            positions: deberta.map(|d| Projections::new(&mut b.under("attention.self"), width, d)),
        }
    }

    /// Whether its numbers learn, or adapters beside them.
    fn learns(&self, s: &Store) -> bool {
        s.learns(self.query.weight) || self.query.is_adapted()
    }

    /// Whether the block is one that [`fused`] knows.
    fn can_be_fused(&self) -> bool {
        self.positions.is_none() && self.activation == Activation::Gelu && !self.query.is_adapted()
    }

    fn parts(&self) -> fused::Parts<'_> {
        fused::Parts {
            query: &self.query,
            key: &self.key,
            value: &self.value,
            out: &self.out,
            norm: &self.norm,
            wide: &self.wide,
            narrow: &self.narrow,
            second_norm: &self.second_norm,
            heads: self.heads,
        }
    }

    fn forward(
        &self,
        s: &Store,
        tape: &mut Tape,
        x: Tensor<3>,
        hidden: &Tensor<4>,
        places: Option<(&Relative, &Places)>,
        dropout: f64,
    ) -> Tensor<3> {
        let q = split_heads(self.query.forward(s, x.clone()), self.heads);
        let k = split_heads(self.key.forward(s, x.clone()), self.heads);
        let v = split_heads(self.value.forward(s, x.clone()), self.heads);
        let scores = match (places, &self.positions) {
            (Some((relative, places)), Some(own)) => {
                relative.scores(s, [q, k], places, own, [&self.query, &self.key])
            }
            _ => {
                let scale = 1.0 / (q.dims()[3] as f64).sqrt();
                s.products().matmul(q * scale, k.swap_dims(2, 3))
            }
        };
        let shares = tape.dropout(activation::softmax(scores + hidden.clone(), 3), dropout);
        let mixed = self.out.forward(s, join_heads(s.products().matmul(shares, v)));
        let x = self.norm.forward(s, x + tape.dropout(mixed, dropout));
        let inner = activate(self.activation, self.wide.forward(s, x.clone()));
        let narrow = self.narrow.forward(s, inner);
        self.second_norm.forward(s, x + tape.dropout(narrow, dropout))
    }
}
