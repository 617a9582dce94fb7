//! Expressions as PostgreSQL's SQL with the same meaning, or a refusal. Where the engine rejects a row (overflow,
//! division by zero, text that is no number), the statement fails and nothing is loaded: it never gives another value.

use super::checked::Expression;
use super::common::digits;
use super::function::{Function, Part};
use super::measure::Measure;
use super::node::{Comparison, Kind, Node, Operator};
use super::syntax::bounded;
use crate::convert::{is_float, is_integer, is_text, text_at};
use arrow::array::{Array, ArrayRef};
use windvane_core::error::{Error, Result};
use windvane_core::schema::sql::{self, Dialect, quote};
use windvane_core::schema::{DataType, Schema};

impl Expression {
    pub(crate) fn postgres(&self, schema: &Schema) -> Result<String> {
        let columns: Vec<String> = schema.names().map(quote).collect();
        Writer { columns: &columns }.node(&self.node)
    }
}

impl Measure {
    /// Beside `GROUP BY by`, or with `over` as a window's aggregate.
    pub(crate) fn postgres(&self, input: &Schema, by: &[&str], over: &str) -> Result<String> {
        let inner: Vec<String> = input.names().map(quote).collect();
        let mut outer: Vec<String> = by.iter().map(|name| quote(name)).collect();
        let (calls, node) = self.written();
        for (word, argument, to) in calls {
            let from = argument.map(|argument| argument.data_type);
            let argument = argument.map(|argument| Writer { columns: &inner }.node(argument)).transpose()?;
            outer.push(aggregate(word, argument.as_deref().zip(from), to, over)?);
        }
        Writer { columns: &outer }.node(node)
    }
}

fn aggregate(word: &str, argument: Option<(&str, DataType)>, to: DataType, over: &str) -> Result<String> {
    let Some((argument, from)) = argument else { return Ok(format!("count(*){over}")) };
    let whole = native(to);
    Ok(match (word, from) {
        ("count", _) => format!("count({argument}){over}"),
        ("count distinct", _) => format!("count(DISTINCT {argument}){over}"),
        ("sum", _) => format!("CAST(sum({argument}){over} AS {whole})"),
        ("avg", DataType::Decimal { .. }) => {
            let (_, scale) = digits(to);
            divided(&format!("(sum({argument}){over})"), &format!("nullif(count({argument}){over}, 0)"), to, scale)
        }
        ("avg", _) => {
            let value = format!("CAST({argument} AS double precision)");
            format!("(sum({value}){over} / nullif(count({argument}){over}, 0))")
        }
        ("min", DataType::Boolean) => format!("bool_and({argument}){over}"),
        ("max", DataType::Boolean) => format!("bool_or({argument}){over}"),
        (_, DataType::Json | DataType::Uuid | DataType::Binary) => {
            return Err(wordless(&format!("{word} of a {from}")));
        }
        (other, _) => format!("{other}({}){over}", ordered(argument, from)),
    })
}

/// Text compares by its bytes here, whatever the database's collation is.
pub(crate) fn ordered(text: &str, data_type: DataType) -> String {
    if is_text(data_type) { format!("({text} COLLATE \"C\")") } else { text.to_owned() }
}

/// What a column of the type is declared as. JSON is its text, as it came: `jsonb` would write it anew.
pub(crate) fn native(data_type: DataType) -> String {
    let declared = if data_type == DataType::Json { DataType::Text } else { data_type };
    sql::native(declared, Dialect::Postgres)
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
            Kind::Literal { value, .. } => literal(value, node.data_type),
            Kind::Column(index) => {
                self.columns.get(*index).cloned().ok_or_else(|| Error::internal("a column is not there"))?
            }
            Kind::Convert { null_on_failure: true, .. } => return Err(wordless("TRY_CAST")),
            Kind::Convert { from, .. } => cast(&self.node(from)?, from.data_type, node.data_type)?,
            Kind::Arithmetic(operator, left, right) => self.arithmetic(*operator, left, right, node.data_type)?,
            Kind::Negate(inner) => format!("(- {})", self.node(inner)?),
            Kind::Compare(comparison, left, right) => self.compare(*comparison, left, right)?,
            Kind::And(left, right) => self.logic("AND", "FALSE", left, right)?,
            Kind::Or(left, right) => self.logic("OR", "TRUE", left, right)?,
            Kind::Not(inner) => format!("(NOT {})", self.node(inner)?),
            Kind::IsNull(inner) => format!("({} IS NULL)", self.node(inner)?),
            Kind::IsBoolean(inner, wanted) => {
                format!("({} IS {})", self.node(inner)?, if *wanted { "TRUE" } else { "FALSE" })
            }
            Kind::In(inner, items) => {
                let items = items.iter().map(|item| self.node(item)).collect::<Result<Vec<_>>>()?;
                format!("({} IN ({}))", self.node(inner)?, items.join(", "))
            }
            Kind::Case { branches, otherwise } => {
                let mut text = "CASE".to_owned();
                for (condition, value) in branches {
                    text = format!("{text} WHEN {} THEN {}", self.node(condition)?, self.node(value)?);
                }
                if let Some(otherwise) = otherwise {
                    text = format!("{text} ELSE {}", self.node(otherwise)?);
                }
                format!("({text} END)")
            }
            Kind::Coalesce(items) => format!("coalesce({})", self.list(items)?),
            Kind::Call(function, arguments) => self.call(function, arguments, node.data_type)?,
        })
    }

    fn list(&self, nodes: &[Node]) -> Result<String> {
        Ok(nodes.iter().map(|node| self.node(node)).collect::<Result<Vec<_>>>()?.join(", "))
    }

    fn compare(&self, comparison: Comparison, left: &Node, right: &Node) -> Result<String> {
        let word = match comparison {
            Comparison::Equal => "=",
            Comparison::NotEqual => "<>",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        };
        if left.data_type == DataType::Json || right.data_type == DataType::Json {
            return Err(wordless("a comparison of json"));
        }
        Ok(format!("({} {word} {})", ordered(&self.node(left)?, left.data_type), self.node(right)?))
    }

    /// The server may look at the right side first; where that can fail, only `CASE` keeps the order.
    fn logic(&self, word: &str, decided: &str, left: &Node, right: &Node) -> Result<String> {
        let (l, r) = (self.node(left)?, self.node(right)?);
        if !fails(right) {
            return Ok(format!("({l} {word} {r})"));
        }
        Ok(format!("(CASE WHEN {l} IS {decided} THEN {decided} ELSE ({l} {word} {r}) END)"))
    }

    fn arithmetic(&self, operator: Operator, left: &Node, right: &Node, to: DataType) -> Result<String> {
        let (l, r) = (self.node(left)?, self.node(right)?);
        let symbol = operator.symbol();
        Ok(match (operator, to) {
            (Operator::Divide, DataType::Decimal { scale, .. }) => divided(&l, &r, to, scale),
            (Operator::Remainder, DataType::Decimal { .. } | DataType::Float64) => {
                return Err(wordless("% of fractions"));
            }
            (_, DataType::Decimal { .. }) => format!("CAST({l} {symbol} {r} AS {})", native(to)),
            (_, DataType::Date) => format!("({l} {symbol} CAST({r} AS integer))"),
            (Operator::Subtract, DataType::Int64) if left.data_type == DataType::Date => {
                format!("CAST({l} - {r} AS bigint)")
            }
            _ => format!("({l} {symbol} {r})"),
        })
    }

    fn call(&self, function: &Function, arguments: &[Node], to: DataType) -> Result<String> {
        let first = arguments.first().ok_or_else(|| Error::internal("a function got no arguments"))?;
        let of = self.node(first)?;
        let from = first.data_type;
        let whole = native(to);
        Ok(match function {
            Function::Length => format!("CAST(char_length({of}) AS bigint)"),
            Function::Join => {
                format!("({})", arguments.iter().map(|node| self.node(node)).collect::<Result<Vec<_>>>()?.join(" || "))
            }
            Function::Concat => format!("concat({})", self.list(arguments)?),
            Function::Abs => format!("abs({of})"),
            Function::Round(digits) if !is_float(from) && *digits >= 0 => {
                if is_integer(from) {
                    of
                } else {
                    format!("CAST(round({of}, {digits}) AS {whole})")
                }
            }
            Function::Floor | Function::Ceil if is_integer(from) => of,
            Function::Floor => format!("CAST(floor({of}) AS {whole})"),
            Function::Ceil => format!("CAST(ceil({of}) AS {whole})"),
            Function::DatePart(part) => date_part(&of, from, *part)?,
            Function::DateTrunc(part) => {
                let unit = unit(*part).ok_or_else(|| wordless("date_trunc"))?;
                match from {
                    DataType::TimestampTz => {
                        format!("(date_trunc('{unit}', {of} AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')")
                    }
                    _ => format!("CAST(date_trunc('{unit}', CAST({of} AS timestamp)) AS {whole})"),
                }
            }
            Function::Lower | Function::Upper => {
                return Err(wordless("upper and lower, which follow the database's locale,"));
            }
            Function::Matches(_) | Function::RegexReplace(_) => {
                return Err(wordless("a pattern (LIKE, ILIKE, regexp_matches, regexp_replace)"));
            }
            Function::Trim(_) => return Err(wordless("trim")),
            Function::Substring => return Err(wordless("substring")),
            Function::Replace => return Err(wordless("replace")),
            Function::SplitPart => return Err(wordless("split_part")),
            Function::Round(_) => return Err(wordless("this round")),
            Function::ParseDate(_) | Function::ParseTimestamp(_) => {
                return Err(wordless("a date in a format of its own"));
            }
        })
    }
}

/// Exact, rounded half away from zero once: the server's own division chooses its digits and would be rounded twice.
fn divided(left: &str, right: &str, to: DataType, scale: i8) -> String {
    let zeros = "0".repeat(usize::try_from(scale).unwrap_or(0));
    let unit = if scale == 0 { "1".to_owned() } else { format!("0.{}1", zeros.get(1..).unwrap_or_default()) };
    let (l, r) = (format!("CAST({left} AS numeric)"), format!("CAST({right} AS numeric)"));
    format!(
        "CAST(sign({l}) * sign({r}) * div(abs({l}) * 2{zeros} + abs({r}), 2 * abs({r})) * {unit} AS {})",
        native(to)
    )
}

/// Whether evaluating this can stop the statement.
fn fails(node: &Node) -> bool {
    match &node.kind {
        Kind::Literal { .. } | Kind::Column(_) => false,
        Kind::Convert { .. } | Kind::Arithmetic(..) | Kind::Negate(_) | Kind::Call(..) => true,
        Kind::Compare(_, left, right) | Kind::And(left, right) | Kind::Or(left, right) => fails(left) || fails(right),
        Kind::Not(inner) | Kind::IsNull(inner) | Kind::IsBoolean(inner, _) => fails(inner),
        Kind::In(inner, items) => fails(inner) || items.iter().any(fails),
        Kind::Case { branches, otherwise } => {
            branches.iter().any(|(condition, value)| fails(condition) || fails(value))
                || otherwise.as_deref().is_some_and(fails)
        }
        Kind::Coalesce(items) => items.iter().any(fails),
    }
}

pub(crate) fn cast(of: &str, from: DataType, to: DataType) -> Result<String> {
    use DataType as T;
    let whole = native(to);
    let plain = format!("CAST({of} AS {whole})");
    // What the engine does not read must not be read by the server either.
    let guarded = |pattern: &str| {
        let text = format!("CAST({of} AS text)");
        Ok(format!(
            "(CASE WHEN {text} ~ '^\\s*{pattern}\\s*$' THEN {plain} ELSE CAST('not a {to}: ' || {text} AS {whole}) END)"
        ))
    };
    match (from, to) {
        _ if from == to => Ok(of.to_owned()),
        (T::Text, to) if is_integer(to) => guarded("[+-]?[0-9]+"),
        (T::Text, T::Decimal { scale, .. }) => {
            guarded(&format!("[+-]?([0-9]+(\\.[0-9]{{0,{scale}}}0*)?|\\.[0-9]{{0,{scale}}}0*)"))
        }
        (T::Text, T::Date) => guarded("[0-9]{4}-[0-9]{2}-[0-9]{2}"),
        (T::Decimal { scale: old, .. }, T::Decimal { scale: new, .. }) if new >= old => Ok(plain),
        (T::Decimal { .. }, T::Float64 | T::Text) | (T::Date, T::Timestamp | T::Text) | (T::Timestamp, T::Date) => {
            Ok(plain)
        }
        (T::Date, T::TimestampTz) => Ok(format!("(CAST({of} AS timestamp) AT TIME ZONE 'UTC')")),
        (T::TimestampTz, T::Date) => Ok(format!("CAST({of} AT TIME ZONE 'UTC' AS date)")),
        (T::Boolean | T::Uuid, T::Text) | (T::Float32, T::Float64) => Ok(plain),
        (from, to)
            if is_integer(from) && (is_integer(to) || matches!(to, T::Decimal { .. } | T::Float64 | T::Text)) =>
        {
            Ok(plain)
        }
        _ => Err(wordless(&format!("a cast of {from} to {to}"))),
    }
}

fn date_part(of: &str, from: DataType, part: Part) -> Result<String> {
    let of = if from == DataType::TimestampTz { format!("({of} AT TIME ZONE 'UTC')") } else { of.to_owned() };
    let word = match part {
        Part::DayOfWeek => "dow",
        Part::IsoDayOfWeek => "isodow",
        Part::DayOfYear => "doy",
        Part::Epoch => return Err(wordless("epoch")),
        other => unit(other).unwrap_or("second"),
    };
    Ok(format!("CAST(trunc(extract({word} FROM {of})) AS bigint)"))
}

fn unit(part: Part) -> Option<&'static str> {
    Some(match part {
        Part::Year => "year",
        Part::Quarter => "quarter",
        Part::Month => "month",
        Part::Week => "week",
        Part::Day => "day",
        Part::Hour => "hour",
        Part::Minute => "minute",
        Part::Second => "second",
        Part::DayOfWeek | Part::IsoDayOfWeek | Part::DayOfYear | Part::Epoch => return None,
    })
}

pub(crate) fn literal(value: &ArrayRef, data_type: DataType) -> String {
    let whole = native(data_type);
    if value.is_null(0) {
        return format!("CAST(NULL AS {whole})");
    }
    let text = text_at(value, data_type, 0).unwrap_or_default();
    format!("CAST({} AS {whole})", text_literal(&text))
}

/// In quotes, safe whatever the server's setting for backslashes is.
pub(crate) fn text_literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') { format!("E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}

pub(crate) fn wordless(what: &str) -> Error {
    Error::unsupported(format!("{what} has no form in SQL with the same meaning"))
        .hint("Leave the push-down to another dataset, or write the step differently")
}
