//! Tables become matrices: numbers filled in and scaled, categories encoded, points in time taken apart.
//!
//! ```text
//! TableEncoder --fit(&Table)--> FittedTableEncoder --transform(&Table)--> Matrix
//! ```
//!
//! Everything that is learned (means, medians, levels) is learned from the rows of the fit alone, so an encoder that is
//! fitted inside a fold cannot leak.

mod encode;
mod plan;

pub use encode::FittedTableEncoder;

use prompt_core::{
    Error, Fit, FitContext, FitTransform, Legal, Matrix, Params, Result, Table, Tags, Target, Transform,
    params,
};

params! {
    /// From typed columns to numbers.
    ///
    /// | column | becomes |
    /// |---|---|
    /// | number | itself; with `impute` its missing values are filled, with `scale` it is brought to a common unit |
    /// | category | `one_hot`: a column for each level of the fit, 0 or 1, and one for "missing" where that was seen; `codes`: its level's number, marked as categorical; `ordinal`: its level's number in the order of the names, as a number, −1 for none of them; a level that was never seen is none of them |
    /// | time | seconds since 1970, year, month, day of the week (Monday is 0), hour of the day, each a number |
    /// | text, list | refused, unless `skip_text`: then left out |
    ///
    /// ```
    /// use prompt_core::{Column, Role, Table};
    /// use prompt_features::TableEncoder;
    /// let table = Table::new()
    ///     .with("age", Role::Feature, Column::Number(vec![30.0, f64::NAN, 50.0])).unwrap()
    ///     .with("job", Role::Feature, Column::category([Some("cook"), Some("nurse"), None])).unwrap();
    /// let fitted = TableEncoder::default().fit(&table).unwrap();
    /// let x = fitted.transform(&table).unwrap().to_dense();
    /// let names: Vec<String> = (0..x.cols()).map(|j| x.names().get(j).into_owned()).collect();
    /// assert_eq!(names, ["age", "job=cook", "job=nurse", "job=<missing>"]);
    /// assert_eq!(x.row(1), [40.0, 0.0, 1.0, 0.0]);
    /// ```
    pub struct TableEncoder named "table_encoder" {
        /// What fills in a missing number: `none` leaves NaN, `mean` and `median` are those of the fitted rows.
        impute: String = "mean".to_owned(), Legal::OneOf(&["none", "mean", "median"]);
        /// How numbers are scaled: `none`; `standard`, (x − mean) / standard deviation (the population's, as
        /// scikit-learn's `StandardScaler`); `min_max`, (x − min) / (max − min), numbers outside being cut to 0 or 1;
        /// `robust`, (x − median) / (third − first quartile).
        scale: String = "none".to_owned(), Legal::OneOf(&["none", "standard", "min_max", "robust"]);
        /// How categories are written: `one_hot`, `codes` or `ordinal`.
        categories: String = "one_hot".to_owned(), Legal::OneOf(&["one_hot", "codes", "ordinal"]);
        /// Most levels of a column; the most frequent are kept, the others count as never seen.
        max_levels: usize = 1000, Legal::int(1, 65_535);
        /// Whether the result is sparse where most of its columns are levels of categories.
        sparse: bool = false, Legal::Bool;
        /// Whether columns of text are left out instead of refused.
        skip_text: bool = false, Legal::Bool;
    }
}

impl TableEncoder {
    /// What a learner with these tags needs: it is given missing numbers and categories as they are where it takes
    /// them, scaled columns where their units matter to it (without numbers below zero where it refuses those), sparse
    /// columns where it takes those.
    pub fn for_learner(tags: &Tags) -> Self {
        let scale = match (tags.scale_free, tags.negative) {
            (true, true) => "none",
            (_, false) => "min_max",
            (false, true) => "standard",
        };
        Self::default()
            .impute(if tags.missing { "none" } else { "mean" }.to_owned())
            .scale(scale.to_owned())
            .categories(if tags.categorical { "codes" } else { "one_hot" }.to_owned())
            .sparse(tags.sparse && !tags.scale_free)
    }

    /// Learns from the feature columns of a table.
    ///
    /// # Errors
    /// Parameters out of range; a table without rows or feature columns; a text column, unless they are skipped.
    pub fn fit(&self, table: &Table) -> Result<FittedTableEncoder> {
        self.validate()?;
        if table.rows() == 0 {
            return Err(Error::input("the table has no rows", "give it at least one"));
        }
        FittedTableEncoder::learn(self, table)
    }
}

impl Fit<Table, Target> for TableEncoder {
    type Fitted = FittedTableEncoder;

    fn fit(&self, x: &Table, _: &Target, ctx: &FitContext) -> Result<FittedTableEncoder> {
        ctx.check()?;
        Self::fit(self, x)
    }
}

impl FitTransform<Table, Target> for TableEncoder {
    type Output = Matrix;

    fn fit_transform(&self, x: &Table, _: &Target, ctx: &FitContext) -> Result<(FittedTableEncoder, Matrix)> {
        ctx.check()?;
        let fitted = Self::fit(self, x)?;
        let matrix = fitted.transform(x)?;
        Ok((fitted, matrix))
    }
}

impl Transform<Table> for FittedTableEncoder {
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        Self::transform(self, x)
    }
}

#[cfg(test)]
mod tests;
