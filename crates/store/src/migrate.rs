//! Brings a store's tables to the version that this code knows. Safe under many openers at once: one migrates, the
//! others wait and find it done. Nothing is ever dropped.

use super::link::{Cell, Link};
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
pub(super) async fn migrate(link: &mut Link, place: &Place) -> Result<()> {
    if version(link, place).await? == known() {
        return Ok(());
    }
    link.begin(place).await?;
    let identity = match link {
        Link::Sqlite(_) => "INTEGER PRIMARY KEY AUTOINCREMENT",
        Link::Postgres(_) => {
            link.script(place, LOCK.to_owned()).await?;
            // Not CREATE SCHEMA IF NOT EXISTS: that asks for a permission even when there is nothing to create.
            if count(link, place, "SELECT count(*) FROM pg_namespace WHERE nspname = 'windvane'").await? == 0 {
                link.script(place, "CREATE SCHEMA windvane".to_owned()).await?;
            }
            "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
        }
    };
    // Again, now that nobody else can change it.
    let found = version(link, place).await?;
    if found == 0 {
        link.script(
            place,
            "CREATE TABLE windvane_migrations (version BIGINT PRIMARY KEY, at TEXT NOT NULL)".to_owned(),
        )
        .await?;
    }
    for (number, sql) in (1..).zip(MIGRATIONS) {
        if number > found {
            link.script(place, sql.replace("{identity}", identity)).await?;
            let cells = vec![Cell::Integer(number), clock::now().rfc3339().into()];
            link.execute(place, "INSERT INTO windvane_migrations (version, at) VALUES ($1, $2)", cells).await?;
        }
    }
    link.commit(place).await
}

/// The version of the tables: 0 when there are none.
pub(super) async fn version(link: &mut Link, place: &Place) -> Result<i64> {
    let exists = match link {
        Link::Sqlite(_) => "SELECT count(*) FROM sqlite_master WHERE name = 'windvane_migrations'",
        Link::Postgres(_) => {
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'windvane' AND tablename = 'windvane_migrations'"
        }
    };
    if count(link, place, exists).await? == 0 {
        return Ok(0);
    }
    let found = count(link, place, "SELECT max(version) FROM windvane_migrations").await?;
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

async fn count(link: &mut Link, place: &Place, sql: &'static str) -> Result<i64> {
    let rows = link.fetch(place, sql, Vec::new()).await?;
    match rows.first().and_then(|row| row.first()) {
        Some(Cell::Integer(number)) => Ok(*number),
        Some(Cell::Text(_)) | None => Err(Error::internal(format!("the store {place} has no version in its table"))),
    }
}
