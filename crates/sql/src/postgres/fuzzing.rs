//! Doors for `fuzz/`: rows as the server sends them, and rows as it is sent them.

use super::encode::{RowEncoder, form, header, trailer};
use super::rows::Decoder;
use super::table::{NativeColumn, Shape};
use super::wire;
use arrow::record_batch::RecordBatch;
use windvane_connect::Batch;
use windvane_core::error::Result;
use windvane_core::schema::{Field, Schema};

/// A column of one of the server's own types, with as many digits as a value may have.
fn native(name: &str, base: &str) -> NativeColumn {
    NativeColumn {
        relation: 0,
        name: name.to_owned(),
        declared: base.to_owned(),
        resolved: base.to_owned(),
        base: base.to_owned(),
        shape: Shape::BuiltIn,
        modifier: -1,
        required: false,
        generated: false,
        fills: false,
        comment: None,
    }
}

/// Columns of these types are wanted of columns of those (`int4`), and their rows come in these messages.
pub fn decoded(schema: &Schema, bases: &[&str], messages: &[&[u8]]) -> Result<Vec<Batch>> {
    let columns = schema.fields.iter().zip(bases);
    let selected: Vec<_> = columns.map(|(field, base)| wire::select(field, Some(&native(&field.name, base)))).collect();
    let mut decoder = Decoder::new(schema, &selected)?;
    let mut batches = Vec::new();
    for message in messages {
        if decoder.feed(message)? {
            batches.extend(decoder.take()?);
        }
    }
    batches.extend(decoder.take()?);
    Ok(batches)
}

/// A COPY of these rows into columns of those types. With `first`, rows begin with their place in the stream.
pub fn encoded(rows: &RecordBatch, fields: &[Field], bases: &[&str], first: Option<u64>) -> Result<Vec<u8>> {
    let columns = fields.iter().zip(bases);
    let forms: Result<Vec<_>> = columns.map(|(field, base)| form(field, &native(&field.name, base))).collect();
    let (forms, mut out) = (forms?, Vec::new());
    header(&mut out);
    let encoder = RowEncoder::new(rows, fields, &forms, first)?;
    (0..rows.num_rows()).try_for_each(|row| encoder.append(row, &mut out))?;
    trailer(&mut out);
    Ok(out)
}
