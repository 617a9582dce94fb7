//! A load in the ledger of a database: its words there, and what they say when it comes again.

use crate::again::{Course, Earlier, Facts, Known, Manner, Own, There, Undo, others_went};
use crate::load::LoadRequest;
use crate::read_back::already;
use crate::receipt::Loaded;
use crate::tell::Tell;
use crate::within::Within;
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
    fn newest(&mut self, most: u32) -> impl Future<Output = Result<Vec<Known>>> + Send;
    /// Whether there is a table. All that follows is only asked where there is one.
    fn look(&mut self) -> impl Future<Output = Result<bool>> + Send;
    fn has(&self, column: &str) -> bool;
    /// The condition, with its WHERE, that chooses the rows of the load and of these.
    fn told(&self, also: &[String]) -> Result<String>;
    fn count(&mut self, condition: &str) -> impl Future<Output = Result<u64>> + Send;
    /// Whether the rows have this checksum.
    fn holds(&mut self, condition: &str, columns: &Schema, checksum: &str)
    -> impl Future<Output = Result<bool>> + Send;
}

/// What an earlier try of the load was answered, when that stands.
pub async fn look_up(database: &mut impl Ledger, request: &LoadRequest) -> Result<Course> {
    let mine = database.mine().await?;
    if mine.is_none() && !request.is_looked_at() {
        return Ok(Course::first(request));
    }
    let loads = database.newest(looked_through(request, mine.is_some())).await?;
    let earlier = match mine {
        Some((loaded, facts)) => Earlier { loaded, facts, loads, lost: false },
        None => Earlier::lost(request, loads),
    };
    if earlier.is_new(request) {
        return Ok(Course::first(request));
    }
    let (rows, own) = if database.look().await? {
        (Some(database.count("").await?), own(database, request, &earlier).await?)
    } else {
        (None, Own::Untold)
    };
    earlier.course(request, There { rows, own })
}

/// Which rows of the table are those of the earlier try.
async fn own(database: &mut impl Ledger, request: &LoadRequest, earlier: &Earlier) -> Result<Own> {
    let own = earlier.told(request, |name| database.has(name));
    if !own.is_told() {
        return Ok(own);
    }
    let condition = database.told(&earlier.also(request))?;
    let own = own.counted(database.count(&condition).await?);
    let Some((columns, checksum)) = earlier.compared(own) else { return Ok(own) };
    Ok(own.compared(database.holds(&condition, columns, checksum).await?))
}

/// What chooses the rows of a load, and of these; `quote` and `inside` are the database's words.
pub fn told(
    request: &LoadRequest,
    also: &[String],
    quote: impl Fn(&str) -> String,
    inside: impl Fn(&Within) -> Result<String>,
) -> Result<String> {
    match &request.tell {
        Some(Tell::Column(column)) => Ok(format!(" WHERE {} {}", quote(column), request.marked_sql(also))),
        Some(Tell::Window { within, .. }) => inside(within),
        None => Err(Error::internal("rows were to be told from others by nothing")),
    }
}

/// So many rows of an earlier try went.
pub fn went(undo: &Undo, gone: u64) -> Result<()> {
    if gone == undo.rows { Ok(()) } else { Err(others_went(undo.rows, gone)) }
}
