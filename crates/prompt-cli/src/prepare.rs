//! What is done with a table before it is learned from, as flags.

use clap::{Args, ValueEnum};
use prompt_models::core::{Error, Params, Result};
use prompt_models::features::{Imputer, OutlierFilter};
use prompt_models::prepare::{Encode, Prepare, Scale, Select};
use prompt_models::tabular::Folding;

/// Steps of a preparation; each learns from training rows alone, in every fold anew.
#[derive(Args)]
pub(crate) struct Steps {
    /// Fill missing numbers: mean, median, mode, constant, forward_fill, backward_fill; drop leaves their rows out.
    #[arg(long, value_name = "STRATEGY")]
    pub(crate) impute: Option<String>,
    /// Fill missing categories: mode, constant, forward_fill, backward_fill; drop leaves their rows out.
    #[arg(long, value_name = "STRATEGY")]
    pub(crate) impute_categories: Option<String>,
    /// Find outliers: iqr, zscore or isolation_forest.
    #[arg(long, value_name = "METHOD")]
    pub(crate) outliers: Option<String>,
    /// How far is too far (1.5, 3 and 0.5 by method).
    #[arg(long, value_name = "NUMBER", requires = "outliers")]
    pub(crate) outlier_threshold: Option<f64>,
    /// What becomes of outliers: clip, drop (training rows) or mark.
    #[arg(long, value_name = "ACTION", requires = "outliers")]
    pub(crate) outlier_action: Option<String>,
    /// Write categories as one_hot, ordinal or target (what the target is like where they occur).
    #[arg(long, value_name = "HOW")]
    pub(crate) encode: Option<String>,
    /// Scale columns of numbers.
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) scale: Option<ScaleChoice>,
    /// Keep the columns that say most, by f, chi2, mutual_info, correlation, rfe or tree_importance.
    #[arg(long, value_name = "METHOD")]
    pub(crate) select: Option<String>,
    /// How many columns are kept.
    #[arg(long, value_name = "COLUMNS", default_value_t = 10, requires = "select")]
    pub(crate) select_k: usize,
}

fn for_tables_alone(flags: &str) -> Error {
    Error::unsupported("training on texts", flags, "give a table with --task tabular, or leave them out")
}

/// What rows of a fold have in common.
#[derive(Args)]
pub(crate) struct FoldColumns {
    /// No value of this column is in two folds.
    #[arg(long, value_name = "COLUMN", conflicts_with = "time")]
    pub(crate) group: Option<String>,
    /// Every fold learns from what lies before its test rows in this column of times.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time: Option<String>,
}

impl FoldColumns {
    pub(crate) fn folding(&self) -> Folding {
        Folding { group: self.group.clone(), time: self.time.clone() }
    }

    /// Says so where folds by a column are asked for and texts are learned from.
    pub(crate) fn refuse_for_texts(&self) -> Result<()> {
        match self.folding() == Folding::default() {
            true => Ok(()),
            false => Err(for_tables_alone("--group and --time")),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum ScaleChoice {
    None,
    Standard,
    MinMax,
    Robust,
}

impl Steps {
    /// Says so where a step is asked for and texts are learned from.
    pub(crate) fn refuse_for_texts(&self) -> Result<()> {
        let any = self.impute.is_some()
            || self.impute_categories.is_some()
            || self.outliers.is_some()
            || self.encode.is_some()
            || self.scale.is_some()
            || self.select.is_some();
        match any {
            true => Err(for_tables_alone("--impute, --outliers, --encode, --scale and --select")),
            false => Ok(()),
        }
    }

    /// The steps, checked.
    pub(crate) fn prepare(&self) -> Result<Prepare> {
        let numbers = self.impute.clone().unwrap_or_else(|| "none".to_owned());
        let categories = self.impute_categories.clone().unwrap_or_else(|| "none".to_owned());
        let impute = self.impute.is_some() || self.impute_categories.is_some();
        let prepare = Prepare {
            impute: impute.then(|| Imputer::default().numbers(numbers).categories(categories)),
            outliers: self.outliers.as_ref().map(|method| {
                let filter =
                    OutlierFilter::default().method(method.clone()).threshold(self.outlier_threshold);
                match (&self.outlier_action, method.as_str()) {
                    (Some(action), _) => filter.action(action.clone()),
                    // A forest judges rows, which cannot be clipped.
                    (None, "isolation_forest") => filter.action("drop".to_owned()),
                    (None, _) => filter,
                }
            }),
            encode: self.encode.as_ref().map(|how| Encode::default().categories(how.clone())),
            scale: self.scale.map(|scale| match scale {
                ScaleChoice::None => Scale::None,
                ScaleChoice::Standard => Scale::Standard,
                ScaleChoice::MinMax => Scale::MinMax,
                ScaleChoice::Robust => Scale::Robust,
            }),
            select: self
                .select
                .as_ref()
                .map(|method| Select::default().method(method.clone()).k(self.select_k)),
        };
        if let Some(select) = &prepare.select {
            select.validate()?;
        }
        prepare.validate()?;
        Ok(prepare)
    }
}
