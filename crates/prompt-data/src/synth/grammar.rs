//! The template language of the generators: read a grammar, expand a family.
//!
//! ```text
//! # a comment
//! @class benign                     the families below carry this label
//! @family recipe easy 3             name, easy or hard, weight; then one template a line
//! How do I cook {dish}[ for {number} guests]?
//! @slot dish                        named alternatives; slots may hold slots
//! 3* <rice|lentils> with onions     `3*` is a weight, `<a|b>` a choice in place; `[a|b]` the same, but half of the
//!                                   time nothing
//!   and butter                      an indented line continues the one above
//! ```
//!
//! `{dish:upper}` puts the expansion through a filter. A backslash takes the next character as it is; `\n` is a
//! line break. A name that nothing defines, a slot that holds itself, an unknown filter or an unclosed bracket is an
//! error with file, line and column.

use std::collections::BTreeMap;

use prompt_core::{Error, Result, Rng};

use super::filter::Filter;

/// A parsed grammar.
///
/// ```
/// use prompt_core::Seed;
/// use prompt_data::synth::Grammar;
///
/// let text = "@class benign\n@family recipe easy 1\nHow long does {dish} take?\n@slot dish\n<boiled|fried> rice";
/// let grammar = Grammar::parse(&[("recipes.txt", text)])?;
/// let prompt = grammar.expand(0, &mut Seed::new(1).rng()).unwrap();
/// assert!(prompt == "How long does boiled rice take?" || prompt == "How long does fried rice take?");
///
/// let error = Grammar::parse(&[("recipes.txt", "@class c\n@family f easy 1\nCook {fish}!")]).unwrap_err();
/// assert!(error.to_string().starts_with("recipes.txt, line 3, column 6: no slot is named `fish`"));
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Grammar {
    families: Vec<Family>,
    slots: Vec<Slot>,
}

/// A group of templates that share an idea; its name is the `source` of every prompt made from it.
#[derive(Debug, Clone)]
pub struct Family {
    /// The name, unique in the grammar.
    pub name: String,
    /// The label of its prompts.
    pub class: String,
    /// Whether its prompts look like another class.
    pub hard: bool,
    /// How often it is drawn, against the others of its class and difficulty.
    pub weight: u32,
    templates: Choices,
}

#[derive(Debug, Clone)]
struct Slot {
    name: String,
    choices: Choices,
}

/// Weighted alternatives; `ends` holds the running sums of the weights.
#[derive(Debug, Clone, Default)]
struct Choices {
    items: Vec<Vec<Piece>>,
    ends: Vec<usize>,
}

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Slot { index: usize, filter: Option<Filter> },
    Optional(Choices),
    OneOf(Choices),
}

impl Choices {
    fn push(&mut self, weight: usize, item: Vec<Piece>) {
        self.ends.push(self.ends.last().unwrap_or(&0) + weight);
        self.items.push(item);
    }

    fn draw(&self, rng: &mut Rng) -> &[Piece] {
        let at = rng.below(self.ends.last().copied().unwrap_or(0));
        self.items.get(self.ends.partition_point(|&end| end <= at)).map_or(&[], Vec::as_slice)
    }

    /// Appends the index of every slot named in here.
    fn slots(&self, found: &mut Vec<usize>) {
        for piece in self.items.iter().flatten() {
            match piece {
                Piece::Text(_) => {}
                Piece::Slot { index, .. } => found.push(*index),
                Piece::Optional(choices) | Piece::OneOf(choices) => choices.slots(found),
            }
        }
    }
}

impl Grammar {
    /// Reads the parts of a grammar: (file name for the errors, text). Slots are seen from every part.
    ///
    /// # Errors
    /// [`Error::Parse`] with file, line and column, as listed in the module's documentation.
    pub fn parse(parts: &[(&str, &str)]) -> Result<Self> {
        let mut sections = Vec::new();
        for &(file, text) in parts {
            read_sections(file, text, &mut sections)?;
        }
        let mut index = BTreeMap::new();
        for section in &sections {
            if let Head::Slot(name) = section.head {
                let next = index.len();
                if index.insert(name, next).is_some() {
                    return Err(
                        section.error(format!("slot `{name}` is defined twice"), "rename one of them")
                    );
                }
            }
        }
        let mut grammar = Self { families: Vec::new(), slots: Vec::new() };
        for section in &sections {
            let choices = section.choices(&index)?;
            match section.head {
                Head::Slot(name) => grammar.slots.push(Slot { name: name.to_owned(), choices }),
                Head::Family { name, class, hard, weight } => {
                    if grammar.families.iter().any(|f| f.name == name) {
                        return Err(
                            section.error(format!("family `{name}` is defined twice"), "rename one of them")
                        );
                    }
                    let (name, class) = (name.to_owned(), class.to_owned());
                    grammar.families.push(Family { name, class, hard, weight, templates: choices });
                }
            }
        }
        grammar.refuse_cycles()?;
        Ok(grammar)
    }

    /// The families, in the order of the files.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// A text of the `family`-th family; `None` when there is no such family.
    pub fn expand(&self, family: usize, rng: &mut Rng) -> Option<String> {
        let mut text = String::new();
        self.write(self.families.get(family)?.templates.draw(rng), rng, &mut text);
        Some(tidy(&text))
    }

    /// A text of the slot called `name`; `None` when there is no such slot.
    pub fn expand_slot(&self, name: &str, rng: &mut Rng) -> Option<String> {
        let mut text = String::new();
        self.write(self.slots.iter().find(|s| s.name == name)?.choices.draw(rng), rng, &mut text);
        Some(tidy(&text))
    }

    /// Appends an expansion. `refuse_cycles` bounds the depth.
    fn write(&self, pieces: &[Piece], rng: &mut Rng, out: &mut String) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Optional(choices) => {
                    if rng.chance(0.5) {
                        self.write(choices.draw(rng), rng, out);
                    }
                }
                Piece::OneOf(choices) => self.write(choices.draw(rng), rng, out),
                Piece::Slot { index, filter } => {
                    let start = out.len();
                    if let Some(slot) = self.slots.get(*index) {
                        self.write(slot.choices.draw(rng), rng, out);
                    }
                    if let Some(filter) = filter {
                        let plain = out.split_off(start);
                        out.push_str(&filter.apply(&plain));
                    }
                }
            }
        }
    }

    /// The slots that nothing refers to.
    #[cfg(test)]
    pub(super) fn unused_slots(&self) -> impl Iterator<Item = &str> {
        let mut used = Vec::new();
        self.families.iter().for_each(|f| f.templates.slots(&mut used));
        self.slots.iter().for_each(|s| s.choices.slots(&mut used));
        self.slots.iter().enumerate().filter(move |(i, _)| !used.contains(i)).map(|(_, s)| s.name.as_str())
    }

    /// A slot that reaches itself would expand for ever.
    fn refuse_cycles(&self) -> Result<()> {
        for (start, slot) in self.slots.iter().enumerate() {
            let mut seen = vec![false; self.slots.len()];
            let mut open = Vec::new();
            slot.choices.slots(&mut open);
            while let Some(at) = open.pop() {
                if at == start {
                    return Err(Error::input(
                        format!("grammar: slot `{}` holds itself, directly or through others", slot.name),
                        "break the circle",
                    ));
                }
                if let (Some(seen), Some(below)) = (seen.get_mut(at), self.slots.get(at))
                    && !std::mem::replace(seen, true)
                {
                    below.choices.slots(&mut open);
                }
            }
        }
        Ok(())
    }
}

/// What a section defines.
#[derive(Clone, Copy)]
enum Head<'a> {
    Slot(&'a str),
    Family { name: &'a str, class: &'a str, hard: bool, weight: u32 },
}

/// A header with the lines below it, before their slots are looked up.
struct Section<'a> {
    file: &'a str,
    line: u64,
    head: Head<'a>,
    /// Line number and text of each alternative, continuation lines joined.
    lines: Vec<(u64, String)>,
}

fn read_sections<'a>(file: &'a str, text: &'a str, sections: &mut Vec<Section<'a>>) -> Result<()> {
    let first = sections.len();
    let mut class = None;
    for (line, number) in text.lines().zip(1u64..) {
        if line.trim().is_empty() || line.starts_with("# ") {
            continue;
        }
        let error = |what: String, help: &str| Err(Error::parse(file, number, None, what, help));
        let Some(header) = line.strip_prefix('@') else {
            let Some(section) = sections.get_mut(first..).and_then(<[_]>::last_mut) else {
                return error("text before the first section".to_owned(), "start with @family or @slot");
            };
            match section.lines.last_mut() {
                Some((_, above)) if line.starts_with(' ') => {
                    above.push(' ');
                    above.push_str(line.trim());
                }
                _ => section.lines.push((number, line.trim().to_owned())),
            }
            continue;
        };
        let words: Vec<&str> = header.split_whitespace().collect();
        let head = match (words.as_slice(), class) {
            (["class", name], _) => {
                class = Some(*name);
                continue;
            }
            (["slot", name], _) => Head::Slot(name),
            (["family", name, level @ ("easy" | "hard"), weight], Some(class)) => match weight.parse() {
                Ok(weight @ 1..) => Head::Family { name, class, hard: *level == "hard", weight },
                _ => return error(format!("the weight `{weight}` is no whole number ≥ 1"), "write e.g. 1"),
            },
            (["family", ..], None) => {
                return error("a family without a class".to_owned(), "put @class NAME above");
            }
            _ => {
                let help = "write @class NAME, @slot NAME or @family NAME easy|hard WEIGHT";
                return error(format!("`{line}` is no header"), help);
            }
        };
        sections.push(Section { file, line: number, head, lines: Vec::new() });
    }
    Ok(())
}

impl Section<'_> {
    fn error(&self, what: String, help: &str) -> Error {
        Error::parse(self.file, self.line, None, what, help)
    }

    fn choices(&self, index: &BTreeMap<&str, usize>) -> Result<Choices> {
        if self.lines.is_empty() {
            return Err(self.error("an empty section".to_owned(), "write one alternative a line below it"));
        }
        let mut choices = Choices::default();
        for (line, text) in &self.lines {
            let (weight, start) = weight_prefix(text);
            let chars = text.char_indices().collect();
            let mut parser = Parser { file: self.file, line: *line, text, chars, at: start, index };
            choices.push(weight, parser.pieces("")?);
        }
        Ok(choices)
    }
}

/// The weight before the star at the start of a line (1 without one) and the number of characters it takes.
fn weight_prefix(text: &str) -> (usize, usize) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(digits).unwrap_or((text, ""));
    match (number.parse(), rest) {
        (Ok(weight @ 1..), "*") => (weight, digits + 1),
        (Ok(weight @ 1..), _) if rest.starts_with("* ") => (weight, digits + 2),
        _ => (1, 0),
    }
}

/// Reads one line into pieces, by recursive descent.
struct Parser<'a> {
    file: &'a str,
    line: u64,
    text: &'a str,
    chars: Vec<(usize, char)>,
    at: usize,
    index: &'a BTreeMap<&'a str, usize>,
}

impl Parser<'_> {
    /// Everything up to one of the characters in `stops`, which is left unread; to the end of the line for "".
    fn pieces(&mut self, stops: &str) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        while let Some(&(_, c)) = self.chars.get(self.at) {
            if stops.contains(c) {
                break;
            }
            let start = self.at;
            self.at += 1;
            let piece = match c {
                '\\' => {
                    match self.chars.get(self.at) {
                        Some((_, 'n')) => text.push('\n'),
                        Some(&(_, c)) => text.push(c),
                        None => {
                            return Err(self.error(start, "a backslash at the end of the line".to_owned()));
                        }
                    }
                    self.at += 1;
                    continue;
                }
                '{' => self.slot(start)?,
                '[' => Piece::Optional(self.choices(start, "|]", ']')?),
                '<' => Piece::OneOf(self.choices(start, "|>", '>')?),
                '}' | ']' | '>' => return Err(self.error(start, format!("`{c}` closes nothing"))),
                _ => {
                    text.push(c);
                    continue;
                }
            };
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(piece);
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(pieces)
    }

    /// `a|b|c` up to the closing bracket, all of weight 1.
    fn choices(&mut self, start: usize, stops: &str, bracket: char) -> Result<Choices> {
        let mut choices = Choices::default();
        loop {
            choices.push(1, self.pieces(stops)?);
            if self.chars.get(self.at).is_none_or(|&(_, c)| c != '|') {
                break;
            }
            self.at += 1;
        }
        self.close(start, bracket)?;
        Ok(choices)
    }

    fn slot(&mut self, start: usize) -> Result<Piece> {
        let mut inside = String::new();
        while let Some(&(_, c)) = self.chars.get(self.at)
            && c != '}'
        {
            inside.push(c);
            self.at += 1;
        }
        self.close(start, '}')?;
        let (name, filter) = match inside.split_once(':') {
            Some((name, filter)) => match Filter::from_name(filter) {
                Some(filter) => (name, Some(filter)),
                None => return Err(self.error(start, format!("no filter is named `{filter}`"))),
            },
            None => (inside.as_str(), None),
        };
        match self.index.get(name) {
            Some(&index) => Ok(Piece::Slot { index, filter }),
            None => Err(self.error(start, format!("no slot is named `{name}`"))),
        }
    }

    fn close(&mut self, start: usize, bracket: char) -> Result<()> {
        if self.chars.get(self.at).is_some_and(|&(_, c)| c == bracket) {
            self.at += 1;
            return Ok(());
        }
        Err(self.error(start, format!("this bracket is never closed by `{bracket}`")))
    }

    fn error(&self, at: usize, what: String) -> Error {
        let byte = self.chars.get(at).map_or(self.text.len(), |&(byte, _)| byte);
        let help = "correct the template; a backslash makes a bracket an ordinary character";
        Error::parse(self.file, self.line, byte as u64 + 1, what, help)
    }
}

/// Closes the gaps that empty optional parts leave: one space at a time, none before a punctuation mark.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            ' ' if out.ends_with([' ', '\n']) => {}
            '\n' | ',' | '.' | '?' | '!' | ';' if out.ends_with(' ') => {
                out.pop();
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use prompt_core::Seed;

    fn error(text: &str) -> String {
        Grammar::parse(&[("g.txt", text)]).unwrap_err().to_string()
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let family = "@class c\n@family f easy 1\n";
        for (text, expected) in [
            ("hello", "g.txt, line 1: text before the first section"),
            ("@family f easy 1\nx", "g.txt, line 1: a family without a class"),
            ("@class c\n@family f middling 1", "g.txt, line 2: `@family f middling 1` is no header"),
            ("@class c\n@family f easy 0", "g.txt, line 2: the weight `0` is no whole number ≥ 1"),
            ("@slot a\n@slot b\nx", "g.txt, line 1: an empty section"),
            ("@slot a\nx\n@slot a\ny", "g.txt, line 3: slot `a` is defined twice"),
            (&format!("{family}x\n@family f easy 1\ny"), "g.txt, line 4: family `f` is defined twice"),
            (&format!("{family}é {{who}}"), "g.txt, line 3, column 4: no slot is named `who`"),
            (&format!("{family}{{who:loud}}"), "g.txt, line 3, column 1: no filter is named `loud`"),
            (&format!("{family}a [b"), "g.txt, line 3, column 3: this bracket is never closed by `]`"),
            (&format!("{family}a <b|c"), "g.txt, line 3, column 3: this bracket is never closed by `>`"),
            (&format!("{family}a}}"), "g.txt, line 3, column 2: `}` closes nothing"),
            ("@slot a\n{b}\n@slot b\n[{a}]", "grammar: slot `a` holds itself"),
        ] {
            let found = error(text);
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn weights_choices_options_filters_and_continued_lines_expand() {
        let text = "@class c\n@family f easy 1\n{dish:upper}[,] <a|b\\>> {n}\n@slot dish\nred\n  rice\n@slot n\n3* 1\n2";
        let grammar = Grammar::parse(&[("g.txt", text)]).unwrap();
        let mut rng = Seed::new(5).rng();
        let mut counts = BTreeMap::new();
        for _ in 0..4000 {
            *counts.entry(grammar.expand(0, &mut rng).unwrap()).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 8);
        let ones: i32 = counts.iter().filter(|(k, _)| k.ends_with('1')).map(|(_, n)| n).sum();
        assert!((2900..3100).contains(&ones), "{ones}");
        assert!(counts.contains_key("RED RICE, b> 2"), "{counts:?}");
    }
}
