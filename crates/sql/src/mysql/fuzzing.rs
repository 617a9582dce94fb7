//! Doors for `fuzz/`: what a server says first, and its rows.

use super::login::{Greeting, switched};
use super::row::{self, Shape};
use super::select::select;
use super::table::NativeColumn;
use windvane_connect::Batch;
use windvane_connect::batch_builder::BatchBuilder;
use windvane_core::error::Result;
use windvane_core::schema::Schema;

/// A column that the server declares so: `bigint unsigned`.
fn native(name: &str, declared: &str) -> NativeColumn {
    NativeColumn {
        name: name.to_owned(),
        declared: declared.to_owned(),
        base: declared.split(' ').next().unwrap_or_default().to_owned(),
        marked: None,
        required: false,
        generated: false,
        hidden: false,
        counted: false,
        holds_numbers: false,
        comment: None,
        default: None,
        fills: false,
        collation: None,
    }
}

/// Columns of these types are wanted of columns so declared; the server describes each in a packet, then sends the rows.
pub fn decoded(schema: &Schema, declared: &[&str], described: &[Vec<u8>], packets: &[&[u8]]) -> Result<Vec<Batch>> {
    let columns = schema.fields.iter().zip(declared);
    let selected: Vec<_> =
        columns.map(|(field, declared)| select(field.data_type, Some(&native(&field.name, declared)))).collect();
    let wires: Vec<_> = selected.iter().map(|selected| selected.wire).collect();
    let shapes: Vec<_> = described.iter().filter_map(|packet| Shape::of(packet)).collect();
    let mut builder = BatchBuilder::new(schema, selected.iter().map(|selected| selected.parsed).collect());
    let mut batches = Vec::new();
    for packet in packets {
        if row::add(packet, &shapes, &wires, &mut builder)? {
            batches.extend(builder.take()?);
        }
    }
    batches.extend(builder.take()?);
    Ok(batches)
}

/// What is answered to a server's first words, and to one that changes its mind about the plugin.
pub fn greeted(packet: &[u8], request: &[u8]) -> (Result<Vec<u8>>, Result<Vec<u8>>) {
    let answer = Greeting::read(packet).and_then(|greeting| greeting.answer("user", "password", false));
    (answer, switched(request, "password"))
}
