//! Which source or target a request of the connectors' doors means.

use super::json;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::PathBuf;
use windvane_connectors::{Connection, Context, LocalPaths, Secrets};
use windvane_core::error::{Error, Result};
use windvane_core::spec::source::Source;
use windvane_core::spec::target::Target;

/// The place that is meant, exactly one of `source` and `target`, and what may be used to reach it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    #[serde(default)]
    source: Option<Source>,
    #[serde(default)]
    target: Option<Target>,
    #[serde(default)]
    base: Option<PathBuf>,
    #[serde(default)]
    roots: Vec<PathBuf>,
    #[serde(default)]
    connections: BTreeMap<String, String>,
}

/// Its keys: they stand among those of the verb.
const KEYS: [&str; 5] = ["source", "target", "base", "roots", "connections"];

impl Place {
    /// The place, and what else the request says.
    pub(super) fn and<T: DeserializeOwned>(request: &str) -> Result<(Self, T)> {
        let mut own: BTreeMap<String, Box<RawValue>> = json::request(request)?;
        let place: BTreeMap<_, _> = KEYS.iter().filter_map(|key| own.remove_entry(*key)).collect();
        Ok((json::request(&json::answer(&place)?)?, json::request(&json::answer(&own)?)?))
    }

    pub(super) fn open(&self) -> Result<Connection> {
        match (&self.source, &self.target) {
            (Some(source), None) => Connection::open_source(source, &self.context()),
            (None, Some(target)) => Connection::open_target(target, &self.context()),
            (Some(_), Some(_)) | (None, None) => {
                Err(Error::spec("exactly one of `source` and `target` is needed").hint("Give the one that is meant"))
            }
        }
    }

    pub(super) fn target(&self) -> Result<&Target> {
        self.target.as_ref().ok_or_else(|| Error::spec("a `target` is needed").hint("Give the one that is meant"))
    }

    fn context(&self) -> Context {
        Context {
            local: LocalPaths::new(self.base.clone().unwrap_or_default(), self.roots.clone()),
            secrets: Secrets(self.connections.clone()),
            python: Some(super::callbacks::callbacks()),
            ..Context::default()
        }
    }
}
