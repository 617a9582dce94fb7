//! Databases as sources and targets: PostgreSQL, MySQL and SQLite.

mod tls;

pub mod mysql;
pub mod postgres;
pub mod sqlite;
