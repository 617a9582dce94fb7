//! Rows of MySQL's binary protocol: the first bytes choose columns and how the server describes them, then come packets,
//! each behind its length.

use super::batches::all;
use super::choices::Choices;
use super::errors::told;
use windvane_core::schema::{DataType, Field, Schema};
use windvane_sql::mysql::fuzzing::{decoded, greeted};

/// What is wanted, of a column declared so, and the type that the server's description names.
const COLUMNS: [(DataType, &str, u8); 20] = [
    (DataType::Boolean, "tinyint", 0x01),
    (DataType::Boolean, "bit", 0x10),
    (DataType::Int16, "smallint", 0x02),
    (DataType::Int32, "int", 0x03),
    (DataType::Int64, "bigint", 0x08),
    (DataType::Int64, "int unsigned", 0x03),
    (DataType::Int64, "bit", 0x10),
    (DataType::Decimal { precision: 20, scale: 0 }, "bigint unsigned", 0x08),
    (DataType::Decimal { precision: 20, scale: 0 }, "bit", 0x10),
    (DataType::Decimal { precision: 10, scale: 2 }, "decimal", 0xf6),
    (DataType::Decimal { precision: 38, scale: 30 }, "decimal", 0xf6),
    (DataType::Float32, "float", 0x04),
    (DataType::Float64, "double", 0x05),
    (DataType::Text, "varchar", 0xfd),
    (DataType::Json, "json", 0xf5),
    (DataType::Binary, "blob", 0xfc),
    (DataType::Date, "date", 0x0a),
    (DataType::Time, "time", 0x0b),
    (DataType::Timestamp, "datetime", 0x0c),
    // Sent as text and parsed.
    (DataType::Int64, "varchar", 0xfd),
];

pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let count = choices.byte();
    if count == u8::MAX {
        let (greeting, request) = choices.0.split_at(choices.0.len() / 2);
        let (answer, switched) = greeted(greeting, request);
        return [answer, switched].into_iter().filter_map(Result::err).for_each(|error| told(&error));
    }
    let chosen: Vec<(DataType, &str, u8)> = (0..=count % 4).filter_map(|_| choices.one(&COLUMNS)).collect();
    // Now and then a server that describes other columns than were asked for.
    let odd = choices.byte();
    let described = chosen.iter().map(|(_, _, sent)| {
        let sent = if odd == u8::MAX { choices.byte() } else { *sent };
        [[0; 6].as_slice(), &[0x0c, 0x3f, 0, 0, 0, 0, 0, sent]].concat()
    });
    let described: Vec<Vec<u8>> = described.collect();
    let mut packets = Vec::new();
    while !choices.0.is_empty() {
        let length = choices.byte();
        packets.push(choices.some(usize::from(length)));
    }
    let fields = chosen.iter().enumerate().map(|(at, (data_type, ..))| Field::new(format!("c{at}"), *data_type));
    let schema = Schema::new(fields.collect());
    let declared: Vec<&str> = chosen.iter().map(|(_, declared, _)| *declared).collect();
    let described = if odd == u8::MAX - 1 { described.get(1..).unwrap_or_default() } else { described.as_slice() };
    match decoded(&schema, &declared, described, &packets) {
        Ok(batches) => {
            let all = all(&schema, batches);
            assert_eq!(all.numbers.len() + all.rejected.len(), packets.len(), "a row for every packet");
        }
        Err(error) => told(&error),
    }
}
