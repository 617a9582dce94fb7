//! Types of text: which type a column of texts has, and its values in that type.
//!
//! Strict on purpose: a column is only called a number, a date or a boolean when every text of it is one. A number type
//! is chosen only when the characters come back when the value is written again: codes with leading zeros, codes that
//! look like exponents (`12E3`) and numbers with more digits than the type holds stay text. Whether a column that is *mostly* dates should become one is a proposal for agents.

use crate::schema::DataType;
use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder, Float64Builder,
    Int16Builder, Int32Builder, Int64Builder, StringArray, StringBuilder, Time64MicrosecondBuilder,
    TimestampMicrosecondBuilder,
};
use std::sync::Arc;

/// More digits behind the point than this are a measurement, not money.
const MAX_INFERRED_SCALE: usize = 12;

/// Watches the texts of one column and names the narrowest type that holds them all.
#[derive(Debug, Clone, Default)]
pub struct Inference {
    values: u64,
    nulls: u64,
    booleans: u64,
    integers: u64,
    decimals: u64,
    floats: u64,
    dates: u64,
    timestamps: u64,
    zoned: u64,
    times: u64,
    uuids: u64,
    /// Exponents as programs write them: with a point or a signed exponent (`1.5e3`, `2E+10`).
    scientific: u64,
    /// Exponents without either, as codes look too: one digit before (`1e5`), or more (`12E3`).
    bare: u64,
    codes: u64,
    /// A number whose digits a float would not give back.
    inexact: bool,
    whole_digits: usize,
    /// Of the shortest value, while all are digits.
    least_digits: Option<usize>,
    scale: usize,
    /// Of the digits behind a point, the fewest; and whether a value ends with a zero there that another number of digits
    /// would not need: `1.1` and `1.10` are versions, not amounts.
    least_scale: Option<usize>,
    padded: bool,
}

impl Inference {
    pub fn observe(&mut self, text: Option<&str>) {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
            self.nulls += 1;
            return;
        };
        self.values += 1;
        if let Some((whole, scale)) = digits(text) {
            // A whole number has no negative zero.
            if text == "-0" {
                self.floats += 1;
                return;
            }
            if scale == 0 && (whole <= 18 || text.parse::<i64>().is_ok()) {
                self.integers += 1;
            }
            self.decimals += 1;
            self.inexact |= is_inexact(text, whole, scale);
            self.whole_digits = self.whole_digits.max(whole);
            self.least_digits = Some(self.least_digits.map_or(whole, |least| least.min(whole)));
            self.scale = self.scale.max(scale);
            if scale > 0 {
                self.least_scale = Some(self.least_scale.map_or(scale, |least| least.min(scale)));
                self.padded |= scale > 1 && text.ends_with('0');
            }
            // So few digits are a finite number, and no day or time is written so.
            if whole <= 300 {
                self.floats += 1;
                return;
            }
        }
        match text.as_bytes()[0] {
            b't' | b'T' | b'f' | b'F' => {
                self.booleans += u64::from(text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"));
            }
            b'0'..=b'9' | b'-' | b'.' => {
                self.floats += u64::from(is_plain_float(text));
                self.exponent(text);
                self.dates += u64::from(date(text).is_some());
                self.times += u64::from(time(text).is_some());
                self.timestamps += u64::from(timestamp(text).is_some());
                self.zoned += u64::from(timestamp_tz(text).is_some());
            }
            _ => {}
        }
        self.uuids += u64::from(uuid(text));
    }

    fn exponent(&mut self, text: &str) {
        let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return };
        if mantissa.contains('.') || exponent.starts_with(['+', '-']) {
            self.scientific += 1;
        } else if mantissa.trim_start_matches('-').len() == 1 {
            self.bare += 1;
        } else {
            self.codes += 1;
        }
    }

    /// `text` when nothing but nulls was seen.
    pub fn data_type(&self) -> DataType {
        let all = |count: u64| self.values > 0 && count == self.values;
        if all(self.booleans) {
            DataType::Boolean
        } else if all(self.integers) {
            DataType::Int64
        } else if all(self.decimals)
            && (self.scale <= MAX_INFERRED_SCALE || self.inexact)
            && self.whole_digits + self.scale <= 38
        {
            // Room for larger numbers than those seen so far, not for finer ones.
            let precision = if self.whole_digits + self.scale <= 18 { 18 } else { 38 };
            DataType::Decimal { precision, scale: i8::try_from(self.scale).unwrap_or(0) }
        } else if all(self.floats) && !self.inexact && self.codes == 0 && (self.bare == 0 || self.scientific > 0) {
            DataType::Float64
        } else if all(self.dates) {
            DataType::Date
        } else if all(self.times) {
            DataType::Time
        } else if all(self.dates + self.timestamps) {
            DataType::Timestamp
        } else if all(self.zoned) {
            DataType::TimestampTz
        } else if all(self.uuids) {
            DataType::Uuid
        } else {
            DataType::Text
        }
    }

    /// The type of a column of this name: whole numbers that are codes stay text, and so do versions.
    pub fn named(&self, name: &str) -> DataType {
        let data_type = self.data_type();
        let decimal = matches!(data_type, DataType::Decimal { scale: 1.., .. } | DataType::Float64);
        let padded = self.padded && self.least_scale < Some(self.scale);
        if decimal && (padded || super::codes::is_version(name)) {
            return DataType::Text;
        }
        let whole = matches!(data_type, DataType::Int64 | DataType::Decimal { scale: 0, .. });
        let digits = (self.least_digits.unwrap_or_default(), self.whole_digits);
        if whole && super::codes::is_code(name, digits) { DataType::Text } else { data_type }
    }

    pub fn nullable(&self) -> bool {
        self.nulls > 0
    }
}

/// Digits before and behind the point of a plain number; none for codes (`007`), signs (`+1`) and exponents.
pub(super) fn digits(text: &str) -> Option<(usize, usize)> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !unsigned.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let code = whole.len() > 1 && whole.starts_with('0');
    let point = unsigned.contains('.');
    let complete = !whole.is_empty() && (!point || !fraction.is_empty());
    (plain(whole) && plain(fraction) && complete && !code).then_some((whole.len(), fraction.len()))
}

/// Whether a float would not give back the digits: up to 15 it always does, and up to 17 may be a float with a fraction
/// that a program wrote out.
fn is_inexact(text: &str, whole: usize, scale: usize) -> bool {
    let leading =
        text.bytes().take_while(|byte| matches!(byte, b'-' | b'0' | b'.')).filter(|byte| *byte == b'0').count();
    let digits = (whole + scale).saturating_sub(leading);
    if digits <= 15 {
        return false;
    }
    let Ok(float) = text.parse::<f64>() else { return false };
    if scale > 0 && digits <= 17 && float.fract().abs() > 0.0 {
        return false;
    }
    let plain = if scale > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    float.to_string() != plain
}

fn is_plain_float(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    // `1.`, `2.` number a list.
    if unsigned.ends_with('.') {
        return false;
    }
    let code = unsigned.len() > 1 && unsigned.starts_with('0') && unsigned.as_bytes()[1].is_ascii_digit();
    !code && double(text).is_some_and(f64::is_finite)
}

/// A number as a double. What is too large or too small for one is no value: never infinity or zero in its place.
pub fn double(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    (value.is_normal() || value.is_nan() || is_so_written(text, value.is_infinite(), value == 0.0)).then_some(value)
}

/// The same of single precision.
pub fn single(text: &str) -> Option<f32> {
    let value: f32 = text.parse().ok()?;
    (value.is_normal() || value.is_nan() || is_so_written(text, value.is_infinite(), value == 0.0)).then_some(value)
}

/// A double that gives the digits back.
pub fn exact_double(text: &str) -> Option<f64> {
    let cut = digits(text).is_some_and(|(whole, scale)| is_inexact(text, whole, scale));
    double(text).filter(|_| !cut)
}

/// Whether a number would not give the characters back: zeros or a plus in front, an exponent as codes have it (`12E3`).
pub fn is_code(text: &str) -> bool {
    let unsigned = text.trim().strip_prefix('-').unwrap_or(text.trim());
    match unsigned.as_bytes() {
        [b'+', ..] | [b'0', b'0'..=b'9', ..] => true,
        _ => is_exponent_code(unsigned),
    }
}

/// Whether it is an exponent as codes have it: more than one digit in front, no point, no sign.
pub fn is_exponent_code(text: &str) -> bool {
    let unsigned = text.trim_start_matches(['-', '+']);
    unsigned.split_once(['e', 'E']).is_some_and(|(mantissa, exponent)| {
        mantissa.len() > 1
            && mantissa.bytes().all(|byte| byte.is_ascii_digit())
            && exponent.starts_with(|first: char| first.is_ascii_digit())
    })
}

/// A number of a source that was planned to hold numbers; a code that comes later is none.
pub fn plain_number<T>(text: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    if is_code(text) { None } else { parse(text) }
}

fn is_so_written(text: &str, infinite: bool, zero: bool) -> bool {
    let digits = text.split(['e', 'E']).next().unwrap_or_default().bytes();
    if infinite {
        // `Infinity`, `inf`.
        !digits.clone().any(|byte| byte.is_ascii_digit())
    } else {
        !zero || !digits.clone().any(|byte| matches!(byte, b'1'..=b'9'))
    }
}

/// Texts as values of a type, and the indices of the texts that are not one (null in the array).
///
/// Text, Json: as they are (Json must parse). Boolean: true/false, t/f, yes/no, y/n, 1/0 in any case. Binary: `\x` hex.
/// Dates and times: ISO 8601. White space around anything but text is ignored.
pub fn parse(texts: &StringArray, to: DataType) -> (ArrayRef, Vec<usize>) {
    let mut failed = Vec::new();
    macro_rules! column {
        ($builder:expr, $value:expr) => {{
            let mut builder = $builder;
            for (index, text) in texts.iter().enumerate() {
                match text {
                    None => builder.append_null(),
                    Some(text) => match $value(text) {
                        Some(value) => builder.append_value(value),
                        None => {
                            failed.push(index);
                            builder.append_null();
                        }
                    },
                }
            }
            Arc::new(builder.finish()) as ArrayRef
        }};
    }
    let array = match to {
        DataType::Text => Arc::new(texts.clone()) as ArrayRef,
        DataType::Json => column!(StringBuilder::new(), |text| is_json(text).then_some(text)),
        DataType::Uuid => {
            column!(StringBuilder::new(), |text: &str| uuid(text.trim()).then(|| text.trim().to_ascii_lowercase()))
        }
        DataType::Boolean => column!(BooleanBuilder::new(), boolean),
        DataType::Int16 => column!(Int16Builder::new(), |text: &str| text.trim().parse::<i16>().ok()),
        DataType::Int32 => column!(Int32Builder::new(), |text: &str| text.trim().parse::<i32>().ok()),
        DataType::Int64 => column!(Int64Builder::new(), |text: &str| text.trim().parse::<i64>().ok()),
        DataType::Float32 => column!(Float32Builder::new(), |text: &str| single(text.trim())),
        DataType::Float64 => column!(Float64Builder::new(), |text: &str| double(text.trim())),
        DataType::Decimal { precision, scale } => {
            let builder = Decimal128Builder::new().with_data_type(super::arrow::type_to_arrow(to));
            column!(builder, |text: &str| decimal(text.trim(), precision, scale))
        }
        DataType::Binary => column!(BinaryBuilder::new(), |text: &str| hex(text.trim())),
        DataType::Date => column!(Date32Builder::new(), |text: &str| date(text.trim())),
        DataType::Time => column!(Time64MicrosecondBuilder::new(), |text: &str| time(text.trim())),
        DataType::Timestamp => column!(TimestampMicrosecondBuilder::new(), |text: &str| moment(text.trim())),
        DataType::TimestampTz => {
            column!(TimestampMicrosecondBuilder::new().with_timezone("UTC"), |text: &str| timestamp_tz(text.trim()))
        }
    };
    (array, failed)
}

/// The truth that a text states.
pub fn boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    let is_one_of = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(["true", "t", "yes", "y", "1"]) {
        return Some(true);
    }
    is_one_of(["false", "f", "no", "n", "0"]).then_some(false)
}

/// Exact: digits that do not fit the scale or the precision are no value, unless they are zeros.
pub fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let scale = usize::try_from(scale).ok()?;
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (kept, cut) = fraction.split_at_checked(scale.min(fraction.len()))?;
    if cut.bytes().any(|byte| byte != b'0') {
        return None;
    }
    let mut value: i128 = 0;
    let padding = std::iter::repeat_n(b'0', scale - kept.len());
    for byte in whole.bytes().chain(kept.bytes()).chain(padding) {
        let digit = byte.is_ascii_digit().then(|| i128::from(byte - b'0'))?;
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    let limit = 10_i128.checked_pow(u32::from(precision))?;
    (value < limit).then_some(if negative { -value } else { value })
}

/// The bytes that hexadecimal digits after `\x` mean.
pub fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?;
    if digits.len() % 2 != 0 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

/// Whether a text is a JSON value.
pub fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Whether a text is a UUID with its four dashes.
pub fn uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `YYYY-MM-DD` as days since 1970.
pub fn date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    days(number(&bytes[..4])?, number(&bytes[5..7])?, number(&bytes[8..])?)
}

/// A day of the calendar as days since 1970; the year has four digits at most.
pub fn days(year: u32, month: u32, day: u32) -> Option<i32> {
    const LENGTHS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = *LENGTHS.get(usize::try_from(month.checked_sub(1)?).ok()?)? + u32::from(leap && month == 2);
    if day == 0 || day > length {
        return None;
    }
    // Years that begin in March have their odd day last; 400 years before the year 0 keep everything positive.
    let (year, month) = if month > 2 { (year + 400, month - 3) } else { (year + 399, month + 9) };
    let past = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    i32::try_from(past).ok().map(|past| past - 865_565)
}

/// `HH:MM[:SS[.ffffff]]` as microseconds since midnight.
pub fn time(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() < 5 || bytes[2] != b':' {
        return None;
    }
    let (hour, minute) = (number(&bytes[..2])?, number(&bytes[3..5])?);
    let (second, fraction) = match bytes.get(5..) {
        None | Some([]) => (0, 0),
        Some([b':', a, b]) => (number(&[*a, *b])?, 0),
        Some([b':', a, b, b'.' | b',', rest @ ..]) => (number(&[*a, *b])?, microseconds(rest)?),
        Some(_) => return None,
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some((i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second)) * 1_000_000 + fraction)
}

/// A date, `T` or a space, and a time, as microseconds since 1970; no zone.
pub fn timestamp(text: &str) -> Option<i64> {
    let (day, rest) = text.split_at_checked(10)?;
    let clock = rest.strip_prefix(['T', ' ', 't'])?;
    Some(i64::from(date(day)?) * 86_400_000_000 + time(clock)?)
}

/// A timestamp, or a date as its midnight.
pub fn moment(text: &str) -> Option<i64> {
    timestamp(text).or_else(|| date(text).map(|days| i64::from(days) * 86_400_000_000))
}

/// Where the years of four digits begin and end.
const YEAR_0: i64 = -62_167_219_200_000_000;
const YEAR_10000: i64 = 253_402_300_800_000_000;

/// A timestamp with `Z` or an offset (`+02`, `+0200`, `+02:00`), as microseconds since 1970 in UTC.
pub fn timestamp_tz(text: &str) -> Option<i64> {
    if let Some(utc) = text.strip_suffix(['Z', 'z']) {
        return timestamp(utc.trim_end());
    }
    if let Some(utc) = text.strip_suffix(" UTC") {
        return timestamp(utc);
    }
    let sign_at = text.get(10..)?.rfind(['+', '-'])? + 10;
    let (clock, offset) = text.split_at(sign_at);
    let (hours, minutes) = match &offset.as_bytes()[1..] {
        hours @ [_, _] => (number(hours)?, 0),
        [h1, h2, m1, m2] | [h1, h2, b':', m1, m2] => (number(&[*h1, *h2])?, number(&[*m1, *m2])?),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let shift = (i64::from(hours) * 60 + i64::from(minutes)) * 60_000_000;
    let local = timestamp(clock.trim_end())?;
    let utc = if offset.starts_with('-') { local + shift } else { local - shift };
    (YEAR_0..YEAR_10000).contains(&utc).then_some(utc)
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum: u32, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}

/// Up to six digits count; more must be zeros, so that nothing is rounded away.
fn microseconds(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    let (kept, cut) = digits.split_at(digits.len().min(6));
    if cut.iter().any(|byte| *byte != b'0') {
        return None;
    }
    let scale = 10_i64.pow(u32::try_from(6 - kept.len()).ok()?);
    Some(i64::from(number(kept)?) * scale)
}
