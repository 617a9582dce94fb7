//! What a plan is called: the hash of its content.

use crate::{Plan, work};
use windvane_core::error::{Error, Result};
use windvane_core::schema::digest;

/// The engine version that plans are built with.
pub const ENGINE: &str = env!("CARGO_PKG_VERSION");

/// Gives the plan its id: the hash of everything else in it.
pub fn with_id(mut plan: Plan) -> Result<Plan> {
    plan.work = work::of(&plan)?;
    plan.id = content_id(&plan)?;
    Ok(plan)
}

pub(super) fn content_id(plan: &Plan) -> Result<String> {
    let mut unsealed = Plan { id: String::new(), ..plan.clone() };
    // What a person writes about what waits is an answer to this plan, not another plan.
    unsealed.decisions.iter_mut().filter(|decision| decision.waits).for_each(|decision| decision.decided = None);
    let bytes = serde_json::to_vec(&unsealed).map_err(|error| Error::internal(error.to_string()))?;
    Ok(digest(&bytes, 16))
}
