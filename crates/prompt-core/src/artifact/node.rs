//! One part of a saved thing, and the parts inside it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};

/// An array of numbers with a shape.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Tensor {
    /// 64-bit floats.
    F64(Vec<usize>, Vec<f64>),
    /// 32-bit floats.
    F32(Vec<usize>, Vec<f32>),
    /// 32-bit whole numbers.
    U32(Vec<usize>, Vec<u32>),
    /// Bytes.
    U8(Vec<usize>, Vec<u8>),
}

/// A part of a saved thing: kind, version, small facts as JSON, numbers as tensors, and parts of its own.
///
/// ```
/// use prompt_core::artifact::Node;
/// let node = Node::new("shift", 1).meta(&2.5).unwrap().f64s("by", vec![1.0, 2.0]);
/// node.expect("shift", 1).unwrap();
/// assert_eq!(node.get_meta::<f64>().unwrap(), 2.5);
/// assert_eq!(node.get_f64s("by", Some(2)).unwrap(), [1.0, 2.0]);
/// assert!(node.get_f64s("by", Some(3)).is_err());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub(crate) kind: String,
    pub(crate) version: u32,
    pub(crate) meta: Value,
    pub(crate) tensors: BTreeMap<String, Tensor>,
    pub(crate) children: Vec<(String, Node)>,
}

impl Node {
    /// An empty part.
    pub fn new(kind: &str, version: u32) -> Self {
        Self {
            kind: kind.to_owned(),
            version,
            meta: Value::Null,
            tensors: BTreeMap::new(),
            children: Vec::new(),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Its children in order.
    pub fn children(&self) -> &[(String, Node)] {
        &self.children
    }

    /// The same with these facts (parameters, class names, …).
    ///
    /// # Errors
    /// When they cannot be written as JSON.
    pub fn meta(mut self, meta: &impl Serialize) -> Result<Self> {
        self.meta = serde_json::to_value(meta)
            .map_err(|e| Error::input(format!("{}: facts cannot be saved: {e}", self.kind), "check them"))?;
        Ok(self)
    }

    /// The same with a tensor of any kind.
    #[must_use]
    pub fn tensor(mut self, name: &str, tensor: Tensor) -> Self {
        self.tensors.insert(name.to_owned(), tensor);
        self
    }

    /// The same with a list of `f64`.
    #[must_use]
    pub fn f64s(self, name: &str, values: Vec<f64>) -> Self {
        self.tensor(name, Tensor::F64(vec![values.len()], values))
    }

    /// The same with a list of `f32`.
    #[must_use]
    pub fn f32s(self, name: &str, values: Vec<f32>) -> Self {
        self.tensor(name, Tensor::F32(vec![values.len()], values))
    }

    /// The same with a list of `u32`.
    #[must_use]
    pub fn u32s(self, name: &str, values: Vec<u32>) -> Self {
        self.tensor(name, Tensor::U32(vec![values.len()], values))
    }

    /// The same with a list of strings: their bytes in one tensor, their ends in another.
    #[must_use]
    pub fn strings<S: AsRef<str>>(self, name: &str, strings: impl IntoIterator<Item = S>) -> Self {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for s in strings {
            bytes.extend_from_slice(s.as_ref().as_bytes());
            ends.push(bytes.len() as u32);
        }
        let text = format!("{name}.bytes");
        self.tensor(&text, Tensor::U8(vec![bytes.len()], bytes)).u32s(&format!("{name}.ends"), ends)
    }

    /// The same with a part.
    #[must_use]
    pub fn child(mut self, name: &str, child: Node) -> Self {
        self.children.push((name.to_owned(), child));
        self
    }

    /// The same with another part in the place of the one of this name.
    ///
    /// # Errors
    /// [`Error::Artifact`] when there is none.
    pub fn with_part(mut self, name: &str, part: Node) -> Result<Self> {
        self.get_child(name)?;
        let at = self.children.iter_mut().find(|(n, _)| n == name);
        if let Some((_, old)) = at {
            *old = part;
        }
        Ok(self)
    }

    fn bad(&self, what: impl std::fmt::Display) -> Error {
        Error::artifact(
            &self.kind,
            what.to_string(),
            "the file is damaged or was made by another program; save the model again",
        )
    }

    /// Checks kind and version; a version above `newest` means that the file is newer than this program.
    ///
    /// # Errors
    /// [`Error::Artifact`].
    pub fn expect(&self, kind: &str, newest: u32) -> Result<()> {
        if self.kind != kind {
            return Err(Error::artifact(
                &self.kind,
                format!("expected a part of kind `{kind}`, found `{}`", self.kind),
                "open it as what it is",
            ));
        }
        if self.version > newest {
            return Err(Error::artifact(
                kind,
                format!(
                    "format version {} is newer than {newest}, the newest this program reads",
                    self.version
                ),
                "update the program",
            ));
        }
        Ok(())
    }

    /// The version it was written with.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The facts.
    ///
    /// # Errors
    /// [`Error::Artifact`] when they are of another form.
    pub fn get_meta<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.meta).map_err(|e| self.bad(e))
    }

    fn get(&self, name: &str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| self.bad(format!("tensor `{name}` is missing")))
    }

    /// Whether there is a tensor of this name, for those that older files lack.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn sized<'a, T>(&self, name: &str, values: &'a [T], len: Option<usize>) -> Result<&'a [T]> {
        match len {
            Some(n) if n != values.len() => {
                Err(self.bad(format!("tensor `{name}` has {} numbers instead of {n}", values.len())))
            }
            _ => Ok(values),
        }
    }

    /// A list of `f64` without NaN, of this length where one is given.
    ///
    /// # Errors
    /// [`Error::Artifact`] when it is missing, of another type or length, or holds NaN.
    pub fn get_f64s(&self, name: &str, len: Option<usize>) -> Result<&[f64]> {
        match self.get(name)? {
            Tensor::F64(_, v) if v.iter().all(|x| !x.is_nan()) => self.sized(name, v, len),
            Tensor::F64(..) => Err(self.bad(format!("tensor `{name}` holds NaN"))),
            _ => Err(self.bad(format!("tensor `{name}` is not of 64-bit floats"))),
        }
    }

    /// A list of `f32` without NaN, of this length where one is given.
    ///
    /// # Errors
    /// [`Error::Artifact`] when it is missing, of another type or length, or holds NaN.
    pub fn get_f32s(&self, name: &str, len: Option<usize>) -> Result<&[f32]> {
        match self.get(name)? {
            Tensor::F32(_, v) if v.iter().all(|x| !x.is_nan()) => self.sized(name, v, len),
            Tensor::F32(..) => Err(self.bad(format!("tensor `{name}` holds NaN"))),
            _ => Err(self.bad(format!("tensor `{name}` is not of 32-bit floats"))),
        }
    }

    /// A list of `u32`, of this length where one is given.
    ///
    /// # Errors
    /// [`Error::Artifact`] when it is missing, of another type or length.
    pub fn get_u32s(&self, name: &str, len: Option<usize>) -> Result<&[u32]> {
        match self.get(name)? {
            Tensor::U32(_, v) => self.sized(name, v, len),
            _ => Err(self.bad(format!("tensor `{name}` is not of 32-bit whole numbers"))),
        }
    }

    /// Bytes.
    ///
    /// # Errors
    /// [`Error::Artifact`] when they are missing or of another type.
    pub fn get_bytes(&self, name: &str) -> Result<&[u8]> {
        match self.get(name)? {
            Tensor::U8(_, v) => Ok(v),
            _ => Err(self.bad(format!("tensor `{name}` is not of bytes"))),
        }
    }

    /// A list of strings.
    ///
    /// # Errors
    /// [`Error::Artifact`] when its two tensors are missing or do not fit, or the bytes are not UTF-8.
    pub fn get_strings(&self, name: &str) -> Result<Vec<String>> {
        let bytes = self.get_bytes(&format!("{name}.bytes"))?;
        let text = std::str::from_utf8(bytes).map_err(|e| self.bad(format!("strings `{name}`: {e}")))?;
        let mut start = 0;
        let mut out = Vec::new();
        for &end in self.get_u32s(&format!("{name}.ends"), None)? {
            let part = text
                .get(start..end as usize)
                .ok_or_else(|| self.bad(format!("strings `{name}`: the ends do not fit the bytes")))?;
            out.push(part.to_owned());
            start = end as usize;
        }
        Ok(out)
    }

    /// A part by name.
    ///
    /// # Errors
    /// [`Error::Artifact`] when it is missing.
    pub fn get_child(&self, name: &str) -> Result<&Node> {
        self.children
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, node)| node)
            .ok_or_else(|| self.bad(format!("part `{name}` is missing")))
    }
}
