//! To and from the words of databases.

use crate::schema::DataType;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Postgres,
    Sqlite,
}

/// The column type to declare at a target.
pub fn native(data_type: DataType, dialect: Dialect) -> String {
    let _ = (data_type, dialect);
    todo!()
}

/// What a declared column type is here. Types without a counterpart are `text` (their text form).
pub fn from_native(declared: &str, dialect: Dialect) -> DataType {
    let _ = (declared, dialect);
    todo!()
}

/// A quoted identifier: safe whatever the name holds.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
