//! The temporary table in which rows wait to be compared with the target: it holds every value of ours as it is.

use super::load::look;
use super::session::Session;
use super::table::{Existing, NativeColumn, TableName, quote};
use super::target::{declared, indexed};
use super::write::Inserts;
use crate::connectors::account::Account;
use crate::connectors::by_key::unusable;
use crate::connectors::{LoadRequest, RefusedRow, Rows};
use crate::error::Result;
use crate::schema::{DataType, Field, arrow::conform, checksum::Checksum, sql::Dialect, sql::native};
use crate::spec::target::Verify;
use futures::StreamExt;

/// A row's place in the load.
pub(super) const AT: &str = "_windvane_at";
/// 1: the row is refused.
pub(super) const OUT: &str = "_windvane_out";

pub(super) struct Stage {
    table: TableName,
    existing: Existing,
    fields: Vec<Field>,
}

impl Stage {
    /// Makes the table and puts all rows there.
    pub(super) async fn fill(
        session: &mut Session,
        target: &TableName,
        request: &LoadRequest,
        rows: &mut Rows,
        account: &mut Account,
    ) -> Result<(Self, u64)> {
        let fields = request.schema.fields.clone();
        // Seen by this session only, and gone with it.
        let table = TableName { database: target.database.clone(), table: "_windvane_stage".to_owned() };
        let keys: Vec<&Field> = request.key.iter().filter_map(|key| request.schema.field(key)).collect();
        let mut parts = vec![format!(
            "{} bigint unsigned NOT NULL PRIMARY KEY, {} tinyint NOT NULL DEFAULT 0",
            quote(AT),
            quote(OUT)
        )];
        parts.extend(fields.iter().map(|field| declared(field, true)));
        parts.push(format!("KEY ({})", indexed(&keys)));
        let create = format!("CREATE TEMPORARY TABLE {} ({}) ENGINE = InnoDB", table.sql(), parts.join(", "));
        session.execute(&create).await?;
        let columns = fields.iter().map(as_native).collect();
        let existing = Existing {
            is_view: false,
            engine: String::new(),
            rows: None,
            bytes: None,
            columns,
            primary: vec![AT.to_owned()],
        };
        let inserts = Inserts::new(session, &table, &fields, &[], Some(AT), request.refused);
        let mut bytes = 0;
        let mut rows = rows.open()?;
        while let Some(batch) = rows.next().await {
            let batch = conform(&batch?, &request.schema)?;
            let refused = inserts.batch(session, &batch, account.sent(), &mut bytes).await?;
            account.add(&batch, refused)?;
        }
        Ok((Self { table, existing, fields }, bytes))
    }

    pub(super) fn sql(&self) -> String {
        self.table.sql()
    }

    pub(super) async fn drop(&self, session: &mut Session) -> Result<()> {
        session.execute(&format!("DROP TEMPORARY TABLE {}", self.sql())).await.map(drop)
    }

    /// Rows without a key, and those whose key an earlier row has.
    pub(super) async fn unusable(&self, session: &mut Session, request: &LoadRequest) -> Result<Vec<RefusedRow>> {
        let at = quote(AT);
        let mut without = Vec::new();
        for key in &request.key {
            let sql =
                format!("SELECT CAST({at} AS UNSIGNED) FROM {} WHERE {} IS NULL ORDER BY {at}", self.sql(), quote(key));
            without.push(places(session, &sql).await?);
        }
        let keys: Vec<String> = self.of(&request.key).map(|field| bytes_of("", field)).collect();
        let present: Vec<String> = request.key.iter().map(|key| format!("{} IS NOT NULL", quote(key))).collect();
        let sql = format!(
            "SELECT CAST({at} AS UNSIGNED) FROM (SELECT {at}, ROW_NUMBER() OVER (PARTITION BY {} ORDER BY {at}) AS n
             FROM {} WHERE {}) numbered WHERE n > 1 ORDER BY {at}",
            keys.join(", "),
            self.sql(),
            present.join(" AND ")
        );
        Ok(unusable(&request.key, without, places(session, &sql).await?))
    }

    /// Marks a row as refused; its sum.
    pub(super) async fn put_aside(&self, session: &mut Session, request: &LoadRequest, at: u64) -> Result<Checksum> {
        session.execute(&format!("UPDATE {} SET {} = 1 WHERE {} = {at}", self.sql(), quote(OUT), quote(AT))).await?;
        if request.verify == Verify::Rows {
            return Ok(Checksum::default());
        }
        let condition = format!(" WHERE {} = {at}", quote(AT));
        look(session, &self.table, &self.existing, request, &condition).await?.whole()
    }

    fn of<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = &'a Field> {
        names.iter().filter_map(|name| self.fields.iter().find(|field| field.name == *name))
    }

    /// `t` is the target, `s` this table: whether they have one key. An index serves the first comparison, which is loose
    /// for texts; the second one is exact.
    pub(super) fn matches(&self, existing: &Existing, keys: &[String]) -> String {
        let one = |field: &Field| {
            let name = quote(&field.name);
            let exact = exactly(field, kind(existing, field), "=");
            if is_text(field) { format!("t.{name} = s.{name} AND {exact}") } else { exact }
        };
        self.of(keys).map(one).collect::<Vec<_>>().join(" AND ")
    }

    /// Whether these columns hold the same values; nulls are values here.
    pub(super) fn equal(&self, existing: &Existing, names: &[&str]) -> String {
        let fields = self.fields.iter().filter(|field| names.contains(&field.name.as_str()));
        fields.map(|field| exactly(field, kind(existing, field), "<=>")).collect::<Vec<_>>().join(" AND ")
    }

    pub(super) fn sets(&self, existing: &Existing, names: &[&str]) -> String {
        let fields = self.fields.iter().filter(|field| names.contains(&field.name.as_str()));
        let set = |field: &Field| format!("t.{} = {}", quote(&field.name), value(field, kind(existing, field)));
        fields.map(set).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn values(&self, existing: &Existing) -> Vec<String> {
        self.fields.iter().map(|field| value(field, kind(existing, field))).collect()
    }
}

async fn places(session: &mut Session, sql: &str) -> Result<Vec<u64>> {
    let rows: Vec<(u64,)> = session.all(sql, &[]).await?;
    Ok(rows.into_iter().map(|(at,)| at).collect())
}

/// What is special about the target's column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Special {
    Shape,
    Bits,
    None,
}

fn kind(existing: &Existing, field: &Field) -> Special {
    let column = existing.columns.iter().find(|column| column.name == field.name);
    match column.map(|column| column.base.as_str()) {
        Some("bit") => Special::Bits,
        Some(base) if field.data_type == DataType::Binary && !base.contains("blob") && !base.contains("binary") => {
            Special::Shape
        }
        _ => Special::None,
    }
}

fn is_text(field: &Field) -> bool {
    matches!(field.data_type, DataType::Text | DataType::Uuid | DataType::Json)
}

/// A value of ours for the target.
fn value(field: &Field, special: Special) -> String {
    let own = format!("s.{}", quote(&field.name));
    if special == Special::Shape { format!("ST_GeomFromWKB({own})") } else { own }
}

/// The comparison that knows case, accents and blanks at the end.
fn exactly(field: &Field, special: Special, operator: &str) -> String {
    let name = quote(&field.name);
    match special {
        Special::Shape => format!("ST_AsBinary(t.{name}) {operator} s.{name}"),
        Special::Bits => format!("t.{name} + 0 {operator} s.{name}"),
        Special::None => format!("{} {operator} {}", bytes_of("t.", field), bytes_of("s.", field)),
    }
}

fn bytes_of(table: &str, field: &Field) -> String {
    let name = format!("{table}{}", quote(&field.name));
    if is_text(field) { format!("CAST(CONVERT({name} USING utf8mb4) AS BINARY)") } else { name }
}

/// Temporary tables stand in no catalog: their columns as it would describe them.
fn as_native(field: &Field) -> NativeColumn {
    let declared = native(field.data_type, Dialect::Mysql);
    NativeColumn {
        name: field.name.clone(),
        base: declared.split(['(', ' ']).next().unwrap_or_default().to_owned(),
        declared,
        marked: matches!(field.data_type, DataType::TimestampTz | DataType::Uuid).then_some(field.data_type),
        required: false,
        generated: false,
        hidden: false,
        counted: false,
        comment: None,
    }
}
