//! What was gathered becomes a batch: texts are parsed, rows with a fault leave with the reason.

use crate::batch::{Batch, Rejected};
use crate::refusal::{Fault, Refusal, not_a};
use arrow::array::{Array, ArrayRef, BooleanArray, StringArray};
use arrow::compute::filter;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::util::display::array_value_to_string;
use std::collections::BTreeMap;
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Schema, infer};

/// One batch, before texts are parsed and rows with faults are taken out.
pub(crate) struct RawBatch<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) arrow: &'a SchemaRef,
    /// Which columns come as texts that are parsed into their type.
    pub(crate) parsed: &'a [bool],
    pub(crate) given: Vec<ArrayRef>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) rows: usize,
    /// The number of the first row.
    pub(crate) first: u64,
}

impl RawBatch<'_> {
    pub(crate) fn batch(mut self) -> Result<Batch> {
        let mut arrays = Vec::with_capacity(self.given.len());
        for (column, parsed) in self.parsed.iter().enumerate() {
            arrays.push(if *parsed { self.parse(column)? } else { Arc::clone(&self.given[column]) });
        }
        let numbers = (0..self.rows as u64).map(|row| self.first + row);
        if self.faults.is_empty() {
            return Ok(Batch { rows: self.record_batch(arrays)?, numbers: numbers.collect(), rejected: Vec::new() });
        }
        let mut by_row: BTreeMap<usize, Vec<&Fault>> = BTreeMap::new();
        for fault in &self.faults {
            by_row.entry(fault.row).or_default().push(fault);
        }
        let mut rejected = Vec::with_capacity(by_row.len());
        for (row, faults) in &by_row {
            rejected.push(self.reject(*row, faults)?);
        }
        let keep: BooleanArray = (0..self.rows).map(|row| Some(!by_row.contains_key(&row))).collect();
        let kept =
            arrays.iter().map(|array| filter(array, &keep)).collect::<Result<Vec<_>, _>>().map_err(|e| broken(&e))?;
        let numbers = numbers.zip(keep.values()).filter_map(|(number, keep)| keep.then_some(number));
        Ok(Batch { numbers: numbers.collect(), rows: self.record_batch(kept)?, rejected })
    }

    fn record_batch(&self, arrays: Vec<ArrayRef>) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(arrays.is_empty().then_some(self.rows));
        RecordBatch::try_new_with_options(Arc::clone(self.arrow), arrays, &options).map_err(|error| broken(&error))
    }

    fn parse(&mut self, column: usize) -> Result<ArrayRef> {
        let data_type = self.schema.fields[column].data_type;
        let texts = self.given[column]
            .as_any()
            .downcast_ref::<StringArray>()
            .ok_or_else(|| Error::internal(format!("a {data_type} column was not gathered as text")))?;
        let (values, wrong) = infer::parse(texts, data_type);
        self.faults.extend(wrong.into_iter().map(|row| {
            let text = texts.value(row).to_owned();
            Fault { row, column, refusal: Refusal { reason: not_a(&text, data_type), text } }
        }));
        Ok(values)
    }

    fn reject(&self, row: usize, faults: &[&Fault]) -> Result<Rejected> {
        let mut record = serde_json::Map::new();
        for (column, array) in self.given.iter().enumerate() {
            let refused = faults.iter().find(|fault| fault.column == column).map(|fault| fault.refusal.text.clone());
            let text = match refused {
                Some(text) if array.is_null(row) => (!text.is_empty()).then_some(text),
                _ if array.is_null(row) => None,
                _ => Some(array_value_to_string(array, row).map_err(|error| broken(&error))?),
            };
            record.insert(self.schema.fields[column].name.clone(), text.into());
        }
        let fault = faults.first();
        Ok(Rejected {
            row: self.first + row as u64,
            column: fault.map(|fault| self.schema.fields[fault.column].name.clone()),
            reason: fault.map(|fault| fault.refusal.reason.clone()).unwrap_or_default(),
            record,
        })
    }
}

fn broken(error: &arrow::error::ArrowError) -> Error {
    Error::internal("the rows read do not make a batch").caused_by(error)
}
