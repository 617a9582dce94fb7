//! Loads by key: the rows rest in a temporary table, then a few statements over both tables do the rest.

use super::compare::{Compared, compared};
use super::failure::{column_in, refuses_rows, translate};
use super::keeps::narrow;
use super::read::{look_back, select, select_from};
use super::statement::execute;
use super::table::{NativeColumn, sql};
use super::write::{Inserts, Place};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use windvane_connect::bisect::Refuses;
use windvane_connect::by_key::{CURRENT, FROM, SortKey, TO};
use windvane_connect::merge::{self, Merge, Merges, RANGE, Stage};
use windvane_connect::read_back::ReadBack;
use windvane_connect::row_accounting::RowAccounting;
use windvane_connect::{LoadRequest, Loaded, Rows};
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::resilience::clock;
use windvane_core::schema::sql::quote;
use windvane_core::schema::{DataType, Field};
use windvane_core::spec::target::Mode;

const STAGE: &str = "temp.windvane_stage";
/// A row's place in the load.
const AT: &str = "_windvane_at";
/// 1: the row is refused.
const OUT: &str = "_windvane_out";

/// The file at a merge.
struct Merging<'a> {
    file: &'a mut SqliteConnection,
    request: &'a LoadRequest,
    native: &'a [NativeColumn],
}

pub(super) async fn load(
    file: &mut SqliteConnection,
    request: &LoadRequest,
    native: &[NativeColumn],
    rows: &mut Rows,
) -> Result<Loaded> {
    let mut account = RowAccounting::new(request);
    let compared = compared(file, request).await?;
    create(file, request, native, &compared).await?;
    let bytes = Inserts::new(STAGE, request, Place::In(AT), None, narrow(&request.schema, native))
        .all(file, rows.open()?, &mut account)
        .await?;
    let [at, place, out] = [AT, AT, OUT].map(str::to_owned);
    let keys = compared.iter().map(|key| key.of("")).collect();
    let stage = Stage { table: STAGE.to_owned(), at, place, out, compared: keys };
    let merge = statements(request, &compared);
    let mut merging = Merging { file, request, native };
    let loaded = merge::load(&mut merging, request, (&stage, &merge), account, bytes).await?;
    execute(file, &format!("DROP TABLE {STAGE}")).await?;
    Ok(loaded)
}

impl Refuses for Merging<'_> {
    fn refuses_rows(error: &Error) -> bool {
        refuses_rows(error)
    }

    fn column_in(message: &str) -> Option<String> {
        column_in(message)
    }
}

impl Merges for Merging<'_> {
    const KEEP: &'static [&'static str] = &["RELEASE windvane"];
    const UNDO: &'static [&'static str] = &["ROLLBACK TO windvane", "RELEASE windvane"];

    fn quoted(name: &str) -> String {
        quote(name)
    }

    fn sorted(column: &Field) -> Vec<SortKey> {
        let name = quote(&column.name);
        match column.data_type {
            // Texts: a shorter number in front of the point is the smaller one, or below zero the larger one. Columns
            // of others may hold numbers.
            DataType::Decimal { .. } => {
                let text = format!(
                    "CASE typeof({name}) WHEN 'real' THEN printf('%.15f', {name}) ELSE CAST({name} AS TEXT) END"
                );
                let below = format!("substr({text}, 1, 1) = '-'");
                let digits = format!("instr({text} || '.', '.')");
                vec![
                    SortKey::rising(format!("{name} IS NOT NULL")),
                    SortKey::falling(below.clone()),
                    SortKey::rising(format!("CASE WHEN {below} THEN -{digits} ELSE {digits} END")),
                    SortKey::rising(format!("CASE WHEN NOT {below} THEN {text} END")),
                    SortKey::falling(format!("CASE WHEN {below} THEN {text} END")),
                ]
            }
            // The zone's letter would be larger than all digits of a second.
            DataType::TimestampTz => vec![SortKey::rising(format!("rtrim({name}, 'Z')"))],
            DataType::Boolean
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Float32
            | DataType::Float64
            | DataType::Text
            | DataType::Binary
            | DataType::Date
            | DataType::Time
            | DataType::Timestamp
            | DataType::Json
            | DataType::Uuid => vec![SortKey::rising(name)],
        }
    }

    async fn execute(&mut self, sql: &str) -> Result<u64> {
        execute(self.file, sql).await
    }

    async fn places(&mut self, sql: &str) -> Result<Vec<u64>> {
        let rows = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut *self.file).await;
        let rows: Vec<i64> = rows.map_err(|error| translate(&error))?;
        Ok(rows.into_iter().map(i64::unsigned_abs).collect())
    }

    async fn staged(&mut self, rest: &str) -> Result<ReadBack> {
        look_back(self.file, &select_from(STAGE, self.native, &self.request.schema, rest), self.request).await
    }

    async fn loaded(&mut self, rest: &str) -> Result<ReadBack> {
        let sql = select(&self.request.dataset, self.native, &self.request.schema, rest);
        look_back(self.file, &sql, self.request).await
    }
}

/// The temporary table: the target's types, so that values are stored as they would be there, and none of its rules. Keys
/// are compared as the target compares them.
async fn create(
    file: &mut SqliteConnection,
    request: &LoadRequest,
    native: &[NativeColumn],
    compared: &[Compared],
) -> Result<()> {
    let declared = |name: &str| {
        let column = native.iter().find(|column| column.name == name);
        let key = compared.iter().find(|key| key.column == name);
        let collation = key.map(|key| format!(" COLLATE {}", quote(&key.collation))).unwrap_or_default();
        format!("{} {}{collation}", quote(name), column.map_or("", |column| column.declared.as_str()))
    };
    let columns: Vec<String> = request.schema.names().map(declared).collect();
    let keys: Vec<String> = request.key.iter().map(|key| quote(key)).collect();
    execute(
        file,
        &format!(
            "CREATE TABLE {STAGE} ({AT} INTEGER PRIMARY KEY, {OUT} INTEGER NOT NULL DEFAULT 0, {})",
            columns.join(", ")
        ),
    )
    .await?;
    execute(file, &format!("CREATE INDEX {STAGE}_key ON windvane_stage ({})", keys.join(", "))).await.map(drop)
}

fn statements(request: &LoadRequest, compared: &[Compared]) -> Merge {
    let is_history = request.mode == Mode::History;
    let target = sql(&request.dataset);
    let each = |names: &[&str], form: &dyn Fn(&str) -> String, between: &str| {
        names.iter().map(|name| form(&quote(name))).collect::<Vec<_>>().join(between)
    };
    // A key that is spelt otherwise than the target spells it is a change as any other.
    let exact = |name: &&str| !compared.iter().any(|key| key.column == **name && key.is_exact());
    let others: Vec<&str> = request.schema.names().filter(exact).collect();
    let matches: Vec<String> = compared.iter().map(|key| format!("{} = {}", key.of("t."), key.of("s."))).collect();
    let matches = matches.join(" AND ");
    let equal = each(&others, &|name| format!("t.{name} IS s.{name} COLLATE BINARY"), " AND ");
    let current = if is_history { format!(" AND t.{CURRENT}") } else { String::new() };
    let in_range = format!("s.{OUT} = 0 AND s.{AT} {RANGE}");
    let now = format!("'{}'", clock::now().rfc3339());
    let ends = format!("{TO} = {now}, {CURRENT} = 0");
    let sets = if is_history { ends.clone() } else { each(&others, &|name| format!("{name} = s.{name}"), ", ") };
    // Of keys alone, there is nothing that could change.
    let change = (!others.is_empty() && !faults::planted("updates_nothing")).then(|| {
            format!("UPDATE {target} AS t SET {sets} FROM {STAGE} AS s WHERE {matches}{current} AND {in_range} AND NOT ({equal})")
        });
    let all: Vec<&str> = request.schema.names().collect();
    let (mut names, mut values) = (each(&all, &str::to_owned, ", "), each(&all, &|name| format!("s.{name}"), ", "));
    if is_history {
        names = format!("{names}, {FROM}, {TO}, {CURRENT}");
        values = format!("{values}, {now}, NULL, 1");
    }
    let insert = format!(
        "INSERT INTO {target} ({names}) SELECT {values} FROM {STAGE} AS s WHERE {in_range}
             AND NOT EXISTS (SELECT 1 FROM {target} AS t WHERE {matches}{current}) ORDER BY s.{AT}"
    );
    let gone = format!("NOT EXISTS (SELECT 1 FROM {STAGE} AS s WHERE {matches})");
    let end_absent = if is_history {
        format!("UPDATE {target} AS t SET {ends} WHERE t.{CURRENT} AND {gone}")
    } else {
        format!("DELETE FROM {target} AS t WHERE {gone}")
    };
    let mine = format!(" AS t WHERE EXISTS (SELECT 1 FROM {STAGE} AS s WHERE {matches} AND s.{OUT} = 0){current}");
    Merge { change, insert, end_absent, mine, is_history }
}
