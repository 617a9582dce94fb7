//! The columns of several files as those of one dataset.

use windvane_core::schema::{DataType, Field, Schema, Shape, name_match};

/// The columns of a file get the names that they have in its dataset.
pub(super) fn call_alike(here: &mut Schema, dataset: &Schema) {
    let known = dataset.names().map(str::to_owned).collect();
    let names: Vec<&str> = here.names().collect();
    let called: Vec<String> = name_match::matched(&names, &known).into_iter().map(str::to_owned).collect();
    for (field, name) in here.fields.iter_mut().zip(called) {
        field.name = name;
    }
}

/// The union of columns by name; where types differ, one that holds both.
pub(super) fn union(fields: &mut Schema, more: Schema) {
    if fields.fields.is_empty() {
        *fields = more;
        return;
    }
    for field in more.fields {
        match fields.fields.iter_mut().find(|known| known.name == field.name) {
            Some(_) if field.is_void() => {}
            Some(known) if known.is_void() => *known = Field { nullable: true, ..field },
            Some(known) => {
                if known.shape != field.shape {
                    known.shape = finer(known, &field);
                }
                known.data_type = wider(known.data_type, field.data_type);
            }
            None => fields.fields.push(Field { nullable: true, ..field }),
        }
    }
}

/// Of files that do not agree, only what makes readers careful is left.
fn finer(one: &Field, other: &Field) -> Option<Shape> {
    [one, other].into_iter().find(|field| field.is_finer()).and_then(|field| field.shape.clone())
}

fn wider(one: DataType, other: DataType) -> DataType {
    use DataType::{Date, Decimal, Float32, Float64, Int16, Int32, Int64, Text, Timestamp};
    match (one, other) {
        _ if one == other => one,
        (Int16, Int32) | (Int32, Int16) => Int32,
        (Int16 | Int32, Int64) | (Int64, Int16 | Int32) => Int64,
        (Decimal { precision: p, scale: s }, Decimal { precision: q, scale: t }) => {
            let (p, q, scale) = (i16::from(p) - i16::from(s), i16::from(q) - i16::from(t), s.max(t));
            let precision = u8::try_from((p.max(q) + i16::from(scale)).min(38)).unwrap_or(38);
            Decimal { precision, scale }
        }
        (Decimal { scale, .. }, Int16 | Int32 | Int64) | (Int16 | Int32 | Int64, Decimal { scale, .. }) => {
            Decimal { precision: 38, scale }
        }
        (Float32 | Float64, Float32 | Float64 | Int16 | Int32 | Int64 | Decimal { .. })
        | (Int16 | Int32 | Int64 | Decimal { .. }, Float32 | Float64) => Float64,
        (Date, Timestamp) | (Timestamp, Date) => Timestamp,
        _ => Text,
    }
}
