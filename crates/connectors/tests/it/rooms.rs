//! Folders as the other files need them, and sources and targets as a spec says them.

use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use windvane_connectors::{Connection, Context, LocalPaths};
use windvane_core::error::Result;

/// A folder for one test, which goes with it.
pub(crate) struct Room(pub(crate) PathBuf);

impl Room {
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let name = format!("windvane-connectors-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().canonicalize().unwrap().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// A spec's folder, `base`, in which relative paths count.
    pub(crate) fn context(&self) -> Context {
        Context { local: LocalPaths::new(self.folder("base"), Vec::new()), ..Context::default() }
    }

    /// The same, where nothing outside of the base may be touched.
    pub(crate) fn bounded(&self) -> Context {
        let base = self.folder("base");
        Context { local: LocalPaths::new(base.clone(), vec![base]), ..Context::default() }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub(crate) fn source(source: Value, context: &Context) -> Result<Connection> {
    Connection::open_source(&serde_json::from_value(source).unwrap(), context)
}

pub(crate) fn target(target: Value, context: &Context) -> Result<Connection> {
    Connection::open_target(&serde_json::from_value(target).unwrap(), context)
}

/// The targets that lie at a path.
pub(crate) fn at(path: &str) -> [Value; 4] {
    ["parquet", "csv", "jsonl", "sqlite"].map(|kind| json!({kind: {"path": path}}))
}
