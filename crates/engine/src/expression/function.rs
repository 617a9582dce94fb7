//! The functions: names, arguments and result types.

use windvane_core::error::{Error, Result};

#[derive(Debug, Clone)]
pub(super) enum Function {
    Lower,
    Upper,
    Trim(Side),
    Length,
    Substring,
    Replace,
    /// `||`: null when one is null.
    Join,
    /// `concat`: nulls are left out.
    Concat,
    SplitPart,
    Abs,
    /// To so many digits behind the point, half away from zero.
    Round(i8),
    Floor,
    Ceil,
    DatePart(Part),
    DateTrunc(Part),
    ParseDate(String),
    ParseTimestamp(String),
    /// A pattern that is known before anything runs; LIKE and ILIKE become one.
    Matches(regex::Regex),
    RegexReplace(regex::Regex),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Both,
    Left,
    Right,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Year,
    Quarter,
    Month,
    Week,
    Day,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Hour,
    Minute,
    Second,
    Epoch,
}

impl Part {
    pub(super) fn parse(word: &str) -> Result<Self> {
        Ok(match word.to_lowercase().trim_end_matches('s') {
            "year" => Self::Year,
            "quarter" => Self::Quarter,
            "month" => Self::Month,
            "week" | "isoweek" => Self::Week,
            "day" | "dayofmonth" => Self::Day,
            "dow" | "dayofweek" => Self::DayOfWeek,
            "isodow" => Self::IsoDayOfWeek,
            "doy" | "dayofyear" => Self::DayOfYear,
            "hour" => Self::Hour,
            "minute" => Self::Minute,
            "second" => Self::Second,
            "epoch" => Self::Epoch,
            _ => {
                return Err(Error::unsupported(format!("'{word}' is not a part of a date that is known here"))
                    .hint("Parts are year, quarter, month, week, day, dow, isodow, doy, hour, minute, second, epoch"));
            }
        })
    }

    /// Needs a clock, so a date is not enough.
    pub(super) fn of_clock(self) -> bool {
        match self {
            Self::Hour | Self::Minute | Self::Second => true,
            Self::Year
            | Self::Quarter
            | Self::Month
            | Self::Week
            | Self::Day
            | Self::DayOfWeek
            | Self::IsoDayOfWeek
            | Self::DayOfYear
            | Self::Epoch => false,
        }
    }
}
