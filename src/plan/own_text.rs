//! Columns that the first steps cast to text: the server is asked for its own text of them, so that a value for which we
//! have no word (an infinity, a date before Christ, `0000-00-00`, 24:00) arrives as the server writes it.

use super::Input;
use crate::schema::DataType;
use crate::spec::source::Source;
use crate::spec::step::Step;
use crate::spec::{DatasetSpec, Spec};
use std::collections::BTreeSet;

/// Lets the input be read as text where every output that starts from it casts a column to text before anything else.
pub(super) fn ask(spec: &Spec, outputs: &[(String, DatasetSpec)], inputs: &mut [Input]) {
    let sources = spec.named_sources();
    let steps = |settings: &DatasetSpec| spec.steps.iter().chain(&settings.steps).cloned().collect::<Vec<Step>>();
    // What another output joins with keeps the types that it is compared by.
    let joined: BTreeSet<String> = outputs
        .iter()
        .flat_map(|(_, settings)| steps(settings))
        .flat_map(|step| crate::engine::step::reads(&step))
        .collect();
    for input in inputs {
        let is_server = match sources.get(&input.source) {
            Some(Source::Postgres(_) | Source::Mysql(_)) => true,
            Some(
                Source::Files(_)
                | Source::Csv(_)
                | Source::Jsonl(_)
                | Source::Parquet(_)
                | Source::Sqlite(_)
                | Source::Http(_)
                | Source::Python(_)
                | Source::Hook(_),
            )
            | None => false,
        };
        if !is_server || joined.contains(&input.name) {
            continue;
        }
        let mine = outputs.iter().filter(|(name, settings)| settings.from.as_ref().unwrap_or(name) == &input.name);
        let cast = mine.map(|(_, settings)| {
            let mut texts = BTreeSet::new();
            for step in steps(settings) {
                let Step::Cast(types) = step else { break };
                texts.extend(types.into_iter().filter(|(_, to)| *to == DataType::Text).map(|(name, _)| name));
            }
            if let Some(incremental) = &settings.incremental {
                texts.remove(&incremental.column);
            }
            texts
        });
        let all = cast.reduce(|one, other| one.intersection(&other).cloned().collect()).unwrap_or_default();
        for field in input.schema.fields.iter_mut().filter(|field| all.contains(&field.name)) {
            field.data_type = DataType::Text;
        }
    }
}
