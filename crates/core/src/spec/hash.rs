//! The hash of the parts of a spec that matter to a plan.

use super::Spec;
use crate::schema::digest;
use serde_json::Value;

/// Keys that only say when, for whom and how often; and the overlays, which are applied or not.
const NOT_OF_THE_PLAN: [&str; 9] =
    ["schedule", "timezone", "start_date", "catchup", "owner", "tags", "retries", "retry_delay", "environments"];

/// 16 hex digits. Equal for equal specs, however they were written.
pub fn of(spec: &Spec) -> String {
    // A spec is made of JSON values with text as keys: this cannot fail.
    let mut document = serde_json::to_value(spec).unwrap_or_default();
    if let Some(keys) = document.as_object_mut() {
        for key in NOT_OF_THE_PLAN {
            keys.remove(key);
        }
    }
    digest(canonical(&document).as_bytes(), 16)
}

/// JSON without spaces, keys sorted.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let parts: Vec<String> = entries
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::String(key.clone()), canonical(value)))
                .collect();
            format!("{{{}}}", parts.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}
