//! Brings a store's tables to the version that this code knows. Safe under many openers at once: one migrates, the
//! others wait and find it done. Nothing is ever dropped.

use super::connection::{Cell, StoreConnection};
use super::place::Place;
use windvane_core::error::{Error, Result};
use windvane_core::resilience::clock;

/// Every version in order; the first is version 1. Never change one that was released: add the next.
const MIGRATIONS: [&str; 4] = [
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_windows.sql"),
    include_str!("migrations/0003_attempts.sql"),
    include_str!("migrations/0004_targets.sql"),
];

/// Any number that no other program uses for an advisory lock: "windvane" in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(8604529940829924965)";

/// Makes sure that the tables are those this code knows.
pub(super) async fn migrate(connection: &mut StoreConnection, place: &Place) -> Result<()> {
    if version(connection, place).await? == known() {
        return Ok(());
    }
    connection.begin(place).await?;
    let identity = match connection {
        StoreConnection::Sqlite(_) => "INTEGER PRIMARY KEY AUTOINCREMENT",
        StoreConnection::Postgres(_) => {
            connection.script(place, LOCK.to_owned()).await?;
            // Not CREATE SCHEMA IF NOT EXISTS: that asks for a permission even when there is nothing to create.
            if count(connection, place, "SELECT count(*) FROM pg_namespace WHERE nspname = 'windvane'").await? == 0 {
                connection.script(place, "CREATE SCHEMA windvane".to_owned()).await?;
            }
            "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
        }
    };
    // Again, now that nobody else can change it.
    let found = version(connection, place).await?;
    if found == 0 {
        connection
            .script(place, "CREATE TABLE windvane_migrations (version BIGINT PRIMARY KEY, at TEXT NOT NULL)".to_owned())
            .await?;
    }
    for (number, sql) in (1..).zip(MIGRATIONS) {
        if number > found {
            connection.script(place, sql.replace("{identity}", identity)).await?;
            let cells = vec![Cell::Integer(number), clock::now().rfc3339().into()];
            connection.execute(place, "INSERT INTO windvane_migrations (version, at) VALUES ($1, $2)", cells).await?;
        }
    }
    connection.commit(place).await
}

/// The version of the tables: 0 when there are none.
pub(super) async fn version(connection: &mut StoreConnection, place: &Place) -> Result<i64> {
    let exists = match connection {
        StoreConnection::Sqlite(_) => "SELECT count(*) FROM sqlite_master WHERE name = 'windvane_migrations'",
        StoreConnection::Postgres(_) => {
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'windvane' AND tablename = 'windvane_migrations'"
        }
    };
    if count(connection, place, exists).await? == 0 {
        return Ok(0);
    }
    let found = count(connection, place, "SELECT max(version) FROM windvane_migrations").await?;
    if found > known() {
        return Err(Error::unsupported(format!(
            "the store {place} was written by a newer windvane: its tables have version {found}, this one knows {}",
            known()
        ))
        .hint("Upgrade windvane here, or name another store"));
    }
    Ok(found)
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

async fn count(connection: &mut StoreConnection, place: &Place, sql: &'static str) -> Result<i64> {
    let rows = connection.fetch(place, sql, Vec::new()).await?;
    match rows.first().and_then(|row| row.first()) {
        Some(Cell::Integer(number)) => Ok(*number),
        Some(Cell::Text(_)) | None => Err(Error::internal(format!("the store {place} has no version in its table"))),
    }
}
