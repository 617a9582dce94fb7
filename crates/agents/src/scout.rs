//! What changed at a source, in words.

use windvane_core::schema::diff::{Change, diff};
use windvane_core::schema::{DataType, Schema};

/// One sentence a change, in the order of the columns; none when nothing changed.
pub fn rules(dataset: &str, old: &Schema, new: &Schema) -> Vec<String> {
    diff(old, new)
        .into_iter()
        .map(|change| match change {
            Change::Added(field) => format!("{dataset} has a new column '{}' ({}).", field.name, field.data_type),
            Change::Removed(field) => format!("{dataset} no longer has the column '{}'.", field.name),
            Change::TypeChanged { name, from, to } => {
                let how = if widens(from, to) { "widened" } else { "changed" };
                format!("The column '{name}' of {dataset} {how} from {from} to {to}.")
            }
            Change::ShapeChanged { name, from, to } => {
                format!("The column '{name}' of {dataset} changed from {from} to {to}.")
            }
            Change::NullabilityChanged { name, nullable: true } => {
                format!("The column '{name}' of {dataset} may now be null.")
            }
            Change::NullabilityChanged { name, nullable: false } => {
                format!("The column '{name}' of {dataset} is never null now.")
            }
        })
        .collect()
}

/// Whether every value of the one type is a value of the other.
pub(super) fn widens(from: DataType, to: DataType) -> bool {
    let rank = |data_type| match data_type {
        DataType::Int16 => Some(1),
        DataType::Int32 => Some(2),
        DataType::Int64 => Some(3),
        _ => None,
    };
    match (from, to) {
        (DataType::Int16 | DataType::Int32 | DataType::Float32, DataType::Float64) | (_, DataType::Text) => true,
        (DataType::Decimal { precision, scale }, DataType::Decimal { precision: wider, scale: finer }) => {
            let whole = |precision: u8, scale: i8| i16::from(precision) - i16::from(scale);
            finer >= scale && whole(wider, finer) >= whole(precision, scale)
        }
        _ => rank(from).zip(rank(to)).is_some_and(|(from, to)| from <= to),
    }
}
