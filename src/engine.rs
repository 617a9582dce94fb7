//! Doors to the engine on rows in memory: what tests and notebooks need.

use super::{enter, json};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
use arrow::datatypes::{Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use windvane_connectors::Rejected;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema, infer};
use windvane_core::spec::check::Check;
use windvane_core::spec::step::Step;
use windvane_engine::expression::Expression;
use windvane_engine::frame::Frame;
use windvane_engine::spill::Budget;
use windvane_engine::step::{Outcome, Program, Runner, pipe::Pipe};
use windvane_engine::{code, pushdown};
use windvane_run::validate::{self, CheckResult};

/// Rows as JSON objects; a missing key is null. Text is read as the column's type.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    schema: Vec<Field>,
    rows: Vec<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TransformRequest {
    schema: Vec<Field>,
    rows: Vec<Map<String, Value>>,
    steps: Vec<Step>,
    #[serde(default)]
    others: BTreeMap<String, Table>,
    /// Rows flow through a pipe that spills what is more than this.
    #[serde(default)]
    within: Option<Within>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Within {
    /// Bytes.
    memory: usize,
    /// For what does not fit.
    folder: PathBuf,
    /// Rows that go into the pipe at once.
    rows: usize,
}

#[derive(Serialize)]
struct TransformAnswer {
    schema: Schema,
    rows: Vec<Map<String, Value>>,
    numbers: Vec<i64>,
    added: u64,
    filtered: u64,
    rejected: Vec<Rejected>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ValidateRequest {
    schema: Vec<Field>,
    rows: Vec<Map<String, Value>>,
    checks: Vec<Check>,
    #[serde(default)]
    others: BTreeMap<String, Table>,
}

#[derive(Serialize)]
struct ValidateAnswer {
    rows: Vec<Map<String, Value>>,
    numbers: Vec<i64>,
    rejected: Vec<Rejected>,
    checks: Vec<CheckResult>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypeRequest {
    expression: String,
    schema: Vec<Field>,
}

#[derive(Serialize)]
struct TypeAnswer {
    #[serde(rename = "type")]
    data_type: DataType,
    nullable: bool,
}

/// Runs steps on rows in memory.
#[pyfunction]
pub(super) fn transform_rows(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let request: TransformRequest = json::request(request)?;
        let input = frame(&Table { schema: request.schema, rows: request.rows })?;
        let others = frames(&request.others)?;
        let lookup = |name: &str| others.get(name).map(|other| other.schema.clone());
        let program = Program::new(&request.steps, &input.schema, &lookup)?;
        let schema = program.schema().clone();
        let mut outcome = Outcome::default();
        let done = match request.within {
            None => {
                let runner = Runner::new(program, &others)?;
                runner.run(0..runner.program().len(), input, &mut outcome)?
            }
            Some(within) => piped(program, &input, &others, &within, &mut outcome)?,
        };
        json::answer(&TransformAnswer {
            schema,
            rows: rows(&done),
            numbers: done.numbers.values().to_vec(),
            added: outcome.added,
            filtered: outcome.filtered,
            rejected: outcome.rejected,
        })
    })
}

fn piped(
    program: Program,
    input: &Frame,
    others: &BTreeMap<String, Frame>,
    within: &Within,
    outcome: &mut Outcome,
) -> Result<Frame> {
    let schema = program.schema().clone();
    let budget = Budget::new(within.memory, within.folder.clone());
    let mut pipe = Pipe::within(program, others, &budget)?;
    let mut frames = Vec::new();
    let mut give = |frame| {
        frames.push(frame);
        Ok(())
    };
    for offset in (0..input.len()).step_by(within.rows.max(1)) {
        let length = within.rows.max(1).min(input.len() - offset);
        pipe.push(input.slice(offset, length), outcome, &mut give)?;
    }
    pipe.finish(outcome, &mut give)?;
    Frame::concat(&schema, &frames)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WriteRequest {
    schema: Vec<Field>,
    steps: Vec<Step>,
    #[serde(default)]
    others: BTreeMap<String, Vec<Field>>,
    /// Quoted name of the raw table, and of the others' tables.
    table: String,
    #[serde(default)]
    tables: BTreeMap<String, String>,
}

/// Steps in another language: `{sql, polars}`; the SQL is null, with the reason, where there is none.
#[pyfunction]
pub(super) fn write_steps(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let WriteRequest { schema, steps, others, table, tables } = json::request(request)?;
        let schema = Schema::new(schema);
        let lookup = |name: &str| others.get(name).map(|fields| Schema::new(fields.clone()));
        let sql = pushdown::postgres(&steps, &schema, &table, &lookup, &tables);
        let polars = code::polars(&steps, &schema, &lookup, &|name| name.to_owned())?;
        json::answer(&serde_json::json!({
            "sql": sql.as_ref().ok().map(pushdown::Query::rows),
            "refused": sql.as_ref().err().map(ToString::to_string),
            "polars": format!("{}\n{polars}", code::HEAD),
        }))
    })
}

/// Runs checks on rows in memory.
#[pyfunction]
pub(super) fn validate_rows(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let request: ValidateRequest = json::request(request)?;
        let input = frame(&Table { schema: request.schema, rows: request.rows })?;
        let (passed, rejected, checks) = validate::judge(&request.checks, &input, &frames(&request.others)?)?;
        json::answer(&ValidateAnswer {
            rows: rows(&passed),
            numbers: passed.numbers.values().to_vec(),
            rejected,
            checks,
        })
    })
}

/// The type of an expression over columns, or why it is none.
#[pyfunction]
pub(super) fn expression_type(py: Python<'_>, request: &str) -> PyResult<String> {
    enter::compute(py, || {
        let request: TypeRequest = json::request(request)?;
        let field = Expression::parse(&request.expression, &Schema::new(request.schema))?.field("value");
        json::answer(&TypeAnswer { data_type: field.data_type, nullable: field.nullable })
    })
}

fn frames(tables: &BTreeMap<String, Table>) -> Result<BTreeMap<String, Frame>> {
    tables.iter().map(|(name, table)| Ok((name.clone(), frame(table)?))).collect()
}

fn frame(table: &Table) -> Result<Frame> {
    let schema = Schema::new(table.schema.clone());
    for (index, row) in table.rows.iter().enumerate() {
        if let Some(unknown) = row.keys().find(|name| schema.field(name).is_none()) {
            return Err(Error::spec(format!("row {} has a column '{unknown}' that the schema lacks", index + 1))
                .hint("Add it to the schema, or leave it out of the row"));
        }
    }
    let mut columns = Vec::new();
    for field in &schema.fields {
        columns.push(column(field, &table.rows)?);
    }
    let numbers: Int64Array = (1..=table.rows.len()).map(|number| i64::try_from(number).ok()).collect();
    Frame::new(schema, columns, numbers)
}

fn column(field: &Field, rows: &[Map<String, Value>]) -> Result<ArrayRef> {
    let texts = rows.iter().map(|row| match row.get(&field.name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    });
    let texts: StringArray = texts.collect();
    let (array, failed) = infer::parse(&texts, field.data_type);
    match failed.first() {
        None => Ok(array),
        Some(row) => Err(Error::data(format!("'{}' is not {}", texts.value(*row), field.data_type.with_article()))
            .at_path(&field.name)
            .in_row(*row as u64 + 1)
            .hint("Write the value as the column's type reads it")),
    }
}

/// Numbers and booleans as JSON has them; decimals, dates and the rest as text, so that nothing is lost.
fn rows(frame: &Frame) -> Vec<Map<String, Value>> {
    let row = |row: usize| {
        let mut record = frame.record(row);
        for (column, field) in frame.rows.columns().iter().zip(&frame.schema.fields) {
            if let Some(value) = plain(column, field.data_type, row) {
                record.insert(field.name.clone(), value);
            }
        }
        record
    };
    (0..frame.len()).map(row).collect()
}

fn plain(column: &ArrayRef, data_type: DataType, row: usize) -> Option<Value> {
    if column.is_null(row) {
        return None;
    }
    match data_type {
        DataType::Boolean => Some(column.as_boolean().value(row).into()),
        DataType::Int16 => Some(column.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Some(column.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Some(column.as_primitive::<Int64Type>().value(row).into()),
        // JSON has no NaN: those stay text.
        DataType::Float32 => number(f64::from(column.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => number(column.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal { .. }
        | DataType::Text
        | DataType::Binary
        | DataType::Date
        | DataType::Time
        | DataType::Timestamp
        | DataType::TimestampTz
        | DataType::Json
        | DataType::Uuid => None,
    }
}

fn number(value: f64) -> Option<Value> {
    serde_json::Number::from_f64(value).map(Value::Number)
}
