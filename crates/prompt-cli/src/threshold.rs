//! `prompt threshold`: the score above which records are alarms, for a promised rate of false ones.

use std::process::ExitCode;

use prompt_models::core::{Batch, Error, Prediction, Result};
use prompt_models::data::Split;
use prompt_models::promise::false_alarms_at_most;
use prompt_models::{LoadedModel, tabular};
use serde_json::json;

use crate::args::Threshold;
use crate::out::outln;

pub(crate) fn run(args: &Threshold) -> Result<ExitCode> {
    let model = crate::model::open(&args.model, &args.registry.place)?;
    let classes = model.classes()?;
    let class = classes
        .code(&args.class)
        .ok_or_else(|| Error::unknown("class", &args.class, classes.names()))? as usize;
    let traffic = if model.manifest.task == tabular::TASK {
        crate::tabular::traffic(args, &model)?
    } else {
        texts(args, &model)?
    };
    let (mut pass, mut alarm) = (Vec::new(), Vec::new());
    for (row, label) in traffic.labels.iter().enumerate() {
        let score = traffic.prediction.row(row)[class];
        match label.as_deref() {
            Some(label) if label == args.class => alarm.push(score),
            Some(label) if !args.pass.is_empty() && !args.pass.iter().any(|p| p == label) => {}
            // Traffic without labels is taken as it is: nearly all of it should pass.
            _ => pass.push(score),
        }
    }
    let promise = false_alarms_at_most(&pass, args.false_alarms, args.level)?;
    let caught = |threshold: f64| {
        let n = alarm.iter().filter(|s| **s >= threshold).count();
        (!alarm.is_empty()).then(|| n as f64 / alarm.len() as f64)
    };
    if args.json {
        let mut object = serde_json::to_value(&promise).unwrap_or_default();
        object["class"] = json!(args.class);
        object["caught"] = json!(caught(promise.threshold));
        object["caught_at_safe_threshold"] = json!(promise.safe_threshold.and_then(caught));
        object["bad_lines"] = json!(traffic.bad_lines);
        outln!("{object}")?;
        return Ok(ExitCode::SUCCESS);
    }
    outln!("{promise}")?;
    if let Some(share) = caught(promise.threshold) {
        outln!(
            "of {} `{}` records, {:.2}% reach {}{}",
            alarm.len(),
            args.class,
            100.0 * share,
            promise.threshold,
            promise
                .safe_threshold
                .and_then(|t| Some(format!(", {:.2}% reach {t}", 100.0 * caught(t)?)))
                .unwrap_or_default()
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Records that the model did not learn from, and what it says of them.
pub(crate) struct Traffic {
    pub(crate) labels: Vec<Option<String>>,
    pub(crate) prediction: Prediction,
    pub(crate) bad_lines: usize,
}

impl Traffic {
    /// Rows that the model learned from would promise too much.
    pub(crate) fn all_for_training(args: &Threshold) -> Error {
        Error::input(
            format!("all rows of {} are for training", args.data.display()),
            "give rows that the model did not learn from",
        )
    }
}

fn texts(args: &Threshold, model: &LoadedModel) -> Result<Traffic> {
    let named = (args.text.as_ref(), args.target.as_ref());
    let loaded = crate::fields::read_for(model, &args.data, named, &[], (args.strict, args.lines))?;
    let data = loaded.dataset.select(&loaded.dataset.rows_where(|e| e.split != Some(Split::Train)));
    if data.is_empty() {
        return Err(Traffic::all_for_training(args));
    }
    let prediction = crate::model::score(model, Batch::Texts(&data.texts()))?;
    let labels = data.examples().iter().map(|e| e.label.clone()).collect();
    Ok(Traffic { labels, prediction, bad_lines: loaded.bad.len() })
}
