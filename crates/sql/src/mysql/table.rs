//! One table: its name as written and as SQL, and the columns it has now.

use super::flavour::{Collation, Flavour};
use super::session::Session;
use std::collections::{HashMap, HashSet};
use std::fmt;
use windvane_connect::naming::parts;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, sql::Dialect, sql::from_native};

const LONGEST_NAME: usize = 64;
/// The row number that tables of ours get when they have no key: hidden, named as MySQL's own.
pub(super) const ROW_NUMBER: &str = "my_row_id";
/// In a column's comment: the type that MySQL has no word for.
const MARK: &str = "windvane:";

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TableName {
    pub(super) database: String,
    pub(super) table: String,
}

/// A column of a table as the server describes it.
#[derive(Debug, Clone)]
pub(super) struct NativeColumn {
    pub(super) name: String,
    /// As people write it: `int(10) unsigned`.
    pub(super) declared: String,
    /// The type's own word: `int`, `varchar`; `json` also where MariaDB says `longtext`.
    pub(super) base: String,
    /// What the mark in its comment says.
    pub(super) marked: Option<DataType>,
    pub(super) required: bool,
    pub(super) generated: bool,
    /// Not in `SELECT *`: the server's or our own row number.
    pub(super) hidden: bool,
    /// The server counts it up.
    pub(super) counted: bool,
    /// A `tinyint(1)` with other numbers than 0 and 1.
    pub(super) holds_numbers: bool,
    pub(super) comment: Option<String>,
    /// An expression, where it is one that every server takes.
    pub(super) default: Option<String>,
    /// A row without a value for it gets one.
    pub(super) fills: bool,
    /// Of a text: how it is compared.
    pub(super) collation: Option<Collation>,
}

/// What a table name stands for.
#[derive(Debug, Clone)]
pub(super) struct Existing {
    pub(super) is_view: bool,
    pub(super) engine: String,
    pub(super) rows: Option<u64>,
    pub(super) bytes: Option<u64>,
    pub(super) columns: Vec<NativeColumn>,
    /// The primary key's columns, hidden ones too, in its order.
    pub(super) primary: Vec<String>,
    pub(super) comment: Option<String>,
}

/// The server's own words for a name compare letters loosely: what is meant is chosen here.
const TABLES: &str = "\
SELECT CAST(TABLE_SCHEMA AS CHAR), CAST(TABLE_NAME AS CHAR), CAST(TABLE_TYPE AS CHAR), CAST(ENGINE AS CHAR),
       CAST(TABLE_ROWS AS UNSIGNED), CAST(DATA_LENGTH AS UNSIGNED), CAST(TABLE_COMMENT AS CHAR)
FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE <> 'SEQUENCE'";
const COLUMNS: &str = "\
SELECT CAST(TABLE_SCHEMA AS CHAR), CAST(TABLE_NAME AS CHAR), CAST(COLUMN_NAME AS CHAR), CAST(COLUMN_TYPE AS CHAR),
       CAST(DATA_TYPE AS CHAR), CAST(IS_NULLABLE AS CHAR), CAST(EXTRA AS CHAR), CAST(COLUMN_COMMENT AS CHAR),
       CAST(CHARACTER_SET_NAME AS CHAR), CAST(COLLATION_NAME AS CHAR), CAST(COLUMN_DEFAULT AS CHAR)
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ?";
const PRIMARY: &str = "\
SELECT CAST(TABLE_SCHEMA AS CHAR), CAST(TABLE_NAME AS CHAR), CAST(COLUMN_NAME AS CHAR)
FROM information_schema.STATISTICS WHERE INDEX_NAME = 'PRIMARY' AND TABLE_SCHEMA = ?";
/// MariaDB's `json` is a text with a check.
const JSON: &str = "\
SELECT CAST(CONSTRAINT_SCHEMA AS CHAR), CAST(TABLE_NAME AS CHAR), CAST(CHECK_CLAUSE AS CHAR)
FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = ? AND CHECK_CLAUSE LIKE 'json\\_valid(%'";

type TableRow = (String, String, String, Option<String>, Option<u64>, Option<u64>, Option<String>);

type Word = Option<String>;
type ColumnRow = (String, String, String, String, String, String, Word, Word, Word, Word, Word);

/// A quoted identifier: safe whatever the name holds.
pub(super) fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

impl TableName {
    /// `database.table`, `table` in the default database, either part in backticks when it holds a dot.
    pub(super) fn parse(text: &str, default_database: &str) -> Self {
        let (database, table) = parts(text, '`');
        Self { database: database.unwrap_or_else(|| default_database.to_owned()), table }
    }

    /// The name for people and catalogs: without the database when that is the default one.
    pub(super) fn dataset(&self, default_database: &str) -> String {
        if self.database == default_database { self.table.clone() } else { format!("{}.{}", self.database, self.table) }
    }

    /// What [`TableName::parse`] reads back.
    pub(super) fn locator(&self) -> String {
        format!("{}.{}", plain(&self.database), plain(&self.table))
    }

    pub(super) fn sql(&self) -> String {
        format!("{}.{}", quote(&self.database), quote(&self.table))
    }

    /// What exists under this name, or nothing.
    pub(super) async fn existing(&self, session: &mut Session) -> Result<Option<Existing>> {
        let found = tables(session, &self.database, Some(&self.table)).await?;
        Ok(found.into_iter().find(|(name, _)| name == self).map(|(_, existing)| existing))
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.table)
    }
}

/// The tables and views of a database, or the ones of a name.
pub(super) async fn tables(
    session: &mut Session,
    database: &str,
    only: Option<&str>,
) -> Result<Vec<(TableName, Existing)>> {
    let values: Vec<&str> = [Some(database), only].into_iter().flatten().collect();
    let of = |sql: &str, rest: &str| format!("{sql}{}{rest}", if only.is_some() { " AND TABLE_NAME = ?" } else { "" });
    let found: Vec<TableRow> = session.all(&of(TABLES, ""), &values).await?;
    let columns: Vec<ColumnRow> = session.all(&of(COLUMNS, " ORDER BY TABLE_NAME, ORDINAL_POSITION"), &values).await?;
    let primary: Vec<(String, String, String)> =
        session.all(&of(PRIMARY, " ORDER BY TABLE_NAME, SEQ_IN_INDEX"), &values).await?;
    let json: Vec<(String, String, String)> = match session.flavour {
        Flavour::Mariadb => session.all(&of(JSON, ""), &values).await?,
        Flavour::Mysql { .. } => Vec::new(),
    };
    let json: HashSet<(TableName, String)> =
        json.into_iter().map(|(database, table, clause)| (TableName { database, table }, clause)).collect();
    let mut described: HashMap<TableName, Vec<NativeColumn>> = HashMap::new();
    for row in columns {
        let (database, table, name, declared, base, nullable, extra, comment, letters, collation, default) = row;
        let table = TableName { database, table };
        let is_json = json.contains(&(table.clone(), format!("json_valid({})", quote(&name))));
        let extra = extra.unwrap_or_default();
        let mut column = native(name, declared, &base, &nullable, &extra, comment, is_json);
        // MariaDB says `NULL` of a column that has no default.
        column.fills = column.counted || default.as_deref().is_some_and(|default| default != "NULL");
        column.default = default.and_then(|default| expression(session.flavour, &default, &column.base, &extra));
        column.collation = letters.zip(collation).map(|(letters, name)| Collation { letters, name });
        described.entry(table).or_default().push(column);
    }
    let mut keys: HashMap<TableName, Vec<String>> = HashMap::new();
    for (database, table, column) in primary {
        keys.entry(TableName { database, table }).or_default().push(column);
    }
    let table = |(database, table, kind, engine, rows, bytes, comment): TableRow| {
        let name = TableName { database, table };
        let existing = Existing {
            is_view: kind.contains("VIEW"),
            engine: engine.unwrap_or_default(),
            rows,
            bytes,
            columns: described.remove(&name).unwrap_or_default(),
            primary: keys.remove(&name).unwrap_or_default(),
            comment: comment.filter(|comment| !comment.is_empty() && !kind.contains("VIEW")),
        };
        (name, existing)
    };
    Ok(found.into_iter().map(table).collect())
}

fn native(
    name: String,
    declared: String,
    base: &str,
    nullable: &str,
    extra: &str,
    comment: Option<String>,
    is_json: bool,
) -> NativeColumn {
    let extra = extra.to_ascii_uppercase();
    let comment = comment.filter(|comment| !comment.is_empty());
    let (marked, comment) = unmarked(comment);
    NativeColumn {
        // Other columns that `SELECT *` leaves out have values like any.
        hidden: extra.contains("INVISIBLE") && name.eq_ignore_ascii_case(ROW_NUMBER),
        name,
        declared,
        base: if is_json { "json".to_owned() } else { base.to_ascii_lowercase() },
        marked,
        required: nullable == "NO",
        generated: extra.contains("GENERATED") && !extra.contains("DEFAULT_GENERATED"),
        counted: extra.contains("AUTO_INCREMENT"),
        holds_numbers: false,
        comment,
        default: None,
        fills: false,
        collation: None,
    }
}

/// The type that a comment keeps, and the rest of it.
fn unmarked(comment: Option<String>) -> (Option<DataType>, Option<String>) {
    let Some(rest) = comment.as_deref().and_then(|comment| comment.strip_prefix(MARK)) else { return (None, comment) };
    let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    match word.parse() {
        Ok(marked) => (Some(marked), Some(rest.to_owned()).filter(|rest| !rest.is_empty())),
        Err(_) => (None, comment),
    }
}

/// A default as it stands in a statement. MariaDB says it so; MySQL says a constant as it is, without quotes.
fn expression(flavour: Flavour, default: &str, base: &str, extra: &str) -> Option<String> {
    let lower = default.to_ascii_lowercase();
    match flavour {
        Flavour::Mariadb => Some(default.to_owned()).filter(|_| lower != "null" && !lower.starts_with("nextval(")),
        Flavour::Mysql { .. } if lower.starts_with("current_timestamp") || base == "bit" => Some(default.to_owned()),
        Flavour::Mysql { .. } if extra.to_ascii_uppercase().contains("DEFAULT_GENERATED") => {
            Some(format!("({default})"))
        }
        Flavour::Mysql { .. } => Some(text(default)),
    }
}

/// A text in quotes; our sessions take the backslash for an escape.
pub(super) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

impl NativeColumn {
    pub(super) fn data_type(&self) -> DataType {
        match self.marked {
            Some(marked) => marked,
            None if self.base == "json" => DataType::Json,
            None if self.holds_numbers => DataType::Int16,
            None => from_native(&self.declared, Dialect::Mysql),
        }
    }

    pub(super) fn is_unsigned(&self) -> bool {
        self.declared.to_ascii_lowercase().contains("unsigned")
    }
}

/// Names the table unless somebody did.
pub(super) fn name(error: Error, table: &TableName) -> Error {
    if error.place().table.is_some() { error } else { error.in_table(table.to_string()) }
}

/// Columns of one name, in any case: MySQL does not tell upper from lower there.
pub(super) fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// A comment as it is declared.
pub(super) fn said(comment: &str) -> String {
    format!(" COMMENT {}", text(comment))
}

/// The comment that keeps a type that the declared one does not say.
pub(super) fn mark(data_type: DataType, comment: Option<&str>) -> String {
    match data_type {
        DataType::TimestampTz | DataType::Uuid => {
            let rest = comment.map(|comment| format!(" {comment}")).unwrap_or_default();
            said(&format!("{MARK}{data_type}{rest}"))
        }
        DataType::Boolean
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal { .. }
        | DataType::Text
        | DataType::Binary
        | DataType::Date
        | DataType::Time
        | DataType::Timestamp
        | DataType::Json => comment.map(said).unwrap_or_default(),
    }
}

/// A name that MySQL keeps as it is.
pub(super) fn check_name(name: &str, what: &str) -> Result<()> {
    if name.is_empty() || name.contains('\0') || name.ends_with(' ') {
        return Err(Error::spec(format!("the {what} has no usable name")).hint("Rename it in the steps"));
    }
    let letters = name.chars().count();
    if letters > LONGEST_NAME || name.chars().any(|letter| letter > '\u{ffff}') {
        return Err(Error::spec(format!("the name '{name}' cannot be one of a {what} of MySQL"))
            .hint(format!("Rename it: {LONGEST_NAME} letters of the basic plane are allowed, it has {letters}")));
    }
    Ok(())
}

fn plain(name: &str) -> String {
    if name.contains(['.', '`']) { quote(name) } else { name.to_owned() }
}

#[cfg(test)]
mod tests;
