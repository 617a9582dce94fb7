//! What a source holds, and which of it cannot be described.

use super::{Connection, Found, FoundKind};
use windvane_core::error::Result;

impl Connection {
    /// Every dataset, sorted by locator: name, columns, keys, size.
    pub async fn datasets(&self) -> Result<Vec<(String, Found)>> {
        self.listed().await?.into_iter().map(|(name, found)| Ok((name, found?))).collect()
    }

    /// As `datasets`; of one that cannot be described (a file that is no table any more), why not.
    pub async fn listed(&self) -> Result<Vec<(String, Result<Found>)>> {
        let all = match self {
            Self::Files(files) => return files.listed().await,
            Self::Guest(guest) => return guest.listed().await,
            Self::Sqlite(sqlite) => sqlite.datasets().await,
            Self::Postgres(postgres) => postgres.datasets().await,
            Self::Http(http) => http.datasets().await,
            Self::Mysql(mysql) => mysql.datasets().await,
        };
        Ok(all?.into_iter().map(|(name, found)| (name, Ok(found))).collect())
    }

    /// Whether a dataset of files has not a word in it: nothing that says that it is one without rows (a header, `[]`).
    pub async fn blank(&self, locator: &str, kind: FoundKind) -> Result<bool> {
        match self {
            Self::Files(files) => files.blank(locator, kind).await,
            Self::Sqlite(_) | Self::Postgres(_) | Self::Http(_) | Self::Guest(_) | Self::Mysql(_) => Ok(false),
        }
    }
}
