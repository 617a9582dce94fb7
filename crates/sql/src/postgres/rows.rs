//! Rows of binary COPY, straight into Arrow buffers: one pass, one copy of a value.
//!
//! A message of the server holds one row as a rule; a row that is cut anywhere waits in `pending` for its rest.

use super::moments::{self, day, moment};
use super::numeric::{self, Digits};
use super::wire::{Selected, Wire, garbled, uuid};
use windvane_connect::Batch;
use windvane_connect::batch_builder::BatchBuilder;
use windvane_connect::column::{Put, Values, keep, narrow};
use windvane_connect::refusal::Refusal;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Schema};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// The signature, flags and the length of an extension that nobody uses.
const HEADER: usize = 19;
/// The version of `jsonb` on the wire, the only one there is.
const JSONB: u8 = 1;
/// Stands where the length of a value would.
const NULL: i32 = -1;
/// A batch is handed on once its rows took this much on the wire, however few they are: several wait at a time.
const BATCH_BYTES: usize = 4 << 20;

/// Takes the server's bytes as they come and fills batches.
pub(super) struct Decoder {
    builder: BatchBuilder,
    /// Of each column.
    how: Vec<How>,
    /// The start of a row whose end has not come yet.
    pending: Vec<u8>,
    started: bool,
    ended: bool,
}

/// How a column's values are sent, as far as that says more than its type.
enum How {
    Plain,
    Numeric(Digits),
    Jsonb,
    Uuid,
}

/// What a message did to the row at its end.
enum Row {
    Whole(usize),
    Cut,
}

impl Decoder {
    pub(super) fn new(schema: &Schema, selected: &[Selected]) -> Result<Self> {
        let parsed: Vec<bool> = selected.iter().map(|selected| selected.parsed).collect();
        let columns = schema.fields.iter().zip(selected);
        let how = columns.map(|(field, selected)| {
            How::of(if selected.parsed { DataType::Text } else { field.data_type }, selected.wire)
        });
        let how = how.collect::<Result<_>>()?;
        let builder = BatchBuilder::cut_at(BATCH_BYTES, schema, parsed);
        Ok(Self { builder, how, pending: Vec::new(), started: false, ended: false })
    }

    /// Decodes a message. True when the batch should be taken.
    pub(super) fn feed(&mut self, message: &[u8]) -> Result<bool> {
        if self.pending.is_empty() {
            let used = self.decode(message)?;
            self.pending.extend_from_slice(&message[used..]);
        } else {
            let mut all = std::mem::take(&mut self.pending);
            all.extend_from_slice(message);
            let used = self.decode(&all)?;
            all.drain(..used);
            self.pending = all;
        }
        Ok(self.builder.is_full())
    }

    /// A new COPY begins, whose rows count from 1.
    pub(super) fn again(&mut self) {
        (self.started, self.ended) = (false, false);
        self.builder.count_from_one();
        self.pending.clear();
    }

    /// Nothing more comes: an error where a row, or the word that ends them, has not come whole.
    pub(super) fn close(&self) -> Result<()> {
        if self.ended { Ok(()) } else { Err(garbled()) }
    }

    /// How much of the bytes was understood.
    fn decode(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut at = 0;
        if !self.started {
            if bytes.len() < HEADER {
                return Ok(0);
            }
            if !bytes.starts_with(SIGNATURE) {
                return Err(garbled());
            }
            self.started = true;
            at = HEADER;
        }
        while at < bytes.len() && !self.ended {
            match self.row(&bytes[at..])? {
                Row::Whole(length) => at += length,
                Row::Cut => {
                    self.builder.forget_row();
                    break;
                }
            }
        }
        Ok(at)
    }

    fn row(&mut self, bytes: &[u8]) -> Result<Row> {
        let Some(count) = bytes.first_chunk().map(|count| i16::from_be_bytes(*count)) else { return Ok(Row::Cut) };
        if count == -1 {
            self.ended = true;
            return Ok(Row::Whole(2));
        }
        if usize::try_from(count) != Ok(self.how.len()) {
            return Err(garbled());
        }
        let mut rest = &bytes[2..];
        for (number, how) in self.how.iter().enumerate() {
            let Some((length, after)) = rest.split_first_chunk() else { return Ok(Row::Cut) };
            rest = after;
            let length = i32::from_be_bytes(*length);
            if length == NULL {
                self.builder.null(number);
                continue;
            }
            let length = usize::try_from(length).map_err(|_| garbled())?;
            let Some((value, after)) = rest.split_at_checked(length) else { return Ok(Row::Cut) };
            rest = after;
            match how.put(self.builder.values(number), value) {
                Put::Taken => {}
                Put::Refused => {
                    let data_type = self.builder.data_type(number);
                    let refusal = refusal(self.builder.values(number), value, data_type);
                    self.builder.refuse(number, refusal);
                }
                Put::Garbled => return Err(garbled()),
            }
        }
        let length = bytes.len() - rest.len();
        self.builder.end_row_of(length);
        Ok(Row::Whole(length))
    }

    /// What was decoded, if anything, and room for the next rows.
    pub(super) fn take(&mut self) -> Result<Option<Batch>> {
        self.builder.take()
    }
}

impl How {
    fn of(data_type: DataType, wire: Wire) -> Result<Self> {
        Ok(match (data_type, wire) {
            (DataType::Decimal { precision, scale }, Wire::Numeric) => Self::Numeric(Digits::new(precision, scale)),
            (DataType::Json, Wire::Jsonb) => Self::Jsonb,
            (DataType::Uuid, Wire::Uuid) => Self::Uuid,
            (DataType::Boolean, Wire::Boolean)
            | (DataType::Int16 | DataType::Int32 | DataType::Int64, Wire::Integer)
            | (DataType::Float32 | DataType::Float64, Wire::Float)
            | (DataType::Text | DataType::Json, Wire::Text)
            | (DataType::Binary, Wire::Bytea)
            | (DataType::Date, Wire::Date)
            | (DataType::Time, Wire::Time)
            | (DataType::Timestamp | DataType::TimestampTz, Wire::Timestamp) => Self::Plain,
            (wanted, wire) => return Err(Error::internal(format!("a {wanted} column is not sent as {wire:?}"))),
        })
    }

    /// Decodes one value.
    #[inline]
    fn put(&self, values: &mut Values, bytes: &[u8]) -> Put {
        match values {
            Values::Int64(values) => keep(values, integer(bytes), Some),
            Values::Int32(values) => keep(values, integer(bytes), |value| i32::try_from(value).ok()),
            Values::Int16(values) => keep(values, integer(bytes), |value| i16::try_from(value).ok()),
            Values::Decimal(values, _) => match self {
                Self::Numeric(digits) => keep(values, Some(bytes), |bytes| digits.decode(bytes)),
                Self::Plain | Self::Jsonb | Self::Uuid => Put::Garbled,
            },
            Values::Text(pieces) => match self {
                Self::Plain | Self::Numeric(_) => pieces.push(bytes),
                Self::Jsonb => bytes.strip_prefix(&[JSONB]).map_or(Put::Garbled, |text| pieces.push(text)),
                Self::Uuid => match bytes.try_into() {
                    Ok(bytes) => pieces.push(uuid(u128::from_be_bytes(bytes)).as_bytes()),
                    Err(_) => Put::Garbled,
                },
            },
            Values::Binary(pieces) => pieces.push(bytes),
            Values::Date(values) => keep(values, bytes.try_into().ok().map(i32::from_be_bytes), moments::days),
            Values::Timestamp(values, _) => {
                keep(values, bytes.try_into().ok().map(i64::from_be_bytes), moments::microseconds)
            }
            Values::Time(values) => keep(values, bytes.try_into().ok().map(i64::from_be_bytes), moments::time),
            Values::Float64(values) => keep(values, float(bytes), Some),
            Values::Float32(values) => keep(values, float(bytes), narrow),
            Values::Boolean(values) => keep(values, bytes.first().copied(), |value| Some(value != 0)),
        }
    }
}

/// Why a value was refused.
fn refusal(values: &Values, bytes: &[u8], data_type: DataType) -> Refusal {
    let does_not_fit = |text: String| Refusal { reason: format!("{text} does not fit {data_type}"), text };
    match values {
        Values::Decimal(..) => numeric::refusal(bytes, data_type),
        Values::Date(_) => day(bytes.try_into().map_or(i32::MAX, i32::from_be_bytes)),
        Values::Timestamp(..) => moment(bytes.try_into().map_or(i64::MAX, i64::from_be_bytes)),
        Values::Time(_) => {
            Refusal { reason: "24:00:00 is not a time of the day".to_owned(), text: "24:00:00".to_owned() }
        }
        Values::Float32(_) | Values::Float64(_) => {
            does_not_fit(float(bytes).map_or_else(String::new, |value| value.to_string()))
        }
        Values::Boolean(_)
        | Values::Int16(_)
        | Values::Int32(_)
        | Values::Int64(_)
        | Values::Text(_)
        | Values::Binary(_) => does_not_fit(integer(bytes).map_or_else(String::new, |value| value.to_string())),
    }
}

/// `int2`, `int4` or `int8`: the length says which.
#[inline]
fn integer(bytes: &[u8]) -> Option<i64> {
    match bytes.len() {
        4 => bytes.try_into().ok().map(|bytes| i64::from(i32::from_be_bytes(bytes))),
        8 => bytes.try_into().ok().map(i64::from_be_bytes),
        2 => bytes.try_into().ok().map(|bytes| i64::from(i16::from_be_bytes(bytes))),
        _ => None,
    }
}

/// `float4` or `float8`: the length says which.
#[inline]
fn float(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        8 => bytes.try_into().ok().map(f64::from_be_bytes),
        4 => bytes.try_into().ok().map(|bytes| f64::from(f32::from_be_bytes(bytes))),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
