//! Points in time as ISO 8601 writes them.

/// Milliseconds since 1970-01-01 UTC of `YYYY-MM-DD`, or of that and `HH:MM`, `HH:MM:SS` or `HH:MM:SS.fff` after `T` or
/// a blank, with `Z`, `+hh:mm` or nothing (UTC) at the end. `None` for anything else.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (date, clock) = match text.find(['T', 't', ' ']) {
        Some(at) => (text.get(..at)?, Some(text.get(at + 1..)?)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4)?;
    let month = number(parts.next()?, 2)?;
    let day = number(parts.next()?, 2)?;
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

    #[test]
    fn dates_and_times_are_milliseconds_of_utc() {
        assert_eq!(parse("1970-01-01"), Some(0));
        assert_eq!(parse("2000-02-29"), Some(951_782_400_000));
        assert_eq!(parse("2031-05-04T06:07:08Z"), Some(1_935_641_228_000));
        assert_eq!(parse("1970-01-01 00:00:01.5"), Some(1_500));
        assert_eq!(parse("1970-01-01T02:00+02:00"), Some(0));
        assert_eq!(parse("1969-12-31"), Some(-86_400_000));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in
            ["", "2001-02-29", "2001-13-01", "1-1-2001", "2001-01-01T25:00", "2001-01-01x", "20010101"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
