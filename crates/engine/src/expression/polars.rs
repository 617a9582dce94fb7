//! Expressions as polars code in Python, for people to read and run. Types are spelled out where polars would choose
//! others; what polars has no word for is refused.

use super::checked::Expression;
use super::function::{Function, Part, Side};
use super::measure::Measure;
use super::node::{Comparison, Kind, Node, Operator};
use super::syntax::bounded;
use super::text;
use crate::convert::text_at;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Int64Type;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Schema};

/// A Python string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

pub(crate) fn column(name: &str) -> String {
    format!("pl.col({})", quoted(name))
}

pub(crate) fn dtype(data_type: DataType) -> String {
    let word = match data_type {
        DataType::Boolean => "Boolean",
        DataType::Int16 => "Int16",
        DataType::Int32 => "Int32",
        DataType::Int64 => "Int64",
        DataType::Float32 => "Float32",
        DataType::Float64 => "Float64",
        DataType::Decimal { precision, scale } => return format!("pl.Decimal({precision}, {scale})"),
        DataType::Text | DataType::Json | DataType::Uuid => "String",
        DataType::Binary => "Binary",
        DataType::Date => "Date",
        DataType::Time => "Time",
        DataType::Timestamp => return "pl.Datetime(\"us\")".to_owned(),
        DataType::TimestampTz => return "pl.Datetime(\"us\", \"UTC\")".to_owned(),
    };
    format!("pl.{word}")
}

impl Expression {
    /// As polars code; `names` are the columns.
    pub(crate) fn polars(&self, schema: &Schema) -> Result<String> {
        let columns: Vec<String> = schema.names().map(column).collect();
        Writer { columns: &columns }.node(&self.node)
    }
}

impl Measure {
    /// As polars code inside `agg`.
    pub(crate) fn polars(&self, input: &Schema, by: &[&str]) -> Result<String> {
        let inner: Vec<String> = input.names().map(column).collect();
        let mut outer: Vec<String> = by.iter().map(|name| format!("{}.first()", column(name))).collect();
        let (calls, node) = self.written();
        for (word, argument, data_type) in calls {
            let argument = argument.map(|argument| Writer { columns: &inner }.node(argument)).transpose()?;
            outer.push(aggregate(word, argument.as_deref(), data_type));
        }
        Writer { columns: &outer }.node(node)
    }
}

fn aggregate(word: &str, argument: Option<&str>, data_type: DataType) -> String {
    let Some(argument) = argument else { return "pl.len().cast(pl.Int64)".to_owned() };
    match word {
        "count" => format!("{argument}.count().cast(pl.Int64)"),
        "count distinct" => format!("{argument}.drop_nulls().n_unique().cast(pl.Int64)"),
        "sum" => format!("total({argument}).cast({})", dtype(data_type)),
        "avg" => format!("{argument}.mean().cast({})", dtype(data_type)),
        other => format!("{argument}.{other}()"),
    }
}

struct Writer<'a> {
    columns: &'a [String],
}

impl Writer<'_> {
    fn node(&self, node: &Node) -> Result<String> {
        self.text(node).and_then(bounded)
    }

    fn text(&self, node: &Node) -> Result<String> {
        Ok(match &node.kind {
            Kind::Literal { value, .. } => literal(value, node.data_type)?,
            Kind::Column(index) => {
                self.columns.get(*index).cloned().ok_or_else(|| Error::internal("a column is not there"))?
            }
            Kind::Convert { from, null_on_failure } => {
                cast(&self.node(from)?, from.data_type, node.data_type, !null_on_failure)
            }
            Kind::Arithmetic(operator, left, right) => self.arithmetic(*operator, left, right, node.data_type)?,
            Kind::Negate(inner) => format!("(-{})", self.node(inner)?),
            Kind::Compare(comparison, left, right) => {
                let word = match comparison {
                    Comparison::Equal => "==",
                    Comparison::NotEqual => "!=",
                    Comparison::Less => "<",
                    Comparison::LessOrEqual => "<=",
                    Comparison::Greater => ">",
                    Comparison::GreaterOrEqual => ">=",
                };
                format!("({} {word} {})", self.node(left)?, self.node(right)?)
            }
            Kind::And(left, right) => format!("({} & {})", self.node(left)?, self.node(right)?),
            Kind::Or(left, right) => format!("({} | {})", self.node(left)?, self.node(right)?),
            Kind::Not(inner) => match &inner.kind {
                Kind::IsNull(inner) => format!("{}.is_not_null()", self.node(inner)?),
                _ => format!("~{}", self.node(inner)?),
            },
            Kind::IsNull(inner) => format!("{}.is_null()", self.node(inner)?),
            Kind::IsBoolean(inner, wanted) => {
                let inner = self.node(inner)?;
                let inner = if *wanted { inner } else { format!("(~{inner})") };
                format!("{inner}.fill_null(False)")
            }
            Kind::In(inner, items) => {
                let inner = self.node(inner)?;
                let each = items.iter().map(|item| Ok(format!("({inner} == {})", self.node(item)?)));
                format!("({})", each.collect::<Result<Vec<_>>>()?.join(" | "))
            }
            Kind::Case { branches, otherwise } => {
                let mut text = "pl".to_owned();
                for (condition, value) in branches {
                    text = format!("{text}.when({}).then({})", self.node(condition)?, self.node(value)?);
                }
                match otherwise {
                    Some(otherwise) => format!("{text}.otherwise({})", self.node(otherwise)?),
                    None => format!("{text}.otherwise(None)"),
                }
            }
            Kind::Coalesce(items) => format!("pl.coalesce({})", self.list(items)?),
            Kind::Call(function, arguments) => self.call(function, arguments, node.data_type)?,
        })
    }

    fn list(&self, nodes: &[Node]) -> Result<String> {
        Ok(nodes.iter().map(|node| self.node(node)).collect::<Result<Vec<_>>>()?.join(", "))
    }

    fn arithmetic(&self, operator: Operator, left: &Node, right: &Node, to: DataType) -> Result<String> {
        let (l, r) = (self.node(left)?, self.node(right)?);
        let symbol = operator.symbol();
        Ok(match (operator, to) {
            // Polars keeps the larger scale of two decimals, so both get the scale of the result first.
            (_, DataType::Decimal { precision, scale }) => {
                let wide = format!("cast(pl.Decimal(38, {scale}))");
                format!("({l}.{wide} {symbol} {r}.{wide}).cast(pl.Decimal({precision}, {scale}))")
            }
            (_, DataType::Date) => {
                let days = if operator == Operator::Subtract { format!("(-{r})") } else { r };
                format!("({l} + pl.duration(days={days}))")
            }
            (Operator::Subtract, DataType::Int64) if left.data_type == DataType::Date => {
                format!("({l} - {r}).dt.total_days()")
            }
            // The sign is that of the left side, as in SQL.
            (Operator::Remainder, DataType::Int64) => format!("({l}.abs() % {r}.abs() * {l}.sign())"),
            _ => format!("({l} {symbol} {r})"),
        })
    }

    fn call(&self, function: &Function, arguments: &[Node], to: DataType) -> Result<String> {
        let first = arguments.first().ok_or_else(|| Error::internal("a function got no arguments"))?;
        let of = self.node(first)?;
        let second = || arguments.get(1).map_or_else(|| Ok("None".to_owned()), |node| self.node(node));
        Ok(match function {
            Function::Lower => format!("{of}.str.to_lowercase()"),
            Function::Upper => format!("{of}.str.to_uppercase()"),
            Function::Trim(side) => {
                let word = match side {
                    Side::Both => "strip_chars",
                    Side::Left => "strip_chars_start",
                    Side::Right => "strip_chars_end",
                };
                let what = arguments.get(1).map_or_else(|| Ok("\" \"".to_owned()), |node| self.node(node))?;
                format!("{of}.str.{word}({what})")
            }
            Function::Length => format!("{of}.str.len_chars().cast(pl.Int64)"),
            // Polars puts the new text between all letters where there is nothing to replace.
            Function::Replace if arguments.get(1).and_then(text::literal).is_some_and(|what| !what.is_empty()) => {
                let with = arguments.get(2).map_or_else(|| Ok(String::new()), |node| self.node(node))?;
                format!("{of}.str.replace_all({}, {with}, literal=True)", second()?)
            }
            Function::Join => format!("pl.concat_str({})", self.list(arguments)?),
            Function::Concat => format!("pl.concat_str({}, ignore_nulls=True)", self.list(arguments)?),
            Function::SplitPart => {
                let by = arguments.get(1).and_then(text::literal).filter(|by| !by.is_empty());
                // Ours count from 1 and from -1, theirs from 0 and from -1.
                let at = match arguments.get(2).and_then(whole) {
                    Some(field @ 1..) => Some(field - 1),
                    other => other.filter(|field| *field < 0),
                };
                let (by, at) = by.zip(at).ok_or_else(|| wordless("this split_part"))?;
                let part = format!("{of}.str.split({}).list.get({at}, null_on_oob=True)", quoted(&by));
                format!("pl.when({of}.is_not_null()).then({part}.fill_null(\"\"))")
            }
            Function::Abs => format!("{of}.abs()"),
            Function::Round(digits) if *digits >= 0 => {
                format!("{of}.round({digits}, mode=\"half_away_from_zero\").cast({})", dtype(to))
            }
            Function::Floor => format!("{of}.floor().cast({})", dtype(to)),
            Function::Ceil => format!("{of}.ceil().cast({})", dtype(to)),
            Function::DatePart(part) => date_part(&of, *part)?,
            Function::DateTrunc(part) => {
                let unit = match part {
                    Part::Year => "1y",
                    Part::Quarter => "1q",
                    Part::Month => "1mo",
                    Part::Week => "1w",
                    Part::Day => "1d",
                    Part::Hour => "1h",
                    Part::Minute => "1m",
                    Part::Second => "1s",
                    Part::DayOfWeek | Part::IsoDayOfWeek | Part::DayOfYear | Part::Epoch => {
                        return Err(wordless("date_trunc"));
                    }
                };
                format!("{of}.dt.truncate(\"{unit}\")")
            }
            Function::ParseDate(format) => format!("{of}.str.to_date({})", quoted(format)),
            Function::ParseTimestamp(format) => format!("{of}.str.to_datetime({}, time_unit=\"us\")", quoted(format)),
            Function::Matches(pattern) => format!("{of}.str.contains({})", quoted(pattern.as_str())),
            Function::Substring | Function::Replace | Function::Round(_) | Function::RegexReplace(_) => {
                return Err(wordless(match function {
                    Function::Substring => "substring",
                    Function::Replace => "this replace",
                    Function::Round(_) => "round to tens",
                    _ => "regexp_replace",
                }));
            }
        })
    }
}

/// A whole number that is written out.
fn whole(node: &Node) -> Option<i64> {
    let value = node.literal()?.as_primitive_opt::<Int64Type>()?;
    value.is_valid(0).then(|| value.value(0))
}

fn date_part(of: &str, part: Part) -> Result<String> {
    let word = match part {
        Part::Year => "year()",
        Part::Quarter => "quarter()",
        Part::Month => "month()",
        Part::Week => "week()",
        Part::Day => "day()",
        Part::IsoDayOfWeek => "weekday()",
        Part::DayOfYear => "ordinal_day()",
        Part::Hour => "hour()",
        Part::Minute => "minute()",
        Part::Second => "second()",
        Part::DayOfWeek => return Ok(format!("({of}.dt.weekday() % 7).cast(pl.Int64)")),
        Part::Epoch => return Err(wordless("epoch")),
    };
    Ok(format!("{of}.dt.{word}.cast(pl.Int64)"))
}

pub(crate) fn cast(of: &str, from: DataType, to: DataType, strict: bool) -> String {
    let strict = if strict { "" } else { ", strict=False" };
    match (from, to) {
        (DataType::Text, DataType::Date) => format!("{of}.str.to_date(\"%Y-%m-%d\"{strict})"),
        (DataType::Text, DataType::Timestamp) => format!("{of}.str.to_datetime(time_unit=\"us\"{strict})"),
        _ => format!("{of}.cast({}{strict})", dtype(to)),
    }
}

fn literal(value: &ArrayRef, data_type: DataType) -> Result<String> {
    if value.is_null(0) {
        return Ok("pl.lit(None)".to_owned());
    }
    let text = text_at(value, data_type, 0).unwrap_or_default();
    Ok(match data_type {
        DataType::Boolean => format!("pl.lit({})", if text == "true" { "True" } else { "False" }),
        DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Float32 | DataType::Float64 => {
            format!("pl.lit({text}).cast({})", dtype(data_type))
        }
        DataType::Decimal { .. } => format!("pl.lit(\"{text}\").cast({})", dtype(data_type)),
        DataType::Text | DataType::Json | DataType::Uuid => format!("pl.lit({})", quoted(&text)),
        DataType::Date => format!("pl.lit(\"{text}\").str.to_date(\"%Y-%m-%d\")"),
        DataType::Timestamp => format!("pl.lit(\"{text}\").str.to_datetime(time_unit=\"us\")"),
        DataType::TimestampTz => format!("pl.lit(\"{text}\").str.to_datetime(time_unit=\"us\", time_zone=\"UTC\")"),
        DataType::Time => format!("pl.lit(\"{text}\").str.to_time()"),
        DataType::Binary => return Err(wordless("bytes")),
    })
}

fn wordless(what: &str) -> Error {
    Error::unsupported(format!("{what} is not written as polars code"))
        .hint("Read the step itself in `windvane explain`")
}
