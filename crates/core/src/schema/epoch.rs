//! What whole numbers in a column of moments count since 1970: one unit for a column, never one for a value.
//!
//! It is found once, from all values, and stands in the plan behind what the source calls the type.

use super::Field;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epoch {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

const LEAD: &str = ", unix ";
/// The last second of the year 9999.
const LAST: i64 = 253_402_300_799;

impl Epoch {
    pub const ALL: [Self; 4] = [Self::Seconds, Self::Milliseconds, Self::Microseconds, Self::Nanoseconds];

    pub fn words(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
        }
    }

    /// So many make a second.
    fn per_second(self) -> i64 {
        match self {
            Self::Seconds => 1,
            Self::Milliseconds => 1_000,
            Self::Microseconds => 1_000_000,
            Self::Nanoseconds => 1_000_000_000,
        }
    }

    /// The absolute values that speak for this unit and no smaller or larger one: seconds of the years 1979 to 2286, and of
    /// the others what would lie behind the year 9999 in the next coarser unit.
    pub fn speaks(self) -> (i64, i64) {
        let behind = |unit: Self| LAST.saturating_mul(unit.per_second()).saturating_add(1);
        match self {
            Self::Seconds => (300_000_000, 9_999_999_999),
            Self::Milliseconds => (behind(Self::Seconds), behind(Self::Milliseconds) - 1),
            Self::Microseconds => (behind(Self::Milliseconds), behind(Self::Microseconds) - 1),
            Self::Nanoseconds => (behind(Self::Microseconds), i64::MAX),
        }
    }

    /// What most values speak for; seconds, where none does or as many speak for them.
    pub fn of_most(votes: [i64; 4]) -> Self {
        let mut most = (Self::Seconds, votes[0]);
        for (unit, count) in Self::ALL.into_iter().zip(votes) {
            if count > most.1 {
                most = (unit, count);
            }
        }
        most.0
    }

    /// As microseconds since 1970. Nothing for what speaks for another unit, and for what would be cut.
    pub fn microseconds(self, number: i64) -> Option<i64> {
        let other = |unit: &Self| {
            let (from, to) = unit.speaks();
            *unit != self && (from..=to).contains(&number.saturating_abs())
        };
        // Small numbers are moments of early 1970 in finer units, but for those that are likely seconds.
        if Self::ALL.iter().any(other) {
            return None;
        }
        match self {
            Self::Nanoseconds => (number % 1_000 == 0).then_some(number / 1_000),
            Self::Seconds | Self::Milliseconds | Self::Microseconds => {
                number.checked_mul(1_000_000 / self.per_second())
            }
        }
    }

    /// What the source calls the type, with the unit of its numbers.
    pub fn noted(self, declared: &str) -> String {
        format!("{declared}{LEAD}{}", self.words())
    }

    /// The unit that stands behind the type.
    pub fn of(field: &Field) -> Option<Self> {
        let (_, words) = field.native_type.as_deref()?.rsplit_once(LEAD)?;
        Self::ALL.into_iter().find(|unit| unit.words() == words)
    }
}

/// What the source calls the type, without the unit.
pub fn declared(field: &Field) -> Option<&str> {
    let native = field.native_type.as_deref()?;
    Some(if Epoch::of(field).is_some() {
        native.rsplit_once(LEAD).map_or(native, |(declared, _)| declared)
    } else {
        native
    })
}

/// What a known column's type is called: its unit stays, once it has one.
pub fn kept(known: &Field, here: &Field) -> Option<String> {
    let stays = Epoch::of(known).is_some() && declared(known) == declared(here);
    if stays { known.native_type.clone() } else { here.native_type.clone() }
}
