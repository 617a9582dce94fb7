//! The type that values of several types have in common.

use crate::convert::{is_float, is_integer, is_number, is_text};
use windvane_core::schema::DataType;

/// The type in which a value of each of two types compares, if there is one.
pub(crate) fn common_type(left: DataType, right: DataType) -> Option<DataType> {
    use DataType as T;
    if left == right {
        return Some(left);
    }
    match (left, right) {
        (l, r) if is_integer(l) && is_integer(r) => {
            Some(if l == T::Int64 || r == T::Int64 { T::Int64 } else { T::Int32 })
        }
        (l, r) if is_number(l) && is_number(r) && (is_float(l) || is_float(r)) => Some(T::Float64),
        (l, r) if is_number(l) && is_number(r) => {
            let ((p1, s1), (p2, s2)) = (digits(l), digits(r));
            let scale = s1.max(s2);
            let whole = (i16::from(p1) - i16::from(s1)).max(i16::from(p2) - i16::from(s2));
            let precision = u8::try_from((whole + i16::from(scale)).min(38)).ok()?;
            Some(T::Decimal { precision, scale })
        }
        (l, r) if is_text(l) && is_text(r) => Some(T::Text),
        (T::Date, T::Timestamp) | (T::Timestamp, T::Date) => Some(T::Timestamp),
        (T::Date, T::TimestampTz) | (T::TimestampTz, T::Date) => Some(T::TimestampTz),
        _ => None,
    }
}

/// Precision and scale of an exact number.
pub(super) fn digits(data_type: DataType) -> (u8, i8) {
    match data_type {
        DataType::Decimal { precision, scale } => (precision, scale),
        DataType::Int16 => (5, 0),
        DataType::Int32 => (10, 0),
        _ => (19, 0),
    }
}
