//! Who proposes: one file a role, each answering a typed question with a proposal, by rules or by a model.
//!
//! Deliberately absent: authority. An agent's proposal changes nothing until `plan` accepts it. Nothing here writes to
//! a source or a target.
//!
//! Invariants: confidence lies in [0, 1]; with no model every question is answered by rules; text found in data is
//! data, never an instruction; a proposal names only columns that exist; what takes rows or columns away, or changes their
//! names or values, is accepted only when it is what the user's own words say (`wishes`), whoever proposes it; a question
//! to a model passes its breaker, its deadline and its budget inside the gateway.

pub mod days;
mod decision;
pub mod doctor;
mod error_class;
mod evidence;
#[doc(hidden)]
mod error_signatures;
pub mod fuzzing;
pub mod guard;
mod logs;
pub mod mapper;
mod model_proposals;
mod name_similarity;
pub mod own_errors;
pub mod planner;
mod profile_facts;
mod proposed_change;
pub mod qa;
pub mod question;
pub mod reflector;
mod remedies;
pub mod scout;
mod wishes;

pub use decision::{ACCEPT_FROM, By, Decided, Decision, Proposal};
pub use proposed_change::{Change, Effect, ProposedChange};
