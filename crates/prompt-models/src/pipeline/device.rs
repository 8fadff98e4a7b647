//! Where the text encoders of a saved pipeline are computed.

use prompt_core::artifact::{Catalog, Node};
use prompt_core::{Error, Result};

/// The names of devices: the processor, and what networks can be built for.
pub const DEVICES: [&str; 4] = ["cpu", "wgpu", "cuda", "tch"];

/// The kind of a saved text encoder.
pub(super) const ENCODER_KIND: &str = "text_encoder_classifier";

/// Teaches a catalog to read text encoders, to be computed on the CPU.
pub(super) fn register_cpu(catalog: &mut Catalog) {
    #[cfg(feature = "encoder")]
    prompt_encoder::register_with(catalog, cpu());
    #[cfg(not(feature = "encoder"))]
    let _ = catalog;
}

/// The same on this device.
pub(super) fn register(catalog: &mut Catalog, device: &str) -> Result<()> {
    check(device)?;
    #[cfg(feature = "encoder")]
    prompt_encoder::register_with(catalog, options(device)?);
    #[cfg(not(feature = "encoder"))]
    let _ = catalog;
    Ok(())
}

/// An error unless the device is known, and one that this build may have.
pub(super) fn check(device: &str) -> Result<()> {
    if !DEVICES.contains(&device) {
        return Err(Error::unknown("device", device, DEVICES));
    }
    if device != "cpu" && !cfg!(feature = "neural") {
        return Err(Error::unsupported(
            "this build",
            format!("device `{device}`"),
            format!(
                "build with the feature `{device}` (cargo install --path crates/prompt-cli --features {device}), or use `cpu`"
            ),
        ));
    }
    Ok(())
}

/// An error where a pipeline would not be computed on the device: it holds no text encoder.
pub(super) fn check_use(device: &str, name: &str, root: &Node) -> Result<()> {
    if holds_encoder(root) { Ok(()) } else { check_cpu(device, name) }
}

/// An error unless the device is the processor, for a model without a text encoder.
pub(super) fn check_cpu(device: &str, name: &str) -> Result<()> {
    if device == "cpu" {
        return Ok(());
    }
    Err(Error::unsupported(
        format!("the model `{name}`"),
        format!("device `{device}`: it holds no text encoder"),
        "leave the device out: it is scored on the CPU",
    ))
}

fn holds_encoder(node: &Node) -> bool {
    node.kind() == ENCODER_KIND || node.children().iter().any(|(_, child)| holds_encoder(child))
}

/// The dedicated engine, and burn for what that refuses.
#[cfg(feature = "neural")]
fn cpu() -> prompt_encoder::Options {
    threads().fallback(prompt_neural::Burn::default())
}

#[cfg(all(feature = "encoder", not(feature = "neural")))]
fn cpu() -> prompt_encoder::Options {
    threads()
}

/// As many threads as whoever opens it works on.
#[cfg(feature = "encoder")]
fn threads() -> prompt_encoder::Options {
    prompt_encoder::Options::default().threads(rayon::current_num_threads())
}

/// On any other device burn.
#[cfg(feature = "neural")]
pub(super) fn options(device: &str) -> Result<prompt_encoder::Options> {
    match device {
        "cpu" => Ok(cpu()),
        _ => Ok(threads().engine(prompt_neural::Burn::on(device)?)),
    }
}

#[cfg(all(feature = "encoder", not(feature = "neural")))]
pub(super) fn options(device: &str) -> Result<prompt_encoder::Options> {
    check(device)?;
    Ok(cpu())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_known_by_name() {
        assert!(check("cpu").is_ok());
        let error = check("tpu").unwrap_err().to_string();
        assert_eq!(error, "unknown device `tpu`; known: cpu, wgpu, cuda, tch; did you mean `cpu`?");
        #[cfg(feature = "neural")]
        assert_eq!(DEVICES, *prompt_neural::Burn::DEVICES);
        #[cfg(not(feature = "neural"))]
        assert!(check("cuda").unwrap_err().to_string().contains("--features cuda"));
    }

    #[test]
    fn a_pipeline_without_an_encoder_has_no_use_for_a_device() {
        let plain = Node::new("chain", 1).child("first", Node::new("word_counts", 1));
        assert!(check_use("cpu", "plain", &plain).is_ok());
        let error = check_use("cuda", "plain", &plain).unwrap_err().to_string();
        assert!(error.contains("the model `plain`") && error.contains("no text encoder"), "{error}");
        let encoder = Node::new("chain", 1).child("second", Node::new(ENCODER_KIND, 1));
        assert!(check_use("cuda", "deep", &encoder).is_ok());
    }
}
