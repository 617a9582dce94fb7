//! Columns as bytes and back: the buffers of Arrow, one after the other, each with its length before it.

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, PrimitiveArray, StringArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, UInt32Type,
};
use std::sync::Arc;
use windvane_core::error::{Error, Result};

macro_rules! each_primitive {
    ($data_type:expr, $work:ident ( $($argument:expr),* ), $otherwise:expr) => {
        match $data_type {
            DataType::Int16 => $work::<Int16Type>($($argument),*),
            DataType::Int32 => $work::<Int32Type>($($argument),*),
            DataType::Int64 => $work::<Int64Type>($($argument),*),
            DataType::UInt32 => $work::<UInt32Type>($($argument),*),
            DataType::Float32 => $work::<Float32Type>($($argument),*),
            DataType::Float64 => $work::<Float64Type>($($argument),*),
            DataType::Decimal128(_, _) => $work::<Decimal128Type>($($argument),*),
            DataType::Date32 => $work::<Date32Type>($($argument),*),
            DataType::Time64(TimeUnit::Microsecond) => $work::<Time64MicrosecondType>($($argument),*),
            DataType::Timestamp(TimeUnit::Microsecond, _) => $work::<TimestampMicrosecondType>($($argument),*),
            _ => $otherwise,
        }
    };
}

/// Appends a column.
pub(super) fn put(array: &ArrayRef, out: &mut Vec<u8>) -> Result<()> {
    match array.nulls() {
        None => part(&[], out),
        Some(nulls) => part(nulls.inner().sliced().as_slice(), out),
    }
    match array.data_type() {
        DataType::Boolean => part(array.as_boolean().values().sliced().as_slice(), out),
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            offsets(texts.offsets(), texts.values(), out);
        }
        DataType::Binary => {
            let binary = array.as_binary::<i32>();
            offsets(binary.offsets(), binary.values(), out);
        }
        other => each_primitive!(other, primitive(array, out), return Err(unknown(other))),
    }
    Ok(())
}

fn primitive<P: ArrowPrimitiveType>(array: &ArrayRef, out: &mut Vec<u8>) {
    part(array.as_primitive::<P>().values().inner().as_slice(), out);
}

/// A slice of a column starts somewhere in its buffer; here it starts at 0.
fn offsets(offsets: &OffsetBuffer<i32>, values: &Buffer, out: &mut Vec<u8>) {
    let first = offsets.first().copied().unwrap_or(0);
    let moved: Vec<i32> = offsets.iter().map(|offset| offset - first).collect();
    part(Buffer::from_vec(moved).as_slice(), out);
    let at = |offset: Option<&i32>| offset.and_then(|offset| usize::try_from(*offset).ok()).unwrap_or(0);
    part(values.as_slice().get(at(offsets.first())..at(offsets.last())).unwrap_or_default(), out);
}

fn part(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Takes a column of so many rows off the front.
pub(super) fn take(from: &mut &[u8], data_type: &DataType, rows: usize) -> Result<ArrayRef> {
    let nulls = next(from)?;
    let nulls = (!nulls.is_empty()).then(|| NullBuffer::new(bits(nulls, rows)));
    let wrong = |error| damaged().caused_by(&error);
    Ok(match data_type {
        DataType::Boolean => Arc::new(BooleanArray::new(bits(next(from)?, rows), nulls)),
        DataType::Utf8 => {
            let offsets = OffsetBuffer::new(ScalarBuffer::new(Buffer::from(next(from)?), 0, rows + 1));
            Arc::new(StringArray::try_new(offsets, Buffer::from(next(from)?), nulls).map_err(wrong)?)
        }
        DataType::Binary => {
            let offsets = OffsetBuffer::new(ScalarBuffer::new(Buffer::from(next(from)?), 0, rows + 1));
            Arc::new(BinaryArray::try_new(offsets, Buffer::from(next(from)?), nulls).map_err(wrong)?)
        }
        other => each_primitive!(other, numbers(next(from)?, other, rows, nulls), return Err(unknown(other))),
    })
}

fn bits(bytes: &[u8], rows: usize) -> BooleanBuffer {
    BooleanBuffer::new(Buffer::from(bytes), 0, rows)
}

fn numbers<P: ArrowPrimitiveType>(
    bytes: &[u8],
    data_type: &DataType,
    rows: usize,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    let values = ScalarBuffer::<P::Native>::new(Buffer::from(bytes), 0, rows);
    Arc::new(PrimitiveArray::<P>::new(values, nulls).with_data_type(data_type.clone()))
}

fn next<'a>(from: &mut &'a [u8]) -> Result<&'a [u8]> {
    let (length, rest) = from.split_first_chunk::<8>().ok_or_else(damaged)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged())?;
    let (bytes, rest) = rest.split_at_checked(length).ok_or_else(damaged)?;
    *from = rest;
    Ok(bytes)
}

pub(super) fn damaged() -> Error {
    Error::internal("a spill file does not hold what was written to it")
}

fn unknown(data_type: &DataType) -> Error {
    Error::internal(format!("a column of {data_type} cannot be spilled"))
}
