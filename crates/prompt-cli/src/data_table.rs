//! `prompt data summary`, `clean` and `split`: a table as a file, looked at, cleaned, divided.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use prompt_models::core::{CancelToken, Error, FitContext, Result, Seed, Transform};
use prompt_models::data::Format;
use prompt_models::data::split::{KFold, Parts, ThreeWay, TimeSeries};
use prompt_models::data::summary::Summary;
use prompt_models::data::table::{LoadedTable, TableOptions, write};
use prompt_models::features::{FittedImputer, Imputer, OutlierFilter};
use prompt_models::tabular::summary_svg;
use serde_json::json;

use crate::args::LineLimit;
use crate::out::{outln, print};

#[derive(Args)]
pub(crate) struct SummaryArgs {
    /// The table: CSV (in one pass and bounded memory), JSON lines, Parquet, Excel.
    pub(crate) file: PathBuf,
    /// Columns that are left out.
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) ignore: Vec<String>,
    /// Draw the columns: SVG, or PNG where the file is called .png.
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Stop at the first bad line.
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) lines: LineLimit,
}

#[derive(Args)]
pub(crate) struct CleanArgs {
    /// The table.
    pub(crate) file: PathBuf,
    /// Where to write (.csv, .tsv or .jsonl, also .gz).
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// The column to be predicted, which is left alone.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// What becomes of missing cells: mean, median (for numbers; other columns get their mode), mode, drop (the row),
    /// forward_fill, backward_fill or none.
    #[arg(long, value_name = "STRATEGY", default_value = "mean")]
    pub(crate) missing_strategy: String,
    /// How outliers are found: iqr, zscore, isolation_forest or none; their rows are left out.
    #[arg(long, value_name = "METHOD", default_value = "none")]
    pub(crate) outlier_method: String,
    /// How far is too far: multiples of the quartile distance or of the standard deviation, or a score.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) outlier_threshold: Option<f64>,
    /// What becomes of outliers: drop (the row), clip or mark.
    #[arg(long, value_name = "ACTION", default_value = "drop")]
    pub(crate) outlier_action: String,
    /// The seed.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Stop at the first bad line.
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) lines: LineLimit,
}

#[derive(Args)]
pub(crate) struct SplitArgs {
    /// The table.
    pub(crate) file: PathBuf,
    /// The folder of the parts: train, validation and test, or fold-1-train, fold-1-test, …
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Share of rows to measure on.
    #[arg(long, value_name = "SHARE", default_value_t = 0.2)]
    pub(crate) test_size: f64,
    /// Share of rows to choose by.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    pub(crate) validation_size: f64,
    /// Divide into so many folds instead.
    #[arg(long, value_name = "N")]
    pub(crate) folds: Option<usize>,
    /// The column whose values are shared out evenly.
    #[arg(long, value_name = "COLUMN", conflicts_with = "time")]
    pub(crate) stratify: Option<String>,
    /// The column whose values are never divided.
    #[arg(long, value_name = "COLUMN", conflicts_with = "time")]
    pub(crate) group: Option<String>,
    /// The column of times or numbers that orders the rows: held out is what comes last.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time: Option<String>,
    /// Rows between training and test rows of a fold in time.
    #[arg(long, value_name = "ROWS", default_value_t = 0, requires = "time")]
    pub(crate) gap: usize,
    /// The seed.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Stop at the first bad line.
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) lines: LineLimit,
}

pub(crate) fn summary(args: &SummaryArgs, threads: Option<usize>, stop: &CancelToken) -> Result<ExitCode> {
    let options = TableOptions {
        ignore: args.ignore.clone(),
        strict: args.strict,
        max_line_bytes: args.lines.bytes(),
        ..TableOptions::default()
    };
    let mut ctx = FitContext::default().with_cancel(stop.clone());
    if let Some(threads) = threads {
        ctx = ctx.threads(threads);
    }
    let summary = Summary::read(&args.file, &options, &ctx)?;
    if let Some(path) = &args.plot {
        crate::out::picture(path, &summary_svg(&summary)?)?;
    }
    if args.json {
        outln!("{}", serde_json::to_value(&summary).unwrap_or_default())?;
    } else {
        print(&summary.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A table with the column of splits as a column like any other.
fn read(file: &Path, target: Option<&String>, strict: bool, lines: LineLimit) -> Result<LoadedTable> {
    let options = TableOptions {
        target: target.cloned(),
        split: String::new(),
        strict,
        max_line_bytes: lines.bytes(),
        ..TableOptions::default()
    };
    let data = options.read(file)?;
    crate::tabular::complain(&data);
    Ok(data)
}

pub(crate) fn clean(args: &CleanArgs, stop: &CancelToken) -> Result<ExitCode> {
    let data = read(&args.file, args.target.as_ref(), args.strict, args.lines)?;
    let original = data.table.rows();
    let numbers = args.missing_strategy.clone();
    // Categories have no mean.
    let categories =
        if ["mean", "median"].contains(&numbers.as_str()) { "mode".to_owned() } else { numbers.clone() };
    let imputer = Imputer::default().numbers(numbers).categories(categories);
    let (_, filled, _) = FittedImputer::of(&imputer, &data.table)?;
    if filled.rows() == 0 {
        return Err(Error::input(
            "every row has a gap, so that none is left",
            "fill gaps with mean, median or mode",
        ));
    }
    let mut outliers =
        OutlierFilter::default().method(args.outlier_method.clone()).action(args.outlier_action.clone());
    outliers.threshold = args.outlier_threshold;
    let ctx = FitContext::new(args.seed).with_cancel(stop.clone());
    let fitted = outliers.learn(&filled, &ctx)?;
    let cleaned = match fitted.drops() {
        true => filled.select_rows(&fitted.inside(&filled)?),
        false => fitted.transform(&filled)?,
    };
    write(&cleaned, &args.out)?;
    if args.json {
        outln!(
            "{}",
            json!({ "original_rows": original, "cleaned_rows": cleaned.rows(), "bad_lines": data.bad.len(), "out": args.out })
        )?;
    } else {
        outln!("{original} rows read, {} rows written to {}", cleaned.rows(), args.out.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn split(args: &SplitArgs) -> Result<ExitCode> {
    let data = read(&args.file, None, args.strict, args.lines)?;
    let rows = data.table.rows();
    let codes = |name: &Option<String>| name.as_deref().map(|name| data.codes_of(name)).transpose();
    let (strata, groups) = (codes(&args.stratify)?, codes(&args.group)?);
    let times = args.time.as_deref().map(|name| data.times_of(name)).transpose()?;
    let seed = Seed::new(args.seed);
    let (strata, groups) = (strata.as_deref(), groups.as_deref());
    let parts: Vec<(String, Vec<usize>)> = match (args.folds, &times) {
        (Some(folds), times) => {
            let folds = match times {
                Some(times) => TimeSeries::default().folds(folds).gap(args.gap).split(times)?,
                None => KFold::default().folds(folds).split(rows, strata, groups, seed)?,
            };
            let name = |i: usize, side: &str| format!("fold-{}-{side}", i + 1);
            let both = folds.into_iter().enumerate();
            both.flat_map(|(i, fold)| [(name(i, "train"), fold.train), (name(i, "test"), fold.test)])
                .collect()
        }
        (None, times) => {
            let shares =
                ThreeWay::default().test_share(args.test_size).validation_share(args.validation_size);
            let Parts { train, validation, test } = match times {
                Some(times) => TimeSeries::parts(times, args.validation_size, args.test_size)?,
                None => shares.split(rows, strata, groups, seed)?,
            };
            let named = [("train", train), ("validation", validation), ("test", test)];
            named
                .into_iter()
                .filter(|(_, rows)| !rows.is_empty())
                .map(|(n, rows)| (n.to_owned(), rows))
                .collect()
        }
    };
    std::fs::create_dir_all(&args.out).map_err(|e| Error::io("create", &args.out, e))?;
    let extension = match Format::of_path(&args.file) {
        Some(Format::Jsonl | Format::Json) => "jsonl",
        _ => "csv",
    };
    let mut written = Vec::with_capacity(parts.len());
    for (name, rows) in &parts {
        let path = args.out.join(format!("{name}.{extension}"));
        data.write_rows(rows, &path)?;
        written.push(json!({ "part": name, "rows": rows.len(), "file": path }));
        if !args.json {
            outln!("{name}: {} rows in {}", rows.len(), path.display())?;
        }
    }
    if args.json {
        outln!("{}", json!({ "rows": rows, "bad_lines": data.bad.len(), "parts": written }))?;
    }
    Ok(ExitCode::SUCCESS)
}
