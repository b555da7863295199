//! Times: relative in words, exact on hover.

use cjhirashi_domain::Timestamp;
use leptos::prelude::*;

use crate::components::Whole as _;
use crate::state::use_texts;

/// How long ago something was; the exact time on hover, in the reader's own zone once the program runs.
#[component]
pub(crate) fn Ago(at: Timestamp, now: Timestamp) -> impl IntoView {
    let iso = iso(at);
    let exact = format!("{} UTC", iso.trim_end_matches('Z').replace('T', " "));
    view! {
        <time datetime=iso title=exact class="nowrap">
            {use_texts().ago(now, at)}
        </time>
    }
    .whole()
}

/// ISO 8601 in UTC, to the second.
pub(crate) fn iso(at: Timestamp) -> String {
    let seconds = at.seconds();
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let time = seconds.rem_euclid(86_400);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", time / 3_600, time / 60 % 60, time % 60)
}

/// The civil date of a day counted from 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

/// The day of a moment where the reader is, counted from 1970-01-01.
pub(crate) fn local_day(at: Timestamp, utc_offset_minutes: i32) -> i64 {
    (at.seconds() + i64::from(utc_offset_minutes) * 60).div_euclid(86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_civil_dates_also_in_leap_years() {
        assert_eq!(iso(Timestamp(0)), "1970-01-01T00:00:00Z");
        assert_eq!(iso(Timestamp(951_782_400_000)), "2000-02-29T00:00:00Z");
        assert_eq!(iso(Timestamp(1_795_340_868_123)), "2026-11-22T09:47:48Z");
        assert_eq!(iso(Timestamp(-1_000)), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn today_begins_at_midnight_where_the_reader_is() {
        let half_past_eleven_in_utc = Timestamp(84_600_000);
        assert_eq!(local_day(half_past_eleven_in_utc, 0), 0);
        assert_eq!(local_day(half_past_eleven_in_utc, 60), 1);
    }
}
