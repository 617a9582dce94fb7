//! The table that is loaded into is made or extended when needed.

use super::super::declared::{column as column_of, comments};
use super::super::failure::translate;
use super::super::indexes;
use super::super::statement::execute;
use super::super::table::{Existing, Shape, TableName};
use super::column::{Type, column, types};
use super::job::{Job, VERSION};
use super::target::{Target, compatibility, describe};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use windvane_connect::compatibility::wider;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::declared::{Declared, Index, Made};
use windvane_core::schema::{Field, Schema, sql, sql::Dialect, sql::from_native, sql::quote};
use windvane_core::spec::target::Mode;

/// The table with all our columns; locked against other writers where their rows would come between.
pub(super) async fn prepare(session: &mut PgConnection, job: &Job) -> Result<Target> {
    let (table, request) = (&job.table, &job.request);
    let Some(existing) = table.existing(session).await? else {
        create(session, job).await?;
        return describe(session, job, true).await;
    };
    if !matches!(existing.kind.as_str(), "r" | "p") {
        return Err(Error::new(Kind::Conflict, format!("'{table}' exists and is not a table"))
            .hint("Choose another name for the output, or drop what has this name"));
    }
    if request.mode == Mode::History {
        check_versions(table, &existing)?;
    }
    // What cannot work is said before anything is locked.
    let types = types(session, table).await?;
    let carried = |name: &str| request.declared.as_ref().is_some_and(|kept| kept.carries(name));
    // Asked for by the spec: added whatever `drift` says.
    let mark = request.marked();
    let all = Schema::new(request.schema.fields.iter().chain(&mark).cloned().collect());
    let mut compatibility = compatibility(&all, &existing, &types, request.mode, &carried);
    let marks = mark.filter(|mark| compatibility.new.contains(&mark.name));
    compatibility.new.retain(|name| marks.as_ref().is_none_or(|mark| mark.name != *name));
    compatibility.judge(request.adds)?;
    let new = request.schema.fields.iter().filter(|field| compatibility.new.contains(&field.name));
    let new: Vec<&Field> = new.chain(&marks).collect();
    if !new.is_empty() {
        let mut added = Vec::with_capacity(new.len());
        for field in new {
            // Rows that are there have no value for it.
            let kept = request.declared.as_ref().map(|kept| optional(kept, &field.name));
            added.push(format!("ADD COLUMN {}", column_of(session, field, kept.as_ref()).await?));
        }
        execute_one(session, &format!("ALTER TABLE {} {}", table.sql(), added.join(", "))).await?;
    }
    describe(session, job, false).await
}

/// Gives columns whose type does not hold ours one that holds both; whether there were any. To be committed before the rows
/// come, which are told from older ones by their transaction: the table is written anew.
pub(super) async fn widen(session: &mut PgConnection, job: &Job) -> Result<bool> {
    if !job.request.widen {
        return Ok(false);
    }
    let Some(existing) = job.table.existing(session).await? else { return Ok(false) };
    let fields: Vec<&Field> = job.request.schema.fields.iter().collect();
    let changes = widened(&fields, &existing, &types(session, &job.table).await?, job.request.declared.as_ref());
    if changes.is_empty() {
        return Ok(false);
    }
    let alter = format!("ALTER TABLE {} {}", job.table.sql(), changes.join(", "));
    execute_one(session, &alter).await.map_err(|error| match error.kind() {
        Kind::Unsupported => {
            error.hint("Nothing was changed. Widen the column by hand with what uses it, and run again")
        }
        _ => error,
    })?;
    Ok(true)
}

fn widened(fields: &[&Field], existing: &Existing, types: &[Type], kept: Option<&Declared>) -> Vec<String> {
    let one = |field: &&Field| {
        let known = existing.columns.iter().find(|column| column.name == field.name)?;
        let known_type = types.iter().find(|known| known.name == field.name)?;
        let plain = known.shape == Shape::BuiltIn && known_type.kind == "b" && !known.generated;
        let carried = kept.is_some_and(|kept| kept.carries(&field.name));
        let wide = match column(field, known, known_type, carried) {
            _ if !plain => return None,
            // Texts of the source have become longer.
            Ok(_) => kept?.fitting(&field.name, field.data_type)?.longer_than(&known.declared)?.to_owned(),
            Err(_) => sql::native(wider(field, from_native(&known.declared, Dialect::Postgres))?, Dialect::Postgres),
        };
        let name = quote(&field.name);
        Some(format!("ALTER COLUMN {name} TYPE {wide} USING {name}::{wide}"))
    };
    fields.iter().filter_map(one).collect()
}

async fn create(session: &mut PgConnection, job: &Job) -> Result<()> {
    let (table, request) = (job.table.sql(), &job.request);
    let kept = request.declared.as_ref();
    let mut inside = Vec::new();
    let mark = request.marked();
    for field in request.schema.fields.iter().chain(&mark) {
        inside.push(column_of(session, field, kept).await?);
    }
    let key = request.key.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
    match request.mode {
        Mode::Append | Mode::Replace => {
            let key: Vec<String> = kept.map(|kept| kept.primary_key.clone()).unwrap_or_default();
            let all = key.iter().all(|name| request.schema.field(name).is_some());
            let key = key.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
            inside.extend((all && !key.is_empty()).then(|| format!("PRIMARY KEY ({key})")));
        }
        Mode::Merge => inside.push(format!("PRIMARY KEY ({key})")),
        Mode::History => {
            let version = |(name, kind): &(&str, &str)| {
                format!("{name} {kind}{}", if *name == "valid_to" { "" } else { " NOT NULL" })
            };
            inside.extend(VERSION.iter().map(version));
        }
    }
    execute_one(session, &format!("CREATE TABLE {table} ({})", inside.join(", "))).await?;
    // Rows that they refuse are told one by one, as with the key.
    index(session, job, |index| index.unique).await?;
    for comment in kept.map(|kept| comments(&table, &request.schema, kept)).unwrap_or_default() {
        execute_one(session, &comment).await?;
    }
    if request.mode == Mode::History {
        execute(session, &format!("CREATE UNIQUE INDEX ON {table} ({key}) WHERE is_current")).await?;
    }
    Ok(())
}

async fn index(session: &mut PgConnection, job: &Job, which: impl Fn(&Index) -> bool) -> Result<()> {
    let kept = job.request.declared.iter().flat_map(|kept| &kept.indexes);
    for index in kept.filter(|index| which(index)) {
        let sql = indexes::statement(session, &job.table, index).await?;
        execute_one(session, &sql).await.map_err(|error| {
            let error =
                Error::new(error.kind(), format!("the index '{}' cannot be made: {}", index.name, error.message()));
            error.hint(
                "Nothing was loaded. Make what it needs at the target (an extension?), or say `keep: {indexes: false}`",
            )
        })?;
    }
    Ok(())
}

/// What a new table gets when its rows are there, and counters go on behind them.
pub(super) async fn finish(session: &mut PgConnection, job: &Job, target: &Target) -> Result<()> {
    if target.created {
        index(session, job, |index| !index.unique).await?;
    }
    let counted = job.request.declared.iter().flat_map(|kept| &kept.columns);
    for facts in counted.filter(|facts| facts.made == Some(Made::Counted)) {
        let table = target.name.sql();
        let sequence: Option<String> = sqlx::query_scalar("SELECT pg_get_serial_sequence($1, $2)")
            .bind(&table)
            .bind(&facts.name)
            .persistent(false)
            .fetch_one(&mut *session)
            .await
            .map_err(|error| translate(&error))?;
        let Some(sequence) = sequence else { continue };
        let column = quote(&facts.name);
        // Not back: a number that was given out once is never given out again.
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence($1, $2), top) FROM (SELECT max({column})::int8 AS top FROM {table}) AS held
             WHERE top >= (SELECT last_value FROM {sequence})"
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(&table)
            .bind(&facts.name)
            .persistent(false)
            .execute(&mut *session)
            .await
            .map_err(|error| translate(&error))?;
    }
    Ok(())
}

/// One statement, whatever is in the words of another server that it holds.
async fn execute_one(session: &mut PgConnection, sql: &str) -> Result<()> {
    let done = sqlx::query(AssertSqlSafe(sql.to_owned())).persistent(false).execute(session).await;
    done.map(drop).map_err(|error| translate(&error))
}

fn optional(kept: &Declared, column: &str) -> Declared {
    let mut kept = kept.clone();
    kept.columns.retain(|facts| facts.name == column);
    kept.columns.iter_mut().for_each(|facts| (facts.required, facts.made) = (false, None));
    kept
}

fn check_versions(table: &TableName, existing: &Existing) -> Result<()> {
    let has = |name: &str, base: &str| existing.columns.iter().any(|known| known.name == name && known.base == base);
    for (name, kind) in VERSION {
        if !has(name, if kind == "boolean" { "bool" } else { kind }) {
            return Err(Error::new(Kind::Conflict, format!("'{table}' is no history: it lacks '{name} {kind}'"))
                .hint("Choose another name for the output, or add valid_from, valid_to and is_current to the table"));
        }
    }
    Ok(())
}
