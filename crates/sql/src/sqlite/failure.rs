//! SQLite's errors in our words, by primary result code. Its messages name tables and columns, never values.

use windvane_core::error::{Error, Kind};

/// The hints of errors that are about a row and not about the file.
const REFUSED: &str = "Look at the rows that break it, or drop the constraint: nothing was loaded";
const TOO_LARGE: &str = "The value is larger than SQLite takes";
pub(super) const NOT_A_NUMBER: &str = "Turn NaN into null in a step";

/// Whether a row was refused for what it holds: then other rows may go.
pub(super) fn refuses_rows(error: &Error) -> bool {
    error.kind() == Kind::Data && matches!(error.hint_text(), Some(REFUSED | TOO_LARGE | NOT_A_NUMBER))
}

/// The column that a message names: `NOT NULL constraint failed: items.name`. Of several, none is.
pub(super) fn column_in(message: &str) -> Option<String> {
    let (rule, names) = message.split_once(" constraint failed: ")?;
    let (_, column) = names.split_once('.').filter(|_| !rule.starts_with("CHECK"))?;
    (!column.contains(", ")).then(|| column.to_owned())
}

pub(super) fn translate(error: &sqlx::Error) -> Error {
    let sqlx::Error::Database(database) = error else {
        return match error {
            sqlx::Error::Io(_) => Error::new(Kind::Unavailable, "the SQLite file cannot be read")
                .hint("Check the disk and the file's permissions")
                .caused_by(error),
            other => Error::internal("the SQLite driver failed").caused_by(other),
        };
    };
    let code: i32 = database.code().and_then(|code| code.parse().ok()).unwrap_or(1);
    let (kind, hint) = match code & 0xff {
        5 | 6 => (Kind::Unavailable, "Another process holds the file: run it again when that is done"),
        3 | 8 | 23 => (Kind::Auth, "Change the file's permissions, or point the connection at another file"),
        9 => (Kind::Cancelled, "The statement was interrupted"),
        10 => (Kind::Unavailable, "The disk fails, or the file lies on a network share that cannot lock"),
        11 | 26 => (Kind::Data, "The file is damaged or no SQLite database: check it with `PRAGMA integrity_check`"),
        13 => (Kind::Unavailable, "The disk is full: make room on it, then run it again"),
        14 => (
            Kind::Auth,
            "Check that the file and its folder can be opened: SQLite also needs its -wal and -shm files there",
        ),
        18 => (Kind::Data, TOO_LARGE),
        19 | 20 => (Kind::Data, REFUSED),
        _ => (Kind::Conflict, "It may have been changed since: discover the source again"),
    };
    Error::new(kind, database.message()).hint(hint)
}
