//! The functions: names, arguments and result types.

use crate::engine::convert::{is_float, is_integer, is_number};
use crate::engine::expression::node::Node;
use crate::error::{Error, Result};
use crate::schema::DataType;

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

/// What the list in an error's hint says.
pub(super) const NAMES: &[&str] = &[
    "lower",
    "upper",
    "trim",
    "ltrim",
    "rtrim",
    "length",
    "substr",
    "substring",
    "replace",
    "concat",
    "split_part",
    "coalesce",
    "nullif",
    "abs",
    "round",
    "floor",
    "ceil",
    "extract",
    "year",
    "quarter",
    "month",
    "week",
    "day",
    "hour",
    "minute",
    "second",
    "date_part",
    "date_trunc",
    "parse_date",
    "parse_timestamp",
    "regexp_matches",
    "regexp_replace",
];

pub(super) const AGGREGATES: &[&str] = &["count", "sum", "min", "max", "avg"];

pub(super) fn unknown(name: &str) -> Error {
    let near = crate::engine::nearest(name, NAMES.iter().copied());
    let lead = near.map(|near| format!("Did you mean {near}? ")).unwrap_or_default();
    Error::unsupported(format!("the function '{name}' is not known")).hint(format!(
        "{lead}Functions are {}; in aggregate steps also {}",
        NAMES.join(", "),
        AGGREGATES.join(", ")
    ))
}

/// The result of `abs`, `round`, `floor` and `ceil`.
pub(super) fn rounded_type(function: &Function, argument: &Node) -> Result<DataType> {
    let from = argument.data_type;
    if !is_number(from) {
        return Err(Error::spec(format!("a {from} cannot be rounded")).hint("Cast it to a number first"));
    }
    if is_integer(from) {
        return Ok(DataType::Int64);
    }
    if is_float(from) {
        return Ok(DataType::Float64);
    }
    let DataType::Decimal { precision, scale } = from else { return Ok(from) };
    let kept = match function {
        Function::Floor | Function::Ceil => 0,
        Function::Round(digits) => (*digits).clamp(0, scale),
        _ => return Ok(from),
    };
    // Rounding up can add a digit: 9.9 becomes 10.
    let whole = i16::from(precision) - i16::from(scale) + 1;
    let precision = u8::try_from((whole + i16::from(kept)).min(38)).unwrap_or(38);
    Ok(DataType::Decimal { precision, scale: kept })
}
