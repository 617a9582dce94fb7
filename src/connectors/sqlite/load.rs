//! All rows or none, once: one transaction for the rows, what they needed, and the ledger row that says they are there.

use super::failure::translate;
use super::read::{run, select};
use super::table::{LEDGER, NativeColumn, all, columns, row_number_column, same, sql};
use super::write::insert;
use crate::connectors::read_back::{ReadBack, Tally, already, counted};
use crate::connectors::{Batch, Expected, LoadRequest, Loaded, Rows};
use crate::error::{Error, Kind, Result};
use crate::schema::{DataType, Field, sql::Dialect, sql::from_native, sql::native, sql::quote};
use crate::spec::target::Mode;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection};
use std::collections::HashSet;

/// Digits that SQLite keeps of a number in a column with numeric affinity.
const REAL_DIGITS: u8 = 15;
/// Where the numbers of rows are noted when they cannot be told from the older ones.
const NOTED: &str = "windvane_noted";

pub(super) async fn load(mut file: SqliteConnection, request: LoadRequest, mut rows: Rows) -> Result<Loaded> {
    check(&request)?;
    // IMMEDIATE: one writer at a time, and whoever waited sees the ledger row of the one before.
    execute(&mut file, "BEGIN IMMEDIATE").await?;
    let done = transaction(&mut file, &request, &mut rows).await.map_err(|error| name(error, &request.dataset));
    let done = match done {
        Ok(loaded) if loaded.already => execute(&mut file, "ROLLBACK").await.map(|()| loaded),
        Ok(loaded) => execute(&mut file, "COMMIT").await.map(|()| loaded),
        Err(error) => Err(error),
    };
    if done.is_err() {
        // Closing undoes it too; this says nothing new.
        drop(execute(&mut file, "ROLLBACK").await);
    }
    let closed = file.close().await.map_err(|error| translate(&error));
    done.and_then(|loaded| closed.map(|()| loaded))
}

fn check(request: &LoadRequest) -> Result<()> {
    let refuse = |name: &str, what: &str| {
        Error::spec(format!("'{name}' {what}")).hint("Choose another name for the output or its column in the steps")
    };
    let dataset = &request.dataset;
    if dataset.is_empty() || dataset.contains('\0') {
        return Err(refuse(dataset, "is no name for a table"));
    }
    if same(dataset, LEDGER) || dataset.to_ascii_lowercase().starts_with("sqlite_") {
        return Err(refuse(dataset, "is a name that SQLite or windvane keeps for itself"));
    }
    let mut names = HashSet::new();
    for column in request.schema.names() {
        if column.contains('\0') {
            return Err(refuse(column, "is no name for a column"));
        }
        if !names.insert(column.to_ascii_lowercase()) {
            return Err(refuse(column, "is the name of two columns: SQLite does not tell upper from lower case"));
        }
    }
    Ok(())
}

async fn transaction(file: &mut SqliteConnection, request: &LoadRequest, rows: &mut Rows) -> Result<Loaded> {
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {} (dataset TEXT NOT NULL, load_id TEXT NOT NULL, mode TEXT NOT NULL,
         rows INTEGER NOT NULL, bytes INTEGER NOT NULL, checksum TEXT NOT NULL,
         loaded_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
         PRIMARY KEY (dataset, load_id))",
        sql(LEDGER)
    );
    execute(file, &create).await?;
    if let Some(loaded) = receipt(file, request).await? {
        return Ok(loaded);
    }
    let native = ready(file, request).await?;
    let mine = match request.mode {
        Mode::Replace => String::new(),
        Mode::Append => mark(file, &request.dataset, &native).await?,
        Mode::Merge | Mode::History => return Err(Error::unsupported("not yet")),
    };
    let mut tally = Tally::new(request);
    let bytes = insert(file, &request.dataset, &request.schema, rows.open()?, &mut tally).await?;
    let expected = tally.expected(request)?;
    let loaded = if request.reads_back(tally.rows()) {
        read_back(file, request, &native, &mine, &expected, bytes).await?
    } else {
        counted(request, tally.rows(), bytes)
    };
    write_down(file, request, &loaded).await?;
    Ok(loaded)
}

async fn receipt(file: &mut SqliteConnection, request: &LoadRequest) -> Result<Option<Loaded>> {
    let statement = format!("SELECT rows, bytes, checksum FROM {} WHERE dataset = ? AND load_id = ?", sql(LEDGER));
    let row: Option<(i64, i64, String)> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(&request.dataset)
        .bind(&request.load_id)
        .fetch_optional(file)
        .await
        .map_err(|error| translate(&error))?;
    Ok(row.map(|(rows, bytes, checksum)| already(request, rows, bytes, checksum)))
}

/// The table with all our columns, emptied when its rows are to be replaced. Indexes, views and triggers stay.
async fn ready(file: &mut SqliteConnection, request: &LoadRequest) -> Result<Vec<NativeColumn>> {
    let dataset = &request.dataset;
    let conflict = |what: String, hint: &str| Error::new(Kind::Conflict, what).hint(hint);
    let relations = all(file).await?;
    let existing = relations.iter().find(|relation| same(&relation.name, dataset));
    let declared = |field: &Field| format!("{} {}", quote(&field.name), native(field.data_type, Dialect::Sqlite));
    let Some(existing) = existing else {
        let all: Vec<String> = request.schema.fields.iter().map(declared).collect();
        execute(file, &format!("CREATE TABLE {} ({})", sql(dataset), all.join(", "))).await?;
        return columns(file, dataset).await.map_err(|error| translate(&error));
    };
    if existing.name != *dataset {
        return Err(conflict(
            format!("the file has '{}': SQLite does not tell upper from lower case", existing.name),
            "Choose another name for the output, or write it as the table is written",
        ));
    }
    if existing.is_view {
        return Err(conflict(format!("'{dataset}' is a view"), "Choose another name for the output, or drop the view"));
    }
    let known = columns(file, dataset).await.map_err(|error| translate(&error))?;
    let mut new = Vec::new();
    for field in &request.schema.fields {
        match known.iter().find(|column| same(&column.name, &field.name)) {
            Some(column) => compatible(field, column)?,
            None => new.push(field),
        }
    }
    if request.mode == Mode::Replace {
        execute(file, &format!("DELETE FROM {}", sql(dataset))).await?;
    }
    for field in new {
        execute(file, &format!("ALTER TABLE {} ADD COLUMN {}", sql(dataset), declared(field))).await?;
    }
    columns(file, dataset).await.map_err(|error| translate(&error))
}

/// Whether the target's column holds each of our values exactly.
fn compatible(field: &Field, column: &NativeColumn) -> Result<()> {
    let name = &field.name;
    if column.name != *name {
        return Err(Error::new(Kind::Conflict, format!("column '{name}' is written '{}' at the target", column.name))
            .at_path(name)
            .hint("SQLite does not tell upper from lower case: write it as the target does"));
    }
    if column.generated {
        return Err(Error::new(Kind::Conflict, format!("the target computes column '{name}' itself"))
            .at_path(name)
            .hint("Leave the column out in the steps"));
    }
    let theirs = from_native(&column.declared, Dialect::Sqlite);
    let is_text = column.declared.to_ascii_lowercase().contains("text");
    let fits = match (field.data_type, theirs) {
        (DataType::Decimal { precision, scale }, DataType::Decimal { precision: p, scale: s }) => {
            let whole = i16::from(precision) - i16::from(scale);
            (is_text || precision <= REAL_DIGITS) && s >= scale && i16::from(p) - i16::from(s) >= whole
        }
        (DataType::Int16, DataType::Int32 | DataType::Int64)
        | (DataType::Int32, DataType::Int64)
        | (DataType::Float32, DataType::Float64)
        | (DataType::Json | DataType::Uuid, DataType::Text) => true,
        (ours, theirs) => ours == theirs,
    };
    if fits {
        return Ok(());
    }
    let declared = if column.declared.is_empty() { "without a type" } else { &column.declared };
    Err(Error::new(Kind::Conflict, format!("column '{name}' is {} here and {declared} at the target", field.data_type))
        .at_path(name)
        .hint(format!("Cast '{name}' in a step to {theirs}, or change the target's column")))
}

/// Makes the rows that come from now on tellable: the condition that selects them.
async fn mark(file: &mut SqliteConnection, dataset: &str, native: &[NativeColumn]) -> Result<String> {
    // A column may have taken one of the names that the row's number goes by.
    let free =
        ["rowid", "_rowid_", "oid"].into_iter().find(|name| !native.iter().any(|column| same(&column.name, name)));
    let Some(number) = row_number_column(native).map(|column| quote(&column.name)).or(free.map(str::to_owned)) else {
        return Err(Error::unsupported("the table hides its row numbers")
            .hint("Rename one of its columns rowid, _rowid_ and oid"));
    };
    let last: Result<Option<i64>, sqlx::Error> =
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT max({number}) FROM {}", sql(dataset))))
            .fetch_one(&mut *file)
            .await;
    let Ok(last) = last else {
        return Err(Error::unsupported("the table is WITHOUT ROWID: its new rows cannot be told from the old ones")
            .hint("Use the mode replace, or a table with row numbers"));
    };
    if row_number_column(native).is_none() && last != Some(i64::MAX) {
        return Ok(last.map_or_else(String::new, |last| format!(" WHERE {number} > {last}")));
    }
    // Numbers that the rows bring along may lie between the older ones.
    let noted = quote(NOTED);
    execute(file, &format!("CREATE TEMP TABLE {noted} (number INTEGER PRIMARY KEY)")).await?;
    let trigger = format!(
        "CREATE TEMP TRIGGER {noted} AFTER INSERT ON {} BEGIN INSERT INTO {noted} VALUES (new.{number}); END",
        sql(dataset)
    );
    execute(file, &trigger).await?;
    Ok(format!(" WHERE {number} IN (SELECT number FROM temp.{noted})"))
}

/// What is in the table now, compared with what must be.
async fn read_back(
    file: &mut SqliteConnection,
    request: &LoadRequest,
    native: &[NativeColumn],
    mine: &str,
    expected: &Expected,
    bytes: u64,
) -> Result<Loaded> {
    let seen = ReadBack::default();
    let look = |batch: Batch| {
        let looked = seen.look(batch);
        async move { looked }
    };
    run(file, &select(&request.dataset, native, &request.schema, mine), &request.schema, look).await?;
    seen.agrees(request, expected, bytes)
}

async fn write_down(file: &mut SqliteConnection, request: &LoadRequest, loaded: &Loaded) -> Result<()> {
    let statement = format!(
        "INSERT INTO {} (dataset, load_id, mode, rows, bytes, checksum) VALUES (?, ?, ?, ?, ?, ?)",
        sql(LEDGER)
    );
    let mode = match request.mode {
        Mode::Replace => "replace",
        Mode::Append => "append",
        Mode::Merge => "merge",
        Mode::History => "history",
    };
    sqlx::query(AssertSqlSafe(statement))
        .bind(&request.dataset)
        .bind(&request.load_id)
        .bind(mode)
        .bind(i64::try_from(loaded.rows).unwrap_or(i64::MAX))
        .bind(i64::try_from(loaded.bytes).unwrap_or(i64::MAX))
        .bind(loaded.checksum.as_deref().unwrap_or_default())
        .execute(file)
        .await
        .map_err(|error| translate(&error))?;
    Ok(())
}

async fn execute(file: &mut SqliteConnection, statement: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(file).await.map_err(|error| translate(&error))?;
    Ok(())
}

fn name(error: Error, table: &str) -> Error {
    if error.place().table.is_some() { error } else { error.in_table(table) }
}
