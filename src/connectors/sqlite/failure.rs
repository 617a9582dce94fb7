//! SQLite's errors in our words, by primary result code. Its messages name tables and columns, never values.

use crate::error::{Error, Kind};

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
        13 => (Kind::Unavailable, "The disk is full"),
        14 => (
            Kind::Auth,
            "Check that the file and its folder can be opened: SQLite also needs its -wal and -shm files there",
        ),
        18 => (Kind::Data, "The value is larger than SQLite takes"),
        19 | 20 => (Kind::Data, "Look at the rows that break it, or drop the constraint: nothing was loaded"),
        _ => (Kind::Conflict, "It may have been changed since: discover the source again"),
    };
    Error::new(kind, database.message()).hint(hint)
}
