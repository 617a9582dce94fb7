//! The table that takes a load, made or widened in its transaction.

use super::failure::translate;
use super::filter::free_name;
use super::indexes::statements;
use super::statement::execute;
use super::table::{NativeColumn, all, columns, row_number_column, same, sql};
use super::widen::widen;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use windvane_connect::LoadRequest;
use windvane_connect::by_key::{no_history, versions};
use windvane_connect::compatibility::{Compatibility, Mismatch, TargetColumn, mismatch, wider};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::faults;
use windvane_core::schema::declared::Facts;
use windvane_core::schema::{Field, Schema, sql::Dialect, sql::from_native, sql::native, sql::quote};
use windvane_core::spec::target::Mode;

/// Digits that SQLite keeps of a number in a column with numeric affinity.
pub(super) const REAL_DIGITS: u8 = 15;
/// Where the numbers of rows are noted when they cannot be told from the older ones.
const NOTED: &str = "windvane_noted";
/// The table with all our columns, emptied when its rows are to be replaced. Indexes, views and triggers stay.
pub(super) async fn ready(file: &mut SqliteConnection, request: &LoadRequest) -> Result<Vec<NativeColumn>> {
    let dataset = &request.dataset;
    let conflict = |what: String, hint: &str| Error::new(Kind::Conflict, what).hint(hint);
    let relations = all(file).await?;
    let existing = relations.iter().find(|relation| same(&relation.name, dataset));
    let Some(existing) = existing else {
        create(file, request).await?;
        index(file, request).await?;
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
    if request.mode == Mode::History {
        check_history(&known, dataset)?;
    }
    // Asked for by the spec: added whatever `drift` says.
    let mark = request.marked();
    let all = Schema::new(request.schema.fields.iter().chain(&mark).cloned().collect());
    let mut compatibility = compatibility(&known, &all, request.mode);
    let marks = mark.filter(|mark| compatibility.new.contains(&mark.name));
    compatibility.new.retain(|name| marks.as_ref().is_none_or(|mark| mark.name != *name));
    let mut wide = Vec::new();
    for field in request.schema.fields.iter().filter(|_| request.widen) {
        let column = known.iter().find(|column| column.name == field.name && !column.generated);
        let Some(column) =
            column.filter(|_| compatibility.mismatches.iter().any(|mismatch| mismatch.column == field.name))
        else {
            continue;
        };
        if let Some(wider) = wider(field, from_native(&column.declared, Dialect::Sqlite)) {
            compatibility.mismatches.retain(|mismatch| mismatch.column != field.name);
            wide.push((field.clone(), wider));
        }
    }
    compatibility.judge(request.adds)?;
    if request.mode == Mode::Replace && !faults::planted("keeps_old_rows") {
        execute(file, &format!("DELETE FROM {}", sql(dataset))).await?;
    }
    widen(file, dataset, &known, &wide).await?;
    let new = request.schema.fields.iter().filter(|field| compatibility.new.contains(&field.name));
    for field in new.chain(&marks) {
        execute_one(file, &format!("ALTER TABLE {} ADD COLUMN {}", sql(dataset), declared(field, None))).await?;
    }
    columns(file, dataset).await.map_err(|error| translate(&error))
}

async fn create(file: &mut SqliteConnection, request: &LoadRequest) -> Result<()> {
    let kept = request.declared.as_ref();
    let mark = request.marked();
    let fields = request.schema.fields.iter().chain(&mark);
    let of = |field: &Field| declared(field, kept.and_then(|kept| kept.fitting(&field.name, field.data_type)));
    let mut all: Vec<String> = fields.map(of).collect();
    if request.mode == Mode::History {
        all.extend(versions().iter().map(|field| declared(field, None)));
    }
    let key: Vec<String> = kept.map(|kept| kept.primary_key.clone()).unwrap_or_default();
    let known = key.iter().all(|name| request.schema.field(name).is_some());
    if request.mode == Mode::Replace && known && !key.is_empty() {
        let names: Vec<String> = key.iter().map(|name| quote(name)).collect();
        all.push(format!("PRIMARY KEY ({})", names.join(", ")));
    }
    execute_one(file, &format!("CREATE TABLE {} ({})", sql(&request.dataset), all.join(", "))).await?;
    let indexes = kept.map(|kept| kept.indexes.as_slice()).unwrap_or_default();
    for statement in statements(file, &request.dataset, indexes).await? {
        execute_one(file, &statement).await?;
    }
    Ok(())
}

/// A column as it is declared, with what it takes over.
fn declared(field: &Field, kept: Option<&Facts>) -> String {
    let ours = native(field.data_type, Dialect::Sqlite);
    let theirs = kept.and_then(|kept| kept.native.clone());
    let default = kept.and_then(|kept| kept.default.as_ref()).map(|default| format!(" DEFAULT {default}"));
    let required = if kept.is_some_and(|kept| kept.required) { " NOT NULL" } else { "" };
    format!("{} {}{required}{}", quote(&field.name), theirs.unwrap_or(ours), default.unwrap_or_default())
}

/// One statement, whatever is in the words of another file that it holds.
async fn execute_one(file: &mut SqliteConnection, statement: &str) -> Result<()> {
    let done = sqlx::query(AssertSqlSafe(statement.to_owned())).persistent(false).execute(file).await;
    done.map(drop).map_err(|error| translate(&error))
}

/// Finds rows by their key; not a primary key, whose single integer SQLite would make up for a null.
async fn index(file: &mut SqliteConnection, request: &LoadRequest) -> Result<()> {
    let unique = match request.mode {
        Mode::Merge => "UNIQUE ",
        Mode::History => "",
        Mode::Append | Mode::Replace => return Ok(()),
    };
    let keys: Vec<String> = request.key.iter().map(|key| quote(key)).collect();
    let name = quote(&format!("{} windvane key", request.dataset));
    let on = format!("{} ({})", quote(&request.dataset), keys.join(", "));
    execute(file, &format!("CREATE {unique}INDEX main.{name} ON {on}")).await.map(drop)
}

fn check_history(known: &[NativeColumn], dataset: &str) -> Result<()> {
    for field in versions() {
        if !known.iter().any(|column| column.name == field.name) {
            return Err(no_history(dataset, &field));
        }
    }
    Ok(())
}

/// How columns of ours go into these.
pub(super) fn compatibility(known: &[NativeColumn], schema: &Schema, mode: Mode) -> Compatibility {
    let mut compatibility = Compatibility { exists: true, ..Compatibility::default() };
    for field in &schema.fields {
        match known.iter().find(|column| same(&column.name, &field.name)) {
            Some(column) => {
                compatibility.declared.insert(column.name.clone(), column.declared.clone());
                compatibility.mismatches.extend(compatible(field, column));
            }
            None => compatibility.new.push(field.name.clone()),
        }
    }
    let version = |name: &str| mode == Mode::History && versions().iter().any(|field| field.name == name);
    let number = row_number_column(known).map(|column| &column.name);
    for column in known.iter().filter(|column| column.required && column.default.is_none() && !column.generated) {
        let loaded = schema.names().any(|name| same(name, &column.name));
        if !loaded && !version(&column.name) && number != Some(&column.name) {
            compatibility.mismatches.push(Mismatch::required(&column.name));
        }
    }
    compatibility
}

fn compatible(field: &Field, column: &NativeColumn) -> Option<Mismatch> {
    let is_text = column.declared.to_ascii_lowercase().contains("text");
    let theirs = TargetColumn {
        name: &column.name,
        generated: column.generated,
        data_type: from_native(&column.declared, Dialect::Sqlite),
        declared: if column.declared.is_empty() { "without a type" } else { &column.declared },
        digits: if is_text { u8::MAX } else { REAL_DIGITS },
    };
    mismatch(field, &theirs, "SQLite")
}

/// Makes the rows that come from now on tellable: the condition that selects them.
pub(super) async fn mark(file: &mut SqliteConnection, dataset: &str, native: &[NativeColumn]) -> Result<String> {
    // A column may have taken one of the names that the row's number goes by.
    let free = free_name(native);
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
