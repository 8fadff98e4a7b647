//! A pickle machine that can do one thing: say which tensors a PyTorch state dictionary names. It knows the few
//! instructions and the few globals that such a file holds, calls nothing, and refuses all else by name.
//!
//! Objects live in one arena and name each other by position, so that no file, however nested, recurses here.

use std::collections::HashMap;

use super::source::Stored;

/// A run of numbers in its own entry of the archive.
#[derive(Debug, Clone)]
pub(super) struct Storage {
    pub(super) key: String,
    pub(super) stored: Stored,
    pub(super) numbers: usize,
}

/// A view of a storage.
#[derive(Debug, Clone)]
pub(super) struct TensorRef {
    pub(super) storage: Storage,
    /// In numbers.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) stride: Vec<usize>,
}

/// Arguments of a call, and numbers in a shape.
const MOST: usize = 16;

#[derive(Debug, Clone)]
enum Obj {
    None,
    Bool,
    Int(i64),
    Float,
    Str(String),
    Tuple(Vec<usize>),
    List,
    Dict(Vec<(usize, usize)>),
    Global(Known),
    Storage(Storage),
    Tensor(TensorRef),
}

#[derive(Debug, Clone, Copy)]
enum Known {
    RebuildTensor,
    OrderedDict,
    Storage(Stored),
}

fn known(module: &str, name: &str) -> Option<Known> {
    Some(match (module, name) {
        ("torch._utils", "_rebuild_tensor_v2") => Known::RebuildTensor,
        ("collections", "OrderedDict") => Known::OrderedDict,
        ("torch", "FloatStorage") => Known::Storage(Stored::F32),
        ("torch", "HalfStorage") => Known::Storage(Stored::F16),
        ("torch", "BFloat16Storage") => Known::Storage(Stored::Bf16),
        ("torch", "DoubleStorage") => Known::Storage(Stored::F64),
        ("torch", "LongStorage") => Known::Storage(Stored::Other(8)),
        ("torch", "IntStorage") => Known::Storage(Stored::Other(4)),
        ("torch", "ShortStorage") => Known::Storage(Stored::Other(2)),
        ("torch", "CharStorage" | "ByteStorage" | "BoolStorage") => Known::Storage(Stored::Other(1)),
        _ => return None,
    })
}

type Step<T> = Result<T, String>;

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    arena: Vec<Obj>,
    stack: Vec<usize>,
    marks: Vec<usize>,
    memo: HashMap<u32, usize>,
}

/// The tensors of a pickled state dictionary, in the file's order. The error says what was wrong.
pub(super) fn state_dict(bytes: &[u8]) -> Step<Vec<(String, TensorRef)>> {
    let mut machine = Machine {
        bytes,
        at: 0,
        arena: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    while !machine.step()? {}
    let root = machine.pop()?;
    let Obj::Dict(pairs) = &machine.arena[root] else {
        return Err("the pickle is not a dictionary of tensors".into());
    };
    let mut tensors = Vec::with_capacity(pairs.len());
    for &(key, value) in pairs {
        let Obj::Str(name) = &machine.arena[key] else {
            return Err("a key of the dictionary is not a name".into());
        };
        match &machine.arena[value] {
            Obj::Tensor(tensor) => tensors.push((name.clone(), tensor.clone())),
            _ => return Err(format!("`{name}` is not a tensor; save the state dictionary alone")),
        }
    }
    Ok(tensors)
}

impl Machine<'_> {
    fn take(&mut self, n: usize) -> Step<&[u8]> {
        let end = self.at.checked_add(n).filter(|&end| end <= self.bytes.len());
        let end =
            end.ok_or_else(|| format!("the pickle ends at byte {} within an instruction", self.bytes.len()))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Step<[u8; N]> {
        let mut number = [0; N];
        number.copy_from_slice(self.take(N)?);
        Ok(number)
    }

    fn text(&mut self, n: usize) -> Step<String> {
        let taken = self.take(n)?;
        std::str::from_utf8(taken).map(str::to_owned).map_err(|_| "a name is not UTF-8".into())
    }

    fn line(&mut self) -> Step<String> {
        let rest = &self.bytes[self.at..];
        let n = rest.iter().position(|&b| b == b'\n').ok_or("a name has no end")?;
        let line = self.text(n)?;
        self.at += 1;
        Ok(line)
    }

    fn push(&mut self, obj: Obj) {
        self.stack.push(self.arena.len());
        self.arena.push(obj);
    }

    fn pop(&mut self) -> Step<usize> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err("an instruction finds nothing on the stack".into());
        }
        self.stack.pop().ok_or_else(|| "an instruction finds nothing on the stack".into())
    }

    /// What lies above the last mark, which goes.
    fn above_mark(&mut self) -> Step<Vec<usize>> {
        let mark = self.marks.pop().ok_or("a mark is missing")?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn tuple(&mut self, n: usize) -> Step<()> {
        let mut items = (0..n).map(|_| self.pop()).collect::<Step<Vec<_>>>()?;
        items.reverse();
        self.push(Obj::Tuple(items));
        Ok(())
    }

    fn put(&mut self, slot: u32) -> Step<()> {
        let &top = self.stack.last().ok_or("there is nothing to remember")?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Step<()> {
        let &kept = self.memo.get(&slot).ok_or("something is recalled that was never kept")?;
        self.stack.push(kept);
        Ok(())
    }

    fn global(&mut self, module: &str, name: &str) -> Step<()> {
        match known(module, name) {
            Some(known) => {
                self.push(Obj::Global(known));
                Ok(())
            }
            None => Err(format!("it calls `{module}.{name}`, and nothing in a checkpoint is executed")),
        }
    }

    /// One instruction; true at the end.
    fn step(&mut self) -> Step<bool> {
        let [code] = self.number::<1>()?;
        match code {
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'.' => return Ok(true),
            b'(' => self.marks.push(self.stack.len()),
            b')' => self.push(Obj::Tuple(Vec::new())),
            b']' => self.push(Obj::List),
            b'}' => self.push(Obj::Dict(Vec::new())),
            b't' => {
                let items = self.above_mark()?;
                self.push(Obj::Tuple(items));
            }
            0x85..=0x87 => self.tuple(usize::from(code - 0x84))?,
            b'N' => self.push(Obj::None),
            0x88 | 0x89 => self.push(Obj::Bool),
            b'K' => {
                let [n] = self.number::<1>()?;
                self.push(Obj::Int(i64::from(n)));
            }
            b'M' => {
                let n = u16::from_le_bytes(self.number()?);
                self.push(Obj::Int(i64::from(n)));
            }
            b'J' => {
                let n = i32::from_le_bytes(self.number()?);
                self.push(Obj::Int(i64::from(n)));
            }
            0x8a => self.long()?,
            b'G' => {
                self.take(8)?;
                self.push(Obj::Float);
            }
            b'X' | b'T' => {
                let n = u32::from_le_bytes(self.number()?);
                let text = self.text(n as usize)?;
                self.push(Obj::Str(text));
            }
            0x8c | b'U' => {
                let [n] = self.number::<1>()?;
                let text = self.text(usize::from(n))?;
                self.push(Obj::Str(text));
            }
            b'q' | b'h' => {
                let [slot] = self.number::<1>()?;
                if code == b'q' { self.put(u32::from(slot))? } else { self.recall(u32::from(slot))? }
            }
            b'r' | b'j' => {
                let slot = u32::from_le_bytes(self.number()?);
                if code == b'r' { self.put(slot)? } else { self.recall(slot)? }
            }
            0x94 => self.put(self.memo.len() as u32)?,
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Obj::Str(name), Obj::Str(module)) =
                    (self.arena[name].clone(), self.arena[module].clone())
                else {
                    return Err("a global is not named by texts".into());
                };
                self.global(&module, &name)?;
            }
            b'Q' => self.persistent()?,
            b'R' => self.reduce()?,
            b's' | b'u' => self.set_items(code == b'u')?,
            b'a' => {
                self.pop()?;
            }
            b'e' => drop(self.above_mark()?),
            b'b' => self.build()?,
            other => return Err(format!("instruction 0x{other:02x} has no place in a state dictionary")),
        }
        Ok(false)
    }

    fn long(&mut self) -> Step<()> {
        let [n] = self.number::<1>()?;
        if n > 8 {
            return Err("a whole number has more than 64 bits".into());
        }
        let taken = self.take(usize::from(n))?;
        let negative = taken.last().is_some_and(|&top| top >= 0x80);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        wide[..taken.len()].copy_from_slice(taken);
        self.push(Obj::Int(i64::from_le_bytes(wide)));
        Ok(())
    }

    /// What is put into a list is not looked at: no tensor comes from there.
    fn set_items(&mut self, many: bool) -> Step<()> {
        let items = if many {
            self.above_mark()?
        } else {
            let (value, key) = (self.pop()?, self.pop()?);
            vec![key, value]
        };
        let &target = self.stack.last().ok_or("items are set on nothing")?;
        match &mut self.arena[target] {
            Obj::Dict(pairs) if items.len().is_multiple_of(2) => {
                pairs.extend(items.as_chunks().0.iter().map(|&[key, value]| (key, value)));
                Ok(())
            }
            _ => Err("items are set on what is not a dictionary".into()),
        }
    }

    /// Attributes of the dictionary (versions of modules) are of no use here.
    fn build(&mut self) -> Step<()> {
        self.pop()?;
        match self.stack.last().map(|&top| &self.arena[top]) {
            Some(Obj::Dict(_)) => Ok(()),
            _ => Err("it sets attributes of an object, and nothing in a checkpoint is executed".into()),
        }
    }

    fn items(&mut self) -> Step<Vec<Obj>> {
        let top = self.pop()?;
        match &self.arena[top] {
            Obj::Tuple(items) if items.len() <= MOST && items.iter().all(|&i| self.is_short(i)) => {
                Ok(items.iter().map(|&i| self.arena[i].clone()).collect())
            }
            _ => Err("arguments are not a short tuple".into()),
        }
    }

    /// Whether an argument costs little to copy, as those of a checkpoint do.
    fn is_short(&self, at: usize) -> bool {
        match &self.arena[at] {
            Obj::Tuple(items) => items.len() <= MOST,
            Obj::Str(text) => text.len() <= 256,
            Obj::Dict(pairs) => pairs.is_empty(),
            _ => true,
        }
    }

    fn persistent(&mut self) -> Step<()> {
        let items = self.items()?;
        match &items[..] {
            [Obj::Str(tag), Obj::Global(Known::Storage(stored)), Obj::Str(key), _, Obj::Int(numbers), ..]
                if tag == "storage" =>
            {
                let numbers = usize::try_from(*numbers).map_err(|_| "a storage has a negative size")?;
                self.push(Obj::Storage(Storage { key: key.clone(), stored: *stored, numbers }));
                Ok(())
            }
            _ => Err("it refers to something outside that is not a storage".into()),
        }
    }

    fn reduce(&mut self) -> Step<()> {
        let arguments = self.items()?;
        let function = self.pop()?;
        match (&self.arena[function], &arguments[..]) {
            (Obj::Global(Known::OrderedDict), []) => {
                self.push(Obj::Dict(Vec::new()));
                Ok(())
            }
            (
                Obj::Global(Known::RebuildTensor),
                [Obj::Storage(storage), Obj::Int(offset), Obj::Tuple(shape), Obj::Tuple(stride), ..],
            ) => {
                let sizes = |list: &[usize]| -> Step<Vec<usize>> {
                    list.iter()
                        .map(|&i| match self.arena[i] {
                            Obj::Int(n) => usize::try_from(n).map_err(|_| "a size is negative".to_owned()),
                            _ => Err("a size is not a number".to_owned()),
                        })
                        .collect()
                };
                let offset = usize::try_from(*offset).map_err(|_| "an offset is negative")?;
                let tensor = TensorRef {
                    storage: storage.clone(),
                    offset,
                    shape: sizes(shape)?,
                    stride: sizes(stride)?,
                };
                self.push(Obj::Tensor(tensor));
                Ok(())
            }
            _ => Err("it calls something with unexpected arguments, and nothing in a checkpoint is executed"
                .into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pickle_that_would_run_something_is_refused_by_name() {
        let error = state_dict(b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.").unwrap_err();
        assert!(error.contains("`os.system`"), "{error}");
        let error = state_dict(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.").unwrap_err();
        assert!(error.contains("`builtins.eval`"), "{error}");
        let error = state_dict(b"\x80\x02i").unwrap_err();
        assert!(error.contains("0x69"), "{error}");
    }

    #[test]
    fn no_bytes_make_it_fall_over() {
        let mut deep = vec![b')'];
        deep.extend(std::iter::repeat_n(0x85, 200_000));
        deep.push(b'.');
        assert!(state_dict(&deep).unwrap_err().contains("not a dictionary"));
        for bytes in
            [&b""[..], b".", b"(t.", b"}(K\x01u.", b"s", b"\x8a\xff", b"X\xff\xff\xff\xff", b"u", b"h\x01"]
        {
            assert!(state_dict(bytes).is_err());
        }
        const CODES: &[u8] = b"\x80.()]}t\x85\x86NK\x01\x8aGXUqhQRsuaebc\n\x94\x93";
        let mut random = 12345u32;
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..24)
                .map(|_| {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    CODES[(random >> 24) as usize % CODES.len()]
                })
                .collect();
            let _ = state_dict(&bytes);
        }
    }
}
