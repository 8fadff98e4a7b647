//! Where the numbers are computed.

use burn::tensor::Device;
use prompt_core::{Error, Result};

/// The names that a `device` parameter may have.
pub(crate) const DEVICES: &[&str] = &["cpu", "wgpu", "cuda", "tch"];

/// The device of this name.
///
/// # Errors
/// [`Error::Unsupported`] when this build has no such engine or the machine no such device.
pub(crate) fn open(name: &str) -> Result<Device> {
    Ok(open_all(name, 1)?.0)
}

/// The first device of this name, and `n` − 1 others. The CPU stands for as many as are asked for: they share its threads.
///
/// # Errors
/// As [`open`]; when the machine has fewer.
pub(crate) fn open_all(name: &str, n: usize) -> Result<(Device, Vec<Device>)> {
    let found = match name {
        "cpu" => vec![Device::flex(); n.max(1)],
        "wgpu" => wgpu()?,
        "cuda" => cuda()?,
        "tch" => tch()?,
        other => return Err(Error::unknown("device", other, DEVICES.iter().copied())),
    };
    let there = found.len();
    let mut found = found.into_iter().take(n.max(1));
    match found.next() {
        Some(first) if there >= n => Ok((first, found.collect())),
        _ => Err(Error::unsupported(
            "this machine",
            format!("{n} devices `{name}`: it has {there}"),
            "lower devices, or use `cpu`",
        )),
    }
}

/// Whether it is the processor, which computes halves in f32 or slowly, whatever a library says that it has.
pub(crate) fn is_processor(device: &Device) -> bool {
    #[cfg(feature = "tch")]
    if *device == Device::libtorch() {
        return true;
    }
    *device == Device::flex()
}

#[cfg(feature = "wgpu")]
fn wgpu() -> Result<Vec<Device>> {
    present("wgpu", burn::tensor::DeviceType::Wgpu, "install a Vulkan, Metal or DirectX driver")
}

#[cfg(not(feature = "wgpu"))]
fn wgpu() -> Result<Vec<Device>> {
    Err(absent("wgpu"))
}

#[cfg(feature = "cuda")]
fn cuda() -> Result<Vec<Device>> {
    present("cuda", burn::tensor::DeviceType::Cuda, "install an NVIDIA driver")
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> Result<Vec<Device>> {
    Err(absent("cuda"))
}

#[cfg(feature = "tch")]
fn tch() -> Result<Vec<Device>> {
    Ok(vec![Device::libtorch()])
}

#[cfg(not(feature = "tch"))]
fn tch() -> Result<Vec<Device>> {
    Err(absent("tch"))
}

/// The devices of a kind.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn present(name: &str, kind: burn::tensor::DeviceType, help: &str) -> Result<Vec<Device>> {
    let found = Device::enumerate(kind).into_vec();
    if found.is_empty() {
        return Err(Error::unsupported(
            "this machine",
            format!("device `{name}`: it has none"),
            format!("{help}, or use `cpu`"),
        ));
    }
    Ok(found)
}

#[cfg(not(all(feature = "wgpu", feature = "cuda", feature = "tch")))]
fn absent(name: &str) -> Error {
    Error::unsupported(
        "this build",
        format!("device `{name}`"),
        format!("build with the feature `{name}`, or use `cpu`"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there() {
        assert!(open("cpu").is_ok());
    }

    #[test]
    fn the_cpu_stands_for_several() {
        assert_eq!(open_all("cpu", 3).unwrap().1.len(), 2);
        assert!(open_all("tpu", 2).is_err());
    }

    /// On a machine with a GPU it opens; elsewhere it says what is missing, and does not panic.
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    #[test]
    fn a_device_that_the_machine_lacks_is_refused_with_what_to_do() {
        for name in DEVICES.iter().filter(|name| ["wgpu", "cuda"].contains(name)) {
            let Err(error) = open(name) else { continue };
            let error = error.to_string();
            assert!(error.contains(&format!("device `{name}`")) && error.contains("or use `cpu`"), "{error}");
        }
        let error = open_all("wgpu", 1000).unwrap_err().to_string();
        assert!(error.contains("`wgpu`") && error.contains("`cpu`"), "{error}");
    }

    #[test]
    fn unknown_devices_are_refused_with_the_known_ones() {
        let error = open("tpu").unwrap_err().to_string();
        assert_eq!(error, "unknown device `tpu`; known: cpu, wgpu, cuda, tch; did you mean `cpu`?");
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_this_build_lacks_is_refused_with_what_to_do() {
        let error = open("cuda").unwrap_err().to_string();
        assert!(error.contains("device `cuda`") && error.contains("feature `cuda`"), "{error}");
    }
}
