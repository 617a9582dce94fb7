//! What is known of the columns between two steps when nobody has looked at the source.

use crate::errors::nearest;
use std::collections::BTreeMap;
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_core::spec::step::Join;

/// Names compare without their case: an expression finds a column that differs in case alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// The step after which there are no others than `here`; before one, the source may have any.
    closed: Option<String>,
    here: BTreeMap<String, String>,
    /// Names that were taken away, and by what.
    gone: BTreeMap<String, String>,
}

impl Known {
    /// These columns and no others.
    pub(super) fn only<'a>(names: impl IntoIterator<Item = &'a String>, by: &str) -> Self {
        let here = names.into_iter().map(|name| (name.to_lowercase(), name.clone())).collect();
        Self { closed: Some(format!("{by} leaves")), here, gone: BTreeMap::new() }
    }

    /// The columns of a dataset that somebody has looked at.
    pub(super) fn of(schema: &Schema, dataset: &str) -> Self {
        Self { closed: Some(format!("{dataset} has")), ..Self::default() }.exactly(schema, "")
    }

    /// These are the columns, for certain; why others are gone is not forgotten.
    pub(super) fn exactly(mut self, schema: &Schema, by: &str) -> Self {
        self.here = schema.names().map(|name| (name.to_lowercase(), name.to_owned())).collect();
        self.gone.retain(|name, _| !self.here.contains_key(name));
        self.closed.get_or_insert_with(|| format!("{by} leaves"));
        self
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.here.contains_key(&name.to_lowercase())
    }

    /// Refuses a column that cannot be there.
    pub(super) fn find(&self, name: &str) -> Result<()> {
        if self.has(name) {
            return Ok(());
        }
        if let Some(why) = self.gone.get(&name.to_lowercase()) {
            return Err(Error::spec(format!("column '{name}' is not there any more: {why}"))
                .hint("Move this step before that one, or use what the column has become"));
        }
        let Some(by) = &self.closed else { return Ok(()) };
        let listed: Vec<&str> = self.here.values().take(30).map(String::as_str).collect();
        let near = nearest(name, listed.iter().copied()).map(|near| format!("Did you mean '{near}'? "));
        Err(Error::spec(format!("column '{name}' is not among those that {by}")).hint(format!(
            "{}Columns at this point: {}",
            near.unwrap_or_default(),
            listed.join(", ")
        )))
    }

    pub(super) fn with<'a>(mut self, names: impl IntoIterator<Item = &'a String>) -> Self {
        for name in names {
            self.gone.remove(&name.to_lowercase());
            self.here.insert(name.to_lowercase(), name.clone());
        }
        self
    }

    pub(super) fn without(mut self, names: &[String], why: &str) -> Self {
        for name in names {
            self.here.remove(&name.to_lowercase());
            self.gone.insert(name.to_lowercase(), why.to_owned());
        }
        self
    }

    pub(super) fn renamed(mut self, names: &BTreeMap<String, String>, by: &str) -> Self {
        for (old, new) in names {
            self.here.remove(&old.to_lowercase());
            self.gone.insert(old.to_lowercase(), format!("{by} renames it to '{new}'"));
        }
        self.with(names.values())
    }

    /// The other side may bring back any name that is not listed.
    pub(super) fn joined(mut self, join: &Join) -> Self {
        self.gone.clear();
        if join.take.is_empty() {
            self.closed = None;
        }
        let suffix = join.suffix.as_deref().unwrap_or("_right");
        let suffixed: Vec<String> = join.take.iter().map(|name| format!("{name}{suffix}")).collect();
        let both = join.take.iter().chain(&suffixed);
        self.with(both)
    }
}
