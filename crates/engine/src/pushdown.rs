//! Steps as one SELECT of PostgreSQL over rows that are there already: one CTE a step, with the engine's meaning, or a
//! refusal that names the step.
//!
//! Rows carry `windvane_row`, their number in the source: it breaks ties of an order as the engine does. JSON columns are
//! text there, so that they stay as they came. A row that the engine would send to quarantine makes the statement fail,
//! unless the value at fault is dropped by a later step and so never computed; sums of floats may differ in the last
//! digit, because the server adds in another order.

mod query;
mod verbs;
mod words;

use crate::expression::Expression;
use crate::expression::postgres::{cast, native, text_literal, wordless};
use crate::step::{self, Plain};
use std::collections::BTreeMap;
use verbs::{aggregated, deduplicated, joined, sorted, unpivoted, windowed};
use windvane_core::error::{Error, Result};
use windvane_core::schema::sql::quote;
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::step::Step;
use windvane_core::spec::verb::{Filling, MaskHow};

use query::Part;
pub use query::Query;
pub use words::ROW;

use words::{FIRST, NUMBER, list, own};

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
