//! The content of a dataset as one number, whatever the order of its rows.
//!
//! Each value is hashed in a canonical form of our types, so that a row hashes the same in CSV, SQLite and PostgreSQL:
//! integers and decimals by their digits without trailing zeros, JSON by its parsed value, UUIDs in lower case. A JSON null
//! counts as the null of SQL: JSON lines have one word for both.

use crate::error::{Error, Result};
use crate::schema::json::canonical;
use crate::schema::{DataType, Schema, arrow::from_arrow};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{self as a, Decimal128Type};
use twox_hash::XxHash3_128;

/// Odd, so that multiplying by it loses nothing: makes the order of columns count.
const MIX: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;

/// Sums 128-bit hashes of canonical rows. Equal rows in our types hash equally wherever they were read from.
#[derive(Debug, Clone, Default)]
pub struct Checksum {
    sum: u128,
    rows: u64,
}

impl Checksum {
    /// Adds a batch whose columns have the Arrow types of `schema::arrow`.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = row_hashes(batch)?;
        for row in &rows {
            self.sum = self.sum.wrapping_add(XxHash3_128::oneshot(&row.to_le_bytes()));
        }
        self.rows += rows.len() as u64;
        Ok(())
    }

    /// The checksum of rows whose parts have these checksums.
    pub fn sum<'a>(parts: impl Iterator<Item = &'a str>) -> String {
        let numbers = parts.map(|part| u128::from_str_radix(part, 16).unwrap_or_default());
        format!("{:032x}", numbers.fold(0_u128, u128::wrapping_add))
    }

    /// Adds what another one has seen.
    pub fn merge(&mut self, other: &Self) {
        self.sum = self.sum.wrapping_add(other.sum);
        self.rows += other.rows;
    }

    /// What is left without what another one has seen of the same rows.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self { sum: self.sum.wrapping_sub(other.sum), rows: self.rows - other.rows }
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// 32 hex digits.
    pub fn finish(&self) -> String {
        format!("{:032x}", self.sum)
    }
}

/// A hash of each row of a batch whose columns have the Arrow types of `schema::arrow`.
pub fn row_hashes(batch: &RecordBatch) -> Result<Vec<u128>> {
    let schema: Schema = from_arrow(&batch.schema())?;
    let mut rows = vec![0_u128; batch.num_rows()];
    for (column, field) in batch.columns().iter().zip(&schema.fields) {
        hash_column(column, field.data_type, &mut rows)?;
    }
    Ok(rows)
}

fn hash_column(column: &dyn Array, data_type: DataType, rows: &mut [u128]) -> Result<()> {
    let mut add = |index: usize, tag: u8, bytes: &[u8]| {
        let value = XxHash3_128::oneshot_with_seed(u64::from(tag), bytes);
        rows[index] = rows[index].wrapping_mul(MIX).wrapping_add(value);
    };
    macro_rules! each {
        ($array:expr, $tag:expr, $bytes:expr) => {{
            let array = $array;
            for index in 0..array.len() {
                if array.is_null(index) {
                    add(index, 0, &[])
                } else {
                    add(index, $tag, $bytes(array.value(index)).as_ref())
                }
            }
        }};
    }
    match data_type {
        DataType::Boolean => each!(column.as_boolean(), 1, |value: bool| [u8::from(value)]),
        DataType::Int16 => each!(column.as_primitive::<a::Int16Type>(), 2, |value| number(i128::from(value), 0)),
        DataType::Int32 => each!(column.as_primitive::<a::Int32Type>(), 2, |value| number(i128::from(value), 0)),
        DataType::Int64 => each!(column.as_primitive::<a::Int64Type>(), 2, |value| number(i128::from(value), 0)),
        DataType::Decimal { scale, .. } => {
            each!(column.as_primitive::<Decimal128Type>(), 2, |value| number(value, i32::from(scale)));
        }
        DataType::Float32 => each!(column.as_primitive::<a::Float32Type>(), 3, |value| float(f64::from(value))),
        DataType::Float64 => each!(column.as_primitive::<a::Float64Type>(), 3, float),
        DataType::Text => each!(column.as_string::<i32>(), 4, str::as_bytes),
        DataType::Uuid => each!(column.as_string::<i32>(), 4, |value: &str| value.to_ascii_lowercase()),
        DataType::Json => {
            let texts = column.as_string::<i32>();
            for index in 0..texts.len() {
                if texts.is_null(index) || texts.value(index).trim() == "null" {
                    add(index, 0, &[]);
                } else {
                    add(index, 4, &canonical(texts.value(index)));
                }
            }
        }
        DataType::Date => each!(column.as_primitive::<a::Date32Type>(), 5, i32::to_le_bytes),
        DataType::Time => each!(column.as_primitive::<a::Time64MicrosecondType>(), 6, i64::to_le_bytes),
        DataType::Timestamp => each!(column.as_primitive::<a::TimestampMicrosecondType>(), 7, i64::to_le_bytes),
        DataType::TimestampTz => each!(column.as_primitive::<a::TimestampMicrosecondType>(), 8, i64::to_le_bytes),
        DataType::Binary => match column.as_binary_opt::<i32>() {
            Some(binary) => each!(binary, 9, std::convert::identity),
            None => return Err(Error::internal("a checksum met a column outside schema::arrow")),
        },
    }
    Ok(())
}

/// A number as its digits and a power of ten: 1, 1.0 and 1.00 are one number.
#[inline]
fn number(digits: i128, scale: i32) -> [u8; 20] {
    // Nearly all fit half the width, which divides several times as fast.
    let (digits, zeros) = match i64::try_from(digits) {
        Ok(mut digits) => {
            let mut zeros = 0;
            while digits != 0 && digits % 10 == 0 {
                digits /= 10;
                zeros += 1;
            }
            (i128::from(digits), zeros)
        }
        Err(_) => without_zeros(digits),
    };
    let exponent: i32 = if digits == 0 { 0 } else { zeros - scale };
    let mut bytes = [0; 20];
    bytes[..16].copy_from_slice(&digits.to_le_bytes());
    bytes[16..].copy_from_slice(&exponent.to_le_bytes());
    bytes
}

fn without_zeros(mut digits: i128) -> (i128, i32) {
    let mut zeros = 0;
    while digits % 10 == 0 {
        digits /= 10;
        zeros += 1;
    }
    (digits, zeros)
}

fn float(value: f64) -> [u8; 8] {
    let one_zero = if value == 0.0 { 0.0 } else { value };
    let one_nan = if one_zero.is_nan() { f64::NAN } else { one_zero };
    one_nan.to_bits().to_le_bytes()
}
