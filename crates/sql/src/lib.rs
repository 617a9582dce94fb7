//! Databases as sources and targets: PostgreSQL, MySQL and SQLite.

pub mod mysql;
pub mod postgres;
pub mod sqlite;
