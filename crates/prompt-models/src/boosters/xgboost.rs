//! XGBoost through the crate `xgb`.

use prompt_boosters::xgb::{Booster, DMatrix, XGBError, parameters::BoosterParameters};
use prompt_core::{ClassWeight, FitContext, Learner, Legal, Matrix, Params, Result, Tags, Target, params};
use serde_json::json;

use super::{CLASSIFIER, REGRESSOR, Rows, goes_on, refused};
use crate::interop::{Library, LibraryModel};
use crate::learners::{Entry, boxed};

pub(super) const ENTRY: Entry = Entry {
    name: XgboostClassifier::NAME,
    classifier: Some(boxed::<XgboostClassifier>),
    regressor: Some(boxed::<XgboostRegressor>),
    grid: |_| {
        vec![
            ("learning_rate", vec![json!(0.1), json!(0.3)]),
            ("max_depth", vec![json!(4), json!(6), json!(8)]),
        ]
    },
};

macro_rules! xgboost_params {
    ($(#[$meta:meta])* $name:ident { $($more:tt)* }) => {
        params! {
            $(#[$meta])*
            pub struct $name named "xgboost" {
                /// Rounds: trees, for each class one where there are three or more.
                n_estimators: usize = 100, Legal::int(1, 1_000_000);
                /// Deepest tree; 0 for no limit.
                max_depth: usize = 6, Legal::int(0, 1_000);
                /// Most leaves of a tree; 0 for no limit.
                max_leaves: usize = 0, Legal::int(0, 1 << 20);
                /// Share of each tree that counts.
                learning_rate: f64 = 0.3, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: false };
                /// Least sum of second derivatives in a leaf.
                min_child_weight: f64 = 1.0, Legal::not_negative();
                /// Least gain of a split.
                gamma: f64 = 0.0, Legal::not_negative();
                /// Share of the rows that each tree sees.
                subsample: f64 = 1.0, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: false };
                /// Share of the columns that each tree sees.
                colsample_bytree: f64 = 1.0, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: false };
                /// Strength of the L2 penalty on leaves.
                reg_lambda: f64 = 1.0, Legal::not_negative();
                /// Strength of the L1 penalty on leaves.
                reg_alpha: f64 = 0.0, Legal::not_negative();
                /// Bins of each column.
                max_bin: usize = 256, Legal::int(2, 1 << 16);
                $($more)*
            }
        }

        impl $name {
            fn pairs(&self) -> Vec<(&'static str, String)> {
                vec![
                    ("max_depth", self.max_depth.to_string()),
                    ("max_leaves", self.max_leaves.to_string()),
                    ("eta", self.learning_rate.to_string()),
                    ("min_child_weight", self.min_child_weight.to_string()),
                    ("gamma", self.gamma.to_string()),
                    ("subsample", self.subsample.to_string()),
                    ("colsample_bytree", self.colsample_bytree.to_string()),
                    ("lambda", self.reg_lambda.to_string()),
                    ("alpha", self.reg_alpha.to_string()),
                    ("max_bin", self.max_bin.to_string()),
                ]
            }
        }
    };
}

xgboost_params! {
    /// XGBoost's own classifier (feature `xgboost`): trees on histograms, logistic loss for two classes, softmax for more.
    ///
    /// Defaults are those of the Python package. It learns from 32-bit numbers.
    XgboostClassifier {
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
    }
}

xgboost_params! {
    /// XGBoost's own regression (feature `xgboost`): trees on histograms, squared error.
    XgboostRegressor {}
}

impl Learner for XgboostClassifier {
    type Fitted = LibraryModel;

    const TAGS: Tags = CLASSIFIER;

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<LibraryModel> {
        let (rows, problem) = Rows::of_classes(Self::NAME, x, y, &self.class_weight, |v| v as f32)?;
        let mut pairs = self.pairs();
        if rows.classes == 2 {
            pairs.push(("objective", "binary:logistic".to_owned()));
            pairs.push(("base_score", rows.mean().to_string()));
        } else {
            pairs.push(("objective", "multi:softprob".to_owned()));
            pairs.push(("num_class", rows.classes.to_string()));
        }
        let file = train(&rows, &pairs, self.n_estimators, ctx)?;
        let params = serde_json::to_value(self).unwrap_or_default();
        LibraryModel::new(Library::Xgboost, params, file, Some((&problem.classes, &problem.present)))
    }
}

impl Learner for XgboostRegressor {
    type Fitted = LibraryModel;

    const TAGS: Tags = REGRESSOR;

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<LibraryModel> {
        let rows = Rows::of_numbers(x, y, |v| v as f32)?;
        let mut pairs = self.pairs();
        pairs.push(("objective", "reg:squarederror".to_owned()));
        pairs.push(("base_score", rows.mean().to_string()));
        let file = train(&rows, &pairs, self.n_estimators, ctx)?;
        LibraryModel::new(Library::Xgboost, serde_json::to_value(self).unwrap_or_default(), file, None)
    }
}

/// Trains and gives back the model's `.ubj`.
fn train(
    rows: &Rows<f32>,
    pairs: &[(&'static str, String)],
    rounds: usize,
    ctx: &FitContext,
) -> Result<Vec<u8>> {
    let said = |e: XGBError| refused("xgboost", e);
    let mut data = DMatrix::from_dense(&rows.x, rows.y.len()).map_err(said)?;
    data.set_labels(&rows.y).map_err(said)?;
    if let Some(weights) = &rows.weights {
        data.set_weights(weights).map_err(said)?;
    }
    let mut booster =
        Booster::new_with_cached_dmats(&BoosterParameters::default(), &[&data]).map_err(said)?;
    let seed = (ctx.seed().value() % (1 << 31)).to_string();
    let own = [
        ("tree_method", "hist".to_owned()),
        ("verbosity", "0".to_owned()),
        ("nthread", ctx.thread_budget().to_string()),
        ("seed", seed),
    ];
    for (name, value) in own.iter().chain(pairs) {
        booster.set_param(name, value).map_err(said)?;
    }
    for round in 0..rounds {
        booster.update(&data, round as i32).map_err(said)?;
        if !goes_on(ctx, "xgboost", round + 1, rounds)? {
            break;
        }
    }
    booster.save_buffer(true).map_err(said)
}
