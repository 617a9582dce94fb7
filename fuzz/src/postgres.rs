//! Rows of PostgreSQL's binary COPY: the first bytes choose columns and where messages end, the rest is what the server
//! sends behind the header. However it is cut into messages, the rows are the same.

use super::batches::all;
use super::choices::{Choices, cut};
use super::errors::told;
use windvane_core::schema::{DataType, Field, Schema};
use windvane_sql::postgres::fuzzing::decoded;

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const COLUMNS: [(DataType, &str); 18] = [
    (DataType::Boolean, "bool"),
    (DataType::Int16, "int2"),
    (DataType::Int32, "int4"),
    (DataType::Int64, "int8"),
    (DataType::Float32, "float4"),
    (DataType::Float64, "float8"),
    (DataType::Decimal { precision: 10, scale: 2 }, "numeric"),
    (DataType::Decimal { precision: 38, scale: 9 }, "numeric"),
    (DataType::Text, "text"),
    (DataType::Json, "jsonb"),
    (DataType::Binary, "bytea"),
    (DataType::Date, "date"),
    (DataType::Time, "time"),
    (DataType::Timestamp, "timestamp"),
    (DataType::TimestampTz, "timestamptz"),
    (DataType::Uuid, "uuid"),
    // Sent as text and parsed.
    (DataType::Int64, "text"),
    (DataType::Timestamp, "text"),
];

pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let count = choices.byte() % 4 + 1;
    let chosen: Vec<(DataType, &str)> = (0..count).filter_map(|_| choices.one(&COLUMNS)).collect();
    let cuts = choices.bytes::<3>();
    let fields = chosen.iter().enumerate().map(|(at, (data_type, _))| Field::new(format!("c{at}"), *data_type));
    let schema = Schema::new(fields.collect());
    let bases: Vec<&str> = chosen.iter().map(|(_, base)| *base).collect();
    let sent = [HEADER, choices.0].concat();
    let whole = decoded(&schema, &bases, &[&sent]);
    let apart = decoded(&schema, &bases, &cut(&sent, &cuts));
    match (whole, apart) {
        (Ok(whole), Ok(apart)) => assert_eq!(all(&schema, whole), all(&schema, apart), "cut at {cuts:?}"),
        (Err(whole), Err(apart)) => {
            told(&whole);
            assert_eq!(whole.message(), apart.message());
        }
        (whole, apart) => {
            assert_eq!(whole.err().map(|error| error.to_string()), apart.err().map(|error| error.to_string()));
        }
    }
}
