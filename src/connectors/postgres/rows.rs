//! Rows of binary COPY, straight into Arrow buffers: one pass, one copy of a value.
//!
//! A message of the server holds one row as a rule; a row that is cut anywhere waits in `pending` for its rest. Texts are
//! found to be UTF-8 a column of a batch at a time; only where that fails, row by row.

use super::moments::{self, day, moment};
use super::numeric::{self, Digits};
use super::wire::{Selected, Wire, garbled, uuid};
use crate::connectors::gather::{Fault, Gathered, Refusal};
use crate::connectors::{BATCH_ROWS, Batch};
use crate::error::{Error, Result};
use crate::schema::{DataType, Schema, arrow::to_arrow, arrow::type_to_arrow};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, PrimitiveArray, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, SchemaRef,
};
use std::sync::Arc;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// The signature, flags and the length of an extension that nobody uses.
const HEADER: usize = 19;
/// A batch is handed on once its rows took this much on the wire, however few they are: several wait at a time.
const BATCH_BYTES: usize = 4 << 20;

/// Takes the server's bytes as they come and fills batches.
pub(super) struct Decoder {
    schema: Schema,
    arrow: SchemaRef,
    parsed: Vec<bool>,
    columns: Vec<Column>,
    faults: Vec<Fault>,
    rows: usize,
    bytes: usize,
    /// The number of the first row of the batch.
    first: u64,
    /// The start of a row whose end has not come yet.
    pending: Vec<u8>,
    started: bool,
    ended: bool,
}

struct Column {
    values: Values,
    /// The rows without a value.
    nulls: Vec<usize>,
}

enum Values {
    Boolean(Vec<bool>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Decimal(Vec<i128>, Digits),
    Text(Pieces),
    Jsonb(Pieces),
    Uuid(Pieces),
    Binary(Pieces),
    Date(Vec<i32>),
    Time(Vec<i64>),
    Timestamp(Vec<i64>, DataType),
}

/// Values of any length, one after the other.
struct Pieces {
    ends: Vec<i32>,
    data: Vec<u8>,
}

enum Put {
    Taken,
    Refused,
    Garbled,
}

/// What a message did to the row at its end.
enum Row {
    Whole(usize),
    Cut,
}

impl Decoder {
    pub(super) fn new(schema: &Schema, selected: &[Selected]) -> Result<Self> {
        let mut columns = Vec::with_capacity(selected.len());
        for (field, selected) in schema.fields.iter().zip(selected) {
            let data_type = if selected.parsed { DataType::Text } else { field.data_type };
            columns.push(Column { values: Values::new(data_type, selected.wire)?, nulls: Vec::new() });
        }
        Ok(Self {
            schema: schema.clone(),
            arrow: to_arrow(schema),
            parsed: selected.iter().map(|selected| selected.parsed).collect(),
            columns,
            faults: Vec::new(),
            rows: 0,
            bytes: 0,
            first: 1,
            pending: Vec::new(),
            started: false,
            ended: false,
        })
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
        Ok(self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES)
    }

    /// A new COPY begins, whose rows count from 1.
    pub(super) fn again(&mut self) {
        (self.started, self.ended, self.first) = (false, false, 1);
        self.pending.clear();
    }

    /// How many rows were met so far.
    pub(super) fn met(&self) -> u64 {
        self.first - 1 + self.rows as u64
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
                    self.forget_row();
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
        if usize::try_from(count) != Ok(self.columns.len()) {
            return Err(garbled());
        }
        let mut rest = &bytes[2..];
        for (number, column) in self.columns.iter_mut().enumerate() {
            let Some((length, after)) = rest.split_first_chunk() else { return Ok(Row::Cut) };
            rest = after;
            let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
                column.null(self.rows);
                continue;
            };
            let Some((value, after)) = rest.split_at_checked(length) else { return Ok(Row::Cut) };
            rest = after;
            match column.values.put(value) {
                Put::Taken => {}
                Put::Refused => {
                    let data_type = self.schema.fields[number].data_type;
                    let refusal = column.values.refusal(value, data_type);
                    self.faults.push(Fault { row: self.rows, column: number, refusal });
                    column.null(self.rows);
                }
                Put::Garbled => return Err(garbled()),
            }
        }
        let length = bytes.len() - rest.len();
        self.rows += 1;
        self.bytes += length;
        Ok(Row::Whole(length))
    }

    /// Takes back what a cut row left.
    fn forget_row(&mut self) {
        let rows = self.rows;
        self.faults.retain(|fault| fault.row < rows);
        for column in &mut self.columns {
            column.values.truncate(rows);
            column.nulls.retain(|row| *row < rows);
        }
    }

    /// What was decoded, if anything, and room for the next rows.
    pub(super) fn take(&mut self) -> Result<Option<Batch>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let rows = std::mem::take(&mut self.rows);
        let first = self.first;
        self.first += rows as u64;
        self.bytes = 0;
        let mut faults = std::mem::take(&mut self.faults);
        let mut given = Vec::with_capacity(self.columns.len());
        for (number, column) in self.columns.iter_mut().enumerate() {
            given.push(column.finish(rows, number, &mut faults));
        }
        let (schema, arrow, parsed) = (&self.schema, &self.arrow, self.parsed.as_slice());
        Gathered { schema, arrow, parsed, given, faults, rows, first }.batch().map(Some)
    }
}

impl Column {
    fn null(&mut self, row: usize) {
        self.nulls.push(row);
        self.values.put_nothing();
    }

    fn finish(&mut self, rows: usize, number: usize, faults: &mut Vec<Fault>) -> ArrayRef {
        let nulls = std::mem::take(&mut self.nulls);
        match &mut self.values {
            Values::Boolean(values) => {
                Arc::new(BooleanArray::new(BooleanBuffer::from(fresh(values)), validity(rows, &nulls)))
            }
            Values::Int16(values) => primitive::<Int16Type>(values, &nulls),
            Values::Int32(values) => primitive::<Int32Type>(values, &nulls),
            Values::Int64(values) => primitive::<Int64Type>(values, &nulls),
            Values::Float32(values) => primitive::<Float32Type>(values, &nulls),
            Values::Float64(values) => primitive::<Float64Type>(values, &nulls),
            Values::Date(values) => primitive::<Date32Type>(values, &nulls),
            Values::Time(values) => {
                Arc::new(Time64MicrosecondArray::new(ScalarBuffer::from(fresh(values)), validity(rows, &nulls)))
            }
            Values::Timestamp(values, data_type) => {
                let array = TimestampMicrosecondArray::new(ScalarBuffer::from(fresh(values)), validity(rows, &nulls));
                Arc::new(array.with_data_type(type_to_arrow(*data_type)))
            }
            Values::Decimal(values, digits) => {
                let array = Decimal128Array::new(ScalarBuffer::from(fresh(values)), validity(rows, &nulls));
                Arc::new(array.with_data_type(type_to_arrow(digits.data_type())))
            }
            Values::Binary(pieces) => {
                let (offsets, data) = pieces.fresh();
                Arc::new(BinaryArray::new(offsets, Buffer::from_vec(data), validity(rows, &nulls)))
            }
            Values::Text(pieces) | Values::Jsonb(pieces) | Values::Uuid(pieces) => {
                let (offsets, data) = pieces.fresh();
                texts(offsets, data, nulls, number, faults)
            }
        }
    }
}

impl Values {
    fn new(data_type: DataType, wire: Wire) -> Result<Self> {
        Ok(match (data_type, wire) {
            (DataType::Boolean, Wire::Boolean) => Self::Boolean(Vec::new()),
            (DataType::Int16, Wire::Integer) => Self::Int16(Vec::new()),
            (DataType::Int32, Wire::Integer) => Self::Int32(Vec::new()),
            (DataType::Int64, Wire::Integer) => Self::Int64(Vec::new()),
            (DataType::Float32, Wire::Float) => Self::Float32(Vec::new()),
            (DataType::Float64, Wire::Float) => Self::Float64(Vec::new()),
            (DataType::Decimal { precision, scale }, Wire::Numeric) => {
                Self::Decimal(Vec::new(), Digits::new(precision, scale))
            }
            (DataType::Text | DataType::Json, Wire::Text) => Self::Text(Pieces::default()),
            (DataType::Json, Wire::Jsonb) => Self::Jsonb(Pieces::default()),
            (DataType::Uuid, Wire::Uuid) => Self::Uuid(Pieces::default()),
            (DataType::Binary, Wire::Bytea) => Self::Binary(Pieces::default()),
            (DataType::Date, Wire::Date) => Self::Date(Vec::new()),
            (DataType::Time, Wire::Time) => Self::Time(Vec::new()),
            (DataType::Timestamp | DataType::TimestampTz, Wire::Timestamp) => Self::Timestamp(Vec::new(), data_type),
            (wanted, wire) => return Err(Error::internal(format!("a {wanted} column is not sent as {wire:?}"))),
        })
    }

    /// Decodes one value.
    fn put(&mut self, bytes: &[u8]) -> Put {
        match self {
            Self::Int64(values) => keep(values, integer(bytes), Some),
            Self::Int32(values) => keep(values, integer(bytes), |value| i32::try_from(value).ok()),
            Self::Int16(values) => keep(values, integer(bytes), |value| i16::try_from(value).ok()),
            Self::Decimal(values, digits) => match digits.decode(bytes) {
                Some(value) => {
                    values.push(value);
                    Put::Taken
                }
                None => Put::Refused,
            },
            Self::Text(pieces) | Self::Binary(pieces) => pieces.push(bytes),
            Self::Jsonb(pieces) => bytes.split_first().map_or(Put::Garbled, |(_, text)| pieces.push(text)),
            Self::Uuid(pieces) => match bytes.try_into() {
                Ok(bytes) => pieces.push(uuid(u128::from_be_bytes(bytes)).as_bytes()),
                Err(_) => Put::Garbled,
            },
            Self::Date(values) => keep(values, bytes.try_into().ok().map(i32::from_be_bytes), moments::days),
            Self::Timestamp(values, _) => {
                keep(values, bytes.try_into().ok().map(i64::from_be_bytes), moments::microseconds)
            }
            Self::Time(values) => keep(values, bytes.try_into().ok().map(i64::from_be_bytes), moments::time),
            Self::Float64(values) => keep(values, float(bytes), Some),
            Self::Float32(values) => keep(values, float(bytes), narrow),
            Self::Boolean(values) => keep(values, bytes.first().copied(), |value| Some(value != 0)),
        }
    }

    /// In the place of a value that is not there.
    fn put_nothing(&mut self) {
        match self {
            Self::Boolean(values) => values.push(false),
            Self::Int16(values) => values.push(0),
            Self::Int32(values) | Self::Date(values) => values.push(0),
            Self::Int64(values) | Self::Time(values) | Self::Timestamp(values, _) => values.push(0),
            Self::Float32(values) => values.push(0.0),
            Self::Float64(values) => values.push(0.0),
            Self::Decimal(values, _) => values.push(0),
            Self::Text(pieces) | Self::Jsonb(pieces) | Self::Uuid(pieces) | Self::Binary(pieces) => {
                pieces.push(&[]);
            }
        }
    }

    fn truncate(&mut self, rows: usize) {
        match self {
            Self::Boolean(values) => values.truncate(rows),
            Self::Int16(values) => values.truncate(rows),
            Self::Int32(values) | Self::Date(values) => values.truncate(rows),
            Self::Int64(values) | Self::Time(values) | Self::Timestamp(values, _) => values.truncate(rows),
            Self::Float32(values) => values.truncate(rows),
            Self::Float64(values) => values.truncate(rows),
            Self::Decimal(values, _) => values.truncate(rows),
            Self::Text(pieces) | Self::Jsonb(pieces) | Self::Uuid(pieces) | Self::Binary(pieces) => {
                pieces.truncate(rows);
            }
        }
    }

    /// Why `put` refused a value.
    fn refusal(&self, bytes: &[u8], data_type: DataType) -> Refusal {
        let does_not_fit = |text: String| Refusal { reason: format!("{text} does not fit {data_type}"), text };
        match self {
            Self::Decimal(_, digits) => numeric::refusal(bytes, digits.data_type()),
            Self::Date(_) => day(bytes.try_into().map_or(i32::MAX, i32::from_be_bytes)),
            Self::Timestamp(..) => moment(bytes.try_into().map_or(i64::MAX, i64::from_be_bytes)),
            Self::Time(_) => {
                Refusal { reason: "24:00:00 is not a time of the day".to_owned(), text: "24:00:00".to_owned() }
            }
            Self::Float32(_) | Self::Float64(_) => {
                does_not_fit(float(bytes).map_or_else(String::new, |value| value.to_string()))
            }
            Self::Boolean(_)
            | Self::Int16(_)
            | Self::Int32(_)
            | Self::Int64(_)
            | Self::Text(_)
            | Self::Jsonb(_)
            | Self::Uuid(_)
            | Self::Binary(_) => does_not_fit(integer(bytes).map_or_else(String::new, |value| value.to_string())),
        }
    }
}

impl Default for Pieces {
    fn default() -> Self {
        Self { ends: vec![0], data: Vec::new() }
    }
}

impl Pieces {
    /// A batch holds a few megabytes and one value more, which the server limits to one gigabyte.
    fn push(&mut self, bytes: &[u8]) -> Put {
        self.data.extend_from_slice(bytes);
        match i32::try_from(self.data.len()) {
            Ok(end) => {
                self.ends.push(end);
                Put::Taken
            }
            Err(_) => Put::Garbled,
        }
    }

    fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows + 1);
        let end = self.ends.last().and_then(|end| usize::try_from(*end).ok()).unwrap_or(0);
        self.data.truncate(end);
    }

    fn fresh(&mut self) -> (OffsetBuffer<i32>, Vec<u8>) {
        let mut next = Vec::with_capacity(self.ends.len());
        next.push(0);
        let ends = std::mem::replace(&mut self.ends, next);
        (OffsetBuffer::new(ScalarBuffer::from(ends)), fresh(&mut self.data))
    }
}

/// Keeps a decoded value when `fit` has a word for it.
#[inline]
fn keep<Sent, Kept>(values: &mut Vec<Kept>, sent: Option<Sent>, fit: impl Fn(Sent) -> Option<Kept>) -> Put {
    let Some(sent) = sent else { return Put::Garbled };
    let Some(value) = fit(sent) else { return Put::Refused };
    values.push(value);
    Put::Taken
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

/// The same number as a single float, if there is one.
#[expect(clippy::cast_possible_truncation, reason = "compared right after")]
fn narrow(value: f64) -> Option<f32> {
    let single = value as f32;
    (value.is_nan() || f64::from(single).to_bits() == value.to_bits()).then_some(single)
}

/// The values, with as much room left behind for the next ones.
fn fresh<T>(values: &mut Vec<T>) -> Vec<T> {
    let next = Vec::with_capacity(values.len());
    std::mem::replace(values, next)
}

fn validity(rows: usize, nulls: &[usize]) -> Option<NullBuffer> {
    if nulls.is_empty() {
        return None;
    }
    let mut bits = vec![u8::MAX; rows.div_ceil(8)];
    for row in nulls {
        bits[row / 8] &= !(1 << (row % 8));
    }
    Some(NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(bits), 0, rows)))
}

fn primitive<Kind: ArrowPrimitiveType>(values: &mut Vec<Kind::Native>, nulls: &[usize]) -> ArrayRef {
    let values = fresh(values);
    let validity = validity(values.len(), nulls);
    Arc::new(PrimitiveArray::<Kind>::new(ScalarBuffer::from(values), validity))
}

/// The texts of a batch; those that are not UTF-8 become faults.
fn texts(
    offsets: OffsetBuffer<i32>,
    data: Vec<u8>,
    mut nulls: Vec<usize>,
    column: usize,
    faults: &mut Vec<Fault>,
) -> ArrayRef {
    let rows = offsets.len() - 1;
    let data = Buffer::from_vec(data);
    if let Ok(array) = StringArray::try_new(offsets.clone(), data.clone(), validity(rows, &nulls)) {
        return Arc::new(array);
    }
    // Rare: an SQL_ASCII database gives whatever it was given.
    let raw = BinaryArray::new(offsets, data, None);
    let mut texts = Vec::with_capacity(rows);
    for row in 0..rows {
        let text = std::str::from_utf8(raw.value(row));
        if text.is_err() {
            let text = String::from_utf8_lossy(raw.value(row)).into_owned();
            faults.push(Fault { row, column, refusal: Refusal { reason: "the text is not UTF-8".to_owned(), text } });
            nulls.push(row);
        }
        texts.push(text.ok());
    }
    for row in nulls {
        texts[row] = None;
    }
    Arc::new(StringArray::from(texts))
}
