//! Loads by key into a database where the rows rest in a temporary table first, and a few statements over both tables do
//! the rest: what SQLite and MySQL share, whatever their SQL. What the target refuses is found by bisection, each half behind
//! a savepoint.

use crate::bisect::{Bisection, Refuses, refusal};
use crate::by_key::{SortKey, order, unusable};
use crate::load::LoadRequest;
use crate::read_back::ReadBack;
use crate::receipt::{Changes, Loaded, RefusedRow};
use crate::row_accounting::RowAccounting;
use std::future::Future;
use std::ops::Range;
use windvane_core::error::Result;
use windvane_core::schema::Field;
use windvane_core::schema::checksum::Checksum;
use windvane_core::spec::target::Verify;

/// So many rows are put aside at once.
const PUT_ASIDE: usize = 500;

/// The words of the temporary table, as SQL.
pub struct Stage {
    pub table: String,
    /// A row's place in the load, and the same as a number that is asked for.
    pub at: String,
    pub place: String,
    /// 1: the row is refused.
    pub out: String,
    /// The columns of the key as the target compares them.
    pub compared: Vec<String>,
}

/// A database that is merged into, with the rows in its temporary table.
pub trait Merges: Refuses {
    /// What follows a part that went well, and one that was refused.
    const KEEP: &'static [&'static str];
    const UNDO: &'static [&'static str];

    fn quoted(name: &str) -> String;
    /// What puts the staged values of a column in their order.
    fn sorted(column: &Field) -> Vec<SortKey> {
        vec![SortKey::rising(Self::quoted(&column.name))]
    }
    /// How many rows the statement touched.
    fn execute(&mut self, sql: &str) -> impl Future<Output = Result<u64>> + Send;
    fn places(&mut self, sql: &str) -> impl Future<Output = Result<Vec<u64>>> + Send;
    /// The rows of the temporary table that `rest` chooses, read back.
    fn staged(&mut self, rest: &str) -> impl Future<Output = Result<ReadBack>> + Send;
    /// Those of the target.
    fn loaded(&mut self, rest: &str) -> impl Future<Output = Result<ReadBack>> + Send;
}

/// Stands in a statement for the range of places that it is about; no name can hold it.
pub const RANGE: &str = "\0";

/// The statements of one load; the first two are about the staged rows whose place is in [`RANGE`].
pub struct Merge {
    /// Rows with a known key and other values: updated, or their version ended.
    pub change: Option<String>,
    /// Rows with a new key; of a history the new versions too.
    pub insert: String,
    pub end_absent: String,
    /// What selects the loaded rows when they are read back.
    pub mine: String,
    pub is_history: bool,
}

impl Merge {
    /// The first two for these places.
    pub fn between(&self, rows: &Range<usize>) -> (Option<String>, String) {
        let range = format!("BETWEEN {} AND {}", rows.start, rows.end.saturating_sub(1));
        let of = |sql: &String| sql.replace(RANGE, &range);
        (self.change.as_ref().map(of), of(&self.insert))
    }

    /// Rows that are new to the target, of those that went in.
    pub fn fresh(&self, inserted: u64, updated: u64) -> u64 {
        if self.is_history { inserted.saturating_sub(updated) } else { inserted }
    }
}

/// Merges the rows that were staged, which the account knows.
pub async fn load<Database: Merges>(
    database: &mut Database,
    request: &LoadRequest,
    (stage, merge): (&Stage, &Merge),
    mut account: RowAccounting,
    bytes: u64,
) -> Result<Loaded> {
    let refused = keyless(database, request, stage).await?;
    put_aside(database, request, stage, &mut account, refused).await?;
    let mut changes = apply(database, request, (stage, merge), &mut account).await?;
    if request.deletes(account.refused()) {
        changes.deleted = database.execute(&merge.end_absent).await?;
    }
    changes.unchanged = account.kept().saturating_sub(changes.inserted + changes.updated);
    account.check(request)?;
    let loaded = if request.reads_back(account.sent()) {
        account.agrees(request, database.loaded(&merge.mine).await?, &Checksum::default(), bytes)?
    } else {
        account.counted(request, bytes)
    };
    Ok(Loaded { changes: Some(changes), ..loaded })
}

/// Rows without a key, and those whose key another row has that is taken.
async fn keyless<Database: Merges>(
    database: &mut Database,
    request: &LoadRequest,
    Stage { table, at, place, compared, .. }: &Stage,
) -> Result<Vec<RefusedRow>> {
    let keys: Vec<String> = request.key.iter().map(|key| Database::quoted(key)).collect();
    let mut without = Vec::new();
    for key in &keys {
        let sql = format!("SELECT {place} FROM {table} WHERE {key} IS NULL ORDER BY {at}");
        without.push(database.places(&sql).await?);
    }
    let present: Vec<String> = keys.iter().map(|key| format!("{key} IS NOT NULL")).collect();
    let order = order(request, Database::sorted, at);
    // MariaDB would take a column of this name for the number.
    let mut number = "windvane_number".to_owned();
    while request.schema.names().any(|name| name.eq_ignore_ascii_case(&number)) {
        number.push('_');
    }
    let sql = format!(
        "SELECT {place} FROM (SELECT {at}, row_number() OVER (PARTITION BY {} ORDER BY {order}) AS {number} FROM {table}
         WHERE {}) AS numbered WHERE {number} > 1 ORDER BY {at}",
        compared.join(", "),
        present.join(" AND ")
    );
    unusable(request, without, database.places(&sql).await?)
}

/// Takes rows that rest on the stage out of the load.
async fn put_aside(
    database: &mut impl Merges,
    request: &LoadRequest,
    Stage { table, at, out, .. }: &Stage,
    account: &mut RowAccounting,
    refused: Vec<RefusedRow>,
) -> Result<()> {
    for some in refused.chunks(PUT_ASIDE) {
        let places: Vec<String> = some.iter().map(|row| row.at.to_string()).collect();
        let these = format!(" WHERE {at} IN ({})", places.join(", "));
        some.iter().try_for_each(|row| account.refuse(row.clone()))?;
        database.execute(&format!("UPDATE {table} SET {out} = 1{these}")).await?;
        if request.verify != Verify::Rows {
            account.take_back(&database.staged(&these).await?.whole()?);
        }
    }
    Ok(())
}

async fn apply<Database: Merges>(
    database: &mut Database,
    request: &LoadRequest,
    (stage, merge): (&Stage, &Merge),
    account: &mut RowAccounting,
) -> Result<Changes> {
    let mut changes = Changes::default();
    let mut bisection = Bisection::of(0..usize::try_from(account.sent()).unwrap_or(usize::MAX));
    while let Some(rows) = bisection.take() {
        database.execute("SAVEPOINT windvane").await?;
        let (refused, behind) = match range(database, merge, &rows).await {
            Ok((inserted, updated)) => {
                changes.inserted += inserted;
                changes.updated += updated;
                (None, Database::KEEP)
            }
            Err(error) if Database::refuses_rows(&error) => (Some(error), Database::UNDO),
            Err(error) => return Err(error),
        };
        for statement in behind {
            database.execute(statement).await?;
        }
        if let Some(error) = refused
            && let Some(at) = bisection.blame(&rows)
        {
            let column = Database::column_in(error.message());
            let row = refusal(error, at, request.refused, column)?;
            put_aside(database, request, stage, account, vec![row]).await?;
        }
    }
    Ok(changes)
}

async fn range(database: &mut impl Merges, merge: &Merge, rows: &Range<usize>) -> Result<(u64, u64)> {
    let (change, insert) = merge.between(rows);
    let updated = match change {
        Some(change) => database.execute(&change).await?,
        None => 0,
    };
    let inserted = database.execute(&insert).await?;
    Ok((merge.fresh(inserted, updated), updated))
}
