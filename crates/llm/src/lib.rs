//! The gateway to a language model: a typed question goes out, a checked answer or a stated refusal comes back.
//!
//! Doors: [`Gateway::new`], [`Gateway::ask`], (`windvane_core::redact` hides what must not leave).
//!
//! Deliberately absent: prompts (each agent brings its own), tools, streaming, and
//! the environment: key, address and proxy are given.
//!
//! Invariants: an answer that reaches the caller has parsed against its closed type and passed the caller's check; at
//! most one repair round; every question passes the service's breaker, its deadline and the budget; no answer is read beyond its
//! limit; no redirect is followed; the key appears in no message.

pub mod gateway;
mod settings;
mod transport;

pub use gateway::{Answer, Gateway, Question, Refusal};
pub use settings::Settings;
