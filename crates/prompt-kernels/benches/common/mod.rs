//! How the benches take time.
use std::time::Instant;

/// Median seconds of a call, over at least seven calls and a fifth of a second.
pub(crate) fn seconds(mut call: impl FnMut()) -> f64 {
    call();
    let (mut times, begun) = (Vec::new(), Instant::now());
    while times.len() < 7 || (begun.elapsed().as_secs_f64() < 0.2 && times.len() < 10_000) {
        let t = Instant::now();
        call();
        times.push(t.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
