//! To and from Arrow.

use crate::error::{Error, Kind, Result};
use crate::schema::{DataType, Field, Schema, Shape, nested, odd};
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{self as a, SchemaRef, TimeUnit};
use arrow::util::display::{FormatOptions, array_value_to_string};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The field metadata key that keeps what Arrow has no type for.
const TYPE_KEY: &str = "windvane.type";

/// The Arrow schema that batches of this schema have. Json and Uuid are Utf8 with the field metadata `windvane.type`.
pub fn to_arrow(schema: &Schema) -> SchemaRef {
    let fields: Vec<a::Field> = schema.fields.iter().map(field_to_arrow).collect();
    Arc::new(a::Schema::new(fields))
}

fn field_to_arrow(field: &Field) -> a::Field {
    // Nullable whatever the source promises: a broken promise is for checks to find, not for Arrow to refuse.
    let arrow = a::Field::new(&field.name, type_to_arrow(field.data_type), true);
    match field.data_type {
        DataType::Json | DataType::Uuid => {
            arrow.with_metadata(HashMap::from([(TYPE_KEY.to_owned(), field.data_type.to_string())]))
        }
        _ => arrow,
    }
}

/// The same with the columns that have a shape in it, as targets have them that know such types.
pub fn native_types(schema: &Schema) -> SchemaRef {
    let native = |field: &Field| match field.native() {
        Some(shape) => a::Field::new(&field.name, shape.arrow(), true),
        None => field_to_arrow(field),
    };
    Arc::new(a::Schema::new(schema.fields.iter().map(native).collect::<Vec<_>>()))
}

/// The Arrow type of a column.
pub fn type_to_arrow(data_type: DataType) -> a::DataType {
    match data_type {
        DataType::Boolean => a::DataType::Boolean,
        DataType::Int16 => a::DataType::Int16,
        DataType::Int32 => a::DataType::Int32,
        DataType::Int64 => a::DataType::Int64,
        DataType::Float32 => a::DataType::Float32,
        DataType::Float64 => a::DataType::Float64,
        DataType::Decimal { precision, scale } => a::DataType::Decimal128(precision, scale),
        DataType::Text | DataType::Json | DataType::Uuid => a::DataType::Utf8,
        DataType::Binary => a::DataType::Binary,
        DataType::Date => a::DataType::Date32,
        DataType::Time => a::DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp => a::DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::TimestampTz => a::DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    }
}

/// What an Arrow schema from elsewhere (Parquet, a data frame) is here; types we do not have are `unsupported`.
pub fn from_arrow(schema: &a::Schema) -> Result<Schema> {
    let fields = schema.fields().iter().map(|field| {
        let data_type = match field.metadata().get(TYPE_KEY) {
            Some(known) => known.parse()?,
            None => match extension(field) {
                Some(known) => known,
                None => type_from_arrow(field.data_type()).map_err(|error| error.at_path(field.name()))?,
            },
        };
        Ok(Field {
            name: field.name().clone(),
            data_type,
            shape: Shape::beyond(field.data_type(), data_type),
            native_type: Some(field.data_type().to_string()),
            nullable: field.is_nullable(),
            comment: None,
        })
    });
    fields.collect::<Result<Vec<_>>>().map(Schema::new)
}

/// What Arrow's own extensions say of a column.
fn extension(field: &a::Field) -> Option<DataType> {
    match (field.metadata().get("ARROW:extension:name")?.as_str(), field.data_type()) {
        ("arrow.uuid", a::DataType::FixedSizeBinary(16)) => Some(DataType::Uuid),
        ("arrow.json", a::DataType::Utf8 | a::DataType::LargeUtf8 | a::DataType::Utf8View) => Some(DataType::Json),
        _ => None,
    }
}

fn type_from_arrow(data_type: &a::DataType) -> Result<DataType> {
    use a::DataType as A;
    Ok(match data_type {
        A::Boolean => DataType::Boolean,
        A::Int8 | A::Int16 | A::UInt8 => DataType::Int16,
        A::Int32 | A::UInt16 => DataType::Int32,
        A::Int64 | A::UInt32 => DataType::Int64,
        A::UInt64 => DataType::Decimal { precision: 20, scale: 0 },
        A::Float16 | A::Float32 => DataType::Float32,
        A::Float64 => DataType::Float64,
        A::Decimal32(p, s) | A::Decimal64(p, s) | A::Decimal128(p, s) | A::Decimal256(p, s) if *p <= 38 && *s >= 0 => {
            DataType::Decimal { precision: *p, scale: *s }
        }
        // Digits in front of the point that are always zeros.
        A::Decimal32(p, s) | A::Decimal64(p, s) | A::Decimal128(p, s)
            if *s < 0 && u16::from(*p) + u16::from(s.unsigned_abs()) <= 38 =>
        {
            DataType::Decimal { precision: p + s.unsigned_abs(), scale: 0 }
        }
        // As their exact digits, and as ISO 8601: wider than what we have.
        A::Decimal32(..) | A::Decimal64(..) | A::Decimal128(..) | A::Decimal256(..) => DataType::Text,
        A::Duration(_) | A::Interval(_) => DataType::Text,
        A::Utf8 | A::LargeUtf8 | A::Utf8View | A::Null => DataType::Text,
        A::List(_)
        | A::LargeList(_)
        | A::ListView(_)
        | A::LargeListView(_)
        | A::FixedSizeList(..)
        | A::Struct(_)
        | A::Map(..) => DataType::Json,
        A::Binary | A::LargeBinary | A::BinaryView | A::FixedSizeBinary(_) => DataType::Binary,
        A::Date32 | A::Date64 => DataType::Date,
        A::Time32(_) | A::Time64(_) => DataType::Time,
        A::Timestamp(_, None) => DataType::Timestamp,
        A::Timestamp(_, Some(_)) => DataType::TimestampTz,
        A::Dictionary(_, value) => type_from_arrow(value)?,
        other => {
            return Err(Error::unsupported(format!("columns of the type {other} cannot be moved yet"))
                .hint("Leave the column out, or cast it to text, where the data comes from"));
        }
    })
}

/// Casts columns to exactly `to_arrow(schema)` where that loses nothing (dictionary, large and view types, units).
/// Columns are matched by position.
pub fn conform(batch: &RecordBatch, schema: &Schema) -> Result<RecordBatch> {
    let target = to_arrow(schema);
    let columns = batch.columns().iter().zip(target.fields()).map(|(column, field)| cast(column, field));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    promised(target, columns, batch.num_rows())
}

/// The same with columns matched by name; one that is not there is null.
pub fn pick(batch: &RecordBatch, schema: &Schema) -> Result<RecordBatch> {
    let target = to_arrow(schema);
    let columns = target.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(column) => {
            let made = cast(column, field)?;
            match odd::odd(&made).first() {
                Some((_, reason)) => Err(Error::data(reason.clone()).at_path(field.name())),
                None => Ok(made),
            }
        }
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    promised(target, columns, batch.num_rows())
}

fn promised(target: SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(target, columns, &options)
        .map_err(|error| Error::internal("a batch does not have the promised columns").caused_by(&error))
}

fn cast(column: &ArrayRef, field: &a::Field) -> Result<ArrayRef> {
    if column.data_type() == field.data_type() {
        return Ok(column.clone());
    }
    let converted = |from: &ArrayRef, to: &a::DataType| {
        let options = CastOptions { safe: false, format_options: FormatOptions::default() };
        cast_with_options(from, to, &options).map_err(|error| {
            Error::new(Kind::Data, format!("a value does not fit {to}")).at_path(field.name()).caused_by(&error)
        })
    };
    if nested::is_nested(column.data_type()) {
        return nested::json(column).map_err(|error| error.at_path(field.name()));
    }
    if let a::DataType::Dictionary(_, values) = column.data_type() {
        return cast(&converted(column, values)?, field);
    }
    if let (a::DataType::FixedSizeBinary(16), a::DataType::Utf8) = (column.data_type(), field.data_type()) {
        return Ok(odd::uuids(column));
    }
    let cast = converted(column, field.data_type())?;
    if matches!(column.data_type(), a::DataType::Duration(_))
        && let Some((_, reason)) = odd::odd_durations(&cast).first()
    {
        return Err(Error::data(reason.clone()).at_path(field.name()));
    }
    // What Arrow cuts without a word must come back as it was.
    if let Some(finer) = finer(column.data_type(), field.data_type()) {
        let back = converted(&cast, column.data_type())?;
        if back.to_data() != column.to_data() {
            return Err(Error::data(format!("a value is finer than {finer}"))
                .at_path(field.name())
                .hint("Round the column at the source: nothing is cut in silence"));
        }
    }
    Ok(cast)
}

/// The texts that a native column travels as.
pub(super) fn texts_of(column: &ArrayRef, data_type: DataType) -> Result<ArrayRef> {
    cast(column, &a::Field::new("", type_to_arrow(data_type), true))
}

/// The first column of each row that [`pick`] refuses, and why: rows by their place in the batch.
pub fn refused(batch: &RecordBatch, schema: &Schema) -> Result<BTreeMap<usize, (String, String)>> {
    let mut rows = BTreeMap::new();
    for field in to_arrow(schema).fields() {
        let Some(column) = batch.column_by_name(field.name()) else { continue };
        if let Ok(made) = cast(column, field) {
            for (row, reason) in odd::odd(&made) {
                rows.entry(row).or_insert((field.name().clone(), reason));
            }
            continue;
        }
        if nested::is_nested(column.data_type()) {
            let alone = |row: &usize| nested::json(&column.slice(*row, 1)).is_err();
            for row in (0..column.len()).filter(alone) {
                let reason = "a value inside cannot be written as JSON".to_owned();
                rows.entry(row).or_insert((field.name().clone(), reason));
            }
            continue;
        }
        let safely = |from: &ArrayRef, to: &a::DataType| {
            cast_with_options(from, to, &CastOptions { safe: true, format_options: FormatOptions::default() })
                .map_err(|error| Error::data("a column cannot be converted").at_path(field.name()).caused_by(&error))
        };
        let column = match column.data_type() {
            a::DataType::Dictionary(_, values) => safely(column, values)?,
            _ => column.clone(),
        };
        let fits = safely(&column, field.data_type())?;
        if matches!(column.data_type(), a::DataType::Duration(_)) {
            for (row, reason) in odd::odd_durations(&fits) {
                rows.entry(row).or_insert((field.name().clone(), reason));
            }
            continue;
        }
        let finer = finer(column.data_type(), field.data_type());
        let cut = match finer {
            None => None,
            Some(_) => Some(
                distinct(&safely(&fits, column.data_type())?, &column)
                    .map_err(|error| Error::internal("values could not be compared").caused_by(&error))?,
            ),
        };
        for row in 0..column.len() {
            let lost = column.is_valid(row) && fits.is_null(row);
            if lost || cut.as_ref().is_some_and(|cut| cut.value(row)) {
                let value = array_value_to_string(&column, row).unwrap_or_default();
                let reason = match finer.filter(|_| !lost) {
                    Some(finer) => format!("'{value}' is finer than {finer}"),
                    None => format!("'{value}' does not fit {}", field.data_type()),
                };
                rows.entry(row).or_insert((field.name().clone(), reason));
            }
        }
    }
    Ok(rows)
}

/// What the target of a cast holds, where the source holds finer values.
fn finer(from: &a::DataType, to: &a::DataType) -> Option<&'static str> {
    use a::DataType as A;
    match (from, to) {
        (A::Timestamp(TimeUnit::Nanosecond, _), A::Timestamp(TimeUnit::Microsecond, _))
        | (A::Time64(TimeUnit::Nanosecond), A::Time64(TimeUnit::Microsecond)) => Some("a microsecond"),
        (A::Date64, A::Date32) => Some("a day"),
        (A::Int32 | A::UInt32 | A::Int64 | A::UInt64 | A::Decimal128(..), A::Float32 | A::Float64) => Some("a float"),
        _ => None,
    }
}
