//! PostgreSQL's days and microseconds since 2000 as ours since 1970, and what has no place there.

use crate::connectors::gather::Refusal;
use chrono::{Days, NaiveDate, TimeDelta};

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
        days => calendar(i64::from(days)).map_or_else(|| format!("day {days}"), |date| date.to_string()),
    })
}

/// Why a timestamp was refused.
pub(super) fn moment(microseconds: i64) -> Refusal {
    outside(match microseconds {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        microseconds => {
            let date = calendar(microseconds.div_euclid(DAY_MICROSECONDS)).and_then(|date| {
                let time = TimeDelta::microseconds(microseconds.rem_euclid(DAY_MICROSECONDS));
                date.and_hms_opt(0, 0, 0)?.checked_add_signed(time)
            });
            date.map_or_else(|| format!("microsecond {microseconds}"), |date| date.to_string())
        }
    })
}

fn outside(text: String) -> Refusal {
    Refusal { reason: format!("{text} is outside the years 1 to 9999"), text }
}

/// The date of days since 2000, as far as there is one.
fn calendar(days: i64) -> Option<NaiveDate> {
    let start = NaiveDate::from_ymd_opt(2000, 1, 1)?;
    let distance = Days::new(days.unsigned_abs());
    if days < 0 { start.checked_sub_days(distance) } else { start.checked_add_days(distance) }
}
