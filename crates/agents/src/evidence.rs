//! What a model gets to see of data: names, types and figures, redacted; of columns that are personal or secret, by their
//! values or by their names, no value at all.

use serde_json::{Value, json};
use windvane_core::redact;
use windvane_core::schema::Schema;
use windvane_know::profile::semantic::sensitive;
use windvane_know::profile::{ColumnProfile, Profile};

const VALUES: usize = 5;

/// A dataset as a document. A column whose very name is personal (a table without a header) is left out.
pub(super) fn dataset(name: &str, schema: &Schema, profile: Option<&Profile>) -> Value {
    let columns: Vec<Value> = schema
        .fields
        .iter()
        .filter(|field| redact::text(&field.name) == field.name)
        .map(|field| {
            let figures = profile.and_then(|profile| profile.columns.iter().find(|column| column.name == field.name));
            match figures {
                Some(figures) => column(figures, &field.data_type.to_string()),
                None => json!({"name": field.name, "type": field.data_type.to_string()}),
            }
        })
        .collect();
    json!({
        "dataset": redact::text(name),
        "rows": profile.map(|profile| profile.rows),
        "all_rows_read": profile.map(|profile| profile.exact),
        "keys": profile.map(|profile| profile.keys.clone()).unwrap_or_default(),
        "columns": columns,
    })
}

fn column(figures: &ColumnProfile, data_type: &str) -> Value {
    let mut seen = json!({
        "name": figures.name,
        "type": data_type,
        "nulls": figures.nulls,
        "distinct": figures.distinct,
        "semantic_type": figures.semantic_type,
        "personal_data": figures.pii || sensitive(&figures.name),
    });
    // A name tells as much as values do: what is called `password` is one, whatever it looks like.
    let hidden = figures.pii || sensitive(&figures.name);
    let Some(entries) = seen.as_object_mut().filter(|_| !hidden) else { return seen };
    let shown = |value: &Option<String>| value.as_deref().map(redact::text);
    let top: Vec<String> = figures.top.iter().take(VALUES).map(|top| redact::text(&top.value)).collect();
    let shapes: Vec<&str> = figures.patterns.iter().take(VALUES).map(|shape| shape.pattern.as_str()).collect();
    entries.insert("min".to_owned(), json!(shown(&figures.min)));
    entries.insert("max".to_owned(), json!(shown(&figures.max)));
    entries.insert("frequent_values".to_owned(), json!(top));
    // Shapes hold no letter and no digit of the data, but whatever else it is written with.
    entries.insert("shapes".to_owned(), json!(shapes.iter().map(|shape| redact::text(shape)).collect::<Vec<_>>()));
    seen
}
