//! Binary COPY from the server, row by row, into batches.

use super::numeric;
use super::table::NativeColumn;
use crate::connectors::gather::{Gather, Refusal, Value};
use crate::error::{Error, Kind, Result};
use crate::schema::{DataType, sql::quote};
use chrono::{Days, NaiveDate, TimeDelta};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// The signature, flags and the length of an extension that nobody uses.
const HEADER: usize = 19;
/// From 1970-01-01 to PostgreSQL's 2000-01-01.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROSECONDS: i64 = 946_684_800_000_000;
const DAY_MICROSECONDS: i64 = 86_400_000_000;
/// 0001-01-01 and 9999-12-31 in days since 1970: what ISO text, Python and every target can hold.
const FIRST_DAY: i32 = -719_162;
const LAST_DAY: i32 = 2_932_896;

/// How a value of a column is sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wire {
    Boolean,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric {
        precision: u8,
        scale: i8,
    },
    /// UTF-8, of every type that is sent as its text.
    Text,
    /// A version byte and the text.
    Jsonb,
    Bytea,
    Date,
    Time,
    Timestamp,
    Uuid,
}

/// How to ask for one column, and what to do with what comes.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    pub(super) sql: String,
    pub(super) wire: Wire,
    /// The text must be parsed into the wanted type.
    pub(super) parsed: bool,
}

/// The most direct way from the server's type to the wanted one. Without one, the server gives its text.
pub(super) fn select(wanted: DataType, column: Option<&NativeColumn>) -> Selected {
    let Some(column) = column else {
        return Selected { sql: "NULL::text".to_owned(), wire: Wire::Text, parsed: wanted != DataType::Text };
    };
    let name = quote(&column.name);
    let direct = |wire| Selected { sql: name.clone(), wire, parsed: false };
    match (wanted, column.base.as_str()) {
        (DataType::Boolean, "bool") => direct(Wire::Boolean),
        (DataType::Int16 | DataType::Int32 | DataType::Int64, "int2") => direct(Wire::Int2),
        (DataType::Int16 | DataType::Int32 | DataType::Int64, "int4") => direct(Wire::Int4),
        (DataType::Int16 | DataType::Int32 | DataType::Int64, "int8") => direct(Wire::Int8),
        (DataType::Float32 | DataType::Float64, "float4") => direct(Wire::Float4),
        (DataType::Float32 | DataType::Float64, "float8") => direct(Wire::Float8),
        (DataType::Decimal { precision, scale }, "numeric") => direct(Wire::Numeric { precision, scale }),
        (DataType::Text, "text" | "varchar" | "bpchar" | "name") | (DataType::Json, "json") => direct(Wire::Text),
        (DataType::Json, "jsonb") => direct(Wire::Jsonb),
        (DataType::Binary, "bytea") => direct(Wire::Bytea),
        (DataType::Date, "date") => direct(Wire::Date),
        (DataType::Time, "time") => direct(Wire::Time),
        (DataType::Timestamp, "timestamp") | (DataType::TimestampTz, "timestamptz") => direct(Wire::Timestamp),
        (DataType::Uuid, "uuid") => direct(Wire::Uuid),
        (wanted, _) => Selected { sql: format!("{name}::text"), wire: Wire::Text, parsed: wanted != DataType::Text },
    }
}

/// Takes the server's bytes as they come and fills batches.
pub(super) struct Decoder {
    wires: Vec<Wire>,
    /// The start of a row whose end has not come yet.
    pending: Vec<u8>,
    started: bool,
    ended: bool,
}

impl Decoder {
    pub(super) fn new(wires: Vec<Wire>) -> Self {
        Self { wires, pending: Vec::new(), started: false, ended: false }
    }

    /// Decodes the complete rows of what came so far, until the batch is full (true: take it and call again with
    /// nothing new).
    pub(super) fn feed(&mut self, bytes: &[u8], gather: &mut Gather) -> Result<bool> {
        self.pending.extend_from_slice(bytes);
        let pending = std::mem::take(&mut self.pending);
        let mut at = 0;
        let mut full = false;
        if !self.started && pending.len() >= HEADER {
            if !pending.starts_with(SIGNATURE) {
                return Err(garbled());
            }
            self.started = true;
            at = HEADER;
        }
        while self.started && !self.ended && !full {
            let Some(end) = self.row_end(&pending, at)? else { break };
            if self.ended {
                at = end;
                break;
            }
            self.row(&pending[at..end], gather)?;
            full = gather.end_row();
            at = end;
        }
        self.pending = pending;
        self.pending.drain(..at);
        Ok(full)
    }

    /// Where the row that starts here ends, once all of it is here.
    fn row_end(&mut self, bytes: &[u8], start: usize) -> Result<Option<usize>> {
        let Some(count) = bytes.get(start..start + 2) else { return Ok(None) };
        let count = i16::from_be_bytes([count[0], count[1]]);
        let mut at = start + 2;
        if count == -1 {
            self.ended = true;
            return Ok(Some(at));
        }
        if usize::try_from(count) != Ok(self.wires.len()) {
            return Err(garbled());
        }
        for _ in 0..count {
            let Some(length) = length(bytes, at) else { return Ok(None) };
            at += 4 + usize::try_from(length).unwrap_or(0);
        }
        Ok((at <= bytes.len()).then_some(at))
    }

    fn row(&self, row: &[u8], gather: &mut Gather) -> Result<()> {
        let mut at = 2;
        for (column, wire) in self.wires.iter().enumerate() {
            let length = length(row, at).ok_or_else(garbled)?;
            at += 4;
            let Ok(length) = usize::try_from(length) else {
                gather.null(column);
                continue;
            };
            let bytes = row.get(at..at + length).ok_or_else(garbled)?;
            at += length;
            put(*wire, bytes, column, gather)?;
        }
        Ok(())
    }
}

fn put(wire: Wire, bytes: &[u8], column: usize, gather: &mut Gather) -> Result<()> {
    let value = match wire {
        Wire::Boolean => Value::Boolean(fixed::<1>(bytes)?[0] != 0),
        Wire::Int2 => Value::Integer(i64::from(i16::from_be_bytes(fixed(bytes)?))),
        Wire::Int4 => Value::Integer(i64::from(i32::from_be_bytes(fixed(bytes)?))),
        Wire::Int8 => Value::Integer(i64::from_be_bytes(fixed(bytes)?)),
        Wire::Float4 => Value::Float32(f32::from_be_bytes(fixed(bytes)?)),
        Wire::Float8 => Value::Float64(f64::from_be_bytes(fixed(bytes)?)),
        Wire::Numeric { precision, scale } => match numeric::decode(bytes, precision, scale) {
            Ok(value) => Value::Decimal(value),
            Err(refusal) => return refused(column, refusal, gather),
        },
        Wire::Text => return text(bytes, column, gather),
        Wire::Jsonb => return text(bytes.get(1..).unwrap_or_default(), column, gather),
        Wire::Bytea => Value::Binary(bytes),
        Wire::Date => match day(i32::from_be_bytes(fixed(bytes)?)) {
            Ok(days) => Value::Date(days),
            Err(refusal) => return refused(column, refusal, gather),
        },
        Wire::Time => match i64::from_be_bytes(fixed(bytes)?) {
            DAY_MICROSECONDS => {
                let refusal =
                    Refusal { reason: "24:00:00 is not a time of the day".to_owned(), text: "24:00:00".to_owned() };
                return refused(column, refusal, gather);
            }
            time => Value::Time(time),
        },
        Wire::Timestamp => match moment(i64::from_be_bytes(fixed(bytes)?)) {
            Ok(microseconds) => Value::Timestamp(microseconds),
            Err(refusal) => return refused(column, refusal, gather),
        },
        Wire::Uuid => return gather.value(column, Value::Text(&uuid(u128::from_be_bytes(fixed(bytes)?)))),
    };
    gather.value(column, value)
}

fn text(bytes: &[u8], column: usize, gather: &mut Gather) -> Result<()> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return gather.value(column, Value::Text(text));
    }
    let text = String::from_utf8_lossy(bytes).into_owned();
    refused(column, Refusal { reason: "the text is not UTF-8".to_owned(), text }, gather)
}

#[expect(clippy::unnecessary_wraps, reason = "ends a decoding arm")]
fn refused(column: usize, refusal: Refusal, gather: &mut Gather) -> Result<()> {
    gather.refuse(column, refusal);
    Ok(())
}

/// Days since 1970 of days since 2000.
fn day(days: i32) -> Result<i32, Refusal> {
    let refuse = |text: String| Err(Refusal { reason: format!("{text} is outside the years 1 to 9999"), text });
    match days {
        i32::MAX => refuse("infinity".to_owned()),
        i32::MIN => refuse("-infinity".to_owned()),
        days => match days.checked_add(EPOCH_DAYS) {
            Some(known) if (FIRST_DAY..=LAST_DAY).contains(&known) => Ok(known),
            _ => refuse(calendar(i64::from(days)).map_or_else(|| format!("day {days}"), |date| date.to_string())),
        },
    }
}

/// Microseconds since 1970 of microseconds since 2000.
fn moment(microseconds: i64) -> Result<i64, Refusal> {
    let refuse = |text: String| Err(Refusal { reason: format!("{text} is outside the years 1 to 9999"), text });
    let first = i64::from(FIRST_DAY) * DAY_MICROSECONDS;
    let last = i64::from(LAST_DAY + 1) * DAY_MICROSECONDS;
    match microseconds {
        i64::MAX => refuse("infinity".to_owned()),
        i64::MIN => refuse("-infinity".to_owned()),
        microseconds => match microseconds.checked_add(EPOCH_MICROSECONDS) {
            Some(known) if (first..last).contains(&known) => Ok(known),
            _ => {
                let date = calendar(microseconds.div_euclid(DAY_MICROSECONDS)).and_then(|date| {
                    let time = TimeDelta::microseconds(microseconds.rem_euclid(DAY_MICROSECONDS));
                    date.and_hms_opt(0, 0, 0)?.checked_add_signed(time)
                });
                refuse(date.map_or_else(|| format!("microsecond {microseconds}"), |date| date.to_string()))
            }
        },
    }
}

/// The date of days since 2000, as far as there is one.
fn calendar(days: i64) -> Option<NaiveDate> {
    let start = NaiveDate::from_ymd_opt(2000, 1, 1)?;
    let distance = Days::new(days.unsigned_abs());
    if days < 0 { start.checked_sub_days(distance) } else { start.checked_add_days(distance) }
}

fn uuid(value: u128) -> String {
    let hex = format!("{value:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn length(bytes: &[u8], at: usize) -> Option<i32> {
    bytes.get(at..at + 4)?.try_into().ok().map(i32::from_be_bytes)
}

fn fixed<const WIDTH: usize>(bytes: &[u8]) -> Result<[u8; WIDTH]> {
    bytes.try_into().map_err(|_| garbled())
}

fn garbled() -> Error {
    Error::new(Kind::Unavailable, "the server's rows were not understood")
        .hint("Check that nothing between here and the server changes the stream, and run it again")
}
