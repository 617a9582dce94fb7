//! What exists: tables, views, columns, keys and sizes, from `information_schema`.

use super::indexes;
use super::session::Session;
use super::table::{Existing, NativeColumn, TableName, quote, tables};
use std::collections::{BTreeMap, HashMap};
use windvane_connect::naming::{choose, did_you_mean};
use windvane_connect::{ForeignKey, Found, FoundKind};
use windvane_core::error::{Error, Result};
use windvane_core::schema::declared::{Declared, Facts, Index, Made, letters};
use windvane_core::schema::{DataType, Field, Schema, sql::Dialect};

/// Where loads are written down; see `load`.
pub(super) const LEDGER: &str = "windvane_loads";

const FOREIGN_KEYS: &str = "\
SELECT CAST(TABLE_NAME AS CHAR), CAST(CONSTRAINT_NAME AS CHAR), CAST(COLUMN_NAME AS CHAR),
       CAST(REFERENCED_TABLE_SCHEMA AS CHAR), CAST(REFERENCED_TABLE_NAME AS CHAR), CAST(REFERENCED_COLUMN_NAME AS CHAR)
FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = ? AND REFERENCED_TABLE_NAME IS NOT NULL
ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION";

type KeyRow = (String, String, String, String, String, String);

pub(super) async fn datasets(session: &mut Session, database: &str, wanted: &[String]) -> Result<Vec<(String, Found)>> {
    let mut databases = vec![database.to_owned()];
    let names: Vec<TableName> = wanted.iter().map(|name| TableName::parse(name, database)).collect();
    databases.extend(names.iter().map(|name| name.database.clone()));
    databases.sort();
    databases.dedup();
    let mut all = Vec::new();
    let mut keys: Vec<(TableName, String, ForeignKey)> = Vec::new();
    let mut indexed = HashMap::new();
    for home in &databases {
        all.extend(tables(session, home, None).await?.into_iter().filter(|(name, _)| name.table != LEDGER));
        foreign_keys(session, home, database, &mut keys).await?;
        indexed.extend(indexes::look(session, home).await?);
    }
    let here = |table: &str| TableName { database: database.to_owned(), table: table.to_owned() };
    let chosen = choose(
        all,
        wanted,
        |name| name.database == database,
        // A table of the database whose own name holds a dot comes before `database.table`.
        |text| [here(text), TableName::parse(text, database)],
        |name, all| not_there(name, database, all.iter().map(|(name, _)| name)),
    )?;
    if chosen.is_empty() {
        check_database(session, database).await?;
    }
    let mut datasets = Vec::with_capacity(chosen.len());
    for (name, mut existing) in chosen {
        whole_numbers(session, &name, &mut existing).await;
        let of_table = |(table, _, key): &(TableName, String, ForeignKey)| (*table == name).then(|| key.clone());
        let foreign_keys = keys.iter().filter_map(of_table).collect();
        datasets.push((
            name.dataset(database),
            found(&name, existing, foreign_keys, indexed.remove(&name).unwrap_or_default()),
        ));
    }
    datasets.sort_by(|one, other| one.1.locator.cmp(&other.1.locator));
    Ok(datasets)
}

/// `tinyint(1)` is everybody's boolean and somebody's small number: what is in it decides. Who cannot be asked within
/// a minute is taken for numbers, which hold both.
async fn whole_numbers(session: &mut Session, table: &TableName, existing: &mut Existing) {
    let is_open = |column: &NativeColumn| column.base == "tinyint" && column.data_type() == DataType::Boolean;
    for column in existing.columns.iter_mut().filter(|column| is_open(column)) {
        let name = quote(&column.name);
        let (before, within) = session.flavour.at_most_a_minute();
        let sql = format!("{before}SELECT{within} 1 FROM {} WHERE {name} NOT IN (0, 1) LIMIT 1", table.sql());
        let other: Result<Option<(i64,)>> = session.one(&sql, &[]).await;
        if !matches!(other, Ok(None)) {
            column.holds_numbers = true;
        }
    }
}

fn found(name: &TableName, existing: Existing, foreign_keys: Vec<ForeignKey>, indexes: Vec<Index>) -> Found {
    let visible: Vec<NativeColumn> = existing.columns.into_iter().filter(|column| !column.hidden).collect();
    let shown = |key: &String| visible.iter().any(|column| column.name == *key);
    let primary_key = if existing.primary.iter().all(shown) { existing.primary } else { Vec::new() };
    let declared = Declared {
        words: Dialect::Mysql,
        columns: visible.iter().map(facts).collect(),
        primary_key: primary_key.clone(),
        indexes,
        references: Vec::new(),
        comment: existing.comment,
        left_out: Vec::new(),
    };
    Found {
        locator: name.locator(),
        kind: if existing.is_view { FoundKind::View } else { FoundKind::Table },
        rows: existing.rows.filter(|_| !existing.is_view),
        rows_exact: false,
        bytes: existing.bytes.filter(|_| !existing.is_view),
        primary_key,
        fields: Schema::new(visible.iter().map(field).collect()),
        foreign_keys,
        partial: BTreeMap::new(),
        format: None,
        declared: Some(declared).filter(|_| !existing.is_view),
    }
}

fn facts(column: &NativeColumn) -> Facts {
    let data_type = column.data_type();
    let native = if column.marked.is_some() || data_type == DataType::Json {
        None
    } else if column.holds_numbers {
        Some("tinyint".to_owned())
    } else {
        let letters = column.collation.as_ref();
        let letters = letters.map(|kind| format!(" CHARACTER SET {} COLLATE {}", kind.letters, kind.name));
        Some(format!("{}{}", column.declared, letters.unwrap_or_default()))
    };
    Facts {
        native,
        letters: letters(&column.declared),
        required: column.required,
        default: column.default.clone(),
        comment: column.comment.clone(),
        made: match (column.counted, column.generated) {
            (true, _) => Some(Made::Counted),
            (false, true) => Some(Made::Computed),
            (false, false) => None,
        },
        ..Facts::new(&column.name, data_type)
    }
}

fn field(column: &NativeColumn) -> Field {
    Field {
        name: column.name.clone(),
        data_type: column.data_type(),
        native_type: Some(column.declared.clone()),
        shape: None,
        nullable: !column.required,
        comment: column.comment.clone(),
    }
}

async fn foreign_keys(
    session: &mut Session,
    home: &str,
    default: &str,
    keys: &mut Vec<(TableName, String, ForeignKey)>,
) -> Result<()> {
    let rows: Vec<KeyRow> = session.all(FOREIGN_KEYS, &[home]).await?;
    for (table, constraint, column, ref_database, ref_table, ref_column) in rows {
        let table = TableName { database: home.to_owned(), table };
        let known = keys.iter_mut().find(|(of, name, _)| *of == table && *name == constraint);
        if let Some((_, _, key)) = known {
            key.columns.push(column);
            key.ref_columns.push(ref_column);
            continue;
        }
        let ref_dataset = TableName { database: ref_database, table: ref_table }.dataset(default);
        keys.push((table, constraint, ForeignKey::new(vec![column], ref_dataset, vec![ref_column])));
    }
    Ok(())
}

pub(super) async fn check_database(session: &mut Session, database: &str) -> Result<()> {
    let all: Vec<(String,)> =
        session.all("SELECT CAST(SCHEMA_NAME AS CHAR) FROM information_schema.SCHEMATA", &[]).await?;
    if all.iter().any(|(known,)| known == database) {
        return Ok(());
    }
    let names = all.iter().map(|(name,)| name.as_str());
    let hint = did_you_mean(database, names, "Check the name, and that the connection's user may see it");
    Err(Error::missing(format!("the server has no database '{database}'")).hint(hint))
}

/// The error for a table that is not there.
pub(super) async fn missing(session: &mut Session, table: &TableName, database: &str) -> Error {
    match tables(session, &table.database, None).await {
        Ok(all) => not_there(table, database, all.iter().map(|(name, _)| name)),
        Err(error) => error,
    }
}

fn not_there<'a>(table: &TableName, database: &str, all: impl Iterator<Item = &'a TableName>) -> Error {
    let names: Vec<String> = all.map(|name| name.dataset(database)).collect();
    let otherwise = "Check the name, the database of the connection, and that its user may see the table";
    let hint = did_you_mean(&table.dataset(database), names.iter().map(String::as_str), otherwise);
    Error::missing(format!("the database has no table '{table}'")).in_table(table.to_string()).hint(hint)
}
