//! The learners by name: what configurations, `--model` and the searches choose from.
//!
//! A family of learners brings its entries and its decoders; a name may stand for a classifier, a regressor or both,
//! and the [`Task`] says which is meant.

use prompt_core::artifact::Catalog;
use prompt_core::{Error, Estimator, Result, Task};
use serde_json::Value;

use crate::{baseline, bayes, boost, conformal, ensemble, forest, interop, linear, neighbour, neural, svm};

/// For each parameter the values that a search tries.
pub type Grid = Vec<(&'static str, Vec<Value>)>;

/// Makes a learner with its defaults.
type Maker = fn() -> Box<dyn Estimator>;

/// A family: its entries, and its decoders of fitted models.
type Family = (&'static [Entry], fn(&mut Catalog));

/// One name: what it makes for each task, and what a search tries when a configuration does not say.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) classifier: Option<Maker>,
    pub(crate) regressor: Option<Maker>,
    /// Empty for learners with nothing to tune.
    pub(crate) grid: fn(Task) -> Grid,
}

/// A learner with its defaults, boxed: what an `Entry` holds.
pub(crate) fn boxed<E: Estimator + Default + 'static>() -> Box<dyn Estimator> {
    Box::new(E::default())
}

/// The families in the order in which reports list them: entries, and decoders of the fitted models.
const FAMILIES: &[Family] = &[
    (linear::ENTRIES, linear::register),
    (bayes::ENTRIES, bayes::register),
    (forest::ENTRIES, forest::register),
    (boost::ENTRIES, boost::register),
    // What they train is read by `interop`, in every build.
    #[cfg(any(feature = "lightgbm", feature = "xgboost"))]
    (crate::boosters::ENTRIES, |_| {}),
    (ensemble::ENTRIES, ensemble::register),
    (conformal::ENTRIES, conformal::register),
    (neighbour::ENTRIES, neighbour::register),
    (svm::ENTRIES, svm::register),
    (baseline::ENTRIES, baseline::register),
    // Models that other libraries trained and saved.
    (&[], interop::register),
];

fn entries() -> impl Iterator<Item = &'static Entry> {
    FAMILIES.iter().flat_map(|(entries, _)| entries.iter())
}

fn maker(entry: &Entry, task: Task) -> Option<Maker> {
    match task {
        Task::Classification => entry.classifier,
        Task::Regression => entry.regressor,
    }
}

/// The names of all learners for this task.
///
/// ```
/// use prompt_core::Task;
/// use prompt_models::learners::names;
/// assert!(names(Task::Classification).contains(&"logistic_regression"));
/// ```
pub fn names(task: Task) -> Vec<&'static str> {
    entries().filter(|e| maker(e, task).is_some()).map(|e| e.name).collect()
}

/// Names by which others know our learners, in small letters without anything between them.
const ALIASES: &[(&str, &str)] = &[
    ("svc", "svm"),
    ("svr", "svm"),
    ("linearsvc", "linear_svm"),
    ("linearsvr", "linear_svm"),
    ("naivebayes", "multinomial_nb"),
    ("kneighbors", "knn"),
    ("kneighbours", "knn"),
    ("nearestneighbors", "knn"),
    ("calibratedclassifiercv", "calibrated"),
    ("ridgeclassifier", "ridge"),
];

/// The name of a learner as this crate spells it, for the one place where names are looked up: `RandomForestClassifier`,
/// `adaboost`, `linear_svc` and `SVC` are known. Any other name comes back as it is.
///
/// ```
/// use prompt_models::learners::canonical;
/// assert_eq!(canonical("RandomForestClassifier"), "random_forest");
/// assert_eq!(["adaboost", "svc", "KNeighborsRegressor"].map(canonical), ["ada_boost", "svm", "knn"]);
/// assert_eq!(canonical("ouija"), "ouija");
/// ```
pub fn canonical(name: &str) -> &str {
    if is_known(name) {
        return name;
    }
    let plain = |name: &str| -> String {
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    let whole = plain(name);
    let stem = ["classifier", "regressor"].iter().find_map(|end| whole.strip_suffix(end)).unwrap_or(&whole);
    let alias = ALIASES.iter().find(|(alias, _)| *alias == whole || *alias == stem).map(|(_, ours)| *ours);
    alias.or_else(|| entries().map(|e| e.name).find(|ours| plain(ours) == stem)).unwrap_or(name)
}

/// Says which learner a list names twice, under one name or under two, where it does.
pub(crate) fn named_twice(names: &[String]) -> Option<String> {
    names.iter().enumerate().find_map(|(at, name)| {
        let before = names[..at].iter().find(|before| canonical(before) == canonical(name))?;
        Some(match before == name {
            true => format!("`{name}` twice"),
            false => format!("`{before}` and `{name}`, which are one learner"),
        })
    })
}

/// Whether some task has a learner of this name.
pub fn is_known(name: &str) -> bool {
    entries().any(|e| e.name == name)
}

/// The learners of builds with the feature of their name.
const BY_FEATURE: [&str; 2] = ["xgboost", "lightgbm"];

fn found(task: Task, name: &str) -> Result<(&'static Entry, Maker)> {
    let name = canonical(name);
    entries().find(|e| e.name == name).and_then(|e| Some((e, maker(e, task)?))).ok_or_else(|| {
        if is_known(name) {
            let (what, kind) = match task {
                Task::Classification => ("classes: it is for numbers alone", "numbers as targets"),
                Task::Regression => ("numbers: it is for classes alone", "classes as targets"),
            };
            let help = format!("give it {kind}, or take one of {}", names(task).join(", "));
            return Error::unsupported(format!("the model `{name}`"), what, help);
        }
        if neural::is_network(name) {
            let help = "take it where texts are learned from: `prompt train`, `prompt tune` with a task of texts, \
                        the sections [deep] and [encoders] of an experiment";
            return Error::unsupported(format!("the network `{name}`"), "columns: it reads texts itself", help);
        }
        if BY_FEATURE.contains(&name) {
            return Error::unsupported(
                "this build",
                format!("the learner `{name}`"),
                format!(
                    "build with the feature `{name}` (cargo install --path crates/prompt-cli --features {name}), which needs \
                     the library itself, or take hist_gradient_boosting; a model that {name} saved is read in every build"
                ),
            );
        }
        let what = match task {
            Task::Classification => "model",
            Task::Regression => "model for numbers",
        };
        Error::unknown(what, name, names(task))
    })
}

/// The learner of this name (or of one that [`canonical`] knows) for this task, with its defaults.
///
/// ```
/// use prompt_core::Task;
/// use prompt_models::learners::estimator;
/// let svm = estimator(Task::Classification, "linear_svm").unwrap();
/// assert_eq!(svm.params()["c"], 1.0);
/// assert_eq!(estimator(Task::Classification, "LinearSVC").unwrap().name(), "linear_svm");
/// let error = estimator(Task::Classification, "linear_svn").unwrap_err().to_string();
/// assert!(error.starts_with("unknown model `linear_svn`; known: logistic_regression, linear_svm"));
/// assert!(error.ends_with("did you mean `linear_svm`?"));
/// let error = estimator(Task::Classification, "lasso").unwrap_err().to_string();
/// assert!(error.starts_with("the model `lasso` does not support classes: it is for numbers alone"));
/// ```
///
/// # Errors
/// [`Error::Unknown`] with the names known for the task, [`Error::Unsupported`] for a learner of the other task.
pub fn estimator(task: Task, name: &str) -> Result<Box<dyn Estimator>> {
    found(task, name).map(|(_, make)| make())
}

/// The values that a search tries when a configuration names none: for each parameter its values. Empty for
/// learners with nothing to tune.
///
/// # Errors
/// [`Error::Unknown`] with the names known for the task.
pub fn builtin_grid(task: Task, name: &str) -> Result<Grid> {
    found(task, name).map(|(entry, _)| (entry.grid)(task))
}

/// Teaches a catalog to read every model of this crate's learners.
pub fn register(catalog: &mut Catalog) {
    for (_, register) in FAMILIES {
        register(catalog);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_learner_and_a_legal_grid() {
        for task in [Task::Classification, Task::Regression] {
            for name in names(task) {
                let learner = estimator(task, name).unwrap();
                assert_eq!((learner.name(), learner.tags().task), (name, task));
                for (param, values) in builtin_grid(task, name).unwrap() {
                    assert!(values.len() > 1);
                    for value in values {
                        assert_eq!(learner.with_param(param, &value).unwrap().params()[param], value);
                    }
                }
            }
            assert!(builtin_grid(task, "nothing").is_err());
        }
        for name in BY_FEATURE.iter().filter(|name| !is_known(name)) {
            let error = estimator(Task::Regression, name).unwrap_err().to_string();
            assert!(error.contains(&format!("--features {name}")), "{error}");
        }
        let mut all: Vec<&str> = entries().map(|e| e.name).collect();
        all.sort_unstable();
        assert!(all.windows(2).all(|w| w[0] != w[1]), "a name is there twice: {all:?}");
    }
}
