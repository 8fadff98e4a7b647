//! Which input field is the text, the label, the target, the source and the split.

use std::collections::BTreeMap;

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// The names under which a field may come; the first that a row has is taken.
///
/// In configurations: one name or a list of names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OneOrMany", into = "OneOrMany")]
pub struct FieldNames(Vec<String>);

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for FieldNames {
    fn from(names: OneOrMany) -> Self {
        match names {
            OneOrMany::One(name) => Self(vec![name]),
            OneOrMany::Many(names) => Self(names),
        }
    }
}

impl From<FieldNames> for OneOrMany {
    fn from(names: FieldNames) -> Self {
        match <[String; 1]>::try_from(names.0) {
            Ok([name]) => Self::One(name),
            Err(names) => Self::Many(names),
        }
    }
}

impl FieldNames {
    /// These names, best first.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// The names, best first.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    pub(crate) fn get(&self, rank: usize) -> Option<&str> {
        self.0.get(rank).map(String::as_str)
    }
}

impl From<&str> for FieldNames {
    fn from(name: &str) -> Self {
        Self::new([name])
    }
}

/// What the fields of the input are called, and what its label values mean.
///
/// | role | default names | kind |
/// |---|---|---|
/// | `text` | `text`, `user_message`, `prompt` | text; required |
/// | `label` | `label`, `classification` | text, whole number or boolean |
/// | `target` | `target`, `quality_score` | finite number |
/// | `source` | `source` | text |
/// | `split` | `split` | train, validation or test (and usual spellings) |
///
/// `label_map` replaces label values (`"0"` → `"benign"`); a value that it does not name stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fields {
    /// Names of the text.
    pub text: FieldNames,
    /// Names of the class.
    pub label: FieldNames,
    /// Names of the number.
    pub target: FieldNames,
    /// Names of the source.
    pub source: FieldNames,
    /// Names of the part of the data set.
    pub split: FieldNames,
    /// Label as found → label as meant.
    pub label_map: BTreeMap<String, String>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            text: FieldNames::new(["text", "user_message", "prompt"]),
            label: FieldNames::new(["label", "classification"]),
            target: FieldNames::new(["target", "quality_score"]),
            source: "source".into(),
            split: "split".into(),
            label_map: BTreeMap::new(),
        }
    }
}

impl Fields {
    /// The defaults with the label values of the security task: 0 benign, 1 suspicious, 2 malicious.
    pub fn security() -> Self {
        let label_map = [("0", "benign"), ("1", "suspicious"), ("2", "malicious")]
            .map(|(from, to)| (from.to_owned(), to.to_owned()))
            .into();
        Self { label_map, ..Self::default() }
    }

    /// Names the field that holds the text; no other role has that name any more.
    pub fn name_text(&mut self, name: &str) {
        self.free(name);
        self.text = name.into();
    }

    /// Names the field that holds the label; no other role has that name any more.
    ///
    /// ```
    /// use prompt_data::Fields;
    /// let mut fields = Fields::default();
    /// fields.name_label("quality_score");
    /// assert_eq!(fields.label.names(), ["quality_score"]);
    /// assert_eq!(fields.target.names(), ["target"]);
    /// fields.validate().unwrap();
    /// ```
    pub fn name_label(&mut self, name: &str) {
        self.free(name);
        self.label = name.into();
    }

    /// Names the field that holds the number to predict; no other role has that name any more.
    pub fn name_target(&mut self, name: &str) {
        self.free(name);
        self.target = name.into();
    }

    fn free(&mut self, name: &str) {
        for names in [&mut self.text, &mut self.label, &mut self.target, &mut self.source, &mut self.split] {
            names.0.retain(|given| given != name);
        }
    }

    /// Checks that there is a name for the text and that no name has two roles.
    ///
    /// # Errors
    /// [`Error::Param`] naming the role.
    pub fn validate(&self) -> Result<()> {
        if self.text.0.is_empty() {
            return Err(Error::param("fields", "text", "at least one field name", "none"));
        }
        let mut owner: BTreeMap<&str, &str> = BTreeMap::new();
        for role in Role::ALL {
            for name in &self.names(role).0 {
                if let Some(other) = owner.insert(name, role.name()) {
                    return Err(Error::param(
                        "fields",
                        role.name(),
                        format!("a field name that `{other}` does not have"),
                        format!("`{name}`"),
                    ));
                }
            }
        }
        Ok(())
    }

    /// The names of a role.
    pub(crate) fn names(&self, role: Role) -> &FieldNames {
        match role {
            Role::Text => &self.text,
            Role::Label => &self.label,
            Role::Target => &self.target,
            Role::Source => &self.source,
            Role::Split => &self.split,
        }
    }

    /// The role of a field and how good its name is (0 is best).
    pub(crate) fn role(&self, name: &str) -> Option<(Role, usize)> {
        Role::ALL
            .into_iter()
            .find_map(|role| self.names(role).0.iter().position(|n| n == name).map(|rank| (role, rank)))
    }

    /// What a label value means.
    pub(crate) fn map_label(&self, label: String) -> String {
        if self.label_map.is_empty() {
            return label;
        }
        // A column of whole numbers with gaps comes out of spreadsheets and data frames as 0.0, 1.0, ….
        let whole = label.strip_suffix(".0").unwrap_or(&label);
        self.label_map.get(&label).or_else(|| self.label_map.get(whole)).cloned().unwrap_or(label)
    }
}

/// What a field is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Text,
    Label,
    Target,
    Source,
    Split,
}

impl Role {
    pub(crate) const ALL: [Self; 5] = [Self::Text, Self::Label, Self::Target, Self::Source, Self::Split];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Label => "label",
            Self::Target => "target",
            Self::Source => "source",
            Self::Split => "split",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_alone_or_as_a_list() {
        let fields: Fields = serde_json::from_str(r#"{"text": "body", "label": ["kind", "class"]}"#).unwrap();
        assert_eq!(fields.text.names(), ["body"]);
        assert_eq!(fields.role("class"), Some((Role::Label, 1)));
        assert_eq!(fields.role("label"), None);
        assert_eq!(serde_json::to_value(&fields).unwrap()["text"], "body");
        let error = serde_json::from_str::<Fields>(r#"{"texts": "body"}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `texts`"), "{error}");
    }

    #[test]
    fn a_name_with_two_roles_is_refused() {
        let fields = Fields { target: "label".into(), ..Fields::default() };
        assert_eq!(
            fields.validate().unwrap_err().to_string(),
            "fields: parameter `target` must be a field name that `label` does not have, got `label`"
        );
    }

    #[test]
    fn label_values_are_mapped_also_when_they_became_floats() {
        let fields = Fields::security();
        assert_eq!(fields.map_label("2".into()), "malicious");
        assert_eq!(fields.map_label("1.0".into()), "suspicious");
        assert_eq!(fields.map_label("benign".into()), "benign");
    }
}
