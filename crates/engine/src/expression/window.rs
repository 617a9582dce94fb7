//! One column of a window step: a rank, a neighbour's value, or an aggregate of the partition or of the rows so far.

use super::bind::Binder;
use super::checked::Expression;
use super::common::digits;
use super::measure::{Group, Measure};
use super::{arithmetic, syntax};
use crate::convert::{decimals, floats, within};
use crate::errors::broken;
use crate::frame::Frame;
use arrow::array::{Array, ArrayRef, Decimal128Array, Float64Array, Int64Array, UInt32Array, make_comparator};
use arrow::compute::{SortOptions, take};
use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema, arrow::type_to_arrow};
use windvane_core::spec::verb::WindowFrame;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    RowNumber,
    Rank,
    DenseRank,
    /// The value so many rows before (or, negative, behind).
    Shift(i64),
    First,
    Last,
    /// Of the whole partition.
    Whole,
    /// Of the rows up to this one.
    Running(Running),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Running {
    Count,
    Sum,
    Avg,
    Min,
    Max,
}

#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) field: Field,
    pub(crate) function: Function,
    pub(crate) argument: Option<Expression>,
    measure: Option<Measure>,
}

const KNOWN: &str = "row_number(), rank(), dense_rank(), lag(x, 1), lead(x, 1), first_value(x), last_value(x), sum(x), \
                     avg(x), min(x), max(x), count(x), count(*)";

/// How many arguments a function of windows alone takes.
pub(super) fn arity(name: &str) -> Option<(usize, usize)> {
    match name {
        "row_number" | "rank" | "dense_rank" => Some((0, 0)),
        "lag" | "lead" => Some((1, 2)),
        "first_value" | "last_value" => Some((1, 1)),
        _ => None,
    }
}

impl Call {
    /// The columns of the input that it reads, by position.
    pub(crate) fn columns(&self, into: &mut BTreeSet<usize>) {
        self.argument.iter().for_each(|argument| argument.columns(into));
        self.measure.iter().for_each(|measure| measure.columns(into));
    }

    pub(crate) fn parse(name: &str, text: &str, schema: &Schema, frame: WindowFrame, ordered: bool) -> Result<Self> {
        let parsed = syntax::parse(text)?;
        let word =
            if let Expr::Function(call) = &parsed { call.name.to_string().to_lowercase() } else { String::new() };
        let (arguments, plain) = arguments(&parsed);
        let made = |function, data_type, nullable, argument| Self {
            field: Field { nullable, ..Field::new(name, data_type) },
            function,
            argument,
            measure: None,
        };
        let needs = |count: std::ops::RangeInclusive<usize>| {
            if plain && count.contains(&arguments.len()) {
                return Ok(());
            }
            Err(Error::spec(format!("the arguments of '{word}' are not what it takes")).hint(format!("Write {KNOWN}")))
        };
        let value = || {
            let first = arguments.first().ok_or_else(|| Error::internal("an argument is missing"))?;
            Ok::<_, Error>(Expression { text: text.to_owned(), node: Binder::new(schema, text).bind(first)? })
        };
        match word.as_str() {
            "row_number" => needs(0..=0).map(|()| made(Function::RowNumber, DataType::Int64, false, None)),
            "rank" | "dense_rank" => {
                needs(0..=0)?;
                if !ordered {
                    return Err(Error::spec(format!("'{word}' needs an order"))
                        .hint("Add order_by to the window step, for example: order_by: amount desc"));
                }
                let function = if word == "rank" { Function::Rank } else { Function::DenseRank };
                Ok(made(function, DataType::Int64, false, None))
            }
            "lag" | "lead" => {
                needs(1..=2)?;
                let value = value()?;
                let distance = arguments.get(1).map_or(Some(1), whole).ok_or_else(|| {
                    Error::spec(format!("the distance of '{word}' is not a whole number")).hint("Write lag(x, 1)")
                })?;
                let distance = if word == "lag" { distance } else { -distance };
                Ok(made(Function::Shift(distance), value.data_type(), true, Some(value)))
            }
            "first_value" | "last_value" => {
                needs(1..=1)?;
                let value = value()?;
                let function = if word == "first_value" { Function::First } else { Function::Last };
                Ok(made(function, value.data_type(), value.nullable(), Some(value)))
            }
            _ => {
                let measure = Measure::parse(name, text, schema, &Schema::new(Vec::new())).map_err(|error| {
                    let hint = format!("{}. A window step knows {KNOWN}", error.hint_text().unwrap_or_default());
                    error.hint(hint)
                })?;
                let field = measure.field.clone();
                if frame == WindowFrame::Whole {
                    return Ok(Self { field, function: Function::Whole, argument: None, measure: Some(measure) });
                }
                let running = match word.as_str() {
                    "count" => Running::Count,
                    "sum" => Running::Sum,
                    "avg" => Running::Avg,
                    "min" => Running::Min,
                    "max" => Running::Max,
                    _ => return Err(not_running(text)),
                };
                if !plain {
                    return Err(not_running(text));
                }
                let argument = if arguments.is_empty() { None } else { Some(value()?) };
                Ok(Self { field, function: Function::Running(running), argument, measure: None })
            }
        }
    }

    /// The rows where an argument fails.
    pub(crate) fn failures(&self, frame: &Frame) -> Result<BTreeMap<usize, String>> {
        match (&self.argument, &self.measure) {
            (Some(argument), _) => argument.evaluate(frame).map(|done| done.failures),
            (None, Some(measure)) => measure.arguments(frame).map(|(_, failures)| failures),
            (None, None) => Ok(BTreeMap::new()),
        }
    }

    /// An aggregate of each partition, for all of its rows.
    pub(crate) fn whole(&self, frame: &Frame, groups: &[Group]) -> Result<(ArrayRef, BTreeMap<usize, String>)> {
        let measure = self.measure.as_ref().ok_or_else(|| Error::internal("a window lost its measure"))?;
        let (arguments, _) = measure.arguments(frame)?;
        let (values, failed) = measure.of_groups(frame, &arguments, groups)?;
        let mut of = vec![0_u32; frame.len()];
        let mut failures = BTreeMap::new();
        for (index, group) in groups.iter().enumerate() {
            for row in group {
                of[*row as usize] = u32::try_from(index).unwrap_or(u32::MAX);
                if let Some(reason) = failed.get(&index) {
                    failures.insert(*row as usize, reason.clone());
                }
            }
        }
        Ok((take(&values, &UInt32Array::from(of), None).map_err(|error| broken(&error))?, failures))
    }

    /// The aggregate of the rows up to each.
    pub(crate) fn running(&self, running: Running, frame: &Frame, groups: &[Group]) -> Result<ArrayRef> {
        let Some(argument) = &self.argument else {
            let mut counts = vec![0_i64; frame.len()];
            for group in groups {
                for (count, row) in (1..).zip(group) {
                    counts[*row as usize] = count;
                }
            }
            return Ok(Arc::new(Int64Array::from(counts)));
        };
        let array = argument.evaluate(frame)?.values;
        match running {
            Running::Count => {
                let mut counts = vec![0_i64; frame.len()];
                for group in groups {
                    let mut count = 0;
                    for row in group {
                        count += i64::from(array.is_valid(*row as usize));
                        counts[*row as usize] = count;
                    }
                }
                Ok(Arc::new(Int64Array::from(counts)))
            }
            Running::Min | Running::Max => {
                let order = make_comparator(&array, &array, SortOptions::default()).map_err(|error| broken(&error))?;
                let mut chosen = vec![None; frame.len()];
                for group in groups {
                    let mut best: Option<u32> = None;
                    for row in group {
                        let better = |best: u32| {
                            let order = order(*row as usize, best as usize);
                            if running == Running::Min { order.is_lt() } else { order.is_gt() }
                        };
                        if array.is_valid(*row as usize) && best.is_none_or(better) {
                            best = Some(*row);
                        }
                        chosen[*row as usize] = best;
                    }
                }
                take(&array, &UInt32Array::from(chosen), None).map_err(|error| broken(&error))
            }
            Running::Sum | Running::Avg if self.field.data_type == DataType::Float64 => {
                let values = floats(&array)?;
                let mut results = vec![None; frame.len()];
                for group in groups {
                    let (mut sum, mut count) = (0.0, 0.0);
                    for row in group {
                        if values.is_valid(*row as usize) {
                            sum += values.value(*row as usize);
                            count += 1.0;
                        }
                        let divisor = if running == Running::Avg { count } else { 1.0 };
                        results[*row as usize] = (count > 0.0).then(|| sum / divisor);
                    }
                }
                Ok(Arc::new(Float64Array::from(results)))
            }
            Running::Sum | Running::Avg => self.exact(running, &array, argument.data_type(), frame, groups),
        }
    }

    fn exact(
        &self,
        running: Running,
        array: &ArrayRef,
        from: DataType,
        frame: &Frame,
        groups: &[Group],
    ) -> Result<ArrayRef> {
        let (values, _) = decimals(array, from)?;
        let to = self.field.data_type;
        let extra = digits(to).1 - digits(from).1;
        let mut results: Vec<Option<i128>> = vec![None; frame.len()];
        for group in groups {
            let (mut sum, mut count) = (Some(0_i128), 0_i128);
            for row in group {
                let at = *row as usize;
                if values.is_valid(at) {
                    sum = sum.and_then(|sum| sum.checked_add(values.value(at)));
                    count += 1;
                }
                if count == 0 {
                    continue;
                }
                let result = match running {
                    Running::Avg => sum.and_then(|sum| arithmetic::divide(sum, count, extra)),
                    _ => sum,
                };
                let fits = |value: &i128| {
                    if to == DataType::Int64 { i64::try_from(*value).is_ok() } else { within(*value, 38) }
                };
                results[at] = Some(result.filter(fits).ok_or_else(|| {
                    Error::data(format!("a running total is out of range of {to}"))
                        .in_row(frame.number(at))
                        .hint("Cast the column to decimal(38,0), or to float64 when digits do not matter")
                })?);
            }
        }
        if to == DataType::Int64 {
            let narrow = results.into_iter().map(|value| value.and_then(|value| i64::try_from(value).ok()));
            return Ok(Arc::new(narrow.collect::<Int64Array>()));
        }
        Ok(Arc::new(Decimal128Array::from(results).with_data_type(type_to_arrow(to))))
    }
}

fn not_running(text: &str) -> Error {
    Error::unsupported(format!("{} has no running form", syntax::shown(text)))
        .hint("Write one plain aggregate such as sum(x), or say frame: whole; compute with it in a derive step")
}

/// The plain arguments of a call, and whether there is nothing else to it.
fn arguments(expr: &Expr) -> (Vec<Expr>, bool) {
    let Expr::Function(call) = expr else { return (Vec::new(), false) };
    let bare = call.over.is_none() && call.filter.is_none() && call.within_group.is_empty();
    let FunctionArguments::List(list) = &call.args else { return (Vec::new(), false) };
    let mut plain = bare && list.clauses.is_empty() && list.duplicate_treatment.is_none();
    let mut found = Vec::new();
    for argument in &list.args {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => found.push(expr.clone()),
            // count(*) has no argument.
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => {}
            _ => plain = false,
        }
    }
    (found, plain)
}

fn whole(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

impl Call {
    /// As SQL or as polars code: the function's word with its argument, or the aggregate.
    pub(crate) fn measure(&self) -> Option<&Measure> {
        self.measure.as_ref()
    }
}
