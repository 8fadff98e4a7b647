//! Names of columns, shared rather than copied.

use std::borrow::Cow;
use std::sync::Arc;

/// Names of a matrix's columns. Cloning is cheap.
///
/// ```
/// use prompt_core::Names;
/// let names = Names::joined([("word".into(), Names::list(["hello"])), ("hash".into(), Names::numbered("h", 2))]);
/// assert_eq!(names.len(), 3);
/// assert_eq!(names.get(0), "word__hello");
/// assert_eq!(names.get(2), "hash__h1");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Names(Inner);

#[derive(Debug, Clone, PartialEq)]
enum Inner {
    List(Arc<[String]>),
    Numbered(Arc<str>, usize),
    Joined(Arc<[(String, Names)]>),
}

impl Names {
    /// These names.
    pub fn list<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self(Inner::List(names.into_iter().map(Into::into).collect()))
    }

    /// `prefix0`, `prefix1`, …: for columns that have no names of their own.
    pub fn numbered(prefix: &str, n: usize) -> Self {
        Self(Inner::Numbered(prefix.into(), n))
    }

    /// `part__name` for the columns of several parts side by side.
    pub fn joined(parts: impl IntoIterator<Item = (String, Names)>) -> Self {
        Self(Inner::Joined(parts.into_iter().collect()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Inner::List(names) => names.len(),
            Inner::Numbered(_, n) => *n,
            Inner::Joined(parts) => parts.iter().map(|(_, p)| p.len()).sum(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of column `i`; `?` beyond the last.
    pub fn get(&self, i: usize) -> Cow<'_, str> {
        match &self.0 {
            Inner::List(names) => names.get(i).map_or(Cow::Borrowed("?"), |n| Cow::Borrowed(n.as_str())),
            Inner::Numbered(prefix, n) if i < *n => Cow::Owned(format!("{prefix}{i}")),
            Inner::Numbered(..) => Cow::Borrowed("?"),
            Inner::Joined(parts) => {
                let mut i = i;
                for (part, names) in parts.iter() {
                    if i < names.len() {
                        return Cow::Owned(format!("{part}__{}", names.get(i)));
                    }
                    i -= names.len();
                }
                Cow::Borrowed("?")
            }
        }
    }

    /// All names in order.
    pub fn iter(&self) -> impl Iterator<Item = Cow<'_, str>> {
        (0..self.len()).map(|i| self.get(i))
    }
}
