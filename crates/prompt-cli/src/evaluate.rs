//! `prompt evaluate`.

use std::process::ExitCode;

use prompt_models::core::{Batch, Classes, Error, Result};
use prompt_models::data::read::ReadOptions;
use prompt_models::data::{Dataset, Fields, Split};
use prompt_models::metrics::{
    ClassificationReport, Confusion, RegressionReport, SecurityClasses, SecurityScore,
};
use prompt_models::tabular;
use serde_json::Value;

use crate::args::{Evaluate, SplitChoice, label_map};
use crate::out::{bad_lines, left_out, outln};

pub(crate) fn run(args: &Evaluate) -> Result<ExitCode> {
    let model = crate::model::open(&args.model, &args.registry.place)?;
    if model.manifest.task == tabular::TASK {
        return crate::tabular::evaluate(args, &model);
    }
    let mut fields = if model.manifest.task == "security" { Fields::security() } else { Fields::default() };
    if let Some(text) = &args.text {
        fields.text = text.as_str().into();
    }
    match (&args.target, model.classes().is_ok()) {
        (Some(target), true) => fields.label_in(target),
        (Some(target), false) => fields.target_in(target),
        (None, _) => {}
    }
    fields.label_map.extend(label_map(&args.label_map)?);
    let loaded = ReadOptions { fields, strict: args.strict, ..ReadOptions::default() }.read(&args.data)?;
    let (rows, which) = choose(args.split, loaded.dataset.len(), |split| loaded.dataset.rows_of(split))?;
    let chosen = loaded.dataset.select(&rows);
    let classes = model.classes().ok();
    let (data, without) = match classes {
        Some(_) => chosen.labelled(args.strict)?,
        None => chosen.with_targets(args.strict)?,
    };
    let wanted = if classes.is_some() { "label" } else { "target" };
    eprint!(
        "{}{}",
        bad_lines(loaded.bad.iter(), loaded.dataset.len(), loaded.cut),
        left_out(&without, wanted)
    );
    if let Some(classes) = classes {
        refuse_foreign(&data, classes)?;
    }
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
        numbers["unlabelled_rows"] = Value::from(without.len());
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

/// A label that the model does not know is told by its line.
fn refuse_foreign(data: &Dataset, classes: &Classes) -> Result<()> {
    let foreign = |label: &str| !classes.names().iter().any(|name| name == label);
    let found =
        data.iter().zip(0..).find_map(|(e, row)| Some((row, e.label.as_deref().filter(|l| foreign(l))?)));
    match found {
        None => Ok(()),
        Some((row, label)) => Err(data.wrong_row(
            row,
            format!("unknown label `{label}`; the model knows {}", classes.names().join(", ")),
            format!("correct it, or say what it means with --label-map {label}=CLASS"),
        )),
    }
}

/// The rows to measure on, of so many, and what they are called: test rows where there are some, else validation rows, else
/// all.
pub(crate) fn choose(
    choice: Option<SplitChoice>,
    rows: usize,
    rows_of: impl Fn(Split) -> Vec<usize>,
) -> Result<(Vec<usize>, &'static str)> {
    let wanted = match choice {
        Some(SplitChoice::Train) => Some(Split::Train),
        Some(SplitChoice::Validation) => Some(Split::Validation),
        Some(SplitChoice::Test) => Some(Split::Test),
        Some(SplitChoice::All) => None,
        // Rows that a model may have been fitted on say little about it.
        None => [Split::Test, Split::Validation].into_iter().find(|split| !rows_of(*split).is_empty()),
    };
    let Some(split) = wanted else { return Ok(((0..rows).collect(), "all rows")) };
    let found = rows_of(split);
    if found.is_empty() {
        return Err(Error::input(
            format!("no row has the split `{}`", split.name()),
            "choose other rows with --split",
        ));
    }
    Ok((found, split.name()))
}
