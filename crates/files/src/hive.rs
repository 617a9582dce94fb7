//! Folders that hold values: `day=2026-11-21/country=CZ/part.parquet`.
//!
//! A value is its canonical text with `%` escapes; null is `__HIVE_DEFAULT_PARTITION__`, the empty text is empty.

use super::text::texts;
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute::kernels::cmp::distinct;
use std::fmt::Write;
use std::sync::Arc;
use windvane_connect::Batch;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema, arrow::to_arrow, infer};

const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// The values of a file's folders, outermost first.
pub(super) type Values = Vec<(String, Option<String>)>;

/// `day=2026-11-21` as a column and its value; nothing where a name is not of this form.
pub(super) fn value_of(folder: &str) -> Option<(String, Option<String>)> {
    let (name, value) = folder.split_once('=')?;
    let name = unescaped(name);
    (!name.is_empty()).then(|| (name, (value != NULL).then(|| unescaped(value))))
}

/// The values in the folders directly above a file.
pub(super) fn values_of(path: &str) -> Values {
    let folders = path.rsplit('/').skip(1);
    let mut values: Values = folders.map_while(value_of).collect();
    values.reverse();
    values
}

/// The path without its file and the value folders above it.
pub(super) fn home(path: &str) -> &str {
    let above = |path: &'_ str| path.rfind('/').unwrap_or(0);
    let mut folder = &path[..above(path)];
    while value_of(folder.rsplit('/').next().unwrap_or_default()).is_some() {
        folder = &folder[..above(folder)];
    }
    folder
}

/// `day=2026-11-21/country=CZ`.
pub(super) fn folder(values: &[(&str, Option<&str>)]) -> String {
    let parts = values.iter().map(|(name, value)| {
        let value = value.map_or_else(|| NULL.to_owned(), |value| escaped(value, value == NULL));
        format!("{}={value}", escaped(name, name.starts_with(['.', '_'])))
    });
    parts.collect::<Vec<_>>().join("/")
}

/// What file systems and stores do not take in a name becomes `%XX`; the first character too where it would mislead.
fn escaped(text: &str, first: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.chars().enumerate() {
        let odd = matches!(
            c,
            '"' | '#' | '%' | '\'' | '*' | '/' | ':' | '=' | '?' | '\\' | '{' | '}' | '[' | ']' | '^' | '<' | '>' | '|'
        );
        if odd || c.is_control() || (at == 0 && first) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                let _ = write!(out, "%{byte:02X}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

fn unescaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut rest = bytes.clone();
        let pair = (byte == b'%').then(|| Some([rest.next()?, rest.next()?])).flatten();
        let code = pair.and_then(|pair| u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok());
        match code {
            Some(code) => {
                out.push(code);
                bytes = rest;
            }
            None => out.push(byte),
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// The columns that folders of others hold: whole numbers, dates, otherwise text.
pub(super) fn columns(all: &[&Values]) -> Vec<Field> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in all.iter().copied().flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let field = |name: &&str| {
        let values: StringArray = all
            .iter()
            .copied()
            .flatten()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.as_deref())
            .collect();
        let code = |text: &str| {
            let digits = text.strip_prefix('-').unwrap_or(text);
            digits.len() > 1 && digits.starts_with('0') || text.starts_with('+')
        };
        let fits = |to| infer::parse(&values, to).1.is_empty() && !values.iter().flatten().any(code);
        let known = values.null_count() < values.len();
        let data_type = [DataType::Int64, DataType::Date].into_iter().find(|to| known && fits(*to));
        Field::new(*name, data_type.unwrap_or(DataType::Text))
    };
    names.iter().map(field).collect()
}

/// Refuses columns that cannot become folders.
pub(super) fn check(schema: &Schema, by: &[String]) -> Result<()> {
    for (at, name) in by.iter().enumerate() {
        let field = schema.field(name).ok_or_else(|| {
            Error::spec(format!("there is no column '{name}' to partition by"))
                .at_path("partition_by")
                .hint(format!("There are: {}", schema.names().collect::<Vec<_>>().join(", ")))
        })?;
        if matches!(field.data_type, DataType::Float32 | DataType::Float64 | DataType::Binary | DataType::Json) {
            return Err(Error::unsupported(format!("a {} column cannot become folders", field.data_type))
                .at_path("partition_by")
                .hint("Partition by dates, whole numbers or short texts"));
        }
        if by[..at].contains(name) {
            return Err(Error::spec(format!("the column '{name}' is named twice")).at_path("partition_by"));
        }
    }
    if !by.is_empty() && by.len() >= schema.fields.len() {
        return Err(Error::spec("every column would be a folder, and the files would be empty")
            .at_path("partition_by")
            .hint("Leave at least one column that is not in `partition_by`"));
    }
    Ok(())
}

/// The schema without some columns.
pub(super) fn without(schema: &Schema, names: &[String]) -> Schema {
    Schema::new(schema.fields.iter().filter(|field| !names.contains(&field.name)).cloned().collect())
}

/// The folder of each row, and the batch without the columns that became folders.
pub(super) fn divide(batch: &RecordBatch, schema: &Schema, by: &[String]) -> Result<(Vec<String>, RecordBatch)> {
    let broken = |error| Error::internal("a batch could not be divided").caused_by(&error);
    let mut keys: Vec<(&str, StringArray)> = Vec::new();
    let mut rest = Vec::new();
    for (at, field) in schema.fields.iter().enumerate() {
        if !by.contains(&field.name) {
            rest.push(at);
        }
    }
    for name in by {
        let at = schema.names().position(|known| known == name);
        let at = at.ok_or_else(|| Error::internal("a batch lacks the column it is divided by"))?;
        keys.push((name, texts(batch.column(at), schema.fields[at].data_type)?));
    }
    let mut folders: Vec<String> = Vec::with_capacity(batch.num_rows());
    let same = |row: usize| {
        keys.iter().all(|(_, texts)| {
            texts.is_null(row) == texts.is_null(row - 1)
                && (texts.is_null(row) || texts.value(row) == texts.value(row - 1))
        })
    };
    for row in 0..batch.num_rows() {
        // Rows often come in order: the folder of the row before is mostly the one of this row.
        let known = if row > 0 && same(row) { folders.last().cloned() } else { None };
        folders.push(known.unwrap_or_else(|| {
            let values: Vec<(&str, Option<&str>)> =
                keys.iter().map(|(name, texts)| (*name, texts.is_valid(row).then(|| texts.value(row)))).collect();
            folder(&values)
        }));
    }
    Ok((folders, batch.project(&rest).map_err(broken)?))
}

/// A row of a file that says otherwise than the folder it lies in, when both have a column. `attached`: with the folders'
/// values.
pub(super) fn contradicted(batch: &Batch, attached: &RecordBatch) -> Option<Error> {
    for (field, folder) in attached.schema_ref().fields().iter().zip(attached.columns()) {
        let Some(own) = batch.rows.column_by_name(field.name()).filter(|own| !Arc::ptr_eq(own, folder)) else {
            continue;
        };
        if own.null_count() == own.len() {
            continue;
        }
        let Ok(other) = distinct(own, folder) else { continue };
        let Some(row) = (0..own.len()).find(|row| own.is_valid(*row) && other.value(*row)) else { continue };
        let name = field.name();
        let message = format!("the file has a column '{name}' with other values than its folder '{name}=…' says");
        let number = batch.numbers.get(row).copied().unwrap_or_default();
        return Some(Error::data(message).at_path(name).in_row(number).hint(
            "Which of them is meant nobody knows: rename the folder or the column, or read each folder as a dataset of its own",
        ));
    }
    None
}

/// The batch of a file with the columns of its folders, in the order of the schema.
pub(super) fn attach(batch: &RecordBatch, values: &Values, schema: &Schema) -> Result<RecordBatch> {
    let count = batch.num_rows();
    let column = |field: &Field| -> Result<ArrayRef> {
        let Some((_, value)) = values.iter().find(|(name, _)| *name == field.name) else {
            let found = batch.column_by_name(&field.name).cloned();
            return found.ok_or_else(|| Error::internal(format!("the column '{}' was not read", field.name)));
        };
        let texts = (0..count).map(|_| value.as_deref()).collect::<StringArray>();
        let (array, wrong) = infer::parse(&texts, field.data_type);
        if wrong.is_empty() {
            return Ok(array);
        }
        let value = value.as_deref().unwrap_or_default();
        Err(Error::data(format!("the folder '{}={value}' holds no {}", field.name, field.data_type))
            .hint("Give the column the type text, or rename the folder"))
    };
    let columns = schema.fields.iter().map(column).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    RecordBatch::try_new_with_options(to_arrow(schema), columns, &options)
        .map_err(|error| Error::internal("a file's rows and its folders do not make a batch").caused_by(&error))
}
