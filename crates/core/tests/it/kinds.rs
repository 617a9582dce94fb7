//! Types and values at random, for the other files.

use proptest::prelude::*;
use windvane_core::schema::DataType;

pub(crate) const PLAIN: [DataType; 14] = [
    DataType::Boolean,
    DataType::Int16,
    DataType::Int32,
    DataType::Int64,
    DataType::Float32,
    DataType::Float64,
    DataType::Text,
    DataType::Binary,
    DataType::Date,
    DataType::Time,
    DataType::Timestamp,
    DataType::TimestampTz,
    DataType::Json,
    DataType::Uuid,
];

pub(crate) fn decimal() -> impl Strategy<Value = DataType> {
    (1_u8..=38).prop_flat_map(|precision| {
        (0..=precision.cast_signed()).prop_map(move |scale| DataType::Decimal { precision, scale })
    })
}

pub(crate) fn any_type() -> impl Strategy<Value = DataType> {
    prop_oneof![2 => prop::sample::select(&PLAIN[..]), 1 => decimal()]
}

/// A text as files hold them: mostly something that looks like a value of some type.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => r"-?[1-9][0-9]{0,20}|0|-0",
        3 => r"-?(0|[1-9][0-9]{0,20})\.[0-9]{1,14}",
        1 => r"[0-9]{1,4}|0[0-9]{1,5}|\+[0-9]{1,3}|[0-9]{1,3}\.",
        2 => r"-?[0-9]{1,3}(\.[0-9]{1,3})?[eE][+-]?[0-9]{1,3}",
        2 => "true|false|TRUE|False|t|yes|1|0",
        2 => r"(19|20)[0-9]{2}-(0[1-9]|1[0-3])-[0-3][0-9]",
        2 => r"[0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,7})?)?",
        2 => r"(19|20)[0-9]{2}-0[1-9]-[0-2][0-9][T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9])?(Z|\+02:00|-0530)?",
        1 => r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        1 => "inf|nan|NaN|Infinity|-inf|n/a|null|-|\\.|e5|\\PC{0,6}",
    ]
}
