//! Columns that get a wider type. SQLite alters no type: the table is built anew with the same rows, inside the load's
//! transaction, and only where that loses nothing which somebody has said of it.

use super::failure::translate;
use super::filter::free_name;
use super::statement::execute;
use super::table::{NativeColumn, sql};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use windvane_connect::compatibility::stays;
use windvane_core::error::Result;
use windvane_core::schema::{DataType, Field, sql::Dialect, sql::native, sql::quote};

/// Words of a table's statement that a new table would have to repeat.
const SAID: [&str; 13] = [
    "NOT",
    "AS",
    "CHECK",
    "UNIQUE",
    "REFERENCES",
    "COLLATE",
    "WITHOUT",
    "STRICT",
    "GENERATED",
    "DEFAULT",
    "PRIMARY",
    "CONSTRAINT",
    "TRIGGER",
];

/// Builds the table anew with these columns of wider types.
pub(super) async fn widen(
    file: &mut SqliteConnection,
    dataset: &str,
    known: &[NativeColumn],
    wider: &[(Field, DataType)],
) -> Result<()> {
    let (Some((first, _)), Some(number)) = (wider.first(), free_name(known)) else { return Ok(()) };
    let declared = known.iter().find(|column| column.name == first.name).map_or("", |column| column.declared.as_str());
    let kept = retyped(file, dataset, known, wider).await?;
    if let Some(why) = told(file, dataset, kept.is_some()).await? {
        return Err(stays(first, declared, &why));
    }
    let wide = |column: &NativeColumn| wider.iter().find(|(field, _)| field.name == column.name).map(|(_, wide)| *wide);
    let columns: Vec<String> = known.iter().map(|column| quote(&column.name)).collect();
    let types = known.iter().map(|column| match wide(column) {
        Some(wide) => format!("{} {}", quote(&column.name), native(wide, Dialect::Sqlite)),
        None => format!("{} {}", quote(&column.name), column.declared),
    });
    let types: Vec<String> = types.collect();
    let values = known.iter().map(|column| {
        let name = quote(&column.name);
        match wide(column) {
            Some(DataType::Decimal { scale, .. }) => to_scale(&name, scale),
            Some(DataType::Text) => format!("CAST({name} AS TEXT)"),
            // A day is its midnight.
            Some(DataType::Timestamp) => format!("{name} || ' 00:00:00'"),
            Some(_) | None => name,
        }
    });
    let values: Vec<String> = values.collect();
    let indexes: Vec<String> = strings(
        file,
        "SELECT sql FROM main.sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND lower(tbl_name) = lower(?)",
        dataset,
    )
    .await?;
    let new = sql(&format!("{dataset} windvane wider"));
    // Views keep the table's name in their words.
    execute(file, "PRAGMA legacy_alter_table = ON").await?;
    let columns = columns.join(", ");
    let statements = [
        format!("CREATE TABLE {new} {}", kept.unwrap_or_else(|| format!("({})", types.join(", ")))),
        format!("INSERT INTO {new} ({number}, {columns}) SELECT {number}, {} FROM {}", values.join(", "), sql(dataset)),
        format!("DROP TABLE {}", sql(dataset)),
        format!("ALTER TABLE {new} RENAME TO {}", quote(dataset)),
    ];
    for statement in statements.iter().chain(&indexes) {
        execute(file, statement).await?;
    }
    execute(file, "PRAGMA legacy_alter_table = OFF").await.map(drop)
}

/// A stored decimal with so many digits behind the point, as a load would write it.
fn to_scale(name: &str, scale: i8) -> String {
    let (text, zeros) = (format!("CAST({name} AS TEXT)"), "0".repeat(usize::try_from(scale).unwrap_or(0)));
    if zeros.is_empty() {
        return text;
    }
    format!(
        "CASE instr({text}, '.') WHEN 0 THEN {text} || '.{zeros}' \
         ELSE {text} || substr('{zeros}', 1, max(0, {scale} - length({text}) + instr({text}, '.'))) END"
    )
}

/// The table's own statement behind its name, with the wider types in it, so that all else that it says stays; nothing where
/// the types are not told in it as we write them.
async fn retyped(
    file: &mut SqliteConnection,
    dataset: &str,
    known: &[NativeColumn],
    wider: &[(Field, DataType)],
) -> Result<Option<String>> {
    if known.iter().any(|column| column.generated) {
        return Ok(None);
    }
    let own = "SELECT sql FROM main.sqlite_master WHERE type = 'table' AND sql IS NOT NULL AND lower(name) = lower(?)";
    let statements = strings(file, own, dataset).await?;
    let head = format!("CREATE TABLE {} ", quote(dataset));
    let Some(body) = statements.first().and_then(|statement| statement.strip_prefix(&head)) else { return Ok(None) };
    let bare = unquoted(body).to_ascii_uppercase();
    if bare.split(|letter: char| !letter.is_ascii_alphabetic()).any(|word| word == "WITHOUT") {
        return Ok(None);
    }
    let mut body = body.to_owned();
    for (field, wide) in wider {
        let Some(column) = known.iter().find(|column| column.name == field.name) else { return Ok(None) };
        let said = format!("{} {}", quote(&column.name), column.declared);
        if column.declared.is_empty() || body.matches(&said).count() != 1 {
            return Ok(None);
        }
        body = body.replace(&said, &format!("{} {}", quote(&column.name), native(*wide, Dialect::Sqlite)));
    }
    Ok(Some(body))
}

/// Why the table cannot be built anew without losing something. `kept`: what its own statement says stays.
async fn told(file: &mut SqliteConnection, dataset: &str, kept: bool) -> Result<Option<String>> {
    let all = if kept {
        "SELECT sql FROM main.sqlite_master WHERE sql IS NOT NULL AND type = 'trigger' AND lower(tbl_name) = lower(?)"
    } else {
        "SELECT sql FROM main.sqlite_master WHERE sql IS NOT NULL AND type IN ('table', 'trigger') AND lower(tbl_name) = lower(?)"
    };
    for statement in strings(file, all, dataset).await? {
        let bare = unquoted(&statement).to_ascii_uppercase();
        let mut words = bare.split(|letter: char| !letter.is_ascii_alphabetic());
        if let Some(word) = words.find(|word| SAID.contains(word)) {
            let word = if word == "NOT" { "NOT NULL" } else { word };
            return Ok(Some(format!("the table says {word}, which building it anew could lose")));
        }
    }
    let foreign = "SELECT name FROM main.sqlite_master WHERE type = 'table' AND EXISTS (SELECT 1 FROM pragma_foreign_key_list(name) AS f WHERE lower(f.\"table\") = lower(?))";
    let others = strings(file, foreign, dataset).await?;
    Ok(others.first().map(|other| format!("the table '{other}' refers to it")))
}

async fn strings(file: &mut SqliteConnection, statement: &str, dataset: &str) -> Result<Vec<String>> {
    let rows = sqlx::query_scalar(AssertSqlSafe(statement.to_owned())).bind(dataset).fetch_all(file).await;
    rows.map_err(|error| translate(&error))
}

/// A statement without what stands in quotes.
fn unquoted(statement: &str) -> String {
    let mut bare = String::new();
    let mut closes = None;
    for letter in statement.chars() {
        match (closes, letter) {
            (Some(end), letter) if letter == end => closes = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => closes = Some(letter),
            (None, '[') => closes = Some(']'),
            (None, letter) => bare.push(letter),
        }
    }
    bare
}
