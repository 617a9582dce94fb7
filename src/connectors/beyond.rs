//! Which columns hold values for which there is no word here: asked before it is decided how they travel.

use super::Connection;
use crate::error::Result;
use crate::schema::Schema;

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

/// The columns of which the answer, in their order, says yes; all of them without one.
pub(super) fn named(columns: &Schema, answer: Option<&[bool]>) -> Vec<String> {
    let says = |at: usize| answer.is_none_or(|answer| answer.get(at).copied().unwrap_or(true));
    columns.names().enumerate().filter(|(at, _)| says(*at)).map(|(_, name)| name.to_owned()).collect()
}
