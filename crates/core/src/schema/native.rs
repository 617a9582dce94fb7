//! Texts back into what they were: JSON into lists, structs and maps, digits into wide decimals, ISO 8601 into durations.
//!
//! A value fits when it reads back as it was: what is built is written as text again and compared.

use crate::error::{Error, Result};
use crate::schema::arrow::{native_types, texts_of};
use crate::schema::json::{Members, canonical};
use crate::schema::{DataType, Schema, Shape};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Int64Array, ListArray, MapArray, RecordBatch, RecordBatchOptions,
    StringArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes as a;
use arrow::error::ArrowError;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A batch of `schema` with native types where its columns have a shape. All values must fit, see [`misfits`].
pub fn to_native(batch: &RecordBatch, schema: &Schema) -> Result<RecordBatch> {
    if schema.fields.iter().all(|field| field.native().is_none()) {
        return Ok(batch.clone());
    }
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (column, field) in batch.columns().iter().zip(&schema.fields) {
        let Some(shape) = field.native() else {
            columns.push(column.clone());
            continue;
        };
        let refuse = |row: usize| {
            let message = format!("a value of column '{}' does not fit {shape}", field.name);
            Error::data(message)
                .in_row(row as u64 + 1)
                .at_path(&field.name)
                .hint("Set the column by an expression (`set: {COLUMN: COLUMN}`): then it travels as JSON text")
        };
        let (made, unfit) = converted(column, field.data_type, shape)?;
        match unfit.first() {
            Some(row) => return Err(refuse(*row)),
            None => columns.push(made),
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(native_types(schema), columns, &options)
        .map_err(|error| Error::internal("native columns could not be put together").caused_by(&error))
}

/// The rows with a value that does not fit its column's shape: the column and why.
pub fn misfits(batch: &RecordBatch, schema: &Schema) -> Result<BTreeMap<usize, (String, String)>> {
    let mut rows = BTreeMap::new();
    for (column, field) in batch.columns().iter().zip(&schema.fields) {
        let Some(shape) = field.native() else { continue };
        for row in converted(column, field.data_type, shape)?.1 {
            rows.entry(row).or_insert_with(|| (field.name.clone(), format!("the value does not fit {shape}")));
        }
    }
    Ok(rows)
}

/// The native column, and the rows whose values do not fit.
fn converted(column: &ArrayRef, data_type: DataType, shape: &Shape) -> Result<(ArrayRef, Vec<usize>)> {
    let strings = column.as_string_opt::<i32>();
    let strings = strings.ok_or_else(|| Error::internal("a column with a shape is not text"))?;
    let all: Vec<Option<&str>> = strings.iter().collect();
    match checked(&all, data_type, shape) {
        Ok(done) => Ok(done),
        // One value is to blame; which one is told by each alone.
        Err(error) => {
            let alone = |text| checked(&[text], data_type, shape).is_ok_and(|(_, unfit)| unfit.is_empty());
            let unfit: Vec<usize> = (0..all.len()).filter(|row| !alone(all[*row])).collect();
            if unfit.is_empty() {
                return Err(Error::data(format!("values of {shape} could not be made")).caused_by(&error));
            }
            Ok((arrow::array::new_null_array(&shape.arrow(), all.len()), unfit))
        }
    }
}

fn checked(texts: &[Option<&str>], data_type: DataType, shape: &Shape) -> Result<(ArrayRef, Vec<usize>)> {
    let wrong = |error: ArrowError| Error::data(format!("a value does not fit {shape}")).caused_by(&error);
    let made = if data_type == DataType::Json {
        build(texts, shape).map_err(wrong)?
    } else {
        plain(&texts.iter().map(|text| text.map(Cow::Borrowed)).collect::<Vec<_>>(), shape).map_err(wrong)?
    };
    let back = texts_of(&made, data_type)?;
    let back = back.as_string_opt::<i32>().ok_or_else(|| Error::internal("a native column has no texts"))?;
    let differs = |row: &usize| {
        let back = back.is_valid(*row).then(|| back.value(*row));
        match (texts[*row], back) {
            (Some(text), Some(back)) if text == back => false,
            (Some(text), Some(back)) => data_type != DataType::Json || canonical(text) != canonical(back),
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        }
    };
    Ok((Arc::clone(&made), (0..texts.len()).filter(differs).collect()))
}

/// An array of JSON values, as far as they have this shape; what has not is null.
fn build(items: &[Option<&str>], shape: &Shape) -> Result<ArrayRef, ArrowError> {
    let items: Vec<Option<&str>> =
        items.iter().map(|item| item.map(str::trim).filter(|item| *item != "null")).collect();
    match shape {
        Shape::Plain(_) | Shape::Uuid => {
            plain(&items.into_iter().map(|item| item.and_then(scalar)).collect::<Vec<_>>(), shape)
        }
        Shape::List(inner) => {
            let lists: Vec<Option<Vec<&RawValue>>> =
                items.iter().map(|item| item.and_then(|item| serde_json::from_str(item).ok())).collect();
            let values: Vec<Option<&str>> = lists.iter().flatten().flatten().map(|raw| Some(raw.get())).collect();
            let lengths = lists.iter().map(|list| list.as_ref().map_or(0, Vec::len));
            let a::DataType::List(field) = shape.arrow() else { return Err(broken()) };
            let (offsets, nulls) = (offsets(lengths)?, nulls(lists.iter().map(Option::is_some)));
            Ok(Arc::new(ListArray::try_new(field, offsets, build(&values, inner)?, nulls)?))
        }
        Shape::Struct(members) => {
            let objects: Vec<Option<Members<'_>>> =
                items.iter().map(|item| item.and_then(|item| serde_json::from_str(item).ok())).collect();
            let a::DataType::Struct(fields) = shape.arrow() else { return Err(broken()) };
            let nulls = nulls(objects.iter().map(Option::is_some));
            let column = |(name, inner): &(String, Shape)| {
                let values: Vec<Option<&str>> =
                    objects.iter().map(|object| object.as_ref().and_then(|object| object.get(name))).collect();
                build(&values, inner)
            };
            let columns = members.iter().map(column).collect::<Result<Vec<_>, _>>()?;
            Ok(Arc::new(StructArray::try_new(fields, columns, nulls)?))
        }
        Shape::Map(key, value) => {
            let maps: Vec<Option<Vec<(String, &str)>>> = items.iter().map(|item| item.and_then(entries)).collect();
            let all = || maps.iter().flatten().flatten();
            let keys = plain(&all().map(|(key, _)| Some(Cow::Borrowed(key.as_str()))).collect::<Vec<_>>(), key)?;
            let values = build(&all().map(|(_, value)| Some(*value)).collect::<Vec<_>>(), value)?;
            let a::DataType::Map(field, sorted) = shape.arrow() else { return Err(broken()) };
            let a::DataType::Struct(both) = field.data_type() else { return Err(broken()) };
            let inside = StructArray::try_new(both.clone(), vec![keys, values], None)?;
            let offsets = offsets(maps.iter().map(|map| map.as_ref().map_or(0, Vec::len)))?;
            let nulls = nulls(maps.iter().map(Option::is_some));
            Ok(Arc::new(MapArray::try_new(field, offsets, inside, nulls, sorted)?))
        }
    }
}

/// Values from their texts; null where a text is none.
fn plain(texts: &[Option<Cow<'_, str>>], shape: &Shape) -> Result<ArrayRef, ArrowError> {
    let strings = || texts.iter().map(Option::as_deref).collect::<StringArray>();
    let Shape::Plain(data_type) = shape else { return Ok(Arc::new(strings())) };
    let options = CastOptions { safe: true, ..CastOptions::default() };
    Ok(match data_type {
        a::DataType::Utf8 => Arc::new(strings()),
        a::DataType::Binary => {
            let bytes = |text: &Option<Cow<'_, str>>| text.as_deref().and_then(crate::schema::infer::hex);
            Arc::new(texts.iter().map(bytes).collect::<BinaryArray>())
        }
        a::DataType::Duration(unit) => {
            let counts = texts.iter().map(|text| text.as_deref().and_then(|text| duration(text, *unit)));
            cast_with_options(&counts.collect::<Int64Array>(), data_type, &options)?
        }
        _ => cast_with_options(&strings(), data_type, &options)?,
    })
}

/// The text of a JSON value without parts.
fn scalar(token: &str) -> Option<Cow<'_, str>> {
    match token.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<Cow<'_, str>>(token).ok(),
        Some(b'[' | b'{') | None => None,
        Some(_) => Some(Cow::Borrowed(token)),
    }
}

/// The entries of a map, written as an object or, where a key is there twice, as a list of `{"key": ..., "value": ...}`.
fn entries(token: &str) -> Option<Vec<(String, &str)>> {
    if token.starts_with('[') {
        let all: Vec<Members<'_>> = serde_json::from_str(token).ok()?;
        return all.iter().map(|entry| Some((scalar(entry.get("key")?)?.into_owned(), entry.get("value")?))).collect();
    }
    Some(serde_json::from_str::<Members<'_>>(token).ok()?.0)
}

/// A duration as Arrow writes it: `PT90.5S`, `-PT1S`, `P0D`.
fn duration(text: &str, unit: a::TimeUnit) -> Option<i64> {
    let (text, negative) = text.strip_prefix('-').map_or((text, false), |rest| (rest, true));
    let rest = text.strip_prefix('P')?;
    if rest == "0D" {
        return Some(0);
    }
    let (whole, part) = match rest.strip_prefix('T')?.strip_suffix('S')?.split_once('.') {
        Some((whole, part)) => (whole, part),
        None => (rest.strip_prefix('T')?.strip_suffix('S')?, ""),
    };
    let places = match unit {
        a::TimeUnit::Second => 0,
        a::TimeUnit::Millisecond => 3,
        a::TimeUnit::Microsecond => 6,
        a::TimeUnit::Nanosecond => 9,
    };
    let digits = format!("{whole}{part:0<places$}");
    let count: i128 = digits.parse().ok().filter(|_| part.len() <= places)?;
    i64::try_from(if negative { -count } else { count }).ok()
}

fn offsets(lengths: impl Iterator<Item = usize>) -> Result<OffsetBuffer<i32>, ArrowError> {
    let mut ends = vec![0_i32];
    let mut sum = 0_usize;
    for length in lengths {
        sum += length;
        ends.push(i32::try_from(sum).map_err(|_| ArrowError::OffsetOverflowError(sum))?);
    }
    Ok(OffsetBuffer::new(ends.into()))
}

fn nulls(valid: impl Iterator<Item = bool>) -> Option<NullBuffer> {
    let nulls: NullBuffer = valid.collect::<Vec<bool>>().into();
    Some(nulls).filter(|nulls| nulls.null_count() > 0)
}

fn broken() -> ArrowError {
    ArrowError::SchemaError("a shape has another Arrow type than its own".to_owned())
}
