//! Progress on standard error, and stopping by Ctrl-C.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use prompt_models::core::{CancelToken, Control, Event, FitContext, Observer};

/// A token that Ctrl-C (or a polite kill) cancels. The second Ctrl-C ends the process at once.
pub(crate) fn stop_on_ctrl_c() -> CancelToken {
    let token = CancelToken::new();
    let theirs = token.clone();
    // Without a handler Ctrl-C simply kills us, which loses no finished work either.
    let _ = ctrlc::set_handler(move || {
        if theirs.is_cancelled() {
            std::process::exit(130);
        }
        eprintln!("\nstopping after the current step; press Ctrl-C again to stop at once");
        theirs.cancel();
    });
    token
}

/// Shows what an experiment is doing: a bar on a terminal, a line a step elsewhere.
pub(crate) struct Progress {
    bar: ProgressBar,
    stage: Mutex<String>,
    lines: bool,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if quiet || !terminal {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(10)
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style("{spinner} {msg} {elapsed}"));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, stage: Mutex::new(String::new()), lines: !quiet && !terminal }
    }

    /// What a fit is given, and the progress that it shows.
    pub(crate) fn of_fit(
        quiet: bool,
        seed: u64,
        threads: Option<usize>,
        stop: &CancelToken,
    ) -> (Arc<Self>, FitContext) {
        let progress = Arc::new(Self::new(quiet));
        let ctx = FitContext::new(seed).with_cancel(stop.clone()).with_observer(progress.clone());
        (progress, threads.into_iter().fold(ctx, FitContext::threads))
    }

    /// A line for each evaluation of a network, above the bar of its steps.
    fn epoch(&self, event: &Event<'_>) {
        let total = event.total.map_or_else(String::new, |total| format!(" of {total}"));
        let line = format!("epoch {}{total}: {}", event.step, said(event.values));
        if self.lines {
            eprintln!("{line}");
        } else {
            self.bar.println(line);
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// The numbers of a training step or evaluation, in a few words.
fn said(values: &[(&str, f64)]) -> String {
    let one = |(name, value): &(&str, f64)| match *name {
        "loss" | "mean_loss" => Some(format!("loss {value:.4}")),
        "validation_loss" => Some(format!("validation {value:.4}")),
        "f1_macro" => Some(format!("F1 {value:.4}")),
        "learning_rate" => Some(format!("rate {value:.1e}")),
        "tokens_per_second" => Some(format!("{value:.0} tokens/s")),
        _ => None,
    };
    values.iter().filter_map(one).collect::<Vec<_>>().join(", ")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Observer for Progress {
    fn observe(&self, event: &Event<'_>) -> Control {
        if event.stage == "epoch" {
            self.epoch(event);
            return Control::Continue;
        }
        // A step that comes with numbers is one of an algorithm's own, whose name says nothing where it stands alone.
        if self.lines && !event.values.is_empty() {
            return Control::Continue;
        }
        let Ok(mut stage) = self.stage.lock() else { return Control::Continue };
        if *stage != event.stage {
            event.stage.clone_into(&mut stage);
            if self.lines {
                eprintln!("{stage}");
            }
            match event.total {
                Some(total) => {
                    self.bar.set_style(style("{msg:<28} {wide_bar} {pos}/{len} {elapsed} (≈ {eta} left)"));
                    self.bar.set_length(total as u64);
                }
                None => self.bar.set_style(style("{spinner} {msg} {elapsed}")),
            }
            self.bar.reset();
            self.bar.set_message(stage.clone());
        }
        // Training says what a step does.
        if event.stage == "step" {
            self.bar.set_message(said(event.values));
        }
        // A study says how well it goes.
        if let Some((_, best)) = event.values.iter().find(|(name, _)| *name == "best") {
            let rest = event.values.iter().filter(|(name, count)| *name != "best" && *count > 0.0);
            let rest: String = rest.map(|(name, count)| format!(", {count} {name}")).collect();
            let line = format!("best {best:.5}{rest}");
            if self.lines {
                eprintln!("{} {} of {}: {line}", event.stage, event.step, event.total.unwrap_or(event.step));
            }
            self.bar.set_message(line);
        }
        self.bar.set_position(event.step as u64);
        Control::Continue
    }
}
