//! (being written)

use super::{BatchStream, Context, Found, LoadRequest, Loaded, ReadRequest, RowStream};
use crate::error::Result;

#[derive(Debug, Clone)]
pub struct Postgres {}

impl Postgres {
    pub fn open_source(source: &crate::spec::source::PostgresSource, context: &Context) -> Result<Self> {
        let _ = (source, context);
        todo!()
    }

    pub fn open_target(target: &crate::spec::target::PostgresTarget, context: &Context) -> Result<Self> {
        let _ = (target, context);
        todo!()
    }

    pub async fn datasets(&self) -> Result<Vec<(String, Found)>> {
        todo!()
    }

    pub async fn read(&self, request: ReadRequest) -> Result<BatchStream> {
        let _ = request;
        todo!()
    }

    pub async fn load(&self, request: LoadRequest, rows: RowStream) -> Result<Loaded> {
        let _ = (request, rows);
        todo!()
    }

    pub async fn test(&self) -> Result<()> {
        todo!()
    }
}
