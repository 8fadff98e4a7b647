//! Synthetic prompts for the security task: benign, suspicious, malicious.
//!
//! They let the main job run on a machine without any data, and they give tests, benches and examples as many labelled
//! prompts as they need. **Whatever is measured on them is measured on synthetic data, and every report must say so**:
//! the data set's origin is [`Origin::Synthetic`] with generator and seed, and it is printed wherever results are.
//!
//! # How a prompt comes about
//!
//! ```text
//! class (shares) -> family, easy or hard (share `hard`) -> template -> slots, nested -> opening + body + closing
//!   -> habits of typing (lower case, a slip, no full stop, an emoji) -> drawn again when seen before -> label noise
//! ```
//!
//! The templates are data, in `src/synth/grammar/*.txt` ([`Grammar`] has the syntax): 52 families over shared topics, documents,
//! deeds and orders. What decides the class is the frame, not the word:
//!
//! | label | policy | easy families | hard families |
//! |---|---|---|---|
//! | benign | ordinary wishes | questions, code, sums, documents, plans, chat, thirteen other languages | `kill` a process, defence and schooling, an attack quoted in order to block it, "ignore my last message", a helper's persona, documents about attacks, harmless base64 |
//! | suspicious | borderline or sensitive | dual use, the past and the future tense, fiction, personas, work of testers and administrators, prying into the model | schoolwork that wants every detail, collecting attacks for research, soft personas, documents bent a little |
//! | malicious | jailbreak or injection, or plainly a wish for harm | direct orders, plain requests, personas without limits, prompt leaks, agitation | orders hidden in a document, politeness, fiction as a pretext, a quotation that is then ordered, base64 / rot13 / spaced / leet, ten other languages, split requests |
//!
//! Deeds are only ever named ("break into someone else's account"), never explained, so the text teaches nobody anything
//! but how such requests sound.
//!
//! # What it can tell, and what it cannot
//!
//! Measured by `examples/synth_dump.rs` and `examples/synth_separability.py` with scikit-learn 1.9.1 on the defaults (6,000 rows,
//! seed 42, 1 % label noise; 1 to 274 words counted at white space, median 17; 16 % of the rows hold non-ASCII characters),
//! macro-F1:
//!
//! | model | 5-fold | 5-fold, families kept apart | [blind set](crate::blind) | public prompts (`prompt_security`, validation) |
//! |---|---:|---:|---:|---:|
//! | list of keywords | 0.423 | – | 0.259 | 0.431 |
//! | word TF-IDF + logistic regression | 0.886 | 0.382 | 0.479 | 0.558 |
//! | word and character TF-IDF + linear SVM | 0.946 | 0.415 | 0.515 | 0.685 |
//!
//! So it can tell whether a pipeline works from end to end, whether a model learns what a keyword list cannot, whether two
//! implementations agree, how label noise or class balance moves a result, and how time and memory grow with the rows.
//! It cannot tell how well a model meets real attackers: a random split puts the same templates on both sides, so its score
//! is that of the second column, flattered; the third and later columns are nearer to the truth. Group the split by
//! `source`, look at the blind set, and train on real prompts before a model guards anything. (The list of topics and
//! families was widened once with an eye on which of the public validation prompts went wrong, so the last column is a
//! little kind; no text was taken from them, and the blind set was written apart and never tuned on.)

mod filter;
mod grammar;
mod style;

use std::collections::HashSet;

use prompt_core::{Error, Legal, Params, Result, Rng, Seed, params};

use crate::{Dataset, Example, Origin};

pub use grammar::{Family, Grammar};

/// The classes of the security task, in the order of their codes 0, 1, 2.
pub const SECURITY_CLASSES: [&str; 3] = ["benign", "suspicious", "malicious"];

/// How often a row is drawn again when it repeats an earlier one, before the grammar counts as exhausted.
const REDRAWS: usize = 200;

params! {
    /// What to generate for the security task. The class shares are relative: 2, 1, 1 means half, a quarter, a quarter.
    pub struct SynthParams named "synth" checked by SynthParams::some_class {
        /// Number of prompts, all distinct after lower-casing and removing punctuation.
        rows: usize = 6000, Legal::int(1, 1_000_000);
        /// Share of rows whose label is replaced by another class; each says so in `noisy`.
        noise: f64 = 0.01, Legal::between(0.0, 0.5);
        /// Share of rows from the hard families, which look like another class.
        hard: f64 = 0.5, Legal::between(0.0, 1.0);
        /// Relative share of the class `benign`.
        benign: f64 = 0.45, Legal::not_negative();
        /// Relative share of the class `suspicious`.
        suspicious: f64 = 0.2, Legal::not_negative();
        /// Relative share of the class `malicious`.
        malicious: f64 = 0.35, Legal::not_negative();
    }
}

impl SynthParams {
    fn shares(&self) -> [f64; 3] {
        [self.benign, self.suspicious, self.malicious]
    }

    fn some_class(&self) -> Result<()> {
        if self.shares().iter().sum::<f64>() > 0.0 {
            return Ok(());
        }
        Err(Error::param(Self::NAME, "benign", "> 0 when `suspicious` and `malicious` are 0", self.benign))
    }
}

impl Grammar {
    /// The grammar of the security task.
    ///
    /// # Errors
    /// None: it is part of the program, and a test reads it.
    pub fn security() -> Result<Self> {
        Self::parse(&[
            ("common.txt", include_str!("grammar/common.txt")),
            ("benign.txt", include_str!("grammar/benign.txt")),
            ("suspicious.txt", include_str!("grammar/suspicious.txt")),
            ("malicious.txt", include_str!("grammar/malicious.txt")),
        ])
    }
}

/// Draws distinct prompts for the security task: same parameters and seed, same prompts, in shuffled class order.
///
/// Each row has `text`, `label` (one of [`SECURITY_CLASSES`]), `source` (the name of its family: the group of a grouped
/// split) and two extra fields: `hard`, whether its family looks like another class, and `noisy`, whether its label
/// was replaced. The data set's origin says that it is synthetic, with the seed.
///
/// The number of rows of a class (before label noise) is its share of `rows`, rounded so that they add up.
///
/// # Errors
/// [`Error::Param`] for a parameter outside its range; [`Error::Input`] when the grammar has no more distinct prompts.
///
/// ```
/// use prompt_core::Seed;
/// use prompt_data::synth::{SynthParams, generate};
///
/// let prompts = generate(&SynthParams::default().rows(400).noise(0.0), Seed::new(7))?;
/// assert!(prompts.is_synthetic());
/// assert_eq!(prompts.label_counts()["malicious"], 140);
/// # Ok::<(), prompt_core::Error>(())
/// ```
pub fn generate(params: &SynthParams, seed: Seed) -> Result<Dataset> {
    params.validate()?;
    generate_from(&Grammar::security()?, params, seed)
}

fn generate_from(grammar: &Grammar, params: &SynthParams, seed: Seed) -> Result<Dataset> {
    let pools: Vec<Pool> = SECURITY_CLASSES.iter().map(|class| Pool::of(grammar, class)).collect();
    let mut classes: Vec<usize> =
        class_counts(params).into_iter().enumerate().flat_map(|(c, n)| vec![c; n]).collect();
    seed.derive("class order", 0).rng().shuffle(&mut classes);

    let mut seen = HashSet::with_capacity(params.rows);
    let mut prompts = Vec::with_capacity(params.rows);
    for (row, class) in classes.into_iter().enumerate() {
        let mut rng = seed.derive("row", row as u64).rng();
        let Some(pool) = pools.get(class) else { continue };
        let drawn = (0..REDRAWS).find_map(|_| {
            let family = pool.draw(params.hard, &mut rng)?;
            let text = prompt_text(grammar, family, &mut rng)?;
            seen.insert(distinct_key(&text)).then_some((family, text))
        });
        let Some((family, text)) = drawn else {
            return Err(Error::input(
                format!("the grammar has no more than {row} distinct prompts for these shares"),
                "ask for fewer rows or another share of hard prompts",
            ));
        };
        let noisy_label = if rng.chance(params.noise) { other_class(params, class, &mut rng) } else { None };
        let Some(family) = grammar.families().get(family) else { continue };
        let mut example =
            Example::new(text).with_label(noisy_label.unwrap_or(&family.class)).with_source(&family.name);
        example.extra.set("hard", &family.hard)?;
        example.extra.set("noisy", &noisy_label.is_some())?;
        prompts.push(example);
    }
    let generator = format!("{} security", SynthParams::NAME);
    Ok(Dataset::new(prompts).with_origin(Origin::Synthetic { generator, seed }))
}

/// What two prompts must differ in: their letters and digits in lower case, and where the words end.
pub fn distinct_key(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            key.push(c);
        } else if c.is_whitespace() && !key.is_empty() && !key.ends_with(' ') {
            key.push(' ');
        }
    }
    key.truncate(key.trim_end().len());
    key
}

/// The families of one class as (index in the grammar, running sum of weights), hard ones apart.
struct Pool {
    easy: Vec<(usize, usize)>,
    hard: Vec<(usize, usize)>,
}

impl Pool {
    fn of(grammar: &Grammar, class: &str) -> Self {
        let mut pool = Self { easy: Vec::new(), hard: Vec::new() };
        for (index, family) in grammar.families().iter().enumerate().filter(|(_, f)| f.class == class) {
            let list = if family.hard { &mut pool.hard } else { &mut pool.easy };
            let before = list.last().map_or(0, |&(_, end)| end);
            list.push((index, before + family.weight as usize));
        }
        pool
    }

    fn draw(&self, hard: f64, rng: &mut Rng) -> Option<usize> {
        let list = if rng.chance(hard) { &self.hard } else { &self.easy };
        let at = rng.below(list.last()?.1);
        list.get(list.partition_point(|&(_, end)| end <= at)).map(|&(index, _)| index)
    }
}

/// Body of the family, now and then between an opening and a closing, made a little untidy.
fn prompt_text(grammar: &Grammar, family: usize, rng: &mut Rng) -> Option<String> {
    let open = grammar.expand_slot("frame_open", rng)?;
    let body = grammar.expand(family, rng)?;
    let close = grammar.expand_slot("frame_close", rng)?;
    let emoji = grammar.expand_slot("emoji", rng)?;
    Some(style::write(&open, &body, &close, &emoji, rng))
}

/// Rows of each class by the largest remainder.
fn class_counts(params: &SynthParams) -> [usize; 3] {
    let shares = params.shares();
    let total: f64 = shares.iter().sum();
    let exact = shares.map(|share| share / total * params.rows as f64);
    let mut counts = exact.map(|rows| rows.floor() as usize);
    let mut by_remainder = [0, 1, 2];
    by_remainder.sort_by(|&a: &usize, &b: &usize| exact[b].fract().total_cmp(&exact[a].fract()));
    let missing = params.rows.saturating_sub(counts.iter().sum());
    by_remainder
        .iter()
        .cycle()
        .filter(|&&class| shares[class] > 0.0)
        .take(missing)
        .for_each(|&c| counts[c] += 1);
    counts
}

/// Another class that has a share; `None` when there is none.
fn other_class(params: &SynthParams, class: usize, rng: &mut Rng) -> Option<&'static str> {
    let others: Vec<&'static str> = SECURITY_CLASSES
        .into_iter()
        .zip(params.shares())
        .enumerate()
        .filter(|&(c, (_, share))| c != class && share > 0.0)
        .map(|(_, (name, _))| name)
        .collect();
    rng.choose(&others).copied()
}

#[cfg(test)]
mod tests;
