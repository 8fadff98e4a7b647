//! A SentencePiece model: the few fields of its protocol buffer that tokenizing needs.

use std::path::Path;

use prompt_core::{Error, Result};

/// What kind of piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Unknown,
    Control,
    Byte,
}

/// A unigram model.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) pieces: Vec<(String, f64, Kind)>,
    /// The compiled table of normalisation; empty for none.
    pub(super) charsmap: Vec<u8>,
}

impl Pieces {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
        read(&bytes).map_err(|what| Error::artifact(path, what, "fetch the SentencePiece model again"))
    }

    pub(super) fn unknown(&self) -> Option<usize> {
        self.pieces.iter().position(|(_, _, kind)| *kind == Kind::Unknown)
    }

    pub(super) fn has_bytes(&self) -> bool {
        self.pieces.iter().any(|(_, _, kind)| *kind == Kind::Byte)
    }
}

/// A field's content.
enum Content<'a> {
    Number(u64),
    Fixed32([u8; 4]),
    Bytes(&'a [u8]),
    Fixed64,
}

struct Message<'a>(&'a [u8]);

impl<'a> Message<'a> {
    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or("it ends within a number")?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("a number is too long".into())
    }

    fn take(&mut self, n: u64) -> Result<&'a [u8], String> {
        let n = usize::try_from(n).ok().filter(|&n| n <= self.0.len()).ok_or("it is truncated within a field")?;
        let (taken, rest) = self.0.split_at(n);
        self.0 = rest;
        Ok(taken)
    }

    /// The next field's number and content.
    fn field(&mut self) -> Result<Option<(u64, Content<'a>)>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let content = match key & 7 {
            0 => Content::Number(self.varint()?),
            1 => {
                self.take(8)?;
                Content::Fixed64
            }
            2 => {
                let n = self.varint()?;
                Content::Bytes(self.take(n)?)
            }
            5 => {
                let mut four = [0; 4];
                four.copy_from_slice(self.take(4)?);
                Content::Fixed32(four)
            }
            other => return Err(format!("a field has the unknown type {other}")),
        };
        Ok(Some((key >> 3, content)))
    }
}

fn read(bytes: &[u8]) -> Result<Pieces, String> {
    let mut model = Pieces::default();
    let mut message = Message(bytes);
    while let Some((number, content)) = message.field()? {
        match (number, content) {
            (1, Content::Bytes(piece)) => model.pieces.push(read_piece(piece)?),
            (2, Content::Bytes(trainer)) => check_unigram(trainer)?,
            (3, Content::Bytes(normaliser)) => {
                let mut inner = Message(normaliser);
                while let Some((number, content)) = inner.field()? {
                    if let (2, Content::Bytes(map)) = (number, content) {
                        model.charsmap = map.to_vec();
                    }
                }
            }
            _ => {}
        }
    }
    if model.pieces.is_empty() {
        return Err("it holds no pieces".into());
    }
    Ok(model)
}

fn read_piece(bytes: &[u8]) -> Result<(String, f64, Kind), String> {
    let (mut text, mut score, mut kind) = (String::new(), 0.0, Kind::Normal);
    let mut message = Message(bytes);
    while let Some((number, content)) = message.field()? {
        match (number, content) {
            (1, Content::Bytes(piece)) => {
                text = std::str::from_utf8(piece).map_err(|_| "a piece is not UTF-8")?.to_owned();
            }
            (2, Content::Fixed32(four)) => score = f64::from(f32::from_le_bytes(four)),
            (3, Content::Number(n)) => {
                kind = match n {
                    2 => Kind::Unknown,
                    3 => Kind::Control,
                    6 => Kind::Byte,
                    _ => Kind::Normal,
                };
            }
            _ => {}
        }
    }
    if !score.is_finite() {
        return Err(format!("the piece `{text}` has the score {score}"));
    }
    Ok((text, score, kind))
}

fn check_unigram(trainer: &[u8]) -> Result<(), String> {
    let mut message = Message(trainer);
    while let Some((number, content)) = message.field()? {
        if let (3, Content::Number(kind)) = (number, content) {
            if kind != 1 {
                return Err("it is not a unigram model; use a checkpoint with tokenizer.json".into());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_models_are_refused() {
        assert!(read(b"").unwrap_err().contains("no pieces"));
        assert!(read(b"\x0a\x05\x0a").unwrap_err().contains("truncated"));
        assert!(read(&[0xff; 30]).is_err());
        let ok = read(b"\x0a\x0a\x0a\x01a\x15\x00\x00\x80\xbf\x18\x01").unwrap();
        assert_eq!(ok.pieces, [("a".to_owned(), -1.0, Kind::Normal)]);
    }
}
