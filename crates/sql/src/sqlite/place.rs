//! Where the file is, whether it may be touched, and opening it.

use super::failure::translate;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;
use windvane_connect::Context;
use windvane_core::error::{Error, Kind, Result};

/// How long another writer may keep the file before we give up for now.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// The file that the path or the connection names. A path stands in a spec and must lie below the roots; a connection is
/// the administrator's word.
pub(super) fn find(path: Option<&str>, connection: Option<&str>, context: &Context) -> Result<PathBuf> {
    match (path, connection) {
        (Some(path), None) => context.local.resolve(path),
        (None, Some(id)) => context.local.unchecked(from_url(id, context.url(id)?)?),
        _ => Err(Error::spec("sqlite needs either `path` or `connection`").hint("Give exactly one of them")),
    }
}

fn from_url(id: &str, url: &str) -> Result<PathBuf> {
    let wrong = || {
        Error::spec(format!("the URL of connection '{id}' names no SQLite file"))
            .hint("It should look like sqlite:///absolute/path.db")
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    if scheme != "sqlite" && !scheme.starts_with("sqlite+") {
        return Err(wrong());
    }
    // SQLAlchemy writes an absolute path with four slashes.
    let rest = rest.split(['?', '#']).next().unwrap_or_default().trim_start_matches('/');
    if rest.is_empty() {
        return Err(wrong());
    }
    let file = Url::parse(&format!("file:///{rest}")).map_err(|_| wrong())?;
    file.to_file_path().map_err(|()| wrong())
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT).disable_statement_logging()
}

/// Opens a source: read-only, never created.
pub(super) async fn open(path: &Path) -> Result<SqliteConnection> {
    if !path.is_file() {
        return Err(Error::missing("there is no such SQLite file")
            .in_file(path.display().to_string())
            .hint("Check the path: relative ones start at the spec's folder"));
    }
    connect(&options(path).read_only(true), path).await
}

/// Opens a target: created when absent, with a write-ahead log so that readers go on while we write. A file that is
/// there keeps its journal mode.
pub(super) async fn create(path: &Path) -> Result<SqliteConnection> {
    let known = path.is_file();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| cannot_create(path, &error))?;
    }
    let mut file = connect(&options(path).create_if_missing(true), path).await?;
    if !known {
        let wal = sqlx::raw_sql("PRAGMA journal_mode = WAL").execute(&mut file).await;
        wal.map_err(|error| translate(&error).in_file(path.display().to_string()))?;
    }
    Ok(file)
}

/// Whether the file, or the folder it would be created in, can be written. Creates nothing.
pub(super) async fn test_writing(path: &Path) -> Result<()> {
    if path.is_file() {
        let mut file = connect(&options(path), path).await?;
        for sql in ["BEGIN IMMEDIATE", "ROLLBACK"] {
            let done = sqlx::raw_sql(sql).execute(&mut file).await;
            done.map_err(|error| translate(&error).in_file(path.display().to_string()))?;
        }
        return close(file).await;
    }
    let folder = path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    let writable = folder.metadata().is_ok_and(|facts| !facts.permissions().readonly());
    if writable {
        return Ok(());
    }
    Err(Error::new(Kind::Auth, "the folder of the SQLite file cannot be written")
        .in_file(folder.display().to_string())
        .hint("Choose another path or change the folder's permissions"))
}

async fn connect(options: &SqliteConnectOptions, path: &Path) -> Result<SqliteConnection> {
    let opened = SqliteConnection::connect_with(options).await;
    opened.map_err(|error| translate(&error).in_file(path.display().to_string()))
}

/// Closes the file before the call ends, not some time later: another library of the same process (Python's own) does not
/// see our locks, and would take the write-ahead log away under a connection that is still there.
pub(super) async fn close(file: SqliteConnection) -> Result<()> {
    file.close().await.map_err(|error| translate(&error))
}

fn cannot_create(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Kind::Auth, "the folder of the SQLite file cannot be created")
        .in_file(path.display().to_string())
        .hint("Choose another path or change the folder's permissions")
        .caused_by(error)
}

#[cfg(test)]
mod tests;
