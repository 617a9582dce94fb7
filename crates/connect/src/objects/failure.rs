//! What an object store refuses, in words.

use object_store::Error as E;
use windvane_core::error::{Error, Kind};

/// `done` completes "the object could not be …".
pub(super) fn failure(shown: &str, done: &str, error: &E) -> Error {
    let text = chain(error);
    let (kind, hint) = match error {
        _ if ["NoSuchBucket", "ContainerNotFound"].iter().any(|word| text.contains(word)) => {
            (Kind::Missing, "There is no such bucket: check its name, region and endpoint")
        }
        E::NotFound { .. } => (Kind::Missing, "Check the address: nothing is there"),
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
            (Kind::Auth, "Check the connection's key and secret, and what they may do with this bucket")
        }
        E::AlreadyExists { .. } | E::Precondition { .. } | E::NotModified { .. } => {
            (Kind::Conflict, "Somebody else writes to this place: run it again")
        }
        E::InvalidPath { .. } => (Kind::Spec, "Check the address: this cannot be the name of an object"),
        E::UnknownConfigurationKey { .. } => (Kind::Spec, "Check the settings of the connection"),
        E::NotSupported { .. } | E::NotImplemented { .. } => {
            (Kind::Unsupported, "The store must take conditional writes (If-Match, If-None-Match)")
        }
        _ if text.contains("404 Not Found") => (Kind::Missing, "Check the address, the region and the endpoint"),
        _ if ["SlowDown", "TooManyRequests", "429"].iter().any(|word| text.contains(word)) => {
            (Kind::Throttled, "The store asks for fewer requests: run it again later")
        }
        _ if text.contains("timed out") || text.contains("timeout") => {
            (Kind::Timeout, "The store did not answer in time: check the endpoint and the way to it")
        }
        _ if [
            "403 Forbidden",
            "401 Unauthorized",
            "redentials",
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "169.254.169.254",
            "metadata.google",
        ]
        .iter()
        .any(|word| text.contains(word)) =>
        {
            (Kind::Auth, "No usable credentials: name a connection, or set those of the store's own environment")
        }
        _ => (Kind::Unavailable, "The store did not do it; it may later. Check the endpoint and the way to it"),
    };
    Error::new(kind, format!("the object could not be {done}")).in_file(shown).caused_by(&Words(text)).hint(hint)
}

/// The words of an error and its causes, without addresses: those may carry a signature or a key.
fn chain(error: &dyn std::error::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    plain(&texts.join(": "))
}

/// Without addresses and with at most 300 characters.
fn plain(text: &str) -> String {
    let words = text.split_whitespace().map(|word| if word.contains("://") { "(address)" } else { word });
    let words: Vec<&str> = words.collect();
    words.join(" ").chars().take(300).collect()
}

#[derive(Debug)]
struct Words(String);

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Words {}
