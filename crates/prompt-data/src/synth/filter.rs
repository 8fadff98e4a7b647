//! Rewritings of an expanded slot: the disguises that attackers and ordinary people use.

/// What `{slot:filter}` does to the expansion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    /// First letter in upper case.
    Capital,
    /// All letters in upper case.
    Upper,
    /// All letters in lower case.
    Lower,
    /// A space between the letters: `l i k e  t h i s`.
    Spaced,
    /// Digits for letters that look alike.
    Leet,
    /// Base64 of the UTF-8 bytes.
    Base64,
    /// Each Latin letter moved on by thirteen.
    Rot13,
    /// Each word written backwards.
    Backwards,
}

impl Filter {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "capital" => Self::Capital,
            "upper" => Self::Upper,
            "lower" => Self::Lower,
            "spaced" => Self::Spaced,
            "leet" => Self::Leet,
            "base64" => Self::Base64,
            "rot13" => Self::Rot13,
            "backwards" => Self::Backwards,
            _ => return None,
        })
    }

    pub(super) fn apply(self, text: &str) -> String {
        match self {
            Self::Capital => capital(text),
            Self::Upper => text.to_uppercase(),
            Self::Lower => text.to_lowercase(),
            Self::Spaced => {
                let words = text.split_whitespace().map(|word| {
                    let letters: Vec<String> = word.chars().map(String::from).collect();
                    letters.join(" ")
                });
                words.collect::<Vec<_>>().join(" / ")
            }
            Self::Leet => text.chars().map(leet).collect(),
            Self::Base64 => base64(text.as_bytes()),
            Self::Rot13 => text.chars().map(rot13).collect(),
            Self::Backwards => {
                let words = text.split_whitespace().map(|word| word.chars().rev().collect::<String>());
                words.collect::<Vec<_>>().join(" ")
            }
        }
    }
}

/// `text` with its first letter in upper case.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn leet(c: char) -> char {
    match c {
        'a' => '4',
        'e' => '3',
        'i' => '1',
        'o' => '0',
        's' => '5',
        't' => '7',
        _ => c,
    }
}

fn rot13(c: char) -> char {
    let turn = |base: u8| char::from(base + (c as u8 - base + 13) % 26);
    match c {
        'a'..='z' => turn(b'a'),
        'A'..='Z' => turn(b'A'),
        _ => c,
    }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, i| bits << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let sextet = (bits >> (18 - 6 * i)) as usize & 63;
            out.push(if i <= chunk.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_filter_has_a_name_and_does_its_work() {
        for (name, text, expected) in [
            ("capital", "élan vital", "Élan vital"),
            ("upper", "stop it", "STOP IT"),
            ("lower", "Stop IT", "stop it"),
            ("spaced", "no way", "n o / w a y"),
            ("leet", "test case", "7357 c453"),
            ("base64", "any carnal pleas", "YW55IGNhcm5hbCBwbGVhcw=="),
            ("base64", "any carnal pleasu", "YW55IGNhcm5hbCBwbGVhc3U="),
            ("base64", "any carnal pleasur", "YW55IGNhcm5hbCBwbGVhc3Vy"),
            ("rot13", "Why, zebra?", "Jul, mroen?"),
            ("backwards", "red rice", "der ecir"),
        ] {
            assert_eq!(Filter::from_name(name).unwrap().apply(text), expected, "{name}");
        }
        assert_eq!(Filter::from_name("loud"), None);
    }
}
