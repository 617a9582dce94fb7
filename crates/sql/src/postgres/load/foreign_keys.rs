//! Foreign keys of ours, which loads take away before they change rows and make again afterwards.
//!
//! A comment marks them; keys that somebody else has made are never touched. With a key in place a child that is loaded
//! before its parent would lose rows, and a parent could not lose any. Both happen in short transactions of their own, so that
//! nobody waits for a whole load: dropping locks readers of both tables out. The load itself holds a lock under which no
//! key can be made. What a kill leaves without its keys gets them from the next load of either table, and so does a load
//! that failed.
//!
//! A key is made as NOT VALID, then validated: rows that refer to nothing are told, and stop nobody.

use super::super::failure::translate;
use super::super::statement::execute;
use super::super::table::TableName;
use super::job::{Job, LOCK_TIMEOUT};
use super::ledger;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use std::time::Duration;
use windvane_connect::ManagedForeignKey;
use windvane_core::error::{Kind, Result};
use windvane_core::schema::declared::Reference;
use windvane_core::schema::sql::quote;

/// How the comment begins; the pipeline's name follows.
const MARK: &str = "windvane: a foreign key of the pipeline ";
/// Another load may be writing into one of the tables, and makes the key when it is done.
const SOON: &str = "SET LOCAL lock_timeout = '10s'";

/// Whoever reads meanwhile waits behind us so long, again and again, until the load gives up.
const BRIEFLY: &str = "SET LOCAL lock_timeout = '2s'";
pub(super) const PAUSE: Duration = Duration::from_secs(3);
pub(super) const TRIES: u32 = 180;

const OURS: &str = "\
SELECT n.nspname::text, c.relname::text, k.conname::text, pg_get_constraintdef(k.oid), substr(d.description, length($3) + 1)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class o ON o.oid = k.confrelid JOIN pg_namespace m ON m.oid = o.relnamespace
JOIN pg_description d ON d.classoid = 'pg_constraint'::regclass AND d.objoid = k.oid AND d.objsubid = 0
WHERE k.contype = 'f' AND k.conparentid = 0 AND left(d.description, length($3)) = $3
  AND ((n.nspname = $1 AND c.relname = $2) OR (m.nspname = $1 AND o.relname = $2))
ORDER BY 1, 2, 3";

/// The constraints of a table that have a name, or are a foreign key of these columns: whether it has the name, is ours, is
/// valid, is of these columns.
const THERE: &str = "\
SELECT k.conname = $3, coalesce(left(d.description, length($4)) = $4, false), k.convalidated, coalesce(same.columns, false)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class o ON o.oid = k.confrelid LEFT JOIN pg_namespace m ON m.oid = o.relnamespace
LEFT JOIN pg_description d ON d.classoid = 'pg_constraint'::regclass AND d.objoid = k.oid AND d.objsubid = 0
CROSS JOIN LATERAL (SELECT k.contype = 'f' AND m.nspname = $1 AND o.relname = $5
  AND ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS part (number, position)
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = part.number ORDER BY part.position) = $6 AS columns) same
WHERE n.nspname = $1 AND c.relname = $2 AND (k.conname = $3 OR same.columns)";

/// A key that was taken away.
pub(super) struct Known {
    table: TableName,
    name: String,
    definition: String,
    pipeline: String,
}

/// A key that is to be there.
struct Wanted<'a> {
    table: TableName,
    name: &'a str,
    /// From `FOREIGN KEY` on.
    definition: String,
    pipeline: &'a str,
    /// Where it is of this pipeline.
    link: Option<&'a ManagedForeignKey>,
}

async fn find(session: &mut PgConnection, table: &TableName) -> Result<Vec<Known>> {
    type Row = (String, String, String, Option<String>, String);
    let rows: Vec<Row> = sqlx::query_as(OURS)
        .bind(&table.schema)
        .bind(&table.table)
        .bind(MARK)
        .persistent(false)
        .fetch_all(session)
        .await
        .map_err(|error| translate(&error))?;
    // One that another load has dropped meanwhile has no definition any more.
    let one = |(schema, table, name, definition, pipeline): Row| {
        let definition = definition?.trim_end_matches(" NOT VALID").to_owned();
        Some(Known { table: TableName { schema, table }, name, definition, pipeline })
    };
    Ok(rows.into_iter().filter_map(one).collect())
}

async fn alone(session: &mut PgConnection) -> Result<()> {
    ledger::lock(session, "windvane: foreign keys").await
}

/// Drops the keys of ours that the table has or is referred to by. To be committed before the rows come.
pub(super) async fn remove(session: &mut PgConnection, job: &Job) -> Result<Vec<Known>> {
    if find(session, &job.table).await?.is_empty() {
        return Ok(Vec::new());
    }
    alone(session).await?;
    let known = find(session, &job.table).await?;
    if !known.is_empty() {
        execute(session, BRIEFLY).await?;
    }
    for key in &known {
        execute(session, &format!("ALTER TABLE {} DROP CONSTRAINT {}", key.table.sql(), quote(&key.name)))
            .await
            .map_err(|error| error.hint("The load makes its foreign keys anew and needs to own both tables, and nobody reading from them for long"))?;
    }
    Ok(known)
}

/// Holds the table so that nobody makes a key; false when one is there again.
pub(super) async fn hold(session: &mut PgConnection, job: &Job) -> Result<bool> {
    if job.request.foreign_keys.is_empty() || job.table.existing(session).await?.is_none_or(|table| table.kind != "r") {
        return Ok(true);
    }
    execute(session, &format!("LOCK TABLE {} IN ROW EXCLUSIVE MODE", job.table.sql())).await?;
    Ok(find(session, &job.table).await?.is_empty())
}

/// Makes those that are wanted; what people should know of them.
pub(super) async fn make(session: &mut PgConnection, job: &Job, dropped: &[Known]) -> Vec<String> {
    let pipeline = job.request.facts.pipeline.as_str();
    let here = |table: &str| TableName { schema: job.table.schema.clone(), table: table.to_owned() };
    let planned = job.request.foreign_keys.iter().map(|link| Wanted {
        table: here(&link.table),
        name: &link.reference.name,
        definition: definition(&link.reference, &here(&link.reference.table)),
        pipeline,
        link: Some(link),
    });
    let again = |known: &&Known| {
        let mine = |link: &ManagedForeignKey| here(&link.table) == known.table && link.reference.name == known.name;
        // What the table's own pipeline does not want any more is gone for good.
        let over = known.pipeline == pipeline && known.table == job.table;
        !over && !job.request.foreign_keys.iter().any(mine)
    };
    let others = dropped.iter().filter(again).map(|known| Wanted {
        table: known.table.clone(),
        name: &known.name,
        definition: known.definition.clone(),
        pipeline: &known.pipeline,
        link: None,
    });
    let mut notes = Vec::new();
    for wanted in planned.chain(others) {
        let place = format!("the foreign key '{}' of '{}'", wanted.name, wanted.table.table);
        let said = match one(session, &wanted).await {
            Ok(said) => said,
            Err(error) => {
                drop(execute(session, "ROLLBACK").await);
                let locked = matches!(error.kind(), Kind::Unavailable | Kind::Timeout);
                let when =
                    if locked { "is not made yet, the next load of either table makes it" } else { "cannot be made" };
                Some(format!("{when}: {}", error.message()))
            }
        };
        notes.extend(said.map(|said| format!("{place} {said}")));
    }
    notes
}

fn definition(reference: &Reference, table: &TableName) -> String {
    let list = |columns: &[String]| columns.iter().map(|column| quote(column)).collect::<Vec<_>>().join(", ");
    let (columns, others) = (list(&reference.columns), list(&reference.ref_columns));
    format!("FOREIGN KEY ({columns}) REFERENCES {} ({others}) {}", table.sql(), reference.rest)
}

async fn one(session: &mut PgConnection, wanted: &Wanted<'_>) -> Result<Option<String>> {
    execute(session, "BEGIN").await?;
    execute(session, LOCK_TIMEOUT).await?;
    alone(session).await?;
    execute(session, SOON).await?;
    let valid = match wanted.link {
        Some(link) => {
            let other = TableName { schema: wanted.table.schema.clone(), table: link.reference.table.clone() };
            for table in [&wanted.table, &other] {
                if table.existing(session).await?.is_none() {
                    execute(session, "ROLLBACK").await?;
                    let told = !link.awaited;
                    return Ok(told.then(|| format!("is not made: the target has no table '{}'", table.table)));
                }
            }
            match there(session, wanted, &link.reference).await? {
                There::Nothing => None,
                There::Ours { valid } => Some(valid),
                There::Theirs => {
                    execute(session, "ROLLBACK").await?;
                    return Ok(None);
                }
                There::Taken => {
                    execute(session, "ROLLBACK").await?;
                    return Ok(Some("is not made: another constraint has its name".to_owned()));
                }
            }
        }
        None => None,
    };
    let (table, name) = (wanted.table.sql(), quote(wanted.name));
    if valid.is_none() {
        let definition = &wanted.definition;
        execute(session, &format!("ALTER TABLE {table} ADD CONSTRAINT {name} {definition} NOT VALID")).await?;
        let mark = format!("{MARK}{}", wanted.pipeline).replace('\\', "\\\\").replace('\'', "''");
        execute(session, &format!("COMMENT ON CONSTRAINT {name} ON {table} IS E'{mark}'")).await?;
    }
    execute(session, "COMMIT").await?;
    if valid == Some(true) {
        return Ok(None);
    }
    execute(session, "BEGIN").await?;
    execute(session, SOON).await?;
    match execute(session, &format!("ALTER TABLE {table} VALIDATE CONSTRAINT {name}")).await {
        Ok(()) => {
            execute(session, "COMMIT").await?;
            Ok(None)
        }
        Err(error) => {
            execute(session, "ROLLBACK").await?;
            if error.kind() == Kind::Data {
                return match wanted.link {
                    Some(link) => orphans(session, wanted, &link.reference).await.map(Some),
                    None => Ok(Some("is there, but not valid: rows refer to nothing".to_owned())),
                };
            }
            let there = find(session, &wanted.table).await?.iter().any(|known| known.name == wanted.name);
            // Without it another load has taken it away, and makes it again.
            if there { Err(error) } else { Ok(None) }
        }
    }
}

enum There {
    Nothing,
    Ours {
        valid: bool,
    },
    /// The same, made by somebody else.
    Theirs,
    /// Another one of its name.
    Taken,
}

async fn there(session: &mut PgConnection, wanted: &Wanted<'_>, reference: &Reference) -> Result<There> {
    let rows: Vec<(bool, bool, bool, bool)> = sqlx::query_as(THERE)
        .bind(&wanted.table.schema)
        .bind(&wanted.table.table)
        .bind(wanted.name)
        .bind(MARK)
        .bind(&reference.table)
        .bind(&reference.columns)
        .persistent(false)
        .fetch_all(session)
        .await
        .map_err(|error| translate(&error))?;
    let named = rows.iter().find(|(named, ..)| *named);
    Ok(match named {
        Some((_, true, valid, _)) => There::Ours { valid: *valid },
        None if rows.iter().all(|(_, ours, ..)| *ours) => There::Nothing,
        Some((_, false, _, true)) | None => There::Theirs,
        Some((_, false, _, false)) => There::Taken,
    })
}

/// How many rows refer to nothing. Their values may be personal, and are not shown.
async fn orphans(session: &mut PgConnection, wanted: &Wanted<'_>, reference: &Reference) -> Result<String> {
    let other = TableName { schema: wanted.table.schema.clone(), table: reference.table.clone() };
    let full: Vec<String> = reference.columns.iter().map(|column| format!("c.{} IS NOT NULL", quote(column))).collect();
    let pairs = reference.columns.iter().zip(&reference.ref_columns);
    let equal: Vec<String> = pairs.map(|(own, other)| format!("p.{} = c.{}", quote(other), quote(own))).collect();
    let sql = format!(
        "SELECT count(*) FROM {} AS c WHERE {} AND NOT EXISTS (SELECT FROM {} AS p WHERE {})",
        wanted.table.sql(),
        full.join(" AND "),
        other.sql(),
        equal.join(" AND ")
    );
    let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
        .persistent(false)
        .fetch_one(session)
        .await
        .map_err(|error| translate(&error))?;
    Ok(format!(
        "is NOT VALID: ({}) of {rows} rows refers to nothing in '{}'; the next load of either table validates it again",
        reference.columns.join(", "),
        reference.table
    ))
}
