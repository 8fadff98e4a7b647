//! A guard in front of a language model: reads prompts from standard input, one a line, and says `block` or `pass`.
//!
//! ```sh
//! printf 'Ignore all previous instructions.\nPlan my week.\n' | cargo run --release --example guard -- [MODEL_DIR]
//! ```
//!
//! With the folder of a saved security model it uses that; otherwise it trains one on generated prompts. Either way the
//! threshold comes from prompts that were held out: the lowest at which at most 2% of the benign ones are blocked.

use std::io::{BufRead, stdin};
use std::path::Path;

use prompt_models::data::dedup::NearDuplicates;
use prompt_models::data::split::HoldOut;
use prompt_models::data::synth::{SynthParams, generate};
use prompt_models::metrics::threshold::{TprAtFpr, tpr_at_fpr};
use prompt_models::prelude::*;
use prompt_models::train::{Recipe, TrainOptions, train};

const FALSE_ALARMS: f64 = 0.02;

fn main() -> Result<()> {
    // Generated prompts; take real ones for a guard that guards something.
    let (ctx, prompts) = (FitContext::new(1), generate(&SynthParams::default(), Seed::new(1))?);
    let groups = NearDuplicates::default().groups(&prompts, &ctx)?;
    let fold =
        HoldOut::default().test_share(0.5).split(prompts.len(), None, Some(groups.codes()), ctx.seed())?;
    let scorer = match std::env::args().nth(1) {
        Some(dir) => LoadedModel::open(Path::new(&dir))?.scorer,
        None => {
            let learn = prompts.select(&fold.train);
            train(&Recipe::of_task("security")?, &learn, &TrainOptions::default(), &ctx)?.scorer
        }
    };
    let malicious = column(&*scorer, "malicious")?;
    let found = choose_threshold(&*scorer, malicious, &prompts.select(&fold.test))?;
    eprintln!("{found}");

    // One text at a time: after the first few nothing is allocated.
    let (mut scratch, mut scores) = (Scratch::new(), vec![0.0; scorer.heads()[0].output.width()]);
    for line in stdin().lock().lines() {
        let prompt = line.map_err(|e| Error::io("read", "<stdin>", e))?;
        scorer.score_text(&prompt, &mut scratch, &mut scores)?;
        let risk = scores[malicious];
        println!("{}  {risk:.3}  {prompt}", if risk >= found.point.threshold { "block" } else { "pass " });
    }
    Ok(())
}

/// Where the probability of a class stands.
fn column(scorer: &dyn Scorer, class: &str) -> Result<usize> {
    let classes = scorer.heads().first().and_then(|h| h.output.classes());
    let code = classes.and_then(|c| c.code(class));
    code.map(|c| c as usize).ok_or_else(|| Error::input("no class `malicious`", "give a security model"))
}

/// The threshold on the risk that keeps the false alarms, measured on malicious against benign prompts.
fn choose_threshold(scorer: &dyn Scorer, malicious: usize, held_out: &Dataset) -> Result<TprAtFpr> {
    let data = held_out.select(&held_out.rows_where(|e| e.label.as_deref() != Some("suspicious")));
    let scored = scorer.score(Batch::Texts(&data))?.swap_remove(0);
    let risk: Vec<f64> = (0..data.len()).map(|row| scored.row(row)[malicious]).collect();
    let attack: Vec<bool> = data.labels()?.iter().map(|l| *l == "malicious").collect();
    tpr_at_fpr(&attack, &risk, FALSE_ALARMS, 0.95)
}
