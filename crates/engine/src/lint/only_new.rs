//! What does not go together with `incremental`: a load that holds only what is new is not the whole.

use super::{Lint, key};
use serde_json::Value;
use windvane_core::error::Error;
use windvane_core::spec::path::Part;

impl Lint {
    /// `settings` are those of one dataset, where `path` leads to.
    pub(super) fn incremental(&mut self, spec: &Value, settings: &Value) {
        let Some(incremental) = settings["incremental"].as_object() else { return };
        if settings["absent"] == "delete" {
            let error = Error::spec("an incremental load holds only what is new: all other rows would be deleted")
                .hint("Leave `absent` out, or read everything: leave `incremental` out");
            self.at("absent", |lint| lint.judge(Err(error)));
        }
        let target = || spec["target"].as_object()?.values().next()?["mode"].as_str();
        let mode = settings["mode"].as_str().or_else(target);
        let by_interval = incremental.get("by").and_then(Value::as_str) == Some("interval");
        if by_interval || !matches!(mode, Some("merge" | "history")) {
            return;
        }
        for (index, step) in settings["steps"].as_array().into_iter().flatten().enumerate() {
            if let Some(verb) = folds(step) {
                self.path.extend([key("steps"), Part::Index(index), key(verb)]);
                self.judge(Err(partial()));
                self.path.truncate(self.path.len() - 3);
            }
        }
        if spec["steps"].as_array().into_iter().flatten().any(|step| folds(step).is_some()) {
            self.at("incremental", |lint| lint.judge(Err(partial())));
        }
    }
}

/// The verb of a step that makes one row of many.
fn folds(step: &Value) -> Option<&'static str> {
    let words = || step["sql"].as_str().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    match step {
        _ if step["aggregate"].is_object() => Some("aggregate"),
        _ if step["pivot"].is_object() => Some("pivot"),
        _ if words().is_some_and(|text| text.to_ascii_lowercase().contains(" group by ")) => Some("sql"),
        _ => None,
    }
}

fn partial() -> Error {
    Error::spec("a run would see only what is new, and put its sums in the place of those over all rows").hint(
        "Leave `incremental` out, or load the rows and aggregate them there; `by: interval` fits where a group lies in \
         one interval",
    )
}
