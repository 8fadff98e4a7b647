//! LightGBM through its C API, which the crate `prompt-boosters` wraps.

use prompt_boosters::lightgbm::{Data, train};
use prompt_core::{ClassWeight, FitContext, Learner, Legal, Matrix, Params, Result, Tags, Target, params};
use serde_json::json;

use super::{CLASSIFIER, REGRESSOR, Rows, goes_on, refused};
use crate::interop::{Library, LibraryModel};
use crate::learners::{Entry, boxed};

pub(super) const ENTRY: Entry = Entry {
    name: LightgbmClassifier::NAME,
    classifier: Some(boxed::<LightgbmClassifier>),
    regressor: Some(boxed::<LightgbmRegressor>),
    grid: |_| {
        vec![
            ("learning_rate", vec![json!(0.05), json!(0.1)]),
            ("num_leaves", vec![json!(15), json!(31), json!(63)]),
        ]
    },
};

macro_rules! lightgbm_params {
    ($(#[$meta:meta])* $name:ident { $($more:tt)* }) => {
        params! {
            $(#[$meta])*
            pub struct $name named "lightgbm" {
                /// Rounds: trees, for each class one where there are three or more.
                n_estimators: usize = 100, Legal::int(1, 1_000_000);
                /// Most leaves of a tree.
                num_leaves: usize = 31, Legal::int(2, 131_072);
                /// Deepest tree; none for no limit.
                max_depth: Option<usize> = None, Legal::int(1, 1_000).or_none();
                /// Share of each tree that counts.
                learning_rate: f64 = 0.1, Legal::positive();
                /// Least rows of a leaf.
                min_child_samples: usize = 20, Legal::int(0, 1 << 30);
                /// Least sum of second derivatives in a leaf.
                min_child_weight: f64 = 1e-3, Legal::not_negative();
                /// Least gain of a split.
                min_split_gain: f64 = 0.0, Legal::not_negative();
                /// Share of the rows that each tree sees.
                subsample: f64 = 1.0, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: false };
                /// Share of the columns that each tree sees.
                colsample_bytree: f64 = 1.0, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: false };
                /// Strength of the L2 penalty on leaves.
                reg_lambda: f64 = 0.0, Legal::not_negative();
                /// Strength of the L1 penalty on leaves.
                reg_alpha: f64 = 0.0, Legal::not_negative();
                /// Bins of each column.
                max_bin: usize = 255, Legal::int(2, 1 << 16);
                $($more)*
            }
        }

        impl $name {
            fn text(&self, objective: &str, ctx: &FitContext) -> String {
                let depth = self.max_depth.map_or(-1, |d| d as i64);
                // Bagging needs its frequency; the sums of parallel histograms must not depend on their order.
                format!(
                    "objective={objective} num_leaves={} max_depth={depth} learning_rate={} min_data_in_leaf={} \
                     min_sum_hessian_in_leaf={} min_gain_to_split={} bagging_fraction={} bagging_freq={} \
                     feature_fraction={} lambda_l2={} lambda_l1={} max_bin={} num_threads={} seed={} deterministic=true \
                     force_col_wise=true verbosity=-1",
                    self.num_leaves,
                    self.learning_rate,
                    self.min_child_samples,
                    self.min_child_weight,
                    self.min_split_gain,
                    self.subsample,
                    usize::from(self.subsample < 1.0),
                    self.colsample_bytree,
                    self.reg_lambda,
                    self.reg_alpha,
                    self.max_bin,
                    ctx.thread_budget(),
                    ctx.seed().value() % (1 << 31),
                )
            }
        }
    };
}

lightgbm_params! {
    /// LightGBM's own classifier (feature `lightgbm`): leaf-wise trees on histograms, logistic loss for two classes, softmax
    /// for more.
    ///
    /// Defaults are those of the Python package.
    LightgbmClassifier {
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
    }
}

lightgbm_params! {
    /// LightGBM's own regression (feature `lightgbm`): leaf-wise trees on histograms, squared error.
    LightgbmRegressor {}
}

impl Learner for LightgbmClassifier {
    type Fitted = LibraryModel;

    const TAGS: Tags = CLASSIFIER;

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<LibraryModel> {
        let (rows, problem) = Rows::of_classes(Self::NAME, x, y, &self.class_weight, |v| v)?;
        let objective = match rows.classes {
            2 => "binary".to_owned(),
            k => format!("multiclass num_class={k}"),
        };
        let file = fit(&rows, &self.text(&objective, ctx), self.n_estimators, ctx)?;
        let params = serde_json::to_value(self).unwrap_or_default();
        LibraryModel::new(Library::Lightgbm, params, file, Some((&problem.classes, &problem.present)))
    }
}

impl Learner for LightgbmRegressor {
    type Fitted = LibraryModel;

    const TAGS: Tags = REGRESSOR;

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<LibraryModel> {
        let rows = Rows::of_numbers(x, y, |v| v)?;
        let file = fit(&rows, &self.text("regression", ctx), self.n_estimators, ctx)?;
        LibraryModel::new(Library::Lightgbm, serde_json::to_value(self).unwrap_or_default(), file, None)
    }
}

/// Trains and gives back the model's text.
fn fit(rows: &Rows<f64>, parameters: &str, rounds: usize, ctx: &FitContext) -> Result<Vec<u8>> {
    let data = Data { x: &rows.x, columns: rows.columns, y: &rows.y, weights: rows.weights.as_deref() };
    let mut stopped = Ok(());
    let file = train(&data, parameters, rounds, |round| match goes_on(ctx, "lightgbm", round, rounds) {
        Ok(more) => more,
        Err(error) => {
            stopped = Err(error);
            false
        }
    });
    stopped?;
    file.map(String::into_bytes).map_err(|what| refused("lightgbm", what))
}
