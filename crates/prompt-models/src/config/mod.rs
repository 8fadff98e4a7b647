//! Configurations from TOML, JSON or YAML, plus environment variables.
//!
//! A configuration is a serde struct with defaults whose unknown keys are errors. An error names the file, the
//! line and the key. A variable `PROMPT_CFG__TUNING__FOLDS=5` sets `tuning.folds`: the part after the prefix is
//! the path, `__` between its keys; the value is read as JSON where it is JSON, as text otherwise.

mod keys;

use std::path::Path;

use prompt_core::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Who owns the parameters that are keys of a configuration.
const OWNER: &str = "configuration";

/// The prefix of environment variables that set configuration keys.
pub const ENV_PREFIX: &str = "PROMPT_CFG__";

/// Reads a configuration file and applies the process's environment to it.
///
/// # Errors
/// [`Error::Io`] when it cannot be read, [`Error::Parse`] with line and column for what is wrong in it.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        Error::parse(path, line as u64, None, "invalid UTF-8", "save the file as UTF-8")
    })?;
    let variables =
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    parse(path, &text, variables)
}

/// Reads a configuration from text; the path's extension names the format and the path stands in messages.
///
/// ```
/// use std::path::Path;
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Tuning { folds: usize }
/// let none = std::iter::empty();
/// let error = prompt_models::config::parse::<Tuning>(Path::new("a.toml"), "# tuning\nfold = 5\n", none).err().unwrap();
/// assert_eq!(
///     error.to_string(),
///     "a.toml, line 2, column 1: unknown field `fold`, expected `folds`; correct the key or its value"
/// );
/// ```
///
/// # Errors
/// [`Error::Parse`] with line and column; for a key that the environment set, with the variable's name.
pub fn parse<T: DeserializeOwned>(
    path: &Path,
    text: &str,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<T> {
    let format = Format::of(path)?;
    let plain: T = format.read(path, text)?;
    let mut overrides: Vec<(String, String)> =
        variables.into_iter().filter(|(name, _)| name.starts_with(ENV_PREFIX)).collect();
    if overrides.is_empty() {
        return Ok(plain);
    }
    // The file alone is sound; what is wrong from here on came from the environment.
    overrides.sort();
    let with = |wanted: &dyn Fn(usize) -> bool, as_text: Option<usize>| -> Result<Value> {
        let mut value: Value = format.read(path, text)?;
        for (i, (name, text)) in overrides.iter().enumerate().filter(|(i, _)| wanted(*i)) {
            set(&mut value, name, text, as_text == Some(i))?;
        }
        Ok(value)
    };
    let all = |_: usize| true;
    let first = match T::deserialize(with(&all, None)?) {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    // `NAME=2024` reads as a number where a text is wanted: try each variable as text.
    for i in 0..overrides.len() {
        if let Ok(Ok(config)) = with(&all, Some(i)).map(T::deserialize) {
            return Ok(config);
        }
    }
    // The one without which the rest is sound, or else the first that is wrong by itself.
    let sound = |wanted: &dyn Fn(usize) -> bool| with(wanted, None).is_ok_and(|v| T::deserialize(v).is_ok());
    let wrong = |error: String, names: &str| {
        Error::parse(names, None, None, error, "correct or unset the environment variable")
    };
    for (i, (name, _)) in overrides.iter().enumerate() {
        if sound(&|other| other != i) {
            return Err(wrong(first.to_string(), name));
        }
    }
    for (i, (name, _)) in overrides.iter().enumerate() {
        if let Err(error) = T::deserialize(with(&|other| other == i, None)?) {
            return Err(wrong(error.to_string(), name));
        }
    }
    let names: Vec<&str> = overrides.iter().map(|(name, _)| name.as_str()).collect();
    Err(wrong(first.to_string(), &names.join(", ")))
}

/// A complaint about the value of a key, with where that value came from: the variable that sets it, else the file and,
/// where it can be found, the line. Other errors stay as they are.
///
/// ```
/// use std::path::Path;
/// use prompt_models::config::locate;
/// use prompt_models::core::Error;
/// let error = Error::param("configuration", "traditional.folds", "a whole number ≥ 2", 1);
/// assert_eq!(
///     locate(Path::new("no-such.toml"), error).to_string(),
///     "no-such.toml: `traditional.folds` must be a whole number ≥ 2, got 1; correct the value"
/// );
/// ```
pub fn locate(path: &Path, error: Error) -> Error {
    let Error::Param { owner, name, legal, value } = error else { return error };
    if owner != OWNER {
        return Error::Param { owner, name, legal, value };
    }
    let what = format!("`{name}` must be {legal}, got {value}");
    let variable = format!("{ENV_PREFIX}{}", name.to_uppercase().replace('.', "__"));
    if std::env::var_os(&variable).is_some() {
        return Error::parse(variable, None, None, what, "correct or unset the environment variable");
    }
    let line = std::fs::read_to_string(path).ok().and_then(|text| keys::line_of(path, &text, &name));
    Error::parse(path, line, None, what, "correct the value")
}

/// Sets the key that the variable's name spells.
fn set(root: &mut Value, variable: &str, text: &str, as_text: bool) -> Result<()> {
    let path = variable[ENV_PREFIX.len()..].to_lowercase();
    let mut keys: Vec<&str> = path.split("__").collect();
    let bad = |what: String| {
        Error::parse(
            variable,
            None,
            None,
            what,
            "name a key as PROMPT_CFG__SECTION__KEY, or unset the variable",
        )
    };
    let last = keys.pop().filter(|k| !k.is_empty()).ok_or_else(|| bad("names no key".into()))?;
    let mut at = root;
    for key in keys {
        enter(at);
        let Value::Object(map) = at else { return Err(bad(format!("`{key}` is not inside a table"))) };
        at = map.entry(key).or_insert_with(|| Value::Object(Map::new()));
    }
    enter(at);
    let Value::Object(map) = at else { return Err(bad(format!("`{last}` is not inside a table"))) };
    let plain = || Value::String(text.to_owned());
    let value = if as_text { plain() } else { serde_json::from_str(text).unwrap_or_else(|_| plain()) };
    map.insert(last.to_owned(), value);
    Ok(())
}

/// `model = true` becomes an empty table, so that a variable can set one of its keys.
fn enter(value: &mut Value) {
    if *value == Value::Bool(true) {
        *value = Value::Object(Map::new());
    }
}

#[derive(Clone, Copy)]
enum Format {
    Toml,
    Json,
    Yaml,
}

impl Format {
    fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|e| e.to_str()).unwrap_or_default() {
            "toml" => Ok(Self::Toml),
            "json" => Ok(Self::Json),
            "yaml" | "yml" => Ok(Self::Yaml),
            other => Err(Error::parse(
                path,
                None,
                None,
                format!("`.{other}` is no configuration format"),
                "use .toml, .json, .yaml or .yml",
            )),
        }
    }

    fn read<T: DeserializeOwned>(self, path: &Path, text: &str) -> Result<T> {
        let wrong = |line: Option<usize>, column: Option<usize>, what: &str| {
            let help = "correct the key or its value";
            Error::parse(path, line.map(|l| l as u64), column.map(|c| c as u64), what.trim_end(), help)
        };
        match self {
            Self::Toml => toml::from_str(text).map_err(|e| {
                let (line, column) = e.span().map_or((None, None), |span| place(text, span.start));
                // What a section's own reader complains about is placed at the section: its key tells more.
                let inside = line.and_then(|line| keys::inside(text, line, e.message()));
                let (line, column) = inside.map_or((line, column), |(l, c)| (Some(l), Some(c)));
                wrong(line, column, e.message())
            }),
            Self::Json => serde_json::from_str(text).map_err(|e| {
                let what = e.to_string();
                let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
                wrong(Some(e.line()), Some(e.column()), what)
            }),
            Self::Yaml => serde_yaml_ng::from_str(text).map_err(|e| {
                let what = e.to_string();
                let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
                wrong(e.location().map(|l| l.line()), e.location().map(|l| l.column()), what)
            }),
        }
    }
}

/// One-based line and column of a byte.
fn place(text: &str, at: usize) -> (Option<usize>, Option<usize>) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    (Some(line), Some(before.len() - before.rfind('\n').map_or(0, |i| i + 1) + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Outer {
        name: String,
        inner: Inner,
    }

    impl Default for Outer {
        fn default() -> Self {
            Self { name: "n".into(), inner: Inner { folds: 3 } }
        }
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        folds: usize,
    }

    fn read(name: &str, text: &str, variables: &[(&str, &str)]) -> Result<Outer> {
        let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        parse(Path::new(name), text, variables)
    }

    #[test]
    fn the_three_formats_read_alike() {
        let toml = read("a.toml", "name = 'x'\n[inner]\nfolds = 4\n", &[]).unwrap();
        assert_eq!(toml, read("a.json", r#"{"name": "x", "inner": {"folds": 4}}"#, &[]).unwrap());
        assert_eq!(toml, read("a.yml", "name: x\ninner:\n  folds: 4\n", &[]).unwrap());
        assert!(read("a.ini", "", &[]).unwrap_err().to_string().contains("use .toml, .json"));
    }

    #[test]
    fn an_error_names_file_line_and_key() {
        for (name, text, line) in [
            ("a.toml", "name = 'x'\n[inner]\nfolds = 4\nfold = 1\n", 4),
            ("a.json", "{\"name\": \"x\",\n\"inner\": {\"folds\": 4,\n\"fold\": 1}}", 3),
            ("a.yaml", "name: x\ninner:\n  folds: 4\n  fold: 1\n", 4),
        ] {
            let error = read(name, text, &[]).unwrap_err();
            assert!(matches!(error, Error::Parse { line: Some(found), .. } if found == line), "{error}");
            assert!(error.to_string().contains("unknown field `fold`"), "{error}");
        }
        assert!(read("a.toml", "name = 'x\n", &[]).is_err());
    }

    #[test]
    fn the_environment_sets_keys_and_names_itself_in_errors() {
        let set = read("a.toml", "", &[("PROMPT_CFG__INNER__FOLDS", "7"), ("PROMPT_DATA", "/d")]).unwrap();
        assert_eq!(set.inner.folds, 7);
        assert_eq!(read("a.toml", "", &[("PROMPT_CFG__NAME", "plain words")]).unwrap().name, "plain words");
        let error = read("a.toml", "", &[("PROMPT_CFG__INNER__FOLDS", "many")]).unwrap_err().to_string();
        assert!(error.starts_with("PROMPT_CFG__INNER__FOLDS: ") && error.contains("unset"), "{error}");
        // What is sound is not named with it, also where two are wrong.
        for others in
            [&[("PROMPT_CFG__NAME", "x")][..], &[("PROMPT_CFG__NAME", "x"), ("PROMPT_CFG__ODD", "1")]]
        {
            let mut all = vec![("PROMPT_CFG__INNER__FOLDS", "many")];
            all.extend(others);
            let error = read("a.toml", "", &all).unwrap_err().to_string();
            assert!(error.starts_with("PROMPT_CFG__INNER__FOLDS: "), "{error}");
        }
        assert!(read("a.toml", "", &[("PROMPT_CFG__NAME__DEEPER", "1")]).is_err());
        assert_eq!(read("a.toml", "", &[("PROMPT_CFG__NAME", "2024")]).unwrap().name, "2024");
        let on =
            read("a.toml", "", &[("PROMPT_CFG__INNER", "true"), ("PROMPT_CFG__INNER__FOLDS", "5")]).unwrap();
        assert_eq!(on.inner.folds, 5);
    }
}
