//! Steps as polars code (Python, lazy): for people to read and to run on a sample. One call a step.
//!
//! It is a translation, not what runs: polars wraps or raises where the engine sends a row to quarantine. What it has no
//! words for stands there as an exception with the step.

mod values;

use crate::expression::measure::Measure;
use crate::expression::polars::{cast, column, dtype, quoted};
use crate::expression::window::{Call, Function, Running};
use crate::expression::{Expression, common_type};
use crate::step::order::named;
use crate::step::{self, Plain};
use std::fmt::Write;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::step::{Aggregate, Deduplicate, Join, JoinKind, Keep, Step};
use windvane_core::spec::verb::{FillFrom, FillSource, Filling, PythonStep, Split, Unpivot, Window, WindowFrame};

/// What every printed program begins with.
pub const HEAD: &str = "import polars as pl

# What the plan does, as polars code. Where Windvane sends a row to quarantine (a number out of range, a division by
# zero, text that is no date), polars wraps, gives inf or raises. Decimals keep their digits; means of decimals go
# through floats here.


def total(values: pl.Expr) -> pl.Expr:
    return pl.when(values.count() > 0).then(values.sum())  # the sum of no value is null, as in SQL
";

/// The chain of calls behind `frame = source`; `variable` names the frame of another dataset.
pub fn polars(
    steps: &[Step],
    schema: &Schema,
    lookup: &dyn Fn(&str) -> Option<Schema>,
    variable: &dyn Fn(&str) -> String,
) -> Result<String> {
    let mut text = String::new();
    let mut told = None;
    for part in step::plain(steps, schema, lookup)? {
        if told != Some(part.at)
            && let Some(short @ (Step::Sql(_) | Step::Pivot(_))) = steps.get(part.at)
        {
            let words = serde_json::to_string(short).unwrap_or_default();
            let _ = writeln!(text, "# {words}");
        }
        told = Some(part.at);
        match call(&part, lookup, variable) {
            Ok(calls) => calls.iter().for_each(|call| _ = writeln!(text, "frame = frame.{call}")),
            Err(error) => {
                let words = serde_json::to_string(&part.step).unwrap_or_default();
                let _ = writeln!(text, "raise NotImplementedError({})  # {words}", quoted(error.message()));
            }
        }
    }
    Ok(text)
}

fn call(
    part: &Plain,
    lookup: &dyn Fn(&str) -> Option<Schema>,
    variable: &dyn Fn(&str) -> String,
) -> Result<Vec<String>> {
    let (before, after) = (&part.before, &part.after);
    let with = |values: Vec<(String, String)>| {
        let values = values.iter().map(|(name, value)| format!("{value}.alias({})", quoted(name)));
        vec![format!("with_columns({})", values.collect::<Vec<_>>().join(", "))]
    };
    let of = |name: &str| before.field(name).map_or(DataType::Text, |field| field.data_type);
    Ok(match &part.step {
        Step::Select(columns) => vec![format!("select({})", list(columns))],
        Step::Drop(columns) => vec![format!("drop({})", list(columns))],
        Step::Rename(pairs) => {
            let pairs = pairs.iter().map(|(old, new)| format!("{}: {}", quoted(old), quoted(new)));
            vec![format!("rename({{{}}})", pairs.collect::<Vec<_>>().join(", "))]
        }
        Step::Filter(condition) => {
            vec![format!("filter({})", Expression::condition(condition, before)?.polars(before)?)]
        }
        Step::Fill(values) => {
            let mut calls = Vec::new();
            for (name, value) in values {
                calls.extend(match value {
                    Filling::Value(value) => {
                        let text = value.to_json();
                        let text = text.as_str().map_or_else(|| text.to_string(), str::to_owned);
                        let value = cast(&format!("pl.lit({})", quoted(&text)), DataType::Text, of(name), true);
                        let value = match (of(name), text.as_str()) {
                            (DataType::Boolean, "true") => "True".to_owned(),
                            (DataType::Boolean, _) => "False".to_owned(),
                            _ => value,
                        };
                        with(vec![(name.clone(), format!("{}.fill_null({value})", column(name)))])
                    }
                    Filling::From(from) => filled(name, from, before)?,
                });
            }
            calls
        }
        Step::Join(join) => joined(join, part, lookup, variable)?,
        Step::Deduplicate(step) => deduplicated(step, before)?,
        Step::Aggregate(step) => aggregated(step, before, after)?,
        Step::Window(step) => windowed(step, before)?,
        Step::Sort(step) => {
            let keys = named(&step.by.0, before, step.desc)?;
            let mut calls = if keys.is_empty() { Vec::new() } else { vec![sort(&keys)] };
            calls.extend(step.limit.map(|limit| format!("head({limit})")));
            calls
        }
        Step::Unpivot(step) => unpivoted(step, before)?,
        Step::Split(step) => split(step),
        Step::Explode(step) => {
            let to = dtype(step.data_type.unwrap_or(DataType::Json));
            let name = column(&step.column);
            let read = format!("with_columns({name}.str.json_decode(pl.List({to})))");
            vec![read, format!("explode({})", quoted(&step.column))]
        }
        Step::Python(step) => vec![python(step)],
        Step::Cast(_) | Step::Parse(_) | Step::Derive(_) | Step::Set(_) | Step::Mask(_) | Step::Flatten(_) => {
            with(values::of(&part.step, before)?)
        }
        Step::Pivot(_) | Step::Sql(_) => return Err(Error::internal("a step was not expanded")),
    })
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

fn aggregated(step: &Aggregate, before: &Schema, after: &Schema) -> Result<Vec<String>> {
    let by: Vec<&str> = step.by.0.iter().map(String::as_str).collect();
    let grouped = Schema::new(by.iter().filter_map(|name| before.field(name).cloned()).collect());
    let mut measures = Vec::new();
    for name in after.names().skip(by.len()) {
        let text = step.measures.get(name).ok_or_else(|| Error::internal("an aggregate lost its measure"))?;
        let value = Measure::parse(name, text, before, &grouped)?.polars(before, &by)?;
        measures.push(format!("{value}.alias({})", quoted(name)));
    }
    let measures = measures.join(", ");
    if by.is_empty() {
        Ok(vec![format!("select({measures})")])
    } else {
        Ok(vec![format!("group_by({}, maintain_order=True).agg({measures})", list(&step.by.0))])
    }
}

fn python(step: &PythonStep) -> String {
    let (module, function) = step.object.split_once(':').unwrap_or_default();
    let types = step.schema.iter().map(|(name, to)| format!("{}: {}", quoted(name), dtype(*to)));
    let types = types.collect::<Vec<_>>().join(", ");
    format!(
        "map_batches(lambda rows: pl.from_arrow(getattr(__import__({0}, fromlist=[\"_\"]), {1})(rows.to_arrow().combine_chunks().to_batches()[0])), schema={{{types}}})",
        quoted(module),
        quoted(function)
    )
}

/// The column that remembers the order of the rows.
const ROW: &str = "windvane_row";

fn sort(keys: &[(String, bool)]) -> String {
    let by = keys.iter().map(|(name, _)| quoted(name)).collect::<Vec<_>>().join(", ");
    let descending = keys.iter().map(|(_, descending)| if *descending { "True" } else { "False" });
    let descending = descending.collect::<Vec<_>>().join(", ");
    format!("sort({by}, descending=[{descending}], nulls_last=True, maintain_order=True)")
}

/// The calls between rows that are put in order and put back.
fn in_order(keys: &[(String, bool)], inner: Vec<String>) -> Vec<String> {
    if keys.is_empty() {
        return inner;
    }
    let mut calls = vec![format!("with_row_index({})", quoted(ROW)), sort(keys)];
    calls.extend(inner);
    calls.push(format!("sort({0}).drop({0})", quoted(ROW)));
    calls
}

fn over(by: &[String]) -> String {
    if by.is_empty() {
        return String::new();
    }
    format!(".over({})", by.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", "))
}

fn filled(name: &str, from: &FillFrom, schema: &Schema) -> Result<Vec<String>> {
    let by = from.partition_by.as_ref().map(|by| by.0.clone()).unwrap_or_default();
    let names = from.order_by.as_ref().map(|names| names.0.as_slice()).unwrap_or_default();
    let (it, over) = (column(name), over(&by));
    let data_type = schema.field(name).map_or(DataType::Text, |field| field.data_type);
    let value = match from.from {
        FillSource::Previous => format!("{it}.forward_fill(){over}"),
        FillSource::Next => format!("{it}.backward_fill(){over}"),
        FillSource::Mean => format!("{it}.fill_null({it}.mean(){over}.cast({}))", dtype(data_type)),
        FillSource::Min => format!("{it}.fill_null({it}.min(){over})"),
        FillSource::Max => format!("{it}.fill_null({it}.max(){over})"),
    };
    Ok(in_order(&named(names, schema, false)?, vec![format!("with_columns({value}.alias({}))", quoted(name))]))
}

fn joined(
    join: &Join,
    part: &Plain,
    lookup: &dyn Fn(&str) -> Option<Schema>,
    variable: &dyn Fn(&str) -> String,
) -> Result<Vec<String>> {
    let other =
        lookup(&join.with).ok_or_else(|| Error::missing(format!("the dataset '{}' is not known", join.with)))?;
    let taken: Vec<&str> = if join.take.is_empty() {
        other.names().filter(|name| !join.on.0.iter().any(|key| key == name)).collect()
    } else {
        join.take.iter().map(String::as_str).collect()
    };
    let mut columns = Vec::new();
    let mut on = Vec::new();
    for key in &join.on.0 {
        let types = (part.before.field(key), other.field(key));
        let (Some(left), Some(right)) = types else { return Err(Error::internal("a join lost its key")) };
        if left.data_type != right.data_type && common_type(left.data_type, right.data_type) != Some(left.data_type) {
            return Err(Error::unsupported("a join of keys of two types is not written as polars code"));
        }
        columns.push(format!("{}.cast({})", column(key), dtype(left.data_type)));
        on.push(quoted(key));
    }
    for (old, new) in taken.iter().zip(part.after.names().skip(part.before.fields.len())) {
        columns.push(if *old == new { column(old) } else { format!("{}.alias({})", column(old), quoted(new)) });
    }
    let how = if join.how == JoinKind::Left { "left" } else { "inner" };
    Ok(vec![format!(
        "join({}.select({}), on=[{}], how=\"{how}\", validate=\"m:1\", maintain_order=\"left\")",
        variable(&join.with),
        columns.join(", "),
        on.join(", ")
    )])
}

fn deduplicated(step: &Deduplicate, schema: &Schema) -> Result<Vec<String>> {
    let on = step.on.0.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    let keep = if step.keep == Keep::First { "first" } else { "last" };
    let unique = format!("unique([{on}], keep=\"{keep}\", maintain_order=True)");
    let keys = named(&step.order_by, schema, false)?;
    if keys.is_empty() && step.keep == Keep::First {
        return Ok(vec![unique]);
    }
    let mut calls = vec![format!("with_row_index({})", quoted(ROW))];
    calls.extend((!keys.is_empty()).then(|| sort(&keys)));
    calls.extend([unique, format!("sort({0}).drop({0})", quoted(ROW))]);
    Ok(calls)
}

fn windowed(step: &Window, schema: &Schema) -> Result<Vec<String>> {
    let by = step.partition_by.as_ref().map(|by| by.0.clone()).unwrap_or_default();
    let names = step.order_by.as_ref().map(|names| names.0.as_slice()).unwrap_or_default();
    let keys = named(names, schema, false)?;
    let frame = step.frame.unwrap_or(if keys.is_empty() { WindowFrame::Whole } else { WindowFrame::Running });
    let over = over(&by);
    let sorted_by = keys.iter().map(|(name, _)| quoted(name)).collect::<Vec<_>>().join(", ");
    let mut values = Vec::new();
    for (name, text) in &step.columns {
        let call = Call::parse(name, text, schema, frame, !keys.is_empty())?;
        let it = call.argument.as_ref().map(|argument| argument.polars(schema)).transpose()?.unwrap_or_default();
        let to = dtype(call.field.data_type);
        let value = match call.function {
            Function::RowNumber => format!("pl.int_range(1, pl.len() + 1, dtype=pl.Int64){over}"),
            Function::Rank => format!(
                "(pl.struct({sorted_by}).rle_id().is_first_distinct().cast(pl.Int64) * pl.int_range(1, pl.len() + 1, dtype=pl.Int64)).cum_max(){over}"
            ),
            Function::DenseRank => format!("(pl.struct({sorted_by}).rle_id() + 1).cast(pl.Int64){over}"),
            Function::Shift(distance) => format!("{it}.shift({distance}){over}"),
            Function::First => format!("{it}.first(){over}"),
            Function::Last if frame == WindowFrame::Whole => format!("{it}.last(){over}"),
            Function::Last => it,
            Function::Whole => {
                let measure = call.measure().ok_or_else(|| Error::internal("a window lost its measure"))?;
                format!("{}{over}", measure.polars(schema, &[])?)
            }
            Function::Running(Running::Count) if it.is_empty() => {
                format!("pl.int_range(1, pl.len() + 1, dtype=pl.Int64){over}")
            }
            Function::Running(Running::Count) => format!("{it}.cum_count().cast(pl.Int64){over}"),
            Function::Running(Running::Sum) => format!("{it}.cast({to}).cum_sum().forward_fill(){over}"),
            Function::Running(Running::Min) => format!("{it}.cum_min().forward_fill(){over}"),
            Function::Running(Running::Max) => format!("{it}.cum_max().forward_fill(){over}"),
            Function::Running(Running::Avg) => {
                let sum = format!("{it}.cast(pl.Float64).cum_sum().forward_fill()");
                format!("({sum} / {it}.cum_count()).fill_nan(None).cast({to}){over}")
            }
        };
        values.push(format!("{value}.alias({})", quoted(name)));
    }
    Ok(in_order(&keys, vec![format!("with_columns({})", values.join(", "))]))
}

fn unpivoted(step: &Unpivot, schema: &Schema) -> Result<Vec<String>> {
    let mut common = None;
    for name in &step.columns {
        let own = schema.field(name).map(|field| field.data_type);
        common =
            if common.is_none() { own } else { common.zip(own).and_then(|(left, right)| common_type(left, right)) };
    }
    let common: DataType = common.ok_or_else(|| Error::internal("an unpivot lost its type"))?;
    let casts = step.columns.iter().map(|name| format!("{}.cast({})", column(name), dtype(common)));
    let keep: Vec<String> = std::iter::once(ROW.to_owned()).chain(step.keep.iter().cloned()).collect();
    Ok(vec![
        format!("with_row_index({})", quoted(ROW)),
        format!("with_columns({})", casts.collect::<Vec<_>>().join(", ")),
        format!(
            "unpivot([{}], index=[{}], variable_name={}, value_name={})",
            list(&step.columns),
            list(&keep),
            quoted(step.name.as_deref().unwrap_or("variable")),
            quoted(step.value.as_deref().unwrap_or("value"))
        ),
        format!("sort({0}, maintain_order=True).drop({0})", quoted(ROW)),
    ])
}

fn split(step: &Split) -> Vec<String> {
    let it = column(&step.column);
    let mut parts = Vec::new();
    if let Some(by) = &step.by {
        for (at, name) in step.into.iter().enumerate() {
            let all = format!("{it}.str.splitn({}, {})", quoted(by), step.into.len());
            parts.push(format!("{all}.struct.field(\"field_{at}\").alias({})", quoted(name)));
        }
    } else if let Some(Ok(pattern)) =
        step.pattern.as_ref().map(|pattern| windvane_core::spec::pattern::compile(pattern))
    {
        for name in pattern.capture_names().flatten() {
            let all = format!("{it}.str.extract_groups({})", quoted(pattern.as_str()));
            parts.push(format!("{all}.struct.field({0}).alias({0})", quoted(name)));
        }
    }
    vec![format!("with_columns({})", parts.join(", "))]
}
