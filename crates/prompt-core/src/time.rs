//! Times for logs and lists. Nothing that is learned depends on a clock.

/// Year, month and day of a day since 1970-01-01 in the Gregorian calendar (after H. Hinnant's `civil_from_days`).
///
/// ```
/// assert_eq!(prompt_core::civil(0), (1970, 1, 1));
/// assert_eq!(prompt_core::civil(-1), (1969, 12, 31));
/// assert_eq!(prompt_core::civil(11_016), (2000, 2, 29));
/// ```
pub fn civil(days: i64) -> (i64, i64, i64) {
    // Eras of 400 years that start on 1 March, so that the leap day is the last of its year.
    let shifted = days.saturating_add(719_468);
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Seconds since 1970-01-01 UTC as RFC 3339.
///
/// ```
/// assert_eq!(prompt_core::utc(1_795_261_261), "2026-11-21T11:41:01Z");
/// ```
pub fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(i64::try_from(days).unwrap_or(i64::MAX));
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leap_days_and_the_epoch() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
    }
}
