//! Checked nodes to columns. `active` says which rows count: only they can fail, so that `CASE`, `AND`, `OR` and
//! `coalesce` protect what they do not reach.

use super::column::{is_false, is_true, narrowed, repeat};
use super::failing::Failing;
use super::function::Function;
use super::node::{Comparison, Kind, Node, Operator};
use super::round::{round, unary};
use super::{arithmetic, compare, text, time};
use crate::convert;
use crate::errors::broken;
use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::zip::zip;
use arrow::compute::{and_kleene, is_null, not, or_kleene};
use arrow::datatypes::{Decimal128Type, Float64Type, Int64Type};
use std::collections::BTreeMap;
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::DataType;

pub(super) struct Evaluation<'a> {
    batch: &'a RecordBatch,
    failures: BTreeMap<usize, String>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(batch: &'a RecordBatch) -> Self {
        Self { batch, failures: BTreeMap::new() }
    }

    pub(super) fn failures(self) -> BTreeMap<usize, String> {
        self.failures
    }

    fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    pub(super) fn node(&mut self, node: &Node, active: Option<&BooleanBuffer>) -> Result<ArrayRef> {
        match &node.kind {
            Kind::Literal { value, .. } => repeat(value, self.rows()),
            Kind::Column(index) => {
                let column = self.batch.columns().get(*index);
                column.cloned().ok_or_else(|| Error::internal("an expression outlived its columns"))
            }
            Kind::Convert { from, null_on_failure } => self.convert(from, node.data_type, *null_on_failure, active),
            Kind::Arithmetic(operator, left, right) => self.arithmetic(*operator, left, right, node.data_type, active),
            Kind::Negate(inner) => self.negate(inner, active),
            Kind::Compare(comparison, left, right) => self.compare(*comparison, left, right, active),
            Kind::And(left, right) => self.logic(left, right, true, active),
            Kind::Or(left, right) => self.logic(left, right, false, active),
            Kind::Not(inner) => {
                let inner = self.node(inner, active)?;
                done(not(compare::as_boolean(&inner)))
            }
            Kind::IsNull(inner) => {
                let inner = self.node(inner, active)?;
                done(is_null(&inner))
            }
            Kind::IsBoolean(inner, wanted) => {
                let inner = self.node(inner, active)?;
                let found = if *wanted { is_true(inner.as_boolean()) } else { is_false(inner.as_boolean()) };
                Ok(Arc::new(BooleanArray::new(found, None)))
            }
            Kind::In(inner, items) => self.is_in(inner, items, active),
            Kind::Case { branches, otherwise } => self.case(branches, otherwise.as_deref(), node.data_type, active),
            Kind::Coalesce(items) => self.coalesce(items, node.data_type, active),
            Kind::Call(function, arguments) => self.call(function, arguments, node.data_type, active),
        }
    }

    fn convert(
        &mut self,
        from: &Node,
        to: DataType,
        null_on_failure: bool,
        active: Option<&BooleanBuffer>,
    ) -> Result<ArrayRef> {
        let array = self.node(from, active)?;
        let (converted, failed) = convert::convert(&array, from.data_type, to)?;
        if !null_on_failure {
            let mut failing = Failing { active, failures: &mut self.failures };
            for row in failed {
                let shown = || format!("'{}' is not {}", text::shown(&array, from.data_type, row), to.with_article());
                let _: Option<()> = failing.fail(row, shown);
            }
        }
        Ok(converted)
    }

    fn arithmetic(
        &mut self,
        operator: Operator,
        left: &Node,
        right: &Node,
        to: DataType,
        active: Option<&BooleanBuffer>,
    ) -> Result<ArrayRef> {
        let (l, r) = (self.node(left, active)?, self.node(right, active)?);
        let mut failing = Failing { active, failures: &mut self.failures };
        arithmetic::evaluate(operator, (&l, left.data_type), (&r, right.data_type), to, &mut failing)
    }

    fn negate(&mut self, inner: &Node, active: Option<&BooleanBuffer>) -> Result<ArrayRef> {
        let array = self.node(inner, active)?;
        let mut failing = Failing { active, failures: &mut self.failures };
        Ok(match inner.data_type {
            DataType::Int64 => unary::<Int64Type>(&array, inner.data_type, |value, row| {
                value.checked_neg().or_else(|| failing.out_of_range(row, format_args!("-({value})"), DataType::Int64))
            }),
            DataType::Float64 => unary::<Float64Type>(&array, inner.data_type, |value, _| Some(-value)),
            _ => unary::<Decimal128Type>(&array, inner.data_type, |value, _| Some(-value)),
        })
    }

    fn compare(
        &mut self,
        comparison: Comparison,
        left: &Node,
        right: &Node,
        active: Option<&BooleanBuffer>,
    ) -> Result<ArrayRef> {
        let l = self.node(left, active)?;
        if let Some(value) = right.literal()
            && let Some(compared) = compare::with_value(comparison, (&l, left.data_type), (value, right.data_type))
        {
            return Ok(Arc::new(compared?));
        }
        let r = self.node(right, active)?;
        Ok(Arc::new(compare::evaluate(comparison, (&l, left.data_type), (&r, right.data_type))?))
    }

    fn logic(&mut self, left: &Node, right: &Node, and: bool, active: Option<&BooleanBuffer>) -> Result<ArrayRef> {
        let left = self.node(left, active)?;
        let left = left.as_boolean();
        let decided = if and { is_false(left) } else { is_true(left) };
        let reached = narrowed(active, &!&decided);
        let right = self.node(right, Some(&reached))?;
        let right = right.as_boolean();
        done(if and { and_kleene(left, right) } else { or_kleene(left, right) })
    }

    fn is_in(&mut self, inner: &Node, items: &[Node], active: Option<&BooleanBuffer>) -> Result<ArrayRef> {
        let array = self.node(inner, active)?;
        let mut found = BooleanArray::from(vec![false; self.rows()]);
        for item in items {
            let equal = if let Some(value) = item.literal() {
                compare::equals_value((&array, inner.data_type), (value, item.data_type))?
            } else {
                let value = self.node(item, active)?;
                compare::evaluate(Comparison::Equal, (&array, inner.data_type), (&value, item.data_type))?
            };
            found = or_kleene(&found, &equal).map_err(|error| broken(&error))?;
        }
        Ok(Arc::new(found))
    }

    fn case(
        &mut self,
        branches: &[(Node, Node)],
        otherwise: Option<&Node>,
        data_type: DataType,
        active: Option<&BooleanBuffer>,
    ) -> Result<ArrayRef> {
        let mut remaining = active.cloned().unwrap_or_else(|| BooleanBuffer::new_set(self.rows()));
        let mut chosen = Vec::new();
        for (condition, value) in branches {
            let condition = self.node(condition, Some(&remaining))?;
            let hit = &is_true(condition.as_boolean()) & &remaining;
            if hit.count_set_bits() > 0 {
                let value = self.node(value, Some(&hit))?;
                remaining = &remaining & &!&hit;
                chosen.push((BooleanArray::new(hit, None), value));
            }
        }
        let mut result = match otherwise {
            Some(otherwise) => self.node(otherwise, Some(&remaining))?,
            None => convert::nulls(data_type, self.rows()),
        };
        for (hit, value) in chosen {
            result = zip(&hit, &value, &result).map_err(|error| broken(&error))?;
        }
        Ok(result)
    }

    fn coalesce(&mut self, items: &[Node], data_type: DataType, active: Option<&BooleanBuffer>) -> Result<ArrayRef> {
        let mut result = convert::nulls(data_type, self.rows());
        for item in items {
            let missing = is_null(&result).map_err(|error| broken(&error))?;
            let reached = narrowed(active, missing.values());
            if reached.count_set_bits() == 0 {
                break;
            }
            let value = self.node(item, Some(&reached))?;
            result = zip(&missing, &value, &result).map_err(|error| broken(&error))?;
        }
        Ok(result)
    }

    fn call(
        &mut self,
        function: &Function,
        arguments: &[Node],
        to: DataType,
        active: Option<&BooleanBuffer>,
    ) -> Result<ArrayRef> {
        let mut arrays = Vec::with_capacity(arguments.len());
        for argument in arguments {
            arrays.push(self.node(argument, active)?);
        }
        let (Some(first), Some(from)) = (arrays.first(), arguments.first().map(|argument| argument.data_type)) else {
            return Err(Error::internal("a function got no arguments"));
        };
        let mut failing = Failing { active, failures: &mut self.failures };
        match function {
            Function::Abs | Function::Round(_) | Function::Floor | Function::Ceil => {
                Ok(round(function, first, from, to, &mut failing))
            }
            Function::DatePart(part) => Ok(time::part(*part, first, from)),
            Function::DateTrunc(unit) => Ok(time::trunc(*unit, first, from)),
            Function::ParseDate(format) | Function::ParseTimestamp(format) => {
                let formats = std::slice::from_ref(format);
                let texts = first.as_string::<i32>().iter().enumerate();
                let values = texts.map(|(row, text)| {
                    let text = text?;
                    time::read(text, formats, to).or_else(|| {
                        failing.fail(row, || format!("'{text}' is not {} in the format '{format}'", to.with_article()))
                    })
                });
                let values = values.collect();
                Ok(time::column(values, to))
            }
            Function::Lower
            | Function::Upper
            | Function::Trim(_)
            | Function::Length
            | Function::Substring
            | Function::Replace
            | Function::Join
            | Function::Concat
            | Function::SplitPart
            | Function::Matches(_)
            | Function::RegexReplace(_) => text::evaluate(function, &arrays),
        }
    }
}

fn done(result: std::result::Result<BooleanArray, arrow::error::ArrowError>) -> Result<ArrayRef> {
    result.map(|array| Arc::new(array) as ArrayRef).map_err(|error| broken(&error))
}
