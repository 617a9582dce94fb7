//! What everything else speaks. Rooms in the order of the street: a room imports only rooms above it (ARCHITECTURE.md).

pub mod error;
pub mod faults;
pub mod redact;
pub mod schema;
pub mod spec;
pub mod guard;
pub mod resilience;
