//! What is done with a table before a learner sees it: `[prepare]` of a configuration, the `--impute`, `--outliers`,
//! `--encode`, `--scale` and `--select` of the program.
//!
//! ```text
//! Table --impute--> Table --outliers--> Table --encode, scale--> Matrix --select--> Matrix
//! ```
//!
//! [`Prepare::fit_transform`] is given the rows to learn from and nothing else: a comparison calls it in every fold, so
//! that no step can see a row that is held out. Rows are only ever left out of those; what is to be predicted stays.

mod choose;
mod fitted;

pub use choose::{Rfe, Select, TreeImportance};
pub use fitted::FittedPrepare;

use prompt_core::{
    Fit, FitContext, FitTransform, Legal, Matrix, Params, Result, Table, Tags, Target, Transform, params,
};
use prompt_features::{FittedImputer, Imputer, OutlierFilter, TableEncoder, TargetEncoder};
use serde::{Deserialize, Serialize};

/// How columns of numbers are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Not at all.
    None,
    /// (x − mean) / standard deviation.
    Standard,
    /// (x − min) / (max − min), cut to \[0, 1\].
    MinMax,
    /// (x − median) / (third − first quartile).
    Robust,
}

impl Scale {
    /// Its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Standard => "standard",
            Self::MinMax => "min_max",
            Self::Robust => "robust",
        }
    }
}

params! {
    /// How categories become numbers.
    pub struct Encode named "encode" {
        /// `auto`: what the learner takes; `one_hot`: a column for each level; `ordinal`: the number of the level;
        /// `target`: what the target is like where the level occurs ([`TargetEncoder`]).
        categories: String = "auto".to_owned(), Legal::OneOf(&["auto", "one_hot", "ordinal", "target"]);
        /// Most levels of a column; the most frequent are kept, the others count as never seen (not for `target`). A
        /// column of a file with more than 1,000 levels is read as text.
        max_levels: usize = 1000, Legal::int(1, 65_535);
        /// As [`TargetEncoder`]'s.
        smooth: Option<f64> = None, Legal::not_negative().or_none();
        /// As [`TargetEncoder`]'s.
        folds: usize = 5, Legal::int(2, 1000);
    }
}

/// The steps; what is absent is not done, beyond what the learner needs ([`TableEncoder::for_learner`]).
///
/// ```
/// use prompt_models::prepare::Prepare;
/// let prepare: Prepare = toml::from_str(r#"
///     impute = { numbers = "median" }
///     outliers = { method = "iqr", action = "clip" }
///     encode = { categories = "target" }
///     scale = "robust"
///     select = { method = "mutual_info", k = 20 }
/// "#).unwrap();
/// assert!(prepare.validate().is_ok());
/// assert!(toml::from_str::<Prepare>("scales = 'robust'").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prepare {
    /// Filling in what is missing.
    pub impute: Option<Imputer>,
    /// Numbers that lie far from the others.
    pub outliers: Option<OutlierFilter>,
    /// Categories as numbers.
    pub encode: Option<Encode>,
    /// A common unit for the columns of numbers.
    pub scale: Option<Scale>,
    /// The columns that say most.
    pub select: Option<Select>,
}

/// Steps that were fitted, and what they made of the rows they learned from.
pub struct Prepared {
    /// The steps.
    pub fitted: FittedPrepare,
    /// The rows that are left, as numbers.
    pub x: Matrix,
    /// Which rows those are.
    pub rows: Vec<usize>,
}

impl Prepare {
    /// Checks every parameter.
    ///
    /// # Errors
    /// [`Error::Param`](prompt_core::Error::Param) with the parameter and its range.
    pub fn validate(&self) -> Result<()> {
        self.impute.as_ref().map_or(Ok(()), Params::validate)?;
        self.outliers.as_ref().map_or(Ok(()), Params::validate)?;
        self.encode.as_ref().map_or(Ok(()), Params::validate)?;
        self.select.as_ref().map_or(Ok(()), Params::validate)
    }

    /// The encoder for a learner with these tags, as far as the steps leave it a choice. Where columns are selected,
    /// nothing may be missing and no column may be a code.
    pub fn encoder(&self, tags: &Tags) -> TableEncoder {
        let mut encoder = TableEncoder::for_learner(tags).skip_text(true);
        if let Some(scale) = self.scale {
            encoder = encoder.scale(scale.name().to_owned());
        }
        if let Some(encode) = &self.encode {
            encoder = encoder.max_levels(encode.max_levels);
            if ["one_hot", "ordinal"].contains(&encode.categories.as_str()) {
                encoder = encoder.categories(encode.categories.clone());
            }
        }
        if self.select.is_some() {
            if encoder.impute == "none" {
                encoder = encoder.impute("mean".to_owned());
            }
            if encoder.categories == "codes" {
                encoder = encoder.categories("one_hot".to_owned());
            }
        }
        encoder
    }

    /// Learns every step from these rows and takes them through it. Where categories are written as what the target is
    /// like, the rows get out-of-fold values; see [`TargetEncoder`].
    ///
    /// # Errors
    /// Parameters out of range, steps that leave no row, data that a step refuses, or a stop asked for through `ctx`.
    pub fn fit_transform(
        &self,
        table: &Table,
        y: &Target,
        encoder: &TableEncoder,
        ctx: &FitContext,
    ) -> Result<Prepared> {
        self.validate()?;
        ctx.check()?;
        let mut rows: Vec<usize> = (0..table.rows()).collect();
        let mut table = std::borrow::Cow::Borrowed(table);
        let imputer = match &self.impute {
            None => None,
            Some(imputer) => {
                let (fitted, filled, kept) = FittedImputer::of(imputer, &table)?;
                left(&kept, "imputer", "every row has a gap", "fill gaps with mean, median or mode")?;
                (rows, table) = (kept, std::borrow::Cow::Owned(filled));
                Some(fitted)
            }
        };
        let outliers = match &self.outliers {
            None => None,
            Some(outliers) => {
                let fitted = outliers.learn(&table, ctx)?;
                if fitted.drops() {
                    let inside = fitted.inside(&table)?;
                    left(&inside, "outliers", "every row has an outlier", "raise the threshold, or clip")?;
                    rows = inside.iter().map(|&i| rows[i]).collect();
                    table = std::borrow::Cow::Owned(table.select_rows(&inside));
                }
                table = std::borrow::Cow::Owned(fitted.transform(&table)?);
                Some(fitted)
            }
        };
        let y = y.select(&rows);
        let target = match &self.encode {
            Some(encode) if encode.categories == "target" => {
                let encoder = TargetEncoder::default().smooth(encode.smooth).folds(encode.folds);
                let (fitted, encoded) = encoder.fit_transform(&table, &y, ctx)?;
                table = std::borrow::Cow::Owned(encoded);
                Some(fitted)
            }
            _ => None,
        };
        let encoder = encoder.fit(&table)?;
        let mut x = encoder.transform(&table)?;
        let selection = match &self.select {
            None => None,
            Some(select) => {
                let fitted = select.fit(&x, &y, ctx)?;
                x = fitted.transform(&x)?;
                Some(fitted)
            }
        };
        Ok(Prepared { fitted: FittedPrepare { imputer, outliers, target, encoder, selection }, x, rows })
    }
}

fn left(rows: &[usize], who: &str, what: &str, help: &str) -> Result<()> {
    if rows.is_empty() {
        return Err(prompt_core::Error::input(format!("{who}: {what}, so that none is left"), help));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
