//! TreeSHAP beside the package shap, on the same trees.

use std::path::Path;

use prompt_models::boost::HistGradientBoostingClassifier;
use prompt_models::core::artifact::Node;
use prompt_models::core::{Error, Fit, Matrix, Persist, Result, Target};
use prompt_models::explain::{ShapValues, TreeExplainer};
use serde_json::{Value, json};

use crate::Bench;
use crate::data::synthetic;
use crate::line::{Line, Unit};
use crate::timing::time;

const TRAIN: usize = 20_000;
const ROWS: usize = 10_000;

pub(crate) fn bench(bench: &Bench) -> Result<Line> {
    let table = synthetic(&bench.folder, "clf", TRAIN)?;
    let y = Target::labels(&table.train.target);
    let model = HistGradientBoostingClassifier::default().fit(&table.train.x, &y, &bench.ctx)?;
    let x = table.test.x.select_rows(&(0..ROWS).collect::<Vec<_>>());
    let explainer = TreeExplainer::new(&model)?;
    let run = time(bench.repeats, || explainer.explain(&x, &bench.ctx))?;
    let values = run.result;
    let worst =
        (0..ROWS).map(|i| (values.margin(i, 0) - model.margins(x.row(i))[0]).abs()).fold(0.0, f64::max);
    let trees = model.trees();
    let mut line =
        Line::new(format!("TreeSHAP, {} trees, 10,000 rows", trees.len()), Unit::Seconds, run.seconds)
            .memory(run.peak_mib)
            .bar(Some(3.0));
    line.quality = format!("margins within {worst:.1e}");
    line.counts = worst < 1e-9;
    if bench.peers.is_none() {
        return Ok(line);
    }
    let folder = bench.folder.join("shap");
    write(&folder, &model.encode()?, &x)?;
    if let Some(peer) = bench.script("benches/shap_peer.py", &[&folder])? {
        line.set_peer(peer["seconds"].as_f64(), None);
        let apart = apart(&folder, &values)?;
        line.quality += &format!(", values within {apart:.1e} of the peer's");
        line.counts &= apart < 1e-6;
    }
    Ok(line)
}

/// Trees and rows as the peer reads them.
fn write(folder: &Path, model: &Node, x: &Matrix) -> Result<()> {
    let saved = model.get_child("trees")?;
    let thresholds = saved.get_f64s("thresholds", None)?;
    let (columns, left) = (saved.get_u32s("columns", None)?, saved.get_u32s("left", None)?);
    let (leaf, roots) = (saved.get_u32s("leaf", None)?, saved.get_u32s("roots", None)?);
    let (values, covers) = (saved.get_f64s("values", None)?, saved.get_f64s("covers", None)?);
    let trees: Vec<Value> = roots
        .iter()
        .enumerate()
        .map(|(t, root)| {
            let (start, end) = (*root as usize, roots.get(t + 1).map_or(left.len(), |r| *r as usize));
            let split = |at: usize| leaf[at] == u32::MAX;
            let child = |at: usize, side: usize| if split(at) { (left[at] as usize - start + side) as i64 } else { -1 };
            let mut cover = vec![0.0; end - start];
            for at in (start..end).rev() {
                cover[at - start] = match split(at) {
                    true => cover[child(at, 0) as usize] + cover[child(at, 1) as usize],
                    false => covers[leaf[at] as usize],
                };
            }
            let all = |f: &dyn Fn(usize) -> Value| (start..end).map(f).collect::<Vec<Value>>();
            json!({
                "left": all(&|at| child(at, 0).into()),
                "right": all(&|at| child(at, 1).into()),
                // The two upper bits of a column are flags.
                "column": all(&|at| if split(at) { (columns[at] & (u32::MAX >> 2)).into() } else { (-2).into() }),
                "threshold": all(&|at| if split(at) { thresholds[at].into() } else { 0.0.into() }),
                "value": all(&|at| if split(at) { 0.0.into() } else { values[leaf[at] as usize].into() }),
                "cover": cover,
            })
        })
        .collect();
    std::fs::create_dir_all(folder).map_err(|e| Error::io("make", folder, e))?;
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|e| Error::io("write", path, e))
    };
    put("trees.json", Value::from(trees).to_string().as_bytes())?;
    put("shape.json", json!([x.rows(), x.cols()]).to_string().as_bytes())?;
    let bytes: Vec<u8> = x.to_dense().data().iter().flat_map(|v| v.to_le_bytes()).collect();
    put("x.f64", &bytes)
}

/// The largest distance between our values and the peer's.
fn apart(folder: &Path, values: &ShapValues) -> Result<f64> {
    let path = folder.join("values.f64");
    let bytes = std::fs::read(&path).map_err(|e| Error::io("read", path, e))?;
    let (chunks, _) = bytes.as_chunks::<8>();
    let (rows, columns) = (values.rows(), values.columns());
    if chunks.len() != rows * columns {
        return Err(Error::shape("values of the peer", rows * columns, chunks.len()));
    }
    let of = |at: usize| (f64::from_le_bytes(chunks[at]) - values.get(at / columns, at % columns, 0)).abs();
    Ok((0..chunks.len()).map(of).fold(0.0, f64::max))
}
