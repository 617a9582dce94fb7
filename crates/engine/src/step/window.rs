//! Window, and fill from other rows: every row keeps its place and looks at its partition.

use super::fields::{changed, position};
use super::order::{self, Key};
use super::rows::{Failures, Outcome, reject};
use crate::convert::{self, is_float};
use crate::errors::broken;
use crate::expression::Expression;
use crate::expression::measure::{Group, Measure};
use crate::expression::window::{Call, Function};
use crate::frame::Frame;
use arrow::array::{Array, ArrayRef, Int64Array, UInt32Array};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{is_not_null, take};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema};
use windvane_core::spec::verb::{FillFrom, FillSource, Window as Step, WindowFrame};

#[derive(Debug, Clone)]
pub(super) struct Window {
    by: Vec<usize>,
    order: Vec<Key>,
    whole: bool,
    /// The position after the step.
    calls: Vec<(usize, Call)>,
}

pub(super) fn check(step: &Step, schema: &Schema) -> Result<(Window, Schema)> {
    let by = order::columns(step.partition_by.as_ref(), schema, "partition_by")?;
    let names = step.order_by.as_ref().map(|names| names.0.as_slice()).unwrap_or_default();
    let order = order::keys(names, schema, false).map_err(|error| error.at_path("order_by"))?;
    let frame = step.frame.unwrap_or(if order.is_empty() { WindowFrame::Whole } else { WindowFrame::Running });
    if step.columns.is_empty() {
        return Err(Error::spec("the window makes no column")
            .at_path("columns")
            .hint("Write columns: {n: row_number()}"));
    }
    let mut after = schema.clone();
    let mut calls = Vec::new();
    for (name, text) in &step.columns {
        let located = |error: Error| error.at_path(format!("columns.{name}"));
        let call = Call::parse(name, text, schema, frame, !order.is_empty()).map_err(located)?;
        let index = schema.fields.iter().position(|field| field.name == *name);
        match index.and_then(|index| after.fields.get_mut(index)) {
            Some(slot) => *slot = changed(slot, call.field.clone()),
            None => after.fields.push(call.field.clone()),
        }
        calls.push((index.unwrap_or(after.fields.len() - 1), call));
    }
    Ok((Window { by, order, whole: frame == WindowFrame::Whole, calls }, after))
}

impl Window {
    pub(super) fn needed(&self, into: &mut BTreeSet<usize>) {
        into.extend(self.by.iter().copied().chain(self.order.iter().map(|key| key.index())));
        self.calls.iter().for_each(|(_, call)| call.columns(into));
    }

    /// The positions of the columns that it makes.
    pub(super) fn made(&self) -> impl Iterator<Item = usize> {
        self.calls.iter().map(|(index, _)| *index)
    }

    pub(super) fn run(&self, schema: &Schema, frame: &Frame, outcome: &mut Outcome) -> Result<Frame> {
        let mut failures = Failures::new();
        for (_, call) in &self.calls {
            for (row, reason) in call.failures(frame)? {
                failures.entry(row).or_insert((Some(call.field.name.clone()), reason));
            }
        }
        let frame = &reject(frame, frame.clone(), failures, outcome)?;
        let positions = order::positions(frame, &self.order)?;
        let groups = order::groups(frame, &self.by, &positions)?;
        let mut columns = frame.rows.columns().to_vec();
        let mut failures = Failures::new();
        for (index, call) in &self.calls {
            let (values, failed) = self.column(call, frame, &groups)?;
            for (row, reason) in failed {
                failures.entry(row).or_insert((Some(call.field.name.clone()), reason));
            }
            match columns.get_mut(*index) {
                Some(slot) => *slot = values,
                None => columns.push(values),
            }
        }
        let done = Frame::new(schema.clone(), columns, frame.numbers.clone())?;
        reject(frame, done, failures, outcome)
    }

    fn column(&self, call: &Call, frame: &Frame, groups: &[Group]) -> Result<(ArrayRef, BTreeMap<usize, String>)> {
        let values = match call.function {
            Function::Whole => return call.whole(frame, groups),
            Function::Running(running) => call.running(running, frame, groups)?,
            Function::RowNumber => numbered(frame, groups),
            Function::Rank | Function::DenseRank => self.ranks(call.function == Function::DenseRank, frame, groups)?,
            Function::Shift(distance) => neighbour(call, frame, groups, |at, _| at.checked_sub(distance))?,
            Function::First => neighbour(call, frame, groups, |_, _| Some(0))?,
            Function::Last if self.whole => neighbour(call, frame, groups, |_, length| Some(length - 1))?,
            Function::Last => neighbour(call, frame, groups, |at, _| Some(at))?,
        };
        Ok((values, BTreeMap::new()))
    }

    fn ranks(&self, dense: bool, frame: &Frame, groups: &[Group]) -> Result<ArrayRef> {
        let keys = order::encoded(frame, &self.order)?;
        let mut ranks = vec![0_i64; frame.len()];
        for group in groups {
            let (mut rank, mut before) = (0, None);
            for (at, row) in (1..).zip(group) {
                let key = keys.row(*row as usize);
                if before != Some(key) {
                    rank = if dense { rank + 1 } else { at };
                }
                before = Some(key);
                ranks[*row as usize] = rank;
            }
        }
        Ok(Arc::new(Int64Array::from(ranks)))
    }
}

fn numbered(frame: &Frame, groups: &[Group]) -> ArrayRef {
    let mut numbers = vec![0_i64; frame.len()];
    for group in groups {
        for (at, row) in (1..).zip(group) {
            numbers[*row as usize] = at;
        }
    }
    Arc::new(Int64Array::from(numbers))
}

/// The argument's value in the row of the partition that `which` names, null where there is none.
fn neighbour(
    call: &Call,
    frame: &Frame,
    groups: &[Group],
    which: impl Fn(i64, i64) -> Option<i64>,
) -> Result<ArrayRef> {
    let argument = call.argument.as_ref().ok_or_else(|| Error::internal("a window lost its argument"))?;
    let values = argument.evaluate(frame)?.values;
    let mut chosen: Vec<Option<u32>> = vec![None; frame.len()];
    for group in groups {
        let length = i64::try_from(group.len()).unwrap_or(i64::MAX);
        for (at, row) in (0..).zip(group) {
            let wanted = which(at, length).and_then(|wanted| usize::try_from(wanted).ok());
            chosen[*row as usize] = wanted.and_then(|wanted| group.get(wanted)).copied();
        }
    }
    take(&values, &UInt32Array::from(chosen), None).map_err(|error| broken(&error))
}

/// A column whose nulls become what other rows say.
#[derive(Debug, Clone)]
pub(super) struct Refill {
    index: usize,
    data_type: DataType,
    from: FillSource,
    by: Vec<usize>,
    order: Vec<Key>,
    measure: Option<Measure>,
}

pub(super) fn refill(name: &str, from: &FillFrom, schema: &Schema) -> Result<Refill> {
    let index = position(name, schema)?;
    let field = schema.fields.get(index).ok_or_else(|| Error::internal("a fill outlived its column"))?;
    let names = from.order_by.as_ref().map(|names| names.0.as_slice()).unwrap_or_default();
    let data_type = field.data_type;
    let function = match from.from {
        FillSource::Previous | FillSource::Next => None,
        FillSource::Mean if is_float(data_type) || matches!(data_type, DataType::Decimal { .. }) => Some("avg"),
        FillSource::Mean => {
            return Err(Error::spec(format!("the mean of a {data_type} is not a {data_type}"))
                .at_path(name)
                .hint("Cast the column to float64 or decimal first, or fill from previous, next, min or max"));
        }
        FillSource::Min => Some("min"),
        FillSource::Max => Some("max"),
    };
    let quoted = windvane_core::schema::sql::quote(name);
    let measure = function
        .map(|function| Measure::parse(name, &format!("{function}({quoted})"), schema, &Schema::new(Vec::new())));
    Ok(Refill {
        index,
        data_type,
        from: from.from,
        by: order::columns(from.partition_by.as_ref(), schema, &format!("{name}.partition_by"))?,
        order: order::keys(names, schema, false).map_err(|error| error.at_path(format!("{name}.order_by")))?,
        measure: measure.transpose()?,
    })
}

impl Refill {
    pub(super) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn needed(&self) -> impl Iterator<Item = usize> {
        self.by.iter().copied().chain(self.order.iter().map(|key| key.index())).chain([self.index])
    }

    pub(super) fn run(&self, frame: &Frame, arrays: &mut [ArrayRef]) -> Result<()> {
        let filled = self.filled(frame)?;
        if let Some(slot) = arrays.get_mut(self.index) {
            *slot = filled;
        }
        Ok(())
    }

    fn filled(&self, frame: &Frame) -> Result<ArrayRef> {
        let column =
            frame.rows.columns().get(self.index).ok_or_else(|| Error::internal("a fill outlived its column"))?;
        let positions = order::positions(frame, &self.order)?;
        let groups = order::groups(frame, &self.by, &positions)?;
        let Some(measure) = &self.measure else {
            return take(column, &self.nearest(column, &groups), None).map_err(|error| broken(&error));
        };
        let (arguments, _) = measure.arguments(frame)?;
        let (values, _) = measure.of_groups(frame, &arguments, &groups)?;
        let values = rounded(&values, measure.field.data_type, self.data_type)?;
        let mut of = vec![0_u32; frame.len()];
        for (group, number) in groups.iter().zip(0_u32..) {
            for row in group {
                of[*row as usize] = number;
            }
        }
        let filled = || zip(&is_not_null(column)?, column, &take(&values, &UInt32Array::from(of), None)?);
        filled().map_err(|error| broken(&error))
    }

    /// Per row the row whose value it has.
    fn nearest(&self, column: &ArrayRef, groups: &[Group]) -> UInt32Array {
        let mut chosen: Vec<Option<u32>> = vec![None; column.len()];
        for group in groups {
            let mut known = None;
            let mut look = |row: &u32| {
                if column.is_valid(*row as usize) {
                    known = Some(*row);
                }
                chosen[*row as usize] = known;
            };
            match self.from {
                FillSource::Next => group.iter().rev().for_each(&mut look),
                FillSource::Previous | FillSource::Mean | FillSource::Min | FillSource::Max => {
                    group.iter().for_each(&mut look);
                }
            }
        }
        UInt32Array::from(chosen)
    }
}

/// The mean of decimals has more digits than they have.
fn rounded(values: &ArrayRef, from: DataType, to: DataType) -> Result<ArrayRef> {
    if from == to {
        return Ok(values.clone());
    }
    let schema = Schema::new(vec![Field::new("mean", from)]);
    let frame = Frame::new(schema.clone(), vec![values.clone()], Int64Array::from(vec![0; values.len()]))?;
    let text = match to {
        DataType::Decimal { scale, .. } => format!("CAST(round(mean, {scale}) AS {to})"),
        _ => format!("CAST(mean AS {to})"),
    };
    let done = Expression::parse(&text, &schema)?.evaluate(&frame)?;
    if !done.failures.is_empty() {
        return Err(Error::internal("a mean does not fit its own column"));
    }
    Ok(convert::convert(&done.values, to, to)?.0)
}
