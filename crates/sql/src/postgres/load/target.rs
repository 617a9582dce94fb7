//! The table that is loaded into: what must be known of it.

use super::super::failure::translate;
use super::super::indexes;
use super::super::keeps;
use super::super::table::{Existing, NativeColumn, TableName};
use super::super::wire::ours;
use super::column::{Column, Type, columns, types};
use super::compare;
use super::job::{Job, VERSION};
use sqlx::postgres::PgConnection;
use windvane_connect::compatibility::{Compatibility, Mismatch};
use windvane_connect::narrow::Narrow;
use windvane_core::error::{Error, Result};
use windvane_core::schema::declared::Declared;
use windvane_core::schema::{DataType, Field, Schema};
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

/// What is known of the table of the load, which has all its columns.
pub(super) async fn describe(session: &mut PgConnection, job: &Job, created: bool) -> Result<Target> {
    let name = job.table.clone();
    let gone = || Error::internal("the table is gone in its own transaction");
    let existing = name.existing(session).await?.ok_or_else(gone)?;
    let types = types(session, &name).await?;
    let fields: Vec<&Field> = job.request.schema.fields.iter().collect();
    let carried = |name: &str| job.request.declared.as_ref().is_some_and(|kept| kept.carries(name));
    let mut ours = columns(&fields, &existing, &types, &carried)?;
    let mut compared = compare::learn(session, &name).await?;
    for column in &mut ours {
        column.key = compared.remove(&column.plain_name).unwrap_or_default();
    }
    let mark = job.request.marked();
    let mark = columns(&mark.iter().collect::<Vec<_>>(), &existing, &types, &|_| false)?.pop();
    let facts: Option<(bool, bool, bool, i64, i32)> = sqlx::query_as(FACTS)
        .bind(&name.schema)
        .bind(&name.table)
        .fetch_optional(session)
        .await
        .map_err(|error| translate(&error))?;
    let (reacts, looks_after, self_reference, pages, version) = facts.ok_or_else(gone)?;
    let narrow = keeps::narrow(&job.request.schema, &existing);
    Ok(Target {
        name,
        existing,
        columns: ours,
        mark,
        created,
        reacts,
        looks_after,
        self_reference,
        pages,
        version,
        narrow,
    })
}

/// How columns of ours would go into a table.
pub(in super::super) async fn look(
    session: &mut PgConnection,
    table: &TableName,
    (schema, mode): (&Schema, Mode),
    kept: Option<&Declared>,
) -> Result<Compatibility> {
    let Some(existing) = table.existing(session).await? else { return Ok(Compatibility::default()) };
    let types = types(session, table).await?;
    let carried = |name: &str| kept.is_some_and(|kept| kept.carries(name));
    let mut compatibility = compatibility(schema, &existing, &types, mode, &carried);
    if let Some(first) = existing.columns.first() {
        compatibility.indexes = indexes::Indexes::look(session, &[first.relation]).await?.of(first.relation);
    }
    compatibility.fills =
        existing.columns.into_iter().filter(|column| column.fills).map(|column| column.name).collect();
    Ok(compatibility)
}

pub(super) fn compatibility(
    schema: &Schema,
    existing: &Existing,
    types: &[Type],
    mode: Mode,
    carried: &dyn Fn(&str) -> bool,
) -> Compatibility {
    let mut compatibility = Compatibility { exists: true, ..Compatibility::default() };
    for field in &schema.fields {
        let Some(known) = existing.columns.iter().find(|column| column.name == field.name) else {
            let alike = |column: &&NativeColumn| column.name.to_lowercase() == field.name.to_lowercase();
            if let Some(other) = existing.columns.iter().find(alike) {
                compatibility.mismatches.push(Mismatch::spelt(&field.name, &other.name));
                continue;
            }
            compatibility.new.push(field.name.clone());
            continue;
        };
        compatibility.declared.insert(known.name.clone(), known.declared.clone());
        if let Err(said) = columns(&[field], existing, types, carried) {
            let theirs = match ours(known) {
                // Digits are not declared: any decimal goes.
                DataType::Text if known.base == "numeric" => DataType::Decimal { precision: 38, scale: 10 },
                other => other,
            };
            compatibility.mismatches.push(Mismatch::of(&said, field, Some(theirs).filter(|_| !known.generated)));
        }
    }
    let version = |name: &str| mode == Mode::History && VERSION.iter().any(|(own, _)| *own == name);
    for column in existing.columns.iter().filter(|column| column.required && !column.fills && !column.generated) {
        if schema.field(&column.name).is_none() && !version(&column.name) {
            compatibility.mismatches.push(Mismatch::required(&column.name));
        }
    }
    compatibility
}
