//! A load in the ledger of a database: its words there, and what they say when it comes again.

use crate::load::LoadRequest;
use crate::load_marker::LoadMarker;
use crate::range_filter::RangeFilter;
use crate::read_back::already;
use crate::receipt::Loaded;
use crate::rerun::{EarlierLoad, Facts, LedgerLoad, LoadAction, LoadEffect, OwnRows, TableRows, Undo, others_went};
use std::future::Future;
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;

/// Load id, rows, bytes, checksum, refused rows, changes, facts (these three as JSON) and mode.
pub type Row = (String, i64, i64, String, String, String, String, String);

/// So many loads of a dataset are looked through for what they were about.
const LOOKED_THROUGH: u32 = 1_000;
/// The mode of loads whose rows are gone: their table was found empty.
pub const GONE: &str = "gone";

/// How many loads say whether an earlier one stands; of one that is not known, the newest says whose rows are there.
pub fn looked_through(request: &LoadRequest, known: bool) -> u32 {
    match &request.marker {
        _ if request.adds_interval() || request.facts.replays.is_some() => u32::MAX,
        _ if !known && request.appended().is_none() => 1,
        // Any of them may have brought rows of the same window, or mended ones.
        Some(LoadMarker::Window { .. } | LoadMarker::Column(_)) if request.swap => u32::MAX,
        Some(LoadMarker::Window { .. } | LoadMarker::Column(_)) | None => LOOKED_THROUGH,
    }
}

pub fn effect(mode: &str) -> LoadEffect {
    match mode {
        "append" => LoadEffect::Added,
        "replace" => LoadEffect::Replaced,
        GONE => LoadEffect::Gone,
        _ => LoadEffect::Changed,
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

pub fn listed(row: &Row) -> LedgerLoad {
    let (load_id, rows, _, _, _, _, facts, mode) = row;
    LedgerLoad {
        load_id: load_id.clone(),
        rows: u64::try_from(*rows).unwrap_or(0),
        facts: known(facts),
        effect: effect(mode),
    }
}

/// What a load was answered, and what it was about.
pub fn answered((id, rows, bytes, checksum, refused, changes, facts, _): Row) -> Result<(Loaded, Facts)> {
    let damaged = |error: serde_json::Error| Error::internal("a row of the ledger cannot be read").caused_by(&error);
    let refused = serde_json::from_str(&refused).map_err(damaged)?;
    let changes = serde_json::from_str(&changes).map_err(damaged)?;
    Ok((Loaded { refused, changes, ..already(&id, rows, bytes, checksum) }, known(&facts)))
}

/// A database that is asked for a load: its ledger, and the load's table.
pub trait Ledger: Send {
    /// What the load was answered, and what it was about.
    fn mine(&mut self) -> impl Future<Output = Result<Option<(Loaded, Facts)>>> + Send;
    /// So many loads of the dataset, the newest first.
    fn newest(&mut self, most: u32) -> impl Future<Output = Result<Vec<LedgerLoad>>> + Send;
    /// Whether there is a table. All that follows is only asked where there is one.
    fn look(&mut self) -> impl Future<Output = Result<bool>> + Send;
    fn has(&self, column: &str) -> bool;
    /// The condition, with its WHERE, that chooses the rows of the load and of these.
    fn own_rows_sql(&self, also: &[String]) -> Result<String>;
    fn count(&mut self, condition: &str) -> impl Future<Output = Result<u64>> + Send;
    /// Whether the rows have this checksum.
    fn holds(&mut self, condition: &str, columns: &Schema, checksum: &str)
    -> impl Future<Output = Result<bool>> + Send;
}

/// What an earlier try of the load was answered, when that stands.
pub async fn look_up(database: &mut impl Ledger, request: &LoadRequest) -> Result<LoadAction> {
    let mine = database.mine().await?;
    if mine.is_none() && !request.is_looked_at() {
        return Ok(LoadAction::first(request));
    }
    let loads = database.newest(looked_through(request, mine.is_some())).await?;
    let earlier = match mine {
        Some((loaded, facts)) => EarlierLoad { loaded, facts, loads, lost: false },
        None => EarlierLoad::lost(request, loads),
    };
    if earlier.is_new(request) {
        return Ok(LoadAction::first(request));
    }
    let (rows, own) = if database.look().await? {
        (Some(database.count("").await?), own(database, request, &earlier).await?)
    } else {
        (None, OwnRows::Unmarked)
    };
    earlier.action(request, TableRows { rows, own })
}

/// Which rows of the table are those of the earlier try.
async fn own(database: &mut impl Ledger, request: &LoadRequest, earlier: &EarlierLoad) -> Result<OwnRows> {
    let own = earlier.own_rows(request, |name| database.has(name));
    if !own.is_known() {
        return Ok(own);
    }
    let condition = database.own_rows_sql(&earlier.also(request))?;
    let own = own.counted(database.count(&condition).await?);
    let Some((columns, checksum)) = earlier.compared(own) else { return Ok(own) };
    Ok(own.compared(database.holds(&condition, columns, checksum).await?))
}

/// What chooses the rows of a load, and of these; `quote` and `inside` are the database's words.
pub fn own_rows_sql(
    request: &LoadRequest,
    also: &[String],
    quote: impl Fn(&str) -> String,
    inside: impl Fn(&RangeFilter) -> Result<String>,
) -> Result<String> {
    match &request.marker {
        Some(LoadMarker::Column(column)) => Ok(format!(" WHERE {} {}", quote(column), request.marked_sql(also))),
        Some(LoadMarker::Window { within, .. }) => inside(within),
        None => Err(Error::internal("rows were to be told from others by nothing")),
    }
}

/// So many rows of an earlier try went.
pub fn went(undo: &Undo, gone: u64) -> Result<()> {
    if gone == undo.rows { Ok(()) } else { Err(others_went(undo.rows, gone)) }
}
