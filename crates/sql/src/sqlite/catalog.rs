//! What a file holds: tables, views, columns, keys and sizes.

use super::failure::translate;
use super::indexes;
use super::table::{LEDGER, NativeColumn, Relation, all, columns, row_number_column, same, sql};
use super::target::REAL_DIGITS;
use super::value_types;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use std::collections::BTreeMap;
use std::path::Path;
use windvane_connect::naming::did_you_mean;
use windvane_connect::{ForeignKey, Found, FoundKind};
use windvane_core::error::{Error, Result};
use windvane_core::schema::declared::{Declared, Facts, Index, Made, letters};
use windvane_core::schema::{DataType, Field, Schema, sql::Dialect, sql::from_native};

/// Counting rows walks the whole table: not done in larger files.
const LARGEST_COUNTED: u64 = 4 << 30;

pub(super) async fn datasets(
    file: &mut SqliteConnection,
    path: &Path,
    tables: &[String],
) -> Result<Vec<(String, Found)>> {
    let all: Vec<Relation> = all(file).await?.into_iter().filter(|relation| !same(&relation.name, LEDGER)).collect();
    let counts = path.metadata().is_ok_and(|facts| facts.len() <= LARGEST_COUNTED);
    let mut datasets = Vec::new();
    for relation in choose(&all, tables)? {
        let native = match columns(file, &relation.name).await {
            Ok(native) => native,
            // A view of a table that is gone: nobody can read it, and the rest can be.
            Err(_) if relation.is_view && tables.is_empty() => continue,
            Err(error) => return Err(translate(&error).in_table(&relation.name)),
        };
        let rows = if counts && !relation.is_view { Some(count(file, &relation.name).await?) } else { None };
        let mut keys: Vec<&NativeColumn> = native.iter().filter(|column| column.key > 0).collect();
        keys.sort_by_key(|column| column.key);
        let mut fields = fields(&native);
        value_types::settle(file, &relation.name, &native, &mut fields.fields).await?;
        let primary_key: Vec<String> = keys.into_iter().map(|column| column.name.clone()).collect();
        let declared = if relation.is_view {
            None
        } else {
            let indexes = indexes::look(file, &relation.name, &native).await?;
            Some(declared(&native, &fields, &primary_key, indexes))
        };
        let found = Found {
            locator: relation.name.clone(),
            kind: if relation.is_view { FoundKind::View } else { FoundKind::Table },
            rows,
            rows_exact: rows.is_some(),
            bytes: None,
            fields,
            primary_key,
            foreign_keys: foreign_keys(file, &relation.name, &all).await?,
            partial: BTreeMap::new(),
            format: None,
            declared,
        };
        datasets.push((relation.name.clone(), found));
    }
    datasets.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(datasets)
}

fn fields(native: &[NativeColumn]) -> Schema {
    let row_number = row_number_column(native).map(|column| &column.name);
    let field = |column: &NativeColumn| Field {
        name: column.name.clone(),
        data_type: from_native(&column.declared, Dialect::Sqlite),
        native_type: Some(column.declared.clone()).filter(|declared| !declared.is_empty()),
        shape: None,
        nullable: !column.required && row_number != Some(&column.name),
        comment: None,
    };
    Schema::new(native.iter().map(field).collect())
}

fn declared(native: &[NativeColumn], fields: &Schema, key: &[String], indexes: Vec<Index>) -> Declared {
    let facts = |(column, field): (&NativeColumn, &Field)| Facts {
        // Where its values are of another type than its name says, the name is no promise either.
        native: Some(column.declared.clone())
            .filter(|words| !words.is_empty() && holds(words))
            .filter(|words| from_native(words, Dialect::Sqlite) == field.data_type),
        letters: letters(&column.declared),
        required: column.required,
        // An expression stands in brackets when a table is made, a word or a number may.
        default: column.default.as_ref().map(|default| format!("({default})")),
        made: column.generated.then_some(Made::Computed),
        ..Facts::new(&field.name, field.data_type)
    };
    let columns = native.iter().zip(&fields.fields).map(facts).collect();
    Declared {
        words: Dialect::Sqlite,
        columns,
        primary_key: key.to_vec(),
        indexes,
        references: Vec::new(),
        comment: None,
        left_out: Vec::new(),
    }
}

/// Whether a column of this type gives back every value of ours: as a number, SQLite keeps 15 digits of a decimal.
fn holds(declared: &str) -> bool {
    match from_native(declared, Dialect::Sqlite) {
        DataType::Decimal { precision, .. } => {
            precision <= REAL_DIGITS || declared.to_ascii_lowercase().contains("text")
        }
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
        | DataType::TimestampTz
        | DataType::Json
        | DataType::Uuid => true,
    }
}

fn choose<'a>(all: &'a [Relation], tables: &[String]) -> Result<Vec<&'a Relation>> {
    if tables.is_empty() {
        return Ok(all.iter().collect());
    }
    let mut chosen: Vec<&Relation> = Vec::new();
    for wanted in tables {
        let found = all.iter().find(|relation| same(&relation.name, wanted));
        let found = found.ok_or_else(|| missing(wanted, all))?;
        if !chosen.iter().any(|relation| relation.name == found.name) {
            chosen.push(found);
        }
    }
    Ok(chosen)
}

/// The error for a table that is not there.
pub(super) fn missing(wanted: &str, all: &[Relation]) -> Error {
    let hint = did_you_mean(wanted, all.iter().map(|relation| relation.name.as_str()), "Check the name and the file");
    Error::missing(format!("the file has no table '{wanted}'")).in_table(wanted).hint(hint)
}

async fn count(file: &mut SqliteConnection, table: &str) -> Result<u64> {
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {}", sql(table))))
        .fetch_one(file)
        .await
        .map_err(|error| translate(&error).in_table(table))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

async fn foreign_keys(file: &mut SqliteConnection, table: &str, all: &[Relation]) -> Result<Vec<ForeignKey>> {
    let rows: Vec<(i64, String, String, Option<String>)> =
        sqlx::query_as("SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?) ORDER BY id, seq")
            .bind(table)
            .fetch_all(&mut *file)
            .await
            .map_err(|error| translate(&error).in_table(table))?;
    let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
    for (id, parent, column, ref_column) in rows {
        if keys.last().is_none_or(|(last, _)| *last != id) {
            let known = all.iter().find(|relation| same(&relation.name, &parent));
            let ref_dataset = known.map_or(parent, |relation| relation.name.clone());
            keys.push((id, ForeignKey::new(Vec::new(), ref_dataset, Vec::new())));
        }
        if let Some((_, key)) = keys.last_mut() {
            key.columns.push(column);
            key.ref_columns.extend(ref_column);
        }
    }
    let mut complete = Vec::with_capacity(keys.len());
    for (_, mut key) in keys {
        if key.ref_columns.is_empty() {
            // Without names, the parent's primary key is meant.
            let mut parent = columns(file, &key.ref_dataset).await.map_err(|error| translate(&error))?;
            parent.retain(|column| column.key > 0);
            parent.sort_by_key(|column| column.key);
            key.ref_columns = parent.into_iter().map(|column| column.name).collect();
        }
        complete.push(key);
    }
    // SQLite lists them last first.
    complete.reverse();
    Ok(complete)
}
