//! One JSON document in, one out: how doors read their request and write their answer.

use serde::Serialize;
use serde::de::DeserializeOwned;
use windvane_core::error::{Error, Result};

/// The request of a door; what is wrong with it is the caller's to mend.
pub(super) fn request<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::spec("the request cannot be read").caused_by(&error))
}

/// The answer of a door.
pub(super) fn answer<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal("the answer cannot be written").caused_by(&error))
}
