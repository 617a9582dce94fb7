//! How the rows of an output are loaded: by which key, which of several rows with one key, from which watermark on.

use crate::inputs::PlanInputs;
use crate::output::{PlannedDuplicates, PlannedStep};
use windvane_agents::By;
use windvane_connect::FoundKind;
use windvane_connect::rerun::taken_name;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::step::Step;
use windvane_core::spec::target::{LoadId, Mode, OnDuplicate};
use windvane_core::spec::{DatasetSpec, Incremental, Progress};
use windvane_know::discover::Catalog;

/// The column that holds the id of a row's load, of appended tables; the data must not have one of its name.
pub(super) fn load_id(
    given: PlanInputs<'_>,
    mode: Mode,
    settings: &DatasetSpec,
    schema: &Schema,
) -> Result<Option<String>> {
    let asked = settings.load_id.as_ref().map_or_else(|| given.spec.target.load_id(), LoadId::column);
    let Some(column) = asked.filter(|_| mode == Mode::Append) else { return Ok(None) };
    match schema.names().find(|name| name.eq_ignore_ascii_case(column)) {
        Some(taken) => Err(taken_name(taken)),
        None => Ok(Some(column.to_owned())),
    }
}

/// What identifies a row, where the mode needs to know: as the spec says, or the source's primary key.
pub(super) fn key(
    mode: Mode,
    settings: &DatasetSpec,
    from: &str,
    catalog: &Catalog,
    schema: &Schema,
) -> Result<Vec<String>> {
    if !mode.by_key() {
        return Ok(Vec::new());
    }
    let primary = || catalog.dataset(from).map(|dataset| dataset.found.primary_key.clone()).unwrap_or_default();
    let key = settings.key.as_ref().map_or_else(primary, |key| key.0.clone());
    if key.is_empty() {
        return Err(Error::spec("a load by key needs a key, and the source declares none")
            .hint("Say which columns identify a row: datasets.<name>.key"));
    }
    for column in &key {
        if schema.field(column).is_none() {
            let known: Vec<&str> = schema.names().collect();
            return Err(Error::spec(format!("the key column '{column}' is not among the loaded columns"))
                .hint(format!("The columns are: {}", known.join(", "))));
        }
    }
    Ok(key)
}

/// Which row is taken of several with one key.
pub(super) fn duplicates(
    given: PlanInputs<'_>,
    mode: Mode,
    settings: &DatasetSpec,
    (from, schema): (&str, &Schema),
    steps: &[PlannedStep],
) -> Option<PlannedDuplicates> {
    if !mode.by_key() {
        return None;
    }
    let watermark = settings.incremental.as_ref().map(|incremental| incremental.column.clone());
    let column = watermark.filter(|column| schema.field(column).is_some());
    let is_sorted = steps.iter().any(|planned| matches!(planned.step, Step::Sort(_)));
    let in_order = match given.catalog.dataset(from).map(|dataset| dataset.found.kind) {
        Some(FoundKind::Csv | FoundKind::Jsonl | FoundKind::Parquet) => true,
        Some(FoundKind::Table | FoundKind::View) | None => false,
    };
    if let Some(choice) = settings.on_duplicate {
        let reason = "written in the spec".to_owned();
        return Some(PlannedDuplicates { choice, column, by: By::Spec, reason });
    }
    let (choice, reason) = match &column {
        Some(column) => (OnDuplicate::Last, format!("'{column}' says which of them is the latest")),
        None if is_sorted => (OnDuplicate::Last, "the rows are sorted".to_owned()),
        None if in_order => (OnDuplicate::Last, "the rows of files have an order".to_owned()),
        None => (OnDuplicate::Quarantine, "nothing says which of them is the latest".to_owned()),
    };
    Some(PlannedDuplicates { choice, column, by: By::Rules, reason })
}

/// Rows that are read again (late ones, a lag) must find the ones that are there.
pub(super) fn incremental(mode: Mode, settings: &DatasetSpec, input: &Schema) -> Result<Option<Incremental>> {
    let Some(incremental) = &settings.incremental else { return Ok(None) };
    let place = |error: Error| error.at_path("incremental");
    let Some(field) = input.field(&incremental.column) else {
        let known: Vec<&str> = input.names().collect();
        let message = format!("the watermark column '{}' is not among the source's columns", incremental.column);
        return Err(place(Error::spec(message).hint(format!("They are: {}", known.join(", ")))));
    };
    let grows = match field.data_type {
        DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal { .. }
        | DataType::Date
        | DataType::Timestamp
        | DataType::TimestampTz => true,
        DataType::Boolean | DataType::Text | DataType::Binary | DataType::Time | DataType::Json | DataType::Uuid => {
            false
        }
    };
    if !grows {
        let message =
            format!("'{}' is {}: a watermark is a number, a date or a time stamp", field.name, field.data_type);
        return Err(place(Error::spec(message).hint("Name a column that grows with new rows")));
    }
    match mode {
        Mode::Replace => Err(place(
            Error::spec("an incremental load cannot replace: the older rows would be gone")
                .hint("Use the mode append, merge or history"),
        )),
        Mode::Append if incremental.by == Progress::Interval && incremental.lag.is_some_and(|lag| lag > 0.0) => {
            Err(place(
                Error::spec("with a lag, intervals are read again, and the mode append would double their rows")
                    .hint("Use the mode merge or history, or leave the lag out"),
            ))
        }
        Mode::Append | Mode::Merge | Mode::History => Ok(Some(incremental.clone())),
    }
}
