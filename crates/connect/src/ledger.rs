//! The words of a load in the ledger of a database.

use crate::again::{Earlier, Facts, Known, Manner};
use crate::read_back::already;
use crate::tell::Tell;
use crate::{LoadRequest, Loaded};
use windvane_core::error::{Error, Result};

/// Load id, rows, bytes, checksum, refused rows, changes, facts (these three as JSON) and mode.
pub type Row = (String, i64, i64, String, String, String, String, String);

/// So many loads of a dataset are looked through for what they were about.
const LOOKED_THROUGH: u32 = 1_000;
/// The mode of loads whose rows are gone: their table was found empty.
pub const GONE: &str = "gone";

/// How many loads say whether an earlier one stands; of one that is not known, the newest says whose rows are there.
pub fn looked_through(request: &LoadRequest, known: bool) -> u32 {
    match &request.tell {
        _ if request.adds_interval() || request.facts.replays.is_some() => u32::MAX,
        _ if !known && request.appended().is_none() => 1,
        // Any of them may have brought rows of the same window, or mended ones.
        Some(Tell::Window { .. } | Tell::Column(_)) if request.swap => u32::MAX,
        Some(Tell::Window { .. } | Tell::Column(_)) | None => LOOKED_THROUGH,
    }
}

pub fn manner(mode: &str) -> Manner {
    match mode {
        "append" => Manner::Added,
        "replace" => Manner::Replaced,
        GONE => Manner::Gone,
        _ => Manner::Changed,
    }
}

/// The last three of a row.
pub fn written(request: &LoadRequest, loaded: &Loaded) -> Result<(String, String, String)> {
    let unwritable = |error: serde_json::Error| Error::internal("a receipt cannot be written").caused_by(&error);
    let refused = serde_json::to_string(&loaded.refused).map_err(unwritable)?;
    let changes = serde_json::to_string(&loaded.changes).map_err(unwritable)?;
    Ok((refused, changes, facts(request)?))
}

pub fn facts(request: &LoadRequest) -> Result<String> {
    serde_json::to_string(&request.noted())
        .map_err(|error| Error::internal("the facts of a load cannot be written").caused_by(&error))
}

/// Loads of earlier versions have none.
pub fn known(facts: &str) -> Facts {
    serde_json::from_str(facts).unwrap_or_default()
}

pub fn listed(row: &Row) -> Known {
    let (load_id, rows, _, _, _, _, facts, mode) = row;
    Known {
        load_id: load_id.clone(),
        rows: u64::try_from(*rows).unwrap_or(0),
        facts: known(facts),
        manner: manner(mode),
    }
}

/// A load among those of its dataset, the newest first; without a row it is what the store remembers.
pub fn earlier(mine: Option<Row>, request: &LoadRequest, all: &[Row]) -> Result<Earlier> {
    let damaged = |error: serde_json::Error| Error::internal("a row of the ledger cannot be read").caused_by(&error);
    let loads = all.iter().map(listed).collect();
    let Some(mine) = mine else { return Ok(Earlier::lost(request, loads)) };
    let (id, rows, bytes, checksum, refused, changes, facts, _) = mine;
    let refused = serde_json::from_str(&refused).map_err(damaged)?;
    let changes = serde_json::from_str(&changes).map_err(damaged)?;
    let loaded = Loaded { refused, changes, ..already(&id, rows, bytes, checksum) };
    Ok(Earlier { loaded, facts: known(&facts), loads, lost: false })
}
