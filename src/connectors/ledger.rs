//! The words of a load in the ledger of a database.

use crate::connectors::read_back::already;
use crate::connectors::{LoadRequest, Loaded};
use crate::error::{Error, Result};
use crate::spec::target::Mode;

/// Rows, bytes, checksum, refused rows and changes; the last two as JSON.
pub(super) type Row = (i64, i64, String, String, String);

pub(super) fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Replace => "replace",
        Mode::Append => "append",
        Mode::Merge => "merge",
        Mode::History => "history",
    }
}

/// The last two of a row.
pub(super) fn written(loaded: &Loaded) -> Result<(String, String)> {
    let unwritable = |error: serde_json::Error| Error::internal("a receipt cannot be written").caused_by(&error);
    let refused = serde_json::to_string(&loaded.refused).map_err(unwritable)?;
    Ok((refused, serde_json::to_string(&loaded.changes).map_err(unwritable)?))
}

pub(super) fn receipt(request: &LoadRequest, (rows, bytes, checksum, refused, changes): Row) -> Result<Loaded> {
    let damaged = |error: serde_json::Error| Error::internal("a row of the ledger cannot be read").caused_by(&error);
    let refused = serde_json::from_str(&refused).map_err(damaged)?;
    let changes = serde_json::from_str(&changes).map_err(damaged)?;
    Ok(Loaded { refused, changes, ..already(request, rows, bytes, checksum) })
}
