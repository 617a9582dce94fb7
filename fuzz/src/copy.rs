//! Rows into binary COPY: the bytes choose columns and values, and what is sent is taken apart again by a decoder that has
//! nothing in common with ours.

use super::batches::typed;
use super::choices::Choices;
use super::errors::told;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int16Array,
    Int32Array, Int64Array, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use windvane_core::schema::{DataType, Field, Schema, arrow::to_arrow};
use windvane_sql::postgres::fuzzing::{decoded, encoded};

const COLUMNS: [(DataType, &str); 21] = [
    (DataType::Boolean, "bool"),
    (DataType::Int16, "int2"),
    (DataType::Int16, "int4"),
    (DataType::Int32, "int4"),
    (DataType::Int32, "int8"),
    (DataType::Int64, "int8"),
    (DataType::Int64, "numeric"),
    (DataType::Float32, "float4"),
    (DataType::Float32, "float8"),
    (DataType::Float64, "float8"),
    (DataType::Decimal { precision: 9, scale: 2 }, "numeric"),
    (DataType::Decimal { precision: 38, scale: 0 }, "numeric"),
    (DataType::Decimal { precision: 38, scale: 37 }, "numeric"),
    (DataType::Text, "text"),
    (DataType::Json, "jsonb"),
    (DataType::Binary, "bytea"),
    (DataType::Date, "date"),
    (DataType::Time, "time"),
    (DataType::Timestamp, "timestamp"),
    (DataType::TimestampTz, "timestamptz"),
    (DataType::Uuid, "uuid"),
];
const HEADER: usize = 19;

/// Values of one column, and what each must be on the wire, in words.
struct Column {
    array: ArrayRef,
    said: Vec<Option<String>>,
}

pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let (count, rows) = (choices.byte() % 4 + 1, usize::from(choices.byte() % 5));
    let first = Some(u64::from(choices.byte())).filter(|first| *first > 127);
    let chosen: Vec<(DataType, &str)> = (0..count).filter_map(|_| choices.one(&COLUMNS)).collect();
    let columns: Vec<Column> = chosen.iter().map(|(data_type, _)| column(*data_type, rows, &mut choices)).collect();
    let fields: Vec<Field> =
        chosen.iter().enumerate().map(|(at, (data_type, _))| Field::new(format!("c{at}"), *data_type)).collect();
    let schema = Schema::new(fields.clone());
    let arrow = to_arrow(&schema);
    let typed: Result<Vec<_>, _> =
        columns.iter().zip(arrow.fields()).map(|(column, field)| typed(&column.array, field.data_type())).collect();
    let batch = typed.and_then(|typed| RecordBatch::try_new(arrow, typed));
    let Ok(batch) = batch else { return assert!(batch.is_ok(), "{batch:?}") };
    let bases: Vec<&str> = chosen.iter().map(|(_, base)| *base).collect();
    let sent = match encoded(&batch, &fields, &bases, first) {
        Ok(sent) => sent,
        // A day or moment that PostgreSQL's own counting cannot reach.
        Err(error) => return told(&error),
    };
    let wanted = (0..rows).map(|row| {
        let place = first.map(|first| Some((first + row as u64).to_string()));
        place.into_iter().chain(columns.iter().map(|column| column.said.get(row).cloned().flatten())).collect()
    });
    let wanted: Vec<Vec<Option<String>>> = wanted.collect();
    let types: Vec<&str> = first.map(|_| "int8").into_iter().chain(bases.iter().copied()).collect();
    assert_eq!(taken_apart(&sent, &types).as_ref(), Some(&wanted));
    if first.is_none() {
        let back = decoded(&schema, &bases, &[&sent]);
        let rows: usize = back.iter().flatten().map(|batch| batch.numbers.len() + batch.rejected.len()).sum();
        assert!(back.is_ok() && rows == batch.num_rows(), "what we write we read");
        if let Ok([one]) = back.as_deref()
            && one.rejected.is_empty()
        {
            assert_eq!(one.rows, batch);
        }
    }
}

fn column(data_type: DataType, rows: usize, choices: &mut Choices<'_>) -> Column {
    let mut said = Vec::new();
    let mut take = |make: &mut dyn FnMut(&mut Choices<'_>) -> String| {
        let value = (!choices.byte().is_multiple_of(8)).then(|| make(choices));
        said.push(value.clone());
        value.is_some()
    };
    macro_rules! made {
        ($array:ty, $value:expr, $word:expr) => {{
            let mut values = Vec::new();
            for _ in 0..rows {
                let mut value = Default::default();
                let there = take(&mut |choices: &mut Choices<'_>| {
                    value = $value(choices);
                    $word(&value)
                });
                values.push(there.then_some(value));
            }
            Arc::new(<$array>::from(values)) as ArrayRef
        }};
    }
    let long = |choices: &mut Choices<'_>| i64::from_be_bytes(choices.bytes());
    let array = match data_type {
        DataType::Boolean => {
            made!(BooleanArray, |c: &mut Choices<'_>| c.byte() % 2 == 1, |v: &bool| u8::from(*v).to_string())
        }
        DataType::Int16 => made!(Int16Array, |c: &mut Choices<'_>| i16::from_be_bytes(c.bytes()), i16::to_string),
        DataType::Int32 => made!(Int32Array, |c: &mut Choices<'_>| i32::from_be_bytes(c.bytes()), i32::to_string),
        DataType::Int64 => made!(Int64Array, long, i64::to_string),
        DataType::Float32 => {
            // Of the many that are no number, one: the others need not come through a wider float.
            let real =
                |c: &mut Choices<'_>| Some(f32::from_be_bytes(c.bytes())).filter(|v| !v.is_nan()).unwrap_or(f32::NAN);
            made!(Float32Array, real, |v: &f32| float((*v).into()))
        }
        DataType::Float64 => {
            made!(Float64Array, |c: &mut Choices<'_>| f64::from_be_bytes(c.bytes()), |v: &f64| float(*v))
        }
        DataType::Decimal { precision, scale } => {
            let limit = 10_i128.pow(precision.into());
            made!(Decimal128Array, |c: &mut Choices<'_>| i128::from_be_bytes(c.bytes()) % limit, |v: &i128| digits(
                *v, scale
            ))
        }
        DataType::Text | DataType::Json => {
            let text = |c: &mut Choices<'_>| {
                let length = c.byte() % 40;
                String::from_utf8_lossy(c.some(length.into())).into_owned()
            };
            made!(StringArray, text, |v: &String| hex(v.as_bytes()))
        }
        DataType::Uuid => {
            let uuid = |c: &mut Choices<'_>| {
                let all = hex(&c.bytes::<16>());
                let part = |from, to| all.get(from..to).unwrap_or_default();
                [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
            };
            made!(StringArray, uuid, |v: &String| v.replace('-', ""))
        }
        DataType::Binary => {
            let mut values = Vec::new();
            for _ in 0..rows {
                let mut value = Vec::new();
                let there = take(&mut |choices: &mut Choices<'_>| {
                    let length = choices.byte() % 40;
                    value = choices.some(length.into()).to_vec();
                    hex(&value)
                });
                values.push(there.then_some(value));
            }
            Arc::new(BinaryArray::from_iter(values))
        }
        DataType::Date => made!(Date32Array, |c: &mut Choices<'_>| i32::from_be_bytes(c.bytes()), i32::to_string),
        DataType::Time => made!(Time64MicrosecondArray, long, i64::to_string),
        DataType::Timestamp | DataType::TimestampTz => made!(TimestampMicrosecondArray, long, i64::to_string),
    };
    Column { array, said }
}

/// Widening keeps a number and not the letters of NaN.
fn float(value: f64) -> String {
    if value.is_nan() { "nan".to_owned() } else { format!("{:x}", value.to_bits()) }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

/// `-1.05`, without zeros that say nothing.
fn digits(unscaled: i128, scale: i8) -> String {
    let scale = usize::try_from(scale).unwrap_or(0);
    let all = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = all.split_at(all.len() - scale);
    plain(unscaled < 0, whole, fraction)
}

fn plain(negative: bool, whole: &str, fraction: &str) -> String {
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let sign = if negative { "-" } else { "" };
    let number = format!("{sign}{}.{fraction}", if whole.is_empty() { "0" } else { whole });
    number.trim_end_matches('.').to_owned()
}

/// The rows of a COPY, each value in words; nothing where the bytes are no COPY.
fn taken_apart(sent: &[u8], types: &[&str]) -> Option<Vec<Vec<Option<String>>>> {
    let mut rest = sent.get(HEADER..)?;
    let mut rows = Vec::new();
    loop {
        let count = i16::from_be_bytes(*front(&mut rest)?);
        if count == -1 {
            return rest.is_empty().then_some(rows);
        }
        assert_eq!(usize::try_from(count).ok(), Some(types.len()), "a field for every column");
        let mut row = Vec::new();
        for base in types {
            let length = i32::from_be_bytes(*front(&mut rest)?);
            let Ok(length) = usize::try_from(length) else {
                row.push(None);
                continue;
            };
            let (value, after) = rest.split_at_checked(length)?;
            rest = after;
            row.push(Some(value_in_words(base, value)?));
        }
        rows.push(row);
    }
}

fn front<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(first)
}

fn value_in_words(base: &str, value: &[u8]) -> Option<String> {
    Some(match base {
        "bool" => value.first()?.to_string(),
        "int2" => i16::from_be_bytes(value.try_into().ok()?).to_string(),
        "int4" => i32::from_be_bytes(value.try_into().ok()?).to_string(),
        "int8" | "time" => i64::from_be_bytes(value.try_into().ok()?).to_string(),
        "float4" => float(f32::from_be_bytes(value.try_into().ok()?).into()),
        "float8" => float(f64::from_be_bytes(value.try_into().ok()?)),
        "date" => (i64::from(i32::from_be_bytes(value.try_into().ok()?)) + 10_957).to_string(),
        "timestamp" | "timestamptz" => {
            (i128::from(i64::from_be_bytes(value.try_into().ok()?)) + 946_684_800_000_000).to_string()
        }
        "jsonb" => hex(value.strip_prefix(&[1])?),
        "numeric" => numeric(value)?,
        _ => hex(value),
    })
}

fn numeric(value: &[u8]) -> Option<String> {
    let words: Vec<u16> = value.chunks(2).filter_map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?))).collect();
    let (&[count, weight, sign, _], groups) = words.split_first_chunk()?;
    assert_eq!(usize::from(count), groups.len());
    assert!(groups.iter().all(|group| *group < 10_000));
    let weight = i32::from(i16::from_be_bytes(weight.to_be_bytes()));
    let (mut whole, mut fraction) = (String::new(), String::new());
    for place in (-20..=20).rev() {
        let group = usize::try_from(weight - place).ok().and_then(|at| groups.get(at)).copied().unwrap_or(0);
        let side = if place >= 0 { &mut whole } else { &mut fraction };
        side.push_str(&(10_000 + group).to_string()[1..]);
    }
    Some(plain(sign == 0x4000, &whole, &fraction))
}
