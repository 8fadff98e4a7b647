//! Universal Binary JSON, as XGBoost writes it, into JSON values.

use serde_json::{Map, Number, Value};

/// How deep values may be nested: a model needs about ten.
const DEEPEST: usize = 64;

/// Reads one value that fills the bytes. What is claimed about lengths is checked against the bytes that are left
/// before anything is made of it.
///
/// # Errors
/// What was wrong, with the place.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let mut reader = Reader { bytes, at: 0 };
    let kind = reader.kind()?;
    let value = reader.value(kind, 0)?;
    if reader.at < bytes.len() {
        return Err(format!("{} bytes follow the end, at byte {}", bytes.len() - reader.at, reader.at));
    }
    Ok(value)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(n).filter(|end| *end <= self.bytes.len());
        let part = end.and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| {
            format!("it ends at byte {} in the middle of a value at byte {}", self.bytes.len(), self.at)
        })?;
        self.at += n;
        Ok(part)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The next marker; `N` says nothing and is skipped.
    fn kind(&mut self) -> Result<u8, String> {
        loop {
            match self.array::<1>()?[0] {
                b'N' => {}
                kind => return Ok(kind),
            }
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Result<Value, String> {
        if depth > DEEPEST {
            return Err(format!("values are nested more than {DEEPEST} deep at byte {}", self.at));
        }
        Ok(match kind {
            b'{' => self.object(depth)?,
            b'[' => self.list(depth)?,
            b'S' | b'H' => Value::String(self.string()?),
            b'C' => Value::String(char::from(self.array::<1>()?[0]).to_string()),
            b'T' => Value::Bool(true),
            b'F' => Value::Bool(false),
            b'Z' => Value::Null,
            _ => self.number(kind)?,
        })
    }

    fn number(&mut self, kind: u8) -> Result<Value, String> {
        let float = |v: f64| Number::from_f64(v).map_or(Value::Null, Value::Number);
        Ok(match kind {
            b'd' => float(f64::from(f32::from_be_bytes(self.array()?))),
            b'D' => float(f64::from_be_bytes(self.array()?)),
            _ => Value::from(self.whole(kind)?),
        })
    }

    fn whole(&mut self, kind: u8) -> Result<i64, String> {
        Ok(match kind {
            b'i' => i64::from(i8::from_be_bytes(self.array()?)),
            b'U' => i64::from(self.array::<1>()?[0]),
            b'I' => i64::from(i16::from_be_bytes(self.array()?)),
            b'l' => i64::from(i32::from_be_bytes(self.array()?)),
            b'L' => i64::from_be_bytes(self.array()?),
            other => {
                return Err(format!("unknown marker {:?} at byte {}", char::from(other), self.at - 1));
            }
        })
    }

    fn length(&mut self) -> Result<usize, String> {
        let kind = self.kind()?;
        let n = self.whole(kind)?;
        usize::try_from(n).map_err(|_| format!("a length of {n} at byte {}", self.at))
    }

    fn string(&mut self) -> Result<String, String> {
        let n = self.length()?;
        let at = self.at;
        let bytes = self.take(n)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| format!("text at byte {at} is not UTF-8"))
    }

    /// The element type and the number of elements, where they are given ahead.
    fn head(&mut self) -> Result<(Option<u8>, Option<usize>), String> {
        let mut kind = None;
        if self.peek() == Some(b'$') {
            self.at += 1;
            kind = Some(self.array::<1>()?[0]);
        }
        if self.peek() == Some(b'#') {
            self.at += 1;
            return Ok((kind, Some(self.length()?)));
        }
        match kind {
            None => Ok((None, None)),
            Some(_) => Err(format!("a typed list without a length at byte {}", self.at)),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, String> {
        let (kind, count) = self.head()?;
        let Some(count) = count else {
            let mut out = Vec::new();
            loop {
                match self.kind()? {
                    b']' => return Ok(Value::Array(out)),
                    kind => out.push(self.value(kind, depth + 1)?),
                }
            }
        };
        // Every element takes a byte at least, so a length that lies is found before memory is asked for.
        if count > self.bytes.len() - self.at {
            return Err(format!("a list of {count} elements at byte {}, and too few bytes left", self.at));
        }
        let mut out = Vec::new();
        for _ in 0..count {
            let kind = match kind {
                Some(kind @ (b'T' | b'F' | b'Z' | b'N')) => {
                    return Err(format!("a list of type {:?} at byte {}", char::from(kind), self.at));
                }
                Some(kind) => kind,
                None => self.kind()?,
            };
            out.push(self.value(kind, depth + 1)?);
        }
        Ok(Value::Array(out))
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        let (kind, count) = self.head()?;
        if let Some(kind) = kind {
            return Err(format!("an object of type {:?} at byte {}", char::from(kind), self.at));
        }
        let mut out = Map::new();
        let mut read = 0;
        while count.is_none_or(|count| read < count) {
            if count.is_none() && self.peek() == Some(b'}') {
                self.at += 1;
                break;
            }
            let name = self.string()?;
            let kind = self.kind()?;
            out.insert(name, self.value(kind, depth + 1)?);
            read += 1;
        }
        Ok(Value::Object(out))
    }
}
