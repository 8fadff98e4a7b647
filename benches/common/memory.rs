//! Peak memory of a process, as Linux counts it.

/// The most resident memory that a process (`self`, or its id) has had, in MiB; `None` where the system does not tell.
pub(crate) fn peak_mib(process: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}
