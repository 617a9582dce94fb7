//! PostgreSQL's days and microseconds since 2000 as ours since 1970, and what has no place there.

use windvane_connect::refusal::Refusal;

/// From 1970-01-01 to PostgreSQL's 2000-01-01.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROSECONDS: i64 = 946_684_800_000_000;
const DAY_MICROSECONDS: i64 = 86_400_000_000;
/// 0001-01-01 and 9999-12-31 in days since 1970: what ISO text, Python and every target can hold.
const FIRST_DAY: i32 = -719_162;
const LAST_DAY: i32 = 2_932_896;
const FIRST_MOMENT: i64 = FIRST_DAY as i64 * DAY_MICROSECONDS;
const LAST_MOMENT: i64 = (LAST_DAY as i64 + 1) * DAY_MICROSECONDS - 1;

/// Days since 1970 of days since 2000; nothing outside the years 1 to 9999, where the infinities are too.
#[inline]
pub(super) fn days(days: i32) -> Option<i32> {
    days.checked_add(EPOCH_DAYS).filter(|known| (FIRST_DAY..=LAST_DAY).contains(known))
}

/// Microseconds since 1970 of microseconds since 2000; nothing outside the years 1 to 9999.
#[inline]
pub(super) fn microseconds(microseconds: i64) -> Option<i64> {
    microseconds.checked_add(EPOCH_MICROSECONDS).filter(|known| (FIRST_MOMENT..=LAST_MOMENT).contains(known))
}

/// A time of the day; PostgreSQL knows 24:00 too.
#[inline]
pub(super) fn time(microseconds: i64) -> Option<i64> {
    (0..DAY_MICROSECONDS).contains(&microseconds).then_some(microseconds)
}

/// Why a date was refused.
pub(super) fn day(days: i32) -> Refusal {
    outside(match days {
        i32::MAX => "infinity".to_owned(),
        i32::MIN => "-infinity".to_owned(),
        days => written(i64::from(days), ""),
    })
}

/// Why a timestamp was refused.
pub(super) fn moment(microseconds: i64) -> Refusal {
    outside(match microseconds {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        microseconds => {
            let within = microseconds.rem_euclid(DAY_MICROSECONDS);
            let (seconds, rest) = (within / 1_000_000, within % 1_000_000);
            let mut time = format!(" {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
            if rest > 0 {
                let digits = format!("{rest:06}");
                time = format!("{time}.{}", digits.trim_end_matches('0'));
            }
            written(microseconds.div_euclid(DAY_MICROSECONDS), &time)
        }
    })
}

fn outside(text: String) -> Refusal {
    let reason = format!("{text} is outside the years 1 to 9999; cast the column to text in the first step to keep it");
    Refusal { reason, text }
}

/// Days since 2000 as the server writes them, in the calendar that it uses for all times.
fn written(days: i64, time: &str) -> String {
    // Years that begin in March, in cycles of 400 years: the days of leap years come last.
    let days = days + 730_425;
    let (cycle, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = year + cycle * 400 + i64::from(month <= 2);
    if year > 0 {
        format!("{year:04}-{month:02}-{day:02}{time}")
    } else {
        format!("{:04}-{month:02}-{day:02}{time} BC", 1 - year)
    }
}

#[cfg(test)]
mod tests;
