//! The table that takes a load: made or widened before the transaction, since MySQL commits such statements by itself.

use super::flavour::Collation;
use super::indexes::clause;
use super::session::Session;
use super::table::{Existing, NativeColumn, ROW_NUMBER, TableName, check_name, mark, quote, said, same, text};
use super::{catalog::LEDGER, versions};
use std::collections::HashSet;
use windvane_connect::compatibility::{Compatibility, Mismatch, TargetColumn, mismatch, stays, wider};
use windvane_connect::{LoadRequest, by_key};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::declared::{Facts, Made};
use windvane_core::schema::{DataType, Field, Schema, sql::Dialect, sql::from_native, sql::native};
use windvane_core::spec::target::Mode;

/// So much of a text is indexed: 191 letters of four bytes fit the oldest limit.
const INDEXED_LETTERS: u32 = 191;

pub(super) fn check(request: &LoadRequest) -> Result<()> {
    check_name(&request.dataset, "table")?;
    if same(&request.dataset, LEDGER) {
        return Err(
            Error::spec(format!("'{LEDGER}' is windvane's own table")).hint("Choose another name for the output")
        );
    }
    request.check_mark()?;
    if let Some(column) = request.marks() {
        check_name(column, "column")?;
    }
    let mut names = HashSet::new();
    for column in request.schema.names() {
        check_name(column, "column")?;
        if !names.insert(column.to_lowercase()) {
            return Err(Error::spec(format!(
                "'{column}' is the name of two columns: MySQL does not tell upper from lower case"
            ))
            .hint("Rename one of them in the steps"));
        }
    }
    Ok(())
}

/// The table with all our columns, and whether it was made now.
pub(super) async fn ready(session: &mut Session, table: &TableName, request: &LoadRequest) -> Result<(Existing, bool)> {
    let Some(existing) = table.existing(session).await? else {
        create(session, table, request).await?;
        return Ok((after(session, table).await?, true));
    };
    if existing.is_view {
        return Err(Error::new(Kind::Conflict, format!("'{table}' is a view"))
            .hint("Choose another name for the output, or drop the view"));
    }
    check_engine(session, &existing.engine).await?;
    if request.mode == Mode::History {
        versions::check(&existing, table)?;
    }
    let carried = |name: &str| request.declared.as_ref().is_some_and(|kept| kept.carries(name));
    // Asked for by the spec: added whatever `drift` says.
    let mark = request.marked();
    let all = Schema::new(request.schema.fields.iter().chain(&mark).cloned().collect());
    let mut compatibility = compatibility(&existing, &all, request.mode, &carried);
    let marks = mark.filter(|mark| compatibility.new.contains(&mark.name));
    compatibility.new.retain(|name| marks.as_ref().is_none_or(|mark| mark.name != *name));
    let mut new = Vec::new();
    for field in request.schema.fields.iter().filter(|_| request.widen) {
        let Some(column) = existing.columns.iter().find(|column| column.name == field.name) else { continue };
        if compatibility.mismatches.iter().all(|mismatch| mismatch.column != field.name) {
            new.extend(lengthened(session, request, field, column).await?);
            continue;
        }
        if let Some(change) = modified(field, column, &existing)? {
            compatibility.mismatches.retain(|mismatch| mismatch.column != field.name);
            new.push(change);
        }
    }
    compatibility.judge(request.adds)?;
    for field in request.schema.fields.iter().filter(|field| compatibility.new.contains(&field.name)) {
        // Rows that are there have no value for it.
        let kept = known(session, request, field).await?.map(|facts| Facts { required: false, made: None, ..facts });
        new.push(format!("ADD COLUMN {}", declared(field, true, None, kept.as_ref())));
    }
    new.extend(marks.map(|mark| format!("ADD COLUMN {}", marking(&mark))));
    if new.is_empty() {
        return Ok((existing, false));
    }
    session.execute(&format!("ALTER TABLE {} {}", table.sql(), new.join(", "))).await?;
    Ok((after(session, table).await?, false))
}

/// A column for the texts of a source that have become longer.
async fn lengthened(
    session: &mut Session,
    request: &LoadRequest,
    field: &Field,
    column: &NativeColumn,
) -> Result<Option<String>> {
    let Some(facts) = known(session, request, field).await? else { return Ok(None) };
    if facts.longer_than(&column.declared).is_none() {
        return Ok(None);
    }
    let kept =
        Facts { default: column.default.clone(), comment: column.comment.clone(), required: column.required, ..facts };
    Ok(Some(format!("MODIFY COLUMN {}", declared(field, !column.required, None, Some(&kept)))))
}

/// A column with a type that holds ours as well. It commits by itself, and holds what was there whatever becomes of the load.
fn modified(field: &Field, column: &NativeColumn, existing: &Existing) -> Result<Option<String>> {
    let asked = !column.generated && !column.counted;
    let Some(wide) = wider(field, column.data_type()).filter(|_| asked) else { return Ok(None) };
    if !is_indexed_whole(wide) && existing.primary.contains(&column.name) {
        return Err(stays(field, &column.declared, "it is part of the table's key, which MySQL keeps short"));
    }
    let wide = Field { data_type: wide, ..field.clone() };
    // What it declares beside its type stays.
    let kept = Facts {
        default: column.default.clone(),
        comment: column.comment.clone(),
        ..Facts::new(&field.name, wide.data_type)
    };
    Ok(Some(format!("MODIFY COLUMN {}", declared(&wide, !column.required, column.collation.as_ref(), Some(&kept)))))
}

async fn after(session: &mut Session, table: &TableName) -> Result<Existing> {
    table.existing(session).await?.ok_or_else(|| {
        Error::new(Kind::Conflict, "the table was dropped while it was to be loaded").hint("Run it again")
    })
}

/// Without a key of its own, a table gets a row number: it keeps the order of the rows, splits them, and tells which ones
/// are new.
async fn create(session: &mut Session, table: &TableName, request: &LoadRequest) -> Result<()> {
    let by_key = request.mode.by_key();
    let keys: Vec<&Field> =
        if by_key { request.key.iter().filter_map(|name| request.schema.field(name)).collect() } else { Vec::new() };
    let whole = keys.iter().all(|field| is_indexed_whole(field.data_type));
    let is_primary =
        |field: &Field| request.mode == Mode::Merge && whole && keys.iter().any(|key| key.name == field.name);
    // Keys that differ in a letter's case are two keys to us.
    let exact = session.flavour.exact();
    let collation = |field: &Field| {
        let text = matches!(field.data_type, DataType::Text | DataType::Uuid);
        (text && keys.iter().any(|key| key.name == field.name)).then_some(&exact)
    };
    let (mut parts, mut index) = (Vec::new(), Vec::new());
    for field in &request.schema.fields {
        let kept = known(session, request, field).await?;
        if keys.iter().any(|key| key.name == field.name) {
            let theirs = kept.as_ref().and_then(|kept| kept.native.as_deref());
            index.push((field.name.as_str(), theirs.map_or_else(|| indexed(&[field]), |kind| within(field, kind))));
        }
        parts.push(declared(field, !is_primary(field), collation(field), kept.as_ref()));
    }
    parts.extend(request.marked().as_ref().map(marking));
    if request.mode == Mode::History {
        parts.extend(by_key::versions().iter().map(|field| declared(field, true, None, None)));
    }
    if request.mode == Mode::Merge && whole {
        let names: Vec<String> = keys.iter().map(|field| quote(&field.name)).collect();
        parts.push(format!("PRIMARY KEY ({})", names.join(", ")));
    } else if let Some(key) = own_key(request) {
        parts.push(format!("PRIMARY KEY ({key})"));
    } else {
        if session.flavour.hides_columns() && request.schema.names().all(|name| !same(name, ROW_NUMBER)) {
            parts.push(format!("{ROW_NUMBER} bigint unsigned NOT NULL AUTO_INCREMENT INVISIBLE PRIMARY KEY"));
        }
        let columns = keys.iter().filter_map(|key| index.iter().find(|(name, _)| *name == key.name));
        let columns: Vec<&str> = columns.map(|(_, indexed)| indexed.as_str()).collect();
        parts.extend((!keys.is_empty()).then(|| format!("KEY ({})", columns.join(", "))));
    }
    parts.extend(request.declared.iter().flat_map(|kept| &kept.indexes).map(clause));
    let comment = request.declared.as_ref().and_then(|kept| kept.comment.as_ref());
    let comment = comment.map(|comment| format!(" COMMENT = {}", text(comment))).unwrap_or_default();
    let parts = parts.join(", ");
    let sql = format!("CREATE TABLE {} ({parts}) ENGINE = InnoDB CHARACTER SET utf8mb4{comment}", table.sql());
    session.execute_with(&sql, &[]).await.map(drop)
}

/// The column of a load's id: short, so that it can be indexed.
fn marking(mark: &Field) -> String {
    format!("{} varchar(64) CHARACTER SET ascii COLLATE ascii_bin NULL", quote(&mark.name))
}

/// The source's primary key, which a table that is replaced takes over.
fn own_key(request: &LoadRequest) -> Option<String> {
    let key = request.declared.as_ref().map(|kept| &kept.primary_key)?;
    let known = key.iter().all(|name| request.schema.field(name).is_some());
    let names: Vec<String> = key.iter().map(|name| quote(name)).collect();
    (request.mode == Mode::Replace && known && !key.is_empty()).then(|| names.join(", "))
}

/// What a column takes over; without the comparison of texts that this server does not know.
async fn known(session: &mut Session, request: &LoadRequest, field: &Field) -> Result<Option<Facts>> {
    let kept = request.declared.as_ref().and_then(|kept| kept.fitting(&field.name, field.data_type));
    let Some(mut facts) = kept.cloned() else { return Ok(None) };
    if let Some((bare, rest)) = facts.native.as_deref().and_then(|native| native.split_once(" CHARACTER SET "))
        && let Some((letters, name)) = rest.split_once(" COLLATE ")
    {
        let asked = format!("SELECT CONVERT('' USING {letters}) COLLATE {name}");
        let there: Result<Option<(Option<String>,)>> = session.one(&asked, &[]).await;
        if there.is_err() {
            facts.native = Some(bare.to_owned());
        }
    }
    Ok(Some(facts))
}

/// A column of ours as it is declared, with what it takes over.
pub(super) fn declared(field: &Field, nullable: bool, collation: Option<&Collation>, kept: Option<&Facts>) -> String {
    let required = !nullable || kept.is_some_and(|kept| kept.required);
    let null = if required { " NOT NULL" } else { " NULL" };
    let ours = native(field.data_type, Dialect::Mysql);
    let kind = match kept.and_then(|kept| kept.native.clone()) {
        // Of another kind of server: compared by its letters, as all texts of ours.
        Some(short) if short.starts_with("varchar(") && !short.contains(' ') => {
            format!("{short} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        }
        Some(theirs) => theirs,
        None => ours,
    };
    let kind = match collation {
        Some(Collation { letters, name }) if kept.is_none_or(|kept| kept.native.is_none()) => {
            let bare = kind.split(" CHARACTER SET").next().unwrap_or(&kind);
            format!("{bare} CHARACTER SET {letters} COLLATE {name}")
        }
        Some(_) | None => kind,
    };
    let default = kept.and_then(|kept| kept.default.as_ref()).map(|default| format!(" DEFAULT {default}"));
    let counts = kept.is_some_and(|kept| kept.made == Some(Made::Counted));
    let counts = if counts { " AUTO_INCREMENT" } else { "" };
    let comment = kept.and_then(|kept| kept.comment.as_deref());
    // A type of the source's own may say it all.
    let comment = if from_native(&kind, Dialect::Mysql) == field.data_type {
        comment.map(said).unwrap_or_default()
    } else {
        mark(field.data_type, comment)
    };
    format!("{} {kind}{null}{}{counts}{comment}", quote(&field.name), default.unwrap_or_default())
}

/// The columns of an index over these; of long ones the beginning.
pub(super) fn indexed(keys: &[&Field]) -> String {
    let one = |field: &&Field| {
        let name = quote(&field.name);
        if is_indexed_whole(field.data_type) { name } else { format!("{name}({INDEXED_LETTERS})") }
    };
    keys.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The same of a column that has the source's own type: the server refuses a beginning that is longer than the whole.
fn within(field: &Field, kind: &str) -> String {
    let kind = kind.to_ascii_lowercase();
    let (word, rest) = kind.split_once('(').unwrap_or((&kind, ""));
    let word = word.split(' ').next().unwrap_or_default();
    let most: Option<u32> = rest.split_once(')').and_then(|(digits, _)| digits.parse().ok());
    let long = match word {
        "varchar" | "char" | "varbinary" | "binary" => most.is_some_and(|most| most > INDEXED_LETTERS),
        other => ["text", "blob", "json"].iter().any(|ending| other.ends_with(ending)),
    };
    let name = quote(&field.name);
    if long { format!("{name}({INDEXED_LETTERS})") } else { name }
}

fn is_indexed_whole(data_type: DataType) -> bool {
    !matches!(data_type, DataType::Text | DataType::Binary | DataType::Json)
}

async fn check_engine(session: &mut Session, engine: &str) -> Result<()> {
    let known: Option<(Option<String>,)> = session
        .one("SELECT CAST(TRANSACTIONS AS CHAR) FROM information_schema.ENGINES WHERE ENGINE = ?", &[engine])
        .await?;
    if known.is_some_and(|(transactions,)| transactions.as_deref() == Some("YES")) {
        return Ok(());
    }
    Err(Error::new(
        Kind::Conflict,
        format!("the table's engine {engine} has no transactions: a load could end half-way"),
    )
    .hint("ALTER TABLE … ENGINE = InnoDB, or choose another name for the output"))
}

/// How columns of ours go into these.
pub(super) fn compatibility(
    existing: &Existing,
    schema: &Schema,
    mode: Mode,
    carried: &dyn Fn(&str) -> bool,
) -> Compatibility {
    let mut compatibility = Compatibility { exists: true, ..Compatibility::default() };
    for field in &schema.fields {
        match existing.columns.iter().find(|column| same(&column.name, &field.name)) {
            Some(column) => {
                compatibility.declared.insert(column.name.clone(), column.declared.clone());
                let own = field.data_type == DataType::Text && carried(&field.name);
                compatibility.mismatches.extend(compatible(field, column).filter(|_| !own));
            }
            None => compatibility.new.push(field.name.clone()),
        }
    }
    let version = |name: &str| mode == Mode::History && by_key::versions().iter().any(|field| field.name == name);
    for column in existing.columns.iter().filter(|column| column.required && !column.fills && !column.generated) {
        if !schema.names().any(|name| same(name, &column.name)) && !version(&column.name) {
            compatibility.mismatches.push(Mismatch::required(&column.name));
        }
    }
    compatibility
}

fn compatible(field: &Field, column: &NativeColumn) -> Option<Mismatch> {
    // What is a boolean to those who read it holds small numbers as well.
    let numbers = column.base == "tinyint"
        && matches!(field.data_type, DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Decimal { .. });
    let theirs = TargetColumn {
        name: &column.name,
        generated: column.generated,
        data_type: if numbers { DataType::Int16 } else { column.data_type() },
        declared: &column.declared,
        digits: u8::MAX,
    };
    mismatch(field, &theirs, "MySQL")
}

/// Drops a table that this load has made, unless rows have come into it meanwhile.
pub(super) async fn unmake(session: &mut Session, table: &TableName) -> Result<()> {
    let row: Option<(i64,)> = session.one(&format!("SELECT 1 FROM {} LIMIT 1", table.sql()), &[]).await?;
    if row.is_none() {
        session.execute(&format!("DROP TABLE {}", table.sql())).await?;
    }
    Ok(())
}
