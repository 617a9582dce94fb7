//! The words of a load in the ledger of a database.

use crate::connectors::again::{Earlier, Facts};
use crate::connectors::read_back::already;
use crate::connectors::{LoadRequest, Loaded};
use crate::error::{Error, Result};
use crate::spec::target::Mode;

/// Load id, rows, bytes, checksum, refused rows, changes and facts; the last three as JSON.
pub(super) type Row = (String, i64, i64, String, String, String, String);

/// So many loads of a dataset are looked through for what they were about.
pub(super) const LOOKED_THROUGH: u32 = 1_000;

pub(super) fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Replace => "replace",
        Mode::Append => "append",
        Mode::Merge => "merge",
        Mode::History => "history",
    }
}

/// The last three of a row.
pub(super) fn written(request: &LoadRequest, loaded: &Loaded) -> Result<(String, String, String)> {
    let unwritable = |error: serde_json::Error| Error::internal("a receipt cannot be written").caused_by(&error);
    let refused = serde_json::to_string(&loaded.refused).map_err(unwritable)?;
    let changes = serde_json::to_string(&loaded.changes).map_err(unwritable)?;
    Ok((refused, changes, facts(request)?))
}

pub(super) fn facts(request: &LoadRequest) -> Result<String> {
    serde_json::to_string(&request.noted())
        .map_err(|error| Error::internal("the facts of a load cannot be written").caused_by(&error))
}

/// Loads of earlier versions have none.
pub(super) fn known(facts: &str) -> Facts {
    serde_json::from_str(facts).unwrap_or_default()
}

pub(super) fn loaded((id, rows, bytes, checksum, refused, changes, facts): Row) -> Result<(Loaded, Facts)> {
    let damaged = |error: serde_json::Error| Error::internal("a row of the ledger cannot be read").caused_by(&error);
    let refused = serde_json::from_str(&refused).map_err(damaged)?;
    let changes = serde_json::from_str(&changes).map_err(damaged)?;
    Ok((Loaded { refused, changes, ..already(&id, rows, bytes, checksum) }, known(&facts)))
}

/// The row of a load, and that of the newest load of its dataset.
pub(super) fn earlier(mine: Row, newest: Option<&str>) -> Result<Earlier> {
    let newest = newest.is_none_or(|newest| newest == mine.0);
    let (loaded, facts) = loaded(mine)?;
    Ok(Earlier { loaded, facts, newest })
}
