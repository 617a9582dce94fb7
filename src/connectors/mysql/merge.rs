//! Loads by key: rows rest in a temporary table first, then statements over both tables do the rest.

use super::session::Session;
use super::table::{Existing, TableName};
use crate::connectors::{LoadRequest, Loaded, Rows};
use crate::error::{Error, Result};

pub(super) fn check(_: &LoadRequest) -> Result<()> {
    Ok(())
}

#[expect(clippy::unused_async, reason = "until it is built")]
pub(super) async fn load(
    _: &mut Session,
    _: &TableName,
    _: &Existing,
    _: &LoadRequest,
    _: &mut Rows,
) -> Result<Loaded> {
    Err(Error::unsupported("not yet"))
}
