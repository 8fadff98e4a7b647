//! Points in time as files write them.

use prompt_core::civil;

/// What comes first where a date is written with slashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Day,
    Month,
}

/// The order in which a column writes days and months between slashes: the one in which all of its cells are dates.
/// `None` where both are possible and say different things, or neither is; any order will do without slashes.
pub(super) fn order<'a>(cells: &(impl Iterator<Item = &'a str> + Clone)) -> Option<Order> {
    let fits = |order| cells.clone().all(|cell| parse(cell, Some(order)).is_some());
    match (fits(Order::Day), fits(Order::Month)) {
        (true, false) => Some(Order::Day),
        (false, true) => Some(Order::Month),
        (true, true) => {
            let same = cells.clone().all(|c| parse(c, Some(Order::Day)) == parse(c, Some(Order::Month)));
            same.then_some(Order::Day)
        }
        (false, false) => None,
    }
}

/// Milliseconds since 1970-01-01 UTC of a date, or of a date and `HH:MM`, `HH:MM:SS` or `HH:MM:SS.fff` after `T` or a
/// blank, with `Z`, `+hh:mm` or nothing (UTC) at the end. A date is `YYYY-MM-DD`, `YYYY/MM/DD`, `DD.MM.YYYY`, or, where
/// the order is known, `DD/MM/YYYY` or `MM/DD/YYYY`. `None` for anything else.
pub(crate) fn parse(text: &str, order: Option<Order>) -> Option<i64> {
    let (date, clock) = match text.find(['T', 't', ' ']) {
        Some(at) => (text.get(..at)?, Some(text.get(at + 1..)?)),
        None => (text, None),
    };
    let separator = date.bytes().find(|b| !b.is_ascii_digit())?;
    let mut parts = date.split(char::from(separator));
    let (a, b, c) = (parts.next()?, parts.next()?, parts.next()?);
    let (year, month, day) = match (separator, order) {
        (b'-', _) => (number(a, 4)?, number(b, 2)?, number(c, 2)?),
        (b'/', _) if a.len() == 4 => (number(a, 4)?, number(b, 2)?, number(c, 2)?),
        (b'.', _) | (b'/', Some(Order::Day)) => (number(c, 4)?, short(b)?, short(a)?),
        (b'/', Some(Order::Month)) => (number(c, 4)?, short(a)?, short(b)?),
        _ => return None,
    };
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let mut millis = days(year, month, day) * 86_400_000;
    if let Some(clock) = clock {
        let (clock, offset) = zone(clock)?;
        millis += of_day(clock)? - offset;
    }
    Some(millis)
}

/// A point in time as [`parse`] reads it: the date alone at midnight, milliseconds only where there are some.
pub(crate) fn format(millis: i64) -> String {
    let (days, of_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let mut text = format!("{year:04}-{month:02}-{day:02}");
    if of_day > 0 {
        let seconds = of_day / 1000;
        text += &format!("T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        if of_day % 1000 > 0 {
            text += &format!(".{:03}", of_day % 1000);
        }
    }
    text
}

/// A number of one or two digits.
fn short(text: &str) -> Option<i64> {
    number(text, text.len().clamp(1, 2))
}

/// A number of exactly so many digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// The clock without its zone, and the zone's offset in milliseconds.
fn zone(clock: &str) -> Option<(&str, i64)> {
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = clock.rfind(['+', '-']) else { return Some((clock, 0)) };
    let (clock, offset) = clock.split_at(at);
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let minutes = number(hours, 2)? * 60 + number(minutes, 2)?;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    (minutes < 24 * 60).then_some((clock, sign * minutes * 60_000))
}

/// Milliseconds since midnight.
fn of_day(clock: &str) -> Option<i64> {
    let mut parts = clock.split(':');
    let hour = number(parts.next()?, 2)?;
    let minute = number(parts.next()?, 2)?;
    let (second, millis) = match parts.next() {
        None => (0, 0),
        Some(rest) => {
            let (second, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
            let fraction = fraction.get(..fraction.len().min(3))?;
            let scale = 10_i64.pow(3 - fraction.len() as u32);
            (number(second, 2)?, number(fraction, fraction.len())? * scale)
        }
    };
    let legal = parts.next().is_none() && hour < 24 && minute < 60 && second < 61;
    legal.then_some(((hour * 60 + minute) * 60 + second) * 1000 + millis)
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let of_years = before * 365 + before / 4 - before / 100 + before / 400;
    let of_months: i64 = (1..month).map(|m| days_in(year, m)).sum();
    // 719,162 days lie between the first day of year 1 and 1970-01-01.
    of_years + of_months + day - 1 - 719_162
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iso(text: &str) -> Option<i64> {
        parse(text, None)
    }

    #[test]
    fn dates_and_times_are_milliseconds_of_utc() {
        assert_eq!(iso("1970-01-01"), Some(0));
        assert_eq!(iso("2000-02-29"), Some(951_782_400_000));
        assert_eq!(iso("2031-05-04T06:07:08Z"), Some(1_935_641_228_000));
        assert_eq!(iso("1970-01-01 00:00:01.5"), Some(1_500));
        assert_eq!(iso("1970-01-01T02:00+02:00"), Some(0));
        assert_eq!(iso("1969-12-31"), Some(-86_400_000));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "2001-02-29",
            "2001-13-01",
            "1-1-2001",
            "2001-01-01T25:00",
            "2001-01-01x",
            "20010101",
            "01/02/2001",
            "1.5",
        ] {
            assert_eq!(iso(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_with_dots_begins_with_its_day_and_one_with_slashes_needs_an_order() {
        let at = iso("2024-12-05");
        assert!(at.is_some());
        for text in ["05.12.2024", "5.12.2024", "2024/12/05"] {
            assert_eq!(iso(text), at, "{text}");
        }
        assert_eq!(parse("05/12/2024", Some(Order::Day)), at);
        assert_eq!(parse("12/05/2024", Some(Order::Month)), at);
        let of = |cells: &[&str]| order(&cells.iter().copied());
        assert_eq!(of(&["01/02/2024", "13/02/2024"]), Some(Order::Day));
        assert_eq!(of(&["01/02/2024", "02/13/2024"]), Some(Order::Month));
        assert_eq!(of(&["01/02/2024", "2024-05-06"]), None);
        assert_eq!(of(&["13/02/2024", "02/13/2024"]), None);
        assert_eq!(of(&["2024-01-02", "03.01.2024"]), Some(Order::Day));
    }

    #[test]
    fn what_is_formatted_is_read_back() {
        for text in ["1970-01-01", "1969-12-31T23:59:59.007", "2031-05-04T06:07:08"] {
            assert_eq!(iso(text).map(format).as_deref(), Some(text));
        }
    }
}
