//! Rows with their source row numbers, which travel with them through every step.

use crate::convert;
use crate::errors::broken;
use crate::errors::no_column;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{concat, concat_batches, filter_record_batch, take};
use arrow::datatypes::Int64Type;
use serde_json::{Map, Value};
use windvane_connect::Rejected;
use windvane_core::error::Result;
use windvane_core::schema::{Schema, arrow::to_arrow};

/// Rows in the Arrow types of their schema, and the number of each in its source.
#[derive(Debug, Clone)]
pub struct Frame {
    pub rows: RecordBatch,
    pub numbers: Int64Array,
    pub schema: Schema,
}

impl Frame {
    /// Columns must be in the Arrow types of the schema.
    pub fn new(schema: Schema, columns: Vec<ArrayRef>, numbers: Int64Array) -> Result<Self> {
        let options = RecordBatchOptions::new().with_row_count(Some(numbers.len()));
        let rows =
            RecordBatch::try_new_with_options(to_arrow(&schema), columns, &options).map_err(|error| broken(&error))?;
        Ok(Self { rows, numbers, schema })
    }

    pub fn empty(schema: Schema) -> Self {
        Self { rows: RecordBatch::new_empty(to_arrow(&schema)), numbers: Int64Array::from(Vec::<i64>::new()), schema }
    }

    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn column(&self, name: &str) -> Result<&ArrayRef> {
        self.rows.column_by_name(name).ok_or_else(|| no_column(name, &self.schema))
    }

    /// The rows where the mask is true.
    pub fn filter(&self, mask: &BooleanArray) -> Result<Self> {
        if mask.true_count() == self.len() {
            return Ok(self.clone());
        }
        let rows = filter_record_batch(&self.rows, mask).map_err(|error| broken(&error))?;
        let numbers = arrow::compute::filter(&self.numbers, mask).map_err(|error| broken(&error))?;
        Ok(Self { rows, numbers: numbers.as_primitive::<Int64Type>().clone(), schema: self.schema.clone() })
    }

    /// The rows at these positions, in this order.
    pub(crate) fn take(&self, positions: &UInt32Array) -> Result<Self> {
        let columns = self.rows.columns().iter().map(|column| take(column, positions, None));
        let columns = columns.collect::<Result<Vec<_>, _>>().map_err(|error| broken(&error))?;
        let numbers = take(&self.numbers, positions, None).map_err(|error| broken(&error))?;
        Self::new(self.schema.clone(), columns, numbers.as_primitive::<Int64Type>().clone())
    }

    #[must_use]
    pub fn slice(&self, offset: usize, length: usize) -> Self {
        Self {
            rows: self.rows.slice(offset, length),
            numbers: self.numbers.slice(offset, length),
            schema: self.schema.clone(),
        }
    }

    /// All frames as one. They have the same schema.
    pub fn concat(schema: &Schema, frames: &[Self]) -> Result<Self> {
        let batches: Vec<&RecordBatch> = frames.iter().map(|frame| &frame.rows).collect();
        let Some(numbers) = Self::all_numbers(frames)? else { return Ok(Self::empty(schema.clone())) };
        if schema.fields.is_empty() {
            return Self::new(schema.clone(), Vec::new(), numbers);
        }
        let rows = concat_batches(&to_arrow(schema), batches).map_err(|error| broken(&error))?;
        Ok(Self { rows, numbers, schema: schema.clone() })
    }

    fn all_numbers(frames: &[Self]) -> Result<Option<Int64Array>> {
        if frames.is_empty() {
            return Ok(None);
        }
        let parts: Vec<&dyn Array> = frames.iter().map(|frame| &frame.numbers as &dyn Array).collect();
        let joined = concat(&parts).map_err(|error| broken(&error))?;
        Ok(Some(joined.as_primitive::<Int64Type>().clone()))
    }

    /// A row as text, null where it is null: what quarantine shows.
    pub fn record(&self, row: usize) -> Map<String, Value> {
        let columns = self.rows.columns().iter().zip(&self.schema.fields);
        let values = columns.map(|(column, field)| {
            let text = convert::text_at(column, field.data_type, row);
            (field.name.clone(), text.map_or(Value::Null, Value::String))
        });
        values.collect()
    }

    pub fn number(&self, row: usize) -> u64 {
        u64::try_from(self.numbers.value(row)).unwrap_or(0)
    }

    /// A row that cannot go on, as quarantine holds it.
    pub fn reject(&self, row: usize, column: Option<&str>, reason: String) -> Rejected {
        Rejected { row: self.number(row), column: column.map(str::to_owned), reason, record: self.record(row) }
    }
}
