//! How texts were read as days and times without anybody having said so: the next load reads them alike.

use crate::{Input, Output};
use windvane_agents::By;
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::step::{Parse, Step};

/// Column by column, as steps that agents have proposed read them.
pub fn by_agents(output: &Output) -> Vec<Parse> {
    let steps = output.steps.iter().filter(|planned| planned.by != By::Spec);
    let parses = steps.filter_map(|planned| {
        let Step::Parse(parse) = &planned.step else { return None };
        is_moment(parse.to).then_some(parse)
    });
    let each = |parse: &Parse| {
        let one = |column: &String| Parse { columns: vec![column.clone()], ..parse.clone() };
        parse.columns.iter().map(one).collect::<Vec<Parse>>()
    };
    parses.flat_map(each).collect()
}

/// With the columns that came as text and were loaded as days or times, however they were written.
pub fn known(parsed: Vec<Parse>, loaded: &Schema, inputs: &[Input]) -> Vec<Parse> {
    let mut all = parsed;
    let texts = inputs.iter().filter(|input| input.kind.is_text()).flat_map(|input| &input.schema.fields);
    for field in texts.filter(|field| field.data_type == DataType::Text) {
        let Some(made) = loaded.field(&field.name).filter(|made| is_moment(made.data_type)) else { continue };
        if !all.iter().any(|parse| parse.columns.contains(&field.name)) {
            all.push(Parse { columns: vec![field.name.clone()], to: made.data_type, formats: Vec::new() });
        }
    }
    all
}

fn is_moment(data_type: DataType) -> bool {
    matches!(data_type, DataType::Date | DataType::Time | DataType::Timestamp | DataType::TimestampTz)
}
