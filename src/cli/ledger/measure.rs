//! Times and sizes for people.

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// A time in milliseconds since the Unix epoch, as `2026-11-21 12:40:05 UTC`.
pub fn moment(time_ms: u64) -> String {
    let (days, rest) = (time_ms / DAY_MS, time_ms % DAY_MS);
    let (year, month, day) = civil(days);
    let (hour, minute) = (rest / HOUR_MS, rest % HOUR_MS / MINUTE_MS);
    let second = rest % MINUTE_MS / 1000;
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Year, month and day of a day since the Unix epoch, in the Gregorian calendar: the days are counted in eras of 400 years that begin
/// in March, so that the leap day comes last (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + (month <= 2) as u64;
    (year, month, day)
}

/// A time span, in the largest unit that says it well.
pub fn span(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..120_000 => format!("{} s", ms / 1000),
        120_000..7_200_000 => format!("{} min", ms / MINUTE_MS),
        7_200_000..172_800_000 => format!("{} h", ms / HOUR_MS),
        _ => format!("{} days", ms / DAY_MS),
    }
}

/// Bytes, in the largest binary unit that says it well.
pub fn bytes(bytes: usize) -> String {
    match bytes {
        0..10_240 => format!("{bytes} bytes"),
        10_240..10_485_760 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// `1 block`, `2 blocks`.
pub fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        // As `date -u -d @SECONDS` says.
        let known = [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_795_264_805, "2026-11-21 12:40:05 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ];
        for (seconds, text) in known {
            assert_eq!(moment(seconds * 1000 + 999), text);
        }
        assert!(moment(u64::MAX).ends_with(" UTC"));
    }

    #[test]
    fn spans_and_sizes_are_said_in_one_unit() {
        let spans = [
            (999, "999 ms"),
            (1999, "1 s"),
            (120_000, "2 min"),
            (172_800_000, "2 days"),
        ];
        for (ms, text) in spans {
            assert_eq!(span(ms), text);
        }
        assert_eq!(
            (bytes(10), bytes(64 << 20)),
            ("10 bytes".into(), "64 MiB".into())
        );
        assert_eq!(
            (count(1, "block"), count(0, "block")),
            ("1 block".into(), "0 blocks".into())
        );
    }
}
