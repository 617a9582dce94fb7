//! What the user asked to be planned.

use windvane_core::error::{Error, Kind, Result};
use windvane_core::spec::Spec;
use windvane_plan::Plan;

/// What the user asked for, read and hashed.
#[derive(Debug, Clone, Copy)]
pub struct PlanningRequest<'a> {
    pub spec: &'a Spec,
    pub spec_hash: &'a str,
    pub environment: Option<&'a str>,
    pub words: Option<&'a str>,
    /// Nobody looks at the plan before it is run.
    pub unreviewed: bool,
    /// The plan that this one takes the place of: what people have answered to it.
    pub before: Option<&'a Plan>,
}

/// An error that is one dataset's alone: a run that plans for itself goes on without it, and fails at its end. What may pass
/// by itself is tried again instead, and for a plan that is reviewed somebody looks at the error.
pub(super) fn its_own(asked: PlanningRequest<'_>, error: Error) -> Result<Error> {
    let own = match error.kind() {
        Kind::Data | Kind::Missing | Kind::Auth | Kind::Unsupported | Kind::Conflict | Kind::Spec => true,
        Kind::Budget | Kind::Unavailable | Kind::Timeout | Kind::Throttled | Kind::Cancelled | Kind::Internal => false,
    };
    if asked.unreviewed && own && !error.retryable() { Ok(error) } else { Err(error) }
}
