//! How columns would go into a dataset that is there.

use crate::Connection;
use crate::fits::Fitting;
use windvane_core::error::Result;
use windvane_core::schema::Schema;
use windvane_core::schema::declared::Declared;
use windvane_core::spec::target::Mode;

impl Connection {
    /// How these columns would go into a dataset of this target, which is not touched. Callables take all.
    pub async fn fitting(
        &self,
        dataset: &str,
        schema: &Schema,
        mode: Mode,
        kept: Option<&Declared>,
    ) -> Result<Fitting> {
        match self {
            Self::Sqlite(sqlite) => sqlite.fitting(dataset, schema, mode).await,
            Self::Postgres(postgres) => postgres.fitting(dataset, schema, mode, kept).await,
            Self::Mysql(mysql) => mysql.fitting(dataset, schema, mode, kept).await,
            Self::Files(files) => files.fitting(dataset, schema, mode).await,
            Self::Http(_) | Self::Guest(_) => Ok(Fitting::default()),
        }
    }
}
