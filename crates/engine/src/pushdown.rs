//! Steps as one SELECT of PostgreSQL over rows that are there already: one CTE a step, with the engine's meaning, or a
//! refusal that names the step.
//!
//! Rows carry `windvane_row`, their number in the source: it breaks ties of an order as the engine does. JSON columns are
//! text there, so that they stay as they came. A row that the engine would send to quarantine makes the statement fail,
//! unless the value at fault is dropped by a later step and so never computed; sums of floats may differ in the last
//! digit, because the server adds in another order.

mod query;

use crate::expression::measure::Measure;
use crate::expression::postgres::{cast, native, ordered, text_literal, wordless};
use crate::expression::window::{Call, Function};
use crate::expression::{Expression, common_type};
use crate::step::order::named;
use crate::step::{self, Plain};
use std::collections::BTreeMap;
use windvane_core::error::{Error, Result};
use windvane_core::schema::sql::quote;
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::step::{Aggregate, Deduplicate, Join, JoinKind, Keep, Step};
use windvane_core::spec::verb::{Filling, MaskHow, Sort, Unpivot, Window, WindowFrame};

use query::Part;
pub use query::Query;

/// The column that the raw table must have beside its own: the row's number in the source.
pub const ROW: &str = "windvane_row";
/// The number of the source row, which stays when steps give rows another place.
const NUMBER: &str = "windvane_number";
/// The raw rows, inside the statement.
const FIRST: &str = "s0";
/// Bytes of the longest name that the server keeps as it is.
const LONGEST_NAME: usize = 63;

/// What the raw rows of a dataset are called at the target.
pub fn raw(dataset: &str) -> Result<String> {
    let name = format!("raw_{dataset}");
    if name.len() > LONGEST_NAME || name.contains('\0') {
        return Err(Error::unsupported(format!("'{dataset}' is too long a name for what is staged at the target"))
            .hint("Leave `strategy: pushdown` out: the engine runs the steps on the way"));
    }
    Ok(format!("pg_temp.{}", quote(&name)))
}

/// A query over raw rows that are staged as [`raw`] says.
#[derive(Debug, Clone)]
pub struct Staged {
    pub query: Query,
    /// The columns that must be staged, by dataset: no more than the steps need.
    pub columns: BTreeMap<String, Schema>,
}

/// The steps over staged raw rows of a dataset with this schema.
pub fn staged(steps: &[Step], from: &str, schema: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<Staged> {
    let needed = step::needed(steps, schema, lookup)?;
    let mut columns = BTreeMap::new();
    let mut tables = BTreeMap::new();
    let mut others = needed.others;
    // It may be joined to itself.
    others.entry(from.to_owned()).or_default().extend(needed.input.names().map(str::to_owned));
    for (name, wanted) in others {
        let whole = if name == from { Some(schema.clone()) } else { lookup(&name) };
        let mut kept = whole.ok_or_else(|| Error::missing(format!("the dataset '{name}' is not known")))?;
        kept.fields.retain(|field| wanted.contains(&field.name));
        names(&kept)?;
        tables.insert(name.clone(), raw(&name)?);
        columns.insert(name, kept);
    }
    let query = postgres(&needed.steps, &needed.input, &raw(from)?, lookup, &tables)?;
    Ok(Staged { query, columns })
}

/// The query over the raw table `input` (quoted already) whose rows are those that the steps give. `tables` knows the
/// quoted tables of the datasets that joins read.
pub fn postgres(
    steps: &[Step],
    schema: &Schema,
    input: &str,
    lookup: &dyn Fn(&str) -> Option<Schema>,
    tables: &BTreeMap<String, String>,
) -> Result<Query> {
    let plain = step::plain(steps, schema, lookup)?;
    names(schema)?;
    let row = quote(ROW);
    let lead: String = schema.names().fold(String::new(), |all, name| format!("{all}{}, ", quote(name)));
    let sql = format!("SELECT {lead}{row}, {row} AS {} FROM {input}", quote(NUMBER));
    let mut parts = vec![Part { sql, place: String::new(), computed: Vec::new(), rows: 1, mixes: false }];
    for (index, part) in plain.iter().enumerate() {
        let written = steps.get(part.at).map_or("step", Step::verb);
        let place = format!("steps[{}].{written}", part.at);
        let sql = names(&part.after).and_then(|()| query(part, &format!("s{index}"), lookup, tables));
        let sql = sql.map_err(|error| error.at_path(place.clone()))?;
        let rows = if let Step::Unpivot(unpivot) = &part.step { unpivot.columns.len() } else { 1 };
        parts.push(Part { sql, place, computed: computed(&part.step), rows, mixes: part.step.form().mixes });
    }
    let last = plain.last().map_or(schema, |part| &part.after);
    Ok(Query { parts, columns: last.names().map(str::to_owned).collect() })
}

/// Names that the server would cut, or that are ours.
fn names(schema: &Schema) -> Result<()> {
    for name in schema.names() {
        if name.len() > LONGEST_NAME || name.contains('\0') || [ROW, NUMBER].contains(&name) {
            return Err(Error::unsupported(format!("the column '{name}' cannot have this name at the target"))
                .hint(format!("Rename it at the source: {LONGEST_NAME} bytes are allowed, '{ROW}' is taken")));
        }
    }
    Ok(())
}

/// The columns whose values a step computes.
fn computed(step: &Step) -> Vec<String> {
    match step {
        Step::Cast(types) => types.keys().cloned().collect(),
        Step::Derive(values) => values.keys().cloned().collect(),
        Step::Set(set) => set.values.keys().cloned().collect(),
        Step::Fill(values) => values.keys().cloned().collect(),
        Step::Window(window) => window.columns.keys().cloned().collect(),
        Step::Aggregate(aggregate) => aggregate.measures.keys().cloned().collect(),
        Step::Unpivot(unpivot) => vec![unpivot.value.clone().unwrap_or_else(|| "value".to_owned())],
        Step::Select(_)
        | Step::Drop(_)
        | Step::Rename(_)
        | Step::Filter(_)
        | Step::Join(_)
        | Step::Deduplicate(_)
        | Step::Mask(_)
        | Step::Parse(_)
        | Step::Split(_)
        | Step::Flatten(_)
        | Step::Explode(_)
        | Step::Python(_)
        | Step::Sort(_)
        | Step::Pivot(_)
        | Step::Sql(_) => Vec::new(),
    }
}

fn query(
    part: &Plain,
    from: &str,
    lookup: &dyn Fn(&str) -> Option<Schema>,
    tables: &BTreeMap<String, String>,
) -> Result<String> {
    let (before, after) = (&part.before, &part.after);
    let row = own();
    let replaced = |values: &BTreeMap<String, String>| {
        let columns = after.names().map(|name| match values.get(name) {
            Some(value) => format!("{value} AS {}", quote(name)),
            None => quote(name),
        });
        format!("SELECT {}, {row} FROM {from}", columns.collect::<Vec<_>>().join(", "))
    };
    Ok(match &part.step {
        Step::Select(_) | Step::Drop(_) => format!("SELECT {}, {row} FROM {from}", list(after.names())),
        Step::Rename(_) => {
            let pairs = before.names().zip(after.names());
            let pairs = pairs.map(|(old, new)| format!("{} AS {}", quote(old), quote(new)));
            format!("SELECT {}, {row} FROM {from}", pairs.collect::<Vec<_>>().join(", "))
        }
        Step::Cast(types) => {
            let mut values = BTreeMap::new();
            for (name, to) in types {
                let old = before.field(name).map_or(*to, |field| field.data_type);
                values.insert(name.clone(), cast(&quote(name), old, *to)?);
            }
            replaced(&values)
        }
        Step::Filter(condition) => {
            let condition = Expression::condition(condition, before)?.postgres(before)?;
            // The server may try merged conditions in any order; what earlier steps leave out must not be tried here.
            let fence = if from == FIRST { "" } else { " OFFSET 0" };
            format!("SELECT * FROM (SELECT * FROM {from}{fence}) AS kept WHERE {condition}")
        }
        Step::Derive(values) => {
            let values = values
                .iter()
                .map(|(name, text)| Ok((name.clone(), Expression::parse(text, before)?.postgres(before)?)));
            replaced(&values.collect::<Result<_>>()?)
        }
        Step::Set(set) => {
            let condition = Expression::condition(&set.condition, before)?.postgres(before)?;
            let mut values = BTreeMap::new();
            for (name, text) in &set.values {
                let to = before.field(name).map_or(DataType::Text, |field| field.data_type);
                let value = Expression::parse_as(text, before, to)?.postgres(before)?;
                values.insert(name.clone(), format!("CASE WHEN {condition} THEN {value} ELSE {} END", quote(name)));
            }
            replaced(&values)
        }
        Step::Fill(values) => {
            let mut filled = BTreeMap::new();
            for (name, value) in values {
                let Filling::Value(value) = value else { return Err(wordless("a fill from other rows")) };
                let to = before.field(name).map_or(DataType::Text, |field| field.data_type);
                let text = value.to_json();
                let text = text.as_str().map_or_else(|| text.to_string(), str::to_owned);
                let value = format!("CAST({} AS {})", text_literal(&text), native(to));
                filled.insert(name.clone(), format!("coalesce({}, {value})", quote(name)));
            }
            replaced(&filled)
        }
        Step::Mask(mask) => {
            let mut values = BTreeMap::new();
            for (name, how) in &mask.columns {
                let to = before.field(name).map_or(DataType::Text, |field| field.data_type);
                values.insert(
                    name.clone(),
                    match how {
                        MaskHow::Redact => format!("CASE WHEN {} IS NOT NULL THEN '***' END", quote(name)),
                        MaskHow::Clear => format!("CAST(NULL AS {})", native(to)),
                        MaskHow::Hash | MaskHow::Last4 | MaskHow::Email => return Err(wordless("this mask")),
                    },
                );
            }
            replaced(&values)
        }
        Step::Join(join) => joined(join, part, from, lookup, tables)?,
        Step::Deduplicate(deduplicate) => deduplicated(deduplicate, before, from)?,
        Step::Aggregate(aggregate) => aggregated(aggregate, before, after, from)?,
        Step::Window(window) => {
            let values = windowed(window, before)?;
            replaced(&values)
        }
        Step::Sort(sort) => sorted(sort, before, from)?,
        Step::Unpivot(unpivot) => unpivoted(unpivot, before, from)?,
        Step::Parse(_) | Step::Split(_) | Step::Flatten(_) | Step::Explode(_) | Step::Python(_) => {
            return Err(wordless(&format!("the verb {}", part.step.verb())));
        }
        Step::Pivot(_) | Step::Sql(_) => return Err(Error::internal("a step was not expanded")),
    })
}

/// The columns of ours that go with every row.
fn own() -> String {
    format!("{}, {}", quote(ROW), quote(NUMBER))
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(quote).collect::<Vec<_>>().join(", ")
}

/// A key that is there twice would multiply rows: the statement fails, as the engine does.
fn joined(
    join: &Join,
    part: &Plain,
    from: &str,
    lookup: &dyn Fn(&str) -> Option<Schema>,
    tables: &BTreeMap<String, String>,
) -> Result<String> {
    let table = tables.get(&join.with).ok_or_else(|| {
        Error::unsupported(format!("'{}' is not a table at the target", join.with))
            .hint("Only what is loaded raw can be joined there")
    })?;
    let other =
        lookup(&join.with).ok_or_else(|| Error::missing(format!("the dataset '{}' is not known", join.with)))?;
    let mut on = Vec::new();
    for key in &join.on.0 {
        let types = (part.before.field(key), other.field(key));
        let (Some(left), Some(right)) = types else { return Err(Error::internal("a join lost its key")) };
        let common = common_type(left.data_type, right.data_type).unwrap_or(left.data_type);
        let side = |side: &str, from| cast(&format!("{side}.{}", quote(key)), from, common);
        on.push(format!("{} = {}", side("l", left.data_type)?, side("r", right.data_type)?));
    }
    let taken: Vec<&str> = if join.take.is_empty() {
        other.names().filter(|name| !join.on.0.iter().any(|key| key == name)).collect()
    } else {
        join.take.iter().map(String::as_str).collect()
    };
    let own = part.before.names().map(|name| format!("l.{}", quote(name)));
    let added = taken.iter().zip(part.after.names().skip(part.before.fields.len()));
    let added = added.map(|(old, new)| format!("r.{} AS {}", quote(old), quote(new)));
    let columns: Vec<String> = own.chain(added).collect();
    let keys = list(join.on.0.iter().map(String::as_str));
    let known: Vec<String> = join.on.0.iter().map(|key| format!("{} IS NOT NULL", quote(key))).collect();
    // Not a constant: the server would compute that before it looks at a row.
    let twice = format!(
        "(SELECT CASE WHEN count(*) > 0 THEN CAST('the join would multiply rows, keys that are there twice: ' || count(*) AS integer) END \
         FROM (SELECT 1 FROM {table} WHERE {} GROUP BY {keys} HAVING count(*) > 1) AS twice)",
        known.join(" AND ")
    );
    let how = if join.how == JoinKind::Left { "LEFT JOIN" } else { "JOIN" };
    Ok(format!(
        "SELECT {}, l.{}, l.{} FROM {from} AS l {how} {table} AS r ON {} WHERE {twice} IS NULL",
        columns.join(", "),
        quote(ROW),
        quote(NUMBER),
        on.join(" AND ")
    ))
}

/// `a DESC NULLS LAST, windvane_row`; `backwards` for the last instead of the first.
fn order(keys: &[(String, bool)], schema: &Schema, backwards: bool) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (name, descending) in keys {
        let data_type = schema.field(name).map_or(DataType::Text, |field| field.data_type);
        let direction = if *descending == backwards { "ASC" } else { "DESC" };
        let nulls = if backwards { "FIRST" } else { "LAST" };
        parts.push(format!("{} {direction} NULLS {nulls}", ordered(&quote(name), data_type)));
    }
    parts.push(format!("{} {}", quote(ROW), if backwards { "DESC" } else { "ASC" }));
    parts.join(", ")
}

fn deduplicated(step: &Deduplicate, schema: &Schema, from: &str) -> Result<String> {
    let keys = named(&step.order_by, schema, false)?;
    let on = list(step.on.0.iter().map(String::as_str));
    let order = order(&keys, schema, step.keep == Keep::Last);
    Ok(format!("SELECT DISTINCT ON ({on}) * FROM {from} ORDER BY {on}, {order}"))
}

fn aggregated(step: &Aggregate, before: &Schema, after: &Schema, from: &str) -> Result<String> {
    let by: Vec<&str> = step.by.0.iter().map(String::as_str).collect();
    let grouped = Schema::new(by.iter().filter_map(|name| before.field(name).cloned()).collect());
    let mut columns: Vec<String> = by.iter().map(|name| quote(name)).collect();
    for name in after.names().skip(by.len()) {
        let text = step.measures.get(name).ok_or_else(|| Error::internal("an aggregate lost its measure"))?;
        let value = Measure::parse(name, text, before, &grouped)?.postgres(before, &by, "")?;
        columns.push(format!("{value} AS {}", quote(name)));
    }
    columns.extend([ROW, NUMBER].map(|name| format!("min({0}) AS {0}", quote(name))));
    // An aggregate of no rows is no row.
    let end =
        if by.is_empty() { "HAVING count(*) > 0".to_owned() } else { format!("GROUP BY {}", list(by.into_iter())) };
    Ok(format!("SELECT {} FROM {from} {end}", columns.join(", ")))
}

fn windowed(step: &Window, schema: &Schema) -> Result<BTreeMap<String, String>> {
    let by = step.partition_by.as_ref().map(|by| by.0.as_slice()).unwrap_or_default();
    let names = step.order_by.as_ref().map(|names| names.0.as_slice()).unwrap_or_default();
    let keys = named(names, schema, false)?;
    let frame = step.frame.unwrap_or(if keys.is_empty() { WindowFrame::Whole } else { WindowFrame::Running });
    let partition =
        if by.is_empty() { String::new() } else { format!("PARTITION BY {} ", list(by.iter().map(String::as_str))) };
    let all = order(&keys, schema, false);
    // Ranks know ties, which the row's number would break.
    let ties = all.strip_suffix(&format!(", {} ASC", quote(ROW))).unwrap_or(&all);
    let until = if frame == WindowFrame::Running { "CURRENT ROW" } else { "UNBOUNDED FOLLOWING" };
    let over = format!(" OVER ({partition}ORDER BY {all} ROWS BETWEEN UNBOUNDED PRECEDING AND {until})");
    let mut values = BTreeMap::new();
    for (name, text) in &step.columns {
        let call = Call::parse(name, text, schema, frame, !keys.is_empty())?;
        let argument =
            call.argument.as_ref().map(|argument| argument.postgres(schema)).transpose()?.unwrap_or_default();
        let value = match call.function {
            Function::RowNumber => format!("row_number() OVER ({partition}ORDER BY {all})"),
            Function::Rank => format!("rank() OVER ({partition}ORDER BY {ties})"),
            Function::DenseRank => format!("dense_rank() OVER ({partition}ORDER BY {ties})"),
            Function::Shift(distance) => format!("lag({argument}, {distance}) OVER ({partition}ORDER BY {all})"),
            Function::First => format!("first_value({argument}){over}"),
            Function::Last => format!("last_value({argument}){over}"),
            Function::Whole => {
                let measure = call.measure().ok_or_else(|| Error::internal("a window lost its measure"))?;
                if text.to_lowercase().contains("distinct") {
                    return Err(wordless("a DISTINCT aggregate over a window"));
                }
                measure.postgres(schema, &[], &over)?
            }
            Function::Running(_) => {
                let whole = Measure::parse(name, text, schema, &Schema::new(Vec::new()))?;
                whole.postgres(schema, &[], &over)?
            }
        };
        values.insert(name.clone(), value);
    }
    Ok(values)
}

fn sorted(step: &Sort, schema: &Schema, from: &str) -> Result<String> {
    let order = order(&named(&step.by.0, schema, step.desc)?, schema, false);
    let row = quote(ROW);
    let limit = step.limit.map(|limit| format!(" LIMIT {limit}")).unwrap_or_default();
    // From here on the row's number is its place in the new order.
    Ok(format!(
        "SELECT {}, row_number() OVER (ORDER BY {order}) AS {row}, {} FROM {from} ORDER BY {order}{limit}",
        list(schema.names()),
        quote(NUMBER)
    ))
}

fn unpivoted(step: &Unpivot, schema: &Schema, from: &str) -> Result<String> {
    let mut common = None;
    for name in &step.columns {
        let own = schema.field(name).map(|field| field.data_type);
        common = match (common, own) {
            (Some(common), Some(own)) => common_type(common, own),
            (None, own) => own,
            (Some(_), None) => None,
        };
    }
    let common: DataType = common.ok_or_else(|| Error::internal("an unpivot lost its type"))?;
    let mut rows = Vec::new();
    for (at, name) in step.columns.iter().enumerate() {
        let own = schema.field(name).map_or(common, |field| field.data_type);
        rows.push(format!("({at}, {}, {})", text_literal(name), cast(&quote(name), own, common)?));
    }
    let kept: String = step.keep.iter().fold(String::new(), |kept, name| format!("{kept}t.{}, ", quote(name)));
    let (name, value) = (step.name.as_deref().unwrap_or("variable"), step.value.as_deref().unwrap_or("value"));
    let (name, value, row) = (quote(name), quote(value), quote(ROW));
    // The engine's order: the columns of one row after another.
    let place = format!("t.{row} * {} + u.at", step.columns.len());
    let rows = rows.join(", ");
    Ok(format!(
        "SELECT {kept}CAST(u.name AS text) AS {name}, u.value AS {value}, {place} AS {row}, t.{} FROM {from} AS t \
         CROSS JOIN LATERAL (VALUES {rows}) AS u(at, name, value)",
        quote(NUMBER)
    ))
}
