//! An address of an object store, read.

use windvane_core::error::{Error, Result};

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    S3,
    Google,
    Azure,
}

/// An address, read: `s3://bucket/key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub provider: Provider,
    /// The bucket or container.
    pub bucket: String,
    /// Of Azure, where the address names it.
    pub(super) account: Option<String>,
    /// Without slashes at its ends.
    pub key: String,
    /// The address without the key.
    root: String,
}

/// Whether a path is an address of an object store.
pub fn is_address(path: &str) -> bool {
    path.split_once("://").is_some_and(|(scheme, _)| provider(scheme).is_some())
}

fn provider(scheme: &str) -> Option<Provider> {
    match scheme {
        "s3" | "s3a" => Some(Provider::S3),
        "gs" => Some(Provider::Google),
        "az" | "abfs" | "abfss" => Some(Provider::Azure),
        _ => None,
    }
}

impl Location {
    /// Reads an address; what is refused is not repeated, since it may hold a secret.
    pub fn read(path: &str) -> Result<Self> {
        let wrong = |message: &str| {
            Error::spec(message).hint("Write s3://bucket/folder, gs://bucket/folder or az://container/folder")
        };
        let (scheme, rest) = path.split_once("://").ok_or_else(|| wrong("this is not an address"))?;
        let provider = provider(scheme).ok_or_else(|| wrong("this is not the address of an object store"))?;
        let (authority, key) = rest.split_once('/').unwrap_or((rest, ""));
        let (bucket, account) = match authority.split_once('@') {
            // abfss://container@account.dfs.core.windows.net/folder
            Some((container, host)) if provider == Provider::Azure && scheme != "az" => {
                (container, Some(host.split('.').next().unwrap_or(host).to_owned()))
            }
            _ => (authority, None),
        };
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if bucket.is_empty() || !plain(bucket) || !account.as_deref().is_none_or(plain) {
            return Err(wrong("the address names no bucket, or holds more than a bucket and a path"));
        }
        let root = format!("{scheme}://{authority}");
        let key = key.trim_matches('/').to_owned();
        Ok(Self { provider, bucket: bucket.to_owned(), account, key, root })
    }

    /// The address of a key of the same bucket.
    pub fn shown(&self, key: &str) -> String {
        format!("{}/{key}", self.root)
    }

    /// The key that an address means, when it is one of this bucket.
    pub fn key_of(&self, address: &str) -> Option<String> {
        let key = address.strip_prefix(&self.root)?.strip_prefix('/')?;
        Some(key.trim_matches('/').to_owned())
    }
}
