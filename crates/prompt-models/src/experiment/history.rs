//! What a learner reported while it was fitted, as a training run.

use std::sync::Mutex;

use prompt_core::{Control, Event, Observer};
use prompt_metrics::{Epoch, Family, History};

/// Collects the rounds of one fit that came with a loss.
#[derive(Default)]
pub(super) struct Recorder(Mutex<Vec<Epoch>>);

impl Observer for Recorder {
    fn observe(&self, event: &Event<'_>) -> Control {
        let of = |name: &str| event.values.iter().find(|(n, v)| *n == name && v.is_finite()).map(|(_, v)| *v);
        if let (Some(train_loss), Ok(mut epochs)) = (of("loss"), self.0.lock()) {
            epochs.push(Epoch {
                epoch: event.step,
                train_loss,
                validation_loss: of("validation_loss"),
                metric: of("metric").or_else(|| of("f1_macro")),
                learning_rate: of("learning_rate"),
                gradient_norm: of("gradient_norm"),
                seconds: None,
            });
        }
        Control::Continue
    }
}

impl Recorder {
    /// The run, where the learner reported losses round after round. A learner that fits several things one after another
    /// has no single run.
    pub(super) fn history(&self, model: &str) -> Option<History> {
        let epochs = self.0.lock().ok()?.clone();
        History::new(model, family(model), "metric", epochs).ok()
    }
}

/// The family of a learner by its name, for advice.
pub fn family(model: &str) -> Family {
    match model {
        "cnn" => Family::Cnn,
        "lstm" | "bilstm" => Family::Lstm,
        "transformer" | "hybrid" => Family::Transformer,
        "encoder" | "bert" | "distilbert" | "roberta" | "albert" | "distilroberta" | "xlm-roberta"
        | "minilm" | "deberta" | "modernbert" => Family::Encoder,
        _ if ["forest", "tree", "boost"].iter().any(|part| model.contains(part)) => Family::Trees,
        _ => Family::Linear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_with_a_loss_make_a_run() {
        let recorder = Recorder::default();
        for (step, loss) in [(1, 0.9), (2, 0.5), (3, 0.4)] {
            let values = [("loss", loss), ("validation_loss", loss + 0.1)];
            recorder.observe(&Event { stage: "boosting", step, total: None, values: &values });
        }
        recorder.observe(&Event { stage: "other", step: 4, total: None, values: &[("violation", 0.1)] });
        let run = recorder.history("hist_gradient_boosting").unwrap();
        assert_eq!((run.epochs.len(), run.family), (3, Family::Trees));
        assert_eq!(run.epochs[1].validation_loss, Some(0.6));
        assert!(Recorder::default().history("knn").is_none());
    }
}
