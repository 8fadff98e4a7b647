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
    match name {
        "cpu" => Ok(Device::flex()),
        "wgpu" => wgpu(),
        "cuda" => cuda(),
        "tch" => tch(),
        other => Err(Error::unknown("device", other, DEVICES.iter().copied())),
    }
}

#[cfg(feature = "wgpu")]
fn wgpu() -> Result<Device> {
    present("wgpu", burn::tensor::DeviceType::Wgpu, "install a Vulkan, Metal or DirectX driver")
}

#[cfg(not(feature = "wgpu"))]
fn wgpu() -> Result<Device> {
    Err(absent("wgpu"))
}

#[cfg(feature = "cuda")]
fn cuda() -> Result<Device> {
    present("cuda", burn::tensor::DeviceType::Cuda, "install an NVIDIA driver")
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> Result<Device> {
    Err(absent("cuda"))
}

#[cfg(feature = "tch")]
fn tch() -> Result<Device> {
    Ok(Device::libtorch())
}

#[cfg(not(feature = "tch"))]
fn tch() -> Result<Device> {
    Err(absent("tch"))
}

/// The first device of a kind.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn present(name: &str, kind: burn::tensor::DeviceType, help: &str) -> Result<Device> {
    Device::enumerate(kind).into_vec().into_iter().next().ok_or_else(|| {
        Error::unsupported(
            "this machine",
            format!("device `{name}`: it has none"),
            format!("{help}, or use `cpu`"),
        )
    })
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
    fn unknown_devices_are_refused_with_the_known_ones() {
        let error = open("tpu").unwrap_err().to_string();
        assert_eq!(error, "unknown device `tpu`; known: cpu, wgpu, cuda, tch");
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_this_build_lacks_is_refused_with_what_to_do() {
        let error = open("cuda").unwrap_err().to_string();
        assert!(error.contains("device `cuda`") && error.contains("feature `cuda`"), "{error}");
    }
}
