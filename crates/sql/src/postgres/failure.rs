//! The server's errors in our words, by SQLSTATE.
//!
//! DETAIL is left out on purpose: it quotes rows. MESSAGE names tables, columns and constraints, and quotes values only
//! for conversions, which binary COPY does not do.

use sqlx::postgres::PgDatabaseError;
use windvane_core::error::{Error, Kind};

pub(super) fn translate(error: &sqlx::Error) -> Error {
    match error {
        sqlx::Error::Database(database) => match database.try_downcast_ref::<PgDatabaseError>() {
            Some(server) => from_driver(server),
            None => Error::new(Kind::Unavailable, "the PostgreSQL server refused").caused_by(error),
        },
        sqlx::Error::Io(_) => Error::new(Kind::Unavailable, "the connection to the PostgreSQL server broke")
            .hint("Run it again: what was not committed is not there, what was is found by its load id")
            .caused_by(error),
        sqlx::Error::Tls(_) => Error::new(Kind::Unavailable, "no encrypted connection to the PostgreSQL server")
            .hint("Set sslmode in the connection: disable, prefer, require, verify-ca or verify-full")
            .caused_by(error),
        sqlx::Error::Configuration(_) => Error::spec("the connection's settings cannot be used")
            .hint("Check sslmode, sslrootcert, sslcert and sslkey")
            .caused_by(error),
        sqlx::Error::Protocol(_) => Error::new(Kind::Unavailable, "the server's answer was not understood")
            .hint("Check that a PostgreSQL server listens there, not a proxy or another service")
            .caused_by(error),
        other => Error::internal("the PostgreSQL driver failed").caused_by(other),
    }
}

pub(super) fn broke(error: &std::io::Error) -> Error {
    Error::new(Kind::Unavailable, "the connection to the PostgreSQL server broke")
        .hint("Run it again: what was not committed is not there, what was is found by its load id")
        .caused_by(error)
}

pub(super) fn not_understood() -> Error {
    Error::new(Kind::Unavailable, "the server's answer was not understood")
        .hint("Check that a PostgreSQL server listens there, not a proxy or another service")
}

/// Of our own session: the driver can do it.
pub(super) fn not_ours(what: &str) -> Error {
    Error::unsupported(format!("{what} is the driver's"))
}

/// Whether a row is to blame: its values, a constraint, or what a trigger of the user's raises.
pub(super) fn refuses_a_row(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(database) = error else { return false };
    let Some(server) = database.try_downcast_ref::<PgDatabaseError>() else { return false };
    matches!(server.code().get(..2), Some("22" | "23")) || server.code() == "P0001"
}

/// What the server said.
#[derive(Debug, Default)]
pub(super) struct Said<'a> {
    pub(super) code: &'a str,
    pub(super) message: &'a str,
    pub(super) hint: Option<&'a str>,
    pub(super) schema: Option<&'a str>,
    pub(super) table: Option<&'a str>,
    pub(super) column: Option<&'a str>,
    pub(super) constraint: Option<&'a str>,
    pub(super) context: Option<&'a str>,
}

fn from_driver(server: &PgDatabaseError) -> Error {
    from_server(&Said {
        code: server.code(),
        message: server.message(),
        hint: server.hint(),
        schema: server.schema(),
        table: server.table(),
        column: server.column(),
        constraint: server.constraint(),
        context: server.r#where(),
    })
}

pub(super) fn from_server(said: &Said<'_>) -> Error {
    let code = said.code;
    let (kind, hint) = kind_and_hint(code);
    let mut message = said.message.to_owned();
    if let Some(constraint) = said.constraint.filter(|constraint| !message.contains(constraint)) {
        message = format!("{message} (constraint \"{constraint}\")");
    }
    let mut error = Error::new(kind, message).hint(match said.hint {
        Some(given) if hint.is_empty() => given.to_owned(),
        Some(_) | None if hint.is_empty() => format!("PostgreSQL calls this SQLSTATE {code}"),
        Some(_) | None => hint.to_owned(),
    });
    if let Some(table) = said.table {
        let named = match said.schema {
            Some(schema) => format!("{schema}.{table}"),
            None => table.to_owned(),
        };
        error = error.in_table(named);
    }
    if let Some(column) = said.column {
        error = error.at_path(column);
    }
    if let Some(row) = said.context.and_then(copied_row) {
        error = error.in_row(row);
    }
    error
}

fn kind_and_hint(code: &str) -> (Kind, &'static str) {
    match code {
        "42501" => (Kind::Auth, "Ask the database's owner to grant the connection's user what it needs"),
        "3D000" => (Kind::Missing, "Check the database's name at the end of the connection's URL"),
        "3F000" => (Kind::Missing, "Check the schema's name"),
        "42P01" | "42703" => (Kind::Missing, "It may have been dropped or renamed since: discover the source again"),
        "53300" => {
            (Kind::Unavailable, "The server has no connection left: run fewer tasks at once or raise max_connections")
        }
        "53100" => (Kind::Unavailable, "The server's disk is full"),
        "40001" | "40P01" => (Kind::Unavailable, "Another transaction was in the way: run it again"),
        "55P03" => (Kind::Unavailable, "Another session holds the table for long: look at pg_stat_activity"),
        "25006" => (Kind::Auth, "The server or the user is read-only: point the connection at the primary"),
        "57014" => (Kind::Timeout, "The server's statement_timeout or its administrator stopped the statement"),
        "0A000" => (Kind::Unsupported, ""),
        _ => match code.get(..2).unwrap_or_default() {
            "28" => (Kind::Auth, "Check the user and the password of the connection, and pg_hba.conf"),
            "08" | "57" | "53" | "58" => (Kind::Unavailable, "Run it again when the server is up"),
            "23" => (Kind::Data, "Look at the rows that break it, or drop the constraint: nothing was loaded"),
            "22" => (Kind::Data, "The value does not fit the column: nothing was loaded"),
            "42" | "55" | "2B" => (Kind::Conflict, ""),
            "54" => (Kind::Unsupported, "The server's limit of columns or sizes is reached"),
            "XX" => (Kind::Unavailable, "The server reports a defect or damage of its own: look at its log"),
            _ => (Kind::Data, ""),
        },
    }
}

/// The row that COPY was at: `COPY t, line 3, column x`.
fn copied_row(context: &str) -> Option<u64> {
    let rest = context.strip_prefix("COPY ")?;
    let (_, after) = rest.split_once(", line ")?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests;
