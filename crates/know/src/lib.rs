//! What a source has, and what is in it.

pub mod dependencies;
pub mod discover;
pub mod personal;
pub mod feature;
pub mod profile;
pub mod relations;
