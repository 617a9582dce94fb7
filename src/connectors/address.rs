//! SOURCE and TARGET as people write them at a shell: a path, a URL or `conn:ID`, with `#table` behind it.

use crate::connectors::Context;
use crate::error::{Error, Result};
use crate::spec::source::{FilesSource, MysqlSource, PostgresSource, Source, SqliteSource};

/// The connection id under which a URL given as an argument is kept.
const ARGUMENT: &str = "argument";

/// An address, read: a source, and the dataset behind `#`.
#[derive(Debug, Clone, PartialEq)]
pub struct Address {
    pub source: Source,
    pub table: Option<String>,
}

/// Reads an address. A URL, which may hold a password, is moved into the context's secrets.
pub fn read(text: &str, context: &mut Context) -> Result<Address> {
    let (place, table) = match text.rsplit_once('#') {
        Some((place, table)) if !place.is_empty() && !table.is_empty() => (place, Some(table.to_owned())),
        _ => (text, None),
    };
    let tables: Vec<String> = table.iter().cloned().collect();
    let source = if let Some(id) = place.strip_prefix("conn:") {
        let scheme = context.url(id)?.split("://").next().unwrap_or_default().to_owned();
        of_connection(id, &scheme, tables)?
    } else if let Some((scheme, _)) = place.split_once("://") {
        context.secrets.0.insert(ARGUMENT.to_owned(), place.to_owned());
        of_connection(ARGUMENT, scheme, tables)?
    } else if is_sqlite(place, context) {
        Source::Sqlite(SqliteSource { path: Some(place.to_owned()), connection: None, tables })
    } else {
        Source::Files(FilesSource { path: place.to_owned(), ..FilesSource::default() })
    };
    Ok(Address { source, table })
}

fn of_connection(id: &str, scheme: &str, tables: Vec<String>) -> Result<Source> {
    let connection = id.to_owned();
    match scheme {
        "postgres" | "postgresql" => Ok(Source::Postgres(PostgresSource { connection, schema: None, tables })),
        "mysql" | "mariadb" => Ok(Source::Mysql(MysqlSource { connection, database: None, tables })),
        "sqlite" => Ok(Source::Sqlite(SqliteSource { path: None, connection: Some(connection), tables })),
        other => Err(Error::unsupported(format!("'{other}' is not a kind of source that windvane reads"))
            .hint("Known are files, postgresql://…, mysql://… and sqlite:///…")),
    }
}

/// By its first bytes, so that a database is known whatever it is called.
fn is_sqlite(place: &str, context: &Context) -> bool {
    let mut head = [0; 16];
    let path = context.base.join(place);
    let read = std::fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut head));
    read.is_ok() && head == *b"SQLite format 3\0"
}
