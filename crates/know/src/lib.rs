//! What a source has, and what is in it.

pub mod discover;
pub mod feature;
pub mod profile;
