//! Outputs that are not loaded because of what they join to: its rows were refused in the same run.

use crate::record::Failure;
use windvane_core::error::{Error, Kind};
use windvane_engine::step;
use windvane_plan::{Output, Plan, order};

/// Outputs that were refused so far, each with the reason.
pub(super) struct Refusals(Vec<(String, Error)>);

impl Refusals {
    /// Those that are none of the plan's.
    pub(super) fn of(plan: &Plan) -> Self {
        Self(plan.refused.iter().map(|refused| (refused.output.clone(), refused.error())).collect())
    }

    pub(super) fn add(&mut self, output: &str, error: &Error) {
        if speaks_of_rows(error) {
            self.0.push((output.to_owned(), error.clone()));
        }
    }

    /// Why an output that waits for others is not loaded.
    pub(super) fn hold(&self, output: &Output, waits: &[&Output]) -> Option<Error> {
        let awaited = |name: &String| {
            output.reads.contains(name) && *name != output.name || waits.iter().any(|other| other.name == *name)
        };
        let (name, error) = self.0.iter().find(|(name, _)| awaited(name))?;
        let way = error.hint_text().map(|hint| format!("{hint}. ")).unwrap_or_default();
        let message = format!("held: '{name}', which {}, was refused: {}", joins(output, waits, name), error.message());
        Some(Error::data(message).in_table(&output.name).hint(format!(
            "Nothing of '{}' was changed. Of '{name}': {way}When '{name}' is loaded, so is this",
            output.name
        )))
    }
}

/// Whether an error says something of the rows that were read, not only of where they go or of when.
fn speaks_of_rows(error: &Error) -> bool {
    match error.kind() {
        Kind::Data => true,
        Kind::Conflict | Kind::Missing | Kind::Spec | Kind::Unsupported | Kind::Auth => {
            matches!(error.stage(), Some("plan" | "extract" | "transform" | "validate"))
        }
        Kind::Unavailable | Kind::Timeout | Kind::Throttled | Kind::Budget | Kind::Cancelled | Kind::Internal => false,
    }
}

/// Of a run whose outputs are tasks of their own: those that are not loaded, and that wait for others which are not either.
pub(super) fn told(plan: &Plan, loaded: &[&str]) -> Vec<Failure> {
    let missing = |output: &&Output| !loaded.contains(&output.name.as_str());
    let held = |(output, waits): (&Output, Vec<&Output>)| {
        let refused = plan.refused.iter().map(|refused| refused.output.as_str());
        let refused = refused.filter(|name| output.reads.iter().any(|read| read == name));
        let name = waits.iter().copied().filter(missing).map(|other| other.name.as_str()).chain(refused).next()?;
        let message = format!("held: '{name}', which {}, was not loaded", joins(output, &waits, name));
        let hint = format!("When '{name}' is mended or let pass, clear its failed tasks with their downstream");
        Some(Failure::of(&output.name, &Error::data(message).in_table(&output.name).hint(hint).in_stage("load")))
    };
    order::ordered(plan).into_iter().filter(|(output, _)| missing(output)).filter_map(held).collect()
}

fn joins(output: &Output, waits: &[&Output], name: &str) -> &'static str {
    let from = waits.iter().find(|other| other.name == name).map_or(name, |other| other.from.as_str());
    let joined = output.steps.iter().any(|planned| step::reads(&planned.step).iter().any(|read| read == from));
    if joined { "it joins to" } else { "its checks look into" }
}
