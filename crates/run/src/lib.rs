//! The stages of a run, in their order, and who conducts them.

pub mod extract;
pub mod transform;
pub mod validate;
pub mod load;
pub mod record;
pub mod orchestrator;
