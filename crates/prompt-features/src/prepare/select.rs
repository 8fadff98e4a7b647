//! The columns that say most about the target.

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{
    Error, Fit, FitContext, FitTransform, Legal, Matrix, Params, Result, Target, Transform, params,
};
use serde::{Deserialize, Serialize};

use super::score::{Told, chi2, correlation, f_classif, f_regression, information};

params! {
    /// Keeps the columns with the highest scores, as scikit-learn's `SelectKBest`. Columns keep their order; of equal
    /// scores the first is taken; a column whose score is undefined (it is constant) comes last.
    ///
    /// | score | of classes | of numbers |
    /// |---|---|---|
    /// | `f` | F of an analysis of variance (`f_classif`) | F of a regression (`f_regression`) |
    /// | `chi2` | χ², for numbers that are not negative | refused |
    /// | `mutual_info` | by k nearest neighbours (Ross, 2014), exact for columns of two values | by k nearest neighbours (Kraskov and others, 2004) |
    /// | `correlation` | the largest \|r\| with "is this class" | \|r\| |
    ///
    /// Missing numbers and weights are refused. scikit-learn adds noise below 1e-10 of the columns' size before it
    /// counts neighbours; without it, equal numbers count as neighbours at distance 0.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Target, Transform};
    /// use prompt_features::SelectKBest;
    /// let x = Matrix::from(Dense::from_rows(&[[1.0, 5.0], [2.0, 5.5], [9.0, 5.2], [8.0, 5.3]]));
    /// let y = Target::labels(["low", "low", "high", "high"]);
    /// let fitted = SelectKBest::default().k(1).fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!(fitted.kept(), [0]);
    /// assert_eq!(fitted.transform(&x).unwrap().cols(), 1);
    /// ```
    pub struct SelectKBest named "select_k_best" {
        /// What is measured.
        score: String = "f".to_owned(), Legal::OneOf(&["f", "chi2", "mutual_info", "correlation"]);
        /// How many columns are kept; all where there are fewer.
        k: usize = 10, Legal::at_least(1);
        /// Neighbours of `mutual_info`.
        n_neighbors: usize = 3, Legal::int(1, 1000);
    }
}

/// The artifact kind.
pub(crate) const KIND: &str = "column_selection";

/// Columns that were chosen: by [`SelectKBest`], or by what looks at a learner.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedSelection {
    by: String,
    kept: Vec<u32>,
    scores: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    by: String,
}

impl FittedSelection {
    /// The `k` columns with the highest scores, the first of equals. Scores are not negative; one that is NaN is below
    /// all others and kept as −1.
    pub fn best(by: &str, mut scores: Vec<f64>, k: usize) -> Self {
        scores.iter_mut().filter(|s| s.is_nan()).for_each(|s| *s = -1.0);
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        order.sort_by(|a, b| scores[*b as usize].total_cmp(&scores[*a as usize]));
        order.truncate(k);
        order.sort_unstable();
        Self { by: by.to_owned(), kept: order, scores }
    }

    /// What chose them.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// The columns that are kept, rising.
    pub fn kept(&self) -> &[u32] {
        &self.kept
    }

    /// A score for every column of the fit; −1 where it is undefined.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }
}

/// What every selection asks of its data.
///
/// # Errors
/// Another number of targets than rows, weights, or a missing number.
pub(crate) fn checked(who: &str, x: &Matrix, y: &Target) -> Result<()> {
    if x.rows() != y.len() {
        return Err(Error::shape(format!("{who}: targets for the rows of x"), x.rows(), y.len()));
    }
    if y.weights().is_some() {
        return Err(Error::unsupported(who, "weights", "select with tree_importance, which honours them"));
    }
    if let Some((row, column)) = x.first_not_finite() {
        return Err(Error::input(
            format!("{who}: row {row}, column `{}` is missing or infinite", x.names().get(column)),
            "fill in what is missing first",
        ));
    }
    Ok(())
}

impl Fit<Matrix, Target> for SelectKBest {
    type Fitted = FittedSelection;

    fn fit(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<FittedSelection> {
        self.validate()?;
        ctx.check()?;
        checked(Self::NAME, x, y)?;
        let classes = y.as_classes().map(|(codes, classes)| (codes, classes.len())).ok();
        let scores = match (self.score.as_str(), classes) {
            ("chi2", Some((codes, _))) => {
                for row in 0..x.rows() {
                    let mut negative = None;
                    x.row(row).for_each(|j, v| {
                        if v < 0.0 {
                            negative.get_or_insert((j, v));
                        }
                    });
                    if let Some((j, v)) = negative {
                        return Err(Error::input(
                            format!("select_k_best: row {row}, column `{}` is {v}", x.names().get(j)),
                            "chi2 takes no number below zero: scale with min_max, or take another score",
                        ));
                    }
                }
                chi2(x, codes, ctx)
            }
            ("chi2", None) => {
                return Err(Error::unsupported("select_k_best", "chi2 with numbers as targets", "take `f`"));
            }
            ("mutual_info", Some((codes, _))) => information(x, &Told::Classes(codes), self.n_neighbors, ctx),
            ("mutual_info", None) => {
                information(x, &Told::Numbers(y.as_regression()?), self.n_neighbors, ctx)
            }
            ("correlation", Some((codes, n))) => {
                let is = |class: u32| codes.iter().map(|c| f64::from(u8::from(*c == class))).collect();
                correlation(x, &(0..n as u32).map(is).collect::<Vec<_>>(), ctx)
            }
            ("correlation", None) => correlation(x, &[y.as_regression()?.to_vec()], ctx),
            (_, Some((codes, _))) => f_classif(x, codes, ctx),
            (_, None) => f_regression(x, y.as_regression()?, ctx),
        };
        Ok(FittedSelection::best(&self.score, scores, self.k))
    }
}

impl FitTransform<Matrix, Target> for SelectKBest {
    type Output = Matrix;

    fn fit_transform(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<(FittedSelection, Matrix)> {
        let fitted = self.fit(x, y, ctx)?;
        let kept = fitted.transform(x)?;
        Ok((fitted, kept))
    }
}

impl Transform<Matrix> for FittedSelection {
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        if x.cols() != self.scores.len() {
            return Err(Error::shape("columns of x", self.scores.len(), x.cols()));
        }
        x.select_columns(&self.kept)
    }
}

impl Persist for FittedSelection {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        Ok(Node::new(KIND, 1)
            .meta(&Facts { by: self.by.clone() })?
            .u32s("kept", self.kept.clone())
            .f64s("scores", self.scores.clone()))
    }
}

impl Artifact for FittedSelection {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let Facts { by } = node.get_meta()?;
        let (kept, scores) = (node.get_u32s("kept", None)?.to_vec(), node.get_f64s("scores", None)?.to_vec());
        let rising = kept.windows(2).all(|w| w[0] < w[1]);
        if !rising || kept.last().is_none_or(|last| *last as usize >= scores.len()) {
            return Err(Error::artifact(KIND, "the columns it keeps do not rise", "save the model again"));
        }
        Ok(Self { by, kept, scores })
    }
}
