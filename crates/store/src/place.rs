//! Where a store is: a file or a database, from what the user wrote. Never prints a password.

use std::fmt;
use std::path::{Path, PathBuf};
use url::Url;
use windvane_core::error::{Error, Kind, Result};

/// Where a store is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Place {
    Sqlite(PathBuf),
    Postgres(Url),
}

impl Place {
    /// Reads `sqlite:///abs/path.db`, a plain path, or `postgresql://user@host:port/database`.
    pub(super) fn read(text: &str) -> Result<Self> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::file(text);
        };
        // `postgresql+psycopg2` is how SQLAlchemy, and with it Airflow, writes it.
        match scheme.split('+').next().unwrap_or(scheme) {
            "sqlite" => Self::file(rest),
            "postgres" | "postgresql" => {
                let unreadable = |_| Error::spec("the store's PostgreSQL URL cannot be read").hint(HINT);
                let url = Url::parse(&format!("postgresql://{rest}")).map_err(unreadable)?;
                if url.host_str().is_none_or(str::is_empty) && !url.query().is_some_and(|query| query.contains("host="))
                {
                    return Err(Error::spec("the store's PostgreSQL URL names no host").hint(HINT));
                }
                Ok(Self::Postgres(url))
            }
            other => Err(Error::unsupported(format!("a store cannot live in '{other}'")).hint(HINT)),
        }
    }

    fn file(path: &str) -> Result<Self> {
        if path.is_empty() || path.contains(":memory:") || path.ends_with('/') {
            return Err(Error::spec(format!("'{path}' is not a file that can hold a store")).hint(HINT));
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }

    /// Makes the file and the folders above it, for the owner only.
    pub(super) fn create(path: &Path) -> Result<()> {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        let failed = |error: std::io::Error| {
            let kind = match error.kind() {
                std::io::ErrorKind::PermissionDenied => Kind::Auth,
                _ => Kind::Unavailable,
            };
            let message = format!("the store {} cannot be created", path.display());
            Error::new(kind, message).hint(NAME_ANOTHER).caused_by(&error)
        };
        if let Ok(there) = path.metadata() {
            let what = match there.file_type() {
                kind if kind.is_file() => return Ok(()),
                kind if kind.is_dir() => "a folder",
                _ => "a device, a pipe or a socket",
            };
            return Err(Error::new(Kind::Unavailable, format!("the store {} is {what}, not a file", path.display()))
                .hint(NAME_ANOTHER));
        }
        if let Some(above) = path.ancestors().skip(1).find(|above| above.exists()).filter(|above| !above.is_dir()) {
            let message = format!("the store {} cannot be created: {} is no folder", path.display(), above.display());
            return Err(Error::new(Kind::Unavailable, message).hint(NAME_ANOTHER));
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        // SQLite gives the files it makes beside this one the same mode.
        std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop).map_err(failed)
    }
}

const NAME_ANOTHER: &str = "Name another file by the store argument or WINDVANE_STORE";
const HINT: &str = "A store is a path, sqlite:///abs/path.db or postgresql://user@host:port/database";

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres(url) => {
                let port = url.port().unwrap_or(5432);
                write!(f, "postgresql://{}:{port}{}", url.host_str().unwrap_or("localhost"), url.path())
            }
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
