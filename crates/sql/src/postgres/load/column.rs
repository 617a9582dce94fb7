//! The columns of the target that the rows have, and how values go into them.

use super::super::encode::{Form, form};
use super::super::failure::translate;
use super::super::table::{Existing, NativeColumn, TableName};
use super::super::wire::{as_json, shown};
use super::compare::Compared;
use super::loses::{Loses, loses};
use sqlx::postgres::PgConnection;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::{DataType, Field, sql::Dialect, sql::from_native, sql::quote};

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
    /// How a key is compared, see `compare`.
    pub(super) key: Compared,
}

/// A type of the server, as far as it says how values go in.
pub(super) struct Type {
    pub(super) name: String,
    sql: String,
    pub(super) kind: String,
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

pub(super) async fn types(session: &mut PgConnection, table: &TableName) -> Result<Vec<Type>> {
    let rows: Vec<(String, String, String, String, i32)> = sqlx::query_as(TYPES)
        .bind(&table.schema)
        .bind(&table.table)
        .fetch_all(session)
        .await
        .map_err(|error| translate(&error))?;
    let one = |(name, sql, kind, base, base_modifier)| Type { name, sql, kind, base, base_modifier };
    Ok(rows.into_iter().map(one).collect())
}

pub(super) fn columns(
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

/// How our column goes into the target's. Enums take their label as binary text, domains what their base type takes;
/// what else has no counterpart here takes its text, cast by the server.
pub(super) fn column(field: &Field, known: &NativeColumn, known_type: &Type, carried: bool) -> Result<Column> {
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
        loses: loses(known),
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
