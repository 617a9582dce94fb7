//! Windvane's engine and agents. Rooms in the order of the street: a room imports only rooms above it (ARCHITECTURE.md).

pub mod error;
pub mod faults;
pub mod schema;
pub mod spec;
pub mod guard;
pub mod resilience;
pub mod store;
pub mod llm;
pub mod connectors;
pub mod engine;
pub mod discover;
pub mod profile;
pub mod agents;
pub mod plan;
pub mod graph;
pub mod extract;
pub mod transform;
pub mod validate;
pub mod load;
pub mod record;
pub mod orchestrator;
#[cfg(feature = "python")]
mod py;
