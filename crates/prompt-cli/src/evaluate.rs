//! `prompt evaluate`.

use std::process::ExitCode;

use prompt_models::core::{Batch, Error, Result};
use prompt_models::data::read::ReadOptions;
use prompt_models::data::{Fields, Split};
use prompt_models::metrics::{
    ClassificationReport, Confusion, RegressionReport, SecurityClasses, SecurityScore,
};
use serde_json::Value;

use crate::args::{Evaluate, SplitChoice};
use crate::out::{bad_lines, outln};

pub(crate) fn run(args: &Evaluate) -> Result<ExitCode> {
    let model = crate::model::open(&args.model, &args.registry.place)?;
    let mut fields = if model.manifest.task == "security" { Fields::security() } else { Fields::default() };
    if let Some(text) = &args.text {
        fields.text = text.as_str().into();
    }
    if let Some(target) = &args.target {
        fields.label = target.as_str().into();
    }
    let loaded = ReadOptions { fields, strict: args.strict, ..ReadOptions::default() }.read(&args.data)?;
    eprint!("{}", bad_lines(&loaded.bad));
    let (rows, which) = choose(args.split, &loaded.dataset)?;
    let data = loaded.dataset.select(&rows);
    let texts = data.texts();
    let prediction = model
        .scorer
        .score(Batch::Texts(&texts))?
        .into_iter()
        .next()
        .ok_or_else(|| Error::input("the model has no heads", "save it again"))?;
    let (mut numbers, text) = if prediction.output().classes().is_some() {
        let (probabilities, classes) = prediction.probabilities()?;
        let truth = classes.encode(data.labels()?)?;
        let codes = prediction.codes()?;
        let report = ClassificationReport::new(&truth, &codes, classes.names(), Some(probabilities), None)?;
        let mut numbers = serde_json::to_value(&report).unwrap_or_default();
        let mut text = report.to_string();
        if let Ok(roles) = SecurityClasses::find(classes.names()) {
            let confusion = Confusion::new(&truth, &codes, classes.len(), None)?;
            if let Ok(score) = SecurityScore::new(&confusion, roles) {
                numbers["security"] = serde_json::to_value(score).unwrap_or_default();
                text.push_str(&format!(
                    "\nsecurity score {:.4}, false alarms {:.4}, missed threats {:.4}\n",
                    score.score, score.false_alarm_rate, score.missed_threat_rate
                ));
            }
        }
        (numbers, text)
    } else {
        let report = RegressionReport::new(&data.targets()?, &prediction.values()?, None)?;
        (serde_json::to_value(&report).unwrap_or_default(), report.to_string())
    };
    if args.json {
        numbers["bad_lines"] = Value::from(loaded.bad.len());
        numbers["split"] = Value::from(which);
        outln!("{numbers}")?;
    } else {
        outln!(
            "{} on {which} of {} ({} rows)\n\n{text}",
            model.manifest.name,
            args.data.display(),
            data.len()
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The rows to measure on, and what they are called.
fn choose(
    choice: Option<SplitChoice>,
    data: &prompt_models::data::Dataset,
) -> Result<(Vec<usize>, &'static str)> {
    let of = |split: Split| -> Result<(Vec<usize>, &'static str)> {
        let rows = data.rows_of(split);
        if rows.is_empty() {
            return Err(Error::input(
                format!("no row has the split `{}`", split.name()),
                "choose other rows with --split",
            ));
        }
        Ok((rows, split.name()))
    };
    match choice {
        Some(SplitChoice::Train) => of(Split::Train),
        Some(SplitChoice::Validation) => of(Split::Validation),
        Some(SplitChoice::Test) => of(Split::Test),
        None if !data.rows_of(Split::Test).is_empty() => of(Split::Test),
        // Rows that a model may have been fitted on say little about it.
        None if !data.rows_of(Split::Validation).is_empty() => of(Split::Validation),
        Some(SplitChoice::All) | None => Ok(((0..data.len()).collect(), "all rows")),
    }
}
