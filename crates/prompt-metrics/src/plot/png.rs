//! Pictures as pixels.

use std::sync::{Arc, OnceLock};

use prompt_core::{Error, Result};
use resvg::{tiny_skia, usvg};

/// Pixels along a side at most.
const LARGEST: f32 = 16_384.0;

/// Draws one of this module's pictures as PNG, in its light colours; `scale` 2 gives four times the pixels.
///
/// Text is drawn with the fonts of the machine (DejaVu Sans, Arial, Helvetica, Roboto or what else there is).
///
/// ```
/// use prompt_metrics::{Confusion, plot};
/// let c = Confusion::new(&[0, 0, 1], &[0, 1, 1], 2, None)?;
/// let bytes = plot::png(&plot::confusion_svg("Security", &c, &["benign", "malicious"])?, 1.0)?;
/// assert!(bytes.starts_with(b"\x89PNG"));
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// Text that is no SVG; a `scale` that is not above 0, or makes more than 16,384 pixels a side; a machine without fonts.
pub fn png(svg: &str, scale: f32) -> Result<Vec<u8>> {
    let fonts = fonts()?;
    let family = fonts.faces().next().and_then(|f| f.families.first()).map(|f| f.0.clone());
    let options = usvg::Options {
        fontdb: Arc::clone(fonts),
        font_family: family.unwrap_or_default(),
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(svg, &options).map_err(|e| {
        Error::input(format!("this is no SVG picture: {e}"), "give what a function of `plot` wrote")
    })?;
    let (width, height) = (tree.size().width() * scale, tree.size().height() * scale);
    if !(scale > 0.0 && width.max(height) <= LARGEST) {
        return Err(Error::param("png", "scale", "above 0, with at most 16384 pixels a side", scale));
    }
    let mut pixels = tiny_skia::Pixmap::new(width.ceil() as u32, height.ceil() as u32)
        .ok_or_else(|| Error::param("png", "scale", "large enough for one pixel", scale))?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels
        .encode_png()
        .map_err(|e| Error::input(format!("the PNG cannot be written: {e}"), "use the SVG instead"))
}

/// The machine's fonts, read once.
fn fonts() -> Result<&'static Arc<usvg::fontdb::Database>> {
    static FONTS: OnceLock<Arc<usvg::fontdb::Database>> = OnceLock::new();
    let fonts = FONTS.get_or_init(|| {
        let mut fonts = usvg::fontdb::Database::new();
        fonts.load_system_fonts();
        Arc::new(fonts)
    });
    if fonts.is_empty() {
        return Err(Error::input(
            "this machine has no fonts, so that the PNG would have no text",
            "install one (DejaVu Sans, for instance), or use the SVG",
        ));
    }
    Ok(fonts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_says_which() {
        let picture = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" height=\"10\"/>";
        assert!(png("no picture", 1.0).unwrap_err().to_string().contains("no SVG picture"));
        for scale in [0.0, f32::NAN, 1e6] {
            assert!(png(picture, scale).unwrap_err().to_string().contains("`scale`"));
        }
        assert!(png(picture, 2.0).unwrap().starts_with(b"\x89PNG"));
    }
}
