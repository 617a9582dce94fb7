//! The server's errors in our words, by number where it has a meaning of its own, otherwise by SQLSTATE.
//!
//! Its messages quote values only for duplicates and wrong values; those are cut out.

use sqlx::mysql::MySqlDatabaseError;
use windvane_core::error::{Error, Kind};

pub(super) fn translate(error: &sqlx::Error) -> Error {
    match error {
        sqlx::Error::Database(database) => match database.try_downcast_ref::<MySqlDatabaseError>() {
            Some(server) => said(server.number(), server.code().unwrap_or_default(), server.message()),
            None => Error::new(Kind::Unavailable, "the MySQL server refused").caused_by(error),
        },
        sqlx::Error::Io(_) => Error::new(Kind::Unavailable, "the connection to the MySQL server broke")
            .hint("Run it again: what was not committed is not there, what was is found by its load id")
            .caused_by(error),
        sqlx::Error::Tls(_) => Error::new(Kind::Unavailable, "no encrypted connection to the MySQL server")
            .hint("Set ssl-mode in the connection: DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY")
            .caused_by(error),
        sqlx::Error::Configuration(_) => Error::spec("the connection's settings cannot be used")
            .hint("Check ssl-mode, ssl-ca, ssl-cert and ssl-key")
            .caused_by(error),
        sqlx::Error::Protocol(_) => not_understood().caused_by(error),
        other => Error::internal("the MySQL driver failed").caused_by(other),
    }
}

pub(super) fn not_understood() -> Error {
    Error::new(Kind::Unavailable, "the server's answer was not understood")
        .hint("Check that a MySQL or MariaDB server listens there, not a proxy or another service")
}

/// What the server said: its number, the SQLSTATE and the message.
pub(super) fn said(number: u16, state: &str, message: &str) -> Error {
    let message = quiet(message);
    // The system's own number is behind many of the server's.
    let full = message.contains("No space left on device");
    let (kind, hint) =
        if full { (Kind::Unavailable, "The server's disk is full") } else { kind_and_hint(number, state) };
    let hint =
        if hint.is_empty() { format!("MySQL calls this error {number} (SQLSTATE {state})") } else { hint.into() };
    Error::new(kind, message).hint(hint)
}

fn kind_and_hint(number: u16, state: &str) -> (Kind, &'static str) {
    match number {
        1045 | 1698 | 1862 | 2061 => (Kind::Auth, "Check the user and the password of the connection"),
        1044 | 1142 | 1143 | 1227 | 1370 => {
            (Kind::Auth, "Ask the database's owner to grant the connection's user what it needs")
        }
        1290 | 1792 | 1836 => (Kind::Auth, "The server or the user is read-only: point the connection at the primary"),
        1049 => (Kind::Missing, "Check the database's name at the end of the connection's URL"),
        1051 | 1054 | 1146 => (Kind::Missing, "It may have been dropped or renamed since: discover the source again"),
        1040 | 1203 | 1226 => {
            (Kind::Unavailable, "The server has no connection left: run fewer tasks at once or raise max_connections")
        }
        1205 | 1213 | 1020 => (Kind::Unavailable, "Another transaction was in the way: run it again"),
        1021 | 1114 | 1041 | 1037 | 1038 => (Kind::Unavailable, "The server's disk or memory is full"),
        1053 | 1152 | 1158..=1161 | 1927 | 4031 => (Kind::Unavailable, "Run it again when the server is up"),
        1317 | 1969 | 3024 => (Kind::Timeout, "The server's limits or its administrator stopped the statement"),
        1153 => (Kind::Unsupported, "Raise the server's max_allowed_packet: a value is larger than it takes"),
        1118 | 1117 | 1071 | 1059 | 1425 | 1426 => {
            (Kind::Unsupported, "The server's limit of columns or sizes is reached")
        }
        // Statement and rows alike: what breaks a rule of the table.
        1048 | 1062 | 1216 | 1217 | 1364 | 1366 | 1406 | 1264 | 1265 | 1292 | 1451 | 1452 | 1526 | 1557 | 1586
        | 1644 | 1690 | 1748 | 1761 | 1762 | 3140 | 3819 | 4025 => {
            (Kind::Data, "Look at the rows that break it, or drop the constraint: nothing was loaded")
        }
        _ => match state.get(..2).unwrap_or_default() {
            "28" => (Kind::Auth, "Check the user and the password of the connection"),
            "08" => (Kind::Unavailable, "Run it again when the server is up"),
            "22" | "23" => (Kind::Data, "Look at the rows that break it: nothing was loaded"),
            "0A" => (Kind::Unsupported, ""),
            _ => (Kind::Conflict, ""),
        },
    }
}

/// Whether the server refused a row for what it holds, by one of its constraints or its columns' types: then other rows
/// may go.
pub(super) fn refuses_rows(error: &Error) -> bool {
    error.kind() == Kind::Data
}

/// The column that a message of the server names.
pub(super) fn column_in(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("olumn ")?;
    if let Some(rest) = rest.strip_prefix('\'') {
        return rest.split_once('\'').map(|(name, _)| name.to_owned());
    }
    // `database`.`table`.`column`
    let path = rest.split(' ').next()?;
    Some(path.rsplit_once(".`")?.1.trim_end_matches('`').to_owned())
}

/// Without values, as in `Duplicate entry 'value' for key 'k'` and `Incorrect date value: 'value' for column 'c'`, and
/// without the row's number inside one of our statements.
fn quiet(message: &str) -> String {
    let message = match message.rsplit_once(" at row ") {
        Some((before, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => before,
        _ => message,
    };
    if message.starts_with("Table has no partition for value ") {
        return "Table has no partition for the value".to_owned();
    }
    for (start, end) in [("Duplicate entry '", "' for key "), ("value: '", "' for column ")] {
        if let (Some(from), Some(to)) = (message.find(start), message.rfind(end)) {
            let from = from + start.len() - 1;
            if from <= to {
                return format!("{}{}", message[..from].trim_end().trim_end_matches(':'), &message[to + 1..]);
            }
        }
    }
    message.to_owned()
}

/// Of our own session: the driver can do it.
pub(super) fn not_ours(what: &str) -> Error {
    Error::unsupported(format!("{what} is the driver's"))
}

#[cfg(test)]
mod tests;
