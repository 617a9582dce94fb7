//! One look at an Arrow column for all figures: what a value is as text, as an ordinal and as a number.

use arrow::array::{Array, AsArray, BinaryArray, BooleanArray, Float32Array, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use chrono::{DateTime, NaiveTime};
use std::borrow::Cow;
use std::fmt::Write;
use windvane_core::error::{Error, Result};
use windvane_core::schema::DataType;

/// The values of one column of one batch.
pub(crate) enum Cells<'a> {
    Boolean(&'a BooleanArray),
    /// Whole numbers, decimals (unscaled), days and microseconds: all order by their number.
    Ordinal(Vec<Option<i128>>),
    Float32(&'a Float32Array),
    Float64(&'a Float64Array),
    Text(&'a StringArray),
    Binary(&'a BinaryArray),
}

/// A value that is there.
#[derive(Clone, Copy)]
pub(crate) enum Cell<'a> {
    Ordinal(i128),
    Float(f64),
    Text(&'a str),
    Binary(&'a [u8]),
}

impl<'a> Cells<'a> {
    pub(crate) fn of(batch: &'a RecordBatch, index: usize, data_type: DataType) -> Result<Self> {
        let array = batch.column(index);
        let read = match data_type {
            DataType::Boolean => array.as_boolean_opt().map(Self::Boolean),
            DataType::Int16 => array.as_primitive_opt::<Int16Type>().map(ordinals),
            DataType::Int32 => array.as_primitive_opt::<Int32Type>().map(ordinals),
            DataType::Int64 => array.as_primitive_opt::<Int64Type>().map(ordinals),
            DataType::Float32 => array.as_primitive_opt::<Float32Type>().map(Self::Float32),
            DataType::Float64 => array.as_primitive_opt::<Float64Type>().map(Self::Float64),
            DataType::Decimal { .. } => array.as_primitive_opt::<Decimal128Type>().map(ordinals),
            DataType::Text | DataType::Json | DataType::Uuid => array.as_string_opt::<i32>().map(Self::Text),
            DataType::Binary => array.as_binary_opt::<i32>().map(Self::Binary),
            DataType::Date => array.as_primitive_opt::<Date32Type>().map(ordinals),
            DataType::Time => array.as_primitive_opt::<Time64MicrosecondType>().map(ordinals),
            DataType::Timestamp | DataType::TimestampTz => {
                array.as_primitive_opt::<TimestampMicrosecondType>().map(ordinals)
            }
        };
        read.ok_or_else(|| {
            let given = array.data_type();
            Error::internal(format!("a column of type {data_type} came as Arrow {given}"))
        })
    }

    /// The value at a position; nothing when it is null.
    pub(crate) fn get(&self, index: usize) -> Option<Cell<'_>> {
        match self {
            Self::Boolean(array) => array.is_valid(index).then(|| Cell::Ordinal(i128::from(array.value(index)))),
            Self::Ordinal(values) => values.get(index).copied().flatten().map(Cell::Ordinal),
            Self::Float32(array) => array.is_valid(index).then(|| Cell::Float(widen(array.value(index)))),
            Self::Float64(array) => array.is_valid(index).then(|| Cell::Float(array.value(index))),
            Self::Text(array) => array.is_valid(index).then(|| Cell::Text(array.value(index))),
            Self::Binary(array) => array.is_valid(index).then(|| Cell::Binary(array.value(index))),
        }
    }
}

fn ordinals<'a, T>(array: &arrow::array::PrimitiveArray<T>) -> Cells<'a>
where
    T: arrow::datatypes::ArrowPrimitiveType,
    i128: From<T::Native>,
{
    Cells::Ordinal(array.iter().map(|value| value.map(i128::from)).collect())
}

/// The double whose digits are those that the single prints: 0.1 stays 0.1.
fn widen(value: f32) -> f64 {
    if value.is_finite() { value.to_string().parse().unwrap_or_else(|_| f64::from(value)) } else { f64::from(value) }
}

impl Cell<'_> {
    /// 128 bits that differ when the values differ.
    pub(super) fn hash(self) -> u128 {
        use twox_hash::XxHash3_128;
        match self {
            Self::Ordinal(value) => XxHash3_128::oneshot(&value.to_le_bytes()),
            Self::Float(value) if value.is_nan() => XxHash3_128::oneshot(b"NaN"),
            // Adding zero turns the negative zero into the positive one: they are equal.
            Self::Float(value) => XxHash3_128::oneshot(&(value + 0.0).to_le_bytes()),
            Self::Text(value) => XxHash3_128::oneshot(value.as_bytes()),
            Self::Binary(value) => XxHash3_128::oneshot(value),
        }
    }

    /// 128 bits that differ when the values differ, whatever the columns' types: 5, 5.0 and the text `5` are one value, and
    /// blanks that pad a text are not its own. Beside them the number, where it is a whole one.
    pub(crate) fn comparable(self, data_type: DataType) -> (u128, Option<i128>) {
        let whole = match (self, data_type) {
            (Self::Ordinal(value), DataType::Decimal { scale, .. }) => {
                let unit = u32::try_from(scale).ok().and_then(|scale| 10_i128.checked_pow(scale));
                unit.filter(|unit| value % unit == 0).map(|unit| value / unit)
            }
            (Self::Ordinal(value), DataType::Int16 | DataType::Int32 | DataType::Int64) => Some(value),
            #[expect(clippy::cast_possible_truncation, reason = "within 2^53 and without a fraction")]
            (Self::Float(value), _) if value.fract() == 0.0 && value.abs() < 9e15 => Some(value as i128),
            (Self::Text(text), _) => {
                text.parse::<i64>().ok().filter(|number| number.to_string() == text).map(i128::from)
            }
            (Self::Ordinal(_) | Self::Float(_) | Self::Binary(_), _) => None,
        };
        match whole {
            Some(value) => (Self::Ordinal(value).hash(), Some(value)),
            None => (twox_hash::XxHash3_128::oneshot(self.text(data_type).trim_end().as_bytes()), None),
        }
    }

    /// The number that figures are made of; temporal values count in seconds since 1970 (or midnight).
    #[expect(clippy::cast_precision_loss, reason = "statistics are doubles")]
    pub(super) fn number(self, data_type: DataType) -> Option<f64> {
        match (self, data_type) {
            (Self::Ordinal(value), DataType::Decimal { scale, .. }) => {
                Some(value as f64 / 10_f64.powi(i32::from(scale)))
            }
            (Self::Ordinal(value), DataType::Date) => Some(value as f64 * 86_400.0),
            (Self::Ordinal(value), DataType::Time | DataType::Timestamp | DataType::TimestampTz) => {
                Some(value as f64 / 1_000_000.0)
            }
            (Self::Ordinal(_), DataType::Boolean) | (Self::Text(_) | Self::Binary(_), _) => None,
            (Self::Ordinal(value), _) => Some(value as f64),
            (Self::Float(value), _) => Some(value),
        }
    }

    /// The value as people and files write it.
    pub(super) fn text(&self, data_type: DataType) -> Cow<'_, str> {
        match self {
            Self::Ordinal(value) => Cow::Owned(ordinal_text(*value, data_type)),
            Self::Float(value) if *value == 0.0 => Cow::Borrowed("0.0"),
            Self::Float(value) => Cow::Owned(format!("{value:?}")),
            Self::Text(value) => Cow::Borrowed(value),
            Self::Binary(value) => Cow::Owned(value.iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            })),
        }
    }
}

fn ordinal_text(value: i128, data_type: DataType) -> String {
    let micros = i64::try_from(value).unwrap_or_default();
    let moment = || DateTime::from_timestamp_micros(micros).map(|moment| moment.naive_utc());
    let written = match data_type {
        DataType::Boolean => Some((value != 0).to_string()),
        DataType::Decimal { scale, .. } => Some(decimal_text(value, scale)),
        DataType::Date => {
            let seconds = micros.checked_mul(86_400);
            seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)).map(|day| day.date_naive().to_string())
        }
        DataType::Time => {
            let seconds = u32::try_from(value / 1_000_000).ok();
            let nanos = u32::try_from(value % 1_000_000 * 1_000).ok();
            let time = seconds.zip(nanos).and_then(|(s, n)| NaiveTime::from_num_seconds_from_midnight_opt(s, n));
            time.map(|time| time.format("%H:%M:%S%.f").to_string())
        }
        DataType::Timestamp => moment().map(|moment| moment.format("%Y-%m-%dT%H:%M:%S%.f").to_string()),
        DataType::TimestampTz => moment().map(|moment| moment.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string()),
        DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Text
        | DataType::Binary
        | DataType::Json
        | DataType::Uuid => None,
    };
    written.unwrap_or_else(|| value.to_string())
}

fn decimal_text(value: i128, scale: i8) -> String {
    let scale = usize::try_from(scale).unwrap_or(0);
    if scale == 0 {
        return value.to_string();
    }
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, behind) = digits.split_at(digits.len() - scale);
    format!("{}{whole}.{behind}", if value < 0 { "-" } else { "" })
}
