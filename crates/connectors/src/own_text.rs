//! Which columns hold values for which there is no word here: asked before it is decided how they travel.

use crate::Connection;
use windvane_core::error::Result;
use windvane_core::schema::Schema;

impl Connection {
    /// Of these columns of a dataset, those that hold such a value. Who cannot answer within a minute is taken to have some.
    pub async fn beyond(&self, locator: &str, columns: &Schema) -> Result<Vec<String>> {
        match self {
            Self::Postgres(postgres) => postgres.beyond(locator, columns).await,
            Self::Mysql(mysql) => mysql.beyond(locator, columns).await,
            Self::Files(_) | Self::Sqlite(_) | Self::Http(_) | Self::Guest(_) => Ok(Vec::new()),
        }
    }
}
