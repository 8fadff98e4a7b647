//! What a cell is: missing, a number, a date, or something else.

use crate::table::time::{self, Order};

/// A cell as it was understood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell {
    Missing,
    Number(f64),
    /// A whole number that reading as a number would change.
    Code,
    /// A point in time with the day first and with the month first, as far as it is one.
    Time {
        day: Option<i64>,
        month: Option<i64>,
    },
    Other,
}

impl Cell {
    /// Reads a trimmed cell; `missing` are the words for no value, in lower case.
    pub(super) fn of(bytes: &[u8], missing: &[String]) -> Self {
        let Some(first) = bytes.first() else { return Self::Missing };
        if !matches!(first, b'0'..=b'9' | b'-' | b'+' | b'.') {
            let none =
                missing.iter().any(|m| m.len() == bytes.len() && m.as_bytes().eq_ignore_ascii_case(bytes));
            return if none { Self::Missing } else { Self::Other };
        }
        match number(bytes) {
            Some(cell) => cell,
            None => Self::slow(bytes, missing),
        }
    }

    #[cold]
    fn slow(bytes: &[u8], missing: &[String]) -> Self {
        let Ok(text) = std::str::from_utf8(bytes) else { return Self::Other };
        if missing.iter().any(|m| m.eq_ignore_ascii_case(text)) {
            return Self::Missing;
        }
        if let Some(value) = text.parse::<f64>().ok().filter(|v| v.is_finite()) {
            return Self::Number(value);
        }
        let (day, month) = (time::parse(text, Some(Order::Day)), time::parse(text, Some(Order::Month)));
        if day.or(month).is_some() { Self::Time { day, month } } else { Self::Other }
    }
}

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// A plain decimal whose digits and power of ten a float holds exactly, so that one division rounds it correctly
/// (Clinger, 1990), or a code. `None` for what needs another look.
fn number(bytes: &[u8]) -> Option<Cell> {
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (mut mantissa, mut seen, mut point) = (0_u64, 0_usize, None);
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
                seen += 1;
            }
            b'.' if point.is_none() => point = Some(at),
            _ => return None,
        }
    }
    if seen == 0 {
        return None;
    }
    let Some(point) = point else {
        if (seen > 1 && digits[0] == b'0') || seen > 15 {
            return Some(Cell::Code);
        }
        let value = mantissa as f64;
        return Some(Cell::Number(if negative { -value } else { value }));
    };
    let decimals = digits.len() - 1 - point;
    if seen > 19 || mantissa > 1 << 53 || decimals > 22 {
        return None;
    }
    let value = mantissa as f64 / POWERS[decimals];
    Some(Cell::Number(if negative { -value } else { value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_standard_library_reads_them() {
        for text in [
            "0",
            "-1",
            "+2.50",
            ".5",
            "7.",
            "123456789.123",
            "0.1",
            "-0.000123",
            "9007199254740993.5",
            "1e-3",
            "2E5",
        ] {
            assert_eq!(Cell::of(text.as_bytes(), &[]), Cell::Number(text.parse().unwrap()), "{text}");
        }
        for text in ["007", "12345678901234567"] {
            assert_eq!(Cell::of(text.as_bytes(), &[]), Cell::Code, "{text}");
        }
    }

    #[test]
    fn what_is_missing_a_date_or_neither_is_told_apart() {
        let of = |text: &str| Cell::of(text.as_bytes(), &["na".to_owned(), "-".to_owned()]);
        assert_eq!([of(""), of("NA"), of("-")], [Cell::Missing; 3]);
        for text in ["x", "inf", "nan", "1.2.3", "--1", "1-1-2001", "."] {
            assert_eq!(of(text), Cell::Other, "{text}");
        }
        assert!(matches!(of("2024-02-29"), Cell::Time { day: Some(a), month: Some(b) } if a == b));
        assert!(matches!(of("13/02/2024"), Cell::Time { day: Some(_), month: None }));
        assert!(matches!(of("02/03/2024"), Cell::Time { day: Some(a), month: Some(b) } if a != b));
    }
}
