//! The layout of a weight.

/// A weight [n × k] as panels of `width` outputs: `panel[p][k][c] = weight[p·width + c][k]`, zeros beyond the last output.
pub(crate) fn panels(weight: &[f32], k: usize, n: usize, width: usize) -> Vec<f32> {
    let mut panels = vec![0.0; n.div_ceil(width) * width * k];
    if k == 0 {
        return panels;
    }
    for (panel, outputs) in panels.chunks_exact_mut(width * k).zip(weight.chunks(width * k)) {
        for (c, row) in outputs.chunks_exact(k).enumerate() {
            for (to, &from) in panel[c..].iter_mut().step_by(width).zip(row) {
                *to = from;
            }
        }
    }
    panels
}
