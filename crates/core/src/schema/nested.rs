//! Nested columns (lists, structs, maps) as JSON texts.

use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::collections::HashSet;
use std::sync::Arc;

pub(super) fn is_nested(data_type: &DataType) -> bool {
    use DataType as A;
    matches!(
        data_type,
        A::List(_)
            | A::LargeList(_)
            | A::ListView(_)
            | A::LargeListView(_)
            | A::FixedSizeList(..)
            | A::Struct(_)
            | A::Map(..)
    )
}

/// One JSON text a row; a null stays null.
pub(super) fn json(column: &ArrayRef) -> Result<ArrayRef> {
    let wrong = |error: ArrowError| Error::data("a nested value could not be written as JSON").caused_by(&error);
    let values = Values::of(column).map_err(wrong)?;
    let mut builder = StringBuilder::new();
    let mut text = String::new();
    for row in 0..column.len() {
        if column.is_null(row) {
            builder.append_null();
            continue;
        }
        text.clear();
        values.write(row, &mut text).map_err(wrong)?;
        builder.append_value(&text);
    }
    Ok(Arc::new(builder.finish()))
}

/// The values of a column, ready to be written one by one.
enum Values {
    /// Each row is a stretch of the values inside.
    List(ArrayRef, Vec<(usize, usize)>, Box<Self>),
    Struct(ArrayRef, Vec<(String, Self)>),
    Map(ArrayRef, Vec<(usize, usize)>, ArrayRef, Box<Self>),
    /// As they are: numbers and truths. What a float has beyond numbers is a text.
    Plain(ArrayRef),
    /// Between quotes. Decimals too, so that no reader rounds them.
    Quoted(ArrayRef),
}

impl Values {
    fn of(column: &ArrayRef) -> Result<Self, ArrowError> {
        use DataType as A;
        Ok(match column.data_type() {
            A::List(_) => {
                let list = column.as_list::<i32>();
                let stretches = (0..list.len())
                    .map(|row| (offset(list.value_offsets(), row), offset(list.value_offsets(), row + 1)));
                Self::List(column.clone(), stretches.collect(), Box::new(Self::of(list.values())?))
            }
            // The others are lists in other clothes.
            A::LargeList(item) | A::ListView(item) | A::LargeListView(item) | A::FixedSizeList(item, _) => {
                let item = Field::new(item.name(), item.data_type().clone(), true);
                Self::of(&cast(column, &A::List(Arc::new(item)))?)?
            }
            A::Struct(fields) => {
                let members = column.as_struct();
                let members = fields.iter().zip(members.columns());
                let members = members.map(|(field, values)| Ok((field.name().clone(), Self::of(values)?)));
                Self::Struct(column.clone(), members.collect::<Result<_, ArrowError>>()?)
            }
            A::Map(..) => {
                let map = column.as_map();
                let stretches =
                    (0..map.len()).map(|row| (offset(map.value_offsets(), row), offset(map.value_offsets(), row + 1)));
                let keys = cast(map.keys(), &A::Utf8)?;
                Self::Map(column.clone(), stretches.collect(), keys, Box::new(Self::of(map.values())?))
            }
            A::Dictionary(_, values) => Self::of(&cast(column, values)?)?,
            A::Timestamp(unit, Some(zone)) if zone.as_ref() != "UTC" => {
                Self::of(&cast(column, &A::Timestamp(*unit, Some("UTC".into())))?)?
            }
            A::Null | A::Boolean | A::Float16 | A::Float32 | A::Float64 => Self::Plain(column.clone()),
            whole if whole.is_integer() => Self::Plain(column.clone()),
            _ => Self::Quoted(column.clone()),
        })
    }

    fn write(&self, row: usize, out: &mut String) -> Result<(), ArrowError> {
        let (Self::List(column, ..)
        | Self::Struct(column, _)
        | Self::Map(column, ..)
        | Self::Plain(column)
        | Self::Quoted(column)) = self;
        if column.is_null(row) || *column.data_type() == DataType::Null {
            out.push_str("null");
            return Ok(());
        }
        match self {
            Self::List(_, stretches, inner) => {
                let (from, to) = stretches.get(row).copied().unwrap_or_default();
                out.push('[');
                for at in from..to {
                    comma(out, at > from);
                    inner.write(at, out)?;
                }
                out.push(']');
            }
            Self::Struct(_, members) => {
                out.push('{');
                for (at, (name, values)) in members.iter().enumerate() {
                    comma(out, at > 0);
                    quoted(name, out)?;
                    out.push(':');
                    values.write(row, out)?;
                }
                out.push('}');
            }
            Self::Map(_, stretches, keys, values) => {
                let (from, to) = stretches.get(row).copied().unwrap_or_default();
                let keys = keys.as_string::<i32>();
                let known: HashSet<&str> = (from..to).map(|at| keys.value(at)).collect();
                // An object would lose a key that is there twice.
                let twice = known.len() < to - from;
                out.push(if twice { '[' } else { '{' });
                for at in from..to {
                    comma(out, at > from);
                    out.push_str(if twice { "{\"key\":" } else { "" });
                    quoted(keys.value(at), out)?;
                    out.push_str(if twice { ",\"value\":" } else { ":" });
                    values.write(at, out)?;
                    out.push_str(if twice { "}" } else { "" });
                }
                out.push(if twice { ']' } else { '}' });
            }
            Self::Plain(column) => {
                // What JSON has no number for is a text, with the words of the databases.
                match shown(column, row)?.as_str() {
                    "NaN" => out.push_str("\"NaN\""),
                    "inf" => out.push_str("\"Infinity\""),
                    "-inf" => out.push_str("\"-Infinity\""),
                    number => out.push_str(number),
                }
            }
            Self::Quoted(column) => quoted(&shown(column, row)?, out)?,
        }
        Ok(())
    }
}

fn shown(column: &ArrayRef, row: usize) -> Result<String, ArrowError> {
    let options = FormatOptions::default();
    let mut text = String::new();
    let formatter = ArrayFormatter::try_new(column, &options)?;
    // What cannot be shown (a day beyond the calendar) is an error, not a text about one.
    if matches!(
        column.data_type(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
    ) {
        text.push_str("\\x");
    }
    text.push_str(&formatter.value(row).try_to_string()?);
    // As PostgreSQL writes them: no zeros behind a fraction, the zone as an offset.
    if matches!(column.data_type(), DataType::Timestamp(..) | DataType::Time32(_) | DataType::Time64(_)) {
        let (moment, zone) = text.strip_suffix('Z').map_or((text.as_str(), ""), |moment| (moment, "+00:00"));
        let moment = if moment.contains('.') { moment.trim_end_matches('0').trim_end_matches('.') } else { moment };
        return Ok(format!("{moment}{zone}"));
    }
    Ok(text)
}

fn quoted(text: &str, out: &mut String) -> Result<(), ArrowError> {
    out.push_str(&serde_json::to_string(text).map_err(|error| ArrowError::CastError(error.to_string()))?);
    Ok(())
}

fn comma(out: &mut String, more: bool) {
    if more {
        out.push(',');
    }
}

fn offset(offsets: &[i32], at: usize) -> usize {
    offsets.get(at).and_then(|offset| usize::try_from(*offset).ok()).unwrap_or_default()
}
