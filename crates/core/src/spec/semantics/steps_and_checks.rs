//! Steps and checks: arguments that make sense together.

use super::judge::Judge;
use crate::error::Result;
use crate::schema::DataType;
use crate::spec::node::{Entry, Node, Value};
use crate::spec::path::shorten;
use crate::spec::pattern;
use chrono::format::{Item, StrftimeItems};
use std::cmp::Ordering;
use std::collections::BTreeMap;

pub(super) fn step<'a>(judge: &mut Judge<'a, '_>, step: &'a Node) {
    judge.every(step, |judge, Entry { key, node, .. }| match key.as_str() {
        "select" | "drop" => {
            judge.not_empty(node, "columns");
            judge.distinct(node, "column");
        }
        "rename" => rename(judge, node),
        "cast" => {
            judge.not_empty(node, "columns");
            judge.every(node, |judge, column| _ = data_type(judge, &column.node));
        }
        "parse" => parse(judge, node),
        "filter" | "sql" => judge.not_blank(node),
        "derive" => expressions(judge, node),
        "set" => {
            judge.key(node, "where", Judge::not_blank);
            judge.key(node, "values", expressions);
        }
        "fill" => {
            judge.not_empty(node, "columns");
            judge.every(node, |judge, column| match &column.node.value {
                Value::Map(_) => partition(judge, &column.node),
                _ => one_value(judge, &column.node, false),
            });
        }
        "join" => {
            judge.key(node, "on", |judge, on| judge.distinct(on, "column"));
            judge.key(node, "take", |judge, take| judge.distinct(take, "column"));
        }
        "deduplicate" => {
            judge.key(node, "on", |judge, on| judge.distinct(on, "column"));
            judge.key(node, "order_by", |judge, columns| judge.distinct(columns, "column"));
        }
        "aggregate" => {
            judge.key(node, "by", |judge, by| judge.distinct(by, "column"));
            judge.key(node, "measures", expressions);
        }
        "pivot" => {
            judge.key(node, "by", |judge, by| judge.distinct(by, "column"));
            judge.key(node, "values", |judge, values| {
                judge.not_empty(values, "values");
                judge.each(values, |judge, value| one_value(judge, value, false));
                judge.distinct_values(values);
            });
            judge.key(node, "names", |judge, names| judge.distinct(names, "column"));
            as_many_names(judge, node);
        }
        "unpivot" => {
            judge.key(node, "keep", |judge, keep| judge.distinct(keep, "column"));
            judge.key(node, "columns", |judge, columns| {
                judge.not_empty(columns, "columns");
                judge.distinct(columns, "column");
            });
        }
        "window" => {
            partition(judge, node);
            judge.key(node, "columns", expressions);
        }
        "sort" => judge.key(node, "by", |judge, by| judge.distinct(by, "column")),
        "split" => split(judge, node),
        "mask" => judge.key(node, "columns", |judge, columns| judge.not_empty(columns, "columns")),
        "flatten" => judge.key(node, "fields", expressions),
        "python" => {
            judge.key(node, "schema", |judge, columns| {
                judge.not_empty(columns, "columns");
                judge.every(columns, |judge, column| _ = data_type(judge, &column.node));
            });
        }
        // An unknown word has been reported already.
        _ => {}
    });
}

pub(super) fn check<'a>(judge: &mut Judge<'a, '_>, check: &'a Node) {
    judge.every(check, |judge, Entry { key, node, .. }| match key.as_str() {
        "not_null" | "unique" => judge.distinct(node, "column"),
        "accepted" => judge.key(node, "values", |judge, values| {
            judge.not_empty(values, "values");
            judge.each(values, |judge, value| one_value(judge, value, true));
            judge.distinct_values(values);
        }),
        "range" => {
            judge.key(node, "min", |judge, min| one_value(judge, min, true));
            judge.key(node, "max", |judge, max| one_value(judge, max, true));
            bounds(judge, node);
        }
        "rows" => bounds(judge, node),
        "matches" => judge.key(node, "pattern", |judge, node| compiles(judge, node, pattern::whole)),
        "expression" => judge.not_blank(node),
        _ => {}
    });
}

fn partition<'a>(judge: &mut Judge<'a, '_>, node: &'a Node) {
    judge.key(node, "partition_by", |judge, columns| judge.distinct(columns, "column"));
    judge.key(node, "order_by", |judge, columns| judge.distinct(columns, "column"));
}

fn as_many_names<'a>(judge: &mut Judge<'a, '_>, node: &'a Node) {
    let (Some(values), Some(names)) = (node.get("values"), node.get("names")) else { return };
    let (values, given) = (values.items().len(), names.items().len());
    if given > 0 && values != given {
        judge.key(node, "names", |judge, names| {
            judge.problem(
                names.mark,
                format!("there are {values} values and {given} names"),
                "Give every value a name",
            );
        });
    }
}

fn split<'a>(judge: &mut Judge<'a, '_>, node: &'a Node) {
    judge.one_of(node, ["by", "pattern"]);
    judge.key(node, "into", |judge, into| judge.distinct(into, "column"));
    judge.key(node, "pattern", |judge, node| compiles(judge, node, pattern::compile));
    if let (None, Some(by)) = (node.get("into"), node.entry("by")) {
        judge.problem_at(by, "'by' needs 'into'", "Name the new columns: into: [first, last]");
    }
    if let (Some(_), Some(into)) = (node.get("pattern"), node.entry("into")) {
        judge.problem_at(into, "'pattern' names its columns itself", "Delete 'into', or use 'by'");
    }
}

fn rename<'a>(judge: &mut Judge<'a, '_>, node: &'a Node) {
    judge.not_empty(node, "columns");
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    judge.every(node, |judge, column| {
        judge.not_blank(&column.node);
        let Some(new) = column.node.text() else { return };
        if let Some(first) = taken.insert(new, &column.key) {
            let message = format!("column '{}' gets this name too", shorten(first));
            judge.problem(column.node.mark, message, "Give one of them another name");
        }
    });
}

fn data_type(judge: &mut Judge<'_, '_>, node: &Node) -> Option<DataType> {
    match node.text()?.parse::<DataType>() {
        Ok(data_type) => Some(data_type),
        Err(error) => {
            // The schema knows the words; only it cannot count the digits of a decimal.
            if node.text().is_some_and(|text| text.starts_with("decimal(")) {
                let hint = "A decimal has 1 to 38 digits, and no more of them behind the point";
                judge.problem(node.mark, error.message(), hint);
            }
            None
        }
    }
}

fn parse<'a>(judge: &mut Judge<'a, '_>, node: &'a Node) {
    judge.key(node, "columns", |judge, columns| {
        judge.not_empty(columns, "columns");
        judge.distinct(columns, "column");
    });
    let (mut temporal, mut float) = (false, false);
    judge.key(node, "to", |judge, to| match data_type(judge, to) {
        None => {}
        Some(DataType::Date | DataType::Time | DataType::Timestamp | DataType::TimestampTz) => temporal = true,
        Some(DataType::Float32 | DataType::Float64) => float = true,
        Some(
            DataType::Boolean
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Decimal { .. }
            | DataType::Text
            | DataType::Binary
            | DataType::Json
            | DataType::Uuid,
        ) => {
            let message = "text is parsed to date, time, timestamp, timestamptz or a float";
            judge.problem(to.mark, message, "Use 'cast' for other types");
        }
    });
    if temporal && node.get("formats").is_none() {
        judge.problem(node.mark, "key 'formats' is missing", "strftime formats, such as '%d/%m/%Y'");
    }
    judge.key(node, "formats", |judge, formats| {
        if float {
            judge.problem(formats.mark, "a number has no format", "Leave 'formats' out");
            return;
        }
        judge.distinct(formats, "format");
        judge.each(formats, |judge, format| {
            let wrong = |text: &str| StrftimeItems::new(text).any(|item| matches!(item, Item::Error));
            if format.text().is_some_and(wrong) {
                judge.problem(format.mark, "this is not a strftime format", "Write one such as '%d/%m/%Y'");
            }
        });
    });
}

fn expressions<'a>(judge: &mut Judge<'a, '_>, node: &'a Node) {
    judge.not_empty(node, "columns");
    judge.every(node, |judge, column| judge.not_blank(&column.node));
}

/// A single value, not a list or a map; `null` only where it can mean something.
fn one_value(judge: &mut Judge<'_, '_>, node: &Node, null: bool) {
    match &node.value {
        Value::List(_) | Value::Map(_) => {
            judge.problem(
                node.mark,
                "expected one value, not a list or a map",
                "Write a number, a text, true or false",
            );
        }
        Value::Null { .. } if !null => judge.problem(node.mark, "null is what is filled", "Write another value"),
        Value::Null { written: false } => judge.problem(node.mark, "there is no value here", "Write one"),
        Value::Null { .. } | Value::Boolean(_) | Value::Number(_) | Value::Text(_) => {}
    }
}

fn bounds<'a>(judge: &mut Judge<'a, '_>, node: &'a Node) {
    if !matches!(node.value, Value::Map(_)) {
        return;
    }
    let given = |key: &str| node.get(key).filter(|bound| !matches!(bound.value, Value::Null { .. }));
    match (given("min"), given("max")) {
        (None, None) => judge.problem(node.mark, "one of 'min' and 'max' is missing", "Add 'min', 'max' or both"),
        (Some(min), Some(max)) if order(min, max) == Some(Ordering::Greater) => {
            judge.key(node, "max", |judge, max| judge.problem(max.mark, "'max' is less than 'min'", "Swap them"));
        }
        (Some(_), Some(_) | None) | (None, Some(_)) => {}
    }
}

fn order(min: &Node, max: &Node) -> Option<Ordering> {
    match (&min.value, &max.value) {
        (Value::Number(min), Value::Number(max)) => min.as_f64()?.partial_cmp(&max.as_f64()?),
        (
            Value::Null { .. } | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::List(_) | Value::Map(_),
            _,
        ) => None,
    }
}

fn compiles(judge: &mut Judge<'_, '_>, node: &Node, compile: fn(&str) -> Result<regex::Regex>) {
    let Some(Err(error)) = node.text().map(compile) else { return };
    let hint = "Put it in single quotes, and escape what should stand for itself";
    judge.problem(node.mark, error.message().to_owned(), hint);
}
