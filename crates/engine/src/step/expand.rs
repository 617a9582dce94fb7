//! Verbs that are other verbs in short: pivot is a grouped `CASE`, sql is a SELECT, a fill may be two fills.

use super::fields::position;
use super::fresh_names::free;
use super::select;
use serde_json::Value;
use std::collections::BTreeMap;
use windvane_core::error::{Error, Result};
use windvane_core::schema::sql::quote;
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::columns::Columns;
use windvane_core::spec::step::{Aggregate, Step};
use windvane_core::spec::verb::{Filling, Pivot, PivotAggregate, Window, WindowFrame};

/// The steps that do this one, where it has none of its own.
pub(crate) fn expand(
    step: &Step,
    schema: &Schema,
    lookup: &dyn Fn(&str) -> Option<Schema>,
) -> Result<Option<Vec<Step>>> {
    match step {
        Step::Pivot(step) => pivot(step, schema).map(Some),
        Step::Sql(text) => select::steps(text, schema, lookup).map(Some),
        Step::Fill(values) => Ok(fills(values)),
        _ => Ok(None),
    }
}

/// Constants first, so that they can stream; none when there is only one kind.
fn fills(values: &BTreeMap<String, Filling>) -> Option<Vec<Step>> {
    let (constants, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
        values.clone().into_iter().partition(|(_, value)| matches!(value, Filling::Value(_)));
    if constants.is_empty() || others.is_empty() { None } else { Some(vec![Step::Fill(constants), Step::Fill(others)]) }
}

fn pivot(step: &Pivot, schema: &Schema) -> Result<Vec<Step>> {
    for name in &step.by.0 {
        position(name, schema).map_err(|error| error.at_path("by"))?;
    }
    let column = position(&step.column, schema).map_err(|error| error.at_path("column"))?;
    position(&step.value, schema).map_err(|error| error.at_path("value"))?;
    let data_type = schema.fields.get(column).map_or(DataType::Text, |field| field.data_type);
    if step.values.is_empty() {
        return Err(Error::spec("pivot needs the values that become columns")
            .at_path("values")
            .hint("List them: the columns must be known before anything runs"));
    }
    if !step.names.is_empty() && step.names.len() != step.values.len() {
        return Err(Error::spec(format!("there are {} values and {} names", step.values.len(), step.names.len()))
            .at_path("names")
            .hint("Give every value a name, or none"));
    }
    let mut names = Vec::new();
    let mut measures = BTreeMap::new();
    let picked = free("pivoted value", schema);
    let value = if step.aggregate == PivotAggregate::First { quote(&picked) } else { quote(&step.value) };
    let function = match step.aggregate {
        PivotAggregate::Sum => "sum",
        PivotAggregate::Min => "min",
        PivotAggregate::Max | PivotAggregate::First => "max",
        PivotAggregate::Avg => "avg",
        PivotAggregate::Count => "count",
    };
    for (index, wanted) in step.values.iter().enumerate() {
        let located = |error: Error| error.at_path(format!("values[{index}]"));
        crate::step::columns::value_of(wanted, data_type).map_err(located)?;
        let text = if let Value::String(text) = wanted { text.clone() } else { wanted.to_string() };
        let name = step.names.get(index).cloned().unwrap_or_else(|| text.clone());
        let literal = format!("CAST('{}' AS {data_type})", text.replace('\'', "''"));
        let measure = format!("{function}(CASE WHEN {} = {literal} THEN {value} END)", quote(&step.column));
        if step.by.0.contains(&name) || measures.insert(name.clone(), measure).is_some() {
            return Err(located(Error::spec(format!("column '{name}' is there twice")))
                .hint("Give the new columns other names with `names`"));
        }
        names.push(name);
    }
    let mut steps = Vec::new();
    if step.aggregate == PivotAggregate::First {
        let mut partition = step.by.0.clone();
        partition.push(step.column.clone());
        steps.push(Step::Window(Window {
            partition_by: Some(Columns(partition)),
            order_by: None,
            frame: Some(WindowFrame::Whole),
            columns: BTreeMap::from([(picked, format!("first_value({})", quote(&step.value)))]),
        }));
    }
    steps.push(Step::Aggregate(Aggregate { by: step.by.clone(), measures }));
    steps.push(Step::Select(step.by.0.iter().cloned().chain(names).collect()));
    Ok(steps)
}
