//! What exists: tables, views, columns, keys and sizes, from the server's own catalog.

use super::declared::Words;
use super::failure::translate;
use super::statement::execute;
use super::table::{NativeColumn, TableName, columns};
use super::wire::{array, ours};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use std::collections::{BTreeMap, HashMap, HashSet};
use windvane_connect::naming::{choose, did_you_mean};
use windvane_connect::{ForeignKey, Found, FoundKind};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::widen::roomy;
use windvane_core::schema::{DataType, Field, Schema, sql::quote};

/// Where loads are written down; see `load`.
pub(super) const LEDGER: &str = "windvane_loads";
/// The scale of a numeric without declared digits in a table without values.
const EMPTY_SCALE: i32 = 10;
const MOST_DIGITS: i32 = 38;
/// Nobody waits longer for the digits of an undeclared numeric: it becomes text then.
pub(super) const LOOK: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = '60s'";

/// Ours to see: no system schemas, no partitions (their parent has the rows), nothing that an extension brought.
const RELATIONS: &str = "\
SELECT c.oid::int8, n.nspname::text, c.relname::text, c.relkind::text,
       CASE WHEN c.relkind = 'v' THEN -1
            WHEN c.relkind = 'p' THEN (
              SELECT CASE WHEN bool_or(leaf.reltuples < 0) THEN -1 ELSE sum(leaf.reltuples) END
              FROM pg_partition_tree(c.oid) part JOIN pg_class leaf ON leaf.oid = part.relid WHERE part.isleaf)
            WHEN c.reltuples = 0 AND c.relpages = 0 AND current_setting('server_version_num')::int < 140000 THEN -1
            ELSE c.reltuples END::float8,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_table_size(c.oid)
            WHEN c.relkind = 'p' THEN (SELECT sum(pg_table_size(part.relid)) FROM pg_partition_tree(c.oid) part)
       END::int8,
       has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND c.relname <> 'windvane_loads'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')";

const KEYS: &str = "\
SELECT k.conrelid::int8, k.contype::text, n.nspname::text, c.relname::text,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS part (number, position)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = part.number ORDER BY part.position),
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS part (number, position)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = part.number ORDER BY part.position),
       k.conname::text,
       concat_ws(' ', CASE WHEN k.confmatchtype = 'f' THEN 'MATCH FULL' END,
         'ON UPDATE ' || CASE k.confupdtype WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' END,
         'ON DELETE ' || CASE k.confdeltype WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' END,
         CASE WHEN k.condeferrable THEN 'DEFERRABLE' END, CASE WHEN k.condeferred THEN 'INITIALLY DEFERRED' END),
       CASE WHEN to_jsonb(k) ->> 'confdelsetcols' IS NOT NULL THEN 'it sets some of its columns only'
            WHEN to_jsonb(k) ->> 'conenforced' = 'false' THEN 'it is not enforced at the source'
            WHEN to_jsonb(k) ->> 'conperiod' = 'true' THEN 'it is one of periods' END
FROM pg_constraint k
LEFT JOIN pg_class c ON c.oid = k.confrelid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype IN ('p', 'f') AND k.conparentid = 0 AND k.conrelid = ANY ($1::int8[]::oid[])
ORDER BY k.conrelid, k.conname";

type RelationRow = (i64, String, String, String, Option<f64>, Option<i64>, bool);
type KeyRow = (i64, String, Option<String>, Option<String>, Vec<String>, Vec<String>, String, String, Option<String>);

/// Which tables are meant.
pub(super) struct Meant<'a> {
    pub(super) schema: &'a str,
    /// Where else a name that stands alone is looked for.
    pub(super) path: &'a [String],
    /// Every schema's, where no table is named.
    pub(super) every: bool,
    pub(super) tables: &'a [String],
}

pub(super) async fn datasets(session: &mut PgConnection, meant: &Meant<'_>) -> Result<Vec<(String, Found)>> {
    let Meant { schema, path, every, tables } = *meant;
    execute(session, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let all: Vec<RelationRow> = sqlx::query_as(RELATIONS)
        .persistent(false)
        .fetch_all(&mut *session)
        .await
        .map_err(|error| translate(&error))?;
    let one = |row: RelationRow| (TableName { schema: row.1.clone(), table: row.2.clone() }, row);
    let named: Vec<(TableName, RelationRow)> = all.into_iter().map(one).collect();
    let readable = named.iter().filter(|(_, row)| row.6).map(|(name, _)| (name.schema.clone(), name.table.clone()));
    let readable: HashSet<(String, String)> = readable.collect();
    let places: Vec<TableName> = named.iter().map(|(name, _)| name.clone()).collect();
    let here = |table: &str| {
        let of = |schema: &str| TableName { schema: schema.to_owned(), table: table.to_owned() };
        path.iter().map(|schema| of(schema)).find(|name| places.contains(name)).unwrap_or_else(|| of(schema))
    };
    let wanted = choose(
        named,
        tables,
        |name| {
            // Of a whole database, what may not be read is nobody's to move; of the schema that was named, it is said.
            if every { readable.contains(&(name.schema.clone(), name.table.clone())) } else { name.schema == schema }
        },
        // A table of the schema whose own name holds a dot comes before `schema.table`.
        |text| [here(text), TableName::parse(text, schema)],
        |name, all| not_there(name, schema, all.iter().map(|(name, _)| name)),
    )?;
    if wanted.is_empty() && !every {
        check_schema(session, schema).await?;
        elsewhere(schema, &readable)?;
    }
    let ids: Vec<i64> = wanted.iter().map(|(_, row)| row.0).collect();
    let mut described: HashMap<i64, Vec<NativeColumn>> = HashMap::new();
    for column in columns(session, &ids).await? {
        described.entry(column.relation).or_default().push(column);
    }
    let keys: Vec<KeyRow> = sqlx::query_as(KEYS)
        .bind(&ids)
        .persistent(false)
        .fetch_all(&mut *session)
        .await
        .map_err(|error| translate(&error))?;
    let words = Words::look(session, &ids).await?;
    execute(session, "COMMIT").await?;
    let mut datasets = Vec::with_capacity(wanted.len());
    for (name, (id, _, _, kind, rows, bytes, _)) in wanted {
        let native = described.remove(&id).unwrap_or_default();
        let fields = fields(session, &name, &native).await?;
        let mut found = Found {
            locator: name.locator(),
            kind: if kind == "v" { FoundKind::View } else { FoundKind::Table },
            rows: rows.filter(|rows| *rows >= 0.0).map(whole),
            rows_exact: false,
            bytes: bytes.and_then(|bytes| u64::try_from(bytes).ok()),
            fields,
            primary_key: Vec::new(),
            foreign_keys: Vec::new(),
            partial: BTreeMap::new(),
            format: None,
            declared: None,
        };
        for (_, kind, ref_schema, ref_table, columns, ref_columns, own, rest, bound) in
            keys.iter().filter(|key| key.0 == id)
        {
            match (kind.as_str(), ref_schema, ref_table) {
                ("f", Some(ref_schema), Some(ref_table)) => {
                    let other = TableName { schema: ref_schema.clone(), table: ref_table.clone() };
                    let (columns, ref_columns) = (columns.clone(), ref_columns.clone());
                    let (name, rest, bound) = (Some(own.clone()), rest.clone(), bound.clone());
                    let ref_dataset = other.dataset(schema);
                    found.foreign_keys.push(ForeignKey { columns, ref_dataset, ref_columns, name, rest, bound });
                }
                _ => found.primary_key.clone_from(columns),
            }
        }
        if found.kind == FoundKind::Table {
            found.declared = Some(words.of(id, &native, &found.fields, &found.primary_key));
        }
        datasets.push((name.dataset(schema), found));
    }
    datasets.sort_by(|one, other| one.1.locator.cmp(&other.1.locator));
    Ok(datasets)
}

/// An empty schema beside full ones is not what was meant.
fn elsewhere(schema: &str, readable: &HashSet<(String, String)>) -> Result<()> {
    let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for (home, _) in readable {
        *counts.entry(home.as_str()).or_default() += 1;
    }
    let Some((first, _)) = counts.first_key_value() else { return Ok(()) };
    let others: Vec<String> = counts.iter().map(|(name, count)| format!("{name} ({count})")).collect();
    Err(Error::missing(format!("the schema '{schema}' has no tables that may be read"))
        .hint(format!("Others have: {}. Say `schema: {first}`, or name tables as `schema.table`", others.join(", "))))
}

async fn check_schema(session: &mut PgConnection, schema: &str) -> Result<()> {
    let schemas: Vec<String> = sqlx::query_scalar("SELECT nspname::text FROM pg_namespace")
        .persistent(false)
        .fetch_all(session)
        .await
        .map_err(|error| translate(&error))?;
    if schemas.iter().any(|known| known == schema) {
        return Ok(());
    }
    let hint = did_you_mean(schema, schemas.iter().map(String::as_str), "Check the name");
    Err(Error::missing(format!("the database has no schema '{schema}'")).hint(hint))
}

/// The error for a table that is not there.
pub(super) async fn missing(session: &mut PgConnection, table: &TableName, schema: &str) -> Error {
    match sqlx::query_as::<_, RelationRow>(RELATIONS).persistent(false).fetch_all(session).await {
        Ok(all) => {
            let all: Vec<TableName> = all.into_iter().map(|row| TableName { schema: row.1, table: row.2 }).collect();
            not_there(table, schema, all.iter())
        }
        Err(error) => translate(&error),
    }
}

fn not_there<'a>(table: &TableName, schema: &str, all: impl Iterator<Item = &'a TableName>) -> Error {
    let names: Vec<String> = all.map(|name| name.dataset(schema)).collect();
    let otherwise = "Check the name, the schema and the database of the connection";
    let hint = did_you_mean(&table.dataset(schema), names.iter().map(String::as_str), otherwise);
    Error::missing(format!("the database has no table '{table}'")).in_table(table.to_string()).hint(hint)
}

async fn fields(session: &mut PgConnection, table: &TableName, native: &[NativeColumn]) -> Result<Schema> {
    let open: Vec<&NativeColumn> =
        native.iter().filter(|column| column.base == "numeric" && decimal(column.digits()).is_none()).collect();
    let mut looked = looked_up(session, table, &open).await?;
    let mut fields = Vec::with_capacity(native.len());
    for column in native {
        let data_type = match column.base.as_str() {
            "numeric" => {
                let looked = looked.remove(&column.name);
                decimal(column.digits()).or(looked).unwrap_or(DataType::Text)
            }
            _ => ours(column),
        };
        fields.push(Field {
            name: column.name.clone(),
            data_type,
            native_type: Some(column.declared.clone()),
            shape: array(column),
            nullable: !column.required,
            comment: column.comment.clone(),
        });
    }
    Ok(Schema::new(fields))
}

/// The decimals that hold the values which numerics without declared digits really have.
async fn looked_up(
    session: &mut PgConnection,
    table: &TableName,
    open: &[&NativeColumn],
) -> Result<HashMap<String, DataType>> {
    let mut found = HashMap::new();
    for column in open {
        let name = quote(&column.name);
        // scale() of NaN and of the infinities is null.
        let sql = format!(
            "SELECT max(scale({name})), max(length(trunc(abs({name}))::text)) FILTER (WHERE scale({name}) IS NOT NULL) FROM {}",
            table.sql()
        );
        execute(session, LOOK).await?;
        let digits: Result<(Option<i32>, Option<i32>), _> =
            sqlx::query_as(AssertSqlSafe(sql)).persistent(false).fetch_one(&mut *session).await;
        if digits.as_ref().err().map(translate).is_none_or(|error| error.kind() != Kind::Unavailable) {
            execute(session, "ROLLBACK").await?;
        }
        match digits {
            Ok((scale, whole)) => {
                let digits = |count: i32| usize::try_from(count).unwrap_or(0);
                let (whole, scale) = (digits(whole.unwrap_or(0)), digits(scale.unwrap_or(EMPTY_SCALE)));
                found.extend(roomy(whole, scale).map(|data_type| (column.name.clone(), data_type)));
            }
            // Not allowed, a view that cannot be computed, too long a wait: as text it can be described all the same.
            Err(error) => match translate(&error) {
                gone if gone.kind() == Kind::Unavailable => return Err(gone),
                _ => {}
            },
        }
    }
    Ok(found)
}

/// The decimal with this many digits whole and behind the point, if one of 38 digits holds them.
fn decimal(digits: Option<(i32, i32)>) -> Option<DataType> {
    let (whole, scale) = digits?;
    let scale = scale.max(0);
    let precision = (whole.max(0) + scale).max(1);
    if precision > MOST_DIGITS {
        return None;
    }
    Some(DataType::Decimal { precision: u8::try_from(precision).ok()?, scale: i8::try_from(scale).ok()? })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate, and not negative")]
fn whole(rows: f64) -> u64 {
    rows as u64
}
