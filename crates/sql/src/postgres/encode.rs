//! Batches as binary COPY for the server.

use super::numeric;
use super::table::NativeColumn;
use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, PrimitiveArray, RecordBatch, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::{DataType, Field};

/// The signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: i16 = -1;
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROSECONDS: i64 = 946_684_800_000_000;

/// How a value is written for a column of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Boolean,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    Jsonb,
    Bytea,
    Date,
    Time,
    Timestamp,
    Uuid,
}

/// How our column goes into the target's, which must hold each of our values exactly.
pub(super) fn form(field: &Field, column: &NativeColumn) -> Result<Form> {
    let form = match (field.data_type, column.base.as_str()) {
        (DataType::Boolean, "bool") => Form::Boolean,
        (DataType::Int16, "int2") => Form::Int2,
        (DataType::Int16 | DataType::Int32, "int4") => Form::Int4,
        (DataType::Int16 | DataType::Int32 | DataType::Int64, "int8") => Form::Int8,
        (DataType::Int16 | DataType::Int32 | DataType::Int64, "numeric")
            if column.digits().is_none_or(|(_, scale)| scale == 0) =>
        {
            Form::Numeric
        }
        (DataType::Float32, "float4") => Form::Float4,
        (DataType::Float32 | DataType::Float64, "float8") => Form::Float8,
        (DataType::Decimal { precision, scale }, "numeric") if holds(column, precision, scale) => Form::Numeric,
        (DataType::Text | DataType::Json | DataType::Uuid, "text" | "varchar" | "bpchar")
        | (DataType::Json, "json") => Form::Text,
        (DataType::Json, "jsonb") => Form::Jsonb,
        (DataType::Binary, "bytea") => Form::Bytea,
        (DataType::Date, "date") => Form::Date,
        (DataType::Time, "time") => Form::Time,
        (DataType::Timestamp, "timestamp") | (DataType::TimestampTz, "timestamptz") => Form::Timestamp,
        (DataType::Uuid, "uuid") => Form::Uuid,
        _ => {
            let (name, ours, theirs) = (&field.name, field.data_type, &column.declared);
            return Err(Error::new(
                Kind::Conflict,
                format!("column '{name}' is {ours} here and {theirs} at the target"),
            )
            .at_path(name)
            .hint(format!("Cast '{name}' in a step to what {theirs} holds, or change the target's column")));
        }
    };
    Ok(form)
}

/// How our type goes into the column that is declared for it in a staging table. JSON is staged as text.
pub(super) fn staged_form(data_type: DataType) -> Form {
    match data_type {
        DataType::Boolean => Form::Boolean,
        DataType::Int16 => Form::Int2,
        DataType::Int32 => Form::Int4,
        DataType::Int64 => Form::Int8,
        DataType::Float32 => Form::Float4,
        DataType::Float64 => Form::Float8,
        DataType::Decimal { .. } => Form::Numeric,
        DataType::Text | DataType::Json => Form::Text,
        DataType::Binary => Form::Bytea,
        DataType::Date => Form::Date,
        DataType::Time => Form::Time,
        DataType::Timestamp | DataType::TimestampTz => Form::Timestamp,
        DataType::Uuid => Form::Uuid,
    }
}

fn holds(column: &NativeColumn, precision: u8, scale: i8) -> bool {
    let whole = i32::from(precision) - i32::from(scale);
    column.digits().is_none_or(|(theirs, their_scale)| theirs >= whole && their_scale >= i32::from(scale))
}

enum Values<'a> {
    Boolean(&'a BooleanArray),
    Int16(&'a PrimitiveArray<Int16Type>),
    Int32(&'a PrimitiveArray<Int32Type>),
    Int64(&'a PrimitiveArray<Int64Type>),
    Float32(&'a PrimitiveArray<Float32Type>),
    Float64(&'a PrimitiveArray<Float64Type>),
    Decimal(&'a PrimitiveArray<Decimal128Type>, i8),
    Text(&'a StringArray),
    Binary(&'a BinaryArray),
    Date(&'a PrimitiveArray<Date32Type>),
    Time(&'a PrimitiveArray<Time64MicrosecondType>),
    Timestamp(&'a PrimitiveArray<TimestampMicrosecondType>),
}

pub(super) fn header(out: &mut Vec<u8>) {
    out.extend(HEADER);
}

pub(super) fn trailer(out: &mut Vec<u8>) {
    out.extend_from_slice(&TRAILER.to_be_bytes());
}

/// Appends one row.
pub(super) struct RowEncoder<'a> {
    columns: Vec<(Values<'a>, Option<&'a NullBuffer>, Form)>,
    /// The number of values of a row, as it is sent.
    count: [u8; 2],
    /// The place of the first row in its stream, when rows begin with it.
    first: Option<u64>,
}

impl<'a> RowEncoder<'a> {
    /// Of a batch in exactly the Arrow types of `fields`. With `first`, rows begin with their place in the stream.
    pub(super) fn new(batch: &'a RecordBatch, fields: &[Field], forms: &[Form], first: Option<u64>) -> Result<Self> {
        let mut columns = Vec::with_capacity(forms.len());
        for ((array, field), form) in batch.columns().iter().zip(fields).zip(forms) {
            let values = values(array, field.data_type)
                .ok_or_else(|| Error::internal(format!("column '{}' is not {}", field.name, field.data_type)))?;
            columns.push((values, array.nulls().filter(|nulls| nulls.null_count() > 0), *form));
        }
        let count = i16::try_from(columns.len() + usize::from(first.is_some()))
            .map_err(|_| Error::unsupported("PostgreSQL has no tables of so many columns").hint("Leave some out"))?;
        Ok(Self { columns, count: count.to_be_bytes(), first })
    }

    pub(super) fn append(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&self.count);
        if let Some(first) = self.first {
            out.extend_from_slice(&8_i32.to_be_bytes());
            out.extend_from_slice(&(first + row as u64).to_be_bytes());
        }
        for (values, nulls, form) in &self.columns {
            if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                out.extend_from_slice(&(-1_i32).to_be_bytes());
                continue;
            }
            values.append(row, *form, out)?;
        }
        Ok(())
    }
}

fn values(array: &ArrayRef, data_type: DataType) -> Option<Values<'_>> {
    Some(match data_type {
        DataType::Boolean => Values::Boolean(array.as_boolean_opt()?),
        DataType::Int16 => Values::Int16(array.as_primitive_opt()?),
        DataType::Int32 => Values::Int32(array.as_primitive_opt()?),
        DataType::Int64 => Values::Int64(array.as_primitive_opt()?),
        DataType::Float32 => Values::Float32(array.as_primitive_opt()?),
        DataType::Float64 => Values::Float64(array.as_primitive_opt()?),
        DataType::Decimal { scale, .. } => Values::Decimal(array.as_primitive_opt()?, scale),
        DataType::Text | DataType::Json | DataType::Uuid => Values::Text(array.as_string_opt()?),
        DataType::Binary => Values::Binary(array.as_binary_opt()?),
        DataType::Date => Values::Date(array.as_primitive_opt()?),
        DataType::Time => Values::Time(array.as_primitive_opt()?),
        DataType::Timestamp | DataType::TimestampTz => Values::Timestamp(array.as_primitive_opt()?),
    })
}

impl Values<'_> {
    /// A value behind its length.
    #[inline]
    fn append(&self, row: usize, form: Form, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Boolean(array) => sized([u8::from(array.value(row))], out),
            Self::Int16(array) => integer(i64::from(array.value(row)), form, out),
            Self::Int32(array) => integer(i64::from(array.value(row)), form, out),
            Self::Int64(array) => integer(array.value(row), form, out),
            Self::Float32(array) if form == Form::Float8 => sized(f64::from(array.value(row)).to_be_bytes(), out),
            Self::Float32(array) => sized(array.value(row).to_be_bytes(), out),
            Self::Float64(array) => sized(array.value(row).to_be_bytes(), out),
            Self::Decimal(array, scale) => numeric::encode(array.value(row), *scale, out),
            Self::Text(array) => return text(array.value(row), form, out),
            Self::Binary(array) => return long(&[], array.value(row), out),
            Self::Date(array) => {
                let days = array.value(row).checked_sub(EPOCH_DAYS).ok_or_else(|| outside("date"))?;
                sized(days.to_be_bytes(), out);
            }
            Self::Time(array) => sized(array.value(row).to_be_bytes(), out),
            Self::Timestamp(array) => {
                let moment = array.value(row).checked_sub(EPOCH_MICROSECONDS).ok_or_else(|| outside("timestamp"))?;
                sized(moment.to_be_bytes(), out);
            }
        }
        Ok(())
    }
}

/// Length and value in one stroke: there are 16 of them in a row.
#[inline]
fn sized<const N: usize>(value: [u8; N], out: &mut Vec<u8>) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "N is at most 16")]
    let length = (N as i32).to_be_bytes();
    let mut both = [0; 20];
    both[..4].copy_from_slice(&length);
    both[4..4 + N].copy_from_slice(&value);
    out.extend_from_slice(&both[..4 + N]);
}

/// `form` has room for it: see [`form`].
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the form was chosen by the array's width")]
fn integer(value: i64, form: Form, out: &mut Vec<u8>) {
    match form {
        Form::Int2 => sized((value as i16).to_be_bytes(), out),
        Form::Int4 => sized((value as i32).to_be_bytes(), out),
        Form::Numeric => numeric::encode(i128::from(value), 0, out),
        _ => sized(value.to_be_bytes(), out),
    }
}

fn text(text: &str, form: Form, out: &mut Vec<u8>) -> Result<()> {
    match form {
        Form::Uuid => {
            let digits: String = text.chars().filter(|letter| *letter != '-').collect();
            let wrong = || Error::data("a value is not a UUID").hint("Check the step that makes the column");
            if digits.len() != 32 {
                return Err(wrong());
            }
            sized(u128::from_str_radix(&digits, 16).map_err(|_| wrong())?.to_be_bytes(), out);
            Ok(())
        }
        Form::Jsonb => long(&[1], text.as_bytes(), out),
        _ => long(&[], text.as_bytes(), out),
    }
}

#[inline]
fn long(before: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let length = i32::try_from(before.len() + value.len())
        .map_err(|_| Error::data("a value is larger than PostgreSQL takes").hint("A value may have 1 GB"))?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(before);
    out.extend_from_slice(value);
    Ok(())
}

fn outside(what: &str) -> Error {
    Error::data(format!("a {what} is outside what PostgreSQL holds")).hint("Check the step that makes the column")
}

#[cfg(test)]
mod tests;
