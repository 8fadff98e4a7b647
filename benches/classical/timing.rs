//! Seconds and peak memory of something that is done several times.

use std::time::Instant;

use prompt_models::core::Result;

use crate::common::memory::peak_mib;

/// What several runs took, and what the last gave.
pub(crate) struct Timed<T> {
    /// Median of the seconds.
    pub(crate) seconds: f64,
    /// Most memory of this process during the runs, in MiB: code, texts and all.
    pub(crate) peak_mib: Option<f64>,
    /// The last result.
    pub(crate) result: T,
}

/// Does `work` `repeats` times (once at least). What a run returns is dropped outside the timing.
pub(crate) fn time<T>(repeats: usize, mut work: impl FnMut() -> Result<T>) -> Result<Timed<T>> {
    // Linux takes the present size as the peak again; where it refuses, the peak is that of the whole program.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let mut seconds = Vec::with_capacity(repeats);
    let mut run = || -> Result<T> {
        let start = Instant::now();
        let result = work()?;
        seconds.push(start.elapsed().as_secs_f64());
        Ok(result)
    };
    let mut result = run()?;
    for _ in 1..repeats {
        drop(result);
        result = run()?;
    }
    Ok(Timed { seconds: median(&mut seconds), peak_mib: peak_mib("self"), result })
}

/// The middle value.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which a share `q` of the values lies, NumPy's linear interpolation.
pub(crate) fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = values.len().saturating_sub(1) as f64 * q;
    let value = |i: f64| values.get(i as usize).copied().unwrap_or(f64::NAN);
    let (low, high) = (value(at.floor()), value(at.ceil()));
    low + (high - low) * at.fract()
}
