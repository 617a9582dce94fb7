//! Steps, checks and proposals as people say them.

use serde_json::Value;
use windvane_agents::Change;
use windvane_core::spec::check::Check;
use windvane_core::spec::columns::Columns;
use windvane_core::spec::step::{JoinKind, Keep, Step};
use windvane_core::spec::verb::{FillSource, Filling, MaskHow, PivotAggregate};

/// A step as a sentence without its full stop.
pub fn step(step: &Step) -> String {
    match step {
        Step::Select(columns) => format!("keep only the columns {}", list(columns)),
        Step::Drop(columns) => format!("leave out {}", list(columns)),
        Step::Rename(names) => {
            format!("rename {}", and(names.iter().map(|(from, to)| format!("{} to {}", name(from), name(to)))))
        }
        Step::Cast(columns) => {
            format!("turn {}", and(columns.iter().map(|(column, to)| format!("{} into {to}", name(column)))))
        }
        Step::Parse(parse) if parse.formats.is_empty() => {
            format!("read {} as {}, where no digit is lost", list(&parse.columns), parse.to)
        }
        Step::Parse(parse) => {
            let formats = or(parse.formats.iter().map(|format| format!("`{format}`")));
            format!("read {} as {}, written as {formats}", list(&parse.columns), parse.to)
        }
        Step::Filter(condition) => format!("keep only the rows where {}", expression(condition)),
        Step::Derive(columns) => {
            format!(
                "compute {}",
                and(columns.iter().map(|(column, text)| format!("{} as {}", name(column), expression(text))))
            )
        }
        Step::Set(set) => {
            let values = set.values.iter().map(|(column, text)| format!("{} to {}", name(column), expression(text)));
            format!("where {}, set {}", expression(&set.condition), and(values))
        }
        Step::Fill(columns) => {
            format!("fill the nulls of {}", and(columns.iter().map(|(column, with)| filled(column, with))))
        }
        Step::Join(join) => {
            let take = if join.take.is_empty() { "all its columns".to_owned() } else { list(&join.take) };
            let partner = match join.how {
                JoinKind::Left => "rows without a match keep nulls",
                JoinKind::Inner => "rows without a match are left out",
            };
            format!("add {take} from {} by the same {}; {partner}", name(&join.with), columns(&join.on))
        }
        Step::Deduplicate(step) => {
            let which = match step.keep {
                Keep::First => "first",
                Keep::Last => "last",
            };
            let order = if step.order_by.is_empty() {
                "of the source".to_owned()
            } else {
                format!("of {}", list(&step.order_by))
            };
            format!("keep one row for each {}, the {which} in the order {order}", columns(&step.on))
        }
        Step::Aggregate(step) => {
            let measures =
                step.measures.iter().map(|(column, text)| format!("{} as {}", name(column), expression(text)));
            format!("make one row for each {} with {}", columns(&step.by), and(measures))
        }
        Step::Pivot(step) => format!(
            "make one row for each {}, with a column for each of {} of {} that holds the {} of {}",
            columns(&step.by),
            and(step.values.iter().map(value)),
            name(&step.column),
            folded(step.aggregate),
            name(&step.value)
        ),
        Step::Unpivot(step) => format!(
            "turn the columns {} into rows, with the column's name in {} and its value in {}",
            list(&step.columns),
            name(step.name.as_deref().unwrap_or("variable")),
            name(step.value.as_deref().unwrap_or("value"))
        ),
        Step::Window(step) => {
            let made = step.columns.iter().map(|(column, text)| format!("{} as {}", name(column), expression(text)));
            let within =
                step.partition_by.as_ref().map(|by| format!(" within each {}", columns(by))).unwrap_or_default();
            let order =
                step.order_by.as_ref().map(|by| format!(" in the order of {}", columns(by))).unwrap_or_default();
            format!("compute {}{within}{order}", and(made))
        }
        Step::Sort(sort) => {
            let down = if sort.desc { ", descending" } else { "" };
            let first = sort.limit.map(|limit| format!(" and keep the first {limit}")).unwrap_or_default();
            format!("sort the rows by {}{down}{first}", columns(&sort.by))
        }
        Step::Split(step) => match (&step.pattern, &step.by) {
            (Some(pattern), _) => format!("take {} apart by the pattern `{pattern}`", name(&step.column)),
            (None, by) => {
                let by = by.as_deref().unwrap_or_default();
                format!("split {} at '{by}' into {}", name(&step.column), list(&step.into))
            }
        },
        Step::Mask(step) => {
            format!("hide the values: {}", and(step.columns.iter().map(|(column, how)| masked(column, *how))))
        }
        Step::Flatten(step) => {
            let fields = step.fields.iter().map(|(column, place)| format!("{} from `{place}`", name(column)));
            format!("take out of the JSON in {}: {}", name(&step.column), and(fields))
        }
        Step::Explode(step) => format!("make one row of each element in {}", name(&step.column)),
        Step::Sql(text) => format!("run the query `{}`", one_line(text)),
        Step::Python(step) => format!("hand the rows to `{}`", step.object),
    }
}

/// A check as what must hold, without the full stop.
pub fn check(check: &Check) -> String {
    match check {
        Check::NotNull(Columns(names)) => {
            format!("{} {} never null", list(names), if names.len() == 1 { "is" } else { "are" })
        }
        Check::Unique(Columns(names)) if names.len() > 1 => format!("no two rows agree in {}", list(names)),
        Check::Unique(names) => format!("no two rows have the same {}", columns(names)),
        Check::Accepted(accepted) => format!("{} is {}", name(&accepted.column), or(accepted.values.iter().map(value))),
        Check::Range(range) => {
            let column = name(&range.column);
            match (&range.min, &range.max) {
                (Some(min), Some(max)) => format!("{column} lies between {} and {}", value(min), value(max)),
                (Some(min), None) => format!("{column} is at least {}", value(min)),
                (None, Some(max)) => format!("{column} is at most {}", value(max)),
                (None, None) => format!("{column} is anything"),
            }
        }
        Check::Matches(matches) => format!("{} has the form `{}`", name(&matches.column), matches.pattern),
        Check::Expression(text) => format!("in every row {}", expression(text)),
        Check::References(references) => format!(
            "every {} is a {} of {}",
            name(&references.column),
            name(references.key.as_ref().unwrap_or(&references.column)),
            name(&references.dataset)
        ),
        Check::Rows(rows) => match (rows.min, rows.max) {
            (Some(min), Some(max)) => format!("there are {min} to {max} rows"),
            (Some(min), None) => format!("there are at least {min} rows"),
            (None, Some(max)) => format!("there are at most {max} rows"),
            (None, None) => "there are rows or none".to_owned(),
        },
    }
}

/// A decision's proposal; nothing where the question says it all.
pub fn proposal(document: &Value) -> Option<String> {
    if let Ok(change) = serde_json::from_value::<Change>(document.clone()) {
        return Some(match &change {
            Change::Step(found) => step(found),
            Change::Check(found) => format!("check that {}", check(found)),
        });
    }
    let texts = |key: &str| -> Option<Vec<&str>> {
        document.get(key)?.as_array().map(|items| items.iter().filter_map(Value::as_str).collect())
    };
    if let Some(unread) = texts("not_understood") {
        let read = texts("understood").unwrap_or_default();
        let said = |words: Vec<&str>| and(words.into_iter().map(|words| format!("'{words}'")));
        return match (read.is_empty(), unread.is_empty()) {
            (_, true) => Some(format!("they say {}", said(read))),
            (true, false) => Some(format!("{} was not understood", said(unread))),
            (false, false) => Some(format!("{} was understood, {} was not", said(read), said(unread))),
        };
    }
    if let Some(accept) = document.get("accept").and_then(Value::as_bool) {
        return Some(if accept { "yes".to_owned() } else { "not all of it".to_owned() });
    }
    match document {
        Value::Array(items) if items.is_empty() => Some("nothing".to_owned()),
        Value::Array(items) => Some(format!("the proposals {}", and(items.iter().map(value)))),
        Value::Object(entries) => {
            Some(and(entries.iter().map(|(key, found)| format!("{} is {}", name(key), value(found)))))
        }
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn filled(column: &str, with: &Filling) -> String {
    let with = match with {
        Filling::Value(scalar) => value(&scalar.to_json()),
        Filling::From(found) => {
            let what = match found.from {
                FillSource::Previous => "the value before",
                FillSource::Next => "the value after",
                FillSource::Mean => "the mean",
                FillSource::Min => "the smallest value",
                FillSource::Max => "the largest value",
            };
            let within =
                found.partition_by.as_ref().map(|by| format!(" within each {}", columns(by))).unwrap_or_default();
            format!("{what}{within}")
        }
    };
    format!("{} with {with}", name(column))
}

fn masked(column: &str, how: MaskHow) -> String {
    let how = match how {
        MaskHow::Hash => "as a keyed hash",
        MaskHow::Redact => "as ***",
        MaskHow::Last4 => "but for the last four characters",
        MaskHow::Email => "but for the first letter and the domain",
        MaskHow::Clear => "as null",
    };
    format!("{} {how}", name(column))
}

fn folded(aggregate: PivotAggregate) -> &'static str {
    match aggregate {
        PivotAggregate::Sum => "sum",
        PivotAggregate::Min => "smallest value",
        PivotAggregate::Max => "largest value",
        PivotAggregate::Avg => "mean",
        PivotAggregate::Count => "count",
        PivotAggregate::First => "first value",
    }
}

/// An expression with its columns as people write them: quotes around plain lower-case names say nothing.
fn expression(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\'']) {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        let quote = if from.starts_with('"') { '"' } else { '\'' };
        let inner = from.get(1..).unwrap_or_default();
        let Some(end) = inner.find(quote) else {
            rest = from;
            break;
        };
        let (body, after) = inner.split_at(end);
        let simple = quote == '"'
            && body.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
            && body.starts_with(|first: char| first.is_ascii_lowercase());
        if simple {
            plain.push_str(body);
        } else {
            plain.push_str(from.get(..end + 2).unwrap_or_default());
        }
        rest = after.get(1..).unwrap_or_default();
    }
    plain.push_str(rest);
    format!("`{}`", one_line(&plain))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A column's or dataset's name.
fn name(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || "_.".contains(letter));
    if plain { name.to_owned() } else { format!("'{name}'") }
}

fn columns(names: &Columns) -> String {
    list(&names.0)
}

fn list(names: &[String]) -> String {
    and(names.iter().map(|one| name(one)))
}

fn value(found: &Value) -> String {
    match found {
        Value::String(text) => format!("'{text}'"),
        other => other.to_string(),
    }
}

fn and(parts: impl IntoIterator<Item = String>) -> String {
    series(parts, "and")
}

fn or(parts: impl IntoIterator<Item = String>) -> String {
    series(parts, "or")
}

fn series(parts: impl IntoIterator<Item = String>, last: &str) -> String {
    let parts: Vec<String> = parts.into_iter().collect();
    match parts.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [before @ .., end] => format!("{} {last} {end}", before.join(", ")),
    }
}
