//! Values of one type as values of another, and the rows whose value does not fit.
//!
//! Exact or not at all: an integer out of range, a decimal that would lose digits and a number with a fraction that
//! should become an integer do not fit. Only a float becomes the nearest decimal of the asked scale, because a float was
//! never exact, and a timestamp becomes its date, because that is what a date is.

use crate::errors::broken;
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Decimal128Array, Int64Array, PrimitiveArray,
    StringBuilder, new_null_array,
};
use arrow::datatypes::{
    self as a, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, arrow::type_to_arrow, infer};

pub(crate) const DAY: i64 = 86_400_000_000;

/// Values that do not fit are null in the array and named by position.
pub type Converted = (ArrayRef, Vec<usize>);

/// Whether there is a meaning at all; single values may still not fit.
pub(crate) fn can_convert(from: DataType, to: DataType) -> bool {
    use DataType as T;
    let number = |data_type| is_number(data_type);
    match (from, to) {
        _ if from == to || from == T::Text || to == T::Text => true,
        (T::Json | T::Uuid, T::Json | T::Uuid) => false,
        (T::Boolean, T::Int16 | T::Int32 | T::Int64)
        | (T::Int16 | T::Int32 | T::Int64, T::Boolean)
        | (T::Date, T::Timestamp | T::TimestampTz)
        | (T::Timestamp | T::TimestampTz, T::Date | T::Time | T::Timestamp | T::TimestampTz) => true,
        _ => number(from) && number(to),
    }
}

pub(crate) fn is_number(data_type: DataType) -> bool {
    is_integer(data_type) || is_float(data_type) || matches!(data_type, DataType::Decimal { .. })
}

pub(crate) fn is_integer(data_type: DataType) -> bool {
    matches!(data_type, DataType::Int16 | DataType::Int32 | DataType::Int64)
}

pub(crate) fn is_float(data_type: DataType) -> bool {
    matches!(data_type, DataType::Float32 | DataType::Float64)
}

pub(crate) fn is_text(data_type: DataType) -> bool {
    matches!(data_type, DataType::Text | DataType::Json | DataType::Uuid)
}

pub(crate) fn refuse(from: DataType, to: DataType) -> Error {
    Error::spec(format!("{from} cannot become {to}")).hint("Go through text, or compute the value with an expression")
}

pub fn convert(array: &ArrayRef, from: DataType, to: DataType) -> Result<Converted> {
    use DataType as T;
    if from == to {
        return Ok((array.clone(), Vec::new()));
    }
    match (from, to) {
        (T::Text, to) => Ok(infer::parse(array.as_string::<i32>(), to)),
        (T::Json | T::Uuid, T::Text) => Ok((array.clone(), Vec::new())),
        (T::Binary, T::Text) => Ok(texts(array, from)),
        (from, T::Text) => Ok(texts(array, from)),
        (T::Boolean, T::Int16 | T::Int32 | T::Int64) => plain(array, to),
        (T::Int16 | T::Int32 | T::Int64, T::Boolean) => {
            let wide = integers(array)?;
            let mut failed = Vec::new();
            let values = wide.iter().enumerate().map(|(row, value)| match value {
                Some(value @ (0 | 1)) => Some(value == 1),
                Some(_) => {
                    failed.push(row);
                    None
                }
                None => None,
            });
            let values: BooleanArray = values.collect();
            Ok((Arc::new(values), failed))
        }
        (T::Date, T::Timestamp | T::TimestampTz) => {
            let dates = array.as_primitive::<Date32Type>();
            Ok((timestamps(dates.iter().map(|day| day.map(|day| i64::from(day) * DAY)), to), Vec::new()))
        }
        (T::Timestamp | T::TimestampTz, T::Timestamp | T::TimestampTz) => {
            let values = array.as_primitive::<TimestampMicrosecondType>();
            Ok((retyped(values, to), Vec::new()))
        }
        (T::Timestamp | T::TimestampTz, T::Date) => {
            let values = array.as_primitive::<TimestampMicrosecondType>();
            Ok(narrow::<Date32Type, _>(values.iter(), |value| i32::try_from(value.div_euclid(DAY)).ok(), to))
        }
        (T::Timestamp | T::TimestampTz, T::Time) => {
            let values = array.as_primitive::<TimestampMicrosecondType>();
            Ok(narrow::<Time64MicrosecondType, _>(values.iter(), |value| Some(value.rem_euclid(DAY)), to))
        }
        (from, to) if is_number(from) && is_number(to) => numbers(array, from, to),
        (from, to) => Err(refuse(from, to)),
    }
}

fn numbers(array: &ArrayRef, from: DataType, to: DataType) -> Result<Converted> {
    use DataType as T;
    match to {
        T::Float64 => plain(array, to),
        T::Float32 => {
            let wide = floats(array)?;
            let fits = |value: f64| {
                #[expect(clippy::cast_possible_truncation, reason = "the next line looks at what it did")]
                let small = value as f32;
                (small.is_finite() || !value.is_finite()).then_some(small)
            };
            Ok(narrow::<Float32Type, _>(wide.iter(), fits, to))
        }
        T::Int16 => Ok(whole::<Int16Type>(array, from, to, |value| i16::try_from(value).ok())?),
        T::Int32 => Ok(whole::<Int32Type>(array, from, to, |value| i32::try_from(value).ok())?),
        T::Int64 => Ok(whole::<Int64Type>(array, from, to, |value| i64::try_from(value).ok())?),
        T::Decimal { precision, scale } => {
            if is_float(from) {
                let wide = floats(array)?;
                return Ok(narrow::<Decimal128Type, _>(
                    wide.iter(),
                    |value| float_to_decimal(value, precision, scale),
                    to,
                ));
            }
            let (values, old_scale) = decimals(array, from)?;
            let fits = |value| rescale(value, old_scale, scale).filter(|value| within(*value, precision));
            Ok(narrow::<Decimal128Type, _>(values.iter(), fits, to))
        }
        T::Boolean | T::Text | T::Binary | T::Date | T::Time | T::Timestamp | T::TimestampTz | T::Json | T::Uuid => {
            Err(refuse(from, to))
        }
    }
}

fn whole<P: ArrowPrimitiveType>(
    array: &ArrayRef,
    from: DataType,
    to: DataType,
    fits: impl Fn(i128) -> Option<P::Native>,
) -> Result<Converted> {
    if is_float(from) {
        let wide = floats(array)?;
        return Ok(narrow::<P, _>(wide.iter(), |value| float_to_whole(value).and_then(&fits), to));
    }
    let (values, scale) = decimals(array, from)?;
    Ok(narrow::<P, _>(values.iter(), |value| rescale(value, scale, 0).and_then(&fits), to))
}

fn narrow<P: ArrowPrimitiveType, V>(
    values: impl Iterator<Item = Option<V>>,
    fits: impl Fn(V) -> Option<P::Native>,
    to: DataType,
) -> Converted {
    let mut failed = Vec::new();
    let converted = values.enumerate().map(|(row, value)| {
        let value = value?;
        let fitting = fits(value);
        if fitting.is_none() {
            failed.push(row);
        }
        fitting
    });
    let array: PrimitiveArray<P> = converted.collect();
    (Arc::new(array.with_data_type(type_to_arrow(to))), failed)
}

/// A cast of Arrow's that cannot fail.
fn plain(array: &ArrayRef, to: DataType) -> Result<Converted> {
    let array = arrow::compute::cast(array, &type_to_arrow(to)).map_err(|error| broken(&error))?;
    Ok((array, Vec::new()))
}

/// Any integers as int64.
pub(crate) fn integers(array: &ArrayRef) -> Result<Int64Array> {
    let wide = arrow::compute::cast(array, &a::DataType::Int64).map_err(|error| broken(&error))?;
    Ok(wide.as_primitive::<Int64Type>().clone())
}

/// Any numbers as float64.
pub(crate) fn floats(array: &ArrayRef) -> Result<PrimitiveArray<Float64Type>> {
    let wide = arrow::compute::cast(array, &a::DataType::Float64).map_err(|error| broken(&error))?;
    Ok(wide.as_primitive::<Float64Type>().clone())
}

/// Integers and decimals as unscaled values and their scale.
pub(crate) fn decimals(array: &ArrayRef, from: DataType) -> Result<(Decimal128Array, i8)> {
    if let DataType::Decimal { scale, .. } = from {
        return Ok((array.as_primitive::<Decimal128Type>().clone(), scale));
    }
    let values: Decimal128Array = integers(array)?.unary(i128::from);
    Ok((values, 0))
}

/// The same number with another scale; none when digits would be lost or 128 bits are too few.
pub(crate) fn rescale(value: i128, from: i8, to: i8) -> Option<i128> {
    if to >= from {
        return value.checked_mul(power(to - from)?);
    }
    let divisor = power(from - to)?;
    (value % divisor == 0).then_some(value / divisor)
}

/// Ten to this power.
pub(crate) fn power(exponent: i8) -> Option<i128> {
    10_i128.checked_pow(u32::try_from(exponent).ok()?)
}

pub(crate) fn within(value: i128, precision: u8) -> bool {
    10_i128.checked_pow(u32::from(precision)).is_none_or(|limit| value.unsigned_abs() < limit.unsigned_abs())
}

#[expect(clippy::cast_possible_truncation, reason = "only whole numbers below 2^100 come this far")]
fn float_to_whole(value: f64) -> Option<i128> {
    (value.fract() == 0.0 && value.abs() < 1e30).then_some(value as i128)
}

/// Through the shortest text of the float (0.1 is 0.1), rounded half away from zero.
pub(crate) fn float_to_decimal(value: f64, precision: u8, scale: i8) -> Option<i128> {
    if !value.is_finite() || value.abs() >= 1e38 {
        return None;
    }
    let text = format!("{value}");
    let behind = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let wanted = usize::try_from(scale).ok()?;
    if behind <= wanted {
        return infer::decimal(&text, precision, scale);
    }
    let cut = &text[..text.len() - (behind - wanted)];
    let dropped = text.as_bytes()[text.len() - (behind - wanted)];
    let kept = infer::decimal(cut.trim_end_matches('.'), 38, scale)?;
    let step = if value < 0.0 { -1 } else { 1 };
    let rounded = if dropped >= b'5' { kept + step } else { kept };
    within(rounded, precision).then_some(rounded)
}

fn texts(array: &ArrayRef, from: DataType) -> Converted {
    let mut failed = Vec::new();
    let mut builder = StringBuilder::with_capacity(array.len(), array.len() * 8);
    let array = &printable(array, from);
    let printer = Printer::new(array, from);
    for row in 0..array.len() {
        if array.is_null(row) {
            builder.append_null();
        } else if let Some(text) = printer.as_ref().and_then(|printer| printer.text(row)) {
            builder.append_value(text);
        } else {
            failed.push(row);
            builder.append_null();
        }
    }
    (Arc::new(builder.finish()), failed)
}

/// One value as text; none when it is null. Binary that is not UTF-8 shows as `\x` hex.
pub fn text_at(array: &ArrayRef, data_type: DataType, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    let one = printable(&array.slice(row, 1), data_type);
    let text = Printer::new(&one, data_type).and_then(|printer| printer.text(0));
    text.or_else(|| {
        let bytes = one.as_binary_opt::<i32>()?.value(0);
        Some(format!("\\x{}", windvane_core::schema::hex(bytes)))
    })
}

/// Arrow prints a zone only when it knows all zones of the world; ours is always UTC.
fn printable(array: &ArrayRef, data_type: DataType) -> ArrayRef {
    if let DataType::TimestampTz = data_type {
        return retyped(array.as_primitive::<TimestampMicrosecondType>(), DataType::Timestamp);
    }
    array.clone()
}

enum Printer<'a> {
    Binary(&'a arrow::array::BinaryArray),
    Other(ArrayFormatter<'a>, &'static str),
}

const FORMAT: FormatOptions<'static> = FormatOptions::new().with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"));

impl<'a> Printer<'a> {
    fn new(array: &'a ArrayRef, data_type: DataType) -> Option<Self> {
        if let DataType::Binary = data_type {
            return array.as_binary_opt::<i32>().map(Self::Binary);
        }
        let zone = if let DataType::TimestampTz = data_type { "+00:00" } else { "" };
        ArrayFormatter::try_new(array.as_ref(), &FORMAT).ok().map(|printer| Self::Other(printer, zone))
    }

    fn text(&self, row: usize) -> Option<String> {
        match self {
            Self::Binary(bytes) => std::str::from_utf8(bytes.value(row)).ok().map(str::to_owned),
            Self::Other(printer, zone) => {
                let text = printer.value(row).try_to_string().ok()?;
                Some(format!("{text}{zone}"))
            }
        }
    }
}

/// Microseconds as a column of `timestamp` or `timestamptz`.
pub(crate) fn timestamps(values: impl Iterator<Item = Option<i64>>, to: DataType) -> ArrayRef {
    let array: PrimitiveArray<TimestampMicrosecondType> = values.collect();
    retyped(&array, to)
}

/// The same microseconds, with or without a zone.
fn retyped(array: &PrimitiveArray<TimestampMicrosecondType>, to: DataType) -> ArrayRef {
    Arc::new(array.clone().with_data_type(type_to_arrow(to)))
}

/// A column of nulls.
pub(crate) fn nulls(data_type: DataType, length: usize) -> ArrayRef {
    new_null_array(&type_to_arrow(data_type), length)
}

/// Floats that compare by their bytes as by their value: one zero, one NaN. Other columns as they are.
pub(crate) fn positive_zero(array: &ArrayRef) -> ArrayRef {
    if let Some(values) = array.as_primitive_opt::<Float64Type>() {
        return Arc::new(values.unary::<_, Float64Type>(|value| if value.is_nan() { f64::NAN } else { value + 0.0 }));
    }
    if let Some(values) = array.as_primitive_opt::<Float32Type>() {
        return Arc::new(values.unary::<_, Float32Type>(|value| if value.is_nan() { f32::NAN } else { value + 0.0 }));
    }
    array.clone()
}
