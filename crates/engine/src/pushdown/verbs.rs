//! One verb as what one part of the statement selects.

use super::words::{NUMBER, ROW, list};
use crate::expression::common_type;
use crate::expression::measure::Measure;
use crate::expression::postgres::{cast, ordered, text_literal, wordless};
use crate::expression::window::{Call, Function};
use crate::step::Plain;
use crate::step::order::named;
use std::collections::BTreeMap;
use windvane_core::error::{Error, Result};
use windvane_core::schema::sql::quote;
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::step::{Aggregate, Deduplicate, Join, JoinKind, Keep};
use windvane_core::spec::verb::{Sort, Unpivot, Window, WindowFrame};

/// A key that is there twice would multiply rows: the statement fails, as the engine does.
pub(super) fn joined(
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
pub(super) fn order(keys: &[(String, bool)], schema: &Schema, backwards: bool) -> String {
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

pub(super) fn deduplicated(step: &Deduplicate, schema: &Schema, from: &str) -> Result<String> {
    let keys = named(&step.order_by, schema, false)?;
    let on = list(step.on.0.iter().map(String::as_str));
    let order = order(&keys, schema, step.keep == Keep::Last);
    Ok(format!("SELECT DISTINCT ON ({on}) * FROM {from} ORDER BY {on}, {order}"))
}

pub(super) fn aggregated(step: &Aggregate, before: &Schema, after: &Schema, from: &str) -> Result<String> {
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

pub(super) fn windowed(step: &Window, schema: &Schema) -> Result<BTreeMap<String, String>> {
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

pub(super) fn sorted(step: &Sort, schema: &Schema, from: &str) -> Result<String> {
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

pub(super) fn unpivoted(step: &Unpivot, schema: &Schema, from: &str) -> Result<String> {
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
