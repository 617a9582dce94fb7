//! The temporary table in which rows wait to be compared with the target: it holds every value of ours as it is,
//! and compares the key as the target does.

use super::flavour::Collation;
use super::keeps::narrow;
use super::select::look;
use super::session::Session;
use super::table::{Existing, NativeColumn, TableName, quote, same};
use super::target::{declared, indexed};
use super::write::Inserts;
use windvane_connect::merge::Stage as Words;
use windvane_connect::read_back::ReadBack;
use windvane_connect::row_accounting::RowAccounting;
use windvane_connect::{LoadRequest, Rows};
use windvane_core::error::Result;
use windvane_core::schema::{DataType, Field, sql::Dialect, sql::native};

/// A row's place in the load.
pub(super) const AT: &str = "_windvane_at";
/// 1: the row is refused.
pub(super) const OUT: &str = "_windvane_out";

pub(super) struct Stage {
    table: TableName,
    existing: Existing,
    fields: Vec<Field>,
    /// Of the key: how the target compares its texts.
    compared: Vec<Compared>,
}

/// A text of the key at the target.
struct Compared {
    column: String,
    collation: Collation,
    /// The server cuts blanks at its end.
    cuts_blanks: bool,
}

impl Stage {
    /// Makes the table and puts all rows there.
    pub(super) async fn fill(
        session: &mut Session,
        (target, known): (&TableName, &Existing),
        request: &LoadRequest,
        rows: &mut Rows,
        account: &mut RowAccounting,
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
        let compared: Vec<Compared> = keys.iter().filter_map(|field| Compared::of(field, known)).collect();
        let collation = |field: &Field| compared.iter().find(|key| key.column == field.name).map(|key| &key.collation);
        parts.extend(fields.iter().map(|field| declared(field, true, collation(field), None)));
        parts.push(format!("KEY ({})", indexed(&keys)));
        let create = format!(
            "CREATE TEMPORARY TABLE {} ({}) ENGINE = InnoDB CHARACTER SET utf8mb4",
            table.sql(),
            parts.join(", ")
        );
        session.execute(&create).await?;
        let columns = fields.iter().map(as_native).collect();
        let existing = Existing {
            is_view: false,
            engine: String::new(),
            rows: None,
            bytes: None,
            columns,
            primary: vec![AT.to_owned()],
            comment: None,
        };
        let narrow = narrow(&request.schema, known);
        let inserts = Inserts::new(session, &table, &fields, &[], (Some(AT), None), request.refused, narrow);
        let bytes = inserts.all(session, rows.open()?, &request.schema, account).await?;
        Ok((Self { table, existing, fields, compared }, bytes))
    }

    pub(super) fn sql(&self) -> String {
        self.table.sql()
    }

    /// Its words, for the statements that all merges share.
    pub(super) fn words(&self, request: &LoadRequest) -> Words {
        let one = |field: &Field| match self.compared(field) {
            Some(compared) => compared.staged(""),
            None => bytes_of("", field),
        };
        let at = quote(AT);
        let place = format!("CAST({at} AS UNSIGNED)");
        Words { table: self.sql(), at, place, out: quote(OUT), compared: self.of(&request.key).map(one).collect() }
    }

    /// The rows that `rest` chooses.
    pub(super) async fn look(&self, session: &mut Session, request: &LoadRequest, rest: &str) -> Result<ReadBack> {
        look(session, &self.table, &self.existing, request, rest).await
    }

    pub(super) async fn drop(&self, session: &mut Session) -> Result<()> {
        session.execute(&format!("DROP TEMPORARY TABLE {}", self.sql())).await.map(drop)
    }

    fn compared(&self, field: &Field) -> Option<&Compared> {
        self.compared.iter().find(|key| key.column == field.name)
    }

    /// The columns that a merge writes: not those of the key that are alike at the target when they are equal.
    pub(super) fn written<'a>(&self, request: &'a LoadRequest) -> Vec<&'a str> {
        let loose = |name: &str| self.compared.iter().any(|key| key.column == name && !key.collation.is_exact());
        request.schema.names().filter(|name| !request.key.iter().any(|key| key == name) || loose(name)).collect()
    }

    fn of<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = &'a Field> {
        names.iter().filter_map(|name| self.fields.iter().find(|field| field.name == *name))
    }

    /// `t` is the target, `s` this table: whether they have one key, as the target compares it.
    pub(super) fn matches(&self, existing: &Existing, keys: &[String]) -> String {
        let one = |field: &Field| match self.compared(field) {
            Some(compared) => format!("t.{} = {}", quote(&field.name), compared.staged("s.")),
            None => exactly(field, kind(existing, field), "="),
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

impl Compared {
    fn of(field: &Field, known: &Existing) -> Option<Self> {
        let column = known.columns.iter().find(|column| same(&column.name, &field.name))?;
        let collation =
            column.collation.clone().filter(|_| matches!(field.data_type, DataType::Text | DataType::Uuid))?;
        let cuts_blanks = column.base == "char" && collation.counts_blanks();
        Some(Self { column: field.name.clone(), collation, cuts_blanks })
    }

    /// The staged text as it will be at the target.
    fn staged(&self, table: &str) -> String {
        let name = format!("{table}{}", quote(&self.column));
        if self.cuts_blanks { format!("TRIM(TRAILING ' ' FROM {name})") } else { name }
    }
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
        holds_numbers: false,
        comment: None,
        default: None,
        fills: false,
        collation: None,
    }
}
