//! One JSON document in, one out: how doors read their request and write their answer.

use serde::Serialize;
use serde::de::DeserializeOwned;
use windvane_core::error::{Error, Result};

/// The request of a door; what is wrong with it is the caller's to mend.
pub(super) fn request<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        Error::spec(format!("the request is not what this call takes: {}", quiet(&error)))
            .hint("See the call's documentation for its keys")
    })
}

/// The message of serde may quote the request: only the place is repeated where a URL is in it, which is a secret.
fn quiet(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.contains("://") { format!("line {}, column {}", error.line(), error.column()) } else { text }
}

/// The answer of a door.
pub(super) fn answer<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal("the answer cannot be written").caused_by(&error))
}
