//! What is no mistake, and what people should know before they are surprised by it.

use super::{Progress, Spec};
use serde::Serialize;

/// A word about a place in a spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// `datasets.orders.incremental`.
    pub path: String,
    pub message: String,
}

/// What a spec does that may not be what is meant.
pub fn of(spec: &Spec) -> Vec<Advice> {
    let mut all = Vec::new();
    for (name, settings) in &spec.datasets {
        let Some(incremental) = &settings.incremental else { continue };
        let again = settings.mode.unwrap_or_else(|| spec.target.mode()).by_key();
        if again || incremental.by == Progress::Interval || incremental.lag.is_some_and(|lag| lag > 0.0) {
            continue;
        }
        let column = &incremental.column;
        all.push(Advice {
            path: format!("datasets.{name}.incremental"),
            message: format!(
                "rows that arrive later with the largest '{column}' of a run, or a smaller one, are never read: an append cannot \
                 read them again. `lag` (seconds, or the number itself) lets rows wait until they are that far behind the \
                 newest; with a key and `mode: merge` they are read again"
            ),
        });
    }
    all
}
