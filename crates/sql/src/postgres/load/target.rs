//! The table that is loaded into: made or extended when needed, and what must be known of it.

use super::super::declared::{column as column_of, comments};
use super::super::encode::{Form, form};
use super::super::failure::translate;
use super::super::indexes;
use super::super::keeps;
use super::super::read::execute;
use super::super::table::{Existing, NativeColumn, Shape, TableName};
use super::super::wire::{as_json, ours, shown};
use super::changed::{self, Loses};
use super::compare::{self, Compared};
use super::{Job, VERSION};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use windvane_connect::fits::{Fitting, Misfit, wider};
use windvane_connect::narrow::Narrow;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::declared::{Declared, Index, Made};
use windvane_core::schema::{DataType, Field, Schema, sql, sql::Dialect, sql::from_native, sql::quote};
use windvane_core::spec::target::Mode;

/// The type of texts that are filled up with blanks.
const PADDED: &str = "bpchar";

pub(super) struct Target {
    pub(super) name: TableName,
    pub(super) existing: Existing,
    /// Of the loaded columns, in the order of the rows.
    pub(super) columns: Vec<Column>,
    /// The one that takes the load's id.
    pub(super) mark: Option<Column>,
    /// Nothing was in it when the transaction began: it did not exist.
    pub(super) created: bool,
    /// Triggers or rules of the user's, which may change or drop rows.
    pub(super) reacts: bool,
    /// Those, or foreign keys and deferred constraints: something is looked into behind a statement's rows.
    pub(super) looks_after: bool,
    /// A foreign key to itself.
    pub(super) self_reference: bool,
    /// Pages of its heap before the load.
    pub(super) pages: i64,
    pub(super) version: i32,
    /// What its columns would change of the rows.
    pub(super) narrow: Narrow,
}

/// A column of the target that the rows have.
pub(super) struct Column {
    /// As SQL.
    pub(super) name: String,
    /// The type without length or digits, as SQL.
    pub(super) type_sql: String,
    /// Binary COPY can write it from our type; otherwise the server must cast our text.
    pub(super) form: Option<Form>,
    /// An array or a composite, which comes as JSON: the server makes it of that. How it becomes JSON again, of a value `v`.
    pub(super) of_json: Option<String>,
    /// It takes text as it is, so that a value that is too long is refused and not cut.
    pub(super) text: bool,
    /// What values are compared as, where the type itself cannot be compared or is blind to differences.
    pub(super) compared_as: Option<&'static str>,
    /// The server's own name of the type; empty of others.
    base: String,
    from_text: bool,
    /// Its name, not as SQL, and its type as it is declared.
    pub(super) plain_name: String,
    pub(super) declared: String,
    /// What a text may lose there.
    pub(super) loses: (Loses, bool),
    /// How a key is compared, see [`super::compare`].
    pub(super) key: Compared,
}

struct Type {
    name: String,
    sql: String,
    kind: String,
    base: String,
    base_modifier: i32,
}

const TYPES: &str = "\
SELECT a.attname::text, quote_ident(n.nspname) || '.' || quote_ident(t.typname), t.typtype::text,
       CASE WHEN b.typnamespace = 'pg_catalog'::regnamespace AND b.typtype = 'b' THEN b.typname::text ELSE '' END,
       t.typtypmod
FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
JOIN pg_type t ON t.oid = a.atttypid JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_type b ON b.oid = t.typbasetype
WHERE s.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped";

const FACTS: &str = "\
SELECT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal) OR c.relhasrules,
       EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid) OR c.relhasrules,
       EXISTS (SELECT FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid = c.oid AND k.confrelid = c.oid),
       CASE WHEN c.relkind = 'r' THEN pg_relation_size(c.oid) / current_setting('block_size')::int8 ELSE 0 END,
       current_setting('server_version_num')::int4
FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE s.nspname = $1 AND c.relname = $2";

impl Target {
    /// Whether binary COPY can fill every column.
    pub(super) fn direct(&self) -> bool {
        self.columns.iter().chain(&self.mark).all(|column| column.form.is_some())
    }

    /// Whether a column adds blanks to what it gets.
    pub(super) fn pads(&self) -> bool {
        self.existing.columns.iter().any(|column| column.base == PADDED)
    }

    pub(super) fn partitioned(&self) -> bool {
        self.existing.kind == "p"
    }

    pub(super) fn column_list(&self) -> String {
        self.columns.iter().chain(&self.mark).map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// The table as it is read without the blanks that it has added.
pub(super) fn unpadded(existing: &Existing) -> Existing {
    let mut bare = existing.clone();
    // Of an unknown type the server's text is asked for, which has none.
    bare.columns.iter_mut().filter(|column| column.base == PADDED).for_each(|column| column.base.clear());
    bare
}

/// The table with all our columns; locked against other writers where their rows would come between.
pub(super) async fn ready(session: &mut PgConnection, job: &Job) -> Result<Target> {
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
    let mut fitting = fitting(&all, &existing, &types, request.mode, &carried);
    let marks = mark.filter(|mark| fitting.new.contains(&mark.name));
    fitting.new.retain(|name| marks.as_ref().is_none_or(|mark| mark.name != *name));
    fitting.judge(request.adds)?;
    let new = request.schema.fields.iter().filter(|field| fitting.new.contains(&field.name));
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

async fn describe(session: &mut PgConnection, job: &Job, created: bool) -> Result<Target> {
    let name = job.table.clone();
    let gone = || Error::internal("the table is gone in its own transaction");
    let existing = name.existing(session).await?.ok_or_else(gone)?;
    let types = types(session, &name).await?;
    let fields: Vec<&Field> = job.request.schema.fields.iter().collect();
    let carried = |name: &str| job.request.declared.as_ref().is_some_and(|kept| kept.carries(name));
    let mut columns = columns(&fields, &existing, &types, &carried)?;
    compare::learn(session, &name, &mut columns).await?;
    let mark = job.request.marked();
    let mark = self::columns(&mark.iter().collect::<Vec<_>>(), &existing, &types, &|_| false)?.pop();
    let facts: Option<(bool, bool, bool, i64, i32)> = sqlx::query_as(FACTS)
        .bind(&name.schema)
        .bind(&name.table)
        .fetch_optional(session)
        .await
        .map_err(|error| translate(&error))?;
    let (reacts, looks_after, self_reference, pages, version) = facts.ok_or_else(gone)?;
    let narrow = keeps::narrow(&job.request.schema, &existing);
    Ok(Target { name, existing, columns, mark, created, reacts, looks_after, self_reference, pages, version, narrow })
}

async fn types(session: &mut PgConnection, table: &TableName) -> Result<Vec<Type>> {
    let rows: Vec<(String, String, String, String, i32)> = sqlx::query_as(TYPES)
        .bind(&table.schema)
        .bind(&table.table)
        .fetch_all(session)
        .await
        .map_err(|error| translate(&error))?;
    let one = |(name, sql, kind, base, base_modifier)| Type { name, sql, kind, base, base_modifier };
    Ok(rows.into_iter().map(one).collect())
}

fn columns(
    fields: &[&Field],
    existing: &Existing,
    types: &[Type],
    carried: &dyn Fn(&str) -> bool,
) -> Result<Vec<Column>> {
    let mut columns = Vec::with_capacity(fields.len());
    for field in fields {
        let known = existing.columns.iter().find(|column| column.name == field.name);
        let known_type = types.iter().find(|known| known.name == field.name);
        let (Some(known), Some(known_type)) = (known, known_type) else {
            return Err(Error::internal(format!("column '{}' was not added", field.name)));
        };
        if known.generated {
            return Err(Error::new(Kind::Conflict, format!("the target computes column '{}' itself", field.name))
                .at_path(&field.name)
                .hint("Leave the column out in the steps"));
        }
        columns.push(column(field, known, known_type, carried(&field.name))?);
    }
    Ok(columns)
}

/// How columns of ours would go into a table.
pub(in super::super) async fn look(
    session: &mut PgConnection,
    table: &TableName,
    (schema, mode): (&Schema, Mode),
    kept: Option<&Declared>,
) -> Result<Fitting> {
    let Some(existing) = table.existing(session).await? else { return Ok(Fitting::default()) };
    let types = types(session, table).await?;
    let carried = |name: &str| kept.is_some_and(|kept| kept.carries(name));
    let mut fitting = fitting(schema, &existing, &types, mode, &carried);
    if let Some(first) = existing.columns.first() {
        fitting.indexes = indexes::Indexes::look(session, &[first.relation]).await?.of(first.relation);
    }
    fitting.fills = existing.columns.into_iter().filter(|column| column.fills).map(|column| column.name).collect();
    Ok(fitting)
}

fn fitting(
    schema: &Schema,
    existing: &Existing,
    types: &[Type],
    mode: Mode,
    carried: &dyn Fn(&str) -> bool,
) -> Fitting {
    let mut fitting = Fitting { exists: true, ..Fitting::default() };
    for field in &schema.fields {
        let Some(known) = existing.columns.iter().find(|column| column.name == field.name) else {
            let alike = |column: &&NativeColumn| column.name.to_lowercase() == field.name.to_lowercase();
            if let Some(other) = existing.columns.iter().find(alike) {
                fitting.misfits.push(Misfit::spelt(&field.name, &other.name));
                continue;
            }
            fitting.new.push(field.name.clone());
            continue;
        };
        fitting.declared.insert(known.name.clone(), known.declared.clone());
        if let Err(said) = columns(&[field], existing, types, carried) {
            let theirs = match ours(known) {
                // Digits are not declared: any decimal goes.
                DataType::Text if known.base == "numeric" => DataType::Decimal { precision: 38, scale: 10 },
                other => other,
            };
            fitting.misfits.push(Misfit::of(&said, field, Some(theirs).filter(|_| !known.generated)));
        }
    }
    let version = |name: &str| mode == Mode::History && VERSION.iter().any(|(own, _)| *own == name);
    for column in existing.columns.iter().filter(|column| column.required && !column.fills && !column.generated) {
        if schema.field(&column.name).is_none() && !version(&column.name) {
            fitting.misfits.push(Misfit::required(&column.name));
        }
    }
    fitting
}

/// How our column goes into the target's. Enums take their label as binary text, domains what their base type takes;
/// what else has no counterpart here takes its text, cast by the server.
fn column(field: &Field, known: &NativeColumn, known_type: &Type, carried: bool) -> Result<Column> {
    let of_base = NativeColumn { base: known_type.base.clone(), modifier: known_type.base_modifier, ..known.clone() };
    let meant = if known_type.kind == "d" { &of_base } else { known };
    let ours_is_text = field.data_type == DataType::Text;
    let of_json = field.data_type == DataType::Json && (known_type.kind == "c" || known.declared.ends_with("[]"));
    let form = match form(field, meant) {
        Ok(form) => Some(form),
        Err(_) if ours_is_text && known_type.kind == "e" => Some(Form::Text),
        Err(_) if ours_is_text && (carried || takes_text(known, known_type)) => None,
        Err(_) if of_json => None,
        // The server assigns a number to an amount of money by itself.
        Err(_) if meant.base == "money" && matches!(field.data_type, DataType::Decimal { .. }) => None,
        Err(error) => return Err(error),
    };
    let compared_as = match meant.base.as_str() {
        "json" => Some("jsonb"),
        "" => Some("text"),
        _ if form.is_none() => Some("text"),
        _ => None,
    };
    Ok(Column {
        name: quote(&field.name),
        type_sql: known_type.sql.clone(),
        form,
        of_json: of_json.then(|| as_json("v", field, known)),
        text: matches!(meant.base.as_str(), "text" | "varchar" | "bpchar"),
        compared_as,
        base: meant.base.clone(),
        from_text: ours_is_text,
        plain_name: field.name.clone(),
        declared: known.declared.clone(),
        loses: changed::loses(known),
        key: Compared::default(),
    })
}

impl Column {
    /// The server makes the value of a text.
    pub(super) fn is_made(&self) -> bool {
        self.form.is_none() && (self.from_text || self.of_json.is_some())
    }

    /// A staged text as a value of the column's type.
    pub(super) fn cast(&self, staged: &str) -> String {
        let kind = &self.type_sql;
        if self.of_json.is_some() {
            return format!("(SELECT r.v FROM json_to_record(json_build_object('v', {staged}::json)) AS r (v {kind}))");
        }
        format!("{staged}::{kind}")
    }

    /// The same as the column holds it, with the length or the digits that it declares.
    pub(super) fn there(&self, staged: &str) -> String {
        let made = self.cast(staged);
        if self.loses.1 { format!("({made})::{}", self.declared) } else { made }
    }

    /// A value of the column's type as the text that we read it as.
    pub(super) fn told(&self, value: &str) -> String {
        if let Some(json) = &self.of_json {
            return format!("(SELECT ({json})::jsonb::text FROM (SELECT {value} AS v) AS held)");
        }
        match self.base.as_str() {
            "inet" => shown(value),
            "money" if !self.from_text => format!("({value})::numeric"),
            _ => format!("({value})::text"),
        }
    }
}

/// Whether the type is text here, because we have no type of our own for it.
fn takes_text(known: &NativeColumn, known_type: &Type) -> bool {
    known_type.kind == "d"
        || known.base != "numeric" && from_native(&known.declared, Dialect::Postgres) == DataType::Text
}
