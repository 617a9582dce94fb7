//! Aggregates that grow row by row, one value a group. Nulls are left out.

use super::aggregate::{Aggregate, AggregateCall};
use super::arithmetic;
use super::common::digits;
use crate::convert::{decimals, floats, is_float, within};
use crate::errors::broken;
use crate::key::{Encoder, Table};
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, Decimal128Array, Float64Array, Int64Array, PrimitiveArray,
    UInt32Array, new_empty_array,
};
use arrow::datatypes::{ArrowNativeTypeOp, Decimal128Type, Int64Type};
use arrow::row::{RowConverter, SortField};
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, arrow::type_to_arrow};

/// What one call has seen so far, by group.
pub(crate) struct Accumulator {
    aggregate: Aggregate,
    from: DataType,
    to: DataType,
    /// Rows that count.
    counts: Vec<i64>,
    state: State,
}

enum State {
    Count,
    Distinct(Box<(Encoder, Table)>),
    Exact(Vec<i128>),
    Float(Vec<f64>),
    Best(Box<dyn Best>),
}

impl Accumulator {
    pub(super) fn new(call: &AggregateCall) -> Result<Self> {
        let from = call.from();
        let to = call.data_type;
        let state = match call.aggregate {
            Aggregate::Count => State::Count,
            Aggregate::CountDistinct => {
                let types = [arrow::datatypes::DataType::UInt32, type_to_arrow(from)];
                State::Distinct(Box::new((Encoder::new(&types)?, Table::default())))
            }
            Aggregate::Min | Aggregate::Max => State::Best(best(from, call.aggregate == Aggregate::Min)?),
            Aggregate::Sum | Aggregate::Avg if is_float(from) || to == DataType::Float64 => State::Float(Vec::new()),
            Aggregate::Sum | Aggregate::Avg => State::Exact(Vec::new()),
        };
        Ok(Self { aggregate: call.aggregate, from, to, counts: Vec::new(), state })
    }

    /// Bytes of memory.
    pub(crate) fn size(&self) -> usize {
        let state = match &self.state {
            State::Count => 0,
            State::Distinct(seen) => seen.1.size(),
            State::Exact(sums) => sums.capacity() * size_of::<i128>(),
            State::Float(sums) => sums.capacity() * size_of::<f64>(),
            State::Best(best) => best.size(),
        };
        state + self.counts.capacity() * size_of::<i64>()
    }

    /// Rows of these groups, of which there are `total` by now; no argument for `count(*)`. Names the first group whose
    /// sum is out of range.
    pub(crate) fn update(
        &mut self,
        argument: Option<&ArrayRef>,
        groups: &UInt32Array,
        total: usize,
    ) -> Result<Option<usize>> {
        self.counts.resize(total, 0);
        let groups = groups.values();
        let Some(array) = argument else {
            groups.iter().for_each(|group| self.counts[*group as usize] += 1);
            return Ok(None);
        };
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        let valid = |row: usize| nulls.is_none_or(|nulls| nulls.is_valid(row));
        for (row, group) in groups.iter().enumerate() {
            self.counts[*group as usize] += i64::from(valid(row));
        }
        match &mut self.state {
            State::Count => {}
            State::Distinct(seen) => {
                let (encoder, table) = seen.as_mut();
                let keys = encoder.encode(&[Arc::new(UInt32Array::new(groups.clone(), None)), array.clone()])?;
                for (row, group) in groups.iter().enumerate() {
                    if valid(row) && !table.intern(&keys, row)?.1 {
                        self.counts[*group as usize] -= 1;
                    }
                }
            }
            State::Float(sums) => {
                // The neutral element of addition, also for a negative zero.
                sums.resize(total, -0.0);
                let values = floats(array)?;
                for (row, (group, value)) in groups.iter().zip(values.values()).enumerate() {
                    if valid(row) {
                        sums[*group as usize] += value;
                    }
                }
            }
            State::Exact(sums) => {
                sums.resize(total, 0);
                if array.data_type() == &arrow::datatypes::DataType::Int64 {
                    let values = array.as_primitive::<Int64Type>().values().iter().map(|value| i128::from(*value));
                    return Ok(add(sums, groups, values, valid));
                }
                let (values, _) = decimals(array, self.from)?;
                return Ok(add(sums, groups, values.values().iter().copied(), valid));
            }
            State::Best(best) => best.update(array, groups, total)?,
        }
        Ok(None)
    }

    /// One value a group. `overflow` makes the error for a group whose result is out of range.
    pub(crate) fn finish(self, groups: usize, overflow: impl Fn(usize) -> Error) -> Result<ArrayRef> {
        let Self { aggregate, from, to, mut counts, state } = self;
        counts.resize(groups, 0);
        match state {
            State::Count | State::Distinct(_) => Ok(Arc::new(Int64Array::from(counts))),
            State::Best(best) => best.finish(groups),
            State::Float(mut sums) => {
                sums.resize(groups, -0.0);
                #[expect(clippy::cast_precision_loss, reason = "an average of floats is not exact anyway")]
                let value = |(sum, count): (&f64, &i64)| {
                    let divisor = if aggregate == Aggregate::Avg { *count as f64 } else { 1.0 };
                    (*count > 0).then(|| sum / divisor)
                };
                Ok(Arc::new(sums.iter().zip(&counts).map(value).collect::<Float64Array>()))
            }
            State::Exact(mut sums) => {
                sums.resize(groups, 0);
                let extra = digits(to).1 - digits(from).1;
                let mut values = Vec::with_capacity(groups);
                for (group, (sum, count)) in sums.into_iter().zip(counts).enumerate() {
                    let value = match aggregate {
                        _ if count == 0 => None,
                        Aggregate::Avg => {
                            let mean = arithmetic::divide(sum, i128::from(count), extra);
                            Some(mean.ok_or_else(|| overflow(group))?)
                        }
                        _ => Some(sum),
                    };
                    if value.is_some_and(|value| !within(value, 38)) {
                        return Err(overflow(group));
                    }
                    values.push(value);
                }
                if to != DataType::Int64 {
                    return Ok(Arc::new(Decimal128Array::from(values).with_data_type(type_to_arrow(to))));
                }
                let narrow = values.into_iter().enumerate().map(|(group, value)| {
                    value.map(|value| i64::try_from(value).map_err(|_| overflow(group))).transpose()
                });
                Ok(Arc::new(narrow.collect::<Result<Int64Array>>()?))
            }
        }
    }
}

fn add(
    sums: &mut [i128],
    groups: &[u32],
    values: impl Iterator<Item = i128>,
    valid: impl Fn(usize) -> bool,
) -> Option<usize> {
    for (row, (group, value)) in groups.iter().zip(values).enumerate() {
        if !valid(row) {
            continue;
        }
        let sum = sums.get_mut(*group as usize)?;
        match sum.checked_add(value) {
            Some(next) => *sum = next,
            None => return Some(*group as usize),
        }
    }
    None
}

/// The smallest or the greatest value of each group; floats in their total order.
trait Best: Send + Sync {
    fn update(&mut self, array: &ArrayRef, groups: &[u32], total: usize) -> Result<()>;
    fn size(&self) -> usize;
    fn finish(self: Box<Self>, groups: usize) -> Result<ArrayRef>;
}

fn best(of: DataType, smallest: bool) -> Result<Box<dyn Best>> {
    use arrow::datatypes as a;
    let data_type = type_to_arrow(of);
    Ok(match of {
        DataType::Int16 => numbers::<a::Int16Type>(data_type, smallest),
        DataType::Int32 => numbers::<a::Int32Type>(data_type, smallest),
        DataType::Int64 => numbers::<Int64Type>(data_type, smallest),
        DataType::Float32 => numbers::<a::Float32Type>(data_type, smallest),
        DataType::Float64 => numbers::<a::Float64Type>(data_type, smallest),
        DataType::Decimal { .. } => numbers::<Decimal128Type>(data_type, smallest),
        DataType::Date => numbers::<a::Date32Type>(data_type, smallest),
        DataType::Time => numbers::<a::Time64MicrosecondType>(data_type, smallest),
        DataType::Timestamp | DataType::TimestampTz => numbers::<a::TimestampMicrosecondType>(data_type, smallest),
        DataType::Boolean | DataType::Text | DataType::Binary | DataType::Json | DataType::Uuid => {
            let converter = RowConverter::new(vec![SortField::new(data_type.clone())]);
            let converter = converter.map_err(|error| broken(&error))?;
            Box::new(Bytes { converter, data_type, smallest, best: Vec::new(), held: 0 })
        }
    })
}

fn numbers<P: ArrowPrimitiveType>(data_type: arrow::datatypes::DataType, smallest: bool) -> Box<dyn Best> {
    Box::new(Numbers::<P> { data_type, smallest, best: Vec::new() })
}

struct Numbers<P: ArrowPrimitiveType> {
    data_type: arrow::datatypes::DataType,
    smallest: bool,
    best: Vec<Option<P::Native>>,
}

impl<P: ArrowPrimitiveType> Best for Numbers<P> {
    fn update(&mut self, array: &ArrayRef, groups: &[u32], total: usize) -> Result<()> {
        self.best.resize(total, None);
        for (value, group) in array.as_primitive::<P>().iter().zip(groups) {
            let (Some(value), Some(slot)) = (value, self.best.get_mut(*group as usize)) else { continue };
            let better = |known: P::Native| if self.smallest { value.is_lt(known) } else { value.is_gt(known) };
            if slot.is_none_or(better) {
                *slot = Some(value);
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        self.best.capacity() * size_of::<Option<P::Native>>()
    }

    fn finish(mut self: Box<Self>, groups: usize) -> Result<ArrayRef> {
        self.best.resize(groups, None);
        let values: PrimitiveArray<P> = self.best.into_iter().collect();
        Ok(Arc::new(values.with_data_type(self.data_type)))
    }
}

struct Bytes {
    converter: RowConverter,
    data_type: arrow::datatypes::DataType,
    smallest: bool,
    best: Vec<Option<Box<[u8]>>>,
    held: usize,
}

impl Best for Bytes {
    fn update(&mut self, array: &ArrayRef, groups: &[u32], total: usize) -> Result<()> {
        self.best.resize(total, None);
        let rows = self.converter.convert_columns(std::slice::from_ref(array)).map_err(|error| broken(&error))?;
        for (row, group) in groups.iter().enumerate() {
            let Some(slot) = self.best.get_mut(*group as usize) else { continue };
            if array.is_null(row) {
                continue;
            }
            let value = rows.row(row);
            let value = value.data();
            let better = |known: &[u8]| if self.smallest { value < known } else { value > known };
            if slot.as_deref().is_none_or(better) {
                self.held = self.held + value.len() - slot.as_ref().map_or(0, |old| old.len());
                *slot = Some(value.into());
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        self.held + self.best.capacity() * size_of::<Option<Box<[u8]>>>()
    }

    fn finish(mut self: Box<Self>, groups: usize) -> Result<ArrayRef> {
        self.best.resize(groups, None);
        if groups == 0 {
            return Ok(new_empty_array(&self.data_type));
        }
        let none = arrow::array::new_null_array(&self.data_type, 1);
        let none = self.converter.convert_columns(&[none]).map_err(|error| broken(&error))?;
        let none = none.row(0);
        let parser = self.converter.parser();
        let rows = self.best.iter().map(|best| best.as_deref().map_or(none, |bytes| parser.parse(bytes)));
        let columns = self.converter.convert_rows(rows).map_err(|error| broken(&error))?;
        columns.into_iter().next().ok_or_else(|| Error::internal("a column of best values is lost"))
    }
}
