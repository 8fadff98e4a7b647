//! One row of the comparison.

use serde::Serialize;

use crate::common::table::{Table, cell};

/// What a time is told in.
#[derive(Clone, Copy, Serialize)]
pub(crate) enum Unit {
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "µs")]
    Microseconds,
}

/// Our time beside the peer's.
#[derive(Serialize)]
pub(crate) struct Line {
    pub(crate) job: String,
    unit: Unit,
    ours: f64,
    peer: Option<f64>,
    /// The peer's time over ours.
    ratio: Option<f64>,
    /// Least ratio that is asked for.
    bar: Option<f64>,
    /// Objective, accuracy, agreement.
    pub(crate) quality: String,
    /// Whether the quality is such that the timing counts.
    pub(crate) counts: bool,
    ours_mib: Option<f64>,
    peer_mib: Option<f64>,
}

impl Line {
    /// Our time; everything else comes later where there is any.
    pub(crate) fn new(job: impl Into<String>, unit: Unit, ours: f64) -> Self {
        Self {
            job: job.into(),
            unit,
            ours,
            peer: None,
            ratio: None,
            bar: None,
            quality: String::new(),
            counts: true,
            ours_mib: None,
            peer_mib: None,
        }
    }

    /// With the least ratio that is asked for.
    pub(crate) fn bar(mut self, bar: Option<f64>) -> Self {
        self.bar = bar;
        self
    }

    /// Sets the least ratio that is asked for.
    pub(crate) fn set_bar(&mut self, bar: Option<f64>) {
        self.bar = bar;
    }

    /// With the peak memory of our process.
    pub(crate) fn memory(mut self, mib: Option<f64>) -> Self {
        self.ours_mib = mib;
        self
    }

    /// With the peer's figures in the same unit.
    pub(crate) fn peer(mut self, time: Option<f64>, mib: Option<f64>) -> Self {
        self.set_peer(time, mib);
        self
    }

    /// Sets the peer's figures.
    pub(crate) fn set_peer(&mut self, time: Option<f64>, mib: Option<f64>) {
        self.peer = time;
        self.ratio = time.map(|time| time / self.ours);
        self.peer_mib = mib;
    }

    /// With words about the result.
    pub(crate) fn quality(mut self, words: impl Into<String>) -> Self {
        self.quality = words.into();
        self
    }

    fn verdict(&self) -> String {
        match (self.ratio, self.bar) {
            _ if !self.counts => "DOES NOT COUNT".into(),
            (Some(ratio), Some(bar)) => if ratio >= bar { "met" } else { "MISSED" }.into(),
            _ => "–".into(),
        }
    }

    fn time(&self, value: f64) -> String {
        match self.unit {
            Unit::Seconds => format!("{value:.4} s"),
            Unit::Microseconds => format!("{value:.2} µs"),
        }
    }
}

/// The rows as a table.
pub(crate) fn table(lines: &[Line]) -> Table {
    let mut table =
        Table::new(&["job", "ours", "peer", "ratio", "bar", "verdict", "quality", "peak MiB, ours", "peer"]);
    for line in lines {
        table.push(vec![
            line.job.clone(),
            line.time(line.ours),
            line.peer.map_or_else(|| "–".into(), |time| line.time(time)),
            line.ratio.map_or_else(|| "–".into(), |ratio| format!("{ratio:.1}×")),
            line.bar.map_or_else(|| "–".into(), |bar| format!("≥ {bar}×")),
            line.verdict(),
            line.quality.clone(),
            cell(line.ours_mib, 0),
            cell(line.peer_mib, 0),
        ]);
    }
    table
}
